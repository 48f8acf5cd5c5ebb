#!/usr/bin/perl

# Raw entries: any bytes under any content type, and the two kinds of entry
# read at each other's endpoint.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf->start;

# a miss

my $r = $t->get('/pickle/none');
is $r->answer, '404 {"detail":"cache miss"}', 'miss';
is $r->header('Content-Type'), 'application/json', 'miss type';
is $t->request('HEAD', '/pickle/none')->answer, '404 ', 'miss of HEAD';

# POST, GET, HEAD, PUT

$r = $t->request('POST', '/pickle/k', 'bytes');
is $r->answer, '200 {"key":"k","expire":"not set"}', 'POST';
is $r->header('Content-Type'), 'application/json', 'POST type';

$r = $t->get('/pickle/k');
is $r->answer, '200 bytes', 'GET';
is $r->header('Content-Length'), 5, 'GET length';

my $head = $t->request('HEAD', '/pickle/k');
is $head->answer, '200 ', 'HEAD';
is $head->header($_), $r->header($_), "HEAD $_"
    for qw(Content-Type Content-Length ETag Last-Modified);

$r = $t->request('PUT', '/pickle/k', 'other');
is $r->answer, '200 {"key":"k","expire":"not set"}', 'PUT';
is $t->get('/pickle/k')->answer, '200 other', 'PUT overwrites';

# bytes

my %bodies = (
    'every byte' => join('', map { chr } 0 .. 255),
    'a NUL' => "\0",
    'a pickle' => "\x80\x04\x95\x05\0\0\0\0\0\0\0\x8c\x01a\x94.",
    'a line end' => "\r\n",
    'a JSON text' => '{"value": 1, "expire": null, "duration": null}',
    'many bytes' => join('', map { chr(($_ * 7) % 251) } 0 .. 99_999),
);

for my $name (sort keys %bodies) {
    my $body = $bodies{$name};

    is $t->request('POST', '/pickle/bytes', $body)->answer,
        '200 {"key":"bytes","expire":"not set"}', "$name stored";

    $r = $t->get('/pickle/bytes');
    ok $r->answer eq "200 $body", "$name read";
    is $r->header('Content-Length'), length $body, "$name length";

    $t->request('DELETE', '/pickle/bytes');

    is $t->request('POST', '/pickle/bytes',
        [ unpack '(a1000)*', $body ])->status, 200, "$name chunked";
    ok $t->get('/pickle/bytes')->answer eq "200 $body", "$name read again";
}

# no bytes: a length of zero, no chunk, no body at all

for my $case ([ 'zero length' => '' ], [ 'no chunk' => [] ],
    [ 'no body' => undef ])
{
    my ($name, $body) = @$case;

    $t->request('POST', '/pickle/empty', 'not empty');

    is $t->request('POST', '/pickle/empty', $body)->answer,
        '200 {"key":"empty","expire":"not set"}', "$name stored";

    $r = $t->get('/pickle/empty');
    is $r->answer, '200 ', "$name read";
    is $r->header('Content-Length'), 0, "$name length";
    is $t->request('HEAD', '/pickle/empty')->status, 200, "$name HEAD";
}

# content types

$t->request('POST', '/pickle/type', 'x');
is $t->get('/pickle/type')->header('Content-Type'), 'application/octet-stream',
    'default type';

for my $type ('text/html', 'text/html; charset=EUC-KR', 'application/json',
    'image/png', 'multipart/form-data; boundary="a b"', 'Odd/TYPE;q=1',
    'no slash')
{
    $t->request('POST', '/pickle/type', 'x', 'Content-Type' => $type);

    $r = $t->get('/pickle/type');
    is $r->header('Content-Type'), $type, "kept $type";
    is $r->body, 'x', "body of $type";
    is $t->request('HEAD', '/pickle/type')->header('Content-Type'), $type,
        "HEAD of $type";
}

my $long = 'text/' . 'x' x 1019;

$t->request('POST', '/pickle/type', 'x', 'Content-Type' => $long);
is $t->get('/pickle/type')->header('Content-Type'), $long, 'type of 1024 bytes';

$r = $t->request('POST', '/pickle/type', 'y', 'Content-Type' => "${long}x");
is $r->status, 400, 'type of 1025 bytes';
ok length $r->json->{detail}, 'type of 1025 bytes, detail';
is $t->get('/pickle/type')->body, 'x', 'type of 1025 bytes, unchanged';

for my $none ('', undef) {
    my @headers = defined $none ? ('Content-Type' => $none) : ();

    $t->request('POST', '/pickle/type', 'x', @headers);
    is $t->get('/pickle/type')->header('Content-Type'),
        'application/octet-stream', 'type is overwritten';
}

# an entry of the other kind

$t->request('POST', '/pickle/raw', 'bytes');

$r = $t->get('/cache/raw');
is $r->status, 409, 'raw at /cache/';
is $r->header('Content-Type'), 'application/json', 'conflict type';
like $r->json->{detail}, qr{/pickle/}, 'conflict detail';
is $t->request('HEAD', '/cache/raw')->answer, '409 ', 'HEAD at /cache/';

$t->request('POST', '/cache/json',
    '{"value": {"b" : 1}, "expire": 4102444800.5, "duration": null}');

$r = $t->get('/pickle/json');
is $r->answer, '200 {"value":{"b" : 1},"expire":4102444800.5,"duration":null}',
    'JSON at /pickle/';
is $r->header('Content-Type'), 'application/json', 'JSON type';
is $r->header('Content-Length'), length $r->body, 'JSON length';
is $t->request('HEAD', '/pickle/json')->header('Content-Length'),
    length $r->body, 'HEAD of JSON';

$t->request('POST', '/cache/json', '{"value":1}');
is $t->get('/pickle/json')->answer,
    '200 {"value":1,"expire":null,"duration":null}', 'JSON without lifetime';

# the latest kind counts

$t->request('POST', '/cache/raw', '{"value":2}');
is $t->get('/cache/raw')->json->{value}, 2, 'JSON over raw';

$t->request('POST', '/pickle/json', 'raw');
is $t->get('/cache/json')->status, 409, 'raw over JSON';
is $t->get('/pickle/json')->answer, '200 raw', 'raw is read';

done_testing;
