#!/usr/bin/perl

# Stale pages: sent while one request refreshes them, sent in place of errors,
# and not sent where the answer or the configuration forbids it.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep time);

use constant SWR => ', stale-while-revalidate=600';
use constant SIE => ', stale-if-error=600';

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $large = 'abcdefg' x 300_000;


# old(DIRECTIVES, FIELD ...): the fields of a page that is stale when it comes

sub old {
    my ($control, @fields) = @_;

    return ('Cache-Control' => "max-age=10$control", Age => 10, @fields);
}


my @new = ('Cache-Control' => 'max-age=600');


# what the origin says at first, and after that; "%" is the number of the
# request

my %answers = (
    '/swr/answer' => [[200, [old(SWR)], 'page %'], [200, \@new, 'page %']],
    '/swr/keepalive' => [[200, [old(SWR)], 'page %'], [200, \@new, 'page %']],
    '/swr/http10' => [[200, [old(SWR)], 'page %'], [200, \@new, 'page %']],
    '/swr/close' => [[200, [old(SWR)], 'page %'], [200, \@new, 'page %']],
    '/swr/vary' => [[200, [old(SWR, Vary => 'X-Lang')], 'page %'],
        [200, [@new, Vary => 'X-Lang'], 'page %']],
    '/swr/head' => [[200, [old(SWR)], 'page %'], [200, \@new, 'page %']],
    '/swr/fails' => [[200, [old(SWR)], 'page %'], [500, [], 'failed %']],
    '/swr/too-old' => [[200, ['Cache-Control' => 'max-age=10,'
        . 'stale-while-revalidate=5', Age => 20, ETag => '"1"'], 'page %'],
        [200, \@new, 'page %']],

    '/conf/silent' => [[200, [old('')], 'page %'], [200, \@new, 'page %']],
    '/conf/bound' => [[200, ['Cache-Control' => 'max-age=10' . SWR, Age => 200,
        ETag => '"1"'], 'page %'], [200, \@new, 'page %']],
    '/conf/less' => [[200, ['Cache-Control' => 'max-age=10, '
        . 'stale-while-revalidate=5', Age => 30, ETag => '"1"'], 'page %'],
        [200, \@new, 'page %']],
    '/error/conf' => [[200, [old('')], 'page %'], [503, [], 'failed %']],

    '/off/swr' => [[200, [old(SWR, ETag => '"1"')], 'page %'],
        [200, \@new, 'page %']],
    '/off/sie' => [[200, [old(SIE, ETag => '"1"')], 'page %'],
        [503, [], 'failed %']],

    '/sie/reset' => [[200, [old(SIE)], 'page %'], 'close'],
    '/sie/timeout' => [[200, [old(SIE)], 'page %'], 'wait'],
    '/sie/again' => [[200, [old(SIE)], 'page %'], [503, [], 'failed %'],
        [200, \@new, 'page %']],
    '/sie/head' => [[200, [old(SIE)], 'page %'], [503, [], 'failed %']],
    '/sie/range' => [[200, [old(SIE, ETag => '"1"')], '0123456789'],
        [503, [], $large]],
    '/sie/large' => [[200, [old(SIE, ETag => '"1"')], $large],
        [503, [], $large]],
    '/sie/text' => [[200, [old(SIE, 'Content-Type' => 'text/plain')],
        'text' x 1000], [503, ['X-Failed' => 'yes', 'Retry-After' => 9,
        'Content-Type' => 'image/png'], $large]],
    '/sie/crowd' => [[200, [old(SIE)], 'page %'], [503, [], 'failed %']],
    '/sie/auth' => [[200, [old(SIE)], 'page %'], [200, \@new, 'page %'],
        [503, [], 'failed %']],
    '/try/404' => [[200, [old(SIE)], 'page %'], [404, [], 'none %']],
    '/try/503' => [[200, [old(SIE)], 'page %'], [503, [], 'failed %']],
    '/both/404' => [[200, [old(SIE)], 'page %'], [404, [], 'none %']],
    '/intercept404/404' => [[200, [old(SIE)], 'page %'],
        [404, [], 'none %']],
    '/intercept404/404-none' => [[404, [], 'none %']],
    '/sie/404' => [[200, [old(SIE)], 'page %'], [404, [], 'none %']],
    '/page/404' => [[200, [old(SIE)], 'page %'], [404, [], 'none %']],
    '/page/501' => [[200, [old(SIE)], 'page %'], [501, [], 'never %']],
    '/page/reset' => [[200, [old(SIE)], 'page %'], 'close'],
    '/page/none' => [[502, [], 'failed %']],
    '/page/410' => [[200, [old(SIE)], 'page %'], [410, [], 'gone %']],
    '/only503/503' => [[200, [old(SIE)], 'page %'], [503, [], 'failed %']],
    '/only503/500' => [[200, [old(SIE)], 'page %'], [500, [], 'failed %']],
    '/intercept503/500' => [[200, [old(SIE)], 'page %'],
        [500, [], 'failed %']],
    '/only404/404' => [[200, [old(SIE)], 'page %'], [404, [], 'none %']],

    '/304/private' => [[200, [old(SWR, ETag => '"1"')], 'page %'],
        [304, ['Cache-Control' => 'private']], [200,
            ['Cache-Control' => 'private'], 'own %']],
    '/304/no-store' => [[200, [old(SWR, ETag => '"1"')], 'page %'],
        [304, ['Cache-Control' => 'no-store']], [200,
            ['Cache-Control' => 'no-store'], 'own %']],
    '/swr/private' => [[200, [old(SWR)], 'page %'],
        [200, ['Cache-Control' => 'private'], 'own %']],
    '/swr/no-store' => [[200, [old(SWR)], 'page %'],
        [200, ['Cache-Control' => 'no-store'], 'own %']],
    '/swr/cookie' => [[200, [old(SWR)], 'page %'],
        [200, [@new, 'Set-Cookie' => 'a=b'], 'own %']],
    '/swr/gone' => [[200, [old(SWR)], 'page %'], [410, [], 'gone %']],
    '/expired/private' => [[200, [old(SIE)], 'page %'],
        [200, ['Cache-Control' => 'private'], 'own %']],
);

