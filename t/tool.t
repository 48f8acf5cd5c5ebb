#!/usr/bin/perl

# The command build/bigcache, on stores that an nginx has filled and let go.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Bigcache::Test::LevelDB;
use File::Path qw(make_path);
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

my $tool = $ENV{BIGCACHE_TOOL} || "$FindBin::Bin/../build/bigcache";

plan skip_all => "no $tool" if !-x $tool;

my $conf = Bigcache::Test->default_conf(
    main => 'worker_processes 1;',
    path => 'wait=3s',
    http => 'client_max_body_size 8m;');


# later than what is in the index

use constant LATER => 1 << 40;


# -- helpers

# run(T, ARGUMENT ...): exit status, stdout, stderr

sub run {
    my ($t, @arguments) = @_;

    my @names = map { $t->dir . "/tool.$_" } qw(out err);
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        open STDOUT, '>:raw', $names[0] or die;
        open STDERR, '>:raw', $names[1] or die;
        { exec $tool, @arguments; }
        POSIX::_exit(127);
    }

    waitpid $pid, 0;
    my $status = $? & 127 ? "signal $?" : $? >> 8;

    return ($status, map { $t->read_file("tool.$_") } qw(out err));
}


# command(T, COMMAND, ARGUMENT ...): the same, on the store of T

sub command {
    my ($t, $command, @arguments) = @_;

    return run($t, $command, $t->dir . '/store', @arguments);
}


# check(T, REGEX, NAME): finds that one problem

