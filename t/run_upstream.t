#!/usr/bin/perl

# ./build.sh run --upstream: the cache in front of an application, with the API
# on a port of its own.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Bigcache::Test::Run;
use IO::Socket::INET;
use JSON::PP qw(encode_json);
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $run = Bigcache::Test::Run->new($t);
my ($front, $app, $api) = map { $t->port($_) } 0 .. 2;
my $url = "http://127.0.0.1:$app";


# what the application was asked, as JSON, with the number of the request

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;

    return (302, [Location => "$url/there"], '') if $request->{uri} eq '/own';
    return (302, [Location => '/there'], '') if $request->{uri} eq '/moved';

    return (200, ['Cache-Control' => 'max-age=600',
        'Content-Type' => 'application/json'], encode_json({ n => $n,
            map { $_ => $request->{$_} } qw(method uri header body) }));
});

sub front { return $t->request_to(0, @_) }

sub hit {
    my ($uri, @headers) = @_;

    return $t->wait_for(sub {
        my $r = front('GET', $uri, undef, @headers);
        ($r->header('Cache-Status') // '') =~ /hit/ && $r;
    });
}


# -- it serves, and says what

my ($pid, $name) = $run->start({}, '--upstream', $url, '--port', $front,
    '--api_port', $api, '--db_path', 'data', '--name', 'app.example');

is $run->serves(0, $name, $pid), "$dir/data", 'says where it serves';
like $t->read_file($name), qr{ of \Q$url/\E, up to 10g }, 'and what';
ok $t->wait_for(sub { $t->read_file($name)
    =~ m{http://127\.0\.0\.1:$api/ui,.*http://127\.0\.0\.1:$api/docs\n} }),
    'and where the API is';

# -- pages

my $r = front('GET', '/page?a=1');
is $r->status, 200, 'a page';
is $r->json->{uri}, '/page?a=1', 'of that URL';

# a page is stored after its answer, or not at all while the store is not open

$r = hit('/page?a=1');
ok $r, 'comes from the cache' or done_testing, exit;

my $n = $r->json->{n};

# the URLs of the API, and of its pages, are those of the application

for my $uri (qw(/keys/ /cache/k /pickle/k /stat /metrics /ui /docs /clear
    /openapi.json /prefix/x))
{
    $r = front('GET', $uri);
    is $r->status == 200 && $r->json->{uri}, $uri, "$uri is the application's";
}

is front('POST', '/clear', 'body')->json->{body}, 'body',
    'POST /clear is the application\'s';
is hit('/page?a=1')->json->{n}, $n, 'nothing was cleared';

# -- the API

is $t->request_to(2, 'POST', '/cache/k', '{"value":1}')->status, 200,
    'the API stores';
is $t->request_to(2, 'GET', '/cache/k')->json->{value}, 1, 'and serves';
is $t->request_to(2, 'GET', '/own')->status, 404, 'and has no pages';
is $t->request_to(2, 'GET', $_)->status, 200, "$_ is there"
    for qw(/ui /docs /stat);
is $t->request_to(2, 'GET', '/ui', undef, Host => 'evil.example')->status, 421,
    'the API refuses unknown names';
is $t->request_to(2, 'POST', '/clear')->status, 200, 'it clears';
isnt front('GET', '/page?a=1')->json->{n}, $n, 'and pages are gone';

$n = hit('/page?a=1')->json->{n};

# -- what the application is told

sub told {
    my ($uri, @headers) = @_;

    return front('GET', $uri, undef, @headers)->json->{header};
}

my $h = told('/h1', Host => "APP.example:$front",
    'X-Forwarded-For' => '192.0.2.1', 'X-Forwarded-Proto' => 'https',
    'X-Forwarded-Host' => 'evil.example', 'X-Real-IP' => '192.0.2.1',
    'X-Original-URL' => '/admin', 'X-Rewrite-URL' => '/admin',
    Forwarded => 'host=evil.example', Upgrade => 'websocket',
    Connection => 'upgrade', Cookie => 'a=b', 'X-Own' => 'kept');

is $h->{host}, "app.example:$front", 'Host, with its port';
is $h->{'x-forwarded-host'}, "app.example:$front", 'X-Forwarded-Host';
is $h->{'x-forwarded-for'}, '127.0.0.1', 'X-Forwarded-For is the client';
is $h->{'x-real-ip'}, '127.0.0.1', 'X-Real-IP too';
is $h->{'x-forwarded-proto'}, 'http', 'X-Forwarded-Proto';
is $h->{'x-own'}, 'kept', 'other fields are passed';
is $h->{cookie}, 'a=b', 'cookies too';
ok !exists $h->{$_}, "no $_"
    for qw(forwarded x-original-url x-rewrite-url upgrade);
is told('/h2', Host => 'localhost')->{host}, 'localhost', 'Host without a port';
is told('/h3', Host => "127.0.0.1:$front")->{host}, "127.0.0.1:$front",
    'Host of an address';
like $t->http("GET /h4 HTTP/1.0\r\n\r\n")->json->{header}{host}, qr/^[\w.-]+$/,
    'a Host for a client that sends none';

$r = front('GET', '/x', undef, Host => 'evil.example');
is $r->status, 421, 'an unknown name';
like $r->body, qr/--name NAME/, 'is refused with what to do';
is $o->requests('/x'), 0, 'before the application';

is front('GET', '/own')->header('Location'), '/there',
    'the address of the application is not shown';
is front('GET', '/moved')->header('Location'), '/there', 'a path stays one';

my $large = 'x' x 3_000_000;
is front('POST', '/large', $large)->json->{body}, $large, 'a large form';
is front('PUT', '/page?a=1', 'x')->json->{method}, 'PUT', 'PUT is passed';
isnt front('GET', '/page?a=1')->json->{n}, $n, 'and removes the page';

# -- the application ends, and is there again

my $stored = hit('/page?a=1');
ok $stored, 'a page is stored';
$o->stop;
is hit('/page?a=1')->body, $stored->body, 'and served without the application';
is front('GET', '/other')->status, 502, 'others are a 502';
$o->start;
is front('GET', '/other')->status, 200, 'a new application is asked at once';

kill 'INT', -$pid;
is $run->ended($pid, 20), 0, 'Ctrl-C ends it';

# -- options

($pid, $name) = $run->start({}, "--upstream=HTTP://localhost:$app/", '--port',
    $front, "--api_port=$api", '--db_path', 'data', '--max_size=500m');
is $run->serves(0, $name, $pid), "$dir/data", 'a name as upstream, and a "/"';
like $t->read_file($name), qr{ of http://localhost:$app/, up to 500m },
    'a size';
is hit('/page?a=1')->body, $stored->body, 'the pages are still there';

# -- https

SKIP: {
    $t->certificate or skip 'no openssl', 6;

    my $tls = Bigcache::Test->new;
    my $port = $tls->port(4);

    rename "$dir/$_.pem", $tls->dir . "/$_.pem" for qw(cert key);
    $tls->conf(servers => q{
        server {
            listen 127.0.0.1:%%PORT_4%% ssl;
            ssl_certificate %%DIR%%/cert.pem;
            ssl_certificate_key %%DIR%%/key.pem;
            location / {
                return 200 "$ssl_server_name $http_host $http_x_forwarded_host";
            }
        }
    })->start;

    my ($other, $n5, $n6) = (undef, $t->port(5), $t->port(6));
    my @options = ('--upstream', "https://localhost:$port", '--port', $n5,
        '--api_port', $n6, '--db_path', 'tls');

    ($other, $name) = $run->start(
        { SSL_CERT_FILE => $tls->dir . '/cert.pem' }, @options);
    is $run->serves(5, $name, $other), "$dir/tls", 'https';
    is $t->request_to(5, 'GET', '/', undef, Host => "127.0.0.1:$n5")->body,
        "localhost localhost:$port 127.0.0.1:$n5",
        'the names that the application gets';
    kill 'TERM', $other;
    is $run->ended($other, 20), 0, 'ends';

    # another authority than the one that has signed

    my $wrong = Bigcache::Test->new;
    $wrong->certificate;
    ($other, $name) = $run->start(
        { SSL_CERT_FILE => $wrong->dir . '/cert.pem' }, @options);
    is $run->serves(5, $name, $other), "$dir/tls", 'https that is not trusted';
    is $t->request_to(5, 'GET', '/')->status, 502, 'is not asked';
    like $t->read_file($name), qr/certificate verify error/, 'and why';
    kill 'TERM', $other;
    $run->ended($other, 20);

    $run->fails(qr/SSL_CERT_FILE: cannot read 'none'/, 'no authorities',
        { SSL_CERT_FILE => 'none' }, @options);
}

# -- errors

my @port = ('--port', $t->port(7), '--db_path', 'x');

sub fails {
    my ($regex, $upstream, @options) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return $run->fails($regex, "$upstream @options", @port, '--upstream',
        $upstream, @options);
}

fails(qr/--upstream: '$_' does not begin with http:/, $_)
    for '127.0.0.1:8000', 'localhost', 'localhost:8000', '/app', ' ';
fails(qr/does not begin with http:/, '');
fails(qr/'ftp' is neither http nor https/, 'ftp://localhost:21');
fails(qr/'http:.*' has a path/, "http://127.0.0.1:8000$_")
    for '/app', '//', '?a', '/#a';
fails(qr/has no host/, $_) for 'http://', 'http:///', 'http://:8000',
    'http://a b:8000', 'http://a;b', 'http://[::1:80';
fails(qr/a control character/, "http://a\nb");
fails(qr/'\Q$_\E' is not a port number/, "http://127.0.0.1:$_")
    for '', '0', '65536', 'x', '80:80';
unlike fails(qr/no user and no password/, $_), qr/secret/, 'which is not shown'
    for 'http://me:secret@127.0.0.1:8000', 'me:secret@127.0.0.1:8000';
fails(qr/--upstream: "none\.invalid": /, 'http://none.invalid:8000');
fails(qr/https needs the name/, $_) for 'https://127.0.0.1:8000',
    'https://[::1]:8000';
fails(qr/port ${\$t->port(7)} is that of the cache itself/,
    'http://localhost:' . $t->port(7));
fails(qr/port ${\$t->port(8)} is that of the cache itself/,
    'http://127.0.0.1:' . $t->port(8), '--api_port', $t->port(8));

fails(qr/--api_port: '$_' is not a port/, $url, '--api_port', $_)
    for qw(x 0 65536), ' ';
fails(qr/is the port of the application/, $url, '--api_port', $t->port(7));
fails(qr/--api_port is needed/, $url, '--port', 65535);
fails(qr/--max_size: '1m' is below 8m/, $url, '--max_size', '1m');
fails(qr/needs a value/, $url, '--max_size');

my $listen = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
    LocalPort => $t->port(8)) or die "listen: $!\n";

fails(qr/cannot listen on 127\.0\.0\.1 port ${\$t->port(8)}: Address already/,
    $url, '--api_port', $t->port(8));
ok !-e "$dir/x", 'nothing was made';

done_testing;
