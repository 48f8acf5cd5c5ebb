#!/usr/bin/perl

# Pages of a gigabyte, by their length and in chunks: each is stored as it is,
# and a worker does not hold it in memory, however many clients read, or do not.

use strict;
use warnings;

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 900 }

use Bigcache::Test qw(noise slurp);
use IO::Handle;
use IO::Socket::INET;
use Digest::MD5;
use Test::More;
use Time::HiRes qw(sleep time);

use constant MB => 1024 * 1024;
use constant HUGE => 1024;          # MB
use constant MEMORY => 32;          # MB more than before, at most

my $t = Bigcache::Test->new;
my $dir = $t->dir;

my ($free) = `df -Pk $dir` =~ /(\d+)\s+\d+%/;
plan skip_all => 'it needs 12 GB of disk' if $free < 12 * MB;

# no two blocks are alike

my $block = noise(MB);
my %md5;

# block(NAME, N)
sub block { return sprintf('%-8s%08d', @_) . substr $block, 16 }

sub make {
    my ($name, $size) = @_;

    my $md5 = Digest::MD5->new;
    open my $file, '>', "$dir/$name" or die "$name: $!\n";

    for my $n (1 .. $size) {
        my $bytes = block($name, $n);
        print $file $bytes or die "$name: $!\n";
        $md5->add($bytes);
    }

    close $file or die "$name: $!\n";
    $md5{$name} = $md5->hexdigest;
}

make('huge', HUGE);
make("part$_", 100) for 1 .. 4;

$t->conf(main => 'worker_processes 1;', path => 'max_size=8g',
    location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";',
    servers => q{
    server {
        listen 127.0.0.1:%%PORT_1%%;
        add_header Cache-Control max-age=3600;
        root %%DIR%%;
        location /chunked/ {
            alias %%DIR%%/;
            sub_filter_types *;
            sub_filter 'there is no such text in it' x;
        }
    }
    server {
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        bigcache_max_page 2g;
        bigcache_lookup_timeout 10s;
        bigcache_lock on timeout=300s;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
})->start;

my ($worker) = $t->worker_pids;

# memory: of the worker, in MB

sub memory {
    my ($kb) = slurp("/proc/$worker/status") =~ /^RssAnon:\s+(\d+)/m;

    return $kb / 1024;
}

# get(URI): the status of the cache, and the checksum of the body; it is read as
# it comes, with looks at the memory
my $peak = 0;

sub get {
    my ($uri) = @_;

    my $c = connection($uri);
    my $md5 = Digest::MD5->new;
    my ($head, $left, $bytes, $looked) = ('', undef, '', 0);

    while (sysread $c, $bytes, 262144) {
        $head .= $bytes, $bytes = '' if !defined $left;

        if (!defined $left && $head =~ s/^(.*?\r\n\r\n)//s) {
            ($bytes, $head, $left) = ($head, $1, 0);
        }

        $md5->add($bytes) if defined $left;

        if (time - $looked > 0.02) {
            my $now = memory();
            $peak = $now if $now > $peak;
            $looked = time;
        }
    }

    return ($head =~ /^X-Status: (\w+)/m ? $1 : 'none', $md5->hexdigest);
}

# HTTP/1.0: no chunks to take apart
sub connection {
    my ($uri) = @_;

    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $t->port(2)) or die "connect: $!\n";
    print $c "GET $uri HTTP/1.0\r\nHost: localhost\r\n\r\n";
    $c->flush;

    return $c;
}

sub hit {
    my ($uri) = @_;

    return $t->wait_for(sub {
        my $r = $t->request_to(2, 'HEAD', $uri, undef);
        return ($r->header('X-Status') // '') eq 'HIT';
    }, 120);
}

# -- each by itself

get('/part1?warm');
my $before = memory();

for my $uri ('/huge', '/chunked/huge') {
    $peak = 0;

    my ($status, $md5) = get($uri);
    is $status, 'MISS', "$uri: a miss";
    is $md5, $md5{huge}, "$uri: the bytes";
    cmp_ok $peak - $before, '<', MEMORY, sprintf '%s: %d MB more, %d before',
        $uri, $peak - $before, $before;

    ok hit($uri), "$uri: is stored";
    $peak = 0;
    ($status, $md5) = get($uri);
    is $status, 'HIT', "$uri: a hit";
    is $md5, $md5{huge}, "$uri: the same bytes";
    cmp_ok $peak - $before, '<', MEMORY, sprintf '%s: a hit: %d MB more', $uri,
        $peak - $before;
}

# -- some at once, with clients that do not read, and that leave

my @slow = map { connection("/part$_") } 1 .. 4;
my @gone = map { connection("/part$_?gone") } 1 .. 4;
sleep 0.3;
close $_ for @gone;
$peak = 0;

for my $n (1 .. 4) {
    ok hit("/part$n"), "a client that does not read: part $n is stored";
    ok hit("/part$n?gone"), "a client that leaves: part $n is stored";
    my ($status, $md5) = get("/part$n?gone");
    is "$status $md5", "HIT " . $md5{"part$n"}, 'with its bytes';
    ($status, $md5) = get("/part$n");
    is "$status $md5", "HIT " . $md5{"part$n"}, 'so is the other';
}

my $now = memory();
$peak = $now if $now > $peak;
cmp_ok $peak - $before, '<', MEMORY, sprintf 'eight fetches at once: %d MB more',
    $peak - $before;

# one that reads 1 KB a second has the bytes that it is to have

my $slow = shift @slow;
my $got = '';

for (1 .. 3) {
    sysread $slow, my $bytes, 1024;
    $got .= $bytes;
    sleep 1;
}

$got =~ s/^.*?\r\n\r\n//s;
ok $got eq substr(block('part1', 1), 0, length $got),
    'a slow reader gets the page';
close $_ for $slow, @slow;

done_testing;
