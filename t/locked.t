#!/usr/bin/perl

# Two instances of nginx on one directory: the first has it, the second says
# so, and takes over when the first has gone.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $first = Bigcache::Test->new;
my $second = Bigcache::Test->new;
my $store = $first->dir . '/store';

# conf(WAIT): the second may have to wait in vain

sub conf {
    my ($wait) = @_;

    return Bigcache::Test->default_conf(
        store => $store,
        path => "wait=$wait",
        server => q{
            location /site {
                return 200 "site";
            }
        });
}

$first->conf(conf('5s'))->start;

is $first->request('POST', "/cache/$_", "{\"value\":$_}")->status, 200,
    "stores $_" for 1 .. 3;

$second->conf(conf('1s'))->start;

# the second; on a busy machine a time may say nothing, so there are some tries

my ($begin, $took, $r, @answers);
my $from = 0;

for (1 .. 3) {
    $begin = time;
    $r = $second->get('/cache/1');
    $took = time - $begin;
    last if $took < 3;
    $second->stop;
    $from = length $second->error_log;
    $second->start;
}

$second->json_is($r, 503, { detail => 'another nginx, of the master process '
    . $first->running . ', has the store open' }, 'second says why');
is $r->header('Retry-After'), 1, 'Retry-After';
cmp_ok $took, '<', 3, 'within its wait';

for (1 .. 5) {
    $begin = time;
    @answers = ($second->request('POST', '/cache/1', '{"value":0}'),
        $second->request('DELETE', '/cache/1'), $second->get('/stat/count'),
        $second->get('/clear'), $second->get('/close'),
        $second->request('DELETE', '/prefix/1'));
    $took = time - $begin;
    last if $took < 1;
}

is_deeply [ map { $_->status } @answers ], [ (503) x 6 ], 'no operation';
cmp_ok $took, '<', 1, 'at once, later on';
is $second->get('/stat')->status, 200, 'stat of the second';
is $second->get('/site')->body, 'site', 'its other locations';

# the first

is $first->get('/cache/1')->json->{value}, 1, 'first serves';
is $first->request('POST', '/cache/4', '{"value":4}')->status, 200,
    'first stores';
is $first->count, 4, 'first counts';

# it lets nobody in while it clears

my @cleared = map { $first->get('/clear')->status } 1 .. 200;
is_deeply [ grep { $_ != 200 } @cleared ], [], 'first clears';
is $first->request('POST', "/cache/$_", "{\"value\":$_}")->status, 200,
    "stores $_ again" for 1 .. 4;
is $second->get('/cache/1')->status, 503, 'second still waits';

# some of its workers' attempts, which say no more; it is told when one has
# failed for as long as it waits

my $line = qr/^.*bigcache store.*another (?:nginx|process).*$/m;

$second->logs($line);
sleep 1;
my @lines = $second->error_log($from) =~ /$line/g;

# one for each reason: at first it may not be known who the other one is
ok @lines == 1 || @lines == 2, 'one line in the log' or diag join "\n", @lines;
unlike $first->error_log, qr/another nginx|refused/,
    'none in that of the first';

# the first goes

ok $first->stop, 'first stops';
ok $second->wait_for(sub { $second->get('/cache/4')->status == 200 }),
    'second takes over';
is $second->count, 4, 'with all that was stored';
unlike $second->error_log, qr/not closed properly/, 'closed properly';
is $second->request('POST', '/cache/5', '{"value":5}')->status, 200,
    'second stores';

# the other way round, and the second is killed

$first->start;
is $first->get('/cache/5')->status, 503, 'first has to wait';
$second->kill;
ok $first->wait_for(sub { $first->get('/cache/5')->status == 200 }),
    'first takes over';

# a tenth of a second passes until each worker has seen it

my $all = sub {
    !grep { $_->status != 200 } map { $first->get('/stat/count') } 1 .. 20;
};

ok $first->wait_for($all), 'all of its workers do';
is $first->count, 5, 'everything is there';

# closed on demand, the directory is free

$second->start;
is $first->get('/close')->status, 200, 'first closes';
ok $second->wait_for(sub { $second->get('/cache/5')->status == 200 }),
    'second opens';
is $first->request('POST', '/open')->status, 503, 'first cannot open';
ok $second->stop, 'second stops';
ok $first->wait_for(sub { $first->get('/cache/5')->status == 200 }),
    'first opens after all';

done_testing;
