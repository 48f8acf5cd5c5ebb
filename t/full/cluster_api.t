#!/usr/bin/perl

# The tests of the API, and of page caching, with their stores in a cluster: the
# same requests have the same answers.  What cannot be the same is named here,
# with the reason.

use strict;
use warnings;

use FindBin;
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test;

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

# tests of the directory itself, of the processes that share it, and of the
# command are none of the API

my @tests = split ' ', <<'END';
    abort access base batch batch_accept batch_bytes batches bodies
    body_buffer browsers by_file cache capture clear clock close coherence
    conditional connections count delete duration error_page errors expire
    filters gzip handover history http2 huge incr json_invalid keepalive keys
    large lease lease_race lease_stale limits list locations methods minimal
    no_transform order pages pages_clients pages_collapse pages_complete
    pages_conditions pages_fastcgi pages_filters pages_flood pages_follow
    pages_follow_ends pages_invalidate pages_keys pages_metrics pages_min_uses
    pages_purge pages_purgers pages_room pages_soak pages_soft pages_source
    pages_spa pages_stale pages_tags pages_variants pickle prefix purge
    purge_post range raw_lifetime redirected reload rewrite spelling
    status_variable subrequests tags tls touch touch_race unpack verbatim
    version
END

alarm 1800;             # each of the tests has a limit of its own

my $cluster = Bigcache::Cluster->new(masters => 3);

local $ENV{BIGCACHE_CLUSTER} = join ' ', $cluster->servers;
local $ENV{BIGCACHE_CLUSTER_PIDS} = join ' ', $cluster->pids;

my $jobs = $ENV{BIGCACHE_JOBS} || 2;
my @names = grep { -f "$FindBin::Bin/../$_.t" }
    @ARGV ? @ARGV : @tests;

# one of them stops the servers, which the others would notice

for my $part ([ grep { $_ eq 'abort' } @names ],
    [ grep { $_ ne 'abort' } @names ])
{
    next if !@$part;

    my $said = qx{cd "$FindBin::Bin/../.." && prove -j$jobs -It/lib @{[
        map { "t/$_.t" } @$part ]} 2>&1};

    is $?, 0, scalar(@$part) . ' test files' or diag $said;

    note $said;
}

done_testing;
