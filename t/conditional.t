#!/usr/bin/perl

# ETag and Last-Modified; reads that are answered 304, writes and DELETE under
# a condition, and that a condition and its write are one step.

use strict;
use warnings;

use Bigcache::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);

my $t = Bigcache::Test->new->conf->start;

my %bodies = (cache => '{"value":1}', pickle => 'raw');
my $other = '"0123456789abcdef"';

sub etag {
    my ($path) = @_;

    return $t->get($path)->header('ETag') // '';
}

# refused(RESPONSE, STATUS, NAME): as JSON

sub refused {
    my ($r, $status, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is $r->status, $status, $name;
    is $r->header('Content-Type'), 'application/json', "$name, type";
    is join(' ', keys %{ $r->json || {} }), 'detail', "$name, detail";
}

for my $endpoint (qw(cache pickle)) {
    my $path = "/$endpoint/k";
    my $body = $bodies{$endpoint};

    # validators; the time is the exact one, as the server's: the time of
    # Perl's own is that of the last tick, and may be in the second before

    my $from = int time;
    my $put = $t->request('POST', $path, $body);
    my $r = $t->get($path);
    my $etag = $r->header('ETag') // '';
    my $modified = $r->header('Last-Modified') // '';

    like $etag, qr/\A"[!#-~]+"\z/, "$endpoint: ETag";
    like $modified, qr/\A\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\z/,
        "$endpoint: Last-Modified";
    ok((grep { $modified eq POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT',
        gmtime $_) } $from .. int time), "$endpoint: date is now");
    is $put->header('ETag'), $etag, "$endpoint: ETag of POST";
    is etag($path), $etag, "$endpoint: ETag stays";
    is etag('/pickle/k'), $etag, "$endpoint: ETag at /pickle/";

    $t->request('POST', $path, $body);
    isnt etag($path), $etag, "$endpoint: ETag of next version";

    $t->request('DELETE', $path);
    $t->request('POST', $path, $body);
    isnt etag($path), $etag, "$endpoint: ETag after DELETE";

    is $t->get('/cache/none')->header('ETag'), undef, "$endpoint: no ETag";

    # reading

    $r = $t->get($path);
    $etag = $r->header('ETag');
    $modified = $r->header('Last-Modified');

    for my $method (qw(GET HEAD)) {
        my $name = "$endpoint: $method";

        for my $value ($etag, "$other, $etag", "$etag,$other",
            "$other , $etag , \"x\"", "W/$etag", "$other, W/$etag", '*')
        {
            my $not = $t->request($method, $path, undef,
                'If-None-Match' => $value);

            is $not->status, 304, "$name None-Match $value";
            is $not->body, '', "$name no body $value";
            is $not->header('ETag'), $etag, "$name ETag $value";
        }

        for my $value ($other, "$other, W/$other", '""', '"*"') {
            is $t->request($method, $path, undef, 'If-None-Match' => $value)
                ->status, 200, "$name other $value";
        }

        is $t->request($method, $path, undef,
            'If-Modified-Since' => $modified)->status, 304,
            "$name Modified-Since";
        is $t->request($method, $path, undef,
            'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT')->status,
            200, "$name Modified-Since long ago";

        is $t->request($method, "/$endpoint/none", undef,
            'If-None-Match' => '*')->status, 404, "$name None-Match of none";

        is $t->request($method, $path, undef, 'If-Match' => $etag)->status,
            200, "$name Match";
        is $t->request($method, $path, undef, 'If-Match' => $other)->status,
            412, "$name Match other";
    }

    # storing only what is new

    for my $method (qw(POST PUT)) {
        my $name = "$endpoint: $method";

        $t->request('DELETE', $path);
        is $t->request($method, $path, $body, 'If-None-Match' => '*')->status,
            200, "$name new";

        $etag = etag($path);
        refused($t->request($method, $path, $body, 'If-None-Match' => '*'),
            412, "$name not new");
        is etag($path), $etag, "$name stored nothing";

        $t->request('POST', '/cache/k', '{"value":"old","expire":1}');
        is $t->request($method, $path, $body, 'If-None-Match' => '*')->status,
            200, "$name over expired";
        is $t->get($path)->status, 200, "$name over expired, read";

        # other than some version

        $etag = etag($path);
        is $t->request($method, $path, $body, 'If-None-Match' => $other)
            ->status, 200, "$name None-Match other";
        isnt etag($path), $etag, "$name stored";

        $etag = etag($path);
        refused($t->request($method, $path, $body,
            'If-None-Match' => "$other, $etag"), 412, "$name None-Match");
        refused($t->request($method, $path, $body,
            'If-None-Match' => "W/$etag"), 412, "$name None-Match weak");
        is etag($path), $etag, "$name stored nothing else";

        # storing over a version

        for my $value ('ETAG', "$other, ETAG", "ETAG,$other", "\"x\" ,ETAG",
            'W/"x", ETAG', '*')
        {
            $etag = etag($path);
            my $sent = $value =~ s/ETAG/$etag/r;

            is $t->request($method, $path, $body, 'If-Match' => $sent)->status,
                200, "$name Match $value";
            isnt etag($path), $etag, "$name stored $value";
        }

        $etag = etag($path);

        for my $value ($other, '"x"', '""', "$other, \"y\"", "W/$etag",
            "W/$other")
        {
            refused($t->request($method, $path, $body, 'If-Match' => $value),
                412, "$name Match wrong $value");
        }

        for my $value ('x', '"x', 'x"', $etag =~ tr/"//dr, "$etag, x", 'W/',
            'W/x', 'w/"x"', "$etag, \"", '* x', "*, $etag")
        {
            refused($t->request($method, $path, $body, 'If-Match' => $value),
                400, "$name Match malformed $value");
            refused($t->request($method, $path, $body,
                'If-None-Match' => $value), 400,
                "$name None-Match malformed $value");
        }

        is etag($path), $etag, "$name refused nothing stored";

        # where there is no version

        $t->request('DELETE', $path);
        refused($t->request($method, $path, $body, 'If-Match' => $_), 412,
            "$name Match of none $_") for '*', $etag;
        is $t->get($path)->status, 404, "$name of none";

        for my $value ('*', 'ETAG') {
            my $expired = $t->request('POST', '/cache/k',
                '{"value":1,"expire":1}')->header('ETag') // $other;
            my $sent = $value =~ s/ETAG/$expired/r;

            refused($t->request($method, $path, $body, 'If-Match' => $sent),
                412, "$name Match of expired $value");
            is $t->get($path)->status, 404, "$name of expired $value";
        }

        # both

        $t->request('POST', $path, $body);
        $etag = etag($path);
        refused($t->request($method, $path, $body, 'If-Match' => $etag,
            'If-None-Match' => '*'), 412, "$name both");
        is $t->request($method, $path, $body, 'If-Match' => $etag,
            'If-None-Match' => $other)->status, 200, "$name both hold";
    }

    # removing a version

    $t->request('POST', $path, $body);
    $etag = etag($path);

    refused($t->request('DELETE', $path, undef, 'If-Match' => $other), 412,
        "$endpoint: DELETE other");
    refused($t->request('DELETE', $path, undef, 'If-Match' => "W/$etag"), 412,
        "$endpoint: DELETE weak");
    refused($t->request('DELETE', $path, undef, 'If-Match' => 'x'), 400,
        "$endpoint: DELETE malformed");
    refused($t->request('DELETE', $path, undef, 'If-None-Match' => '*'), 412,
        "$endpoint: DELETE None-Match");
    is etag($path), $etag, "$endpoint: DELETE removed nothing";

    is $t->request('DELETE', $path, undef, 'If-Match' => "$other, $etag")
        ->status, 200, "$endpoint: DELETE Match";
    is $t->get($path)->status, 404, "$endpoint: DELETE removed it";

    $t->request('POST', $path, $body);
    is $t->request('DELETE', $path, undef, 'If-Match' => '*')->status, 200,
        "$endpoint: DELETE any";
    refused($t->request('DELETE', $path, undef, 'If-Match' => '*'), 412,
        "$endpoint: DELETE none");
}

