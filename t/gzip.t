#!/usr/bin/perl

# Pages packed at rest: what is stored packed, who gets it as it lies, and what
# headers, conditions and ranges make of it.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use Test::More;

use constant MIB => 1024 * 1024;

my $t = Bigcache::Test->new->conf(
    http => q{
        client_max_body_size 8m;
        bigcache_path %%DIR%%/off zone=off:1m gzip=off;
        bigcache_path %%DIR%%/min zone=min:1m gzip_min=5000 gzip=on;
        bigcache_path %%DIR%%/all zone=all:1m gzip_min=0;
    },
    server => q{
        location /gzip/ {
            bigcache_base /gzip;
            bigcache main;
            gzip on;
            gzip_types *;
            gzip_min_length 0;
        }

        location /gunzip/ {
            bigcache_base /gunzip;
            bigcache main;
            gunzip on;
        }

        location /never/ {
            bigcache_base /never;
            bigcache main;
            gzip_http_version 1.1;
            gzip_disable "Old";
        }

        location /proxied/ {
            proxy_http_version 1.0;
            proxy_pass http://127.0.0.1:%%PORT_0%%/;
        }

        location /proxied-1.1/ {
            proxy_http_version 1.1;
            proxy_pass http://127.0.0.1:%%PORT_0%%/;
        }

        location /proxied-any/ {
            proxy_set_header Accept-Encoding gzip;
            proxy_http_version 1.1;
            proxy_pass http://127.0.0.1:%%PORT_0%%/any/;
        }

        location /any/ {
            bigcache_base /any;
            bigcache main;
            gzip_proxied any;
        }

        location /off/ {
            bigcache_base /off;
            bigcache off;
        }

        location /min/ {
            bigcache_base /min;
            bigcache min;
        }

        location /all/ {
            bigcache_base /all;
            bigcache all;
        }
    })->start;

my @gzip = ('Accept-Encoding' => 'gzip');
my $html = join "\n", map { "<li class=\"item\">item $_</li>" } 1 .. 4000;
my $noise = noise(160_000);


