#!/usr/bin/perl

# Memory per request: every endpoint with every kind of answer, again and
# again on connections that are kept and on new ones; what a worker holds does
# not grow.  BIGCACHE_LEAK is the number of requests of each, 5000 by default.

use strict;
use warnings;

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 3600 if $ENV{BIGCACHE_LEAK} }

use Bigcache::Test qw(raw);
use Test::More;
use Time::HiRes qw(time);

my $requests = $ENV{BIGCACHE_LEAK} || 5000;

# what malloc keeps for a while, and what LevelDB does
use constant LIMIT => 1024;

my $t = Bigcache::Test->new(
    env => { MALLOC_ARENA_MAX => 1, MALLOC_TRIM_THRESHOLD_ => 65536 });
$t->conf(
    main => q{
        env MALLOC_ARENA_MAX;
        env MALLOC_TRIM_THRESHOLD_;

        worker_processes 1;
        thread_pool bigcache threads=2;
    },
    path => 'thread_pool=bigcache write_buffer=64k block_cache=64k',
    http => q{
        keepalive_requests 1000;
        large_client_header_buffers 4 16k;
        client_body_buffer_size 8k;
        client_max_body_size 3m;
        open_file_cache off;
    })->start;

my $worker = $t->wait_for(sub { ($t->worker_pids)[0] });

# LevelDB opens and closes its own as it likes, connections close a bit later

sub descriptors {
    return scalar grep { !m{/store/index/|/client_body/|^socket:} }
        $t->open_files($worker);
}

my $etag = $t->request('POST', '/cache/json', '{"value":{"a":[1,2,3]}}')
    ->header('ETag');
$t->request('POST', '/pickle/raw', 'x' x 3000, 'Content-Type' => 'text/plain');
$t->request('POST', '/pickle/file', 'x' x 1_100_000);

my $spooled = 's' x 20_000;
my $many = join ', ', map { sprintf '"%016x"', $_ } 1 .. 200;
my $n = 0;

# name, statuses in turn, the share of the requests, requests in turn

