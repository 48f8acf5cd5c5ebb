#!/usr/bin/perl

# The cache over HTTP/2, with TLS.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

plan skip_all => 'no curl with HTTP/2' if `curl -V 2>&1` !~ /\bHTTP2\b/;

my $t = Bigcache::Test->new;
my $dir = $t->dir;

plan skip_all => 'nginx without HTTP/2'
    if `${\$t->nginx} -V 2>&1` !~ /http_v2_module/;

plan skip_all => 'no openssl' if system "command -v openssl >$dir/out 2>&1";

$t->certificate or die "openssl: " . $t->read_file('out');

$t->conf(
    http => 'client_max_body_size 10m;',
    listen => 'ssl http2',
    server => q{
        ssl_certificate %%DIR%%/cert.pem;
        ssl_certificate_key %%DIR%%/key.pem;

        location /small/ {
            client_max_body_size 10;
            bigcache_base /small;
            bigcache main;
        }

        location /unbuffered/ {
            client_body_buffer_size 100;
            bigcache_base /unbuffered;
            bigcache main;
        }
    })->start;

my $url = 'https://127.0.0.1:' . $t->port;


# curl(OPTIONS, PATH ...): the bodies, one after the other

sub curl {
    my ($options, @paths) = @_;

    my $command = join ' ', 'curl -sS -g --max-time 30 --path-as-is',
        '--http2 -k', $options, map { "'$url$_'" } @paths;

    return scalar `$command 2>&1`;
}


# status(OPTIONS, PATH): of the answer, and the version of HTTP

sub status {
    my ($options, $path) = @_;

    my $out = curl("$options -o $dir/got -w '%{http_code} %{http_version}'",
        $path);

    return $out;
}


is status('-d \'{"value":1}\'', '/cache/a//b?c'), '200 2', 'POST';
is curl('', '/cache/a//b?c'),
    '{"key":"a//b?c","value":1,"expire":null,"duration":null}', 'GET';
is status('-I', '/cache/a//b?c'), '200 2', 'HEAD';
is status('', '/cache/none'), '404 2', 'a miss';
is $t->read_file('got'), '{"detail":"cache miss"}', 'body of a miss';
is status('-X DELETE', '/cache/a//b?c'), '200 2', 'DELETE';
is status('-X MKCOL', '/cache/a'), '405 2', 'wrong method';
is status('-d "{"', '/cache/a'), '422 2', 'not JSON';
is status('-d x -H "Content-Length:"', '/small/pickle/a'), '200 2',
    'no length';
is status('', '/cache/%zz'), '400 2', 'bad escape';

# pages of all sizes, in the index and in files

for my $base ('', '/unbuffered') {
    for my $size (0, 1, 16_384, 65_536, 1_048_576, 1_048_577, 5_000_000) {
        my $page = substr 'abcdefg' x (1 + $size / 7), 0, $size;

        $t->write_file('page', $page);

        is status("--data-binary \@$dir/page", "$base/pickle/p$size"), '200 2',
            "stores $size$base";
        is status('', "/pickle/p$size"), '200 2', "serves $size$base";
        ok $t->read_file('got') eq $page, "page of $size$base";
    }
}

is status('-r 1048570-1048579', '/pickle/p5000000'), '206 2', 'a range';
is $t->read_file('got'), substr('abcdefg' x 150_000, 1_048_570, 10),
    'bytes of a range';

# many streams at once

my $config = join '', map { "url = $url/pickle/p16384\noutput = $dir/s$_\n" }
    1 .. 100;

$t->write_file('streams', $config);
curl("--parallel --parallel-max 100 -K $dir/streams");

my @bad = grep { length $t->read_file("s$_") != 16_384 } 1 .. 100;
is "@bad", '', 'a hundred streams';

$t->write_file('page', 'x' x 100_000);
$t->write_file('streams', join "next\n", map { "url = $url/pickle/w$_\n"
    . "insecure\nhttp2\ndata-binary = \@$dir/page\noutput = $dir/w$_\n"
    } 1 .. 50);
curl("--parallel --parallel-max 50 -K $dir/streams");

@bad = grep { $t->read_file("w$_") !~ /"key":"w$_"/ } 1 .. 50;
is "@bad", '', 'fifty writing streams';
like curl('', '/stat/count'), qr/\{"count":\d+\}/, 'count';

# clients that leave while a page is sent, or a stream is open

for my $i (1 .. 5) {
    my $pid = open my $pipe, '-|', 'curl', '-sSk', '--http2', '--limit-rate',
        '100k', "$url/pickle/p5000000" or die "curl: $!\n";
    read $pipe, my $some, 1000;
    kill 'KILL', $pid;
    close $pipe;
}

is curl('', '/pickle/p1'), 'a', 'clients that left';

done_testing;
