#!/usr/bin/perl

# bigcache_base: what precedes the endpoints in the path.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => 'bigcache_base /all/;',
    server => q{
        bigcache_base /some/prefix;

        location /v1/ {
            bigcache_base /v1/;
            bigcache main;
        }

        location /root/ {
            bigcache_base /;
            rewrite ^/root(/.*)$ $1 break;
            bigcache main;
        }
    },
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;

            location / {
                bigcache main;
            }

            location /cache/ {
                bigcache_base "";
                bigcache main;
            }
        }
    })->start;

my $r = $t->request('POST', '/some/prefix/cache/k', '{"value":1}');
$t->json_is($r, 200, { key => 'k', value => 1, expire => undef }, 'stores');

is $t->get('/some/prefix/cache/k')->json->{key}, 'k', 'base of the server';
is $t->get('/some/prefix/cache//k/')->json->{key}, 'k', 'slashes';
is $t->get('/v1/cache/k')->json->{value}, 1, 'base of the location';
is $t->get('/root/cache/k')->json->{value}, 1, 'no base';
is $t->get('/some/prefix/stat/count')->json->{count}, 1, 'other endpoints';
is $t->get('/some/prefix/stat')->json->{stats}{hit}, 4, 'stat';

for my $path (qw(/cache/k /some/cache/k /some/prefixcache/k /some/prefix
    /some/prefix/ /some/prefix/v1/cache/k /all/cache/k /v1/some/prefix/cache/k
    /SOME/prefix/cache/k //some/prefix/cache/k /some//prefix/cache/k
    /v1/../some/prefix/cache/k))
{
    $t->json_is($t->get($path), 404, { detail => 'Not Found' }, "miss $path");
}

is $t->request('OPTIONS', '/v1/cache/k', '')->header('Allow'),
    'GET, HEAD, POST, PUT, DELETE, PATCH', 'wrong method';
is $t->request('DELETE', '/v1/prefix/k')->json->{message},
    "prefix 'k': 1 keys deleted.", 'purge';

$t->request('POST', '/v1/cache/k', '{"value":2}');

# the other server inherits from http

my $get = sub { $t->request_to(1, 'GET', @_) };

is $get->('/all/cache/k')->json->{value}, 2, 'base of http';
is $get->('/cache/k')->json->{value}, 2, 'base taken off';
is $get->('/some/prefix/cache/k')->status, 404, 'base of the other';
is $get->('/all/clear')->json->{message}, 'All cache deleted.', 'clear';

done_testing;
