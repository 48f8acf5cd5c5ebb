#!/usr/bin/perl

# bigcache_min_uses: a page is stored once it was asked for often enough.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;

my $t = Bigcache::Test->new;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my @vary = $request->{uri} =~ /vary/ ? (Vary => 'X-Kind') : ();

    return (200, ['Cache-Control' => 'max-age=60', @vary], "page $n");
});

$t->conf(location => 'bigcache_pages off;', http => 'proxy_http_version 1.1;'
    . ' proxy_set_header Connection "";', servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        bigcache_min_uses 3;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /once/ {
            bigcache_min_uses 1;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /try/ {
            try_files $uri @app;
        }
        location /force/ {
            bigcache_bypass $arg_force;
            bigcache_page_key $uri;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location @app { proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
})->start;

sub ask { return $t->request_to(2, 'GET', $_[0], undef, @_[1 .. $#_]) }
sub status { return ask(@_)->header('X-Status') }

# the names of fields of a page are stored before its first variant, so that a
# request in between may be the first one for the variant, and is passed

my $early = 0;

sub becomes_hit {
    my @request = @_;

    ok $t->wait_for(sub {
        my $status = status(@request);

        $early += $status eq 'PASS';

        return $status eq 'HIT';
    }), "@request: then a hit";
}

ask('/warm');

for my $uri ('/a', '/try/a') {
    is status($uri), 'PASS', "$uri: the first time";
    is status($uri), 'PASS', "$uri: the second time";
    is status($uri), 'MISS', "$uri: the third time it is stored";
    becomes_hit($uri);
    is $o->requests($uri), 3, "$uri: the upstream was asked three times";
}

is ask('/b')->body, 'page 1', 'what is passed is the answer';
is $t->request_to(2, 'HEAD', '/head', undef)->status, 200, 'HEAD'
    for 1 .. 3;
is status('/head'), 'PASS', 'HEAD does not count';

is status('/once/a'), 'MISS', '1: stored at once';
becomes_hit('/once/a');

is status('/force/a?force=1'), 'BYPASS', 'a bypass stores at once';
becomes_hit('/force/a');

# each variant counts by itself, once the page is known to vary

is status('/vary', 'X-Kind' => 'one'), $_, 'a variant' for qw(PASS PASS MISS);
becomes_hit('/vary', 'X-Kind' => 'one');
is status('/vary', 'X-Kind' => 'two'), $_, 'another one' for qw(PASS PASS MISS);
becomes_hit('/vary', 'X-Kind' => 'two');

# many at once count as many, and the upstream is asked for the rest once

my @c = map { Bigcache::Test::Connection->new($t->port(2)) } 1 .. 10;
$_->send_request('GET', '/many', undef) for @c;
my %of;
$of{$_->response('GET')->header('X-Status')}++ for @c;
is $of{PASS}, 2, 'ten at once: two are passed';
is $of{MISS}, 1, 'one fetches';
is $o->requests('/many'), 3, 'the others wait for it';

# a page that expires, or is removed, is not new

is $t->request_to(2, 'POST', '/a', 'x')->status, 200, 'a POST removes a page';

# while it is being removed, requests are passed

ok $t->wait_for(sub { status('/a') eq 'MISS' }), 'which is stored again';
becomes_hit('/a');

my ($passed) = $t->get('/metrics')->body =~
    /^bigcache_pages_passed_total\{reason="rare"\} (\d+)$/m;
ok $passed >= 13 && $passed <= 13 + $early, 'the metrics count them'
    or diag "$passed were passed, $early of them early";

# uses are remembered by all workers, and through a reload

is status('/reload'), 'PASS', 'before a reload';
$t->reload;
ok $t->wait_for(sub { $t->get('/stat/count')->status == 200 }), 'reloaded';
is status('/reload'), 'PASS', 'after it, the second time';
is status('/reload'), 'MISS', 'the third';

done_testing;
