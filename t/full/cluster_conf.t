#!/usr/bin/perl

# The directive bigcache_cluster, and what is wrong with a cluster: each is
# refused clearly, and said once.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test;

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

# text(LINE): a configuration with it

sub text {
    my ($line) = @_;

    return Bigcache::Test->default_conf
        =~ s/bigcache_path .*?;/$line/r;
}

# -- the directive

my $t = Bigcache::Test->new;
my $server = 'server=127.0.0.1:1';

for (
    ["a $server", qr/"bigcache_cluster" must have "zone" parameter/],
    ['a zone=main:1m', qr/"bigcache_cluster" must have "server" parameter/],
    ["a/b zone=main:1m $server", qr/the name "a\/b" .* may have letters/],
    ['"" zone=main:1m', qr/needs a name of 1 to 64/],
    ['x' x 65 . " zone=main:1m $server", qr/needs a name of 1 to 64/],
    ['a zone=main:1m server=', qr/must be server=host:port/],
    ['a zone=main:1m server=h:0', qr/must be server=host:port/],
    ['a zone=main:1m server=h:65536', qr/must be server=host:port/],
    ['a zone=main:1m server=h:x', qr/must be server=host:port/],
    ['a zone=main:1m server=[::1', qr/must be server=host:port/],
    ["a zone=main:1m $server buckets=0", qr/"buckets=0": it is too small/],
    ["a zone=main:1m $server buckets=16385", qr/it is too large/],
    ["a zone=main:1m $server buckets=x", qr/invalid number/],
    ["a zone=main:1m $server buckets=8 buckets=8", qr/is duplicate/],
    ["a zone=main:1m $server replicas=17", qr/it is too large/],
    ["a zone=main:1m $server wait=2m", qr/"wait=2m": it must be 20 seconds/],
    ["a zone=main:1m $server timeout=0", qr/must be at least 1ms/],
    ["a zone=main:1m $server user=", qr/it is empty/],
    ["a zone=main:1m $server user=u", qr/needs "password_file"/],
    ["a zone=main:1m $server password_file=none", qr/none" failed/],
    ["a zone=main:1m $server password_file=empty", qr/it is empty/],
    ["a zone=main:1m $server max_size=1g", qr/invalid parameter "max_size=1g"/],
    ["a zone=main:1m $server sync=5s", qr/invalid parameter "sync=5s"/],
    ["a zone=main:64k $server user=u password_file=secret", undef],
    ["a zone=main $server", undef],
    ['a zone=main server=[::1]:7000 server=some.name', undef],
) {
    my ($line, $error) = @$_;

    $t->write_file('empty', "\n");
    $t->write_file('secret', "pass word\r\nmore\n");

    my ($rc, $said) = $t->nginx_t(text("bigcache_cluster $line;"));

    is $rc, $error ? 1 : 0, "$line: " . ($error ? 'refused' : 'accepted')
        or diag $said;
    like $said, $error, 'and says why' if $error;
}

# -- nginx -t asks no server, not even for its address

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5)
    or die "listen: $!\n";

is +($t->nginx_t(text('bigcache_cluster a zone=main:1m server=127.0.0.1:'
    . $listener->sockport . ' server=no.such.name.invalid:1;')))[0], 0,
    'nginx -t: a name without an address';
ok !IO::Select->new($listener)->can_read(0), 'nginx -t connects to nobody';
$listener->close;

# -- no server

$t = Bigcache::Test->new;
$t->conf(text('bigcache_cluster a zone=main:1m server=127.0.0.1:%%PORT_8%%'
    . ' wait=300ms;'))->start;

my $r = $t->get('/pickle/a');

is $r->status, 503, 'nobody is there';
like $r->json->{detail}, qr/a server of the cluster: Connection refused/, 'and why';
unlike $r->body, qr/127\.0\.0\.1/, 'but not where';
like $t->error_log, qr/server 127\.0\.0\.1:\d+: Connection refused/,
    'which the log says';
is $t->request('POST', '/pickle/a', 'x')->status, 503, 'a write';
is $t->get('/stat/count')->status, 503, 'a count';
is $t->get('/keys/')->status, 503, 'a list';
is $t->request('DELETE', '/prefix/a')->status, 503, 'a purge';
is $t->get('/stat')->status, 200, '/stat answers';
is $t->metric('up'), 0, '/metrics says so';

my @said = grep { /answered 503/ } split /\n/, $t->error_log;
is scalar @said, 1, 'said once' or diag @said;

$t->expect_log(qr/requests are answered 503/);
$t->stop;

# -- servers that refuse

my $cluster = Bigcache::Cluster->new(masters => 1, cluster => 0,
    conf => [ 'user default on >secret ~* &* +@all' ]);

# refused(NAME, PARAMETERS, REASON)

