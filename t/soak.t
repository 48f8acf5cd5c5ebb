#!/usr/bin/perl

# Nginx is reloaded every 3 seconds, and every 10 a worker is killed, while
# clients read and write, and others ask for pages of an origin: nothing fails
# but what the killed one had, nothing that was acknowledged is lost, and each
# page is the one that was asked for, and not too old.
#
# BIGCACHE_SOAK=1800 goes on for so many seconds, with BIGCACHE_WORKERS=4
# workers, and shows its figures.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Load;
use Bigcache::Test::Readers;
use Test::More;
use Time::HiRes qw(sleep time);

use constant SECONDS => $ENV{BIGCACHE_SOAK} || 12;

alarm SECONDS + 120;

my $workers = $ENV{BIGCACHE_WORKERS} || 4;
my $t = Bigcache::Test->new;

my $o = Bigcache::Test::Readers->origin($t, 1);

$t->expect_log(qr/exited on signal 9/);
$t->conf(
    main => qq{worker_processes $workers;},
    path => 'wait=10s segment_size=16m',
    http => q{
        client_max_body_size 10m;
        client_body_buffer_size 128k;
    },
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_2%%;
            bigcache_pages main;
            add_header X-Status $bigcache_status always;
            location / {
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_set_header Host $http_host;
                # nginx before 1.23.1 forgets an upstream that pauses when what
                # was read fills the buffers, and a worker exits meanwhile
                proxy_buffers 8 4093;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }
    })->start;

my $load = Bigcache::Test::Load->new($t, clients => 4, keepalive => 0.5,
    kills => 1, pause => 0.001)->start;
my $readers = Bigcache::Test::Readers->new($t, 2, kills => 1,
    pause => 0.001)->start;

my $begin = time;
my ($reload, $kill) = ($begin + 3, $begin + 10);
my ($reloads, $kills) = (0, 0);
my (%rss, @files);

while (time < $begin + SECONDS) {
    sleep 0.1;              # between two looks

    if (time > $reload) {
        $t->reload;
        $reloads++;
        $reload += 3 while $reload < time;
    }

    if (time > $kill) {
        my @pids = $t->worker_pids;

        if (@pids) {
            $t->signal('KILL', $pids[rand @pids]);
            $kills++;
        }

        $kill += 10 while $kill < time;
    }

    for my $pid ($t->worker_pids) {
        my $rss = $t->memory($pid) / 1024;
        $rss{most} = $rss if $rss > ($rss{most} // 0);
        my $n = $t->open_files($pid);
        $rss{files} = $n if $n > ($rss{files} // 0);
        $n = () = glob "/proc/$pid/task/*";
        $rss{threads} = $n if $n > ($rss{threads} // 0);
    }
}

# in this order: the readers have the pipes by which the load is stopped

$load->wait_for(100);
$readers->wait_for(101);

my $pages = $readers->stop;
my $report = $load->stop;

# they are counted with all other keys

is join(', ', $readers->remove), '', 'the pages are removed';

my @lost = $load->verify;

cmp_ok $report->{ok}, '>=', 100, 'requests';
ok !@{ $report->{failed} } && !$report->{refused} && !$report->{died},
    'no request fails'
    or diag join "\n", "refused $report->{refused}, died $report->{died}",
        grep { defined } @{ $report->{failed} }[0 .. 9];
ok !@{ $report->{wrong} } && !@lost, 'nothing is lost'
    or diag join "\n", grep { defined } (@{ $report->{wrong} }, @lost)[0 .. 9];
cmp_ok $report->{slowest}, '<', 10, 'none hangs';

cmp_ok $pages->{hits}, '>', 100, 'pages from the store';
my @wrong = @{ $pages->{wrong} };
is_deeply [@wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)]], [],
    'each page is right, and none is late';

my $text = sprintf '%d workers, %.0f s, %d reloads, %d kills: %d requests, '
    . '%d resets, slowest %.0f ms; a worker has %d kB, %d files and %d threads '
    . 'at most', $workers, time - $begin, $reloads, $kills, $report->{ok},
    $report->{reset}, 1000 * $report->{slowest}, $rss{most}, $rss{files},
    $rss{threads};

$text .= sprintf '; pages: %d answers, %d hits, %d resets, %d wrong, slowest '
    . '%.0f ms', @$pages{qw(ok hits reset)}, scalar @wrong,
    1000 * $pages->{slowest};

$ENV{BIGCACHE_SOAK} ? diag $text : note $text;

cmp_ok $t->space('store/pages/*'), '<', 500_000_000, 'space comes back';

ok $t->stop, 'stops';

done_testing;
