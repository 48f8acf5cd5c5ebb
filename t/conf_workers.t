#!/usr/bin/perl

# The processes of nginx: one worker, a master or none, a daemon or not.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bigcache::Test;
use Test::More;

my $refusal = qr/\[emerg\] .*"worker_processes" is \d+, it must be 1/;


sub conf {
    my ($before, $after) = @_;

    return <<"END";
%%MODULE%%
$before

events {
}

http {
    %%HTTP%%

    bigcache_path %%DIR%%/store zone=main:1m;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }
    }
}

${\($after // '')}
END
}


# refused(CONF, NAME): at start, by one line, with nothing left running

sub refused {
    my ($conf, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $t = Bigcache::Test->new->conf($conf);

    $t->expect_log($refusal);
    my $started = eval { $t->start };
    # nginx says it twice, to its error log and to stderr, here the same file

    my @emerg = $t->error_log =~ /^\d.*\[emerg\].*$/mg;

    ok !$started && @emerg == 1 && $emerg[0] =~ $refusal, $name
        or diag $t->error_log;
}


sub works {
    my ($t, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is_deeply [ map { $_->status } $t->request('POST', '/pickle/k', $name),
        $t->get('/pickle/k'), $t->get('/stat/count') ], [ 200, 200, 200 ],
        $name;
}


refused(conf('worker_processes 2;'), 'two workers');
refused(conf('', 'worker_processes 2;'), 'two workers, after http');
refused(conf('worker_processes 3;'), 'three workers');

SKIP: {
    skip 'one processor', 1 if `nproc` < 2;
    refused(conf('worker_processes auto;'), 'a worker each processor');
}

my $t = Bigcache::Test->new;

my ($code, $output) = $t->nginx_t(conf('worker_processes 2;'));
like $output, $refusal, 'nginx -t says so';
ok $code > 0, 'nginx -t fails';

# a reload is refused, and changes nothing

$t->conf(conf('worker_processes 1;'))->start;

works($t, 'one worker');
my @workers = $t->worker_pids;
is @workers, 1, 'is one';

$t->expect_log($refusal);
$t->conf(conf('worker_processes 2;'));
ok !$t->reload, 'reload refused';
works($t, 'serves after that');
is_deeply [ $t->worker_pids ], \@workers, 'the same worker';

$t->conf(conf(''));
ok $t->reload, 'reload to one';
works($t, 'serves after reload');
isnt +($t->worker_pids)[0], $workers[0], 'another worker';
ok $t->stop, 'stops';

# no master

$t = Bigcache::Test->new->conf(conf('master_process off;'))->start;

works($t, 'no master');
is_deeply [ $t->children ], [], 'one process';
ok $t->stop, 'no master, stops';
unlike $t->error_log, qr/not closed properly/, 'no master, closed';
$t->start;
is $t->get('/stat/count')->json->{count}, 1, 'no master, count';
unlike $t->error_log, qr/not closed properly/, 'no master, closed properly';
$t->stop;

# no master, several workers: there is but one process

$t = Bigcache::Test->new;
$t->conf(conf('master_process off; worker_processes 4;'));
my $started = eval { $t->start };

SKIP: {
    if (!$started) {
        like $t->error_log, $refusal, 'no master, four workers';
        skip 'refused', 1;
    }

    works($t, 'no master, four workers');
    ok $t->stop, 'no master of four, stops';
}

# a daemon

$t = Bigcache::Test->new;

my $conf = $t->expand(conf(''));
$conf =~ s/daemon off;/daemon on;/;
$conf =~ s{error_log .*;}{error_log @{[ $t->dir ]}/error.log info;};
$t->write_file('nginx.conf', $conf);

my $daemon;

END {
    kill 'TERM', $daemon if $daemon;
}

{
    local $ENV{LD_PRELOAD} = $t->preload if $t->preload;
    system $t->nginx, '-p', $t->dir, '-c', 'nginx.conf', '-e',
        $t->dir . '/error.log';
}

is $?, 0, 'daemon started';
($daemon) = $t->read_file('nginx.pid') =~ /^(\d+)$/m;
works($t, 'daemon');
kill 'QUIT', $daemon;
ok $t->wait_for(sub { !kill 0, $daemon }, 10), 'daemon stops' and $daemon = 0;
unlike $t->error_log, qr/\[(?:alert|crit|emerg)\]/, 'daemon, log';

done_testing;
