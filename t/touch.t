#!/usr/bin/perl

# PATCH: a new lifetime for what is stored, which stays as it is.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Bigcache::Test->new->conf(
    main => 'worker_processes 2;',
    http => 'client_max_body_size 10m;')->start;

# pages of all sorts

my $text = join '', map { "<p>line $_ of the page</p>\n" } 1 .. 2000;
my $noise = join '', map { chr rand 256 } 1 .. 5000;
my $large = join '', map { chr rand 256 } 1 .. 2 << 20;
my $string = '"' . 'ab' x (1 << 20) . '"';

my %raw = (small => 'x', empty => '', text => $text, noise => $noise,
    large => $large);
my %json = (value => '{"a": [1.0, 12345678901234567890]}', null => 'null',
    long => '"' . 'text ' x 5000 . '"', large_value => $string);

for my $key (sort keys %raw) {
    $t->request('POST', "/pickle/$key", $raw{$key},
        'Content-Type' => "text/$key", 'X-Bigcache-Duration' => '1h');

    for my $path ("/pickle/$key", "/cache/$key") {
        my $etag = $t->request('HEAD', "/pickle/$key")->header('ETag');
        my $r = $t->request('PATCH', $path, '{"expire":4102444800.25}');

        is $r->status, 200, "PATCH $path";
        is $r->body, qq({"key":"$key","expire":4102444800.25}), 'the answer';
        isnt $r->header('ETag'), $etag, 'it is another version';

        $r = $t->get("/pickle/$key");
        ok $r->body eq $raw{$key}, 'the same bytes';
        is $r->header('Content-Type'), "text/$key", 'the same type';
        is $t->get("/keys/$key")->json->{keys}[0]{expire}, 4102444800.25,
            'the new lifetime';
    }
}

for my $key (sort keys %json) {
    $t->request('POST', "/cache/$key",
        qq({"value":$json{$key},"duration":"1h"}));

    my $r = $t->request('PATCH', "/cache/$key", '{"duration":"28ds"}');
    my $expire = $r->json->{expire};

    is $r->status, 200, "PATCH /cache/$key";
    ok abs($expire - time - 28 * 86400) < 10, '28 days from now';

    $r = $t->get("/cache/$key");
    ok $r->body eq qq({"key":"$key","value":$json{$key},"expire":)
        . ($r->body =~ /"expire":([0-9.]+)/ && $1)
        . qq(,"duration":"28ds"}), 'the same value, the new duration';
    is $r->json->{expire}, $expire, 'expire';

    $r = $t->request('PATCH', "/pickle/$key", '{"expire":null}');
    is $r->body, qq({"key":"$key","expire":null}), 'never';
    ok $t->get("/cache/$key")->body eq
        qq({"key":"$key","value":$json{$key},"expire":null,"duration":null}),
        'and the document says so';
}

# duration wins, as it does in POST

my $r = $t->request('PATCH', '/cache/value', '{"duration":"1h","expire":1}');
ok abs($r->json->{expire} - time - 3600) < 10, 'duration wins over expire';

# a lifetime that is over

$r = $t->request('PATCH', '/pickle/small', '{"expire":1}');
is $r->status, 200, 'an expire in the past';
is $t->get('/pickle/small')->status, 404, 'it is gone';
is $t->request('PATCH', '/pickle/small', '{"duration":"1h"}')->status, 404,
    'and stays so';

$r = $t->request('PATCH', '/cache/none', '{"duration":"1h"}');
is $r->status, 404, 'nothing there';
is $r->json->{detail}, 'cache miss', 'as a read says it';
is $t->get('/cache/none')->status, 404, 'nothing was stored';

# conditions

my $etag = $t->get('/cache/value')->header('ETag');

$r = $t->request('PATCH', '/cache/value', '{"duration":"2h"}',
    'If-Match' => '"0000000000000001"');
is $r->status, 412, 'another version';

$r = $t->request('PATCH', '/cache/value', '{"duration":"2h"}',
    'If-Match' => $etag);
is $r->status, 200, 'this version';

$r = $t->request('PATCH', '/cache/value', '{"duration":"2h"}',
    'If-Match' => $etag);
is $r->status, 412, 'not this one any more';

$r = $t->request('PATCH', '/cache/value', '{"duration":"2h"}',
    'If-None-Match' => '*');
is $r->status, 412, 'If-None-Match: *';

# bad input

for my $case (
    ['', 'field required'],
    ['{}', 'field required'],
    ['{"value":1}', 'field required'],
    ['[]', 'value is not a valid dict'],
    ['{', 'the text ends too early'],
    ['{"duration":1}', 'duration must be a string or null'],
    ['{"duration":"x"}',
        'duration must begin with digits and one of s, m, h, d'],
    ['{"expire":true}',
        'expire must be a number, a string holding a number, or null'])
{
    $r = $t->request('PATCH', '/cache/value', $case->[0]);
    is $r->status, 422, "PATCH '$case->[0]'";
    is $r->json->{detail}[0]{msg}, $case->[1], 'why';
}

is $t->request('PATCH', '/prefix/a', '{"duration":"1h"}')->status, 405,
    'not of a prefix';
is $t->request('PATCH', '/stat', '')->header('Allow'), 'GET, HEAD', 'Allow';
is $t->request('OPTIONS', '/cache/value')->header('Allow'),
    'GET, HEAD, POST, PUT, DELETE, PATCH', 'Allow of a page';

# a touch does not bring back what was stored meanwhile

my @failed;

for my $round (1 .. 30) {
    $t->request('POST', '/pickle/race', "old $round");

    my $touch = $t->in_child(sub {
        $t->request('PATCH', '/pickle/race', '{"duration":"1h"}');
    });

    $t->request('POST', '/pickle/race', "new $round");
    $touch->();

    push @failed, $round if $t->get('/pickle/race')->body ne "new $round";
}

is_deeply \@failed, [], 'a write meanwhile stays';

done_testing;
