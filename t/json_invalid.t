#!/usr/bin/perl

# What is not a JSON object with a value is a 422, and changes nothing.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(http => 'client_max_body_size 10m;')->start;

my $old = '{"key":"k","value":{"a": "old"},"expire":null,"duration":null}';

$t->request('POST', '/cache/k', '{"value":{"a": "old"}}');

# invalid(BODY, LOC, NAME): that it is refused, naming the place, and that what
# is stored stays

sub invalid {
    my ($body, $loc, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = $t->request('POST', '/cache/k', $body);

    is $r->status, 422, $name;
    is $r->header('Content-Type'), 'application/json', "$name: type";

    my $detail = eval { $r->json->{detail}[0] } || {};
    my @loc = @{ $detail->{loc} || [] };

    is join(' ', sort keys %$detail), 'loc msg type', "$name: members";
    is $loc[0], 'body', "$name: loc";
    is $loc[1], $loc, "$name: member" if $loc;
    ok length($detail->{msg} // ''), "$name: msg";
    ok length($detail->{type} // ''), "$name: type of error";

    is $t->get('/cache/k')->body, $old, "$name: store unchanged";
    is $t->request('PUT', '/cache/new', $body)->status, 422, "$name: PUT";
    is $t->get('/stat/count')->body, '{"count":1}', "$name: nothing new";
}

# no value

invalid('{}', 'value', 'no member');
invalid(' { } ', 'value', 'no member, spaces');
invalid('{"expire":null,"duration":"1d"}', 'value', 'no value');
invalid('{"Value":1}', 'value', 'other case');
invalid('{"a":{"value":1}}', 'value', 'value inside');
invalid('{"\\\\u0076alue":1}', 'value', 'escaped backslash');

# not an object

invalid('', undef, 'empty body');
invalid(undef, undef, 'no body');
invalid([], undef, 'no chunk');
invalid(" \r\n\t", undef, 'white space');
invalid('[]', undef, 'array');
invalid('[{"value":1}]', undef, 'array of one');
invalid('"value"', undef, 'string');
invalid('1', undef, 'number');
invalid('null', undef, 'null');
invalid('true', undef, 'true');

# cut off: every beginning of a document that has all there is

my $whole = '{"value":[1.5e+3,"\u00e9\n",true,{"a":null}],"expire":12}';
my @taken;

for my $n (1 .. length($whole) - 1) {
    my $r = $t->request('POST', '/cache/k', substr $whole, 0, $n);
    push @taken, $n if $r->status != 422 || ref $r->json->{detail} ne 'ARRAY';
}

is "@taken", '', 'cut off anywhere';
is $t->get('/cache/k')->body, $old, 'cut off changes nothing';
is $t->request('POST', '/cache/whole', $whole)->status, 200, 'not cut off';
$t->request('DELETE', '/cache/whole');

# text around it

invalid('{"value":1}x', undef, 'trailing text');
invalid('{"value":1}{"value":2}', undef, 'two documents');
invalid('{"value":1},', undef, 'trailing comma');
invalid('{"value":1}]', undef, 'trailing bracket');
invalid("{\"value\":1}\0", undef, 'trailing NUL');
invalid('x{"value":1}', undef, 'leading text');
invalid("\xef\xbb\xbf{\"value\":1}", undef, 'byte order mark');
invalid("{\"value\":1}\x0b", undef, 'vertical tab');
invalid("{\"value\":\xc2\xa01}", undef, 'no-break space');
invalid('value=1', undef, 'a form');
invalid('{"value":1} // note', undef, 'comment behind');
invalid('{/**/"value":1}', undef, 'comment inside');

# punctuation

invalid('{"value":1,}', undef, 'comma at end');
invalid('{,"value":1}', undef, 'comma first');
invalid('{"value":1,,"a":2}', undef, 'two commas');
invalid('{"value":1 "a":2}', undef, 'no comma');
invalid('{"value" 1}', undef, 'no colon');
invalid('{"value"::1}', undef, 'two colons');
invalid('{"value":}', undef, 'nothing after colon');
invalid('{"value"}', undef, 'name only');
invalid('{"value":[1,]}', undef, 'comma in array');
invalid('{"value":[,1]}', undef, 'comma before element');
invalid('{"value":[1 2]}', undef, 'no comma in array');
invalid('{"value":[1}]', undef, 'brackets crossed');
invalid('{"value":[1}', undef, 'wrong bracket');
invalid('{"value":{"a":1]}', undef, 'wrong brace');
invalid('{value:1}', undef, 'name without quotes');
invalid("{'value':1}", undef, 'single quotes');
invalid('{1:1,"value":1}', undef, 'number as name');
invalid('{null:1,"value":1}', undef, 'null as name');

# literals and numbers

for my $value (qw(01 -01 00 1. .5 -.5 +1 -+1 1e 1e+ 1.e1 1.5.2 0x10 1_000 - --1
    1a 1e1.5 NaN -NaN Infinity -Infinity inf nan True False None TRUE nul nulll
    truefalse undefined tru value),
    '1 2', '- 1', '1 .5', "\xef\xbc\x91")
{
    invalid(qq({"value":$value}), undef, "value $value");
}

invalid('{"value":1,"a":01}', undef, 'another member');
invalid('{"a":NaN,"value":1}', undef, 'member before');
invalid('{"value":[1,[2,{"a":1.}]]}', undef, 'deep inside');

# strings

for my $string ('\x41', '\u', '\u1', '\u12', '\u123', '\u12g4', '\u+123',
    '\u 123', '\U0041', '\a', '\v', '\0', q(\'), '\8', '\\' . "\n")
{
    invalid(qq({"value":"$string"}), undef, "escape $string" =~ s/\n/LF/r);
}

invalid('{"val\x75e":1,"value":1}', undef, 'escape in name');
invalid('{"value":"a}', undef, 'no closing quote');
invalid('{"value":"a\"}', undef, 'escaped closing quote');
invalid('{"value":"a"b"}', undef, 'quote inside');

invalid(qq({"value":"a${_}b"}), undef, sprintf 'control %02x', ord)
    for map { chr } 0 .. 31;

invalid("{\"value\":\"a\tb\"}", undef, 'raw tab');
invalid("{\"a\nb\":1,\"value\":1}", undef, 'line end in name');

# surrogates

for my $string ('\ud800', '\udbff', '\udc00', '\udfff', '\ud800x',
    '\ud800\n', '\ud800\ud800', '\udc00\ud800', '\ud83d\u0041', '\ud83d ',
    '\ud83d\\\\ude00', '\uDEAD')
{
    invalid(qq({"value":"$string"}), undef, "surrogates $string");
}

# UTF-8

for my $bytes ("\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3\xc3",
    "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82", "\xe2(\xa1",
    "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
    "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
    "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\xb0\xa1\xb3\xaa")
{
    my $name = 'bytes ' . unpack 'H*', $bytes;

    invalid(qq({"value":"$bytes"}), undef, $name);
    invalid(qq({"value":1,"$bytes":1}), undef, "$name in name");
}

invalid(join('', map { "$_\0" } split //, '{"value":1}'), undef, 'UTF-16');

# deep

for my $case ([ 'arrays', '[', ']' ], [ 'objects', '{"a":', '}' ]) {
    my ($name, $open, $close) = @$case;
    my $deep = $open x 100_000 . '1' . $close x 100_000;

    invalid(qq({"value":$deep}), undef, "deep $name");
    invalid(qq({"a":$deep,"value":1}), undef, "deep $name elsewhere");
    invalid('{"value":' . $open x 100_000, undef, "deep $name, open");
}

invalid('{"value":' . '[' x 1000 . ']' x 1000 . '}', undef, 'one too deep');

# large, in a file

invalid('{"value":"' . 'x' x 2_000_000 . "\xff\"}", undef, 'large, bad byte');
invalid('{"value":"' . 'x' x 2_000_000 . '"', undef, 'large, cut off');
invalid('{"values":"' . 'x' x 2_000_000 . '"}', 'value', 'large, no value');
invalid([ '{"value":', '1' x 100_000, '}', ' x' ], undef, 'chunked');

# the message tells the place

my $r = $t->request('POST', '/cache/k', '{"value":01}');
is_deeply $r->json->{detail}[0]{loc}, [ 'body', 10 ], 'offset';

done_testing;
