#!/usr/bin/perl

# PURGE: who may, what it selects and what it answers; a purge is in effect when
# it is answered, and concerns nothing else.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use IO::Socket::UNIX;
use Test::More;
use Time::HiRes qw(sleep);

my $t = Bigcache::Test->new;
my $dir = $t->dir;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $uri = $request->{uri};

    # a slow one waits for the test
    if ($uri =~ /slow/) {
        for (1 .. 3000) {
            last if -e "$dir/go";
            sleep 0.01;
        }
    }

    my ($tags) = $uri =~ /tags=([^&]+)/;

    # a page that others may read along, half of which waits for the test
    if ($uri =~ /half/ && $n == 1) {
        my $write = sub {
            Bigcache::Test::Origin::_write($request->{socket}, $_[0]) };

        $write->("HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n"
            . "Surrogate-Key: half\r\nContent-Length: 2000000\r\n\r\n"
            . 'x' x 1_000_000);
        for (1 .. 3000) {
            last if -e "$dir/go";
            sleep 0.01;
        }
        $write->('x' x 1_000_000);
        return;
    }

    return (200, ['Cache-Control' => 'max-age=600',
        $uri =~ /vary/ ? (Vary => 'X-Lang') : (),
        defined $tags ? ('Surrogate-Key' => join ' ', split /\+/, $tags) : ()],
        "$request->{method} $uri $n");
});

my $pass = 'proxy_pass http://127.0.0.1:%%PORT_1%%;';
my $realip = ($t->nginx_t("%%MODULE%%\nevents { } http { %%HTTP%% "
    . 'real_ip_header X-Forwarded-For; }'))[0] == 0;
my $from_realip = $realip ? 'set_real_ip_from 127.0.0.1;' : '';

$t->conf(size => '16m', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host; bigcache_pages main;'
        . ' bigcache_lookup_timeout 10s; bigcache_ignore_args utm_*;'
        . ' large_client_header_buffers 4 64k;'
        . ' add_header X-Status $bigcache_status always;',
    servers => qq{
    server {
        listen 127.0.0.1:%%PORT_2%%;
        listen 127.0.0.1:%%PORT_3%%;
        listen unix:%%DIR%%/socket;
        bigcache_purge PURGE from 127.0.0.0/8;
        location / { $pass }
        location /none/ { bigcache_purge off; $pass }
        location /others/ {
            bigcache_purge PURGE from 192.0.2.0/24 ::1;
            error_page 403 = /fallback;
            $pass
        }
        location /unix/ { bigcache_purge PURGE from unix:; $pass }
        location /methods/ {
            bigcache_purge PURGE BAN from 192.0.2.1;
            bigcache_purge BAN from 127.0.0.1;
            $pass
        }
        location /denied/ { deny all; $pass }
        location /key/ { bigcache_page_key \$host\$uri; $pass }
        location /off/ { bigcache_pages off; $pass }
        location /zone/ {
            bigcache_pages off;
            bigcache_purge PURGE zone=main from 127.0.0.1;
            $pass
        }
        location /purge/ {
            bigcache_purge GET PURGE strip=/purge from 127.0.0.1;
        }
        location /try/ { try_files /nothing \@app; }
        location \@app { $pass }
    }
    server {
        listen 127.0.0.1:%%PORT_4%%;
        $from_realip
        bigcache_purge PURGE from 127.0.0.1 192.0.2.7;
        location / { $pass }
    }
})->start;

sub ask {
    my ($method, $uri, @headers) = @_;
    my $port = ref $uri ? shift @$uri : 2;

    $uri = $$uri[0] if ref $uri;

    return Bigcache::Test::Connection->new($t->port($port))->request($method,
        $uri, undef, Connection => 'close', @headers);
}

