#!/usr/bin/perl

# Reads that the hot index does not know: one thread runs several of them, and
# none waits for another one's disk.

use strict;
use warnings;

use Bigcache::Test;
use FindBin;
use Test::More;
use Time::HiRes qw(time);

use constant { KEYS => 2000, CONNECTIONS => 64, SLOW_MS => 1000, SLOW => 12 };

my $t = Bigcache::Test->new;
my $library = $t->dir . '/slow.so';

is system("gcc -O2 -Wall -shared -fPIC -o $library $FindBin::Bin/slow.c -ldl"),
    0, 'the library';

local $ENV{BIGCACHE_PRELOAD} = join ':',
    grep { $_ } $ENV{BIGCACHE_PRELOAD}, $library;
local $ENV{SLOW} = $t->dir . '/slow';

# a zone that knows few of the keys

$t->conf(main => 'worker_processes 1; env SLOW; thread_pool many threads=16;',
    size => '64k', path => 'thread_pool=many',
    server => q{
        location /site/ {
            bigcache_pages main;
            bigcache_lookup_timeout 60s;
            add_header X-Status $bigcache_status always;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    },
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            add_header Cache-Control max-age=600;
            return 200 "page $uri";
        }
    })->start;


sub body { return "page $_[0] " . 'x' x ($_[0] % 700) }


my $c;

for (1 .. KEYS) {
    $c = $t->connect if $_ % 500 == 1;

    my $r = $c->request('POST', "/pickle/page/$_", body($_));

    $r->status == 200 or die 'not stored: ' . $r->answer . "\n";
}

# many at once, pages and misses

my @c = map { $t->connect } 1 .. CONNECTIONS;
my @wrong;

for my $round (0 .. KEYS / CONNECTIONS * 2 - 1) {

    my @keys = map { ($round * CONNECTIONS + $_) % (KEYS + 500) + 1 }
        0 .. CONNECTIONS - 1;

    $c[$_]->send_request('GET', "/pickle/page/$keys[$_]") for 0 .. $#c;

    for my $i (0 .. $#c) {
        my $r = $c[$i]->response('GET');
        my $good = $keys[$i] <= KEYS
            ? $r->status == 200 && $r->body eq body($keys[$i])
            : $r->status == 404;

        push @wrong, "$keys[$i]: " . $r->status if !$good;
    }
}

is_deeply \@wrong, [], 'each has the answer to its own request';

# pipelined, so that the next request is there when the answer goes out

my @answers = $t->pipeline(map {
    "GET /pickle/page/$_ HTTP/1.1\r\nHost: x\r\n\r\n" } 1 .. 200);

is scalar(grep { $answers[$_ - 1]->body eq body($_) } 1 .. 200), 200,
    'pipelined';

# one after the other they would take at least SLOW seconds

$t->write_file('slow', SLOW_MS);

my $begin = time;

$c[$_]->send_request('GET', "/pickle/page/" . ($_ * 7 + 1)) for 1 .. SLOW;

is scalar(grep { $c[$_]->response('GET')->body eq body($_ * 7 + 1) } 1 .. SLOW),
    SLOW, 'the disk is slow';
cmp_ok time - $begin, '<', SLOW * SLOW_MS / 1000,
    'they wait for it at the same time';

unlink $t->dir . '/slow';

# clients that leave do not take the others' answers with them

for my $round (1 .. 20) {
    my @leave = map { $t->connect } 1 .. 16;

    $leave[$_]->send_request('GET', "/pickle/page/" . ($round * 50 + $_))
        for 0 .. $#leave;
    $c[$_]->send_request('GET', "/pickle/page/" . ($round * 60 + $_ + 1))
        for 0 .. 7;

    $_->close for @leave;

    push @wrong, grep {
        $c[$_]->response('GET')->body ne body($round * 60 + $_ + 1)
    } 0 .. 7;
}

is_deeply \@wrong, [], 'some clients leave';

# pages of an upstream

sub site { return "/site/$_[0]" }

for my $first (map { $_ * CONNECTIONS } 0 .. 9) {
    $c[$_]->send_request('GET', site($first + $_)) for 0 .. $#c;
    $c[$_]->response('GET') for 0 .. $#c;
}

$t->wait_for(sub { $t->count == KEYS + 10 * CONNECTIONS });

my %status;

for my $round (0 .. 19) {
    my @n = map { ($round * CONNECTIONS / 2 + $_) % (10 * CONNECTIONS) }
        0 .. $#c;

    $c[$_]->send_request('GET', site($n[$_])) for 0 .. $#c;

    for my $i (0 .. $#c) {
        my $r = $c[$i]->response('GET');

        $status{ $r->header('X-Status') }++;
        push @wrong, $n[$i] if $r->body ne 'page ' . site($n[$i]);
    }
}

is_deeply \@wrong, [], 'pages: each has the answer to its own request';
is_deeply \%status, { HIT => 20 * CONNECTIONS }, 'pages: all are hits';

$t->write_file('slow', SLOW_MS);
$begin = time;

$c[$_]->send_request('GET', site($_ * 7 + 1)) for 1 .. SLOW;

is scalar(grep { $c[$_]->response('GET')->header('X-Status') eq 'HIT' }
    1 .. SLOW), SLOW, 'pages: the disk is slow';
cmp_ok time - $begin, '<', SLOW * SLOW_MS / 1000,
    'pages: they wait for it at the same time';

unlink $t->dir . '/slow';

ok $t->stop, 'stops';

done_testing;