sub unpacked {
    my ($r) = @_;

    my $in = $r->body;
    my $out;

    gunzip(\$in => \$out, MultiStream => 0, TrailingData => \my $rest)
        or return "no gzip: $GunzipError";

    return length($rest // '') ? 'something behind it' : $out;
}


sub segments {
    my ($store) = @_;

    my $size = 0;
    $size += -s for glob $t->dir . "/$store/pages/*.seg";

    return $size;
}


# packed, plain(RESPONSE, BYTES, NAME): all that tells one from the other

sub packed {
    my ($r, $bytes, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is $r->status, 200, "$name: status";
    is_deeply [ $r->headers('Content-Encoding') ], [ 'gzip' ],
        "$name: Content-Encoding";
    is_deeply [ $r->headers('Vary') ], [ 'Accept-Encoding' ], "$name: Vary";
    like $r->header('ETag'), qr/^"[0-9a-f]{16}-gzip"$/, "$name: ETag";
    is $r->header('Content-Length'), length $r->body, "$name: length";
    cmp_ok length $r->body, '<=', length($bytes) * 7 / 8, "$name: smaller";
    ok unpacked($r) eq $bytes, "$name: unpacks to what was stored"
        or diag substr unpacked($r), 0, 60;
}


# varies: stored packed, sent unpacked

sub plain {
    my ($r, $bytes, $name, $varies) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is $r->status, 200, "$name: status";
    is $r->header('Content-Encoding'), undef, "$name: no Content-Encoding";
    is_deeply [ $r->headers('Vary') ], $varies ? [ 'Accept-Encoding' ] : [],
        "$name: Vary";
    like $r->header('ETag'), qr/^"[0-9a-f]{16}"$/, "$name: ETag";
    is $r->header('Content-Length'), length $bytes, "$name: length";
    ok $r->body eq $bytes, "$name: what was stored";
}


sub store {
    my ($path, $bytes) = @_;

    return $t->request('POST', $path, $bytes, 'Content-Type' => 'text/html');
}


# raw: as it lies, or unpacked

is store('/pickle/k', $html)->status, 200, 'stored';
cmp_ok length $html, '>', 100_000, 'a long page';
cmp_ok segments('store'), '<', length($html) / 4, 'it lies packed';

packed($t->get('/pickle/k', @gzip), $html, 'gzip');
plain($t->get('/pickle/k'), $html, 'identity', 1);
is $t->get('/pickle/k', @gzip)->header('Content-Type'), 'text/html', 'its type';

my $tag = $t->get('/pickle/k')->header('ETag');
is $t->get('/pickle/k', @gzip)->header('ETag'), $tag =~ s/"$/-gzip"/r,
    'tags of one version';
is $t->get('/pickle/k', @gzip)->header('Last-Modified'),
    $t->get('/pickle/k')->header('Last-Modified'), 'Last-Modified';

# who takes it

packed($t->get('/pickle/k', 'Accept-Encoding' => $_), $html, "accepts $_")
    for 'deflate, gzip', 'gzip;q=1.0', 'br;q=1.0, gzip;q=0.5', 'GZIP',
        'gzip;q=0.001', '*;q=0, gzip';
plain($t->get('/pickle/k', 'Accept-Encoding' => $_), $html, "accepts $_", 1)
    for 'identity', 'deflate', 'gzip;q=0', 'gzip; q=0.000', 'br',
        'gzipped', '';

my $r = $t->http("GET /pickle/k HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
plain($r, $html, 'HTTP/1.0', 1);
$r = $t->get('/never/pickle/k', @gzip, 'User-Agent' => 'Old');
plain($r, $html, 'gzip_disable', 1);
$r = $t->get('/pickle/k', @gzip, Via => '1.1 proxy');
plain($r, $html, 'by way of a proxy', 1);
packed($t->get('/any/pickle/k', @gzip, Via => '1.1 proxy'), $html,
    'gzip_proxied any');
packed($t->get('/proxied-any/pickle/k'), $html, 'from behind a proxy');
plain($t->get('/proxied/pickle/k', @gzip), $html, 'a proxy with HTTP/1.0', 1);
packed($t->get('/proxied-1.1/pickle/k', @gzip), $html,
    'a proxy with HTTP/1.1');

# HEAD

for my $headers ([], [ @gzip ]) {
    my $get = $t->get('/pickle/k', @$headers);
    my $head = $t->request('HEAD', '/pickle/k', undef, @$headers);

    is $head->status, 200, "HEAD @$headers";
    is_deeply [ map { $head->header($_) } qw(Content-Length ETag Vary
        Content-Encoding Content-Type Last-Modified) ],
        [ map { $get->header($_) } qw(Content-Length ETag Vary
        Content-Encoding Content-Type Last-Modified) ],
        "HEAD @$headers: the headers of GET";
    is $head->body, '', "HEAD @$headers: no body";
}

# conditions: the tag of a form is not modified for those who take this form,
# and both are the version for a writer

my $gzip_tag = $tag =~ s/"$/-gzip"/r;
my $old_tag = '"0000000000000001"';

for my $case ([ $tag ], [ $gzip_tag, @gzip ]) {
    my ($own, @headers) = @$case;

    for my $value ($own, "W/$own", "$old_tag, $own", "$tag, $gzip_tag") {
        $r = $t->get('/pickle/k', @headers, 'If-None-Match' => $value);
        is $r->status, 304, "If-None-Match: $value @headers";
        is $r->body, '', "If-None-Match: $value @headers: no body";
        is $r->header('ETag'), $own, "If-None-Match: $value @headers: tag";
        is $r->header('Vary'), 'Accept-Encoding',
            "If-None-Match: $value @headers: Vary";
    }
}

plain($t->get('/pickle/k', 'If-None-Match' => $gzip_tag), $html,
    'tag of the other form', 1);
packed($t->get('/pickle/k', @gzip, 'If-None-Match' => $tag), $html,
    'tag of the other form, gzip');

is $t->get('/pickle/k', @gzip, 'If-None-Match' => $_)->status, 200,
    "If-None-Match: $_"
    for $old_tag, $old_tag =~ s/"$/-gzip"/r, $tag =~ s/"$/-gzi"/r,
        $tag =~ s/"$/-gzipp"/r, $tag =~ s/"$/gzip"/r;

$r = $t->get('/pickle/k', @gzip);
is $t->get('/pickle/k', @gzip,
    'If-Modified-Since' => $r->header('Last-Modified'))->status, 304,
    'If-Modified-Since';

is store('/pickle/match', $html)->status, 200, 'a page to match';

for my $form ('', '-gzip') {
    my $now = $t->get('/pickle/match')->header('ETag') =~ s/"$/$form"/r;

    is $t->request('POST', '/pickle/match', $html, 'If-Match' => $old_tag
        =~ s/"$/$form"/r)->status, 412, "If-Match of another$form";
    is $t->request('POST', '/pickle/match', $html, 'If-Match' => "W/$now")
        ->status, 412, "If-Match, weak$form";
    is $t->request('POST', '/pickle/match', $html, 'If-Match' => $now)->status,
        200, "If-Match$form";
    is $t->request('POST', '/pickle/match', $html, 'If-Match' => $now)->status,
        412, "If-Match$form, once more";
}

$r = $t->get('/pickle/match', @gzip);
is $t->request('DELETE', '/pickle/match', undef,
    'If-Match' => $r->header('ETag'))->status, 200, 'DELETE with If-Match';

# ranges are those of the page

for my $headers ([], [ @gzip ]) {
    $r = $t->get('/pickle/k', @$headers, Range => 'bytes=5000-5099');
    is $r->status, 206, "range @$headers";
    is $r->header('Content-Encoding'), undef, "range @$headers: identity";
    is $r->header('Content-Range'), 'bytes 5000-5099/' . length $html,
        "range @$headers: of the page";
    is $r->body, substr($html, 5000, 100), "range @$headers: bytes";
    is $r->header('ETag'), $tag, "range @$headers: tag";
}

is $t->get('/pickle/k', Range => 'bytes=0-9', 'If-Range' => $tag)->status, 206,
    'If-Range';
is $t->get('/pickle/k', @gzip, Range => 'bytes=0-9', 'If-Range' => $gzip_tag)
    ->status, 200, 'If-Range of the gzip tag';
is $t->get('/pickle/k', Range => 'bytes=' . length($html) . '-')->status, 416,
    'range behind the end';

# JSON: the answer of /cache/ as it lies, the document of /pickle/ without key

my $value = '[' . join(',', map { qq({"n":$_,"text":"한글 \\u00e9"}) }
    1 .. 500) . ']';
my $stored = qq({"key":"j","value":$value,"expire":null,"duration":null});
my $document = qq({"value":$value,"expire":null,"duration":null});

$r = $t->request('POST', '/cache/j', qq({"value":$value}), @gzip);
is $r->status, 200, 'JSON stored';
is $r->header('Content-Encoding'), undef, 'POST: not packed';
ok $r->body eq qq({"key":"j","value":$value,"expire":null}), 'POST: answer';
like $r->header('ETag') // '"0123456789abcdef"', qr/^"[0-9a-f]{16}"$/,
    'POST: tag';

packed($t->get('/cache/j', @gzip), $stored, 'JSON, gzip');
plain($t->get('/cache/j'), $stored, 'JSON, identity', 1);
is $t->get('/cache/j', @gzip)->header('Content-Type'), 'application/json',
    'JSON, its type';

for my $headers ([], [ @gzip ]) {
    $r = $t->get('/pickle/j', @$headers);
    is $r->header('Content-Encoding'), undef, "document @$headers: identity";
    ok $r->body eq $document, "document @$headers";
    is $r->header('Content-Length'), length $document,
        "document @$headers: length";
}

$r = $t->get('/pickle/j', Range => 'bytes=0-9');
is $r->status, 206, 'range of a document';
is $r->body, substr($document, 0, 10), 'range of a document: bytes';

is $t->get('/cache/k', @gzip)->status, 409, 'raw bytes at /cache/';
is $t->get('/cache/k', @gzip)->header('Content-Encoding'), undef,
    'and a plain answer';
is $t->get('/cache/none', @gzip)->header('Content-Encoding'), undef, 'a miss';
is $t->get('/stat', @gzip)->header('Content-Encoding'), undef, 'stat';

# what does not shrink, what is short, what is long

is store('/pickle/noise', $noise)->status, 200, 'noise stored';
plain($t->get('/pickle/noise', @gzip), $noise, 'noise');

my $half = substr($noise, 0, 9000) . 'x' x 800;
store('/pickle/half', $half);
plain($t->get('/pickle/half', @gzip), $half, 'it shrinks by a twelfth');

$half = substr($noise, 0, 9000) . 'x' x 3000;
store('/pickle/half', $half);
packed($t->get('/pickle/half', @gzip), $half, 'it shrinks by a fifth');

for my $size (0, 1, 1023) {
    store('/pickle/short', 'x' x $size);
    plain($t->get('/pickle/short', @gzip), 'x' x $size, "$size bytes");
}

store('/pickle/short', 'x' x 1024);
packed($t->get('/pickle/short', @gzip), 'x' x 1024, '1024 bytes');
plain($t->get('/pickle/short'), 'x' x 1024, '1024 bytes, identity', 1);

for my $more (0, 1) {
    my $long = substr $html x 20, 0, MIB + $more;

    for my $sent ($long, [ unpack '(a200000)*', $long ]) {
        my $how = "1 MiB + $more" . (ref $sent ? ', chunked' : '');

        is store('/pickle/long', $sent)->status, 200, "$how: stored";
        $more ? plain($t->get('/pickle/long', @gzip), $long, $how)
            : packed($t->get('/pickle/long', @gzip), $long, $how);
        ok $t->get('/pickle/long')->body eq $long, "$how: identity";
    }
}

my $large = 'v' x (2 * MIB);
$t->request('POST', '/cache/large', qq({"value":"$large"}));
plain($t->get('/cache/large', @gzip),
    qq({"key":"large","value":"$large","expire":null,"duration":null}),
    'large JSON');

# once packed, then not, under one key

store('/pickle/change', $html);
store('/pickle/change', $noise);
plain($t->get('/pickle/change', @gzip), $noise, 'packed, then not');
store('/pickle/change', $html);
packed($t->get('/pickle/change', @gzip), $html, 'not, then packed');

# a body that is a gzip file already is one, and stays so

my $file = $t->get('/pickle/k', @gzip)->body;
$t->request('POST', '/pickle/file', $file,
    'Content-Type' => 'application/gzip');
ok $t->get('/pickle/file')->body eq $file, 'a gzip file';
is $t->get('/pickle/file')->header('Content-Encoding'), undef,
    'a gzip file: is no encoding';
packed($t->get('/pickle/file', @gzip), $file, 'a gzip file that shrinks');

# gzip=off, gzip_min=

my $before = segments('off');
store('/off/pickle/k', $html);
cmp_ok segments('off') - $before, '>=', length $html, 'gzip=off: lies plain'
    if !$t->in_cluster('there are no segments');
plain($t->get('/off/pickle/k', @gzip), $html, 'gzip=off');

store('/min/pickle/k', 'x' x 4999);
plain($t->get('/min/pickle/k', @gzip), 'x' x 4999, 'under gzip_min');
store('/min/pickle/k', 'x' x 5000);
packed($t->get('/min/pickle/k', @gzip), 'x' x 5000, 'gzip_min');

store('/all/pickle/k', 'x' x 200);
packed($t->get('/all/pickle/k', @gzip), 'x' x 200, 'gzip_min=0');
plain($t->get('/all/pickle/k'), 'x' x 200, 'gzip_min=0, identity', 1);
store('/all/pickle/k', '');
plain($t->get('/all/pickle/k', @gzip), '', 'gzip_min=0, no bytes');
store('/all/pickle/k', 'short');
plain($t->get('/all/pickle/k', @gzip), 'short', 'gzip_min=0, not worth it');

# gzip and gunzip of nginx beside it

packed($t->get('/gzip/pickle/k', @gzip), $html, 'gzip on');

$r = $t->get('/gzip/pickle/noise', @gzip);
ok unpacked($r) eq $noise, 'gzip on, noise';
is_deeply [ $r->headers('Content-Encoding') ], [ 'gzip' ],
    'gzip on, noise: once';
$r = $t->get('/gzip/pickle/long', @gzip);
ok unpacked($r) eq substr($html x 20, 0, MIB + 1), 'gzip on, a large page';
is $t->get('/gzip/pickle/k')->body, $html, 'gzip on, identity';
is $t->get('/gzip/pickle/k', @gzip, 'If-None-Match' => $gzip_tag)->status, 304,
    'gzip on, not modified';

packed($t->get('/gunzip/pickle/k', @gzip), $html, 'gunzip on, gzip');
plain($t->get('/gunzip/pickle/k'), $html, 'gunzip on, identity', 1);

# it is so after a start, and lies as it was packed under another gzip=

ok $t->stop, 'stops';
$t->conf($t->read_file('nginx.conf') =~ s/(?=zone=main:1m)/gzip=off /r)
    ->start;
packed($t->get('/pickle/k', @gzip), $html, 'gzip=off later on');
plain($t->get('/pickle/k'), $html, 'gzip=off later on, identity', 1);
is $t->get('/pickle/k')->header('ETag'), $tag, 'the same tag';
store('/pickle/k', $html);
plain($t->get('/pickle/k', @gzip), $html, 'stored anew');

done_testing;
