#!/usr/bin/perl

# GET /stat/history: what was done lately, in slots of ten seconds and of five
# minutes, with one worker and with four, through a reload and the end of a
# worker.  t/unit/history_test.c lets hours pass.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;

my @counters = qw(requests hits misses writes removed errors unavailable);
my @origins;
my @fields = (@counters, qw(p50 p99 upstream_p99 entries kilobytes));


# server(WORKERS): an nginx, also with a zone that is too small, and with page
# caching

sub server {
    my ($workers) = @_;

    my $t = Bigcache::Test->new;

    push @origins, Bigcache::Test::Origin->new($t, 1, sub {
        return (503, [], 'failed') if $_[0]{uri} =~ /fail/;
        return (200, ['Cache-Control' => 'max-age=60'], 'page');
    });

    return $t->conf(main => "worker_processes $workers;",
        http => 'bigcache_path %%DIR%%/small zone=small:127k;'
            . ' bigcache_path %%DIR%%/least zone=least:128k;',
        server => q{
            add_header X-Worker $pid always;

            location /small/ { bigcache small; bigcache_base /small; }
            location /least/ { bigcache least; bigcache_base /least; }
            location /pages/ {
                bigcache_pages main;
                bigcache_lookup_timeout 10s;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
            location /packed/ {
                bigcache main;
                bigcache_base /packed;
                gzip on;
                gzip_types application/json;
            }
        })->start;
}


sub history { $_[0]->get('/stat/history')->json->{series} }


# known(T, FIELD): what is known of each slot of ten seconds

sub known { grep { defined } @{ history($_[0])->[0]{$_[1]} } }

sub total {
    my ($t) = @_;

    my $series = history($t)->[0];
    my %sum;

    for my $name (@counters) {
        $sum{$name} = 0;
        $sum{$name} += $_ // 0 for @{ $series->{$name} };
    }

    return \%sum;
}


# sampled(T, {FIELD => N ...}, NAME): in the end these are the counts of all slots

sub sampled {
    my ($t, $expected, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $t->wait_for(sub { total($t)->{requests} >= $expected->{requests} });
    is_deeply total($t), { (map { $_ => 0 } @counters), %$expected }, $name;
}


my %t = map { $_ => server($_) } 1, 4;

for my $workers (1, 4) {
    my $t = $t{$workers};
    my @c = $workers == 1 ? $t->connect : $t->connect_to_each($workers);

    # each worker has its part

    for my $c (@c) {
        my $key = "/cache/k" . fileno $c->{socket};

        is $c->request('POST', $key, '{"value":1}')->status, 200, 'stored';
        is $c->request('GET', $key)->status, 200, 'read' for 1 .. 5;
        is $c->request('GET', '/cache/none')->status, 404, 'missed' for 1 .. 2;
        is $c->request('DELETE', $key)->status, 200, 'deleted';
    }

    $t->request('POST', '/cache/last', '{"value":1}');
    $t->request('POST', '/batch', '{"operations":[{"op":"set","key":"b",'
        . '"value":1},{"op":"get","key":"b"},{"op":"get","key":"none"}]}');

    is $t->get("/pages/$_")->body, 'page', 'a page' for 1, 1, 1, 2;
    is $t->get('/pages/fail')->status, 503, 'that the upstream has failed';

    # what only watches the server is no request

    $t->get($_) for '/stat', '/metrics', '/stat/count';
}

for my $workers (1, 4) {
    my $t = $t{$workers};
    my $n = $workers;

    sampled $t, { requests => 9 * $n + 2 + 5, hits => 5 * $n + 1 + 2,
        misses => 2 * $n + 1 + 3, writes => $n + 2 + 2, removed => $n,
        errors => 1 }, "$workers workers: the first sample";

    cmp_ok +(known($t, $_))[0], '>', 0, "$_ is known"
        for qw(p50 p99 upstream_p99);

    my $series = history($t)->[0];

    is_deeply [ grep { ($series->{p50}[$_] // 0) > ($series->{p99}[$_] // 0) }
        0 .. $#{ $series->{requests} } ], [], 'the median is not above';

    # the owner tells twice a second

    ok $t->wait_for(sub { ((known($t, 'entries'))[-1] // 0) == 4 }), 'entries';
    my @sizes = known($t, 'kilobytes');
    $ENV{BIGCACHE_CLUSTER} ? is_deeply(\@sizes, [], 'a cluster has no size')
        : cmp_ok $sizes[-1], '>', 0, 'and their size';
}

# -- the answer

my $t = $t{1};
my $r = $t->get('/stat/history');
my $all = $r->json;

is $r->status, 200, 'status';
is $r->header('Content-Type'), 'application/json', 'type';
is_deeply [ sort keys %$all ], [ qw(now series) ], 'members';
cmp_ok abs($all->{now} - time), '<', 30, 'the time of the server';
is_deeply [ map { $_->{step} } @{ $all->{series} } ], [ 10, 300 ], 'two series';

for my $series (@{ $all->{series} }) {
    my $step = $series->{step};

    is_deeply [ sort keys %$series ], [ sort 'step', 'start', @fields ],
        "$step: the fields";
    is $series->{start} % $step, 0, "$step: slots of the clock";

    my $n = @{ $series->{requests} };

    is_deeply [ grep { @{ $series->{$_} } != $n && @{ $series->{$_} } } @fields ],
        [], "$step: arrays are of one length, or empty";
    cmp_ok abs($series->{start} + $step * $n - $all->{now}), '<=', $step,
        "$step: they end with the last slot that is over";
}

my $head = $t->request('HEAD', '/stat/history');

is $head->status, 200, 'HEAD';
is $head->body, '', 'without a body';
is $t->get('/stat/history?x=1')->status, 200, 'arguments are ignored';

for my $method (qw(POST PUT DELETE PATCH)) {
    $r = $t->request($method, '/stat/history', '');
    is $r->status, 405, "$method is no method";
    is $r->header('Allow'), 'GET, HEAD', 'which it says';
}

is $t->get('/stat/history/')->status, 404, 'no other path';
is $t->get('/packed/stat/history', 'Accept-Encoding' => 'gzip')
    ->header('Content-Encoding'), 'gzip', 'packed by nginx';

# -- a small zone

$r = $t->get('/small/stat/history');
is $r->status, 404, 'a zone of less than 128k has none';
is $r->json->{detail}, 'no history is kept in a zone of less than 128k',
    'and says so';
is $t->get('/least/stat/history')->status, 200, 'one of 128k has';
$t->request('POST', '/least/cache/k', '{"value":1}');
is $t->get('/least/cache/k')->status, 200, 'and serves pages' for 1 .. 2;
cmp_ok $t->get('/least/stat')->json->{hot}{hits}, '>', 0,
    'from what is left for the hot index'
    unless $t->in_cluster('no hot index');

# -- a reload, a worker that is killed, a store that is closed

my %before = map { $_ => total($t{$_}) } 1, 4;
my %at = map { $_ => scalar(known($t{$_}, 'requests')) } 1, 4;

for my $workers (1, 4) {
    my $t = $t{$workers};

    ok $t->reload, "$workers workers: a reload";
    is_deeply total($t), $before{$workers}, 'what was known is known';

    if ($workers == 4) {
        $t->expect_log(qr/exited on signal 9/);
        $t->signal(KILL => ($t->worker_pids)[0]);
        $t->wait_for(sub { $t->worker_pids == 4 });
    }

    $t->request('POST', '/close');
    is $t->get('/cache/last')->status, 503, 'closed';
    is $t->request('DELETE', '/cache/none')->status, 503, 'closed';
}

for my $workers (1, 4) {
    my $t = $t{$workers};
    my %more = (requests => 2, errors => 2, unavailable => 2);
    my %sum = %{ $before{$workers} };

    $sum{$_} += $more{$_} for keys %more;
    sampled $t, \%sum, "$workers workers: it goes on, with what was refused";

    my $series = history($t)->[0];
    my ($i) = grep { $series->{unavailable}[$_] }
        0 .. $#{ $series->{requests} };

    is $series->{entries}[$i], undef, 'how full a closed store is is not known';
    cmp_ok scalar(known($t, 'requests')), '>', $at{$workers}, 'slots go by';
    ok $t->stop, 'stops';
}

# -- no worker that is to end waits for the end of a slot

$t->start;

my $waited;

for (1 .. 3) {
    my ($slot, @workers) = (int(time / 10), $t->worker_pids);

    ok $t->reload, 'a reload';
    ok $t->wait_for(sub { !grep { -d "/proc/$_" } @workers }),
        'the worker before it ends';

    # if a slot has ended meanwhile, this says nothing

    $waited = int(time / 10) != $slot;
    last if !$waited;
}

ok !$waited, 'at once';
ok $t->stop, 'stops';

# -- another start begins anew

$t->start;
is scalar(known($t, 'requests')), 0, 'a start forgets';
ok $t->stop, 'stops';

done_testing;
