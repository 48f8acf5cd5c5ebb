#!/usr/bin/perl

# ./build.sh run: serves in the foreground until it is told to stop, and says
# in one line what keeps it from that.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Run;
use IO::Socket::INET;
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $run = Bigcache::Test::Run->new($t);

sub run { $run->start(@_) }
sub ended { $run->ended(@_) }
sub serves { $run->serves(@_) }

sub fails {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $run->fails(@_);
}


# server_dir(PID): where its nginx lives

sub server_dir {
    for my $pid ($t->children($_[0])) {
        open my $file, '<', "/proc/$pid/cmdline" or next;
        my $line = join ' ', split /[\0 ]/, <$file> // '';
        return $1 if $line =~ /nginx.* -p (\S+)/;
    }

    return '';
}


sub alive { scalar grep { kill 0, $_ } @_ }

my @port = ('--port', $t->port);

# it serves, and Ctrl-C stops it

my ($pid, $name) = run({}, @port, '--db_path', 'some data');

is serves(0, $name, $pid), "$dir/some data", 'says where it serves';
is $t->request_to(0, 'POST', '/cache/k', '{"value":1}')->status, 200, 'stores';
is $t->request_to(0, 'GET', '/cache/k')->json->{value}, 1, 'serves';
is $t->request_to(0, 'POST', '/pickle/l', 'x' x 3_000_000)->status, 200,
    'stores a large page';
ok -d "$dir/some data/index", 'in the directory';
is +(stat "$dir/some data")[2] & 07777, 0700, 'which is for nobody else';

# a name that is not known is refused, and what to do about it is said

sub by_name {
    my ($n, $host, $method, $path) = @_;

    return $t->request_to($n, $method // 'GET', $path // '/cache/k', undef,
        Host => $host);
}

my $machine = `uname -n` =~ s/\s+\z//r;

is by_name(0, $_)->status, 200, "by the name $_" for 'localhost', 'LOCALHOST.',
    "localhost:$port[1]", "127.0.0.1:$port[1]", '192.0.2.1', '[::1]:80',
    $machine;
is $t->http("GET /cache/k HTTP/1.0\r\n\r\n")->status, 200, 'by no name';

for my $name ('evil.example', "evil.example:$port[1]", '127.0.0.1.evil.example',
    'localhost.evil.example')
{
    for my $request ([ GET => '/cache/k' ], [ POST => '/clear' ],
        [ GET => '/ui' ])
    {
        my $r = by_name(0, $name, @$request);

        is $r->status, 421, "@$request by $name";
        is $r->header('Content-Type'), 'application/json', 'in JSON';
        like $r->json->{detail}, qr/--name NAME/, 'with what to do';
    }
}

is by_name(0, 'localhost')->status, 200, 'nothing was cleared';
is by_name(0, 'evil.example', GET => '/cache/' . 'k' x 270_000)
    ->header('Content-Type'), 'application/json', 'a long path is refused so';

my $files = server_dir($pid);
ok -d $files, 'a directory for nginx';
my @nginx = $t->children($pid);

my $c = $t->connect->begin('POST', '/pickle/late', 4);
kill 'INT', -$pid;
$t->wait_for(sub { !map { $t->worker_pids($_) } @nginx });
$c->send('late');
is $c->response->status, 200, 'a request during Ctrl-C';
is ended($pid, 20), 0, 'Ctrl-C ends it';
is alive(@nginx), 0, 'nginx is gone';
ok !-e $files, 'its directory too';
unlike $t->read_file($name), qr/\[(?:alert|crit|emerg|error)\]/,
    'no complaints';

# SIGTERM, DB_PATH, options with "="

($pid, $name) = run({ DB_PATH => "$dir/some data" }, "--port=$port[1]",
    '--host=127.0.0.1');

is serves(0, $name, $pid), "$dir/some data", 'DB_PATH';
is $t->request_to(0, 'GET', '/pickle/late')->body, 'late', 'what was stored';
is $t->request_to(0, 'GET', '/stat/count')->json->{count}, 3, 'closed properly';

# a second one, with a directory of its own, with that of the first, and on
# the port of the first

my @long_names = ('n' x 63, join('.', ('n' x 49) x 4));

mkdir "$dir/other";
chmod 0755, "$dir/other";
my ($other, $other_name) = run({ DB_PATH => "$dir/unused" }, '--port',
    $t->port(1), '--name', 'one.example', "--db_path=$dir/other",
    '--name=Two.example', '--name', 'localhost',
    map { ('--name', $_) } @long_names);

