#!/usr/bin/perl

# DELETE /prefix/: at once for all readers, only what was stored before, and
# to the end even if nginx dies in the middle of it.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Test::More;
use Time::HiRes qw(sleep time);

use constant { KEYS => 20_000, WRITERS => 4 };

my $t = Bigcache::Test->new->conf(
    main => q{
        worker_rlimit_core 0;

        thread_pool bigcache threads=16;
    },
    path => q{
        thread_pool=bigcache wait=20s write_buffer=1m segment_size=1m
    },
    http => 'keepalive_requests 1000000;')->start;

my @async = (Prefer => 'respond-async');


sub hits { $t->get('/stat')->json->{stats}{hit} }
sub deleted { $t->get('/stat')->json->{stats}{delete} }

my $noise = noise(20_000);

sub body {
    my ($key) = @_;

    return "$key " x 30 . 'x' x (length($key) % 2 * 300) if $key !~ /^g/;
    return $key . substr $noise, unpack('%32C*', $key) * 3, 1500;
}


# fill(PREFIX, N): in batches on several connections

sub fill {
    my ($prefix, $n) = @_;

    my @bad = grep { $_ ne 'ok' } map { $_->() } map {
        my $writer = $_;
        $t->in_child(sub {
            my $c = $t->connect;

            for (my $i = $writer; $i < $n; $i += 50 * WRITERS) {
                my @batch = grep { $_ < $n } map { $i + $_ * WRITERS } 0 .. 49;

                $c->send(join '', map {
                    my $body = body("$prefix$_");
                    "POST /pickle/$prefix$_ HTTP/1.1\r\nHost: x\r\n"
                        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
                } @batch);
                $_ == 200 or return "status $_"
                    for map { $c->response->status } @batch;
            }

            return 'ok';
        });
    } 0 .. WRITERS - 1;

    is "@bad", '', "stores $n keys $prefix";
}


# present(PREFIX, KEY ...): those that are there, as they were stored

sub present {
    my ($prefix, @n) = @_;

    my $c = $t->connect;

    return grep {
        my $r = $c->request('GET', "/pickle/$prefix$_");
        $r->status == 200 && $r->body eq body("$prefix$_");
    } @n;
}


# watch(KEY ...): polls keys until they are gone, and a little longer; says
# which was there after another one had gone, or after the purge was answered,
# which the file "answered" tells

sub watch {
    my ($prefix, $n) = @_;

    return $t->in_child(sub {
        my $c = $t->connect;
        my ($gone, $after, @bad) = (0, 0);
        my $end = time + 60;

        while ($after < 500 && time < $end) {
            my $key = $prefix . int rand $n;
            my $answered = -e $t->dir . '/answered';
            my $status = $c->request('GET', "/pickle/$key")->status;

            push @bad, "$key after another had gone"
                if $gone && $status != 404;
            push @bad, "$key after the answer" if $answered && $status != 404;
            push @bad, "$key: $status" if $status !~ /^(?:200|404)$/;

            $gone ||= $status == 404;
            $after += $gone;
        }

        return @bad ? "@bad[0 .. ($#bad > 3 ? 3 : $#bad)]"
            : $gone ? 'ok' : 'never gone';
    });
}


# at once for all readers: once one of the keys is gone, all are

for my $way ('in order', 'async') {
    my @prefer = $way eq 'async' ? @async : ();

    fill('a/', KEYS);
    fill('b/', 1000);
    is $t->count, KEYS + 1000, "$way: count before";

    my $deleted = deleted();
    my $hits = hits();
    my @watching = map { watch('a/', KEYS) } 1 .. 3;
    $t->wait_for(sub { hits() > $hits + 100 });

    my $begin = time;
    my $r = $t->request('DELETE', '/prefix/a/', undef, @prefer);
    my $took = time - $begin;
    $t->write_file('answered', '');

    my @left = present('a/', map { int rand KEYS } 1 .. 300);
    is scalar @left, 0, "$way: nothing is left after the answer";
    is_deeply [ map { $_->() } @watching ], [ ('ok') x 3 ],
        "$way: nobody sees a part of it";
    unlink $t->dir . '/answered';

    if (@prefer) {
        is $r->status, 202, "$way: accepted";
        is $r->header('Preference-Applied') // 'respond-async',
            'respond-async', "$way: Preference-Applied";
        is $r->json->{message}, "prefix 'a/': being deleted.", "$way: message";
        cmp_ok $took, '<', 10, "$way: answered soon";

    } else {
        $t->json_is($r, 200, { message => "prefix 'a/': " . KEYS
            . ' keys deleted.' }, "$way: message");
        is $t->count, 1000, "$way: count";
        is deleted(), $deleted + KEYS, "$way: delete counter";
    }

    $t->counted(1000, "$way: count in the end", 60);
    $t->wait_for(sub { deleted() >= $deleted + KEYS });
    is deleted(), $deleted + KEYS, "$way: delete counter in the end";
    is scalar present('b/', 0 .. 999), 1000, "$way: others stay";
    is $t->request('DELETE', '/prefix/b/')->json->{message},
        "prefix 'b/': 1000 keys deleted.", "$way: the others";
}

