#!/usr/bin/perl

# Clients that leave or read slowly neither end nor slow the fetch of a page for
# others, and leave nothing behind; bodies and pipelined requests pass right.

use strict;
use warnings;

use Bigcache::Test qw(noise raw slurp);
use Bigcache::Test::Origin;
use Digest::MD5 qw(md5_hex);
use Test::More;
use Time::HiRes qw(sleep time);

use constant MB => 1024 * 1024;

my $t = Bigcache::Test->new;
my $block = noise(MB);
my $fresh = "Cache-Control: max-age=600\r\n";

srand 18;

sub body {
    my ($size, $n) = @_;
    my $text = join '', map { substr "<$n:$_>$block", 0, MB }
        0 .. int($size / MB);
    return substr $text, 0, $size;
}

# gate(NAME): what waits for it in the origin goes on
sub gate { $t->write_file("gate.$_[0]", '') }

sub wait_at {
    my ($name) = @_;
    my $end = time + 60;
    sleep 0.005 until -e $t->dir . "/gate.$name" || time > $end;
}

# /KIND/SIZE/GATE/PLACE: waits for the gate before the head, or in the body
my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($kind, $size, $gate, $place) = $request->{uri}
        =~ m{/(\w+)/(\d+)(?:/(\w+)/(\w+))?$};

    return (200, [], "$request->{method} " . length($request->{body}) . ' '
        . md5_hex($request->{body})) if $request->{uri} =~ m{^/echo};

    $place = '' if $n > 1;
    wait_at($gate) if ($place // '') eq 'before';

    my $body = body($size, $n);
    my $half = int($size / 2);

    return (200, ['Cache-Control' => 'max-age=600', 'Set-Cookie' => 'a=b'],
        $body) if $kind eq 'own';
    return (500, [], 'failed') if $kind eq 'fails' && $n == 1;

    my $chunk = sub { sprintf "%x\r\n%s\r\n", length $_[0], $_[0] };
    my $head = "HTTP/1.1 200 OK\r\n$fresh" . ($kind eq 'chunked'
        ? "Transfer-Encoding: chunked\r\n\r\n"
        : $kind eq 'ended' ? "\r\n" : "Content-Length: $size\r\n\r\n");
    my @parts = (substr($body, 0, $half), substr $body, $half);

    @parts = map { $chunk->($_) } @parts if $kind eq 'chunked';
    $parts[1] .= "0\r\n\r\n" if $kind eq 'chunked';
    $parts[1] = substr $parts[1], 0, -1 if $kind eq 'cut' && $n == 1;

    Bigcache::Test::Origin::_write($request->{socket}, $head . $parts[0]);
    wait_at($gate) if ($place // '') eq 'midway';
    Bigcache::Test::Origin::_write($request->{socket}, $parts[1]);

    return;
});

