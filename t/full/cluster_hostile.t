#!/usr/bin/perl

# A server that answers anything: nothing, too little, too much, other types,
# other pages, endless redirections.  nginx answers in time, and lives.

use strict;
use warnings;

use Time::HiRes qw(time);
use Test::More;

use Bigcache::Hostile qw(serve usual);
use Bigcache::Test;

# garbage: an answer of any kind

sub garbage {
    my ($depth) = @_;

    my $kind = int rand 12;
    my $text = join '', map { chr int rand 256 } 1 .. rand 200;

    return ':' . int(rand 1e10) . "\r\n" if $kind == 0;
    return ':-' . int(rand 1e10) . "\r\n" if $kind == 1;
    return "\$-1\r\n" if $kind == 2;
    return "*-1\r\n" if $kind == 3;
    return '$' . length($text) . "\r\n$text\r\n" if $kind < 6;
    return "+ok\r\n" if $kind == 6;
    return '-' . (qw(MOVED ASK TRYAGAIN LOADING NOSCRIPT OOM ERR NOPERM))[rand 8]
        . " 1 127.0.0.1:1\r\n" if $kind == 7;
    return "-MOVED\r\n" if $kind == 8;
    return "$text\r\n" if $kind == 9 && rand() < 0.2;

    my $n = $depth > 4 ? 0 : int rand 5;

    return "*$n\r\n" . join '', map { garbage($depth + 1) } 1 .. $n;
}

my %hostile = (
    'answers nothing' => sub { sleep 100; undef },
    'closes at once' => sub { undef },
    'speaks another protocol' => sub { "HTTP/1.1 400 Bad Request\r\n\r\n" },
    'has no slot' => sub {
        $_[1] eq 'CLUSTER' ? "*0\r\n" : usual(@_) // "+OK\r\n" },
    'has slots beyond the last' => sub {
        $_[1] eq 'CLUSTER' ? "*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n\$1\r\na\r\n:1\r\n"
            : usual(@_) // "+OK\r\n" },
    'sends everything elsewhere' => sub {
        usual(@_) // "-MOVED 1 127.0.0.1:$_[0]\r\n" },
    'asks for ever' => sub {
        usual(@_) // ($_[1] eq 'ASKING' ? "+OK\r\n"
            : "-ASK 1 127.0.0.1:$_[0]\r\n") },
    'knows no script' => sub { usual(@_) // "-NOSCRIPT none\r\n" },
    'is loading' => sub { usual(@_) // "-LOADING\r\n" },
    'answers numbers' => sub { usual(@_) // ":1\r\n" },
    'answers empty lists' => sub { usual(@_) // "*0\r\n" },
    'answers texts' => sub {
        usual(@_) // "\$1000\r\n" . 'x' x 1000 . "\r\n" },
    'promises more than it sends' => sub {
        usual(@_) // "\$500000000\r\nabc" },
    'promises the impossible' => sub {
        usual(@_) // "\$99999999999999999999\r\nabc\r\n" },
    'promises an endless list' => sub {
        usual(@_) // "*2147483647\r\n" . "*2147483647\r\n" x 6 },
    'never ends a list' => sub {
        usual(@_) // sub { print { $_[0] } "*1000000\r\n";
            1 while print { $_[0] } ":1\r\n" x 1000 } },
    'nests lists' => sub { usual(@_) // "*1\r\n" x 100_000 },
    'answers a byte at a time' => sub {
        usual(@_) // sub { my ($c) = @_; $c->autoflush(1);
            for my $byte (split //, "\$200\r\n" . 'x' x 200) {
                print $c $byte or last; select undef, undef, undef, 0.05 } } },
    'answers twice' => sub { usual(@_) // "*0\r\n*0\r\n" },
    'has a digest that is too short' => sub {
        $_[1] eq 'SCRIPT' ? "\$3\r\nabc\r\n" : usual(@_) // "+OK\r\n" },
    'answers anything' => sub { usual(@_) // garbage(0) },
    'answers anything to everything' => sub { garbage(0) },
);

for my $name (sort keys %hostile) {
    my $port = serve($hostile{$name});
    my $t = Bigcache::Test->new;
    my $text = $t->default_conf;

    $text =~ s/bigcache_path .*?;/bigcache_cluster a zone=main:1m
        server=127.0.0.1:$port wait=400ms timeout=200ms;/;

    $t->expect_log(qr/(?:cluster|store) "a": /);
    $t->conf($text)->start;

    my ($pid) = $t->worker_pids;
    my (%status, $slowest);

    for my $round (1 .. ($name =~ /anything/ ? 60 : 1)) {
        for (['GET', '/pickle/a'], ['POST', '/pickle/a', 'x' x 2000],
            ['POST', '/incr/n', '{"initial":1}'],
            ['GET', '/keys/?limit=5'], ['GET', '/stat/count'],
            ['DELETE', '/pickle/a'], ['DELETE', '/prefix/a'],
            ['POST', '/purge', '{"type":"tag","selectors":["x"]}'])
        {
            my $begin = time;
            my $r = $t->request(@$_);
            my $took = time - $begin;

            $status{ $r->status }++;
            $slowest = $took if $took > ($slowest // 0);
            last if $name =~ /anything/ && rand() < 0.3;
        }
    }

    is_deeply [ grep { !/^(?:200|404|409|412|500|503|507)$/ } keys %status ], [],
        "$name: " . join ' ', map { "$_ x $status{$_}" } sort keys %status;
    cmp_ok $slowest, '<', 5, sprintf '%s: in %.1f s', $name, $slowest;
    is_deeply [ $t->worker_pids ], [ $pid ], "$name: the worker lives";
    $t->stop;
}

done_testing;