# the preference is one of several, and only for prefixes

fill('a/', 10);
is $t->request('DELETE', '/prefix/a/', undef, Prefer =>
    'return=minimal, respond-async, wait=10')->status, 202, 'of several';
$t->counted(0, 'of several: gone', 60);
is $t->request('DELETE', '/prefix/a/', undef, @async)->status, 202,
    'of nothing';
is $t->request('DELETE', '/prefix/', undef, @async)->status, 400,
    'of no prefix';
$t->request('POST', '/pickle/one', 1);
is $t->request('DELETE', '/pickle/one', undef, @async)->status, 200,
    'of one key: in order';
is $t->request('DELETE', '/pickle/one', undef, @async)->status, 404,
    'of one key: gone';

# what is stored after the answer stays, over what was there and anew

fill('a/', KEYS);
is $t->request('DELETE', '/prefix/a/', undef, @async)->status, 202,
    'stored after: accepted';
fill('a/', 300);
is scalar present('a/', 0 .. 299), 300, 'stored after: is there';
$t->counted(300, 'stored after: count', 60);
is scalar present('a/', 0 .. 299), 300, 'stored after: still there';
is scalar present('a/', map { 300 + int rand KEYS - 300 } 1 .. 300), 0,
    'stored after: the others are not';
is $t->request('POST', '/pickle/a/9', 'v', 'If-None-Match' => '*')->status,
    412, 'stored after: counts for If-None-Match';
is $t->request('DELETE', '/prefix/a/')->json->{message},
    "prefix 'a/': 300 keys deleted.", 'stored after: then purged';

fill('a/', 5000);
$t->request('DELETE', '/prefix/a/', undef, @async);
is $t->request('POST', '/pickle/a/4999', 'v', 'If-None-Match' => '*')->status,
    200, 'a purged page is none';
is $t->request('DELETE', '/pickle/a/4998')->status, 404,
    'nor is it to be deleted';
$t->counted(1, 'count with it', 60);
$t->request('DELETE', '/prefix/a/');

# writers go on while it is purged again and again: what they stored after the
# last purge began is there, and nothing is counted twice

{
    my $end = time + 3;
    my $stop = $t->dir . '/stop';
    my @writers = map {
        my $writer = $_;
        $t->in_child(sub {
            my $c = $t->connect;
            my ($n, @bad) = 0;

            until (-e $stop) {
                my $key = "c/$writer-" . $n++ % 500;
                my $status = $c->request('POST', "/pickle/$key", body($key))
                    ->status;
                push @bad, $status if $status != 200;

                $status = $c->request('GET', "/pickle/$key")->status;
                push @bad, $status if $status !~ /^(?:200|404)$/;
            }

            return @bad ? "@bad" : 'ok';
        });
    } 1 .. WRITERS;

    my ($purges, $n) = (0, 0);

    while (time < $end - 0.5 || $purges <= 10) {
        my @prefer = rand() < 0.5 ? @async : ();
        my $r = $t->request('DELETE', '/prefix/c/', undef, @prefer);

        is $r->status, @prefer ? 202 : 200, 'purged under load'
            if ++$purges == 1 || $r->status !~ /^20[02]$/;
        sleep 0.02;         # the writers' turn
    }

    # something is stored after the last purge

    $t->wait_for(sub {
        grep { $t->get("/pickle/c/$_-" . int rand 500)->status == 200 }
            1 .. WRITERS;
    });
    sleep 0.5;
    $t->write_file('stop', '');

    is_deeply [ map { $_->() } @writers ], [ ('ok') x WRITERS ],
        'writers go on';
    cmp_ok $purges, '>', 10, 'many purges';

    my $there = 0;
    for my $writer (1 .. WRITERS) {
        my $c = $t->connect;
        $there += $c->request('GET', "/pickle/c/$writer-$_")->status == 200
            for 0 .. 499;
    }
    cmp_ok $there, '>', 0, 'something is there';
    $t->counted($there, 'under load: count', 60);
    is $t->request('DELETE', '/prefix/c/')->json->{message},
        "prefix 'c/': $there keys deleted.", 'under load: purged at last';
    is $t->count, 0, 'under load: none is left';
}

