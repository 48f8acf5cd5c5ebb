#!/usr/bin/perl

# Many threads of one process on a store in a cluster, plain and with
# ThreadSanitizer.

use strict;
use warnings;

use FindBin;
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test qw(slurp);

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

chdir "$FindBin::Bin/../.." or die "no sources: $!\n";

my $t = Bigcache::Test->new;
my $cluster = Bigcache::Cluster->new(masters => 3);

($ENV{BIGCACHE_CLUSTER}) = $cluster->servers;

for (
    ['plain', 'SAN=-O2'],
    ['ThreadSanitizer', 'SAN=-O1 -g -fsanitize=thread -DBIGCACHE_TSAN=1'],
) {
    my ($name, @build) = @$_;
    my $program = $t->dir . "/$name/unit/cluster_hammer_test";
    my $log = $t->dir . "/$name.log";

    is system('make', '-s', '-j2', '-f', 't/Makefile', @build,
        'OUT=' . $t->dir . "/$name", $program), 0, "$name: is built";

    my $said = qx{exec 2>$log; $program};

    is $?, 0, "$name: passes" or diag $said;
    unlike $said, qr/# skip/i, "$name: is not skipped";
    unlike slurp($log), qr/Sanitizer/, "$name: no report";
    diag slurp($log) if slurp($log) =~ /Sanitizer|not ok/;
}

done_testing;
