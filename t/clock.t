#!/usr/bin/perl

# A clock that is set back, while nginx runs, over a stop, and over a crash:
# pages are of the future then.  Their Last-Modified is not after Date, their
# ETag holds, a write has a version of its own, and each removal removes them,
# for good.

use strict;
use warnings;

use FindBin;
use Test::More;
use Time::Piece ();

use Bigcache::Test;
use Bigcache::Test::Origin;

use constant AHEAD => 7200;

my $t = Bigcache::Test->new;
my $library = "$t->{dir}/clock.so";

is system("gcc -O2 -Wall -shared -fPIC -o $library $FindBin::Bin/clock.c"), 0,
    'the library';

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $uri = $request->{uri};

    return (200, [ 'Cache-Control' => 'max-age=600',
        'Surrogate-Key' => $uri =~ /tag/ ? 'blue' : 'none' ], "$uri $n");
});


# ahead(SECONDS): sets the clock; the file is never empty

sub ahead {
    my ($seconds) = @_;

    $t->write_file('ahead.new', $seconds);
    rename "$t->{dir}/ahead.new", "$t->{dir}/ahead" or die "rename: $!\n";
}

# begin(STORE, AHEAD): starts nginx, whose store's clock is ahead

sub begin {
    my ($store, $ahead) = @_;

    local $ENV{BIGCACHE_PRELOAD} = join ':', grep { $_ }
        $ENV{BIGCACHE_PRELOAD}, $library;
    local $t->{env}{CLOCK_AHEAD} = "$t->{dir}/ahead";

    ahead($ahead);

    my $text = $t->default_conf(main => 'env CLOCK_AHEAD;', size => '4m',
        store => "%%DIR%%/$store", path => 'sync=1s',
        location => 'bigcache_pages off;',
        http => 'bigcache_pages main; bigcache_purge PURGE from 127.0.0.1;
            bigcache_stale while_revalidate=600; bigcache_lookup_timeout 10s;
            add_header X-Status $bigcache_status always;
            add_header X-TTL $bigcache_ttl always;',
        servers => 'server { listen 127.0.0.1:%%PORT_2%%;
            location / { proxy_pass http://127.0.0.1:%%PORT_1%%; } }');

    $t->conf($text)->start;
}

sub ask {
    my ($method, $uri, @headers) = @_;

    return Bigcache::Test::Connection->new($t->port(2))->request($method, $uri,
        undef, Connection => 'close', @headers);
}

sub status { return ask('GET', $_[0])->header('X-Status') // '' }

sub store_page {
    my ($uri) = @_;

    ask('GET', $uri);
    ok $t->wait_for(sub { status($uri) eq 'HIT' }), "$uri: stored";
}

# post(PATH, TAG)

sub post {
    my ($path, @tags) = @_;

    my $body = $path =~ /^.cache/
        ? '{"value":1,"duration":"10m","stale":"10m"}' : 'x';
    my $r = $t->request('POST', $path, $body,
        map { ('Surrogate-Key' => $_) } @tags);

    is $r->status, 200, "$path: stored";
}

# dated(PATH, NAME): returns the ETag of the page, whose Last-Modified must not
# be after Date, and which must not be sent again to a client that has it

sub dated {
    my ($path, $name) = @_;

    my $r = $t->get($path);
    my ($date, $modified) = map {
        Time::Piece->strptime($r->header($_), '%a, %d %b %Y %T GMT')->epoch
    } qw(Date Last-Modified);

    is $r->status, 200, "$name: $path";
    cmp_ok $modified, '<=', $date, "$name: $path, not after Date";
    is $t->get($path, 'If-None-Match' => $r->header('ETag'))->status, 304,
        "$name: $path, 304";

    return $r->header('ETag');
}

# written(NAME): one key, again and again

sub written {
    my ($name) = @_;

    my $etag = dated('/cache/k', $name);

    for my $round (map { "$name, $_" } 1 .. 3) {
        my $r = $t->request('POST', '/cache/k', qq({"value":"$round"}),
            'If-Match' => $etag);

        is $r->status, 200, "$round: the version of before holds";
        is $t->request('POST', '/cache/k', '{"value":0}', 'If-Match' => $etag)
            ->status, 412, "$round: and no longer than that";
        isnt $r->header('ETag'), $etag, "$round: a version of its own";
        $etag = dated('/cache/k', $round);
        is $etag, $r->header('ETag'), "$round: it is read";
        is $t->get('/cache/k')->json->{value}, $round, "$round: with its value";
    }

    is $t->request('DELETE', '/cache/k')->status, 200, "$name: removed";
    is $t->get('/cache/k')->status, 404, "$name: it is gone";
    post('/cache/k');
    isnt dated('/cache/k', "$name, again"), $etag, "$name: another version";
}

# soft(NAME): an entry that is stale after a purge by its tag, and after a write
# is not

sub soft {
    my ($name) = @_;

    is $t->request('POST', '/purge', '{"type":"tag","selectors":["green"]}',
        'Content-Type' => 'application/json')->body, '{"purged":1}',
        "$name: a soft purge by tag";
    is $t->get('/cache/s')->status, 404, "$name: /cache/s is not fresh";
    ok $t->get('/cache/s', Prefer => 'wait=30')->header('Bigcache-Lease'),
        "$name: one client makes it anew";
    like $t->get('/cache/s', Prefer => 'wait=30')->header('Cache-Status'),
        qr/^bigcache; hit; ttl=-?\d$/, "$name: another one gets the old one";
    post('/cache/s', 'green');
    is $t->get('/cache/s')->header('Cache-Status'), 'bigcache; hit',
        "$name: /cache/s is fresh";
}

# removed(NAME): each removal, and what is stored after it

sub removed {
    my ($name) = @_;

    is $t->request('DELETE', '/prefix/p/')->json->{message},
        q(prefix 'p/': 3 keys deleted.), "$name: by prefix";
    is $t->request('POST', '/purge', '{"type":"tag","selectors":["red"],'
        . '"purge":true}', 'Content-Type' => 'application/json')->body,
        '{"purged":2}', "$name: by tag";
    is ask('PURGE', '/one')->json->{purged}, 1, "$name: a page";
    is ask('PURGE', '/dir/*')->json->{purged}, 2, "$name: pages by prefix";
    is ask('PURGE', '/', 'Surrogate-Key' => 'blue')->json->{purged}, 1,
        "$name: pages by tag";
    is ask('PURGE', '/soft', 'Bigcache-Soft' => 1)->json->{purged}, 1,
        "$name: a soft purge";

    gone($name);
    soft($name);

    my $r = ask('GET', '/soft');

    is $r->header('X-Status'), 'UPDATING', "$name: stale";
    cmp_ok $r->header('X-TTL'), '<=', 0, "$name: its time is over";
    ok $t->wait_for(sub { status('/soft') eq 'HIT' }), "$name: refreshed";

    post('/pickle/p/1');
    post('/pickle/t/1', 'red');
    store_page($_) for qw(/one /dir/1 /tagged);
}

# gone(NAME)

sub gone {
    my ($name) = @_;

    is $t->get($_)->status, 404, "$name: $_ is gone"
        for map({ "/pickle/p/$_" } 1 .. 3), map { "/pickle/t/$_" } 1, 2;
}

for my $end (qw(step stop kill)) {
    my @rest = ('/cache/k', map({ "/pickle/p/$_" } 1 .. 3), '/pickle/stay');
    my @pages = qw(/one /dir/1 /dir/2 /tagged /soft /stays);

    begin($end, AHEAD);
    post($_) for @rest;
    post("/pickle/t/$_", 'red') for 1, 2;
    post('/cache/s', 'green');
    store_page($_) for @pages;
    dated('/cache/k', "$end: the clock is ahead");
    ok $t->durable, "$end: on the disk";

    if ($end eq 'step') {
        ahead(0);

    } else {
        $t->$end;
        begin($end, 0);
    }

    is status($_), 'HIT', "$end: $_ is there" for @pages;
    dated($_, "$end: it was set back") for @rest;
    written($end);
    removed($end);

    ok $t->durable, "$end: on the disk again";
    $end eq 'step' ? $t->stop : $t->$end;
    begin($end, 0);
    is $t->get("/pickle/$_")->status, 200, "$end: $_ is there"
        for qw(p/1 t/1 stay);
    is $t->get("/pickle/$_")->status, 404, "$end: $_ stays away"
        for qw(p/2 p/3 t/2);
    is status($_), 'HIT', "$end: $_ is there still"
        for qw(/one /dir/1 /tagged /soft /stays);
    is $t->request('POST', '/clear')->status, 200, "$end: /clear";
    is $t->get("/pickle/$_")->status, 404, "$end: $_ is cleared"
        for qw(p/1 t/1 stay);
    post('/pickle/after');
    dated('/pickle/after', "$end: after /clear");
    ok $t->stop, "$end: stops";
}

done_testing;
