#!/usr/bin/perl

# error_page: one of the bigcache location itself is for the cache, one of the
# server is for people.

use strict;
use warnings;

use Bigcache::Test qw(raw);
use Test::More;

my $t = Bigcache::Test->new;

$t->write_file('people.html', 'for people');

$t->conf(
    http => q{
        limit_req_zone $http_x_limit zone=limit:1m rate=1r/m;

        large_client_header_buffers 4 16k;
    },
    server => q{
        # error pages for people

        error_page 400 404 405 409 412 422 503 /people.html;

        location = /people.html {
            root %%DIR%%;
        }

        location /static/ {
            root %%DIR%%;
        }
    },
    servers => q{
        # error pages of the locations themselves

        server {
            listen 127.0.0.1:%%PORT_1%%;

            error_page 404 /people.html;

            location /cache/ {
                client_max_body_size 100;
                bigcache main;
                error_page 404 = @backend;
                error_page 413 = @large;
                error_page 503 =202 @closed;
            }

            location /cache/limited/ {
                limit_req zone=limit;
                bigcache main;
                error_page 503 = @closed;
            }

            location /pickle/ {
                bigcache main;
                error_page 404 /cache/fallback;
            }

            location /stat {
                bigcache main;
                error_page 404 =200 /people.html;
            }

            location @backend {
                proxy_pass http://127.0.0.1:%%PORT_2%%;
            }

            location /incr/ {
                bigcache main;
                error_page 405 503 =200 @closed;
            }

            location @large {
                return 200 "large";
            }

            location @closed {
                return 202 "closed";
            }

            location = /people.html {
                root %%DIR%%;
            }
        }

        # the backend

        server {
            listen 127.0.0.1:%%PORT_2%%;

            location / {
                add_header X-Method $request_method;
                return 200 "made $request_uri";
            }

            location /cache/none {
                return 404 "backend has none";
            }

            # tells what it was sent, which a GET that was led astray has not

            location /cache/body/ {
                proxy_method POST;
                proxy_pass http://127.0.0.1:%%PORT_0%%;
            }
        }

        # one after the other

        server {
            listen 127.0.0.1:%%PORT_3%%;
            recursive_error_pages on;

            location /cache/ {
                bigcache main;
                error_page 404 = @second;
            }

            location @second {
                rewrite ^/cache/(.*)$ /cache/second/$1 break;
                bigcache main;
                error_page 404 = @third;
            }

            location @third {
                rewrite ^ /pickle/third break;
                bigcache main;
                error_page 404 = @last;
            }

            location @last {
                return 200 "last";
            }

            location /loop/ {
                rewrite ^/loop/(.*)$ /cache/$1 break;
                bigcache main;
                error_page 404 /loop/again;
            }
        }
    })->start;


# error_page of the server

$t->json_is($t->get('/cache/none'), 404, { detail => 'cache miss' }, 'a miss');
is $t->request('POST', '/cache/k', '{')->json->{detail}[0]{loc}[0], 'body',
    'not JSON';
is $t->request('MKCOL', '/cache/k')->json->{detail}, 'Method Not Allowed',
    'wrong method';
is $t->get('/elsewhere')->json->{detail}, 'Not Found', 'no endpoint';
is $t->get('/cache/' . 'k' x 8193)->json->{detail},
    'the key is longer than 8192 bytes', 'bad key';
is $t->get('/static/none')->body, 'for people', 'another location';

# error_page of the location: a miss goes to the backend, a hit does not

my $r = $t->request_to(1, 'GET', '/cache/page?1');

is $r->status, 200, 'backend on a miss';
is $r->body, 'made /cache/page?1', 'made by the backend';
is $r->header('Content-Type'), 'text/plain', 'its type';

$t->request('POST', '/cache/page?1', '{"value":1}');

$r = $t->request_to(1, 'GET', '/cache/page?1');
is $r->json->{value}, 1, 'a hit';
is $r->header('X-Method'), undef, 'without the backend';

