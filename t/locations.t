#!/usr/bin/perl

# bigcache beside other locations, and behind their access rules: a path that
# nginx matches with one location must not reach an endpoint of another.

use strict;
use warnings;
no warnings 'qw';

use Bigcache::Test;
use MIME::Base64;
use Test::More;

my $t = Bigcache::Test->new;

$t->write_file('passwd', "user:{PLAIN}secret\n");

$t->conf(<<'END')->start;
%%MODULE%%

events {
}

http {
    %%HTTP%%

    bigcache_path %%DIR%%/store zone=main:1m;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            return 200 "site";
        }

        location /cache/ {
            bigcache main;
        }

        location /cache/secret/ {
            deny all;
            bigcache main;
        }

        location /pickle/ {
            bigcache main;

            limit_except GET {
                deny all;
            }
        }

        location /prefix/ {
            deny all;
            bigcache main;
        }

        location /prefix/open/ {
            bigcache main;
        }

        location = /clear {
            deny all;
            bigcache main;
        }

        location = /close {
            allow 127.0.0.2;
            deny all;
            bigcache main;
        }

        location = /open {
            allow 127.0.0.1;
            deny all;
            bigcache main;
        }

        location /stat {
            auth_basic "stat";
            auth_basic_user_file %%DIR%%/passwd;
            bigcache main;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;

        location / {
            bigcache main;
        }

        location = /exact {
            return 200 "exact";
        }

        location ^~ /static/ {
            return 200 "static";
        }

        location ~ \.php$ {
            return 200 "php";
        }

        location /pickle/ {
            bigcache main;

            limit_except GET DELETE {
                allow 127.0.0.1;
                deny all;
            }
        }
    }

    # guards of endpoints, and paths that are rewritten into them

    server {
        listen 127.0.0.1:%%PORT_2%%;

        location / {
            bigcache main;
        }

        location ~ ^/(?:clear|close|open|batch|metrics|stat|stat/count)$ {
            deny all;
        }

        location /last/ {
            rewrite ^/last(/.*)$ $1 last;
        }

        location /break/ {
            rewrite ^/break(/.*)$ $1 break;
            bigcache main;
        }

        location = /break/clear {
            deny all;
        }

        location ~ ^/error(/.*)$ {
            error_page 418 = $1;
            return 418;
        }

        location /tried/ {
            rewrite ^/tried(/.*)$ $1 break;
            try_files /none $uri;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_3%%;

        set $args $args;

        location / {
            bigcache main;
        }

        location ~ ^/(?:clear|close|open|batch|metrics|stat|stat/count)$ {
            deny all;
        }
    }
}
END

my @login = (Authorization => 'Basic ' . encode_base64('user:secret', ''));


# open_request(METHOD, PATH, BODY): on the server without access rules

sub open_request {
    my ($method, $path, $body) = @_;

    return $t->connect(1)->request($method, $path, $body,
        Connection => 'close');
}


sub count { open_request('GET', '/stat/count')->json->{count} }


# beside other locations

is open_request('POST', '/cache/a', '{"value":1}')->status, 200, 'stores';
is open_request('GET', '/exact')->body, 'exact', 'exact location';
is open_request('GET', '/static/cache/a')->body, 'static', 'prefix location';
is open_request('GET', '/cache/a.php')->body, 'php', 'regex location';
is open_request('GET', '/other')->json->{detail}, 'Not Found', 'no endpoint';
is $t->get('/')->body, 'site', 'the site';
is $t->get('/cachet')->body, 'site', 'the site, similar path';
is $t->get('/cache/a')->json->{value}, 1, 'an endpoint';

# limit_except: those it excepts, those it lets in, those it does not

is open_request('POST', '/pickle/p', 'x')->status, 200,
    'limit_except that allows';
is open_request('GET', '/pickle/p')->body, 'x', 'method excepted';
is open_request('GET', '/pickle/none')->json->{detail}, 'cache miss',
    'miss, method excepted';
is $t->get('/pickle/p')->body, 'x', 'method excepted from deny';
is $t->request('HEAD', '/pickle/p')->status, 200, 'HEAD goes with GET';
$t->json_is($t->request($_, '/pickle/p', 'y'), 403, { detail => 'Forbidden' },
    "limit_except denies $_") for qw(POST PUT DELETE);
is open_request('DELETE', '/pickle/p')->status, 200, 'two excepted';

# access rules

$t->json_is($t->get('/clear'), 403, { detail => 'Forbidden' }, 'deny');
$t->json_is($t->request('DELETE', '/prefix/a'), 403,
    { detail => 'Forbidden' }, 'deny prefix');
