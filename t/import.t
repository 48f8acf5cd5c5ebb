#!/usr/bin/perl

# A directory of the original service, made by the library that it used, is
# taken in at the first start: both spellings of JSON, raw bytes, what has
# expired; while requests come, through a crash, and as far as it can be read.

use strict;
use warnings;

use Bigcache::Test;
use File::Path qw(make_path);
use IPC::Open2 qw(open2);
use Test::More;
use Time::HiRes qw(sleep time);

use constant PYTHON => '/usr/bin/python3';
use constant MANY => 120_000;

plan skip_all => 'no python3-plyvel'
    if system(PYTHON . ' -c "import plyvel" 2>/dev/null') != 0;

my $conf = Bigcache::Test->default_conf(
    main => 'thread_pool bigcache threads=4;',
    path => 'thread_pool=bigcache wait=30s',
    http => q{
        client_max_body_size 8m;
        keepalive_requests 1000000;
        large_client_header_buffers 4 64k;
    });

my $now = time;
my $later = int($now) + 100_000;


# -- helpers

# python(CODE, ARGUMENT ...): runs it, with "db" open in the first argument

sub python {
    my ($code, $dir, @arguments) = @_;

    system(PYTHON, '-c', "import json, sys, plyvel\n"
        . "db = plyvel.DB(sys.argv[1], create_if_missing=True)\n"
        . "$code\ndb.close()\n", $dir, @arguments) == 0
        or die "python failed\n";
}


# original(KEY => VALUE ...): a server, not started, with a database of these

sub original {
    my (%pairs) = @_;

    my $t = Bigcache::Test->new->conf($conf);
    my $text = join '', map { unpack('H*', $_) . ' ' . unpack('H*', $pairs{$_})
        . "\n" } sort keys %pairs;

    make_path($t->dir . '/store');
    $t->write_file('pairs', $text);
    python(<<'END', $t->dir . '/store', $t->dir . '/pairs');
for line in open(sys.argv[2]):
    key, value = line.rstrip("\n").split(" ")
    db.put(bytes.fromhex(key), bytes.fromhex(value))
END

    return $t;
}


# many: the same with many keys, k000000 and on, of both kinds

sub many {
    my $t = Bigcache::Test->new->conf($conf);

    make_path($t->dir . '/store');
    python(<<'END', $t->dir . '/store', MANY);
for first in range(0, int(sys.argv[2]), 1000):
    with db.write_batch() as batch:
        for i in range(first, first + 1000):
            batch.put(b"k%06d" % i, b"raw %d" % i if i % 2 else json.dumps(
                {"value": i, "expire": None, "duration": None}).encode())
END

    return $t;
}


sub imported {
    my ($t) = @_;

    return $t->logs(qr/import done: /, 200);
}


# top: the names at the top of the store's directory, but for the store's own,
# and the trash, which is emptied at leisure

sub top {
    my ($t) = @_;

    opendir my $dir, $t->dir . '/store' or die;

    return join ' ', sort grep { !/^(?:\.\.?|lock|index|pages|reserve|spare|trash|owner.sock)$/ }
        readdir $dir;
}


# -- one of each

my $json = { list => [ 1, 2.5, undef ], text => "\x{d55c} \"q\"" };
my $long = 'x' x 2_000_000;

