#!/usr/bin/perl

# POST /batch: many operations in one request, each with its own status.

use strict;
use warnings;

use Bigcache::Test;
use JSON::PP;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time);

my $t = Bigcache::Test->new->conf(
    main => 'worker_processes 2;',
    http => 'client_max_body_size 100m;')->start;

sub batch { $t->request('POST', '/batch', qq({"operations":[$_[0]]})) }
sub results { batch(@_)->json->{results} }

sub counted {
    my %n;
    my $metrics = $t->get('/metrics')->body;

    $n{"$1 $2"} = $3 while $metrics =~
        /^bigcache_batch_operations_total\{operation="(\w+)",status="(\w+)"\}
            \ (\d+)$/mgx;

    return %n;
}

# each operation

my $r = batch('');
is $r->status, 200, 'none';
is $r->body, '{"results":[]}', 'no results';
is $r->header('Content-Type'), 'application/json', 'type';
is $r->header('ETag'), undef, 'no ETag';

is batch('{"op":"set","key":"a","value":{"b": [1.0]},"expire":4102444800.5}')
    ->body, '{"results":[{"status":200,"expire":4102444800.5}]}', 'set';
is $t->get('/cache/a')->body, '{"key":"a","value":{"b": [1.0]},'
    . '"expire":4102444800.5,"duration":null}', 'as POST /cache/ stores it';
is batch('{"op":"get","key":"a"}')->body, '{"results":[{"status":200,'
    . '"value":{"b": [1.0]},"expire":4102444800.5,"duration":null}]}', 'get';
is batch('{"op":"get","key":"none"}')->body,
    '{"results":[{"status":404,"detail":"cache miss"}]}', 'a miss';
is batch('{"op":"touch","key":"a","expire":null}')->body,
    '{"results":[{"status":200,"expire":null}]}', 'touch';
is batch('{"op":"touch","key":"none","expire":null}')->body,
    '{"results":[{"status":404,"detail":"cache miss"}]}', 'touch of none';
is batch('{"op":"delete","key":"a"}')->body, '{"results":[{"status":200}]}',
    'delete';
is batch('{"op":"delete","key":"a"}')->body,
    '{"results":[{"status":404,"detail":"cache miss"}]}', 'delete of none';

# raw bytes

for my $bytes ('', "\0", "\0\xff", 'abc', 'abcd', join '', map { chr } 0 .. 255)
{
    my $base64 = encode_base64($bytes, '');
    my $len = length $bytes;

    is batch(qq({"op":"set","key":"r","base64":"$base64","type":"a/b"}))
        ->body, '{"results":[{"status":200,"expire":null}]}', "$len raw bytes";

    my $got = $t->get('/pickle/r');
    is $got->body, $bytes, 'the bytes';
    is $got->header('Content-Type'), 'a/b', 'the type';

    is batch('{"op":"get","key":"r"}')->body, '{"results":[{"status":200,'
        . qq("base64":"$base64","type":"a/b","expire":null}]}), 'get';
}

my $slashes = encode_base64("\xff" x 30, '') =~ s{/}{\\/}gr;
is results(qq({"op":"set","key":"r","base64":"$slashes","duration":"1h"}))
    ->[0]{status}, 200, 'escaped slashes';
is $t->get('/pickle/r')->body, "\xff" x 30, 'the bytes';
is $t->get('/pickle/r')->header('Content-Type'), 'application/octet-stream',
    'no type';
ok abs(results('{"op":"get","key":"r"}')->[0]{expire} - time - 3600) < 10,
    'a duration of raw bytes';
is results('{"op":"set","key":"r","base64":"YQ==","expire":4102444800}')
    ->[0]{expire}, 4102444800, 'an expire of raw bytes';

# packed pages are unpacked, large ones read from their file

my $text = 'text ' x 10000;
my $large = join '', map { pack 'L', rand ~0 } 1 .. 1 << 19;

$t->request('POST', '/pickle/text', $text);
$t->request('POST', '/cache/text2', qq({"value":"$text"}));
$t->request('POST', '/pickle/large', $large);

my $results = results('{"op":"get","key":"text"},{"op":"get","key":"text2"},'
    . '{"op":"get","key":"large"}');

is decode_base64($results->[0]{base64}), $text, 'packed bytes';
is $results->[1]{value}, $text, 'a packed document';
ok decode_base64($results->[2]{base64}) eq $large, 'a large page';

# in order, and what is wrong stops nothing

$results = results('{"op":"set","key":"k","value":1},'
    . '{"op":"get","key":"k"}, {"op":"x","key":"k"}, 5,{"op":"get"},'
    . ' {"op":"set","key":"k","value":2,"duration":"soon"},'
    . '{"op":"set","key":"k"},{"op":"get","key":"k"},{"op":"delete","key":"k"},'
    . '{"op":"get","key":"k"}');

is join(' ', map { $_->{status} } @$results),
    '200 200 422 422 422 422 422 200 200 404', 'statuses';
