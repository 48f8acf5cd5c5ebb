#!/usr/bin/perl

# What is stored is synced within the time of "sync", and not at all by itself
# with "off"; a removal is, before it is answered.  What a power cut leaves is
# for power.t.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $conf = Bigcache::Test->default_conf(
    main => 'worker_processes %%WORKERS%%;',
    path => '%%SYNC%%');

sub store { $_[0]->request('POST', "/pickle/$_[1]", 'x' x 3000)->status }

for my $workers (1, 4) {
    my $t = Bigcache::Test->new->conf($conf
        =~ s/%%SYNC%%/sync=200ms/r =~ s/%%WORKERS%%/$workers/r)->start;
    my $name = "$workers workers";

    ok $t->wait_for(sub { $t->get('/stat/count')->status == 200 }),
        "$name: open";

    for my $round (1 .. 3) {
        is store($t, "k$round"), 200, "$name: stored, $round";
        ok $t->durable, "$name: is synced by itself, $round";
    }

    ok $t->metric('syncs_total') >= 3, "$name: counted";
    is $t->metric('sync_failures_total'), 0, "$name: none failed";
    ok $t->stop, "$name: stops";
}

# the time is far off: a removal is synced all the same, a store is not

for my $sync ('sync=off', 'sync=1h') {
    my $t = Bigcache::Test->new->conf($conf
        =~ s/%%SYNC%%/$sync/r =~ s/%%WORKERS%%/1/r)->start;

    ok $t->wait_for(sub { $t->get('/stat/count')->status == 200 }),
        "$sync: open";

    is store($t, "k$_"), 200, "$sync: stored, $_" for 1 .. 5;
    ok $t->metric('unsynced_seconds') > 0, "$sync: is not synced";

    my $before = $t->metric('syncs_total');

    is store($t, 'more'), 200, "$sync: stored";
    is $t->metric('syncs_total'), $before, "$sync: without a sync";

    is $t->request('DELETE', '/pickle/k1')->status, 200, "$sync: deleted";
    is $t->metric('syncs_total'), $before + 1, "$sync: with one";
    is $t->request('DELETE', '/pickle/k1')->status, 404, "$sync: gone";
    is $t->metric('syncs_total'), $before + 1, "$sync: and that is known";

    my $batch = join ',', map { qq({"op":"delete","key":"k$_"}) } 2 .. 4;
    is $t->request('POST', '/batch', qq({"operations":[$batch]}))->body,
        '{"results":[' . join(',', ('{"status":200}') x 3) . ']}',
        "$sync: a batch of them";
    is $t->metric('syncs_total'), $before + 2, "$sync: with one for all";

    # when it begins, and when what it has removed is to be forgotten

    is $t->request('DELETE', '/prefix/k')->status, 200, "$sync: a purge";
    is $t->metric('syncs_total'), $before + 4, "$sync: with two";

    ok $t->metric('unsynced_seconds') > 0, "$sync: stores are not synced yet";
    is $t->request('POST', '/close')->status, 200, "$sync: closed";
    is $t->metric('unsynced_seconds'), '0.000', "$sync: which syncs them";
    is $t->request('POST', '/open')->status, 200, "$sync: opened";
    is $t->get('/pickle/more')->status, 200, "$sync: there";
    ok $t->stop, "$sync: stops";
}

done_testing;
