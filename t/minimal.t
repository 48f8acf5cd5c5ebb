#!/usr/bin/perl

# Prefer: return=minimal leaves the value out of the answer to a write.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(http => 'client_max_body_size 10m;')->start;

my $body = '{"value":[1, 2],"expire":4102444800}';
my $whole = '{"key":"k","value":[1, 2],"expire":4102444800}';
my $minimal = '{"key":"k","expire":4102444800}';

is $t->request('POST', '/cache/k', $body)->body, $whole, 'without it';

for my $prefer ('return=minimal', 'Return=Minimal', 'return=minimal; a=b',
    'return=minimal;a', ' return=minimal ', 'respond-async, return=minimal',
    'return=minimal, wait=10', 'a,return=minimal,b', 'a;b=c ,  return=minimal')
{
    for my $method (qw(POST PUT)) {
        my $r = $t->request($method, '/cache/k', $body, Prefer => $prefer);

        is $r->status, 200, "$method $prefer";
        is $r->body, $minimal, "$method $prefer, body";
        is $r->header('Content-Type'), 'application/json',
            "$method $prefer, type";
    }
}

is $t->request('POST', '/cache/k', $body, Prefer => 'wait=10',
    Prefer => 'return=minimal')->body, $minimal, 'second line';
is $t->request('POST', '/cache/k', [ $body ], Prefer => 'return=minimal')
    ->body, $minimal, 'chunked';

# other preferences

for my $prefer ('', 'return=representation', 'minimal', 'return',
    'return=minimalist', 'xreturn=minimal', 'a=return=minimal',
    'handling=strict; return=minimal', 'respond-async', ',')
{
    is $t->request('POST', '/cache/k', $body, Prefer => $prefer)->body, $whole,
        "other: $prefer";
}

# what is stored is the same

$t->request('DELETE', '/cache/k');

my $r = $t->request('POST', '/cache/k', $body, Prefer => 'return=minimal');
is $r->header('ETag'), $t->get('/cache/k')->header('ETag'), 'ETag';
is $t->get('/cache/k', Prefer => 'return=minimal')->body,
    '{"key":"k","value":[1, 2],"expire":4102444800,"duration":null}', 'read';

is $t->request('POST', '/cache/a%22b', '{"value":null}',
    Prefer => 'return=minimal')->body, '{"key":"a\"b","expire":null}',
    'key and null';

$r = $t->request('POST', '/cache/large', '{"value":"' . 'x' x 2_000_000 . '"}',
    Prefer => 'return=minimal');
is $r->body, '{"key":"large","expire":null}', 'large';
is length $t->get('/cache/large')->body, 2_000_000
    + length '{"key":"large","value":"","expire":null,"duration":null}',
    'large, read';

# refusals are the same

is $t->request('POST', '/cache/k', '{}', Prefer => 'return=minimal')->status,
    422, 'no value';
is $t->request('POST', '/cache/k', $body, Prefer => 'return=minimal',
    'If-None-Match' => '*')->status, 412, 'not new';

# raw entries have that answer anyway

is $t->request('POST', '/pickle/raw', 'x', Prefer => 'return=minimal')->body,
    '{"key":"raw","expire":"not set"}', 'raw';
is $t->get('/pickle/raw', Prefer => 'return=minimal')->body, 'x', 'raw, read';

done_testing;
