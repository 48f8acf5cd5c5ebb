#!/usr/bin/perl

# POST /incr/KEY: counters.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Bigcache::Test->new->conf(main => 'worker_processes 3;')->start;

sub incr { $t->request('POST', "/incr/$_[0]", $_[1] // '') }

my $r = incr('n');
is $r->status, 404, 'nothing there';
is $r->json->{detail}, 'cache miss', 'why';

$r = incr('n', '{"initial":5}');
is $r->status, 200, 'initial';
is $r->body, '{"key":"n","value":5,"expire":null}', 'is what it begins with';

is incr('n')->body, '{"key":"n","value":6,"expire":null}', 'one more';
is incr('n', '{}')->json->{value}, 7, 'an empty document';
is incr('n', '{"delta":10}')->json->{value}, 17, 'ten more';
is incr('n', '{"delta":-20}')->json->{value}, -3, 'less';
is incr('n', '{"delta":0,"initial":100}')->json->{value}, -3, 'nothing';
is incr('n', '{"delta":1,"initial":null}')->json->{value}, -2, 'initial null';
is $t->get('/cache/n')->body,
    '{"key":"n","value":-2,"expire":null,"duration":null}', 'as it is stored';

# lifetimes

$r = incr('m', '{"initial":1,"duration":"1h"}');
my $expire = $r->json->{expire};
ok abs($expire - time - 3600) < 10, 'a counter with a lifetime';
is incr('m', '{"duration":"5h"}')->json->{expire}, $expire, 'which it keeps';
is $t->get('/cache/m')->json->{duration}, '1h', 'the duration, too';

$t->request('POST', '/cache/old', '{"value":7,"expire":1}');
is incr('old')->status, 404, 'expired';
$t->request('POST', '/cache/old', '{"value":7,"expire":1}');
is incr('old', '{"initial":0}')->body,
    '{"key":"old","value":0,"expire":null}', 'and begun anew';

# 64 bits

for my $case (
    ['9223372036854775806', 1, '9223372036854775807'],
    ['9223372036854775807', 1, undef],
    ['-9223372036854775807', -1, '-9223372036854775808'],
    ['-9223372036854775808', -1, undef],
    ['9007199254740993', 0, '9007199254740993'],
    ['-9223372036854775808', '9223372036854775807', '-1'])
{
    my ($from, $delta, $to) = @$case;

    $t->request('POST', '/cache/big', qq({"value":$from}));
    $r = incr('big', qq({"delta":$delta}));

    if (defined $to) {
        is $r->body, qq({"key":"big","value":$to,"expire":null}),
            "$from + $delta";
        next;
    }

    is $r->status, 409, "$from + $delta";
    is $r->json->{detail},
        'the key holds no integer, or one that would be too large', 'why';
    like $t->get('/cache/big')->body, qr/"value":$from,/, 'it stays';
}

# what is no integer

for my $value ('1.0', '1e3', '"1"', 'null', 'true', '[1]', '{"a":1}',
    '9223372036854775808')
{
    $t->request('POST', '/cache/no', qq({"value":$value}));
    is incr('no', '{"initial":1}')->status, 409, "value $value";
    like $t->get('/cache/no')->body, qr/"value":\Q$value\E,/, 'it stays';
}

$t->request('POST', '/pickle/raw', '1');
is incr('raw')->status, 409, 'raw bytes';

for my $case (
    ['{"delta":1.5}', 'value is not an integer of 64 bits'],
    ['{"delta":"1"}', 'value is not an integer of 64 bits'],
    ['{"delta":null}', 'value is not an integer of 64 bits'],
    ['{"delta":9223372036854775808}', 'value is not an integer of 64 bits'],
    ['{"initial":true}', 'value is not an integer of 64 bits'],
    ['{"duration":"x"}',
        'duration must begin with digits and one of s, m, h, d'],
    ['[1]', 'value is not a valid dict'],
    ['{"delta":', 'the text ends too early'])
{
    $r = incr('n', $case->[0]);
    is $r->status, 422, $case->[0];
    is $r->json->{detail}[0]{msg}, $case->[1], 'why';
}

is $t->get('/incr/n')->status, 405, 'GET';
is $t->get('/incr/n')->header('Allow'), 'POST', 'Allow';

# none is lost among many clients and workers

$t->request('DELETE', '/cache/n');

my @clients = map {
    $t->in_child(sub {
        scalar grep { incr('n', '{"initial":1}')->status != 200 } 1 .. 100;
    });
} 1 .. 4;

is join(' ', map { $_->() } @clients), '0 0 0 0', 'all were counted';
is $t->get('/cache/n')->json->{value}, 400, 'by 4 clients, 100 times each';

done_testing;