sub check {
    my ($t, $regex, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($status, $out, $err) = command($t, 'check');

    is $status, 1, "check: $name: status" or diag "$out$err";
    like $out, $regex, "check: $name: line";
    is scalar(() = $out =~ /\n/g), 1, "check: $name: one" or diag $out;
}


# -- usage

my $t = Bigcache::Test->new->conf($conf);

for my $arguments ([], ['--help'], ['-h'], ['help'], ['none', '/tmp'],
    ['stat'], ['stat', '/tmp', 'x'], ['get', '/tmp'], ['get', '-i', '/tmp'],
    ['get', '/tmp', 'a', 'b'], ['ls'], ['ls', '/tmp', 'a', 'b'], ['check'],
    ['compact'], ['check', '/tmp', 'x'], ['get', '--head', '/tmp', 'a'],
    ['get', '-p', '/tmp'], ['get', '-p', '/tmp', 'a', 'b', 'c'],
    ['ls', '-t'], ['ls', '-t', '', '/tmp'], ['ls', '-k'], ['ls', '-k', 'page'], ['ls', '-k', 'none', '/tmp'],
    ['ls', '-p', '/tmp', 'a'], ['stat', '-k', 'page', '/tmp'])
{
    my ($status, $out, $err) = run($t, @$arguments);

    is "$status $out", '2 ', "usage: @$arguments: status";
    like $err, qr/^usage: bigcache COMMAND DIRECTORY/, "usage: @$arguments";
}

# -- what is not a store

make_path($t->dir . '/other/sub');
$t->write_file('other/CURRENT', "MANIFEST-000002\n");
$t->write_file('other/MANIFEST-000002', 'x');
make_path($t->dir . '/empty');

for my $name (qw(other empty none tool.out)) {
    for my $command ([qw(stat)], [qw(ls)], [qw(get)], [qw(check)],
        [qw(compact)])
    {
        my ($status, $out, $err) = run($t, @$command, $t->dir . "/$name",
            $command->[0] eq 'get' ? 'key' : ());

        is "$status $out", '2 ', "$name: @$command: status";
        like $err, qr/$name" is not a bigcache store$/, "$name: @$command";
    }
}

is join(' ', sort map { m{([^/]+)$} } glob $t->dir . '/{other,empty}/*'),
    'CURRENT MANIFEST-000002 sub', 'nothing is made there';

# -- a store

my $gzip = join ' ', 1 .. 2000;
my $large = join '', map { chr 33 + int rand 90 } 1 .. 50_000;

$large = substr $large x 31, 0, 1_500_000;

my $begin = int time;

$t->start;
$t->request('POST', '/cache/json', '{"value":[1,2],"tags":["red"]}');
$t->request('POST', '/cache/expires',
    "{\"value\":1,\"expire\":@{[ $begin + 1000 ]}.5}");
$t->request('POST', '/pickle/gzip', $gzip, 'Content-Type' => 'text/x-gzip');
$t->request('POST', '/pickle/large', $large, 'Content-Type' => 'text/large');
$t->request('POST', '/pickle/empty', '');
$t->request('POST', '/pickle/odd%0a%09%5c%ff%ed%95%9c%20', 'odd');
$t->request('POST', '/pickle/', 'the empty key');
$t->request('POST', "/pickle/many$_", "many $_") for 1 .. 99;
$t->request('POST', '/batch', '{"operations":[{"op":"set","key":"many100",'
    . '"base64":"QUJD","type":"text/plain","tags":["red","a b","l\n"]}]}');

my @held = map { [ command($t, $_, $_ eq 'get' ? 'json' : ()) ] }
    qw(stat ls get check compact);
is_deeply [ map { "$_->[0] $_->[1]" } @held ], [ ('2 ') x 5 ], 'held: status';
like $_->[2], qr/ is open in another process; GET \/close first$/, 'held'
    for @held;

# at the end: it is not to be swept before the store is closed, so once more if
# that has taken too long

my $closed;

for (1 .. 10) {
    my $from = time;

    $t->request('POST', '/open') if $closed;
    $t->request('POST', '/pickle/expired', 'x', 'X-Bigcache-Duration' => '2s');
    $closed = $t->get('/close')->status;
    last if time < $from + 2;
}

is $closed, 200, 'closed';
sleep 2.2;          # one has expired

my ($status, $out, $err) = command($t, 'stat');

is "$status $err", '0 ', 'stat: status';
my %stat = $out =~ /^([^:\n]+): (.*)$/mg;
is_deeply [ @stat{qw(keys live expired damaged)} ], [ 108, 107, 1, 0 ],
    'stat: keys' or diag $out;
cmp_ok $stat{'live segment bytes'}, '>', 1_500_000, 'stat: live';
cmp_ok $stat{'live segment bytes'}, '<', $stat{'segment bytes'},
    'stat: of bytes';
is $stat{bytes}, $stat{'segment bytes'} + $stat{'index bytes'}, 'stat: bytes';
is $stat{segments}, scalar(my @segments = $t->files('pages/*.seg')),
    'stat: segments';
like $out, qr/^segment [0-9a-f]{16}: \d+ bytes, \d+ live$/m, 'stat: a segment';

($status, $out, $err) = command($t, 'ls');

is "$status $err", '0 ', 'ls: status';

my %line = map { my ($key, @rest) = split /\t/; $key => \@rest }
    split /\n/, $out;

is scalar(keys %line), 108, 'ls: lines';
is_deeply [ @{ $line{large} }[0, 1, 2, 4, 5] ],
    [ 'raw', 1_500_000, 1_500_000, '-', 'text/large' ], 'ls: raw';
is_deeply [ @{ $line{gzip} }[0, 2, 5] ], [ 'raw', length $gzip,
    'text/x-gzip' ], 'ls: packed';
cmp_ok $line{gzip}[1], '<', length($gzip) / 2, 'ls: packed bytes';
is_deeply [ @{ $line{json} }[0, 2, 4, 5] ], [ 'json',
    length '{"key":"json","value":[1,2],"expire":null,"duration":null}', '-',
    '-' ], 'ls: JSON';
is $line{expires}[4], strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $begin + 1000),
    'ls: expires';
like $line{json}[3], qr/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, 'ls: stored';
my @near = map { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $begin + $_) } 0 .. 9;
ok scalar(grep { $_ eq $line{json}[3] } @near), 'ls: about now';
ok $line{"odd\\x0a\\x09\\\\\\xff\xed\x95\x9c"}
    || $line{"odd\\x0a\\x09\\\\\\xff\xed\x95\x9c "}, 'ls: escaped';
