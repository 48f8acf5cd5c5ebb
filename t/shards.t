#!/usr/bin/perl

# A front that spreads keys over three servers: each key lies on one of them,
# and what concerns all keys is done on all.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my @nodes = (2, 3, 4);

# conf(): all in one nginx, the servers with stores of their own

my $t = Bigcache::Test->new;
my $dir = $t->dir;

$t->conf(http => join("\n",
    'upstream shards { hash $bigcache_shard_key consistent; keepalive 16;',
    (map { "server 127.0.0.1:%%PORT_$_%% max_fails=0;" } @nodes), '}',
    map { "bigcache_path $dir/node$_ zone=node$_:1m;" } @nodes),
    servers => join("\n", (map { qq[
        server {
            listen 127.0.0.1:%%PORT_$_%%;
            location / { bigcache node$_; }
        }] } @nodes), q[
        server {
            listen 127.0.0.1:%%PORT_1%%;
            client_max_body_size 20m;
            location / {
                bigcache_shards shards;
                proxy_pass http://shards;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header Host $http_host;
                proxy_next_upstream off;
                proxy_read_timeout 20s;
            }
        }]))->start;

sub ask { return $t->request_to(1, @_) }
sub node { return $t->request_to(@_) }

# each key is on one server, whatever its spelling

my %count;

for my $n (1 .. 300) {
    my $r = ask('POST', "/cache/a/$n", qq[{"value":$n}]);

    is $r->status, 200, "/cache/a/$n: " . $r->answer if $r->status != 200;
}

for my $node (@nodes) {
    $count{$node} = node($node, 'GET', '/stat/count')->json->{count};
}

is $count{2} + $count{3} + $count{4}, 300, 'each key is on one server';
is scalar(grep { $_ > 40 } values %count), 3, 'each server has some';
is ask('GET', '/stat/count')->json->{count}, 300, '/stat/count adds up';

my @wrong = grep { ask('GET', "/cache/a/$_")->json->{value} ne $_ } 1 .. 300;
is_deeply \@wrong, [], 'all are read';

is ask('POST', '/cache/x/b%20c', '{"value":1}')->status, 200, 'stored';
is ask('GET', $_)->status, 200, $_ for '/cache/x/b%20c', '/cache/x%2Fb%20c',
    '/cache/%78/b%20c', '/cache//x/b%20c/', '/pickle/x/b%20c';

# lists, in order

my (@keys, $after);

do {
    my $r = ask('GET', '/keys/a/?limit=7' . ($after ? "&after=$after" : ''));
    push @keys, map { $_->{key} } @{ $r->json->{keys} };
    $after = $r->json->{next};
} while $after;

is_deeply \@keys, [sort map { "a/$_" } 1 .. 300], 'the list is in order';
is ask('GET', '/keys/none/')->body, '{"keys":[],"next":null}', 'an empty list';
is ask('GET', '/keys/?limit=0')->status, 400, 'a bad limit';

# sums

is ask('GET', '/stat')->json->{stats}{hit}, 305, 'hits add up';
is scalar @{ ask('GET', '/stat')->json->{shards} }, 3, 'those of each server';
like ask('GET', '/metrics')->body,
    qr/^bigcache_entries\{server="127\.0\.0\.1:\d+"\} \d+$/m, 'metrics';

# batches

my $batch = '{"operations":[' . join(',', map {
    qq[{"op":"set","key":"b/$_","value":$_}] } 1 .. 100) . ']}';
my $r = ask('POST', '/batch', $batch);

is $r->status, 200, 'a batch: ' . substr $r->body, 0, 200;
is scalar(grep { $_->{status} == 200 } @{ $r->json->{results} }), 100,
    'all are stored';

$r = ask('POST', '/batch', '{"operations":[' . join(',', map {
    qq[{"op":"get","key":"b/$_"}] } 1 .. 120) . ']}');
is_deeply [map { $_->{value} } @{ $r->json->{results} }],
    [1 .. 100, (undef) x 20], 'results are in order';
is ask('POST', '/batch', '{"operations":1}')->status, 422, 'a wrong batch';

# bytes behind a line

my @type = ('Content-Type' => 'application/x-bigcache-batch');

$r = ask('POST', '/batch', '{"operations":[' . join(',', map {
    qq[{"op":"set","key":"c/$_","bytes":] . length("body $_") . '}' } 1 .. 50)
    . "]}\n" . join('', map { "body $_" } 1 .. 50), @type);
is scalar(grep { $_->{status} == 200 } @{ $r->json->{results} }), 50,
    'bytes: all are stored';
is ask('GET', '/pickle/c/17')->body, 'body 17', 'bytes: one of them';

$r = ask('POST', '/batch', '{"operations":[' . join(',', map {
    qq[{"op":"get","key":"c/$_"}] } 1 .. 50) . ']}', Accept => $type[1]);
is $r->header('Content-Type'), $type[1], 'bytes: the type of the answer';
is +($r->body =~ s/.*?\n//sr), join('', map { "body $_" } 1 .. 50),
    'bytes: the pages';

# purges

is ask('DELETE', '/prefix/a/1')->body,
    qq[{"message":"prefix 'a/1': 111 keys deleted."}], 'a prefix';
is ask('GET', '/cache/a/17')->status, 404, 'is gone';
is ask('POST', '/cache/t/1', '{"value":1,"tags":["t"]}')->status, 200, 'a tag';
is ask('POST', '/cache/t/2', '{"value":1,"tags":["t"]}')->status, 200, 'a tag';
is ask('POST', '/cache/t/9', '{"value":1,"tags":["t"]}')->status, 200, 'a tag';
is scalar @{ ask('GET', '/keys/?tag=t')->json->{keys} }, 3, 'a list by tag';
is ask('POST', '/purge', '{"type":"tag","selectors":["t"],"purge":true}')->body,
    '{"purged":3}', 'a purge by tag';
is ask('POST', '/purge', '{"type":"none"}')->status, 422, 'a wrong purge';
is ask('POST', '/clear')->json->{message}, 'All cache deleted.', '/clear';
is ask('GET', '/stat/count')->json->{count}, 0, 'all is gone';

# what has no key is refused, or asked of all

is ask('GET', '/none')->status, 404, 'no endpoint';
is ask('DELETE', '/cache/none')->status, 404, 'no entry';
is ask('PUT', '/stat')->status, 405, 'no method';
is ask('POST', '/close')->status, 200, '/close';
is ask('GET', '/cache/a')->status, 503, 'closed';
is ask('POST', '/open')->status, 200, '/open';

ok $t->stop, 'stops';

done_testing;