for my $status (500, 502, 503, 504) {
    $answers{"/$_/$status"} = [[200, [old(SIE)], 'page %'],
        [$status, [], 'failed %']] for qw(sie page);
}

my %forbidden = (
    'must' => 'max-age=10, must-revalidate',
    'proxy' => 'max-age=10, proxy-revalidate',
    's-maxage' => 's-maxage=10',
    'no-cache' => 'no-cache',
);

for my $name (keys %forbidden) {
    my @fields = ('Cache-Control' => $forbidden{$name} . SWR . SIE, Age => 10,
        ETag => '"1"');

    $answers{"/conf/$name"} = [[200, \@fields, 'page %'],
        [503, [], 'failed %']];
    $answers{"/$name"} = $answers{"/conf/$name"};
}

for my $how (qw(swr expired)) {
    my @fields = old($how eq 'swr' ? SWR : '', 'X-Changed' => 'before',
        'X-Kept' => 'kept');
    my @image = ('Content-Type' => 'image/png');
    my @changed = (@new, 'X-Changed' => 'after', 'X-New' => 'new');

    for (['etag', ETag => '"tag"'],
        ['date', 'Last-Modified' => 'Sun, 06 Nov 1994 08:49:37 GMT'])
    {
        my ($name, @validator) = @$_;

        $answers{"/$how/304-$name"} = [[200, [@fields, @image, @validator],
            'page %'], [304, [@changed, @validator]]];
        $answers{"/$how/304-$name-large"} = [[200, [@fields, @image,
            @validator], $large], [304, [@changed, @validator]]];
    }

    $answers{"/$how/304-vary"} = [[200, [@fields, @image, ETag => '"tag"',
        Vary => 'X-Lang'], 'page %'], [304, [@changed, ETag => '"tag"',
        Vary => 'X-Lang']]];
    $answers{"/$how/304-text"} = [[200, [@fields, ETag => '"tag"',
        'Content-Type' => 'text/plain'], 'text' x 1000], [304, [@changed,
        ETag => '"tag"']]];
}

