#!/usr/bin/perl

# ./build.sh run --shards: a front and several servers on one machine.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Run;
use IO::Socket::INET;
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $run = Bigcache::Test::Run->new($t);

# free(PORT ...): whether nobody listens there

sub free {
    my @sockets = map { IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $_, Listen => 1, ReuseAddr => 1) } @_;

    return @sockets == @_ && !grep { !$_ } @sockets;
}

# the servers have the ports behind that of the front

my ($n) = grep { free($t->port($_) + 1 .. $t->port($_) + 3) } 0 .. 9;

plan skip_all => 'no four ports in a row' if !defined $n;

my $port = $t->port($n);
my ($pid, $name) = $run->start({}, '--shards', '3', '--port', $port,
    '--db_path', 'data');

is $run->serves($n, $name, $pid), "$dir/data", 'says where it serves';
like $t->read_file($name),
    qr/over 3 servers, at the ports ${\($port + 1)} to ${\($port + 3)}\n/,
    'and which servers';

is $t->request_to($n, 'POST', "/cache/k$_", '{"value":1}')->status, 200,
    "stores k$_" for 1 .. 20;

my $stat = $t->request_to($n, 'GET', '/stat')->json;

is_deeply [map { $_->{server} } @{ $stat->{shards} }],
    [map { "127.0.0.1:" . ($port + $_) } 1 .. 3], '/stat names them';
is $t->request_to($n, 'GET', '/stat/count')->json->{count}, 20, 'counted';
is $t->request_to($n, 'GET', '/ui')->status, 200, '/ui';
is_deeply [grep { !-e "$dir/data/shard$_/index" } 1 .. 3], [],
    'each has a directory';

kill 'INT', -$pid;
is $run->ended($pid, 20), 0, 'Ctrl-C ends it';

# errors

my @port = ('--port', $port, '--db_path', 'x', '--shards');

$run->fails(qr/--shards: '\Q$_\E' is not a number of servers/, "shards $_",
    @port, $_) for '0', 'x', '100', '-1';
$run->fails(qr/is not a number of servers/, 'shards of nothing', @port, '');
$run->fails(qr/do not go together/, 'upstream', @port, 3, '--upstream',
    'http://127.0.0.1:1');
$run->fails(qr/there are not 3 ports behind 65534/, 'port', '--port', 65534,
    '--db_path', 'x', '--shards', 3);

mkdir "$dir/$_" for 'one', 'one/index';
$run->fails(qr/has the pages of one server/, 'a store', '--port', $port,
    '--db_path', 'one', '--shards', 3);

done_testing;