my @cases = (
    [ 'get hit', '200', 1, raw('GET', '/cache/json') ],
    [ 'get hit, raw', '200', 1, raw('GET', '/pickle/raw') ],
    [ 'get document', '200', 1, raw('GET', '/pickle/json') ],
    [ 'get hit, page file', '200', 0.05, raw('GET', '/pickle/file') ],
    [ 'head, page file', '200', 1, raw('HEAD', '/pickle/file') ],
    [ 'get miss', '404', 1, raw('GET', '/cache/none') ],
    [ 'get miss, raw', '404', 1, raw('GET', '/pickle/none') ],
    [ 'get expired', '200 404', 1, raw('POST', '/cache/old',
        '{"value":1,"expire":1}'), raw('GET', '/cache/old') ],
    [ 'get raw as JSON: 409', '409', 1, raw('GET', '/cache/raw') ],
    [ '409 of a page file', '409', 1, raw('GET', '/cache/file') ],
    [ 'head hit', '200', 1, raw('HEAD', '/cache/json') ],
    [ 'head miss', '404', 1, raw('HEAD', '/cache/none') ],
    [ '304', '304', 1, raw('GET', '/cache/json', undef,
        'If-None-Match' => $etag) ],
    [ '206', '206', 1, raw('GET', '/pickle/raw', undef,
        Range => 'bytes=5-9') ],
    [ '206 of a page file', '206', 1, raw('GET', '/pickle/file', undef,
        Range => 'bytes=-9') ],
    [ '206 of parts', '206', 1, raw('GET', '/pickle/raw', undef,
        Range => 'bytes=0-1,5-6,-3') ],
    [ '416', '416', 1, raw('GET', '/pickle/raw', undef,
        Range => 'bytes=9999-') ],
    [ 'get with a body', '200', 1, raw('GET', '/cache/json', 'x' x 100) ],
    [ 'post JSON', '200', 1, raw('POST', '/cache/json',
        '{"value":{"a":[1,2,3]},"duration":"28d"}') ],
    [ 'post JSON, minimal', '200', 1, raw('POST', '/cache/json',
        '{"value":{"a":[1,2,3]}}', Prefer => 'return=minimal') ],
    [ 'post JSON, chunked', '200', 1, raw('POST', '/cache/json',
        [ '{"value":', '[1,2,3]}' ]) ],
    [ 'post raw', '200', 1, raw('POST', '/pickle/raw', 'x' x 3000,
        'Content-Type' => 'text/plain', 'X-Bigcache-Duration' => '1d') ],
    [ 'post empty', '200', 1, raw('POST', '/pickle/empty', '') ],
    [ 'post raw, spooled', '200', 0.2, raw('POST', '/pickle/raw', $spooled) ],
    [ 'post raw, chunked, spooled', '200', 0.2, raw('POST', '/pickle/raw',
        [ unpack '(a7001)*', $spooled ]) ],
    [ 'post JSON, spooled', '200', 0.2, raw('POST', '/cache/json',
        qq({"value":"$spooled"})) ],
    [ 'post raw, page file', '200', 0.01, raw('POST', '/pickle/file',
        'x' x 1_100_000) ],
    [ 'post JSON, page file', '200', 0.01, raw('POST', '/cache/file',
        '{"value":"' . 'x' x 1_100_000 . '"}') ],
    [ '422 no JSON', '422', 1, raw('POST', '/cache/bad', '{"value":') ],
    [ '422 no value', '422', 1, raw('POST', '/cache/bad', '{"a":1}') ],
    [ '422 duration', '422', 1, raw('POST', '/cache/bad',
        '{"value":1,"duration":"x"}') ],
    [ '422 header', '422', 1, raw('POST', '/pickle/bad', 'x',
        'X-Bigcache-Expire' => 'never') ],
    [ '422 of a large body', '422', 0.01, raw('POST', '/cache/bad',
        '{"value":"' . 'x' x 1_100_000 . '"') ],
    [ '400 key', '400', 0.5, raw('GET', '/cache/' . 'k' x 8193) ],
    [ '400 condition', '400', 1, raw('POST', '/cache/json', '{"value":1}',
        'If-Match' => 'bad') ],
    [ '400 prefix', '400', 1, raw('DELETE', '/prefix/') ],
    [ '403', '403', 1, raw('GET', '/clear', undef,
        'Sec-Fetch-Site' => 'cross-site') ],
    [ '404 path', '404', 1, raw('GET', '/nowhere') ],
    [ '405', '405', 1, raw('MKCOL', '/cache/json', 'body') ],
    [ '412', '412', 1, raw('POST', '/cache/json', '{"value":1}',
        'If-None-Match' => '*') ],
    [ '412 of a long list', '412', 1, raw('POST', '/cache/json',
        '{"value":1}', 'If-Match' => $many) ],
    [ '412 delete', '412', 1, raw('DELETE', '/cache/json', undef,
        'If-Match' => '"0123456789abcdef"') ],
    [ 'delete', '200 200', 1, raw('POST', '/pickle/gone', 'x'),
        raw('DELETE', '/pickle/gone') ],
    [ 'delete miss', '404', 1, raw('DELETE', '/pickle/none') ],
    [ 'lease', '404 404 200 200', 1,
        raw('GET', '/cache/leased', undef, Prefer => 'wait=0'),
        raw('GET', '/cache/leased', undef, Prefer => 'wait=0'),
        raw('POST', '/cache/leased', '{"value":1}'),
        raw('DELETE', '/cache/leased') ],
    [ 'lease, late', '412', 1, raw('POST', '/cache/leased', '{"value":1}',
        'Bigcache-Lease' => '0' x 32) ],
    [ 'lease, given back late', '412', 1, raw('DELETE', '/lease/leased', undef,
        'Bigcache-Lease' => '0' x 32) ],
    [ 'stale', '200 404 404 200', 1, raw('POST', '/cache/stale',
        '{"value":1,"expire":1795000000,"stale":"9999d"}'),
        raw('GET', '/cache/stale'),
        raw('GET', '/cache/stale', undef, Prefer => 'wait=0'),
        raw('GET', '/cache/stale', undef, Prefer => 'wait=0') ],
    [ 'stale, raw', '200 404 200', 1, raw('POST', '/pickle/stale', 'raw',
        'X-Bigcache-Expire' => 1795000000, 'X-Bigcache-Stale' => '9999d'),
        raw('GET', '/pickle/stale', undef, Prefer => 'wait=0'),
        raw('GET', '/pickle/stale', undef, Prefer => 'wait=0') ],
    [ 'delete expired', '200 404', 1, raw('POST', '/cache/old',
        '{"value":1,"expire":1}'), raw('DELETE', '/cache/old') ],
    [ 'purge', '200 200 200', 0.2, raw('POST', '/pickle/p/1', 'x'),
        raw('POST', '/cache/p/2', '{"value":1}'), raw('DELETE', '/prefix/p/') ],
    [ 'purge none', '200', 1, raw('DELETE', '/prefix/none') ],
    [ 'stat', '200', 1, raw('GET', '/stat') ],
    [ 'count', '200', 1, raw('GET', '/stat/count') ],
    [ 'close, 503, open', '200 503 503 200', 0.02, raw('GET', '/close'),
        raw('GET', '/cache/json'), raw('POST', '/pickle/x', $spooled),
        raw('POST', '/open') ],
    [ 'clear', '200 200', 0.02, raw('POST', '/pickle/file', 'x' x 1_100_000),
        raw('GET', '/clear') ],
);

