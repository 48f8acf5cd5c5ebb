#!/usr/bin/perl

# bigcache doctor: on directories, open ones and others, which it does not
# change; on running servers; and on what only seems to be one.  Each finding
# that a test can provoke is provoked here, the others in t/unit/doctor_test.c.

use strict;
use warnings;

use FindBin;
use Bigcache::Test qw(slurp);
use File::Find;
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(strftime);
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;

my $tool = $ENV{BIGCACHE_TOOL} || "$FindBin::Bin/../build/bigcache";

plan skip_all => "no $tool" if !-x $tool;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $n = 0;
my @children;

END {
    my $status = $?;

    kill KILL => @children;
    waitpid $_, 0 for @children;
    $? = $status;
}


# doctor(ARGUMENT ...): exit status, stdout, stderr

sub doctor {
    my (@arguments) = @_;

    my @names = map { "doctor.$_.$$." . ++$n } qw(out err);
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        open STDOUT, '>:raw', "$dir/$names[0]" or POSIX::_exit(126);
        open STDERR, '>:raw', "$dir/$names[1]" or POSIX::_exit(126);
        { exec $tool, 'doctor', @arguments; }
        POSIX::_exit(127);
    }

    waitpid $pid, 0;
    my $status = $? & 127 ? "signal $?" : $? >> 8;

    return ($status, map { $t->read_file($_) } @names);
}


# findings(ARGUMENT ...): what it says as JSON, by the names of the checks; its
# status must be that of the process

sub findings {
    my (@arguments) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($status, $out, $err) = doctor('--json', @arguments);
    my $report = eval { JSON::PP::decode_json($out) };

    is_deeply [ $report && $report->{status}, $err ], [ $status, '' ],
        "@arguments: its status" or diag $out, $err;

    return { map { $_->{name} => $_ } @{ $report->{checks} } };
}


# level(FINDINGS, NAME, LEVEL, REGEX, TEST): and what is seen

sub level {
    my ($found, $name, $level, $regex, $test) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $finding = $found->{$name} // { level => 'none', seen => '', do => '' };

    is $finding->{level}, $level, "$test: $name" or diag $finding->{seen};
    like $finding->{seen}, $regex, "$test: $name: what is seen";
    ok $level eq 'ok' || $finding->{do} ne '' && $finding->{why} ne '',
        "$test: $name: why, and what to do";
}


