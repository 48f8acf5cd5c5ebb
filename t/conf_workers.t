#!/usr/bin/perl

# The processes of nginx: any number of workers, a master or none, a daemon or
# not; other processes of nginx beside them.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;


sub conf {
    my ($before, $after, $http) = @_;

    return <<"END";
%%MODULE%%
$before

events {
}

http {
    %%HTTP%%
    ${\($http // '')}

    bigcache_path %%DIR%%/store zone=main:1m wait=20s;

    server {
        listen 127.0.0.1:%%PORT_0%%;
        add_header X-Worker \$pid always;
        client_max_body_size 10m;

        location / {
            bigcache main;
        }
    }
}

${\($after // '')}
END
}


# serves(T, N, NAME): every worker answers every endpoint, with what the others
# have just done

sub serves {
    my ($t, $n, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @c = $t->connect_to_each($n);
    is @c, $n, "$name: each takes connections";

    my $large = join '', map { chr 32 + $_ % 90 } 1 .. 1_500_000;
    my @bad;

    my $check = sub {
        my ($what, $r, $status, $body) = @_;
        push @bad, "$what: " . $r->status . ' ' . substr $r->body, 0, 100
            if $r->status != $status || defined $body && $r->body ne $body;
    };

    # each of them writes, all of them read at once

    my %body = (small => 'small', middle => 'm' x 20_000, large => $large,
        noise => join '', map { chr rand 256 } 1 .. 30_000);
    my $seq = 0;

    for my $round (1 .. 3) {
        for my $writer (@c) {
            for my $size (sort keys %body) {
                my $body = $seq++ . $body{$size};
                $check->('POST', $writer->request('POST', "/pickle/$size",
                    $body), 200);
                $check->("GET $size", $_->request('GET', "/pickle/$size"),
                    200, $body) for @c;
            }

            $check->('POST json', $writer->request('POST', '/cache/j',
                "{\"value\":$seq}"), 200,
                "{\"key\":\"j\",\"value\":$seq,\"expire\":null}");
            $check->('GET json', $_->request('GET', '/cache/j'), 200,
                "{\"key\":\"j\",\"value\":$seq,\"expire\":null,"
                . '"duration":null}') for @c;
            $check->('count', $_->request('GET', '/stat/count'), 200,
                '{"count":5}') for @c;

            # conditions

            my $tag = $c[$seq % @c]->request('GET', '/cache/j')
                ->header('ETag');
            $check->('If-None-Match', $writer->request('POST', '/cache/j',
                '{"value":0}', 'If-None-Match' => '*'), 412);
            $check->('If-Match', $writer->request('POST', '/cache/j',
                '{"value":1}', 'If-Match' => $tag), 200);
            $check->('If-Match, late', $_->request('POST', '/cache/j',
                '{"value":2}', 'If-Match' => $tag), 412) for @c;

            # removals

            $writer->request('POST', "/pickle/p/$_", $_) for 1 .. 20;
            $check->('DELETE', $writer->request('DELETE', '/pickle/p/1'), 200);
            $check->('gone', $_->request('GET', '/pickle/p/1'), 404) for @c;
            $check->('DELETE again', $_->request('DELETE', '/pickle/p/1'), 404)
                for @c;
            $check->('purge', $writer->request('DELETE', '/prefix/p/'), 200,
                '{"message":"prefix \'p/\': 19 keys deleted."}');
            $check->('purged', $_->request('GET', '/pickle/p/2'), 404)
                for @c;

            # lifetimes

            $check->('POST expired', $writer->request('POST', '/pickle/e',
                'x', 'X-Bigcache-Expire' => '1'), 200);
            $check->('expired', $_->request('GET', '/pickle/e'), 404) for @c;
        }
    }

    is_deeply \@bad, [], "$name: the same answers at once"
        or diag join "\n", @bad[0 .. ($#bad > 9 ? 9 : $#bad)];

    # counters are one

    my %stat = map { ($_->request('GET', '/stat')->body => 1) } @c;
    is keys %stat, 1, "$name: counters";

    # closed and opened by any of them

    @bad = ();

    for my $i (0 .. $#c) {
        my $next = $c[($i + 1) % @c];

        $check->('close', $c[$i]->request('GET', '/close'), 200);
        $check->('closed', $_->request('GET', '/pickle/small'), 503) for @c;
        $check->('close again', $_->request('GET', '/close'), 200) for @c;
        push @bad, 'socket' if -e $t->dir . '/store/owner.sock';
        $check->('open', $next->request('POST', '/open'), 200);
        $check->('opened', $_->request('GET', '/pickle/small'), 200) for @c;
        $check->('clear', $next->request('GET', '/clear'), 200);
        $check->('cleared', $_->request('GET', '/pickle/small'), 404) for @c;
        $check->('POST', $c[$i]->request('POST', '/pickle/small', 's'), 200);
        $check->('GET', $_->request('GET', '/pickle/small'), 200, 's') for @c;
        $check->('count', $_->request('GET', '/stat/count'), 200,
            '{"count":1}') for @c;
    }

    is_deeply \@bad, [], "$name: clear, close and open"
        or diag join "\n", @bad[0 .. ($#bad > 9 ? 9 : $#bad)];
}


my $processors = `nproc` + 0;

for my $case ([ 1, 1 ], [ 2, 2 ], [ 4, 4 ], [ 8, 8 ],
    [ 'auto', $processors ])
{
    my ($workers, $n) = @$case;
    my $t = Bigcache::Test->new->conf(conf("worker_processes $workers;"));

    $t->start;
    serves($t, $n, "workers $workers");
    ok $t->stop, "workers $workers: stops";
    unlike $t->error_log, qr/not closed properly/, "workers $workers: closed";
    ok !-e $t->dir . '/store/owner.sock', "workers $workers: no socket left";
}

# after the block http it is the same

my $t = Bigcache::Test->new->conf(conf('', 'worker_processes 2;'))->start;
serves($t, 2, 'after http');

# more and fewer workers by reloads

for my $n (1, 3, 2) {
    $t->conf(conf("worker_processes $n;"));
    ok $t->reload, "reload to $n";
    serves($t, $n, "reload to $n");
}

ok $t->stop, 'stops';

# the socket is for this user alone

$t->start;
$t->get('/pickle/x');
is sprintf('%o', (stat $t->dir . '/store/owner.sock')[2] & 07777), '600',
    'mode of the socket';
$t->stop;

# no master; it is one process whatever worker_processes says

for my $n (1, 4) {
    $t = Bigcache::Test->new;
    $t->conf(conf("master_process off; worker_processes $n;"))->start;

    serves($t, 1, "no master, $n");
    is_deeply [ $t->children ], [], "no master, $n: one process";
    ok $t->stop, "no master, $n: stops";
    unlike $t->error_log, qr/not closed properly/, "no master, $n: closed";
    $t->start;
    is $t->count, 1, "no master, $n: count";
    unlike $t->error_log, qr/not closed properly/, "no master, $n: again";
    $t->stop;
}

# beside a cache of nginx's own, whose processes come and go

$t = Bigcache::Test->new->conf(conf('worker_processes 2;', '',
    "proxy_cache_path %%DIR%%/proxy_cache keys_zone=p:1m;"))->start;
serves($t, 2, 'proxy_cache');
ok $t->reload, 'proxy_cache: reload';
serves($t, 2, 'proxy_cache, reload');
ok $t->stop, 'proxy_cache: stops';

# another user than the master's, a directory that root made first

SKIP: {
    skip 'not root', 1 if $>;

    $t = Bigcache::Test->new(user => 'www-data');
    mkdir $t->dir . '/store', 0700;
    $t->conf(conf('worker_processes 2;'))->start;
    serves($t, 2, 'other user');
    is +(stat $t->dir . '/store/owner.sock')[4], scalar getpwnam('www-data'),
        'other user: his socket';
    ok $t->stop, 'other user: stops';
}

# a path longer than the address of a socket can be

$t = Bigcache::Test->new;
my $long = join '/', map { $_ x 60 } 'a' .. 'd';
my $conf = conf('worker_processes 2;');
$conf =~ s{/store}{/$long};
system 'mkdir', '-p', $t->dir . "/$long";
$t->conf($conf)->start;
is $t->request('POST', '/pickle/x', 'x')->status, 200, 'long path';
is $_->request('GET', '/pickle/x')->status, 200, 'long path, each'
    for $t->connect_to_each(2);
ok $t->stop, 'long path: stops';

# a daemon

$t = Bigcache::Test->new;

$conf = $t->expand(conf('worker_processes 2;'));
$conf =~ s/daemon off;/daemon on;/;
$conf =~ s{error_log .*;}{error_log @{[ $t->dir ]}/error.log info;};
$t->write_file('nginx.conf', $conf);

my $daemon;

END {
    kill 'TERM', $daemon if $daemon;
}

{
    local $ENV{LD_PRELOAD} = $t->preload if $t->preload;
    system $t->nginx, '-p', $t->dir, '-c', 'nginx.conf', '-e',
        $t->dir . '/error.log';
}

is $?, 0, 'daemon started';
$t->wait_for(sub { ($daemon) = $t->read_file('nginx.pid') =~ /^(\d+)\n/ });
serves($t, 2, 'daemon');
kill 'QUIT', $daemon;
ok $t->wait_for(sub { !kill 0, $daemon }), 'daemon stops' and $daemon = 0;
unlike $t->error_log, qr/\[(?:alert|crit|emerg)\]/, 'daemon, log';

done_testing;
