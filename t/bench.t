#!/usr/bin/perl

# The benchmarks: each is a script that bash can read, and is in the list of
# `./build.sh bench` and of docs/testing.md.  bench/results/goals.md has the rows
# of all.  The load of a constant rate, bench/rate.c, counts an answer from when
# its request was due: requests count that could not be sent because the server
# had stopped.

use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep);

use constant STOP => 0.4;

my $top = "$FindBin::Bin/..";
my @scripts = map { m{(\w+)\.sh$} } glob "$top/bench/*.sh";


sub slurp {
    open my $file, '<', $_[0] or die "$_[0]: $!\n";
    local $/;

    return scalar <$file>;
}


# -- scripts

for my $name ('common', map { "$_.sh" } @scripts) {
    is system('bash', '-n', "$top/bench/$name"), 0, "$name can be read";
}

my ($list) = slurp("$top/auto/test.sh")
    =~ /names="(peers [^"]*)"/ or die 'no list of benchmarks';

is_deeply [ sort grep { $_ ne '\\' } split(' ', $list), 'overwrite' ],
    [ sort @scripts ], 'all are run by ./build.sh bench';

my ($table) = slurp("$top/docs/testing.md")
    =~ /^\| `\.\/build\.sh bench` .*\n\|---.*\n((?:\|.*\n)+)/m;

is_deeply [ sort(($table // '') =~ /^\| `(\w+)`/mg) ], [ sort @scripts ],
    'all are in docs/testing.md';

is slurp("$top/bench/results/goals.md"),
    "| what | against | measured | goal | |\n|---|---|---|---|---|\n"
    . join('', map { slurp($_) } sort glob "$top/bench/results/goals/*"),
    'goals.md has the rows of all';


# -- a constant rate

my $dir = tempdir(CLEANUP => 1);

is system("gcc -O2 -Wall -D_GNU_SOURCE -o $dir/rate $top/bench/rate.c"), 0,
    'rate.c is compiled';

my $listener = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1')
    or die "listen: $!";
my $port = $listener->sockport;

# server: answers 404 to /none and 200 to all else, but stops once

sub server {
    my $select = IO::Select->new($listener);
    my $answers = 0;

    for ( ;; ) {
        for my $socket ($select->can_read) {
            if ($socket == $listener) {
                $select->add($listener->accept);
                next;
            }

            if (!sysread $socket, my $request, 65536) {
                $select->remove($socket);
                next;
            } else {
                my $status = $request =~ m{^\w+ /none} ? 404 : 200;

                sleep STOP if $request !~ m{^\w+ /(?:none|quick)}
                    && ++$answers == 100;
                syswrite $socket, "HTTP/1.1 $status x\r\nContent-Length: 2\r\n"
                    . "\r\nok";
            }
        }
    }
}

my $server = fork // die "fork: $!";

if ($server == 0) {
    server();
}

END {
    kill KILL => $server if $server;
}

# rate(ARGUMENTS): its figures

sub rate {
    return split ' ', `timeout 60 $dir/rate @_`;
}

my ($answers, $rate, $failures, $p50, $p99, $p999, $longest)
    = rate("-c 8 -n 1000 $port /page/%d 1000");

is $answers, 1000, 'all requests were answered';
is $failures, 0, 'and none failed';

# of 1,000 requests, 400 became due while the server had stopped
cmp_ok $longest, '>=', STOP * 1000, 'the longest answer took as long';
cmp_ok $p99, '>=', STOP * 1000 * 0.9, 'the 99th percentile nearly as long';
cmp_ok $p999, '>=', $p99, 'the 99.9th percentile is not shorter';
cmp_ok $p50, '<=', $p99, 'the median is not longer';

is ((rate("-c 4 -n 50 -s 404 $port /none/%d 1000"))[2], 0, '404 can be wanted');
is ((rate("-c 4 -n 50 $port /none/%d 1000"))[2], 50, 'and is a failure else');
is ((rate("-c 4 -n 50 -s 2 $port /quick 0"))[0], 50, 'as quick as it can');
is ((rate("-c 4 -n 50 -b $0 $port /quick 500"))[2], 0, 'with a body');

done_testing();
