#!/usr/bin/perl

# GET /metrics: the text format of Prometheus, what it counts, and that it is
# there when the store is not.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $t = Bigcache::Test->new->conf(
    main => q{
        worker_processes 4;
        thread_pool tight threads=2 max_queue=1;
    },
    path => 'thread_pool=tight wait=20s',
    http => q{log_format status '$request_method $uri $status $pid';},
    server => q{
        add_header X-Worker $pid always;
        access_log %%DIR%%/access.log status;

        location = /redirected {
            rewrite ^ /cache/none break;
            error_page 404 = @other;
            bigcache main;
        }

        location @other {
            return 200 other;
        }
    })->start;

# metrics(): the samples by name and labels, after a look at the format

sub metrics {
    my ($c) = @_;

    my (%of, %type);
    my $body = ($c // $t->connect)->request('GET', '/metrics')->body;
    my @bad;

    for my $line (split /\n/, $body) {

        if ($line =~ /^# (HELP|TYPE) (\w+) (.+)$/) {
            push @bad, "twice: $line" if $1 eq 'TYPE' && $type{$2};
            $type{$2} = $3 if $1 eq 'TYPE';
            next;
        }

        my ($name, $labels, $value) =
            $line =~ /^(\w+)(\{(?:\w+="[^"\\]*",?)+\})? ([0-9.]+)$/;

        push(@bad, $line), next if !defined $value;

        my $family = $name =~ s/_(?:bucket|sum|count)$//r;

        push @bad, "no type: $line" if !$type{$name} && !$type{$family};
        push @bad, "no _total: $line"
            if ($type{$name} // '') eq 'counter' && $name !~ /_total$/;
        push @bad, "twice: $line" if exists $of{$name . ($labels // '')};

        $of{$name . ($labels // '')} = $value;
    }

    is_deeply \@bad, [], 'the format';
    like $body, qr/\n\z/, 'ends with a line feed';

    return \%of;
}

my $r = $t->get('/metrics');
is $r->status, 200, 'GET /metrics';
is $r->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8',
    'type';

my $m = metrics();
is $m->{bigcache_up}, 1, 'the store is open';
is $m->{bigcache_entries}, 0, 'nothing stored';
is $m->{'bigcache_requests_total{operation="get",status="200"}'}, 0,
    'what did not happen yet is there';

# some of each

$t->request('POST', "/pickle/$_", 'x' x 1000) for 1 .. 5;
$t->request('POST', '/cache/a', '{"value":1}');
$t->request('POST', '/cache/a', '{');
$t->get("/pickle/$_") for 1 .. 4;
$t->get('/pickle/none');
my $etag = $t->get('/cache/a')->header('ETag');
$t->request('GET', '/cache/a', undef, 'If-None-Match' => $etag);
$t->request('GET', '/pickle/1', undef, Range => 'bytes=0-1');
$t->request('GET', '/pickle/1', undef, Range => 'bytes=5000-');
$t->request('PATCH', '/cache/a', '{"duration":"1h"}');
$t->request('POST', '/incr/a', '');
$t->request('POST', '/batch', '{"operations":[]}');
$t->get('/keys/');
$t->request('DELETE', '/cache/a');
$t->request('DELETE', '/prefix/5');
$t->request('POST', '/stat');
$t->get('/nothing');
is $t->get('/redirected')->body, 'other', 'an error_page';

my %want = (
    'get",status="200' => 5, 'get",status="404' => 2, 'get",status="304' => 1,
    'get",status="206' => 1, 'get",status="416' => 1, 'set",status="200' => 6,
    'set",status="422' => 1, 'touch",status="200' => 1,
    'incr",status="200' => 1, 'batch",status="200' => 1,
    'keys",status="200' => 1, 'delete",status="200' => 1,
    'purge",status="200' => 1, 'other",status="405' => 1,
    'other",status="404' => 1);

# requests are counted when they have been answered

$t->wait_for(sub {
    $m = metrics();
    return !grep { ($m->{qq(bigcache_requests_total{operation="$_"})} // 0)
        != $want{$_} } keys %want;
});

for my $labels (sort keys %want) {
    is $m->{qq(bigcache_requests_total{operation="$labels"})}, $want{$labels},
        $labels;
}

my $name = 'bigcache_request_duration_seconds';

for my $op (qw(get set delete purge touch incr batch keys other)) {
    my @buckets = map { $m->{qq(${name}_bucket{operation="$op",le="$_"})} }
        qw(0.000050 0.000100 0.000250 0.000500 0.001000 0.002500 0.005000
        0.010000 0.025000 0.050000 0.100000 0.250000 0.500000 1.000000
        2.500000 10.000000 +Inf);

    is scalar(grep { defined } @buckets), 17, "$op: all buckets";
    is_deeply [ sort { $a <=> $b } @buckets ], \@buckets, 'which only grow';
    is $m->{qq(${name}_count{operation="$op"})}, $buckets[-1], 'up to the sum';
    ok $m->{qq(${name}_sum{operation="$op"})} > 0, 'they took their time';
}

is $m->{qq(${name}_count{operation="get"})}, 10, 'all gets were timed';
is $m->{'bigcache_hits_total{front="rest"}'}, 8, 'hits';
is $m->{'bigcache_misses_total{front="rest"}'}, 2, 'misses';
is $m->{bigcache_deleted_total}, 2, 'deleted';
is $m->{bigcache_entries}, 4, 'entries';
is $m->{bigcache_segments}, 1, 'segments';
ok $m->{bigcache_bytes} >= $m->{bigcache_live_bytes}, 'bytes';
ok $m->{bigcache_live_bytes} > 0, 'alive';
is $m->{bigcache_max_bytes}, 0, 'without a limit';
is $m->{bigcache_openings_total}, 1, 'one owner so far';
is $m->{bigcache_waiting_requests}, 0, 'none waits';
ok $m->{bigcache_hot_room} > 0, 'the hot index';

# counters live through a reload, the owner is another one

$t->reload;
$t->wait_for(sub { $t->get('/stat/count')->status == 200 });

my $again = metrics();
is $again->{'bigcache_requests_total{operation="set",status="200"}'}, 6,
    'counters live through a reload';

# one that is told to quit may have it once more, if nobody else takes it

ok $t->wait_for(sub { $t->get('/metrics')->body
    =~ /^bigcache_openings_total (\d+)/m && $1 > 1 }), 'another owner';

# closed

$t->request('POST', '/close');
$m = metrics();
is $m->{bigcache_up}, 0, 'closed';
is $m->{bigcache_entries}, undef, 'what is not known is not said';

$t->request('POST', '/open');
$m = metrics();
is $m->{bigcache_up}, 1, 'open again';

is $t->request('POST', '/metrics', '')->status, 405, 'POST';
is $t->request('HEAD', '/metrics')->status, 200, 'HEAD';


# -- the owner hangs

# connect_to(PID): a connection to one of the other workers, or to that one

my $owner = $t->wait_for(sub { $t->owner }) or die "no owner\n";

# seconds(MOST, CODE): that it takes; a busy machine has three tries to take less
# than MOST

sub seconds {
    my ($most, $code) = @_;
    my $took;

    for (1 .. 3) {
        my $begin = time;
        $code->();
        $took = time - $begin;
        last if $took < $most;
    }

    return $took;
}

# one worker takes all of these; what it answers on the last one tells that it
# has taken what was sent on others before

my ($scrape, $worker) = $t->connect_to(sub { $_ != $owner });
my @c = map { scalar $t->connect_to(sub { $_ == $worker }) } 1 .. 5;

my $before = metrics($scrape);

$t->halt($owner);

my $took = seconds(3, sub { $m = metrics($scrape) });
cmp_ok $took, '<', 3, 'a hung owner: in time';
is $m->{bigcache_up}, 0, 'a hung owner: not up';
is $m->{bigcache_entries}, undef, 'a hung owner: no gauges of the store';
is $m->{$_}, $before->{$_},
    'a hung owner: the counters' for 'bigcache_hits_total{front="rest"}';

# the thread of that scrape comes back, which nothing tells

sleep 2;

# two that a thread works on, one in the queue, and one for whom there is none

$t->expect_log(qr/thread pool "tight" queue overflow/);

$c[0]->send_request('GET', '/pickle/hung0');
$c[1]->send_request('GET', '/pickle/hung1');
sleep 1;            # until threads have taken them, which nothing tells
$c[2]->send_request('GET', '/pickle/hung2');
$c[4]->request('GET', '/stat');
is $c[3]->request('GET', '/pickle/hung3')->status, 503, 'the queue is full';

$took = seconds(0.9, sub { $m = metrics($scrape) });
cmp_ok $took, '<', 0.9, 'a full queue: at once';
is $m->{bigcache_up}, 0, 'a full queue: not up';
is $m->{bigcache_waiting_requests}, 3, 'a full queue: who waits is seen';

# one of them leaves, without a thread that noticed

$c[0]->reset;
$c[4]->request('GET', '/stat');
$t->signal('CONT', $owner);

is $c[$_]->response->status, 404, "the others are answered: $_" for 1, 2;
ok $t->wait_for(sub {
    $m = metrics($scrape);
    $m->{bigcache_up} && !$m->{bigcache_waiting_requests};
}), 'up again, and none waits any more';

my $get = sub { $m->{qq(bigcache_requests_total{operation="get",status="$_[0]"})}
    - ($before->{qq(bigcache_requests_total{operation="get",status="$_[0]"})}
    // 0) };

is $get->(404), 2, 'two of them were answered';
is $get->(503), 1, 'one was refused';
is $get->(499), 1, 'one was gone';
like $t->read_file('access.log'), qr{^GET /pickle/hung0 499 }m,
    'as the access log says';

# a scrape that leaves while it waits, and others that wait with it

$t->halt($owner);

$scrape->send_request('GET', '/metrics');
$_->send_request('GET', '/metrics') for @c[1 .. 3];
$c[4]->request('GET', '/stat');
$c[1]->reset;
is $_->response->status, 200, 'some scrapes at once' for $scrape, @c[2, 3];

# and a worker whose requests wait is killed

$c[2]->send_request('GET', '/pickle/hung');
ok $t->wait_for(sub {
    metrics($scrape)->{bigcache_waiting_requests} == 1;
}), 'one waits';
$t->expect_log(qr/exited on signal 9/);
$t->signal('KILL', $worker);
ok $t->wait_for(sub { !-d "/proc/$worker" }), 'killed';
$t->signal('CONT', $owner);
$m = metrics();
is $m->{bigcache_waiting_requests}, 0, 'the dead do not wait';
is $m->{bigcache_up}, 1, 'the others go on';

ok $t->reload, 'reload';
$t->wait_for(sub { $t->get('/stat/count')->status == 200 });
$again = metrics();
is $again->{'bigcache_requests_total{operation="set",status="200"}'}, 6,
    'the counters of four workers live through a reload';

# what is free on the disk, as df says it: others may write to it meanwhile

my ($free) = `df -B1 --output=avail @{[ $t->dir ]}` =~ /^(\d+)$/m;
my $said = $t->metric('disk_free_bytes');

cmp_ok abs($said - $free), '<', $free / 2 + 1e9, 'the space that is free';

done_testing;
