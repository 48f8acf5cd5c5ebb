#!/usr/bin/perl

# What is acknowledged is what everybody reads next, at every worker, though the
# answers come from the hot index: clients store, delete, purge and read pages,
# some of which expire, by key, prefix and tag, hard and soft, with leases and
# without, and each answer is checked against what its reader could know (t/lib/Bigcache/Test/Load.pm).  BIGCACHE_COHERENCE=SECONDS for longer.

use strict;
use warnings;

use Time::HiRes qw(sleep);
use Test::More;

use Bigcache::Test;
use Bigcache::Test::Load;

use constant TIME => $ENV{BIGCACHE_COHERENCE} || 5;

# hot(T): what /stat says of the hot index

sub hot { $_[0]->get('/stat')->json->{hot} }


for ([1, '4m', 0], [4, '4m', 0], [4, '64k', 0], [3, '1m', 0], [1, '4m', 1],
    [4, '4m', 1], [3, '64k', 1])
{
    my ($workers, $zone, $purges) = @$_;
    my $name = "workers $workers, zone $zone" . ($purges ? ', purges' : '');
    my $t = Bigcache::Test->new;

    $t->conf(
        main => "worker_processes $workers;",
        events => 'worker_connections 256;',
        size => $zone,
        path => 'segment_size=4m wait=20s',
        http => 'client_max_body_size 10m;',
        server => 'add_header X-Worker $pid always;')->start;

    my $load = Bigcache::Test::Load->new($t, clients => 5, keepalive => 0.97,
        large => 0.002, expire => 1, purges => $purges)->start;

    sleep TIME;         # meanwhile the load goes on

    my $report = $load->stop;

    is_deeply [ @{ $report->{failed} }, @{ $report->{wrong} } ], [],
        "$name: every read is of the latest";
    is_deeply [ $load->verify ], [], "$name: nothing is lost";

    my $hot = hot($t);
    $t->in_cluster('there is no hot index') || ok(
        $hot->{hits} > $report->{ok} / 20,
        "$name: some come from the hot index") || diag explain $hot;
    note "$name: $report->{ok} requests, $hot->{hits} of them hot";

    # what is cleared is nowhere, and what is closed does not answer

    my @all = $t->connect_to_each($workers);
    my @bad;

    is scalar @all, $workers, "$name: a connection to each";

    for my $round (1 .. 30) {
        my $body = "$round " x 200;
        my $by = $all[rand @all];

        $by->request('POST', '/pickle/a', $body);
        $by->request('POST', '/pickle/b', $body);

        for my $c (@all, @all) {
            push @bad, "$round: not stored"
                if $c->request('GET', '/pickle/a')->body ne $body;
            push @bad, "$round: there" if $c->request('GET', '/pickle/none')
                ->status != 404;
        }

        my $what = ('/clear', '/prefix/a', '/pickle/a', '/close')[$round % 4];
        my $method = $round % 2 ? 'DELETE' : 'GET';
        $method = 'POST' if $what =~ /^.c/;

        my $r = $all[rand @all]->request($method =~ /POST/ ? 'POST' : 'DELETE',
            $what);
        push @bad, "$round: $what: " . $r->status if $r->status != 200;

        my $expected = $what eq '/close' ? 503 : 404;
        my $other = $what eq '/clear' ? 404 : $what eq '/close' ? 503 : 200;

        for my $c (@all) {
            push @bad, "$round: $what: still there"
                if $c->request('GET', '/pickle/a')->status != $expected;
            push @bad, "$round: $what: b"
                if $c->request('GET', '/pickle/b')->status != $other;
        }

        $all[rand @all]->request('POST', '/open') if $what eq '/close';
    }

    is_deeply \@bad, [], "$name: all workers know at once";
    ok hot($t)->{entries} <= hot($t)->{room}, "$name: within its room";

    # a reload does not empty it

    if ($workers > 1 && !$t->in_cluster('there is no hot index')) {
        $all[0]->request('POST', '/pickle/kept', 'x' x 2000);
        $_->request('GET', '/pickle/kept') for @all;
        $t->reload;

        my $before = hot($t)->{hits};
        $t->get('/pickle/none');
        ok hot($t)->{entries} > 0, "$name: it survives a reload";
    }
}

done_testing;
