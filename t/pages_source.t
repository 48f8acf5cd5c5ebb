#!/usr/bin/perl

# The source of a page when the texts of other clients take all the memory that
# there is for them: the same bytes, unpacked while the client reads them.

use strict;
use warnings;

use Socket qw(SOL_SOCKET SO_RCVBUF);

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;

# readers that do not read: of all the text that a worker may hold, and of more

use constant HELD => 40;
use constant IDLE => 100;

my $t = Bigcache::Test->new;
my $text = join '', map { "line $_ of a page \xed\x95\x9c\n" } 1 .. 34_000;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    return (200, [ 'Cache-Control' => 'max-age=600',
        'Content-Type' => 'text/html' ], $text);
});

$t->conf(
    main => 'worker_processes 1;',
    events => 'worker_connections 1024;',
    listen => 'sndbuf=32k',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_2%%;
            bigcache_lookup_timeout 10s;

            location / {
                bigcache_pages main;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }
    })->start;

my $path = '/page/source?url=http%3A%2F%2Fa.example%2F';

ok $t->wait_for(sub {
    $t->connect(2)->request('GET', '/', undef, Host => 'a.example');
    $t->get($path)->status == 200;
}), 'a page is stored';

# same(NAME): what is sent of it

sub same {
    my ($name) = @_;

    my $r = $t->get($path);

    is $r->status, 200, $name;
    is $r->header('Content-Type'), 'text/plain; charset=utf-8', "$name: a text";
    ok $r->body eq $text, "$name: the bytes";

    $r = $t->get($path, Range => 'bytes=500000-500099');
    is $r->status, 206, "$name: a range";
    is $r->body, substr($text, 500_000, 100), "$name: its bytes";
    $r = $t->request('HEAD', $path);
    is $r->header('Content-Length'), length $text, "$name: HEAD";
}

same('alone');

my ($worker) = $t->worker_pids;

# idle(N, BYTES): readers to which nginx has begun to send, with such buffers

sub idle {
    my ($n, $size) = @_;
    my @c = map { $t->connect } 1 .. $n;

    setsockopt $_->socket, SOL_SOCKET, SO_RCVBUF, $size for @c;
    $_->send_request('GET', $path) for @c;
    $_->read_until("\r\n\r\n") for @c;

    return @c;
}

my @held = idle(HELD, 4096);
my $memory = $t->memory($worker);
my @idle = idle(IDLE, 4096);
my $more = ($t->memory($worker) - $memory) / 1e6;

SKIP: {
    skip 'memory of sanitizers', 1 if $ENV{ASAN_OPTIONS};

    cmp_ok $more, '<', 60, IDLE . ' readers of 1 MB: '
        . sprintf '%.0f MB', $more;
}

same('among many');

# who has waited gets all of it

my @some = idle(10, 65536);
my @wrong = grep { $_->read_bytes(length $text) ne $text } @some;

is scalar @wrong, 0, 'those that waited get the page';

done_testing;
