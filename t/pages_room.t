#!/usr/bin/perl

# Temporary files of nginx on a disk that is full, or gets full: what a client
# gets through page caching is no worse than what it gets without.  And a worker
# that is killed leaves no such file.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Bigcache::Test::Origin;
use Digest::MD5;
use Test::More;
use Time::HiRes qw(sleep);

use constant MB => 1024 * 1024;
use constant DISK => 192;           # MB

my $t = Bigcache::Test->new;
my $dir = $t->dir;

plan skip_all => 'cannot mount a tmpfs' if !$t->mount('size=' . DISK . 'm');

my $block = noise(MB);

# block(N): a MB, no two are alike

sub block { return sprintf('%08d', $_[0]) . substr $block, 8 }

# /known/SIZE and /chunked/SIZE with the size in KB; /held/SIZE/NAME has sent all
# when there is a file NAME.sent, and ends only when there is a file NAME

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request) = @_;
    my ($kind, $size, $name) = $request->{uri} =~ m{/(\w+)/(\d+)(?:/(\w+))?};
    my $chunked = $kind ne 'known';
    my $left = $size * 1024;

    my $send = sub {
        my ($bytes) = @_;
        $bytes = sprintf "%x\r\n%s\r\n", length $bytes, $bytes if $chunked;
        Bigcache::Test::Origin::_write($request->{socket}, $bytes) or die;
    };

    Bigcache::Test::Origin::_write($request->{socket}, "HTTP/1.1 200 OK\r\n"
        . "Cache-Control: max-age=600\r\n"
        . ($chunked ? 'Transfer-Encoding: chunked' : "Content-Length: $left")
        . "\r\n\r\n");

    for (my $n = 0; $left > 0; $n++) {
        $send->(substr block($n), 0, $left);
        $left -= MB;
    }

    if ($kind eq 'held') {
        $t->write_file("$name.sent", '');
        sleep 0.01 until -e "$dir/$name";
    }

    Bigcache::Test::Origin::_write($request->{socket}, "0\r\n\r\n") if $chunked;
    return;
});

my %digest;

sub expected {
    my ($size) = @_;

    return $digest{$size} //= do {
        my $md5 = Digest::MD5->new;
        my $left = $size * 1024;

        for (my $n = 0; $left > 0; $n++) {
            $md5->add(substr block($n), 0, $left);
            $left -= MB;
        }

        $md5->hexdigest;
    };
}

$t->expect_log(qr/No space left on device/);
$t->expect_log(qr/exited on signal 9/);

