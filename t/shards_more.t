#!/usr/bin/perl

# A front: what a review of it asked for.  HEAD, limit_except, errors in JSON,
# spellings in batches, keys of any bytes, what stays behind, purges of pages.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my @nodes = (2, 3, 4);
my $t = Bigcache::Test->new;
my $dir = $t->dir;

my $proxy = q{
    proxy_pass http://shards;
    proxy_next_upstream off;
    proxy_read_timeout 20s;
};

# %%PORT_5%% has no server: its keys are those of a node that is away

sub upstream {
    my ($name, @ports) = @_;

    return "upstream $name { hash \$bigcache_shard_key consistent; keepalive 8;"
        . join('', map { " server 127.0.0.1:%%PORT_$_%% max_fails=0;" } @ports)
        . ' }';
}

$t->conf(http => join("\n", upstream('shards', @nodes),
    upstream('broken', 2, 5), upstream('two', 2, 3),
    'upstream wrong { hash $bigcache_shard_key;'
    . join('', map { " server 127.0.0.1:%%PORT_$_%% max_fails=0;" } @nodes)
    . ' }',
    'proxy_http_version 1.1; proxy_set_header Connection "";',
    'proxy_set_header Host $http_host;',
    map { "bigcache_path $dir/node$_ zone=node$_:1m;" } @nodes),
    servers => join("\n", (map { qq[
        server {
            listen 127.0.0.1:%%PORT_$_%%;
            large_client_header_buffers 4 64k;
            location / { bigcache node$_; }
            location /broken/ { bigcache node$_; bigcache_base /broken; }
            location /two/ { bigcache node$_; bigcache_base /two; }
            location /wrong/ { bigcache node$_; bigcache_base /wrong; }
        }] } @nodes), qq[
        server {
            listen 127.0.0.1:%%PORT_1%%;
            large_client_header_buffers 4 64k;
            client_max_body_size 1m;
            location / {
                bigcache_shards shards;
                $proxy
                limit_except GET HEAD { allow 127.0.0.1; deny all; }
                if (\$arg_if) { set \$x 1; }
            }
            location /broken/ {
                bigcache_base /broken;
                bigcache_shards broken;
                @{[ $proxy =~ s/shards/broken/r ]}
            }
            location /two/ {
                bigcache_base /two;
                bigcache_shards two;
                @{[ $proxy =~ s/shards/two/r ]}
            }
            location /wrong/ {
                bigcache_base /wrong;
                bigcache_shards wrong;
                @{[ $proxy =~ s/shards/wrong/r ]}
            }
            location /bare/ {
                @{[ $proxy ]}
            }
        }]))->start;

sub ask { return $t->request_to(1, @_) }

# HEAD, several on one connection

my $c = Bigcache::Test::Connection->new($t->port(1));

for (1 .. 3) {
    for my $path ('/stat', '/stat/count', '/keys/', '/metrics') {
        my $r = $c->request('HEAD', $path);

        is $r->status, 200, "HEAD $path";
    }

    is $c->request('GET', '/stat/count')->json->{count}, 0, 'and then GET';
}

# limit_except, if: the same keys

for my $n (1 .. 60) {
    my $r = ask('POST', "/cache/l/$n", "{\"value\":$n}");
    is $r->status, 200, "POST $n: " . $r->answer if $r->status != 200;
}

