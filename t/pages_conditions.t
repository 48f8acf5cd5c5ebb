#!/usr/bin/perl

# Conditions, ranges, HEAD and reloads: what the client gets, from the store or
# not, and what the upstream is asked.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;

use constant MODIFIED => 'Sun, 06 Nov 1994 08:49:37 GMT';
use constant LATER => 'Mon, 07 Nov 1994 08:49:37 GMT';
use constant EARLIER => 'Sat, 05 Nov 1994 08:49:37 GMT';

my $t = Bigcache::Test->new;
my $digits = '0123456789';
my $large = join '', map { sprintf '%07d ', $_ } 1 .. 250_000;
my $text = 'a line of text ' x 1000;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $uri = $request->{uri};
    my @fields = ('Cache-Control' => 'max-age=600', 'X-Number' => $n);

    $t->write_file(saw($uri, $n), join '', "$request->{method}\n", map {
        "$_: $request->{header}{$_}\n" } sort keys %{ $request->{header} });

    push @fields, ETag => ($uri =~ /weak/ ? 'W/' : '') . '"tag"'
        if $uri !~ /date|none/;
    push @fields, 'Last-Modified' => MODIFIED if $uri !~ /none/;

    return (404, \@fields, 'nothing here') if $uri =~ /404/;
    return (200, [@fields, 'Content-Type' => 'text/plain'], $text)
        if $uri =~ /text/;

    if ($uri =~ /chunked/) {
        my $out = "HTTP/1.1 200 OK\r\n";
        $out .= shift(@fields) . ': ' . shift(@fields) . "\r\n" while @fields;
        syswrite $request->{socket}, "${out}Transfer-Encoding: chunked\r\n\r\n"
            . "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n";
        return;
    }

    return (200, \@fields, $uri =~ /large/ ? $large : $digits);
});

sub saw { return "saw$_[1]" . $_[0] =~ tr{/?}{__}r }

