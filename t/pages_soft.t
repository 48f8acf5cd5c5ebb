#!/usr/bin/perl

# A soft purge: what it selects is stale at once, sent for a while as such, and
# refreshed by one request; a hard purge leaves nothing to be sent.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep);

my $t = Bigcache::Test->new;
my $dir = $t->dir;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($uri, $header) = @$request{qw(uri header)};

    return (503, [], 'failed') if -e "$dir/down";

    if ($uri =~ /slow/) {
        for (1 .. 3000) {
            last if -e "$dir/go";
            sleep 0.01;
        }
    }

    my $control = 'max-age=600';
    $control .= ', stale-while-revalidate=600' if $uri =~ /answer/;
    $control .= ', must-revalidate' if $uri =~ /must/;

    my @fields = ('Cache-Control' => $control, 'Surrogate-Key' => 'all');
    push @fields, ETag => '"1"' if $uri =~ /etag/;
    push @fields, Vary => 'X-Lang' if $uri =~ /vary/;
    push @fields, Age => 300 if $uri =~ /aged/;

    return (304, \@fields, '') if $header->{'if-none-match'};
    return (200, \@fields, "$uri $n");
});

$t->conf(size => '16m', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host; bigcache_pages main;'
        . ' bigcache_lookup_timeout 10s; bigcache_purge PURGE from 127.0.0.1;'
        . ' add_header X-Status $bigcache_status always;'
        . ' add_header X-TTL $bigcache_ttl always;',
    servers => q{
    server {
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_stale while_revalidate=600 if_error=600;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /short/ {
            bigcache_stale while_revalidate=1;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /none/ {
            bigcache_stale off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /silent/ {
            bigcache_stale error;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

sub ask {
    my ($method, $uri, @headers) = @_;

    return Bigcache::Test::Connection->new($t->port(2))->request($method, $uri,
        undef, Connection => 'close', @headers);
}

sub status { return ask('GET', @_)->header('X-Status') // '' }

sub store {
    my @request = @_;

    ask('GET', @request);
    $t->wait_for(sub { status(@request) eq 'HIT' })
        or fail "stored: @request";
}

sub soft {
    my ($uri, @headers) = @_;

    @headers = ('Bigcache-Soft' => 1) if !@headers;
    return ask('PURGE', $uri, @headers)->json->{purged};
}

# refreshed(URI): the new page is there, and was asked for once
sub refreshed {
    my ($uri, @headers) = @_;

    ok $t->wait_for(sub { status($uri, @headers) eq 'HIT' }),
        "$uri: it is refreshed";
    is ask('GET', $uri, @headers)->body, "$uri 2", "$uri: by a new page";
    is $o->requests($uri), 2, "$uri: and once";
}

# -- what asks for it

for my $case (
    [ '/a', '/a', 'Bigcache-Soft' => 1 ],
    [ '/b', '/b', 'Fastly-Soft-Purge' => 1 ],
    [ '/dir/c', '/dir/*', 'Bigcache-Soft' => 1 ],
    [ '/d', '/', 'Bigcache-Soft' => 1, 'Surrogate-Key' => 'all' ],
    [ '/e', '/', 'xkey-softpurge' => 'all' ],
    [ '/answer', '/answer', 'Bigcache-Soft' => 1 ])
{
    my ($uri, @purge) = @$case;

    ask('PURGE', '/*');
    store($uri);
    is soft(@purge), 1, "$uri: @purge";

    my $r = ask('GET', $uri);
    is $r->body, "$uri 1", "$uri: the page is sent";
    is $r->header('X-Status'), 'UPDATING', "$uri: as a stale one";
    cmp_ok $r->header('X-TTL'), '<=', 0, "$uri: its time is over";
    like $r->header('Cache-Status'), qr/^bigcache; hit; ttl=-?\d$/,
        "$uri: Cache-Status";
    refreshed($uri);
}

for my $headers ([ 'Bigcache-Soft' => 0 ], [ 'Fastly-Soft-Purge' => '' ]) {
    store('/hard');
    soft('/hard', @$headers);
    is status('/hard'), 'MISS', "@$headers: a hard purge";
}

# -- one request refreshes it

$t->write_file('go', '');
store('/slow/crowd');
unlink "$dir/go";
soft('/slow/crowd');
is ask('GET', '/slow/crowd')->body, '/slow/crowd 1', "crowd: stale, request $_"
    for 1 .. 8;
$t->write_file('go', '');
refreshed('/slow/crowd');

store('/vary', 'X-Lang' => $_) for qw(en de);
soft('/vary');
is status('/vary', 'X-Lang' => $_), 'UPDATING', "variant $_ is stale"
    for qw(en de);

store('/aged');
soft('/aged');
cmp_ok ask('GET', '/aged')->header('Age'), '>=', 300, 'the age is as before';

store('/headed');
soft('/headed');
is ask('HEAD', '/headed')->header('X-Status'), 'UPDATING', 'a HEAD';

# again, and then hard
store('/again');
soft('/again') for 1 .. 3;
is status('/again'), 'UPDATING', 'soft purges again';
ask('PURGE', '/again');
isnt ask('GET', '/again')->body, '/again 1', 'a hard purge after them';

# -- the window

store('/short/over');
soft('/short/over');
sleep 1.1;
isnt status('/short/over'), 'UPDATING', 'a window that is over';

for my $uri (qw(/none/a /silent/a)) {
    store($uri);
    soft($uri);
    my $r = ask('GET', $uri);
    is $r->body, "$uri 2", "$uri: without a window it is fetched";
    is $r->header('X-Status'), 'EXPIRED', "$uri: as an expired page";
}

for my $uri (qw(/none/etag /silent/etag /must/etag)) {
    store($uri);
    soft($uri);
    my $r = ask('GET', $uri);
    is $r->body, "$uri 1", "$uri: without a window it is revalidated";
    is $r->header('X-Status'), 'REVALIDATED', "$uri: before it is sent";
    ok $t->wait_for(sub { status($uri) eq 'HIT' }), "$uri: then it is fresh";
}

store('/silent/answer');
soft('/silent/answer');
is status('/silent/answer'), 'UPDATING', 'the window of the answer';

# -- while the origin fails

store($_) for qw(/soft /hard2 /must);
soft($_) for qw(/soft /must);
ask('PURGE', '/hard2');
$t->write_file('down', '');
is ask('GET', '/soft')->body, '/soft 1', 'the origin fails: it is sent';
is ask('GET', '/hard2')->status, 503, 'after a hard purge it is not';
is ask('GET', '/must')->status, 503, 'must-revalidate: neither';

# one that was purged while it is revalidated
unlink "$dir/down", "$dir/go";
$t->write_file('go', '');
store('/silent/slow/x');
soft('/silent/slow/x');
unlink "$dir/go";
my $c = Bigcache::Test::Connection->new($t->port(2));
$c->send_request('GET', '/silent/slow/x', undef, Connection => 'close');
$t->wait_for(sub { $o->requests('/silent/slow/x') == 2 });
ask('PURGE', '/', 'Surrogate-Key' => 'all');
$t->write_file('go', '');
is $c->response('GET')->body, '/silent/slow/x 2', 'purged while it is fetched';
is ask('GET', '/silent/slow/x')->body, '/silent/slow/x 3', 'it is not stored';

# -- a page that is fetched meanwhile is stored as a stale one

unlink "$dir/go";
$c = Bigcache::Test::Connection->new($t->port(2));
$c->send_request('GET', '/slow/meanwhile', undef, Connection => 'close');
$t->wait_for(sub { $o->requests('/slow/meanwhile') });
soft('/slow/meanwhile');
$t->write_file('go', '');
is $c->response('GET')->body, '/slow/meanwhile 1', 'fetched meanwhile';
ok $t->wait_for(sub { ask('GET', '/slow/meanwhile')->body =~ / 2$/ }),
    'it is refreshed';
is $o->requests('/slow/meanwhile'), 2, 'once';

# -- over a restart

store('/restart');
soft('/restart');
$t->stop;
$t->start;
is status('/restart'), 'UPDATING', 'a soft purge outlives a restart';

done_testing;
