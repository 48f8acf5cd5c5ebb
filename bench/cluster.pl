#!/usr/bin/perl

# A cluster for bench/cluster.sh: starts MASTERS servers with REPLICAS each,
# prints their addresses, and does what it reads: "kill N" ends a server and
# prints how long it took until each slot has a master again, ms; the end of the
# input ends all.
#
#     bench/cluster.pl MASTERS REPLICAS NODE-TIMEOUT

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use Bigcache::Cluster;
use Time::HiRes qw(time);

alarm 0;
$| = 1;

my ($masters, $replicas, $timeout) = @ARGV;
my $cluster = Bigcache::Cluster->new(masters => $masters,
    replicas => $replicas, timeout => $timeout);

print join(' ', $cluster->servers), "\n";

while (<STDIN>) {
    if (/^kill (\d+)/) {
        my $begin = time;
        my $other = $1 ? 0 : 1;

        $cluster->kill($1);
        $cluster->wait_for(sub {
            my $owner = $cluster->owner(0, $other);
            defined $owner && $owner != $1
                && $cluster->ask($other, 'CLUSTER', 'INFO')
                    =~ /cluster_state:ok/;
        }, 'another master');
        printf "%.0f\n", 1000 * (time - $begin);
    }
}
