#!/usr/bin/perl

# Power cuts.  Every change of a store's directory is recorded while nginx is
# under load (t/power/recorder.c, for LD_PRELOAD); at many points of that, the
# directory is made anew as a disk may have it after a cut there (disk.h says
# what a disk may do), opened as a worker does, and each key is held against
# what clients were told (oracle.h): what was durable and not changed since is
# there, what was changed since is as before or after, what was removed does not
# return, and nothing else is ever read.
#
#     ./build.sh test t/power.t              # or, when all is built,
#     make -f t/Makefile OUT=build power && prove -I t/lib t/power.t
#
#     BIGCACHE_POWER=2000   so many cuts in all, 40 by default
#     BIGCACHE_SEED=N       those of an earlier run, which says its seed
#     BIGCACHE_ONLY=NAME    one of the workloads below
#     BIGCACHE_KEEP=1       keeps the directory with the log, power.log
#
# A message names the image that is wrong, "--at 746432 --variant drop ...";
#
#     build/power/power verify LOG /tmp/cuts --verbose --keep \
#         --at 746432 --variant drop --model strict --seed 0
#
# with the LOG of the kept directory makes and checks it again, and leaves it in
# /tmp/cuts/image.

use strict;
use warnings;

use Bigcache::Test::Power;
use Test::More;

use constant POINTS => $ENV{BIGCACHE_POWER} || 40;
use constant PYTHON => '/usr/bin/python3';

my $seed = $ENV{BIGCACHE_SEED} || time ^ $$ << 8;
my $only = $ENV{BIGCACHE_ONLY} || '';
my $wait;

alarm($ENV{BIGCACHE_TIMEOUT} || 300 + 5 * POINTS);
srand $seed;
diag "BIGCACHE_SEED=$seed";


# try(NAME, SHARE, CODE, OPTION => VALUE ...): a workload and the cuts of it, as
# many as its share of all, in percent

sub try {
    my ($name, $share, $code, %opt) = @_;

    return if $only && $name !~ /$only/;

    my $p = Bigcache::Test::Power->new(name => $name, %opt);
    my $points = int POINTS * $share / 100;

    $code->($p);
    $p->stop;
    $p->compare;
    $p->verify(points => $points < 3 ? 3 : $points, seed => $seed, again => 9);
}


sub some { my ($n, @list) = @_; return map { $list[rand @list] } 1 .. $n }


# -- what requests do

# a body of any kind, of one of many sizes

sub any {
    my ($p, $key) = @_;

    my @sizes = (1, 100, 900, 1100, 3000, 4000, 9000, 30_000);
    my $size = $sizes[rand @sizes];
    my $chance = rand;

    return $p->document($key, '"' . $p->text($key, $size) =~ s/\n/\\n/gr . '"')
        if $chance < 0.3;

    return $p->page($key, $chance < 0.6 ? $p->text($key, $size)
        : $p->noise($key, $size), rand() < 0.1 ? 3600 : 0);
}


sub pages {
    my ($p) = @_;

    my @keys = map { 'k/' . $_ % 5 . "/$_" } 1 .. 150;

    mkdir $p->store;
    $p->start;

    $p->note('stores');
    $p->all(map { any($p, $_) } @keys);
    $p->durable;

    $p->note('overwrites and removals');
    $p->all(map { rand() < 0.6 ? any($p, $_) : $p->removal($_) }
        some(80, @keys)) for 1 .. 2;
    $p->all($p->batch((map { [ set => "b/$_", $_ ] } 1 .. 20),
        map { [ delete => $_ ] } @keys[3, 14, 15]));
    $p->all($p->page('large', $p->noise('large', 1_300_000)));
    $p->durable;

    $p->note('counters, lifetimes, large pages');
    $p->all($p->unknown(POST => '/incr/n', '{"initial": 1}', 'n')) for 1 .. 5;
    $p->all(any($p, $keys[0]));
    $p->all($p->unknown(PATCH => "/pickle/$keys[0]", '{"duration": "1h"}',
        $keys[0]));
    $p->all($p->page('large', $p->noise('large', 1_200_000)));
    $p->all(map { $p->page("e/$_", $p->noise("e/$_", 1500), 1) } 1 .. 20);
    $p->sync;

    $p->note('a prefix is purged');
    $p->all($p->purge('k/3/'));
    $p->all($p->purge('k/2/', Prefer => 'respond-async'));
    $p->all(map { any($p, $_) } grep { m{k/[23]/} } some(60, @keys));

    $p->note('soft purges, of pages that replace others');
    $p->all(map { any($p, $_) } grep { m{k/[14]/} } some(60, @keys));
    $p->all($p->soften('k/1/'));
    $p->all((map { any($p, $_) } grep { m{k/4/} } @keys), $p->soften('k/4/'));
    $p->all($p->soften('k/1/1'));
    $p->all(map { any($p, $_) } grep { m{k/1/} } some(60, @keys));

    $p->note('purges by tags');
    $p->all($p->purge_tag('k/1/'), $p->purge_tag('k/2/', soft => 1));
    $p->all((map { any($p, $_) } grep { m{k/[12]/} } @keys),
        $p->purge_tag('k/2/'));
    $p->all($p->purge_tag('k/2/', soft => 1), $p->purge_tag('k/4/'));
    $p->all(map { any($p, $_) } grep { m{k/[124]/} } some(60, @keys));
    cmp_ok($p->purged, '>', 0, 'pages have these tags');

    $p->note('a reload');
    $p->t->reload;
    $p->all(map { rand() < 0.7 ? any($p, $_) : $p->removal($_) }
        some(60, @keys));
    $p->durable;

    $p->note('the owner is killed');
    $p->kill_owner;
    $p->all(map { rand() < 0.7 ? any($p, $_) : $p->removal($_) }
        some(40, @keys));

    $p->note('all of nginx is killed');
    $p->crash;
    $p->start;
    $p->all(map { rand() < 0.7 ? any($p, $_) : $p->removal($_) }
        some(40, @keys));

    $p->note('closed and opened');
    $p->t->request('POST', '/close');
    $p->t->request('POST', '/open');
    $p->all(map { any($p, $_) } some(30, @keys));
    $p->durable;
    $p->all(map { $p->removal($_) } @keys[50 .. 60]);

    $p->note('cleared');
    $p->all($p->clear);
    $p->all(map { any($p, $_) } some(40, @keys));
    $p->durable;
    $p->all(map { any($p, $_) } some(40, @keys));

    $p->note('stopped');
}

