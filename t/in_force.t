#!/usr/bin/perl

# What is in force: /stat has it, and the log has it in the same words, at the
# start and after each reload.  A worker may open more files than its first
# limit says, unless the configuration says how many.

use strict;
use warnings;

use Bigcache::Test qw(slurp);
use Test::More;

my $t = Bigcache::Test->new;

sub in_force { $t->get('/stat')->json->{in_force} }


# said(): the rows of the last such line of the log

sub said {
    my @lines = $t->error_log =~ /\[notice\] .* bigcache\ store
        \ "[^"\n]*"\ has\ in\ force:\ (.*)/gx;

    return { map { split /: /, $_, 2 } split /, /, $lines[-1] // '' };
}


# size(N): as the log says it

sub size {
    my ($n) = @_;
    my @units = ('', 'k', 'm', 'g');

    while ($n && $n % 1024 == 0 && @units > 1) {
        $n /= 1024;
        shift @units;
    }

    return $n . $units[0];
}


# the same in both, whatever the kind of value

sub same {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($stat, $log) = (in_force(), said());
    my %sizes = map { $_ => 1 } qw(zone_size max_size min_free segment_size
        gzip_min block_cache write_buffer body_buffer max_body);
    my %times = map { $_ => 1 } qw(wait sync);
    my %expected;

    for my $row (keys %$stat) {
        my $value = $stat->{$row};

        $expected{$row} = !defined $value
            ? { sync => 'off', body_buffer => 'as the body is long',
                map { $_ => 'not known' } qw(file_system preadv2 cachestat)
                }->{$row} // 'none'
            : ref $value ? $value ? 'on' : 'off'
            : $sizes{$row} ? size($value)
            : $times{$row} ? "${value}s" : $value;
    }

    is_deeply $log, \%expected, "$name: the log has the same";
}


# -- a configuration that says nothing

$t->conf(path => '')->start;
my $stat = in_force();

unlike $t->get('/stat')->body, qr/\Q${\$t->dir}/, 'no path of the server';
is $stat->{zone}, 'main', 'the zone';
is $stat->{zone_size}, 1048576, 'its size';
is $stat->{zone_size_by}, 'as it is given', 'how it came about';
is join(' ', map { $stat->{$_} // 'null' } qw(max_size min_free segment_size
    gzip_min block_cache write_buffer wait sync thread_pool body_buffer)),
    'null null 268435456 1024 8388608 16777216 5 5 default null', 'defaults';
ok $stat->{gzip}, 'gzip';
like $stat->{index}, qr/^LevelDB \d+\.\d+\z/, 'the index';
like $stat->{packed_by}, qr/^(?:ISA-L|libdeflate) \d[\d.]+\z/, 'who packs';
like $stat->{file_system} // '', qr/^\w[\w.]*\z/, 'the file system';
ok $t->wait_for(sub { $stat->{workers} == $t->worker_pids }), 'workers';
cmp_ok $stat->{cores}, '>', 0, 'cores';
same('at the start');

# -- one that says much, by a reload; a path that JSON must escape

$t->conf(main => 'worker_rlimit_nofile 700; thread_pool cache threads=2;',
    path => 'max_size=64m min_free=3000 sync=off wait=1500ms gzip=off
        thread_pool=cache',
    http => 'bigcache_path "%%DIR%%/a\"b" zone=other:2m;
        sendfile on; tcp_nopush on; client_body_buffer_size 128k;
        client_max_body_size 0;',
    server => 'location /other/ {
        bigcache other; bigcache_base /other; sendfile off;
        client_max_body_size 5m; }');

ok $t->reload, 'reload';
$stat = in_force();

is join(' ', map { $stat->{$_} // 'null' } qw(max_size min_free segment_size
    gzip_min wait sync thread_pool body_buffer max_body open_files)),
    '67108864 3000 8388608 null 1.5 null cache 131072 null 700', 'as told'
    or diag explain $stat;
ok $stat->{sendfile} && $stat->{tcp_nopush} && !$stat->{gzip}, 'the flags';

my $other = $t->get('/other/stat')->json->{in_force};

is $other->{zone}, 'other', 'the other store';
is $other->{max_body}, 5 * 1048576, 'a limit of its location';
ok !$other->{sendfile} && $other->{tcp_nopush}, 'flags of its location';

# -- a front tells what each of its servers says

$t->conf(http => 'upstream shards {
        hash $bigcache_shard_key consistent;
        server 127.0.0.1:%%PORT_0%% max_fails=0;
    }',
    servers => 'server {
        listen 127.0.0.1:%%PORT_1%%;
        location / {
            bigcache_shards shards;
            proxy_pass http://shards;
            proxy_next_upstream off;
        }
    }');

ok $t->reload, 'a front';
$stat = in_force();
my $front = $t->request_to(1, 'GET', '/stat')->json;
is_deeply $front->{shards}[0]{stat}{in_force}, $stat, 'what its server says';
ok !exists $front->{in_force}, 'which is not what is in force here';

# -- files that a worker may open: the master's limits, and those of its worker

sub limits {
    my ($pid) = @_;
    my ($soft, $hard) = slurp("/proc/$pid/limits")
        =~ /^Max open files +(\S+) +(\S+)/m;

    return "$soft $hard";
}

$t->conf;
ok $t->reload, 'no limit in the configuration';

my (undef, $most) = split / /, limits($t->running);

SKIP: {
    skip 'no prlimit, or a low limit', 13
        if system('prlimit --version >/dev/null 2>&1')
        || $most ne 'unlimited' && $most < 9000;

    for my $case ([ 6000, 9000, 6000, 'high enough' ],
        [ 300, 9000, 4096 + 512, 'raised' ],
        [ 300, 2000, 2000, 'as far as it goes' ])
    {
        my ($soft, $hard, $expected, $name) = @$case;
        my $pid = $t->running;

        is system("prlimit --pid $pid --nofile=$soft:$hard"), 0,
            "$name: the master has $soft, at most $hard";
        ok $t->reload, "$name: reload";
        is in_force()->{open_files}, $expected, "$name: what /stat says";
        is limits($t->worker_pids), "$expected $hard",
            "$name: what the worker has";
    }

    same('after reloads');
}

done_testing;
