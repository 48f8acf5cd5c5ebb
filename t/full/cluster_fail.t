#!/usr/bin/perl

# Servers of a cluster that die, stop, or lose their slots, and nginxes that die
# in the middle of their work: no wrong byte, no answer later than "wait", no
# crash, and with replicas= nothing is gone that was answered 200.

use strict;
use warnings;

use Time::HiRes qw(sleep time);
use POSIX ();
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test qw(noise);

use constant LATE => 2;         # seconds behind "wait", on a busy machine

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

# nginx(CLUSTER, PARAMETERS)

sub nginx {
    my ($cluster, @parameters) = @_;

    my $t = Bigcache::Test->new;
    my $text = $t->default_conf(main => "worker_processes 2;\n"
        . 'thread_pool default threads=32;',
        http => 'client_max_body_size 200m;');
    my $line = $cluster->directive('pages', 'zone=main:1m', @parameters);

    $text =~ s/bigcache_path .*?;/$line/;
    $t->expect_log(qr/requests are answered 503|exited on signal 9/);

    return $t->conf($text)->start;
}

# slot(KEY): of the bucket that its page lies in; asks the cluster where it is

sub slot {
    my ($cluster, $key) = @_;

    my ($name) = grep { /\}k\Q$key\E$/ } $cluster->keys("*k$key");

    return $cluster->ask(0, 'CLUSTER', 'KEYSLOT', $name);
}

# alive(CLUSTER): a server that answers

sub alive {
    my ($cluster) = @_;

    return (grep { $cluster->{servers}[$_]{pid} } 0 .. $cluster->n - 1)[0];
}

# master(CLUSTER, I): which server has the slots that master I had at first

sub master { return $_[0]->owner(int 16384 * ($_[1] + 0.5) / 3) }

# writers(T, N, CODE): N processes that call CODE with their number until they
# are stopped; returns what stops them, and then what each has returned last

sub writers {
    my ($t, $n, $code) = @_;

    my @running;

    for my $i (0 .. $n - 1) {
        pipe my $stop, my $stopper or die "pipe: $!\n";
        pipe my $in, my $out or die "pipe: $!\n";
        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            close $stopper;
            close $in;
            close $_->[1] for @running;
            alarm 0;
            $SIG{ALRM} = 'DEFAULT';
            my $reads = '';
            my %state;
            vec($reads, fileno $stop, 1) = 1;
            until (select my $ready = $reads, undef, undef, 0) {
                my $begin = time;
                eval { $code->($i, \%state) };
                my $took = time - $begin;
                $state{slowest} = $took if $took > ($state{slowest} // 0);
            }
            print $out JSON::PP::encode_json(\%state);
            close $out;
            POSIX::_exit(0);
        }

        push @running, [ $pid, $stopper, $in ];
    }

    return sub {
        close $_->[1] for @running;

        return map { local $/; my $text = readline $_->[2];
            waitpid $_->[0], 0; JSON::PP::decode_json($text || '{}') }
            @running;
    };
}

# -- a master is killed under load

my $cluster = Bigcache::Cluster->new(masters => 3, replicas => 1,
    timeout => 1000);
my $t = nginx($cluster, 'wait=3s', 'timeout=500ms');

is $t->request('POST', "/pickle/k$_", "page $_ " x 100)->status, 200, "k$_"
    for 1 .. 12;
$cluster->wait_for(sub { $cluster->ready }, 'replicas are there');
$cluster->replicated;

my $stop = writers($t, 4, sub {
    my ($i, $state) = @_;
    my $k = 1 + int rand 12;
    my $r = $t->get("/pickle/k$k");

    $state->{ $r->status }++;
    $state->{wrong}++ if $r->status == 200 && $r->body ne "page $k " x 100;
    $state->{last} = time if $r->status == 503;
    $state->{first} //= time if $r->status == 503;
});

sleep 0.5;
my $killed = time;
$cluster->kill(0);
$cluster->wait_for(sub { my $m = master($cluster, 0); defined $m && $m != 0
    && $cluster->ask(alive($cluster), 'CLUSTER', 'INFO')
        =~ /cluster_state:ok/ }, 'another master');
sleep 1;

my @seen = $stop->();

is scalar(grep { $_->{wrong} } @seen), 0, 'master killed: no wrong byte';
my %statuses = map { $_ => 1 } grep { /^\d+$/ } map { keys %$_ } @seen;
delete $statuses{503};

is_deeply [ keys %statuses ], [ 200 ], 'found, or 503';
cmp_ok $_->{slowest}, '<', 3 + LATE, "no answer later: $_->{slowest}" for @seen;

is $t->get("/pickle/k$_")->body, "page $_ " x 100, "k$_ is there again"
    for 1 .. 12;

