#!/usr/bin/perl

# Pages that are unpacked while the client reads them, since others that are
# unpacked wait for their clients already: the same bytes, whatever the way, and
# little memory.

use strict;
use warnings;

use Socket qw(SOL_SOCKET SO_RCVBUF);

use Bigcache::Test;
use Test::More;

# readers that do not read; those that make nginx hold as much as it may

use constant IDLE => 200;
use constant HELD => 40;

my $t = Bigcache::Test->new;

$t->conf(
    main => 'worker_processes 1;',
    events => 'worker_connections 4096;',
    http => 'client_max_body_size 8m; send_timeout 300s;',
    listen => 'sndbuf=32k',
    server => q{
        listen 127.0.0.1:%%PORT_1%% http2;

        location /parts/ {
            ssi on;
            root %%DIR%%;
        }

        location /sub/ {
            bigcache main;
            bigcache_base /sub;
            sub_filter_types *;
            sub_filter_once off;
            sub_filter 'needle' 'thread';
        }

        location /limited/ {
            bigcache main;
            bigcache_base /limited;
            limit_rate 4m;
        }
    })->start;

# text that packs well, and is not the same anywhere

my $text = join '', map { "line $_ of many that hide a needle\n" } 1 .. 25_000;
my $value = '"' . join('', map { "word $_ " } 1 .. 70_000) . '"';
my $document = qq("value":$value,"expire":null,"duration":null});

is $t->request('POST', '/pickle/text', $text)->status, 200, 'stores bytes';
is $t->request('POST', '/cache/value', qq({"value":$value}))->status, 200,
    'and a document';

my ($worker) = $t->worker_pids;


# idle(N): readers whose page nginx has begun to send

sub idle {
    my @c = map { $t->connect } 1 .. $_[0];

    setsockopt $_->socket, SOL_SOCKET, SO_RCVBUF, 4096 for @c;
    $_->send_request('GET', '/pickle/text') for @c;
    $_->read_until("\r\n\r\n") for @c;

    return @c;
}


# same(NAME): what clients without gzip get

sub same {
    my ($name) = @_;

    my $c = $t->connect;
    my $r;

    ok $c->request('GET', '/pickle/text')->body eq $text, "$name: bytes";
    ok $c->request('GET', '/cache/value')->body eq qq({"key":"value",$document),
        "$name: a document";
    ok $c->request('GET', '/pickle/value')->body eq "{$document",
        "$name: a document without its key";

    $r = $c->request('HEAD', '/pickle/text');
    is_deeply [ $r->status, $r->header('Content-Length'), $r->body ],
        [ 200, length $text, '' ], "$name: HEAD";

    $r = $c->request('HEAD', '/pickle/value');
    is $r->header('Content-Length'), 1 + length $document,
        "$name: HEAD of a document";

    my $etag = $c->request('GET', '/pickle/text')->header('ETag');
    is $c->request('GET', '/pickle/text', undef, 'If-None-Match' => $etag)
        ->status, 304, "$name: not modified";

    for my $range ([ 0, 0 ], [ 100, 90_000 ], [ 32_768, 65_535 ],
        [ 800_000, length($text) - 1 ])
    {
        $r = $c->request('GET', '/pickle/text', undef,
            Range => "bytes=$range->[0]-$range->[1]");
        is $r->status, 206, "$name: bytes $range->[0] to $range->[1]";
        ok $r->body eq substr($text, $range->[0],
            $range->[1] - $range->[0] + 1), 'and no others';
    }

    $r = $c->request('GET', '/pickle/value', undef, Range => 'bytes=0-9');
    is $r->body, substr("{$document", 0, 10), "$name: a range with the brace";

    $r = $c->request('GET', '/pickle/text', undef,
        Range => 'bytes=0-9,900000-900009');
    ok $r->status == 206 && index($r->body, substr $text, 900_000, 10) > 0
        || $r->status == 200 && $r->body eq $text, "$name: two ranges, or all";

    ok $c->request('GET', '/sub/pickle/text')->body
        eq $text =~ s/needle/thread/gr, "$name: a filter of the text";
    ok $c->request('GET', '/limited/pickle/text')->body eq $text,
        "$name: with a rate";

    is $c->request('GET', '/pickle/text', undef, 'Accept-Encoding' => 'gzip')
        ->header('Content-Encoding'), 'gzip', "$name: packed";

    # one part waits for the other

    ok $c->request('GET', '/parts/page.html')->body
        eq "<{$document|$text>", "$name: parts of a page";

    is_deeply [ `curl -s --http2-prior-knowledge http://127.0.0.1:@{[
        $t->port(1) ]}/pickle/text` eq $text, $? ], [ 1, 0 ],
        "$name: HTTP/2";
}


mkdir $t->dir . '/parts';
$t->write_file('parts/page.html', '<<!--#include virtual="/pickle/value" -->|'
    . '<!--#include virtual="/pickle/text" -->>');

same('at once');

my @held = idle(HELD);
my $memory = $t->memory($worker);

same('by pieces');

my @idle = idle(IDLE);
my $more = ($t->memory($worker) - $memory) / 1e6;

SKIP: {
    skip 'memory of sanitizers', 1 if $ENV{ASAN_OPTIONS};

    cmp_ok $more, '<', 60, IDLE . ' readers of 1 MB: '
        . sprintf '%.0f MB', $more;
}

same('by pieces, beside others');

# who has waited gets all of it

setsockopt $_->socket, SOL_SOCKET, SO_RCVBUF, 1 << 20 for @held, @idle;

my @wrong = grep { $_->read_bytes(length $text) ne $text } @held, @idle;

is scalar @wrong, 0, 'those that waited get the page';

$_->close for @held, @idle;

same('at once, again');

# who leaves in the middle leaves nothing

for (1 .. 5) {
    @idle = idle(IDLE);
    $_->close for @idle;
}

same('after those that left');

done_testing;
