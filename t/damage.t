#!/usr/bin/perl

# Directories that are not ours, and stores that have been damaged: nothing of
# others is touched, no wrong bytes are served, no request fails for good.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Bigcache::Test::LevelDB;
use File::Path qw(make_path remove_tree);
use Test::More;
use Time::HiRes qw(sleep);

my $conf = Bigcache::Test->default_conf(
    path => 'wait=30s sync=10ms',
    http => 'client_max_body_size 8m;');

my %large = (one => 'x' x 1_200_000, two => 'y' x 1_300_000);
my $crit = qr/\[crit\] .*bigcache (?:store|segment) /;


# -- helpers

sub new {
    return Bigcache::Test->new(@_)->conf($conf);
}


# filled: a server that has stored pages, and was started again, so that they
# lie in a table, and then some, which lie in the log

sub filled {
    my $t = new()->start;

    $t->request('POST', "/pickle/t$_", "table $_ " x 50) for 1 .. 100;
    $t->request('POST', "/pickle/$_", $large{$_}) for sort keys %large;
    $t->stop;
    $t->start;
    $t->request('POST', "/pickle/l$_", "log $_ " x 50) for 1 .. 100;

    return $t;
}


# listing: names and contents of all that is in the store's directory

sub listing {
    my ($t) = @_;

    return join '|', map { -d $t->dir . "/$_" ? $_ : "$_=" . $t->read_file($_) }
        $t->files('{,.[!.]}*'), $t->files('*/*');
}


# refused(T, REGEX, NAME): requests are 503, the log says so once

