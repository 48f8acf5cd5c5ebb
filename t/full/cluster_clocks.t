#!/usr/bin/perl

# A store in a Redis cluster, and nginxes whose clocks differ: what has expired
# for one of them may be there for another one, but each can write it, and no
# write is lost.

use strict;
use warnings;

use FindBin;
use Time::HiRes qw(sleep time);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test;
use Bigcache::Test::Origin;

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

my $cluster = Bigcache::Cluster->new(masters => 1, cluster => 0);
my $library = "$cluster->{dir}/clock.so";

is system("gcc -O2 -Wall -shared -fPIC -o $library $FindBin::Bin/../clock.c"),
    0, 'the library';

$ENV{BIGCACHE_PRELOAD} = join ':', grep { $_ } $ENV{BIGCACHE_PRELOAD}, $library;

my $proxied = Bigcache::Test->new;

my $origin = Bigcache::Test::Origin->new($proxied, 1, sub {
    return (200, [ 'Cache-Control' => 'max-age=500' ], "$_[0]{uri} $_[1]");
});

# nginx(AHEAD): one whose clock is so many seconds ahead

sub nginx {
    my ($ahead) = @_;

    my $t = Bigcache::Test->new;
    my $text = $t->default_conf(
        main => 'env CLOCK_AHEAD; env LD_PRELOAD; worker_processes 2;',
        location => 'bigcache_pages off;',
        http => 'bigcache_pages main; bigcache_purge PURGE from 127.0.0.1;
            bigcache_stale while_revalidate=10000;
            bigcache_lookup_timeout 10s; proxy_set_header Host pages;
            add_header X-Status $bigcache_status always;',
        servers => 'server { listen 127.0.0.1:%%PORT_2%%; server_name pages;
            location / { proxy_pass http://127.0.0.1:'
            . $proxied->port(1) . '; } }');
    my $line = $cluster->directive('pages', 'zone=main:1m', 'buckets=4');

    $text =~ s/bigcache_path .*?;/$line/;
    $t->write_file('ahead', $ahead);
    $t->{env}{CLOCK_AHEAD} = "$t->{dir}/ahead";

    return $t->conf($text)->start;
}

my ($right, $ahead, $behind) = map { nginx($_) } 0, 100, -100;

# page(T, SECONDS): a counter that has as many seconds left, by the clock here

sub page {
    my ($seconds) = @_;

    is $right->request('POST', '/cache/n', '{"value":5,"expire":'
        . (time + $seconds) . '}')->status, 200, "a page for $seconds s";
}

page(50);
is $ahead->get('/cache/n')->status, 404, 'expired, for the one that is ahead';
is $right->get('/cache/n')->status, 200, 'which does not remove it for others';
is $ahead->request('POST', '/incr/n', '{"initial":0}')->status, 200,
    'it begins a counter anew';
is $right->get('/cache/n')->json->{value}, 0, 'for all';

page(50);
is $ahead->request('POST', '/pickle/n', 'x', 'If-None-Match' => '*')->status,
    200, 'a condition';
is $right->get('/pickle/n')->body, 'x', 'holds';

page(50);
is $ahead->request('DELETE', '/pickle/n')->status, 404, 'nothing to delete';
is $right->get('/pickle/n')->status, 404, 'but it is gone';

# for the one that is behind it is there, until upkeep removes it

for my $try (1 .. 3) {
    page(0.1);
    sleep 0.2;

    my $r = $behind->get('/cache/n');
    my $etag = $r->header('ETag') // '"1"';

    like $r->status, qr/200|404/, 'behind';
    like $behind->request('POST', '/cache/n', '{"value":7}',
        'If-Match' => $etag)->status, $r->status == 200 ? qr/200|412/ : qr/412/,
        'a condition';

    page(0.1);
    sleep 0.2;
    is $behind->request('POST', '/incr/n', '{"initial":0}')->status, 200,
        'a count';
    like $behind->request('DELETE', '/cache/n')->status, qr/200|404/,
        'a removal';
}

# a soft purge holds at once for each of them, whichever asks for it

sub ask {
    my ($t, $method, $uri, @headers) = @_;

    return Bigcache::Test::Connection->new($t->port(2))->request($method, $uri,
        undef, Host => 'pages', Connection => 'close', @headers);
}

sub status { return ask($_[0], 'GET', $_[1])->header('X-Status') // '' }

my %t = (right => $right, behind => $behind, ahead => $ahead);

for my $by (sort keys %t) {
    for my $for (sort keys %t) {
        my $uri = "/$by/$for";

        ask($right, 'GET', $uri);
        ok $right->wait_for(sub { status($right, $uri) eq 'HIT' }),
            "$uri: stored";
        is ask($t{$by}, 'PURGE', $uri, 'Bigcache-Soft' => 1)->json->{purged}, 1,
            "$uri: purged";
        is status($t{$for}, $uri), 'UPDATING', "$uri: stale";
        ok $t{$for}->wait_for(sub { status($t{$for}, $uri) eq 'HIT' }),
            "$uri: refreshed";
    }
}

done_testing;
