#!/usr/bin/perl

# example/pages-spa.conf: the files of a single-page application, and its API,
# as the file says it.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Bigcache::Test::Site;
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $site = Bigcache::Test::Site->new($t);
my $host = 'example.org';
my @fresh = ('Cache-Control' => 'public, max-age=600',
    'Content-Type' => 'application/json');

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($uri, $header) = @$request{qw(uri header)};
    my ($sid) = ($header->{cookie} // '') =~ /\bsid=(\w+)/;
    my $user = ($header->{authorization} // '') =~ /^Bearer (\w+)/ ? $1
        : $sid // 'nobody';

    if ($uri eq '/api/events') {
        syswrite $request->{socket}, "HTTP/1.1 200 OK\r\nCache-Control:"
            . " no-cache\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
        sysread $request->{socket}, my $end, 1;
        return;
    }

    return (303, ['Set-Cookie' => 'sid=alice; HttpOnly', Location => '/api/me'],
        '') if $uri eq '/api/login';
    return (200, ['Cache-Control' => 'max-age=600', Vary => 'Cookie',
        'Content-Type' => 'application/json'], qq({"me":"$user","n":$n}))
        if $uri eq '/api/me';
    return (200, ['Cache-Control' => 'max-age=600'], qq({"token":"$user"}))
        if $uri eq '/api/token';
    return (200, ['Cache-Control' => 'no-store'], qq({"n":$n}))
        if $uri eq '/api/basket';
    return (200, [], qq({"n":$n})) if $uri eq '/api/silent';
    return (404, \@fresh, qq({"none":$n})) if $uri eq '/api/none';
    return (200, ['Cache-Control' => 'max-age=10', Age => 10], qq({"stale":$n}))
        if $uri eq '/api/stale';
    return (200, [@fresh, Vary => 'Origin', 'Access-Control-Allow-Origin' =>
        $header->{origin} // 'none'], "{}") if $uri eq '/api/cors';
    return (204) if $request->{method} eq 'DELETE';
    return (200, [@fresh, ETag => qq("$n")], qq({"items":$n,"uri":"$uri"}));
});

mkdir "$dir/$_" for 'app', 'app/assets';
$t->write_file('app/index.html', 'the application');
$t->write_file('app/robots.txt', 'robots');
$t->write_file('app/assets/app.1234.js', 'code');

$t->conf($site->conf('pages-spa.conf',
    [ qr{/srv/app} => '%%DIR%%/app' ],
    [ qr/127\.0\.0\.1:3000/ => '127.0.0.1:%%PORT_1%%' ]))->start;

my $v = $site->visitor($host);

# -- files

for my $path (qw(/ /index.html /orders/7 /deep/er/path)) {
    my $r = $v->get($path);

    is $r->body, 'the application', "$path is the application";
    is $r->header('Cache-Control'), 'no-cache', 'which is asked for each time';
    ok !$r->header('Cache-Status'), 'by nginx';
}

is $v->get('/robots.txt')->body, 'robots', 'another file';
is $v->get('/assets/app.1234.js')->body, 'code', 'a file with a version';
like $v->get('/assets/app.1234.js')->header('Cache-Control'), qr/immutable/,
    'never changes';
is $v->get('/assets/old.js')->status, 404, 'one that is not there';
is $v->get('/', Host => 'evil.example')->status, 400, 'two hosts';
is $site->visitor('evil.example')->get('/')->status, 421, 'an unknown host';
is $o->requests, 0, 'all that without the API';

# -- the API

my $r = $v->get('/api/items?page=1&utm_source=a');
like $r->body, qr/"items":1,.*utm_source=a/, 'an answer';
is $v->hit('/api/items?page=1')->body, $r->body, 'is stored';
is $v->get("/api/items?page=1&$_=x")->body, $r->body, $_
    for qw(utm_medium fbclid gclid);
is $v->get('/api/items?page=1', 'If-None-Match' => '"1"')->status, 304,
    'by its ETag';
is $v->request('HEAD', '/api/items?page=1')->status, 200, 'HEAD';
is $v->request('DELETE', '/api/items?page=1')->status, 204, 'a DELETE';
like $v->get('/api/items?page=1')->body, qr/"items":[23]/, 'removes it';

for my $path (qw(/api/basket /api/silent)) {
    isnt $v->get($path)->body, $v->get($path)->body, "$path is not stored";
}

is $v->get('/api/none')->status, 404, 'a 404';
is $v->hit('/api/none')->body, '{"none":1}', 'is stored';

for my $from (qw(https://one.example https://two.example)) {
    $v->get('/api/cors', Origin => $from);
    is $v->hit('/api/cors', Origin => $from)
        ->header('Access-Control-Allow-Origin'), $from, "Origin $from";
}

# -- users

$v->get('/api/me');
my $nobody = $v->hit('/api/me')->body;
like $nobody, qr/"nobody"/, 'nobody';

my $alice = $site->visitor($host);
is $alice->post('/api/login', {})->status, 303, 'a login';
is $alice->cookie('sid'), 'alice', 'by a cookie';
$v->get('/api/me');

my $bob = $site->visitor($host);
$bob->cookie(sid => 'bob');
my $ga = $site->visitor($host);
$ga->cookie(_ga => 'GA1');

for (1 .. 3) {
    like $alice->get('/api/me')->body, qr/"alice"/, 'alice';
    like $bob->get('/api/me')->body, qr/"bob"/, 'bob';
    like $v->get('/api/me')->body, qr/"nobody"/, 'nobody';
    like $ga->hit('/api/me')->body, qr/"nobody"/, 'also with a _ga cookie';

    for my $token (qw(one two)) {
        is $v->get('/api/token', Authorization => "Bearer $token")->body,
            qq({"token":"$token"}), "token $token";
    }
}

is $v->get('/api/token')->body, '{"token":"nobody"}', 'no token';

# -- events come as they are sent

my $c = $t->connect->send("GET /api/events HTTP/1.1\r\nHost: $host\r\n\r\n");
ok $c->read_until("data: 1\n"), 'an event, at once';
$c->close;

# -- the API ends

$v->get('/api/stale');
$t->wait_for(sub { $v->get('/api/stale')->header('Cache-Status') =~ /hit/ });
$v->get('/api/items?page=3');
$v->hit('/api/items?page=3');
$o->stop;

is $v->get('/api/items?page=3')->status, 200, 'without the API: a fresh answer';
like $v->get('/api/stale')->body, qr/"stale"/, 'a stale one';
is $v->get('/api/items?page=4')->status, 502, 'others are a 502';
is $v->get('/')->body, 'the application', 'the application is there';
$o->start;
is $v->get('/api/items?page=4')->status, 200, 'and the API again';

$t->stop;

done_testing;
