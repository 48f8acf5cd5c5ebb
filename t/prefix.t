#!/usr/bin/perl

# DELETE /prefix/: what a prefix is, and what it removes.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(http => 'keepalive_requests 100000;')->start;

sub purge {
    my ($prefix) = @_;

    return $t->request('DELETE', "/prefix/$prefix");
}

sub fill {
    $t->get('/clear');
    $t->request('POST', "/pickle/$_", 'x') for @_;
}

# those of the paths in @_ that are stored

sub stored {
    return join ' ', grep { $t->get("/pickle/$_")->status == 200 } @_;
}

# counts

fill(qw(ds/1 ds/2 ds/sub/3 ds dsx other));

my $r = purge('ds/');
is $r->answer, q(200 {"message":"prefix 'ds/': 3 keys deleted."}), 'three keys';
is $r->header('Content-Type'), 'application/json', 'type';
is stored(qw(ds/1 ds/2 ds/sub/3 ds dsx other)), 'ds dsx other', 'others stay';
is $t->get('/stat/count')->body, '{"count":3}', 'count';

is purge('ds/')->answer, q(200 {"message":"prefix 'ds/': 0 keys deleted."}),
    'none left';
is purge('none')->answer, q(200 {"message":"prefix 'none': 0 keys deleted."}),
    'none ever';

# a trailing slash tells

is purge('ds')->answer, q(200 {"message":"prefix 'ds': 2 keys deleted."}),
    'without slash';
is stored(qw(ds dsx other)), 'other', 'slash was not implied';

fill(qw(a//b a/b));
is purge('a//')->answer, q(200 {"message":"prefix 'a//': 1 keys deleted."}),
    'two trailing slashes';
is stored(qw(a//b a/b)), 'a/b', 'one slash stays';

# leading slashes do not

for my $path ('/ds', '//ds', '%2Fds', '/%2f/ds') {
    fill(qw(ds/1 x));
    is purge($path)->answer, q(200 {"message":"prefix 'ds': 1 keys deleted."}),
        "leading slashes of $path";
}

# the whole key is a prefix of it

fill(qw(whole whole2));
is purge('whole2')->answer,
    q(200 {"message":"prefix 'whole2': 1 keys deleted."}), 'whole key';
is stored(qw(whole whole2)), 'whole', 'shorter key stays';

# decoding

fill('a%20b/1', 'a+b/1');
is purge('a%20b')->answer, q(200 {"message":"prefix 'a b': 1 keys deleted."}),
    'a decoded space';
is stored('a%20b/1', 'a+b/1'), 'a+b/1', 'plus is a plus';

fill('한글/1', '한국/1');
is purge('%ED%95%9C%EA%B8%80')->answer,
    q(200 {"message":"prefix '한글': 1 keys deleted."}), 'decoded UTF-8';
is purge('한')->answer, q(200 {"message":"prefix '한': 1 keys deleted."}),
    'raw UTF-8';

fill('한글/1');
is purge('%ED%95')->json->{message}, "prefix '\x{fffd}': 1 keys deleted.",
    'part of a character';

fill('p?page=1', 'p?page=2', 'p');
is purge('p?page=')->answer,
    q(200 {"message":"prefix 'p?page=': 2 keys deleted."}), 'query string';
is stored('p'), 'p', 'key without query stays';

fill('p?page=1', 'p');
is purge('p%3Fpage')->answer,
    q(200 {"message":"prefix 'p?page': 1 keys deleted."}), 'decoded query';

fill('a%22b');
is purge('a%22')->answer, q(200 {"message":"prefix 'a\"': 1 keys deleted."}),
    'a quote';

fill('%FF1', '%FF%FF1', '%FE');
is purge('%FF')->json->{message}, "prefix '\x{fffd}': 2 keys deleted.",
    'highest byte';
is stored('%FE'), '%FE', 'byte below stays';

# an empty prefix would be all

for my $path ('', '/', '///', '%2F') {
    fill('x');
    $r = purge($path);
    is $r->answer, '400 {"detail":"prefix is empty"}', "empty: '$path'";
    is $r->header('Content-Type'), 'application/json', "type: '$path'";
    is stored('x'), 'x', "nothing removed: '$path'";
}

# a bad one

for my $path ('x%00', 'x%zz', 'x%4', 'x?%', 'x?%00') {
    $r = purge($path);
    is $r->status, 400, "bad: $path";
    ok length $r->json->{detail}, "detail: $path";
    is stored('x'), 'x', "nothing removed: $path";
}

# both kinds of entry

fill('kind/raw');
$t->request('POST', '/cache/kind/json', '{"value":1}');
is purge('kind/')->answer, q(200 {"message":"prefix 'kind/': 2 keys deleted."}),
    'raw and JSON';

# what has expired is removed, not counted

fill('e/live');
$t->request('POST', '/cache/e/old', '{"value":1,"expire":1}');
is purge('e/')->answer, q(200 {"message":"prefix 'e/': 1 keys deleted."}),
    'expired not counted';
is $t->get('/stat/count')->body, '{"count":0}', 'expired removed';

# many

my $c = $t->connect;
$c->request('POST', "/pickle/many/$_", $_) for 1 .. 3000;
$c->request('POST', '/pickle/man', 1);

is purge('many/')->answer,
    q(200 {"message":"prefix 'many/': 3000 keys deleted."}), 'many keys';
is stored('man'), 'man', 'neighbour stays';
is $t->get('/stat/count')->body, '{"count":1}', 'one left';

# what is stored later stays

$t->request('POST', '/pickle/many/1', 'x');
is stored('many/1'), 'many/1', 'stored after it';

done_testing;
