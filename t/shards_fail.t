#!/usr/bin/perl

# Shards while a server is killed, stopped, returns, is added and removed, under
# the load of clients that check each answer.  Only the keys of a server that is
# away are 503; an answer is never older than what was acknowledged; nothing takes
# much longer than the front waits; what is asked of all servers says which one
# has not done it, and can be asked again.
#
# A client is the only writer of its keys.  A write that was answered 503 may still
# be carried out, even after its server has gone on: until the client has read
# that page it does not write to that key again, and knows two answers.

use strict;
use warnings;

use Bigcache::Test;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use constant CLIENTS => 4;
use constant SLOTS => 12;       # keys of a client at a time
use constant WAIT => 4;         # seconds that the front waits for a server
use constant MOST => 25;        # seconds, where nginx waits for 60 by default
use constant KEYS => 60;

my $front = Bigcache::Test->new;
my $dir = $front->dir;

sub node {
    return Bigcache::Test->new->conf(path => 'wait=10s',
        http => 'keepalive_requests 1000000; client_max_body_size 1m;')->start;
}

sub address { '127.0.0.1:' . $_[0]->port }


# spread(NODE ...): the configuration of a front of these

sub spread {
    my $servers = join ' ', map { 'server ' . address($_) . ' max_fails=0;' } @_;
    my $wait = WAIT;

    $front->conf(<<"END");
%%MODULE%%
events {
    worker_connections 1024;
}
http {
    %%HTTP%%
    upstream shards {
        hash \$bigcache_shard_key consistent;
        $servers
        keepalive 16;
    }
    server {
        listen 127.0.0.1:%%PORT_0%%;
        client_max_body_size 1m;

        location / {
            bigcache_shards shards;
            proxy_pass http://shards;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$http_host;
            proxy_next_upstream off;
            proxy_connect_timeout ${wait}s;
            proxy_send_timeout ${wait}s;
            proxy_read_timeout ${wait}s;
            add_header X-To \$upstream_addr always;
        }
    }
}
END
}


my @nodes = map { node() } 1 .. 4;
my $fourth = $nodes[3];

spread(@nodes[0 .. 2]);
$front->start;


# -- the clients

# clears(): how often all was cleared, times two; odd while it is being done

sub clears { return $front->read_file('clears') || 0 }

my $clears = 0;
my (@windows, @running);


sub text {
    my ($name, $n) = @_;

    return "$name $n " . "$n;" x (20, 200, 5000)[$n % 3];
}


# ask(REPORT, METHOD, PATH, BODY): the answer as {status, body, to}; of status 0 if
# there was none

sub ask {
    my ($report, @request) = @_;

    my $begin = time;
    my $r = eval { $front->request(@request) };
    my $end = time;
    my $status = $r && !$r->truncated ? $r->status : 0;
    my $to = $r && $r->header('X-To') // '';

    $report->{slowest} = $end - $begin if $end - $begin > $report->{slowest};

    if ($status == 503) {
        push @{ $report->{away} }, [$begin, $end, $to, "@request[0, 1] " . $r->body];

    } elsif ($status =~ /^(?:200|404)$/) {
        $report->{ok}++;

    } else {
        push @{ $report->{failed} }, "@request[0, 1]: "
            . ($r ? $r->answer : $@ || 'no answer');
        $status = 0;
    }

    return { status => $status, body => $r ? $r->body : '', to => $to };
}


# moved(SLOT, ANSWER): whether the page may be missing because all was cleared, or
# its key has another server now

sub moved {
    my ($slot, $r) = @_;

    my $now = clears();

    return $r->{to} ne $slot->{to} || $now != $slot->{clears} || $now & 1;
}


# wrong(REPORT, SLOT, ANSWER, TEXT)

sub wrong {
    my ($report, $slot, $r, $text) = @_;

    push @{ $report->{wrong} }, sprintf '%.3f %s: %s; acknowledged %s at %s%s, '
        . 'answer from %s', time, $slot->{name}, $text, $slot->{last}, $slot->{to},
        defined $slot->{maybe} ? ", unknown $slot->{maybe}" : '', $r->{to};
}


sub look {
    my ($report, $slot) = @_;

    my $clears = clears();
    my $r = ask($report, 'GET', "/pickle/$slot->{name}");
    my $n = 0;

    if ($r->{status} == 200) {
        $n = $r->{body} =~ /^\Q$slot->{name}\E (\d+) / ? $1 : -1;
        return wrong($report, $slot, $r, 'torn: ' . substr $r->{body}, 0, 100)
            if $n < 1 || $r->{body} ne text($slot->{name}, $n);

    } elsif ($r->{status} != 404) {
        return;
    }

    return if $n == $slot->{last};

    if (defined $slot->{maybe} && $n == $slot->{maybe}) {
        delete $slot->{maybe};

    } elsif ($n || !moved($slot, $r)) {
        return wrong($report, $slot, $r, $n ? "page $n" : 'a miss');
    }

    @$slot{qw(last to clears)} = ($n, $r->{to}, $clears);
}


