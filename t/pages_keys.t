#!/usr/bin/perl

# What of page caching is seen from outside: the list of pages, the look-up of a
# URL, the source of a page.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use POSIX ();
use Test::More;

my $t = Bigcache::Test->new;

my $latin = "caf\xe9 " x 100;
my $text = '<html><script>alert(1)</script>' . 'x' x 5000;
my $large = 'large ' x 400_000;
my %bodies = (
    '/text' => [ 'text/html; charset=utf-8', $text ],
    '/utf8' => [ 'text/html', "\xed\x95\x9c\xea\xb8\x80 " x 2 ],
    '/latin' => [ 'text/html; Charset="ISO-8859-1"', $latin ],
    '/latin/none' => [ 'text/html', $latin ],
    '/latin/odd' => [ 'text/html; charset=' . 'x' x 40, $latin ],
    '/latin/bad' => [ 'text/html; charset=<b>', $latin ],
    '/binary' => [ 'image/png', "\x89PNG\r\n\x1a\n\0\0" . "\xff" x 600 ],
    '/zeroes' => [ 'text/html', "a\0b" ],
    '/empty' => [ 'text/html', '' ],
    '/large' => [ 'text/html', $large ],
    '/large/binary' => [ 'text/html', "\0" x 2_000_000 ],
    '/large/cut' => [ 'text/html', 'x' . "\xc3\xa9" x 1_000_000 ],
);

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $uri = $request->{uri};
    my @fresh = ('Cache-Control' => 'max-age=60');

    if (my $b = $bodies{$uri =~ s/\?.*//r}) {
        return (200, [ @fresh, 'Content-Type' => $b->[0] ], $b->[1]);
    }

    return (404, \@fresh, 'none') if $uri =~ /404/;
    return (200, [ @fresh, 'Content-Encoding' => 'br' ], 'not really br')
        if $uri =~ /br/;
    return (200, [ 'Cache-Control' => 'max-age=1, stale-while-revalidate=600,'
        . ' stale-if-error=1200' ], 'stale') if $uri =~ /stale/;
    return (200, [ 'Cache-Control' => 'max-age=1, must-revalidate',
        ETag => '"must"' ], 'must')
        if $uri =~ /must/;
    return (200, [ @fresh, Vary => $n > 2 ? 'X-Lang' : 'X-Other' ], "v $n")
        if $uri =~ /changes/;
    return (200, [ @fresh, Vary => 'X-Lang, X-Two' ],
        join '|', map { $request->{header}{$_} // '-' } 'x-lang', 'x-two')
        if $uri =~ /vary/;
    return (200, [ @fresh, 'X-Odd' => "a\"b\\c\xff", 'X-Odd' => 'two' ], 'odd')
        if $uri =~ /odd/;
    return (200, \@fresh, "page $uri");
});

# only what the test looks for is in this store

$t->conf(location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host; large_client_header_buffers 4'
        . ' 64k; proxy_max_temp_file_size 100m;',
    servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%% default_server;
        server_name _;
        bigcache_pages main;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /rewritten/ {
            rewrite ^/rewritten/(.*) /vary/$1 break;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /key/ {
            bigcache_page_key $http_x_key;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_3%%;
        bigcache_base /api;
        location /api/ { bigcache main; }
    }
})->start;


sub ask {
    my ($uri, @headers) = @_;
    my %headers = (Host => 'a.example', Connection => 'close', @headers);

    return $t->connect(2)->request('GET', $uri, undef, %headers);
}

# fill(URI, HEADER => VALUE ...): has it stored

sub fill {
    my @request = @_;

    $t->wait_for(sub {
        (ask(@request)->header('X-Status') // '') =~ /HIT|UPDATING/;
    }) or BAIL_OUT("$request[0] is not stored");
}

sub escape { join '', map { sprintf '%%%02X', ord } split //, $_[0] }

# found(URL, ARGUMENTS): the answer of a look-up

sub found {
    my ($url, $more) = @_;

    return $t->get('/page?url=' . escape($url) . ($more // ''));
}

# source(URL, VARIANT): what is sent of the page

sub source {
    my ($url, $variant) = @_;

    return $t->get('/page/source?url=' . escape($url)
        . (defined $variant ? "&variant=$variant" : ''));
}

# pages(ARGUMENTS): all rows, whatever parts they come in

sub pages {
    my ($arguments) = @_;
    my (@rows, $after);

    for (1 .. 1000) {
        my $answer = $t->get("/keys/?kind=page$arguments"
            . (defined $after ? "&after=$after" : ''))->json;

        push @rows, @{ $answer->{pages} };
        $after = $answer->{next} // return @rows;
    }

    return ('no end');
}

sub urls { join ' ', map { $_->{url} } pages(@_) }


# -- a list of none

is $t->get('/keys/?kind=page')->body, '{"pages":[],"next":null}', 'no pages';
is found('http://a.example/')->status, 404, 'no page';
is found('http://a.example/')->body,
    '{"detail":"no page of this URL is stored"}', 'no page: why';
is source('http://a.example/')->body,
    '{"detail":"no page of this URL is stored without a variant"}',
    'no source: why';
is $t->get('/page?url=http://a.example/&after=')->status, 404,
    'no page: "after" is empty';

# -- rows

$t->request('POST', '/pickle/http:%2f%2fa.example%2ftext', 'rest');
$t->request('POST', '/cache/k', '{"value":1}');

my $before = $t->get('/keys/')->body;

fill('/text');
fill('/text?a=1');
fill('/404');
fill('/text', Host => 'B.example:81');
fill('/vary', 'X-Lang' => 'en');
fill('/vary', 'X-Lang' => 'de', 'X-Two' => 'a:b c');
fill('/vary', 'X-Two' => '');

is urls(''), 'http://a.example/404 http://a.example/text'
    . ' http://a.example/text?a=1'
    . ' http://a.example/vary' x 3 . ' http://b.example:81/text',
    'all pages, in the order of their keys, a row for each variant';

my %row = map { $_->{url} . ' ' . $_->{variant} => $_ } pages('');
my $row = $row{'http://a.example/text '};

is join(' ', sort keys %$row), 'expire fresh_until size status stored type uri'
    . ' url variant vary', 'a row: its members';
is $row->{status}, 200, 'a row: the status';
is $row->{type}, 'text/html; charset=utf-8', 'a row: the type';
is $row->{size}, length $text, 'a row: the size';
is $row->{uri}, undef, 'a row: the URI is the one of the URL';
is $row->{vary}, undef, 'a row: no fields';
cmp_ok abs($row->{stored} - time), '<', 100, 'a row: when it was stored';
cmp_ok abs($row->{fresh_until} - time - 60), '<', 100, 'a row: fresh until';
cmp_ok $row->{expire}, '>=', $row->{fresh_until}, 'a row: the end';
is $row{'http://a.example/404 '}{status}, 404, 'a row: another status';
is $row{'http://a.example/404 '}{type}, undef, 'a row: no type';

is_deeply [ map { $_->{vary} } pages('&prefix=http://a.example/v') ],
    [ { 'x-lang' => undef, 'x-two' => '' },
        { 'x-lang' => 'de', 'x-two' => 'a:b c' },
        { 'x-lang' => 'en', 'x-two' => undef } ], 'variants';

# -- prefixes and parts

is urls('&prefix=http://a.example/t'),
    'http://a.example/text http://a.example/text?a=1', 'a prefix';
is urls('&prefix=http%3A%2F%2Fa.example%2Ftext%3Fa'),
    'http://a.example/text?a=1', 'with escapes';
is urls('&prefix=http://b'), 'http://b.example:81/text', 'a part of a host';
is urls('&prefix=https://'), '', 'a scheme that has none';
is urls('&prefix='), urls(''), 'an empty prefix';
is urls("&limit=$_"), urls(''), "$_ at a time" for 1, 2, 3, 7, 8;
is urls('&after='), urls(''), 'after nothing';
is urls('&after=http://a.example/u'), 'http://a.example/vary '
    . 'http://a.example/vary http://a.example/vary http://b.example:81/text',
    'after what is not there';

my $limited = $t->get('/keys/?kind=page&limit=2')->json;
is scalar @{ $limited->{pages} }, 2, 'as many as are wanted';
is $limited->{next}, 'http%3A%2F%2Fa.example%2Ftext', 'what to go on with';

is $t->get('/keys/')->body, $before, 'keys of the REST API are as before';
is $t->get('/keys/?kind=rest')->body, $before, 'and so they are named';
is $t->get('/keys/?prefix=http')->body, $before, 'without prefix=';
is $t->get('/api/keys/?kind=page')->status, 404, 'no location';

my $c = $t->connect(3);
is $c->request('GET', '/api/keys/?kind=page&limit=1')->json->{pages}[0]{url},
    'http://a.example/404', 'of a location that is not the root';
is $c->request('GET', '/api/page?url=http://a.example/404')->status, 200,
    'and a look-up';

my $head = $t->request('HEAD', '/keys/?kind=page');
is $head->status, 200, 'HEAD';
is $head->header('Content-Length'), length $t->get('/keys/?kind=page')->body,
    'HEAD: the length';

# -- what is wrong

for (
    [ '/keys/?kind=', 'kind is neither rest nor page' ],
    [ '/keys/?kind=Page', 'kind is neither rest nor page' ],
    [ '/keys/?kind=raw', 'kind is neither rest nor page' ],
    [ '/keys/?kind=pages', 'kind is neither rest nor page' ],
    [ '/keys/?kind=page%00', 'kind is neither rest nor page' ],
    [ '/keys/?kind=%zz', 'kind has a broken escape' ],
    [ '/keys/k?kind=page', 'the prefix of pages is an argument, prefix=' ],
    [ '/keys/?kind=page&prefix=%a', 'prefix has a broken escape' ],
    [ '/keys/?kind=page&limit=0', 'limit is not a number from 1 to 1000' ],
    [ '/keys/?kind=page&limit=1001', 'limit is not a number from 1 to 1000' ],
    [ '/keys/?kind=page&after=%', 'after has a broken escape' ],
    [ '/keys/?kind=page&prefix=' . 'a' x 8192,
        'the key is longer than 8192 bytes' ],
    [ '/keys/?kind=page&after=' . 'a' x 8192,
        'the key is longer than 8192 bytes' ],
    [ '/page', 'either url or key is needed' ],
    [ '/page?', 'either url or key is needed' ],
    [ '/page?url=http://a/&key=a', 'either url or key is needed' ],
    [ '/page?url=', 'the URL does not begin with http:// or https://' ],
    [ '/page?url=/text', 'the URL does not begin with http:// or https://' ],
    [ '/page?url=%00http://a', 'the URL has a blank or a control character' ],
    [ '/page?url=ftp://a/', 'the URL does not begin with http:// or https://' ],
    [ '/page?url=http://', 'the URL has no host' ],
    [ '/page?url=http://a:x/', 'the port of the URL is not a number' ],
    [ '/page?url=http://u@a/', 'the URL has a user' ],
    [ '/page?url=http://a/%20b', 'the URL has a blank or a control character' ],
    [ '/page?url=http://a/%0', 'url has a broken escape' ],
    [ '/page?url=http://a/' . 'a' x 8192,
        'the URL is longer than a key may be' ],
    [ '/page?key=', 'the key is empty, or holds a NUL byte' ],
    [ '/page?key=a%00~b', 'the key is empty, or holds a NUL byte' ],
    [ '/page?key=' . 'a' x 8192, 'the key is longer than 8192 bytes' ],
    [ '/page?url=http://a/&limit=x', 'limit is not a number from 1 to 1000' ],
    [ '/page?url=http://a/&variant=%', 'variant has a broken escape' ],
    [ '/page?url=http://a/&variant=' . 'a' x 8193,
        'the URL and the variant are longer than 8192 bytes' ],
    [ '/page/source?url=http://a/&variant=' . 'a' x 8192,
        'the URL and the variant are longer than 8192 bytes' ],
    [ '/page/source?url=http://a/&variant=' . 'a' x 8182,
        'the URL and the variant are longer than 8192 bytes' ],
    [ '/page/source?key=' . 'a' x 8191 . '&variant=a',
        'the URL and the variant are longer than 8192 bytes' ],
    [ '/page?url=http://a/&after=' . 'a' x 8190,
        'the key is longer than 8192 bytes' ],
    [ '/page/source', 'either url or key is needed' ],
    [ '/page/source?url=a', 'the URL does not begin with http:// or https://' ],
) {
    my ($path, $detail) = @$_;
    my $r = $t->get($path);
    my $name = length $path > 60 ? substr($path, 0, 60) . '...' : $path;

    is $r->status, 400, "wrong: $name";
    is $r->json->{detail}, $detail, "wrong: $name: why";
}

# the longest ones that there may be

is $t->get("/page/source?$_")->status, 404, 'a key of 8,192 bytes'
    for 'url=http://a/&variant=' . 'a' x 8181, 'key=' . 'a' x 8191,
    'key=' . 'a' x 8189 . '&variant=a';

is $t->request($_, '/page?url=http://a/', 'x')->status, 405, "$_ /page"
    for qw(POST PUT DELETE PATCH);
is $t->request('POST', '/page/source?url=http://a/', 'x')->status, 405,
    'POST /page/source';
is $t->get('/page/?url=http://a/')->status, 404, 'another endpoint';
is $t->get('/pages?url=http://a/')->status, 404, 'and another';

# -- the look-up of a URL

my $r = found('http://a.example/text');
is $r->status, 200, 'a look-up';
is $r->header('Content-Type'), 'application/json', 'a look-up: its type';

my $answer = $r->json;
is $answer->{url}, 'http://a.example/text', 'a look-up: the URL';
is $answer->{vary}, undef, 'a look-up: does not vary';
is $answer->{next}, undef, 'a look-up: no more';
is scalar @{ $answer->{variants} }, 1, 'a look-up: only this URL';

my $v = $answer->{variants}[0];
is $v->{$_->[0]}, $_->[1], "a look-up: $_->[0]" for [ status => 200 ],
    [ state => 'fresh' ], [ variant => '' ], [ uri => undef ],
    [ vary => undef ], [ size => length $text ], [ encoding => 'gzip' ],
    [ stale_while_revalidate => 0 ], [ stale_if_error => 0 ];
cmp_ok $v->{length}, '<', 1000, 'a look-up: the length as stored';
cmp_ok $v->{age}, '<', 100, 'a look-up: the age';
ok $v->{current}, 'a look-up: it is used';
is_deeply [ grep { $_->[0] =~ /^(?:content-type|cache-control)$/i }
    @{ $v->{headers} } ], [ [ 'Content-Type', 'text/html; charset=utf-8' ],
    [ 'Cache-Control', 'max-age=60' ] ], 'a look-up: the fields'
    or diag explain $v->{headers};

is $v->{headers}[0][0], 'Date', 'a look-up: when it was made';

is found("$_")->status, 200, "the same URL: $_" for 'HTTP://A.example/text',
    'http://a.example:80/text', 'http://a.example/text#there',
    'http://a.example./text', 'http://a.example/text?', 'http://B.Example:81/text';
is found("$_")->status, 404, "another URL: $_" for 'https://a.example/text',
    'http://a.example:81/text', 'http://a.example/text/', 'http://a.example/tex',
    'http://a.example/%74ext', 'http://a.example', 'http://b.example/text';

$answer = found('http://a.example/vary')->json;
is_deeply $answer->{vary}, [ 'x-lang', 'x-two' ], 'variants: what it varies by';
is_deeply [ map { $_->{vary} } @{ $answer->{variants} } ],
    [ map { $_->{vary} } pages('&prefix=http://a.example/vary') ],
    'variants: all of them';
is scalar(grep { !$_->{current} } @{ $answer->{variants} }), 0,
    'variants: all are used';
is_deeply [ map { source('http://a.example/vary', $_->{variant})->body }
    @{ $answer->{variants} } ], [ '-|', 'de|a:b c', 'en|-' ],
    'variants: their sources';

my (@parts, $after);

for (1 .. 5) {
    my $part = found('http://a.example/vary', '&limit=1'
        . (defined $after ? "&after=$after" : ''))->json;

    push @parts, @{ $part->{variants} };
    $after = $part->{next} // last;
}

is_deeply [ map { $_->{variant} } @parts ],
    [ map { $_->{variant} } @{ $answer->{variants} } ], 'one at a time';

$r = source('http://a.example/vary');
is $r->status, 404, 'a variant is needed';
is $r->json->{detail}, 'the page has variants, variant says which one is meant',
    'and it is said';
$r = source('http://a.example/vary', '~x-lang%3Afr%00~x-two');
is $r->json->{detail}, 'the URL has no such variant', 'one that is not there';

# of a URL that varies by other fields now

fill('/changes', 'X-Other' => 1);
ask('/changes', 'X-Other' => 2);
ask('/changes', 'X-Other' => 3);
$t->wait_for(sub {
    grep { $_->{current} && exists $_->{vary}{'x-lang'} }
        @{ found('http://a.example/changes')->json->{variants} };
});
$answer = found('http://a.example/changes')->json;
is_deeply $answer->{vary}, [ 'x-lang' ], 'another Vary';
is_deeply [ map { [ keys %{ $_->{vary} }, $_->{current} ? 1 : 0 ] }
    @{ $answer->{variants} } ],
    [ [ 'x-lang', 1 ], ([ 'x-other', 0 ]) x 2 ],
    'earlier variants are there, but not used';

# a URI that nginx has changed

fill('/rewritten/a', 'X-Lang' => 'en');
fill('/rewritten/a');
$answer = found('http://a.example/rewritten/a')->json;
is_deeply [ map { [ @$_{qw(uri variant)} ] } @{ $answer->{variants} } ],
    [ [ '/vary/a', '%3D%2Fvary%2Fa%00~x-lang%00~x-two' ],
        [ '/vary/a', '%3D%2Fvary%2Fa%00~x-lang%3Aen%00~x-two' ] ],
    'a rewritten URI';
is scalar(grep { $_->{current} } @{ $answer->{variants} }), 2, 'is used';
is source('http://a.example/rewritten/a',
    '%3D%2Fvary%2Fa%00~x-lang%3Aen%00~x-two')->body, 'en|-', 'its source';

# a key of one's own

fill('/key/a', 'X-Key' => 'my key');
is $t->get('/page?key=my%20key')->json->{variants}[0]{status}, 200, 'a key';
is $t->get('/page/source?key=my+key')->status, 404, 'a plus is a plus';
is $t->get('/page/source?key=my%20key')->body, 'page /key/a', 'its source';
is urls('&prefix=my'), 'my key', 'in the list';

# url= is made what the default key is; a key that looks like a URL stays

my $own = 'http://own.example:80/a#b';

fill('/key/own', 'X-Key' => $own);
is $t->get('/page?url=' . escape($own))->status, 404, 'no URL';
is $t->get('/page?key=' . escape($own))->json->{url}, $own, 'but a key';

# one behind all others

my $behind = "\xff\xff\xff";
my @rest = map { $_->{key} } @{ $t->get('/keys/?limit=1000')->json->{keys} };
ask('/key/behind', 'X-Key' => $behind);
ok $t->wait_for(sub { urls('&prefix=%FF') ne '' }), 'a page with a great key';
is_deeply [ map { $_->{key} }
    @{ $t->get('/keys/?limit=1000')->json->{keys} } ], \@rest,
    'the keys of the REST API are those without it';

# stale ones

fill($_) for '/stale', '/must', '/odd';
$t->wait_for(sub { found('http://a.example/must')->json->{variants}[0]{state}
    eq 'stale' });
$v = found('http://a.example/must')->json->{variants}[0];
is "$v->{stale_while_revalidate} $v->{stale_if_error}", '0 0',
    'must-revalidate';
$t->wait_for(sub { found('http://a.example/stale')->json->{variants}[0]{state}
    eq 'stale' });
$v = found('http://a.example/stale')->json->{variants}[0];
is "$v->{stale_while_revalidate} $v->{stale_if_error}", '600 1200',
    'a stale page, and how long it may be used';
cmp_ok $v->{expire}, '>', $v->{fresh_until}, 'it is kept';
is_deeply [ map { $_->[1] } grep { $_->[0] eq 'X-Odd' }
    @{ found('http://a.example/odd')->json->{variants}[0]{headers} } ],
    [ "a\"b\\c\x{fffd}", 'two' ], 'bytes that are not UTF-8';

# -- sources

fill($_) for grep { $_ ne '/text' } sort keys %bodies;
fill('/br');

my %types = (
    '/text' => 'text/plain; charset=utf-8',
    '/utf8' => 'text/plain; charset=utf-8',
    '/latin' => 'text/plain; charset=ISO-8859-1',
    '/empty' => 'text/plain; charset=utf-8',
    '/large' => 'text/plain; charset=utf-8',
    '/large/cut' => 'text/plain; charset=utf-8',
);

for my $path (sort keys %bodies) {
    my $body = $bodies{$path}[1];
    my $type = $types{$path} // 'application/octet-stream';

    $r = source("http://a.example$path");

    is $r->status, 200, "source: $path";
    is $r->header('Content-Type'), $type, "source: $path: its type";
    is $r->header('X-Content-Type-Options'), 'nosniff', "source: $path: nosniff";
    like $r->header('Content-Security-Policy'),
        qr/^sandbox; default-src 'none';/, "source: $path: no rights";
    is $r->header('Content-Disposition'),
        $types{$path} ? undef : 'attachment', "source: $path: a file?";
    is $r->header('Cache-Control'), 'no-store', "source: $path: not kept";
    ok $r->body eq $body, "source: $path: the bytes";
}

$r = source('http://a.example/br');
is $r->header('Content-Type'), 'application/octet-stream', 'encoded: no text';
is $r->header('Content-Encoding'), undef, 'encoded: nor is it said';
is $r->body, 'not really br', 'encoded: its bytes';
is found('http://a.example/br')->json->{variants}[0]{encoding}, 'br',
    'encoded: how';

for my $path ('/text', '/large') {
    my $at = '/page/source?url=http://a.example' . $path;

    $r = $t->get($at, Range => 'bytes=3-9', 'Accept-Encoding' => 'gzip');
    is $r->status, 206, "a range: $path";
    is $r->body, substr($bodies{$path}[1], 3, 7), "a range: $path: of the text";
    $r = $t->request('HEAD', $at);
    is $r->header('Content-Length'), length $bodies{$path}[1],
        "HEAD of a source: $path";
}

$r = source('http://a.example/404');
is $r->status, 200, 'the source of an error is no error';
is $r->body, 'none', 'the source of an error';

# -- a closed store, and none of it is counted as a hit

my $stat = $t->get('/stat')->json->{stats};
found('http://a.example/text');
source('http://a.example/text');
is $t->get('/stat')->json->{stats}{hit}, $stat->{hit}, 'no hits are counted';

$t->request('POST', '/close');
is $t->get($_)->status, 503, "closed: $_" for '/keys/?kind=page',
    '/page?url=http://a.example/text', '/page/source?url=http://a.example/text';
$t->request('POST', '/open');

# -- a page that is removed

$t->connect(2)->request('POST', '/text', 'x', Host => 'a.example');
# clients do not get it any more, but a look-up may come before it is deleted
ok $t->wait_for(sub { found('http://a.example/text')->status == 404 }),
    'removed: is not found';
is source('http://a.example/text')->status, 404, 'removed: has no source';
is urls('&prefix=http://a.example/text'), 'http://a.example/text?a=1',
    'removed: is not listed';
fill('/text');

# -- many

fill("/many/$_") for 1 .. 130;

my @many = pages('&prefix=http://a.example/many/&limit=50');
is scalar @many, 130, 'many pages, each once';
is_deeply [ map { $_->{url} } @many ], [ sort { $a cmp $b }
    map { "http://a.example/many/$_" } 1 .. 130 ], 'in order';

ask("/vary/many", 'X-Lang' => $_) for 1 .. 130;
$t->wait_for(sub { pages('&prefix=http://a.example/vary/many') == 130 });

my $n = 0;
undef $after;

for (1 .. 10) {
    $answer = found('http://a.example/vary/many', '&limit=60'
        . (defined $after ? "&after=$after" : ''))->json;
    $n += @{ $answer->{variants} };
    $after = $answer->{next} // last;
}

is $n, 130, 'many variants';
# -- the command, which needs the store for itself

if ($t->in_cluster('the command reads directories')) {
    done_testing;
    exit;
}

fill('/latin');
fill('/vary', 'X-Lang' => 'de', 'X-Two' => 'a:b c');
fill('/vary', 'X-Lang' => "\xff\\");
fill('/404');
fill('/large');
$t->request('POST', '/pickle/http:%2f%2fa.example%2ftext', 'rest');
$t->request('POST', '/close');

my $tool = $ENV{BIGCACHE_TOOL} || 'build/bigcache';

# tool(COMMAND, OPTIONS, ARGUMENT ...): exit status, output, errors

sub tool {
    my ($command, $options, @arguments) = @_;
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        open STDOUT, '>', $t->dir . '/out' or die;
        open STDERR, '>', $t->dir . '/err' or die;
        { exec $tool, $command, @$options, $t->dir . '/store', @arguments; }
        POSIX::_exit(127);
    }

    waitpid $pid, 0;

    return ($? & 127 ? "signal $?" : $? >> 8, map { $t->read_file($_) }
        qw(out err));
}

my ($status, $out, $err) = tool('ls', [ '-k', 'page' ], 'http://a.example/v');
my @ls = map { [ split /\t/ ] } grep { !m{/many\t} } split /\n/, $out;

is $status, 0, 'ls: of pages';
is_deeply [ map { [ @$_[0, 1, 7, 9] ] } grep { $_->[0] !~ /many/ } @ls ],
    [ [ 'http://a.example/vary', 'page', 'varies', '-' ],
        map { [ 'http://a.example/vary', 'page', 200, $_ ] }
        '~x-lang\x00~x-two:', '~x-lang:de\x00~x-two:a:b c',
        '~x-lang:en\x00~x-two', '~x-lang:\xff\\\\\x00~x-two' ],
    'ls: variants' or diag $out;
like $ls[1][8], qr/^20\d\d-\d\d-\d\dT/, 'ls: fresh until';
($status, $out) = tool('ls', [ '-k', 'page' ], 'http://a.example/404');
like $out, qr{^http://a\.example/404\tpage\t4\t.*\t-\t404\t20\S+\t-$},
    'ls: a page without a type';
($status, $out) = tool('ls', [ '-k', 'json' ]);
like $out, qr/^k\tjson\t[^\n]*\n\z/, 'ls: of JSON';
($status, $out) = tool('ls', [ '-k', 'raw' ]);
like $out, qr{^http://a.example/text\traw\t[^\n]*\n\z}, 'ls: raw';
is_deeply [ tool('ls', [ '-k', 'page' ], 'x' x 9000) ], [ 0, '', '' ],
    'ls: a long prefix';
is_deeply [ tool('ls', [ '-k', 'page' ], 'none') ], [ 0, '', '' ], 'ls: none';

is_deeply [ tool('get', [ '-p' ], 'HTTP://A.example:80/text#x') ],
    [ 0, $text, '' ], 'get: a page';
is +(tool('get', [], 'http://a.example/text'))[1], 'rest',
    'get: the key of the REST API';
ok +(tool('get', [ '-p' ], 'http://a.example/large'))[1] eq $large,
    'get: a large page';
is_deeply [ tool('get', [ '-p' ], 'my key') ], [ 0, 'page /key/a', '' ],
    'get: a key of its own';

($status, $out, $err) = tool('get', [ '-p', '--head' ],
    'http://a.example/latin');
like $out, qr{^status:\ 200\n.*^Content-Type:\ text/html;
    \ Charset="ISO-8859-1"\n}smx, 'get: the head';
unlike $out, qr/caf/, 'get: without the body';
($status, $out, $err) = tool('get', [ '-p', '-i' ], 'http://a.example/404');
is $out, 'none', 'get: an error';
like $err, qr/^kind: page\nstored bytes: 4\n.*^type: -\n/sm,
    'get: what is known';

($status, $out, $err) = tool('get', [ '-p' ], 'http://a.example/vary');
is "$status $out", '1 ', 'get: variants';
is $err, "bigcache: the page varies, name one of its variants:\n"
    . join('', map { "$_->[9]\n" } @ls[1 .. 4]), 'get: which there are';
is_deeply [ map { +(tool('get', [ '-p' ], $_->[0], $_->[9]))[1] } @ls[1 .. 4] ],
    [ '-|', 'de|a:b c', 'en|-', "\xff\\|-" ], 'get: each of them';

for (
    [ 1, 'there is no such page', 'http://a.example/none' ],
    [ 1, 'there is no such page', 'http://a.example/text', '~x' ],
    [ 2, 'the URL has no host', 'http:///a' ],
    [ 2, 'the URL has a user', 'http://u@a.example/text' ],
    [ 2, 'the URL does not begin with http:// or https://', 'ftp://a/' ],
    [ 2, 'the variant has a broken escape', 'http://a.example/vary', '\x0' ],
    [ 2, 'the variant has a broken escape', 'http://a.example/vary', '\xzz' ],
    [ 2, 'the variant has a broken escape', 'http://a.example/vary', 'a\\' ],
    [ 2, 'the URL is longer than a key may be', 'x' x 9000 ],
    [ 2, 'the URL is longer than a key may be', 'http://a/', 'x' x 9000 ],
) {
    my ($expected, $why, @arguments) = @$_;
    my $name = substr "@arguments", 0, 40;

    is_deeply [ tool('get', [ '-p' ], @arguments) ],
        [ $expected, '', "bigcache: $why\n" ], "get: $name";
}

is +(tool('check', []))[0], 0, 'check';
$t->request('POST', '/open');

$t->get('/clear');
is urls(''), '', 'all are gone';
is found('http://a.example/vary/many')->status, 404, 'and not found';

done_testing;
