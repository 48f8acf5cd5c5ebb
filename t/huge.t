#!/usr/bin/perl

# Bodies far larger than what a worker may take of memory: 128 MB, and 1 GB
# with BIGCACHE_HUGE=1.  Raw and JSON, of known length and chunked.

use strict;
use warnings;

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 1200 if $ENV{BIGCACHE_HUGE} }

use Digest::MD5;
use Time::HiRes qw(time);

use Bigcache::Test;
use Test::More;

use constant MIB => 1024 * 1024;
use constant LIMIT => 64 * MIB;

my $t = Bigcache::Test->new;
my ($free) = (split ' ', (`df -Pk @{[ $t->dir ]}`)[1])[3];
my $blocks = 128;

if ($ENV{BIGCACHE_HUGE}) {
    $free > 6 * MIB ? $blocks = 1024
        : diag 'less than 6 GB are free, 128 MB instead of 1 GB';
}

plan skip_all => 'less than 1 GB of disk is free' if $free < MIB;

$t->conf(
    main => q{
        worker_processes 1;
        thread_pool bigcache threads=4;
    },
    path => 'thread_pool=bigcache',
    http => q{
        client_max_body_size 2g;
        sendfile on;
    },
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            sendfile off;
            location / { bigcache main; }
        }
    })->start;

my $worker = $t->wait_for(sub { ($t->worker_pids)[0] });

# block(N): a MiB of a JSON string, no two are alike

my $fill = join '', map {
    sprintf '%c%x', 97 + $_ % 26, $_ * 2654435761 % 65521;
} 1 .. 300_000;

sub block {
    my ($n) = @_;

    return sprintf('%08d', $n) . substr $fill, $n, MIB - 8;
}

my $peak;

sub watch {
    my $now = $t->memory($worker, 'RssAnon');

    $peak = $now if $now > $peak;
}

# store(C, PATH, BEFORE, AFTER, CHUNKED): the answer is left to be read

sub store {
    my ($c, $path, $before, $after, $chunked) = @_;

    my $length = length($before) + $blocks * MIB + length $after;

    $c->send("POST $path HTTP/1.1\r\nHost: localhost\r\n"
        . ($chunked ? 'Transfer-Encoding: chunked'
        : "Content-Length: $length") . "\r\n\r\n");

    my $send = sub {
        my ($bytes) = @_;
        return if !length $bytes;
        $c->send($chunked ? sprintf "%x\r\n%s\r\n", length $bytes, $bytes
            : $bytes);
        watch();
    };

    $send->($before);
    $send->(block($_)) for 1 .. $blocks;
    $send->($after);
    $c->send("0\r\n\r\n") if $chunked;

    # the thread takes its time
    my $end = time + 600;
    watch() while !$c->readable(0.02) && time < $end;
}

# digest(C): of the body of an answer; status, length and MD5

sub digest {
    my ($c) = @_;

    my $head = $c->read_until("\r\n\r\n") // return 'no answer';
    my ($status) = $head =~ /^HTTP\S+ (\d+)/;
    my ($length) = $head =~ /^Content-Length: (\d+)/mi;
    my $md5 = Digest::MD5->new;
    my $n = 0;

    while ($n < ($length // 0)) {
        my $want = $length - $n;
        my $bytes = $c->read_bytes($want < MIB ? $want : MIB);
        last if !length $bytes;
        $n += length $bytes;
        $md5->add($bytes);
        watch();
    }

    return "$status, $n bytes, " . $md5->hexdigest;
}

# expected(BEFORE, AFTER)

sub expected {
    my ($before, $after) = @_;

    my $md5 = Digest::MD5->new;
    $md5->add($before);
    $md5->add(block($_)) for 1 .. $blocks;
    $md5->add($after);

    return '200, ' . (length($before) + $blocks * MIB + length $after)
        . ' bytes, ' . $md5->hexdigest;
}

sub of_text {
    my ($text) = @_;

    return '200, ' . length($text) . ' bytes, ' . Digest::MD5::md5_hex($text);
}

# ask(PATH, PORT, FIELD)

sub ask {
    my ($path, $port, $field) = @_;

    my $c = $t->connect($port);
    $c->send("GET $path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        . ($field ? "$field\r\n" : '') . "\r\n");

    return digest($c);
}

# measured(NAME, CODE)

sub measured {
    my ($name, $code) = @_;

    if (open my $file, '>', "/proc/$worker/clear_refs") {
        print $file 5;
        close $file;
    }

    my $before = $peak = $t->memory($worker, 'RssAnon');
    my $start = time;
    $code->();
    watch();

    my $grown = $peak - $before;
    my $report = sprintf '%s: RssAnon grew by %.1f MiB at most, VmHWM is %.1f'
        . ' MiB, %.1f s', $name, $grown / MIB,
        $t->memory($worker, 'VmHWM') / MIB,
        time - $start;
    $ENV{BIGCACHE_HUGE} ? diag $report : note $report;

    SKIP: {
        skip 'memory of sanitizers', 1 if $ENV{ASAN_OPTIONS};
        cmp_ok $grown, '<', LIMIT, "$name: memory";
    }
}

# warm
$t->request('POST', '/cache/warm', '{"value":"' . 'x' x (2 * MIB) . '"}');
$t->get('/cache/warm');

my $whole = expected('', '');

for my $chunked (0, 1) {
    my $kind = $chunked ? 'chunked' : 'known length';

    measured("raw, $kind", sub {
        my $c = $t->connect;

        store($c, '/pickle/raw', '', '', $chunked);
        is digest($c), of_text('{"key":"raw","expire":"not set"}'),
            "raw, $kind: stored";
        is ask('/pickle/raw'), $whole, 'and read';
    });

    measured("JSON, $kind", sub {
        my $c = $t->connect;

        store($c, '/cache/json', '{"value":"', '"}', $chunked);
        is digest($c), expected('{"key":"json","value":"', '","expire":null}'),
            "JSON, $kind: stored, and answered";
        is ask('/cache/json'), expected('{"key":"json","value":"',
            '","expire":null,"duration":null}'), 'and read';
    });
}

measured('without sendfile', sub {
    is ask('/pickle/raw', 1), $whole, 'read without sendfile';
    is ask('/pickle/json', 1), expected('{"value":"',
        '","expire":null,"duration":null}'), 'the document without sendfile';
});

is ask('/pickle/raw', 0, 'Range: bytes=-8')
    =~ s/^206/200/r, of_text(substr block($blocks), -8), 'the end of it';

# a body that is no JSON at its very end
{
    my $c = $t->connect;
    store($c, '/cache/bad', '{"value":"', '"]', 0);
    is $c->response->status, 422, 'bad at its end';
    is $t->get('/cache/bad')->status, 404, 'is not stored';
}

is $t->request('DELETE', '/cache/json')->status, 200, 'removed';
is $t->request('DELETE', '/cache/raw')->status, 200, 'removed too';
is join(' ', $t->worker_pids), $worker, 'the same worker';
is join(' ', glob $t->dir . '/client_body/*'), '', 'no temporary files left';

done_testing;
