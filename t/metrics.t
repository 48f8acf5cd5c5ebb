#!/usr/bin/perl

# GET /metrics: the text format of Prometheus, and what it counts.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(<<'EOF')->start;
%%MODULE%%

worker_processes 2;

events {
}

http {
    %%HTTP%%

    bigcache_path %%DIR%%/store zone=main:1m;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }

        location = /redirected {
            rewrite ^ /cache/none break;
            error_page 404 = @other;
            bigcache main;
        }

        location @other {
            return 200 other;
        }
    }
}
EOF

# metrics(): the samples by name and labels, after a look at the format

sub metrics {
    my (%of, %type, $last);
    my $body = $t->get('/metrics')->body;
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

$m = metrics();

my %want = (
    'get",status="200' => 5, 'get",status="404' => 2, 'get",status="304' => 1,
    'get",status="206' => 1, 'get",status="416' => 1, 'set",status="200' => 6,
    'set",status="422' => 1, 'touch",status="200' => 1,
    'incr",status="200' => 1, 'batch",status="200' => 1,
    'keys",status="200' => 1, 'delete",status="200' => 1,
    'purge",status="200' => 1, 'other",status="405' => 1,
    'other",status="404' => 1);

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
is $m->{bigcache_hits_total}, 8, 'hits';
is $m->{bigcache_misses_total}, 2, 'misses';
is $m->{bigcache_deleted_total}, 2, 'deleted';
is $m->{bigcache_entries}, 4, 'entries';
is $m->{bigcache_segments}, 1, 'segments';
ok $m->{bigcache_bytes} >= $m->{bigcache_live_bytes}, 'bytes';
ok $m->{bigcache_live_bytes} > 0, 'alive';
is $m->{bigcache_openings_total}, 1, 'one owner so far';
is $m->{bigcache_waiting_requests}, 0, 'none waits';
ok $m->{bigcache_hot_room} > 0, 'the hot index';

# counters live through a reload, the owner is another one

$t->reload;
$t->wait_for(sub { $t->get('/stat/count')->status == 200 });

my $again = metrics();
is $again->{'bigcache_requests_total{operation="set",status="200"}'}, 6,
    'counters live through a reload';
is $again->{bigcache_openings_total}, 2, 'another owner';

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

done_testing;