is serves(1, $other_name, $other), "$dir/other", 'second, option wins';
is +(stat "$dir/other")[2] & 07777, 0755, 'second, a directory that was there';
ok !-e "$dir/unused", 'second, DB_PATH is not used';
is $t->request_to(1, 'GET', '/cache/k')->status, 404,
    'second has its own pages';
is $t->request_to(0, 'GET', '/cache/k')->status, 200, 'first serves on';
is by_name(1, $_)->status, 404, "second, by $_" for 'one.example',
    'two.example', 'localhost';
is by_name(1, $_)->status, 404, 'second, by a name of ' . length
    for @long_names;
is by_name(1, 'three.example')->status, 421, 'second, by another name';
unlike $t->read_file($other_name), qr/\[warn\]/, 'second, no warning';

my ($same, $same_name) = run({}, '--port', $t->port(2), '--db_path',
    'some data');

is serves(2, $same_name, $same), "$dir/some data", 'third, same directory';
is $t->request_to(2, 'GET', '/cache/k')->status, 503, 'third waits';
is $t->request_to(0, 'GET', '/cache/k')->status, 200, 'first has it';
kill 'TERM', $same;
is ended($same, 20), 0, 'SIGTERM ends the third';


fails(qr/cannot listen on 127\.0\.0\.1 port $port[1]: Address already in use/,
    'port of another bigcache', @port, '--db_path', 'x');

kill 'TERM', $pid, $other;
is ended($pid, 20), 0, 'SIGTERM ends it';
is ended($other, 20), 0, 'SIGTERM ends the second';

my $listen = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
    LocalPort => $t->port(3)) or die "listen: $!\n";

fails(qr/port ${\$t->port(3)}: Address already in use/, 'port in use',
    '--port', $t->port(3), '--db_path', 'x');

# bad options

$t->write_file('file', '');

fails(qr/unknown option '$_'/, "option $_", $_)
    for qw(--prot --portx=1 x --db-path=x -p);
fails(qr/$_ needs a value/, "option $_", $_) for qw(--port --host --db_path);
fails(qr/--port: '$_' is not a port/, "port $_", '--port', $_)
    for qw(x 0 65536 -1 80x 1.5 99999999999);
fails(qr/--max_size: '$_'/, "size $_", @port, '--max_size', $_)
    for qw(x 7m 10t -1 1.5g 99999999999), ' ';
fails(qr/--api_port is only for --upstream/, 'API without upstream', @port,
    '--api_port', $t->port(1));
fails(qr/--port: '' is not a port/, 'empty port', '--port=');
fails(qr/--host/, "host $_", @port, '--host', $_)
    for 'no such host', 'none.invalid', '';
fails(qr/192\.0\.2\.1/, 'host of another machine', @port, '--host',
    '192.0.2.1');
fails(qr/--db_path/, 'empty path', @port, '--db_path=');
fails(qr/--db_path: .*$dir\/file/, 'path of a file', @port, '--db_path',
    'file');
fails(qr/--db_path: .*$dir\/file\/x/, 'path below a file', @port,
    "--db_path=$dir/file/x");
fails(qr/--db_path: /, 'path with a line break', @port, "--db_path=a\nb");

# what nginx finds out

SKIP: {
    skip 'only root can make it', 1 if $>;

    mkdir "$dir/foreign";
    chown 65534, -1, "$dir/foreign" or die "chown: $!\n";
    fails(qr/foreign" belongs to the user 65534/, 'a directory of another user',
        @port, '--db_path', 'foreign');
}

ok !-e "$dir/x", 'nothing was made';

# killed by force, its nginx ends too

($pid, $name) = run({}, @port, "--db_path=$dir/some data");
is serves(0, $name, $pid), "$dir/some data", 'serves again';
@nginx = $t->children($pid);
$files = server_dir($pid);
kill 'KILL', $pid;
is ended($pid, 5), 'signal 9', 'killed by force';
ok $t->wait_for(sub { !alive(@nginx) }), 'nginx ends';
system 'rm', '-r', $files if $files =~ m{/run\.\w+$};

# a terminal that is closed

($pid, $name) = run({}, @port, "--db_path=$dir/some data");
is serves(0, $name, $pid), "$dir/some data", 'free for the next';
kill 'HUP', $pid;
is ended($pid, 20), 0, 'SIGHUP ends it';

done_testing;
