#!/usr/bin/perl

# More requests than the queue of the thread pool takes: some are 503, the
# others are served, and nothing is left of it.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(
    main => 'thread_pool tight threads=1 max_queue=2;',
    path => 'thread_pool=tight',
    http => q{
        log_format status '$status $bigcache_status';
        client_max_body_size 8m;
    },
    server => 'access_log %%DIR%%/access.log status;')->start;

$t->expect_log(qr/thread pool "tight" queue overflow/);


# flood(N, METHOD, PATH, BODY): all on connections of their own, all answers

sub flood {
    my ($n, @request) = @_;

    my @c = map { $t->connect } 1 .. $n;

    $_->send_request(@request) for @c;

    my @answers = map { $_->response($request[0]) } @c;
    $_->close for @c;

    return @answers;
}


sub statuses { join ' ', sort keys %{ { map { $_->status => 1 } @_ } } }


is $t->request('POST', '/pickle/small', 'small')->status, 200, 'stores';
is $t->request('POST', '/pickle/large', 'x' x 2_000_000)->status, 200,
    'stores a large page';

my $json = '{"value":"' . 'v' x 500_000 . '"}';
my @refused;

for my $request ([ 'POST', '/cache/k', $json ], [ 'GET', '/pickle/small' ],
    [ 'GET', '/pickle/large' ], [ 'DELETE', '/cache/none' ],
    [ 'HEAD', '/cache/k' ])
{
    my $name = "$request->[0] $request->[1]";
    my $good = $request->[1] eq '/cache/none' ? 404 : 200;
    my @answers;

    # while the thread does nothing, all may find the queue full

    $t->wait_for(sub {
        push @answers, flood(100, @$request);
        return grep { $_->status != 503 } @answers;
    });

    is statuses(grep { $_->status != 503 } @answers), $good,
        "$name: some are served";
    push @refused, grep { $_->status == 503 } @answers;

    # threads may have runs to take that others have left nothing for

    my $again;
    $t->wait_for(sub {
        $again = statuses(flood(1, @$request));
        return $again eq $good;
    });
    is $again, $good, "$name: afterwards";
}

# how many are refused is a matter of luck, but for these

ok @refused > 0, 'some are refused';

my $r = (grep { length $_->body } @refused)[0];

is $r->header('Content-Type'), 'application/json', 'type of the refusal';
is $r->json->{detail}, 'too many requests wait for the disk', 'its reason';
is $r->header('Retry-After'), 1, 'Retry-After';
is $r->header('Cache-Status'), 'bigcache; detail=UNAVAILABLE', 'Cache-Status';
like $t->read_file('access.log'), qr/^503 UNAVAILABLE$/m, 'logged';

# on one connection they come one after the other

my $c = $t->connect;
my $raw = "GET /pickle/small HTTP/1.1\r\nHost: x\r\n\r\n";

is statuses($t->pipeline(($raw) x 100)), 200, 'pipelined';

# a refusal does not end the connection

$c = $t->connect;

my %seen;

for (1 .. 200) {
    my @others = map { $t->connect } 1 .. 8;
    $_->send_request('POST', '/cache/k', $json) for @others;
    $seen{ $c->request('POST', '/pickle/kept', 'kept')->status }++;
    $_->close for @others;
    last if $seen{200} && $seen{503} && $_ > 5;
}

is join(' ', sort keys %seen), '200 503', 'connection goes on';

# when the queue has run empty

my $got;
$t->wait_for(sub {
    $got = $c->request('GET', '/pickle/small');
    $got->status == 200;
});
is $got->body, 'small', 'and serves';
$c->close;

# nothing hangs, nothing is lost

$t->wait_for(sub {
    $got = $t->get('/stat/count');
    $got->status == 200;
});
is $got->json->{count}, 4, 'count';
$t->wait_for(sub {
    $got = $t->get('/pickle/large');
    $got->status == 200;
});
is length $got->body, 2_000_000, 'large page';
ok $t->reload, 'reloads';
is $t->get('/pickle/small')->body, 'small', 'after the reload';

# a stop while the queue is full

my @c = map { $t->connect } 1 .. 50;
$_->send_request('POST', '/cache/k', $json) for @c;
ok $t->stop, 'stops while it is full';

my @answers = map { eval { $_->response } } @c;
is_deeply [ grep { !$_ || $_->status !~ /^(?:0|200|503)$/ } @answers ], [],
    'all have an answer';

$t->start;
is $t->count, 4, 'count after that';
unlike $t->error_log, qr/not closed properly/, 'closed properly';

done_testing;