ok $line{''}, 'ls: the empty key';

($status, $out) = command($t, 'ls', 'many1');
is_deeply [ sort map { (split /\t/)[0] } split /\n/, $out ],
    [ sort grep { /^many1/ } map { "many$_" } 1 .. 100 ], 'ls: prefix';
is join(' ', command($t, 'ls', 'none')), '0  ', 'ls: none';

for ([ [ '-t', 'red' ], 'json many100' ], [ [ '-t', 'a b' ], 'many100' ],
    [ [ '-t', 're' ], '' ], [ [ '-k', 'json', '-t', 'red' ], 'json' ])
{
    my ($options, $keys) = @$_;

    ($status, $out, $err) = run($t, 'ls', @$options, $t->dir . '/store');
    is join(' ', map { (split /\t/)[0] } split /\n/, $out), $keys,
        "ls @$options";
    is "$status $err", '0 ', "ls @$options: status";
}

($status, $out) = run($t, 'ls', '--tags', $t->dir . '/store', 'many10');
is_deeply [ map { my ($key, @c) = split /\t/; [ $key, @c[6 .. $#c] ] }
        split /\n/, $out ],
    [ [ 'many10' ], [ 'many100', 'red', 'a b', 'l\\x0a' ] ], 'ls --tags'
    or diag $out;
($status, $out, $err) = run($t, 'get', '-i', $t->dir . '/store', 'many100');
like $err, qr{^type: text/plain\ntag: red\ntag: a b\ntag: l\\x0a\nversion: }m,
    'get -i: tags';

for ([ 'gzip', $gzip ], [ 'large', $large ], [ 'empty', '' ],
    [ '', 'the empty key' ],
    [ 'json', '{"key":"json","value":[1,2],"expire":null,"duration":null}' ])
{
    my ($key, $body) = @$_;
    my ($status, $out, $err) = command($t, 'get', $key);

    ok $status == 0 && $out eq $body && $err eq '', "get: '$key'"
        or diag "$status $err";
}

($status, $out, $err) = run($t, 'get', '-i', $t->dir . '/store', 'gzip');
ok $status == 0 && $out eq $gzip, 'get -i: body';
like $err, qr{^kind: raw\nstored bytes: \d+\nunpacked bytes: @{[ length $gzip
    ]}\nstored: .*Z\nexpires: -\ntype: text/x-gzip\n}, 'get -i';
($status, $out, $err) = run($t, 'get', $t->dir . '/store', '--', '-i');
is "$status $out", '1 ', 'get --: status';
like $err, qr/there is no such key/, 'get --';
like +(command($t, 'get', 'expired'))[2], qr/the key has expired/,
    'get: expired';

($status, $out, $err) = command($t, 'check');
is "$status $out", '0 ', 'check: fine';
like $err, qr/^108 keys, \d+ entries in segments, \d+ of them dead, 0 problems/,
    'check: what there is';

is $t->request('POST', '/open')->status, 200, 'opened again';
is $t->wait_for(sub { $t->count == 107 }), 1,
    'count of nginx';
unlike $t->error_log, qr/not closed properly/, 'the count was kept';
ok $t->get('/pickle/large')->body eq $large, 'large is there';
is $t->get('/pickle/gzip')->body, $gzip, 'packed is there';

# a crash

$t->kill;
($status, $out, $err) = command($t, 'check');
is "$status $out", '0 ', 'crash: check';
like $err, qr/not closed properly/, 'crash: says so';
is +(command($t, 'stat'))[0], 0, 'crash: stat';
$t->start;
is $t->count, 107, 'crash: count';

# -- compact

my %body;

for my $i (1 .. 600) {
    my $body = join '', map { chr 33 + int rand 90 } 1 .. 8000;

    $body{"c$i"} = $body if $i % 20 == 0;
    $t->request('POST', "/pickle/c$i", $body);
}

$t->request('DELETE', "/pickle/c$_") for grep { $_ % 20 } 1 .. 600;
$t->request('POST', '/pickle/brief', 'x' x 10, 'X-Bigcache-Duration' => '1s');
ok $t->stop, 'stops';

# the sweep leaves alone what was stored within two seconds

sleep 2.2;

($status, $out, $err) = command($t, 'compact');
is "$status $err", '0 ', 'compact: status';
my ($before, $after) = $out =~ /^bytes before: (\d+)\nbytes after: (\d+)$/m;
cmp_ok $after, '<', $before - 2_000_000, 'compact: bytes' or diag $out;
is +(command($t, 'check'))[0], 0, 'compact: check';
($status, $out) = command($t, 'stat');
%stat = $out =~ /^([^:\n]+): (.*)$/mg;
is $stat{keys}, 107 + 30, 'compact: keys';
is $stat{expired}, 0, 'compact: none has expired';
cmp_ok $stat{'live segment bytes'}, '>', $stat{'segment bytes'} * 0.9,
    'compact: nearly all is live';

$t->start;
is $t->count, 137, 'compact: count';
is_deeply [ grep { $t->get("/pickle/$_")->body ne $body{$_} } sort keys %body ],
    [], 'compact: bodies';
ok $t->get('/pickle/large')->body eq $large, 'compact: large';
unlike $t->error_log =~ s/.*not closed properly.*//r, qr/not closed properly/,
    'compact: closed properly';
ok $t->stop, 'stops';

# -- a purge that a crash has cut off

my $keys = 137;

SKIP: {
    my $python = '/usr/bin/python3';

    skip 'no python3-plyvel', 12
        if system("$python -c 'import plyvel' 2>/dev/null") != 0;

    # as bigcache writes it: the version, microseconds, and the prefix
    system($python, '-c', 'import plyvel, struct, sys, time
db = plyvel.DB(sys.argv[1])
db.put(b"p" + struct.pack(">Q", int(time.time() * 1e6)) + b"c1", b"")
db.close()', $t->dir . '/store/index') == 0 or die "python failed\n";

    my @purged = grep { /^c1/ } keys %body;

    is scalar(() = (command($t, 'ls', 'c1'))[1] =~ /\n/g), 0, 'purged: ls';
    is scalar(() = (command($t, 'ls', 'c'))[1] =~ /\n/g), 30 - @purged,
        'purged: ls of others';
    ($status, $out, $err) = command($t, 'get', $purged[0]);
    is "$status $out", '1 ', 'purged: get';
    like $err, qr/the key was purged/, 'purged: why';
    ($status, $out) = command($t, 'stat');
    %stat = $out =~ /^([^:\n]+): (.*)$/mg;
    is_deeply [ @stat{qw(keys live expired purged)} ],
        [ 137, 137 - @purged, 0, scalar @purged ], 'purged: stat';
    is +(command($t, 'check'))[0], 0, 'purged: check';

    # the command ends it, with the pages
    $keys -= @purged;
    is +(command($t, 'compact'))[0], 0, 'purged: compact';
    ($status, $out) = command($t, 'stat');
    %stat = $out =~ /^([^:\n]+): (.*)$/mg;
    is_deeply [ @stat{qw(keys live expired purged)} ],
        [ ($keys) x 2, 0, 0 ], 'purged: stat, compacted';
    is +(command($t, 'check'))[0], 0, 'purged: check, compacted';

    $t->start;
    is $t->count, $keys, 'purged: count';
    is scalar(grep { $t->get("/pickle/$_")->status == 200 } @purged), 0,
        'purged: misses';
    ok $t->stop, 'stops';
}

# -- check, what is wrong

# what is in the trash still may be a directory

my %good = map { $_ => $t->read_file($_) }
    grep { -f $t->dir . "/$_" } $t->files('*/*');


sub restore {
    unlink map { $t->dir . "/$_" } $t->files('*/*');
    $t->write_file($_, $good{$_}) for keys %good;
}


my ($where) = grep { index($good{$_}, 'text/large') >= 0 }
    grep { /\.seg$/ } sort keys %good;
my $at = index $good{$where}, 'text/large';

$t->patch($where, $at + 1000, "\0\1\2");
check($t, qr/^key "large": its body fails its check$/, 'body');
($status, $out, $err) = command($t, 'get', 'large');
is "$status $out", '1 ', 'get: damaged: status';
like $err, qr/the page is damaged: its body fails its check/, 'get: damaged';
restore();

$t->patch($where, $at - 30, "\xff");
check($t, qr/^key "large": the header of its entry fails its check$/, 'head');
restore();

$at = index $good{$where}, 'text/x-gzip';
$t->patch($where, $at + 11 + 40, "\xff\xff") if $at >= 0;
$at >= 0 ? check($t, qr/^key "gzip": its body fails its check$/, 'packed')
    : fail('packed: in another segment');
restore();

unlink $t->dir . "/$where";
($status, $out) = command($t, 'check');
is $status, 1, 'check: no segment: status';
like $out, qr/^key "large": its segment is gone$/m, 'check: no segment';
restore();

truncate $t->dir . "/$where", length($good{$where}) / 2;
is +(command($t, 'check'))[0], 1, 'check: cut: status';
restore();

my ($table) = sort { length $good{$b} <=> length $good{$a} }
    grep { /\.ldb$/ } keys %good;
$t->patch($table, length($good{$table}) / 3, "\xff" x 8);
($status, $out) = command($t, 'check');
is $status, 1, 'check: index: status';
like $out, qr/^the index is damaged: /m, 'check: index';
restore();

unlink $t->dir . "/$table";
check($t, qr/^the index is damaged: /, 'no table');
is +(command($t, 'stat'))[0], 2, 'stat: damaged index';
restore();

my ($log) = grep { /\.log$/ } sort keys %good;

$t->write_file($log, leveldb_log(LATER, 'mcount' => pack 'Q<', 7));
check($t, qr/^7 keys are kept as the count, but there are $keys$/, 'count');
restore();

$t->write_file($log, leveldb_log(LATER, 'kbad' => 'x'));
($status, $out) = command($t, 'check');
is $status, 1, 'check: record: status';
like $out, qr/^key "bad": the record fails its check$/m, 'check: record';
like +(command($t, 'ls', 'bad'))[1], qr/^bad\tdamaged\t/, 'ls: record';
restore();

my ($id) = $where =~ /([0-9a-f]{16})\.seg$/;
my $number = do { no warnings 'portable'; hex $id };
$t->write_file($log, leveldb_log(LATER, 'mcount' => pack('Q<', $keys),
    'msegments' => pack 'Q<2', $number, 5));
check($t, qr/^segment $id: 5 bytes are kept as live, but there are \d+$/,
    'live bytes');
restore();

$t->write_file($log, leveldb_log(LATER, 'mformat' => pack 'Q<', 9));
like +(command($t, $_))[2], qr/cannot be opened: .*format 9/, "$_: format"
    for qw(stat check compact);
restore();

is +(command($t, 'check'))[0], 0, 'check: restored';

# -- a store of another user stays his

SKIP: {
    skip 'only root can', 4 if $>;

    my $other = Bigcache::Test->new(user => 'nobody nogroup')->conf($conf);

    make_path($other->dir . '/store');
    chown +(getpwnam 'nobody')[2, 3], $other->dir . '/store';
    $other->start;
    is $other->request('POST', '/cache/k', '{"value":1}')->status, 200,
        'nobody: stores';
    ok $other->stop, 'nobody: stops';
    is_deeply [ map { (command($other, $_))[0] } qw(stat ls check compact) ],
        [ 0, 0, 0, 0 ], 'nobody: commands';
    $other->start;
    is $other->get('/cache/k')->status, 200, 'nobody: serves';
}

done_testing;
