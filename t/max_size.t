#!/usr/bin/perl

# max_size= and min_free=: the oldest pages make way for new ones, no write is
# refused, and the directory stays under the limit.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Test::More;

use constant { MIB => 1024 * 1024, SIZE => 50_000 };

my $conf = Bigcache::Test->default_conf(
    path => 'PARAMETERS',
    http => q{
        client_max_body_size 64m;
        keepalive_requests 1000000;
    });

my $noise = noise(1_200_000);
my ($t, $mount);

END {
    my $status = $?;

    if ($mount) {
        $t->stop;
        system 'umount', $mount;
    }

    $? = $status;
}


sub new {
    my ($parameters) = @_;

    return Bigcache::Test->new->conf($conf =~ s/PARAMETERS/$parameters/r);
}


# page(N, SIZE): no page is like another, nor shrinks

sub page {
    my ($n, $size) = @_;

    return "$n." . substr $noise, $n * 13 % 100_000, ($size || SIZE)
        - length "$n.";
}


# fill(FROM, TO, LIMIT): stores pages, with a look at the directory now and
# then; returns what was not as expected, and how large it was at most

sub fill {
    my ($from, $to, $size) = @_;

    my $c = $t->connect;
    my $highest = 0;
    my %bad;

    for my $n ($from .. $to) {
        my $status = $c->request('POST', "/pickle/k$n", page($n, $size))
            ->status;
        $bad{$status}++ if $status != 200;

        # the newest is there at once
        $bad{'not there'}++
            if $n % 20 == 0 && $c->request('GET', "/pickle/k$n")->body ne
                page($n, $size);

        my $space = $n % 5 ? 0 : $t->space('store/*/*');
        $highest = $space if $space > $highest;
    }

    return (join(' ', map { "$_: $bad{$_}" } sort keys %bad), $highest);
}


# there(FROM, TO): how many of them are, whole

sub there {
    my ($from, $to, $size) = @_;

    my $c = $t->connect;
    my @answers = map {
        my $r = $c->request('GET', "/pickle/k$_");
        $r->status == 404 ? () : $r->body eq page($_, $size) ? 1 : die "k$_\n";
    } $from .. $to;

    return scalar @answers;
}


# 100 MB into 8 MiB

$t = new('max_size=8m write_buffer=64k gzip=off')->start;

my ($bad, $highest) = fill(1, 2000);
is $bad, '', '100 MB: never an error';
cmp_ok $highest, '<', 9 * MIB, '100 MB: under the limit and a segment';

ok $t->wait_for(sub { $t->space('store/*/*') <= 8 * MIB }),
    '100 MB: then under the limit'
    or diag $t->space('store/*/*');
cmp_ok $t->space('store/*/*'), '>', 4 * MIB, '100 MB: which is used';
is $t->metric('max_bytes'), 8 * MIB, 'the limit is a metric';
is there(1981, 2000), 20, '100 MB: the newest are there';
is there(1, 1500), 0, '100 MB: the oldest are not';

# it evicts until a segment is free under the limit

my $there;
ok $t->wait_for(sub {
    $there = there(1501, 2000);
    return $t->count == $there;
}), '100 MB: count';
cmp_ok $there, '>=', 80, '100 MB: as many as there is room for';
like $t->error_log, qr/\[notice\].*evicted with \d+ pages/, '100 MB: is told';
like $t->metric('evicted_age_seconds'), qr/^\d{1,3}\z/,
    '100 MB: how old the pages were';
is $t->get('/stat')->json->{stats}{expire}, 0, 'they did not expire';
is $t->get('/stat')->json->{stats}{delete}, 0, 'nor were they deleted';

# overwritten all the time, what is alive is within the limit: none goes

$t->request('DELETE', '/prefix/k');
fill(1, 30);
$_ % 2 ? fill(10, 30) : fill(31, 50) for 1 .. 40;
is there(10, 50), 41, 'overwritten: they are there';
cmp_ok $t->space('store/*/*'), '<=', 9 * MIB, 'overwritten: limit';

# over a start, and a crash

for my $how ('stop', 'kill') {
    my $before = there(10, 50);

    $t->$how;
    $t->start;
    is there(10, 50), $before, "after $how: they are there";
    ($bad, $highest) = fill(1000, 1400);
    is $bad, '', "after $how: never an error";
    cmp_ok $highest, '<', 9 * MIB, "after $how: limit";
    is there(1381, 1400), 20, "after $how: the newest are there";
    ok $t->wait_for(sub { $t->count == there(1, 50) + there(1000, 1400) }),
        "after $how: count";
    fill(10, 50);
}

# a smaller limit than there are pages

$t->stop;
$t = Bigcache::Test->new->conf($conf
    =~ s/PARAMETERS/segment_size=1m write_buffer=64k gzip=off/r)->start;
fill(1, 600);
is there(1, 600), 600, 'no limit: all are there';
$t->stop;
$t->conf($conf =~
    s/PARAMETERS/max_size=10m segment_size=1m write_buffer=64k gzip=off/r);
$t->start;
ok $t->wait_for(sub { $t->space('store/*/*') <= 10 * MIB }),
    'a limit: pages go';
