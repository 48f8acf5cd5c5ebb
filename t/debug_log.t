#!/usr/bin/perl

# The debug log tells of which connection each timer is: also of the timers of
# requests that wait for what another one makes, which are of none.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep time);

my $t = Bigcache::Test->new;

plan skip_all => 'an nginx without debug log'
    if `${\$t->nginx} -V 2>&1` !~ /--with-debug/;

local $ENV{BIGCACHE_LOG} = 'debug';

# answers when it may

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my $end = time + 60;

    sleep 0.01 until -e $t->dir . '/go' || time > $end;

    return (200, ['Cache-Control' => 'max-age=60'], 'page');
});

$t->conf(main => 'worker_processes 1;', servers => q{
    server {
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        bigcache_lookup_timeout 10s;
        bigcache_lock on timeout=60s;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
})->start;

my $worker = join ' ', $t->worker_pids;

# waits(OFFSET): a timer of no connection is set, after that place in the log

sub waits {
    my ($from) = @_;

    return $t->wait_for(sub {
        $t->error_log($from) =~ /event timer add: -1: \d:/;
    });
}

my $log = length $t->error_log;
my @c = map { $t->connect(2)->send_request('GET', '/') } 1 .. 2;

ok waits($log), 'a request waits for a page';
$t->write_file('go', '');
is $_->response('GET')->body, 'page', 'gets it' for @c;

my $lease = $t->get('/pickle/k', Prefer => 'wait=0')->header('Bigcache-Lease');

$log = length $t->error_log;
my $c = $t->connect->send_request('GET', '/pickle/k', undef,
    Prefer => 'wait=30');

ok waits($log), 'a request waits for an entry';
is $t->request('POST', '/pickle/k', 'entry', 'Bigcache-Lease' => $lease)->status,
    200, 'which is stored';
is $c->response('GET')->body, 'entry', 'gets it';

is join(' ', $t->worker_pids), $worker, 'the worker lives';

done_testing;
