#!/usr/bin/perl

# The directives of nginx for bodies, rates, compression and output, in
# locations of bigcache.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my @output = (
    'sendfile off', 'sendfile on', 'sendfile on; aio threads',
    'sendfile off; aio threads', 'directio 512', 'directio 512; aio threads',
    'directio 4k; aio threads; sendfile on', 'output_buffers 1 4k',
    'output_buffers 4 32k; sendfile off', 'sendfile_max_chunk 16k; sendfile on',
    'limit_rate 20m', 'tcp_nopush on; sendfile on', 'postpone_output 0',
    'read_ahead 64k; sendfile off', 'gzip on; gzip_types *',
);

my @input = (
    'client_body_in_file_only on', 'client_body_in_file_only clean',
    'client_body_in_single_buffer on', 'client_body_buffer_size 64',
    'client_body_buffer_size 1k', 'client_body_buffer_size 1k;'
        . ' client_body_in_single_buffer on', 'client_body_buffer_size 4m',
    'client_body_buffer_size 100; aio threads; aio_write on',
    'proxy_request_buffering off',
);

my $servers = join '', map {
    my $base = "/$_";
    my $lines = $_ < @output ? $output[$_] : $input[$_ - @output];
    "location $base/ { bigcache_base $base; bigcache main; $lines; }\n";
} 0 .. $#output + @input;

my $t = Bigcache::Test->new->conf(
    http => qq{
        limit_req_zone \$http_x_limit zone=limit:1m rate=1r/m;
        limit_conn_zone \$http_x_limit zone=conn:1m;

        bigcache_path %%DIR%%/plain zone=plain:1m gzip=off;

        client_max_body_size 8m;
    },
    server => qq{
        $servers

        location /small/ {
            bigcache_base /small;
            client_max_body_size 10;
            bigcache main;
        }

        location /limited/ {
            bigcache_base /limited;
            limit_req zone=limit;
            bigcache main;
        }

        location /too-many/ {
            bigcache_base /too-many;
            limit_req zone=limit;
            limit_req_status 429;
            bigcache main;
        }

        location /gzip/ {
            bigcache_base /gzip;
            gzip on;
            gzip_types application/json;
            bigcache plain;
        }
    })->start;

my $r;

# client_max_body_size

my $c = $t->connect;

is $c->request('POST', '/small/pickle/k', 'x' x 10)->status, 200,
    'within the size';
$t->json_is($c->request('POST', '/small/pickle/k', 'x' x 11), 413, { detail =>
    'the body is larger than client_max_body_size allows' }, 'over the size');
$c->close;

$r = $t->request('POST', '/small/pickle/k', [ 'x' x 6, 'y' x 6 ]);
is $r->status, 413, 'over the size, chunked';
is $r->header('Content-Type'), 'application/json', 'type of the error';
is $t->get('/pickle/k')->body, 'x' x 10, 'not stored';
is $t->request('POST', '/pickle/k', 'x' x 8_388_609)->status, 413,
    'far over the size';

# limit_req

is $t->get('/limited/cache/x', 'X-Limit' => 1)->status, 404,
    'within the rate';
$t->json_is($t->get('/limited/cache/x', 'X-Limit' => 1), 503,
    { detail => 'Service Unavailable' }, 'over the rate');
$c = $t->connect;
$r = $c->request('POST', '/too-many/cache/x', '{"value":1}', 'X-Limit' => 1);
$t->json_is($r, 429, { detail => 'Too Many Requests' }, 'over the rate, POST');
is $c->request('GET', '/pickle/k')->status, 200, 'connection goes on';
$c->close;

# gzip of nginx, of pages that lie plain

my $value = 'abc' x 10_000;
my @gzip = ('Accept-Encoding' => 'gzip');

$t->request('POST', '/gzip/cache/z', qq({"value":"$value"}));

$r = $t->get('/gzip/cache/z');
my $etag = $r->header('ETag');
like $etag, qr/^"/, 'strong tag';
is length $r->json->{value}, 30_000, 'plain';

$r = $t->get('/gzip/cache/z', @gzip);
is $r->header('Content-Encoding'), 'gzip', 'compressed';
is $r->header('ETag'), "W/$etag", 'weak tag';
cmp_ok length $r->body, '<', 2000, 'smaller';
is $t->get('/gzip/cache/z', @gzip, 'If-None-Match' => "W/$etag")->status, 304,
    'not modified, weak tag';
