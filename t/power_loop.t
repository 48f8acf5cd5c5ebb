#!/usr/bin/perl

# Power cuts of real file systems: the store is on one that is made in a file
# and mounted from there (a loop device); a copy of that file is what the device
# has at that moment, without what is in the page cache.  It is mounted, which
# has the file system recover, and held against what clients were told, as by
# power.t.
#
#     ./build.sh test t/power_loop.t
#
#     BIGCACHE_POWER_LOOP=20   so many rounds of each, 1 by default
#     BIGCACHE_ONLY=ext4       one file system
#
# The mounts are in a namespace of this test's own: they end with it, however
# that comes to its end, and with them the loop devices, which mount(8) has made.

use strict;
use warnings;

use Bigcache::Test::Power;
use Test::More;
use Time::HiRes qw(sleep);

use constant ROUNDS => $ENV{BIGCACHE_POWER_LOOP} || 1;
use constant PYTHON => '/usr/bin/python3';

# what a file system with a journal writes by itself, it is to write soon; xfs
# takes no less than 300 MB

my %mount = (ext4 => 'commit=1', xfs => 'nouuid');
my %size = (ext4 => 100, xfs => 320);

plan skip_all => 'only root may mount' if $> != 0;
plan skip_all => 'no loop devices' if !-e '/dev/loop-control';
plan skip_all => 'no unshare' if !grep { -x "$_/unshare" } split /:/, $ENV{PATH};

if (!$ENV{BIGCACHE_LOOP_NAMESPACE}) {
    plan skip_all => 'no mount namespaces'
        if system('unshare --mount --propagation private true 2>/dev/null');

    $ENV{BIGCACHE_LOOP_NAMESPACE} = 1;
    exec 'unshare', '--mount', '--propagation', 'private', $^X,
        (map { "-I$_" } @INC), $0, @ARGV;
}

alarm($ENV{BIGCACHE_TIMEOUT} || 300 + 200 * ROUNDS);


# -- file systems

my @mounted;

# made(TYPE): a new file system in a file, and where it is mounted

sub made {
    my ($type) = @_;

    my $t = Bigcache::Test->new;
    my $file = $t->dir . '/device';
    my $path = $t->dir . '/mounted';

    open my $device, '>', $file or die "$file: $!\n";
    truncate $device, $size{$type} << 20 or die "$file: $!\n";
    close $device;
    mkdir $path or die "$path: $!\n";

    run("mkfs.$type", '-q', $file);
    mounted($type, $file, $path);

    return ($file, $path);
}


sub mounted {
    my ($type, $file, $path) = @_;

    push @mounted, $path;
    run('mount', '-t', $type, '-o', "loop,$mount{$type}", $file, $path);
}


# it may still be in use by a process that is about to end

sub unmounted {
    my ($path) = @_;

    @mounted = grep { $_ ne $path } @mounted;
    Bigcache::Test->wait_for(sub { status('umount', $path) == 0 })
        or die "umount $path: $?\n";
}


sub run {
    status(@_) == 0 or die "@_: $?\n";
}


# system() waits without heed of Ctrl-C, which ends the command

sub status {
    my $status = system @_;

    exit 130 if ($status & 127) == 2;

    return $status;
}


# before the directories are removed, by an END that was there earlier

my @servers;

END {
    my $status = $?;

    $_->stop for @servers;

    for my $path (reverse @mounted) {
        system('mountpoint', '-q', $path) == 0 && system('umount', '-l', $path);
    }

    $? = $status;
}


# copied(FILE, TO): what the device has at one moment; nothing may have been
# written while that was read

sub copied {
    my ($file, $to) = @_;

    for (1 .. 100) {
        run('cp', '--reflink=never', '--sparse=auto', $file, $to);
        return if status('cmp', '-s', $file, $to) == 0;
    }

    die "$file is never at rest\n";
}


# cut(SERVER, TYPE, FILE, NAME): the power, now