# change(REPORT, SLOT, N): stores page N, or removes the page if N is 0

sub change {
    my ($report, $slot, $n) = @_;

    my $clears = clears();
    my $r = $n ? ask($report, 'POST', "/pickle/$slot->{name}",
            text($slot->{name}, $n))
        : ask($report, 'DELETE', "/pickle/$slot->{name}");

    if ($r->{status} == 503 || $r->{status} == 0) {
        $slot->{maybe} = $n;
        return;
    }

    wrong($report, $slot, $r, 'stored, but a miss') if $n && $r->{status} == 404;
    wrong($report, $slot, $r, 'removed, and it was no page')
        if !$n && $r->{status} == 200 && !$slot->{last};
    wrong($report, $slot, $r, 'to be removed, but a miss')
        if !$n && $r->{status} == 404 && $slot->{last} && !moved($slot, $r);

    @$slot{qw(last to clears)} = ($n, $r->{to}, $clears);
}


sub client {
    my ($client) = @_;

    my ($n, $keys, @left) = (0, 0);
    my %report = (ok => 0, away => [], failed => [], wrong => [], slowest => 0);
    my $new = sub { { name => "c$client/" . ++$keys, last => 0, to => '',
        clears => 0 } };
    my @slots = map { $new->() } 1 .. SLOTS;

    until (-e "$dir/end") {
        my $i = int rand @slots;
        my $what = rand;

        if ($what < 0.5) {
            look(\%report, $slots[$i]);

        } else {
            if (defined $slots[$i]{maybe}) {
                push @left, $slots[$i];
                $slots[$i] = $new->();
            }

            change(\%report, $slots[$i], $what < 0.9 ? ++$n : 0);
        }

        sleep 0.002;            # leaves some of the machine to nginx
    }

    look(\%report, $_) for @left, @slots;

    return JSON::PP::encode_json(\%report);
}


# -- what the test itself asks for

# at_once(METHOD PATH BODY, ...): all of them together; their answers

sub at_once {
    my @c = map {
        my ($method, $path, $body, @fields) = @$_;
        my $c = $front->connect;
        $c->send_request($method, $path, $body, Connection => 'close', @fields);
        [$c, $method];
    } @_;

    return map { $_->[0]->response($_->[1]) } @c;
}


