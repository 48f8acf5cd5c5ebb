#!/usr/bin/perl

# GET /keys/PREFIX: what is stored, in the order of the keys, page by page.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Bigcache::Test->new->conf(
    main => 'worker_processes 3;')->start;

# path(KEY): percent-encoded

sub path { $_[0] =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger }

# all(PREFIX, LIMIT): the rows of all pages, and how many pages there were

sub all {
    my ($prefix, $limit) = @_;
    my ($next, $pages, @rows) = ('', 0);

    while (1) {
        my $r = $t->get('/keys/' . path($prefix) . "?limit=$limit"
            . ($pages ? "&after=$next" : ''));

        $r->status == 200 or die $r->status;

        push @rows, @{$r->json->{keys}};
        $next = $r->json->{next};
        $pages++;

        return (\@rows, $pages) if !defined $next;
    }
}

# nothing

my $r = $t->get('/keys/');

is $r->status, 200, 'nothing stored';
is $r->body, '{"keys":[],"next":null}', 'an empty list';
is $r->header('Content-Type'), 'application/json', 'type';
is $r->header('ETag'), undef, 'a list has no ETag';

# what a row says

my $began = int time;

$t->request('POST', '/cache/a', '{"value":[1],"expire":4102444800.5}');
$t->request('POST', '/pickle/b', 'x' x 5, 'Content-Type' => 'text/html');
$t->request('POST', '/pickle/c', '<p>' x 3000, 'Content-Type' => 'a/b; c="d"');
$t->request('POST', '/pickle/d', '');
$t->request('POST', '/pickle/e', 'gone', 'X-Bigcache-Expire' => 1);
$t->request('POST', '/pickle/f', 'deleted');
$t->request('DELETE', '/pickle/f');

my @rows = @{$t->get('/keys/')->json->{keys}};

is scalar @rows, 4, 'live pages only';
is join(' ', map { $_->{key} } @rows), 'a b c d', 'in order';
is join(' ', map { $_->{kind} } @rows), 'json raw raw raw', 'kinds';
is join(' ', map { $_->{type} // 'null' } @rows),
    'null text/html a/b; c="d" null', 'types, in the index or in a segment';
is $rows[0]{size}, length '{"key":"a","value":[1],"expire":4102444800.5,'
    . '"duration":null}', 'size of a document';
is join(' ', map { $_->{size} } @rows[1 .. 3]), '5 9000 0',
    'sizes, unpacked';
is $rows[0]{expire}, 4102444800.5, 'expire';
is $rows[1]{expire}, undef, 'no expire';
ok $rows[$_]{stored} >= $began && $rows[$_]{stored} <= time + 1,
    "stored, $_" for 0 .. 3;

# prefixes

$t->request('GET', '/clear');

my @keys = ('', 'a', 'a/', map({ "a/$_" } 1 .. 30), 'a/1/x', 'ab', 'b', 'B',
    "\xed\x95\x9c\xea\xb8\x80", "\xff\xfe", 'a?b=c', 'x' x 4000, '%', 'a b');

@keys = grep { $_ ne 'a/' } @keys;       # the slash is no part of a key

for my $key (@keys) {
    $r = $t->request('POST', '/pickle/' . path($key), 'v');
    is $r->status, 200, 'stored ' . substr path($key), 0, 20;
}

sub shown {
    my ($key) = @_;

    utf8::decode($key) or $key =~ s/[\x80-\xff]/\x{fffd}/g;

    return $key;
}

for my $prefix ('', 'a', 'a/', 'a/1', 'a/1/x', 'b', 'none', 'x', "\xff",
    'x' x 4000, 'x' x 4001, 'a?')
{
    my @want = map { shown($_) } sort grep { index($_, $prefix) == 0 } @keys;
    my $name = substr path($prefix), 0, 10;

    for my $limit (1, 2, 7, 100, 1000) {
        my ($rows, $pages) = all($prefix, $limit);

        is_deeply [ map { $_->{key} } @$rows ], \@want,
            "prefix '$name', $limit a page";
        cmp_ok $pages, '<=', @want / $limit + 2, 'pages';
    }
}

# a query string is none of the prefix; after may be anything

is $t->get('/keys/a/1?limit=1')->json->{next}, 'a%2F1', 'next';
is $t->get('/keys/a/?after=a')->json->{keys}[0]{key}, 'a/1',
    'after that lies in front of the prefix';
is_deeply $t->get('/keys/a/?after=b')->json->{keys}, [],
    'after that lies behind it';
is $t->get('/keys/?after=')->json->{keys}[0]{key}, '%',
    'after the empty key';
is $t->get('/keys/?limit=1')->json->{keys}[0]{key}, '', 'the empty key';
is $t->get('/keys/?%6c=1&limit=%31')->json->{next}, '', 'an escaped limit';
is $t->get('/keys/?limit=%3')->json->{detail}, 'limit has a broken escape',
    'a broken one';
is $t->get('/keys/?limit=1')->json->{next}, '', 'which is a next, too';
is $t->get('/keys//a/2')->json->{keys}[0]{key}, 'a/2',
    'leading slashes are no part of a prefix';

# more than one message between processes holds

$t->request('GET', '/clear');

for my $i (1 .. 40) {
    $t->request('POST', '/pickle/' . 'k' x 3900 . sprintf('%02d', $i), $i);
}

for (1 .. 6) {
    $r = $t->get('/keys/?limit=1000');
    is scalar @{$r->json->{keys}}, 40, 'long keys';
    is $r->json->{next}, undef, 'all of them';
}

# purged pages are not listed, and many of them do not take long

$t->request('DELETE', '/prefix/k');
is $t->get('/keys/')->body, '{"keys":[],"next":null}', 'purged';

# bad input

for my $args ('limit=0', 'limit=1001', 'limit=', 'limit=x', 'limit=-1',
    'limit=1e2', 'limit=99999999999999999999')
{
    $r = $t->get("/keys/?$args");
    is $r->status, 400, $args;
    is $r->json->{detail}, 'limit is not a number from 1 to 1000', 'why';
}

for my $args ('after=%', 'after=%zz', 'after=' . 'x' x 6000 . '%') {
    $r = $t->get("/keys/?$args");
    is $r->status, 400, substr $args, 0, 20;
    is $r->json->{detail}, 'after has a broken escape', 'why';
}

$r = $t->get('/keys/a%00b');
is $r->status, 400, 'NUL in a prefix';

$r = $t->request('POST', '/keys/', '');
is $r->status, 405, 'POST';
is $r->header('Allow'), 'GET, HEAD', 'Allow';

$r = $t->request('HEAD', '/keys/');
is $r->status, 200, 'HEAD';
is $r->body, '', 'without a body';

is $t->get('/keys')->status, 404, 'without a slash';

$t->request('POST', '/close');
$r = $t->get('/keys/');
is $r->status, 503, 'closed';
is $r->json->{detail}, 'the store is closed, POST /open opens it', 'why';

done_testing;
