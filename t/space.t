#!/usr/bin/perl

# The space of what is overwritten and deleted comes back while requests are
# served, and nobody who reads meanwhile gets anything but whole pages.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Digest::MD5 qw(md5_hex);
use Test::More;
use Time::HiRes qw(sleep time);

use constant MIB => 1024 * 1024;

my $t = Bigcache::Test->new->conf(
    main => 'thread_pool bigcache threads=8;',
    path => q{
        thread_pool=bigcache segment_size=1m write_buffer=64k gzip=off
    },
    http => q{
        bigcache_path %%DIR%%/packed zone=packed:1m segment_size=1m
                      write_buffer=64k;
        client_max_body_size 64m;
        keepalive_requests 1000000;
        send_timeout 60s;
    },
    listen => 'sndbuf=16k',
    server => q{
        location /packed/ {
            bigcache_base /packed;
            bigcache packed;
        }
    })->start;

my $noise = noise(4_000_000);


# page(KEY, SEQUENCE, SIZE): says what it is, no part of it is like another

sub page {
    my ($key, $sequence, $size) = @_;

    my $mark = "$key $sequence $size.";
    my $bytes = substr $noise, $sequence * 1009 % 500_000;
    $bytes x= 1 + $size / length $bytes if length $bytes < $size;

    return $mark . substr $bytes, 0, $size - length $mark;
}


# whole(KEY, BYTES): its sequence, if that is one of its pages

sub whole {
    my ($key, $bytes) = @_;

    my ($sequence, $size) = $bytes =~ /\A\Q$key\E (\d+) (\d+)\./ or return;

    return $bytes eq page($key, $sequence, $size) ? $sequence : undef;
}


