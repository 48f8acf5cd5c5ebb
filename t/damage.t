#!/usr/bin/perl

# Directories that are not ours, and stores that have been damaged: nothing of
# others is touched, no wrong bytes are served, no request fails for good.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bigcache::Test;
use File::Path qw(make_path remove_tree);
use Test::More;
use Time::HiRes qw(sleep);

my $conf = <<'END';
%%MODULE%%

events {
}

http {
    %%HTTP%%

    client_max_body_size 8m;

    bigcache_path %%DIR%%/store zone=main:1m wait=3s;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }
    }
}
END

my %large = (one => 'x' x 1_200_000, two => 'y' x 1_300_000);
my $crit = qr/\[crit\] .*bigcache store /;


# -- LevelDB's log: enough to write a database of somebody else

my @crc_table = map {
    my $crc = $_;
    $crc = $crc & 1 ? $crc >> 1 ^ 0x82f63b78 : $crc >> 1 for 1 .. 8;
    $crc;
} 0 .. 255;


sub crc32c {
    my $crc = 0xffffffff;

    $crc = $crc_table[($crc ^ $_) & 255] ^ $crc >> 8 for unpack 'C*', $_[0];

    return $crc ^ 0xffffffff;
}


sub leveldb_log {
    my (@pairs) = @_;

    my $batch = pack('Q< V', 1, @pairs / 2)
        . join '', map { pack 'C w/a* w/a*', 1, @$_ }
        map { [ @pairs[2 * $_, 2 * $_ + 1] ] } 0 .. $#pairs / 2;

    my $crc = crc32c("\1$batch");
    $crc = (($crc >> 15 | $crc << 17 & 0xffffffff) + 0xa282ead8) & 0xffffffff;

    return pack('V v C', $crc, length $batch, 1) . $batch;
}


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


sub files {
    my ($t, $pattern) = @_;

    return map { substr $_, length($t->dir) + 1 }
        glob $t->dir . "/store/$pattern";
}


# patch(T, FILE, OFFSET, BYTES): an offset below 1 is a part of the size

sub patch {
    my ($t, $name, $offset, $bytes) = @_;

    my $content = $t->read_file($name);
    my $at = $offset && $offset < 1 ? int $offset * length $content : $offset;

    substr $content, $at, length $bytes, $bytes;
    $t->write_file($name, $content);
}


# listing: names and contents of all that is in the store's directory

sub listing {
    my ($t) = @_;

    return join '|', map { -d $t->dir . "/$_" ? $_ : "$_=" . $t->read_file($_) }
        files($t, '{,.[!.]}*'), files($t, '*/*');
}


# refused(T, REGEX, NAME): requests are 503, the log says so once

