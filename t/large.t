#!/usr/bin/perl

# Pages around and far over the size from which they are written and read
# through a buffer, and have segments of their own here.

use strict;
use warnings;

use Bigcache::Test;
use Digest::MD5 qw(md5 md5_hex);
use Test::More;

my $t = Bigcache::Test->new->conf(
    path => 'segment_size=1m gzip=off',
    http => 'client_max_body_size 100m;')->start;

use constant MIB => 1024 * 1024;

my $block = join '', map { md5($_) } 1 .. 255;

# bytes(SIZE): no part of it is like another

sub bytes {
    my ($size) = @_;

    my $bytes = join '', map { pack('N', $_) . $block } 0 .. $size / 4084;

    return substr $bytes, 0, $size;
}

sub lies {
    my ($bytes, $name) = @_;

    return if $t->in_cluster('there are no files');

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $space;

    $t->wait_for(sub {
        $space = $t->space('store/pages/*');
        $space >= $bytes && $space < $bytes + 900_000;
    });

    return ok($space >= $bytes && $space < $bytes + 900_000, $name)
        || diag "$space bytes for $bytes";
}

# raw

for my $more (-1, 0, 1, MIB) {
    my $name = "raw, 1 MiB + $more";
    my $body = bytes(MIB + $more);

    is $t->request('POST', '/pickle/k', $body)->body,
        '{"key":"k","expire":"not set"}', $name;
    lies(MIB + $more, "$name: space");
    ok $t->get('/pickle/k')->body eq $body, "$name: read";

    is $t->request('POST', '/pickle/k', [ unpack '(a100000)*', $body ])
        ->status, 200, "$name: chunked";
    lies(MIB + $more, "$name: space, chunked");
    ok $t->get('/pickle/k')->body eq $body, "$name: chunked, read";
    is $t->request('HEAD', '/pickle/k')->header('Content-Length'),
        length $body, "$name: HEAD";
}

# a smaller one takes the place, and the space comes back

$t->request('POST', '/pickle/k', 'small');
lies(0, 'raw overwritten');
is $t->get('/pickle/k')->body, 'small', 'raw overwritten, read';

# JSON: what is stored is the answer to GET

my ($front, $back) = ('{"key":"k","value":"', '","expire":null');
my $frame = length qq($front$back,"duration":null});

