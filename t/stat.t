#!/usr/bin/perl

# GET /stat: what counts as hit, miss, expire and delete, and the hit rate.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $conf = Bigcache::Test->default_conf();

my $t = Bigcache::Test->new->conf($conf)->start;

my @names = qw(hit miss expire delete);
my %last = map { $_ => 0 } @names;

# moved(): the counters that have changed since it was called last

sub moved {
    my $now = $t->get('/stat')->json->{stats};
    my @moved = map { $now->{$_} == $last{$_} ? ()
        : sprintf '%s%+d', $_, $now->{$_} - $last{$_} } @names;

    %last = %$now;

    return join ' ', @moved;
}

# what follows the counters

sub hot {
    my ($entries, $hits) = @_;
    my $bytes = 24 * $entries;

    $t->get('/stat')->body =~ /("room":[1-9]\d*)/ or return 'no room';

    return '"hot":{"entries":' . $entries . ',"bytes":' . $bytes . ",$1,"
        . '"hits":' . $hits . ',"size":1048576},' . leases();
}

sub leases {
    return $t->get('/stat')->body =~ /("leases":\{"held":0,"room":[1-9]\d*,)/
        ? $1 . '"given":0,"waited":0},"bodies":{"in_files":0},' . in_force()
        : 'no leases';
}

# t/in_force.t looks at it

sub in_force {
    return $t->get('/stat')->body =~ /("in_force":\{.*)/ ? $1 : 'nothing';
}

# at start

my $r = $t->get('/stat');
is $r->status, 200, 'status';
is $r->header('Content-Type'), 'application/json', 'type';
is $r->body, '{"stats":{"hit":0,"miss":0,"expire":0,"delete":0,'
    . '"hit_rate":"0.00%"},' . hot(0, 0), 'all zero';

my $head = $t->request('HEAD', '/stat');
is $head->status, 200, 'HEAD';
is $head->body, '', 'HEAD has no body';
is $head->header('Content-Length'), length $r->body, 'HEAD length';
is $t->get('/stat?x=1')->body, $r->body, 'arguments ignored';

# hit rate

$t->request('POST', '/cache/k', '{"value":1}');
$t->get('/cache/k');
like $t->get('/stat')->body, qr/"hit_rate":"100\.00%"/, 'one of one';

$t->get('/cache/none') for 1 .. 2;
is $t->get('/stat')->body, '{"stats":{"hit":1,"miss":2,"expire":0,"delete":0,'
    . '"hit_rate":"33.33%"},' . hot(2, 1), 'one of three';

$t->get('/cache/k') for 1 .. 3;
like $t->get('/stat')->body, qr/"hit_rate":"66\.67%"/, 'rounded up';

$t->get('/cache/none') for 1 .. 2;
like $t->get('/stat')->body, qr/"hit_rate":"50\.00%"/, 'half';

# reading

moved();
$t->request('POST', '/pickle/raw', 'x' x 100);
$t->request('POST', '/cache/json', '{"value":1}');
is moved(), '', 'POST counts nothing';

$t->request('PUT', '/pickle/raw', 'x' x 100);
is moved(), '', 'PUT counts nothing';

$t->get('/cache/json');
is moved(), 'hit+1', 'GET of JSON';

$t->get('/pickle/raw');
is moved(), 'hit+1', 'GET of raw';

$t->get('/pickle/json');
is moved(), 'hit+1', 'JSON at /pickle/';

$t->request('HEAD', '/cache/json');
$t->request('HEAD', '/pickle/raw');
is moved(), 'hit+2', 'HEAD';

$t->get('/cache/none');
$t->get('/pickle/none');
is moved(), 'miss+2', 'GET that misses';

$t->request('HEAD', '/cache/none');
$t->request('HEAD', '/pickle/none');
is moved(), 'miss+2', 'HEAD that misses';

$r = $t->get('/cache/json', 'If-None-Match' => '*');
is $r->status, 304, 'not modified';
is moved(), 'hit+1', 'not modified counts';

$r = $t->get('/pickle/raw', Range => 'bytes=0-9');
is $r->status, 206, 'partial';
is moved(), 'hit+1', 'partial counts';

# removing

$t->request('DELETE', '/cache/json');
is moved(), 'delete+1', 'DELETE at /cache/';

$t->request('DELETE', '/pickle/raw');
is moved(), 'delete+1', 'DELETE at /pickle/';

$t->request('DELETE', '/cache/json');
is moved(), '', 'DELETE of nothing';

$t->request('POST', "/pickle/p/$_", 'x') for 1 .. 5;
$t->request('DELETE', '/prefix/p/');
is moved(), 'delete+5', 'prefix';

$t->request('DELETE', '/prefix/p/');
is moved(), '', 'prefix of nothing';

# an expired entry is one only once

for my $method (qw(GET HEAD)) {
    for my $endpoint (qw(cache pickle)) {
        my $name = "$method /$endpoint/";

        $t->request('POST', '/cache/old', '{"value":1,"expire":1}');

        is $t->request($method, "/$endpoint/old")->status, 404,
            "$name: expired";
        is moved(), 'expire+1', "$name: counts as expired";

        is $t->request($method, "/$endpoint/old")->status, 404,
            "$name: again";
        is moved(), 'miss+1', "$name: counts as miss";
    }
}

$t->request('POST', '/pickle/old', 'x', 'X-Bigcache-Expire' => 1);
$t->get('/pickle/old') for 1 .. 3;
is moved(), 'miss+2 expire+1', 'raw entry expires';

$t->request('POST', '/cache/old', '{"value":1,"expire":1}');

my @readers = map { $t->connect } 1 .. 10;

$_->send_request('GET', '/cache/old') for @readers;
$_->response for @readers;
$_->close for @readers;
is moved(), 'miss+9 expire+1', 'only once for many';

$t->request('POST', '/cache/old', '{"value":1,"expire":1}');
$t->request('DELETE', '/cache/old') for 1 .. 2;
is moved(), 'expire+1', 'DELETE of expired';

$t->request('POST', '/cache/p/old', '{"value":1,"expire":1}');
$t->request('POST', '/cache/p/live', '{"value":1}');
$t->request('DELETE', '/prefix/p/');
is moved(), 'expire+1 delete+1', 'prefix of expired';

$t->request('POST', '/cache/old', '{"value":1,"expire":1}');
$t->request('POST', '/cache/old', '{"value":1}');
is $t->get('/cache/old')->status, 200, 'stored over expired';
like moved(), qr/^hit\+1/, 'hit after expired';

# neither a refusal nor the rest counts

$t->request('POST', '/cache/bad', '{');
$t->request('POST', '/cache/x%00', '{"value":1}');
$t->get('/cache/x%zz');
$t->get('/nowhere');
$t->request('MKCOL', '/cache/k', 'x');
$t->get('/stat/count');
$t->request('DELETE', '/prefix/');
is moved(), '', 'others count nothing';

# over many requests at once

my @c = map { $t->connect } 1 .. 10;
$t->request('POST', '/pickle/k', 'x');

for (1 .. 20) {
    $_->send_request('GET', '/pickle/k') for @c;
    $_->response for @c;
}

is moved(), 'hit+200', 'many at once';
$_->close for @c;

# a reload keeps them, a start does not

my $before = $t->get('/stat')->body;

$t->reload;
is $t->get('/stat')->body, $before, 'kept over reload';

$t->get('/pickle/k');
is moved(), 'hit+1', 'counted after reload';

$t->stop;
$t->conf($conf)->start;
is $t->get('/stat')->body, '{"stats":{"hit":0,"miss":0,"expire":0,"delete":0,'
    . '"hit_rate":"0.00%"},' . hot(0, 0), 'zero after start';
is $t->get('/pickle/k')->status, 200, 'entries are kept';

done_testing;
