#!/usr/bin/perl

# Readers ask for pages while nginx is reloaded, upgraded, its store is closed
# and cleared, and its workers are killed: each gets the page that it asked for,
# and no status that the upstream did not give.
#
# BIGCACHE_ROUNDS=20 repeats it so often.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use JSON::PP ();
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use constant ROUNDS => $ENV{BIGCACHE_ROUNDS} || 1;
use constant READERS => 3;

# seconds after which a page that is fresh for one is too old: one for the
# rounding of its age
use constant OLD => 1 + 1 + 1;

for my $workers (split ' ', $ENV{BIGCACHE_WORKERS} || '1 4') {

    my $t = Bigcache::Test->new(daemon => 1);
    my $name = "workers $workers";

    my $o = Bigcache::Test::Origin->new($t, 1, sub {
        my ($request, $n) = @_;
        my ($uri, $header) = @$request{qw(uri header)};
        my @fresh = ('Cache-Control' => 'max-age=' . ($uri =~ /long/ ? 60 : 1));

        push @fresh, Vary => 'X-Lang' if $uri =~ /lang/;
        push @fresh, Vary => 'Cookie' if $uri =~ /cookie/;

        my $body = join '|', $uri, $header->{host}, $header->{'x-lang'} // '-',
            $uri =~ /cookie/ ? $header->{cookie} // '-' : '-', time, '';

        return (200, \@fresh, $body . 'x' x ($uri =~ /large/ ? 20_000 : 500));
    });

    $t->expect_log(qr/exited on signal 9/);
    $t->conf(main => "worker_processes $workers;", path => 'wait=10s',
        http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
            . ' proxy_set_header Host $http_host;',
        location => 'bigcache_pages off;', servers => q{
        server {
            listen 127.0.0.1:%%PORT_2%%;
            bigcache_pages main;
            add_header X-Status $bigcache_status always;
            location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        }
    })->start;

    my $hits = 0;

    # under(NAME, KILLS, CODE): readers are there while CODE runs
    my $under = sub {
        my ($what, $kills, $code) = @_;
        my @running = map { reader($t, $_, $kills) } 1 .. READERS;

        for (1 .. ROUNDS) {
            sleep 0.7;
            $code->();
        }
        sleep 0.7;

        my (%sum, @wrong);

        for my $reader (@running) {
            my $report = $reader->();
            push @wrong, @{ $report->{wrong} };
            $sum{$_} += $report->{$_} for qw(ok hits reset);
        }

        is_deeply [@wrong[0 .. ($#wrong > 4 ? 4 : $#wrong)]], [],
            "$name, $what: each has its page, and no error";
        $hits += $sum{hits};
        note "$name, $what: $sum{ok} answers, $sum{hits} hits, "
            . "$sum{reset} resets";
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
    });

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


# a process that reads until the code which is returned is called: that gives its
# report

sub reader {
    my ($t, $n, $kills) = @_;

    my $port = $t->port(2);
    my $dir = $t->dir;

    unlink "$dir/stop", "$dir/report.$n";

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        $SIG{ALRM} = 'DEFAULT';
        alarm 120;
        srand($$ ^ time);

        my $report = { ok => 0, hits => 0, reset => 0, wrong => [] };

        while (!-e "$dir/stop") {
            eval { read_one($port, $report, $kills); 1 }
                or push @{ $report->{wrong} }, "died: $@";
        }

        $t->write_file("report.$n", JSON::PP::encode_json($report));
        POSIX::_exit(0);
    }

    return sub {
        $t->write_file('stop', '');
        waitpid $pid, 0;
        return eval { JSON::PP::decode_json($t->read_file("report.$n")) }
            || { ok => 0, hits => 0, reset => 0, wrong => ['no report'] };
    };
}


sub read_one {
    my ($port, $report, $kills) = @_;

    my $host = (qw(a.example b.example))[rand 2];
    my $kind = (qw(page long lang cookie large))[rand 5];
    my $uri = "/$kind/" . int rand 6;
    my @headers = (Host => $host, Connection => 'close');
    my ($lang, $cookie) = ('-', '-');

    push @headers, 'X-Lang' => $lang = (qw(en de fr))[rand 3]
        if $kind eq 'lang';
    push @headers, Cookie => $cookie = 'session=' . int rand 1000
        if $kind eq 'cookie' && rand() < 0.5;

    my $begin = time;
    my $r = eval {
        my $c = Bigcache::Test::Connection->new($port);
        $c->request('GET', $uri, undef, @headers);
    };

    if (!$r || $r->status == 0 || $r->truncated) {

        # a worker that is killed takes its connections along
        if ($kills) {
            $report->{reset}++;
            return;
        }

        push @{ $report->{wrong} }, "$uri: no answer, " . ($@ || '');
        return;
    }

    my ($for, $of, $l, $c, $made, $fill) = split /\|/, $r->body;
    my @what = ($r->status, $r->header('X-Status') // '-', substr $r->body, 0,
        80);
    my $wrong = $r->status != 200 ? 'status'
        : $for ne $uri || $of ne $host ? 'another page'
        : $l ne $lang ? 'another language'
        : $c ne $cookie ? 'another cookie'
        : $kind ne 'long' && $begin - $made > OLD ? 'too old'
        : length $fill != ($kind eq 'large' ? 20_000 : 500) ? 'not whole'
        : time - $begin > 10 ? 'too late' : '';

    push @{ $report->{wrong} }, "$wrong: $uri $host: @what" if $wrong;
    $report->{ok}++;
    $report->{hits}++ if ($r->header('X-Status') // '') eq 'HIT';
}
