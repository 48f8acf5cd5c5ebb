#!/usr/bin/perl

# A flood of random query strings through a store that is small: pages that are
# asked for all the while go with the oldest segment, as all pages do, and come
# back by one miss.  With bigcache_min_uses the flood is not stored, so they
# stay.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep);

use constant { POPULAR => 5, FLOOD => 1800, SIZE => 100_000 };

my $noise = noise(SIZE);

for my $uses (1, 2) {
    my $t = Bigcache::Test->new;
    my $name = $uses > 1 ? "min_uses $uses" : 'by default';

    my $o = Bigcache::Test::Origin->new($t, 1, sub {
        my ($request) = @_;
        return (200, ['Cache-Control' => 'max-age=3600'],
            "$request->{uri}|$noise");
    });

    $t->conf(path => 'wait=10s segment_size=8m max_size=64m', size => '4m',
        main => 'worker_processes 1;', location => 'bigcache_pages off;',
        servers => qq{
        server {
            listen 127.0.0.1:%%PORT_2%%;
            keepalive_requests 1000000;
            bigcache_pages main;
            bigcache_lookup_timeout 10s;
            bigcache_min_uses $uses;
            add_header X-Status \$bigcache_status always;
            location / {
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }
    })->start;

    my $c = Bigcache::Test::Connection->new($t->port(2));
    my ($asked, %status, @wrong) = (0);

    my $ask = sub {
        my ($uri) = @_;
        my $r = $c->request('GET', $uri);

        push @wrong, $uri if $r->status != 200
            || $r->body ne "$uri|$noise";

        return $r->header('X-Status') // '';
    };

    for my $n (1 .. POPULAR) {
        $t->wait_for(sub { $ask->("/popular/$n") eq 'HIT' })
            or die "/popular/$n: it is not stored\n";
    }

    my $most = 0;
    my $before = $o->requests;

    for my $n (1 .. FLOOD) {
        $ask->("/page?$n." . rand);

        next if $n % 5;

        # each of them is asked for once in 25 requests
        $status{$ask->('/popular/' . (1 + $asked++ % POPULAR))}++;

        my $size = $t->space('store/pages/*');
        $most = $size if $n % 20 == 0 && $size > $most;
    }

    my $hits = $status{HIT} // 0;
    my $fetched = 0;
    $fetched += $o->requests("/popular/$_") for 1 .. POPULAR;

    is_deeply \@wrong, [], "$name: all are right";
    # what is written while the oldest segment goes is the next one
    cmp_ok $most, '<=', 72 * 1024 * 1024, "$name: max_size is kept";
    note sprintf '%s: %d of %d hits, %.1f%%; each popular page was fetched '
        . '%.1f times, the flood has %d MB, %d MB in the store at most', $name,
        $hits, $asked, 100 * $hits / $asked, $fetched / POPULAR,
        FLOOD * SIZE / 1e6, $most / 1e6;

    if ($uses > 1) {
        is $hits, $asked, "$name: each popular page stays";
        cmp_ok $t->count, '<', POPULAR + FLOOD / 50,
            "$name: the flood is not stored";

    } else {

        # 180 MB go through 56: a page goes at most once in that, and two
        # requests may come before it is stored again
        cmp_ok $hits, '>=', 0.9 * $asked, "$name: most are hits";
    }

    ok $t->stop, "$name: stops";
}

done_testing;