sub refused {
    my ($name, $parameters, $reason) = @_;

    my $t = Bigcache::Test->new;
    $t->write_file('good', 'secret');
    $t->write_file('wrong', 'other');
    $t->conf(text($cluster->directive('a', 'zone=main:1m', 'wait=2s',
        $parameters) =~ s/;\n//r . ';'))->start;

    my $r = $t->get('/pickle/a');

    if ($reason) {
        is $r->status, 503, "$name: refused";
        like $r->json->{detail}, $reason, "$name: why";
        is scalar(grep { /answered 503/ } split /\n/, $t->error_log), 1,
            "$name: said once";
        $t->expect_log(qr/requests are answered 503/);

    } else {
        is $r->status, 404, "$name: accepted" or diag $r->body;
    }

    return $t;
}

$cluster->ask(0, 'AUTH', 'secret');

refused('no password', '', qr/NOAUTH/)->stop;
refused('a wrong password', 'password_file=wrong', qr/WRONGPASS/)->stop;
refused('the password', 'password_file=good', undef)->stop;

$cluster->ask(0, 'ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+get',
    '+info', '+script', '+cluster');
refused('a user with few rights', 'user=reader password_file=good',
    qr/NOPERM/)->stop;

$cluster->ask(0, 'ACL', 'SETUSER', 'other', 'on', '>secret', '~other*',
    '+@all');
refused('a user of other keys', 'user=other password_file=good',
    qr/NOPERM/)->stop;

$cluster->ask(0, 'ACL', 'SETUSER', 'bigcache', 'on', '>secret', '~{a:*', '~{a}*',
    '+@read', '+@write', '+@scripting', '+time', '+info', '+cluster|slots',
    '+wait', '+asking');
my $ok = refused('a user with the rights of the documentation',
    'user=bigcache password_file=good', undef);
is $ok->request('POST', '/pickle/a', 'x', 'Surrogate-Key' => 't')->status, 200,
    'it may store';
is $ok->request('POST', '/purge', '{"type":"tag","selectors":["t"],'
    . '"purge":true}')->body, '{"purged":1}', 'and purge';
$ok->stop;

refused('another number of buckets', 'password_file=good buckets=8',
    qr/"1 1024", and not "1 8"/)->stop;

$cluster->ask(0, 'CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
refused('a policy that removes any key', 'password_file=good',
    qr/maxmemory-policy .* noeviction/)->stop;
$cluster->ask(0, 'CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru');
refused('a policy that does not', 'password_file=good', undef)->stop;

# -- a reload that moves a zone from a cluster to a directory, or back

my @engines = (Bigcache::Test->default_conf,
    text($cluster->directive('moves', 'zone=main:1m', 'password_file=good')));

for my $first (0, 1) {
    my $moves = Bigcache::Test->new;

    $moves->write_file('good', "secret\n");
    $moves->conf($engines[$first])->start;

    for my $next (!$first, $first, !$first) {
        my $name = "from engine $first, now " . !$next;

        $moves->request('POST', '/pickle/m', "m$next");
        is $moves->get('/pickle/m')->body, "m$next", "$name: serves"
            for 1 .. 2;
        is $moves->get('/pickle/none')->status, 404, "$name: misses";
        $moves->conf($engines[$next]);
        ok $moves->reload, 'a reload';
    }

    ok $moves->stop, 'stops';
    like $moves->error_log, qr/was that of a cluster/, 'is told'
        if $first == 1;
}

# -- memory

$ok = refused('before it is full', 'password_file=good', undef);
is $ok->request('POST', "/pickle/m$_", 'x' x 1000)->status, 200, "stored $_"
    for 1 .. 3;
$ok->request('POST', '/pickle/tag', 'x', 'Surrogate-Key' => 'full');
$ok->request('POST', '/pickle/soft', 'x', 'Surrogate-Key' => 'soft',
    'X-Bigcache-Stale' => '1h');

$cluster->ask(0, 'CONFIG', 'SET', 'maxmemory', 1);

is $ok->request('POST', '/pickle/n', 'x')->status, 507, 'full';
is $ok->get('/pickle/m1')->status, 200, 'reads go on';
is $ok->request('DELETE', '/pickle/m1')->status, 200, 'deletes too';
is $ok->request('POST', '/purge', '{"type":"tag","selectors":["soft"]}')->body,
    '{"purged":1}', 'soft purges';
is $ok->request('POST', '/purge', '{"type":"tag","selectors":["full"],'
    . '"purge":true}')->body, '{"purged":1}', 'purges';
is $ok->request('DELETE', '/prefix/m2')->status, 200, 'of a prefix';
is $ok->count, 2, 'which leaves two';

$cluster->ask(0, 'CONFIG', 'SET', 'maxmemory', 0);
is $ok->request('POST', '/pickle/n', 'x')->status, 200, 'recovered';

$ok->expect_log(qr/no memory is left/);
$ok->stop;

done_testing;