$t->conf(location => 'bigcache_pages off;', http => 'proxy_http_version 1.1;'
    . ' proxy_set_header Connection "";', servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        add_header X-Status $bigcache_status always;

        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /reload/ {
            bigcache_reload on;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /upgrade/ {
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /unpacked/ {
            bigcache_send_gzip off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;


sub ask {
    my ($uri, @headers) = @_;

    return method('GET', $uri, undef, @headers);
}


sub method { return $t->request_to(2, @_) }
sub status { return $_[0]->header('X-Status') // 'none' }
sub said { return status($_[0]) . ' ' . $_[0]->answer }
sub gets { return scalar grep { /^GET/ } $o->log(@_) }
sub request_of { return $t->read_file(saw(@_)) }


# stored(URI, SECONDS): waits until the page is there

sub stored {
    my ($uri, $seconds) = @_;

    return ok $t->wait_for(sub { status(ask($uri)) eq 'HIT' },
        $seconds), "$uri: is stored";
}


sub store {
    for my $uri (@_) {
        is status(ask($uri)), 'MISS', "$uri: a miss";
        stored($uri);
    }
}


# the store is open then

$t->wait_for(sub { status(ask('/warm')) eq 'HIT' });

# -- conditions on pages that are stored

store(qw(/page /date /none /large /text /404));

for (
    ['If-None-Match', '"tag"', 304],
    ['If-None-Match', 'W/"tag"', 304],
    ['If-None-Match', '"other"', 200],
    ['If-None-Match', '"other", "tag"', 304],
    ['If-None-Match', '*', 304],
    ['If-None-Match', 'tag', 200],
    ['If-Modified-Since', MODIFIED, 304],
    ['If-Modified-Since', EARLIER, 200],
    ['If-Modified-Since', 'nonsense', 200],
)
{
    my ($name, $value, $status) = @$_;

    for my $uri (qw(/page /large)) {
        my $r = ask($uri, $name => $value);

        is status($r) . ' ' . $r->status, "HIT $status",
            "$uri, $name: $value";
        is $r->header('ETag'), '"tag"', "$uri, $name: $value: its tag";
        is $r->header('Last-Modified'), MODIFIED, "$uri, $name: its date";
        is $r->header('Cache-Control'), 'max-age=600', "$uri, $name: freshness";
        like $r->header('Age'), qr/^\d+$/, "$uri, $name: its age";
        is length($r->body // ''), $status == 304 ? 0 : $uri eq '/page'
            ? 10 : length $large, "$uri, $name: $value: the body";
    }
}

is ask('/page', 'If-None-Match' => '"other"', 'If-Modified-Since' => MODIFIED)
    ->status, 200, 'the tag is the stronger condition';
is ask('/page', 'If-None-Match' => '"tag"', 'If-Modified-Since' => EARLIER)
    ->status, 304, 'the tag is the stronger condition: not modified';
is ask('/none', 'If-None-Match' => '"tag"')->status, 200,
    'no tag: it is modified';
is ask('/none', 'If-Modified-Since' => MODIFIED)->status, 200,
    'no date: it is modified';
is ask('/date', 'If-Modified-Since' => MODIFIED)->status, 304, 'a date alone';
is ask('/date', 'If-Modified-Since' => LATER)->status, 200,
    'a later date is another one, as nginx has it by default';
is ask('/404', 'If-None-Match' => '"tag"')->status, 404,
    'a 404 is never not modified';

my $r = method('HEAD', '/page', undef, 'If-None-Match' => '"tag"');
is $r->status, 304, 'HEAD: not modified';

# -- conditions on a miss

$r = ask('/miss-same', 'If-None-Match' => '"tag"');
is said($r), 'MISS 304 ', 'a miss: the client has the page already';
stored('/miss-same');
is said(ask('/miss-same')), "HIT 200 $digits", 'a miss: the page is stored';
is gets('/miss-same'), 1, 'a miss: asked for once';
unlike request_of('/miss-same', 1), qr/^if-/m, 'a miss: without a condition';

$r = ask('/miss-since', 'If-Modified-Since' => MODIFIED);
is said($r), 'MISS 304 ', 'a miss: the client has it since';
stored('/miss-since');
is said(ask('/miss-since')), "HIT 200 $digits", 'a miss: the page is stored';

$r = ask('/miss-other', 'If-None-Match' => '"mine"',
    'If-Modified-Since' => MODIFIED);
is said($r), "MISS 200 $digits", 'a miss: the client has another one';
stored('/miss-other');
unlike request_of('/miss-other', 1), qr/^if-|mine/m,
    'a miss: the origin sees no condition';

is said(ask('/miss-large', 'If-None-Match' => '"tag"')), 'MISS 304 ',
    'a large miss: the client has it';
stored('/miss-large');
ok ask('/miss-large')->body eq $large, 'a large miss: the page is stored';

# If-Match and If-Unmodified-Since are passed

for (['If-Match', '"tag"'], ['If-Match', '*'],
    ['If-Unmodified-Since', MODIFIED])
{
    my ($name, $value) = @$_;

    $r = ask('/page', $name => $value);
    is status($r), 'PASS', "$name: $value is passed";
    is $r->status, 200, "$name: $value: the origin's answer";
    like request_of('/page', $r->header('X-Number')),
        qr/^\L$name\E: \Q$value\E$/m, "$name: the origin sees it";
}

is status(ask('/passed', 'If-Match' => '"tag"')), 'PASS', 'If-Match: a miss';
is status(ask('/passed')), 'MISS', 'If-Match: the answer is not stored';

# -- ranges of pages that are stored

for my $uri (qw(/page /large /text)) {
    my $body = $uri eq '/page' ? $digits : $uri eq '/text' ? $text : $large;
    my $length = length $body;

    for (
        ['bytes=0-0', 0, 1],
        ['bytes=2-4', 2, 3],
        ['bytes=5-', 5, $length - 5],
        ['bytes=-3', $length - 3, 3],
        ["bytes=-" . ($length + 5), 0, $length],
        ['bytes=7-99999999', 7, $length - 7],
    )
    {
        my ($range, $at, $n) = @$_;

        for my $encoding ('identity', 'gzip') {
            $r = ask($uri, Range => $range, 'Accept-Encoding' => $encoding);
            is status($r) . ' ' . $r->status, 'HIT 206', "$uri, $range";
            ok $r->body eq substr($body, $at, $n), "$uri, $range: bytes";
            is $r->header('Content-Range'), sprintf('bytes %d-%d/%d', $at,
                $at + $n - 1, $length), "$uri, $range: Content-Range";
            is $r->header('Content-Length'), $n, "$uri, $range: length";
            is $r->header('Content-Encoding'), undef, "$uri, $range: plain";
        }
    }

    for my $range ("bytes=$length-", 'bytes=99999999-', 'bytes=5-2', 'bytes=x') {
        $r = ask($uri, Range => $range);
        is status($r) . ' ' . $r->status, 'HIT 416', "$uri, $range";
        is $r->header('Content-Range'), "bytes */$length",
            "$uri, $range: the length";
    }

    $r = ask($uri, Range => 'bytes=0-1,4-5');
    is status($r) . ' ' . $r->status, 'HIT 206', "$uri: several ranges";
    like $r->header('Content-Type'), qr{^multipart/byteranges; boundary=},
        "$uri: their type";
    my @parts = split /\r\n--\d+(?:--)?\r\n/, $r->body;
    like $parts[1], qr{^Content-Range: bytes 0-1/$length\r\n\r\n}m,
        "$uri: the first part";
    is substr($parts[1], -2), substr($body, 0, 2), "$uri: its bytes";
    is substr($parts[2], -2), substr($body, 4, 2), "$uri: bytes of the second";
    is $r->header('Content-Length'), length $r->body, "$uri: the whole length";

    $r = ask($uri, Range => 'lines=1-2');
    is $r->status, 200, "$uri: an unknown unit";
    ok $r->body eq $body, "$uri: the whole page";

    for (
        ['"tag"', 206],
        ['"other"', 200],
        [MODIFIED, 206],
        [EARLIER, 200],
        [LATER, 200],
        ['W/"tag"', 200],
    )
    {
        my ($value, $status) = @$_;

        $r = ask($uri, Range => 'bytes=2-4', 'If-Range' => $value);
        is status($r) . ' ' . $r->status, "HIT $status", "$uri, If-Range: "
            . $value;
        ok $r->body eq ($status == 206 ? substr $body, 2, 3 : $body),
            "$uri, If-Range: $value: bytes";
    }

    is ask($uri, Range => 'bytes=2-4', 'If-None-Match' => '"tag"')->status,
        304, "$uri: a range of what the client has";
    is $o->requests($uri), $uri eq '/page' ? 4 : 1,
        "$uri: the origin was not asked again";
}

is ask('/404', Range => 'bytes=0-1')->status, 404, 'no ranges of a 404';
is ask('/none', Range => 'bytes=2-4', 'If-Range' => '"tag"')->status, 200,
    'If-Range: no tag';

# a weak tag never selects a range

store('/weak-range');
$r = ask('/weak-range', Range => 'bytes=2-4', 'If-Range' => 'W/"tag"');
is $r->status, 200, 'If-Range: a weak tag';

# both forms of a page that is packed have one date

my @gzip = ('Accept-Encoding' => 'gzip');
store('/text-date');
is ask('/text-date', @gzip)->header('Content-Encoding'), 'gzip',
    'a packed page';
$r = ask('/text-date', Range => 'bytes=2-4', 'If-Range' => MODIFIED);
is $r->status, 206, 'If-Range: a date, without gzip';
$r = ask('/text-date', Range => 'bytes=2-4', 'If-Range' => MODIFIED, @gzip);
is $r->status, 200, 'If-Range: a date, with gzip';
is ask('/text-date', Range => 'bytes=2-4', @gzip)->body, substr($text, 2, 3),
    'a range with gzip is one of the page';
store('/date-one');
$r = ask('/date-one', Range => 'bytes=2-4', 'If-Range' => MODIFIED, @gzip);
is $r->status, 206, 'If-Range: a date of a page with one form';

$r = ask('/text-miss', Range => 'bytes=2-4', @gzip);
is $r->status . $r->body, '206' . substr($text, 2, 3),
    'a range with gzip on a miss';
unlike request_of('/text-miss', 1), qr/accept-encoding/,
    'the origin is asked for the page as it is';
$r = ask('/text-miss-date', Range => 'bytes=2-4', 'If-Range' => MODIFIED,
    @gzip);
is $r->status, 200, 'If-Range: a date with gzip on a miss';
$r = ask('/weak-miss', Range => 'bytes=2-4', 'If-Range' => 'W/"tag"');
is $r->status, 200, 'If-Range: a weak tag on a miss';

# -- ranges on a miss

for (
    ['single', 'bytes=2-4', '234'],
    ['suffix', 'bytes=-3', '789'],
    ['open', 'bytes=7-', '789'],
    ['first', 'bytes=0-0', '0'],
)
{
    my ($name, $range, $bytes) = @$_;

    for my $kind ('small', 'large', 'chunked') {
        my $uri = "/$kind-$name";
        my $body = $kind eq 'large' ? $large : $digits;
        my ($from, $to) = $range =~ /=(\d*)-(\d*)/;
        my $part = $from eq '' ? substr $body, -$to
            : substr $body, $from, $to eq '' ? length $body : $to - $from + 1;

        $r = ask($uri, Range => $range);
        is status($r), 'MISS', "$uri: a miss";
        ok +($r->status == 206 && $r->body eq $part
            || $kind eq 'chunked' && $r->status == 200 && $r->body eq $body),
            "$uri: the range";
        stored($uri);
        $r = ask($uri);
        ok $r->status == 200 && $r->body eq $body, "$uri: the page is stored";
        is gets($uri), 1, "$uri: asked for once";
        unlike request_of($uri, 1), qr/^range/m, "$uri: without a range";
        is ask($uri, Range => 'bytes=2-4')->body, substr($body, 2, 3),
            "$uri: and its ranges";
    }
}

for my $kind ('small', 'large') {
    my $body = $kind eq 'large' ? $large : $digits;
    my $length = length $body;

    $r = ask("/$kind-several", Range => 'bytes=0-1,4-5');
    ok $r->status == 200 && $r->body eq $body
        || $r->status == 206 && $r->body =~ /\r\n\r\n01.*\r\n\r\n45/s,
        "$kind, several ranges on a miss: they or the whole page";
    stored("/$kind-several");
    ok ask("/$kind-several")->body eq $body, "$kind, several: is stored";

    $r = ask("/$kind-beyond", Range => "bytes=$length-");
    ok $r->status == 416 || $r->status == 200 && $r->body eq $body,
        "$kind, beyond the end on a miss: 416 or the whole page";
    stored("/$kind-beyond", 3);
    ok ask("/$kind-beyond")->body eq $body, "$kind, beyond: is stored";
    is gets("/$kind-beyond"), 1, "$kind, beyond: asked for once";

    $r = ask("/$kind-if-range", Range => 'bytes=2-4', 'If-Range' => '"old"');
    ok $r->status == 200 && $r->body eq $body, "$kind, If-Range on a miss";
    unlike request_of("/$kind-if-range", 1), qr/range/,
        "$kind, If-Range: the origin sees none";
    stored("/$kind-if-range");
}

$r = ask('/miss-404', Range => 'bytes=2-4');
is $r->answer, '404 nothing here', 'a range of a 404 on a miss';

# two ranges on misses at once

my @c = map { $t->connect(2) } 1 .. 4;
$c[$_]->send_request('GET', '/at-once', undef, Connection => 'close',
    Range => "bytes=$_-$_") for 0 .. 3;
is join('', map { $_->response('GET')->body } @c), '0123',
    'ranges on misses at once';

# -- HEAD

$r = method('HEAD', '/head');
is status($r) . ' ' . $r->status, 'MISS 200', 'HEAD: a miss';
is $r->header('Content-Length'), 10, 'HEAD: its length';
is_deeply [$o->log('/head')], ['HEAD /head'], 'HEAD: is passed as HEAD';
is status(method('HEAD', '/head')), 'MISS', 'HEAD: is not stored';
is said(ask('/head')), "MISS 200 $digits", 'HEAD: then a GET is a miss';
stored('/head');
is_deeply [grep { !/^HEAD/ } $o->log('/head')], ['GET /head'],
    'HEAD: hits come from the GET';

my $c = $t->connect(2);
for my $uri (qw(/page /large /text /404)) {
    for my $encoding ('identity', 'gzip') {
        my $head = $c->request('HEAD', $uri, undef,
            'Accept-Encoding' => $encoding);
        my $get = $c->request('GET', $uri, undef,
            'Accept-Encoding' => $encoding);

        is status($head), 'HIT', "HEAD $uri: a hit";
        is $head->status, $get->status, "HEAD $uri: the status";
        is $head->header($_), $get->header($_), "HEAD $uri, $encoding: $_"
            for qw(ETag Content-Type Content-Length Content-Encoding Vary);
        is $get->header('Content-Length'), length $get->body,
            "GET $uri: its length";
    }
}

# -- encodings

$r = ask('/text', 'Accept-Encoding' => 'gzip');
is $r->header('Content-Encoding'), 'gzip', 'a text is packed';
is $r->header('ETag'), 'W/"tag"', 'another form has a weak tag';
is ask('/text', 'Accept-Encoding' => 'gzip', 'If-None-Match' => 'W/"tag"')
    ->status, 304, 'the weak tag matches';
is ask('/text', 'Accept-Encoding' => 'gzip', 'If-None-Match' => '"tag"')
    ->status, 304, 'the strong tag matches';
is ask('/text', 'If-None-Match' => 'W/"tag"')->status, 304,
    'the weak tag matches the plain form';
is ask('/text', 'Accept-Encoding' => 'gzip;q=0')->header('Content-Encoding'),
    undef, 'gzip is refused';
is ask('/text', 'Accept-Encoding' => 'gzip;q=0')->body, $text,
    'gzip is refused: the plain text';

for (
    ['gzip', 'gzip, deflate, br', 'gzip'],
    ['br', 'br, deflate', undef],
    ['silent', undef, undef],
    ['identity', 'identity', undef],
    ['q', 'gzip;q=0, br', undef],
)
{
    my ($name, $accept, $sees) = @$_;

    ask("/accept-$name", $accept ? ('Accept-Encoding' => $accept) : (),
        'X-Other' => 'kept');

    my ($saw) = request_of("/accept-$name", 1) =~ /^accept-encoding: (.*)$/m;
    is $saw, $sees, "Accept-Encoding on a miss: $name";
    like request_of("/accept-$name", 1), qr/^x-other: kept$/m,
        "$name: other fields are kept";
}

store('/unpacked/text');
$r = ask('/unpacked/text', 'Accept-Encoding' => 'gzip');
is $r->header('Content-Encoding'), undef, 'bigcache_send_gzip off: unpacked';
is $r->body, $text, 'bigcache_send_gzip off: the text';

# many fields are more than one part of nginx's list

$r = ask('/many', map { ("X-Field-$_" => $_) } 1 .. 60);
is said($r), "MISS 200 $digits", 'many fields: a miss';
is +(grep { request_of('/many', 1) =~ /^x-field-$_: $_$/m } 1 .. 60), 60,
    'many fields: the origin sees all';

# -- what is passed

$r = method('GET', '/page', 'a body');
is status($r), 'PASS', 'GET with a body is passed';
like request_of('/page', $r->header('X-Number')), qr/^content-length: 6$/m,
    'GET with a body: the origin gets it';
$r = method('GET', '/page', ['a', 'body']);
is status($r), 'PASS', 'GET with a chunked body is passed';
is status(method('GET', '/page', '')), 'HIT', 'an empty body is none';
is status(method('GET', '/body', 'a body')), 'PASS', 'a body on a miss';
is status(ask('/body')), 'MISS', 'a body: the answer is not stored';

store('/upgrade/page');
$c = $t->connect(2);
$r = $c->request('GET', '/upgrade/page', undef, Connection => 'upgrade',
    Upgrade => 'websocket');
is status($r), 'PASS', 'Upgrade is passed';
like request_of('/upgrade/page', 2), qr/^upgrade: websocket$/m,
    'Upgrade: the origin sees it';
is status(method('OPTIONS', '/page')), 'PASS', 'OPTIONS is passed';
is status(ask('/page')), 'HIT', 'OPTIONS leaves the page';

# -- reloads

store(qw(/no-reload /reload/page /reload/pragma /reload/age));

for my $how (['Cache-Control' => 'no-cache'], ['Cache-Control' => 'max-age=0'],
    [Pragma => 'no-cache'], ['Cache-Control' => 'no-store'])
{
    is status(ask('/no-reload', @$how)), 'HIT',
        "reload off: @$how is not obeyed";
}

for (['/reload/page', 'Cache-Control' => 'no-cache'],
    ['/reload/pragma', Pragma => 'no-cache'],
    ['/reload/age', 'Cache-Control' => 'max-age=0'])
{
    my ($uri, @how) = @$_;

    $r = ask($uri, @how);
    is $r->status, 200, "reload on: @how";
    isnt status($r), 'HIT', "reload on: @how: no hit";
    is $o->requests($uri), 2, "reload on: @how: the origin is asked";
    ok $t->wait_for(sub { ask($uri)->header('X-Number') == 2 }),
        "reload on: @how: the new page is stored";
    is status(ask($uri)), 'HIT', "reload on: @how: others get it";
}

is status(ask('/reload/page', 'Cache-Control' => 'max-age=100', Pragma =>
    'no-cache')), 'HIT', 'reload on: Cache-Control is stronger than Pragma';
is status(ask('/reload/page', 'Cache-Control' => 'x-no-cache')), 'HIT',
    'reload on: a directive that is like another';

done_testing;
