#!/usr/bin/perl

# ./build.sh that is told to end while it builds: it does, with all that it has
# started, and the next one is not in its way.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Cwd qw(abs_path);
use POSIX qw(WNOHANG);
use Test::More;

my $t = Bigcache::Test->new;
my $top = abs_path("$FindBin::Bin/..");
my $tree = $t->dir . '/tree';

mkdir $tree or die "$tree: $!\n";
system('sh', '-c', 'tar -C "$1" -cf - --exclude=./.git --exclude=./build'
    . ' --exclude=./data --exclude="./obj-*" . | tar -C "$2" -xf -',
    'sh', $top, $tree) == 0 or die "tar failed\n";


# running: the processes that work in there

sub running {
    return grep { (readlink("/proc/$_/cwd") // '') =~ /^\Q$tree\E(?:\/|\z)/ }
        map { m{/(\d+)\z} } glob '/proc/[0-9]*';
}


sub begin {
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        $SIG{INT} = $SIG{TERM} = 'DEFAULT';
        setpgrp;
        chdir $tree or POSIX::_exit(127);
        open STDOUT, '>>', $t->dir . '/said';
        open STDERR, '>>', $t->dir . '/said';
        delete @ENV{qw(WERROR CI MAKEFLAGS MAKELEVEL bigcache_int)};
        { exec './build.sh', @_; }
        POSIX::_exit(127);
    }

    return $pid;
}


sub status {
    my ($pid) = @_;

    return $t->wait_for(sub { waitpid($pid, WNOHANG) == $pid }) ? $?
        : 'it goes on';
}


# while nginx's configure runs compilers, and to build.sh alone

for my $case ([ INT => 130 ], [ TERM => 143 ], [ HUP => 129 ]) {
    my ($signal, $code) = @$case;
    my $pid = begin('build');

    ok $t->wait_for(sub { glob "$tree/build/nginx-*/objs/autoconf.err" }, 120),
        "$signal: it builds" or diag $t->read_file('said');

    kill $signal, $pid;
    is status($pid), $code << 8, "$signal: it ends";
    ok $t->wait_for(sub { !running() }), "$signal: and all it has started"
        or diag join ' ', running();
    is_deeply [ glob "$tree/build/nginx-*/stamp" ], [],
        "$signal: nothing is taken for done";

    system 'rm', '-rf', glob "$tree/build/nginx-*";
}

# one that waits for another one

system('mkdir', '-p', "$tree/build") == 0 or die "mkdir\n";
open my $lock, '>', "$tree/build/.lock" or die ".lock: $!\n";
flock $lock, 2 or die "flock: $!\n";

my $pid = begin('build');
ok $t->wait_for(sub {
    grep { (readlink("/proc/$_/exe") // '') =~ m{/flock\z} } running();
}), 'it waits for another one';
kill 'INT', $pid;
is status($pid), 130 << 8, 'it ends';
ok $t->wait_for(sub { !running() }), 'all of it';

done_testing;
