#!/usr/bin/perl

# Readers ask for pages while nginx is reloaded, upgraded, its store is closed
# and cleared, and its workers are killed: each gets the page that it asked for,
# and no status that the upstream did not give.
#
# BIGCACHE_ROUNDS=20 repeats it so often.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Readers;
use Test::More;
use Time::HiRes qw(sleep time);

use constant ROUNDS => $ENV{BIGCACHE_ROUNDS} || 1;
use constant READERS => 3;

for my $workers (split ' ', $ENV{BIGCACHE_WORKERS} || '1 4') {

    my $t = Bigcache::Test->new(daemon => 1);
    my $name = "workers $workers";

    my $o = Bigcache::Test::Readers->origin($t, 1);

    $t->expect_log(qr/exited on signal 9/);
    $t->conf(main => "worker_processes $workers;", path => 'wait=10s',
        http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
            . ' proxy_set_header Host $http_host;',
        location => 'bigcache_pages off;', servers => q{
        server {
            listen 127.0.0.1:%%PORT_2%%;
            bigcache_pages main;
            add_header X-Status $bigcache_status always;
            location / {
                # nginx before 1.23.1 forgets an upstream that pauses when what
                # was read fills the buffers, and a worker exits meanwhile
                proxy_buffers 8 4093;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }
    })->start;

    my $hits = 0;

    # under(NAME, KILLS, CODE): readers are there while CODE runs
    my $under = sub {
        my ($what, $kills, $code) = @_;
        my $readers = Bigcache::Test::Readers->new($t, 2,
            readers => READERS, kills => $kills)->start;

        for (1 .. ROUNDS) {
            sleep 0.7;
            $code->();
        }
        sleep 0.7;

        my $report = $readers->stop;
        my @wrong = @{ $report->{wrong} };

        is_deeply [@wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)]], [],
            "$name, $what: each has its page, and no error";
        $hits += $report->{hits};
        note sprintf "$name, $what: %d answers, %d hits, %d resets, "
            . 'slowest %.0f ms', @$report{qw(ok hits reset)},
            1000 * $report->{slowest};
    };

    $under->('reload', 0, sub { $t->reload });
    $under->('reloads in a row', 0, sub {
        $t->signal('HUP') and sleep 0.05 for 1 .. 3;
        $t->reload;
    });
    $under->('upgrade', 0, sub { $t->upgrade });
    $under->('closed and opened', 0, sub {
        $t->get('/close');
        sleep 0.3;
        $t->request('POST', '/open');
    });
    $under->('cleared', 0, sub { $t->get('/clear') });

    $under->('the owner killed', 1, sub {
        my $pid = $t->wait_for(sub { $t->owner });
        $t->signal('KILL', $pid);
        $t->wait_for(sub { my $now = $t->owner; $now && $now != $pid });
    }) unless $t->in_cluster('no process owns it');

    $under->('any killed', 1, sub {
        my @pids = $t->worker_pids or return;
        my $killed = $pids[rand @pids];
        $t->signal('KILL', $killed);
        $t->wait_for(sub {
            my @now = $t->worker_pids;
            @now >= @pids && !grep { $_ == $killed } @now;
        });
    });

    cmp_ok $hits, '>', 0, "$name: some came from the store";

    $t->stop;
}

done_testing;
