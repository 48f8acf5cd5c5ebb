#!/usr/bin/perl

# The member "expire": how it may be written, how it is shown, that it comes
# true.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $t = Bigcache::Test->new->conf->start;

sub post {
    my ($expire) = @_;

    return $t->request('POST', '/cache/k', qq({"value":1,"expire":$expire}));
}

# shown(EXPIRE, TEXT, NAME): that POST and GET show TEXT

sub shown {
    my ($expire, $text, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is post($expire)->body, qq({"key":"k","value":1,"expire":$text}), $name;
    is $t->get('/cache/k')->body,
        qq({"key":"k","value":1,"expire":$text,"duration":null}),
        "$name, read";
}

# numbers, and strings holding one

shown('4102444800', '4102444800', 'number');
shown('"4102444800"', '4102444800', 'string');
shown('4102444800.5', '4102444800.5', 'fraction');
shown('"4102444800.5"', '4102444800.5', 'fraction in string');
shown('4102444800.125', '4102444800.125', 'milliseconds');
shown('4102444800.1239', '4102444800.123', 'rounded down');
shown('253402300800', '253402300800', 'year 10000');
shown('4102444800.0', '4102444800', 'no fraction');
shown('4.1024448e9', '4102444800', 'exponent');
shown('"4.1024448e9"', '4102444800', 'exponent in string');
shown('41024448E+2', '4102444800', 'positive exponent');
shown('"41024448\u0030\u0030"', '4102444800', 'escapes in string');
shown('" 4102444800 "', '4102444800', 'spaces in string');

# none

shown('null', 'null', 'null');

is $t->request('POST', '/cache/k', '{"value":1}')->body,
    '{"key":"k","value":1,"expire":null}', 'absent';
is $t->get('/cache/k')->body,
    '{"key":"k","value":1,"expire":null,"duration":null}', 'absent, read';

# in the past: stored, and expired at the next look

for my $expire ('1', '0', '-1', '-1.5', '"1"', '1.5', '1e0',
    sprintf('%.3f', time - 1))
{
    my $r = post($expire);

    is $r->status, 200, "past $expire";
    is $r->json->{expire} + 0, ($expire =~ s/"//gr) + 0,
        "past $expire, shown";
    is $t->get('/cache/k')->status, 404, "past $expire, expired";
}

post('1');
my $r = $t->get('/cache/k');
is $r->header('Content-Type'), 'application/json', 'expired: type';
ok length $r->json->{detail}, 'expired: detail';

post('1');
is $t->get('/pickle/k')->status, 404, 'expired at /pickle/';
post('1');
is $t->request('HEAD', '/cache/k')->status, 404, 'expired for HEAD';
is $t->request('HEAD', '/cache/k')->body, '', 'no body for HEAD';

# an expired entry is overwritten

post('1');
is post('null')->status, 200, 'stored over expired';
is $t->get('/cache/k')->status, 200, 'live again';

# and the other way round

post('1');
is $t->get('/cache/k')->status, 404, 'expired over live';

# anything else

post('4102444800');

for my $expire ('true', 'false', '[]', '[4102444800]', '{}', '{"a":1}', '""',
    '" "', '"x"', '"1d"', '"2026-12-31"', '"4102444800s"', '"0x10"', '"1 2"',
    '"1.2.3"', '"1e"', '"e1"', '"."', '"-"', '"null"', '"NaN"', '"inf"',
    '"Infinity"', '"-Infinity"', '"nan"', '"1\u0000"', '"\u0031\u0000"',
    '1e400', '-1e400', '"1e400"', '1e18', '-1e18', '9' x 30,
    '"' . '9' x 30 . '"')
{
    $r = post($expire);

    is $r->status, 422, "bad $expire";
    is_deeply $r->error->{loc}, [ 'body', 'expire' ],
        "bad $expire, loc";
    is join(' ', sort keys %{ $r->error }),
        'loc msg type', "bad $expire, members";
}

is $t->get('/cache/k')->json->{expire}, 4102444800, 'store unchanged';

# it comes true, within the two seconds for which the sweep leaves alone what was
# stored; if this process was late, on a busy machine, it begins again

my ($at, $soon, @before, $before, @after, $stats);

$t->request('POST', '/cache/stays', '{"value":1}');

while (1) {
    my $begin = time;

    $at = sprintf '%.3f', $begin + 1.5;
    $soon = post($at)->json->{expire};
    @before = map { $t->request($_, '/cache/k')->status } 'GET', 'HEAD';
    next if time >= $at;

    sleep 0.05 while time < $at + 0.02;

    $before = $t->get('/stat')->json->{stats};
    @after = map { $t->get('/cache/k')->status } 1, 2;
    $stats = $t->get('/stat')->json->{stats};
    last if time < $begin + 1.98;
}

is $soon, $at + 0, 'soon';
is $before[0], 200, 'before its time';
is $before[1], 200, 'HEAD before its time';
is $after[0], 404, 'after its time';
is $after[1], 404, 'and later';
is $stats->{expire} - $before->{expire}, 1, 'expired once';
is $stats->{miss} - $before->{miss}, 1, 'missed then';
is $t->get('/stat/count')->body, '{"count":1}', 'count';
is $t->get('/cache/stays')->status, 200, 'others stay';

# over a start

my $kept;

for (my $life = 4; ; $life *= 2) {
    $at = sprintf '%.3f', time + $life;
    post($at);
    $t->stop;
    $t->start;
    $kept = $t->get('/cache/k')->status;
    last if time < $at;
}

is $kept, 200, 'kept over start';
sleep 0.05 while time < $at + 0.02;
is $t->get('/cache/k')->status, 404, 'expires after start';

done_testing;
