#!/usr/bin/perl

# Requests for one page that come at once ask the upstream once, over all
# workers; what cannot be stored keeps nobody waiting.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep time);

use constant SLOW => 0.3;       # seconds of the origin

for my $workers (split ' ', $ENV{BIGCACHE_WORKERS} || '1 2 4') {

    my $t = Bigcache::Test->new;
    my $name = "workers $workers";

    # together(URI, N): waits until so many requests for it have come, or for as
    # long as no request would wait for another one; returns what to say
    my $together = sub {
        my ($uri, $n) = @_;
        my $end = time + 20;
        my $came;

        do {
            sleep 0.01;
            $came = () = $t->read_file('origin.1') =~ m{ \Q$uri\E$}mg;
        } until $came >= $n || time > $end;

        return $came >= $n ? 'together' : 'alone';
    };

    my $o = Bigcache::Test::Origin->new($t, 1, sub {
        my ($request, $n) = @_;
        my $uri = $request->{uri};

        sleep SLOW if $n > 1 || $uri !~ /^.late/;

        return (200, ['Set-Cookie' => 'a=b', 'Cache-Control' => 'max-age=60'],
            "own $n, " . ($n == 1 ? 'first'
                : $together->($uri, $n > 20 ? 30 : 20))) if $uri =~ /cookie/;
        return (500, [], "failed $n, " . ($n == 1 ? 'first'
            : $together->($uri, 10))) if $uri =~ /fail/;
        return (200, ['Cache-Control' => 'max-age=' . ($n == 1 ? 1 : 60),
            ETag => '"1"'], "page $n") if $uri =~ /expire/;

        if ($uri =~ /short/ && $n == 1) {
            syswrite $request->{socket}, "HTTP/1.1 200 OK\r\n"
                . "Cache-Control: max-age=60\r\nContent-Length: 99\r\n\r\nsho";
            return;
        }

        # the first one waits for another
        $together->($uri, 2) if $uri =~ m{^/(?:off|brief)/};

        return (200, ['Cache-Control' => 'max-age=60'], "page $n");
    });

    $t->conf(main => "worker_processes $workers;",
        http => 'proxy_http_version 1.1; proxy_set_header Connection "";',
        location => 'bigcache_pages off;', servers => q{
        server {
            bigcache_lookup_timeout 10s;
            listen 127.0.0.1:%%PORT_2%% reuseport;
            bigcache_pages main;
            bigcache_lock on timeout=60s;
            location / {
                add_header X-Status $bigcache_status always;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
            location /pid { return 200 $pid; }
            location /off/ {
                bigcache_lock off;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
            location /brief/ {
                bigcache_lock on timeout=100ms;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }
    })->start;

    my $one = sub {
        my ($uri, @headers) = @_;
        return Bigcache::Test::Connection->new($t->port(2))->request('GET',
            $uri, undef, Connection => 'close', @headers);
    };

    # all(N, URI): N requests at once; how often each body came, and the answers
    my $all = sub {
        my ($n, $uri, @headers) = @_;
        my @c = map { Bigcache::Test::Connection->new($t->port(2)) } 1 .. $n;

        $_->send_request('GET', $uri, undef, Connection => 'close', @headers)
            for @c;
        my @r = map { $_->response('GET') } @c;
        my %bodies;
        $bodies{$_->body}++ for @r;

        return (\%bodies, @r);
    };

    $one->('/warm');        # the store is open then

    for my $n (8, 50) {
        my ($bodies) = $all->($n, "/miss$n");

        is_deeply $bodies, { 'page 1' => $n }, "$name, $n: all get the page";
        is $o->requests("/miss$n"), 1, "$name, $n: fetched once";
    }

    # a page that has expired
    $one->('/expire');
    sleep 1.1;
    my ($bodies, @r) = $all->(20, '/expire');
    is_deeply $bodies, { 'page 2' => 20 }, "$name, expired: all get the new one";
    is $o->requests('/expire'), 2, "$name, expired: fetched once more";

    # what cannot be stored
    ($bodies) = $all->(20, '/cookie');
    is scalar keys %$bodies, 20, "$name, uncacheable: each gets its own";
    is_deeply [grep { /alone/ } keys %$bodies], [],
        "$name, uncacheable: they do not queue";
    ($bodies) = $all->(10, '/cookie');
    is scalar(grep { /together/ } keys %$bodies), 10,
        "$name, uncacheable: it is remembered";

    # a leader that fails
    ($bodies) = $all->(10, '/fail');
    is scalar keys %$bodies, 10, "$name, failed: the others try it, too";
    is_deeply [grep { /alone/ } keys %$bodies], [], "$name, failed: at once";

    # a leader whose answer is cut off
    ($bodies) = $all->(10, '/short');
    is $o->requests('/short'), 2, "$name, cut off: one other request tries it";
    is $bodies->{'page 2'}, 9, "$name, cut off: and all others get the page";

    # a leader whose client leaves
    my $c = Bigcache::Test::Connection->new($t->port(2));
    $c->send_request('GET', '/left', undef);
    $t->wait_for(sub { $o->requests('/left') });
    $c->close;
    ($bodies) = $all->(5, '/left');
    is $o->requests('/left'), 1, "$name, the client left: it goes on";
    is_deeply $bodies, { 'page 1' => 5 }, "$name, the client left: for the others";

    # a leader in a worker that dies
    if ($workers > 1) {
        $t->expect_log(qr/exited on signal 9/);

        # not the owner of the store: while it is opened again, requests pass
        my ($victim, $pid);

        for (1 .. 1000) {
            $victim = Bigcache::Test::Connection->new($t->port(2));
            $pid = $victim->request('GET', '/pid')->body;
            last if $pid != $t->owner;
        }

        $victim->send_request('GET', '/killed', undef);
        $t->wait_for(sub { $o->requests('/killed') });

        # at least one of those who wait has another worker
        my ($others, @c);

        while (@c < 12 || !$others) {
            push @c, Bigcache::Test::Connection->new($t->port(2));
            $others ||= $c[-1]->request('GET', '/pid')->body != $pid;
        }

        $_->send_request('GET', '/killed', undef, Connection => 'close') for @c;
        sleep 0.05;
        kill 'KILL', $pid;

        my %bodies;
        $bodies{ eval { $_->response('GET')->body } // 'none' }++ for @c;
        cmp_ok $o->requests('/killed'), '<=', 3, "$name, killed: another leads";
        ok +(grep { /^page/ } keys %bodies), "$name, killed: others get a page";
        ok !(grep { /error|502|504/i } keys %bodies), "$name, killed: no error";
    }

    # who waits for too long goes on alone, or need not wait at all
    ($bodies) = $all->(6, '/off/a');
    cmp_ok $o->requests('/off/a'), '>', 1, "$name: the lock is off";

    ($bodies) = $all->(6, '/brief/a');
    cmp_ok $o->requests('/brief/a'), '>', 1, "$name: a short timeout";

    # those with credentials are never collapsed
    ($bodies) = $all->(4, '/auth', Authorization => 'Basic eDp5');
    is $o->requests('/auth'), 4, "$name: credentials are not collapsed";
}

done_testing;
