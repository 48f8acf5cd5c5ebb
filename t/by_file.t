#!/usr/bin/perl

# Bodies of 16 to 60 KB that are in the page cache are sent by sendfile(), where
# nginx is told to send so: what clients get is the same, byte for byte.

use strict;
use warnings;

use Bigcache::Test;
use IO::Uncompress::Gunzip qw(gunzip);
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => 'sendfile on; tcp_nopush on;',
    server => q{
        location /plain/ {
            bigcache_base /plain;
            bigcache main;
            tcp_nopush off;
        }

        location /none/ {
            bigcache_base /none;
            bigcache main;
            sendfile off;
        }

        location /site/ {
            bigcache_pages main;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    },
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            root %%DIR%%;
            add_header Cache-Control max-age=3600;
        }
    });

my @sizes = (15_000, 16_300, 16_384, 20_000, 32_768, 55_000, 61_000, 61_440,
    62_000, 70_000);

# text of twice the size is packed to about that size

my %noise = map { $_ => noise($_) } @sizes;
my %text = map { $_ => unpack 'H*', noise($_) } @sizes;

sub noise { return pack 'N*', map { int rand 2 ** 32 } 1 .. $_[0] / 4 }

sub unpacked {
    my ($r) = @_;

    return '' if ($r->header('Content-Encoding') // '') ne 'gzip';

    gunzip(\$r->body, \my $text) or return '';

    return $text;
}

mkdir $t->dir . '/site';
$t->write_file("site/$_", $noise{$_}) for @sizes;
$t->start;

for my $size (@sizes) {
    is $t->request('POST', "/pickle/noise$size", $noise{$size})->status, 200,
        "$size: stored";
    is $t->request('POST', "/pickle/text$size", $text{$size})->status, 200,
        "$size: text is stored";
}

# the first read enters a page in the hot index; of 16 hits one reads it all

for my $size (@sizes) {
    my @wrong;

    for (1 .. 20) {
        push @wrong, "noise $_" if $t->get("/pickle/noise$size")->body
            ne $noise{$size};
        push @wrong, "text $_" if $t->get("/pickle/text$size")->body
            ne $text{$size};

        my $r = $t->get("/pickle/text$size", 'Accept-Encoding' => 'gzip');

        push @wrong, "packed $_" if unpacked($r) ne $text{$size};
        push @wrong, "site $_" if $t->get("/site/$size")->body
            ne $noise{$size};
    }

    is "@wrong", '', "$size: 80 hits are right";

    for my $base (qw(/plain /none)) {
        is $t->get("$base/pickle/noise$size")->body, $noise{$size},
            "$size: $base";
    }
}

# parts, and heads

for my $size (20_000, 55_000) {
    for (1 .. 17) {
        my $r = $t->get("/pickle/noise$size", Range => 'bytes=5000-15999');

        is $r->status . length($r->body), '20611000', "$size: a range"
            if $_ == 1;
        fail("$size: range $_"), last
            if $r->body ne substr $noise{$size}, 5000, 11_000;
    }

    my $head = $t->request('HEAD', "/pickle/noise$size");

    is $head->status, 200, "$size: HEAD";
    is $head->header('Content-Length'), length $noise{$size},
        "$size: HEAD says how long it is";
}

# JSON

my $document = unpack 'H*', noise(40_000);

is $t->request('POST', '/cache/json', qq({"value":"$document"}))->status, 200,
    'a document is stored';

for (1 .. 17) {
    my $r = $t->get('/cache/json', 'Accept-Encoding' => 'gzip');

    fail("document $_"), last if index(unpacked($r), $document) < 0;

    $r = $t->get('/pickle/json', 'Accept-Encoding' => 'gzip');

    fail("raw document $_"), last
        if index($r->header('Content-Encoding') ? unpacked($r) : $r->body,
            $document) < 0;
}

like $t->get('/site/20000')->header('Age'), qr/^\d+$/, 'pages are hits';

# a page that is replaced, and one that is removed, are never sent again

for my $n (1 .. 40) {
    my $body = noise(24_000);

    $t->request('POST', '/pickle/changing', $body);
    fail("change $n"), last if $t->get('/pickle/changing')->body ne $body;
    fail("change $n, again"), last
        if $t->get('/pickle/changing')->body ne $body;

    next if $n % 4;

    $t->request('DELETE', '/pickle/changing');
    fail("removal $n"), last if $t->get('/pickle/changing')->status != 404;
}

pass('changes are seen');

done_testing;