my ($last) = sort { $b <=> $a } map { $_->{last} // $killed } @seen;
note sprintf 'no answers for %.1f s after the kill', $last - $killed;

# -- it comes back as a replica

$cluster->start(0);
$cluster->wait_for(sub { $cluster->ready }, 'the old master is a replica');
is $t->request('POST', '/pickle/back', 'x')->status, 200, 'a write after that';

# -- a master that is stopped

my $victim = master($cluster, 1);
$cluster->kill($victim, 'STOP');

my $begin = time;
my %seen;
my $until = time + 20;

while (time < $until) {
    my $at = time;
    my @r = map { $t->get("/pickle/k$_")->status } 1 .. 12;
    $seen{$_}++ for @r;
    last if !grep { $_ != 200 } @r;
}

is_deeply [ grep { !/^(?:200|503)$/ } keys %seen ], [],
    'master stopped: found, or 503';
is scalar(grep { $t->get("/pickle/k$_")->status == 200 } 1 .. 12), 12,
    sprintf 'all are there after %.1f s', time - $begin;

$cluster->kill($victim, 'CONT');
$cluster->wait_for(sub { $cluster->ready }, 'it is a replica');

# -- all away, and back

$cluster->kill($_, 'STOP') for 0 .. $cluster->n - 1;

$begin = time;
my $r = $t->get('/pickle/k1');
my $took = time - $begin;

is $r->status, 503, 'all stopped';
cmp_ok $took, '<', 3 + LATE, sprintf 'answered after %.1f s', $took;
ok $r->header('Retry-After'), 'with Retry-After';

$begin = time;
is $t->request('DELETE', '/prefix/k')->status, 503, 'a purge';
cmp_ok time - $begin, '<', 6 + LATE, 'answered in time';

$cluster->kill($_, 'CONT') for 0 .. $cluster->n - 1;
$cluster->wait_for(sub { $cluster->ready }, 'they answer again');

ok $t->wait_for(sub { $t->get('/pickle/k1')->status =~ /200|404/ }),
    'and so does nginx';

# a server that was away is tried ten times a second

ok $t->wait_for(sub { $t->request('DELETE', '/prefix/k')->status == 200 }),
    'the purge again';
ok $t->wait_for(sub { $t->get('/pickle/k1')->status != 503 }),
    'the other worker answers, too';
is $t->get('/pickle/k1')->status, 404, 'it is in effect';
is $t->count, 1, 'and counted';

$t->stop;
$cluster->stop;

# -- slots that move under counters and writers

$cluster = Bigcache::Cluster->new(masters => 3);
$t = nginx($cluster, 'buckets=4', 'wait=10s');

$stop = writers($t, 4, sub {
    my ($i, $state) = @_;
    my $r = $t->request('POST', '/incr/n' . int rand 4, '{"initial":0}');

    $state->{ok}++ if $r->status == 200;
    $state->{unknown}++ if $r->status != 200;

    my $n = ++$state->{n};
    $r = $t->request('POST', "/pickle/w$i", "$i $n " x 50,
        'Surrogate-Key' => "w$i");
    $state->{stored} = $n if $r->status == 200;
    $r = $t->get("/pickle/w$i");
    $state->{wrong} = "$n: " . $r->status . ' ' . substr $r->body, 0, 40
        if ($state->{stored} // 0) == $n && $r->body ne "$i $n " x 50;
});

my $moved = 0;

sleep 0.5;

for my $bucket (0 .. 3) {
    my $slot = $cluster->ask(0, 'CLUSTER', 'KEYSLOT', "{pages:$bucket}i");

    for my $to (map { ($_ + 1 + ($cluster->owner($slot) // 0)) % 3 } 0 .. 1) {
        my $from = $cluster->owner($slot);
        next if $from == $to;

        $cluster->begin_move($slot, $to);
        $cluster->move_keys($slot, $from, $to, 5, 0.02);
        $cluster->end_move($slot, $from, $to);
        $moved++;
    }
}

sleep 0.5;
@seen = $stop->();

cmp_ok $moved, '>', 4, "$moved slots have moved";
is_deeply [ map { $_->{wrong} // () } @seen ], [],
    'slots moved: each writer reads what it has written';

my $ok = 0;
my $unknown = 0;
$ok += $_->{ok} // 0, $unknown += $_->{unknown} // 0 for @seen;

# the first count of each makes it 0

my $sum = 0;
$sum += 1 + (($t->get("/cache/n$_")->json // {})->{value} // -1) for 0 .. 3;

is $unknown, 0, 'no request failed';
ok $sum >= $ok && $sum <= $ok + $unknown, 'no count is lost, or made twice'
    or diag "$sum, not $ok .. " . ($ok + $unknown);
cmp_ok $ok, '>', 20, "of $ok";

# -- nginx is killed in the middle of its work

$t->request('POST', "/pickle/p$_", 'x', 'Surrogate-Key' => 'p') for 1 .. 300;

my $large = noise(150_000_000);
my ($other, @chunks);

# some chunks are there, and no page yet: a busy machine may be too late for that

for (1 .. 10) {
    my %before = map { $_ => 1 } $cluster->keys('*}c*:*');
    my $chunks = sub { grep { !$before{$_} } $cluster->keys('*}c*:*') };

    $other = nginx($cluster, 'buckets=4');

    my $c = $other->connect;

    $c->send(Bigcache::Test::raw('POST', '/pickle/large', $large));

    $cluster->wait_for(sub { 2 < $chunks->() }, 'chunks are there');
    kill 'KILL', $other->worker_pids;
    $other->kill;

    @chunks = $chunks->();
    last if !$cluster->keys('*}klarge');
    $t->request('DELETE', '/pickle/large');
}

cmp_ok scalar @chunks, '>', 0, 'killed within a put: chunks are left';
is $t->get('/pickle/large')->status, 404, 'no page has them';

ok $t->wait_for(sub {
    for my $key ($cluster->keys('*}o')) {
        my $at = $cluster->owner($cluster->ask(0, 'CLUSTER', 'KEYSLOT', $key));
        my $names = $cluster->ask($at, 'ZRANGE', $key, 0, -1);
        $cluster->ask($at, 'ZADD', $key, 'XX', 1, $_) for @$names;
    }

    return !$cluster->keys('*}c*:*');
}, 40), 'when their time has come, upkeep removes them';

# a purge that nobody ends: its marker alone, as a process leaves it

$other = nginx($cluster, 'buckets=4');
is $other->request('POST', '/purge', '{"type":"tag","selectors":["p"],'
    . '"purge":true}', Prefer => 'respond-async')->status, 202, 'a purge begins';
kill 'KILL', $other->worker_pids;
$other->kill;

is $t->get('/pickle/p7')->status, 404, 'killed within a purge: it is in effect';
ok $t->wait_for(sub { !$cluster->keys('*}p') }, 60), 'upkeep ends it';
is scalar(grep { /\}kp\d/ } $cluster->keys('*')), 0, 'no page is left';

$t->stop;
$cluster->stop;

# -- replicas

for my $replicas (0, 1) {
    $cluster = Bigcache::Cluster->new(masters => 3, replicas => 1,
        timeout => 1000);
    $t = nginx($cluster, "replicas=$replicas", $replicas ? 'wait=1s' : 'wait=5s');

    my (%stored, %gone);

    $stored{$_} = $t->request('POST', "/pickle/a$_", "a$_")->status for 1 .. 60;
    is scalar(grep { $_ == 200 } values %stored), 60,
        "replicas=$replicas: stored";
    $cluster->replicated;

    # the replica of a master is stopped; what follows it does not get

    my $master = master($cluster, 0);
    my $replica = $master + 3;

    $cluster->kill($replica, 'STOP');
    $cluster->ask($master, 'CLIENT', 'KILL', 'TYPE', 'replica');

    my %later = map { $_ => $t->request('POST', "/pickle/b$_", "b$_")->status }
        1 .. 30;
    my %deleted = map { $_ => $t->request('DELETE', "/pickle/a$_")->status }
        1 .. 30;

    $cluster->kill($master);
    $cluster->kill($replica, 'CONT');
    $cluster->wait_for(sub { (master($cluster, 0) // -1) == $replica
        && $cluster->ask($replica, 'CLUSTER', 'INFO') =~ /cluster_state:ok/ },
        'the replica is the master');
    $t->wait_for(sub { !grep { $_ == 503 }
        map { $t->get("/pickle/a$_")->status } 1 .. 60 });

    my @lost = grep { $later{$_} == 200
        && $t->get("/pickle/b$_")->status != 200 } 1 .. 30;
    my @back = grep { $deleted{$_} == 200
        && $t->get("/pickle/a$_")->status != 404 } 1 .. 30;
    my $refused = grep { $_ == 503 } values %later, values %deleted;

    if ($replicas) {
        is scalar @lost, 0, 'replicas=1: nothing is lost that was answered 200';
        is scalar @back, 0, 'and nothing comes back';
        cmp_ok $refused, '>', 0, "$refused were answered 503";
        like $t->request('POST', "/pickle/z$_", 'x')->json->{detail} // '',
            qr/not known to be kept by 1 replica/, 'which says why'
            for grep { $t->request('POST', "/pickle/z$_", 'x')->status == 503 }
            1 .. 3;

    } else {
        is $refused, 0, 'replicas=0: all were answered';
        cmp_ok @lost + @back, '>', 0, 'a part of what was answered last is '
            . 'undone: ' . @lost . ' stores, ' . @back . ' deletes';
    }

    $t->stop;
    $cluster->stop;
}

done_testing;
