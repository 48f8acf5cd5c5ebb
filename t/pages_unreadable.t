#!/usr/bin/perl

# nginx cannot read a large page when it sends it, which it reads by itself: the
# log names what it could not read, the client sees that the page is cut, and
# the worker goes on.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Bigcache::Test::Origin;
use FindBin;
use Test::More;
use Time::HiRes qw(sleep);

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $large = noise(3_000_000);

system("gcc -O2 -Wall -shared -fPIC -o $dir/slow.so $FindBin::Bin/slow.c -ldl")
    and die "the library was not made\n";

$ENV{BIGCACHE_PRELOAD} = join ':', grep { $_ } $ENV{BIGCACHE_PRELOAD},
    "$dir/slow.so";

# /held waits in the middle for the file "go", the first time

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $end = time + 60;

    return (200, ['Cache-Control' => 'max-age=600'], $large)
        if $request->{uri} ne '/held' || $n > 1;

    Bigcache::Test::Origin::_write($request->{socket}, "HTTP/1.1 200 OK\r\n"
        . "Cache-Control: max-age=600\r\nContent-Length: 3000000\r\n\r\n"
        . substr $large, 0, 2_000_000);
    sleep 0.01 until -e "$dir/go" || time > $end;
    Bigcache::Test::Origin::_write($request->{socket},
        substr $large, 2_000_000);

    return;
});

$t->{env}{BROKEN} = "$dir/broken";
$t->expect_log(qr/pread\(\) ".*" failed/);

$t->conf(path => 'wait=10s gzip=off',
    main => 'worker_processes 1; env BROKEN;',
    http => 'client_max_body_size 8m; sendfile off; proxy_http_version 1.1;'
        . ' proxy_set_header Connection "";',
    servers => q{
    server {
        listen 127.0.0.1:%%PORT_2%% sndbuf=64k;
        bigcache_pages main;
        bigcache_lookup_timeout 10s;
        bigcache_lock on timeout=60s;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
})->start;

my $worker;
$t->wait_for(sub { ($worker) = $t->worker_pids });

sub begin {
    my ($uri, $port) = @_;

    my $c = Bigcache::Test::Connection->new($t->port($port // 2));
    $c->send_request('GET', $uri, undef, Connection => 'close');

    return $c;
}

sub ask { return begin(@_)->response('GET') }

# lines(): how often the log says that a page could not be read

sub lines {
    my $failed = qr/pread\(\) "bigcache page" failed \(5: Input.output error\)/;

    return scalar(() = $t->error_log =~ /\[crit\] .*$failed/g);
}

# is_cut(RESPONSE, NAME): the client can see that bytes are missing

sub is_cut {
    my ($r, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok $r->status == 0 || $r->truncated, "$name: no whole answer"
        or diag $r->status . ', ' . length $r->body;
    ok $r->body eq substr($large, 0, length $r->body), "$name: no wrong byte";
    is +($t->worker_pids)[0], $worker, "$name: the worker goes on";
}

# -- a page of an upstream, and one of the REST API

ok $t->wait_for(sub { (ask('/page')->header('X-Status') // '') eq 'HIT' }),
    'the page is stored';
is $t->request('POST', '/pickle/large', $large)->status, 200,
    'a value is stored';

for (['/page', 2], ['/pickle/large', 0]) {
    my ($uri, $port) = @$_;
    my $lines = lines();

    $t->write_file('broken', '/store/');
    is_cut(ask($uri, $port), $uri);
    is lines(), $lines + 1, "$uri: a line in the log";

    unlink "$dir/broken";
    ok ask($uri, $port)->body eq $large, "$uri: then it can be read";
}

# -- a page that another request fetches just now

my $leader = begin('/held');
ok $leader->read_bytes(1_000_000), 'a fetch has begun';
my $lines = lines();
my $reader = begin('/held');
$reader->read_until("\r\n\r\n");
ok $reader->read_bytes(200_000), 'another request reads along';

$t->write_file('broken', '/proxy/');
$t->write_file('go', '');

my $got = eval { $reader->read_all } // '';
my $rest = substr $large, 200_000;
ok length $got < length $rest, 'read along: no whole answer';
ok $got eq substr($rest, 0, length $got), 'read along: no wrong byte';
is lines(), $lines + 1, 'read along: a line in the log';
eval { $leader->read_all };
unlink "$dir/broken";
ok ask('/held')->body eq $large, 'then the page is whole';
is +($t->worker_pids)[0], $worker, 'the worker goes on';
ok $t->stop, 'stops';

done_testing;