my %pairs = (
    # as json.dumps() writes it, and with separators and raw UTF-8
    spaces => '{"value": {"a": [1, 2]}, "expire": null, "duration": null}',
    tight => '{"value":{"a":[1,2]},"expire":null,"duration":null}',
    escaped => '{"value": "\ud55c\u00e9\n", "expire": null, "duration": null}',
    utf8 => "{\"value\": \"\xed\x95\x9c\", \"expire\": null, "
        . '"duration": null}',
    number => '{"value": 12345678901234567890, "expire": null, '
        . '"duration": null}',
    null => '{"value": null, "expire": null, "duration": null}',
    lives => "{\"value\": 1, \"expire\": $later.25, \"duration\": \"28ds\"}",
    micro => "{\"value\": 1, \"expire\": $later.123456, \"duration\": null}",
    far => '{"value": 1, "expire": 1e+300, "duration": null}',
    odd_duration => '{"value": 1, "expire": null, "duration": "soon"}',
    long => "{\"value\": \"$long\", \"expire\": null, \"duration\": null}",
    long_duration => "{\"value\": \"$long\", \"expire\": null, "
        . '"duration": "' . 'd' x 20_000 . '"}',
    same => '{"value": {"value": 1, "expire": 2, "duration": 3}, '
        . '"expire": null, "duration": null}',
    white => "\n{ \"value\"\t: 1 ,\r\"expire\" : null , \"duration\" : null "
        . "}\n",
    '' => '{"value": "empty", "expire": null, "duration": null}',
    "\xed\x95\x9c\xea\xb8\x80" => '{"value":"key","expire":null,'
        . '"duration":null}',
    "a \"b\"/../c?d=1" => '{"value":"odd","expire":null,"duration":null}',

    # what has expired
    past => '{"value": 1, "expire": 1000000000.5, "duration": "1d"}',
    before => '{"value": 1, "expire": -1e300, "duration": null}',
    soon => "{\"value\": 1, \"expire\": @{[ $now - 1 ]}, \"duration\": null}",

    # raw: bytes, and JSON that is no entry
    pickle => "\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94K\1a.",
    nothing => '',
    text => 'text',
    array => '[1]',
    brace => '{',
    object => '{}',
    one => '{"value": 1}',
    more => '{"value": 1, "expire": null, "duration": null, "x": 1}',
    less => '{"value": 1, "expire": null}',
    twice => '{"value": 1, "value": 2, "expire": null, "duration": null}',
    order => '{"expire": null, "value": 1, "duration": null}',
    first => '{"x": 1, "value": 1, "expire": null, "duration": null}',
    nan => '{"value": NaN, "expire": null, "duration": null}',
    expire_text => '{"value": 1, "expire": "1795331598", "duration": null}',
    expire_true => '{"value": 1, "expire": true, "duration": null}',
    expire_list => '{"value": 1, "expire": [1], "duration": null}',
    duration_number => '{"value": 1, "expire": null, "duration": 28}',
    cut => '{"value": 1, "expire": null, "duration": null',
    behind => '{"value": 1, "expire": null, "duration": null}{}',
    not_utf8 => "{\"value\": \"\xff\", \"expire\": null, \"duration\": null}",
    "raw \xff\xfe" => 'odd raw',
    long_raw => "\x80$long",

    # keys that no request can name
    "zero\0byte" => 'x',
    'l' x 8193 => 'x',
    'm' x 20_000 => 'x',

    'n' x 8192 => 'longest',
);

my $t = original(%pairs);

$t->write_file('store/notes.txt', 'not ours');
$t->write_file('store/123.txt', 'not ours');
make_path($t->dir . '/store/lost');
$t->write_file('store/lost/000001.ldb', 'not ours');

$t->start;
ok imported($t), 'imported';

