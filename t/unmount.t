#!/usr/bin/perl

# After /close no process has anything of the directory open or mapped: its
# file system may be unmounted, and mounted again before /open.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $conf = Bigcache::Test->default_conf(
    main => 'worker_processes %%WORKERS%%;',
    store => '%%DIR%%/disk/store',
    path => 'segment_size=1m',
    http => 'client_max_body_size 4m;');

my @mounted;

END {
    my $status = $?;

    system 'umount', '-l', $_ for @mounted;
    $? = $status;
}


# held(T): what processes of the server have open or mapped below the mount

sub held {
    my ($t) = @_;

    my $disk = $t->dir . '/disk';
    my @held;

    for my $pid ($t->running, $t->children) {
        push @held, map { "$pid $_" } grep { index($_, $disk) == 0 }
            $t->open_files($pid),
            map { readlink("/proc/$pid/$_") // '' } qw(cwd root);

        open my $maps, '<', "/proc/$pid/maps" or next;
        push @held, map { /(\Q$disk\E\S*)/ ? "$pid maps $1" : () } <$maps>;
    }

    # sockets have no path there

    open my $unix, '<', '/proc/net/unix' or return @held;
    push @held, map { /(\Q$disk\E\S*)/ ? $1 : () } <$unix>;

    return @held;
}


# every worker: asks until all have answered, so that each has files open

sub busy {
    my ($t) = @_;

    my @c = map { $t->connect } 1 .. 40;

    for my $n (1 .. 5) {
        $_->send_request('GET', "/pickle/k$n") for @c;
        $_->response for @c;
    }
}


for my $workers (1, 4) {
    my $t = Bigcache::Test->new->conf($conf =~ s/%%WORKERS%%/$workers/r);
    my $disk = $t->dir . '/disk';

    mkdir $disk;

    # in a mount of its own, if that can be had

    my $mount = $> == 0
        && system("mount -t tmpfs -o size=64m none $disk 2>/dev/null") == 0;
    push @mounted, $disk if $mount;

    $t->start;
    is $t->request('POST', "/pickle/k$_", "page $_ " x 1000)->status, 200,
        "$workers workers: stores k$_" for 1 .. 5;
    is $t->request('POST', '/pickle/large', 'large' x 500_000)->status, 200,
        "$workers workers: stores a large page";

    for my $round (1, 2) {
        my $name = "$workers workers, $round";

        busy($t);
        cmp_ok scalar(grep { /maps/ } held($t)), '>=', $workers,
            "$name: the lock is mapped in all";

        is $t->request('POST', '/close')->status, 200, "$name: closed";
        ok $t->wait_for(sub { !held($t) }), "$name: nothing is held"
            or diag join "\n", held($t);

      SKIP: {
            skip 'nothing can be mounted', 3 if !$mount;

            is system('cp', '-a', "$disk/store", $t->dir . '/copy'), 0,
                "$name: copied";
            ok $t->wait_for(sub { system("umount $disk 2>/dev/null") == 0 }),
                "$name: unmounted";
            @mounted = ();

            system("mount -t tmpfs -o size=64m none $disk") == 0
                and push @mounted, $disk;
            is system('mv', $t->dir . '/copy', "$disk/store"), 0,
                "$name: mounted, with a copy of it";
        }

        # what is in the hot index is of the time before

        my $page = "another $round " x 1000;

        is $t->get('/pickle/k1')->status, 503, "$name: still closed";
        is $t->request('POST', '/open')->status, 200, "$name: opened";
        is $t->get('/pickle/k2')->body, 'page 2 ' x 1000, "$name: a page";
        ok $t->get('/pickle/large')->body eq 'large' x 500_000,
            "$name: a large page";
        is $t->request('POST', '/pickle/k3', $page)->status, 200,
            "$name: stores";

        my @c = map { $t->connect } 1 .. 20;
        is join(' ', grep { $_->request('GET', '/pickle/k3')->body ne $page }
            @c), '', "$name: all see it";
        @c = ();
    }

    ok $t->stop, "$workers workers: stops";

    if ($mount) {
        is system('umount', $disk), 0, "$workers workers: unmounted at the end";
        @mounted = ();
    }
}

done_testing;