for my $more (-1, 0, 1, MIB) {
    my $name = "JSON, 1 MiB + $more";
    my $text = 'v' x (MIB + $more - $frame);
    my $body = qq({"value":"$text"});

    for my $sent ($body, [ unpack '(a100000)*', $body ]) {
        my $how = ref $sent ? 'chunked' : 'whole';
        my $r = $t->request('POST', '/cache/k', $sent);

        is $r->status, 200, "$name, $how";
        ok $r->body eq "$front$text$back}", "$name, $how: answer";
        lies(MIB + $more, "$name, $how: space");

        $r = $t->get('/cache/k');
        is length $r->body, MIB + $more, "$name, $how: size";
        ok $r->body eq qq($front$text$back,"duration":null}),
            "$name, $how: read";
        ok $t->get('/pickle/k')->body
            eq qq({"value":"$text$back,"duration":null}),
            "$name, $how: document";
    }
}

$t->request('DELETE', '/cache/k');
lies(0, 'JSON deleted');

# the request is large, what is to be stored is not

for my $case ([ 'white space', '{"value":[1, 2]' . ' ' x (2 * MIB) . '}' ],
    [ 'another member', '{"x":"' . 'x' x (2 * MIB) . '","value":[1, 2]}' ],
    [ 'member behind', '{"value":[1, 2],"x":"' . 'x' x (2 * MIB) . '"}' ],
    [ 'half a MiB', '{"x":"' . 'x' x (2 * MIB) . '","value":"'
        . 'v' x (MIB / 2) . '"}', '"' . 'v' x (MIB / 2) . '"' ],
    [ 'first of two', '{"value":"' . 'x' x (2 * MIB) . '","value":[1, 2]}' ])
{
    my ($name, $body, $value) = (@$case, '[1, 2]');
    my $r = $t->request('POST', '/cache/k', $body);

    is $r->status, 200, $name;
    ok $r->body eq qq({"key":"k","value":$value,"expire":null}),
        "$name: answer" or diag substr($r->body, 0, 50) =~ tr/ -~/./cr;
    ok $t->get('/cache/k')->body
        eq qq({"key":"k","value":$value,"expire":null,"duration":null}),
        "$name: read";
    lies(0, "$name: no space");
}

# and the other way round: the value with its lifetime is

my $text = 'v' x (2 * MIB);
my $r = $t->request('POST', '/cache/k',
    qq({"value":"$text","expire":4102444800,"duration":null}));
ok $r->body eq qq($front$text","expire":4102444800}), 'with expire: answer';
ok $t->get('/cache/k')->body
    eq qq($front$text","expire":4102444800,"duration":null}),
    'with expire: read';

# room for each, and none for those that are gone; one has been there

$t->request('POST', "/pickle/$_", bytes(MIB + $_)) for 1 .. 4;
$t->request('POST', '/pickle/p/1', bytes(2 * MIB));
$t->request('POST', '/pickle/p/2', bytes(2 * MIB));
my $lie = 4 * MIB + 4 * MIB;
lies($lie += length $text, 'seven large pages');

ok $t->get('/pickle/3')->body eq bytes(MIB + 3), 'each its own';

$t->request('POST', '/pickle/1', bytes(3 * MIB));
lies($lie += 2 * MIB, 'overwritten by large');
ok $t->get('/pickle/1')->body eq bytes(3 * MIB), 'overwritten, read';

$t->request('POST', '/cache/1', '{"value":1}');
lies($lie -= 3 * MIB, 'overwritten by small');

$t->request('DELETE', '/pickle/2');
lies($lie -= MIB, 'deleted');

$t->request('DELETE', '/prefix/p/');
lies($lie -= 4 * MIB, 'deleted by prefix');

$t->request('POST', '/pickle/3', bytes(2 * MIB), 'X-Bigcache-Expire' => 1);
is $t->get('/pickle/3')->status, 404, 'expired';
lies($lie -= MIB, 'expired and met');

# what was refused leaves nothing

$t->request('POST', '/pickle/4', bytes(2 * MIB), 'If-None-Match' => '*');
$t->request('POST', '/cache/4', '{"value":"' . 'x' x (2 * MIB));
$t->abandon("POST /pickle/4 HTTP/1.1\r\nHost: localhost\r\n"
    . "Content-Length: 3000000\r\n\r\n" . 'x' x 2_000_000);
lies($lie, 'refused');
ok $t->get('/pickle/4')->body eq bytes(MIB + 4), 'refused, read';

# they outlive a start

$t->stop;
$t->start;
ok $t->get('/pickle/4')->body eq bytes(MIB + 4), 'after start';
ok $t->get('/cache/k')->body
    eq qq($front$text","expire":4102444800,"duration":null}),
    'JSON after start';
lies($lie, 'space after start');

# one that is replaced while it is sent is sent whole

my $page = bytes(8 * MIB);
$t->request('POST', '/pickle/4', $page);

my $c = $t->connect->send_request('GET', '/pickle/4');
$c->readable(10);
$t->request('POST', '/pickle/4', 'new');
$t->request('DELETE', '/pickle/4');
ok $c->response->body eq $page, 'replaced while sent';
lies($lie - MIB, 'its space comes back');

# 40 MB

$page = bytes(40 * MIB);

is $t->request('POST', '/pickle/huge', $page)->status, 200, '40 MB';
is md5_hex($t->get('/pickle/huge')->body), md5_hex($page), '40 MB, read';

$page = reverse $page;

is $t->request('PUT', '/pickle/huge', [ unpack '(a1000000)*', $page ])->status,
    200, '40 MB chunked';
is md5_hex($t->get('/pickle/huge')->body), md5_hex($page),
    '40 MB chunked, read';

$r = $t->get('/pickle/huge', Range => 'bytes=30000000-30000099');
ok $r->body eq substr($page, 30_000_000, 100), 'range of 40 MB';

# 20 MB of JSON

my $value = '[' . join(', ', map { qq({"n": $_.0, "t":"\\u00e9한"}) }
    1 .. 600_000) . ']';

cmp_ok length $value, '>', 20_000_000, 'size of value';

$r = $t->request('POST', '/cache/k', qq({ "value" : $value }));
is $r->status, 200, '20 MB of JSON';
ok $r->body eq qq({"key":"k","value":$value,"expire":null}),
    '20 MB of JSON, answer';
ok $t->get('/cache/k')->body
    eq qq({"key":"k","value":$value,"expire":null,"duration":null}),
    '20 MB of JSON, read';

$r = $t->request('POST', '/cache/k', qq({"value":$value]));
is $r->status, 422, '20 MB of no JSON';
is_deeply eval { $r->json->{detail}[0]{loc} },
    [ 'body', length($value) + length '{"value":' ], 'its place';

# all gone

$t->get('/clear');
lies(0, 'cleared');
is $t->get('/stat/count')->body, '{"count":0}', 'cleared: count';

done_testing;
