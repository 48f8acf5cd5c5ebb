#!/usr/bin/perl

# The cache over TLS.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;

for my $tool (qw(openssl curl)) {
    plan skip_all => "no $tool" if system "command -v $tool >$dir/out 2>&1";
}

plan skip_all => 'nginx without TLS'
    if `${\$t->nginx} -V 2>&1` !~ /http_ssl_module/;

$t->certificate or die "openssl: " . $t->read_file('out');

$t->conf(
    http => 'client_max_body_size 10m;',
    listen => 'ssl',
    server => q{
        ssl_certificate %%DIR%%/cert.pem;
        ssl_certificate_key %%DIR%%/key.pem;
    })->start;

my $url = 'https://127.0.0.1:' . $t->port;


# curl(OPTIONS, PATH ...): the bodies, one after the other

sub curl {
    my ($options, @paths) = @_;

    my $command = join ' ', 'curl -sS -k --max-time 30 --path-as-is', $options,
        map { "'$url$_'" } @paths;

    return scalar `$command 2>&1`;
}


# pages of all sizes, in the index and in files

for my $size (0, 1, 16_000, 17_000, 1_048_576, 1_048_577, 5_000_000) {
    my $page = join '', map { chr $_ * 31 % 256 } 0 .. 255;
    $page = substr $page x (1 + $size / 256), 0, $size;

    $t->write_file('page', $page);

    like curl("--data-binary \@$dir/page", "/pickle/p$size"),
        qr/^\{"key":"p$size"/, "stores $size";
    curl("-o $dir/got", "/pickle/p$size");
    ok $t->read_file('got') eq $page, "serves $size";
}

is curl('-r 1048570-1048579', '/pickle/p5000000'),
    substr((join '', map { chr $_ * 31 % 256 } 0 .. 255) x 20_000, 1_048_570,
        10), 'a range';

my $json = '{"value":"' . 'v' x 2_000_000 . '"}';

$t->write_file('page', $json);
curl("--data-binary \@$dir/page -o $dir/got", '/cache/large');
like $t->read_file('got'), qr/^\{"key":"large","value":"v{10}/, 'document';
curl("-o $dir/got", '/cache/large');
is length $t->read_file('got'), 2_000_056, 'large document';

# several requests on a connection

is curl('-d \'{"value":1}\'', '/cache/a'),
    '{"key":"a","value":1,"expire":null}', 'POST';
is curl('', ('/cache/a') x 3), curl('', '/cache/a') x 3, 'kept alive';
like curl('-X DELETE', '/cache/a'), qr/removed/, 'DELETE';
like curl('-i', '/cache/a'), qr/^HTTP\S+ 404 .*"cache miss"/s, 'a miss';
like curl('-i -X MKCOL -d xx', '/cache/a'), qr/^HTTP\S+ 405 /, 'wrong method';

# a plain request where TLS is expected

my $r = $t->get('/cache/a');

is $r->status, 400, 'plain HTTP';

# a client that leaves while a page is sent

for my $i (1 .. 5) {
    my $pid = open my $pipe, '-|', 'curl', '-sSk', '--limit-rate', '100k',
        "$url/pickle/p5000000" or die "curl: $!\n";
    read $pipe, my $some, 1000;
    kill 'KILL', $pid;
    close $pipe;
}

is curl('', '/pickle/p1'), chr 0, 'clients that left';

done_testing;
