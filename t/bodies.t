#!/usr/bin/perl

# Request bodies of every size that matters, in every way they can arrive:
# known length and chunked, in memory and in a temporary file, in one piece
# and in many.  What is stored has to be what was sent, byte for byte.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);

use Bigcache::Test;
use Test::More;

my %port = (
    '1k' => 0, '8k' => 1, '16k' => 2, 'on' => 3, 'clean' => 4, 'single' => 5,
);

my $t = Bigcache::Test->new;
$t->conf(
    main => 'thread_pool bigcache threads=4;',
    path => 'thread_pool=bigcache write_buffer=1m',
    http => q{
        client_max_body_size 64m;
        keepalive_requests 100000;
        keepalive_timeout 1h;
    },
    server => 'client_body_buffer_size 1k;',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            client_body_buffer_size 8k;
            location / { bigcache main; }
        }
        server {
            listen 127.0.0.1:%%PORT_2%%;
            client_body_buffer_size 16k;
            location / { bigcache main; }
        }
        server {
            listen 127.0.0.1:%%PORT_3%%;
            client_body_in_file_only on;
            client_body_temp_path %%DIR%%/kept;
            location / { bigcache main; }
        }
        server {
            listen 127.0.0.1:%%PORT_4%%;
            client_body_in_file_only clean;
            location / { bigcache main; }
        }
        server {
            listen 127.0.0.1:%%PORT_5%%;
            client_body_in_single_buffer on;
            client_body_buffer_size 4m;
            location / { bigcache main; }
        }
    })->start;

my ($kib, $mib) = (1024, 1024 * 1024);
my %buffer = ('1k' => $kib, '8k' => 8 * $kib, '16k' => 16 * $kib);
my %connection;
my $n = 0;

# every byte, and not the same in any two blocks

my $source = '';
{
    my $state = 12345;

    for (1 .. 65536) {
        $state = ($state * 1103515245 + 12345) & 0x7fffffff;
        $source .= pack 'n', $state >> 8 & 0xffff;
    }
}

sub bytes {
    my ($size) = @_;

    my $data = '';
    my $block = 0;

    while (length $data < $size) {
        $data .= pack('N', $block++) . $source;
    }

    return substr $data, 0, $size;
}

