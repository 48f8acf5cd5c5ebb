#!/usr/bin/perl

# Requests for a large page that another one fetches just now read along, in the
# same worker.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep);

use constant LENGTH => 4_000_000;
use constant FIRST => 2_000_000;     # bytes that come at once

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $tls = !system "command -v openssl curl >$dir/out 2>&1";

$tls &&= $t->certificate;

my $http2 = $tls && `curl -V 2>&1` =~ /\bHTTP2\b/
    && `${\$t->nginx} -V 2>&1` =~ /http_v2_module/;

# body(N): of the Nth answer; no two 7 bytes in it are alike

my @lines = map { sprintf '%06d ', $_ } 1 .. LENGTH / 8 + 1;

sub body { my $n = shift; return substr join($n, @lines), 0, LENGTH }

# an answer stops in the middle until there is a file of its name

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($name) = $request->{uri} =~ m{(\w+)\z};
    my $uri = $request->{uri};
    my $body = body($n);
    my $chunked = $uri =~ /chunked/;

    return (200, [], '') if $request->{method} eq 'POST';
    return (200, ['Cache-Control' => 'max-age=0', ETag => '"old"',
        'Content-Type' => 'text/html'], 'small ' x 500)
        if $uri =~ /grows/ && $n == 1;

    my $write = sub {
        my ($bytes) = @_;
        $bytes = sprintf "%x\r\n%s\r\n", length $bytes, $bytes if $chunked;
        return Bigcache::Test::Origin::_write($request->{socket}, $bytes);
    };

    Bigcache::Test::Origin::_write($request->{socket}, "HTTP/1.1 200 OK\r\n"
        . ($uri =~ /ttl/ ? '' : "Cache-Control: max-age=600\r\n")
        . "ETag: \"$n\"\r\nContent-Type: text/x\r\n"
        . ($uri =~ /vary/ ? "Vary: X-Kind\r\n" : '')
        . ($uri =~ /long/ ? 'X-Long: ' . 'x' x 2000 . "\r\n" : '')
        . ($chunked ? 'Transfer-Encoding: chunked'
            : 'Content-Length: ' . LENGTH) . "\r\n\r\n");
    $write->(substr $body, 0, FIRST);

    my $end = time + 60;
    sleep 0.01 until -e "$dir/go_$name" || ($n > 1 && $uri !~ /grows/)
        || time > $end;
    return if $uri =~ /dies/ && $n == 1;

    $write->(substr $body, FIRST);
    Bigcache::Test::Origin::_write($request->{socket}, "0\r\n\r\n") if $chunked;

    return;
});