$r = $t->request_to(1, 'HEAD', '/cache/other');
is $r->status, 200, 'HEAD of a miss';

is $t->request_to(1, 'GET', '/cache/none')->body, 'backend has none', 'its 404';

my $c = $t->connect(1);
is $c->request('GET', '/cache/more')->body, 'made /cache/more', 'kept alive';
is $c->request('GET', '/cache/page?1')->json->{value}, 1, 'next request';
is $c->request('DELETE', '/cache/more')->body, 'made /cache/more',
    'DELETE of a miss';
$c->close;

# a body that the cache has no use for is not lost on the way

for my $method (qw(GET DELETE)) {
    $c = $t->connect(1);
    $r = $c->request($method, '/cache/body/x', '{"value":"sent"}');
    is $r->status, 200, "$method with a body: made by the backend";
    is $r->json->{value}, 'sent', 'which had it';
    is $c->request('GET', '/cache/more')->body, 'made /cache/more',
        'the next request is one';

    $t->request('DELETE', '/cache/body/x');

    $c->begin($method, '/cache/body/x', 16)
        ->send('{"value":"late"}' . raw('GET', '/cache/more'));
    is $c->response->json->{value}, 'late', "$method with a late body";
    is $c->response->body, 'made /cache/more', 'and the next request';

    $t->request('DELETE', '/cache/body/x');
}

# what is not of bigcache has no headers that only its errors have

$r = $t->request_to(1, 'PUT', '/incr/k', '');
is $r->body, 'closed', 'another method: taken over';
is $r->header('Allow'), undef, 'without what is allowed';
is $t->request_to(0, 'PUT', '/incr/k', '')->header('Allow'), 'POST',
    'which is said else';

# others

is $t->request_to(1, 'POST', '/cache/k', 'x' x 101)->body, 'large', 'too large';
$c = $t->connect(1);
is $c->request('POST', '/cache/k', [ 'x' x 60, 'y' x 60 ])->body, 'large',
    'too large, chunked';
$c->close;
is $t->request_to(1, 'POST', '/cache/k', '{')->status, 422, 'no page for it';

$t->json_is($t->request_to(1, 'GET', '/pickle/none'), 404,
    { detail => 'cache miss' }, 'redirected once');
$t->request('POST', '/cache/fallback', '{"value":5}');
is $t->request_to(1, 'GET', '/pickle/none')->json->{value}, 5,
    'redirected to a hit';

$r = $t->request_to(1, 'GET', '/stat/none');
is $r->status, 200, 'no endpoint in a location';
is $r->body, 'for people', 'page of that location';

# recursive_error_pages

is $t->request_to(3, 'GET', '/cache/n')->body, 'last', 'all of them';
$t->request('POST', '/pickle/third', 'third');
is $t->request_to(3, 'GET', '/cache/n')->body, 'third', 'third';
$t->request('POST', '/cache/second/n', '{"value":"second"}');
is $t->request_to(3, 'GET', '/cache/n')->json->{value}, 'second', 'second';
$t->request('POST', '/cache/n', '{"value":"first"}');
is $t->request_to(3, 'GET', '/cache/n')->json->{value}, 'first', 'first';
$r = $t->request_to(3, 'GET', '/loop/x');
ok $r->status >= 400, 'a circle ends';

# limit_req and a closed store

$c = $t->connect(1);
is $c->request('GET', '/cache/limited/x', undef, 'X-Limit' => 1)->status, 404,
    'within the limit';
is $c->request('GET', '/cache/limited/x', undef, 'X-Limit' => 1)->body,
    'closed', 'over the limit';

$t->get('/close');
$r = $t->request_to(1, 'GET', '/cache/page?1');
is $r->status, 202, 'closed';
is $r->body, 'closed', 'page for a closed store';
is $r->header('Retry-After'), undef, 'which does not ask to come again';
is $t->get('/cache/k')->header('Retry-After'), 1, 'as others do';
is $t->get('/cache/k')->json->{detail}, 'the store is closed, POST /open '
    . 'opens it', 'closed, page of the server';

done_testing;
