#!/usr/bin/perl

# What nginx says of the servers of a cluster, in /stat and /metrics: which of
# them answer, what they have of the slots, and how full they are.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test qw(slurp);
use Bigcache::Test::Promql;

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

my $cluster = Bigcache::Cluster->new(masters => 3, replicas => 1);
my @names = map { '127.0.0.1:' . $cluster->port($_) } 0 .. 5;

# nginx(PARAMETERS, ...): with a store there, and two workers

sub nginx {
    my ($line) = @_;

    my $t = Bigcache::Test->new;

    return $t->conf($t->default_conf(main => 'worker_processes 2;')
        =~ s/bigcache_path .*?;/$line/r)->start;
}

# servers(T): by name

sub servers {
    my ($t) = @_;

    return { map { $_->{server} => $_ } @{ $t->get('/stat')->json->{servers} } };
}

# node(T, METRIC, NUMBER): the value of a server, or undef

sub node {
    my ($t, $name, $i) = @_;

    my ($value) = $t->get('/metrics')->body
        =~ /^bigcache_cluster_node_$name\{node="\Q$names[$i]\E"\} (\S+)$/m;

    return $value;
}

my $t = nginx($cluster->directive('pages', 'zone=main:1m timeout=500ms'));

# -- as it should be

my $servers;

# one that is slow to answer is away for two seconds

ok $t->wait_for(sub { $servers = servers($t);
    6 == grep { $_->{state} eq 'answers' } values %$servers }),
    'all servers are known';

is_deeply [ sort keys %$servers ], [ sort @names ], 'masters and replicas';
is_deeply [ map { $servers->{$_}{state} } @names ], [ ('answers') x 6 ],
    'they answer';
is_deeply [ map { $servers->{$_}{role} } @names ],
    [ ('master') x 3, ('replica') x 3 ], 'their roles';
is_deeply [ map { $servers->{$_}{slots} } @names ],
    [ 5461, 5461, 5462, 0, 0, 0 ], 'their slots';
is_deeply [ map { $servers->{$_}{replicas} } @names ], [ 1, 1, 1, 0, 0, 0 ],
    'their replicas';
is $servers->{$names[0]}{policy}, 'noeviction', 'the policy';
cmp_ok $servers->{$names[0]}{used_memory}, '>', 100_000, 'the memory';
is $servers->{$names[0]}{max_memory}, 0, 'without a limit';
is $servers->{$names[0]}{evicted_keys}, 0, 'nothing was evicted';
ok !exists $servers->{$names[0]}{why}, 'nothing to complain of';
is node($t, 'up', 0), 1, 'a metric';
is node($t, 'replicas', 0), 1, 'another one';
is node($t, 'max_bytes', 5), 0, 'of a replica';

# one process of an nginx asks them, over one link to each

sub asking {
    return scalar(() = $cluster->ask(4, 'CLIENT', 'LIST') =~ / cmd=info /g);
}

$t->wait_for(sub { asking() == 1 });
is asking(), 1, 'one process asks them';

# -- memory, which is full

