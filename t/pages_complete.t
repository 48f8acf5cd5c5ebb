#!/usr/bin/perl

# Only complete bodies are stored: of any length, however the origin ends them
# or cuts them off, packed or not; and what comes back is each byte of them.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Bigcache::Test::Origin;
use Compress::Zlib qw(crc32);
use IO::Compress::Gzip qw(gzip $GzipError);
use IO::Uncompress::Gunzip qw(gunzip);
use Test::More;

use constant MB => 1024 * 1024;

my $t = Bigcache::Test->new;
my $block = noise(MB);
my @fresh = ('Cache-Control' => 'max-age=600');
my $head = "Cache-Control: max-age=600\r\n";
my %packed = map { $_ => packed($_) } qw(good double corrupt cut lying longer
    garbage tiny large edge);

# body(SIZE, N): bytes that differ in each MB, and for each N
sub body {
    my ($size, $n) = @_;
    my $text = join '', map { substr "<$n:$_>$block", 0, MB }
        0 .. int($size / MB);
    return substr $text, 0, $size;
}

# text(SIZE): what can be packed
sub text {
    my ($size) = @_;
    return substr join('', map { "line $_ of a text\n" } 1 .. $size / 10), 0,
        $size;
}

# packed(NAME): a file, good or not, and the text that it should have
sub packed {
    my ($name) = @_;

    my $text = text($name eq 'large' ? 2 * MB : $name eq 'edge' ? MB
        : $name eq 'tiny' ? 10 : 200_000);
    gzip(\$text, \my $file) or die "gzip: $GzipError\n";

    if ($name eq 'double') {
        gzip(\'the second member', \my $second);
        return { file => $file . $second, text => "${text}the second member" };
    }

    substr($file, -8, 4) = pack 'V', crc32('x') if $name eq 'corrupt';
    substr($file, -4) = pack 'V', 1000 if $name eq 'lying';
    $file = substr $file, 0, length($file) / 2 if $name eq 'cut';
    $file .= "more\0" if $name eq 'longer';
    $file = body(5000, 7) if $name eq 'garbage';

    return { file => $file, text => $text };
}

sub send_all {
    my ($request, $bytes) = @_;
    Bigcache::Test::Origin::_write($request->{socket}, $bytes);
    return;
}

# chunks(BODY): pieces of an odd size, as chunks
sub chunks {
    my ($body) = @_;
    my ($at, $out) = (0, '');

    while ($at < length $body) {
        my $piece = substr $body, $at, 300_007;
        $out .= sprintf "%x\r\n%s\r\n", length $piece, $piece;
        $at += length $piece;
    }

    return $out;
}

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($kind, $size) = $request->{uri} =~ m{/(\w+)/(\w+)(?:\?.*)?$};
    my $accepts = ($request->{header}{'accept-encoding'} // '') =~ /gzip/;

    if ($kind eq 'gzip') {
        my $it = $packed{$size};
        return $accepts
            ? (200, [@fresh, 'Content-Type' => 'text/plain', ETag => '"e"',
                'Content-Encoding' => 'gzip', Vary => 'Accept-Encoding'],
                $it->{file})
            : (200, [@fresh, 'Content-Type' => 'text/plain', ETag => '"e"',
                Vary => 'Accept-Encoding'], "$n$it->{text}");
    }

    if ($kind =~ /^(?:always|fixed)$/) {
        return (200, ['Cache-Control' => 'max-age=600'
            . ($kind eq 'fixed' ? ', no-transform' : ''),
            'Content-Type' => 'text/plain', 'Content-Encoding' => 'gzip'],
            $packed{$size}{file});
    }

    my $body = body($size, $n);
    my $half = int($size / 2);
    my $chunked = "HTTP/1.1 200 OK\r\n${head}Transfer-Encoding: chunked\r\n\r\n";
    my $known = "HTTP/1.1 200 OK\r\n${head}Content-Length: $size\r\n\r\n";

    return (200, [@fresh], $body) if $kind eq 'length';
    return (200, [@fresh, 'Content-Type' => 'text/html'], text($size))
        if $kind eq 'text';
    return (200, [@fresh, 'X-Accel-Buffering' => 'no'], $body)
        if $kind eq 'accel';

    return send_all($request, $known . $body . 'more') if $kind eq 'toolong';
    return send_all($request, $known . substr $body, 0, $half)
        if $kind eq 'short';
    return send_all($request, $known . substr $body, 0, $size - 1)
        if $kind eq 'almost';
    return send_all($request, $known) if $kind eq 'nothing';

    return send_all($request, $chunked . chunks($body) . "0\r\n\r\n")
        if $kind eq 'chunked';
    return send_all($request, $chunked . chunks($body)) if $kind eq 'nolast';
    return send_all($request, $chunked . chunks($body) . "0\r")
        if $kind eq 'halflast';
    return send_all($request, substr $chunked . chunks($body), 0, -$half)
        if $kind eq 'inchunk';
    return send_all($request, $chunked . chunks($body) . "xyz\r\n\r\n")
        if $kind eq 'badchunk';

    return send_all($request, "HTTP/1.0 200 OK\r\n$head\r\n$body")
        if $kind eq 'ended';

    return (500, [], "no such kind: $kind");
});