$t->conf(path => 'wait=10s', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";',
    servers => q{
    server {
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_lookup_timeout 10s;
        bigcache_pages main;
        bigcache_lock off;
        proxy_temp_path %%DIR%%/disk/temp;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /none/ {
            proxy_max_temp_file_size 0;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /plain/ {
            bigcache_pages off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;


sub free {
    my ($line) = `df -B1 --output=avail $dir/disk` =~ /(\d+)\s*\z/;

    return $line;
}


# filler(LEFT): a file that leaves so many MB on the disk

sub filler {
    my ($left) = @_;

    unlink "$dir/disk/filler";

    # files that were sent go when their requests have ended
    $t->wait_for(sub { free() > (DISK - 1) * MB });

    open my $file, '>:raw', "$dir/disk/filler" or die "filler: $!\n";

    my $n = int((free() - $left * MB) / 65536) + ($left ? 0 : 1);

    while ($n-- > 0) {
        defined syswrite $file, "\0" x 65536 or last;
    }

    close $file;
}


# fetch(URI, PAUSE): whether the answer is whole and right, its status

sub fetch {
    my ($uri, $pause) = @_;

    my ($size) = $uri =~ m{/(\d+)};
    my $r = eval {
        my $c = Bigcache::Test::Connection->new($t->port(2));
        $c->send_request('GET', $uri, undef, Connection => 'close');
        sleep $pause if $pause;     # a client that does not read meanwhile
        $c->response('GET');
    };

    return 'no answer' if !$r;
    return $r->status if $r->status != 200;
    return 'cut at ' . length $r->body if $r->truncated;
    return Digest::MD5::md5_hex($r->body) eq expected($size) ? 'whole'
        : 'wrong';
}


# fetches(N, PAUSE, URI): at once; how many are whole, and what the others are

sub fetches {
    my ($n, $pause, $uri) = @_;

    my @running = map {
        my $one = "$uri/$_";
        $t->in_child(sub { fetch($one, $pause) });
    } 1 .. $n;
    my @are = map { $_->() } @running;

    return (scalar(grep { $_ eq 'whole' } @are),
        join ', ', grep { $_ ne 'whole' } @are);
}


my $series = 0;

# without a temporary file each is whole, whatever is on the disk; some of these
# files are begun, since there is room for each of them, but not for all

for my $case ([0, 1, 0, '/known/500'], [0, 1, 0, '/known/3000'],
    [0, 1, 0, '/chunked/500'], [0, 2, 0, '/chunked/40000'],
    [0, 4, 0.3, '/known/900'], [20, 8, 0, '/known/3000'],
    [60, 4, 0, '/known/40000'], [150, 1, 0, '/chunked/180000'],
    [150, 4, 0, '/chunked/60000'], [60, 3, 0.3, '/known/40000'],
    [150, 3, 0.3, '/chunked/60000'])
{
    my ($left, $n, $pause, $uri) = @$case;
    my $name = "$left MB left, $n of $uri"
        . ($pause ? ' for slow clients' : '');

    expected(($uri =~ /(\d+)/)[0]);
    $series++;

    filler($left);
    my ($whole, $others) = fetches($n, $pause, "/none$uri/s$series");
    is $whole, $n, "$name: all are whole" or diag $others;
}

# clients that do not read: nginx needs a file for them, cached or not

for my $case ([0, '/known/900'], [0, '/known/8000'], [0, '/chunked/8000'],
    [10, '/chunked/8000'], [20, '/known/8000'], [40, '/known/8000'],
    [150, '/chunked/20000'])
{
    my ($left, $uri) = @$case;
    my $name = "$left MB left, $uri";

    expected(($uri =~ /(\d+)/)[0]);
    $series++;

    filler($left);
    my ($plain) = fetches(1, 0.5, "/plain$uri/s$series");
    filler($left);
    my ($whole, $others) = fetches(1, 0.5, "$uri/s$series");

    cmp_ok $whole, '>=', $plain, "$name: no worse than without caching, which "
        . ($plain ? 'is whole' : 'fails') or diag $others;
}

# with room again, they are stored

unlink "$dir/disk/filler";
$series++;

for my $uri ("/known/20000/s$series", "/chunked/20000/s$series") {
    my $status = '';

    ok $t->wait_for(sub {
        my $r = Bigcache::Test::Connection->new($t->port(2))
            ->request('GET', $uri, undef, Connection => 'close');
        ($r->header('X-Status') // '') eq 'HIT'
            && Digest::MD5::md5_hex($r->body) eq expected(20000);
    }), "$uri: stored when there is room";
}

# a client that reads late does not wait for the end of an upstream that pauses

$t->wait_for(sub { free() > (DISK - 1) * MB });

my $c = Bigcache::Test::Connection->new($t->port(2));

$c->send_request('GET', '/held/20000/end');
$t->wait_for(sub { -e "$dir/end.sent" });

my $came = 0;

# after each pause the server has more than the socket takes

for my $n (8, 4, 4) {
    $came += length(eval { $c->read_bytes($n * MB) } // '');
    sleep 0.2;
}

$came += length(eval { $c->read_bytes(20000 * 1024 - $came) } // '');
is $came, 20000 * 1024, 'a client that reads late gets what has come';

# a worker that is killed while it keeps an answer

my ($worker) = grep {
    grep { m{/disk/temp/} } $t->open_files($_)
} $t->worker_pids;

ok $worker, 'a worker has a temporary file'
    or diag 'free: ' . free(), map { "\n$_" } map { $t->open_files($_) }
        $t->worker_pids;
$t->signal('KILL', $worker) if $worker;
eval { $c->read_all };
$t->write_file('end', '');
$t->wait_for(sub { !grep { $_ == $worker } $t->worker_pids } ) if $worker;

is join(' ', map { glob "$dir/disk/temp/$_" } '*', '*/*/*'), '',
    'nothing is left of it';
ok $t->wait_for(sub { free() > (DISK - 1) * MB }), 'and its room is free';

ok $t->stop, 'stops';

done_testing;
