#!/usr/bin/perl

# POST /purge: what each type of purge removes, hard and soft, and what it says
# of a body that it does not understand.

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
    my ($tags) = $request->{uri} =~ /tags=([\w+]+)/;
    my ($groups) = $request->{uri} =~ /groups=([\w+]+)/;

    # a slow one waits for the test
    if ($request->{uri} =~ /slow/) {
        for (1 .. 3000) {
            last if -e "$dir/go";
            sleep 0.01;
        }
    }

    # half of a large one is there before that, and is read along

    if ($request->{uri} =~ /stream/) {
        my $half = "$n" x 2_000_000;

        syswrite $request->{socket}, "HTTP/1.1 200 OK\r\nCache-Control: "
            . "max-age=600\r\nContent-Length: 4000000\r\n\r\n";
        Bigcache::Test::Origin::_write($request->{socket}, $half);

        for (1 .. 3000) {
            last if -e "$dir/go";
            sleep 0.01;
        }

        Bigcache::Test::Origin::_write($request->{socket}, $half);
        return;
    }

    return (200, ['Cache-Control' => 'max-age=600, stale-while-revalidate=600',
        $request->{uri} =~ /vary/ ? (Vary => 'X-Lang') : (),
        defined $tags ? ('Surrogate-Key' => $tags =~ tr/+/ /r) : (),
        defined $groups ? ('Cache-Groups' => join ', ', map { qq("$_") }
            split /\+/, $groups) : ()], "$request->{uri} $n");
});