sub refused {
    my ($t, $regex, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $t->expect_log($crit);
    $t->start;

    my @answers = map { ($t->get('/cache/k'), $t->get('/stat/count'),
        $t->request('POST', '/cache/k', '{"value":1}'),
        $t->request('DELETE', '/cache/k')) } 1 .. 5;

    is_deeply [ grep { $_->status != 503 } @answers ], [], "$name: unavailable"
        or diag join ' ', map { $_->status } @answers;
    like $answers[0]->json->{detail} // '', $regex, "$name: reason";
    ok defined $answers[0]->header('Retry-After'), "$name: Retry-After";

    sleep 2.5;
    my @lines = $t->error_log =~ /^.*\[(?:crit|error|warn)\].*bigcache.*$/mg;
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

refused($t, qr/store" is neither empty nor a bigcache store, it holds "/,
    'other files');
is listing($t), $listing, 'other files: untouched';

remove_tree($t->dir . '/store/sub');
unlink $t->dir . '/store/precious.txt';
ok $t->wait_for(sub { $t->get('/cache/k')->status == 404 }, 5),
    'other files: opens when they are gone';
ok $t->stop, 'other files: stops';

# an index, to be put where it does not belong

$t = new()->start;
$t->request('POST', '/cache/k', '{"value":1}');
$t->kill;

my ($log) = files($t, 'index/*.log');
my $index = $t->dir . '/store/index';


# database: a new server whose index/ is a database with these pairs in it

sub database {
    my (@pairs) = @_;

    my $new = new();

    make_path($new->dir . '/store/index');
    $new->write_file("store/index/$_", $t->read_file("store/index/$_"))
        for map { m{([^/]+)$} } grep { !/log$/i } glob "$index/*";
    $new->write_file($log, leveldb_log(@pairs));

    return $new;
}


my $other = new();

make_path($other->dir . '/store');
$other->write_file("store/$_", $t->read_file("store/index/$_"))
    for map { m{([^/]+)$} } glob "$index/*";
$listing = listing($other);

refused($other, qr/neither empty nor a bigcache store/, 'a database');
is listing($other), $listing, 'a database: untouched';
$other->stop;

$other = database('k1' => 'foreign', 'other' => 'foreign');
refused($other, qr/not one of a bigcache store/, 'foreign keys');
$other->stop;

$other = database('a' => 'foreign', 'user:1' => 'foreign');
refused($other, qr/not one of a bigcache store/, 'foreign keys, others');
$other->stop;

$other = database('mformat' => pack('Q<', 2));
refused($other, qr/format 2/, 'newer format');
$other->stop;

$other = database('mformat' => 'bad');
refused($other, qr/"format"|format/, 'bad format');
$other->stop;

# files where directories belong

for my $name (qw(index pages)) {
    $other = new();
    make_path($other->dir . '/store');
    $other->write_file("store/$name", 'a file');
    refused($other, qr/\S/, "a file for $name");
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

    refused($other, qr/Permission denied/, 'read-only');

    my @nobody = (getpwnam 'nobody')[2, 3];
    chmod 0700, map { $other->dir . "/store/$_" } qw(index pages);
    chown @nobody, map { $other->dir . "/store/$_" } qw(index pages);
    ok $other->wait_for(sub { $other->get('/cache/k')->status == 404 }, 5),
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
    patch($d, $_, $offset, $bytes) for files($d, "index/$file");
    my $lost = survives($d, $name);
    note "$name: $lost lost";
}

for my $damage ([ 'no CURRENT', 'CURRENT' ], [ 'no manifest', 'MANIFEST*' ],
    [ 'no table', '*.ldb' ], [ 'no log', '*.log' ], [ 'nothing', '*' ])
{
    my ($name, $file) = @$damage;

    my $d = filled();
    $d->kill;
    unlink map { $d->dir . "/$_" } files($d, "index/$file");
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
    $d->write_file($_, '') for files($d, "index/$file");
    my $lost = survives($d, $name);
    note "$name: $lost lost";
}

# page files

my $p = filled();
my $count = $p->get('/stat/count')->json->{count};

my %pages = map { $p->read_file($_) =~ /^bigcpage.{24}(one|two)/s
    ? ($1 => $_) : () } files($p, 'pages/*');

is_deeply [ sort keys %pages ], [ 'one', 'two' ], 'page files';

$p->expect_log($crit);

for my $damage (
    [ 'gone', sub { unlink $p->dir . "/$_[0]" } ],
    [ 'empty', sub { $p->write_file($_[0], '') } ],
    [ 'cut', sub { truncate $p->dir . "/$_[0]", 1_000_000 } ],
    [ 'cut in its header', sub { truncate $p->dir . "/$_[0]", 20 } ],
    [ 'too long', sub { $p->write_file($_[0], $p->read_file($_[0]) . 'x') } ],
    map {
        my $offset = $_;
        [ "bad at $offset", sub { patch($p, $_[0], $offset, "\xff") } ];
    } 0, 8, 12, 16, 24, 32
) {
    my ($name, $code) = @$damage;

    $p->request('POST', '/pickle/one', $large{one});
    my ($file) = grep { $p->read_file($_) =~ /^bigcpage.{24}one/s }
        files($p, 'pages/*');
    $code->($file);

    my $lines = () = $p->error_log =~ /$crit/g;

    is_deeply [ map { $p->get('/pickle/one')->status } 1 .. 3 ],
        [ 404, 404, 404 ], "page $name: a miss";
    is scalar(() = $p->error_log =~ /$crit/g), $lines + 1,
        "page $name: one line";
    is $p->get('/stat/count')->json->{count}, $count - 1, "page $name: count";
}

is $p->request('POST', '/pickle/one', $large{one})->status, 200,
    'stored again';
ok $p->get('/pickle/one')->body eq $large{one}, 'served again';
ok $p->get('/pickle/two')->body eq $large{two}, 'the other is whole';

($pages{two}) = grep { $p->read_file($_) =~ /^bigcpage.{24}two/s }
    files($p, 'pages/*');
unlink $p->dir . "/$pages{two}";
is $p->request('DELETE', '/pickle/two')->status, 200,
    'deleted without its file';

# all page files at once, under a running server, and the directory

unlink map { $p->dir . "/$_" } files($p, 'pages/*');
is $p->get('/pickle/one')->status, 404, 'no page files';
is $p->request('POST', '/pickle/one', $large{one})->status, 200,
    'stored without page files';
ok $p->stop, 'stops';

# the lock file means nothing by what is in it

$p->write_file('store/lock', 'garbage' x 100);
$p->start;
is $p->get('/pickle/t1')->status, 200, 'garbage in the lock file';
ok $p->stop, 'stops with garbage';
unlink $p->dir . '/store/lock';
$p->start;
is $p->get('/pickle/t1')->status, 200, 'no lock file';
ok $p->stop, 'stops without';

# the pages gone, then all of it, while nginx is down

remove_tree($p->dir . '/store/pages');
$p->start;
is $p->get('/pickle/t1')->status, 200, 'no pages directory';
is $p->get('/pickle/one')->status, 404, 'its page is a miss';
is $p->request('POST', '/pickle/one', $large{one})->status, 200,
    'pages directory is made';
ok $p->stop, 'stops again';

remove_tree($p->dir . '/store');
$p->start;
is $p->get('/pickle/t1')->status, 404, 'no directory';
is $p->get('/stat/count')->json->{count}, 0, 'count of a new one';
is $p->request('POST', '/pickle/one', $large{one})->status, 200,
    'stores in a new one';

done_testing;