sub url { 'http://127.0.0.1:' . $t->port($_[0] // 0) . ($_[1] // '') }


# fake(N, ANSWER): a server at port N that says that to each; a code gets the
# path

sub fake {
    my ($port, $answer) = @_;

    my $socket = IO::Socket::INET->new(Listen => 5, ReuseAddr => 1,
        LocalAddr => '127.0.0.1', LocalPort => $t->port($port))
        or die "listen: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid) {
        push @children, $pid;
        return;
    }

    $SIG{PIPE} = 'IGNORE';
    $SIG{TERM} = 'DEFAULT';
    my @open;

    while (1) {
        my $c = $socket->accept or next;
        my ($path) = (<$c> // '') =~ /^GET (\S+)/;

        while (defined(my $line = <$c>)) {
            last if $line =~ /^\r?\n/;
        }

        my $text = ref $answer ? $answer->($path, $c) : $answer;

        defined $text ? print $c $text : push @open, $c;
    }
}


# -- usage

for my $arguments ([], ['a', 'b'], ['-H'], ['-i', 'a'], ['a', '-H'])
{
    my ($status, $out, $err) = doctor(@$arguments);

    is "$status $out", '2 ', "usage: @$arguments";
    like $err, qr/^usage: bigcache COMMAND/, "usage: @$arguments: is printed";
}

# -- it cannot look

fake(6, undef);
my $slow = $t->in_child(sub { join ' ', (doctor(url(6)))[0, 2] });

for my $case ([ "$dir/none", qr/cannot open ".*": No such file/ ],
    [ "$dir/nginx.conf", qr/cannot open .*: Not a directory/ ],
    [ 'https://127.0.0.1/', qr/https is not spoken/ ],
    [ 'ftp://127.0.0.1/', qr/it must be http/ ],
    [ 'http://u:p@127.0.0.1/', qr/it must be http/ ],
    [ url(7), qr/cannot connect to 127\.0\.0\.1, port \d+: Connection refused/ ])
{
    my ($target, $regex) = @$case;

    $t->write_file('nginx.conf', '') if !-e "$dir/nginx.conf";
    my ($status, $out, $err) = doctor($target);

    is "$status $out", '2 ', "$target: the status";
    like $err, qr/^bigcache: .*$regex/, "$target: why";
}

is((doctor('-H', "A: b\r\nC: d", url(7)))[0], 2, 'a field with a line break');

$t->write_file('empty_field', '');
$t->write_file('long', 'A: ' . 'x' x 4093 . "\n");
$t->write_file('nul', "A: b\0c\n");

my $no_field = qr/-H must be a field/;

for my $case ([ 'A' => $no_field ], [ ': b' => $no_field ],
    [ "\@$dir/empty_field" => $no_field ], [ "\@$dir/nul" => $no_field ],
    [ '@/none' => qr{cannot open "/none" of -H: No such file} ],
    [ "\@$dir" => qr/cannot read ".*" of -H: Is a directory/ ],
    [ 'A: ' . 'x' x 4093 => qr/more than 4095 bytes/ ],
    [ "\@$dir/long" => qr/more than 4095 bytes/ ])
{
    my ($field, $regex) = @$case;
    my ($status, $out, $err) = doctor('-H', $field, url(7));
    my $test = '-H ' . substr $field, 0, 60;

    is "$status $out", '2 ', "$test: the status";
    like $err, qr/^bigcache: .*$regex/, "$test: why";
}

like((doctor('-H', 'A: ' . 'x' x 4092, url(7)))[2], qr/cannot connect/,
    'the longest field');
like((doctor('-H', 'A: b', $dir))[2], qr/^bigcache: -H is .* is no URL$/,
    'a field for a directory');

my $head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
my %answers = (
    'no HTTP' => [ "SSH-2.0-OpenSSH_9.2\r\n\r\n", qr/not one of HTTP/ ],
    'nothing' => [ '', qr/without an answer/ ],
    'half a header' => [ 'HTTP/1.1 200', qr/ends in its header/ ],
    'half a body' => [ "${head}Content-Length: 100\r\n\r\n{", qr/too early/ ],
    'a length too large' => [ "${head}Content-Length: 99999999999\r\n\r\n",
        qr/is too large/ ],
    'a length that is none' => [ "${head}Content-Length: -1\r\n\r\n",
        qr/makes no sense/ ],
    'an endless header' => [ 'HTTP/1.1 200 OK' . "\r\nX: y" x 20_000,
        qr/header of the answer is too large/ ],
    'an endless body' => [ "$head\r\n" . ' ' x 1_100_000, qr/is too large/ ],
    'a connection that is reset' => [ "$head\r\n" . '{"stats":{}}',
        qr/was lost before the answer had ended/ ],
    'chunks' => [ "${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        qr/in chunks/ ],
    'other JSON' => [ "$head\r\n[1,2,3]", qr/not what bigcache says/ ],
    'deep JSON' => [ "$head\r\n" . '[' x 100_000, qr/not what bigcache says/ ],
    'a redirect' => [ "HTTP/1.1 301 Moved\r\nLocation: https://a/\e[2J\r\n\r\n",
        qr{has answered 301\n.*it leads to https://a/\\x1b\[2J$} ],
    'a refusal' => [ "HTTP/1.1 401 Unauthorized\r\n\r\n",
        qr/has answered 401: -H "Authorization/ ],
    'no such path' => [ "HTTP/1.1 404 Not Found\r\n\r\n",
        qr{has answered 404: is there a /BASE} ],
);

# one server says all of them, by the base of the URL

my @names = sort keys %answers;

fake(5, sub {
    my ($path, $c) = @_;
    my $name = $path =~ m{^/(\d+)/} ? $names[$1] : return '';

    # closed with no time to linger, it is reset

    setsockopt $c, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if $name =~ /reset/;

    return $answers{$name}[0];
});

for my $i (0 .. $#names) {
    my ($status, $out, $err) = doctor(url(5, "/$i"));

    is "$status $out", '2 ', "$names[$i]: the status";
    like $err, $answers{ $names[$i] }[1], "$names[$i]: why";
}

# -- what seems to be a server

my $stat = '{"stats":{"hit":9000,"miss":100},"hot":{"entries":95,"room":100,'
    . '"hits":10},"in_force":{"zone":"z","file_system":"nfs4","path":"\u001b[2J'
    . '","max_size":null,"min_free":null,"sync":null,"body_buffer":8000},'
    . '"bodies":{"in_files":4}}';

fake(4, sub {
    my ($path) = @_;

    return "HTTP/1.0 200 OK\r\nDate: " . strftime('%a, %d %b %Y %H:%M:%S GMT',
            gmtime(time - 600)) . "\r\n\r\n"
        . ($path =~ /stat$/ ? $stat
            : "# HELP bigcache_info x\nbigcache_info{version=\"0.0.1\"} 1\n"
                . "bigcache_hot_room 100\nbigcache_up 1\nbigcache_entries 1e6\n"
                . "bigcache_sync_failures_total 3\nbigcache_unsynced_seconds 1\n"
                . "bigcache_evicted_segments_total 7\n"
                . "bigcache_evicted_pages_total 7\n"
                . "bigcache_evicted_age_seconds 60\n"
                . 'bigcache_requests_total{operation="get",status="503"} 5'
                . "\n");
});

my $found = findings(url(4));

level($found, 'clock', 'warning', qr/60\d seconds behind/, 'fake');
level($found, 'version', 'advice', qr/^the server has 0\.0\.1,/, 'fake');
level($found, 'zone', 'warning', qr/95 entries, and room for 100/, 'fake');
level($found, 'file_system', 'error', qr/^nfs4, /, 'fake');
level($found, 'syncs', 'error', qr/3 times/, 'fake');
level($found, 'sync', 'advice', qr/off/, 'fake');
level($found, 'evictions', 'warning', qr/ was 0\.0 hours old;/, 'fake');
level($found, 'refused', 'warning', qr/^5 of 5 requests/, 'fake');
level($found, 'body_buffer', 'advice', qr/and 4 bodies/, 'fake');
is $found->{hit_rate}{level}, 'ok', 'fake: the rest may be good';

my ($status, $out) = doctor(url(4));
is $status, 1, 'fake: the status';
unlike $out, qr/\e/, 'fake: no control character is printed';
like $out, qr/^in force path: \\x1b\[2J$/m, 'fake: but its escape';
like $out, qr/^error    file_system: .*\n {9}why: .+\n {9}do:  .+\n/m,
    'fake: what a finding looks like';

# -- a server with which nothing is wrong but perhaps the machine

my %machine = map { $_ => 1 } qw(file_system mount disk space inodes limits
    preadv2 cachestat open_files owner);

sub wrong {
    my ($found) = @_;

    return join ' ', grep { !$machine{$_} && $found->{$_}{level} ne 'ok' }
        sort keys %$found;
}

my $token = 'Authorization: Bearer secret';

$t->conf(main => 'worker_processes auto;',
    http => 'sendfile on; tcp_nopush on; client_max_body_size 100m;
        map $http_authorization $refused { default 1; "Bearer secret" ""; }',
    server => 'location /base/ {
        bigcache main; bigcache_base /base;
        if ($refused) { return 403; }
    }')->start;

$t->request('POST', "/pickle/$_", $_ x 1000) for 1 .. 50;
$t->get("/pickle/$_") for 1 .. 60;
$t->durable;

$found = findings(url());
is wrong($found), '', 'a good server';
level($found, 'store', 'ok', qr/^open, with 50 pages$/, 'a good server');
is $found->{clock}{level}, 'ok', 'a good server: its clock';

($status, $out) = doctor(url());
my $said = $t->get('/stat')->json->{in_force};
is join(' ', sort $out =~ /^in force (\w+): /mg), join(' ', sort keys %$said),
    'what is in force is printed by the names of /stat';

my $report = JSON::PP::decode_json((doctor('--json', url()))[1]);
is_deeply $report->{in_force}, $said, 'and has its values in JSON';
is $report->{kind}, 'server', 'its kind';

($status, $out, my $err) = doctor(url(0, '/base'));
is "$status $out", '2 ', 'who does not say who it is';
like $err, qr/answered 403: -H/, 'is told how';
is wrong(findings('-H', $token, url(0, '/base/'))), '', 'a field of the request';
$t->write_file('token', "$token\n");
is wrong(findings('-H', "\@$dir/token", url(0, '/base'))), '', 'from a file';

# -- its directory, open

$found = findings("$dir/store");
is wrong($found), '', 'a good directory';
level($found, 'store', 'ok', qr/^a store with \d+ segments? of /,
    'a good directory');

SKIP: {
    my $owner = $t->owner or skip 'no /proc/locks', 2;
    my ($limit) = slurp("/proc/$owner/limits")
        =~ /^Max open files +(\d+)/m;

    is $found->{owner}{seen}, "the process $owner has it open", 'who has it';
    like $found->{open_files}{seen}, qr/^the process $owner may have $limit /,
        'and its limit';
}

# -- closed

is $t->request('POST', '/close')->status, 200, 'close';
level(findings(url()), 'store', 'error', qr/^the store is closed/, 'closed');

my @before = looks();
$found = findings("$dir/store");
is wrong($found), '', 'a closed directory';
like $found->{owner}{seen}, qr/^no process/, 'nobody has it open';
is_deeply [ looks() ], \@before, 'it is not changed, nor are times';

# looks(): all files of the store, with what would show that one was touched

sub looks {
    my @files;

    find({ no_chdir => 1, wanted => sub {
        my @st = lstat or return;
        push @files, join ' ', $_, @st[1 .. 5, 7],
            -d _ ? () : @st[8 .. 10];
    } }, "$dir/store");

    return sort @files;
}

is $t->request('POST', '/open')->status, 200, 'open';

# -- a limit of files that is too low, a body buffer, and a small zone

$t->conf(main => 'worker_rlimit_nofile 900; worker_processes 3;', size => '32k',
    path => 'sync=off max_size=64m', http => 'client_body_buffer_size 16k;');
$t->stop;
$t->start;

for my $i (1 .. 30) {
    my $ops = join ',', map { "{\"op\":\"set\",\"key\":\"z/$i/$_\",\"value\":1}" }
        1 .. 100;

    $t->request('POST', '/batch', "{\"operations\":[$ops]}");
    $t->get("/cache/z/$i/$_") for 1 .. 40;
}

$t->request('POST', '/pickle/large', 'x' x 40_000);

$found = findings(url());
level($found, 'open_files', 'warning', qr/may have 900 files open/, 'low');
level($found, 'body_buffer', 'advice', qr/ 16\.0 KB, and [1-9]/, 'low');
level($found, 'sync', 'advice', qr/off/, 'low');
level($found, 'max_body', 'advice', qr/is 1\.0 MB/, 'low');
level($found, 'sendfile', 'advice', qr/off/, 'low');
level($found, 'limits', 'ok', qr/^max_size 64\.0 MB$/, 'low');
like $found->{zone}{level}, qr/^(?:advice|warning)\z/, 'low: zone'
    or diag $found->{zone}{seen};
like $found->{zone}{do}, qr/"zone=main:\d+m"/, 'low: zone: what to do';

SKIP: {
    skip 'no /proc/locks', 3 if !$t->owner;
    level(findings("$dir/store"), 'open_files', 'warning',
        qr/may have 900 files open/, 'low, the directory');
}

$t->stop;

# -- a front of two servers

$t->conf(http => 'upstream shards {
        hash $bigcache_shard_key consistent;
        server 127.0.0.1:%%PORT_0%% max_fails=0;
        server 127.0.0.1:%%PORT_2%% max_fails=0;
    }
    bigcache_path %%DIR%%/second zone=second:1m;',
    servers => 'server {
        listen 127.0.0.1:%%PORT_1%%;
        location / {
            bigcache_shards shards;
            proxy_pass http://shards;
            proxy_next_upstream off;
        }
    }
    server { listen 127.0.0.1:%%PORT_2%%; location / { bigcache second; } }')
    ->start;

$t->request_to(1, 'POST', "/cache/k$_", '{"value":1}') for 1 .. 20;
$found = findings(url(1));
level($found, 'front', 'ok', qr/of 2 servers/, 'a front');
like $found->{store}{seen}, qr/^open, with \d+ pages$/, 'a front: all are open';
$t->stop;

# -- directories that nginx has not made

sub made {
    my ($name, %files) = @_;

    mkdir "$dir/$name", 0700;

    for my $file (sort keys %files) {
        my @parts = split m{/}, $file;

        mkdir "$dir/$name/" . join '/', @parts[0 .. $_] for 0 .. $#parts - 1;
        $t->write_file("$name/$file", $files{$file}) if $file !~ m{/$};
        mkdir "$dir/$name/$file" if $file =~ m{/$};
    }

    return "$dir/$name";
}


# segment(TIME, FORMAT): its name and its header

sub segment {
    my ($time, $format) = @_;

    return (sprintf('pages/%016x.seg', $time * 1e6),
        'bigcsegm' . pack 'VVQ<Q<', $format, 0, $time * 1e6, 0);
}

my @index = ('index/CURRENT' => "MANIFEST-000002\n");

is findings(made('empty'))->{store}{seen}, 'nothing is stored yet', 'empty';
$found = findings(made('foreign', 'a' => 'b'));
level($found, 'store', 'error', qr/^this is no store/, 'another directory');
is $found->{limits}, undef, 'its limits are not judged';
level(findings(made('original', CURRENT => 'x', 'MANIFEST-000002' => 'y')),
    'store', 'ok', qr/would import/, 'an original');
level(findings("$dir/store/index"), 'store', 'error', qr/index of a store/,
    'the index');

level(findings(made('future', @index, segment(time + 7200, 1))), 'clock',
    'warning', qr/ 7(?:1\d\d|200) seconds behind/, 'a clock that was set back');
level(findings(made('newer', @index, segment(time, 9))), 'format', 'error',
    qr/format 9/, 'another format');
level(findings(made('tables', @index,
    map { sprintf('index/%06d.ldb', $_) => '' } 1 .. 1001)), 'tables', 'advice',
    qr/1001 tables/, 'many tables');
level(findings(made('damaged', @index, 'index.damaged-1/CURRENT' => 'x')),
    'leftovers', 'warning', qr/1 damaged/, 'a damaged index');

my $trash = made('trash', @index, 'trash/index-1/CURRENT' => 'x',
    'trash/import-2/CURRENT' => 'yy');

symlink '../000005.ldb', "$trash/trash/import-2/000005.ldb";
$found = findings($trash);
is $found->{leftovers}{seen}, '3 bytes are in the trash', 'trash';
is $found->{files}{level}, 'ok', 'trash: an import that was discarded';

is findings(made('import', @index, 'import/CURRENT' => 'x'))->{import}{level},
    'ok', 'an import under way';

my $linked = made('linked', @index, 'pages/x' => '');

symlink '/etc/passwd', "$linked/pages/y";
level(findings($linked), 'files', 'error', qr{"pages/y" is a link}, 'a link');

chmod 0777, made('wide', @index);
level(findings("$dir/wide"), 'mode', 'error', qr/mode 0777/, 'a mode');

symlink '/', made('linked_trash', @index, 'trash/' => '') . '/trash/pages-1';
level(findings("$dir/linked_trash"), 'files', 'error',
    qr{"trash/pages-1" is a link}, 'a link in the trash');

SKIP: {
    skip 'only root may give files away', 9 if $>;
    my $given = made('given', @index, 'lock' => '');

    chown 33, 33, "$given/index/CURRENT";
    $found = findings($given);
    level($found, 'files', 'error', qr{but "index/CURRENT" is of another},
        'a file of another user');
    like $found->{files}{do}, qr/^chown -R www-data: "\Q$given\E"/,
        'what to do, with the path';

    # the link is one of a user who has a file there, too

    symlink '/etc/passwd', "$given/$_" for qw(pages spare);
    system 'chown', '-h', '33:33', "$given/pages", "$given/spare";
    level(findings($given), 'files', 'error', qr/^2 files are links, /,
        'links of another user');
}

# -- times of access stay, those of directories too: a mount with "relatime"
# would set them, since they are older than a day

my $times = made('times', @index, segment(time, 1), 'trash/index-1/x' => 'y');
my @dirs = map { "$times$_" } '', qw(/index /pages /trash /trash/index-1);

utime 86_400, 86_400, @dirs;
findings($times);
is_deeply [ map { (stat)[8] } @dirs ], [ (86_400) x @dirs ],
    'times of access of directories';

# -- a file system in memory, a small one, and one without inodes

SKIP: {
    skip 'only root may mount', 12
        if !$t->mount('size=20m,nr_inodes=100,mode=700');

    $found = findings(made('disk/a', @index));
    level($found, 'file_system', 'warning', qr/^tmpfs, /, 'tmpfs');
    level($found, 'inodes', 'warning', qr/^\d\d of 100 inodes/, 'tmpfs');
    $t->write_file("disk/f$_", '') for 1 .. 75;
    level(findings("$dir/disk/a"), 'inodes', 'error', qr/^\d\d of 100 inodes/,
        'tmpfs without inodes');
    $t->write_file('disk/large', 'x' x 19_500_000);
    level(findings("$dir/disk/a"), 'space', 'error', qr/ of 20\.0 MB are free/,
        'tmpfs without space');
}

# -- docs/operations.md has all checks

my ($said_of) = slurp('docs/operations.md') =~ /^## The doctor\n(.*?)^## /ms;
my ($running, $cluster, $store)
    = split /^\*\*Of a (?:store in a cluster|directory)\*\*/m, $said_of;

for my $case ([ 'running', $running, 16 ], [ 'cluster', $cluster, 8 ],
    [ 'store', $store, 16 ])
{
    my ($name, $text, $least) = @$case;
    my @checks = slurp("tools/bigcache_tool_doctor_$name.c")
        =~ /^    \{ "(\w+)", bigcache_tool_doctor_/mg;
    my %rows = map { $_ => 1 } map { /`(\w+)`/g }
        $text =~ /^\| (`[^|]+) \|/mg;

    cmp_ok scalar(@checks), '>=', $least, "checks of doctor_$name";
    is join(' ', sort keys %rows), join(' ', sort @checks),
        'are in docs/operations.md';
}

# -- a server that is silent

like $slow->(), qr/^2 bigcache: .*has not answered in time$/,
    'a server that does not answer';

done_testing;
