#!/usr/bin/perl

# Clients that leave, at every point of a request, by hundreds.  Afterwards the
# same worker serves, nothing of theirs is left over, and what they were
# storing is there as a whole or not at all.

use strict;
use warnings;

use Fcntl qw(:flock);

use Bigcache::Test;
use Test::More;

use constant N => $ENV{BIGCACHE_ABORT} || 100;

my $t = Bigcache::Test->new;
$t->conf(
    main => q{
        worker_processes 1;
        thread_pool bigcache threads=1;
    },
    events => 'worker_connections 4096;',
    path => q{
        thread_pool=bigcache write_buffer=64k block_cache=64k wait=60s
    },
    http => q{
        client_max_body_size 64m;
        client_body_buffer_size 8k;
        keepalive_requests 100000;

        # nginx notices some of those who leave in the middle of a body that it
        # discards no earlier than this

        keepalive_timeout 1s;
        http2_max_concurrent_streams 1000;
    },
    listen => 'sndbuf=8k',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%% http2;
            location / { bigcache main; }
        }
        server {
            listen 127.0.0.1:%%PORT_2%%;
            location / { stub_status; }
        }
        server {
            listen 127.0.0.1:%%PORT_3%%;
            keepalive_timeout 60s;
            location / { bigcache main; }
            location /parts/ { ssi on; root %%DIR%%; }
        }
    })->start;

my $large = join '', map { sprintf "%07x\n", $_ } 1 .. 3 * 131072;
my %expected;
my $n = 0;

is $t->request('POST', '/pickle/large', $large)->status, 200, 'a large page';
is $t->request('POST', '/cache/small', '{"value":[1,2]}')->status, 200,
    'a small one';

my $worker = $t->wait_for(sub { ($t->worker_pids)[0] });


# -- what nginx holds

sub status {
    my ($what) = @_;

    my $text = $t->connect(2)->request('GET', '/', undef,
        Connection => 'close')->body;

    return $text =~ /\Q$what\E:? (\d+)/ ? $1 : die "no '$what' in: $text\n";
}

# files, without those that LevelDB and the cache of segments open and close as
# they like: one of each segment