sub below {
    my ($store, $limit, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $t->wait_for(sub { $t->space("$store/*/*") < $limit }, 60);

    return cmp_ok($t->space("$store/*/*"), '<', $limit, $name)
        || diag join "\n", map { "$_ " . (-s // 'gone') }
            glob $t->dir . "/$store/*/*";
}


# the same keys again and again, by several, while others read

my @sizes = (30, 900, 1500, 5000, 20_000, 20_000, 60_000);
my $end = time + 6;

my @writers = map {
    my $writer = $_;
    $t->in_child(sub {
        my $c = $t->connect;
        my ($n, $written) = (0, 0);

        # a slow machine has to come that far too
        while (time < $end || $n < 40 * 12) {
            my $k = $n++ % 40;
            my $key = "k$writer-$k";
            my $size = $sizes[$k % @sizes];

            my $status = $c->request('POST', "/pickle/$key",
                page($key, $n, $size))->status;
            return "POST $status" if $status != 200;
            $written += $size;
            next if $n % 7;

            my $got = whole($key, $c->request('GET', "/pickle/$key")->body);
            return "$key: " . ($got // 'not whole') . ", wrote $n"
                if ($got // -1) != $n;
        }

        return "ok $written";
    });
} 1 .. 4;

my @readers = map {
    $t->in_child(sub {
        my $c = $t->connect;
        my %last;

        while (time < $end) {
            my $key = 'k' . (1 + int rand 4) . '-' . int rand 40;
            my $r = $c->request('GET', "/pickle/$key");
            next if $r->status == 404 && !$last{$key};
            return "$key: status " . $r->status if $r->status != 200;

            my $got = whole($key, $r->body) // return "$key: not whole";
            return "$key: $got after $last{$key}" if $got < ($last{$key} // 0);
            $last{$key} = $got;
        }

        return 'ok';
    });
} 1 .. 2;

my $highest = 0;

while (time < $end) {
    my $space = $t->space('store/*/*');
    $highest = $space if $space > $highest;
    sleep 0.05;             # between two looks
}

my @said = map { $_->() } @writers;
is_deeply [ grep { !/^ok/ } @said ], [], 'writers read what they wrote';
is_deeply [ map { $_->() } @readers ], [ ('ok') x 2 ], 'readers';

my $written = 0;
$written += (split)[1] // 0 for @said;
note "$written bytes written, $highest at most in the directory";

my $live = 0;
my $c = $t->connect;
my @bad;

for my $key (map { my $writer = $_; map { "k$writer-$_" } 0 .. 39 } 1 .. 4) {
    my $body = $c->request('GET', "/pickle/$key")->body;
    push @bad, $key if !defined whole($key, $body);
    $live += length $body;
}

is "@bad", '', 'all pages are whole';
cmp_ok $written, '>', 10 * $live, 'they were written many times';
below('store', 2.5 * $live + 2 * MIB, 'the space of old ones came back');
like $t->error_log, qr/compacted, [1-9]\d* pages moved/, 'by moving others';

for my $round (1 .. 2) {
    @bad = grep {
        !defined whole($_, $c->request('GET', "/pickle/$_")->body);
    } map { my $writer = $_; map { "k$writer-$_" } 0 .. 39 } 1 .. 4;
    is "@bad", '', "all pages are whole, later on $round";
    is $t->count, 160, "their count $round";

    if ($round == 1) {
        $c->close;
        $t->stop;
        $t->start;
        $c = $t->connect;
    }
}

below('store', 2.5 * $live + 2 * MIB, 'and is not taken again');

# what stays while all around it goes is moved

$c->request('POST', "/pickle/m$_", page("m$_", 1, 10_000)) for 1 .. 1000;
my %old = map { ($_ => 1) } glob $t->dir . '/store/pages/*';
$c->request('DELETE', "/pickle/m$_") for grep { $_ % 20 } 1 .. 1000;
below('store', 2.5 * ($live + 50 * 10_000) + 2 * MIB,
    'one of twenty stays: space');
@bad = grep { (whole("m$_", $c->request('GET', "/pickle/m$_")->body) // 0) != 1 }
    map { 20 * $_ } 1 .. 50;
is "@bad", '', 'one of twenty stays: all are whole';
is $c->request('GET', '/pickle/m7')->status, 404, 'the others do not';

# packed pages, and JSON, are moved as they lie

my %json = map { ("j$_" => '[' . join(',', map { qq({"n":$_}) }
    $_ .. $_ + 1000) . ']') } 1 .. 20;
my @packed = ('Accept-Encoding' => 'gzip');

my ($oldest, %was);

for my $round (1 .. 12) {
    $c->request('POST', "/packed/pickle/noise$_",
        page("noise$_", $round, 20_000)) for 1 .. 40;
    next if $round > 1;
    $c->request('POST', "/packed/cache/$_", qq({"value":$json{$_}}))
        for sort keys %json;
    ($oldest) = sort glob $t->dir . '/packed/pages/*.seg';
    %was = map {
        ($_ => $c->request('GET', "/packed/cache/$_", undef, @packed))
    } keys %json;
}

ok $t->wait_for(sub { !-e $oldest }, 60),
    'packed: the first segment goes';

@bad = grep {
    my $now = $c->request('GET', "/packed/cache/$_", undef, @packed);
    $now->body ne $was{$_}->body || $now->header('ETag') ne
        $was{$_}->header('ETag') || $now->header('Content-Encoding') ne 'gzip';
} sort keys %json;
is "@bad", '', 'packed: the same bytes and tags';
@bad = grep {
    $c->request('GET', "/packed/cache/$_")->body
        !~ /^\{"key":"$_","value":\Q$json{$_}\E,/;
} sort keys %json;
is "@bad", '', 'packed: the same pages';

# empty segments are unlinked

is $t->request('DELETE', '/prefix/m')->status, 200, 'purges';
is $t->request('DELETE', '/prefix/k')->status, 200, 'and all';
is $t->count, 0, 'empty';
ok $t->wait_for(sub { 1 >= (() = glob $t->dir . '/store/pages/*') }, 60),
    'one segment is left';
below('store', 3 * MIB, 'an empty store');

# a slow reader of a large page, which is overwritten, and its segment goes;
# and one of a page that is moved from under him: a segment that it shares
# with pages that go, which is compacted

for my $how ('overwritten', 'deleted', 'purged', 'cleared') {
    my $page = page('slow', 1, 12 * MIB);

    $c->request('POST', '/pickle/slow', $page);
    my ($file) = grep { -s > 10 * MIB } glob $t->dir . '/store/pages/*';

    my $slow = $t->connect;
    $slow->send_request('GET', '/pickle/slow');
    my $head = $slow->read_until("\r\n\r\n");
    my $got = $slow->read_bytes(1000);

    $how eq 'overwritten'
        ? $c->request('POST', '/pickle/slow', page('slow', 2, 12 * MIB))
        : $how eq 'deleted' ? $c->request('DELETE', '/pickle/slow')
        : $how eq 'purged' ? $c->request('DELETE', '/prefix/slow')
        : $t->get('/clear');

    ok $t->wait_for(sub { !-e $file }, 60), "$how: the segment goes";
    $got .= $slow->read_bytes(length($page) - 1000);
    ok $got eq $page, "$how: the reader gets all of it"
        or diag length $got, ' bytes';
    is md5_hex($got), md5_hex($page), "$how: checksum";
    $slow->close;
    is $t->get('/pickle/slow')->status, $how eq 'overwritten' ? 200 : 404,
        "$how: what is there now";
}

# slow readers of pages that lie in one segment with others

$c->close;
$c = $t->connect;
$t->get('/clear');
$c->request('POST', "/pickle/p$_", page("p$_", 1, 20_000)) for 1 .. 45;
my ($first) = glob $t->dir . '/store/pages/*';
$c->request('POST', "/pickle/q$_", page("q$_", 1, 100_000)) for 1 .. 20;

my @slow = map {
    my $slow = $t->connect;
    $slow->send_request('GET', "/pickle/p$_");
} 1 .. 10;

$_->readable(10) for @slow;
$c->request('DELETE', "/pickle/p$_") for 11 .. 45;
ok $t->wait_for(sub { !-e $first }, 60), 'moved: the segment goes';
@bad = grep {
    $slow[$_ - 1]->response->body ne page("p$_", 1, 20_000);
} 1 .. 10;
is "@bad", '', 'moved: readers get all of it';
@bad = grep {
    $c->request('GET', "/pickle/p$_")->body ne page("p$_", 1, 20_000);
} 1 .. 10;
is "@bad", '', 'moved: they are there';

# all of that is given back: no file is held open

my ($worker) = $t->worker_pids;
ok $t->wait_for(sub {
    !grep { /\.seg \(deleted\)/ } $t->open_files($worker);
}), 'no deleted segment is held' or diag join "\n",
    grep { /seg/ } $t->open_files($worker);

done_testing;
