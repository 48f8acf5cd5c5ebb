#!/usr/bin/perl

# The owner and its callers when something is wrong: strangers at the socket, an
# owner that hangs, a directory that cannot be opened.

use strict;
use warnings;

use Bigcache::Test;
use Compress::Zlib qw(crc32);
use POSIX ();
use Socket qw(:all);
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    MAGIC => 0x6263616d,
    VERSION => 3,
    HELLO => 1, GET => 2, PUT => 3, DELETE => 4, PURGE => 5, RUN => 6,
    STAT => 7, LOST => 11, LEND => 12, BACK => 13, WATCH => 15, LIST => 16,
    HEADER => 72,
};

my $t = Bigcache::Test->new;

my $conf = Bigcache::Test->default_conf(
    main => 'worker_processes 4;',
    path => 'wait=6s',
    server => 'add_header X-Worker $pid always;');

my $n = 0;


# message(CALL, KEY, DATA, NUMBER ...): with %bad it is a wrong one

my %bad;

sub message {
    my ($call, $key, $data, @n) = @_;

    $key //= '';
    $data //= '';
    push @n, 0 while @n < 6;

    return pack('L< S< S< L< L< L< L< Q<6', $bad{magic} // MAGIC,
        $bad{version} // VERSION, $call, $bad{rc} // 0,
        $bad{key} // length $key, $bad{data} // length $data, 0, @n)
        . $key . $data;
}


sub stranger {
    socket my $s, PF_UNIX, SOCK_SEQPACKET, 0 or die "socket: $!\n";

    return connect($s, pack_sockaddr_un($t->dir . '/store/owner.sock'))
        ? $s : undef;
}


# friend: a connection that has said HELLO

sub friend {
    my $s = stranger() or return;

    send $s, message(HELLO, '', '', ((stat '/proc/self/ns/pid')[1] << 32)
        | $t->running, 0, 1000 + $n++), 0;
    recv $s, my $answer, 100_000, 0;

    return length $answer == HEADER ? $s : undef;
}


# answered(S, BYTES): the rc of the answer, or 'closed'

sub answered {
    my ($s, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    my $in = '';
    vec($in, fileno $s, 1) = 1;

    send $s, $bytes, 0 if defined $bytes;
    select my $ready = $in, undef, undef, 10 or return 'silent';
    recv $s, my $answer, 200_000, 0;

    return length $answer ? unpack 'x8 L<', $answer : 'closed';
}


sub refusals { scalar(() = $t->error_log =~ /owner\.sock is refused/g) }

sub fine {
    my $body = 'b' . $n++;

    return join ' ', map { $_->status } $t->request('POST', '/pickle/fine',
        $body), map { my $r = $t->get('/pickle/fine');
            $r->body eq $body ? $r : () } 1 .. 8;
}

use constant FINE => join ' ', (200) x 9;


$t->conf($conf)->start;
is fine(), FINE, 'serves';


# -- strangers

for my $case (
    [ 'garbage', sub { join '', map { chr rand 256 } 1 .. 500 } ],
    [ 'one byte', sub { 'x' } ],
    [ 'http', sub { "GET / HTTP/1.1\r\nHost: x\r\n\r\n" } ],
    [ 'a call without hello', sub { message(STAT) } ],
    [ 'too long', sub { message(HELLO) . 'x' x 150_000 } ],
    [ 'magic', sub { local $bad{magic} = 1; message(HELLO) } ],
    [ 'version', sub { local $bad{version} = 1; message(HELLO) } ],
    [ 'a hello with a key', sub { message(HELLO, 'key') } ],
) {
    my ($name, $bytes) = @$case;
    my $lines = refusals();

    is answered(stranger(), $bytes->()), 'closed', "stranger, $name: closed";
    ok $t->wait_for(sub { refusals() == $lines + 1 }),
        "stranger, $name: a line";
}

my $mismatch = answered(stranger(), message(HELLO, '', '', 1, 2, 3));
is $mismatch, 3, 'another nginx is told so';
is fine(), FINE, 'serves after strangers';


# -- processes that say who they are, and are wrong then

my $record = pack('C C C C S< S< L< L< Q< q< Q< Q<', 2, 2, 0, 0, 0, 0, 0, 0, 5,
    2**62, 1, 1) . 'x';

for my $case (
    [ 'hello again', sub { message(HELLO) } ],
    [ 'unknown call', sub { message(99) } ],
    [ 'call 0', sub { message(0) } ],
    [ 'rc', sub { local $bad{rc} = 99; message(STAT) } ],
    [ 'rc of no process', sub { local $bad{rc} = 16; message(STAT) } ],
    [ 'key longer', sub { local $bad{key} = 100; message(GET, 'k') } ],
    [ 'key shorter', sub { local $bad{key} = 0; message(GET, 'k') } ],
    [ 'huge key', sub { local $bad{key} = 0xffffffff; message(GET, 'k') } ],
    [ 'huge data', sub { local $bad{data} = 0x7fffffff; message(PUT, 'k') } ],
    [ 'key over 8192', sub { message(GET, 'k' x 8193) } ],
    [ 'no record', sub { message(PUT, 'k') } ],
    [ 'record fails its check', sub { message(PUT, 'k', $record) } ],
    [ 'data of a get', sub { message(GET, 'k', 'data') } ],
    [ 'key of a stat', sub { message(STAT, 'k') } ],
    [ 'lend nothing', sub { message(LEND) } ],
    [ 'lend the world', sub { message(LEND, '', '', 2**63, 0) } ],
    [ 'lend askew', sub { message(LEND, '', '', 7, 0) } ],
    [ 'back nothing', sub { message(BACK) } ],
    [ 'list nothing', sub { message(LIST) } ],
    [ 'list behind a long key', sub { message(LIST, '', 'k' x 8193, 1, 1) } ],
) {
    my ($name, $bytes) = @$case;
    my $lines = refusals();

    is answered(friend(), $bytes->()), 'closed', "friend, $name: closed";
    ok $t->wait_for(sub { refusals() == $lines + 1 }),
        "friend, $name: a line";
}

# what is well-formed, but means nothing

is answered(friend(), message(RUN, '', '', 12345)), 0, 'no such purge';
is answered(friend(), message(BACK, '', '', 12345, 678)), 0, 'no such loan';
is answered(friend(), message(DELETE, 'none')), 1, 'no such page';
is answered(friend(), message(LOST, 'fine')), 3, 'a page that is not lost';
is answered(friend(), message(LOST, 'none')), 1, 'one that is not there';
is answered(friend(), message(LIST, 'fine', '', 1)), 0, 'a list';
is answered(friend(), message(LIST, '', '', 2**64 - 1)), 0, 'an endless one';
is fine(), FINE, 'serves after all that';

# the owner of another binary means the same by these numbers

my $large = pack('C C C C S< S< L< L< Q< q< Q< Q< Q< Q<', 2, 2, 2, 0, 0, 0, 0,
    0, 0, 2**62, 5, 5, 12345, 0);

substr $large, 12, 4, pack 'L<', crc32(substr($large, 0, 12)
    . substr $large, 16);

is answered(friend(), message(PUT, 'k', $large)), 13, 'STALE: in no loan';

is answered(friend(), message(LEND, '', '', 2**60, 0)), 6,
    'more room than the disk has';
is fine(), FINE, 'which drives nothing out';

# loans come to an end with who has them

for (1 .. 50) {
    my $s = friend();
    answered($s, message(LEND, '', '', 8000, 1_000_000));
    close $s;
}

is fine(), FINE, 'loans end';

# and nobody has more of them than he can use

my $greedy = friend();
my @lent = map { answered($greedy, message(LEND, '', '', 8, 8)) } 1 .. 1024;
is scalar(grep { $_ eq '0' } @lent), 1024, 'a thousand loans';
is answered($greedy, message(LEND, '', '', 8, 8)), 'closed', 'not one more';
is fine(), FINE, 'serves the others';

# many that say nothing

my @silent = map { stranger() } 1 .. 200;
is grep({ defined } @silent), 200, 'many connections';
is fine(), FINE, 'serves beside them';
close $_ for @silent;

SKIP: {
    skip 'not root', 1 if $>;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        POSIX::setuid(scalar getpwnam 'nobody');
        chmod 0755, $t->dir;
        POSIX::_exit(stranger() ? 1 : 0);
    }

    waitpid $pid, 0;
    is $?, 0, 'another user is not let in';
}


# -- an owner that hangs: calls of others end after their time

my $owner = $t->wait_for(sub { $t->owner });
my $caller = $t->connect_to(sub { $_ != $owner });

$t->halt($owner);

# not a page that is in the hot index: that is answered anyway

my $begin = time;
my $r = $caller->request('GET', '/pickle/never');
is $r->status, 503, 'a hung owner: 503'
    or diag "owner $owner, now ", $t->owner, ', answered by ',
        $r->header('X-Worker');
is $r->header('Retry-After'), 1, 'a hung owner: Retry-After';
like $r->json->{detail}, qr/^the process that has the store open does not/,
    'a hung owner: detail';
cmp_ok time - $begin, '<', 20, 'a hung owner: in time';

# a batch waits once, not for each of its operations

$begin = time;
$r = $caller->request('POST', '/batch', '{"operations":['
    . join(',', ('{"op":"get","key":"never"}') x 50) . ']}');
is scalar(() = $r->body =~ /"status":503/g), 50, 'a hung owner: a batch';
cmp_ok time - $begin, '<', 20, 'a hung owner: a batch, in time';
$t->signal('CONT', $owner);
ok $t->wait_for(sub { $caller->request('GET', '/stat/count')->status == 200 }),
    'it goes on';
is fine(), FINE, 'for all';

# and is killed while it hangs

$t->expect_log(qr/exited on signal 9/);
$t->halt($owner);
$t->signal('KILL', $owner);
ok $t->wait_for(sub { $caller->request('GET', '/stat/count')->status == 200 }),
    'another takes over';
is fine(), FINE, 'all of them';
$t->stop;


# -- a store that cannot be opened: one line, and it mends itself

$t->start;
is fine(), FINE, 'serves again';
my $version = $t->dir . '/store/index/CURRENT';
$t->stop;

rename $t->dir . '/store/index', $t->dir . '/index.kept';
$t->write_file('store/index', 'a file');
$t->expect_log(qr/cannot be opened, will be tried again/);
my $log = length $t->error_log;
$t->start;

my @r = map { $t->get('/pickle/fine') } 1 .. 20;
is_deeply [ grep { $_->status != 503 } @r ], [], 'cannot be opened: 503';
is $r[0]->header('Retry-After'), 1, 'cannot be opened: Retry-After';
unlike $r[0]->body, qr/being opened|shutting down/, 'cannot be opened: why'
    or diag $r[0]->body;

# several attempts of each worker

sleep 3;
my @lines = $t->error_log($log)
    =~ /cannot be opened, will be tried again/g;
is @lines, 1, 'cannot be opened: one line of four workers';

unlink $t->dir . '/store/index';
rename $t->dir . '/index.kept', $t->dir . '/store/index';
ok $t->wait_for(sub { $t->get('/pickle/fine')->status == 200 }),
    'opens by itself';
is fine(), FINE, 'and all serve';
ok $t->stop, 'stops';

done_testing;