$t->conf(location => 'bigcache_pages off;', http => 'proxy_http_version 1.1;'
    . ' proxy_set_header Connection "";', servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        bigcache_lock on timeout=60s;
        add_header X-Status $bigcache_status always;
        location / {
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /until/ {
            bigcache_store_until_close on;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /max/ {
            bigcache_max_page 100k;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /maxuntil/ {
            bigcache_max_page 100k;
            bigcache_store_until_close on;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /notemp/ {
            proxy_max_temp_file_size 0;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /smalltemp/ {
            proxy_max_temp_file_size 64k;
            proxy_temp_file_write_size 64k;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /unbuffered/ {
            proxy_buffering off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

sub ask {
    my ($uri, @headers) = @_;
    return Bigcache::Test::Connection->new($t->port(2))->request('GET', $uri,
        undef, Connection => 'close', @headers);
}

sub status { return $_[0]->header('X-Status') // '' }

sub hit {
    my ($uri, @headers) = @_;
    my $r;
    return $t->wait_for(sub { status($r = ask($uri, @headers)) eq 'HIT' && $r });
}

# same(GOT, EXPECTED, NAME): is() would print MBs
sub same {
    my ($got, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok $got eq $expected, $name
        or diag 'got ' . length($got) . ' bytes of ' . length $expected;
}

# all that was answered before is stored now, if it ever is
my $settled = 0;
sub settle {
    my $uri = '/length/' . (50 + ++$settled);
    hit($uri) or die "$uri: it is not stored\n";
}

# stored(URI, BODY, NAME): sent whole, stored, and the same again
sub stored {
    my ($uri, $body, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = ask($uri);
    my $first = $r->status == 200 && !$r->truncated && $r->body eq $body;
    $r = hit($uri);
    my $again = $r && $r->status == 200 && !$r->truncated
        && $r->body eq $body;

    ok $first && $again, "$name: stored, and the same again"
        or diag 'the first was ' . ($first ? 'right' : 'wrong') . ', then '
            . (!$r ? 'no hit' : length $r->body) . ' of ' . length $body;
    is $o->requests($uri), 1, "$name: the origin was asked once";
}

# sent(NAME, URIs): sent whole each time, and not stored
sub sent {
    my ($name, @uris) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for my $n (1, 2) {
        for my $uri (@uris) {
            my ($size) = $uri =~ m{(\d+)$};
            my $r = ask($uri);
            ok $r->status == 200 && !$r->truncated && status($r) ne 'HIT'
                && $r->body eq body($size, $n),
                "$name, $uri: sent right, $n, and not stored"
                or diag $r->status . ' ' . status($r) . ' ' . length $r->body;
        }
        settle();
    }
}

# cut_off(NAME, URIs): never stored
sub cut_off {
    my ($name, @uris) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for my $n (1, 2) {
        for my $uri (@uris) {
            my $r = eval { ask($uri) };
            my $is = $r ? status($r) : 'no answer';
            ok $is ne 'HIT' && $o->requests($uri) == $n,
                "$name, $uri: not stored, $n" or diag $is;
        }
        settle();
    }
}

my @sizes = (0, 1, 100_000, MB, MB + 1, 5 * MB, 40 * MB);

for my $size (@sizes) {
    stored("/length/$size", body($size, 1), "a length of $size");
}

for my $size (@sizes) {
    stored("/chunked/$size", body($size, 1), "chunks of $size bytes");
}

for my $size (0, 1, 100_000, MB, MB + 1, 5 * MB) {
    stored("/until/ended/$size", body($size, 1), "until the end, $size");
}

for my $size (1, 100_000, MB, MB + 1) {
    stored("/text/$size", text($size), "a text of $size bytes");
}

sent('until the end', map { "/ended/$_" } 1, 100_000, MB + 1);

my @cut = (2, 100_000, MB, MB + 1);

cut_off('cut short', map { ("/short/$_", "/almost/$_", "/nothing/$_",
    "/until/short/$_", "/until/almost/$_") } @cut);
cut_off('chunks', map { ("/nolast/$_", "/halflast/$_", "/inchunk/$_",
    "/badchunk/$_", "/until/nolast/$_", "/until/inchunk/$_") } @cut);

# what follows the length is not the page's
for my $size (@cut) {
    my $uri = "/toolong/$size";
    for my $n (1, 2) {
        my $r = ask($uri);
        my $seen = $o->requests($uri);
        same $r->body, body($size, $seen), "too long, $uri: no more than that,"
            . ' ' . status($r);
        settle();
    }
}

# the largest page
stored('/max/length/102400', body(102400, 1), 'as large as it may be');
stored('/max/chunked/102400', body(102400, 1), 'the same in chunks');
sent('too large', '/max/length/102401', '/max/length/3000000',
    '/max/chunked/102401', '/max/chunked/3000000', '/maxuntil/ended/102401',
    '/maxuntil/ended/3000000');

# with other ways of nginx to keep what it reads
for my $dir (qw(notemp smalltemp)) {
    for my $size (0, 100_000, MB, 5 * MB) {
        stored("/$dir/length/$size", body($size, 1), "$dir, $size");
    }
    stored("/$dir/chunked/5000000", body(5_000_000, 1), "$dir, chunks");
}

sent('no buffering', '/unbuffered/length/10', '/unbuffered/length/3000000',
    '/unbuffered/chunked/3000000', '/accel/10', '/accel/3000000');

# packed by the origin
my @gzip = ('Accept-Encoding' => 'gzip');

sub unpacked {
    my ($r) = @_;
    gunzip(\$r->body, \my $text, MultiStream => 1);
    return $text;
}

for my $name (qw(good tiny edge)) {
    my $uri = "/gzip/$name";
    my $it = $packed{$name};

    same ask($uri, @gzip)->body, $it->{file}, "gzip, $name: the first";

    my $r = hit($uri, @gzip);
    ok $r, "gzip, $name: stored";
    is $r->header('Content-Encoding'), 'gzip', "gzip, $name: packed";
    like $r->header('Vary'), qr/Accept-Encoding/i, "gzip, $name: it varies";
    same unpacked($r), $it->{text}, "gzip, $name: a hit";
    is $r->header('ETag'), '"e"', "gzip, $name: its ETag";

    $r = ask($uri);
    is status($r), 'HIT', "gzip, $name: a hit for those who do not take it";
    is $r->header('Content-Encoding'), undef, "gzip, $name: unpacked";
    like $r->header('Vary'), qr/Accept-Encoding/i, "gzip, $name: that, too";
    same $r->body, $it->{text}, "gzip, $name: the text";
    is $r->header('ETag'), 'W/"e"', "gzip, $name: it is another form of it";

    $r = ask($uri, @gzip, Range => 'bytes=2-5');
    is $r->status, 206, "gzip, $name: a part";
    is $r->body, substr($r->header('Content-Encoding') ? $it->{file}
        : $it->{text}, 2, 4), "gzip, $name: of what it says";
    is $o->requests($uri), 1, "gzip, $name: the origin was asked once";
}

# what cannot be unpacked is for those who take it as it is
for my $name (qw(double corrupt cut lying longer garbage large)) {
    my $uri = "/gzip/$name";
    my $it = $packed{$name};

    same ask($uri, @gzip)->body, $it->{file}, "gzip, $name: the first";

    my $r = hit($uri, @gzip);
    ok $r, "gzip, $name: stored";
    is $r->header('Content-Encoding'), 'gzip', "gzip, $name: as packed";
    same $r->body, $it->{file}, "gzip, $name: a hit has the same bytes";

    for my $n (2, 3) {
        $r = ask($uri);
        my $is = status($r);
        is $r->header('Content-Encoding'), undef, "gzip, $name: not packed, $n";
        ok $r->body =~ s/^\d+(?=line )//r eq $it->{text},
            "gzip, $name: the whole text for all others, $n"
            or diag "$is, " . length $r->body;
    }

    settle();
    $r = ask($uri, @gzip);
    same unpacked($r) // '', $it->{text}, "gzip, $name: and packed again"
        if $name =~ /double|large/;
}

# an origin that packs for all
for my $name (qw(good large double)) {
    my $uri = "/always/$name";
    my $it = $packed{$name};

    ask($uri);
    settle();

    my $r = ask($uri, @gzip);
    is $r->header('Content-Encoding'), 'gzip', "always, $name: packed";
    same unpacked($r), $it->{text}, "always, $name: for who takes it";

    $r = ask($uri);
    same $r->header('Content-Encoding') ? unpacked($r) : $r->body,
        $it->{text}, "always, $name: and for the others, " . status($r);
}

# no-transform: not even unpacked
ask('/fixed/good', @gzip);
hit('/fixed/good', @gzip);
my $r = ask('/fixed/good');
is $r->header('Content-Encoding'), 'gzip', 'no-transform: as the origin sends';
same $r->body, $packed{good}{file}, 'no-transform: the same bytes';

done_testing;