# several at once, of the same keys and of parts of them: each key is counted
# by one of them

for my $round (1 .. 3) {
    fill("d/$_/", 1500) for 1 .. 4;

    my $deleted = deleted();
    my @answers = map { $_->() } map {
        my $prefix = $_;
        $t->in_child(sub { $t->request('DELETE', "/prefix/$prefix")->body });
    } qw(d/ d/ d/1/ d/2/ d/2/ d d/4/1);
    my $sum = 0;
    $sum += /: (\d+) keys deleted/ ? $1 : 1e9 for @answers;

    is $sum, 6000, "several at once, $round: each key once"
        or diag join "\n", @answers;
    is $t->count, 0, "several at once, $round: none is left";
    is deleted(), $deleted + 6000, "several at once, $round: delete counter";
}

fill('d/', 5000);
my $deleted = deleted();
$t->request('DELETE', "/prefix/$_", undef, @async) for qw(d/1 d/ d/2 d/ d);
$t->counted(0, 'several async', 60);
$t->wait_for(sub { deleted() >= $deleted + 5000 });
is deleted(), $deleted + 5000, 'several async: delete counter';

# while the segments where they lie are compacted: what that meets is counted

for my $round (1 .. 3) {
    fill('g/', KEYS);

    my $deleted = deleted();
    my $log = length $t->error_log;
    my $first = $t->request('DELETE', '/prefix/g/1')->json->{message};
    $t->wait_for(sub {
        $t->error_log($log) =~ /compacted, [1-9]/;
    }, 3);
    my $second = $t->request('DELETE', '/prefix/g/')->json->{message};

    is $first, "prefix 'g/1': 11111 keys deleted.", "compacted, $round: half";
    is $second, "prefix 'g/': 8889 keys deleted.",
        "compacted, $round: the other half";
    is deleted(), $deleted + KEYS, "compacted, $round: delete counter";
    is $t->count, 0, "compacted, $round: none is left";
}

# a crash right after the answer, and during a purge in order

$t->expect_log(qr/worker process \d+ exited on signal 9/);

for my $how ('all killed', 'worker killed', 'in order', 'closed', 'stopped') {
    fill('e/', KEYS);
    fill('f/', 100);

    if ($how eq 'in order') {
        my $c = $t->connect->send_request('DELETE', '/prefix/e/');
        $t->wait_for(sub { $t->get('/pickle/e/0')->status == 404 }, 10);
        $t->kill->start;

    } else {
        my $r = $t->request('DELETE', '/prefix/e/', undef, @async);
        is $r->status, 202, "$how: accepted";

        if ($how eq 'all killed') {
            $t->kill->start;

        } elsif ($how eq 'worker killed') {
            my ($worker) = $t->worker_pids;
            $t->signal('KILL', $worker);
            $t->wait_for(sub { grep { $_ != $worker } $t->worker_pids });

        } elsif ($how eq 'closed') {
            is $t->get('/close')->status, 200, "$how: closes";
            is $t->request('POST', '/open')->status, 200, "$how: opens";

        } else {
            ok $t->stop, "$how: stops";
            $t->start;
        }
    }

    my @left = present('e/', 0 .. 99, map { int rand KEYS } 1 .. 300);
    is scalar @left, 0, "$how: purged keys stay away";
    is $t->request('POST', '/pickle/e/7', body('e/7'))->status, 200,
        "$how: stored anew";
    $t->counted(101, "$how: count", 60);
    is scalar present('e/', 7), 1, "$how: what was stored anew stays";
    is scalar present('f/', 0 .. 99), 100, "$how: others stay";
    is scalar present('e/', 8 .. 400), 0, "$how: purged for good";
    $t->request('DELETE', "/prefix/$_/") for 'e', 'f';
    $t->counted(0, "$how: empty", 60);
}

# no purge is left behind: it would hold for keys to come

$t->request('POST', '/pickle/e/1', 'v');
$t->stop;
$t->start;
is $t->get('/pickle/e/1')->body, 'v', 'none is left behind';

done_testing;