# a lease that nobody ends would keep the others waiting for longer than the
# test waits for an answer
$t->conf(location => 'bigcache_pages off;', http => 'proxy_http_version 1.1;'
    . ' proxy_set_header Connection ""; bigcache_lock on timeout=60s;'
    . ' client_max_body_size 10m;', servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        listen 127.0.0.1:%%PORT_3%% sndbuf=16k;
        bigcache_pages main;
        bigcache_store_until_close on;
        add_header X-Status $bigcache_status always;
        location / {
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /notemp/ {
            proxy_max_temp_file_size 0;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /stream/ {
            proxy_request_buffering off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

sub client { return $t->connect(2) }

sub other {
    my ($uri, @headers) = @_;
    return client()->send_request('GET', $uri, undef, Connection => 'close',
        @headers);
}

# a client that gets little at once, and may leave before it has a page
sub begin {
    my ($uri, @headers) = @_;
    return $t->connect(3)->send_request('GET', $uri, undef,
        Connection => 'close', @headers);
}

sub ask { return other(@_)->response('GET') }
sub status { return $_[0]->header('X-Status') // '' }

sub hit {
    my ($uri) = @_;
    my $r;
    return $t->wait_for(sub { status($r = ask($uri)) eq 'HIT' && $r });
}

sub asked {
    my ($uri, $n) = @_;
    return $t->wait_for(sub { $o->requests($uri) == ($n // 1) });
}

sub is_page {
    my ($r, $size, $n, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok $r && $r->status == 200 && !$r->truncated && $r->body eq body($size, $n),
        $name or diag $r ? $r->status . ' ' . length $r->body : 'none';
}

hit('/length/10');
my $number = 0;

# -- a client that leaves

for my $how (qw(close reset)) {
    for my $kind (qw(length chunked ended)) {
        for my $size (1000, 700_000, 3 * MB) {
            my $name = "$kind, $size, $how";

            # before the head
            my $gate = 'g' . ++$number;
            my $uri = "/$kind/$size/$gate/before";
            my $c = begin($uri);
            asked($uri);
            my $other = other($uri);
            $c->$how;
            gate($gate);
            is_page($other->response('GET'), $size, 1,
                "$name: it left before the head, another one gets the page");
            is_page(hit($uri), $size, 1, "$name: it is stored");
            is $o->requests($uri), 1, "$name: it was fetched once";

            # midway
            $gate = 'g' . ++$number;
            $uri = "/$kind/$size/$gate/midway";
            $c = begin($uri);
            asked($uri);

            # nginx may keep what is less than a packet

            if ($size > 100_000) {
                $c->read_until("\r\n\r\n");
                $c->read_bytes(100);
            }

            $other = other($uri);
            $c->$how;
            gate($gate);
            is_page($other->response('GET'), $size, 1,
                "$name: it left midway, another one gets the page");
            is_page(hit($uri), $size, 1, "$name, midway: it is stored");
            is $o->requests($uri), 1, "$name, midway: it was fetched once";
        }
    }
}

# one that leaves when nobody else waits, and one that waits itself
for my $place (qw(before midway)) {
    my $uri = "/length/700000/alone$place/$place";
    my $c = begin($uri);
    asked($uri);
    $c->read_until("\r\n\r\n") if $place eq 'midway';
    $c->close;
    gate("alone$place");
    is_page(hit($uri), 700_000, 1, "nobody waits, $place: it is stored");
    is $o->requests($uri), 1, "nobody waits, $place: it was fetched once";

    $uri = "/length/700000/waits$place/$place";
    $c = begin($uri);
    asked($uri);
    my @others = map { begin($uri) } 1 .. 10;
    $_->reset for @others[0, 3, 4, 9];
    gate("waits$place");
    is_page($_->response('GET'), 700_000, 1,
        "others have left, $place: those who stay get the page")
        for $c, @others[1, 2, 5 .. 8];
    is $o->requests($uri), 1, "others have left, $place: fetched once";
}

# the origin fails after the client has left: another client tries it
for my $kind (qw(cut fails)) {
    my $gate = "after$kind";
    my $uri = "/$kind/50000/$gate/before";
    my $c = begin($uri);
    asked($uri);
    my $other = other($uri);
    $c->close;
    gate($gate);
    is_page($other->response('GET'), 50_000, 2, "$kind: another one tries it");

    # after a failure nobody waits, so that there may have been a third request
    # before the page was there
    my $stored = hit($uri)->body;
    ok scalar(grep { $stored eq body(50_000, $_) } 2 .. $o->requests($uri)),
        "$kind: and that is stored";
}

# -- a client that reads slowly

for my $kind (qw(length chunked ended)) {
    for my $dir ('', '/notemp') {
        for my $size (900_000, 5 * MB) {
            my $name = "slow, $dir/$kind, $size";
            my $uri = "$dir/$kind/$size";
            my $c = begin($uri);

            my $head = $c->read_until("\r\n\r\n");
            my $r = Bigcache::Test::Response->new;
            $r->parse_head($head);
            $c->{in} = "$head$c->{in}";     # it reads that again

            my @others = map { other($uri) } 1 .. 3;
            is_page($_->response('GET'), $size, 1,
                "$name: another one gets the page meanwhile") for @others;
            is_page(hit($uri), $size, 1, "$name: it is stored meanwhile");
            is_page($c->response('GET'), $size, 1, "$name: and read in the end");
            is $o->requests($uri), 1, "$name: it was fetched once";
        }
    }
}

# -- many clients that leave

my ($pid) = $t->worker_pids;
my $store = $t->dir . '/store';

# what workers have open but for files of the store, what listens, and what they
# talk by to each other, which each of them connects when it needs to

sub open_now {
    my %own = map { ("socket:[$_]" => 1) }
        map { (split)[6] } split(/^/, slurp('/proc/net/unix'));

    /^\s*\d+:\s\S+\s\S+\s0A\s/ and $own{'socket:[' . (split)[9] . ']'} = 1
        for split /^/, slurp('/proc/net/tcp');

    return sort grep { !m{^\Q$store\E/} } map { s/:\[\d+\]$//r }
        grep { !$own{$_} } $t->open_files($t->worker_pids);
}

my @before;
$t->wait_for(sub { @before = open_now();
    !grep { m{/proxy/} || $_ eq 'socket' } @before });
is join(' ', grep { $_ eq 'socket' } @before), '', 'no connection is open';

my @uris = map { my $kind = $_; map { "/many/$kind/$_" } 0, 300, 200_000,
    2_000_000 } qw(length chunked ended own cut fails);

for my $n (1 .. 200) {
    my $c = begin($uris[rand @uris], rand() < 0.2 ? (Range => 'bytes=5-90') : (),
        rand() < 0.2 ? ('Accept-Encoding' => 'gzip') : ());
    my $what = int rand 5;

    $c->readable(1) if $what == 1;
    $c->read_bytes(1 + int rand 1000) if $what == 2;
    $c->read_bytes(50_000) if $what == 3;
    sleep rand 0.01 if $what == 4;
    rand() < 0.5 ? $c->close : $c->reset;
}

for my $uri (@uris) {
    my ($kind, $size) = $uri =~ m{/(\w+)/(\d+)$};
    my $r = $kind eq 'own' ? ask($uri) : hit($uri);
    my $n = $kind eq 'own' ? $o->requests($uri)
        : $kind eq 'fails' || $kind eq 'cut' && $size ? 2 : 1;
    is_page($r, $size, $n, "200 have left: $uri is there");
    is $o->requests($uri), $n, "200 have left: $uri was not fetched in vain"
        if $n == 1 && $kind ne 'own';
}

my @after;
$t->wait_for(sub { "@{[ @after = open_now() ]}" eq "@before" });
is_deeply \@after, \@before, '200 have left: and no file is open';
is +($t->worker_pids)[0], $pid, '200 have left: the worker is the same';

# -- bodies

my $posted = noise(300_000);
my $echo = length($posted) . ' ' . md5_hex($posted);

for my $dir ('', '/stream') {
    my $uri = $dir eq '' ? '/echo' : '/echo/stream';

    for my $method (qw(POST PUT PATCH GET)) {
        my $r = client()->request($method, '/echo', $posted);
        is $r->body, "$method $echo", "$method: its body";
        isnt status($r), 'HIT', "$method: it is no hit";
        $r = client()->request($method, '/echo', [unpack '(a70000)*', $posted]);
        is $r->body, "$method $echo", "$method: its body in chunks";
    }

    my $c = client()->begin('POST', '/echo', length $posted);
    is $c->send($posted)->response('POST')->body, "POST $echo",
        'Expect: 100-continue';
    is_page($c->request('GET', '/length/10'), 10, 1, 'then a hit');
    last;
}

my $r = client()->request('GET', '/length/10', undef, Expect => '100-continue');
is_page($r, 10, 1, 'Expect: 100-continue with a hit');
is status($r), 'HIT', 'it is one';

$r = client()->request('GET', '/length/77', undef, Expect => '100-continue');
is_page($r, 77, 1, 'Expect: 100-continue with a miss');
is_page(hit('/length/77'), 77, 1, 'it is stored');

# a body that does not come in full is no request
my $c = client();
$c->send_request('POST', '/echo', 'half', 'Content-Length' => 100);
$c->close;
is_page(hit('/length/10'), 10, 1, 'half a body: others are served');

# -- pipelined requests

$t->wait_for(sub { hit("/length/$_") }) for 20, 30;

my $many = 5;
$c = client();
$c->send(join '', map {
    raw('GET', '/length/10', undef), raw('GET', "/length/90000$_", undef),
    raw('POST', '/echo', "body $_"), raw('HEAD', '/length/20', undef),
    raw('GET', "/chunked/9000$_", undef), raw('GET', '/length/20', 'a body'),
    raw('GET', '/length/30', ['chunks', 'of it']),
    raw('HEAD', "/length/8000$_", undef), raw('GET', '/length/30', undef)
} 1 .. $many);

for (1 .. $many) {
    is_page($c->response('GET'), 10, 1, "pipelined, $_: a hit");
    is_page($c->response('GET'), "90000$_", 1, "pipelined, $_: a miss");
    is $c->response('POST')->body, 'POST 6 ' . md5_hex("body $_"),
        "pipelined, $_: a POST";
    $r = $c->response('HEAD');
    is $r->header('Content-Length'), 20, "pipelined, $_: HEAD";
    is_page($c->response('GET'), "9000$_", 1, "pipelined, $_: in chunks");

    # a GET with a body is passed
    $r = $c->response('GET');
    is length $r->body, 20, "pipelined, $_: a GET with a body";
    isnt status($r), 'HIT', "pipelined, $_: that is no hit";
    $r = $c->response('GET');
    is length $r->body, 30, "pipelined, $_: one with chunks";
    isnt status($r), 'HIT', "pipelined, $_: that is no hit";

    is $c->response('HEAD')->header('Content-Length'), "8000$_",
        "pipelined, $_: HEAD of what is not stored";
    is_page($c->response('GET'), 30, 1, "pipelined, $_: a hit after that");
}

# what comes while the first is fetched, or waits for another client's fetch
for my $place (qw(before midway)) {
    my $uri = "/length/200000/pipe$place/$place";
    my ($c, $other) = (client(), client());

    $c->send_request('GET', $uri);
    asked($uri);
    $other->send_request('GET', $uri);
    sleep 0.02;
    $c->send(raw('GET', '/length/10') . raw('POST', '/echo', 'abc'));
    $other->send(raw('GET', '/length/20') . raw('POST', '/echo', 'abcd'));
    sleep 0.02;
    gate("pipe$place");

    is_page($c->response('GET'), 200_000, 1, "$place: fetched");
    is_page($c->response('GET'), 10, 1, "$place: sent meanwhile");
    is $c->response('POST')->body, 'POST 3 ' . md5_hex('abc'),
        "$place: and a POST";
    is_page($other->response('GET'), 200_000, 1, "$place: waited for");
    is_page($other->response('GET'), 20, 1, "$place: sent while it waits");
    is $other->response('POST')->body, 'POST 4 ' . md5_hex('abcd'),
        "$place: and a POST, too";
    is $o->requests($uri), 1, "$place: fetched once";
    is_page($c->request('GET', '/length/10'), 10, 1, "$place: and another one");
}

# one that ends its sending side gets what it has asked for
$c = client();
$c->send(raw('GET', '/length/20') . raw('GET', '/length/30'))->finish;
is_page($c->response('GET'), 20, 1, 'it will send no more: the first');
is_page($c->response('GET'), 30, 1, 'it will send no more: the second');

# HTTP/1.0 clients
is client()->send("GET /length/10 HTTP/1.0\r\nHost: localhost\r\n\r\n")
    ->response('GET')->body, body(10, 1), 'HTTP/1.0: a hit';
is client()->send("GET /chunked/4000 HTTP/1.0\r\nHost: localhost\r\n\r\n")
    ->response('GET')->body, body(4000, 1), "HTTP/1.0: a miss, $_" for 1, 2;
is_page(hit('/chunked/4000'), 4000, 1, 'HTTP/1.0: it is stored');

done_testing;
