#!/usr/bin/perl

# JSON entries: POST, PUT, GET, HEAD, the miss, and how a body may arrive.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => 'client_max_body_size 10m;',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            client_body_in_file_only clean;

            location / {
                bigcache main;
            }
        }
    })->start;

sub is_json {
    my ($r, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return is($r->header('Content-Type'), 'application/json', $name);
}

# a miss

my $r = $t->get('/cache/none');
is $r->status, 404, 'miss';
is_json($r, 'miss type');
is ref $r->json, 'HASH', 'miss is object';
is join(' ', keys %{ $r->json }), 'detail', 'miss member';
ok length $r->json->{detail}, 'miss detail';

$r = $t->request('HEAD', '/cache/none');
is $r->answer, '404 ', 'miss of HEAD';
is_json($r, 'type of missed HEAD');

# POST and GET

$r = $t->request('POST', '/cache/k', '{"value": {"a": [1, 2]}}');
is $r->answer, '200 {"key":"k","value":{"a": [1, 2]},"expire":null}', 'POST';
is_json($r, 'POST type');
is $r->header('Content-Length'), length $r->body, 'POST length';

$r = $t->get('/cache/k');
is $r->answer,
    '200 {"key":"k","value":{"a": [1, 2]},"expire":null,"duration":null}',
    'GET';
is_json($r, 'GET type');
is $r->header('Content-Length'), length $r->body, 'GET length';

# HEAD

my $head = $t->request('HEAD', '/cache/k');
is $head->answer, '200 ', 'HEAD';
is $head->header($_), $r->header($_), "HEAD $_"
    for qw(Content-Type Content-Length ETag Last-Modified);

# PUT

$r = $t->request('PUT', '/cache/k', '{"value":"put"}');
is $r->answer, '200 {"key":"k","value":"put","expire":null}', 'PUT';
is_json($r, 'PUT type');
is $t->get('/cache/k')->answer,
    '200 {"key":"k","value":"put","expire":null,"duration":null}',
    'PUT overwrites';

$r = $t->request('PUT', '/cache/new', '{"value":1}');
is $r->answer, '200 {"key":"new","value":1,"expire":null}', 'PUT creates';

$r = $t->request('POST', '/cache/k', '{"value":[]}');
is $r->answer, '200 {"key":"k","value":[],"expire":null}', 'POST overwrites';

# all members, and some that are unknown

$r = $t->request('POST', '/cache/all', '{"other":1,"value":true,'
    . '"expire":4102444800,"duration":null,"x":{"value":2}}');
is $r->answer, '200 {"key":"all","value":true,"expire":4102444800}',
    'unknown members ignored';
is $t->get('/cache/all')->answer,
    '200 {"key":"all","value":true,"expire":4102444800,"duration":null}',
    'all members shown';

# the content type does not matter

for my $type ('application/json', 'text/plain', 'application/octet-stream',
    'application/x-www-form-urlencoded', 'nonsense')
{
    $r = $t->request('POST', '/cache/type', qq({"value":"$type"}),
        'Content-Type' => $type);
    is $r->answer, qq(200 {"key":"type","value":"$type","expire":null}),
        "sent as $type";
}

# of any size: in one buffer, in several, in a temporary file

for my $size (1, 1000, 9000, 16 * 1024, 40_000, 300_000, 3_000_000) {
    my $value = '"' . 'v' x $size . '"';
    my $body = qq({"value":$value});
    my $stored = qq(200 {"key":"size","value":$value,"expire":null});

    ok $t->request('POST', '/cache/size', $body)->answer eq $stored,
        "$size bytes";

    my @chunks = unpack '(a70000)*', $body;
    ok $t->request('POST', '/cache/size', \@chunks)->answer eq $stored,
        "$size bytes chunked";

    ok $t->connect(1)->request('POST', '/cache/size', $body)->answer
        eq $stored, "$size bytes in file";

    ok $t->get('/cache/size')->answer
        eq qq(200 {"key":"size","value":$value,"expire":null,"duration":null}),
        "$size bytes read";
}

# in small pieces

my @pieces = split //, '{"value":12}';

$r = $t->request('POST', '/cache/chunks', \@pieces);
is $r->answer, '200 {"key":"chunks","value":12,"expire":null}',
    'chunks of a byte';

$r = $t->http("POST /cache/slow HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 12\r\n\r\n", @pieces);
is $r->answer, '200 {"key":"slow","value":12,"expire":null}', 'slow body';

$r = $t->http("POST /cache/slow HTTP/1.1\r\nHost: localhost\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n", "8\r\n{\"val", "ue\"\r\n4\r\n:1",
    "3}\r\n0\r\n", "\r\n");
is $r->answer, '200 {"key":"slow","value":13,"expire":null}', 'slow chunks';

$r = $t->request('POST', '/cache/continue', '{"value":1}',
    Expect => '100-continue');
is $r->answer, '200 {"key":"continue","value":1,"expire":null}',
    'expects to continue';

# a connection that is kept

my $c = $t->connect;

$c->request('POST', '/cache/kept', '{"value":1}');
is $c->request('GET', '/cache/kept')->answer,
    '200 {"key":"kept","value":1,"expire":null,"duration":null}',
    'kept connection';
is $c->request('GET', '/cache/missing')->status, 404, 'miss keeps it';
is $c->request('POST', '/cache/kept', '{}')->status, 422, '422 keeps it';
is $c->request('HEAD', '/cache/kept')->answer, '200 ', 'HEAD keeps it';
is $c->request('GET', '/cache/kept')->status, 200, 'still usable';

is $t->http("GET /cache/kept HTTP/1.0\r\n\r\n")->answer,
    '200 {"key":"kept","value":1,"expire":null,"duration":null}', 'HTTP/1.0';

done_testing;
