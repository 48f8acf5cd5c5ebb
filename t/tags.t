#!/usr/bin/perl

# Tags of REST entries: given by "tags", by headers and in batches, kept by
# what changes an entry, listed by GET /keys/, and refused beyond the limits.

use strict;
use warnings;

use Bigcache::Test;
use JSON::PP;
use Test::More;

my $t = Bigcache::Test->new->conf->start;

my @type = ('Content-Type' => 'application/x-bigcache-batch');


# tags(KEY): of the entry as it is listed, or undef if it shows none

sub tags {
    my ($key) = @_;

    my ($row) = grep { $_->{key} eq $key }
        @{ $t->get("/keys/$key?limit=1")->json->{keys} };

    return $row && $row->{tags};
}

# tagged(TAG, ARGS): keys that are listed

sub tagged {
    my ($tag, $prefix, $args) = @_;

    my $r = $t->get('/keys/' . ($prefix // '') . "?tag=$tag" . ($args // ''));

    return $r->status == 200 ? join ' ', map { $_->{key} } @{ $r->json->{keys} }
        : $r->status . ' ' . $r->body;
}

# invalid(RESPONSE, LOC, MSG, TYPE, NAME)

sub invalid {
    my ($r, $loc, $msg, $type, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $t->json_is($r, 422, { detail => [ { loc => $loc, msg => $msg,
        type => $type } ] }, $name);
}


# documents

my $r = $t->request('POST', '/cache/json/a',
    '{"value":1,"tags":["red","blue","red"]}');
$t->json_is($r, 200, { key => 'json/a', value => 1, expire => undef },
    'the answer does not show tags');
is $t->get('/cache/json/a')->body,
    '{"key":"json/a","value":1,"expire":null,"duration":null}',
    'nor does the entry';
is_deeply tags('json/a'), [ 'red', 'blue' ], 'each is kept once';

$t->request('PUT', '/cache/json/b',
    '{"tags":["r\u00e9d","with blank","a,b","line\n"],"value":[2]}');
is_deeply tags('json/b'), [ "r\x{e9}d", 'with blank', 'a,b', "line\n" ],
    'any text is a tag';
is tagged('with%20blank'), 'json/b', 'and is found by it';
is tagged('r%C3%A9d'), 'json/b', 'in UTF-8, too';
is tagged('line%0A'), 'json/b', 'with an end of line, too';

$t->request('POST', '/cache/json/c', '{"value":3}');
is tags('json/c'), undef, 'an entry without tags shows none';
unlike $t->get('/keys/json/c')->body, qr/tags/, 'not even an empty list';

for my $none ('[]', 'null', '[ ]') {
    $t->request('POST', '/cache/json/d', qq({"value":3,"tags":$none}));
    is tags('json/d'), undef, "tags $none";
}

$t->request('POST', '/cache/json/e', '{"value":1}', 'Surrogate-Key' => 'x  y',
    'Cache-Tag' => 'y, with blank ,z');
is_deeply tags('json/e'), [ 'x', 'y', 'with blank', 'z' ],
    'headers of a document';
$t->request('POST', '/cache/json/e', '{"value":1,"tags":["own"]}',
    'Surrogate-Key' => 'x y', 'Cache-Tag' => 'w' x 257);
is_deeply tags('json/e'), [ 'own' ], 'its member wins over them';
$t->request('POST', '/cache/json/e', '{"value":1,"tags":null}',
    'Surrogate-Key' => 'x y');
is_deeply tags('json/e'), [ 'x', 'y' ], 'but null does not';
is tagged('own'), '', 'no entry has the former tag';

# bytes

$t->request('POST', '/pickle/raw/a', 'bytes', 'Surrogate-Key' => 'red green',
    'Surrogate-Key' => 'blue', 'X-Bigcache-Duration' => '1h');
is_deeply tags('raw/a'), [ 'red', 'green', 'blue' ], 'several lines';
$t->request('POST', '/pickle/raw/b', 'bytes', 'cache-tag' => 'red,,green ,');
is_deeply tags('raw/b'), [ 'red', 'green' ], 'Cache-Tag';
$t->request('POST', '/pickle/raw/c', 'bytes', 'Surrogate-Key' => ' ');
is tags('raw/c'), undef, 'a header without tags';
is $t->get('/pickle/raw/a')->body, 'bytes', 'the bytes';

# batches

$r = $t->request('POST', '/batch', encode_json({ operations => [
    { op => 'set', key => 'batch/a', value => 1, tags => [ 'red', 'gold' ] },
    { op => 'set', key => 'batch/b', base64 => 'QUJD', tags => [ 'gold' ] },
    { op => 'set', key => 'batch/c', value => 1 },
    { op => 'set', key => 'batch/d', base64 => 'QUJD', tags => undef },
    { op => 'set', key => 'batch/e', value => 1, tags => 'gold' },
    { op => 'set', key => 'batch/f', base64 => 'QUJD', tags => [ '' ] },
    { op => 'set', key => 'batch/g', base64 => 'QUJD', tags => [ 5 ] },
    { op => 'get', key => 'batch/b' } ] }));
is_deeply [ map { $_->{status} } @{ $r->json->{results} } ],
    [ 200, 200, 200, 200, 422, 422, 422, 200 ], 'a batch';
is $r->json->{results}[4]{detail}, 'tags: value is not a valid list',
    'no array in a batch';
is $r->json->{results}[5]{detail}, 'tags: a tag is empty',
    'an empty tag in a batch';
is $r->json->{results}[6]{detail}, 'tags: a tag is not a string without U+0000',
    'a number in a batch';
is_deeply [ map { tags("batch/$_") } qw(a b c d e) ],
    [ [ 'red', 'gold' ], [ 'gold' ], undef, undef, undef ],
    'what a batch stores';

$r = $t->request('POST', '/batch', '{"operations":['
    . '{"op":"set","key":"batch/h","bytes":3,"tags":["gold","tin"]},'
    . '{"op":"set","key":"batch/i","bytes":2,"tags":7},'
    . '{"op":"set","key":"batch/j","bytes":3,"tags":["tin"]}]}' . "\nabcdefgh",
    @type);
is_deeply [ map { $_->{status} } @{ $r->json->{results} } ], [ 200, 422, 200 ],
    'a batch with bytes';
is $t->get('/pickle/batch/j')->body, 'fgh', 'the bytes of a refused one are '
    . 'skipped';
is_deeply tags('batch/h'), [ 'gold', 'tin' ], 'and its tags';

# lists

is tagged('gold'), 'batch/a batch/b batch/h', 'entries of a tag, in order';
is tagged('red'), 'batch/a json/a raw/a raw/b', 'of another';
is tagged('red', 'raw/'), 'raw/a raw/b', 'that begin with a prefix';
is tagged('red', 'raw/', '&after=raw%2Fa'), 'raw/b', 'after a key';
is tagged('re'), '', 'a part of a tag is none';
is tagged('none'), '', 'a tag that nobody has';
is_deeply $t->get('/keys/?tag=red&kind=page')->json,
    { pages => [], next => undef }, 'pages of an origin';

my ($all, $next) = ('', '');
for (1 .. 10) {
    my $list = $t->get("/keys/?tag=red&limit=1&after=$next")->json;

    $all .= "$_->{key} " for @{ $list->{keys} };
    $next = $list->{next} // last;
}
is $all, 'batch/a json/a raw/a raw/b ', 'one by one';

for ([ 'tag=', 'tag is empty, or longer than 256 bytes' ],
    [ 'tag=' . 'x' x 257, 'tag is empty, or longer than 256 bytes' ],
    [ 'tag=%4', 'tag has a broken escape' ])
{
    $t->json_is($t->get("/keys/?$_->[0]"), 400, { detail => $_->[1] },
        "refused: $_->[1]");
}

# what changes an entry keeps its tags

for my $key ('json/a', 'raw/a') {
    my $had = tags($key);

    is $t->request('PATCH', "/cache/$key", '{"duration":"2h"}')->status, 200,
        "touch of $key";
    is_deeply tags($key), $had, 'keeps its tags';
}

$t->request('POST', '/batch', '{"operations":[{"op":"touch","key":"raw/a",'
    . '"duration":"3h"}]}');
is_deeply tags('raw/a'), [ 'red', 'green', 'blue' ], 'a touch of a batch, too';
is $t->request('POST', '/incr/json/a', '{"delta":5}')->json->{value}, 6,
    'a counter';
is_deeply tags('json/a'), [ 'red', 'blue' ], 'keeps its tags';
$t->request('POST', '/incr/json/new', '{"delta":1,"initial":1}');
is tags('json/new'), undef, 'a new counter has none';

$t->request('POST', '/cache/json/a', '{"value":1}');
is tags('json/a'), undef, 'one that is stored anew has its own';
is tagged('blue'), 'raw/a', 'the list knows';
$t->request('DELETE', '/cache/raw/a');
is tagged('blue'), '', 'and that it was deleted';

# limits

my @many = map { "tag$_" } 1 .. 64;

is $t->request('POST', '/cache/many', encode_json({ value => 1,
    tags => \@many }))->status, 200, '64 tags';
is_deeply tags('many'), \@many, 'all of them';
is tagged('tag64'), 'many', 'the last one';
is $t->request('POST', '/pickle/long', 'x',
    'Surrogate-Key' => join ' ', map { $_ x 256 } 'a' .. 'l')->status, 200,
    'tags of 256 bytes';
is tagged('l' x 256), 'long', 'the last one';
my @full = map { sprintf '%03d', $_ } 1 .. 64;
is $t->request('POST', '/cache/full', encode_json({ value => 1,
    tags => [ map { $_ x 85 . 'x' } @full ] }))->status, 200, 'both';
is scalar @{ tags('full') }, 64, 'all are listed';

for my $case ([ '["a",""]', 'a tag is empty', 'value_error.tags' ],
    [ '["' . 'x' x 257 . '"]', 'a tag is longer than 256 bytes',
        'value_error.tags' ],
    [ encode_json([ @many, 'more' ]), 'there are more than 64 tags',
        'value_error.tags' ],
    [ '["a",5]', 'a tag is not a string without U+0000', 'type_error.str' ],
    [ '["a",null]', 'a tag is not a string without U+0000', 'type_error.str' ],
    [ '["a",["b"]]', 'a tag is not a string without U+0000',
        'type_error.str' ],
    [ '["a\u0000b"]', 'a tag is not a string without U+0000',
        'type_error.str' ],
    [ '"a"', 'value is not a valid list', 'type_error.list' ],
    [ '{"a":1}', 'value is not a valid list', 'type_error.list' ],
    [ 'true', 'value is not a valid list', 'type_error.list' ])
{
    my ($tags, @error) = @$case;

    invalid($t->request('POST', '/cache/bad', qq({"value":1,"tags":$tags})),
        [ 'body', 'tags' ], @error, 'refused: ' . substr $tags, 0, 20);
}

for my $case ([ 'Surrogate-Key', 'x' x 257, 'a tag is longer than 256 bytes' ],
    [ 'Cache-Tag', 'x' x 257, 'a tag is longer than 256 bytes' ],
    [ 'Surrogate-Key', "@many more", 'there are more than 64 tags' ])
{
    my ($header, $value, $msg) = @$case;

    for my $path ('/pickle/bad', '/cache/bad') {
        invalid($t->request('POST', $path, '{"value":1}', $header => $value),
            [ 'header', $header ], $msg, 'value_error.tags',
            "$path: $header: $msg");
    }
}

is $t->get('/cache/bad')->status, 404, 'nothing of that is stored';

# a restart

$t->stop;
$t->start;
is tagged('gold'), 'batch/a batch/b batch/h', 'tags after a restart';
is_deeply tags('full'), [ map { $_ x 85 . 'x' } @full ], 'all of them';

done_testing;
