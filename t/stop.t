#!/usr/bin/perl

# The end of nginx: graceful, fast, and by force.  What was acknowledged is
# there afterwards, and the count is right.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(time);

my $t = Bigcache::Test->new->conf(
    main => 'worker_rlimit_core 0;',
    path => 'segment_size=4m wait=20s',
    http => q{
        client_max_body_size 2m;
        keepalive_requests 1000000;
    })->start;

my $size = 2000;
my $large = 1_100_000;


# load(NAME, CONNECTIONS): starts processes that write on a connection each
# until it ends; returns them when there is load

sub load {
    my ($name, $n) = @_;

    my $before = $t->count;
    my @clients = map { start_client("$name$_", $_) } 1 .. $n;

    $t->wait_for(sub { $t->count >= $before + 80 });

    return @clients;
}


# a client says which keys were acknowledged, and what it did not expect

sub start_client {
    my ($name, $number) = @_;

    return $t->in_child(sub {
        my @lines;

        eval { client($name, $number, \@lines) };
        push @lines, "error $@" if $@ && $@ !~ /^connect/;
        join "\n", @lines;
    });
}


sub client {
    my ($name, $number, $lines) = @_;

    my $c = $t->connect;

    for (my $i = 0; ; $i++) {
        my $length = $number == 1 && $i % 10 == 0 ? $large : $size;
        my $key = "$name-$i";
        my $r = $c->request('POST', "/pickle/$key", body($key, $length));

        if ($r->status == 0) {
            push @$lines, "lost $key";
            return;
        }

        push @$lines, $r->status == 200 ? "ok $key $length"
            : 'status ' . $r->status;

        return if ($r->header('Connection') // '') eq 'close';
    }
}


sub body {
    my ($key, $length) = @_;

    return substr "$key." x (1 + $length / length "$key."), 0, $length;
}


# results(CLIENTS): lines by their first word

sub results {
    my %lines;

    push @{ $lines{ $_->[0] } }, $_
        for map { [ split ] } map { split /\n/, $_->() } @_;

    return \%lines;
}


# check(RESULTS, NAME): all that was acknowledged is there

sub check {
    my ($results, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $c = $t->connect;

    my @missing = grep {
        my (undef, $key, $length) = @$_;
        $c->request('GET', "/pickle/$key")->body ne body($key, $length);
    } @{ $results->{ok} };

    ok @{ $results->{ok} } > 50, "$name, there was load"
        or diag scalar @{ $results->{ok} };
    is scalar @missing, 0, "$name, nothing is lost";

    $c->close;
}


# keys: counted one by one, by what a purge of all prefixes removes

sub purged {
    my $n = 0;

    for my $prefix (@_) {
        my $r = $t->request('DELETE', "/prefix/$prefix");
        $n += $1 if $r->body =~ /: (\d+) keys/;
    }

    return $n;
}


# QUIT under load: whoever got through is answered

my @clients = load('quit', 8);

ok $t->stop, 'stops under load';

my $results = results(@clients);

is_deeply [ grep { $_ ne 'ok' && $_ ne 'lost' } keys %$results ], [],
    'stop, no other answers'
    or diag join "\n", map { "@$_" } map { @{ $results->{$_} } }
        grep { $_ ne 'ok' } keys %$results;

$t->start;
check($results, 'stop');
my $lost = @{ $results->{lost} || [] };
my $count = $t->count;
ok $count >= @{ $results->{ok} } && $count <= @{ $results->{ok} } + $lost,
    'stop, count';
unlike $t->error_log, qr/not closed properly/, 'stop, closed properly';
is purged('quit'), $count, 'stop, count is exact';

# a request that was accepted is answered: a body that comes during the stop

my $c = $t->connect->begin('POST', '/pickle/late', 10);
$t->signal('QUIT');
$t->wait_for(sub { !$t->worker_pids });
$c->send('0123456789');
is $c->response->status, 200, 'body during the stop';
ok $t->stop, 'then stops';
$t->start;
is $t->get('/pickle/late')->body, '0123456789', 'body during the stop, stored';
is $t->count, 1, 'count of one';

# TERM under load: fast, but in order

@clients = load('term', 4);
my $begin = time;
$t->signal('TERM');
ok $t->wait_for(sub { !$t->running }), 'ends by TERM';
cmp_ok time - $begin, '<', 15, 'TERM is fast';
$results = results(@clients);
$t->start;
check($results, 'TERM');
$count = $t->count;
is purged('term', 'late'), $count, 'TERM, count is exact';
unlike $t->error_log, qr/not closed properly/, 'TERM, closed properly';

# the workers are killed: the master starts others

$t->expect_log(qr/worker process \d+ exited on signal 9/);

for my $round (1 .. 3) {
    @clients = load("kill$round-", 4);
    my %killed = map { $_ => 1 } $t->worker_pids;
    $t->signal('KILL', keys %killed);
    $results = results(@clients);
    $t->wait_for(sub { grep { !$killed{$_} } $t->worker_pids });

    check($results, "kill $round");
    $lost = @{ $results->{lost} || [] };
    $count = $t->count;
    my $purged = purged("kill$round-");
    is $purged, $count, "kill $round, count is exact";
    ok $purged >= @{ $results->{ok} } && $purged <= @{ $results->{ok} } + $lost,
        "kill $round, count is right"
        or diag "$purged, ok ", scalar @{ $results->{ok} }, ", lost $lost";
}

like $t->error_log, qr/was not closed properly/, 'it is told';

# all is killed

@clients = load('crash', 4);
$t->kill;
$results = results(@clients);
$t->start;
check($results, 'crash');
$count = $t->count;
is purged('crash'), $count, 'crash, count is exact';

# the space of what is gone comes back: no segment but the one that is written

ok $t->wait_for(sub { 1 >= (() = glob $t->dir . '/store/pages/*') }, 60),
    'no segment is left' or diag join ' ', glob $t->dir . '/store/pages/*';

# an empty store, closed and opened

ok $t->stop, 'stops when empty';
$t->start;
is $t->count, 0, 'count of none';

done_testing;
