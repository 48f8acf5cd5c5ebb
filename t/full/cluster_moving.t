#!/usr/bin/perl

# A store in a Redis cluster, while a slot is on its way to another server: each
# of its keys is at the one or at the other.  What can be read is read where it
# is; what cannot be written waits.

use strict;
use warnings;

use Time::HiRes qw(sleep);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test;

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

my $cluster = Bigcache::Cluster->new(masters => 2);
my $t = Bigcache::Test->new;
my $line = $cluster->directive('pages', 'zone=main:1m', 'buckets=1', 'wait=4s');

$t->expect_log(qr/requests are answered 503/);
$t->conf($t->default_conf =~ s/bigcache_path .*?;/$line/r)->start;

my $slot = $cluster->ask(0, 'CLUSTER', 'KEYSLOT', '{pages:0}i');
my $from = $cluster->owner($slot);
my $to = 1 - $from;
my @keys = map { sprintf 'k%02d', $_ } 1 .. 40;

is $t->request('POST', "/pickle/$_", "page $_", 'Surrogate-Key' => 'red')
    ->status, 200, $_ for @keys;

# move(NAME ...): keys of the bucket

sub move {
    return $cluster->ask($from, 'MIGRATE', '127.0.0.1', $cluster->port($to), '',
        0, 5000, 'KEYS', map { "{pages:0}$_" } @_);
}

# reads(WHEN): all pages are there

sub reads {
    my ($when) = @_;

    is scalar(grep { $t->get("/pickle/$_")->body eq "page $_" } @keys), 40,
        "$when: all pages";
    is $t->count, 40, "$when: the count";
    is_deeply [ map { $_->{key} }
        @{ $t->get('/keys/?limit=100')->json->{keys} } ], \@keys,
        "$when: the list";
    is scalar @{ $t->get('/keys/?tag=red&limit=100')->json->{keys} }, 40,
        "$when: the list of a tag";
}

reads('before');

$cluster->begin_move($slot, $to);

reads('nothing has moved');

is $t->request('POST', '/pickle/new', 'x')->status, 503, 'a write waits';
is $t->request('DELETE', '/prefix/k')->status, 503, 'a purge waits';

is move('kk01', 'kk02'), 'OK', 'two pages move';
reads('two pages have moved');

is move('v'), 'OK', 'the numbers move';
reads('the numbers have moved');

is move('i', 't'), 'OK', 'the indices move';
reads('the indices have moved');

$cluster->move_keys($slot, $from, $to, 10);
reads('all have moved');

$cluster->end_move($slot, $from, $to);

reads('after');

# -- a purge is in effect, and its slot begins to move before its pages are gone

($from, $to) = ($to, $from);

my $v = $cluster->ask($from, 'HGET', '{pages:0}v', 'clock') + 1;
my $selector = pack 'CCv a*', 0, 0, 0, 'k';

is $cluster->ask($from, 'ZADD', '{pages:0}p', $v, $selector), 1, 'its marker';
$cluster->begin_move($slot, $to);

is $t->get('/pickle/k01')->status, 404, 'a purge is in effect';
is_deeply $t->get('/keys/')->json->{keys}, [], 'also for the list';

# upkeep takes it as left behind, and cannot end it

ok $t->wait_for(sub { $cluster->keys('*}w') }, 60), 'upkeep tries to end it';
sleep 1;
is $t->get('/pickle/k01')->status, 404, 'it is in effect still';
$cluster->ask($to, 'CLUSTER', 'SETSLOT', $slot, 'STABLE');
$cluster->ask($from, 'CLUSTER', 'SETSLOT', $slot, 'STABLE');

ok $t->wait_for(sub { !$cluster->keys('*}p') }, 60), 'it ends';
is $t->get('/pickle/k01')->status, 404, 'no page is there again';
is $t->count, 0, 'and none is left';

done_testing;
