#!/usr/bin/perl

# A reload costs no request and nothing of what is stored, whatever the old
# worker has yet to do.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $t = Bigcache::Test->new;

my $conf = Bigcache::Test->default_conf(
    path => 'wait=20s',
    http => 'client_max_body_size 10m;',
    listen => 'sndbuf=32k',
    server => q{
        location /slow/ {
            bigcache_base /slow;
            limit_rate 1m;
            bigcache main;
        }
    });

$t->conf($conf)->start;


sub stored { $t->request('POST', "/cache/$_[0]", "{\"value\":$_[0]}")->status }
sub value { $t->get("/cache/$_[0]")->json->{value} // '' }


# ten reloads, a request after each

my $large = join '', map { chr 33 + $_ % 90 } 0 .. 1_999_999;

is $t->request('POST', '/pickle/large', $large)->status, 200, 'large page';

my @failed;

for my $i (1 .. 10) {
    push @failed, "POST $i" if stored($i) != 200;
    $t->reload or push @failed, "reload $i";
    push @failed, "GET $i" if value($i) ne $i;
    push @failed, "miss $i" if $t->get('/cache/none')->status != 404;
}

is "@failed", '', 'ten reloads';
is_deeply [ map { value($_) } 1 .. 10 ], [ 1 .. 10 ], 'everything is there';
ok $t->get('/pickle/large')->body eq $large, 'large page is there';
is $t->count, 11, 'count';
is_deeply $t->get('/stat')->json->{stats}, { hit => 21, miss => 10,
    expire => 0, delete => 0, hit_rate => '67.74%' }, 'counters';
unlike $t->error_log, qr/not closed properly/, 'closed properly';

# reloads on each other's heels, after pauses of all lengths

$t->signal('HUP') and sleep 0.02 * $_ for 1 .. 8;
is value(3), 3, 'reloads in a row';
$t->reload;

# requests during the hand-over wait, and all are answered

my (%status, $slowest);

for my $round (1 .. 3) {
    my @old = $t->worker_pids;
    $t->signal('HUP');

    my $end = time + 1.5;
    my $n = 0;

    while (time < $end) {
        my $begin = time;
        my $name = "h$round-" . $n++;
        my $r = $t->request('POST', "/pickle/$name", $name);
        $status{ $r->status }++;
        $r = $t->get("/pickle/$name");
        $status{ $r->status }++;
        $status{wrong}++ if $r->body ne $name;
        $slowest = time - $begin if time - $begin > ($slowest // 0);
    }

    $t->wait_for(sub { !grep { my $pid = $_; grep { $_ == $pid } @old }
        $t->worker_pids });
}

is_deeply [ keys %status ], [ 200 ], 'requests during reloads'
    or diag join ', ', map { "$_: $status{$_}" } sort keys %status;
cmp_ok $slowest, '<', 15, 'they wait for a moment';

# connections that stay open: nginx closes idle ones, a request that had been
# sent by then is answered

my @c = map { $t->connect } 1 .. 20;

$_->request('GET', '/cache/1') for @c;
$t->signal('HUP');

my $answered = grep { $_->closed(10) } @c;
is $answered, 20, 'idle connections end';

# a slow download does not keep the new worker from the directory

my $c = $t->connect;
$c->send_request('GET', '/slow/pickle/large', undef);
$c->read_bytes(1000);

my $begin = time;
$t->reload;
is value(5), 5, 'serves beside a download';
cmp_ok time - $begin, '<', 15, 'without delay';
is stored(50), 200, 'stores beside a download';
is $t->request('DELETE', '/pickle/large')->status, 200, 'even deletes it';
$c->{in} = '';
$c->read_until('~') until length $c->{in} > 1_000_000 || !$c->readable(10);
$c->close;

# the page to its end

$t->request('POST', '/pickle/large', $large);
$c = $t->connect;
$c->send_request('GET', '/slow/pickle/large', undef);
$t->wait_for(sub { $c->readable });
$t->reload;
my $r = $c->response;
ok $r->body eq $large, 'download goes on to its end';

# a slow upload: the new worker serves at once, the upload ends in the old one

$c = $t->connect->begin('POST', '/pickle/upload', 100)->send('u' x 10);

$begin = time;
$t->reload;
$r = $t->get('/cache/5');
is $r->status, 200, 'serves beside an upload' or diag $r->body;
cmp_ok time - $begin, '<', 15, 'without delay';

# when the store is another's

if (!$t->in_cluster('no process owns it')) {
    $t->wait_for(sub {
        my $owner = $t->owner;
        grep { $_ == $owner } $t->worker_pids;
    });
}

$c->send('u' x 90);
$r = $c->response;
is $r->status, 200, 'upload is stored' or diag $r->body;
is $t->get('/pickle/upload')->body, 'u' x 100, 'and that is true';
ok !$c->readable(0) || $c->closed(5), 'then closed';

# an upload that ends while the old worker lets go

$c = $t->connect->begin('POST', '/pickle/upload', 100)->send('u' x 10);
$t->reload;
$c->send_slowly(0.1, ('u' x 10) x 9);
$r = $c->response;
is $r->status, 200, 'upload in time is stored' or diag $r->body;
is $t->get('/pickle/upload')->body, 'u' x 100, 'stored whole';

# several old workers, each with a download

@c = map {
    my $slow = $t->connect;
    $slow->send_request('GET', '/slow/pickle/large', undef);
    $slow->read_bytes(1000);
    $t->reload;
    $slow;
} 1 .. 3;

is value(7), 7, 'three old workers';
is stored(70), 200, 'stores beside three';
$_->close for @c;

# closed on demand, a reload opens

$t->get('/close');
$t->reload;
is value(7), 7, 'a reload opens';

my $count = $t->count;

ok $t->stop, 'stops';
$t->start;
is $t->count, $count, 'count after restart';
unlike $t->error_log, qr/not closed properly/, 'always closed properly';

done_testing;