# the answers of a conditional write are those of a write

is $t->request('POST', '/cache/plain', '{"value":1}', 'If-None-Match' => '*')
    ->body, '{"key":"plain","value":1,"expire":null}', 'answer';
is $t->request('POST', '/cache/plain', '{"value":', 'If-None-Match' => '*')
    ->status, 422, 'not JSON';

# one of many writers is the first

for my $round (1 .. 10) {
    my @c = map { $t->connect } 1 .. 20;

    $c[$_]->send_request('POST', "/cache/first$round",
        qq({"value":$_}), 'If-None-Match' => '*') for 0 .. $#c;

    my @statuses = map { $_->response->status } @c;
    my @won = grep { $statuses[$_] == 200 } 0 .. $#c;

    is join(' ', sort @statuses), join(' ', 200, (412) x 19),
        "one first writer, $round";
    is $t->get("/cache/first$round")->json->{value}, $won[0],
        "its value, $round";
}

# one of many deletes a version; those that come too late had a condition too

for my $round (1 .. 20) {
    $t->request('POST', '/pickle/once', 'x');

    my $once = etag('/pickle/once');
    my @c = map { $t->connect } 1 .. 20;

    $_->send_request('DELETE', '/pickle/once', undef, 'If-Match' => $once)
        for @c;
    is join(' ', sort map { $_->response->status } @c),
        join(' ', 200, (412) x 19), "one deletes it, $round";
}

# compare and swap: no update is lost

$t->request('POST', '/cache/sum', '{"value":0}');

my @clients = map {
    $t->in_child(sub {
        my $done = 0;

        for (1 .. 2000) {
            my $r = $t->get('/cache/sum');
            my $value = $r->json->{value} + 1;
            my $status = $t->request('POST', '/cache/sum', qq({"value":$value}),
                'If-Match' => $r->header('ETag'))->status;

            $done++ if $status == 200;
            last if $done == 25 || $status !~ /^(?:200|412)\z/;
        }

        return $done;
    });
} 1 .. 4;

is join(' ', map { $_->() } @clients), '25 25 25 25', 'swaps end';
is $t->get('/cache/sum')->json->{value}, 100, 'no update lost';

done_testing;