$t->conf(size => '16m', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host; bigcache_pages main;'
        . ' bigcache_lookup_timeout 10s;',
    servers => q{
    server {
        listen 127.0.0.1:%%PORT_2%%;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
})->start;

sub page {
    my ($uri, $host, @headers) = @_;

    return $t->request_to(2, 'GET', $uri, undef, Host => $host // 'a.example',
        @headers);
}

# what happens to a page that is asked for once more

sub status { return page(@_)->header('X-Status') }

sub fetch {
    my ($uri, @rest) = @_;

    page($uri, @rest);
    $t->wait_for(sub { status($uri, @rest) eq 'HIT' })
        or diag "$uri is not stored";
}

sub purge {
    my ($body, @headers) = @_;

    return $t->request('POST', '/purge', $body, @headers);
}

sub purged {
    my ($n, $body, $name) = @_;

    is purge($body)->answer, qq(200 {"purged":$n}), $name;
}

# -- keys of the REST API

$t->request('POST', "/pickle/$_", 'x') for qw(a ab dir/1 dir/2 dir);

purged(1, '{"type":"key","selectors":["/a/"],"purge":true}', 'a key');
is $t->get('/pickle/a')->status, 404, 'it is gone';
is $t->get('/pickle/ab')->status, 200, 'one that begins with it is not';
purged(0, '{"type":"key","selectors":["a"],"purge":true}', 'once more');
purged(2, '{"type":"key-prefix","selectors":["/dir/"],"purge":true}',
    'a prefix');
is $t->get('/pickle/dir')->status, 200, 'it has a slash';
purged(2, '{"selectors":["ab","dir","none"],"type":"key","purge":true}',
    'several at once');

my $r = purge('{"type":"key","selectors":["a"],"purge":true}',
    Prefer => 'respond-async');
is $r->answer, '202 {"message":"being purged."}', 'not waited for';

# -- pages, by URL

fetch('/1');
fetch('/1', 'b.example');
fetch('/12');
fetch('/vary', undef, 'X-Lang' => 'de');
fetch('/vary', undef, 'X-Lang' => 'fr');

my $at = 'http://a.example';

purged(1, qq({"type":"uri","selectors":["$at/1"],"purge":true}), 'a URL');
is status('/1'), 'MISS', 'it is gone';
is status('/1', 'b.example'), 'HIT', 'that of another host is not';
is status('/12'), 'HIT', 'nor one that begins with it';
purged(3, qq({"type":"uri","selectors":["$at/vary"],"purge":true}),
    'two variants, and the names of their fields');
is status('/vary', undef, 'X-Lang' => $_), 'MISS', "the variant $_ is gone"
    for qw(de fr);
purged(0, qq({"type":"uri","selectors":["https://a.example/12"],"purge":true}),
    'another scheme is another URL');
purged(1, qq({"type":"uri-prefix","selectors":["$at/12"],"purge":true}),
    'a prefix');

fetch($_) for '/q', '/q?', '/q?1', '/q?2';
purged(2, qq({"type":"uri-prefix","selectors":["$at/q?"],"purge":true}),
    'a prefix with the beginning of the query string');
is status('/q'), 'HIT', 'the page without one stays';

purged(1, '{"type":"origin","selectors":["http://b.example"],"purge":true}',
    'an origin');
is status('/1', 'b.example'), 'MISS', 'its page is gone';

# -- tags and groups

fetch('/x?tags=red+green');
fetch('/y?tags=red', 'b.example');
fetch('/z?groups=red');

purged(0, '{"type":"tag","selectors":["red"],"purge":true}',
    'a tag of the REST API');
purged(0, '{"type":"tag","selectors":["red"],"host":"[::1]","purge":true}',
    'a tag of another host');
purged(2, '{"type":"tag","selectors":["red"],"host":"A.example.","purge":true}',
    'a tag of a host');
is status('/y?tags=red', 'b.example'), 'HIT', 'not of another one';
purged(1, '{"type":"tag","selectors":["red"],"host":"*","purge":true}',
    'a tag of all hosts');

fetch('/z?groups=red');
fetch('/z?groups=red', 'b.example');
purged(1, '{"type":"group","selectors":["http://a.example"],'
    . '"groups":["red","none"],"purge":true}', 'a group of an origin');
is status('/z?groups=red', 'b.example'), 'HIT', 'not of another one';

# -- soft

fetch('/soft');
purged(1, qq({"type":"uri","selectors":["$at/soft"]}), 'a soft purge');
is status('/soft'), 'UPDATING', 'it is answered as a stale one';
$t->wait_for(sub { status('/soft') eq 'HIT' });
is page('/soft')->body, '/soft 2', 'and fetched once';
purged(1, qq({"type":"uri","selectors":["$at/soft"],"purge":false}),
    'said in so many words');
purged(0, qq({"type":"uri","selectors":["$at/soft"],"purge":false}),
    'again: it is stale already');

# -- a page that is fetched meanwhile

for my $purge (qq("type":"uri","selectors":["$at/slow?tags=t"]),
    '"type":"tag","selectors":["t"],"host":"a.example"',
    '"type":"origin","selectors":["http://a.example"]',
    '"type":"all","host":"a.example"')
{
    my $uri = '/slow?tags=t';

    purge(qq({"type":"uri","selectors":["$at$uri"],"purge":true}));
    unlink "$dir/go";

    my $n = $o->requests($uri);
    my ($c, $later) = map { Bigcache::Test::Connection->new($t->port(2)) } 1, 2;
    my @get = ('GET', $uri, undef, Host => 'a.example', Connection => 'close');

    $c->send_request(@get);
    $t->wait_for(sub { $o->requests($uri) > $n });

    is purge("{$purge,\"purge\":true}")->status, 200, "$purge: meanwhile";

    # one that comes after the purge must not read along

    $later->send_request(@get);
    sleep 0.05;
    $t->write_file('go', '');

    is $c->response('GET')->body, "$uri " . ($n + 1), 'it is sent';
    is $later->response('GET')->body, "$uri " . ($n + 2),
        'a later one gets another';
    ok $t->wait_for(sub { status($uri) eq 'HIT' }), 'which is stored';
    is page($uri)->body, "$uri " . ($n + 2), 'and is found';
}

unlink "$dir/go";

my ($one, $two) = map { Bigcache::Test::Connection->new($t->port(2)) } 1, 2;
my @stream = ('GET', '/stream', undef, Host => 'a.example',
    Connection => 'close');

$one->send_request(@stream);
ok $t->wait_for(sub { $o->requests('/stream') }),
    'a page that comes slowly';
sleep 0.3;
purged(0, qq({"type":"uri","selectors":["$at/stream"],"purge":true}),
    'purged while it comes');
$two->send_request(@stream);
sleep 0.3;
$t->write_file('go', '');
is substr($one->response('GET')->body, 0, 1), 1, 'the first client gets it';
is substr($two->response('GET')->body, 0, 1), 2, 'one after the purge does not';

# -- everything

fetch('/1');
fetch('/1', 'b.example');
$t->request('POST', '/pickle/key', 'x');

my $pages = $t->count - 1;
is purge('{"type":"all","host":"a.example","purge":true}')->status, 200,
    'all of a host';
is status('/1'), 'MISS', 'its page is gone';
is status('/1', 'b.example'), 'HIT', 'not that of another one';
is $t->get('/pickle/key')->status, 200, 'nor an entry of the REST API';
is purge('{"type":"all","purge":true}')->status, 200, 'all';
is $t->count, 0, 'nothing is left';
is $t->metric('bigcache_pages_deleted_total') > 0, 1, 'they are counted'
    if defined $t->metric('bigcache_pages_deleted_total');

# many selectors, in more than one part

$t->request('POST', "/pickle/" . ('k' x 500) . $_, 'x') for 1 .. 150;
purged(150, '{"type":"key","purge":true,"selectors":['
    . join(',', map { '"' . ('k' x 500) . $_ . '"' } 1 .. 150) . ']}',
    'more than one list of selectors');

# -- what is refused, and then nothing is purged

$t->request('POST', '/pickle/stays', 'x');

for (
    ['', 'body: an empty one', undef],
    ['[]', 'no object', undef],
    ['{"type":"key"', 'cut off', undef],
    ['{}', 'no type', qr/"type"\],"msg":"field required"/],
    ['{"type":"page","selectors":["stays"]}', 'another type',
        qr/none of uri, uri-prefix/],
    ['{"type":1,"selectors":["stays"]}', 'a number', qr/none of uri/],
    ['{"type":"key","purge":true}', 'no selectors',
        qr/"selectors"\],"msg":"field required"/],
    ['{"type":"key","selectors":[],"purge":true}', 'an empty list',
        qr/a list with an item at least/],
    ['{"type":"key","selectors":"stays","purge":true}', 'a string',
        qr/a list with an item at least/],
    ['{"type":"key","selectors":["stays",1],"purge":true}', 'a number in it',
        qr/an item is not a string/],
    ['{"type":"key","selectors":["stays"],"purge":1}', 'purge: a number',
        qr/neither true nor false/],
    ['{"type":"key-prefix","selectors":["stays","/"],"purge":true}',
        'an empty prefix', qr/a purge of everything has the type all/],
    ['{"type":"all","selectors":["stays"],"purge":true}', 'all of something',
        qr/a purge of all has no selectors/],
    ['{"type":"key","selectors":["stays"],"host":"a","purge":true}',
        'a host of a key', qr/only a purge of type tag or all has a host/],
    ['{"type":"key","selectors":["stays"],"groups":["a"],"purge":true}',
        'groups of a key', qr/only a purge of type group has groups/],
    ['{"type":"group","selectors":["http://a"],"purge":true}', 'no groups',
        qr/"groups"\],"msg":"field required"/],
    ['{"type":"group","selectors":["http://a/b"],"groups":["x"]}',
        'a group of a URL', qr/an origin is a scheme, a host/],
    ['{"type":"origin","selectors":["a.example"],"purge":true}',
        'an origin without a scheme', qr/does not begin with http/],
    ['{"type":"uri","selectors":["/1"],"purge":true}', 'a path',
        qr/does not begin with http/],
    ['{"type":"tag","selectors":[""],"purge":true}', 'an empty tag',
        qr/a tag is empty/],
    ['{"type":"tag","selectors":["' . 'x' x 257 . '"],"purge":true}',
        'a long tag', qr/longer than 256 bytes/],
    ['{"type":"tag","selectors":["a"],"host":"http://a","purge":true}',
        'the host is a URL', qr/host is the name alone/],
    (map { ['{"type":"tag","selectors":["a"],"host":"' . $_ . '","purge":true}',
        "the host '$_'", qr/host is the name alone/] } '', 'a:80', '*.test',
        'a?', 'u@a', '[::1', '::1', 'a b', '.' x 300),
    ['{"type":"uri-prefix","selectors":["http://a/b#c"],"purge":true}',
        'a fragment', qr/has a fragment/],
    ['{"type":"tag","selectors":["a"],"host":1,"purge":true}',
        'the host is a number', qr/host is not a string/],
    ['{"type":"key","selectors":["' . 'x' x 8193 . '"],"purge":true}',
        'a long key', qr/longer than 8192 bytes/],
    ['{"type":"key","purge":true,"selectors":['
        . join(',', ('"stays"') x 1001) . ']}', 'too many',
        qr/more than 1000/],
) {
    my ($body, $name, $regex) = @$_;

    $r = purge($body);
    is $r->status, 422, "$name: refused";
    like $r->body, $regex, "$name: why" if $regex;
}

is $t->get('/pickle/stays')->status, 200, 'and nothing is purged';

# -- who and how

is purge('{"type":"all","purge":true}', 'Sec-Fetch-Site' => 'cross-site')
    ->status, 403, 'a page of another site';
is $t->get('/pickle/stays')->status, 200, 'purges nothing';

$r = $t->get('/purge');
is $r->status, 405, 'GET';
is $r->header('Allow'), 'POST', 'Allow';

$t->get('/close');
is purge('{"type":"all","purge":true}')->status, 503, 'a closed store';

done_testing;
