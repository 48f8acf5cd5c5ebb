#!/usr/bin/perl

# A store in a Redis cluster: two nginxes with four workers each are one cache.
# What one of them answers is what both read next; keys are in order and counted
# at both; upkeep leaves nothing behind.

use strict;
use warnings;

use FindBin;
use Time::HiRes qw(sleep);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test qw(noise);
use Bigcache::Test::Load;

use constant TIME => $ENV{BIGCACHE_COHERENCE} || 5;

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

my $cluster = Bigcache::Cluster->new(masters => 3);

# nginx(NAME, PARAMETERS): one with a store in the cluster

sub nginx {
    my ($name, @parameters) = @_;

    my $t = Bigcache::Test->new;
    my $text = $t->default_conf(main => 'worker_processes 4;',
        events => 'worker_connections 256;',
        http => 'client_max_body_size 20m;',
        server => 'add_header X-Worker $pid always;');
    my $line = $cluster->directive($name, 'zone=main:1m', @parameters);

    $text =~ s/bigcache_path .*?;/$line/;

    return $t->conf($text)->start;
}

my ($one, $two) = map { nginx('pages') } 1, 2;

# -- one cache

for my $size (0, 10, 1500, 40_000, 1_048_576, 1_048_577, 5_000_000) {
    my $body = noise($size + 4);
    substr $body, $size, length $body, '';

    is $one->request('POST', '/pickle/p', $body)->status, 200, "$size: stored";

    my $r = $two->get('/pickle/p');

    is $r->status, 200, "$size: the other has it";
    ok $r->body eq $body, "$size: all of it";

    is $two->request('DELETE', '/pickle/p')->status, 200, "$size: deleted";
    is $one->get('/pickle/p')->status, 404, "$size: the first has it no more";
}

# large bodies go through the directory that the configuration names

my $third = Bigcache::Test->new;
my $line = $cluster->directive('pages', 'zone=main:1m');
$third->conf($third->default_conf(http => 'client_max_body_size 20m;')
    =~ s/bigcache_path .*?;/$line/r)->start;
my @large = ('/pickle/large', noise(2_000_000));
is $third->request('POST', @large)->status, 200, 'a large body';
is $third->get($large[0])->body, $large[1], 'as it was';
is_deeply [ glob $third->dir . '/client_body/*' ], [], 'no file is left';
ok rmdir $third->dir . '/client_body', 'through a directory that nginx made';
is $third->get($large[0])->status, 500, 'and nowhere else';
$third->expect_log(qr/temporary file/);
$third->stop;

# also on a file system that has no files without a name

SKIP: {
    my $library = $one->dir . '/no_tmpfile.so';

    skip 'no gcc', 3 if system('command -v gcc >/dev/null 2>&1');
    is system("gcc -O2 -Wall -shared -fPIC -o $library"
        . " $FindBin::Bin/../no_tmpfile.c -ldl"), 0, 'a library';

    local $ENV{BIGCACHE_PRELOAD} = $library;

    $third->start;
    is $third->get($large[0])->body, $large[1], 'a file with a name';
    is_deeply [ glob $third->dir . '/client_body/*' ], [], 'which is gone';
    $third->request('DELETE', $large[0]);
    $third->stop;
}

my $long = 'x' x 3_000_000;
my $r = $one->request('POST', '/cache/large', qq({"value":"$long"}));

is $r->status, 200, 'a large document';
is length $r->body, length qq({"key":"large","value":"$long","expire":null}),
    'and its answer'
    or diag substr $r->body, -80;
is $two->get('/cache/large')->json->{value}, $long, 'as it is read';
is $two->request('DELETE', '/cache/large')->status, 200, 'deleted';

# -- order, count, prefix, tags

my @keys = map { sprintf 'k/%03d', $_ } 0 .. 499;

$one->request('POST', '/batch', '{"operations":['
    . join(',', map { qq({"op":"set","key":"$_","value":1}) } @keys[0 .. 249])
    . ']}');
$two->request('POST', '/batch', '{"operations":['
    . join(',', map { qq({"op":"set","key":"$_","value":1}) } @keys[250 .. 499])
    . ']}');

is $one->count, 500, 'counted at the first';
is $two->count, 500, 'and at the second';

my ($at, @listed) = ('');

while (1) {
    my $page = $two->get('/keys/k/?limit=70' . ($at ne '' ? "&after=$at" : ''))
        ->json;
    push @listed, map { $_->{key} } @{ $page->{keys} };
    last if !defined($at = $page->{next});
}

is_deeply \@listed, \@keys, 'all keys, in order';

is $two->request('DELETE', '/prefix/k/1')->body,
    qq({"message":"prefix 'k/1': 100 keys deleted."}), 'a prefix';
is $one->get('/cache/k/150')->status, 404, 'is in effect at the first';
is $one->count, 400, 'and counted';

$one->request('POST', "/pickle/t$_", "page $_", 'Surrogate-Key' => 'red a'
    . $_ % 2) for 1 .. 20;

is $two->request('POST', '/purge', '{"type":"tag","selectors":["a1"],'
    . '"purge":true}')->body, '{"purged":10}', 'a tag';
is_deeply [ map { $one->get("/pickle/t$_")->status } 1 .. 4 ],
    [ 404, 200, 404, 200 ], 'is in effect at the first';
is_deeply [ map { $_->{key} } @{ $one->get('/keys/?tag=red')->json->{keys} } ],
    [ sort map { 't' . 2 * $_ } 1 .. 10 ], 'keys of a tag';

is $one->request('POST', '/clear')->status, 200, 'cleared';
is $two->count, 0, 'for both';

# -- every read is of the latest

for my $purges (0, 1) {
    my $load = Bigcache::Test::Load->new($one, clients => 6, keepalive => 0.97,
        large => 0.002, expire => 1, purges => $purges,
        ports => [ map { $_->port(0) } $one, $two ])->start;

    sleep TIME;
    $load->wait_for(100);

    my $report = $load->stop;

    is_deeply [ @{ $report->{failed} }, @{ $report->{wrong} } ], [],
        "purges $purges: every read is of the latest";
    is_deeply [ $load->verify ], [], "purges $purges: nothing is lost";
    cmp_ok $report->{ok}, '>=', 100, "purges $purges: $report->{ok} requests";
}

# -- a reload, and nothing is left behind

$one->reload;
is $one->request('POST', '/pickle/r', 'x')->status, 200, 'after a reload';
is $two->get('/pickle/r')->body, 'x', 'as before';

$one->request('POST', '/clear');

ok $one->wait_for(sub {
    !grep { !/\}(?:v|n|q|r|conf|upkeep|[dcow].*|c.*)$/ } $cluster->keys('*');
}), 'no page, no index, no purge is left'
    or diag join "\n", grep { !/\}(?:v|n|q|r)$/ } $cluster->keys('*');

done_testing;