sub to { $_[0]->header('X-To') // '' }


# done(METHOD, PATH, BODY): asks again until all servers have done it, as the
# answer says; returns it

sub done {
    my @request = @_;
    my $r;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $front->wait_for(sub {
        $r = $front->request(@request);
        return $r->status != 503;
    });

    is $r->status, 200, "$request[0] $request[1]" or diag $r->body;

    return $r;
}


my (%to, %text);

# stored(NAME ...): stores pages of these names, and notes where

sub stored {
    my (@names) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @r = at_once(map { ['POST', "/pickle/$_", $text{$_},
        m{^q/} ? ('Surrogate-Key' => 'q') : ()] } @names);

    $to{$names[$_]} = to($r[$_]) for 0 .. $#names;
    is_deeply [grep { $_->status != 200 } @r], [], "$names[0] and others are stored"
        or diag $r[0]->answer;
}


my @mine = map { "m/$_" } 1 .. KEYS;
my @pages = map { ("p/$_", "q/$_") } 1 .. KEYS / 2;

$text{$_} = "the page $_" x 100 for @mine, @pages;


# away_is(ADDRESS, NAME): what this server has is 503, in time, and all else is
# answered; '' for none

sub away_is {
    my ($away, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $part = $name =~ s/\W+/-/gr;
    my @new = map { "n/$part/$_" } 1 .. 20;
    my $begin = time;
    my @r = at_once((map { ['GET', "/pickle/$_"] } @mine),
        (map { ['GET', "/cache/$_"] } @new),
        (map { ['POST', "/pickle/w/$part/$_", 'x'] } 1 .. 20));
    my $took = time - $begin;
    my (@wrong, %status);

    for my $i (0 .. $#r) {
        my $r = $r[$i];
        my $right = $i < @mine ? 200 : $i < @mine + @new ? 404 : 200;

        $right = 503 if ($i < @mine ? $to{$mine[$i]} : to($r)) eq $away;
        $status{$right}++;

        push @wrong, "$i: " . to($r) . ' ' . $r->answer
            if $r->status != $right
                || $i < @mine && to($r) ne $to{$mine[$i]}
                || $right == 200 && $i < @mine && $r->body ne $text{$mine[$i]}
                || $right == 503 && (($r->json // {})->{detail} // '')
                    ne 'the server of this key does not answer'
                || $right == 503 && ($r->header('Retry-After') // '') ne '1';
    }

    is_deeply [splice @wrong, 0, 5], [], $away eq '' ? "$name: all is served"
        : "$name: its keys are 503, all others are served";
    is $status{503} ? 'some' : 'none', $away eq '' ? 'none' : 'some',
        "$name: there are such keys";
    cmp_ok $took, '<', MOST, "$name: nothing hangs";
}


# all_refused(ADDRESS, NAME): what all servers are to do is not done by that one,
# and the answer says so

sub all_refused {
    my ($away, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @requests = (
        ['DELETE', '/prefix/p/'],
        ['POST', '/purge', '{"type":"tag","selectors":["q"],"purge":true}'],
        ['POST', '/purge', '{"type":"key","selectors":["p/1"],"purge":true}'],
        ['GET', '/stat/count'], ['HEAD', '/stat/count'], ['GET', '/stat'],
        ['GET', '/metrics'], ['GET', '/keys/'], ['GET', '/keys/m/?limit=5'],
        ['GET', '/keys/?tag=q'], ['POST', '/open'],
    );

    my $begin = time;
    my @r = at_once(@requests);
    my $took = time - $begin;

    for my $i (0 .. $#r) {
        my ($method, $path) = @{ $requests[$i] };
        my $r = $r[$i];

        is $r->status, 503, "$name: $method $path";
        is $r->header('Retry-After'), 1, "$name: $method $path: once more";
        like +($r->json // {})->{detail} // $r->body,
            qr/^not done by all servers: \Q$away\E \(50\d\); repeat it$/,
            "$name: $method $path: which has not done it" if $method ne 'HEAD';
    }

    cmp_ok $took, '<', MOST, "$name: none of them hangs";

    # a batch says it of each operation

    my ($batch) = at_once(['POST', '/batch', '{"operations":['
        . join(',', map { qq[{"op":"touch","key":"$_","expire":null}] } @mine)
        . ']}']);

    is $batch->status, 200, "$name: a batch" or diag $batch->body;
    is_deeply [map { $_->{status} } @{ ($batch->json // {})->{results} // [] }],
        [map { $to{$_} eq $away ? 503 : 200 } @mine],
        "$name: a batch: which operations are done";
}


# missing(NAME): the pages that were purged are nowhere

sub missing {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @r = at_once(map { ['GET', "/pickle/$_"] } @pages);

    is_deeply [map { $r[$_]->status == 404 ? () : $pages[$_] } 0 .. $#r], [],
        "$name: no page is left";
    is_deeply [map { my $node = $_; map { $node->get("/keys/$_/")->body } qw(p q) }
        @nodes[0 .. 2]], [('{"keys":[],"next":null}') x 6],
        "$name: neither on a server";
}


# away(NAME, NODE, CODE, CODE): the first one makes it go away, the other return

sub away {
    my ($name, $node, $goes, $returns) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $away = address($node);

    stored(@pages);

    my $from = time;
    $goes->();
    sleep 0.3;          # the load goes on

    away_is($away, $name);
    all_refused($away, $name);

    my @r = at_once(map { ['GET', "/pickle/$_"] } @pages);
    is_deeply [map { $r[$_]->status == ($to{$pages[$_]} eq $away ? 503 : 404)
        ? () : $pages[$_] } 0 .. $#r], [], "$name: a purge is done by the others";

    $returns->();
    ok $node->wait_for(sub { $node->get('/stat/count')->status == 200 }),
        "$name: it returns";
    push @windows, [$from, time, $away];

    away_is('', "$name, back");
    like done('DELETE', '/prefix/p/')->body, qr/'p\/': \d+ keys deleted/,
        "$name, back: a purge, again";
    done('POST', '/purge', '{"type":"tag","selectors":["q"],"purge":true}');
    missing($name);
    is done('GET', '/stat')->json->{shards}[1]{server}, address($nodes[1]),
        "$name, back: /stat names the servers";
    sleep 0.3;          # the load goes on
}


# changed(NODE ...): the front gets these servers.  While it does, the workers of
# two configurations accept requests, and might ask two servers for one key: so all
# stores are closed

sub changed {
    my (@now) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $from = time;

    done('POST', '/close');
    spread(@now);
    ok $front->reload, 'the front has ' . @now . ' servers';
    done('POST', '/open');
    push @windows, [$from, time, undef];
}


# -- it begins

stored(@mine);

for my $node (@nodes[0 .. 2]) {
    my $address = address($node);
    cmp_ok scalar(grep { $_ eq $address } values %to), '>', 2, 'each has some keys';
}

@running = map { my $client = $_; $front->in_child(sub { client($client) },
    250) }
    1 .. CLIENTS;
sleep 0.5;              # the load begins
away_is('', 'all are there');

away('killed', $nodes[0], sub { $nodes[0]->kill }, sub { $nodes[0]->start });

{
    my @pids = ($nodes[1]->running, $nodes[1]->children);

    away('stopped', $nodes[1], sub { $nodes[1]->halt(@pids) },
        sub { $nodes[1]->signal('CONT', @pids) });
}

# -- a server more, which is empty

is $fourth->count, 0, 'the new server is empty';
changed(@nodes);

my %was = %to;
my @r = at_once(map { ['GET', "/pickle/$_"] } @mine);
my @moved = map { to($r[$_]) eq address($fourth) ? $mine[$_] : () } 0 .. $#mine;

cmp_ok scalar @moved, '>', 0, 'some keys have moved';
note scalar(@moved) . ' of ' . @mine . ' keys have moved';
is_deeply [map {
    my $moved = to($r[$_]) ne $was{$mine[$_]};
    $r[$_]->status == ($moved ? 404 : 200)
        && ($moved ? to($r[$_]) eq address($fourth)
            : $r[$_]->body eq $text{$mine[$_]}) ? ()
        : "$mine[$_]: was $was{$mine[$_]}, " . to($r[$_]) . ' ' . $r[$_]->answer
} 0 .. $#mine], [], 'they are misses, all others are served';

$text{$_} = "the new page $_" for @moved;
stored(@moved);
away_is('', 'with four');
stored(@pages);
sleep 0.5;              # the load goes on
done('DELETE', '/prefix/p/');
done('POST', '/purge', '{"type":"tag","selectors":["q"],"purge":true}');
missing('with four');

# -- and it leaves.  What it has taken is still on the others, older: so all is
# cleared before

$front->write_file('clears', ++$clears);
done('POST', '/clear');
$front->write_file('clears', ++$clears);
changed(@nodes[0 .. 2]);

is_deeply [grep { $_->status != 404 } at_once(map { ['GET', "/pickle/$_"] } @mine)],
    [], 'it has left: no old page comes back';
stored(@mine);
is_deeply [grep { $to{$_} ne $was{$_} } @mine], [], 'keys are where they were';
away_is('', 'with three again');
is $fourth->request('POST', '/open')->status, 200, 'it is open';
is $fourth->request('POST', '/clear')->status, 200, 'it is cleared';
is $fourth->count, 0, 'and has nothing, if it should return';
sleep 0.5;              # the load goes on

# -- what the clients have seen

$front->write_file('end', '');

my (@wrong, @failed, @away);
my ($ok, $slowest, %seen) = (0, 0);

for my $client (@running) {
    my $said = $client->();
    my $report = eval { JSON::PP::decode_json($said) };

    ok $report, 'a client ends' or diag $said;
    next if !$report;

    $ok += $report->{ok};
    $slowest = $report->{slowest} if $report->{slowest} > $slowest;
    push @wrong, @{ $report->{wrong} };
    push @failed, @{ $report->{failed} };

    for (@{ $report->{away} }) {
        my ($begin, $end, $to, $text) = @$_;
        my ($window) = grep { $begin <= $_->[1] && $end >= $_->[0]
            && (!defined $_->[2] || $_->[2] eq $to) } @windows;

        $seen{$window->[2] // 'closed'}++ if $window;

        # a slow machine is no failure of a server

        push @away, sprintf '%.3f to %.3f %s: %s', $begin, $end, $to, $text
            if !$window && $end - $begin < WAIT;
    }
}

is_deeply [splice @wrong, 0, 8], [], 'no answer is older than what was acknowledged';
is_deeply [splice @failed, 0, 8], [], 'each request is answered';
is_deeply [splice @away, 0, 8], [], 'only keys of a server that was away were 503';
is join(' ', map { $seen{$_} ? 1 : 0 } map { address($_) } @nodes[0, 1]), '1 1',
    'and the clients have seen that';
cmp_ok $ok, '>', 200, 'the others were served';
cmp_ok $slowest, '<', MOST, 'none has waited for long';
note sprintf '%d answers, slowest %.0f ms, 503: %s', $ok, 1000 * $slowest,
    join ', ', map { "$_ $seen{$_}" } sort keys %seen;

ok $_->stop, 'stops' for $front, @nodes;

done_testing;