sub refused {
    my ($t, $regex, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $t->expect_log($crit);
    $t->start;

    # it has been tried once, however busy the machine is
    $t->logs(qr/\[(?:crit|error|warn)\].*bigcache/);

    my @answers = map { ($t->get('/cache/k'), $t->get('/stat/count'),
        $t->request('POST', '/cache/k', '{"value":1}'),
        $t->request('DELETE', '/cache/k')) } 1 .. 5;

    is_deeply [ grep { $_->status != 503 } @answers ], [], "$name: unavailable"
        or diag join ' ', map { $_->status } @answers;
    like $answers[0]->json->{detail} // '', $regex, "$name: reason";
    unlike join(' ', map { $_->body } @answers), qr{"?/\w|store" is},
        "$name: no paths";
    ok defined $answers[0]->header('Retry-After'), "$name: Retry-After";

    # it is tried again and again, which is not said
    sleep 2.5;

    my @lines = $t->error_log =~ /^.*\[(?:crit|error|warn)\].*bigcache.*$/mg;

    # of several workers one may find another one at it, which is told as well
    if (($ENV{BIGCACHE_WORKERS} // 1) > 1) {
        my %said = map { s/.*will be tried again: //r => 1 }
            grep { !/another process has the store open/ } @lines;
        @lines = keys %said;
    }

    is @lines, 1, "$name: one line in the log" or diag join "\n", @lines;
}


# survives(T, NAME): what is served is right, what is stored is served; returns
# how many pages were lost

sub survives {
    my ($t, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $t->expect_log($crit);
    $t->start;

    my (@bad, $lost);
    my $c = $t->connect;

    for my $key (map { ("t$_", "l$_") } 1 .. 100) {
        my $page = ($key =~ /t/ ? 'table ' : 'log ') . substr($key, 1) . ' ';
        my $r = $c->request('GET', "/pickle/$key");

        $lost++ if $r->status == 404;
        push @bad, "$key " . $r->status if $r->status != 404
            && ($r->status != 200 || $r->body ne $page x 50);
    }

    for my $key (sort keys %large) {
        my $r = $c->request('GET', "/pickle/$key");

        $lost++ if $r->status == 404;
        push @bad, "$key " . $r->status if $r->status != 404
            && ($r->status != 200 || $r->body ne $large{$key});
    }

    is "@bad", '', "$name: no wrong answers";

    # bad tables are repaired when they are met, and writers come back then

    my $stored = $t->wait_for(sub {
        my $r = $t->request('POST', '/pickle/new', 'new');
        push @bad, 'POST ' . $r->status if $r->status !~ /^(?:200|503)$/
            || $r->status == 503 && !$r->header('Retry-After');
        $r->status == 200;
    });
    ok $stored && !@bad, "$name: stores within seconds" or diag "@bad";

    my @writes = map { $c->request('POST', "/pickle/$_", "new $_") }
        qw(t1 t50 l1 one new);
    is_deeply [ map { $_->status } @writes ], [ (200) x 5 ], "$name: stores";
    is $c->request('GET', '/pickle/t50')->body, 'new t50', "$name: serves";
    is $c->request('GET', '/stat/count')->status, 200, "$name: counts";
    is $c->request('DELETE', '/prefix/t')->status, 200, "$name: purges";
    $c->close;

    ok $t->stop, "$name: stops";
    unlike $t->error_log, qr/exited on signal|\[alert\]|\[emerg\]/,
        "$name: no crash";

    return $lost // 0;
}


# -- what is not ours

my $t = new();

make_path($t->dir . '/store/sub');
$t->write_file('store/precious.txt', 'precious');
$t->write_file('store/sub/more', 'more');
my $listing = listing($t);

refused($t, qr/^the store cannot be opened, the error log says why$/,
    'other files');
like $t->error_log, qr/store" is neither empty nor a bigcache store, it holds "/,
    'other files: the log says why';
is listing($t), $listing, 'other files: untouched';

remove_tree($t->dir . '/store/sub');
unlink $t->dir . '/store/precious.txt';
ok $t->wait_for(sub { $t->get('/cache/k')->status == 404 }),
    'other files: opens when they are gone';
ok $t->stop, 'other files: stops';


# database: a new server whose index/ is a database with these pairs in it

sub database {
    my (@pairs) = @_;

    my $new = new();
    my %files = leveldb_files(@pairs);

    make_path($new->dir . '/store/index');
    $new->write_file("store/index/$_", $files{$_}) for keys %files;

    return $new;
}


my $other = database('k1' => 'foreign', 'other' => 'foreign');
refused($other, qr/not one of a bigcache store/, 'foreign keys');
$other->stop;

$other = database('a' => 'foreign', 'user:1' => 'foreign');
refused($other, qr/not one of a bigcache store/, 'foreign keys, others');
$other->stop;

for my $format (1, 5) {
    $other = database('mformat' => pack('Q<', $format));
    refused($other, qr/format $format/, "format $format");
    $other->stop;
}

$other = database('mformat' => 'bad');
refused($other, qr/"format"|format/, 'bad format');
$other->stop;

# files where directories belong

for my $name (qw(index pages)) {
    $other = new();
    make_path($other->dir . '/store');
    $other->write_file("store/$name", 'a file');
    refused($other, qr/error log says why/, "a file for $name");
    is $other->read_file("store/$name"), 'a file', "a file for $name: stays";
    $other->stop;
}

# a store of another user

SKIP: {
    skip 'only root can', 6 if $>;

    $other = new(user => 'nobody nogroup');
    make_path(map { $other->dir . "/store/$_" } qw(index pages));
    chmod 0755, $other->dir . '/store';
    chmod 0500, map { $other->dir . "/store/$_" } qw(index pages);

    refused($other, qr/^the store cannot .* says why: Permission denied$/,
        'read-only');

    my @nobody = (getpwnam 'nobody')[2, 3];
    chmod 0700, map { $other->dir . "/store/$_" } qw(index pages);
    chown @nobody, map { $other->dir . "/store/$_" } qw(index pages);
    ok $other->wait_for(sub { $other->get('/cache/k')->status == 404 }),
        'read-only: opens when it is writable';
    $other->stop;
}

# -- what is damaged

# the index

my @damages = (
    [ 'table begins badly', '*.ldb', 0, "\xff" x 8 ],
    [ 'table, early', '*.ldb', 0.1, "\xff\0\xff" ],
    [ 'table, middle', '*.ldb', 0.5, 'x' ],
    [ 'table, late', '*.ldb', 0.9, "\xff" x 20 ],
    [ 'table, its end', '*.ldb', 0.9999, "\0" ],
    [ 'log begins badly', '*.log', 0, "\xff" ],
    [ 'log, middle', '*.log', 0.5, "\xff\xff" ],
    [ 'log, late', '*.log', 0.95, 'x' ],
    [ 'manifest begins badly', 'MANIFEST*', 0, "\xff" x 8 ],
    [ 'manifest, middle', 'MANIFEST*', 0.5, "\xff" x 8 ],
    [ 'current', 'CURRENT', 0, 'garbage' ],
);

for my $damage (@damages) {
    my ($name, $file, $offset, $bytes) = @$damage;

    my $d = filled();
    $d->kill;
    $d->patch($_, $offset, $bytes) for $d->files("index/$file");
    my $lost = survives($d, $name);
    note "$name: $lost lost";
}

for my $damage ([ 'no CURRENT', 'CURRENT' ], [ 'no manifest', 'MANIFEST*' ],
    [ 'no table', '*.ldb' ], [ 'no log', '*.log' ], [ 'nothing', '*' ])
{
    my ($name, $file) = @$damage;

    my $d = filled();
    $d->kill;
    unlink map { $d->dir . "/$_" } $d->files("index/$file");
    my $lost = survives($d, $name);
    note "$name: $lost lost";
    like $d->error_log, $crit, "$name: is told" if $name ne 'no log';
    cmp_ok $lost, '<', 150, "$name: the rest is there" if $file eq 'CURRENT';
}

for my $damage ([ 'empty CURRENT', 'CURRENT' ],
    [ 'empty manifest', 'MANIFEST*' ], [ 'empty table', '*.ldb' ],
    [ 'empty log', '*.log' ])
{
    my ($name, $file) = @$damage;

    my $d = filled();
    $d->kill;
    $d->write_file($_, '') for $d->files("index/$file");
    my $lost = survives($d, $name);
    note "$name: $lost lost";
}


# -- segments

# one worker writes its pages one behind the other

my $segments = $conf
    =~ s{wait=30s}{wait=30s segment_size=1m gzip=off}r
    =~ s/(?<=%%MODULE%%)/\nworker_processes 1;/r;

# every page has a segment's worth of its own bytes, none like another

my %page = map { ("s$_" => noise(20_000)) }
    1 .. 20;
my @keys = sort { substr($a, 1) <=> substr $b, 1 } keys %page;


# segmented: a server with these in the order of their numbers in one segment,
# started again, and the large ones in their own

sub segmented {
    my $t = Bigcache::Test->new->conf($segments)->start;

    $t->expect_log($crit);
    $t->request('POST', "/pickle/$_", $page{$_}, 'Content-Type' => 'a/b')
        for @keys;
    $t->request('POST', "/pickle/$_", $large{$_}) for sort keys %large;

    # what was durable was not torn by the crash: if it is bad, it is damaged
    $t->durable or die "not durable\n";

    # after a crash no segment is written on
    $t->kill;
    $t->start;
    $t->count;

    return $t;
}


# place(T, KEY): the file and the offset of its latest entry

sub place {
    my ($t, $key) = @_;

    my ($last, @place) = (0);

    for my $file ($t->files('pages/*.seg')) {

        # it may have been compacted since

        my $bytes = eval { $t->read_file($file) } // next;

        while ($bytes =~ /BIGC.{52}\Q$key\E/sg) {
            my $at = $-[0];
            my ($len, $version) = unpack 'x12 v x18 Q<', substr $bytes, $at, 56;

            next if $at % 8 || $len != length $key || $version <= $last;
            ($last, @place) = ($version, $file, $at);
        }
    }

    die "no entry of $key\n" if !@place;

    return @place;
}


# poke(T, FILE, OFFSET, BYTES): into the file that is there

sub poke {
    my ($t, $file, $offset, $bytes) = @_;

    open my $out, '+<:raw', $t->dir . "/$file" or die "$file: $!\n";
    seek $out, $offset, 0;
    print $out $bytes;
    close $out or die "$file: $!\n";
}


# flip(T, FILE, OFFSET): one bit

sub flip {
    my ($t, $file, $offset) = @_;

    poke($t, $file, $offset,
        chr(ord(substr $t->read_file($file), $offset, 1) ^ 4));
}


sub crits { scalar(() = $_[0]->error_log =~ /\[crit\] .*bigcache store /g) }


# whole(T, NAME, KEY ...): these are there, as they were stored

sub whole {
    my ($t, $name, @there) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my @bad = grep {
        my $r = $t->get("/pickle/$_");
        $r->status != 200 || $r->body ne ($page{$_} // $large{$_});
    } @there;

    is "@bad", '', "$name: the others are whole";
}


# missing(T, NAME, KEY ...): misses, told once for each, and not counted

sub missing {
    my ($t, $name, @gone) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    # a count waits for the store to be open, and for what that logs

    my $count = $t->count;
    my $lines = crits($t);
    my @status = map { $t->get("/pickle/$_")->status } map { ($_) x 3 } @gone;

    is_deeply \@status, [ (404) x @status ], "$name: misses";
    is crits($t), $lines + @gone, "$name: a line for each";
    is $t->count, $count - @gone, "$name: count";
}


# one bit of an entry, anywhere

my $p = segmented();
my $key_at = 56;
my $type_at = $key_at + length 's10';
my $body_at = $type_at + length 'a/b';

my %spot = ('magic' => 0, 'checksum of the head' => 4,
    'checksum of the body' => 8, 'length of the key' => 12,
    'length of the type' => 14, 'length' => 16, 'length, high' => 22,
    'length unpacked' => 24, 'version' => 32, 'expire' => 40, 'head' => 48,
    'kind' => 52, 'flags' => 53, 'zero' => 54, 'key' => $key_at + 1,
    'type' => $type_at, 'body, first' => $body_at,
    'body, middle' => $body_at + 10_000,
    'body, last' => $body_at + length($page{s10}) - 1);

for my $name (sort keys %spot) {
    my ($file, $at) = place($p, 's10');

    flip($p, $file, $at + $spot{$name});

    if ($name =~ /body, /) {

        # a page in the hot index was verified when it was entered, and then
        # one hit of 16 verifies it

        my $count = $p->count;
        my $lines = crits($p);
        my $n = 0;

        $n++ while $n < 16 && $p->get('/pickle/s10')->status == 200;

        cmp_ok $n, '<', 16, "entry, $name: one of 16 hits finds it";
        is crits($p), $lines + 1, "entry, $name: and says so";
        is $p->count, $count - 1, "entry, $name: and removes it";

    } else {
        missing($p, "entry, $name", 's10');
    }

    flip($p, $file, $at + $spot{$name});
    is $p->get('/pickle/s10')->status, 404, "entry, $name: stays away";
    poke($p, $file, $at, "\0" x 4);
    is $p->request('POST', '/pickle/s10', $page{s10},
        'Content-Type' => 'a/b')->status, 200, "entry, $name: stored anew";
    whole($p, "entry, $name", qw(s9 s10 s11 one));
}

# of a large page, which is looked at when it is first read

for my $name ('magic', 'length', 'key', 'body, first', 'body, middle',
    'body, last')
{
    $p->stop;

    my ($file, $at) = place($p, 'one');
    my $head = $key_at + length('one');
    my $offset = $name eq 'body, last' ? $head + length($large{one}) - 1
        : $name =~ /body/ ? $head + $spot{$name} - $body_at : $spot{$name};

    flip($p, $file, $at + $offset);
    $p->start;
    missing($p, "large page, $name", 'one');
    whole($p, "large page, $name", 'two', 's1');
    $p->request('POST', '/pickle/one', $large{one});
    whole($p, "large page, $name, stored anew", 'one');
}

whole($p, 'in the end', @keys, sort keys %large);
ok $p->stop, 'stops with all that';

# a segment that is cut: while it is in use, and while nobody has it

for my $stopped (0, 1) {
    $p = segmented();
    $p->stop if $stopped;

    my ($file, $at) = place($p, 's12');
    my $name = 'cut' . ($stopped ? ' while stopped' : '');

    truncate $p->dir . "/$file", $at + 5000;
    $p->start if $stopped;

    missing($p, $name, map { "s$_" } 12 .. 20);
    whole($p, $name, map { "s$_" } 1 .. 11);

    $p->request('POST', "/pickle/s$_", $page{"s$_"}) for 12 .. 20;
    whole($p, "$name, stored anew", @keys, 'one', 'two');
    $p->kill->start;
    whole($p, "$name, after a crash", @keys, 'one', 'two');
    is $p->count, 22, "$name, after a crash: count";
    ok $p->stop, "$name: stops";
}

for my $length (0, 1, 31, 32, 40) {
    $p = segmented();
    $p->stop;

    my ($file) = place($p, 's1');

    truncate $p->dir . "/$file", $length;
    $p->start;

    missing($p, "cut to $length", @keys);
    whole($p, "cut to $length", 'one', 'two');
    $p->request('POST', "/pickle/$_", $page{$_}) for @keys;
    whole($p, "cut to $length, stored anew", @keys);
    ok $p->stop, "cut to $length: stops";
    $p->start;
    whole($p, "cut to $length, stored anew and started", @keys, 'one', 'two');
    is $p->count, 22, "cut to $length: count";
    $p->stop;
}

# one that is taken away

for my $which ('s1', 'one') {
    my @gone = $which eq 'one' ? ('one') : @keys;
    my %gone = map { ($_ => 1) } @gone;

    $p = segmented();
    $p->stop;

    my ($file) = place($p, $which);

    unlink $p->dir . "/$file" or die "$file: $!\n";
    $p->start;

    missing($p, "no segment of $which", @gone);
    whole($p, "no segment of $which", grep { !$gone{$_} } @keys, 'one', 'two');
    $p->request('POST', "/pickle/$_", $page{$_} // $large{$_}) for @gone;
    $p->stop;
    $p->start;
    whole($p, "no segment of $which, stored anew", @keys, 'one', 'two');
    is $p->count, 22, "no segment of $which: count";
    $p->stop;
}

# all of them; keys that nobody asks for are counted until then

$p = segmented();
$p->stop;
unlink map { $p->dir . "/$_" } $p->files('pages/*');
$p->start;
is $p->count, 22, 'no segments: count';
missing($p, 'no segments', 's1', 'one');
is $p->request('DELETE', '/prefix/s')->status, 200, 'no segments: purges';
is $p->count, 1, 'no segments: count after that';
$p->stop;

# a header that is not one

for my $damage ([ 'garbage', 0, 'garbage!' ], [ 'a newer format', 8, "\2" ],
    [ 'another id', 16 ], [ 'no zero', 12, "\1" ])
{
    my ($name, $offset, $bytes) = @$damage;

    $p = segmented();
    $p->stop;

    my ($file) = place($p, 's1');
    my ($segment) = $file =~ m{([^/]+)$};

    defined $bytes ? poke($p, $file, $offset, $bytes) : flip($p, $file, $offset);
    my $listed = $p->read_file($file);
    $p->start;

    missing($p, "header, $name", @keys[0 .. 4]);
    like $p->error_log, qr/\[crit\].*segment \Q$segment\E is damaged/,
        "header, $name: is told";
    whole($p, "header, $name", 'one', 'two');
    ok +(eval { $p->read_file($file) } // $listed) eq $listed,
        "header, $name: is not touched";

    $p->request('POST', "/pickle/$_", $page{$_}) for @keys;
    whole($p, "header, $name, stored anew", @keys);
    ok $p->wait_for(sub { !-e $p->dir . "/$file" }),
        "header, $name: is removed when nothing names it";
    is $p->count, 22, "header, $name: count";
    ok $p->stop, "header, $name: stops";
}

# segments that were begun when the power was cut

$p = segmented();
$p->stop;
my $before = length $p->error_log;
$p->write_file("store/pages/000000000000000$_->[0].seg", $_->[1])
    for [ 1, '' ], [ 2, 'bigcsegm' ], [ 3, "\0" x 32 ], [ 4, "\0" x 1_000_000 ];
$p->start;
whole($p, 'segments without a head', @keys, 'one', 'two');
ok $p->wait_for(sub { !grep /000000000000000/, $p->files('pages/*') }),
    'segments without a head: are removed';
my $told = $p->error_log($before);
like $told, qr/\[notice\].*segment 000000000000000$_\.seg is empty/,
    "segments without a head: $_ is told" for 3, 4;
unlike $told, qr/\[(?:crit|error|warn)\]/, 'segments without a head: no harm';
$p->stop;

# files that are none of ours

$p = segmented();
$p->stop;
$p->write_file("store/pages/$_", 'foreign')
    for qw(x 1.seg 0000000000000001.tmp 0000000000000001.seg.bak
        zzzzzzzzzzzzzzzz.seg);
mkdir $p->dir . '/store/pages/00000000000000ff.seg';
$p->start;
whole($p, 'other files', @keys, 'one', 'two');
$p->request('POST', '/pickle/one', $large{one});
whole($p, 'other files, stored anew', 'one');
is $p->read_file('store/pages/x'), 'foreign', 'other files: are not touched';
$p->stop;

# everything under a running server, and the directory

$p = filled();
$p->expect_log($crit);
unlink map { $p->dir . "/$_" } $p->files('pages/*');
like $p->get('/pickle/one')->status, qr/^(?:200|404)$/, 'no segments';
is $p->request('POST', '/pickle/one', $large{one})->status, 200,
    'stored without segments';
is $p->request('DELETE', '/pickle/two')->status, 200,
    'deleted without its segment';
is $p->request('POST', '/pickle/empty', '')->status, 200,
    'a page that needs no segment';
ok $p->stop, 'stops';

# the lock file means nothing by what is in it

$p->write_file('store/lock', 'garbage' x 100);
$p->start;
is $p->get('/pickle/empty')->status, 200, 'garbage in the lock file';
ok $p->stop, 'stops with garbage';
unlink $p->dir . '/store/lock';
$p->start;
is $p->get('/pickle/empty')->status, 200, 'no lock file';
$p->request('POST', '/pickle/one', $large{one});
ok $p->stop, 'stops without';

# the pages gone, then all of it, while nginx is down

remove_tree($p->dir . '/store/pages');
$p->start;
is $p->get('/pickle/empty')->status, 200, 'no pages directory';
is $p->get('/pickle/one')->status, 404, 'its page is a miss';
is $p->request('POST', '/pickle/one', $large{one})->status, 200,
    'pages directory is made';
ok $p->get('/pickle/one')->body eq $large{one}, 'and holds the page';
ok $p->stop, 'stops again';

remove_tree($p->dir . '/store');
$p->start;
is $p->get('/pickle/empty')->status, 404, 'no directory';
is $p->count, 0, 'count of a new one';
is $p->request('POST', '/pickle/one', $large{one})->status, 200,
    'stores in a new one';
$p->stop;

# the last write of a process that died may be cut off behind its head; what
# is written there next lies within the length that this head tells

for my $how ('no body', 'half a body', 'cut head') {
    $p = segmented();
    $p->request('POST', "/pickle/gone$_", $page{"s$_"}) for 1 .. 15;
    $p->request('POST', '/pickle/cut', substr $large{one}, 0, 50_000);

    my ($file, $at) = place($p, 'cut');

    $p->request('DELETE', "/pickle/$_") for 'cut', map { "gone$_" } 1 .. 15;
    $p->kill;
    truncate $p->dir . "/$file", $how eq 'no body' ? $at + 59
        : $how eq 'cut head' ? $at + 30 : $at + 8000;
    $p->start;

    # behind it, then so much that the segment is sealed, and worth moving

    $p->request('POST', "/pickle/new$_", $page{"s$_"}) for 1 .. 5;
    $p->request('POST', "/pickle/fill$_", 'x' x 900_000) for 1 .. 3;

    ok $p->wait_for(sub { !-e $p->dir . "/$file" }, 60),
        "written on, $how: what is alive moves";

    my @lost = grep { $p->get("/pickle/new$_")->body ne $page{"s$_"} } 1 .. 5;
    is "@lost", '', "written on, $how: nothing is lost";
    whole($p, "written on, $how", @keys, 'one', 'two');
    is $p->count, 30, "written on, $how: count";
    is crits($p), 0, "written on, $how: nothing is damaged";
    $p->stop;
}

# junk between entries, met by whoever moves what is alive: all but a few
# pages of a segment go, so that it is worth that

for my $damage (
    [ 'nothing', sub { '' } ],
    [ 'zeroes', sub { "\0" x $_[0] } ],
    [ 'noise', sub { join '', map { chr rand 256 } 1 .. $_[0] } ],
    [ 'heads', sub { substr 'BIGC' x $_[0], 0, $_[0] } ],
    [ 'another entry', sub { substr $_[1] . "\0" x $_[0], 0, $_[0] } ],
    [ 'an entry cut off', sub { substr $_[1], 0, $_[0] / 8 * 4 } ],
    [ 'an entry, askew', sub { substr "\0\0\0" . $_[1], 0, $_[0] } ],
    [ 'a huge entry', sub { "BIGC" . "\xff" x 52 } ],
    [ 'flip in the body', undef, 3000 ], [ 'flip in the key', undef, 57 ],
    [ 'flip in the magic', undef, 1 ],
) {
    my ($name, $junk, $flip) = @$damage;

    $p = segmented();

    my ($file, $at) = place($p, 's8');
    my (undef, $next) = place($p, 's9');
    my (undef, $third) = place($p, 's3');
    my $entry = substr $p->read_file($file), $third, $next - $at;

    # as soon as the others are gone, what is alive may move
    $p->stop;
    $flip ? flip($p, $file, $at + $flip)
        : poke($p, $file, $at, $junk->($next - $at, $entry));
    $p->start;

    # s3 is stored anew, so its entry here is an old one
    $p->request('POST', '/pickle/s3', $page{s3});

    my @left = grep { /^s(?:2|3|8|9|15|20)$/ } @keys;
    my $hurt = $name ne 'nothing';

    $p->request('DELETE', "/pickle/$_")
        for grep { my $key = $_; !grep { $_ eq $key } @left } @keys;

    # seals it

    $p->request('POST', "/pickle/seal$_", $page{"s$_"}) for 1 .. 12;
    $p->request('POST', "/pickle/seal$_", 'x' x 900_000) for 13 .. 14;

    ok $p->wait_for(sub { !-e $p->dir . "/$file" }, 60),
        "junk, $name: what is alive moves";
    is $p->count, @left + 16 - $hurt, "junk, $name: count";
    is crits($p) > 0, $hurt, "junk, $name: is told";
    is $p->get('/pickle/s8')->status, $hurt ? 404 : 200, "junk, $name: s8";
    whole($p, "junk, $name", (grep { $_ ne 's8' } @left), 'one', 'two');
    $p->kill->start;
    whole($p, "junk, $name, after a crash", (grep { $_ ne 's8' } @left),
        'one', 'two');
    is $p->count, @left + 16 - $hurt, "junk, $name, after a crash: count";
    $p->stop;
}


# -- a file that is cut short under a page that was read before: nobody dies of
# it, and the page is a failure of its own

{
    # each process verifies a page by itself

    my $t = Bigcache::Test->new->conf(
        $conf =~ s/^events/worker_processes 1;\n\nevents/mr)->start;
    my $value = '"' . 'v' x 3_000_000 . '"';

    $t->request('POST', '/cache/cut', qq({"value":$value}));
    $t->request('POST', '/pickle/cut2', 'r' x 3_000_000);
    is $t->get('/cache/cut')->status, 200, 'cut short: read';
    is $t->get('/pickle/cut2')->status, 200, 'cut short: read, raw';

    my ($file) = $t->files('pages/*.seg');
    truncate $t->dir . "/$file", 4096 or die "$file: $!\n";
    $t->expect_log($crit);

    is $t->request('PATCH', '/cache/cut', '{"duration":"1h"}')->status, 500,
        'cut short: PATCH';
    is $t->request('POST', '/incr/cut', '')->status, 409, 'cut short: /incr/';
    is $t->request('PATCH', '/pickle/cut2', '{"duration":"1h"}')->status, 404,
        'cut short: PATCH of what is gone as a whole';
    like $t->error_log, qr/cannot read a page: /, 'cut short: the log says it';

    my $results = $t->request('POST', '/batch', '{"operations":['
        . '{"op":"get","key":"cut"},{"op":"get","key":"cut2"},'
        . '{"op":"set","key":"b","value":2}]}')->json->{results};

    is join(' ', map { $_->{status} } @$results), '500 404 200',
        'cut short: a batch';
    is $t->get('/cache/b')->json->{value}, 2, 'cut short: goes on';
    is $t->stop, 1, 'cut short: the end';
}

# -- a key is named in the log, and writes no line of its own

{
    my $t = Bigcache::Test->new->conf($segments)->start;
    my $key = 'k%0A2026/11/26%2000:00:00%20[emerg]%201#1:%20forged%1B[2J%7F';

    $t->request('POST', "/pickle/$key", 'x' x 2000);
    ok $t->stop, 'a forged line: stops';
    unlink map { $t->dir . "/$_" } $t->files('pages/*.seg');
    $t->expect_log($crit);
    $t->start;
    is $t->get("/pickle/$key")->status, 404, 'a forged line: lost';
    like $t->error_log, qr/key "k\\x0A2026.*forged\\x1B\[2J\\x7F" is damaged/,
        'a forged line: is none';
    ok $t->stop, 'a forged line: stops';
}

done_testing;