is there(581, 600), 20, 'a limit: not the newest';
is there(1, 300), 0, 'a limit: but the oldest';
ok $t->wait_for(sub { $t->count == there(301, 600) }), 'a limit: count';

# large pages, which have segments of their own

$t->get('/clear');
($bad, $highest) = fill(1, 60, 1_060_000);
is $bad, '', 'large pages: never an error';
cmp_ok $highest, '<', 12 * MIB, 'large pages: limit';
is there(58, 60, 1_060_000), 3, 'large pages: the newest are there';
ok $t->wait_for(sub { $t->space('store/*/*') <= 10 * MIB }),
    'large pages: then under it';
is there(1, 40, 1_060_000), 0, 'large pages: the oldest are not';
$t->stop;

# a worker that has nothing to do gives its part of a segment back, however many
# segments are removed meanwhile

$t = Bigcache::Test->new;
$t->conf($t->default_conf(
    path => 'max_size=12m segment_size=1m write_buffer=64k gzip=off',
    main => 'worker_processes 4;', listen => 'reuseport',
    http => 'keepalive_requests 1000000;'))->start;

my @all = map { $t->connect } 1 .. 16;
$_->request('POST', '/pickle/' . $_->socket->fileno, page(1)) for @all;
my %first = map { ($_ => 1) } glob $t->dir . '/store/*/*.seg';
my ($c, $n) = ($t->connect, 0);

ok $t->wait_for(sub {
    $c->request('POST', '/pickle/k' . ++$n, page($n)) for 1 .. 20;
    return !grep { -e } keys %first;
}), 'idle workers: their segments go';
$t->stop;

# min_free, on a file system of its own

SKIP: {
    skip 'only root can mount', 1 if $>;

    min_free($_) for split ' ', $ENV{BIGCACHE_WORKERS} || '1 4';
}

done_testing;


sub min_free {
    my ($workers) = @_;

    my $name = "min_free, workers $workers";

    $t = Bigcache::Test->new;
    $t->conf($t->default_conf(
        path => 'min_free=20m segment_size=1m write_buffer=64k gzip=off',
        main => "worker_processes $workers;",
        listen => 'reuseport',
        http => 'client_max_body_size 64m; keepalive_requests 1000000;'));

    mkdir $t->dir . '/store' or die "store: $!\n";
    system('mount', '-t', 'tmpfs', '-o', 'size=32m', 'none',
        $t->dir . '/store') == 0 or skip 'cannot mount', 1;
    $mount = $t->dir . '/store';
    $t->start;

    # 12 MB are for pages; the rest is free, but for what was just written

    my ($bad, $highest) = fill(1, 800);
    is $bad, '', "$name: never an error";
    cmp_ok $highest, '<', 18 * MIB, "$name: limit and four segments";
    ok $t->wait_for(sub { space() >= 20 * MIB }), "$name: is free"
        or diag space();
    is there(781, 800), 20, "$name: the newest are there";
    is there(1, 400), 0, "$name: the oldest are not";
    cmp_ok there(601, 800), '>=', 80, "$name: it keeps what it can";

    # other processes have segments open that are evicted: that is no reason to
    # evict more

    my @all = map { $t->connect } 1 .. 16;
    for my $round (1 .. 100) {
        my %status;
        $_->send_request('POST', "/pickle/r$round-" . $_->socket->fileno,
            page($round, $round % 10 ? SIZE : 2 * SIZE)) for @all;
        $status{$_->response('POST')->status}++ for @all;
        $bad = join ' ', map { "$round: $_" } grep { $_ != 200 } keys %status
            if $bad eq '';
    }
    is $bad, '', "$name: many at once, never an error";
    my $there = 0;
    for my $round (96 .. 100) {
        $there += $_->request('GET', "/pickle/r$round-" . $_->socket->fileno)
            ->status == 200 for @all;
    }
    is $there, 80, "$name: many at once, the newest are there";

    # a page that is larger than a segment, and a client that does not read it

    $c = $t->connect;
    $t->request('POST', '/pickle/large', page(1, 1_150_000));
    $c->send_request('GET', '/pickle/large');
    $bad = '';
    for my $n (1 .. 300) {
        my $status = $t->request('POST', "/pickle/l$n",
            page($n, $n % 10 ? SIZE : 1_150_000))->status;
        $bad = "$n: $status" if $status != 200;
    }
    is $bad, '', "$name: with a slow client, never an error";
    is $c->response('GET')->body, page(1, 1_150_000),
        "$name: which gets its page";

    # somebody else takes room, and gives it back

    open my $file, '>', "$mount/other" or die "other: $!\n";
    print $file 'x' x (6 * MIB);
    close $file;
    ok $t->wait_for(sub { space() >= 20 * MIB }),
        "$name: makes way for others" or diag space();
    unlink "$mount/other";

    ($bad) = fill(1001, 1100);
    is $bad, '', "$name: stores afterwards";
    cmp_ok there(1001, 1100), '>=', 80, "$name: and keeps";
    $t->stop;
    system 'umount', $mount;
    $mount = undef;
}


sub space {
    my ($line) = reverse split /\n/, `df -B1 --output=avail $mount`;

    return $line + 0;
}
