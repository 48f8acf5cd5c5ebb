#!/usr/bin/perl

# Requests that reach the cache by another path than they were sent to:
# rewrites, internal redirects, subrequests.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => 'client_max_body_size 2m;',
    server => q{
        location /old/ {
            rewrite ^/old/(.*)$ /cache/$1 break;
            bigcache main;
        }

        location /last/ {
            rewrite ^/last/(.*)$ /cache/$1 last;
        }

        location /fixed/ {
            rewrite ^/fixed/(.*)$ /cache/page?id=$1? break;
            bigcache main;
        }

        location /raw/ {
            rewrite ^/raw/(.*)$ /pickle/$1 break;
            bigcache main;
        }

        location /try/ {
            root %%DIR%%/none;
            try_files $uri /cache$uri;
        }

        location /named/ {
            root %%DIR%%/none;
            try_files $uri @named;
        }

        location @named {
            bigcache_base /named;
            bigcache main;
        }

        location /away/ {
            rewrite ^ /elsewhere break;
            bigcache main;
        }

        location /ssi/ {
            ssi on;
            root %%DIR%%;
        }

        location /mirror-body/ {
            mirror /mirror;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }

        location = /mirror {
            internal;
            rewrite ^ /pickle/mirrored break;
            bigcache main;
        }
    },
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;

            location / {
                return 204;
            }
        }
    })->start;

# rewrite ... break

my $r = $t->request('POST', '/old/a%2Fb%20c?q=%41', '{"value":1}');

is $r->json->{key}, 'a/b c?q=A', 'rewritten key';
is $t->get('/cache/a/b%20c?q=A')->json->{value}, 1, 'stored under it';
is $t->get('/old/a/b%20c?q=A')->json->{value}, 1, 'served by rewrite';
is $t->get('/old/a%252Fb')->json->{detail}, 'cache miss', 'decoded once';
is $t->request('DELETE', '/old/a/b%20c?q=A')->status, 200, 'deleted';

$t->request('POST', '/fixed/7?x=1', '{"value":7}');
is $t->get('/cache/page?id=7')->json->{value}, 7, 'arguments of the rewrite';

$t->request('POST', '/raw/k', 'bytes');
is $t->get('/pickle/k')->body, 'bytes', 'raw endpoint';
is $t->get('/raw/k', Range => 'bytes=1-2')->body, 'yt', 'range';

is $t->get('/old/%00')->status, 400, 'NUL byte';
is $t->get('/old/')->status, 404, 'empty key';
$t->json_is($t->get('/away/x'), 404, { detail => 'Not Found' },
    'rewritten elsewhere');

# internal redirects

$t->request('POST', '/last/k?a', '{"value":2}');
is $t->get('/cache/k?a')->json->{value}, 2, 'rewrite last';

$t->request('POST', '/cache/try/k', '{"value":3}');
is $t->get('/try/k')->json->{value}, 3, 'try_files';
$t->json_is($t->get('/try/none'), 404, { detail => 'cache miss' },
    'try_files, miss');

$t->request('POST', '/cache/n%20n', '{"value":4}');
is $t->get('/named/cache/n%20n')->json->{value}, 4, 'named location';
is $t->get('/named/cache/none')->json->{detail}, 'cache miss',
    'named location, miss';

# subrequests

my $large = 'L' x 1_500_000;

$t->request('POST', '/pickle/part', 'part');
$t->request('POST', '/pickle/large', $large);

mkdir $t->dir . '/ssi';
$t->write_file('ssi/one.html', '[<!--#include virtual="/pickle/part" -->]');
$t->write_file('ssi/many.html',
    '<!--#include virtual="/pickle/part" -->.' x 100);
$t->write_file('ssi/mixed.html', join '|',
    map { "<!--#include virtual=\"$_\" -->" } qw(/cache/page?id=7
        /pickle/large /cache/none /pickle/part /stat/count /elsewhere));

is $t->get('/ssi/one.html')->body, '[part]', 'include';
is $t->get('/ssi/many.html')->body, 'part.' x 100, 'a hundred includes';

my @parts = split /\|/, $t->get('/ssi/mixed.html')->body;

like $parts[0], qr/"value":7/, 'include with arguments';
ok $parts[1] eq $large, 'include of a file';
like $parts[2], qr/404 Not Found/, 'include of a miss';
is $parts[3], 'part', 'include after a miss';
like $parts[4], qr/^\{"count":\d+\}$/, 'include of the count';
like $parts[5], qr/404 Not Found/, 'include of nothing';

is $t->request('HEAD', '/ssi/one.html')->status, 200, 'HEAD with include';
is $t->request('POST', '/cache/x', '{')->status, 422, 'a POST still works';

# a subrequest with a body

for my $size (5, 100_000) {
    is $t->request('POST', '/mirror-body/', 'm' x $size)->status, 204,
        "mirrored $size";
    $r = $t->wait_for(sub {
        my $got = $t->get('/pickle/mirrored');
        $got->status == 200 && length $got->body == $size && $got;
    });
    ok $r, "mirror stored $size";
}

# a client that leaves while subrequests run

$t->abandon("GET /ssi/mixed.html HTTP/1.1\r\nHost: x\r\n\r\n") for 1 .. 20;
is $t->get('/ssi/one.html')->body, '[part]', 'clients that left';

done_testing;