is $results->[1]{value}, 1, 'a get behind its set';
is $results->[7]{value}, 1, 'a set that failed changed nothing';
is $results->[2]{detail}, 'op is none of get, set, delete, touch', 'op';
is $results->[3]{detail}, 'the operation is not an object', 'no object';
is $results->[4]{detail}, 'key: field required', 'no key';
is $results->[5]{detail},
    'duration: duration must begin with digits and one of s, m, h, d',
    'duration';
is $results->[6]{detail}, 'value: field required', 'no value';

for my $case (
    ['"op":"get","key":1', 'key is not a string without U+0000'],
    ['"op":"get","key":"a\u0000b"', 'key is not a string without U+0000'],
    ['"op":"get","key":null', 'key: field required'],
    ['"op":"get","key":"' . 'x' x 8193 . '"',
        'the key is longer than 8192 bytes'],
    ['"key":"k"', 'op is none of get, set, delete, touch'],
    ['"op":["get"],"key":"k"', 'op is none of get, set, delete, touch'],
    ['"op":1,"key":"k"', 'op is none of get, set, delete, touch'],
    ['"op":"set","key":"k","base64":1', 'base64 is not a string'],
    ['"op":"set","key":"k","base64":null', 'value: field required'],
    ['"op":"set","key":"k","base64":"YQ"',
        'base64 is not base64 with padding'],
    ['"op":"set","key":"k","base64":"Y==="',
        'base64 is not base64 with padding'],
    ['"op":"set","key":"k","base64":"YQ=="," value":1,"value":1',
        'there is a value and base64, too'],
    ['"op":"set","key":"k","base64":"YQ==","type":1', 'type is not a string'],
    ['"op":"set","key":"k","base64":"YQ==","type":"a\\r\\nb"',
        'type: value holds a control character'],
    ['"op":"set","key":"k","base64":"YQ==","type":"' . 'x' x 1025 . '"',
        'type: value is longer than 1024 bytes'],
    ['"op":"set","key":"k","base64":"YQ==","expire":true',
        'expire is not a number'],
    ['"op":"set","key":"k","base64":"YQ==","duration":5',
        'duration is not a string'],
    ['"op":"set","key":"k","value":1,"if_none_match":"a"',
        'if_none_match is not "*"'],
    ['"op":"set","key":"k","base64":"YQ==","expire":"soon"',
        'expire: value is not a number of unix seconds'],
    ['"op":"set","key":"k","base64":"YQ==","duration":"soon"',
        'duration: value does not begin with digits and one of s, m, h, d, '
            . 'or is out of range'],
    ['"op":"touch","key":"k"', 'duration: field required'])
{
    my $result = results("{$case->[0]}")->[0];

    is $result->{status}, 422, substr $case->[0], 0, 60;
    is $result->{detail}, $case->[1], 'why';
}

# keys are those of the paths

$t->request('POST', '/pickle/a/b%20%ED%95%9C%3F', 'v');
is results('{"op":"get","key":"a/b \ud55c?"}')->[0]{base64}, 'dg==',
    'a key with all sorts of characters';
is results('{"op":"get","key":"//a/b \ud55c?/"}')->[0]{base64}, 'dg==',
    'with slashes around it';
is results('{"op":"set","key":"","value":1}')->[0]{status}, 200,
    'the empty key';
is $t->get('/cache/')->json->{value}, 1, 'is that of the path';

# only where nothing is

is join(' ', map { $_->{status} }
        @{results('{"op":"set","key":"new","value":1,"if_none_match":"*"},'
            . '{"op":"set","key":"new","value":2,"if_none_match":"*"},'
            . '{"op":"set","key":"new","base64":"YQ==","if_none_match":"*"},'
            . '{"op":"delete","key":"new"},'
            . '{"op":"set","key":"new","base64":"YQ==","if_none_match":"*"}')}),
    '200 412 412 200 200', 'if_none_match';

# as a text of JSON may be written

is join(' ', map { $_->{status} }
        @{results('{"op":"\\u0073et","k\\u0065y":"new","value":1,'
            . '"if_none_match":"\\u002A"},{"op":"g\\u0065\\u0074","key":"new"},'
            . '{"op":"\\u0067","key":"new"},{"op":"gett","key":"new"},'
            . '{"op":"","key":"new"}')}),
    '412 200 422 422 422', 'escapes';

# counters

my $before = $t->get('/stat')->json->{stats};
batch('{"op":"get","key":"new"},{"op":"get","key":"new"},'
    . '{"op":"get","key":"nothing"},{"op":"delete","key":"new"}');
my $after = $t->get('/stat')->json->{stats};

is $after->{hit} - $before->{hit}, 2, 'hits are counted';
is $after->{miss} - $before->{miss}, 1, 'misses, too';
is $after->{delete} - $before->{delete}, 1, 'and deletes';

# a thousand

my $sets = join ',', map { qq({"op":"set","key":"t/$_","value":$_}) }
    1 .. 1000;
my $gets = join ',', map { qq({"op":"get","key":"t/$_"}) } 1 .. 1000;

$results = results($sets);
is scalar(grep { $_->{status} == 200 } @$results), 1000, '1000 sets';
$results = results($gets);
is_deeply [ map { $_->{value} } @$results ], [ 1 .. 1000 ], '1000 gets';

