#!/usr/bin/perl

# What changes a page removes it, at once and for all: an unsafe request, a
# clear.  A page that was asked for before is not stored after that.

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
    my ($method, $uri) = @$request{qw(method uri)};

    if ($method ne 'GET') {
        return (500, [], 'failed') if $uri =~ /failed/;
        return (303, [Location => '/made'], '') if $uri =~ /makes/;
        return (201, ['Content-Location' => 'http://LOCALHOST/made'], '')
            if $uri =~ /names/;
        return (303, [Location => 'http://other.example/made'], '')
            if $uri =~ /elsewhere/;
        return (200, ['Cache-Control' => 'max-age=60'], "$method $n");
    }

    my @vary = $uri =~ /vary/ ? (Vary => 'X-Lang') : ();

    # a slow one waits for the test
    if ($uri =~ /slow/) {
        for (1 .. 3000) {
            last if -e "$dir/go";
            sleep 0.01;
        }
    }

    return (200, ['Cache-Control' => 'max-age=60', @vary],
        "$uri $n " . ($request->{header}{'x-lang'} // ''));
});

$t->conf(size => '16m', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host; bigcache_pages main;',
    servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /kept/ {
            bigcache_invalidate off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

sub ask {
    my ($method, $uri, @headers) = @_;

    return Bigcache::Test::Connection->new($t->port(2))->request($method,
        $uri, $method eq 'POST' ? 'x' : undef, Connection => 'close',
        @headers);
}

sub store {
    my @request = @_;

    ask('GET', @request);
    return $t->wait_for(sub {
        ask('GET', @request)->header('X-Status') eq 'HIT' });
}

# at once: the next request of the client does not see the old page
for my $method (qw(POST PUT DELETE PATCH PURGE)) {
    my @stale;

    for my $i (1 .. 20) {
        my $uri = "/$method$i";
        store($uri);
        ask($method, $uri);
        push @stale, $uri if ask('GET', $uri)->body =~ / 1 /;
    }

    is_deeply \@stale, [], "$method: the page is gone at once";
}

store('/a');
ask($_, '/a') for qw(HEAD OPTIONS);
is ask('GET', '/a')->header('X-Status'), 'HIT', 'HEAD, OPTIONS: it stays';

store('/failed');
ask('POST', '/failed');
is ask('GET', '/failed')->header('X-Status'), 'HIT', 'a failure: it stays';

store('/kept/a');
ask('POST', '/kept/a');
is ask('GET', '/kept/a')->header('X-Status'), 'HIT', 'bigcache_invalidate off';

for my $uri (qw(/makes /names)) {
    store('/made');
    ask('POST', $uri);
    isnt ask('GET', '/made')->header('X-Status'), 'HIT',
        "$uri: what it names is gone";
}

store('/made');
ask('POST', '/elsewhere');
is ask('GET', '/made')->header('X-Status'), 'HIT', 'another host: it stays';

# all variants
store('/vary', 'X-Lang' => $_) for qw(en de), '';
ask('POST', '/vary');
isnt ask('GET', '/vary', 'X-Lang' => $_)->header('X-Status'), 'HIT',
    "variant \"$_\" is gone" for qw(en de), '';

# a page that was asked for before, and comes after that
for my $case ([ POST => sub { ask('POST', '/slow/POST') } ],
    [ clear => sub { $t->get('/clear') } ],
    [ variants => sub { ask('POST', '/slow/variants') } ])
{
    my ($name, $code) = @$case;
    my $uri = "/slow/$name";

    unlink "$dir/go";
    my $c = Bigcache::Test::Connection->new($t->port(2));
    $c->send_request('GET', $uri, undef, Connection => 'close');
    $t->wait_for(sub { grep { /^GET/ } $o->log($uri) });

    $code->();
    $t->write_file('go', '');
    like $c->response('GET')->body, qr/^\Q$uri\E 1 /, "$name: it is sent";

    # if it were stored, it would be found now or a moment later
    my $second = ask('GET', $uri)->body;
    unlike $second, qr/^\Q$uri\E 1 /, "$name: but not stored";
}

# while one page is fetched, others are changed: that does not concern it
unlink "$dir/go";

my $fetched = Bigcache::Test::Connection->new($t->port(2));

$fetched->send_request('GET', '/slow/kept', undef, Connection => 'close');
$t->wait_for(sub { grep { /^GET/ } $o->log('/slow/kept') });
ask('POST', "/changed/$_") for 1 .. 400;
$t->write_file('go', '');
like $fetched->response('GET')->body, qr/^\S+ 1 /, 'others are changed';

# it is stored behind 400 removals; a HEAD stores nothing

$t->wait_for(sub { ask('HEAD', '/slow/kept')->header('X-Status') eq 'HIT' });

my $kept = ask('GET', '/slow/kept');

is $kept->header('X-Status'), 'HIT', 'others are changed: it is stored';
like $kept->body, qr/^\S+ 1 /, 'others are changed: that one';

# in both key spaces
store('/b');
$t->request('POST', '/pickle/b', 'rest');
$t->get('/clear');
isnt ask('GET', '/b')->header('X-Status'), 'HIT', 'a clear removes pages';
is $t->get('/pickle/b')->status, 404, 'and what the REST API has';

# deletes of the REST API concern no page
store('/c');
$t->request('DELETE', '/prefix/c');
$t->request('DELETE', '/cache/c');
is ask('GET', '/c')->header('X-Status'), 'HIT', 'its deletes concern no page';

done_testing;
