#!/usr/bin/perl

# "Cache-Control: no-transform" of a request that stores: the page is kept as it
# came, and stays so when its lifetime or its number is changed.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use FindBin;
use Test::More;

my $t = Bigcache::Test->new->conf(
    http => q{
        client_max_body_size 8m;
        bigcache_path %%DIR%%/all zone=all:1m gzip_min=0;
    },
    server => q{
        location /all/ {
            bigcache_base /all;
            bigcache all;
        }
    })->start;

my @gzip = ('Accept-Encoding' => 'gzip');
my $html = join "\n", map { "<li class=\"item\">item $_</li>" } 1 .. 1000;


sub store {
    my ($path, $body, @headers) = @_;

    is $t->request('POST', $path, $body, @headers)->status, 200,
        "stored: $path @headers";
}


sub is_plain {
    my ($path, $bytes, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = $t->get($path, @gzip);

    is $r->header('Content-Encoding'), undef, "$name: not packed";
    is $r->header('Vary'), undef, "$name: the same for all clients";
    like $r->header('ETag'), qr/^"[0-9a-f]{16}"$/, "$name: its tag";
    ok $r->body eq $bytes, "$name: what was stored"
        or diag substr $r->body, 0, 80;
}


sub is_packed {
    my ($path, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is $t->get($path, @gzip)->header('Content-Encoding'), 'gzip',
        "$name: packed";
}


# the directive, by itself and among others

store('/pickle/k', $html);
is_packed('/pickle/k', 'without');

for my $case (
    [1, 'no-transform'], [1, 'No-Transform'], [1, 'max-age=5,no-transform'],
    [1, 'no-cache="a, b", no-transform , public'], [1, 'no-transform=1'],
    [1, ',,  no-transform,'], [1, 'max-age=5', 'no-transform'],
    [1, 'no-transform', 'max-age=x'], [1, 'no-transform', 'private="a'],
    [0, 'notransform'], [0, 'no-transformed'], [0, 'no transform'],
    [0, 'no-cache="no-transform"'], [0, 'private="a, no-transform, b"'],
    [0, ''], [0, '"'], [0, 'private="a'], [0, 'public, no-store'])
{
    my ($is, @lines) = @$case;

    store('/pickle/k', $html, map { ('Cache-Control' => $_) } @lines);

    $is ? is_plain('/pickle/k', $html, "@lines")
        : is_packed('/pickle/k', "'@lines'");
}

# PUT, JSON, short answers, all sizes

my @plain = ('Cache-Control' => 'no-transform');
my $value = '"' . 'text ' x 5000 . '"';
my $document = qq({"key":"j","value":$value,"expire":null,"duration":null});

is $t->request('PUT', '/pickle/put', $html, @plain)->status, 200, 'PUT';
is_plain('/pickle/put', $html, 'PUT');

store('/cache/j', qq({"value":$value}));
is_packed('/cache/j', 'JSON');
store('/cache/j', qq({"value":$value}), @plain);
is_plain('/cache/j', $document, 'JSON');
store('/cache/j', qq({"value":$value}), @plain, Prefer => 'return=minimal');
is_plain('/cache/j', $document, 'JSON, a short answer');

for my $size (0, 1, 1023, 1024, 1 << 20, (1 << 20) + 1) {
    store('/pickle/s', 'x' x $size, @plain);
    is_plain('/pickle/s', 'x' x $size, "$size bytes");
}

is $t->get('/pickle/put', Range => 'bytes=10-19')->body, substr($html, 10, 10),
    'a range';

# the next POST decides anew

store('/pickle/put', $html);
is_packed('/pickle/put', 'stored without');

# a touch leaves it as it is, packed or not

store('/pickle/raw', $html, @plain, 'Content-Type' => 'text/css');
store('/pickle/packed', $html);
store('/cache/packed2', qq({"value":$value}));

for my $key ('raw', 'j', 'packed', 'packed2') {
    is $t->request('PATCH', "/pickle/$key", '{"duration":"1d"}')->status, 200,
        "touch of $key";
}

is_plain('/pickle/raw', $html, 'touched');
is $t->get('/pickle/raw')->header('Content-Type'), 'text/css', 'its type';
is_packed('/pickle/packed', 'touched');
is_packed('/cache/packed2', 'JSON, touched');
is $t->get('/cache/j', @gzip)->header('Content-Encoding'), undef,
    'JSON, touched: not packed';
is $t->request('POST', '/batch',
    '{"operations":[{"op":"touch","key":"raw","expire":null}]}')->status, 200,
    'touched by a batch';
is_plain('/pickle/raw', $html, 'touched by a batch');

# so does a count

my $long = 'k' x 400;

store("/all/cache/$_$long", '{"value":5}', $_ eq 'a' ? @plain : ())
    for qw(a b);
is $t->request('POST', "/all/incr/$_$long")->json->{value}, 6, 'counted'
    for qw(a b);
is $t->get("/all/cache/a$long", @gzip)->header('Content-Encoding'), undef,
    'a counter that came with no-transform';
is_packed("/all/cache/b$long", 'a counter that came without');

# compaction moves it as it lies; so it is after a start

if ($t->in_cluster('there is nothing to compact')) {
    done_testing;
    exit;
}

is $t->request('PATCH', '/cache/j', '{"expire":null}')->status, 200, 'touched';

store("/pickle/junk/$_", noise(100_000)) for 1 .. 50;
is $t->request('DELETE', '/prefix/junk/')->status, 200, 'most is removed';
ok $t->stop, 'stops';

my $tool = $ENV{BIGCACHE_TOOL} || "$FindBin::Bin/../build/bigcache";
my $out = `$tool compact ${\ $t->dir}/store 2>&1`;
my ($before, $after) = $out =~ /^bytes before: (\d+)\nbytes after: (\d+)$/m;
cmp_ok $after // 0, '<', ($before // 0) / 2, 'compacted' or diag $out;

$t->start;
is_plain('/pickle/raw', $html, 'compacted');
is_plain('/cache/j', $document, 'JSON, compacted');
is_packed('/pickle/packed', 'compacted');

done_testing;
