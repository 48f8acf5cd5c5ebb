#!/usr/bin/perl

# GET /stat/count: the number of keys.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf->start;

sub count {
    my $r = $t->get('/stat/count');

    return join ' ', $r->status, $r->body;
}

is count(), '200 {"count":0}', 'empty';

my $head = $t->request('HEAD', '/stat/count');
is $head->status, 200, 'HEAD';
is $head->body, '', 'HEAD has no body';
is $head->header('Content-Length'), length '{"count":0}', 'HEAD length';
is $t->get('/stat/count')->header('Content-Type'), 'application/json', 'type';
is $t->get('/stat/count?x')->body, '{"count":0}', 'arguments ignored';

# keys, of both kinds and sizes

$t->request('POST', '/cache/a', '{"value":1}');
is count(), '200 {"count":1}', 'JSON entry';

$t->request('POST', '/pickle/b', '');
is count(), '200 {"count":2}', 'raw entry';

$t->request('PUT', '/cache/', '{"value":1}');
is count(), '200 {"count":3}', 'empty key';

$t->request('POST', '/cache/c?page=1', '{"value":1}');
$t->request('POST', '/cache/c?page=2', '{"value":1}');
is count(), '200 {"count":5}', 'query strings';

# not the same key twice

$t->request('POST', '/cache/a', '{"value":2}');
$t->request('POST', '/pickle/a', 'x');
$t->request('POST', '/pickle//a/', 'x');
is count(), '200 {"count":5}', 'overwritten';

$t->request('POST', '/cache/a', 'not JSON');
$t->request('POST', '/cache/bad', 'not JSON');
$t->request('POST', '/pickle/a', 'x', 'If-None-Match' => '*');
is count(), '200 {"count":5}', 'refused';

$t->get("/cache/$_") for qw(a none);
is count(), '200 {"count":5}', 'reading';

# fewer

$t->request('DELETE', '/cache/a');
is count(), '200 {"count":4}', 'DELETE';

$t->request('DELETE', '/cache/a');
is count(), '200 {"count":4}', 'DELETE of nothing';

$t->request('DELETE', '/prefix/c');
is count(), '200 {"count":2}', 'prefix';

$t->request('POST', '/cache/old', '{"value":1,"expire":1}');
$t->get('/cache/old');
is count(), '200 {"count":2}', 'expired';

# many at once

my @c = map { $t->connect } 1 .. 20;

for my $n (1 .. 20) {
    $c[$_]->send_request('POST', '/pickle/' . $n * $_, 'x') for 0 .. 19;
    $_->response for @c;
}

my %products;

for my $n (1 .. 20) {
    $products{ $n * $_ } = 1 for 0 .. 19;
}

is count(), '200 {"count":' . (2 + keys %products) . '}', 'many writers';

$_->send_request('DELETE', '/prefix/1') for @c;
$_->response for @c;

my $left = 2 + grep { !/^1/ } keys %products;
is count(), qq(200 {"count":$left}), 'many purges';

$_->close for @c;

# it is kept

$t->reload;
is count(), qq(200 {"count":$left}), 'after reload';

$t->stop;
$t->start;
is count(), qq(200 {"count":$left}), 'after start';

$t->kill;
$t->start;
is count(), qq(200 {"count":$left}), 'after a crash';

$t->get('/clear');
is count(), '200 {"count":0}', 'cleared';

done_testing;