is $t->get('/gzip/cache/z', @gzip, 'If-None-Match' => $etag)->status, 304,
    'not modified, strong tag';
is $t->get('/gzip/cache/z', @gzip, 'If-None-Match' => '"other"')->status, 200,
    'modified';
is $t->get('/gzip/cache/z', @gzip,
    'If-Modified-Since' => $r->header('Last-Modified'))->status, 304,
    'not modified since';
$r = $t->request('HEAD', '/gzip/cache/z', undef, @gzip);
is $r->status, 200, 'HEAD, compressed';
$r = $t->request('POST', '/gzip/cache/z', qq({"value":"$value"}), @gzip);
is $r->header('Content-Encoding'), 'gzip', 'POST, compressed';
$r = $t->request('POST', '/gzip/cache/z', '{"value":1}',
    'If-Match' => $r->header('ETag'));
is $r->status, 412, 'If-Match of a weak tag';
$r = $t->get('/gzip/cache/z');
is $t->request('POST', '/gzip/cache/z', qq({"value":"$value"}),
    'If-Match' => $r->header('ETag'))->status, 200, 'If-Match of a strong tag';

# output and input: pages in the index and in files of their own, whole and
# in part

my $seed = join '', map { chr 33 + $_ * 7 % 90 } 0 .. 996;
my $large = 'v' x 2_000_000;
my %page = map { ("p$_" => substr $seed x (1 + $_ / 997), 0, $_) }
    0, 1, 511, 4096, 100_000, 1_048_577, 3_000_000;

$t->request('POST', "/pickle/$_", $page{$_}) for keys %page;
$t->request('POST', '/cache/large', qq({"value":"$large"}));

for my $i (0 .. $#output) {
    my $base = "/$i";

    my @bad = grep {
        my $got = $t->get("$base/pickle/$_");
        $got->status != 200 || $got->body ne $page{$_};
    } sort keys %page;

    is "@bad", '', "pages: $output[$i]";

    @bad = grep {
        my ($name, $from, $to) = @$_;
        my $got = $t->get("$base/pickle/$name", Range => "bytes=$from-$to");
        $got->status != 206
            || $got->body ne substr $page{$name}, $from, $to - $from + 1;
    } [ p511 => 10, 20 ], [ p100000 => 0, 0 ], [ p1048577 => 513, 70_000 ],
        [ p3000000 => 2_999_000, 2_999_999 ];

    is scalar @bad, 0, "ranges: $output[$i]";

    $r = $t->get("$base/cache/large");
    ok index($r->body, "\"$large\"") > 0, "document: $output[$i]";
    $r = $t->get("$base/pickle/large");
    is index($r->body, qq({"value":"$large",)), 0,
        "raw document: $output[$i]";
    is $t->request('HEAD', "$base/pickle/p3000000")->status, 200,
        "HEAD: $output[$i]";
}

for my $i (0 .. $#input) {
    my $base = '/' . (@output + $i);

    my @bad = grep {
        $t->request('POST', "$base/pickle/in", $page{$_})->status != 200
            || $t->get('/pickle/in')->body ne $page{$_}
            || $t->request('POST', "$base/pickle/in",
                [ unpack '(a10000)*', $page{$_} ])->status != 200
            || $t->get('/pickle/in')->body ne $page{$_};
    } sort keys %page;

    is "@bad", '', "bodies: $input[$i]";

    $r = $t->request('POST', "$base/cache/in", [ '{"value":',
        qq("$large), '"', '}' ]);
    ok index($r->body, "\"$large\"") > 0, "document: $input[$i]";
    $r = $t->request('POST', "$base/cache/in", '{"value":1,"duration":"1d"}');
    is $r->json->{value}, 1, "small document: $input[$i]";
    is $t->request('POST', "$base/cache/in", '')->status, 422,
        "no body: $input[$i]";

    my @pieces = ("POST $base/cache/in HTTP/1.1\r\nHost: x\r\n"
        . "Connection: close\r\nContent-Length: 12\r\n\r\n" . '{"v', 'alue',
        '":42}');
    is $t->http(@pieces)->json->{value}, 42, "in pieces: $input[$i]";
}

done_testing;
