#!/usr/bin/perl

# /clear removes everything, but not when asked by HEAD.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(http => 'client_max_body_size 10m;')->start;

sub pages { my @pages = glob $t->dir . '/store/pages/*'; scalar @pages }

sub fill {
    $t->request('POST', '/cache/json', '{"value":1}');
    $t->request('POST', '/cache/old', '{"value":1,"duration":"1h"}');
    $t->request('POST', '/pickle/raw', 'x');
    $t->request('POST', '/pickle/large', 'x' x 2_000_000);
}

my $cleared = '200 {"message":"All cache deleted."}';

is $t->get('/clear')->answer, $cleared, 'of nothing';

for my $method (qw(GET POST)) {
    fill();
    is $t->count, 4, "$method: four keys";
    is pages(), 1, "$method: page file"
        if !$t->in_cluster('there are no files');

    my $r = $t->request($method, '/clear');
    is $r->answer, $cleared, $method;
    is $r->header('Content-Type'), 'application/json', "$method: type";

    is $t->count, 0, "$method: no keys";
    is $t->get($_)->status, 404, "$method: $_ is gone"
        for qw(/cache/json /cache/old /pickle/raw /pickle/large);
    ok $t->wait_for(sub { pages() == 0 }), "$method: no page file";
}

# as if nothing had been there

fill();
is $t->count, 4, 'stored again';
is $t->get('/cache/json')->body,
    '{"key":"json","value":1,"expire":null,"duration":null}', 'JSON again';
is length $t->get('/pickle/large')->body, 2_000_000, 'large page again';

# HEAD asks, it does not do

my $head = $t->request('HEAD', '/clear');
is $head->answer, '200 ', 'HEAD';
is $head->header('Content-Type'), 'application/json', 'HEAD type';
is $head->header('Content-Length'), length '{"message":"All cache deleted."}',
    'HEAD length';
is $t->count, 4, 'HEAD clears nothing';

# what comes with it is ignored

is $t->request('POST', '/clear', '{"a":1}')->answer, $cleared, 'with a body';
is $t->get('/clear?x=1')->answer, $cleared, 'with arguments';

# the page of a transfer under way is whole

my $large = join '', map { sprintf '%07d ', $_ } 1 .. 1_000_000;

$t->request('POST', '/pickle/large', $large);

my $c = $t->connect->send_request('GET', '/pickle/large');
$c->readable(10);
is $t->get('/clear')->answer, $cleared, 'during a transfer';
ok $c->response->body eq $large, 'transfer is whole';

# it stays so

$t->request('POST', '/pickle/kept', 'x');
$t->stop;
$t->start;
is $t->count, 1, 'after start';
is $t->get('/cache/json')->status, 404, 'still gone';
is $t->get('/pickle/kept')->body, 'x', 'stored after it';

# writers meanwhile get an answer

my @c = map { $t->connect } 1 .. 8;
my %statuses;

for my $n (1 .. 10) {
    $_->send_request('POST', "/pickle/$n", 'x') for @c;
    $t->get('/clear');
    $statuses{ $_->response->status }++ for @c;
}

is_deeply \%statuses, { 200 => 80 }, 'writers meanwhile';
cmp_ok $t->count, '<=', 10, 'count holds';

done_testing;