$answers{"/expired/304-$_"} = [[200, [old('', ETag => '"tag"')],
    '0123456789'], [304, [@new, ETag => '"tag"']]]
    for qw(same other range none-match-star);


my $o = Bigcache::Test::Origin->new($t, 1, \&answer);
my $gone = Bigcache::Test::Origin->new($t, 3, \&answer);

sub answer {
    my ($request, $n) = @_;
    my $uri = $request->{uri} =~ s/\?.*//r;

    $t->write_file(saw($request->{uri}, $n), join '', map {
        "$_: $request->{header}{$_}\n" } sort keys %{ $request->{header} });

    return (200, [old(SIE)], "page $n") if $uri =~ m{^/gone/};

    # a query "wait" keeps the second request until the test lets it go

    my $go = "$dir/go" . $uri =~ tr{/}{_}r;

    if ($n == 2 && $request->{uri} =~ /\?wait$/) {
        sleep 0.01 while !-e $go;
    }

    my $answers = $answers{$uri} or return (599, [], 'unknown');
    my $answer = $answers->[$n - 1] || $answers->[-1];

    return if $answer eq 'close';

    if ($answer eq 'wait') {
        sleep 4;
        return;
    }

    my ($status, $fields, $body) = @$answer;

    return ($status, $fields, ($body // '') =~ s/%/$n/r);
}

sub saw { return "saw$_[1]" . $_[0] =~ tr{/?}{__}r }


$t->conf(location => 'bigcache_pages off;', http => 'proxy_http_version 1.1;'
    . ' proxy_set_header Connection "";', servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        add_header X-Status $bigcache_status always;

        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /gone/ { proxy_pass http://127.0.0.1:%%PORT_3%%; }
        location /gone/page/ {
            error_page 502 =200 /sorry;
            proxy_intercept_errors on;
            proxy_pass http://127.0.0.1:%%PORT_3%%;
        }
        location /conf/ {
            bigcache_stale while_revalidate=60 if_error=60;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /error/ {
            bigcache_stale if_error=60;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /off/ {
            bigcache_stale off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /sie/timeout {
            proxy_read_timeout 1s;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /page/ {
            error_page 500 502 503 504 =200 /sorry;
            error_page 404 =404 /none;
            error_page 410 =410 /none;
            error_page 501 =501 /none;
            proxy_intercept_errors on;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /try/ { try_files $uri @app; }
        location /both/ {
            try_files $uri @app;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location @app {
            error_page 503 =200 /sorry;
            error_page 404 =404 /none;
            proxy_intercept_errors on;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /only503/ {
            bigcache_stale if_error=60 http_503;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /intercept503/ {
            bigcache_stale if_error=60 http_503;
            error_page 500 =500 /none;
            proxy_intercept_errors on;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /intercept404/ {
            bigcache_stale if_error=60 http_404;
            error_page 404 =404 /none;
            proxy_intercept_errors on;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /only404/ {
            bigcache_stale if_error=60 http_404;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /sub/ {
            sub_filter page PAGE;
            sub_filter_types *;
            proxy_pass http://127.0.0.1:%%PORT_1%%/swr/;
        }
        location = /sorry { bigcache_pages off; return 200 sorry; }
        location = /none { bigcache_pages off; return 200 "error page"; }
    }
})->start;


sub ask {
    my ($uri, @headers) = @_;

    return method('GET', $uri, @headers);
}


sub method {
    my ($method, $uri, @headers) = @_;

    return $t->request_to(2, $method, $uri, undef, @headers);
}


sub status { return $_[0]->header('X-Status') // 'none' }
sub said { return status($_[0]) . ' ' . $_[0]->answer }


# is_there(URI): the store has its page

sub is_there {
    my $url = "http://localhost$_[0]" =~ s/([^\w.])/sprintf '%%%02X', ord $1/ger;

    return $t->get("/page?url=$url")->status == 200;
}


# prime(URI): stores its page, which is stale then

sub prime {
    my ($uri, @headers) = @_;
    my $r = ask($uri, @headers);

    is status($r), 'MISS', "$uri: a miss";
    ok $t->wait_for(sub { is_there($uri) }), "$uri: is stored";
}


sub refreshed {
    my ($uri, @headers) = @_;

    return $t->wait_for(sub { status(ask($uri, @headers)) eq 'HIT' });
}


sub let_go { $t->write_file('go' . $_[0] =~ tr{/}{_}r, '') }
sub request_of { return $t->read_file(saw(@_)) }


# -- stale-while-revalidate

for my $uri ('/swr/answer', '/conf/silent') {
    prime("$uri?wait");
    is said(ask("$uri?wait")), 'UPDATING 200 page 1', "$uri: sent at once";
    ok $t->wait_for(sub { $o->requests("$uri?wait") == 2 }),
        "$uri: one request refreshes it";
    is said(ask("$uri?wait")), 'UPDATING 200 page 1', "$uri: to others, too"
        for 1 .. 5;
    is $o->requests("$uri?wait"), 2, "$uri: only one";
    let_go($uri);
    ok refreshed("$uri?wait"), "$uri: the refreshed page is stored";
    is said(ask("$uri?wait")), 'HIT 200 page 2', "$uri: the new one";
    is $o->requests("$uri?wait"), 2, "$uri: was asked for once";
}

for (['/conf/bound', 'the configuration is the upper bound'],
    ['/conf/less', 'the answer may say less'],
    ['/swr/too-old', 'the window has an end'])
{
    my ($uri, $name) = @$_;

    prime($uri);
    is said(ask($uri)), 'EXPIRED 200 page 2', $name;
    ok refreshed($uri), "$name: the new page is stored";
}

prime('/off/swr');
is said(ask('/off/swr')), 'EXPIRED 200 page 2', 'off: no stale page';

# a connection is not kept busy

prime('/swr/keepalive?wait');
my $c = $t->connect(2);
my $r = $c->request('GET', '/swr/keepalive?wait');
is said($r), 'UPDATING 200 page 1', 'kept alive: a stale page';
$t->wait_for(sub { $o->requests('/swr/keepalive?wait') == 2 });
$c = $t->connect(2) if ($r->header('Connection') // '') eq 'close';
is said($c->request('GET', '/swr/answer?wait')), 'HIT 200 page 2',
    'kept alive: the next request does not wait for the refresh';
let_go('/swr/keepalive');
ok refreshed('/swr/keepalive?wait'), 'kept alive: it is refreshed';

# nor is a connection whose end is the end of the page

prime('/sub/http10?wait');
$c = $t->connect(2)->send("GET /sub/http10?wait HTTP/1.0\r\n"
    . "Host: localhost\r\n\r\n");
like $c->read_until("\r\n\r\n"), qr/^X-Status: UPDATING\r$/m,
    'HTTP/1.0: a stale page';
is $c->read_bytes(6), 'PAGE 1', 'HTTP/1.0: the page';
ok $c->closed, 'HTTP/1.0: the connection ends before the refresh';
let_go('/swr/http10');
ok refreshed('/sub/http10?wait'), 'HTTP/1.0: it is refreshed';

# a client that leaves as soon as it has the page does not end the refresh

prime('/swr/close?wait');
$c = $t->connect(2);
is said($c->request('GET', '/swr/close?wait')), 'UPDATING 200 page 1',
    'the client leaves: it has the page';
$t->wait_for(sub { $o->requests('/swr/close?wait') == 2 });
$c->reset;
let_go('/swr/close');
ok refreshed('/swr/close?wait'), 'the client leaves: the page is refreshed';
is $o->requests('/swr/close?wait'), 2, 'the client leaves: by that request';

# a HEAD refreshes it by a GET

prime('/swr/head?wait');
$r = method('HEAD', '/swr/head?wait');
is status($r), 'UPDATING', 'HEAD: a stale page';
is $r->header('Content-Length'), 6, 'HEAD: its length';
is $r->body, '', 'HEAD: no body';
let_go('/swr/head');
ok refreshed('/swr/head?wait'), 'HEAD: refreshes it';
is_deeply [$o->log('/swr/head?wait')], [('GET /swr/head?wait') x 2],
    'HEAD: by a GET';

# a variant

prime('/swr/vary?wait', 'X-Lang' => 'de');
is said(ask('/swr/vary?wait', 'X-Lang' => 'de')), 'UPDATING 200 page 1',
    'a variant: it is stale';
let_go('/swr/vary');
ok refreshed('/swr/vary?wait', 'X-Lang' => 'de'), 'a variant: is refreshed';
is said(ask('/swr/vary?wait', 'X-Lang' => 'de')), 'HIT 200 page 2',
    'a variant: the new one';
like request_of('/swr/vary?wait', 2), qr/^x-lang: de$/m,
    'a variant: asked for by its field';
is said(ask('/swr/vary?wait', 'X-Lang' => 'fr')), 'MISS 200 page 3',
    'a variant: another one is a miss';

# -- a page that is not the origin's any more, or not everybody's

for my $uri (qw(/swr/private /swr/no-store /swr/cookie /swr/gone)) {
    prime($uri);
    is said(ask($uri)), 'UPDATING 200 page 1', "$uri: is stale at first";
    ok $t->wait_for(sub { $o->requests($uri) == 2 }), "$uri: is refreshed";
    ok $t->wait_for(sub { ask($uri)->body !~ /page/ }), "$uri: is not sent";
    is +(grep { ask($uri)->body =~ /page/ } 1 .. 5), 0, "$uri: never again";
    ok $t->wait_for(sub { !is_there($uri) }), "$uri: is removed";
}

prime('/expired/private');
is said(ask('/expired/private')), 'EXPIRED 200 own 2', 'expired: own';
ok $t->wait_for(sub { !is_there('/expired/private') }), 'expired: it is removed';
is ask('/expired/private')->body, 'own 3', 'expired: not stored';

# that a page cannot be stored is remembered for ten seconds only: at the end
# of this test the page is asked for again

my $private = time;

prime($_) for qw(/304/private /304/no-store);
my $stored = $t->count;

for my $uri (qw(/304/private /304/no-store)) {
    is said(ask($uri)), 'UPDATING 200 page 1', "$uri: is stale at first";
    ok $t->wait_for(sub { $o->requests($uri) == 2 }), "$uri: is refreshed";
}

ok $t->wait_for(sub { $t->count == $stored - 2 }), '304: both are removed';

# -- 304

for my $how (qw(swr expired)) {
    for my $what (qw(etag etag-large date date-large vary text)) {
        my $uri = "/$how/304-$what";
        my @lang = ('X-Lang' => 'de');

        prime($uri, @lang);
        $r = ask($uri, @lang);
        my $body = $what =~ /large/ ? $large : $what eq 'text' ? 'text' x 1000
            : 'page 1';

        is status($r), $how eq 'swr' ? 'UPDATING' : 'REVALIDATED',
            "$uri: its status";
        is $r->status, 200, "$uri: 200";
        ok $r->body eq $body, "$uri: its body";
        is $r->header('X-Changed'), $how eq 'swr' ? 'before' : 'after',
            "$uri: a field";

        ok refreshed($uri, @lang), "$uri: is refreshed";
        $r = ask($uri, @lang);
        is said($r), "HIT 200 $body", "$uri: the body is kept";
        is_deeply [$r->headers('X-Changed')], ['after'],
            "$uri: a field has changed";
        is $r->header('X-New'), 'new', "$uri: a field is new";
        is $r->header('X-Kept'), 'kept', "$uri: a field is kept";
        is $r->header('Content-Type'), $what eq 'text' ? 'text/plain'
            : 'image/png', "$uri: its type is kept";
        is $r->header('Content-Length'), length $body, "$uri: its length";
        cmp_ok $r->header('Age'), '<', 10, "$uri: its age begins again";
        is $o->requests($uri), 2, "$uri: the origin was asked twice";
        like request_of($uri, 2), $what =~ /date/
            ? qr/^if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT$/m
            : qr/^if-none-match: "tag"$/m, "$uri: by the validator";
    }
}

# the client's own conditions are about the page, and not about the 304

prime("/expired/304-$_") for qw(same other range none-match-star);

$r = ask('/expired/304-same', 'If-None-Match' => '"tag"');
is said($r), 'REVALIDATED 304 ', '304: the client has the page';
$r = ask('/expired/304-other', 'If-None-Match' => '"mine"');
is said($r), 'REVALIDATED 200 0123456789', '304: the client has another one';
unlike request_of('/expired/304-other', 2), qr/mine/,
    '304: the origin is not asked for that';
$r = ask('/expired/304-range', Range => 'bytes=2-4');
is said($r), 'REVALIDATED 206 234', '304: the client gets its range';
unlike request_of('/expired/304-range', 2), qr/^range:/m,
    '304: the origin is not asked for a range';
$r = ask('/expired/304-none-match-star', 'If-None-Match' => '*');
is said($r), 'REVALIDATED 304 ', '304: the client has any';

# -- stale-if-error

for my $uri (map({ ("/sie/$_", "/page/$_") } 500, 502, 503, 504, 'reset'),
    qw(/try/503 /sie/timeout /error/conf /only503/503 /only404/404))
{
    prime($uri);
    is said(ask($uri)), 'STALE 200 page 1', "$uri: a stale page";
    is $o->requests($uri), 2, "$uri: the origin was asked";
    is said(ask($uri)), 'STALE 200 page 1', "$uri: again" for 1 .. 3;
    is $o->requests($uri), 2, "$uri: it is left alone then";
}

prime('/swr/fails');
is said(ask('/swr/fails')), 'UPDATING 200 page 1', 'a refresh fails: stale';
ok $t->wait_for(sub { status(ask('/swr/fails')) eq 'STALE' }),
    'a refresh fails: still stale';
is ask('/swr/fails')->body, 'page 1', 'a refresh fails: the page stays'
    for 1 .. 3;
is $o->requests('/swr/fails'), 2, 'a refresh fails: the origin is left alone';

# nobody listens

my @uris = ('/gone/a', '/gone/page/a');

for my $uri (@uris) {
    my $before = $t->count;
    is said(ask($uri)), 'MISS 200 page 1', "$uri: a miss";
    ok $t->wait_for(sub { $t->count > $before }), "$uri: is stored";
}

$gone->stop;

for my $uri (@uris) {
    is said(ask($uri)), 'STALE 200 page 1', "$uri: a stale page" for 1 .. 3;
}

is ask('/gone/none')->status, 502, 'nobody listens, no page: 502';
is ask('/gone/page/none')->answer, '200 sorry',
    'nobody listens, no page: an error_page';
is ask('/page/none')->answer, '200 sorry', 'no page: an error_page';

# what is no failure is handled as ever

prime($_) for qw(/sie/404 /page/404 /page/410 /page/501 /only503/500
    /intercept503/500);
is said(ask('/sie/404')), 'EXPIRED 404 none 2', 'a 404 is an answer';
is ask('/page/404')->answer, '404 error page', 'an error_page for 404';
is ask('/page/410')->answer, '410 error page', 'an error_page for 410';
is ask('/page/501')->answer, '501 error page', 'an error_page for 501';
is ask('/only503/500')->answer, '500 failed 2', 'a 500, for which no stale '
    . 'page is used';
is ask('/intercept503/500')->answer, '500 error page', 'an error_page for 500, '
    . 'for which no stale page is used';

# with try_files in front of it

prime('/try/404');
is ask('/try/404')->answer, '404 error page', 'try_files: an error_page for 404';
prime('/both/404');
is ask('/both/404')->answer, '404 error page', 'try_files in a location with an '
    . 'upstream: an error_page for 404';

# a failure for which a stale page is used is no error_page

prime('/intercept404/404');
is said(ask('/intercept404/404')), 'STALE 200 page 1', 'a stale page goes '
    . 'before an error_page for 404';
is ask('/intercept404/404-none')->answer, '404 error page', 'without one: the '
    . 'error_page';

# parts and forms of a page that is sent in place of a failure

prime("/sie/$_") for qw(range large text crowd);
$c = $t->connect(2);
$r = $c->request('GET', '/sie/range', undef, Range => 'bytes=2-4');
is said($r), 'STALE 206 234', 'in place of a failure: a range';
is $r->header('Content-Range'), 'bytes 2-4/10', 'its Content-Range';
is said($c->request('GET', '/sie/range', undef, 'If-None-Match' => '"1"')),
    'STALE 304 ', 'in place of a failure: a condition';
$r = $c->request('GET', '/sie/large');
is status($r), 'STALE', 'in place of a failure: a large page';
ok $r->body eq $large, 'in place of a failure: all of it';
$r = $c->request('GET', '/sie/text', undef, 'Accept-Encoding' => 'gzip');
is status($r), 'STALE', 'in place of a failure: a text';
is_deeply [map { scalar $r->header($_) } qw(Content-Encoding Content-Type X-Failed
    Retry-After)], ['gzip', 'text/plain', undef, undef],
    'in place of a failure: fields of the page only';
is $r->header('Content-Length'), length $r->body, 'its length';

my @c = map { $t->connect(2) } 1 .. 10;
$_->send_request('GET', '/sie/crowd', undef, Connection => 'close') for @c;
is_deeply [map { said($_->response('GET')) } @c], [('STALE 200 page 1') x 10],
    'in place of a failure: for all who wait';
is $o->requests('/sie/crowd'), 2, 'in place of a failure: asked once';

# the answer to one client's credentials does not end the page of all

prime('/sie/auth');
is said(ask('/sie/auth', Authorization => 'Basic eDp5')), 'EXPIRED 200 page 2',
    'credentials: an answer of their own';
ok $t->wait_for(sub { $o->requests('/sie/auth') == 2 }), 'credentials: asked';
sleep 0.3;
is said(ask('/sie/auth')), 'STALE 200 page 1',
    'credentials: the page of all others stays';

# HEAD

prime('/sie/head');
$r = method('HEAD', '/sie/head');
is status($r), 'STALE', 'HEAD: a stale page is better than a failure';
is $r->status, 200, 'HEAD: its status';

# -- where it is forbidden

for my $uri (map { ("/$_", "/conf/$_") } sort keys %forbidden) {
    prime($uri);
    is ask($uri)->answer, '503 failed 2', "$uri: never stale";
}

prime('/off/sie');
is ask('/off/sie')->answer, '503 failed 2', 'off: the failure is shown';

# -- the pause has an end

prime('/sie/again');
is said(ask('/sie/again')), 'STALE 200 page 1', 'a pause: begins';
ok $t->wait_for(sub { sleep 0.2; ask('/sie/again')->body eq 'page 3' }),
    'a pause: ends';
is $o->requests('/sie/again'), 3, 'a pause: the origin was asked once';

# what a 304 has made private

sleep 0.1 while time < $private + 11;
unlike ask($_)->body, qr/page/, "$_: is not sent any more"
    for qw(/304/private /304/no-store);

done_testing;
