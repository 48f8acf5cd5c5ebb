#!/usr/bin/perl

# Two stores in one nginx have nothing in common.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(
    main => 'thread_pool two threads=2;',
    store => '%%DIR%%/one',
    http => 'bigcache_path %%DIR%%/two zone=two:1m thread_pool=two;',
    server => q{
        location /two/ {
            bigcache_base /two;
            bigcache two;
        }
    })->start;

sub stats { $t->get("$_[0]/stat")->json->{stats} }

# keys

$t->request('POST', '/cache/k', '{"value":1}');
$t->request('POST', '/cache/only', '{"value":1}');
$t->request('POST', '/two/cache/k', '{"value":2}');

is $t->get('/cache/k')->json->{value}, 1, 'first store';
is $t->get('/two/cache/k')->json->{value}, 2, 'second store';
is $t->get('/two/cache/only')->status, 404, 'not in the second';
is $t->count(''), 2, 'count of the first';
is $t->count('/two'), 1, 'count of the second';

# counters

is_deeply stats(''), { hit => 1, miss => 0, expire => 0, delete => 0,
    hit_rate => '100.00%' }, 'counters of the first';
is_deeply stats('/two'), { hit => 1, miss => 1, expire => 0, delete => 0,
    hit_rate => '50.00%' }, 'counters of the second';

# prefix, clear

$t->request('DELETE', '/two/prefix/k');
is $t->get('/cache/k')->status, 200, 'purge of the other';
$t->request('POST', '/two/cache/k', '{"value":2}');
$t->get('/clear');
is $t->get('/cache/k')->status, 404, 'cleared';
is $t->get('/two/cache/k')->status, 200, 'clear of the other';

# close, open

$t->request('POST', '/cache/k', '{"value":1}');

is $t->get('/close')->status, 200, 'close';
is $t->get('/cache/k')->status, 503, 'closed';
is $t->get('/two/cache/k')->status, 200, 'the other is open';
is $t->request('POST', '/two/cache/more', '{"value":2}')->status, 200,
    'the other stores';
is $t->get('/two/close')->status, 200, 'close the other';
is $t->request('POST', '/open')->status, 200, 'open';
is $t->get('/cache/k')->status, 200, 'open again';
is $t->get('/two/cache/k')->status, 503, 'the other stays closed';

$t->reload;

is $t->get('/two/cache/more')->status, 200, 'a reload opens';
is $t->get('/cache/k')->json->{value}, 1, 'first after reload';
is stats('/two')->{delete}, 1, 'counter after reload';
is stats('')->{delete}, 0, 'other counter after reload';

ok $t->stop, 'stops';
$t->start;

is $t->count(''), 1, 'first after restart';
is $t->count('/two'), 2, 'second after restart';

done_testing;
