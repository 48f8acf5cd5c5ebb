#!/usr/bin/perl

# bigcache doctor at an nginx with a store in a cluster: a good one, and each
# trouble of the servers that a test can provoke.  t/unit/doctor_test.c has the
# others.

use strict;
use warnings;

use FindBin;
use JSON::PP qw(decode_json);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test;

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

my $tool = $ENV{BIGCACHE_TOOL} || "$FindBin::Bin/../../build/bigcache";

plan skip_all => "no $tool" if !-x $tool;

my $cluster = Bigcache::Cluster->new(masters => 3, replicas => 1,
    conf => [ 'maxmemory 64mb' ]);
my @names = map { '127.0.0.1:' . $cluster->port($_) } 0 .. 5;
my $t = nginx();

# nginx(PARAMETERS): with the store

sub nginx {
    my (@parameters) = @_;

    my $t = Bigcache::Test->new;
    my $line = $cluster->directive('pages', 'zone=main:1m', 'wait=1s',
        'timeout=500ms', @parameters);

    return $t->conf($t->default_conf =~ s/bigcache_path .*?;/$line/r)->start;
}

# doctor(ARGUMENTS): what it prints

sub doctor {
    my $url = 'http://127.0.0.1:' . $t->port(0);
    my $said = `$tool doctor @_ $url 2>&1`;

    return $said;
}

# found(NAME): the finding of that check

sub found {
    my ($name) = @_;

    my $report = decode_json(doctor('--json'));

    return (grep { $_->{name} eq $name } @{ $report->{checks} })[0]
        // { level => 'none', seen => '', do => '' };
}

# becomes(NAME, LEVEL, REGEX, TEST): soon

sub becomes {
    my ($name, $level, $seen, $test) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $found;

    ok $t->wait_for(sub { $found = found($name);
        $found->{level} eq $level && $found->{seen} =~ $seen }),
        "$test: $name is $level"
        or diag "$found->{level}: $found->{seen}";
    ok $level eq 'ok' || $found->{do}, "$test: what to do";
}

# -- as it should be

becomes('servers', 'ok', qr/^6 of 6 answer, 3 of them have slots$/, 'good');
becomes('slots', 'ok', qr/^each has a server$/, 'good');
becomes('replicas', 'ok', qr/^0 of 3 masters have none$/, 'good');
becomes('memory', 'ok', qr/uses most, \d+ % of its maxmemory$/, 'good');
becomes('policy', 'ok', qr/noeviction/, 'good');
becomes('evicted', 'ok', qr/^none$/, 'good');
becomes('named', 'ok', qr/^3 servers/, 'good');
becomes('store', 'ok', qr/^open, with 0 pages$/, 'good');

is_deeply [ grep { found($_)->{level} ne 'none' } qw(zone evictions limits space
    dead_bytes syncs sync open_files file_system preadv2 cachestat) ], [],
    'nothing of a directory';
unlike doctor(), qr/segment|disk|hot index|bigcache_path|tables/i,
    'in no words either' or diag doctor();
like doctor(), qr/^in force engine: cluster$/m, 'what is in force';

# -- memory, evictions, a policy

$t->request('POST', "/pickle/p$_", 'x' x 100_000) for 1 .. 5;
$cluster->ask($_, 'CONFIG', 'SET', 'maxmemory', 1) for 0 .. 2;
is $t->request('POST', '/pickle/p', 'x')->status, 507, 'full';
becomes('memory', 'warning', qr/^1 requests were answered 507/, 'full');
$cluster->ask($_, 'CONFIG', 'SET', 'maxmemory', '64mb') for 0 .. 2;

$cluster->ask(3, 'CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru');
becomes('policy', 'advice', qr/^the maxmemory-policy of \Q$names[3]\E is /,
    'volatile');
$cluster->ask(3, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
becomes('policy', 'error', qr/is allkeys-lru$/, 'allkeys');
becomes('servers', 'warning', qr/^1 of 6 .* is refused: its maxmemory-policy/,
    'allkeys');
$cluster->ask(3, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');

# the server removes a key of another program

my ($other) = grep { ($cluster->owner($cluster->ask(0, 'CLUSTER', 'KEYSLOT', $_))
    // -1) == 1 } map { "other$_" } 1 .. 50;
$cluster->ask(1, 'CONFIG', 'SET', 'maxmemory-policy', 'volatile-random');
is $cluster->ask(1, 'SET', $other, 'x', 'EX', 1000), 'OK', 'a key that expires';
$cluster->ask(1, 'CONFIG', 'SET', 'maxmemory', 1);
$cluster->ask(1, 'SET', $other, 'y');
becomes('evicted', 'warning', qr/^the servers have removed \d+ keys/, 'evicted');
$cluster->ask(1, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
$cluster->ask(1, 'CONFIG', 'SET', 'maxmemory', '64mb');

# -- replicas

$cluster->kill(5);
becomes('replicas', 'advice', qr/^1 of 3 masters have none$/, 'a replica dies');
$t->expect_log(qr/no memory is left/);
$t->stop;

$t = nginx('replicas=1');
becomes('replicas', 'error', qr/^\Q$names[2]\E has 0, and "replicas" is 1/,
    'fewer than asked');
$cluster->start(5);
becomes('replicas', 'advice', qr/has 1, just as many as "replicas"$/,
    'as many as asked');

# -- a master that is away, slots that nobody has

$cluster->wait_for(sub { $cluster->ready }, 'the cluster is ready');
$cluster->kill($_) for 2, 5;
becomes('servers', 'error', qr/ with 5462 slots: \Q$names[2]\E, for example, is /
    . 'away: Connection refused', 'a master and its replica die');
$t->get("/pickle/p$_") for 1 .. 5;
becomes('store', 'error', qr/within a second: \S/, 'and why');
$t->expect_log(qr/answered 503/);
$t->stop;

my $alone = Bigcache::Cluster->new(masters => 1);
$cluster = $alone;
$alone->ask(0, 'CLUSTER', 'DELSLOTSRANGE', 0, 4);
$t = nginx();
becomes('slots', 'error', qr/^5 of 16384 slots have no server$/, 'no server');
becomes('memory', 'advice', qr/^1 of 1 servers have no maxmemory$/, 'no limit');

# -- closed

is $t->get('/close')->status, 200, 'closed';
becomes('servers', 'advice', qr/^\/stat names no server/, 'closed');
becomes('store', 'error', qr/within a second: .*closed/, 'closed');
$t->expect_log(qr/answered 503/);
$t->stop;

done_testing;
