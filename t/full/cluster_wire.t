#!/usr/bin/perl

# The wire between nginx and the servers of a cluster: slots on their way, errors
# of every kind, answers that nobody has asked for, passwords, descriptors.

use strict;
use warnings;

use Time::HiRes qw(sleep time);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Hostile qw(serve usual bulk list);
use Bigcache::Test qw(noise);

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

# nginx(DIRECTIVE, MORE): one with a store in a cluster

sub nginx {
    my ($line, %more) = @_;

    my $t = Bigcache::Test->new;
    my $text = $t->default_conf(
        main => 'worker_processes 1; thread_pool default threads=32;',
        http => 'client_max_body_size 20m;');

    $text =~ s/bigcache_path .*?;/$line/;
    $t->expect_log(qr/requests are answered 503|no memory is left/);
    $t->write_file(@{ $more{file} }) if $more{file};

    return $t->conf($text)->start;
}

# fake(CODE, PARAMETERS): the directive for a server of a test

sub fake {
    my ($code, @parameters) = @_;
    my $port = serve($code);

    return "bigcache_cluster a zone=main:1m server=127.0.0.1:$port @parameters;";
}

sub answered { return scalar grep { /answered 503/ } split /\n/, $_[0]->error_log }

# -- a slot is on its way from one server to another, which is asked in the same
#    call for other slots

my $cluster = Bigcache::Cluster->new(masters => 3);
my $t = nginx($cluster->directive('pages', 'zone=main:1m', 'buckets=16',
    'wait=3s', 'timeout=3s'));

$t->request('POST', "/pickle/k$_", 'x', 'Surrogate-Key' => 't') for 1 .. 100;

# all go to one server, which then has the highest epoch, and is the last one that
# a call of all buckets asks

my @slots = map { $cluster->ask(0, 'CLUSTER', 'KEYSLOT', "{pages:$_}i") } 0 .. 15;
my %asked;
my @order = grep { !$asked{$_}++ } map { $cluster->owner($_) } @slots;
my $to = $order[-1];
my (@on_the_way, $r);

for my $slot (@slots) {
    next if $cluster->owner($slot) == $to;

    my $from = $cluster->begin_move($slot, $to);

    $cluster->move_keys($slot, $from, $to, 100);
    push @on_the_way, [ $slot, $from ];
}

is $t->count, 100, 'slots on their way: counted';
is scalar @{ $t->get('/keys/?limit=200')->json->{keys} }, 100, 'listed';
is $t->get('/pickle/k7')->body, 'x', 'read';

# the last try has little time left: a link may be given up for that

my $retries = $t->metric('cluster_retries_total');
my $write = $t->connect->send_request('POST', '/pickle/new', 'x');

ok $t->wait_for(sub { $t->metric('cluster_retries_total') > $retries + 10 }),
    'a write is tried again';
is $t->metric('cluster_failures_total'), 0, 'no link was given up for it';

$r = $write->response;
is $r->status, 503, 'it waits, in vain here';

my $why = qr/a server of the cluster: (?:TRYAGAIN|a slot is on)/;

$t->wait_for(sub { $r->json->{detail} =~ $why
    or ($r = $t->request('POST', '/pickle/new', 'x')) && 0 });
like $r->json->{detail}, $why, 'and why';

$cluster->end_move(@$_, $to) for @on_the_way;

ok $t->wait_for(sub { $t->count == 100 }), 'they have arrived'
    or diag $t->get('/stat/count')->body, $t->error_log,
        map { $cluster->ask($_, 'CLUSTER', 'NODES') } 0 .. 2;
is $t->count, 100, 'and stay';
is $t->request('POST', '/pickle/new', 'x')->status, 200, 'stored there';
$t->stop;
$cluster->stop;

# -- a server that cannot write to its disk says so at once, and may be read

$cluster = Bigcache::Cluster->new(masters => 1, cluster => 0,
    conf => [ 'save 3600 1', 'dbfilename no.rdb' ]);
$t = nginx($cluster->directive('a', 'zone=main:1m', 'wait=10s'));

is $t->request('POST', '/pickle/a', 'x')->status, 200, 'before its disk fails';

