#!/usr/bin/perl

# What the key is, in the path as it was sent, and how answers show it.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => 'large_client_header_buffers 4 64k;',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            bigcache_key_args off;

            location / {
                bigcache main;
            }
        }
    })->start;

my $n = 0;

# same(PATHS, KEY): that what is stored at any of them is read at all of them,
# under /cache/ and /pickle/, and shown as KEY, a JSON string without quotes

sub same {
    my ($paths, $key, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($bad, $value);

    $t->get('/clear');

    for my $path (@$paths) {
        $value = ++$n;
        my $r = $t->request('POST', "/cache/$path", qq({"value":$value}));
        my $answer = qq({"key":"$key","value":$value,"expire":null});

        $bad //= "POST $path: " . $r->status . ' ' . $r->body
            if $r->body ne $answer;

        for my $other (@$paths) {
            $r = $t->get("/cache/$other");
            $answer =~ s/\}\z|,"duration":null\}\z/,"duration":null}/;
            $bad //= "GET $other: " . $r->status . ' ' . $r->body
                if $r->body ne $answer;

            $r = $t->get("/pickle/$other");
            $bad //= "GET /pickle/$other: " . $r->status
                if $r->status != 200;
        }
    }

    my $count = $t->count;
    $bad //= "$count keys" if $count != 1;

    return is($bad, undef, $name);
}

# bad(PATH, REGEX): that it is refused, saying so, under all endpoints