sub hit { (ask('GET', @_)->header('X-Status') // '') eq 'HIT' }

sub store {
    my @request = @_;

    ask('GET', map { ref ? [@$_] : $_ } @request);
    $t->wait_for(sub { hit(map { ref ? [@$_] : $_ } @request) })
        or fail "stored: @request";
}

sub purged {
    my $r = ask('PURGE', @_);

    return $r->status == 200 && ref $r->json eq 'HASH' ? $r->json->{purged}
        : $r->answer;
}

# -- who may

for my $uri (qw(/others/a /unix/a)) {
    store($uri);

    my $r = ask('PURGE', $uri);
    is $r->status, 403, "$uri: refused";
    is $r->header('Content-Type'), 'application/json', "$uri: JSON";
    is $r->json->{detail}, 'this address may not purge anything', 'and why';
    ok hit($uri), "$uri: the page stays";
    is_deeply [ $o->log($uri) ], ["GET $uri"], "$uri: nothing for the upstream";
}

is $o->requests('/fallback'), 0, 'an error_page does not answer';
like $t->error_log, qr/\[error\].*a purge is refused, "bigcache_purge" does not/,
    'it is logged';

is ask('PURGE', "$_/a")->body, "PURGE $_/a 1", "$_: as ever"
    for qw(/none /off);

is ask('PURGE', '/denied/a')->status, 403, 'access modules come first';
unlike ask('PURGE', '/denied/a')->body, qr/detail/, 'with their own answer';

is ask('PURGE', '/methods/a')->status, 403, 'a method from others';
is ask('BAN', '/methods/a')->json->{purged}, 0, 'a method from here';
is ask('VISIT', '/methods/a')->body, 'VISIT /methods/a 1', 'another method';

my $socket = IO::Socket::UNIX->new("$dir/socket") or die "$dir/socket: $!\n";
store('/unix/a');
syswrite $socket, "PURGE /unix/a HTTP/1.1\r\nHost: localhost\r\n"
    . "Connection: close\r\n\r\n";
like join('', <$socket>), qr/ 200 .*\{"purged":[1-9]\}$/s, 'from unix:';

SKIP: {
    skip 'nginx has no realip', 2 if !$realip;

    is ask('PURGE', [4, '/a'], 'X-Real-IP' => '192.0.2.7')->status, 200,
        'realip: an address that may';
    is ask('PURGE', [4, '/a'], 'X-Real-IP' => '192.0.2.8')->status, 403,
        'realip: not the address of the proxy';
}

# -- a URL

store('/kept');
store('/a');
store('/a', Host => 'localhost:' . $t->port(2));
store([3, '/a'], Host => 'localhost:' . $t->port(3));
store('/a', Host => 'other');
store($_) for qw(/a/ /ab /a?b=1);

my $r = ask('PURGE', '/a');
is $r->status, 200, 'PURGE';
is $r->body, '{"purged":3}', 'all ports of the host';
is $r->header('Content-Type'), 'application/json', 'as JSON';
is $r->header('Cache-Control'), 'no-store', 'that is not stored';
ok !hit('/a'), 'the page is gone';
ok hit('/a', Host => 'other'), 'not that of another host';
ok hit($_), "$_: another page" for qw(/a/ /ab /a?b=1 /kept);

is purged('/never'), 0, 'nothing to purge is no failure';

store('/b', Host => 'UPPER');
is purged('/b', Host => 'upper'), 1, 'a host in other letters';

store('/vary', 'X-Lang' => $_) for qw(en de fr);
cmp_ok purged('/vary'), '>=', 3, 'all variants';
ok !hit('/vary', 'X-Lang' => $_), "variant $_" for qw(en de fr);

store('/args?a=1');
is purged('/args?utm_source=x&a=1&utm_id=2'), 1, 'arguments that are ignored';

store('/%c3%a4?x=%20');
is purged('/%c3%a4?x=%20'), 1, 'a URI as it was sent';

store('/body');
$r = Bigcache::Test::Connection->new($t->port(2))->request('PURGE', '/body',
    'x' x 100_000);
is $r->body, '{"purged":1}', 'a body does not matter';

store('/try/a');
is purged('/try/a'), 1, 'behind try_files';

store('/z?tags=z', Host => 'zone');
is purged('/zone/a', Host => 'zone'), 0, 'zone=, where no page is';
is purged('/zone/a', Host => 'zone', xkey => 'z'), 1, 'zone=, tags';
is $o->requests('/zone/a'), 0, 'zone=: not the upstream';

store('/key/a');
is purged('/key/a'), 1, 'bigcache_page_key';
ok !hit('/key/a'), 'its page is gone';

# at once, for all workers
my @stale;

for my $i (1 .. 50) {
    store("/once$i");
    purged("/once$i");
    push @stale, $i if grep { hit("/once$i") } 1;
}

is_deeply \@stale, [], 'in effect at once';

# -- a prefix

store($_) for qw(/dir/a /dir/b/c /dir /dirs);
store('/dir/a', Host => 'other');
is purged('/dir/*'), 2, 'a prefix';
ok !hit($_), "$_ is gone" for qw(/dir/a /dir/b/c);
ok hit($_), "$_ is kept" for qw(/dir /dirs /kept);
ok hit('/dir/a', Host => 'other'), 'and the other host';

store($_, Host => 'whole') for qw(/ /x /y/z?a=1);
is purged('/*', Host => 'whole'), 3, 'a whole host';
ok hit('/kept'), 'and no other one';

store('/q?a=*');
is purged('/q?a=*'), 1, 'an asterisk in the query is one';

# -- tags

my $n = 0;

for my $header ('Surrogate-Key: a x b', 'Cache-Tag: x , y', 'xkey: a,x',
    'xkey-purge: x')
{
    my ($name, $value) = split /: /, $header;
    my ($x, $xy, $y) = map { "/t$n?tags=$_" } qw(x x+z z);

    $n++;
    store($_) for $x, $xy, $y;
    store($x, Host => 'other');
    is purged('/any', $name => $value), 2, "$header: as many as have it";
    ok !hit($_), "$_ is gone" for $x, $xy;
    ok hit($y), "$y is kept";
    ok hit($x, Host => 'other'), 'and the other host';
    purged('/*');
    purged('/*', Host => 'other');
    store('/kept');
}

store('/many?tags=last');
store('/many?tags=first');
is purged('/', 'Surrogate-Key' => join ' ', 'first', (map { "key$_" } 1 .. 500),
    'last'), 2, 'many tags';

store('/long?tags=last');
store('/long?tags=first');
is purged('/', 'Surrogate-Key' => join ' ', 'first',
    (map { $_ x 200 } 1 .. 9) x 25, 'last'), 2, 'more than one list has room';

is purged('/', 'Surrogate-Key' => 'first', 'Cache-Tag' => 'b'), 0, 'two fields';

# -- what is no selector

for my $case (
    [ 'an empty field', '/', ['Surrogate-Key' => ' '], 'the request names no tag' ],
    [ 'a long tag', '/', [xkey => 'x' x 257], 'a tag is longer than 256 bytes' ],
    [ 'tags of keys', '/key/', [xkey => 'x'],
        qr/belong to no host: .*POST \/purge/ ],
    [ 'a prefix of keys', '/key/*', [], qr/only single pages/ ],
    [ 'two hosts', 'http://other/a', [], qr/must name one host/ ],
    [ 'a long URL', '/' . 'x' x 8200, [], qr/longer than that of any page/ ])
{
    my ($name, $uri, $headers, $why) = @$case;
    my $r = ask('PURGE', $uri, @$headers);

    is $r->status, 400, $name;
    like eval { $r->json->{detail} } // $r->body, ref $why ? $why : qr/^\Q$why\E$/,
        "$name: and why";
}

ok hit('/kept'), 'nothing was purged';

# -- another method and path

store('/wp/2026/%d9%85/');
is ask('GET', '/purge/wp/2026/%d9%85/')->body, '{"purged":1}', 'GET /purge/';
ok !hit('/wp/2026/%d9%85/'), 'the page is gone';
store($_) for qw(/ /wp/a);
is ask('GET', '/purge/')->body, '{"purged":1}', 'GET /purge/ of the home page';
is ask('PURGE', '/purge/wp/*')->body, '{"purged":2}', 'PURGE /purge/dir/*';
is ask('GET', '//purge/x')->status, 400, 'a URL that does not begin so';

# -- without waiting

store('/async');
$r = ask('PURGE', '/async', Prefer => 'respond-async, wait=3');
is $r->status, 202, 'Prefer: respond-async';
ok !hit('/async'), 'it is in effect';

# -- a page that is fetched meanwhile

for my $case ([ '/slow/url', '/slow/url' ], [ '/slow/dir/a', '/slow/dir/*' ],
    [ '/slow?tags=t', '/', 'Surrogate-Key' => 't' ])
{
    my ($uri, @purge) = @$case;

    unlink "$dir/go";
    my $c = Bigcache::Test::Connection->new($t->port(2));
    $c->send_request('GET', $uri, undef, Connection => 'close');
    $t->wait_for(sub { $o->requests($uri) });

    is purged(@purge), 0, "$uri: purged while it is fetched";

    # one that comes after the purge must not read along
    my $later = Bigcache::Test::Connection->new($t->port(2));
    $later->send_request('GET', $uri, undef, Connection => 'close');
    sleep 0.05;
    $t->write_file('go', '');

    is $c->response('GET')->body, "GET $uri 1", 'it is sent';
    is $later->response('GET')->body, "GET $uri 2", 'a later one gets another';
    ok $t->wait_for(sub { hit($uri) }), 'which is stored';
    is ask('GET', $uri)->body, "GET $uri 2", 'and is found';
}

# -- a page that others read along while it is fetched

for my $case (
    [ 'PURGE by tag', sub { purged('/', 'Surrogate-Key' => 'half') } ],
    [ 'PURGE of a prefix', sub { purged('/half*') } ],
    [ 'POST /purge', sub { $t->request('POST', '/purge',
        '{"type":"tag","selectors":["half"],"host":"*","purge":true}') } ])
{
    my ($name, $purge) = @$case;
    my $uri = '/half' . $n++;

    unlink "$dir/go";
    my $c = Bigcache::Test::Connection->new($t->port(2));
    $c->send_request('GET', $uri, undef, Connection => 'close');
    ok $c->read_bytes(500_000), "$name: a fetch has begun";
    $purge->();

    my $later = Bigcache::Test::Connection->new($t->port(2));
    $later->send_request('GET', $uri, undef, Connection => 'close');
    sleep 0.05;
    $t->write_file('go', '');

    ok $c->read_all =~ /x{100}$/, "$name: it is sent";
    is $later->response('GET')->body, "GET $uri 2",
        "$name: a later one does not read along";
}

# -- a client that does not wait

store('/left');
my $c = Bigcache::Test::Connection->new($t->port(2));
$c->send_request('PURGE', '/left');
$c->reset;
ok $t->wait_for(sub { !hit('/left') }), 'a client that leaves purges all the same';

# -- counted

is $t->metric('pages_purges_refused_total'), 3 + $realip,
    'refused purges are counted';
cmp_ok $t->metric('pages_purges_total'), '>', 50, 'and the others';

# -- while the store is closed

store('/closed');
$t->request('POST', '/close');
$r = ask('PURGE', '/closed');
is $r->status, 503, 'closed: a purge is not lost silently';
like $r->json->{detail}, qr/closed/, 'it says so';
ok $r->header('Retry-After'), 'and to try again';
$t->request('POST', '/open');
is ask('GET', '/closed')->header('X-Status'), 'HIT', 'the page is there';
is purged('/closed'), 1, 'and can be purged now';

done_testing;