mkdir "$cluster->{servers}[0]{dir}/no.rdb";
$cluster->wait_for(sub {
    $cluster->ask(0, 'BGSAVE') if $cluster->ask(0, 'INFO', 'persistence')
        =~ /rdb_bgsave_in_progress:0/;
    $cluster->ask(0, 'INFO', 'persistence') =~ /rdb_last_bgsave_status:err/;
}, 'it cannot save');

my $begin = time;
$r = $t->request('POST', '/pickle/b', 'x');

is $r->status, 503, 'a store';
like $r->json->{detail}, qr/a server of the cluster: MISCONF/, 'and why';
unlike $r->body, qr/127\.0\.0\.1/, 'but not where';
cmp_ok time - $begin, '<', 5, 'at once';
is $t->get('/pickle/a')->status, 200, 'a read';
$t->stop;

# -- too many clients is nothing that lasts

$cluster->ask(0, 'CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
$cluster->ask(0, 'CONFIG', 'SET', 'maxclients', 1);
$t = nginx($cluster->directive('a', 'zone=main:1m', 'wait=10s'));

my $c = $t->connect;
$c->send_request('GET', '/pickle/a');
$cluster->wait_for(sub {
    $cluster->ask(0, 'INFO', 'stats') =~ /rejected_connections:[1-9]/ },
    'a client is refused');
$cluster->ask(0, 'CONFIG', 'SET', 'maxclients', 100);
is $c->response('GET')->status, 200, 'too many clients: waited for';

# -- reloads leave no connections behind

sub clients {
    return $cluster->ask(0, 'INFO', 'clients') =~ /connected_clients:(\d+)/
        ? $1 : -1;
}

for (1 .. 4) {
    my ($pid) = $t->worker_pids;
    $t->reload;
    $t->wait_for(sub { !grep { $_ == $pid } $t->worker_pids });
    is $t->get('/pickle/a')->status, 200, "reload $_";
}

ok $t->wait_for(sub { clients() <= 4 }), 'reloads: ' . clients() . ' clients';

# -- a large body lies in the directory that nginx was told, and no descriptor
#    is left

$t->stop;
$t = nginx($cluster->directive('a', 'zone=main:1m'));

my $large = noise(3_000_000);

is $t->request('POST', '/pickle/large', $large)->status, 200, 'large';
ok $t->get('/pickle/large')->body eq $large, 'read';

rename $t->dir . '/client_body', $t->dir . '/away';
is $t->get('/pickle/large')->status, 500, 'read, where it has no directory';
rename $t->dir . '/away', $t->dir . '/client_body';
$t->expect_log(qr/cannot make a temporary file: No such file/);

my ($pid) = $t->worker_pids;

# links to servers stay, and other threads may need one more at a time

my ($files, $sockets) = map { my $kind = $_;
    sub { scalar grep { /^socket:/ == $kind } $t->open_files($pid) } } 0, 1;
my ($before, $links) = ($files->(), $sockets->());

$t->get('/pickle/large') for 1 .. 20;
ok $t->wait_for(sub { $files->() <= $before }), 'no descriptor is left';
cmp_ok $sockets->(), '<', $links + 20, 'nor a link of each';

# -- without descriptors requests are 503 or 500, and it recovers

SKIP: {
    my ($prlimit) = grep { -x } '/usr/bin/prlimit', '/bin/prlimit';

    skip 'no prlimit', 4 if !$prlimit;

    $c = $t->connect;
    $c->request('GET', '/stat');

    system($prlimit, '--nofile=3:', '--pid', $pid) == 0
        or skip 'no rights for prlimit', 4;

    # now, or a thread would connect again before
    $cluster->ask(0, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    $r = $c->request('GET', '/pickle/a');
    is $r->status, 503, 'no descriptor is free';
    system($prlimit, '--nofile=1024:', '--pid', $pid);
    ok $t->wait_for(sub { $t->get('/pickle/a')->status == 200 }), 'one is';
    is_deeply [ $t->worker_pids ], [ $pid ], 'the worker lives';
    like $t->error_log, qr/Too many open files/, 'the log says why';
    $t->expect_log(qr/Too many open files/);
}

$t->stop;
$cluster->stop;

# -- a call that finds a server away, and does not try it, says why others did not
#    reach it

$cluster = Bigcache::Cluster->new(masters => 1, cluster => 0);
$t = nginx($cluster->directive('a', 'zone=main:1m', 'wait=300ms',
    'timeout=300ms'));

is $t->get('/pickle/a')->status, 404, 'a server is there';
$cluster->stop;
ok $t->wait_for(sub { ($t->get('/pickle/a')->json->{detail} // '')
    =~ /: it is away: Connection refused$/ }), 'it is away, and why';
$t->stop;

# -- what was not asked for is never taken for an answer

my $page = bulk('x');

$t = nginx(fake(sub {
    my $usual = usual(@_);
    return $usual if defined $usual;
    return $_[1] eq 'HGET' ? bulk('1') : $_[1] eq 'ZRANGE' ? "*0\r\n"
        : $_[2] =~ /one$/ ? "\$-1\r\n\$3\r\nbad\r\n" : "\$-1\r\n";
}));

is $t->get('/pickle/one')->status, 404, 'one answer too many: the first counts';
is $t->get('/pickle/two')->status, 404, 'the next request does not get it';
unlike $t->error_log, qr/fails its checks/, 'nor was it looked at';
cmp_ok $t->metric('cluster_connects_total'), '>', 1, 'the link was closed';
$t->stop;

# -- errors in scripts, as Redis 6.2 has them

my $quoted = 'ERR Error running script (call to f_' . 'a' x 40
    . '): @user_script:30: @user_script: 30: -';

for (['OOM command not allowed', 507], ['NOPERM it may not', 503],
    ['MISCONF it cannot', 503], ['WRONGTYPE of it', 500])
{
    my ($error, $status) = @$_;

    $t = nginx(fake(sub {
        usual(@_) // ($_[1] =~ /^EVAL/ ? "-$quoted$error\r\n" : "+OK\r\n") },
        $status == 503 ? 'wait=500ms' : 'wait=10s timeout=10s'));
    $t->expect_log(qr/WRONGTYPE/);
    $r = $t->request('POST', '/pickle/a', 'x');
    is $r->status, $status, "$error: $status";
    $t->stop;
}

# -- a password is never logged, not even by a server that quotes it

my $password = 'never-to-be-seen';

for my $answer ("-ERR unknown command 'AUTH', with args beginning with: "
    . "'$password' \r\n", "-ERR what is $password?\r\n")
{
    $t = nginx(fake(sub {
        $_[1] eq 'AUTH' ? $answer : usual(@_) // "\$-1\r\n" },
        'password_file=pw'), file => [ 'pw', "$password\n" ]);

    $r = $t->get('/pickle/a');
    is $r->status, 503, 'AUTH is refused';
    unlike $r->body . $t->error_log, qr/\Q$password\E|'never/,
        'the password is not logged';
    like $r->json->{detail}, qr/unknown command 'AUTH'$|AUTH failed$/, 'but why';
    is answered($t), 1, 'once';
    $t->stop;
}

# -- a new password comes with a reload

$cluster = Bigcache::Cluster->new(masters => 1, cluster => 0);
$t = nginx($cluster->directive('a', 'zone=main:1m', 'password_file=pw'),
    file => [ 'pw', "old\n" ]);

$cluster->ask(0, 'CONFIG', 'SET', 'requirepass', 'new');
$cluster->ask(0, 'AUTH', 'new');
$cluster->ask(0, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');

is $t->get('/pickle/a')->status, 503, 'an old password';
$t->write_file('pw', "new\r\n");
($pid) = $t->worker_pids;
$t->reload;
ok $t->wait_for(sub { $t->get('/pickle/a')->status == 404 }),
    'a reload brings the new one';
$t->stop;

# -- no name server holds up a request

$t = nginx('bigcache_cluster a zone=main:1m server=no.such.name.invalid '
    . 'wait=1s timeout=1s;');

$begin = time;
$r = $t->get('/pickle/a');
is $r->status, 503, 'a name that is none';
like $r->json->{detail}, qr/its address is not found/, 'and why';
cmp_ok time - $begin, '<', 4, 'in time';
$t->stop;

$cluster->ask(0, 'CONFIG', 'SET', 'requirepass', '');

my $port = $cluster->port(0);

$t = nginx("bigcache_cluster a zone=main:1m server=localhost:$port;");
is $t->get('/pickle/a')->status, 404, 'a name that has two addresses, perhaps';
$t->stop;

done_testing;
