#!/usr/bin/perl

# Ranges of what is read at /pickle/, in memory and in a file.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(http => 'client_max_body_size 10m;')->start;

sub range {
    my ($path, $range, @headers) = @_;

    return $t->get($path, Range => $range, @headers);
}

# parts(RESPONSE): [ type, range, bytes ] of each part

sub parts {
    my ($r) = @_;

    my ($boundary) = ($r->header('Content-Type') // '')
        =~ m{^multipart/byteranges; boundary=(\w+)$} or return;
    my @parts = split /\r\n--$boundary(?:--)?\r\n/, $r->body;

    shift @parts;

    return map { [
        /^Content-Type: (.*?)\r$/m, /^Content-Range: (.*?)\r$/m,
        /\r\n\r\n(.*)\z/s
    ] } @parts;
}

my %pages = (
    memory => join('', map { sprintf '%03d ', $_ } 0 .. 249),
    file => join('', map { sprintf '%07d ', $_ } 0 .. 299_999),
);

for my $name (sort keys %pages) {
    my $page = $pages{$name};
    my $size = length $page;
    my $path = "/pickle/$name";

    $t->request('POST', $path, $page, 'Content-Type' => 'text/x-page');

    my $whole = $t->get($path);
    is $whole->header('Accept-Ranges'), 'bytes', "$name: Accept-Ranges";
    ok $whole->body eq $page, "$name: whole";

    # one range

    for my $case ([ '0-9', 0, 9 ], [ '10-19', 10, 19 ], [ '0-0', 0, 0 ],
        [ '-5', $size - 5, $size - 1 ], [ '990-', 990, $size - 1 ],
        [ '0-', 0, $size - 1 ], [ '0-' . $size * 2, 0, $size - 1 ],
        [ '-' . $size * 2, 0, $size - 1 ],
        [ $size - 1 . '-', $size - 1, $size - 1 ])
    {
        my ($range, $first, $last) = @$case;
        my $r = range($path, "bytes=$range");

        is $r->status, 206, "$name: $range";
        is $r->header('Content-Range'), "bytes $first-$last/$size",
            "$name: $range, Content-Range";
        is $r->header('Content-Length'), $last - $first + 1,
            "$name: $range, length";
        is $r->header('Content-Type'), 'text/x-page', "$name: $range, type";
        is $r->header('ETag'), $whole->header('ETag'), "$name: $range, ETag";
        ok $r->body eq substr($page, $first, $last - $first + 1),
            "$name: $range, bytes";
    }

    # several

    my $r = range($path, "bytes=0-9, 20-29,-4");
    is $r->status, 206, "$name: several";
    is_deeply [ parts($r) ], [
        [ 'text/x-page', "bytes 0-9/$size", substr $page, 0, 10 ],
        [ 'text/x-page', "bytes 20-29/$size", substr $page, 20, 10 ],
        [ 'text/x-page', 'bytes ' . ($size - 4) . '-' . ($size - 1) . "/$size",
            substr $page, -4 ],
    ], "$name: parts";

    # none that there is

    for my $range ("$size-", $size . '-' . $size * 2, '-0') {
        $r = range($path, "bytes=$range");

        is $r->status, 416, "$name: $range";
        is $r->header('Content-Range'), "bytes */$size",
            "$name: $range, Content-Range";
        is $r->header('Content-Type'), 'application/json',
            "$name: $range, type";
        is join(' ', keys %{ $r->json || {} }), 'detail',
            "$name: $range, detail";
    }

    is range($path, 'lines=0-9')->status, 200, "$name: another unit";

    # only if it is still the same

    my $etag = $whole->header('ETag');
    my $modified = $whole->header('Last-Modified');

    is range($path, 'bytes=0-9', 'If-Range' => $etag)->status, 206,
        "$name: If-Range";
    is range($path, 'bytes=0-9', 'If-Range' => $modified)->status, 206,
        "$name: If-Range date";

    for my $other ('"x"', "W/$etag", 'Sun, 06 Nov 1994 08:49:37 GMT') {
        $r = range($path, 'bytes=0-9', 'If-Range' => $other);
        is $r->status, 200, "$name: If-Range $other";
        ok $r->body eq $page, "$name: If-Range $other, whole";
    }

    $t->request('POST', $path, $page);
    is range($path, 'bytes=0-9', 'If-Range' => $etag)->status, 200,
        "$name: stored since";

    is range($path, 'bytes=0-9', 'If-None-Match' => '*')->status, 304,
        "$name: not modified";

    # nothing to read

    is range('/pickle/none', 'bytes=0-9')->status, 404, "$name: miss";
}

# an empty page is had whole

$t->request('POST', '/pickle/empty', '');
my $r = range('/pickle/empty', 'bytes=0-0');
is $r->status, 200, 'empty';
is $r->header('Content-Length'), 0, 'empty, length';

# a JSON entry at /pickle/, from memory and from a file

for my $size (10, 2_000_000) {
    my $value = '"' . 'v' x $size . '"';

    $t->request('POST', '/cache/json', qq({"value":$value}));

    my $whole = $t->get('/pickle/json');
    my $last = length($whole->body) - 1;

    for my $case ([ 0, 0 ], [ 0, 9 ], [ 1, 9 ], [ 5, $last ], [ $last, $last ],
        [ 0, $last ])
    {
        my ($from, $to) = @$case;

        $r = range('/pickle/json', "bytes=$from-$to");
        is $r->status, 206, "JSON of $size: $from-$to";
        ok $r->body eq substr($whole->body, $from, $to - $from + 1),
            "JSON of $size: $from-$to, bytes";
    }

    # several ranges of it may be had as parts, or it is had whole

    $r = range('/pickle/json', 'bytes=0-3,6-8');
    ok $r->status == 200 ? $r->body eq $whole->body
        : join('|', map { $_->[2] } parts($r)) eq '{"va|":"',
        "JSON of $size: several";
}

# not at /cache/

$r = range('/cache/json', 'bytes=0-9');
is $r->status, 200, 'not at /cache/';
is $r->header('Content-Range'), undef, 'no range at /cache/';

done_testing;
