#!/usr/bin/perl

# A worker that cannot start the store, since there are no threads, memory or
# descriptors, goes on without it, and starts it when it can.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Test::More;

my $conf = Bigcache::Test->default_conf(
    main => q{
        worker_processes 2;
        env STARVE;

        thread_pool default threads=4;
    },
    path => 'wait=10s',
    server => q{
        location /static/ {
            alias %%DIR%%/static/;
        }
    });

my $built = Bigcache::Test->new;
my $library = $built->dir . '/starve.so';

is system("gcc -O2 -Wall -shared -fPIC -o $library $FindBin::Bin/starve.c -ldl"),
    0, 'the library';

# a sanitizer comes first, and takes threads and memory for itself

my @kinds = Bigcache::Test->preload ? 'eventfd'
    : qw(pthread_create calloc eventfd);

$ENV{BIGCACHE_PRELOAD} = join ':', grep { $_ } $ENV{BIGCACHE_PRELOAD}, $library;

for my $kind (@kinds) {
    my $t = Bigcache::Test->new;

    $t->{env}{STARVE} = $t->dir . '/starve';
    mkdir $t->dir . "/$_" for qw(starve static);
    $t->write_file("starve/$kind", '');
    $t->write_file('static/file', 'static');
    $t->expect_log(qr/\[crit\].*store" cannot|cannot be started|exited on signal 9/);
    $t->conf($conf)->start;

    ok $t->wait_for(sub { $t->worker_pids == 2 }), "$kind: workers";
    my @workers = $t->worker_pids;

    my @answers = map { ($t->get('/pickle/k'), $t->get('/stat/count'),
        $t->request('POST', '/pickle/k', 'page' x 10_000),
        $t->request('POST', '/batch', '[]'),
        $t->request('DELETE', '/cache/k')) } 1 .. 5;

    is_deeply [ grep { $_->status != 503 } @answers ], [],
        "$kind: unavailable" or diag join ' ', map { $_->status } @answers;
    like $answers[0]->json->{detail}, qr/cannot start the store/,
        "$kind: reason";
    ok defined $answers[0]->header('Retry-After'), "$kind: Retry-After";
    is $t->get('/stat')->status, 200, "$kind: /stat";
    like $t->get('/metrics')->body, qr/^bigcache_up 0$/m, "$kind: /metrics";
    is $t->get('/static/file')->body, 'static', "$kind: all else is served";
    is join(' ', $t->worker_pids), "@workers", "$kind: no worker has ended";

    my $lines = qr/\[crit\].*store": it cannot be started in this worker/;

    ok $t->wait_for(sub { (() = $t->error_log =~ /$lines/g) == 2 }),
        "$kind: a line for each worker" or diag $t->error_log;

    ok $t->reload, "$kind: a reload";
    is $t->get('/pickle/k')->status, 503, "$kind: still unavailable";

    # a worker after the other

    unlink $t->dir . "/starve/$kind";

    ok $t->wait_for(sub {
        my @told = $t->error_log =~ /it is started in this worker process/g;
        @told >= 2;
    }), "$kind: started after all";
    is $t->request('POST', '/pickle/k', 'page')->status, 200, "$kind: stores";

    my @c = map { $t->connect } 1 .. 20;
    is join(' ', grep { $_ ne 'page' }
        map { $_->request('GET', '/pickle/k')->body } @c), '',
        "$kind: all serve";
    @c = ();

    # one that comes later has to do without, and those that have it go on

    $t->write_file("starve/$kind", '');

    my ($killed) = $t->worker_pids;
    $t->signal('KILL', $killed);
    ok $t->wait_for(sub {
        my @now = $t->worker_pids;
        @now == 2 && !grep { $_ == $killed } @now;
    }), "$kind: a new worker";

    unlink $t->dir . "/starve/$kind";
    ok $t->wait_for(sub {
        !grep { $_->status != 200 } map { $t->get('/pickle/k') } 1 .. 10;
    }), "$kind: both serve again";

    ok $t->reload, "$kind: a reload of workers that began late";
    is $t->get('/pickle/k')->body, 'page', "$kind: serves";
    ok $t->stop, "$kind: stops";
}

done_testing;
