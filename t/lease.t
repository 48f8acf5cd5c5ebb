#!/usr/bin/perl

# Leases: of many clients that miss an entry one makes it, over all workers; the
# others wait for it.  What ends a lease, and who gets none.

use strict;
use warnings;

use Bigcache::Test qw(raw);
use Test::More;
use Time::HiRes qw(sleep time);

my @soon = (Prefer => 'wait=30');
my @now = (Prefer => 'wait=0');

for my $workers (split ' ', $ENV{BIGCACHE_WORKERS} || '1 4') {

    my $t = Bigcache::Test->new;

    $t->conf(main => "worker_processes $workers;", listen => 'reuseport',
        server => q{
        location /off/ { bigcache_base /off; bigcache main; bigcache_lease off; }
        location /limited/ {
            bigcache_base /limited;
            bigcache main;
            limit_except GET { deny all; }
        }
        location /some/ {
            bigcache_base /some;
            bigcache main;
            bigcache_lease $arg_writer time=2s;
            bigcache_key_args off;
        }
        location /page/ {
            bigcache_base /page;
            bigcache main;
            error_page 404 = @none;
        }
        location @none { return 404 none; }
    })->start;

    my $name = "workers $workers";

    # the first one gets the lease

    my $r = $t->get('/cache/a', @soon);
    my $token = $r->header('Bigcache-Lease') // '';
    json_is($r, 404, { detail => 'cache miss' }, "$name: a miss");
    like $token, qr/^[0-9a-f]{32}$/, "$name: with a token";
    is $r->header('Preference-Applied'), 'wait', "$name: the preference counts";
    is $r->header('Cache-Control'), 'no-store', "$name: for this client alone";

    $r = $t->get('/cache/a', @now);
    is $r->status, 404, "$name: wait=0 is a miss at once";
    is $r->header('Bigcache-Lease'), undef, "$name: without a token";
    is $r->header('Preference-Applied'), 'wait', "$name: and says so";
    is $r->header('Cache-Control'), undef, "$name: for everybody";

    $r = $t->get('/cache/a');
    is $r->status, 404, "$name: without the preference";
    is $r->header('Preference-Applied'), undef, "$name: none is applied";

    my @waiting = waiting($t, 3, '/cache/a');
    push @waiting, waiting($t, 1, '/pickle/a');
    my $begin = time;
    $r = $t->request('POST', '/cache/a', '{"value":1}',
        'Bigcache-Lease' => $token);
    is $r->status, 200, "$name: stored with the token";
    my @r = map { $_->response('GET') } @waiting;
    is join(' ', map { $_->status } @r), '200 200 200 200',
        "$name: all that wait get it";
    is $r[0]->json->{value}, 1, "$name: the value";
    is $r[0]->header('Preference-Applied'), 'wait', "$name: they have waited";
    cmp_ok time - $begin, '<', 10, "$name: and do not wait for their time";

    $r = $t->get('/cache/a', @soon);
    is $r->status, 200, "$name: a hit";
    is $r->header('Preference-Applied'), undef, "$name: a hit does not wait";

    $r = $t->request('POST', '/cache/a', '{"value":2}',
        'Bigcache-Lease' => $token);
    json_is($r, 412, { detail => 'the lease has ended' },
        "$name: a token is good once");
    is $t->get('/cache/a')->json->{value}, 1, "$name: nothing was stored";

    # tokens

    $token = lease($t, '/pickle/t');
    for my $bad ('', 'x', substr($token, 1), "${token}0", 'g' x 32, "$token ,") {
        is $t->request('POST', '/pickle/t', 'x', 'Bigcache-Lease' => $bad)
            ->status, 400, "$name: malformed: '$bad'";
    }
    is $t->request('POST', '/pickle/other', 'x', 'Bigcache-Lease' => $token)
        ->status, 412, "$name: a token of another key";
    is $t->get('/pickle/other')->status, 404, "$name: stores nothing";
    is $t->request('POST', '/pickle/t', 'x', 'Bigcache-Lease' => '0' x 32)
        ->status, 412, "$name: a wrong token";
    is $t->request('POST', '/cache/t', 'no json', 'Bigcache-Lease' => $token)
        ->status, 422, "$name: what cannot be stored does not end the lease";
    is $t->request('POST', '/pickle/t', 'x', 'Bigcache-Lease' => uc $token,
        'If-None-Match' => '*')->status, 200, "$name: upper case";

    $token = lease($t, '/cache/a/b');
    is $t->request('PUT', '/cache//a%2fb/', '{"value":1}',
        'Bigcache-Lease' => $token)->status, 200,
        "$name: another spelling of the key";

    # a store without a token

    $token = lease($t, '/cache/b');
    @waiting = waiting($t, 2, '/cache/b');
    $t->request('POST', '/cache/b', '{"value":"other"}');
    is join(' ', map { $_->response('GET')->status } @waiting), '200 200',
        "$name: another client has stored";
    is $t->request('POST', '/cache/b', '{"value":"late"}',
        'Bigcache-Lease' => $token)->status, 412, "$name: too late";
    is $t->get('/cache/b')->json->{value}, 'other', "$name: the other one stays";

    $token = lease($t, '/cache/batch');
    @waiting = waiting($t, 1, '/cache/batch');
    $t->request('POST', '/batch',
        '{"operations":[{"op":"set","key":"batch","value":1}]}');
    is $waiting[0]->response('GET')->status, 200, "$name: stored by a batch";

    $token = lease($t, '/cache/count');
    @waiting = waiting($t, 1, '/cache/count');
    $t->request('POST', '/incr/count', '{"initial":1}');
    is $waiting[0]->response('GET')->status, 200, "$name: a counter begins";

    # removals

    my $long = 'l' x 500;
    my %removes = (
        delete => sub { $t->request('DELETE', "/cache/$_[0]") },
        batch => sub { $t->request('POST', '/batch',
            qq({"operations":[{"op":"delete","key":"$_[0]"}]})) },
        prefix => sub { $t->request('DELETE', '/prefix/' . substr $_[0], 0, -1)
        },
        $long => sub { $t->request('DELETE', "/prefix/$_[0]") },
        clear => sub { $t->request('POST', '/clear') },
        key => sub { purge($t, 'key', $_[0]) },
        soft => sub { purge($t, 'key-prefix', $_[0], 'false') },
    );

    for my $how (sort keys %removes) {
        my $key = "removed/$how";
        my $what = substr $how, 0, 9;

        my $keep = lease($t, '/cache/kept');
        $token = lease($t, "/cache/$key");
        @waiting = waiting($t, 2, "/cache/$key");
        $removes{$how}->($key);

        my ($next, $rest) = answers(1, @waiting);
        my $lease = $next->[0]->header('Bigcache-Lease') // '';
        is $next->[0]->status, 404, "$name, $what: one of those that wait";
        like $lease, qr/^[0-9a-f]{32}$/, "$name, $what: gets the lease";
        isnt $lease, $token, "$name, $what: it is another one";
        is $t->request('POST', "/cache/$key", '{"value":"old"}',
            'Bigcache-Lease' => $token)->status, 412,
            "$name, $what: the former one is void";
        is $t->get("/cache/$key")->status, 404, "$name, $what: nothing stored";
        is $t->request('POST', "/cache/$key", '{"value":"new"}',
            'Bigcache-Lease' => $lease)->status, 200, "$name, $what: stored";
        is $rest->[0]->response('GET')->json->{value}, 'new',
            "$name, $what: and all others get that";
        is $t->request('DELETE', '/lease/kept', undef,
            'Bigcache-Lease' => $keep)->status, $how eq 'clear' ? 412 : 200,
            "$name, $what: other keys";
    }

    # a tag, which only the write shows

    SKIP: {
        skip 'entries have no tags', 6 if $t->request('POST', '/cache/tag',
            '{"value":1,"tags":5}')->status == 200;

        $t->request('DELETE', '/cache/tag');
        my @tagged = ('{"value":1,"tags":["purged"]}', 'Bigcache-Lease');
        $token = lease($t, '/cache/tag');
        $t->request('POST', '/cache/tag', @tagged, $token);
        is $t->get('/cache/tag')->status, 200, "$name, a tag: stored";
        $t->request('DELETE', '/cache/tag');
        $token = lease($t, '/cache/tag');
        purge($t, 'tag', 'purged');
        is $t->request('POST', '/cache/tag', @tagged, $token)->status, 412,
            "$name, a tag that was purged";
        is $t->get('/cache/tag')->status, 404, "$name, a tag: nothing stored";
        $token = lease($t, '/cache/tag');
        is $t->request('POST', '/cache/tag', @tagged, $token)->status, 200,
            "$name, a tag: the next one";
        $t->request('DELETE', '/cache/tag');
        $token = lease($t, '/cache/tag');
        purge($t, 'tag', 'other');
        is $t->request('POST', '/cache/tag', @tagged, $token)->status, 200,
            "$name, another tag";
    }

    # given back

    $token = lease($t, '/cache/back');
    @waiting = waiting($t, 2, '/cache/back');
    is $t->request('DELETE', '/lease/back')->status, 400,
        "$name: given back without a token";
    is $t->request('DELETE', '/lease/back', undef,
        'Bigcache-Lease' => '0' x 32)->status, 412, "$name: a wrong one";
    json_is($t->request('DELETE', '/lease/back', undef,
        'Bigcache-Lease' => $token), 200,
        { message => "'back': lease given back." }, "$name: given back");
    my ($next, $rest) = answers(1, @waiting);
    $token = $next->[0]->header('Bigcache-Lease');
    ok $token, "$name: the next one gets it";
    $t->request('DELETE', '/lease/back', undef, 'Bigcache-Lease' => $token);
    ok $rest->[0]->response('GET')->header('Bigcache-Lease'),
        "$name: and the one after that";
    $r = $t->get('/lease/back');
    is $r->status, 405, "$name: nothing to read";
    is $r->header('Allow'), 'DELETE', "$name: Allow";

    # times

    # if this process was late, and the lease had ended before another one asks,
    # that one has it, and gives it back

    for (my $time = 1; ; $time *= 2) {
        $begin = time;
        $token = lease($t, '/cache/time', Prefer => "lease=$time, wait=5");
        my ($c, $waits) = asks($t, '/cache/time');
        $r = $c->response('GET');
        last if $waits;
        $t->request('DELETE', '/lease/time', undef,
            'Bigcache-Lease' => $r->header('Bigcache-Lease') // '');
    }

    cmp_ok time - $begin, '>', 0.9, "$name: the time of a lease is over";
    ok $r->header('Bigcache-Lease'), "$name: the next one gets it";
    is $t->request('POST', '/cache/time', '{"value":1}',
        'Bigcache-Lease' => $token)->status, 412, "$name: its token is void";
    is $t->get('/cache/time')->status, 404, "$name: nothing was stored";

    $begin = time;
    $r = $t->get('/cache/time', Prefer => 'wait=1');
    cmp_ok time - $begin, '>', 0.9, "$name: the time of a request is over";
    is $r->status, 404, "$name: it is a miss";
    is $r->header('Bigcache-Lease'), undef, "$name: the lease is another's";

    # preferences that say nothing

    for my $prefer ('wait', 'wait=x', 'wait=-1', 'wait=1.5', 'lease=5',
        'respond-async')
    {
        $r = $t->get('/cache/prefer', Prefer => $prefer);
        is $r->header('Preference-Applied') // $r->header('Bigcache-Lease'),
            undef, "$name: Prefer: $prefer";
    }
    for my $prefer ('WAIT = "0"', 'return=minimal, wait=0; x=y', 'wait=0, wait=9',
        'wait=0;lease=9')
    {
        $r = $t->get('/cache/prefer', Prefer => $prefer);
        my $lease = $r->header('Bigcache-Lease');
        ok $lease, "$name: Prefer: $prefer";
        $t->request('DELETE', '/lease/prefer', undef, 'Bigcache-Lease' => $lease);
    }
    $r = $t->request('HEAD', '/cache/prefer', undef, @soon);
    is $r->header('Bigcache-Lease'), undef, "$name: HEAD gets no lease";

    # who gets none

    for my $where ('/off', '/limited') {
        my $key = "none$where";
        $r = $t->get("$where/cache/$key", @soon);
        is $r->status, 404, "$name, $where: a miss at once";
        is $r->header('Bigcache-Lease'), undef, "$name, $where: without a lease";
        $token = lease($t, "/cache/$key");
        @waiting = waiting($t, 1, "$where/cache/$key");
        $t->request('POST', "/cache/$key", '{"value":1}',
            'Bigcache-Lease' => $token);
        is $waiting[0]->response('GET')->status, 200, "$name, $where: it waits";
        $t->request('DELETE', "/cache/$key");
        $token = lease($t, "/cache/$key");
        @waiting = waiting($t, 1, "$where/cache/$key");
        $t->request('DELETE', "/lease/$key", undef, 'Bigcache-Lease' => $token);
        $r = $waiting[0]->response('GET');
        is $r->status, 404, "$name, $where: not if nobody makes it";
        is $r->header('Bigcache-Lease'), undef, "$name, $where: still none";
    }

    is $t->get('/some/cache/some', @soon)->header('Bigcache-Lease'), undef,
        "$name: a variable says no";
    is $t->get('/some/cache/some?writer=0', @soon)->header('Bigcache-Lease'),
        undef, "$name: as 0";
    ok $t->get('/some/cache/some?writer=1', @soon)->header('Bigcache-Lease'),
        "$name: or yes";
    $begin = time;
    ok $t->get('/cache/some', @soon)->header('Bigcache-Lease'),
        "$name: whose leases are short";
    cmp_ok time - $begin, '<', 20, "$name: two seconds";

    is $t->get('/page/cache/error', @soon)->body, 'none', "$name: an error page";
    ok lease($t, '/cache/error'), "$name: cannot have a lease";

    # a client that leaves

    $token = lease($t, '/cache/left');
    @waiting = waiting($t, 2, '/cache/left');
    close $waiting[0]->socket;
    $t->request('DELETE', '/lease/left', undef, 'Bigcache-Lease' => $token);
    ok $waiting[1]->response('GET')->header('Bigcache-Lease'),
        "$name: a client that has left gets no lease";

    # two on one connection

    $token = lease($t, '/cache/pipe');
    my $waited = $t->metric('leases_waited_total');
    my $c = $t->connect;
    $c->send(raw('GET', '/cache/pipe', undef, @soon)
        . raw('GET', '/cache/pipe', undef, @soon));
    $t->wait_for(sub { $t->metric('leases_waited_total') > $waited });
    $t->request('POST', '/cache/pipe', '{"value":1}',
        'Bigcache-Lease' => $token);
    is $c->response('GET')->status, 200, "$name: pipelined, the first";
    is $c->response('GET')->status, 200, "$name: pipelined, the second";

    # other answers than a miss

    $t->request('POST', '/pickle/raw', 'raw');
    is $t->get('/cache/raw', @soon)->status, 409, "$name: raw bytes";
    $t->request('POST', '/cache/over', '{"value":1,"expire":1}');
    ok $t->get('/cache/over', @soon)->header('Bigcache-Lease'),
        "$name: an entry that has expired";
    $t->request('POST', '/close');
    is $t->get('/cache/none', @soon)->status, 503, "$name: closed";
    $t->request('POST', '/open');

    # many at once

    for my $n (8, 50) {
        my $key = "/cache/many$n";
        my @c = map { $t->connect } 1 .. $n;
        $_->send_request('GET', $key, undef, @soon) for @c;
        my ($first, $others) = answers(1, @c);
        $t->wait_for(sub { 1 }, 0.1);
        is scalar @$others, $n - 1, "$name, $n: one answer";
        $token = $first->[0]->header('Bigcache-Lease');
        $t->request('POST', $key, '{"value":"made"}',
            'Bigcache-Lease' => $token);
        is scalar(grep { $_->response('GET')->body =~ /made/ } @$others), $n - 1,
            "$name, $n: all others get what it has made";
    }

    # a worker that is killed, after it has given a lease

    $token = lease($t, '/cache/killed');
    $t->expect_log(qr/exited on signal 9/);
    my @pids = $t->worker_pids;
    @waiting = waiting($t, 4, '/cache/killed');
    $t->signal(KILL => @pids);
    $t->wait_for(sub {
        my %old = map { $_ => 1 } @pids;
        $workers == grep { !$old{$_} } $t->worker_pids;
    });
    @waiting = waiting($t, 2, '/cache/killed');
    is $t->request('POST', '/cache/killed', '{"value":1}',
        'Bigcache-Lease' => $token)->status, 200,
        "$name: a lease outlives the worker";
    is join(' ', map { $_->response('GET')->status } @waiting), '200 200',
        "$name: and those that wait get the entry";

    # a reload

    $token = lease($t, '/cache/reload');
    @waiting = waiting($t, 2, '/cache/reload');
    $t->reload;
    push @waiting, waiting($t, 2, '/cache/reload');
    is $t->request('POST', '/cache/reload', '{"value":1}',
        'Bigcache-Lease' => $token)->status, 200, "$name: and a reload";
    is join(' ', map { $_->response('GET')->status } @waiting),
        '200 200 200 200', "$name: so do requests that wait";

    # one address has at most a quarter of the room

    $t->request('POST', '/clear');
    my $room = $t->get('/stat')->json->{leases}{room};
    my ($given, $refused) = (0, 0);
    $c = $t->connect;
    for (1 .. $room / 4 + 10) {
        $r = $c->request('GET', "/cache/each$_", undef, @now);
        $r->header('Bigcache-Lease') ? $given++ : $refused++;
    }
    is $given, int($room / 4), "$name: leases of one address";
    is $t->metric('leases_refused_total'), $refused, "$name: others are refused";
    my $other = Bigcache::Test::Connection->new($t->port, '127.0.0.2');
    ok $other->request('GET', '/cache/other', undef, @now)
        ->header('Bigcache-Lease'), "$name: another address";
    is $t->request('POST', '/cache/each1', '{"value":1}')->status, 200,
        "$name: all can store";
    ok lease($t, '/cache/room'), "$name: which makes room";

    my $stat = $t->get('/stat')->json->{leases};
    is $stat->{held}, int($room / 4) + 1, "$name: held";
    cmp_ok $stat->{given}, '>', $room / 4, "$name: given";
    cmp_ok $stat->{waited}, '>', 50, "$name: waited";
}

# a zone without room for leases

my $t = Bigcache::Test->new->conf(size => '128k')->start;

is $t->get('/stat')->json->{leases}{room}, 0, 'a small zone';
my $r = $t->get('/cache/none', @soon);
is $r->status, 404, 'a small zone: a miss at once';
is $r->header('Bigcache-Lease'), undef, 'a small zone: without a lease';
is $t->request('POST', '/cache/none', '{"value":1}', 'Bigcache-Lease' => '0' x 32)
    ->status, 412, 'a small zone: no token is good';
is $t->request('DELETE', '/lease/none', undef, 'Bigcache-Lease' => '0' x 32)
    ->status, 412, 'a small zone: nor to give back';
is $t->request('POST', '/cache/none', '{"value":1,"expire":1,"stale":"99999d"}')
    ->status, 200, 'a small zone: stored';
is $t->get('/cache/none', @soon)->status, 404, 'a small zone: stale for nobody';
is $t->request('DELETE', '/cache/none')->status, 200, 'a small zone: removed';
is $t->metric('leases_room'), 0, 'a small zone: its metrics';

# the directive

$t = Bigcache::Test->new;

for (['' => qr/invalid number of arguments/],
    ['on later' => qr/no parameter "later"/],
    ['on time=0' => qr/not a time from 1s to 10m/],
    ['on time=11m' => qr/not a time from 1s to 10m/],
    ['on time=x' => qr/not a time from 1s to 10m/],
    ['on; bigcache_lease off' => qr/is duplicate/],
    ['on time=10m' => qr/test is successful/])
{
    my ($value, $says) = @$_;
    my ($code, $out) = $t->nginx_t($t->default_conf(
        location => "bigcache_lease $value;"));
    like $out, $says, "bigcache_lease $value";
}

done_testing;


sub json_is { Bigcache::Test::json_is('Bigcache::Test', @_) }


# lease(T, PATH, HEADER => VALUE ...): the token of a lease of that key

sub lease {
    my ($t, $path, @headers) = @_;

    return $t->get($path, @headers ? @headers : @now)->header('Bigcache-Lease')
        // '';
}


# waiting(T, N, PATH): so many requests that wait for that key

sub waiting {
    my ($t, $n, $path) = @_;

    my $waited = $t->metric('leases_waited_total');
    my @c = map { $t->connect } 1 .. $n;

    $_->send_request('GET', $path, undef, @soon, Connection => 'close') for @c;
    $t->wait_for(sub { $t->metric('leases_waited_total') == $waited + $n })
        or die "nobody waits\n";

    return @c;
}


# asks(T, PATH): a request for that key, and whether it waits

sub asks {
    my ($t, $path) = @_;

    my $waited = $t->metric('leases_waited_total');
    my $c = $t->connect->send_request('GET', $path, undef, @soon,
        Connection => 'close');
    my $waits = 0;

    $t->wait_for(sub {
        $waits = $t->metric('leases_waited_total') > $waited;
        $waits || $c->readable(0);
    });

    return ($c, $waits);
}


# purge(T, TYPE, SELECTOR, HARD): as POST /purge does it

sub purge {
    my ($t, $type, $selector, $hard) = @_;

    $hard //= 'true';

    is $t->request('POST', '/purge', qq({"type":"$type","purge":$hard,)
        . qq("selectors":["$selector"]}))->status, 200, "purge, $type";
}


# answers(N, CONNECTION ...): the first N answers, and those that have none

sub answers {
    my ($n, @c) = @_;

    my $select = IO::Select->new(map { $_->socket } @c);
    my (@answers, %ready);

    while (@answers < $n) {
        for my $socket ($select->can_read(30)) {
            my ($c) = grep { $_->socket == $socket } @c;
            push @answers, $c->response('GET');
            $select->remove($socket);
            $ready{$c} = 1;
        }
    }

    return (\@answers, [ grep { !$ready{$_} } @c ]);
}


