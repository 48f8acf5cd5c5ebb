#!/usr/bin/perl

# Many clients make pages under leases while others remove them, workers are
# killed and nginx is reloaded.  What is made is the generation of its key, which
# a remover counts up before it removes the key: so an answer that is older than
# a removal was made before it, and must not be there after it.
#
# BIGCACHE_LEASE_RACE=60: so many seconds, 4 by default.

use strict;
use warnings;

use Bigcache::Test;
use Fcntl qw(SEEK_SET);
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    KEYS => 4,
    CLIENTS => 5,
};

my $seconds = $ENV{BIGCACHE_LEASE_RACE} || 4;
my $workers = $ENV{BIGCACHE_WORKERS} || 4;
my $t = Bigcache::Test->new;

$t->conf(main => "worker_processes $workers;", listen => 'reuseport')->start;
$t->expect_log(qr/exited on signal 9/);

# of each key the generation, and the one of the last removal that was answered

my $shared = $t->write_file('generations', "\0" x (16 * KEYS));

my $end = time + $seconds;
my @children = map { my $n = $_; $t->in_child(sub { client($n) }, $seconds + 60) }
    1 .. CLIENTS;
push @children, map { my $by = $_;
    $t->in_child(sub { remover($by) }, $seconds + 60) } 'key', 'prefix';

my ($kills, $reloads) = (0, 0);

while (time < $end) {
    my @pids = $t->worker_pids;

    $t->signal(KILL => $pids[ rand @pids ]);
    $kills++;
    sleep 0.4;

    $t->reload, $reloads++ if rand() < 0.3;
    sleep 0.4;
}

my (%sum, @wrong);

for my $child (@children) {
    my $said = $child->();

    push @wrong, $said =~ /^(?:wrong|died).*/mg;
    $sum{$1} += $2 while $said =~ /^(\w+)=(\d+)$/mg;
}

is "@wrong", '', 'no answer is older than a removal';
cmp_ok $sum{$_} // 0, '>', 0, "$_: $sum{$_}" for qw(hits made late removed);
note "$kills workers killed, $reloads reloads, ", join ', ',
    map { "$_ $sum{$_}" } sort keys %sum;

# all leases end, whatever has become of their clients

for my $key (0 .. KEYS - 1) {
    my $r = $t->get("/cache/race/$key", Prefer => 'wait=30');
    ok $r->status == 200 || $r->header('Bigcache-Lease'), "key $key goes on";
}

done_testing;


# number(I, VALUE): of the shared file; sets it if there is a value

sub number {
    my ($file, $i, $value) = @_;

    sysseek $file, 8 * $i, SEEK_SET or die "seek: $!\n";

    if (defined $value) {
        syswrite $file, pack 'Q', $value;
        return $value;
    }

    sysread $file, my $bytes, 8;
    return unpack 'Q', $bytes;
}


# a request that is made again if its worker was killed; undef after some tries

sub ask {
    for (1 .. 100) {
        my $r = eval { $t->request(@_) };
        return $r if $r && $r->status && $r->status != 503;
        sleep 0.02;
    }

    return;
}


sub client {
    my ($n) = @_;
    my %n = map { $_ => 0 } qw(hits made late misses);

    srand $n;
    open my $file, '+<', $shared or die "$shared: $!\n";

    while (time < $end) {
        my $key = int rand KEYS;
        my $floor = number($file, 2 * $key + 1);
        my $r = ask(GET => "/cache/race/$key", undef,
            Prefer => 'wait=5, lease=1') or next;

        if ($r->status == 200) {
            my $value = $r->json->{value};
            return "wrong: key $key, $value after the removal of $floor\n"
                if $value < $floor;
            $n{hits}++;
            sleep 0.001;
            next;
        }

        my $token = $r->header('Bigcache-Lease');
        $n{misses}++, next if !$token;

        # a few are slower than their lease, or forget it

        my $made = number($file, 2 * $key);
        sleep rand() < 0.02 ? 1.2 : 0.002 * int rand 8;
        next if rand() < 0.01;

        $r = ask(POST => "/cache/race/$key", qq({"value":$made}),
            'Bigcache-Lease' => $token) or next;
        $r->status == 200 ? $n{made}++ : $r->status == 412 ? $n{late}++
            : return 'wrong: ' . $r->answer . "\n";
    }

    return join '', map { "$_=$n{$_}\n" } sort keys %n;
}


# each remover has keys of its own, so that nobody else counts them up

sub remover {
    my ($by) = @_;
    my $n = 0;

    open my $file, '+<', $shared or die "$shared: $!\n";

    while (time < $end) {
        for my $key ($by eq 'key' ? (0, 1) : (2, 3)) {
            my $next = number($file, 2 * $key, number($file, 2 * $key) + 1);
            my $r = ask(DELETE => $by eq 'key' ? "/cache/race/$key"
                : "/prefix/race/$key");

            return 'wrong: ' . ($r ? $r->answer : 'no answer') . "\n"
                if !$r || $r->status !~ /^(?:200|404)$/;

            number($file, 2 * $key + 1, $next);
            $n++;
            sleep 0.01 + rand 0.03;
        }
    }

    return "removed=$n\n";
}
