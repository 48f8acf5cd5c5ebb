#!/usr/bin/perl

# A backend that answers X-Accel-Redirect with the path of a page: what it said
# of its own body is forgotten, the rest stays, as with nginx's static files.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new;

$t->conf(
    http => q{
        charset_map koi8-r utf-8 {
            C1 D0B0;
        }

        map $uri $target {
            ~^/to(?<rest>/.*)$ $rest;
        }

        proxy_cache_path %%DIR%%/cache keys_zone=cached:1m;
    },
    server => q{
        location /files/ {
            root %%DIR%%;
        }

        location /denied/ {
            bigcache main;
            deny all;
        }

        location /charset/ {
            bigcache_base /charset;
            bigcache main;
            charset utf-8;
        }

        location /override/ {
            bigcache_base /override;
            bigcache main;
            charset utf-8;
            override_charset on;
        }

        location /to/ {
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }

        location /cached/ {
            proxy_cache cached;
            proxy_cache_valid 1m;
            proxy_ignore_headers Cache-Control Expires Set-Cookie
                X-Accel-Redirect;
            proxy_pass http://127.0.0.1:%%PORT_1%%/plain/;
            proxy_intercept_errors on;
            error_page 404 = /pickle/png;
        }

        location /login/ {
            auth_basic "who";
            auth_basic_user_file %%DIR%%/users;
            error_page 401 /pickle/page;
            root %%DIR%%;
        }

        location /moved {
            return 301 /there;
            error_page 301 /pickle/page;
        }
    },
    servers => q{
        # the backend: whatever it can say, and where to go on

        server {
            listen 127.0.0.1:%%PORT_1%%;

            charset utf-8;
            default_type text/html;

            location / {
                add_header X-Accel-Redirect $target;
                add_header X-Accel-Charset $arg_charset;
                add_header Accept-Ranges none;
                add_header Cache-Control "private, max-age=5";
                add_header Content-Disposition "attachment; filename=x";
                add_header Content-Encoding br;
                add_header Content-Range "bytes 0-3/9";
                add_header ETag '"backend"';
                add_header Expires "Thu, 01 Jan 2099 00:00:00 GMT";
                add_header Last-Modified "Thu, 01 Jan 1998 00:00:00 GMT";
                add_header Link "</x>; rel=preload";
                add_header Location /elsewhere;
                add_header Refresh "5";
                add_header Set-Cookie a=b;
                add_header Vary Cookie;
                add_header WWW-Authenticate Basic;
                add_header X-Backend yes;
                return 200 "backend";
            }

            location /plain/ {
                root %%DIR%%/none;
            }
        }
    });

mkdir $t->dir . '/files';
$t->write_file('files/file.html', 'a file');
$t->write_file('users', "x:y\n");
$t->start;

my $png = "\x89PNG" . 'x' x 100;

sub store {
    my ($path, $body, $type) = @_;

    return $t->request('POST', $path, $body,
        defined $type ? ('Content-Type' => $type) : ())->status;
}

store('/pickle/png', $png, 'image/png');
store('/pickle/page', '<p>page', 'text/html');
store('/pickle/none-said', 'bytes');
store('/pickle/packed', '<p>' x 1000, 'text/html');
store('/cache/json', '{"value":1}');

# an image behind a backend that says "text/html; charset=utf-8"

my $r = $t->get('/to/pickle/png');
my $direct = $t->get('/pickle/png');

is $r->status, 200, 'redirected to a page';
ok $r->body eq $png, 'its body';
is $r->header('Content-Type'), 'image/png', 'its type, without a charset';

is_deeply [ map { $r->headers($_) } $_ ], [ $direct->headers($_) ],
    "$_: that of the page"
    for qw(Content-Length ETag Last-Modified Accept-Ranges Content-Encoding
        Content-Range Content-Type Cache-Status);

# all else is as if it were a file

my $file = $t->get('/to/files/file.html');

is $file->header('Content-Type'), 'text/html; charset=utf-8',
    'what the backend says';
is $file->body, 'a file', 'redirected to a file';
is_deeply [ $r->headers($_) ], [ $file->headers($_) ], "$_: as of a file"
    for qw(Cache-Control Content-Disposition Expires Link Location Refresh
        Set-Cookie Vary WWW-Authenticate X-Accel-Redirect X-Backend);
is $r->header('Set-Cookie'), 'a=b', 'a cookie comes through';
is $r->header('Cache-Control'), 'private, max-age=5', 'and how long to keep it';

