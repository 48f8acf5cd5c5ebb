#!/usr/bin/perl

# PATCH, /incr/ and touches of a batch make a page of the one that is there.
# What they make must not be taken for something new: not by a purge that is
# under way, and not by a call that is made again after the owner has died.

use strict;
use warnings;

use Bigcache::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

my $t = Bigcache::Test->new->conf(
    main => 'worker_processes 3;',
    server => 'add_header X-Worker $pid always;')->start;

my $touches = '{"operations":[' . join(',', ('{"op":"touch","key":"p/k",'
    . '"duration":"1h"}') x 10) . ']}';

my %make = (
    touch => sub { $_[0]->request('PATCH', '/pickle/p/k',
        '{"duration":"1h"}') },
    count => sub { $_[0]->request('POST', '/incr/p/k', '') },
    batch => sub { $_[0]->request('POST', '/batch', $touches) },
);


# racers(MAKE, WORKER): processes that go on with it, by that worker or any

sub racers {
    my ($make, $worker) = @_;

    my $connect = sub {
        $worker ? $t->connect_to(sub { $_ == $worker }) : $t->connect;
    };
    my @pids;

    for (1 .. 3) {
        my $pid = fork // die "fork: $!\n";

        if ($pid) {
            push @pids, $pid;
            next;
        }

        eval {
            my $c = $connect->();
            my $n = 0;

            while (1) {
                $make->($c);
                $c = $connect->() if ++$n % 900 == 0;
            }
        };
        POSIX::_exit(0);
    }

    return @pids;
}


sub finish {
    kill 'KILL', @_;
    waitpid $_, 0 for @_;
}


# -- a purge

for my $name (sort keys %make) {
    my @racers = racers($make{$name});
    my $left = 0;
    my $c;

    for my $round (0 .. 299) {
        $c = $t->connect if $round % 200 == 0;

        if ($name eq 'count') {
            $c->request('POST', '/cache/p/k', '{"value":1000}');

        } else {
            $c->request('POST', '/pickle/p/k', "round $round");
        }

        $c->request('DELETE', '/prefix/p/');
        $left++ if $c->request('GET', '/pickle/p/k')->status != 404;
    }

    is $left, 0, "$name: a purge leaves nothing";
    finish(@racers);
}

# -- an owner that dies: its callers do not know whether it did what they asked

if ($t->in_cluster('there is no owner')) {
    done_testing;
    exit;
}

$t->expect_log(qr/exited on signal 9/);

for my $round (1 .. 12) {
    my $owner = $t->wait_for(sub { $t->owner });
    my @others = grep { $_ != $owner } $t->worker_pids;
    my $name = (qw(batch count))[$round % 2];
    my @racers = racers($make{$name}, $others[1]);
    my $c = $t->connect_to(sub { $_ == $others[0] });
    my ($until, $n, @wrong) = (time + 0.4, 0);

    my $killer = fork // die "fork: $!\n";

    if ($killer == 0) {
        sleep 0.15;         # of the 0.4 s in which they race
        kill 'KILL', $owner;
        POSIX::_exit(0);
    }

    while (time < $until) {
        my $value = 1_000_000 * ++$n;

        # nginx closes a connection behind its thousandth request
        $c = $t->connect_to(sub { $_ == $others[0] }) if $n % 300 == 0;

        if ($round % 4 < 2) {
            my $r = $c->request('POST', '/cache/p/k', qq({"value":$value}));
            next if $r->status != 200;

            $r = $c->request('GET', '/cache/p/k');
            next if $r->status == 503;

            my ($got) = $r->body =~ /"value":(\d+)/;
            push @wrong, "$value: " . ($got // $r->status)
                if !defined $got || $got < $value || $got >= $value + 1e6;

        } else {
            $c->request('POST', '/cache/p/k', qq({"value":$value}));

            my $r = $c->request('DELETE', '/cache/p/k');
            next if $r->status != 200;

            push @wrong, "$value is still there"
                if $c->request('GET', '/cache/p/k')->status == 200;
        }
    }

    waitpid $killer, 0;
    finish(@racers);
    is_deeply \@wrong, [], "round $round: what was answered is so";
}

done_testing;