my $h2 = $http2 ? ' http2' : '';
my $h2_plain = `${\$t->nginx} -V 2>&1` =~ /http_v2_module/ ? q{
    server {
        listen 127.0.0.1:%%PORT_4%% http2 sndbuf=64k;
        bigcache_pages main;
        bigcache_lookup_timeout 10s;
        bigcache_lock on timeout=60s;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
} : '';
my $secure = $tls ? qq{
    server {
        listen 127.0.0.1:%%PORT_3%% ssl$h2;
        bigcache_pages main;
        bigcache_lookup_timeout 10s;
        bigcache_lock on timeout=60s;
        ssl_certificate %%DIR%%/cert.pem;
        ssl_certificate_key %%DIR%%/key.pem;
        add_header X-Status \$bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
} : '';

$t->conf(main => 'worker_processes 1;', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";',
    servers => $secure . $h2_plain . q{
    server {
        listen 127.0.0.1:%%PORT_2%% sndbuf=64k;
        bigcache_pages main;
        bigcache_lookup_timeout 10s;
        bigcache_lock on timeout=60s;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /ttl/ {
            bigcache_ttl 10m;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /sub/ {
            sub_filter_types *;
            sub_filter_once off;
            sub_filter '0012' 'abcd';
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /slow/ {
            limit_rate 8m;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

sub connection { return Bigcache::Test::Connection->new($t->port(2)) }

sub begin {
    my ($uri, @header) = @_;

    my $c = connection();
    $c->send_request('GET', $uri, undef, Connection => 'close', @header);

    return $c;
}

# has(C, N): reads until N bytes of the body are there
sub has {
    my ($c, $n) = @_;

    $c->{head} //= $c->read_until("\r\n\r\n") // '';
    $c->{got} //= '';
    $c->{got} .= $c->read_bytes($n - length $c->{got})
        if length $c->{got} < $n;

    return length $c->{got} >= $n;
}

# rest(C): the whole body
sub rest {
    my ($c) = @_;

    has($c, 1e9);

    return $c->{got} if $c->{head} !~ /^Transfer-Encoding: chunked/mi;

    my ($body, $rest) = ('', $c->{got});

    while ($rest =~ s/^([0-9a-f]+)\r\n//i) {
        my $length = hex $1;
        return $body if !$length;
        $body .= substr $rest, 0, $length;
        substr $rest, 0, $length + 2, '';
    }

    return "cut $body";
}

sub go { $t->write_file("go_$_[0]", '') }

sub asked {
    my ($uri, $n) = @_;
    return $t->wait_for(sub { $o->requests($uri) >= ($n // 1) });
}

sub stored {
    my ($uri) = @_;

    return $t->wait_for(sub { connection()->request('GET', $uri, undef,
        Connection => 'close')->header('X-Status') eq 'HIT' });
}

# lead(NAME): a request whose answer has begun
sub lead {
    my ($uri, @header) = @_;

    my $c = begin($uri, @header);
    asked($uri);
    has($c, 1);

    return $c;
}

# -- some read along

for my $name ('plain', 'sub/filter', 'slow/rate') {
    my $uri = "/$name";
    my $body = body(1);

    $body =~ s/0012/abcd/g if $name =~ /sub/;

    my $leader = lead($uri);
    my @early = map { begin($uri) } 1 .. 3;

    ok has($_, FIRST - 500_000), "$name: reads what has come" for @early;

    my $late = begin($uri);
    ok has($late, FIRST - 500_000), "$name: so does a later one";
    is $o->requests($uri), 1, "$name: asked once";

    my $unread = begin($uri);
    go($name =~ s{.*/}{}r);

    ok rest($_) eq $body, "$name: the whole page" for $leader, @early, $late,
        $unread;
    ok stored($uri), "$name: is stored";
    is $o->requests($uri), 1, "$name: asked once in all";
    ok connection()->request('GET', $uri, undef)->body eq $body,
        "$name: as it is";
}

my $leader = lead('/head');
my $reader = begin('/head');
has($reader, 1);
my $r = $reader->{head};
like $r, qr/^HTTP\S+ 200 /, 'the status';
like $r, qr/^Content-Length: 4000000\r$/m, 'the length';
like $r, qr/^ETag: "1"\r$/m, 'the tag';
like $r, qr/^X-Status: MISS\r$/m, 'a miss';
like $r, qr/^Cache-Status: bigcache; fwd=uri-miss; collapsed\r$/m,
    'which another request has made';

# what asks for less

is connection()->request('GET', '/head', undef, 'If-None-Match' => '"1"')
    ->status, 304, 'a condition';
$r = connection()->request('GET', '/head', undef, Range => 'bytes=1000-1999');
is $r->status, 206, 'a range';
is $r->header('Content-Range'), 'bytes 1000-1999/4000000', 'where it is';
ok $r->body eq substr(body(1), 1000, 1000), 'its bytes';

# one that ends, or whose client does not read, is in nobody's way

$reader->close;
my $idle = begin('/head');
my $other = begin('/head');
ok has($other, FIRST - 500_000), 'another one reads';
$leader->close;
go('head');
ok rest($other) eq body(1), 'and gets all, although the first client has left';
ok rest($idle) eq body(1), 'so does one that has read nothing so far';
ok stored('/head'), 'the page is stored';
is $o->requests('/head'), 1, 'asked once';

# -- a small page that was packed, and has become a large one

my @gzip = ('Accept-Encoding' => 'gzip');
connection()->request('GET', '/grows', undef);
ok $t->wait_for(sub { $t->get('/page?url=http://localhost/grows')->status
    == 200 }), 'a small page is stored';
$leader = begin('/grows', @gzip);
asked('/grows', 2);
$reader = begin('/grows', @gzip);
ok has($reader, FIRST - 500_000), 'it has grown: one reads along';
unlike $reader->{head}, qr/^Content-Encoding/m, 'as it is';
go('grows');
ok rest($_) eq body(2), 'it has grown: the whole page' for $leader, $reader;

# -- TLS and HTTP/2

# nginx keeps what goes into a TLS record until there is more, or until it is
# told to send it: a header that is longer than postpone_output has to wait

my @versions = $tls ? ('--http1.1', $http2 ? '--http2' : ()) : ();

for (map { [ $_, '' ], [ $_, 'long' ] } @versions) {
    my ($version, $header) = @$_;
    my $uri = '/tls' . $version =~ s/\W//gr . $header;
    my @pids;

    for my $n (0 .. 3) {
        my $pid = fork // die "fork: $!\n";

        if (!$pid) {
            open STDOUT, '>', "$dir/got$n";
            exec qw(curl -sS -k -N --max-time 120), $version,
                'https://127.0.0.1:' . $t->port(3) . $uri;
        }

        push @pids, $pid;
        asked($uri) if !$n;
    }

    my $name = "TLS, $version" . ($header && ', a long header');

    ok $t->wait_for(sub { -s "$dir/got$_" >= FIRST - 500_000 }),
        "$name: reads what has come" for 1 .. 3;
    go($uri =~ s{/}{}r);

    for my $n (0 .. 3) {
        waitpid $pids[$n], 0;
        ok $t->read_file("got$n") eq body(1), "$name: the whole page";
    }

    is $o->requests($uri), 1, "$name: asked once";
}

# -- HTTP/2, and a header that waits for a client that does not read

sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

sub get_frame {
    my ($stream, $uri) = @_;

    return frame(1, 5, $stream, "\x82\x86" . pack('C C/a* C C/a*', 4, $uri, 1,
        'localhost'));
}

# frames(C, GOT, CODE): reads until CODE is true; GOT has the body of each stream

sub frames {
    my ($c, $got, $code) = @_;

    while (!$code->()) {
        my $head = eval { $c->read_bytes(9) } // '';
        return if length $head < 9;

        my ($length, $type, $flags, $stream)
            = unpack 'N C C N', "\0$head";
        my $payload = $c->read_bytes($length);

        $got->{$stream} .= $payload if $type == 0;
        $got->{"end $stream"} = 1 if $type < 2 && $flags & 1;
        $got->{"reset $stream"} = 1 if $type == 3;
    }

    return 1;
}

if ($h2_plain) {
    my $c = Bigcache::Test::Connection->new($t->port(4));
    my %got = (3 => '');

    # windows of 2 GB, so that only the socket is full

    $c->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        . frame(4, 0, 0, pack 'nN', 4, 0x7fffffff)
        . frame(8, 0, 0, pack 'N', 0x7fffffff - 65535) . get_frame(1, '/plain'));
    ok frames($c, \%got, sub { length($got{1} // '') }), 'HTTP/2: a page begins';

    $leader = lead('/h2_waits');
    $c->send(get_frame(3, '/h2_waits'));
    $reader = begin('/h2_waits');
    ok has($reader, FIRST - 500_000), 'HTTP/2: one reads along';
    sleep 0.2;              # for the other one, of which nothing is to be seen

    ok frames($c, \%got, sub { length $got{3} >= FIRST - 500_000 }),
        'HTTP/2: so does one whose header had to wait';
    go('h2_waits');
    ok frames($c, \%got, sub { $got{'end 3'} && $got{'end 1'} }),
        'HTTP/2: both pages end';
    ok $got{1} eq body(1), 'HTTP/2: the first is whole';
    ok $got{3} eq body(1), 'HTTP/2: so is the second';
    ok rest($_) eq body(1), 'HTTP/2: the whole page for others'
        for $leader, $reader;
}

# -- an upstream that dies

$leader = lead('/dies');
$reader = begin('/dies');
ok has($reader, FIRST - 500_000), 'an upstream that dies: one reads along';
go('dies');
cmp_ok length(rest($reader)), '<=', FIRST, 'it gets no more than there is';
rest($leader);
ok stored('/dies'), 'the next one is stored';
ok connection()->request('GET', '/dies', undef)->body eq body(2), 'whole';

# -- what is removed is not read by those that come later

for my $how ('post', 'clear') {
    my $uri = "/removed/$how";

    $leader = lead($uri);
    $reader = begin($uri);
    ok has($reader, 1), "$how: one reads along";

    if ($how eq 'post') {
        connection()->request('POST', $uri, 'x', Connection => 'close');
    } else {
        is $t->request('POST', '/clear')->status, 200, 'cleared';
    }

    my $later = begin($uri);

    # it is passed at once, or waits until the first fetch has ended in vain

    go($how);
    ok rest($later) eq body($how eq 'post' ? 3 : 2), "$how: a later one gets the new page";
    ok rest($reader) eq body(1), "$how: the one that has begun gets its own";
    rest($leader);
}

# -- which pages are not read along

$leader = lead('/chunked');
$reader = begin('/chunked');
sleep 0.3;
ok !$reader->readable(0), 'an unknown length: it waits';
go('chunked');
ok rest($reader) eq body(1), 'until the page is stored';
is $o->requests('/chunked'), 1, 'asked once';
rest($leader);

$leader = lead('/vary');
$reader = begin('/vary', 'X-Kind' => 'b');
go('vary');
ok rest($reader) eq body(2), 'Vary: another variant is fetched';
rest($leader);

$leader = lead('/ttl/own');
$reader = begin('/ttl/own', Cookie => 'session=1');
ok rest($reader) eq body(2), 'only bigcache_ttl: not with a cookie';
go('own');
rest($leader);

$leader = lead('/by_head');
my $head = connection()->request('HEAD', '/by_head', undef);
is $head->status, 200, 'HEAD is passed';
go('by_head');
rest($leader);

my ($n) = $t->get('/metrics')->body =~ /^bigcache_pages_collapsed_total (\d+)/m;
cmp_ok $n, '>=', 20, 'the metrics count them';

# -- a reload while some read

$leader = lead('/reload');
my @readers = map { begin('/reload') } 1 .. 3;
ok has($_, FIRST - 500_000), 'a reload: it reads' for @readers;
$t->reload;
go('reload');
ok rest($_) eq body(1), 'and gets the whole page' for $leader, @readers;

done_testing;
