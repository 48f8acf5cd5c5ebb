#!/usr/bin/perl

# Programs that purge, by requests as they send them: the WordPress plugin
# nginx-helper with example/pages-wordpress.conf, FOSHttpCache, Ibexa, Wagtail,
# clients of Fastly.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::FastCGI qw(stdout end);
use Bigcache::Test::Origin;
use Bigcache::Test::Site;
use Test::More;

# exchange(T, PORT, FROM, LINES ...): sends these lines as they are
sub exchange {
    my ($t, $port, $from, @lines) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port($port), LocalAddr => $from) or die "$from: $!\n";

    syswrite $socket, join "\r\n", @lines, '', '';
    my $answer = join '', <$socket>;
    my ($status, $body) = $answer =~ m{^HTTP/1.1 (\d+) .*?\r\n\r\n(.*)}s
        or return 'none';

    return "$status $body";
}

# -- WordPress

my $t = Bigcache::Test->new;

my $o = Bigcache::Test::FastCGI->new($t, 1, sub {
    my ($request, $n) = @_;

    return stdout("Content-Type: text/html\r\n\r\n$request->{uri} $n") . end();
});

mkdir $t->dir . '/wordpress';
$t->write_file("wordpress/$_", '') for qw(index.php file.css);

$t->conf(Bigcache::Test::Site->new($t)->conf('pages-wordpress.conf',
    [ qr{unix:/run/php/php-fpm.sock} => '127.0.0.1:%%PORT_1%%', 2 ],
    [ qr{/srv/wordpress} => '%%DIR%%/wordpress' ]))->start;

sub page {
    my ($uri) = @_;

    return $t->connect->request('GET', $uri, undef, Host => 'example.org',
        Connection => 'close')->body;
}

# fresh(URI): asks until two answers are the same, which is a page that is stored
sub fresh {
    my ($uri) = @_;

    $t->wait_for(sub { page($uri) eq page($uri) }) or fail "stored: $uri";
}