is $t->get('/close')->status, 403, 'allow another';
is $t->request('POST', '/open')->status, 200, 'allow';
is $t->request('DELETE', '/prefix/open/none')->json->{message},
    "prefix 'open/none': 0 keys deleted.", 'inner location';

my $r = $t->get('/stat/count');
$t->json_is($r, 401, { detail => 'Unauthorized' }, 'auth_basic');
is $r->header('WWW-Authenticate'), 'Basic realm="stat"', 'challenge';
is $t->get('/stat/count', @login)->json->{count}, 1, 'with a password';
is $t->get('/stat?x', @login)->status, 200, 'with arguments';

# no way around them

open_request('POST', "/cache/$_", '{"value":1}')
    for qw(open/a secret/a b/c clear);

my $count = count();

for my $path (qw(
    /cache/../clear /cache/..%2fclear /cache/..%2Fclear /cache/%2e%2e/clear
    /cache/%2E%2E%2Fclear /cache/x/../../clear /cache/./../clear //clear
    ///clear /./clear /x/../clear /x/..//clear /%63lear /clear? /clear?x
    /clear/ /clear/. /clear/.. /clear/../clear /clear/../cache/a
    /clear/x/../../cache/a /clear%3f /clear%00 /clear%2f /clear%20 /clear;x
    /clear#x /CLEAR /cache/a/../../close /cache/..%2fclose //close /close/
    /close/../cache/a /close?x /%2fclear /%2e/clear /stat/../clear
    /open/../clear /pickle/../clear /cache/..;/clear /cache/..%5cclear
    /cache/%252e%252e/clear /cache\..\clear))
{
    for my $method (qw(GET POST)) {
        $t->request($method, $path, $method eq 'POST' ? '' : undef, @login);
        is count() // 'closed', $count, "$method $path";
    }
}

for my $path (qw(
    /cache/../prefix/o /cache/..%2fprefix/o /cache/%2e%2e/prefix/o //prefix/o
    /prefix/open/../o /prefix/open/..%2fo /prefix/open/%2e%2e/o /prefix/o
    /prefix/./o /prefix//o /prefix/open/../../cache/../prefix/o /./prefix/o
    /pickle/../prefix/o /x/../prefix/o /prefix/../cache/b /prefix/../cache/o
    /prefix/..%2fcache/o /prefix/%2e%2e/cache/o /prefix/x/../../cache/o
    /%70refix/o /prefix%2fo))
{
    $t->request('DELETE', $path, undef, @login);
    is count(), $count, "DELETE $path";
}

for my $path (qw(
    /cache/secret/a /cache//secret/a /cache/./secret/a /cache/x/../secret/a
    /cache/%73ecret/a /cache/secret%2fa /cache/%2fsecret/a /cache/secret/a/
    /cache///secret//a /cache/secret/./a /cache/secret/x/../a //cache/secret/a
    /cache/..//cache/secret/a /cache/..%2fcache/secret/a
    /pickle/../cache/secret/a /cache/secret/a?x /cache/secret/a#x))
{
    my $answer = $t->get($path);
    ok $answer->status >= 400 && $answer->body !~ /value/, "GET $path"
        or diag $answer->status . ' ' . $answer->body;
}

is $t->http("GET http://localhost/clear HTTP/1.0\r\n\r\n")->status, 403,
    'absolute form';
is count(), $count, 'absolute form clears nothing';
is $t->get('/stat/../stat/count')->status, 401, 'password within dots';

# an escaped question mark is a part of the path, no end of it, where the path
# is rewritten too

for my $road ([ 2, '' ], [ 2, '/last' ], [ 2, '/break' ], [ 2, '/error' ],
    [ 2, '/tried' ], [ 3, '' ])
{
    my ($n, $before) = @$road;
    my @bad;

    for my $endpoint (qw(clear close open batch metrics stat stat/count)) {
        for my $path (map { "$before/$endpoint$_" } qw(%3F %3f %3Fx %3F?x)) {
            for my $method (qw(GET POST)) {
                my $status = $t->connect($n)->request($method, $path,
                    $method eq 'POST' ? '{"operations":[]}' : undef,
                    Connection => 'close')->status;

                push @bad, "$method $path: $status"
                    if $status != 403 && $status != 404;
            }
        }
    }

    is_deeply \@bad, [], "server $n, $before/: no endpoint ends in %3F";
}

is count(), $count, 'none of them has cleared or closed anything';

# dots within an endpoint are part of the key

is $t->request('POST', '/cache/x/../y', '{"value":9}')->json->{key}, 'x/../y',
    'dots within the endpoint';
is $t->get('/cache/y')->status, 404, 'not resolved';
is open_request('DELETE', '/cache/x/../y')->status, 200, 'deleted by dots';

done_testing;
