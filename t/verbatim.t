#!/usr/bin/perl

# The value comes back as the bytes that were sent.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf->start;

# verbatim(BODY, VALUE): that POST, GET and /pickle/ show VALUE

sub verbatim {
    my ($body, $value, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = $t->request('POST', '/cache/v', $body);

    is $r->body, qq({"key":"v","value":$value,"expire":null}), $name;
    is $t->get('/cache/v')->body,
        qq({"key":"v","value":$value,"expire":null,"duration":null}),
        "$name, read";
    is $t->get('/pickle/v')->body,
        qq({"value":$value,"expire":null,"duration":null}),
        "$name, document";
}

# values

my @values = (
    'null', 'true', 'false', '0', '1', '-1', '-0', '0.0', '-0.0',
    '12345678901234567890', '-12345678901234567890', '1.0', '1.10', '1e400',
    '-1e400', '1E+2', '1e-400', '0e0', '0.1000000000000000055511151231257827',
    '9' x 1000, '1.' . '0' x 1000 . '1',

    '""', '" "', '"text"', '"\ud55c"', '"\uD55C"', '"한글"', '"\ud83d\ude00"',
    "\"\xf0\x9f\x98\x80\"", '"\u0000"', '"\u0041"', '"\/"', '"/"',
    '"\"\\\\\b\f\n\r\t"', "\"\x7f\"", '"\u2028"', "\"\xe2\x80\xa8\"",
    "\"\xef\xbf\xbf\"", '"<script>&"',

    '[]', '{}', '[ ]', "{\n}", '[1,2,3]', '[1, 2,  3]', '[[[[]]]]',
    '{"b":1,"a":2,"c":0}', '{"a":1,"a":2}', '{"":0}', '{"value":{"value":1}}',
    '{ "b" : [ 1.0 , null ] ,' . "\r\n\t" . '"a" : "x" }',
    '["a b", " c ", "}", "]", ","]', '{"expire":1,"duration":"x"}',
    '{"\u0076":1}', '[' x 999 . ']' x 999, '{"a":' x 999 . '1' . '}' x 999,
);

for my $value (@values) {
    my $name = length $value > 50 ? substr($value, 0, 40) . '...' : $value;

    verbatim(qq({"value":$value}), $value, "value $name");
}

# white space around the value is not part of it

verbatim('{"value": 1}', '1', 'space before');
verbatim('{"value":1 }', '1', 'space behind');
verbatim(" \t\r\n{ \n\"value\"\t:\r\n[ 1 ]\n }\n ", '[ 1 ]',
    'space all around');
verbatim('{"value" : "a" , "x":1}', '"a"', 'space before comma');

# the place of the member does not matter

verbatim('{"a":1,"value":2}', '2', 'last');
verbatim('{"value":2,"a":[{"value":3}]}', '2', 'first');
verbatim('{"a":{"value":1},"value":2,"b":"value"}', '2', 'among others');
verbatim('{"Value":1,"value":2,"values":3," value":4}', '2', 'similar names');
verbatim('{"a":"\"value\":1","value":2}', '2', 'its name in a string');

# of two equal members the last counts

verbatim('{"value":1,"value":2}', '2', 'twice');
verbatim('{"value":{"a":1},"x":0,"value":[3]}', '[3]', 'twice, apart');
verbatim('{"value":1,"value":null}', 'null', 'null last');
verbatim('{"value":1,"expire":4102444800,"expire":null}', '1', 'expire twice');

is $t->request('POST', '/cache/v',
    '{"value":1,"expire":null,"expire":4102444800}')->body,
    '{"key":"v","value":1,"expire":4102444800}', 'last expire counts';

$t->request('POST', '/cache/v', '{"duration":"1s","value":1,"duration":"9d"}');
is $t->get('/cache/v')->json->{duration}, '9d', 'last duration counts';

# names may be escaped

verbatim('{"\u0076\u0061\u006c\u0075\u0065":"all"}', '"all"', 'escaped name');
verbatim('{"v\u0061lue":1}', '1', 'partly escaped name');
verbatim('{"value":1,"valu\u0065":2}', '2', 'escaped name last');
verbatim('{"valu\u0065":1,"value":2}', '2', 'escaped name first');
verbatim('{"value":1,"\\\\u0076alue":2}', '1', 'escaped backslash');

is $t->request('POST', '/cache/v', '{"value":1,"\u0065xpire":4102444800}')
    ->body, '{"key":"v","value":1,"expire":4102444800}', 'escaped expire';

$t->request('POST', '/cache/v', '{"value":1,"durati\u006fn":"9d"}');
is $t->get('/cache/v')->json->{duration}, '9d', 'escaped duration';

# however the body arrives

my $long = '["' . 'x' x 50_000 . '", 1.0, "\ud55c",  1e400]';

is $t->request('POST', '/cache/long', [ unpack '(a999)*',
    qq({"value":$long}) ])->status, 200, 'long, chunked';
is $t->get('/cache/long')->body,
    qq({"key":"long","value":$long,"expire":null,"duration":null}),
    'long, read';

# beside a lifetime

is $t->request('POST', '/cache/e',
    '{"expire": 4102444800, "value": 1.0 , "duration": null}')->body,
    '{"key":"e","value":1.0,"expire":4102444800}', 'with expire';
is $t->get('/cache/e')->body,
    '{"key":"e","value":1.0,"expire":4102444800,"duration":null}',
    'with expire, read';

done_testing;
