#!/usr/bin/perl

# Expired pages leave the count and the disk without being asked for, each is
# counted once, and a page that is stored anew is not one of them.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Test::More;
use Time::HiRes qw(sleep time);

my $t = Bigcache::Test->new->conf(
    main => 'thread_pool bigcache threads=16;',
    path => q{
        thread_pool=bigcache segment_size=1m write_buffer=64k wait=20s
    },
    http => q{
        client_max_body_size 8m;
        keepalive_requests 1000000;
    })->start;

my $noise = noise(2_000_000);


sub expired { $t->get('/stat')->json->{stats}{expire} }


# post(C, KEY, SIZE, EXPIRE): raw or JSON; unix seconds, if it is to expire

sub post {
    my ($c, $key, $size, $expire) = @_;

    return $c->request('POST', "/pickle/$key", substr($noise, 0, $size),
        defined $expire ? ('X-Bigcache-Expire' => $expire) : ())->status
        if $key !~ /j/;

    return $c->request('POST', "/cache/$key", '{"value":"' . 'v' x $size . '"'
        . (defined $expire ? qq(,"expire":$expire}) : '}'))->status;
}


# settled(EXPIRED, NAME): the counter is there, and goes no further

sub settled {
    my ($n, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $t->wait_for(sub { expired() >= $n }, 30);
    sleep 0.3;

    return is(expired(), $n, "$name: expire counter");
}


my $c = $t->connect;

# in_time(CODE): CODE stores pages that expire at the time that it is given, so
# many seconds from now, and does all that must come before; returns that time.
# If it was late, on a busy machine, it begins again, and has twice the seconds.

sub in_time {
    my ($code) = @_;

    for (my $life = 1; ; $life *= 2) {
        my $soon = time + $life;

        $code->($soon, $life);

        return $soon if time < $soon;
    }
}


# past(TIME): returns when what expires then would be gone

sub past {
    my ($time) = @_;

    sleep 0.05 while time < $time + 0.7;
}


sub remove { $c->request('DELETE', "/prefix/$_") for @_ }


# all sizes and kinds, nobody asks for them

my $soon = sprintf '%.3f', time + 1.5;
my $n = 0;

for my $size (10, 2000, 60_000, 1_200_000) {
    for my $i (1 .. ($size > 1_000_000 ? 2 : 20)) {
        $n += post($c, "$_$size-$i", $size, $soon) == 200 for 'r', 'j';
        post($c, "stay-$_$size-$i", $size,
            $i % 2 ? undef : time + 100_000) for 'r', 'j';
    }
}

is $n, 124, 'stored';
$t->counted(124, 'expired: count');
cmp_ok time, '>=', $soon, 'not before their time';
settled(124, 'expired');
is $t->get('/stat')->json->{stats}{miss}, 0, 'nobody asked';

is_deeply [ map { $c->request('GET', "/pickle/$_")->status }
    qw(r10-1 j2000-1 r1200000-1 j60000-20) ], [ (404) x 4 ], 'they are misses';
is_deeply [ map { $c->request('GET', "/pickle/stay-$_")->status }
    qw(r10-1 j2000-2 r1200000-1 j60000-20) ], [ (200) x 4 ], 'others stay';
settled(124, 'misses');
is $t->count, 124, 'misses: count';

# the disk: the half of it comes back, then all of it

my $live = 2 * 2 * 1_200_000 + 20 * 60_000;
my $pages = 'store/pages/*';
ok $t->wait_for(sub { $t->space($pages) < 1.5 * $live }, 60), 'space comes back'
    or diag $t->space($pages);

remove('stay');
ok $t->wait_for(sub { $t->space($pages) < 1_048_577 }, 60),
    'all but one segment' or diag $t->space($pages);
is $t->count, 0, 'empty';

# expiry times of all kinds: past, now, in order, the same

my $before = expired();
is post($c, "past$_", 100, $_), 200, "expire $_"
    for -1, 0, 1, -1e9, sprintf('%.3f', time), 1e9;
$t->counted(0, 'past: count');
settled($before + 6, 'past');

# 5,000 keys within a second or two

$before = expired();
my $start = int(time) + 4;

{
    my @bad = grep { $_ ne 'ok' } map { $_->() } map {
        my $writer = $_;
        $t->in_child(sub {
            my $c = $t->connect;

            for my $i (1 .. 1250) {
                my $status = post($c, "many$writer-$i", 300,
                    $start + $i % 100 / 100);
                return $status if $status != 200;
            }

            return 'ok';
        });
    } 1 .. 4;

    is "@bad", '', 'many stored';
}

$t->counted(0, 'many: count');
settled($before + 5000, 'many');

# asked for at the same time: each is counted by one

$before = expired();
$soon = time + 1;
post($c, "asked$_", 700, $soon) for 1 .. 300;

my @asking = map {
    $t->in_child(sub {
        my $c = $t->connect;
        my @bad;

        while (time < $soon + 1) {
            my $key = 'asked' . (1 + int rand 300);
            my $begin = time;
            my $status = $c->request('GET', "/pickle/$key")->status;
            push @bad, "$key $status"
                if $status == 200 && $begin > $soon + 0.05
                    || $status == 404 && time < $soon - 0.05;
        }

        return "@bad" || 'ok';
    });
} 1 .. 3;

is_deeply [ map { $_->() } @asking ], [ ('ok') x 3 ], 'asked: right answers';
$t->counted(0, 'asked: count');
settled($before + 300, 'asked');

# deleted, purged and overwritten before: not counted as expired

$soon = in_time(sub {
    my ($soon) = @_;

    remove(qw(del purge over never));
    $before = expired();
    post($c, $_, 700, $soon)
        for map { ("del$_", "purge$_", "over$_", "never$_") } 1 .. 50;
    $c->request('DELETE', "/pickle/del$_") for 1 .. 50;
    remove('purge');
    post($c, "over$_", 700, time + 100_000) for 1 .. 50;
    post($c, "never$_", 700) for 1 .. 50;
});

is $t->count, 100, 'removed before: count';
past($soon);                # the time that they had
$t->counted(100, 'removed before: count');
settled($before, 'removed before');
is_deeply [ grep { $c->request('GET', "/pickle/$_")->status != 200 }
    map { ("over$_", "never$_") } 1 .. 50 ], [], 'overwritten: are there';

# an earlier time given later

post($c, "over$_", 700, time + 0.5) for 1 .. 50;
$t->counted(50, 'an earlier time: count');
settled($before + 50, 'an earlier time');
remove('never');

# pages that are renewed just as their time comes: in the end all are there

for my $round (1 .. 4) {
    my $prefix = "renew$round-";
    my $end = time + 1.5;

    my @renewing = map {
        my $writer = $_;
        $t->in_child(sub {
            my $c = $t->connect;
            my ($i, %lost) = (0);

            # each has 20 keys, and comes back to one just when it expires; the
            # last time for long

            my (@until) = (0) x 20;

            while (time < $end) {
                my $k = $i++ % 20;
                my $life = 0.02 + rand 0.03;
                my $wait = $until[$k] - time + (rand(4) - 2) / 1000;

                sleep $wait if $wait > 0;
                $until[$k] = time + $life;
                my $status = post($c, "$prefix$writer-$k",
                    $i % 3 ? 300 : 2000, sprintf '%.3f', $until[$k]);
                return "POST $status" if $status != 200;
            }

            for my $k (0 .. 19) {
                my $wait = $until[$k] - time + (rand(4) - 2) / 1000;
                sleep $wait if $wait > 0;
                my $status = post($c, "$prefix$writer-$k", 600, time + 1000);
                return "POST $status" if $status != 200;
            }

            return 'ok';
        });
    } 1 .. 6;

    is_deeply [ map { $_->() } @renewing ], [ ('ok') x 6 ],
        "renewed $round: stored";
    sleep 0.7;              # past all of their times

    my @lost = grep {
        my $r = $c->request('GET', "/pickle/$_");
        $r->status != 200 || $r->body ne substr $noise, 0, 600;
    } map { my $writer = $_; map { "$prefix$writer-$_" } 0 .. 19 } 1 .. 6;

    is "@lost", '', "renewed $round: all are there";
    is $t->count, 120, "renewed $round: count";
    remove($prefix);
}

# over a start, over a crash: what expired meanwhile goes too

for my $how ('stop', 'kill') {
    my $later;

    $soon = in_time(sub {
        my ($soon, $life) = @_;

        if (!$t->running) {
            $t->start;
            $c = $t->connect;
            remove(qw(down later up));
        }

        post($c, "down$_", $_ % 2 ? 300 : 5000, $soon) for 1 .. 200;
        $later = $soon + 4 + 4 * $life;
        post($c, "later$_", 5000, $later) for 1 .. 50;
        post($c, "up$_", 5000, time + 5000) for 1 .. 50;
        $c->close;
        $t->$how;
    });

    sleep 0.05 while time < $soon;
    $t->start;
    $c = $t->connect;

    $t->counted(100, "after $how: count");
    settled(200, "after $how");
    sleep 0.05 while time < $later;
    $t->counted(50, "after $how, later on: count");
    settled(250, "after $how, later on");
    is_deeply [ grep { $c->request('GET', "/pickle/up$_")->status != 200 }
        1 .. 50 ], [], "after $how: others are there";
    remove('up');
    is $t->count, 0, "after $how: none is left";
}

# nothing goes while the store is closed, and all does after

my $closes;

$soon = in_time(sub {
    my ($soon) = @_;

    $t->request('POST', '/open') if $closes;
    remove('closed');
    post($c, "closed$_", 300, $soon) for 1 .. 50;
    $before = expired();
    $closes = $t->get('/close')->status;
});

is $closes, 200, 'closes';
past($soon);
is expired(), $before, 'closed: nothing expires';
$t->request('POST', '/open');
$t->counted(0, 'opened: count');
settled($before + 50, 'opened');

done_testing;
