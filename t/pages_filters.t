#!/usr/bin/perl

# Pages of the cache with other parts of nginx: filters, subrequests, internal
# redirects, access, TLS and HTTP/2, and where bigcache_pages may stand.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use IO::Uncompress::Gunzip qw(gunzip);
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $tls = !system "command -v openssl curl >$dir/out 2>&1";

$tls &&= $t->certificate;

my $http2 = $tls && `curl -V 2>&1` =~ /\bHTTP2\b/
    && `${\$t->nginx} -V 2>&1` =~ /http_v2_module/;
my $text = 'one two three ' x 500;
my $large = join '', map { sprintf '%07d ', $_ } 1 .. 250_000;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $uri = $request->{uri};
    my @fresh = ('Cache-Control' => 'max-age=600', ETag => '"tag"');
    my @stale = ('Cache-Control' => 'max-age=10, stale-while-revalidate=600,'
        . ' stale-if-error=600', Age => 10);
    my @html = ('Content-Type' => 'text/html');

    return ($request->{header}{'x-user'} ? 204 : 401,
        ['Cache-Control' => 'no-store']) if $uri eq '/auth';

    # the test lets the second request for this fragment go

    if ($uri =~ m{/fragment-busy} && $n == 2) {
        select undef, undef, undef, 0.01 while !-e "$dir/go";
    }

    return (200, [$n == 1 ? @stale : @fresh, @html], "fragment $n")
        if $uri =~ m{/fragment-busy};
    return (500, [], 'failed') if $uri =~ /fail/ && $n > 1;
    return (200, [$n == 1 ? @stale : @fresh, @html], "fragment $n")
        if $uri =~ m{/fragment-stale};
    return (200, [@fresh, @html], "fragment $n") if $uri =~ m{/fragment$};
    return (200, [@fresh, @html], $large) if $uri =~ m{/fragment-large};
    return (200, ['Cache-Control' => 'no-store', @html], "own $n")
        if $uri =~ m{/fragment-own};

    if ($uri =~ m{^/ssi/page(?:-(\w+))?}) {
        my $name = 'fragment' . ($1 ? "-$1" : '') =~ s/-2$//r;
        return (200, [@fresh, @html],
            qq{<page $n><!--# include virtual="/ssi/$name" -->.});
    }

    return (200, [@fresh, @html], qq{<!--# include virtual="/ssi/fragment" -->}
        . qq{ <!--# include virtual="/ssi/fragment" -->}
        . qq{ <!--# include virtual="/ssi/fragment-own" -->})
        if $uri =~ m{^/ssi/several};

    return (200, \@fresh, 'other') if $request->{header}{'x-other'};
    return $n == 1 ? (200, \@stale, 'page 1')
        : $uri =~ /fail/ ? (503, [], 'failed') : (404, [], 'none')
        if $uri =~ m{^/try-error};
    return (404, [], "none $n") if $uri =~ m{^/named};
    return (404, [], "none $n") if $uri =~ m{^/(?:error|fallback)};
    return (200, \@fresh, "error page $n") if $uri =~ m{^/shown/};
    return (200, [@fresh, 'X-Accel-Redirect' => $1], 'never')
        if $uri =~ m{^/accel(/.*)};
    return (200, [@stale, ETag => '"tag"', 'Content-Type' => 'text/plain'],
        $text) if $uri =~ /stale/ && $n == 1;
    return (304, [@fresh]) if $uri =~ /stale/;
    return (200, [@fresh, @html], $text) if $uri =~ /text/;
    return (200, \@fresh, $large) if $uri =~ /large/;

    return (200, \@fresh, "page $n");
});

mkdir "$dir/html";
mkdir "$dir/html/$_" for qw(files try);
$t->write_file('html/files/a.txt', '0123456789');
$t->write_file('html/try/static', 'static');

my $locations = q{
        bigcache_pages main;
        add_header X-Status $bigcache_status always;
        root %%DIR%%/html;

        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }

        location /gzip/ {
            gzip on; gzip_types *; gzip_proxied any; gzip_min_length 1;
            gzip_vary on;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /sub/ {
            sub_filter two 'two!'; sub_filter_types *; sub_filter_once off;
            proxy_set_header Accept-Encoding "";
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /ssi/ {
            ssi on;
            # a fragment does not depend on the page that includes it
            bigcache_page_key $scheme://$http_host$uri$is_args$args;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /error/ {
            proxy_intercept_errors on;
            error_page 404 /shown/404;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /fallback/ {
            proxy_intercept_errors on;
            error_page 404 @shown;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /fallback-200/ {
            proxy_intercept_errors on;
            error_page 404 = @shown;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location @shown { proxy_pass http://127.0.0.1:%%PORT_1%%; 
            rewrite ^ /shown/named break; }
        location /named/ {
            proxy_intercept_errors on;
            error_page 404 @other;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /named-200/ {
            proxy_intercept_errors on;
            error_page 404 = @other;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location @other {
            proxy_set_header X-Other 1;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /try-error/ { try_files $uri @intercepts; }
        location @intercepts {
            proxy_intercept_errors on;
            error_page 404 /shown/404;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /unbuffered/ {
            proxy_buffering off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /no-file/ {
            proxy_max_temp_file_size 0;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /try/ { try_files $uri @app; }
        location @app { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /old/ { rewrite ^/old/(.*) /new/$1 last; }
        location /protected/ {
            auth_request /auth;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location = /auth {
            internal;
            proxy_pass_request_body off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /mirrored/ {
            mirror /mirror;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location = /mirror {
            internal;
            proxy_pass http://127.0.0.1:%%PORT_1%%/mirror$request_uri;
        }
        location /files/ { internal; }
        location /inner/ {
            internal;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /headers/ {
            add_header X-Once $request_id;
            add_header X-Status $bigcache_status;
            expires 1h;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /slow/ {
            limit_rate 1m;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /charset/ {
            charset utf-8;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /zone/main/ {
            bigcache_page_key zone;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /zone/second/ {
            bigcache_pages second;
            bigcache_page_key zone;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /outer/ {
            proxy_pass http://127.0.0.1:%%PORT_1%%;
            location /outer/off/ {
                bigcache_pages off;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
            location /outer/off/on/ {
                bigcache_pages main;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }
        location /if/off/ {
            if ($http_x_off) { bigcache_pages off; }
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /if/on/ {
            bigcache_pages off;
            if ($http_x_on) { bigcache_pages main; }
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /returns/ { return 200 returned; }
};

my $h2 = $http2 ? ' http2' : '';

$t->conf(location => 'bigcache_pages off;', http => 'proxy_http_version 1.1;'
    . ' proxy_set_header Connection "";'
    . ' bigcache_path %%DIR%%/second zone=second:1m;', servers => qq{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        $locations
    }
    } . ($tls ? qq{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_3%% ssl$h2;
        ssl_certificate %%DIR%%/cert.pem;
        ssl_certificate_key %%DIR%%/key.pem;
        $locations
    }} : ''))->start;


sub ask {
    my ($uri, @headers) = @_;

    return method('GET', $uri, undef, @headers);
}


sub method { return $t->request_to(2, @_) }
sub status { return $_[0]->header('X-Status') // 'none' }
sub said { return status($_[0]) . ' ' . $_[0]->answer }


sub stored {
    my ($uri, @headers) = @_;

    return ok $t->wait_for(sub { status(ask($uri, @headers)) eq 'HIT' }),
        "$uri: is stored";
}


sub prime {
    my ($uri, @headers) = @_;
    my $before = $t->count;
    my $r = ask($uri, @headers);

    ok $t->wait_for(sub { $t->count > $before }), "$uri: is stored";

    return $r;
}


sub unpacked {
    my ($r) = @_;

    return $r->body if !$r->header('Content-Encoding');
    gunzip \$r->body, \my $plain or return 'not gzip';

    return $plain;
}


# the store is open then

$t->wait_for(sub { status(ask('/warm')) eq 'HIT' });

# -- filters

for my $first ('gzip', 'identity') {
    my $uri = "/gzip/text-$first";

    for my $status ('MISS', 'HIT') {
        for my $accept ($status eq 'MISS' ? $first : qw(gzip identity)) {
            my $r = ask($uri, 'Accept-Encoding' => $accept);

            is status($r), $status, "$uri, $accept: $status";
            is $r->header('Content-Encoding'), $accept eq 'gzip' ? 'gzip'
                : undef, "$uri, $accept: its encoding";
            ok unpacked($r) eq $text, "$uri, $accept: the text";
            my %vary = map { $_ => 1 } $r->headers('Vary');
            is_deeply [keys %vary], ['Accept-Encoding'],
                "$uri, $accept: Vary";
        }
        stored($uri) if $status eq 'MISS';
    }
}

my $subbed = $text =~ s/two/two!/gr;

for my $accept (qw(gzip identity)) {
    my $uri = "/sub/text-$accept";

    ok unpacked(ask($uri, 'Accept-Encoding' => $accept)) eq $subbed,
        "sub_filter, $accept: a miss";
    stored($uri);
    for (qw(gzip identity)) {
        my $r = ask($uri, 'Accept-Encoding' => $_);
        is status($r), 'HIT', "sub_filter, $accept, $_: a hit";
        ok unpacked($r) eq $subbed, "sub_filter, $accept, $_: once";
    }
    is $o->requests($uri), 1, "sub_filter, $accept: one request";
}

ok prime('/sub/stale')->body eq $subbed, 'sub_filter: a page that is stale';
my $r = ask('/sub/stale');
is status($r), 'UPDATING', 'sub_filter: stale';
ok $r->body eq $subbed, 'sub_filter: stale: filtered';
stored('/sub/stale');
ok ask('/sub/stale')->body eq $subbed, 'sub_filter: refreshed: once';

ok prime('/sub/text-fail')->body eq $subbed, 'sub_filter: a page';

$r = ask('/headers/text');
is_deeply [scalar $r->headers('X-Once'), scalar $r->headers('Cache-Control')],
    [1, 1], 'add_header, expires: a miss';
my $once = $r->header('X-Once');
stored('/headers/text');
$r = ask('/headers/text');
is_deeply [$r->headers('Cache-Control')], ['max-age=3600'],
    'expires: it replaces that of the origin';
is scalar(my @once = $r->headers('X-Once')), 1, 'add_header: once in a hit';
isnt $r->header('X-Once'), $once, 'add_header: it is this hit\'s own';

ask('/charset/text');
stored('/charset/text');
is ask('/charset/text')->header('Content-Type'), 'text/html; charset=utf-8',
    'charset: a hit';

ok ask('/slow/large')->body eq $large, 'limit_rate: a miss';
stored('/slow/large');
ok ask('/slow/large')->body eq $large, 'limit_rate: a hit';

# -- SSI

is said(ask('/ssi/page')), 'MISS 200 <page 1>fragment 1.', 'SSI: a miss';
stored('/ssi/page');
ok $t->wait_for(sub { my $n = $o->requests('/ssi/fragment');
    ask('/ssi/page'); $o->requests('/ssi/fragment') == $n }),
    'SSI: the fragment is stored, too';
my $n = $o->requests('/ssi/fragment');
like said(ask('/ssi/page')), qr/^HIT 200 <page 1>fragment \d\.$/, 'SSI: a hit'
    for 1 .. 3;
is $o->requests('/ssi/page'), 1, 'SSI: the page was asked for once';
is $o->requests('/ssi/fragment'), $n, 'SSI: the fragment is not asked again';
$r = ask('/ssi/page');
is_deeply [map { scalar $r->header($_) } qw(ETag Last-Modified Content-Length)],
    [undef, undef, undef], 'SSI: it has no validators and no length';
like ask('/ssi/page', Range => 'bytes=1-2')->answer,
    qr/^200 <page 1>fragment \d\.$/, 'SSI: a range';
like unpacked(ask('/ssi/page', 'Accept-Encoding' => 'gzip')),
    qr/^<page 1>fragment \d\.$/, 'SSI: gzip';
is method('HEAD', '/ssi/page')->status, 200, 'SSI: HEAD';

# a fragment is a page with a URL of its own

ask('/ssi/page-2');
stored('/ssi/page-2');
stored('/ssi/fragment');
is $o->requests('/ssi/fragment'), $n,
    'SSI: pages that include it, and its own URL, share the fragment';
my $said = $n;
$said = $1 if ask('/ssi/fragment')->body =~ /(\d+)/;
method('POST', '/ssi/fragment', 'x');
my $posted = $o->requests('/ssi/fragment');
ok $t->wait_for(sub { ask('/ssi/page')->body =~ /fragment (\d+)/
    && $1 > $posted }), 'SSI: POST to a fragment removes it';

ask('/ssi/page-own');
stored('/ssi/page-own');
my @own = map { ask('/ssi/page-own')->body } 1 .. 2;
isnt $own[0], $own[1], 'SSI: a fragment that is not stored is new';
like $own[0], qr/^<page 1>own \d+\.$/, 'SSI: a fragment that is not stored';

ok ask('/ssi/page-large')->body eq "<page 1>$large.", 'SSI: a large fragment';
stored('/ssi/page-large');
ok ask('/ssi/page-large')->body eq "<page 1>$large.",
    'SSI: a large fragment of the store' for 1 .. 2;

like ask('/ssi/several')->body, qr/^fragment (\d+) fragment \d+ own \d+$/,
    'SSI: several';
stored('/ssi/several');
like ask('/ssi/several')->body, qr/^fragment (\d+) fragment \d+ own \d+$/,
    'SSI: several, a hit';

is ask('/ssi/page-stale')->body, '<page 1>fragment 1.', 'SSI: stale: at first';
ok $t->wait_for(sub { ask('/ssi/page-stale')->body
    eq '<page 1>fragment 2.' }), 'SSI: a stale fragment is refreshed';
$n = $o->requests('/ssi/fragment-stale');
my $c = $t->connect(2);
like $c->request('GET', '/ssi/page-stale')->body, qr/^<page 1>fragment \d\.$/,
    'SSI: on one connection' for 1 .. 3;

# The head of the page is sent before its fragments: a connection that is kept
# then cannot be closed, and must not be busy either.  Another request refreshes
# the fragment.

my $before = $t->count;
ask('/ssi/page-busy');
ok $t->wait_for(sub { $t->count >= $before + 2 }), 'SSI: both are stored';
stored('/shown/before');
$c = $t->connect(2);
$r = $c->request('GET', '/ssi/page-busy');
is $r->body, '<page 1>fragment 1.', 'SSI: a stale fragment, kept alive';
$c = $t->connect(2) if ($r->header('Connection') // '') eq 'close';
$c->send_request('GET', '/shown/before', undef);
ok $c->readable(10), 'SSI: the next request does not wait for a refresh';
is $c->response('GET')->status, 200, 'SSI: the next request is answered';
$t->write_file('go', '');
ok $t->wait_for(sub { ask('/ssi/page-busy');
    $o->requests('/ssi/fragment-busy') == 2 }),
    'SSI: another request refreshes it';

# -- error_page, try_files and rewrite

for (1 .. 3) {
    is ask('/error/a')->answer =~ s/\d+$//r, '404 error page ',
        'error_page: the status and the page';
}
is $o->requests('/error/a'), 3, 'error_page: the page itself is not stored';
is ask('/shown/404')->status, 200, 'error_page: the page itself';

for (1 .. 3) {
    my $before = $t->count;
    is ask('/fallback/a')->answer =~ s/\d+$//r, '404 error page ',
        'error_page, named: the status and the page';
    $t->wait_for(sub { $t->count > $before }, 1) if $_ == 1;
}

for (1 .. 3) {
    my $before = $t->count;
    is ask('/fallback-200/a')->answer =~ s/\d+$//r, '200 error page ',
        'error_page = named: the status and the page';
    $t->wait_for(sub { $t->count > $before }, 1) if $_ == 1;
}

# the fallback answers under the same URL

for (['/named/a', 404], ['/named-200/a', 200]) {
    my ($uri, $status) = @$_;
    my $before = $t->count;

    is ask($uri)->answer, "$status other", "$uri: the fallback";
    $t->wait_for(sub { $t->count > $before }, 1);
    is ask($uri)->answer, "$status other", "$uri: the fallback again" for 1 .. 2;
}

# a try_files in front of a location with an error_page

prime('/try-error/fail');
is said(ask('/try-error/fail')), 'UPDATING 200 page 1', 'try_files: stale';
$t->wait_for(sub { $o->requests('/try-error/fail') == 2 });
is ask('/try-error/fail')->answer, '200 page 1', 'try_files: still stale';

$r = ask('/unbuffered/large');
ok $r->body eq $large, 'proxy_buffering off: the page';
is status(ask('/unbuffered/large')), 'PASS', 'proxy_buffering off: not stored';
ok ask('/no-file/large')->body eq $large, 'no temporary file: the page';
ok ask('/no-file/large')->body eq $large, 'no temporary file: again';

is said(ask('/try/page')), 'MISS 200 page 1', 'try_files: a miss';
stored('/try/page');
is said(ask('/try/page')), 'HIT 200 page 1', 'try_files: a hit';
is $o->requests('/try/page'), 1, 'try_files: asked for once';
is ask('/try/static')->answer, '200 static', 'try_files: a static file'
    for 1 .. 2;
is $o->requests('/try/static'), 0, 'try_files: not asked for';
is ask('/try/static', Range => 'bytes=1-2')->answer, '206 ta',
    'try_files: a range of a static file';
is ask('/try/range', Range => 'bytes=1-2')->answer, '206 ag',
    'try_files: a range on a miss';
stored('/try/range');
is ask('/try/range')->body, 'page 1', 'try_files: the page is stored';
is ask('/try/none-match', 'If-None-Match' => '"tag"')->status, 304,
    'try_files: a condition on a miss';

is said(ask('/old/page')), 'MISS 200 page 1', 'rewrite: a miss';
stored('/old/page');
is said(ask('/old/page')), 'HIT 200 page 1', 'rewrite: a hit';
is status(method('POST', '/old/page', 'x')), 'PASS', 'rewrite: POST';
isnt status(ask('/old/page')), 'HIT', 'rewrite: POST removes the page';

# -- access

is ask('/protected/page')->status, 401, 'auth_request: denied';
is $o->requests('/protected/page'), 0, 'auth_request: the origin is not asked';
is said(ask('/protected/page', 'X-User' => 'a')), 'MISS 200 page 1',
    'auth_request: allowed';
stored('/protected/page', 'X-User' => 'a');
is said(ask('/protected/page', 'X-User' => 'a')), 'HIT 200 page 1',
    'auth_request: allowed: a hit';

for (['GET'], ['HEAD'], ['GET', Range => 'bytes=0-1'],
    ['GET', 'If-None-Match' => '"tag"'])
{
    my ($method, @headers) = @$_;
    $r = method($method, '/protected/page', undef, @headers);
    is $r->status, 401, "auth_request: $method @headers: denied with a hit";
    unlike $r->body // '', qr/page/, "auth_request: $method @headers: no page";
}

is $o->requests('/protected/page'), 1, 'auth_request: asked once';

# -- mirror

is said(ask('/mirrored/page')), 'MISS 200 page 1', 'mirror: a miss';
ok $t->wait_for(sub { $o->requests('/mirror/mirrored/page') == 1 }),
    'mirror: the other origin is asked';
stored('/mirrored/page');
is said(ask('/mirrored/page')), 'HIT 200 page 1', 'mirror: a hit';
is $o->requests('/mirrored/page'), 1, 'mirror: asked once';
is status(method('POST', '/mirrored/page', 'x' x 100_000)), 'PASS',
    'mirror: POST';
ok $t->wait_for(sub { $o->requests('/mirror/mirrored/page') == 2 }),
    'mirror: POST is mirrored';
isnt status(ask('/mirrored/page')), 'HIT', 'mirror: POST removes the page';

# -- X-Accel-Redirect

for (1 .. 3) {
    $r = ask('/accel/files/a.txt');
    is $r->answer, '200 0123456789', 'X-Accel-Redirect: the file';
    is $r->header('X-Accel-Redirect'), undef, 'X-Accel-Redirect: is hidden';
}
is $o->requests('/accel/files/a.txt'), 3, 'X-Accel-Redirect: asked each time';
is ask('/accel/files/a.txt', Range => 'bytes=2-4')->answer, '206 234',
    'X-Accel-Redirect: a range';
my $etag = ask('/accel/files/a.txt')->header('ETag');
is ask('/accel/files/a.txt', 'If-None-Match' => $etag)->status, 304,
    'X-Accel-Redirect: a condition';
is ask('/accel/files/none')->status, 404, 'X-Accel-Redirect: no file';

for (1 .. 3) {
    my $before = $t->count;
    like ask('/accel/inner/page')->answer, qr/^200 page \d+$/,
        'X-Accel-Redirect: to a page';
    $t->wait_for(sub { $t->count > $before }, 1) if $_ == 1;
}
is $o->requests('/accel/inner/page'), 3,
    'X-Accel-Redirect: to a page: the application is asked each time';

# -- where bigcache_pages may stand

is said(ask('/zone/main/a')), 'MISS 200 page 1', 'two stores: the first';
stored('/zone/main/a');
is said(ask('/zone/main/b')), 'HIT 200 page 1', 'two stores: the same key';
is said(ask('/zone/second/b')), 'MISS 200 page 1', 'two stores: the second';
stored('/zone/second/b');
is $o->requests('/zone/main/b'), 0, 'two stores: not asked for';
is $o->requests('/zone/second/b'), 1, 'two stores: asked for once';

ask('/outer/a');
stored('/outer/a');
is said(ask('/outer/off/a')), "none 200 page $_", 'nested: off' for 1 .. 2;
ask('/outer/off/on/a');
stored('/outer/off/on/a');

is said(ask('/if/off/a')), 'MISS 200 page 1', 'if: on';
stored('/if/off/a');
like said(ask('/if/off/a', 'X-Off' => 1)), qr/^none 200 page [23]$/, 'if: off'
    for 1 .. 2;
is said(ask('/if/off/a')), 'HIT 200 page 1', 'if: on again';
like said(ask('/if/on/a')), qr/^none 200 page [12]$/, 'if: not on' for 1 .. 2;
is said(ask('/if/on/a', 'X-On' => 1)), 'MISS 200 page 3', 'if: turned on';
stored('/if/on/a', 'X-On' => 1);
is said(ask('/if/on/a', 'X-On' => 1)), 'HIT 200 page 3', 'if: a hit';
like said(ask('/if/on/a')), qr/^none 200 page 4$/, 'if: not on, again';
is ask('/returns/a')->answer, '200 returned', 'a return';

# -- TLS and HTTP/2

SKIP: {
    skip 'no TLS', 1 if !$tls;

    my $url = 'https://127.0.0.1:' . $t->port(3);
    my $curl = sub {
        my ($options, @paths) = @_;

        my $out = join ' ', 'curl -sS -k --max-time 30 --path-as-is',
            '-H "Host: localhost"', $options, map { "'$url$_'" } @paths;
        return scalar `$out 2>&1`;
    };
    my $hit = sub {
        my ($path, @options) = @_;

        return ok $t->wait_for(sub { $curl->("-o $dir/null -D - @options",
            $path) =~ /^x-status: HIT/mi }), "TLS, $path: is stored";
    };

    ask('/tls/http');
    stored('/tls/http');
    is $curl->('', '/tls/http'), 'page 2', 'TLS: it is not the page of http';
    $hit->('/tls/http');
    is $curl->('', '/tls/http'), 'page 2', 'TLS: a hit';
    is said(ask('/tls/http')), 'HIT 200 page 1', 'TLS: http has its own';
    is $o->requests('/tls/http'), 2, 'TLS: asked for twice';

    my $version = $http2 ? '--http2' : '';

    for my $uri (qw(/tls/large /tls/text)) {
        my $body = $uri =~ /large/ ? $large : $text;

        ok $curl->($version, $uri) eq $body, "TLS: $uri: a miss";
        $hit->($uri);
        ok $curl->($version, $uri) eq $body, "TLS: $uri: a hit";
        ok $curl->("$version --compressed", $uri) eq $body, "TLS: $uri: gzip";
        is $curl->("$version -r 2-9", $uri), substr($body, 2, 8),
            "TLS: $uri: a range";
        is $curl->("$version -o $dir/got -w '%{http_code}'"
            . " -H 'If-None-Match: \"tag\"'", $uri), 304,
            "TLS: $uri: a condition";
    }

    skip 'no HTTP/2', 1 if !$http2;

    is $curl->("--http2 -o $dir/got -w '%{http_version}'", '/tls/text'), 2,
        'HTTP/2';

    # a GET whose end comes after its fields goes to the upstream as it is, and
    # says nothing about the page for others

    is $curl->("--http2 -X GET -d '' -H 'Accept-Encoding: br' -o $dir/got"
        . " -w '%{http_code}' -D $dir/head", '/tls/ends_later'), 200,
        'HTTP/2: a GET that ends later';
    like $t->read_file('head'), qr/^x-status: PASS\r$/mi, 'is passed';
    $curl->("--http2 -o $dir/got -D $dir/head", '/tls/ends_later');
    like $t->read_file('head'), qr/^x-status: MISS\r$/mi,
        'and is not stored';

    # many streams for pages that are stored, or not yet

    for my $uri ('/tls/large', '/h2/large') {
        my $config = join '', map { "url = $url$uri\noutput = $dir/s$_\n" }
            1 .. 20;

        $t->write_file('streams', $config);
        $curl->("--http2 --parallel --parallel-max 20 -K $dir/streams");
        is +(grep { $t->read_file("s$_") eq $large } 1 .. 20), 20,
            "HTTP/2: many streams of $uri";
        unlink map { "$dir/s$_" } 1 .. 20;
    }

    is $o->requests('/h2/large'), 1, 'HTTP/2: they were collapsed';

    # a stale page: the connection stays

    my $before = $t->count;
    ok $curl->('--http2', '/h2/stale') eq $text, 'HTTP/2: a page';
    ok $t->wait_for(sub { $t->count > $before }), 'HTTP/2: is stored';
    like $curl->("--http2 -o $dir/got -D -", '/h2/stale'),
        qr/^x-status: UPDATING/mi, 'HTTP/2: a stale page';
    $hit->('/h2/stale', '--http2');
    ok $curl->('--http2', '/h2/stale') eq $text, 'HTTP/2: the refreshed page';
    is $o->requests('/h2/stale'), 2, 'HTTP/2: asked twice';
    is $curl->("--http2 -o $dir/got -o $dir/got -w '%{num_connects} '",
        '/h2/stale', '/tls/text'), '1 0 ', 'HTTP/2: one connection';
}

done_testing;
