#!/usr/bin/perl

# The errors that nginx itself raises are JSON in a bigcache location, and
# nowhere else.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => 'limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;',
    server => q{
        client_max_body_size 1k;

        location /cache/denied {
            bigcache main;
            deny all;
        }

        location /cache/login {
            bigcache main;
            auth_basic cache;
            auth_basic_user_file %%DIR%%/nginx.conf;
        }

        location /cache/limited {
            bigcache main;
            limit_req zone=one;
            limit_req_status 429;
        }

        location /cache/returned500 {
            bigcache main;
            return 500;
        }

        location /cache/returned503 {
            bigcache main;
            return 503;
        }

        location /files/ {
            client_max_body_size 1;
        }
    },
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;

            location / {
            }
        }
    })->start;

sub detail {
    my ($r, $status, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $json = $r->json;

    is $r->status, $status, $name;
    is $r->header('Content-Type'), 'application/json', "$name: type";
    is $r->header('Content-Length'), length $r->body, "$name: length";
    ok ref $json eq 'HASH' && length($json->{detail} // ''), "$name: detail"
        or diag $r->body;
    is ref $json eq 'HASH' && join(' ', keys %$json), 'detail',
        "$name: nothing else";
    is scalar(@{[ $r->headers('Content-Type') ]}), 1, "$name: one type";
}

my $json = '{"value":"old"}';
my $head = "HTTP/1.1\r\nHost: localhost\r\n";
my $large = '{"value":"' . 'x' x 2000 . '"}';

$t->request('POST', '/cache/k', $json);

# bodies

for my $path ('/cache/k', '/pickle/k') {
    for my $method (qw(POST PUT)) {
        my $name = "$method $path";

        detail($t->request($method, $path, $large), 413, "$name too large");
        detail($t->request($method, $path, [ $large ]), 413,
            "$name too large chunk");
        detail($t->request($method, $path, [ unpack '(a100)*', $large ]), 413,
            "$name too many chunks");

        detail($t->http("$method $path ${head}Transfer-Encoding: chunked\r\n"
            . "\r\nzz\r\nx\r\n0\r\n\r\n"), 400, "$name bad chunk");
        detail($t->http("$method $path ${head}Transfer-Encoding: chunked\r\n"
            . "\r\n", "1\r\nx\r\n", "zz\r\n"), 400, "$name bad chunk later");
        detail($t->http("$method $path ${head}Transfer-Encoding: chunked\r\n"
            . "\r\n1\r\nxyz\r\n0\r\n\r\n"), 400, "$name chunk too long");
        detail($t->http("$method $path ${head}Content-Length: x\r\n\r\n"), 400,
            "$name bad length");
        detail($t->http("$method $path ${head}Transfer-Encoding: x\r\n\r\n"),
            501, "$name unknown coding");
    }
}

detail($t->http("POST /cache/k ${head}Content-Length: 5000000\r\n\r\n"), 413,
    'announced too large');
detail($t->request('MKCOL', '/cache/k', $large), 413, 'no such method');

is $t->get('/cache/k')->json->{value}, 'old', 'store unchanged';

# the request line and the header

for my $path ('/cache/', '/pickle/', '/prefix/') {
    detail($t->get($path . 'k' x 9000), 414, "$path long path");
    detail($t->get($path . 'k?' . 'k' x 9000), 414, "$path long query");
    detail($t->get($path . 'k', 'X-Long' => 'x' x 9000), 400,
        "$path long header");
}

detail($t->http("POST /cache/" . 'k' x 9000 . " ${head}\r\n"), 414,
    'long path of POST');
detail($t->http("GET /cache/k HTTP/1.1\r\n\r\n"), 400, 'no Host');
detail($t->http("GET /cache/k HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, 'bad Host');

my $r = $t->http('HEAD /cache/' . 'k' x 9000 . " $head\r\n");
is $r->status, 414, 'HEAD of long path';
is $r->header('Content-Type'), 'application/json', 'HEAD of long path: type';

# conditions and ranges

my $old = 'Sun, 06 Nov 1994 08:49:37 GMT';

for my $path ('/cache/k', '/pickle/k') {
    detail($t->get($path, 'If-Match' => '"x"'), 412, "If-Match on $path");
    detail($t->get($path, 'If-Unmodified-Since' => $old), 412,
        "If-Unmodified-Since on $path");

    $r = $t->request('HEAD', $path, undef, 'If-Match' => '"x"');
    is $r->status, 412, "HEAD of $path";
    is $r->body, '', "HEAD of $path: no body";
}

$t->request('POST', '/pickle/raw', 'bytes');
detail($t->get('/pickle/raw', Range => 'bytes=5-'), 416, 'range');
is $t->get('/pickle/raw', Range => 'bytes=5-')->header('Content-Range'),
    'bytes */5', 'range: Content-Range';

# access

detail($t->get('/cache/denied'), 403, 'denied');
detail($t->request('POST', '/cache/denied', $json), 403, 'denied POST');
detail($t->get('/cache/login'), 401, 'no password');
is $t->get('/cache/login')->header('WWW-Authenticate'), 'Basic realm="cache"',
    'no password: WWW-Authenticate';

$t->get('/cache/limited');
detail($t->get('/cache/limited'), 429, 'limited');

detail($t->get("/cache/returned$_"), $_, "returned $_") for 500, 503;

# the connection goes on where it can

my $c = $t->connect;
detail($c->request('GET', '/cache/denied'), 403, 'kept: denied');
detail($c->request('GET', '/pickle/raw', undef, Range => 'bytes=9-'), 416,
    'kept: range');
is $c->request('GET', '/pickle/raw')->body, 'bytes', 'kept: page';

# elsewhere nginx answers as ever

for my $request ([ 0, '/files/none', 404 ], [ 1, '/none', 404 ],
    [ 1, '/cache/' . 'k' x 9000, 414 ], [ 0, '/files/' . 'k' x 9000, 414 ])
{
    my ($n, $path, $status) = @$request;
    my $name = "server $n " . substr $path, 0, 12;

    $r = $t->connect($n)->request('GET', $path);
    is $r->status, $status, $name;
    is $r->header('Content-Type'), 'text/html', "$name: type";
    like $r->body, qr/<html>/, "$name: body";
}

$r = $t->request('POST', '/files/x', 'too large');
is $r->header('Content-Type'), 'text/html', 'another location';

is $t->get('/cache/k')->json->{value}, 'old', 'store still unchanged';


# a request line that nginx moves to a large buffer and then refuses: what it
# knows of the path is not to be trusted

my %moved;

for my $i (1 .. 100) {
    my $c = $t->connect;
    $c->send('GET /cache/' . 'a' x (1000 + $i) . "\x01 HTTP/1.1\r\n"
        . "Host: a\r\n\r\n");
    $r = $c->response;
    $moved{ $r->status . ' ' . $r->body }++;
}

is_deeply \%moved, { '400 {"detail":"the request is malformed"}' => 100 },
    'moved request line';

done_testing;
