#!/usr/bin/perl

# $bigcache_status in the access log, and the Cache-Status header.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => q{log_format status '$http_x_id $status $bigcache_status';},
    server => q{
        access_log %%DIR%%/access.log status;
        client_max_body_size 1000;

        location /site/ {
            return 200 "$bigcache_status";
        }

        location /pages/ {
            bigcache_base /pages;
            bigcache main;
            error_page 404 = @backend;
            error_page 503 /site/down;
        }

        location @backend {
            proxy_pass http://127.0.0.1:%%PORT_1%%;
            proxy_set_header X-Id -;
        }

        location /chain/ {
            bigcache_base /chain;
            bigcache main;
            error_page 404 = @chain;
            error_page 412 /site/changed;
        }

        location @chain {
            proxy_pass http://127.0.0.1:%%PORT_1%%;
            proxy_set_header X-Id -;
        }

        location /denied/ {
            deny all;
            bigcache main;
        }
    },
    location => 'add_header X-Status $bigcache_status;',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;

            location / {
                return 200 "backend";
            }

            location /chain/ {
                add_header Cache-Status "origin; fwd=miss";
                add_header Cache-Status "middle; hit";
                return 200 "chain";
            }
        }
    })->start;

my $id = 0;


# is_logged(METHOD, PATH, BODY, HEADERS, LOG, CACHE_STATUS, NAME)

sub is_logged {
    my ($method, $path, $body, $headers, $log, $cache_status, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $id++;

    my $r = $t->request($method, $path, $body, @$headers, 'X-Id' => $id);

    # the line is written when the answer has gone

    my ($line) = $t->wait_for(sub {
        $t->read_file('access.log') =~ /^$id (.*)$/m && $1;
    });

    is_deeply [ $line, join ', ', $r->headers('Cache-Status') ],
        [ $log, $cache_status ], $name;

    return $r;
}


my $r;

is_logged('GET', '/cache/k', undef, [], '404 MISS', 'bigcache; detail=MISS',
    'MISS');
is_logged('GET', '/pickle/k', undef, [], '404 MISS', 'bigcache; detail=MISS',
    'MISS, raw');
is_logged('HEAD', '/cache/k', undef, [], '404 MISS', 'bigcache; detail=MISS',
    'MISS, HEAD');
is_logged('POST', '/cache/k', '{"value":1}', [], '200 STORED',
    'bigcache; detail=STORED', 'STORED');
is_logged('PUT', '/pickle/p', 'raw', [], '200 STORED',
    'bigcache; detail=STORED', 'STORED, raw');
is_logged('POST', '/cache/k', '{"value":1}', [ Prefer => 'return=minimal' ],
    '200 STORED', 'bigcache; detail=STORED', 'STORED, minimal');

$r = is_logged('GET', '/cache/k', undef, [], '200 HIT', 'bigcache; hit', 'HIT');
is $r->header('X-Status'), 'HIT', 'variable in a header';
is_logged('HEAD', '/pickle/p', undef, [], '200 HIT', 'bigcache; hit',
    'HIT, HEAD');
is_logged('GET', '/pickle/p', undef, [ Range => 'bytes=0-0' ], '206 HIT',
    'bigcache; hit', 'HIT, range');
is_logged('GET', '/cache/k', undef,
    [ 'If-None-Match' => $r->header('ETag') ], '304 HIT', 'bigcache; hit',
    'HIT, not modified');

is_logged('GET', '/cache/p', undef, [], '409 CONFLICT',
    'bigcache; detail=CONFLICT', 'CONFLICT');
is_logged('POST', '/cache/k', '{"value":1}', [ 'If-None-Match' => '*' ],
    '412 MISMATCH', 'bigcache; detail=MISMATCH', 'MISMATCH');
is_logged('POST', '/cache/k', '{"value":', [], '422 INVALID',
    'bigcache; detail=INVALID', 'INVALID');
is_logged('POST', '/pickle/k', 'x', [ 'X-Bigcache-Duration' => 'x' ],
    '422 INVALID', 'bigcache; detail=INVALID', 'INVALID header');

is_logged('POST', '/cache/e', '{"value":1,"expire":1}', [], '200 STORED',
    'bigcache; detail=STORED', 'STORED, expired');
is_logged('GET', '/cache/e', undef, [], '404 EXPIRED',
    'bigcache; detail=EXPIRED', 'EXPIRED');
is_logged('GET', '/cache/e', undef, [], '404 MISS', 'bigcache; detail=MISS',
    'MISS after EXPIRED');

is_logged('DELETE', '/cache/k', undef, [], '200 DELETED',
    'bigcache; detail=DELETED', 'DELETED');
is_logged('DELETE', '/cache/k', undef, [], '404 MISS', 'bigcache; detail=MISS',
    'DELETE of nothing');
is_logged('DELETE', '/prefix/p', undef, [], '200 PURGED',
    'bigcache; detail=PURGED', 'PURGED');
is_logged('GET', '/clear', undef, [], '200 CLEARED', 'bigcache; detail=CLEARED',
    'CLEARED');

# an error_page does not hide what came of it

$r = is_logged('GET', '/pages/cache/k', undef, [], '200 MISS',
    'bigcache; detail=MISS', 'MISS, backend');
is $r->body, 'backend', 'page of the backend';
$t->request('POST', '/cache/k', '{"value":1}');
is_logged('GET', '/pages/cache/k', undef, [], '200 HIT', 'bigcache; hit',
    'HIT, no backend');

# other caches behind it stand in front of it

is_logged('GET', '/chain/cache/none', undef, [], '200 MISS',
    'origin; fwd=miss, middle; hit, bigcache; detail=MISS',
    'MISS, another cache');
is_logged('GET', '/chain/cache/k', undef, [ 'If-Match' => '"x"' ], '412 HIT',
    'bigcache; hit', 'HIT, a page for a condition');

# what has no status

is_logged('GET', '/stat', undef, [], '200 -', '', 'stat has none');
is_logged('GET', '/stat/count', undef, [], '200 -', '', 'count has none');
is_logged('GET', '/none', undef, [], '404 -', '', 'no endpoint has none');
is_logged('MKCOL', '/cache/k', undef, [], '405 -', '',
    'wrong method has none');
is_logged('POST', '/cache/k', 'x' x 1001, [], '413 -', '',
    'too large has none');
is_logged('GET', '/denied/', undef, [], '403 -', '', 'denied has none');
$r = is_logged('GET', '/site/', undef, [], '200 -', '', 'site has none');
is $r->body, '', 'empty in text';
is_logged('GET', '/clear', undef, [ 'Sec-Fetch-Site' => 'cross-site' ],
    '403 -', '', 'other site has none');

# a closed store

is_logged('GET', '/close', undef, [], '200 -', '', 'close has none');
is_logged('GET', '/cache/k', undef, [], '503 CLOSED',
    'bigcache; detail=CLOSED', 'CLOSED');
is_logged('POST', '/cache/k', '{"value":1}', [], '503 CLOSED',
    'bigcache; detail=CLOSED', 'CLOSED, POST');
$r = is_logged('GET', '/pages/cache/k', undef, [], '503 CLOSED',
    'bigcache; detail=CLOSED', 'CLOSED, redirected');
is $r->body, 'CLOSED', 'status in the page';
is_logged('POST', '/open', undef, [], '200 -', '', 'open has none');

done_testing;
