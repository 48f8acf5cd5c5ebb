#!/usr/bin/perl

# /ui of a store in a cluster, in a browser: its servers, which of them are away,
# and nothing of a directory.

use strict;
use warnings;

use FindBin;

# a browser takes its time where others work

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 600 }

use Bigcache::Cluster;
use Bigcache::Test qw(slurp);
use Bigcache::Test::Browser;
use Cwd qw(abs_path);
use Test::More;

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

my $web = abs_path("$FindBin::Bin/../..") . '/build/web';
my $cluster = Bigcache::Cluster->new(masters => 3, replicas => 1,
    conf => [ 'maxmemory 64mb' ]);
my @names = map { '127.0.0.1:' . $cluster->port($_) } 0 .. 5;
my $t = Bigcache::Test->new;
my $line = $cluster->directive('pages', 'zone=main:1m', 'wait=1s',
    'timeout=500ms');

$t->conf($t->default_conf(server => slurp("$web/locations.conf"))
    =~ s/bigcache_path .*?;/$line/r)->start;

$t->request('POST', "/cache/k$_", '{"value":1}') for 1 .. 30;
$t->request('GET', "/cache/k$_") for 1 .. 30;
$t->wait_for(sub { @{ $t->get('/stat')->json->{servers} } == 6 });

my $b = Bigcache::Test::Browser->new($t);

$b->go('http://127.0.0.1:' . $t->port(0) . '/ui');

# rows: the texts of the cells of each server, by name

sub rows {
    my $rows = $b->js(q{return [...document.querySelectorAll(
        '#shard-rows tbody tr')].map(row => [...row.children].map(cell =>
        cell.textContent))});

    return { map { $_->[0] => [ @$_[1 .. $#$_] ] } @{ $rows || [] } };
}

# tile(NAME): its value and what is below it

sub tile {
    my ($name) = @_;

    return $b->js(q{for (const tile of document.querySelectorAll('#tiles > div'))
        if (tile.children[0].textContent === arguments[0])
            return [...tile.children].slice(1).map(part => part.textContent);
        return null}, $name);
}

ok $t->wait_for(sub { keys %{ rows() } == 6 }), 'six servers';

my $rows = rows();

is_deeply [ sort keys %$rows ], [ sort @names ], 'their names';
is_deeply [ map { $rows->{$_}[0] } @names ], [ ('answers') x 6 ],
    'their states';
is_deeply [ map { $rows->{$_}[1] } @names ], [ ('master') x 3, ('replica') x 3 ],
    'their roles';
like $rows->{$names[0]}[2], qr/^[\d.]+ MB of 64 MB$/, 'their memory';
is_deeply [ map { $rows->{$_}[3] } @names ],
    [ '5,461', '5,461', '5,462', 0, 0, 0 ], 'their slots';

is_deeply tile('Servers'), [ 6, '' ], 'a tile of the servers';
like tile('Memory')->[0], qr/^[\d.]+ MB$/, 'one of their memory';
ok tile('Commands'), 'one of commands';
ok $t->wait_for(sub { (tile('Entries') || [''])->[0] eq '30' }), 'entries';
is_deeply [ grep { tile($_) } 'On disk', 'Segments', 'Hot index' ], [],
    'none of a directory';
is $b->js(q{return document.querySelectorAll('#tiles > div').length}), 8,
    'a full row';
is $b->says('#state', qr/\w/), 'open', 'it is open';

# one sample at least is in the history: what is not known there is not drawn
ok $t->wait_for(sub { grep { defined }
    map { @{ $_->{entries} } } @{ $t->get('/stat/history')->json->{series} }
}), 'entries in the history';
ok $b->wait(q{return [...document.querySelectorAll('#plots figure')].filter(
    plot => !plot.hidden).length >= 6}), 'plots';
is $b->js(q{return [...document.querySelectorAll('#plots figure')].filter(
    plot => !plot.hidden && /disk/i.test(plot.textContent)).length}), 0,
    'none of a disk';

# -- a key, and a list

$b->fill('#list input', 'k1');
$b->click('#list button=List');
is $b->says('#list-said', qr/key/), '11 keys, page 1, the last one.', 'a list';

# -- a server that is away

$cluster->kill(4);
ok $t->wait_for(sub { keys %{ rows() } == 5 || (rows()->{$names[4]} || [''])->[0]
    =~ /^away: / }), 'a replica is away, or forgotten';
$cluster->kill(1);
ok $t->wait_for(sub { (rows()->{$names[1]} || [''])->[0]
    eq 'away: Connection refused' }), 'a master is away';
is $b->js(q{return document.querySelector('#shard-rows .bad') !== null}), 1,
    'in the color of trouble';
like tile('Servers')->[1], qr/^\d cannot be used$/, 'the tile';
ok $t->wait_for(sub { $b->says('#state', qr/\w/)
    eq 'closed, or servers are away' }), 'the state';
is_deeply [ grep { tile($_) } 'On disk', 'Segments' ], [], 'no tile of a disk';

$cluster->start($_) for 1, 4;
ok $t->wait_for(sub { !grep { $_->[0] ne 'answers' } values %{ rows() } }),
    'all are back';
ok $t->wait_for(sub { $b->says('#state', qr/\w/) eq 'open' }), 'it is open';

$b->quit;
$t->expect_log(qr/answered 503/);
ok $t->stop, 'stops';

done_testing;