$cluster->ask(1, 'CONFIG', 'SET', 'maxmemory', '100mb');
$cluster->ask(2, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');

ok $t->wait_for(sub { (node($t, 'max_bytes', 1) // 0) == 100 << 20 }),
    'a limit';
ok $t->wait_for(sub { servers($t)->{$names[2]}{state} eq 'refused' }),
    'a policy that is refused';
is servers($t)->{$names[2]}{why}, 'its maxmemory-policy is allkeys-lru', 'why';
is node($t, 'up', 2), 0, 'the metric';

$cluster->ask(2, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
ok $t->wait_for(sub { servers($t)->{$names[2]}{state} eq 'answers' }),
    'it is good again';

# -- a replica and a master that do not answer

$cluster->kill(3, 'STOP');
ok $t->wait_for(sub { (servers($t)->{$names[3]} // { state => 'away' })->{state}
    eq 'away' }), 'a replica is stopped';
$cluster->kill(3, 'CONT');
ok $t->wait_for(sub { (servers($t)->{$names[3]} // { state => 'away' })->{state}
    eq 'answers' }), 'it goes on';

$cluster->wait_for(sub { $cluster->ready }, 'the cluster is ready');
$cluster->kill(0);
ok $t->wait_for(sub { servers($t)->{$names[0]}{state} eq 'away' }),
    'a master is killed';
is node($t, 'up', 0), 0, 'the metric';

# at first it may have closed the connection on which it was asked

$t->wait_for(sub { servers($t)->{$names[0]}{why} eq 'Connection refused' });
is servers($t)->{$names[0]}{why}, 'Connection refused', 'why';
is node($t, 'used_bytes', 0), undef, 'its memory is not known';

ok $t->wait_for(sub { (servers($t)->{$names[3]}{slots} // 0) == 5461 }),
    'its replica has its slots';
is servers($t)->{$names[3]}{role}, 'master', 'and its role';
is servers($t)->{$names[3]}{replicas}, 0, 'without a replica';
is servers($t)->{$names[0]}{state}, 'away',
    'the dead one stays: the configuration names it';

$cluster->start(0);
ok $t->wait_for(sub { (servers($t)->{$names[0]}{role} // '') eq 'replica' }),
    'it comes back as a replica';

# -- reloads, /close, and two workers

$t->reload;
ok $t->wait_for(sub { keys %{ servers($t) } == 6 }), 'after a reload';
is $t->get('/close')->status, 200, 'closed';
ok $t->wait_for(sub { !keys %{ servers($t) } }), 'then nobody is asked';
is $t->request('POST', '/open')->status, 200, 'opened';
ok $t->wait_for(sub { keys %{ servers($t) } == 6 }), 'they are asked again';
ok $t->stop, 'stops';

# -- a front of several machines, of which one keeps its store there

my $front = Bigcache::Test->new;
$front->conf(http => 'upstream shards { hash $bigcache_shard_key consistent;'
    . ' server 127.0.0.1:' . $t->start->port(0) . ' max_fails=0; }',
    servers => 'server { listen 127.0.0.1:%%PORT_1%%; location / {'
    . ' bigcache_shards shards; proxy_pass http://shards;'
    . ' proxy_next_upstream off; } }')->start;
ok $t->wait_for(sub { keys %{ servers($t) } == 6 }), 'asked again';
like $front->request_to(1, 'GET', '/metrics')->body,
    qr/^bigcache_cluster_node_up\{server="[\d.:]+",node="\Q$names[1]\E"\} 1$/m,
    'the metrics of a front';
is scalar @{ $front->request_to(1, 'GET', '/stat')->json->{shards}[0]{stat}{servers} },
    6, 'and its /stat';
$_->stop for $front, $t;

# -- a server that has two names, one that is not there, and a small zone

my $dead = Bigcache::Test::cluster_port();

$t = nginx('bigcache_cluster pages zone=main:64k wait=500ms'
    . " server=localhost:@{[ $cluster->port(1) ]} server=127.0.0.1:$dead;");
ok $t->wait_for(sub { keys %{ servers($t) } == 7 }), 'one of them is not shown'
    or diag join ' ', keys %{ servers($t) };
is servers($t)->{"127.0.0.1:$dead"}{state}, 'away', 'another one is away';
is servers($t)->{"127.0.0.1:$dead"}{role}, undef, 'its role is not known';
$t->stop;

$t = nginx('bigcache_cluster pages zone=main:32k wait=500ms'
    . " server=$names[1];");
is $t->get('/stat')->status, 200, 'the smallest zone';
is $t->request('POST', '/pickle/k', 'x')->status, 200, 'serves';
ok $t->stop, 'stops';

# -- a password, and a server without cluster mode

my $alone = Bigcache::Cluster->new(masters => 1, cluster => 0,
    conf => [ 'user default on >secret ~* &* +@all' ]);

for my $case ([ 'wrong', 'refused', qr/^WRONGPASS/ ], [ 'secret', 'answers', undef ])
{
    my ($password, $state, $why) = @$case;

    $t = Bigcache::Test->new;
    $t->write_file('password', $password);
    my $line = $alone->directive('pages', 'zone=main:1m wait=500ms',
        'password_file=password');
    $t->conf($t->default_conf =~ s/bigcache_path .*?;/$line/r)->start;

    my ($one) = '127.0.0.1:' . $alone->port(0);

    ok $t->wait_for(sub { (servers($t)->{$one}{state} // '') eq $state }),
        "$password: $state";
    like servers($t)->{$one}{why}, $why, 'why' if $why;
    is servers($t)->{$one}{slots}, 16384, 'all slots' if !$why;
    $t->expect_log(qr/answered 503/);
    $t->stop;
}

# -- /ui and others find the metrics that docs/redis.md lists, and no others

my $line = $cluster->directive('pages', 'zone=main:1m');
$t = nginx($line);
ok $t->wait_for(sub { keys %{ servers($t) } == 6 }), 'known';

my @families = $t->get('/metrics')->body =~ /^# TYPE (bigcache_\w+ \w+)$/mg;
my %in_directory = map { $_ => 1 } slurp('docs/api.md')
    =~ /^\| `(bigcache_\w+)` \| \w+ \|/mg;
my %both = map { $_ => 1 } qw(bigcache_up bigcache_entries);

is_deeply [ sort map { "$_->[0] $_->[1]" } map { [ /`(\w+)` \| (\w+)/ ] }
    slurp('docs/redis.md') =~ /^\| (`bigcache_\w+` \| \w+) \|/mg ],
    [ sort grep { my ($name) = /^(\w+)/; $both{$name} || !$in_directory{$name} }
        @families ], 'the metrics of docs/redis.md';

# -- the dashboard shows all of them, and the alerts ask for what there is

my $of = Bigcache::Test::Promql->new($t->get('/metrics')->body);
my (%asked, @wrong);

for my $panel (@{ decode_json(slurp('example/grafana-dashboard.json'))->{panels} })
{
    for my $target (grep { $_->{expr} =~ /bigcache_cluster_/ }
        @{ $panel->{targets} || [] })
    {
        my ($expr, $legend) = @$target{qw(expr legendFormat)};
        my %by = map { $_ => 1 } Bigcache::Test::Promql::by($expr);

        push @wrong, $of->unknown($expr);
        push @wrong, grep { !$by{$_} } $legend =~ /\{\{(\w+)\}\}/g;
        push @wrong, "$expr: not of the variables"
            if $expr =~ /bigcache_\w+(?!\{[^}]*\binstance=~"\$instance")[^\w{]/;
        $asked{$_} = 1 for $expr =~ /\b(bigcache_cluster_\w+)/g;
    }
}

is_deeply \@wrong, [], 'panels of the dashboard';
is_deeply [ sort keys %asked ],
    [ grep { /^bigcache_cluster_/ } map { /^(\w+)/ } sort @families ],
    'all metrics are shown';

my @rules = grep { /bigcache_cluster_/ } map { s/\s+/ /gr }
    slurp('example/prometheus-rules.yml')
    =~ /^        expr: (?:>\n)?((?:.*\n)(?: {10}.*\n)*)/mg;

is scalar @rules, 5, 'alerts';
is join(', ', grep { !/^counter/ } $of->unknown($_)), '', $_ for @rules;

SKIP: {
    skip 'no promtool, package prometheus', 1 if !-x '/usr/bin/promtool';

    $t->write_file('metrics', $t->get('/metrics')->body);
    is `/usr/bin/promtool check metrics < @{[ $t->dir ]}/metrics 2>&1`, '',
        'Prometheus reads them';
}

ok $t->stop, 'stops';

done_testing;