try('pages, 1 worker', 20, \&pages);
try('pages, 4 workers', 20, \&pages, workers => 4);


# -- a directory that nginx makes

try('new', 5, sub {
    my ($p) = @_;

    $p->note('new');
    $p->start;
    $p->all(map { any($p, "n/$_") } 1 .. 30);
    $p->durable;
    $p->all(map { rand() < 0.5 ? any($p, "n/$_") : $p->removal("n/$_") }
        1 .. 30);
});


# -- compaction: of pages of any age most are removed, the others move

try('compaction', 20, sub {
    my ($p) = @_;

    my @keys = map { "c/$_" } 1 .. 900;

    mkdir $p->store;
    $p->start;

    for my $round (1 .. 2) {
        $p->note("stores, $round");
        $p->all(map { $p->page($_, $p->noise($_, 4000)) } @keys);
        $p->sync;

        $p->note("removals, $round");
        $p->all(map { $p->removal($_) } grep { rand() < 0.6 } @keys);
        $p->t->logs(qr/(?:compacted.*){2}/s) or die "not logged\n";
        $p->note("compacted, $round");
        $p->all(map { $p->page("d/$_", $p->noise("d/$_", 1000)) } 1 .. 30);
        @keys = map { "c2/$_" } 1 .. 600;
    }

    $p->durable;
});


# -- an original is taken in

SKIP: {
    skip 'no python3-plyvel', 1
        if system(PYTHON . ' -c "import plyvel" 2>/dev/null') != 0;

    try('import', 20, sub {
        my ($p) = @_;

        my $number = 500;
        my $pad = 'x' x 3000;

        mkdir $p->store;

        system(PYTHON, '-c', <<'END', $p->store, $number, $pad) == 0
import json, sys, plyvel
db = plyvel.DB(sys.argv[1], create_if_missing=True, write_buffer_size=1 << 18)
for i in range(int(sys.argv[2])):
    db.put(b"o/%04d" % i, b"raw %d " % i + sys.argv[3].encode() if i % 2 else
        json.dumps({"value": i, "expire": None, "duration": None}).encode())
db.close()
END
            or die "python failed\n";

        $p->note('the original');

        for my $i (0 .. $number - 1) {
            my $key = sprintf 'o/%04d', $i;

            $p->original($key, $i % 2 ? "raw $i $pad"
                : Bigcache::Test::Power::document_of($key, $i));
        }

        $p->start;
        $p->note('imported');
        $p->all(map { rand() < 0.5 ? any($p, $_) : $p->removal($_) }
            map { sprintf 'o/%04d', $_ } some(60, 0 .. $number - 1));
        $p->all($p->purge('o/044'));
        $p->t->logs(qr/import done/) or die "not logged\n";
        $p->note('import done');
        $p->t->wait_for(sub { !glob $p->store . '/*.ldb' });
        $p->all(map { any($p, "new/$_") } 1 .. 30);
        $p->durable;
        $p->all(map { any($p, "new/$_") } 1 .. 30);
    });
}


# -- pages are evicted: those are misses, but none is ever wrong

try('eviction', 5, sub {
    my ($p) = @_;

    mkdir $p->store;
    $p->start;
    $p->note('stores');
    $p->mark('loose');

    for my $round (1 .. 6) {
        $p->all(map { $p->page("v/$_", $p->noise("v/$_", 9000)) }
            some(250, 1 .. 900));
        $p->durable;
        $p->all(map { $p->removal("v/$_") } some(20, 1 .. 900));
    }
}, store => { max_size => '8m' });


# -- an index that is damaged is repaired

try('repair', 10, sub {
    my ($p) = @_;

    my @keys = map { "r/$_" } 1 .. 200;

    $p->t->expect_log(qr/the index is damaged/);

    mkdir $p->store;
    $p->start;
    $p->all(map { any($p, $_) } @keys);
    $p->all(map { rand() < 0.5 ? any($p, $_) : $p->removal($_) }
        some(60, @keys));
    $p->stop;

    # LevelDB's repair takes in tables that LevelDB has removed, if a power cut
    # has brought them back, with what was deleted since: docs/storage.md

    $p->sync;

    my ($manifest) = glob $p->store . '/index/MANIFEST-*';

    $p->mark('dirty');
    truncate $manifest, 20 or die "$manifest: $!\n";
    $p->snapshot;

    $p->note('a damaged index');
    $p->start;
    $p->t->wait_for(sub { $p->t->get('/pickle/any')->status == 404 });
    $p->note('repaired');
    $p->mark('clean');
    $p->all(map { any($p, $_) } some(30, @keys));
    $p->durable;
    $p->all(map { $p->removal($_) } some(30, @keys));
});

done_testing;