sub bad {
    my ($path, $regex, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for my $request ([ GET => 'cache' ], [ POST => 'cache', '{"value":1}' ],
        [ DELETE => 'cache' ], [ GET => 'pickle' ], [ PUT => 'pickle', 'x' ],
        [ DELETE => 'pickle' ], [ DELETE => 'prefix' ])
    {
        my ($method, $endpoint, $body) = @$request;
        my $r = $t->request($method, "/$endpoint/$path", $body);

        is $r->status, 400, "$name: $method /$endpoint/";
        is $r->header('Content-Type'), 'application/json',
            "$name: $method /$endpoint/ type";
        like eval { $r->json->{detail} }, $regex,
            "$name: $method /$endpoint/ detail";
    }
}

# the path as it was sent

same([ 'k' ], 'k', 'a letter');
same([ 'a/b/c' ], 'a/b/c', 'slashes inside');
same([ 'x//y', 'x%2F/y', 'x%2f%2fy' ], 'x//y', 'two slashes');
same([ 'a/../b/./c', 'a/%2E%2e/b/%2e/c', '/a/../b/./c/' ], 'a/../b/./c',
    'dots inside');
same([ 'a%2Fb%20c', 'a/b%20c' ], 'a/b c', 'decoded');
same([ 'a+b', 'a%2Bb' ], 'a+b', 'plus is a plus');
same([ '%2541', '%25%34%31' ], '%41', 'decoded once');
same([ '%41%62', 'Ab', '%41b' ], 'Ab', 'decoded letters');
same([ '%3Ca%3E', '<a>' ], '<a>', 'angle brackets');
same([ q(a:b@c;d,e=f&g!$'()*~) ], q(a:b@c;d,e=f&g!$'()*~), 'punctuation');
same([ 'cache/k' ], 'cache/k', 'name of an endpoint');
same([ 'http://example.com/a//b' ], 'http://example.com/a//b', 'an address');

$t->request('POST', '/cache/a//b?q', '{"value":"absolute"}');
is $t->get('http://localhost/cache/a//b?q')->json->{value}, 'absolute',
    'absolute form';

# slashes around it

same([ 'k', '/k', 'k/', '//k//', '%2Fk', 'k%2f', '/%2F/k/%2F/' ], 'k',
    'slashes around');
same([ '', '/', '///', '%2F' ], '', 'empty');
same([ './k' ], './k', 'leading dot');
same([ 'k/.' ], 'k/.', 'trailing dot');
same([ '...' ], '...', 'only dots');

# the query string

same([ '/dataset/?page=2', 'dataset/%3Fpage=2', 'dataset/?page%3D2' ],
    'dataset/?page=2', 'query string');
same([ 'a?b?c', 'a%3Fb?c', 'a%3fb%3Fc' ], 'a?b?c', 'two question marks');
same([ 'a?b%20c', 'a?%62%20c' ], 'a?b c', 'decoded query');
same([ 'a?b+c' ], 'a?b+c', 'plus in query');
same([ 'a?x=../../y' ], 'a?x=../../y', 'dots in query');
same([ 'a?x=/y//z' ], 'a?x=/y//z', 'slashes in query');
same([ '?q', '%3Fq' ], '?q', 'only a query');

$t->request('POST', '/cache/d/?page=1', '{"value":1}');
$t->request('POST', '/cache/d/?page=2', '{"value":2}');
is $t->get('/cache/d/?page=1')->json->{value}, 1, 'page one';
is $t->get('/cache/d/?page=2')->json->{value}, 2, 'page two';
is $t->get('/cache/d')->status, 404, 'neither page';
is $t->get('/cache/d?page=1')->status, 404, 'slash before query';

# bigcache_key_args off

sub off { $t->connect(1)->request(@_) }

is off('POST', '/cache/off?a', '{"value":1}')->body,
    '{"key":"off","value":1,"expire":null}', 'off: not in the key';
is off('GET', '/cache/off?b')->json->{value}, 1, 'off: another query';
is $t->get('/cache/off')->json->{value}, 1, 'off: same key';
is off('POST', '/cache/off%3Fa', '{"value":2}')->body,
    '{"key":"off?a","value":2,"expire":null}', 'off: decoded question mark';
is off('DELETE', '/prefix/off?zzz')->json->{message},
    q(prefix 'off': 2 keys deleted.), 'off: prefix';

# UTF-8

same([ '한글', '%ED%95%9C%EA%B8%80', '%ed%95%9c글' ], '한글', 'Korean');
same([ '%F0%9F%98%80' ], "\xf0\x9f\x98\x80", 'beyond the BMP');
same([ 'k?q=한글', 'k%3Fq=%ED%95%9C%EA%B8%80' ], 'k?q=한글',
    'Korean in query');

# NFC and NFD are two

$t->request('POST', '/cache/%C3%A9', '{"value":1}');
is $t->get('/cache/e%CC%81')->status, 404, 'not normalized';

# what is not UTF-8 works, and is shown with U+FFFD

my $odd = "\xef\xbf\xbd";

for my $case ([ '%FF', $odd ], [ 'a%80b', "a${odd}b" ], [ '%C3', $odd ],
    [ '%C3x', "${odd}x" ])
{
    my ($path, $key) = @$case;
    my $raw = $path =~ s/%(..)/chr hex $1/ger;

    same([ $path, $raw ], $key, "not UTF-8: $path");
}

for my $path ('%C0%80', '%ED%A0%80', '%F4%90%80%80', '%E2%82', '%F8%88') {
    my $r = $t->request('POST', "/cache/$path", '{"value":1}');
    like $r->json->{key}, qr/^\x{fffd}+\z/, "shown replaced: $path";
    is $t->get("/cache/$path")->json->{value}, 1, "read: $path";
}

$t->request('POST', '/cache/%FE', '{"value":254}');
$t->request('POST', '/cache/%FF', '{"value":255}');
is $t->get('/cache/%FE')->json->{value}, 254, 'bytes are told apart';
is $t->get("/cache/%EF%BF%BD")->status, 404, 'U+FFFD is another key';
is $t->request('DELETE', '/cache/%FF')->json->{message},
    qq('\x{fffd}' removed from cache.), 'removed as shown';

# every byte but NUL, each a key of its own

$t->get('/clear');

my ($c, @wrong) = $t->connect;

for my $byte (1 .. 255) {
    my $path = sprintf '/cache/<%%%02X>', $byte;
    my $shown = $byte < 128 ? chr $byte : "\x{fffd}";
    my $r = $c->request('POST', $path, qq({"value":$byte}));

    push @wrong, "POST $path" if $r->status != 200
        || ($r->json // { key => '' })->{key} ne "<$shown>"
        || $r->body =~ /[\0-\x1f]/;
}

for my $byte (1 .. 255) {
    my $path = sprintf '/cache/<%%%02x>', $byte;
    my $r = $c->request('GET', $path);

    push @wrong, "GET $path" if ($r->json // { value => 0 })->{value} != $byte;
}

is "@wrong", '', 'every byte';
is $t->count, 255, 'every byte apart';

# as JSON strings

is $t->request('POST', '/cache/a%22%5C%2Fb', '{"value":1}')->body,
    '{"key":"a\"\\\\/b","value":1,"expire":null}', 'quote and backslash';
is $t->request('POST', '/cache/%0A%1F', '{"value":1}')->json->{key},
    "\n\x1f", 'control characters';
is $t->request('POST', '/pickle/a%22%5C%01b', 'x')->json->{key},
    qq(a"\\\x01b), 'shown at /pickle/';
is $t->request('DELETE', '/pickle/a%22%5C%01b')->json->{message},
    qq('a"\\\x01b' removed from cache.), 'shown by DELETE';

# one key space

$t->request('POST', '/pickle/shared', 'x');
is $t->get('/cache/shared')->status, 409, 'shared with /pickle/';
is $t->request('DELETE', '/cache/shared')->status, 200, 'DELETE at /cache/';
is $t->get('/pickle/shared')->status, 404, 'gone at /pickle/';

# lengths

my $c8192 = 'k' x 8192;

same([ $c8192, "//$c8192//" ], $c8192, '8192 bytes');
same([ '%6b' x 8192 ], $c8192, '8192 bytes escaped');
same([ '한' x 2730 . 'ab' ], '한' x 2730 . 'ab', '8192 bytes of UTF-8');
same([ '%01' x 8192 ], '\u0001' x 8192, '8192 control characters');
same([ 'k' x 4096 . '?' . 'q' x 4095 ], 'k' x 4096 . '?' . 'q' x 4095,
    '8192 with query');

is $t->request('DELETE', "/prefix/$c8192")->status, 200, 'prefix of 8192';

bad("${c8192}k", qr/8,?192/, '8193 bytes');
bad('%6b' x 8193, qr/8,?192/, '8193 bytes escaped');
bad('한' x 2731, qr/8,?192/, '8193 bytes of UTF-8');
bad('k' x 4096 . '?' . 'q' x 4096, qr/8,?192/, '8193 with query');

# what cannot be a key

bad('a%00b', qr/NUL/, 'NUL');
bad('a?%00', qr/NUL/, 'NUL in query');
bad('%00', qr/NUL/, 'only NUL');
bad('a%zz', qr/escape/, 'escape without digits');
bad('a%4', qr/escape/, 'escape cut short');
bad('a%', qr/escape/, 'only a percent');
bad('a%4gb', qr/escape/, 'escape of one digit');
bad('a?%zz', qr/escape/, 'bad escape in query');
bad('a?b%', qr/escape/, 'percent in query');
bad('a?b%2', qr/escape/, 'cut short in query');
bad('a%3F%', qr/escape/, 'after an escape');

# dots that lead out of the endpoint

$t->request('POST', '/cache/stay', '{"value":1}');

for my $path ('/cache/../stat', '/cache/a/../../stat', '/cache/%2e%2e/clear',
    '/pickle/../cache/stay', '/prefix/../clear', '/cache/..',
    '/cache/../../stay')
{
    for my $method (qw(GET DELETE)) {
        next if $method eq 'GET' && $path =~ m{^/prefix};

        my $r = $t->request($method, $path);
        is $r->status, 400, "dots: $method $path";
        ok length(($r->json // {})->{detail} // ''),
            "dots: $method $path, detail";
    }
}

is $t->get('/cache/stay')->status, 200, 'nothing removed';

done_testing;
