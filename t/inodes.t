#!/usr/bin/perl

# A file system that has room, but no inodes left: what is stored is served, and
# removed, through reloads too; pages are stored again when there are some, with
# one worker, and with four, which try to open the store at the same time.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my ($t, $dir);


# begin: one nginx, on a file system of its own

sub begin {
    my ($workers) = @_;

    $t = Bigcache::Test->new;
    $dir = $t->dir;

    plan skip_all => 'cannot mount a tmpfs'
        if !$t->mount('size=256m,nr_inodes=200');

    $t->expect_log(qr/\[crit\].*(?:the disk is full|No space left)/);
    $t->conf(
        main => "worker_processes $workers;",
        store => '%%DIR%%/disk/store',
        path => 'wait=10s write_buffer=1m segment_size=1m gzip=off')->start;
}


# free: inodes

sub free {
    my @lines = split /\n/, qx(df --output=iavail $dir/disk);

    return $lines[1] + 0;
}


# fill: takes the inodes that are left

sub fill {
    my $n = 0;

    while (1) {
        open my $file, '>', "$dir/disk/filler-" . ++$n or last;
    }

    return free();
}


sub pages {
    my ($name, @keys) = @_;

    my $c = $t->connect;
    my @bad = grep { $c->request('GET', "/pickle/$_")->body ne "page $_ " x 1000 }
        @keys;

    is "@bad", '', "$name: pages are served";
}


# run: the whole of it

sub run {
    my ($workers) = @_;

    begin($workers);

    my @keys = map { "k$_" } 1 .. 50;

    is $t->request('POST', "/pickle/$_", "page $_ " x 1000)->status, 200, "$_"
        for @keys;
    ok $t->wait_for(sub { 16 == grep { -f } glob "$dir/disk/store/spare/*" }),
        'files are kept';

    is fill(), 0, 'no inodes';
    pages('no inodes', @keys);

    # what needs no new file may still be stored; then a segment is to be begun

    my (%status, @stored);

    for my $n (1 .. 400) {
        my $r = $t->request('POST', "/pickle/n$n", "page n$n " x 1000);

        $status{$r->status}++;
        push @stored, "n$n" if $r->status == 200;
        last if $r->status != 200;
    }

    is join(' ', grep { !/^(?:200|507)$/ } keys %status), '', 'stored, or 507';
    ok $status{507}, 'pages are not stored any more';
    pages('full', @keys[0 .. 9], @stored ? $stored[-1] : ());
    is $t->request('DELETE', '/pickle/k1')->status, 200, 'full: deletes';
    is $t->get('/pickle/k1')->status, 404, 'full: is deleted';

    # through reloads

    for my $round (1, 2) {
        my $name = "full, reload $round";

        fill();
        ok $t->reload, $name;
        pages($name, @keys[1 .. 19]);
        is $t->request('POST', '/pickle/new', 'page' x 1000)->status, 507,
            "$name: stores nothing";
        is $t->request('DELETE', "/pickle/k2$round")->status, 200,
            "$name: deletes";
        is $t->get('/stat/count')->status, 200, "$name: counts";
    }

    # there are some again

    unlink glob "$dir/disk/filler-*";

    ok $t->wait_for(sub {
        $t->request('POST', '/pickle/new', 'page' x 1000)->status == 200;
    }), 'stores again';
    ok $t->wait_for(sub { 16 == grep { -f } glob "$dir/disk/store/spare/*" }),
        'files are kept again';
    like $t->error_log, qr/there is room on the disk again/, 'is told';

    # they are gone before the reload: those that are kept are for the next
    # process

    # LevelDB may remove a file after that
    ok $t->wait_for(sub { fill() == 0 }), 'no inodes again';
    ok $t->reload, 'a reload without inodes';
    pages('a reload without inodes', @keys[1 .. 19]);
    is $t->request('DELETE', '/pickle/k2')->status, 200, 'deletes';
    ok $t->stop, 'stops';
    $t->start;
    pages('a start without inodes', @keys[2 .. 19]);
}


for my $workers (1, 4) {
    subtest "workers: $workers" => sub { run($workers) };
}

done_testing;
