#!/usr/bin/perl

# The backups of docs/operations.md: a copy made of links while the store was
# closed for a moment, and one of all files at one moment.  Writers go on all
# the time; the copies are served by an nginx of their own.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bigcache::Test;
use Digest::MD5 qw(md5_hex);
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use constant { PAGES => 300, WRITERS => 3 };

my $tool = $ENV{BIGCACHE_TOOL} || "$FindBin::Bin/../build/bigcache";

my $conf = <<'END';
%%MODULE%%
worker_processes 2;

events {
}

http {
    %%HTTP%%

    bigcache_path %%DIR%%/store zone=main:1m segment_size=1m write_buffer=64k
                  wait=10s;

    client_max_body_size 10m;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }
    }
}
END

my $t = Bigcache::Test->new->conf($conf)->start;
my $store = $t->dir . '/store';


# page(KEY, SEQUENCE): says what it is, and does not shrink

sub page {
    my ($key, $sequence) = @_;

    my $name = "$key $sequence";
    my $size = 100 + 997 * (($sequence * 7 + length $key) % 40);
    my $body = '';

    $body .= pack 'H*', md5_hex("$name $_") for 0 .. $size / 16;

    return "$name\n$body";
}


sub store {
    my ($key, $sequence) = @_;

    return $t->request('POST', "/pickle/$key", page($key, $sequence))->status;
}


# -- writers of keys of their own, of which nothing is known but that each page
# is whole; requests that are answered 503 are none of their business

my %writers;
my $test = $$;

END {
    my $status = $?;

    kill 'KILL', keys %writers if $$ == ($test // 0);
    $? = $status;
}


sub start_writers {
    for my $writer (1 .. WRITERS) {
        my $pid = fork // die "fork: $!\n";

        if (!$pid) {
            $SIG{TERM} = 'DEFAULT';

            for (my $i = 0; ; $i++) {
                eval {
                    my $key = "noise$writer-" . $i % 50;

                    $i % 11 ? store($key, $i)
                        : $t->request('DELETE', "/pickle/$key");
                };
            }
        }

        $writers{$pid} = 1;
    }
}


sub stop_writers {
    kill 'TERM', keys %writers;
    waitpid $_, 0 for keys %writers;
    %writers = ();
}


# -- what has to be in a copy

my %expected;


sub fill {
    my ($sequence) = @_;

    my $failed = 0;

    for my $n (1 .. PAGES) {
        my $key = "page$n";

        if ($n % 5 == 0) {
            $failed += $t->request('DELETE', "/pickle/$key")->status
                !~ /^(?:200|404)$/;
            $expected{$key} = undef;
            next;
        }

        $failed += store($key, $sequence) != 200;
        $expected{$key} = $sequence;
    }

    is $failed, 0, "pages of round $sequence";
}


sub check_copy {
    my ($copy, $name) = @_;

    SKIP: {
        skip "no $tool", 1 if !-x $tool;

        my $output = `$tool check '${\$copy->dir}/store' 2>&1`;
        is $?, 0, "$name: check" or diag $output;
    }

    $copy->conf($conf)->start;

    my (@wrong, @torn, $n);

    for my $key (sort keys %expected) {
        my $r = $copy->get("/pickle/$key");
        my $sequence = $expected{$key};

        push @wrong, "$key: " . $r->status . ' ' . substr $r->body, 0, 30
            if defined $sequence
                ? $r->status != 200 || $r->body ne page($key, $sequence)
                : $r->status != 404;
    }

    for my $key (map { my $w = $_; map { "noise$w-$_" } 0 .. 49 } 1 .. WRITERS)
    {
        my $r = $copy->get("/pickle/$key");

        next if $r->status == 404;

        my ($sequence) = $r->body =~ /^\Q$key\E (\d+)\n/;

        $n++;
        push @torn, $key if !defined $sequence
            || $r->body ne page($key, $sequence);
    }

    is "@wrong", '', "$name: pages";
    is "@torn", '', "$name: pages that were written meanwhile";
    cmp_ok $n, '>', 0, "$name: there are some";
    is $copy->request('POST', '/pickle/new', 'new')->status, 200,
        "$name: stores";
    is $copy->get('/pickle/new')->body, 'new', "$name: what was stored";
    ok $copy->stop, "$name: stops";
}


sub slurp {
    open my $file, '<', $_[0] or return ') X ';
    local $/;

    return scalar <$file> // ') X ';
}


# -- links

my $snapshot = $t->dir . '/store.snapshot';
my $linked = Bigcache::Test->new;

fill(1);
fill(2);
start_writers();
sleep 1;

mkdir $snapshot, 0700;
is $t->request('POST', '/close')->status, 200, 'links: close';
is system("cp -al $store/pages $snapshot/ && cp -a $store/index $snapshot/"), 0,
    'links: pages are linked, the index is copied';
is $t->request('POST', '/open')->status, 200, 'links: open';

my @segments = glob "$snapshot/pages/*.seg";

# all of it is overwritten, so that segments are compacted and removed

my %then = %expected;

fill($_) for 3 .. 6;

ok $t->wait_for(sub { grep { !-e s/store\.snapshot/store/r } @segments }),
    'links: segments have left the store since';
is system('cp', '-r', '--preserve=mode,ownership', $snapshot,
    $linked->dir . '/store'), 0, 'links: copied from';
stop_writers();

%expected = %then;
check_copy($linked, 'links');
unlike $linked->error_log, qr/not closed properly/, 'links: closed properly';

# what the live store serves is not theirs

is $t->get('/pickle/page1')->body, page('page1', 6), 'links: the live store';

# -- all files as they were at one moment: no process writes while they are
# copied, and none knows of it

my $whole = Bigcache::Test->new;

fill(7);
start_writers();
sleep 0.5;
fill(8);

my @nginx = ($t->running, $t->children);

$t->signal('STOP', @nginx);
ok $t->wait_for(sub {
    !grep { !/\) [TZX] / } map { slurp("$_/stat") }
        map { glob "/proc/$_/task/*" } @nginx;
}), 'moment: all have stopped';
is system('cp', '-a', $store, $whole->dir . '/store'), 0, 'moment: copied';
$t->signal('CONT', @nginx);

is $t->get('/pickle/page1')->body, page('page1', 8), 'moment: goes on';
stop_writers();

check_copy($whole, 'moment');

done_testing;