is_deeply [grep { (ask('GET', "/cache/l/$_")->json->{value} // 0) != $_ }
    1 .. 60], [], 'what was stored in a limit_except is found';
is_deeply [grep { ask('DELETE', "/cache/l/$_")->status != 200 } 1 .. 60], [],
    'and removed';
is ask('GET', '/stat/count')->json->{count}, 0, 'all is gone';

# spellings of keys in batches

my @spelled = ('/k1', 'k2/', '//k3//', 'k/4', '', '/', "\x{fc}");
my $body = JSON::PP->new->utf8->encode({ operations => [map {
    { op => 'set', key => $_, value => "of $_" } } @spelled] });

is ask('POST', '/batch', $body)->status, 200, 'a batch';
is ask('GET', "/cache/$_->[0]")->json->{value}, "of $_->[1]", "key $_->[0]"
    for ['k1', '/k1'], ['k2', 'k2/'], ['k3', '//k3//'], ['k/4', 'k/4'],
    ['', '/'], ['%C3%BC', "\x{fc}"];

my $r = ask('POST', '/batch', '{"operations":[{"op":"set","key":"n","value":1,'
    . "\"bytes\":null}]}\n", 'Content-Type' => 'application/x-bigcache-batch');
is $r->json->{results}[0]{status}, 200, 'bytes: null';
is ask('GET', '/cache/n')->json->{value}, 1, 'and it is at its place';
is ask('POST', '/batch', '{"operations":[]}')->body, '{"results":[]}', 'none';
is ask('POST', '/batch', '[')->status, 422, 'no JSON';
is ask('POST', '/batch', '{"operations":[1]}')->json->{results}[0]{status}, 422,
    'no operation';

# keys of any bytes, in the order of the bytes

is ask('POST', '/clear')->status, 200, 'clear';

my @bytes = map { sprintf 'b%%%02X', $_ } 1 .. 255;
my @fails = grep { ask('POST', "/pickle/$_", 'x')->status != 200 } @bytes;

is_deeply \@fails, [], 'keys of any byte are stored';

my ($seen, $after, @order) = (0);

do {
    my $r = ask('GET', '/keys/?limit=10' . ($after ? "&after=$after" : ''));

    $after = $r->json->{next};
    push @order, $after if $after;
    $seen += @{ $r->json->{keys} };
} while $after;

is $seen, ask('GET', '/stat/count')->json->{count}, 'each is listed once';
is_deeply \@order, [sort {
    ($a =~ s/%(..)/chr hex $1/ger) cmp ($b =~ s/%(..)/chr hex $1/ger) } @order],
    'in order';

# after a change of the upstream: what stays behind is not listed

is ask('POST', '/clear')->status, 200, 'clear';
ask('POST', "/two/cache/m/$_", '{"value":1}') for 1 .. 100;
is scalar @{ ask('GET', '/two/keys/m/')->json->{keys} }, 100, 'of two servers';

my $moved = grep { ask('GET', "/cache/m/$_")->status == 404 } 1 .. 100;

cmp_ok $moved, '>', 10, "a third server takes keys: $moved";
ask('POST', "/cache/m/$_", '{"value":2}') for 1 .. 100;

my @listed = map { $_->{key} } @{ ask('GET', '/keys/m/')->json->{keys} };

is_deeply \@listed, [sort map { "m/$_" } 1 .. 100], 'each is listed once';

# a node that is away

my %status;

$status{ ask('GET', "/broken/cache/$_")->status }++ for 1 .. 50;
is join(' ', sort keys %status), '404 503', 'its keys are 503, and no others';

my ($away) = grep { ask('GET', "/broken/cache/$_")->status == 503 } 1 .. 50;

$r = ask('GET', "/broken/cache/$away");
is $r->json->{detail}, 'the server of this key does not answer', 'its detail';
is $r->header('Content-Type'), 'application/json', 'its type';
is $r->header('Retry-After'), 1, 'Retry-After';
is ask('HEAD', "/broken/cache/$away")->status, 503, 'HEAD';

$r = ask('GET', '/broken/stat');
is $r->status, 503, '/stat';
is scalar(grep { $_->{status} == 200 && $_->{stat} } @{ $r->json->{shards} }),
    1, 'what the others have said';
like $r->json->{detail}, qr/127\.0\.0\.1:\d+ \(502\)/, 'which has not';

$r = ask('POST', '/broken/batch', '{"operations":[' . join(',', map {
    qq[{"op":"get","key":"$_"}] } 1 .. 50) . ']}');
%status = ();
$status{ $_->{status} }++ for @{ $r->json->{results} };
is join(' ', sort keys %status), '404 503', 'a batch';
is ask('DELETE', '/broken/prefix/m/')->status, 503, 'a prefix';

# errors of nginx itself

is ask('POST', '/cache/large', 'x' x 1_100_000)->json->{detail},
    'the body is larger than client_max_body_size allows', '413 is JSON';

# mistakes that nginx -t cannot find

$t->expect_log(qr/was asked instead of|without "bigcache_shards"/);

%status = ();
$status{ ask('GET', "/wrong/cache/$_")->status }++ for 1 .. 50;
ok $status{502}, 'without "consistent": 502 from another server';
is ask('GET', '/bare/cache/k')->status, 500, 'without bigcache_shards';

ok $t->stop, 'stops';

done_testing;