# other pages

is $t->get('/to/pickle/page')->header('Content-Type'), 'text/html',
    'text without a charset';
is $t->get('/to/pickle/none-said')->header('Content-Type'),
    'application/octet-stream', 'a page without a type';
is $t->get('/to/cache/json')->header('Content-Type'), 'application/json', 'JSON';
is $t->get('/to/cache/json')->header('Accept-Ranges'), undef,
    'JSON: no ranges of it';
is $t->get('/to/cache/json', Range => 'bytes=0-1')->status, 200,
    'JSON: none is sent';
is $t->get('/to/stat')->header('Content-Type'), 'application/json', 'stat';
is $t->get('/to/metrics')->header('Content-Type'),
    'text/plain; version=0.0.4; charset=utf-8', 'metrics';

$r = $t->get('/to/pickle/packed', 'Accept-Encoding' => 'gzip');
is_deeply [ $r->headers('Content-Encoding') ], [ 'gzip' ], 'packed, once';
like $r->header('ETag'), qr/^"[0-9a-f]{16}-gzip"$/, 'packed: its tag';
is $t->get('/to/pickle/png', Range => 'bytes=1-3')->body, 'PNG', 'a range';
is $t->get('/to/pickle/png', 'If-None-Match' => $direct->header('ETag'))
    ->status, 304, 'not modified';

# errors

for my $path (qw(/to/pickle/none /to/elsewhere /to/denied/)) {
    $r = $t->get($path);
    is $r->header('Content-Type'), 'application/json', "$path: JSON";
    ok exists $r->json->{detail}, "$path: what it says";
    is $r->header('Accept-Ranges'), undef, "$path: no ranges";
}

# what comes with a status stays

$r = $t->get('/login/x');
is $r->status, 401, 'a page for a 401';
is $r->body, '<p>page', 'its body';
is $r->header('WWW-Authenticate'), 'Basic realm="who"', 'how to log in';

$r = $t->get('/moved');
is $r->status, 301, 'a page for a 301';
like $r->header('Location'), qr{/there$}, 'where to';

is $t->get('/cached/x')->header('Content-Type'), 'image/png',
    'a page for a 404 of a backend';

# the charset of a page is that of its type

for my $case (
    [ 'text/html', 'text/html; charset=utf-8', 'text/html; charset=utf-8' ],
    [ 'text/html; charset=koi8-r', 'text/html; charset=koi8-r',
        'text/html; charset=utf-8', 1 ],
    [ 'text/html;CharSet="koi8-r"', 'text/html;CharSet="koi8-r"',
        'text/html; charset=utf-8', 1 ],
    [ 'text/html; v=1;  charset=koi8-r ; x', 'text/html; v=1;  charset=koi8-r'
        . ' ; x', 'text/html; charset=utf-8', 1 ],
    [ 'text/html; charset=', 'text/html; charset=', 'text/html; charset=' ],
    [ 'text/html; charset', 'text/html; charset', 'text/html; charset' ],
    [ 'text/html;', 'text/html;', 'text/html;' ],
    [ 'image/png', 'image/png', 'image/png' ],
    [ 'image/png; charset=koi8-r', 'image/png; charset=koi8-r',
        'image/png; charset=utf-8', 1 ],
) {
    my ($type, $charset, $override, $recoded) = @$case;

    store('/pickle/c', "[\xc1]", $type);

    is $t->get('/pickle/c')->header('Content-Type'), $type, "$type: as sent";
    is $t->get('/charset/pickle/c')->header('Content-Type'), $charset,
        "$type: charset";
    $r = $t->get('/override/pickle/c');
    is $r->header('Content-Type'), $override, "$type: override_charset";
    is $r->body, $recoded ? "[\xd0\xb0]" : "[\xc1]", "$type: recoded";
}

# and a backend may name another one, which a packed page is unpacked for

store('/pickle/c', "[\xc1]" x 1000, 'text/html; charset=koi8-r');

for my $headers ([], [ 'Accept-Encoding' => 'gzip' ]) {
    $r = $t->get('/to/pickle/c?charset=utf-8', @$headers);
    is $r->header('Content-Type'), 'text/html; charset=utf-8',
        "X-Accel-Charset @$headers";
    is $r->header('Content-Encoding'), undef, "X-Accel-Charset @$headers: text";
    ok $r->body eq "[\xd0\xb0]" x 1000, "X-Accel-Charset @$headers: recoded";
}

done_testing;
