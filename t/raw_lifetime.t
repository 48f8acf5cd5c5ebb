#!/usr/bin/perl

# The lifetime of a raw entry: X-Bigcache-Duration and X-Bigcache-Expire.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $t = Bigcache::Test->new->conf->start;

sub post {
    my (@headers) = @_;

    return $t->request('POST', '/pickle/k', 'bytes', @headers);
}

sub expire { post('X-Bigcache-Expire' => $_[0]) }
sub duration { post('X-Bigcache-Duration' => $_[0]) }

# lasts(SECONDS, RESPONSE, FROM, NAME)

sub lasts {
    my ($seconds, $r, $from, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $expire = ($r->json // {})->{expire} // 0;

    is $r->status, 200, $name;
    like $r->body, qr/\A\{"key":"k","expire":\d+(\.\d{1,3})?\}\z/,
        "$name, number";
    ok $expire >= $from + $seconds - 0.002 && $expire <= time + $seconds,
        "$name, expire" or diag "$expire of $from + $seconds";
}

# none

is post()->body, '{"key":"k","expire":"not set"}', 'no lifetime';

# expire

for my $case ([ '4102444800' => '4102444800' ],
    [ '4102444800.25' => '4102444800.25' ], [ '4.1024448e9' => '4102444800' ],
    [ '4102444800.0' => '4102444800' ])
{
    my ($sent, $shown) = @$case;

    is expire($sent)->body, qq({"key":"k","expire":$shown}), "expire $sent";
    is $t->get('/pickle/k')->body, 'bytes', "expire $sent, read";
}

is $t->request('PUT', '/pickle/k', '', 'x-bigcache-expire' => 4102444800)
    ->body, '{"key":"k","expire":4102444800}', 'empty, by PUT';

for my $past ('1', '0', '-5', '1.5', sprintf '%.3f', time - 1) {
    my $r = expire($past);

    is $r->status, 200, "past $past";
    is $r->json->{expire} + 0, $past + 0, "past $past, shown";
    is $t->get('/pickle/k')->status, 404, "past $past, expired";
}

# duration

for my $case ([ '30s' => 30 ], [ '5m' => 300 ], [ '2h' => 7200 ],
    [ '28d' => 28 * 86400 ], [ '28ds' => 28 * 86400 ], [ '1d 12h' => 86400 ],
    [ '1d, 2d' => 86400 ])
{
    my ($sent, $seconds) = @$case;
    my $from = time;

    lasts($seconds, duration($sent), $from, "duration $sent");
    is $t->get('/pickle/k')->body, 'bytes', "duration $sent, read";
}

duration('0s');
is $t->get('/pickle/k')->status, 404, 'duration of zero';

# both: duration wins

my $from = time;
lasts(3600, post('X-Bigcache-Duration' => '1h',
    'X-Bigcache-Expire' => 4102444800), $from, 'both');
lasts(3600, post('X-Bigcache-Expire' => 1, 'X-Bigcache-Duration' => '1h'),
    $from, 'both, past expire');

# bad ones

expire(4102444800);

my $etag = $t->get('/pickle/k')->header('ETag');

sub bad {
    my ($name, $value, @others) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = post($name => $value, @others);
    my $detail = eval { $r->json->{detail}[0] } || {};

    is $r->status, 422, "bad $name: $value";
    is $r->header('Content-Type'), 'application/json', "type, $name: $value";
    is_deeply $detail->{loc}, [ 'header', $name ], "loc, $name: $value";
    is join(' ', sort keys %$detail), 'loc msg type', "shape, $name: $value";
}

bad('X-Bigcache-Expire', $_) for '', 'x', '1d', '28 d', 'null', 'NaN', 'inf',
    '1e400', '-1e400', '9' x 30, '1 2', '0x10', '"1"', '1,2',
    'Sun, 06 Nov 1994 08:49:37 GMT';

bad('X-Bigcache-Duration', $_) for '', 'x', 'd', '28', '28w', '28D', '28 d',
    '-1d', '+1d', '1.5d', 'null', '"28d"', '9' x 20 . 'd',
    '9223372036854775807s';

bad('X-Bigcache-Duration', 'x', 'X-Bigcache-Expire' => 4102444800);
bad('X-Bigcache-Expire', 'x', 'X-Bigcache-Duration' => '1d');

is $t->get('/pickle/k')->header('ETag'), $etag, 'store unchanged';

# not for JSON entries, which say it themselves

is $t->request('POST', '/cache/json', '{"value":1}',
    'X-Bigcache-Duration' => '1d', 'X-Bigcache-Expire' => 'x')->body,
    '{"key":"json","value":1,"expire":null}', 'ignored at /cache/';

# it comes true

my ($at, $stored, @before);

for (1 .. 10) {
    $at = sprintf '%.3f', time + 2;
    expire($at);
    $t->request('POST', '/pickle/d', 'bytes', 'X-Bigcache-Duration' => '2s');
    $stored = time;
    @before = map { $t->get("/pickle/$_")->body } qw(k d);

    # once more if that has taken so long that they may have ended
    last if time < $at;
}

is $before[0], 'bytes', 'expire: before its time';
is $before[1], 'bytes', 'duration: before its time';

sleep 0.05 while time < $stored + 2.1;

is $t->get('/pickle/k')->status, 404, 'expire: after its time';
is $t->get('/pickle/d')->status, 404, 'duration: after its time';
is $t->get('/stat/count')->body, '{"count":1}', 'count';

# a lifetime does not outlive its entry

expire(1);
is post()->body, '{"key":"k","expire":"not set"}', 'stored without';
is $t->get('/pickle/k')->body, 'bytes', 'lifetime is gone';

done_testing;
