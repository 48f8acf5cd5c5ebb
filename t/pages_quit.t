#!/usr/bin/perl

# A worker that is told to quit answers the requests for a page that it fetches,
# also if the upstream pauses just when what has come fills the buffers: nginx
# before 1.23.1 has no timer then, and a worker exits without one.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep);

# bytes of an answer, its head included, that fill the buffer of the head and
# the eight that nginx has by default

use constant FULL => 4096 + 8 * 4096;

my $t = Bigcache::Test->new;
my $dir = $t->dir;


# head(LENGTH), body(LENGTH)

sub head { "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n"
    . "Content-Length: $_[0]\r\n\r\n" }

sub body { return substr join('', map { sprintf "%06d\n", $_ }
    1 .. 1 + $_[0] / 7), 0, $_[0] }

# an answer stops when the buffers are full, until the test lets it go on

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request) = @_;
    my ($length) = $request->{uri} =~ m{/(\d+)$};
    my $answer = head($length) . body($length);

    Bigcache::Test::Origin::_write($request->{socket},
        substr $answer, 0, FULL);

    for (1 .. 6000) {
        last if -e "$dir/go";
        sleep 0.01;
    }

    Bigcache::Test::Origin::_write($request->{socket}, substr $answer, FULL);
    return;
});

$t->conf(main => 'worker_processes 1;', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";',
    servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        bigcache_lock on timeout=60s;
        location / {
            proxy_buffer_size 4k;
            proxy_buffers 8 4k;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

# in memory, and in a file that others read along

for my $case ([100_000, 0], [1_500_000, 3]) {
    my ($length, $n) = @$case;

    unlink "$dir/go";

    my ($leader, @others) = map { $t->connect(2) } 0 .. $n;
    my @get = ('GET', "/$length", undef, Connection => 'close');
    my ($old) = $t->worker_pids;

    $leader->send_request(@get);
    $leader->read_until("\r\n\r\n");
    $_->send_request(@get) for @others;

    # until the others read along, which nothing tells
    sleep 0.5;
    $t->reload;

    # until the old worker has had the time to exit
    sleep 0.5;
    $t->write_file('go', '');

    my $got = eval { $leader->read_all } // 'nothing';

    ok $got eq body($length), "$length: the first client has all of it"
        or diag length $got;

    for my $other (@others) {
        my $r = eval { $other->response('GET') };

        ok $r && $r->body eq body($length), "$length: so has another one"
            or diag $r ? $r->status . ' ' . length $r->body : 'no answer';
    }

    ok $t->wait_for(sub { !-d "/proc/$old" }), "$length: the worker exits";
}

ok $t->stop, 'stops';

done_testing;
