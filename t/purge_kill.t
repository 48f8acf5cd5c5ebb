#!/usr/bin/perl

# kill -9 of the owner, and of all of nginx, while a purge by tag removes or
# marks its pages: what was acknowledged is in effect in the next owner at once,
# the next owner ends it, and the count comes right.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

use constant KEYS => 20_000;

my $t = Bigcache::Test->new->conf(
    main => 'worker_rlimit_core 0; thread_pool bigcache threads=16;',
    path => 'thread_pool=bigcache wait=20s write_buffer=1m segment_size=1m',
    http => 'keepalive_requests 1000000;')->start;

$t->expect_log(qr/exited on signal 9/);

# in batches: those of the tag, and one in ten that does not have it

sub fill {
    my $c = $t->connect;

    for my $part (0 .. KEYS / 1000 - 1) {
        my $r = $c->request('POST', '/batch', '{"operations":['
            . join(',', map {
                my $tags = $_ % 10 ? '["all","part' . $part . '"]' : '["other"]';
                qq({"op":"set","key":"k$part/$_","value":$_,"tags":$tags,)
                    . '"stale":"1d"}';
            } 1 .. 1000) . ']}');

        $r->status == 200 or die $r->answer;
    }
}

# of some keys: how many of those with and without the tag are there

sub present {
    my $c = $t->connect;
    my @n = (0, 0);

    for my $n (map { int rand KEYS } 1 .. 300) {
        my ($part, $key) = (int $n / 1000, $n % 1000 + 1);
        my $status = $c->request('GET', "/cache/k$part/$key")->status;

        $n[$key % 10 == 0]++ if $status == 200;
        die "status $status" if $status !~ /^(?:200|404)$/;
    }

    return @n;
}

for my $how ('hard, the owner', 'hard, all', 'soft, the owner', 'soft, all') {
    my $soft = $how =~ /soft/;

    fill();
    is $t->count, KEYS, "$how: stored";

    my $r = $t->request('POST', '/purge', '{"type":"tag","selectors":["all"],'
        . '"purge":' . ($soft ? 'false' : 'true') . '}',
        Prefer => 'respond-async');
    is $r->status, 202, "$how: acknowledged";

    if ($how =~ /all$/) {
        $t->kill->start;

    } else {
        $t->signal('KILL', $t->owner);
    }

    my ($tagged, $other) = present();
    is $tagged, 0, "$how: what has the tag is gone";
    cmp_ok $other, '>', 0, "$how: what does not have it is there";

    # those that are marked are counted, since they may be served
    $t->counted($soft ? KEYS : KEYS / 10, "$how: count", 60);

    my $waits = $t->request('GET', '/cache/k1/1', undef, Prefer => 'wait=0');
    is $waits->status, 404, "$how: the first that asks is to make it";

    $waits = $t->request('GET', '/cache/k1/1', undef, Prefer => 'wait=0');
    is $waits->status, $soft ? 200 : 404,
        "$how: the next one " . ($soft ? 'gets the stale one' : 'waits');

    # the purge leaves nothing: a later one has nothing to do, and what is stored
    # after it stays
    $r = $t->request('POST', '/cache/k1/1', '{"value":"new","tags":["all"]}');
    is $r->status, 200, "$how: stored anew";

    my $again = $t->request('POST', '/purge', '{"type":"tag","selectors":'
        . '["part1"],"purge":true}');
    is $again->body, '{"purged":' . ($soft ? 899 : 0) . '}',
        "$how: what is left of a part";
    is $t->get('/cache/k1/1')->status, 200, "$how: a later page stays";
    is $t->get('/keys/?tag=all&limit=1000')->json->{keys}[0]{key}, 'k1/1',
        "$how: it is listed by its tag" if !$soft;

    is $t->request('POST', '/clear')->status, 200, "$how: cleared";
}

# what a purge has still to remove is not damage, whatever became of it: "check"
# of the command says nothing of it

my $tool = $ENV{BIGCACHE_TOOL} || 'build/bigcache';
my $store = $t->dir . '/store';

fill();
is $t->request('POST', '/purge', '{"type":"all","purge":true}',
    Prefer => 'respond-async')->status, 202, 'all of it is purged';
$t->kill;
unlink glob "$store/pages/*.seg";

my $said = `$tool check $store 2>&1`;
is $?, 0, 'no problem' or diag $said;
like $said, qr/\b0 problems/, 'says the command';

done_testing;