sub entry {
    my ($key, $value, $expire, $duration) = @_;

    return "{\"key\":\"$key\",\"value\":$value,\"expire\":"
        . ($expire // 'null') . ',"duration":' . ($duration // 'null') . '}';
}

sub is_json {
    my ($key, $expected, $path) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $r = $t->get('/cache/' . ($path // $key));

    is $r->status . " " . $r->body, "200 $expected", "JSON: $key";
}

is_json('spaces', entry('spaces', '{"a": [1, 2]}'));
is_json('tight', entry('tight', '{"a":[1,2]}'));
is_json('escaped', entry('escaped', '"\ud55c\u00e9\n"'));
is_json('utf8', entry('utf8', "\"\xed\x95\x9c\""));
is_json('number', entry('number', '12345678901234567890'));
is_json('null', entry('null', 'null'));
is_json('lives', entry('lives', 1, "$later.25", '"28ds"'));
is_json('micro', entry('micro', 1, "$later.123"));
is_json('far', entry('far', 1));
is_json('odd_duration', entry('odd_duration', 1, undef, '"soon"'));
is_json('same', entry('same', '{"value": 1, "expire": 2, "duration": 3}'));
is_json('white', entry('white', 1));
is_json('', entry('', '"empty"'));
is_json('hangul', entry("\xed\x95\x9c\xea\xb8\x80", '"key"'),
    '%ed%95%9c%ea%b8%80');
is_json('odd', entry('a \"b\"/../c?d=1', '"odd"'),
    'a%20%22b%22/../c%3fd=1');
ok $t->get('/cache/long')->body eq entry('long', "\"$long\""), 'JSON: long';
ok $t->get('/cache/long_duration')->body
    eq entry('long_duration', "\"$long\""), 'JSON: no such duration';
is $t->request('PATCH', '/cache/long_duration', '{"duration":"1d"}')->status,
    200, 'JSON: but another one';
like substr($t->get('/cache/long_duration')->body, -60),
    qr/x","expire":\d+[\d.]*,"duration":"1d"\}\z/, 'JSON: which is shown';
is $t->get('/pickle/tight')->body,
    '{"value":{"a":[1,2]},"expire":null,"duration":null}',
    'JSON from /pickle/';

is $t->get("/cache/$_")->status, 404, "expired: $_" for qw(past before soon);

for my $key (qw(pickle nothing text array brace object one more less twice
    order first nan expire_text expire_true expire_list duration_number cut
    behind not_utf8))
{
    my $r = $t->get("/pickle/$key");

    ok $r->status == 200 && $r->body eq $pairs{$key}
        && $t->get("/cache/$key")->status == 409, "raw: $key"
        or diag $r->status . ' ' . $r->body;
}

is $t->get('/pickle/text')->header('Content-Type'),
    'application/octet-stream', 'raw: type';
is $t->get('/pickle/raw%20%ff%fe')->body, 'odd raw', 'raw: odd key';
ok $t->get('/pickle/long_raw')->body eq "\x80$long", 'raw: long';
is $t->get('/pickle/' . 'n' x 8192)->body, 'longest', 'raw: longest key';

is $t->count, keys(%pairs) - 6, 'count';
is top($t), '123.txt lost notes.txt', 'the files of others stay, no more';
is $t->read_file('store/lost/000001.ldb'), 'not ours', 'as they are';

my $log = $t->error_log;

like $log, qr/\[notice\].*import of the original's entries begins/,
    'log: begin';
like $log, qr/\[notice\].*import done: 46 entries read, 40 imported, 3 expired/,
    'log: end';
like $log, qr/ 3 impossible; the files of the original are removed$/m,
    'log: all of it';
like $log, qr/\[warn\].*key of 8193 bytes is not imported, it is too long/,
    'log: long key';
like $log, qr/\[warn\].*key of 9 bytes is not imported, it has a zero byte/,
    'log: zero byte';

is $t->request('DELETE', '/cache/tight')->status, 200, 'deleted';
ok $t->stop, 'stops';
$t->start;
is $t->get('/cache/tight')->status, 404, 'stays deleted';
is $t->count, keys(%pairs) - 7, 'count of the next start';
is scalar(() = $t->error_log =~ /import (?:of|done)/g), 2,
    'imported once';
ok $t->stop, 'stops';

# files that come into a store later are none of its business

$t->write_file('store/CURRENT', "MANIFEST-000002\n");
$t->write_file('store/000005.ldb', 'x');
$t->start;
is $t->get('/cache/spaces')->status, 200, 'serves';
ok $t->stop, 'stops';
is top($t), '000005.ldb 123.txt CURRENT lost notes.txt', 'they stay';

# -- an empty one, and one whose entries lie in its log alone

$t = original();
$t->start;
ok imported($t), 'empty: imported';
is $t->count, 0, 'empty: count';
is top($t), '', 'empty: files are gone';
ok $t->wait_for(sub { !-e $t->dir . '/store/trash' }), 'empty: for good';

# -- requests meanwhile

$t = many();
$t->start;

my $c = $t->connect;
my @late = map { sprintf 'k%06d', MANY - $_ } 1 .. 20;
my @wrong;

is $c->request('POST', "/cache/$late[0]", '{"value":"newer"}')->status, 200,
    'stores what is due';
is $c->request('DELETE', "/cache/$late[2]")->status, 200,
    'deletes what is due';
is $c->request('DELETE', "/cache/$late[2]")->status, 404, 'once';
is $c->request('POST', "/cache/$late[4]", '{"value":1,"duration":"0s"}')
    ->status, 200, 'stores what expires';
$c->request('POST', "/pickle/$late[6]", 'newer');
is $c->request('DELETE', "/cache/$late[6]")->status, 200,
    'deletes what was due';
$c->request('GET', "/cache/$late[4]");

my $r = $c->request('DELETE', '/prefix/k1199');
like $r->body, qr/: (?:9\d|100) keys deleted/, 'purges what is due';
is $c->request('POST', '/pickle/k119950', 'after')->status, 200,
    'stores after that';
$r = $c->request('DELETE', '/prefix/k118', undef,
    Prefer => 'respond-async');
like $r->status, qr/^20[02]$/, 'purges later';

my $under_way = $t->error_log !~ /import done/;
note 'the import ', $under_way ? 'was under way' : 'was over already';

while ($t->error_log !~ /import done/) {
    my $i = int rand 110_000;
    my $r = $c->request('GET', sprintf '/pickle/k%06d', $i);
    my $expected = $i % 2 ? "raw $i"
        : "{\"value\":$i,\"expire\":null,\"duration\":null}";

    push @wrong, $r->status . " $i" if $r->status != 404
        && ($r->status != 200 || $r->body ne $expected);
}

is "@wrong[0 .. ($#wrong < 9 ? $#wrong : 9)]", '', 'a miss, or right';
like $t->error_log, qr/import under way: \d+ entries read/,
    'progress in the log';
is $c->request('GET', '/cache/k119999')->status, 404, 'purged: not back';
is $c->request('GET', '/pickle/k119950')->body, 'after', 'stored after: there';
is $c->request('GET', '/pickle/k118000')->status, 404, 'purged later';
$t->counted(MANY - 100 - 1000 + 1, 'count');
is $c->request('GET', '/cache/k000002')->json->{value}, 2, 'JSON is there';
is $c->request('GET', '/pickle/k117999')->body, 'raw 117999', 'raw is there';
$c->close;
ok $t->stop, 'stops';

# -- a crash in the middle, twice; if this process was late and all was imported
# already, it begins again

my ($files, @goes_on, @done, @names);

for my $try (1 .. 5) {
    $t = many();
    $files = top($t);
    @goes_on = @done = @names = ();

    for my $part (0, 1) {
        $t->start;
        $t->request('POST', '/cache/k119999', '{"value":"newer"}') if !$part;
        $t->request('DELETE', '/cache/k119998') if !$part;
        $t->wait_for(sub { $t->count > 15_000 + 15_000 * $part });
        $t->kill;
        push @goes_on, $t->error_log =~ /entries continues/;
        push @done, $t->error_log =~ /import done/;
        push @names, top($t) =~ s/ ?\bimport\b ?/ /r =~ s/^ | $//gr;
    }

    last if !@done;
}

ok scalar @goes_on, 'goes on';
is_deeply \@done, [], 'crash: both in the middle';
is_deeply \@names, [ $files, $files ], 'crash: the files are there';

$t->start;
ok imported($t), 'crash: imported';
is $t->count, MANY - 1, 'crash: count';
is $t->get('/cache/k119999')->json->{value}, 'newer', 'crash: newer stays';
is $t->get('/cache/k119998')->status, 404, 'crash: deleted stays so';
is $t->get('/pickle/k000001')->body, 'raw 1', 'crash: first';
is $t->get('/pickle/k119997')->body, 'raw 119997', 'crash: last';
is $t->get(sprintf '/pickle/k%06d', $_)->status, 200, "crash: $_"
    for map { 1 + 2 * int rand 59_999 } 1 .. 20;
my ($read) = $t->error_log =~ /import done: (\d+)/;
cmp_ok $read, '<', MANY - 25_000, 'crash: not from the beginning';
is top($t), '', 'crash: files are gone';
ok $t->stop, 'crash: stops';

# -- clear, close and reload in the middle

my ($closes, $opens, $then, $was);

for my $try (1 .. 5) {
    $t = many();
    $t->start;
    $t->wait_for(sub { $t->count > 5_000 });
    $closes = $t->get('/close')->status;

    my $seen = sub { join ' ', top($t), map { -s }
        glob $t->dir . '/store/import/*' };

    $files = $seen->();

    # longer than it takes for some more of them

    sleep 0.5;
    $then = $seen->();
    $opens = $t->request('POST', '/open')->status;
    $was = $t->count;
    last if $was < MANY;
}

is $closes, 200, 'closes';
is $then, $files, 'nothing changes';
is $opens, 200, 'opens';
cmp_ok $was, '<', MANY, 'goes on';
ok $t->reload, 'reloads';
ok $t->wait_for(sub { $t->count > $was }), 'goes on in the new worker';
is $t->get('/clear')->status, 200, 'clears';
is $t->request('POST', '/cache/new', '{"value":1}')->status, 200, 'stores';
is $t->count, 1, 'cleared: no more';
ok $t->wait_for(sub { top($t) eq '' }), 'cleared: files are gone';
ok $t->stop, 'stops';
$t->start;
is $t->count, 1, 'cleared: nothing comes back';
ok $t->stop, 'stops';

# -- the original still runs

$t = original(a => 'raw');

my $pid = open2(my $out, my $in, PYTHON, '-c', 'import plyvel, sys;'
    . 'db = plyvel.DB(sys.argv[1]); print("open", flush=True);'
    . 'sys.stdin.read(); db.close()', $t->dir . '/store');
readline $out;

$t->expect_log(qr/\[crit\] .*cannot be opened.*lock/);
$t->start;
$r = $t->get('/cache/a');
is $r->status, 503, 'held: unavailable';
like $r->json->{detail}, qr/^the store cannot be opened, [^\/]*$/,
    'held: reason';
like $t->error_log, qr/cannot be opened.*LOCK/, 'held: the log says where';

# it is tried again and again
ok $t->wait_for(sub { ($files = top($t)) !~ /import/ }),
    'held: nothing is made';
close $in;
waitpid $pid, 0;
ok imported($t), 'imported when it has gone';
ok $t->wait_for(sub { $t->get('/pickle/a')->body eq 'raw' }),
    'and there, by all workers';
ok $t->stop, 'stops';

# -- damage

sub damaged {
    my ($name, $damage, $least) = @_;

    my $t = many();

    # what lies in the log becomes tables
    python('', $t->dir . '/store');
    $damage->($t, $t->dir . '/store');
    my $files = top($t);

    $t->expect_log(qr/\[crit\] .*the database of the original is damaged/);
    $t->start;
    ok imported($t), "$name: imported";
    is scalar(() = $t->error_log =~ /\[crit\]/g), 1, "$name: one line";
    like $t->error_log, qr/done: .* original are left in place/,
        "$name: and that they stay";
    is top($t), $files, "$name: they do";

    my $count = $t->count;
    note "$name: $count of ", MANY;
    cmp_ok $count, '>=', $least, "$name: the rest is there";
    is $t->request('POST', '/cache/new', '{"value":1}')->status, 200,
        "$name: stores";
    ok $t->stop, "$name: stops";
    $t->start;
    is $t->count, $count + 1, "$name: not tried again";
    is scalar(() = $t->error_log =~ /import (?:of|done)/g), 2,
        "$name: nor said so";
    is top($t), $files, "$name: they stay";
    is $t->get('/clear')->status, 200, "$name: clears";
    ok $t->stop, "$name: stops";
    $t->start;
    is $t->count, 0, "$name: cleared";
    ok $t->stop, "$name: stops";
}

sub patch {
    my ($name, $at, $bytes) = @_;

    open my $file, '+<:raw', $name or die "$name: $!\n";
    seek $file, $at * -s $file, 0;
    print $file $bytes;
    close $file;
}

damaged('a block', sub {
    my @tables = sort { -s $b <=> -s $a } glob "$_[1]/*.ldb";
    patch($tables[0], 0.5, "\xff" x 64);
}, MANY * 0.9);

damaged('a table is gone', sub {
    my @tables = sort { -s $a <=> -s $b } glob "$_[1]/*.ldb";
    unlink $tables[0];
}, 1);

damaged('the manifest', sub {
    patch($_, 0, "\xff" x 64) for glob "$_[1]/MANIFEST*";
}, MANY * 0.9);

damaged('CURRENT', sub {
    $_[0]->write_file('store/CURRENT', 'garbage');
}, MANY * 0.9);

# -- not the original's, though a database

$t = Bigcache::Test->new->conf($conf)->start;
$t->request('POST', '/cache/k', '{"value":1}');
ok $t->stop, 'stops';

my $other = Bigcache::Test->new->conf($conf);

make_path($other->dir . '/store');
$other->write_file("store/$_", $t->read_file("store/index/$_"))
    for map { m{([^/]+)$} } glob $t->dir . '/store/index/*';
$files = top($other);
$other->expect_log(qr/\[crit\] .*cannot be opened.*index/);
$other->start;
$r = $other->get('/cache/k');
is $r->status, 503, "a store's index: refused";
like $other->error_log, qr/is not a bigcache store, but the index of one/,
    "a store's index: reason";
ok $t->wait_for(sub { top($other) eq $files }), "a store's index: untouched";
$other->stop;

# the same where it lies, and while it is in use

$t->start;
$t->request('POST', '/cache/k', '{"value":2}');

my $inside = Bigcache::Test->new->conf($conf =~ s{%%DIR%%/store}
    {@{[ $t->dir ]}/store/index}r);

$inside->expect_log(qr/\[crit\] .*cannot be opened.*index/);
$inside->start;
$r = $inside->get('/cache/k');
is $r->status, 503, "a store's index in its place: refused";
like $inside->error_log, qr/is not a bigcache store, but the index of one/,
    "a store's index in its place: reason";
ok $inside->stop, 'stops';
ok !-e $t->dir . "/store/index/$_", "there is no $_"
    for qw(lock import.new pages);
is $t->get('/cache/k')->json->{value}, 2, 'which goes on';

done_testing;
