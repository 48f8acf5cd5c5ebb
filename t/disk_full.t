#!/usr/bin/perl

# A full disk: writes are 507, reads go on, and when there is room again so do
# writes, by themselves.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Test::More;
use Time::HiRes qw(sleep);

my $t = Bigcache::Test->new;
my $dir = $t->dir;

plan skip_all => 'cannot mount a tmpfs' if !$t->mount('size=96m');

$t->conf(
    store => '%%DIR%%/disk/store',
    path => 'wait=10s write_buffer=1m',
    http => 'client_max_body_size 64m;')->start;

$t->expect_log(qr/No space left on device/);
$t->expect_log(qr/\[crit\] .*bigcache store /);

my @full = (507, { detail => 'no space left on the disk of the cache' });


srand 1;

my $small = noise(10_000);
my $large = noise(2_000_000);


# filler(LEFT): a file that leaves so many bytes on the disk

sub filler {
    my ($left) = @_;

    open my $file, '>:raw', "$dir/disk/filler" or die "filler: $!\n";
    $file->autoflush(1);

    # a disk that is to be full takes no more

    my $block = "\0" x 65536;
    my $n = int((free() - $left) / length $block) + 1;

    while ($n-- > 0) {
        defined syswrite $file, $block or last;
    }

    close $file;
}


sub free {
    my ($line) = `df -B1 --output=avail $dir/disk` =~ /(\d+)\s*\z/;

    return $line;
}


# heals(NAME): writes of both kinds succeed again within some seconds

sub heals {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for (['small writes', '/pickle/healed', $small],
        ['large writes', '/pickle/large-healed', $large],
        ['documents', '/cache/healed', '{"value":1}'])
    {
        my ($what, $uri, $body) = @$_;
        my $status = 0;

        $t->wait_for(sub {
            $status = $t->request('POST', $uri, $body)->status;
            $status == 200;
        }, 15);

        is $status, 200, "$name: $what again";
    }
}


for my $i (1 .. 20) {
    $t->request('POST', "/pickle/kept$i", $small);
}

is $t->request('POST', '/pickle/kept', $large)->status, 200, 'stores';


sub all_is_there {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @bad = grep { $t->get("/pickle/kept$_")->body ne $small } 1 .. 20;
    push @bad, 'large' if $t->get('/pickle/kept')->body ne $large;

    is "@bad", '', "$name: what is stored is served";
}


# no room for a page file

my $began = time;

filler(1_000_000);

my $r = $t->request('POST', '/pickle/large', $large);
$t->json_is($r, @full, 'large: refused');
is $r->header('Cache-Status'), 'bigcache; detail=FULL', 'large: status';
is $t->get('/pickle/large')->status, 404, 'large: not stored';
$t->json_is($t->request('POST', '/pickle/kept', $large . 'x'), @full,
    'large: refused over another');
all_is_there('large');

unlink "$dir/disk/filler";
heals('large');

# no room for the index: it is written until it fails

filler(400_000);

my (%status, $i);

for ($i = 0; $i < 3000; $i++) {
    $r = $t->request('POST', "/pickle/f$i", $small);
    $status{ $r->status }++;
    last if $r->status != 200;
}

is $r->status, 507, 'small: refused' or diag $r->body;
is $r->json->{detail}, $full[1]{detail}, 'small: reason';
all_is_there('small');

my @answers = map {
    ($t->request('POST', "/pickle/g$_", $small),
        $t->request('POST', "/cache/g$_", '{"value":1}'),
        $t->request('POST', "/pickle/h$_", $large))
} 1 .. 10;

is_deeply [ grep { $_->status !~ /^(?:200|507)$/ } @answers ], [],
    'small: others too' or diag join ' ', map { $_->status } @answers;

# meanwhile the store tries again, twice a second

for (1 .. 4) {
    sleep 0.5;
    push @answers, $t->request('DELETE', '/pickle/f0'),
        $t->request('DELETE', '/prefix/f1'), $t->get('/stat/count');
}

is_deeply [ grep { $_->status !~ /^(?:200|404|507)$/ } @answers ], [],
    'small: no failure' or diag join ' ', map { $_->status } @answers;
all_is_there('small, later');

unlink "$dir/disk/filler";
heals('small');
all_is_there('small, healed');

# a line at each turn would be many

my $lines = () = $t->error_log =~ /the disk is full/g;
cmp_ok $lines, '>=', 1, 'the log says that the disk is full';
cmp_ok $lines, '<=', 1 + (time - $began) / 60, 'once a minute';
ok $t->logs(qr/room on the disk again/, 15), 'and that it is not any more';

# a stop and a start on a full disk

# what the store still tidies up makes room, for one page or two

for (1 .. 20) {
    filler(0);
    $r = $t->request('POST', '/pickle/full', $large);
    last if $r->status == 507;
}

is $r->status, 507, 'full';
ok $t->stop, 'stops on a full disk';
$t->start;

my @starts = map { $t->get("/pickle/kept$_") } 1 .. 5;
is_deeply [ grep { $_->status !~ /^(?:200|503|507)$/ } @starts ], [],
    'starts on a full disk' or diag join ' ', map { $_->status } @starts;
is_deeply [ grep { $_->status == 200 && $_->body ne $small } @starts ], [],
    'serves no wrong bytes';

# what the store keeps in reserve may be enough for a small document

$r = $t->request('POST', '/cache/full', '{"value":1}');
like $r->status, qr/^(?:200|503|507)$/, 'stores or says why not'
    or diag $r->body;

unlink "$dir/disk/filler";
heals('started');
all_is_there('started');

# until the disk is full of pages, and deleted again

%status = ();

for ($i = 0; $i < 100; $i++) {
    $r = $t->request('POST', "/pickle/big$i", $large);
    $status{ $r->status }++;
    last if $r->status != 200;
}

is $r->status, 507, 'full of pages';
all_is_there('full of pages');

my $removed = $t->request('DELETE', '/prefix/big');
is $removed->status, 200, 'pages are removed' or diag $removed->body;
heals('removed');
all_is_there('removed');

# a third of many pages leaves each segment more than half alive

for ($i = 0; $i < 12_000; $i++) {
    $r = $t->request('POST', "/pickle/many$i", $small);
    last if $r->status != 200;
}

is $r->status, 507, 'full of small pages';

my @kept = grep { $_ % 3 } 0 .. $i - 1;

for (grep { $_ % 3 == 0 } 0 .. $i - 1) {
    $r = $t->request('DELETE', "/pickle/many$_");

    # as a client does that is told to come back
    sleep 0.2, redo if $r->status == 503 || $r->status == 507;
}

heals('a third removed');
all_is_there('a third removed');
is scalar(grep { $t->get("/pickle/many$_")->body ne $small } @kept), 0,
    'the other two thirds too';

# though there may be no room for that in the index at first
$r = $t->request('DELETE', '/prefix/many');
is $r->status, 200, 'removed all';
is $r->json->{message}, "prefix 'many': " . @kept . ' keys deleted.',
    'and counted';
heals('all removed');

my $count = $t->count;
ok $t->stop, 'stops';
$t->start;
is $t->count, $count, 'count after restart';
all_is_there('restarted');

unlike $t->error_log, qr/exited on signal/, 'no crash';
ok $t->stop, 'stops again';

done_testing;
