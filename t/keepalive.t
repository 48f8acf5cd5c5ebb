#!/usr/bin/perl

# Many requests on a connection, and how a connection ends.

use strict;
use warnings;

use Bigcache::Test qw(raw);
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => q{
        keepalive_requests 10000;
        large_client_header_buffers 4 16k;
    },
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            keepalive_requests 3;
            lingering_close off;

            location / {
                bigcache main;
            }
        }
    })->start;

my $host = "Host: localhost\r\n";


# many requests, one after the other

my $c = $t->connect;

my @bad = grep {
    $c->request('POST', "/cache/$_", "{\"value\":$_}")->status != 200
        || $c->request('GET', "/cache/$_")->json->{value} != $_;
} 1 .. 500;

is "@bad", '', 'a thousand requests';

# refusals with a body that nobody has asked for

my $body = 'GET /clear HTTP/1.1' . "\r\n\r\n" x 100;

for my $request (
    [ 405, MKCOL => '/cache/1' ],
    [ 405, POST => '/stat' ],
    [ 405, GET => '/prefix/x' ],
    [ 404, POST => '/nothing' ],
    [ 404, GET => '/cache/none' ],
    [ 404, DELETE => '/pickle/none' ],
    [ 400, POST => '/cache/' . 'k' x 8193 ],
    [ 400, DELETE => '/prefix/' ],
    [ 200, GET => '/cache/1' ],
    [ 200, HEAD => '/cache/1' ],
    [ 200, GET => '/stat' ],
    [ 200, POST => '/open' ],
    [ 422, POST => '/cache/1' ],
    [ 412, POST => '/cache/1', 'If-None-Match', '*' ],
    [ 403, POST => '/clear', 'Sec-Fetch-Site', 'cross-site' ],
) {
    my ($status, $method, $path, @headers) = @$request;
    my $content = $path eq '/cache/1' && $status == 412 ? '{"value":0}' : $body;
    my $name = "$method " . substr $path, 0, 15;

    is $c->request($method, $path, $content, @headers)->status, $status, $name;
    is $c->request('GET', '/cache/7')->json->{value}, 7, "after $name";
    is $c->request($method, $path, [ unpack '(a100)*', $content ], @headers)
        ->status, $status, "chunked $name";
    is $c->request('GET', '/cache/8')->json->{value}, 8,
        "after chunked $name";
}

# a body that comes later than its refusal

$c->send("POST /nothing HTTP/1.1\r\n${host}Content-Length: 8\r\n\r\n");
is $c->response->status, 404, 'refused before the body';
$c->send("GET /cle" . raw('GET', '/cache/9'));
is $c->response->json->{value}, 9, 'body is passed over';

$c->send("GET /cache/1 HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n");
is $c->response->json->{value}, 1, 'answered before the chunks';
$c->send_slowly(0.02, "3\r\nabc\r\n", "0\r\n", "\r\n", raw('GET', '/cache/2'));
is $c->response->json->{value}, 2, 'chunks are passed over';

# pipelined

my (@requests, @expected);