sub cut {
    my ($p, $type, $file, $name) = @_;

    my $at = -s $p->{log};
    my $copy = $p->t->dir . '/copy';
    my $path = $p->t->dir . '/after';

    copied($file, $copy);
    mkdir $path;
    mounted($type, $copy, $path);

    local $p->{name} = "$p->{name}, $name";

    $p->judge('check', $path, at => $at);
    unmounted($path);
    unlink $copy;
}


# try(TYPE, NAME, CODE): CODE with a server, and what cuts its power

sub try {
    my ($type, $name, $code) = @_;

    my ($file, $path) = made($type);
    my $p = Bigcache::Test::Power->new(name => "$type, $name", disk => $path);

    push @servers, $p;
    mkdir $p->store;

    $code->($p, sub { cut($p, $type, $file, $_[0]) });

    $p->stop;
    unmounted($path);
}


sub synced {
    my ($p) = @_;

    run('sync', '-f', $p->disk);
    $p->sync;
}


# -- what is done to them

sub compaction {
    my ($p, $cut) = @_;

    my @keys = map { "c/$_" } 1 .. 1000;

    $p->start;
    $p->all(map { $p->page($_, $p->noise($_, 4000)) } @keys);
    synced($p);

    $p->all(map { $p->removal($_) } grep { rand() < 0.6 } @keys);
    $p->t->logs(qr/(?:compacted.*){2}/s, 60) or die "not logged\n";
    $cut->('compacted');

    sleep 2.5;          # what it tidies up by itself is done then
    $cut->('a while later');
}


sub taken_in {
    my ($p, $cut) = @_;

    my $number = 1000;

    system(PYTHON, '-c', <<'END', $p->store, $number) == 0
import sys, plyvel
db = plyvel.DB(sys.argv[1], create_if_missing=True)
for i in range(int(sys.argv[2])):
    db.put(b"o/%04d" % i, b"raw %d " % i + b"x" * 3000)
db.close()
END
        or die "python failed\n";

    $p->original(sprintf('o/%04d', $_), "raw $_ " . 'x' x 3000)
        for 0 .. $number - 1;
    synced($p);
    $p->start;

    $p->t->logs(qr/import done/, 60) or die "not logged\n";
    $cut->('import done');

    sleep 2.5;          # what it tidies up by itself is done then
    $cut->('a while later');
}


sub pages {
    my ($p, $cut) = @_;

    my @keys = map { "p/$_" } 1 .. 200;

    $p->start;
    $p->all(map { $p->page($_, $p->noise($_, 3000)) } @keys);
    $p->durable_by(sub { synced($p) });

    for my $round (1 .. 2) {
        $p->all(map { rand() < 0.6 ? $p->page($_, $p->noise($_, 5000))
            : $p->removal($_) } grep { rand() < 0.4 } @keys);
        sleep rand 1.5;     # until some moment
        $cut->("changed, $round");
    }

    $p->all($p->purge('p/1'));
    $cut->('purged');
    $p->all($p->clear);
    $p->all(map { $p->page($_, $p->noise($_, 3000)) } @keys);
    $p->durable_by(sub { synced($p) });
    $p->stop;
    $cut->('stopped');
}


for my $type (grep { !$ENV{BIGCACHE_ONLY} || /$ENV{BIGCACHE_ONLY}/ }
    sort keys %mount)
{
    SKIP: {
        skip "no mkfs.$type", 1
            if !grep { -x "$_/mkfs.$type" } split(/:/, $ENV{PATH}), '/sbin',
                '/usr/sbin';

        for (1 .. ROUNDS) {
            try($type, 'compaction', \&compaction);
            try($type, 'pages', \&pages);

            system(PYTHON . ' -c "import plyvel" 2>/dev/null') == 0
                ? try($type, 'import', \&taken_in)
                : pass("$type, import: no python3-plyvel");
        }
    }
}

done_testing;