$r = batch("$gets,$gets");
is $r->status, 422, '2000 gets';
is $r->json->{detail}[0]{msg}, 'there are more than 1000', 'why';

# an answer has bounds

my $page = encode_base64("\0" x 1000000, '');
results(qq({"op":"set","key":"m","base64":"$page"}));

# read by hand, since JSON::PP takes its time

my $body = batch(join ',', ('{"op":"get","key":"m"}') x 100)->body;
is scalar(() = $body =~ /"status":200/g), 12, 'as many pages as 16 MB hold';
is scalar(() = $body =~ /"status":413,"detail":"[^"]*ask for the page alone"/g),
    88, 'the others are not sent';

$before = $t->get('/stat')->json->{stats}{hit};
batch(join ',', ('{"op":"get","key":"m"}') x 20);
is $t->get('/stat')->json->{stats}{hit} - $before, 12,
    'what is not sent is no hit';

$t->request('POST', '/pickle/14M', 'x' x (14 << 20));
is results('{"op":"get","key":"14M"}')->[0]{status}, 413,
    'what would be too large as base64';

my $r413 = results('{"op":"set","key":"k","value":5},{"op":"set","key":"k",'
    . '"base64":"' . 'A' x (9 << 20) . '"},{"op":"get","key":"k"}');
is join(' ', map { $_->{status} } @$r413), '200 413 200',
    'base64 that is too large';
is $r413->[1]{detail},
    'the page is too large to be one of many, store it alone', 'why';
is $r413->[2]{value}, 5, 'has changed nothing';

# a large document is stored from the file that its batch lies in

my $doc = '"' . 'y' x (3 << 20) . '"';

$body = batch(qq({"op":"set","key":"doc","value":$doc,"duration":"1h"},)
    . '{"op":"get","key":"doc"},{"op":"touch","key":"doc","duration":"2h"},'
    . '{"op":"get","key":"doc"}')->body;
like $body, qr/^\{"results":\[\{"status":200,[^{}]*\},
    \{"status":200,"value":"y+","expire":[\d.]+,"duration":"1h"\},
    \{"status":200,[^{}]*\},
    \{"status":200,"value":"y+","expire":[\d.]+,"duration":"2h"\}\]\}$/x,
    'a large document, and with another lifetime';
is $body =~ tr/y//, 6 << 20, 'all of it';

# a slash around a long key does not count

is results('{"op":"set","key":"/' . 'k' x 8192 . '/","value":1}')->[0]{status},
    200, 'the longest key, with slashes around it';

# null is the same as nothing

is results('{"op":"set","key":"null","value":1,"base64":null,"type":null,'
    . '"if_none_match":null,"expire":null,"duration":null}')->[0]{status}, 200,
    'members that are null';

# each is counted, beside the batch itself

my %was = counted();
results('{"op":"get","key":"none"},{"op":"get","key":"none"},'
    . '{"op":"set","key":"c","value":1},{"op":"set","key":"c","value":2},'
    . '{"op":"set","key":"c"},{"op":"delete","key":"c"},'
    . '{"op":"touch","key":"c","duration":"1h"},{"op":"what","key":"c"}');
my %is = counted();

is_deeply { map { $_ => $is{$_} - ($was{$_} // 0) }
    grep { $is{$_} != ($was{$_} // 0) } keys %is },
    { 'get 404' => 2, 'set 200' => 2, 'set 422' => 1, 'delete 200' => 1,
        'touch 404' => 1 }, 'what each came to';

# a store that is closed: each is told so

$t->request('POST', '/close');
$results = results(join ',', ('{"op":"get","key":"k"}') x 1000);
is scalar(grep { $_->{status} == 503 } @$results), 1000, 'a closed store';
like $results->[999]{detail}, qr/closed/, 'why';
$t->request('POST', '/open');

# bad documents

for my $case (
    ['', 'field required'],
    ['{}', 'field required'],
    ['{"operations":5}', 'value is not a valid list'],
    ['{"operations":{}}', 'value is not a valid list'],
    ['[]', 'value is not a valid dict'],
    ['{"operations":[}', 'no value where one has to be'])
{
    $r = $t->request('POST', '/batch', $case->[0]);
    is $r->status, 422, "'$case->[0]'";
    is $r->json->{detail}[0]{msg}, $case->[1], 'why';
}

is $t->get('/batch')->status, 405, 'GET';
is $t->get('/batch')->header('Allow'), 'POST', 'Allow';
is $t->request('POST', '/batch/', '{}')->status, 404, 'a slash too many';
is $t->request('POST', '/batch', '{"operations":[]}',
    'Sec-Fetch-Site' => 'cross-site')->status, 403, 'pages of other sites';

$t->request('POST', '/close');
$results = results('{"op":"get","key":"k"},{"op":"set","key":"k","value":1}');
is join(' ', map { $_->{status} } @$results), '503 503', 'closed';
is $results->[0]{detail}, 'the store is closed, POST /open opens it', 'why';

done_testing;
