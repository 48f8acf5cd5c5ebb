#!/usr/bin/perl

# Under a load of readers and writers nginx is reloaded, upgraded, stopped, and
# its workers are killed, with 1, 2, 4 and 8 of them: no request fails, and
# nothing that was acknowledged is lost.
#
# BIGCACHE_ROUNDS=20 repeats each of it so often; BIGCACHE_WORKERS=4 has only so
# many workers.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Load;
use Test::More;
use Time::HiRes qw(sleep);

use constant ROUNDS => $ENV{BIGCACHE_ROUNDS} || 1;
use constant WAIT => 10;


sub conf {
    my ($workers, $top) = @_;

    return Bigcache::Test->default_conf(
        main => "worker_processes $workers; " . ($top // ''),
        http => 'client_max_body_size 100m;',
        path => 'wait=10s segment_size=16m',
        listen => 'sndbuf=32k',
        server => q{
            location /slow/ {
                bigcache_base /slow;
                limit_rate 200k;
                bigcache main;
            }
        });
}


# under_load(T, NAME, OPTIONS, CODE): CODE is called once in each round, and says
# "stored" if it has stored a page of its own

sub under_load {
    my ($t, $name, $options, $code) = @_;
    my $others = 0;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $load = Bigcache::Test::Load->new($t, clients => 3, %$options)->start;

    for my $round (1 .. ROUNDS) {
        sleep 0.3;          # the load goes on
        $others++ if ($code->() // '') eq 'stored';
    }

    sleep 0.3;

    my $report = $load->stop;
    my @lost = $load->verify($others);
    my $refused = $options->{refused} ? 0 : $report->{refused};

    ok !@{ $report->{failed} } && !$refused && !$report->{died},
        "$name: no request fails"
        or diag join "\n", "refused $refused, died $report->{died}",
            @{ $report->{failed} }[0 .. min($#{ $report->{failed} }, 9)];
    ok !@{ $report->{wrong} } && !@lost, "$name: nothing is lost"
        or diag join "\n", (@{ $report->{wrong} }, @lost)[0 .. min(
            $#{ $report->{wrong} } + @lost, 9)];
    cmp_ok $report->{slowest}, '<', WAIT, "$name: none hangs";
    note sprintf '%s: %d requests, %d resets, slowest %.0f ms', $name,
        $report->{ok}, $report->{reset}, 1000 * $report->{slowest};
}


sub min { $_[0] < $_[1] ? $_[0] : $_[1] }


for my $workers (split ' ', $ENV{BIGCACHE_WORKERS} || '1 2 4 8') {

    my $t = Bigcache::Test->new(daemon => 1);
    my $name = "workers $workers";

    $t->expect_log(qr/exited on signal 9/);
    $t->conf(conf($workers))->start;

    under_load($t, "$name, reload", {}, sub { $t->reload });

    under_load($t, "$name, reloads in a row", { keepalive => 0.5 }, sub {
        $t->signal('HUP') and sleep 0.05 for 1 .. 3;
        $t->reload;
    });

    under_load($t, "$name, upgrade", {}, sub { $t->upgrade });

    under_load($t, "$name, upgrade and back", {}, sub { $t->upgrade_and_back });

    # the load knows that connections to whom is killed end

    under_load($t, "$name, the owner killed", { kills => 1 }, sub {
        my $pid = $t->wait_for(sub { $t->owner });
        $t->signal('KILL', $pid);
        $t->wait_for(sub { my $now = $t->owner; $now && $now != $pid });
    }) unless $t->in_cluster('no process owns it');

    under_load($t, "$name, any killed", { kills => 1, keepalive => 0.5 }, sub {
        my @pids = $t->worker_pids or return;
        my $killed = $pids[rand @pids];
        $t->signal('KILL', $killed);
        $t->wait_for(sub {
            my @now = $t->worker_pids;
            @now >= @pids && !grep { $_ == $killed } @now;
        });
    });

    # the kernel resets those that nobody has accepted by then

    under_load($t, "$name, quit and start", { refused => 1, kills => 1 }, sub {
        $t->stop;
        $t->start;
    });

    # a slow upload and a slow download are under way

    my $large = join '', map { chr 33 + $_ % 90 } 1 .. 1_500_000;
    $t->request('POST', '/pickle/slow', $large);

    my (@bad, $i);

    under_load($t, "$name, slow clients", {}, sub {
        my ($down, $up) = ($t->connect, $t->connect);

        $down->send_request('GET', '/slow/pickle/slow', undef);
        $down->read_bytes(100);
        $up->begin('POST', '/pickle/up' . ++$i, 300_000,
            Connection => 'close')->send('u' x 1000);
        $t->reload;
        sleep 0.5;          # a slow client
        $up->send('u' x 299_000);

        my $r = $up->response('POST');
        push @bad, 'upload: ' . $r->status . ' ' . $r->body
            if $r->status != 200;
        $r = $t->get("/pickle/up$i");
        push @bad, 'stored: ' . $r->status if $r->body ne 'u' x 300_000;

        # the rest of the page, from a worker that lingers
        $down->read_until("\r\n\r\n") if $down->{in} =~ /\r\n\r\n/;
        push @bad, 'owner lingers' if !$t->wait_for(sub {
            my $owner = $t->owner;
            !$owner || grep { $_ == $owner } $t->worker_pids;
        }, 5);
        $down->close;

        return 'stored';
    });

    is_deeply \@bad, [], "$name, slow clients: uploads and hand-overs";

    # a large page is being written by whoever has the store open until then

    my $huge = join '', map { chr(33 + $_ % 89) x 1000 } 1 .. 100_000;
    my @unlike;

    under_load($t, "$name, large page", {}, sub {
        my $up = $t->connect;

        $up->send("POST /pickle/huge HTTP/1.1\r\nHost: x\r\n"
            . "Connection: close\r\nContent-Length: " . length($huge)
            . "\r\n\r\n" . substr $huge, 0, -1);
        # when nginx tells the old workers to quit

        $t->signal('HUP');
        sleep 0.1;
        $up->send(substr $huge, -1);

        my $r = $up->response('POST');
        push @unlike, $r->status . ' ' . $r->body if $r->status != 200;
        push @unlike, 'another page' if $t->get('/pickle/huge')->body ne $huge;
        $t->request('DELETE', '/pickle/huge');
        $t->reload;
    });

    is_deeply \@unlike, [], "$name, large page: stored whole";

    # the store is cleared, closed and opened while it changes hands: nginx tells
    # old workers to quit a tenth of a second after it has started new ones

    my %status;

    for my $i (1 .. 6 + 2 * ROUNDS) {
        my @c = map { $t->connect } 1 .. 4;
        my $path = $i % 3 ? '/clear' : '/close';

        $t->signal('HUP');
        sleep 0.07;
        sleep 0.012 and $_->send_request('GET', $path, undef,
            Connection => 'close') for @c;
        $status{"$path " . $_->response->status}++ for @c;

        # which a reload has opened already, or opens now
        $t->request('POST', '/open') if $path eq '/close';
        $status{'POST ' . $t->request('POST', '/pickle/x', $i)->status}++;
        $status{'GET ' . ($t->get('/pickle/x')->body eq $i ? 200 : 0)}++;
    }

    is join(', ', sort keys %status),
        '/clear 200, /close 200, GET 200, POST 200',
        "$name, cleared and closed during reloads"
        or diag join ', ', map { "$_: $status{$_}" } sort keys %status;
    $t->request('POST', '/pickle/slow', $large);

    # nginx gives up on them

    $t->conf(conf($workers, 'worker_shutdown_timeout 300ms;'));
    $t->reload;

    under_load($t, "$name, worker_shutdown_timeout", { kills => 1 }, sub {
        my $down = $t->connect;

        $down->send_request('GET', '/slow/pickle/slow', undef);
        $down->read_bytes(100);
        $t->reload;
        $down->close;
    });

    ok $t->stop, "$name: stops";
    unlike $t->error_log, qr/\[warn\].*owner\.sock/, "$name: no bad message";
}

done_testing;