sub descriptors {
    my %segments;

    return sort grep { !m{/store/index/}
        && !(m{/store/pages/} && !$segments{$_}++) }
        map { s/:\[\d+\]$//r } $t->open_files($worker);
}

# left_over(FILE ...): what is open beside these, of which some may be gone: a
# file is open for a moment while the store makes it, or syncs it

sub left_over {
    my %had;

    $had{$_}++ for @_;

    return grep { --($had{$_} //= 0) < 0 } descriptors();
}

sub settled {
    return $t->wait_for(sub { status('Active connections') == 1 }, 60);
}

ok settled(), 'one connection to begin with';
my @descriptors = descriptors();


# -- ways into a request, each a list of pieces to send

sub post {
    my ($field, $body, $whole) = @_;

    my $key = 'key' . ++$n;
    $expected{$key} = $whole;

    return "POST /pickle/$key HTTP/1.1\r\nHost: localhost\r\n$field\r\n\r\n"
        . $body;
}

sub json {
    my ($value) = @_;

    my $key = 'key' . ++$n;
    my $rest = '"expire":null,"duration":null}';
    $expected{$key} = qq({"value":$value,$rest);

    my $body = qq({"value":$value});
    return "POST /cache/$key HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
}

sub get {
    my ($path, @more) = @_;

    return "GET $path HTTP/1.1\r\n"
        . join("\r\n", 'Host: localhost', @more, '', '');
}

my $body = 'x' x 60_000;
my $chunked = 'Transfer-Encoding: chunked';
my $chunk = sprintf "%x\r\n%s\r\n", length $body, $body;

my %unfinished = (
    'connected only' => sub { '' },
    'mid request line' => sub { 'POST /pickle/ke' },
    'mid header' => sub {
        "POST /pickle/key HTTP/1.1\r\nHost: localhost\r\nContent-Le";
    },
    'before body' => sub { post('Content-Length: 100', '') },
    'before large body' => sub { post('Content-Length: 1000000', '') },
    'mid body in memory' => sub { post('Content-Length: 100', 'x' x 50) },
    'mid body in file' => sub { post('Content-Length: 1000000', $body) },
    'mid chunk size' => sub { post($chunked, '1f') },
    'mid chunk' => sub { post($chunked, "100\r\nabc") },
    'mid chunks in file' => sub { post($chunked, "$chunk$chunk" . '3') },
    'before last chunk' => sub { post($chunked, $chunk) },
    'mid trailer' => sub { post($chunked, "${chunk}0\r\nX-T: 1") },
    'expecting 100' => sub {
        post("Content-Length: 10\r\nExpect: 100-continue", '');
    },
);

my %finished = (
    'after body' => sub { post('Content-Length: 3', 'abc', 'abc') },
    'after body in file' => sub {
        post('Content-Length: 60000', $body, $body);
    },
    'after chunks' => sub { post($chunked, "${chunk}0\r\n\r\n", $body) },
    'after JSON' => sub { json('"' . 'v' x 500 . '"') },
    'after get' => sub { get('/cache/small') },
    'after get of large' => sub { get('/pickle/large') },
    'after head' => sub { get('/pickle/large') =~ s/GET/HEAD/r },
    'after miss' => sub { get('/cache/none') },
    'after count' => sub { get('/stat/count') },
    'after delete' => sub { get('/cache/none') =~ s/GET/DELETE/r },
    'after purge' => sub { get('/prefix/none') =~ s/GET/DELETE/r },
    'get with half a body' => sub {
        get('/cache/small', 'Content-Length: 1000') . 'x' x 10;
    },
    'get with half a chunk' => sub {
        get('/cache/small', $chunked) . "a\r\nabc";
    },
    'get with a bad chunk' => sub {
        get('/cache/small', $chunked) . "zzz\r\n";
    },
    'pipelined' => sub {
        join '', map { get('/cache/small'), get('/pickle/large'),
            post('Content-Length: 3', 'abc', 'abc') } 1 .. 3;
    },
    'pipelined and half a one' => sub {
        get('/cache/small') . get('/cache/none') . 'GET /cac';
    },
);

my %leave = (
    close => sub { $_[0]->close },
    reset => sub { $_[0]->reset },
    half => sub { $_[0]->finish },
);


# whole_or_absent: nothing of what was begun is there in part; asks where nginx
# does not close the connection of a test that is slow

sub whole_or_absent {
    my @wrong;

    my $c = $t->connect(3);

    for my $key (sort keys %expected) {
        my $r = $c->request('GET', "/pickle/$key");

        push @wrong, "$key " . $r->status
            if $r->status == 200
            ? !defined $expected{$key} || $r->body ne $expected{$key}
            : $r->status != 404;
    }

    %expected = ();

    return "@wrong";
}


# crowd(SUB, LEAVE): N clients who all come before the first one leaves

sub crowd {
    my ($pieces, $leave) = @_;

    my @clients = map { $t->connect } 1 .. N;

    $_->send($pieces->()) for @clients;
    $leave->($_) for @clients;

    return @clients;
}

sub rounds {
    my ($name) = @_;

    for my $phase (sort keys %unfinished) {
        my @left = map { crowd($unfinished{$phase}, $leave{$_}) }
            qw(close reset half);
        ok settled(), "$name: $phase";
    }

    for my $phase (sort keys %finished) {
        crowd($finished{$phase}, $leave{$_}) for qw(close reset);
        ok settled(), "$name: $phase";
    }

    is whole_or_absent(), '', "$name: whole or absent";
}

# what leaks does so in each round; threads may each take memory of their own in
# the first ones

rounds('first');

my ($growth, $memory);

for my $round (2 .. 5) {
    $memory = $t->memory($worker, 'RssAnon');
    rounds("round $round");
    $growth = $t->memory($worker, 'RssAnon') - $memory;

    last if $growth < 8 * 1024 ** 2;
}

SKIP: {
    skip 'memory of sanitizers', 1 if $ENV{ASAN_OPTIONS};
    cmp_ok $growth, '<', 8 * 1024 ** 2, 'memory does not grow';
}


# -- a half-close is no abort: what was asked for comes, if the socket takes it
# at once; else nginx itself notices, and gives up

for my $case (
    [ 'get', get('/cache/small'), 200 ],
    [ 'post', json('1'), 200 ],
    [ 'miss', get('/cache/none'), 404 ])
{
    my ($name, $raw, $status) = @$case;
    my @clients = map { $t->connect } 1 .. 20;

    $_->send($raw)->finish for @clients;

    my @wrong = grep { $_->status != $status || $_->truncated }
        map { $_->response } @clients;

    is scalar @wrong, 0, "half-close: $name";
}


# -- mid response

for my $way (qw(close reset)) {
    for my $raw (get('/pickle/large'),
        get('/pickle/large', 'Range: bytes=0-2000000'),
        get('/pickle/large', 'Range: bytes=0-1000000,1000001-2000000'),
        get('/pickle/large') x 3)
    {
        my @clients = map { $t->connect } 1 .. N;

        $_->send($raw) for @clients;
        $_->read_bytes(1000) for @clients;
        $leave{$way}->($_) for @clients;
    }

    ok settled(), "mid response: $way";
}


# -- while the thread works: the test holds the lock of the directory, so that
# the first operation waits for the store to open, and all others for it; the
# servers of a cluster are stopped

sub held {
    my ($code) = @_;

    if ($ENV{BIGCACHE_CLUSTER}) {
        my @servers = split ' ', $ENV{BIGCACHE_CLUSTER_PIDS};

        kill STOP => @servers;

        my $first = $t->connect->send_request('POST', '/cache/first',
            '{"value":1}');
        $code->();
        kill CONT => @servers;

        my $status = $first->response->status;
        $first->close;

        return $status;
    }

    $t->get('/close')->status == 200 or die "not closed\n";
    open my $lock, '+<', $t->dir . '/store/lock' or die "lock: $!\n";
    flock $lock, LOCK_EX or die "flock: $!\n";

    my $opener = $t->connect->send_request('POST', '/open');
    $code->();
    close $lock;

    my $opened = $opener->response->status;
    $opener->close;

    return $opened;
}

# busy(N): N requests are under way, and the one that asks

sub busy {
    my ($requests) = @_;

    return $t->wait_for(sub { status('Writing') == $requests + 1 }, 30);
}

for my $phase (sort keys %finished) {
    for my $way (qw(close reset)) {
        my $came;

        my $opened = held(sub {
            my @clients = map { $t->connect } 1 .. N;
            $_->send($finished{$phase}->()) for @clients;

            # a bad chunk may be found at once, or when the thread is done
            $came = $phase eq 'get with a bad chunk' || busy(1 + N);
            $leave{$way}->($_) for @clients;
        });

        ok $came && $opened == 200 && settled(), "under way: $phase, $way";
    }
}

is whole_or_absent(), '', 'under way: whole or absent';

# a page of more parts than nginx can count tasks of a request

mkdir $t->dir . '/parts';
$t->write_file('parts/page.html', join "\n", map {
    qq(<!--#include virtual="/cache/part$_" -->)
} 1 .. 400);

my ($came, $part);

my $opened = held(sub {
    my $client = $t->connect(3);

    $client->send_request('GET', '/parts/page.html');
    $came = busy(2);
    $client->close;

    # an answer to what came later: the worker has seen that it left
    status('Writing');
});

ok $came && $opened == 200 && settled(), 'under way: a page of many parts';

$opened = held(sub {
    $part = $t->connect(3);
    $part->send_request('GET', '/parts/page.html');
    busy(2);
});

my $parts = $part->response->body;

$part->close;

is scalar(() = $parts =~ /<h1>404 /g), 192, 'as many parts as can be waited '
    . 'for';
is scalar(() = $parts =~ /<h1>503 /g), 208, 'the others are unavailable';


# -- HTTP/2

my $preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '');

sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

# literals without indexing, all shorter than 127 bytes

sub headers {
    my ($stream, $end, $method, $path, @fields) = @_;

    my $block = "\x86" . "\x04" . chr(length $path) . $path
        . "\x01\x09localhost";
    $block .= { GET => "\x82", POST => "\x83" }->{$method}
        // "\x02" . chr(length $method) . $method;

    while (my ($name, $value) = splice @fields, 0, 2) {
        $block .= join '', "\0", chr(length $name), $name,
            chr(length $value), $value;
    }

    return frame(1, 4 | ($end ? 1 : 0), $stream, $block);
}

sub data {
    my ($stream, $end, $bytes) = @_;

    return frame(0, $end ? 1 : 0, $stream, $bytes);
}

sub reset_stream {
    return frame(3, 0, $_[0], pack 'N', 8);
}

sub h2_post {
    my ($stream, $bytes, $whole) = @_;

    my $key = 'key' . ++$n;
    $expected{$key} = $whole;

    return headers($stream, 0, 'POST', "/pickle/$key")
        . data($stream, defined $whole, $bytes);
}

# answers(CONNECTION, STREAM ...): { STREAM => [ STATUS, BODY ] }

sub answers {
    my ($c, @streams) = @_;

    my %open = map { $_ => 1 } @streams;
    my %answer;

    while (%open) {
        my $head = $c->read_bytes(9);
        last if length $head < 9;

        my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $head;
        my $payload = $c->read_bytes($high << 16 | $low);

        if ($type == 1) {
            my %static = (0x88 => 200, 0x8c => 400, 0x8d => 404, 0x8e => 500);
            my $first = ord($payload) == 0x20 ? ord substr $payload, 1, 1
                : ord $payload;
            $answer{$stream} = [ $static{$first} // "index $first", '' ];

        } elsif ($type == 0) {
            $answer{$stream}[1] .= $payload;

        } elsif ($type == 3) {
            $answer{$stream}[0] = 'reset';
            delete $open{$stream};

        } elsif ($type == 7) {
            last;
        }

        delete $open{$stream} if $type < 2 && $flags & 1;
    }

    return \%answer;
}

{
    my $c = $t->connect(1);
    my $small = 'y' x 10_000;

    $c->send($preface . h2_post(1, $small, $small) . headers(3, 1, 'GET', '/cache/small')
        . headers(5, 1, 'GET', '/cache/none'));
    my $got = answers($c, 1, 3, 5);

    is $got->{1}[0], 200, 'HTTP/2 post';
    is_deeply $got->{3}, [ 200,
        '{"key":"small","value":[1,2],"expire":null,"duration":null}' ],
        'HTTP/2 get';
    is $got->{5}[0], 404, 'HTTP/2 miss';

    $c->close;
}

# each with the stream's number
my %streams = (
    'reset before body' => sub {
        my ($s) = @_;
        headers($s, 0, 'POST', '/pickle/none') . reset_stream($s);
    },
    'reset mid body' => sub { h2_post($_[0], 'x' x 16_000)
        . reset_stream($_[0]) },
    'reset mid body in file' => sub { h2_post($_[0], 'x' x 16_000)
        . data($_[0], 0, 'x' x 10) . reset_stream($_[0]) },
    'reset after body' => sub { h2_post($_[0], 'abc', 'abc')
        . reset_stream($_[0]) },
    'reset after get' => sub { headers($_[0], 1, 'GET', '/cache/small')
        . reset_stream($_[0]) },
    'reset after get of large' => sub {
        headers($_[0], 1, 'GET', '/pickle/large') . reset_stream($_[0]);
    },
    'reset after delete' => sub { headers($_[0], 1, 'DELETE', '/cache/none')
        . reset_stream($_[0]) },
    'get not reset' => sub { headers($_[0], 1, 'GET', '/pickle/large') },
    'get with half a body' => sub { headers($_[0], 0, 'GET', '/cache/small')
        . data($_[0], 0, 'abc') },
    'post not reset' => sub { h2_post($_[0], 'abc', 'abc') },
    'body not finished' => sub { h2_post($_[0], 'abc') },
    'wrong length' => sub {
        headers($_[0], 0, 'POST', '/pickle/none', 'content-length', '10')
            . data($_[0], 1, 'abc');
    },
);

# 64 KB of all bodies go through the window of a connection
my $per = 3;
my $goaway = frame(7, 0, 0, pack 'NN', 0, 0);

sub h2_crowd {
    my ($stream, $leave, $end) = @_;

    my @clients = map { $t->connect(1) } 1 .. N / $per;

    for my $c (@clients) {
        $c->send($preface . join('', map { $stream->(1 + 2 * $_) }
            0 .. $per - 1) . $end);
    }

    return sub { $leave{$leave}->($_) for @clients };
}

for my $phase (sort keys %streams) {
    for my $way ([ 'close', '' ], [ 'reset', '' ], [ 'close', $goaway ]) {
        h2_crowd($streams{$phase}, @$way)->();
    }

    ok settled(), "HTTP/2: $phase";
}

for my $phase (sort keys %streams) {
    my ($opened, $answered);

    $opened = held(sub {
        my @leave = map { h2_crowd($streams{$phase}, @$_) }
            [ 'close', '' ], [ 'reset', '' ], [ 'close', $goaway ];

        # the event loop has taken in what came before
        my $c = $t->connect(1)->send($preface . headers(1, 1, 'GET', '/stat'));
        $answered = answers($c, 1)->{1}[0];
        $_->() for @leave;
    });

    ok $answered == 200 && $opened == 200 && settled(),
        "HTTP/2 under way: $phase";
}

is whole_or_absent(), '', 'HTTP/2: whole or absent';


# -- nothing is left over

is join(' ', $t->worker_pids), $worker, 'the same worker';
is join(' ', glob $t->dir . '/client_body/*'), '', 'no temporary files';
ok $t->wait_for(sub { !left_over(@descriptors) }),
    'no file descriptors left over' or diag join ' ', left_over(@descriptors);
is $t->get('/pickle/large')->body, $large, 'the large page is whole';
is $t->get('/cache/small')->json->{value}[1], 2, 'the small one too';
ok $t->stop, 'nginx stops';

done_testing;
