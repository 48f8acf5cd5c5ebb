#!/usr/bin/perl

# /ui of a front: the servers that keys are spread over, in a browser.

use strict;
use warnings;

use FindBin;

# a browser takes its time where others work

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 600 }

use Bigcache::Test qw(slurp);
use Bigcache::Test::Browser;
use Cwd qw(abs_path);
use Test::More;

my $web = abs_path("$FindBin::Bin/../..") . '/build/web';
my @nodes = map { Bigcache::Test->new->conf->start } 1 .. 3;
my $t = Bigcache::Test->new;

$t->conf(http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host;'
        . ' upstream shards { hash $bigcache_shard_key consistent;'
        . join('', map { ' server 127.0.0.1:' . $_->port(0) . ' max_fails=0;' }
            @nodes) . ' }',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;

            location / {
                bigcache_shards shards;
                proxy_pass http://shards;
                proxy_next_upstream off;
            }

            %%UI%%
        }
    } =~ s/%%UI%%/slurp("$web\/locations.conf")/er)->start;

$t->request_to(1, 'POST', "/cache/k$_", '{"value":1}') for 1 .. 30;
$t->request_to(1, 'GET', "/cache/k$_") for 1 .. 30;

my $b = Bigcache::Test::Browser->new($t);

$b->go('http://127.0.0.1:' . $t->port(1) . '/ui');

# rows: the texts of the cells of each server

sub rows {
    return $b->js(q{return [...document.querySelectorAll('#shard-rows tbody tr')]
        .map(row => [...row.children].map(cell => cell.textContent))});
}

ok $t->wait_for(sub { @{ rows() || [] } == 3 }), 'three servers';
is_deeply [map { $_->[0] } @{ rows() }],
    [map { '127.0.0.1:' . $_->port(0) } @nodes], 'their names';
is_deeply [map { $_->[1] } @{ rows() }], [('answers') x 3], 'their states';
ok $t->wait_for(sub {
    my $sum = 0;
    $sum += $_->[2] =~ /^\d+$/ ? $_->[2] : 0 for @{ rows() };
    $sum == 30;
}), 'their entries add up';
is_deeply [map { $_->[4] } @{ rows() }], [('100%') x 3], 'their hit rates';

$t->wait_for(sub { grep { $_ } @{ $t->request_to(1, 'GET', '/stat/history')
    ->json->{series}[0]{hits} } });
$b->go('http://127.0.0.1:' . $t->port(1) . '/ui');
ok $b->wait('return /, in the last 5 minutes from /.test(
    document.querySelector("#plots svg").getAttribute("aria-label"))'),
    'what they did before it was opened';
ok $t->wait_for(sub { @{ rows() || [] } == 3 }), 'three servers still';

ok $nodes[1]->stop, 'one stops';
ok $t->wait_for(sub { rows()->[1][1] eq 'no answer' }), 'and is shown so';
is_deeply [map { $_->[1] } @{ rows() }[0, 2]], [('answers') x 2], 'no others';

$nodes[1]->start;
ok $t->wait_for(sub { rows()->[1][1] eq 'answers' }), 'it is back';

$b->quit;
ok $_->stop, 'stops' for $t, @nodes;

done_testing;
