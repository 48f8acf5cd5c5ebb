#!/usr/bin/perl

# Where nobody has set client_body_buffer_size, bodies do not go by way of a
# temporary file; but many slow clients at once get only so much memory.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

use constant MIB => 1024 * 1024;

my $t = Bigcache::Test->new;

my %of = (
    http => 'client_max_body_size 8m;',
    server => q{
        location /file/ {
            client_body_in_file_only clean;
            bigcache_base /file;
            bigcache main;
        }
    },
);

$t->conf(%of)->start;

# in_files: how many bodies were in temporary files by now

sub in_files {
    my ($in_files) = $t->get('/stat')->body =~ /"bodies":\{"in_files":(\d+)\}/;

    return $in_files // 'none';
}


# stored(NAME, BODY, EXPECTED, PATH): the body may be pieces, sent as chunks

sub stored {
    my ($name, $body, $expected, $path) = @_;

    my $before = in_files();
    my $text = ref $body ? join('', @$body) : $body;

    is $t->request(POST => ($path // '') . '/pickle/page', $body)->status, 200,
        $name;
    ok $t->get('/pickle/page')->body eq $text, '... the same bytes';
    is in_files() - $before, $expected, "... $expected in a file";
}


my $page = join '', map { "<p>$_</p>\n" } 1 .. 200_000;

sub page { return substr $page, 0, $_[0] }

stored('9 KB', page(9000), 0);
stored('30 KB', page(30_000), 0);
stored('1 MB', page(MIB), 0);
stored('more than 1 MB', page(MIB + 1), 1);
stored('chunks of 100 KB', [ (page(10_000)) x 10 ], 0);
stored('chunks of 300 KB', [ (page(10_000)) x 30 ], 1);
stored('client_body_in_file_only', page(30_000), 1, '/file');

{
    my $before = in_files();
    my $value = 'v' x 50_000;
    my $c = $t->connect;

    for my $n (1 .. 3) {
        is $c->request(POST => '/cache/json', qq({"value":"$value"}))->status,
            200, "JSON on one connection, $n";
    }

    like $c->request(GET => '/cache/json')->body, qr/"value":"$value"/,
        '... the same value';
    is in_files() - $before, 0, '... none in a file';
    is $c->request(POST => '/cache/json', '{' x 50_000)->status, 422,
        'an error after a large body';
    is $c->request(GET => '/cache/json')->status, 200,
        '... the connection goes on';
}


# -- many slow clients: each is promised 1 MB, and one worker has 32 MB

SKIP: {
    skip 'for one worker', 7 if ($ENV{BIGCACHE_WORKERS} // 1) > 1;

    my $before = in_files();
    my @slow = map { $t->connect } 1 .. 60;
    my $body = page(MIB);

    for my $i (0 .. $#slow) {
        $slow[$i]->send("POST /pickle/slow$i HTTP/1.1\r\nHost: localhost\r\n"
            . 'Content-Length: ' . MIB . "\r\n\r\n");
        $slow[$i]->send(substr $body, 0, 100);
    }

    # what they have sent is read before this

    stored('30 KB beside 60 slow clients', page(30_000), 0);

    my $good = 0;

    for my $c (@slow) {
        $c->send(substr $body, 100);
        $good += $c->response('POST')->status == 200;
    }

    is $good, 60, 'all of them are answered';
    is in_files() - $before, 60 - 25, '... 25 had a buffer in memory';

    undef @slow;

    stored('1 MB afterwards', page(MIB), 0);
}

unlike $t->error_log, qr/client_body_buffer_size/, 'no notice';
$t->stop;


# -- a size that somebody has set

$t->conf(%of, server => 'client_body_buffer_size 16k;')->start;
stored('30 KB where 16k is set', page(30_000), 1);
like $t->error_log, qr{\[notice\]\ .*bigcache:\ client_body_buffer_size\ is
    \ 16384\ in\ location\ "/":\ larger\ bodies\ go\ through\ temporary\ files}x,
    '... a notice says so' or diag $t->error_log;
$t->stop;

done_testing;