sub wordpress {
    my ($uri, $from, $method) = @_;

    return exchange($t, 0, $from // '127.0.0.1',
        ($method // 'GET') . " $uri HTTP/1.1", 'Host: example.org',
        'User-Agent: WordPress/6.1.6; http://example.org', 'Accept: */*',
        'Accept-Encoding: deflate, gzip, br', 'Connection: close');
}

my @urls = ('/', '/2026/11/a-post/', '/2026/11/a-post/feed/',
    '/2026/%d9%85%d8%b1/', '/category/news/', '/?s=word');

for my $uri (@urls) {
    fresh($uri);
    my $before = page($uri);

    is wordpress("/purge$uri"), '200 {"purged":1}', "nginx-helper: $uri";
    isnt page($uri), $before, "$uri: the page is new";

    fresh($uri);
    $before = page($uri);

    is wordpress($uri, undef, 'PURGE'), '200 {"purged":1}', "PURGE $uri";
    isnt page($uri), $before, "$uri: the page is new";
}

fresh($_) for @urls;

my $before = page('/category/news/');

is wordpress('/purge/', '127.0.0.2'),
    '403 {"detail":"this address may not purge anything"}', 'from elsewhere';
is wordpress('/', '127.0.0.2', 'PURGE'),
    '403 {"detail":"this address may not purge anything"}', 'PURGE, likewise';
is wordpress('/file.css', undef, 'PURGE'), '200 {"purged":0}', 'a file';
is wordpress('/purge/never/'), '200 {"purged":0}', 'a page that nobody has';
is page('/category/news/'), $before, 'the other pages stay';

is wordpress('/*', undef, 'PURGE'), '200 {"purged":' . @urls . '}',
    'the whole site';
isnt page('/category/news/'), $before, 'its pages are new';
is scalar(grep { m{/purge} } $o->log), 0, 'WordPress has seen no purge';

$t->stop;
$o->stop;

# -- the others

$t = Bigcache::Test->new;

$o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($tags) = $request->{uri} =~ m{^/\w+/(.*)};

    return (200, ['Cache-Control' => 'max-age=600',
        xkey => join ' ', split /\+/, $tags // 'none'], "$request->{uri} $n");
});

$t->conf(size => '16m', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' bigcache_lookup_timeout 10s;',
    servers => q{
    server {
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        bigcache_purge PURGE PURGEKEYS PURGEKEY from 127.0.0.1;
        bigcache_stale while_revalidate=1h;
        bigcache_bypass $http_x_refresh;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location ^~ /purge/ {
            bigcache_purge PURGE strip=/purge from 127.0.0.1;
        }
    }
})->start;

# get(URI): what became of it, and the body
sub get {
    my ($uri, @headers) = @_;

    my $r = Bigcache::Test::Connection->new($t->port(2))->request('GET', $uri,
        undef, Host => 'example.org', Connection => 'close', @headers);

    return (($r->header('Cache-Status') // '') =~ /; (hit|fwd)(?:; ttl=(-?))?/
        ? $1 . ($2 && '-stale' // '') : 'none') . ' ' . $r->body;
}

sub store {
    my ($uri) = @_;

    get($uri);
    $t->wait_for(sub { get($uri) =~ /^hit / }) or fail "stored: $uri";
}

sub purger {
    my ($line, @fields) = @_;

    return exchange($t, 2, '127.0.0.1', "$line HTTP/1.1", @fields,
        'Connection: close');
}

my @fos = ('Host: example.org', 'User-Agent: Symfony HttpClient (Curl)',
    'Accept: */*', 'Accept-Encoding: gzip');

store($_) for '/a', '/b/a-1', '/b/a-1+b-2', '/b/c-3';

is purger('PURGE /a', @fos), '200 {"purged":1}', 'FOSHttpCache: purge';
like get('/a'), qr/^fwd /, 'FOSHttpCache: the page is gone';

store('/a');
is purger('PURGE /purge/a', @fos), '200 {"purged":1}',
    'FOSHttpCache: purge_location';

is purger('PURGEKEYS /', @fos, 'xkey-softpurge: a-1 x-9'), '200 {"purged":2}',
    'FOSHttpCache: tags';
like get('/b/a-1'), qr/ \S+ 1$/, 'FOSHttpCache: the stale page is sent';
ok $t->wait_for(sub { get('/b/a-1') =~ /^hit \S+ 2$/ }), 'and refreshed';
like get('/b/c-3'), qr/^hit \S+ 1$/, 'another page is not';

is purger('PURGEKEYS /', @fos, 'xkey-purge: c-3'), '200 {"purged":1}',
    'FOSHttpCache: tags, hard';
like get('/b/c-3'), qr/^fwd \S+ 2$/, 'it is gone';

store('/r');
get('/r', 'X-Refresh' => 1);
ok $t->wait_for(sub { get('/r') =~ /^hit \S+ 2$/ }), 'FOSHttpCache: refresh';

store('/b/b-2');
is purger('PURGEKEY /', @fos, 'xkey-softpurge: a-1 b-2 x'), '200 {"purged":2}',
    'Ibexa: tags';

store('/wagtail/?q=1');
is purger('PURGE /wagtail/?q=1', 'Accept-Encoding: identity',
    'Host: example.org', 'User-Agent: Wagtail-frontendcache/6.0'),
    '200 {"purged":1}', 'Wagtail: HTTPBackend';

store('/fastly/x');
is purger('PURGE /fastly/x', @fos, 'Fastly-Soft-Purge: 1', 'Fastly-Key: secret'),
    '200 {"purged":1}', 'Fastly: a URL';
like get('/fastly/x'), qr/ \S+ 1$/, 'Fastly: the stale page is sent';

is $o->requests('/'), 0, 'the origin has seen no purge';

done_testing;