sub chunked {
    my ($data, $sizes, $ext, $trailer) = @_;

    my $out = '';
    my $i = 0;

    for (my $at = 0; $at < length $data; ) {
        my $chunk = substr $data, $at, $sizes->[$i++ % @$sizes];
        $out .= sprintf "%x%s\r\n", length $chunk, $ext // '';
        $out .= "$chunk\r\n";
        $at += length $chunk;
    }

    return $out . '0' . ($ext // '') . "\r\n" . ($trailer // '') . "\r\n";
}

sub head {
    my ($path, $field) = @_;

    return "POST $path HTTP/1.1\r\nHost: localhost\r\n$field\r\n\r\n";
}

my $chunked = 'Transfer-Encoding: chunked';

# send(SERVER, RAW ...): all on one connection for each server

sub send_raw {
    my ($server, @pieces) = @_;

    my $c = $connection{$server} //= $t->connect($port{$server});

    $c->send($_) for @pieces;
    my $r = $c->response('POST');

    delete $connection{$server}
        if $r->status == 0
        || ($r->header('Connection') // '') eq 'close';

    return $r;
}

sub same {
    my ($got, $expected) = @_;

    return $got eq $expected
        || (diag('got ' . length($got) . ' bytes, ' . md5_hex($got)
        . ', expected ' . length($expected) . ', ' . md5_hex($expected))
        && 0);
}

# stores DATA in each of the ways and reads it again

sub round_trip {
    my ($server, $size, $ways) = @_;

    my $data = bytes($size);
    my @failed;

    for my $way (sort keys %$ways) {
        my $key = 'raw' . ++$n;
        my $stored = send_raw($server, $ways->{$way}->("/pickle/$key", $data));
        my $got = $t->get("/pickle/$key");

        push @failed, "$way (" . $stored->status . ', ' . $got->status . ')'
            if $stored->status != 200
            || $stored->body ne qq({"key":"$key","expire":"not set"})
            || $got->status != 200
            || !same($got->body, $data);
    }

    is "@failed", '', "raw, $size bytes, $server";
}

my %ways = (
    'length' => sub { head($_[0], 'Content-Length: ' . length $_[1]) . $_[1] },
    'length apart' => sub {
        (head($_[0], 'Content-Length: ' . length $_[1]), $_[1]);
    },
    'chunks' => sub {
        head($_[0], $chunked) . chunked($_[1], [ 65536 ]);
    },
    'odd chunks' => sub {
        (head($_[0], $chunked),
            chunked($_[1], [ 1, 4097, 8191, 3, 65521, 1023, 1024, 1025 ]));
    },
    'extensions, trailer' => sub {
        (head($_[0], $chunked), chunked($_[1], [ 7001, 1 ],
            ';name="a value";x', "X-Trailer: one\r\nX-Other: two\r\n"));
    },
);

my %small = (
    %ways,
    'chunks of 1' => sub {
        head($_[0], $chunked) . chunked($_[1], [ 1 ]);
    },
    'pieces' => sub {
        my ($path, $data) = @_;
        my $raw = head($path, $chunked) . chunked($data, [ 5, 1, 300 ]);
        return unpack '(a97)*', $raw;
    },
);


for my $server (qw(1k 8k 16k)) {
    my $b = $buffer{$server};

    round_trip($server, $_, \%small) for 0, 1, 2, 255, $b - 1, $b, $b + 1;
    round_trip($server, $_, \%ways) for 64 * $kib, $mib - 1, $mib, $mib + 1;
}

round_trip('16k', 8 * $mib, \%ways);

for my $server (qw(on clean single)) {
    round_trip($server, $_, \%ways) for 0, 1, 64 * $kib, $mib, $mib + 1;
}

cmp_ok scalar(my @kept = glob $t->dir . '/kept/*'), '>', 0,
    'client_body_in_file_only on keeps its files';


# -- JSON: the value comes back verbatim, whatever its body took to arrive

# value(SIZE): a JSON string, of all kinds of characters

sub value {
    my ($size) = @_;

    my $unit = 'abc\n\u00e9\\\\' . "\xed\x95\x9c\xea\xb8\x80" . '\ud83d\ude00 ';
    my $fill = $size - 2;

    my $text = $unit x int($fill / length $unit);
    $text .= 'z' x ($fill - length $text);

    return qq("$text");
}

sub json_trip {
    my ($server, $size, $ways) = @_;

    my @failed;

    for my $way (sort keys %$ways) {
        my $key = 'json' . ++$n;
        my $frame = length '{ "value" : , "expire": null}';
        my $value = $size > $frame + 2 ? value($size - $frame) : '7';
        my $shown = qq({"key":"$key","value":$value,"expire":null);

        my $stored = send_raw($server, $ways->{$way}->("/cache/$key",
            qq({ "value" : $value, "expire": null})));
        my $got = $t->get("/cache/$key");
        my $raw = $t->get("/pickle/$key");

        push @failed, "$way (" . join(', ', map { $_->status } $stored, $got,
            $raw) . ')'
            if !same($stored->body, "$shown}")
            || !same($got->body, qq($shown,"duration":null}))
            || !same($raw->body,
                qq({"value":$value,"expire":null,"duration":null}));
    }

    is "@failed", '', "JSON, $size bytes, $server";
}

for my $server (qw(1k 8k 16k)) {
    my $b = $buffer{$server};

    json_trip($server, $_, \%small) for 1, $b - 1, $b, $b + 1;
    json_trip($server, $_, \%ways) for 64 * $kib, $mib - 1, $mib, $mib + 1;
}

json_trip('16k', 8 * $mib, \%ways);

for my $server (qw(on clean single)) {
    json_trip($server, $_, \%ways) for 1, 64 * $kib, $mib, $mib + 1;
}


# the boundary is that of what is stored: a body can be on one side of it and
# what is stored on the other

{
    my @failed;

    for my $server (qw(16k single)) {
        for my $off (-2 .. 2) {
            my $key = sprintf 'edge%04d', ++$n;
            my $around = length
                qq({"key":"$key","value":,"expire":null,"duration":null});
            my $value = value($mib - $around + $off);

            my $stored = send_raw($server, $ways{length}->("/cache/$key",
                qq({"value":$value})));
            my $got = $t->get("/cache/$key");

            push @failed, "$server $off"
                if !same($stored->body,
                    qq({"key":"$key","value":$value,"expire":null}))
                || !same($got->body, qq({"key":"$key","value":$value,)
                    . '"expire":null,"duration":null}');
        }
    }

    is "@failed", '', 'stored size around the boundary';
}

{
    my @failed;
    my $pad = ' ' x (2 * $mib);
    my $long = '"' . ('n' x (2 * $mib)) . '"';

    my %body = (
        'spaces' => sub { qq({"value":$_[0]$pad}) },
        'unknown member' => sub { qq({"other":$long,"value":$_[0]}) },
        'earlier value' => sub { qq({"value":$long,"value":$_[0]}) },
    );

    for my $name (sort keys %body) {
        for my $size (3, 40, 1000, 900 * $kib) {
            my $key = 'pad' . ++$n;
            my $value = value($size);
            my $shown = qq({"key":"$key","value":$value,"expire":null);

            my $stored = send_raw('16k', $ways{length}->("/cache/$key",
                $body{$name}->($value)));
            my $got = $t->get("/cache/$key");

            push @failed, "$name $size"
                if !same($stored->body, "$shown}")
                || !same($got->body, qq($shown,"duration":null}));
        }
    }

    is "@failed", '', 'a large body around a small value';
}


# -- slow pieces

{
    my $data = bytes(70_000);
    my @failed;

    for my $server (sort keys %port) {
        for my $way ('length', 'odd chunks', 'extensions, trailer') {
            my $key = 'slow' . ++$n;
            my $raw = join '', $ways{$way}->("/pickle/$key", $data);

            my @pieces = (unpack('a10 a20 a11 a200 a1 a30000', $raw));
            push @pieces, substr $raw, length join '', @pieces;

            my $r = $t->connect($port{$server})
                ->send_slowly(0.005, @pieces)->response('POST');

            push @failed, "$server, $way"
                if $r->status != 200
                || !same($t->get("/pickle/$key")->body, $data);
        }
    }

    is "@failed", '', 'slow pieces';
}

{
    my $data = value(5000);
    my $raw = join '', $ways{'odd chunks'}->('/cache/bytes',
        qq({"value":$data}));
    my $r = $t->connect($port{'1k'})->send_slowly(0.0002, unpack '(a3)*', $raw)
        ->response('POST');

    is $r->body, qq({"key":"bytes","value":$data,"expire":null}),
        'pieces of three bytes';
}


# -- not whole, or wrong: nothing is stored

{
    my @failed;

    my %wrong = (
        'no size' => "zz\r\nabc\r\n0\r\n\r\n",
        'negative' => "-1\r\nabc\r\n0\r\n\r\n",
        'huge' => "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        'no line end' => "3\r\nabcdef\r\n0\r\n\r\n",
    );

    for my $name (sort keys %wrong) {
        my $r = $t->connect->send(head("/pickle/wrong", $chunked)
            . $wrong{$name})->response('POST');

        push @failed, "$name " . $r->status
            if $r->status !~ /^4(?:00|13)$/
            || $t->get('/pickle/wrong')->status != 404;
    }

    is "@failed", '', 'bad chunks';

    # nginx has nothing to say to a client that has closed its side

    for my $raw (head('/pickle/short', 'Content-Length: 100000') . 'x' x 99_999,
        head('/pickle/short', $chunked) . "186a0\r\n" . 'x' x 100_000 . "\r\n")
    {
        my $r = $t->connect->send($raw)->finish->response('POST');

        like $r->status, qr/^(?:0|400)$/, 'a body cut short';
        is $t->get('/pickle/short')->status, 404, 'is not stored';
    }
}

ok $t->wait_for(sub { !(my @left = glob $t->dir . '/client_body/*') }),
    'no temporary files left';

done_testing;