my ($connection, $left) = (undef, 0);

# ask(TIMES, CASE): in pipelines; returns how many answers were wrong

sub ask {
    my ($times, $name, $statuses, $share, @raw) = @_;

    my @expected = split ' ', $statuses;
    my @methods = map { /^(\S+)/ } @raw;
    my $batch = length(join '', @raw) > 100_000 || "@methods" =~ /HEAD/
        ? 1 : 10;
    my $wrong = 0;

    while ($times > 0) {

        # nginx closes it after its thousand, and others are closed here
        if ($left < $batch * @raw) {
            $connection->close if $connection;
            $connection = $t->connect;
            $left = 990;
        }

        $connection->send(join '', (@raw) x $batch);

        for (1 .. $batch) {
            for my $i (0 .. $#raw) {
                my $r = $connection->response($methods[$i]);
                $wrong++ if $r->status != $expected[$i];
                $left = 0 if ($r->header('Connection') // '') eq 'close';
            }
        }

        $times -= $batch * @raw;
        $left -= $batch * @raw;
    }

    return $wrong;
}

my $descriptors;

for my $case (@cases) {
    my ($name, undef, $share) = @$case;
    my $times = int $requests * $share;

    $times = 10 if $times < 10;

    # a warm-up of its own, long enough for LevelDB to have compacted
    my $warm = $times < 2000 ? $times / 2 : 1000;
    my $wrong = ask($warm, @$case);
    $descriptors //= descriptors();

    my $start = time;
    my $before = $t->memory($worker, 'RssAnon') / 1024;
    $wrong += ask($times, @$case);
    my $growth = $t->memory($worker, 'RssAnon') / 1024 - $before;

    my $report = sprintf '%-28s %7d requests, %6d kB before, %+6d kB, %6.1f s',
        $name, $times, $before, $growth, time - $start;
    $ENV{BIGCACHE_LEAK} ? diag $report : note $report;

    is $wrong, 0, "$name: answers";

    SKIP: {
        skip 'memory of sanitizers', 1 if $ENV{ASAN_OPTIONS};
        cmp_ok $growth, '<', LIMIT, "$name: memory";
    }
}

# and all of them again, in turn, on new connections

{
    my @small = grep { $_->[2] == 1 } @cases;
    my $rounds = 1 + int $requests / 500;

    my $round = sub {
        my ($times) = @_;
        my $wrong = 0;

        for (1 .. $times) {
            $left = 0;
            $wrong += ask(10, @$_) for @small;
        }

        return $wrong;
    };

    # the pages they ask for have gone with the store
    $t->request('POST', '/pickle/file', 'x' x 1_100_000);
    ask(1, 'json', '200', 1, raw('POST', '/cache/json', '{"value":1}'));
    ask(1, 'raw', '200', 1, raw('POST', '/pickle/raw', 'x' x 3000));

    $round->(3);
    my $before = $t->memory($worker, 'RssAnon') / 1024;
    $round->($rounds);
    my $growth = $t->memory($worker, 'RssAnon') / 1024 - $before;

    note "mixed: $growth kB";

    SKIP: {
        skip 'memory of sanitizers', 1 if $ENV{ASAN_OPTIONS};
        cmp_ok $growth, '<', LIMIT, 'all of them in turn: memory';
    }
}

$connection->close;

ok $t->wait_for(sub { descriptors() == $descriptors }),
    'no file descriptors left over';
is join(' ', glob $t->dir . '/client_body/*'), '', 'no temporary files left';
is join(' ', $t->worker_pids), $worker, 'the same worker';
ok $t->stop, 'nginx stops';

done_testing;
