#!/usr/bin/perl

# Pages of other sites cannot change the cache through a browser: they are told
# by Sec-Fetch-Site, Origin and Referer, and "bigcache_origin" names those that
# may.  A browser cannot clear or close by GET.  Programs do what they always
# did.  t/unit/browser_test.c has the table of what passes.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $version = `${\$t->nginx} -V 2>&1`;

my $tls = $version =~ /http_ssl_module/
    && $t->certificate
    ? "ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem;" : '';
my $ssl = $tls ? 'ssl' : '';
my $http2 = $tls && $version =~ /http_v2_module/ ? 'http2' : '';

$t->conf(
    http => 'bigcache_origin http://outer.example http://both.example;',
    server => 'bigcache_origin off;',
    servers => qq{
        # behind the proxies below: none is named, and the second one is

        server {
            listen 127.0.0.1:%%PORT_1%%;
            bigcache_origin http://127.0.0.1:%%PORT_3%% inner.example:81;

            location / {
                bigcache main;
            }

            location /http/ {
                bigcache main;
                bigcache_base /http;
                bigcache_origin https://location.example;

                if (\$arg_if) {
                    add_header X-If yes;
                }
            }

            location /off/ {
                bigcache main;
                bigcache_base /off;
                bigcache_origin off;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_2%%;

            location / {
                proxy_pass http://127.0.0.1:%%PORT_0%%;
            }

            location /inherits/ {
                bigcache main;
                bigcache_base /inherits;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_3%%;

            location / {
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_4%% $ssl;
            $tls

            location / {
                bigcache main;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_5%% $ssl $http2;
            $tls

            location / {
                bigcache main;
            }
        }
    })->start;

my $own = 'http://127.0.0.1:' . $t->port;
my @host = (Host => '127.0.0.1:' . $t->port);
my $json = '{"value":"evil","operations":[{"op":"set","key":"evil","value":1}]}';


# all that changes something: method, path, what it is without a foreign page

my @changes = (
    (map { my $path = $_; map { [ $_, $path, 200 ] } qw(POST PUT PATCH) }
        '/cache/k', '/pickle/k'),
    [ POST => '/incr/n', 200 ], [ POST => '/batch', 200 ],
    [ DELETE => '/prefix/none', 200 ], [ POST => '/open', 200 ],
    [ DELETE => '/cache/none', 404 ], [ DELETE => '/pickle/none', 404 ],
);

my @all = (@changes, [ POST => '/clear' ], [ POST => '/close' ],
    [ DELETE => '/cache/k' ], [ DELETE => '/pickle/k' ],
    [ DELETE => '/prefix/k' ]);


sub body {
    my ($method, $path) = @_;

    return undef if $method !~ /^P/;
    return '{"duration":"1h"}' if $method eq 'PATCH';
    return '{"initial":1}' if $path =~ /incr/;
    return '' if $path =~ /clear|close|open/;
    return $json;
}


sub send_to {
    my ($n, $method, $path, @headers) = @_;

    return $t->connect($n)->request($method, $path, body($method, $path),
        Connection => 'close', @headers);
}


sub refused {
    my ($answer, $regex, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok $answer->status == 403 && $answer->json->{detail} =~ $regex
        && $answer->header('Content-Type') eq 'application/json', $name
        or diag $answer->status, ' ', $answer->body;
}


# others: each header alone, with each method of each endpoint

$t->request('POST', '/cache/k', '{"value":1}');

for my $other ([ 'Sec-Fetch-Site' => 'cross-site' ],
    [ 'sec-fetch-site' => 'Same-Site' ],
    [ Origin => 'http://evil.example' ],
    [ Origin => 'http://127.0.0.1' ],
    [ Origin => 'http://localhost:' . $t->port ],
    [ Origin => 'http://both.example' ],
    [ Origin => 'null' ],
    [ Origin => $own, Origin => $own ],
    [ Referer => 'http://evil.example/' ],
    [ Origin => 'http://evil.example', Referer => "$own/ui" ])
{
    for my $request (@all) {
        my ($method, $path) = @$request;

        refused(send_to(0, $method, $path, @host, @$other),
            qr/^pages of other sites may not/, "$method $path, @$other");
    }

    refused($t->request($_->[0], $_->[1], undef, @host, @$other),
        qr/^pages of other sites may not/, "@$_, @$other")
        for [ GET => '/clear' ], [ GET => '/close' ];

    is $t->request('HEAD', $_, undef, @host, @$other)->status, 403,
        "HEAD $_, @$other" for qw(/clear /close);

    is $t->get($_, @host, @$other)->status, 200, "GET $_, @$other"
        for qw(/cache/k /pickle/k /keys/ /keys/?kind=page /stat /stat/count /metrics);
}

$t->json_is($t->get('/cache/k'), 200, { key => 'k', value => 1,
    expire => undef, duration => undef }, 'nothing was done');
is $t->count, 1, 'nothing was stored';

# what a form that posts JSON as text/plain sends from a page on http

is $t->request('POST', '/batch', '{"operations":[{"op":"set","key":"a=","value"'
    . ':"=1"}]}' . "\r\n", Host => 'cache.example', 'Content-Type' =>
    'text/plain', Origin => 'http://evil.example', Referer =>
    'http://evil.example/', 'User-Agent' => 'Mozilla/5.0 (X11)',
    Accept => 'text/html', 'Accept-Language' => 'en')->status, 403, 'a form';
is $t->count, 1, 'a form stores nothing';

# GET of a browser, on http and not on this machine: without Sec-Fetch-*

my %browser = (
    image => [ Accept => 'image/avif,image/webp,*/*;q=0.8' ],
    script => [ Accept => '*/*', 'User-Agent' => 'Mozilla/5.0 (X11; Linux)' ],
    'any language' => [ 'Accept-Language' => 'ko-KR,ko;q=0.9' ],
    'address bar' => [ 'Sec-Fetch-Site' => 'none' ],
    itself => [ 'Sec-Fetch-Site' => 'same-origin', Referer => "$own/docs" ],
);

for my $name (sort keys %browser) {
    for my $path (qw(/clear /close)) {
        refused($t->get($path, @host, @{ $browser{$name} }),
            qr/^browsers may do this by POST only$/, "GET $path, $name");
        is $t->request('HEAD', $path, undef, @host, @{ $browser{$name} })
            ->status, 403, "HEAD $path, $name";
    }

    is $t->get('/cache/k', @{ $browser{$name} })->status, 200,
        "GET of a page, $name";
}

is $t->get('/cache/k')->status, 200, 'nothing was cleared or closed';

# the user, the site itself, and programs

for my $self ([ 'Sec-Fetch-Site' => 'same-origin', Origin => $own,
    'User-Agent' => 'Mozilla/5.0', 'Accept-Language' => 'en' ],
    [ 'Sec-Fetch-Site' => 'none' ], [ Referer => "$own/ui" ],
    [ Origin => $own ], [ Origin => 'https://127.0.0.1:' . $t->port ],
    [ 'User-Agent' => 'Mozilla/5.0' ], [])
{
    for my $request (@changes) {
        my ($method, $path, $status) = @$request;

        $t->request('POST', '/cache/k', '{"value":1}');
        is send_to(0, $method, $path, @host, @$self)->status, $status,
            "$method $path, @$self";
        $t->request('DELETE', '/cache/n');
    }

    is send_to(0, 'POST', '/close', @host, @$self)->status, 200,
        "close, @$self";
    is $t->get('/cache/k')->status, 503, "closed, @$self";
    send_to(0, 'POST', '/open', @host, @$self);
    is send_to(0, 'POST', '/clear', @host, @$self)->status, 200,
        "clear, @$self";
    is $t->count, 0, "cleared, @$self";
}

for my $program ([], [ 'User-Agent' => 'python-requests/2.31.0',
    Accept => '*/*', 'Accept-Encoding' => 'gzip, deflate' ],
    [ 'User-Agent' => 'python-httpx/0.27.0', Accept => '*/*' ],
    [ 'User-Agent' => 'Python-urllib/3.11' ])
{
    is $t->get($_, @$program)->status, 200, "GET $_, @$program"
        for qw(/clear /close);
    is $t->get('/cache/k', @$program)->status, 503, "closed, @$program";
    $t->request('POST', '/open', '', @$program);
}

SKIP: {
    skip 'no curl', 3 if system "command -v curl >$dir/out 2>&1";

    like `curl -sS $own/$_ 2>&1`, qr/^\{"message":/, "curl $_"
        for qw(clear close);
    like `curl -sS -X POST $own/open 2>&1`, qr/^\{"message":/, 'curl open';
}

# bigcache_origin: the innermost one counts

my @origins = map { "http://$_.example" } qw(outer both location);

push @origins, 'http://inner.example:81', 'https://inner.example:81',
    'http://inner.example', 'https://location.example';


sub lets_in {
    my ($n, $path, @expected) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is_deeply [ grep { send_to($n, 'POST', "$path/cache/k", Origin => $_)
        ->status == 200 } @origins ], \@expected, "$n$path: who may";
    refused(send_to($n, 'POST', "$path/cache/k", Origin => 'null'),
        qr/other sites/, "$n$path: null");
}

lets_in(0, '');
lets_in(1, '', 'http://inner.example:81', 'https://inner.example:81');
lets_in(1, '/http', 'https://location.example');
lets_in(1, '/off');
lets_in(2, '/inherits', 'http://outer.example', 'http://both.example');
is send_to(1, 'POST', '/http/cache/k?if=1', Origin =>
    'https://location.example', 'Sec-Fetch-Site' => 'cross-site')
    ->header('X-If'), 'yes', 'within an if, and by name from another site';
refused($t->connect(1)->request('GET', '/http/clear', undef, Origin =>
    'https://location.example', 'User-Agent' => 'Mozilla/5.0'),
    qr/by POST only/, 'a GET is not for those that may');

# behind a proxy that writes its own Host

for my $n (2, 3) {
    my $status = $n == 3 ? 200 : 403;
    my $site = '127.0.0.1:' . $t->port($n);

    is send_to($n, 'POST', '/cache/k', Host => $site, Origin =>
        "http://$site", 'Sec-Fetch-Site' => 'same-origin')->status, $status,
        "by the proxy $n";
    is send_to($n, 'DELETE', '/cache/k', Host => $site, Referer =>
        "http://$site/ui")->status, $status, "by the proxy $n, Referer";
    is send_to($n, 'POST', '/cache/k', Host => $site)->status, 200,
        "by the proxy $n, a program";
    is send_to($n, 'POST', '/cache/k', Host => $site,
        Origin => 'http://evil.example')->status, 403,
        "by the proxy $n, another site";
}

# over TLS the scheme is known

SKIP: {
    skip 'no TLS, or no curl', 8 if !$tls
        || system "command -v curl >$dir/out 2>&1";

    my $curl_http2 = $http2 && `curl -V` =~ /\bHTTP2\b/;

    for my $case ([ 4, '--http1.1' ], $curl_http2 ? [ 5, '--http2' ] : ()) {
        my ($n, $option) = @$case;
        my $site = '127.0.0.1:' . $t->port($n);
        my $post = sub {
            return `curl -sSk $option -o $dir/out -w '%{http_code}' -d '$json' \\
                -H '$_[0]' 'https://$site/cache/k' 2>&1`;
        };

        is $post->('X: y'), 200, "$option: a program";
        is $post->("Origin: https://$site"), 200, "$option: the site";
        is $post->("Origin: http://$site"), 403, "$option: not http";
        is $post->('Origin: https://127.0.0.1'), 403, "$option: another port";
        is $post->("Referer: https://$site/ui"), 200, "$option: Referer";
    }
}

# HTTP/1.0 without a Host names no site

like $t->http("POST /clear HTTP/1.0\r\nContent-Length: 0\r\n\r\n")->body,
    qr/deleted/, 'HTTP/1.0';
is $t->http("POST /clear HTTP/1.0\r\nContent-Length: 0\r\nOrigin: $own\r\n\r\n")
    ->status, 403, 'HTTP/1.0, an Origin, no Host';

done_testing;