for my $i (1 .. 50) {
    my ($request, $like) = @{ (
        [ raw('POST', "/cache/n$i", "{\"value\":\"$i\"}"), qr/"value":"$i"/ ],
        [ raw('GET', "/cache/$i"), qr/"value":$i,/ ],
        [ raw('MKCOL', '/cache/x', 'x' x $i), qr/Method Not Allowed/ ],
        [ raw('POST', "/pickle/r$i", [ 'y' x $i, 'z' ]), qr/"key":"r$i"/ ],
        [ raw('DELETE', '/cache/none'), qr/cannot find/ ],
        [ raw('GET', '/stat/count'), qr/"count":/ ],
        [ raw('HEAD', "/cache/$i"), qr/^$/ ],
        [ raw('POST', '/cache/x', 'not json'), qr/"detail":\[/ ],
        [ raw('POST', "/pickle/large$i", 'L' x 50_000), qr/"key":"large$i"/ ],
        [ raw('GET', '/none', [ 'ignored' ]), qr/Not Found/ ],
    )[$i % 10] };

    push @requests, $request;
    push @expected, $like;
}

my @answers = map { $_->body } $t->pipeline(@requests);

is_deeply [ grep { $answers[$_] !~ $expected[$_] } 0 .. 49 ], [],
    'fifty pipelined';
is $t->get('/pickle/r13')->body, 'y' x 13 . 'z', 'pipelined chunks';
is length $t->get('/pickle/large8')->body, 50_000, 'pipelined large body';

@answers = $t->pipeline((raw('GET', '/cache/1')) x 300);
is_deeply [ grep { $_->status != 200 } @answers ], [], 'hundreds pipelined';

# a write, then a read of it, in one go

@answers = $t->pipeline(map { (raw('POST', '/cache/rw', "{\"value\":$_}"),
    raw('GET', '/cache/rw')) } 1 .. 50);
is_deeply [ map { $_->json->{value} } @answers ],
    [ map { ($_, $_) } 1 .. 50 ], 'reads its writes';

# byte by byte

$c = $t->connect;
$c->send_slowly(0.001, split //, raw('POST', '/cache/slow', '{"value":"s"}'));
is $c->response->json->{value}, 's', 'byte by byte';

# HTTP/1.0

my $r = $t->http("GET /cache/1 HTTP/1.0\r\n\r\n");
is $r->json->{value}, 1, 'HTTP/1.0';
is $r->header('Connection'), 'close', 'HTTP/1.0 is closed';

$c = $t->connect;
$c->send("GET /cache/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
is $c->response->header('Connection'), 'keep-alive', 'HTTP/1.0 kept alive';
$c->send("GET /cache/2 HTTP/1.0\r\n\r\n");
is $c->response->json->{value}, 2, 'second HTTP/1.0';
ok $c->closed, 'then closed';

$r = $t->http("POST /pickle/ten HTTP/1.0\r\nContent-Length: 3\r\n\r\nten");
is $r->status, 200, 'HTTP/1.0 POST';
is $t->http("GET /pickle/ten HTTP/1.0\r\n\r\n")->body, 'ten', 'HTTP/1.0 raw';

# Expect: 100-continue

$c = $t->connect;
$c->send("POST /pickle/e HTTP/1.1\r\n${host}Content-Length: 5\r\n"
    . "Expect: 100-continue\r\n\r\n");
like $c->read_until("\r\n\r\n"), qr{^HTTP/1.1 100 }, 'continue';
$c->send('hello');
is $c->response->status, 200, 'then stored';

$c->send("MKCOL /pickle/e HTTP/1.1\r\n${host}Content-Length: 5\r\n"
    . "Expect: 100-continue\r\n\r\n");
like $c->read_until("\r\n\r\n"), qr{^HTTP/1.1 (?:100|405) },
    'a refusal needs no body';
$c->close;
is $t->get('/pickle/e')->body, 'hello', 'stored after continue';

# Connection: close

for my $raw ("GET /cache/1", "GET /cache/none", "GET /nothing", "POST /cache/x",
    "GET /stat", "DELETE /cache/none")
{
    $c = $t->connect;
    $c->send("$raw HTTP/1.1\r\n${host}Connection: close\r\n\r\n");
    is $c->response->header('Connection'), 'close', "$raw says close";
    ok $c->closed, "$raw closes";
}

$c = $t->connect(1);
is join(' ', map { $c->request('GET', '/cache/1')->header('Connection') }
    1 .. 3), 'keep-alive keep-alive close', 'keepalive_requests';
ok $c->closed, 'closed by keepalive_requests';

# clients that leave in the middle

$t->abandon(raw('POST', '/pickle/gone', 'x' x 100)) for 1 .. 20;
$t->abandon(substr raw('POST', '/pickle/gone', 'x' x 100), 0, 150) for 1 .. 20;
$t->connect->send(raw('GET', '/cache/1') x 100)->reset for 1 .. 20;
$t->connect->send(raw('POST', '/cache/gone', '{"value":1}') x 50)->reset
    for 1 .. 20;

is $t->get('/cache/1')->json->{value}, 1, 'clients that left';

done_testing;
