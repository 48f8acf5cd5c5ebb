#!/usr/bin/perl

# What another user has put into the directory under a name that bigcache uses:
# a link is not followed, a FIFO is not waited for, the reason is told, and the
# store opens when it is gone.

use strict;
use warnings;

use Bigcache::Test;
use IO::Socket::UNIX;
use POSIX qw(mkfifo);
use Socket qw(SOCK_SEQPACKET);
use Test::More;

my $conf = Bigcache::Test->default_conf(
    path => 'wait=200ms segment_size=1m write_buffer=64k');

my $precious = 'precious ' x 100;
my $root = $> == 0;
my @sockets;

my %plant = (
    link => sub { symlink $_[0]->dir . '/target', $_[1] },
    'link to nothing' => sub { symlink $_[0]->dir . '/none', $_[1] },
    'hard link' => sub { link $_[0]->dir . '/target', $_[1] },
    'link to a directory' => sub { symlink $_[0]->dir . '/other', $_[1] },
    FIFO => sub { mkfifo $_[1], 0666 },
    directory => sub { mkdir $_[1] },
    socket => sub {
        push @sockets, IO::Socket::UNIX->new(Type => SOCK_SEQPACKET,
            Local => $_[1], Listen => 5);
    },
    device => sub { $root && system('mknod', $_[1], 'c', 1, 3) == 0 },
);


# planted(WHAT, NAME): a server, not started, in whose store NAME is a WHAT

sub planted {
    my ($what, $name) = @_;

    my $t = Bigcache::Test->new->conf($conf);
    my $file = $t->dir . "/store/$name";

    mkdir $t->dir . "/$_" for qw(store other);
    mkdir $t->dir . "/store/$1" if $name =~ m{(.*)/};
    $t->write_file($_, $precious) for qw(target other/file);
    $t->expect_log(qr/\[crit\]/);

    $plant{$what}->($t, $file) or return undef;

    system 'chown', '-h', 'nobody', $file if $root && $what ne 'hard link';

    return $t;
}


# untouched(T, NAME): what links lead to is as it was

sub untouched {
    my ($t, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok $t->read_file('target') eq $precious
        && $t->read_file('other/file') eq $precious
        && !-e $t->dir . '/none'
        && join(' ', glob $t->dir . '/other/*') eq $t->dir . '/other/file',
        "$name: nothing is touched";
}


sub stores {
    my ($t) = @_;

    return $t->wait_for(sub {
        $t->request('POST', '/pickle/k', 'page')->status == 200;
    });
}


# refused(WHAT, NAME, REGEX)

sub refused {
    my ($what, $name, $regex) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $t = planted($what, $name) or return pass "# SKIP cannot make a $what";
    my $file = $t->dir . "/store/$name";

    $t->start;

    ok $t->logs(qr/\[crit\].*cannot be opened.*$regex/),
        "$name is a $what: is told" or diag $t->error_log;
    is $t->get('/pickle/k')->status, 503, "$name is a $what: unavailable";
    untouched($t, "$name is a $what");
    ok -e $file || -l $file, "$name is a $what: it is left there";

    -d $file && !-l $file ? rmdir $file : unlink $file;
    ok stores($t), "$name was a $what: opens";
    untouched($t, "$name was a $what");
    ok $t->stop, "$name was a $what: stops";
}


# serves(WHAT, NAME, REGEX): it is of no importance, though the log may tell it

sub serves {
    my ($what, $name, $regex) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $t = planted($what, $name) or return pass "# SKIP cannot make a $what";

    $t->start;

    ok stores($t), "$name is a $what: stores";
    ok $t->wait_for(sub { $t->get('/pickle/k')->body eq 'page' }),
        "$name is a $what: serves";
    like $t->error_log, qr/\[crit\].*$regex/, "$name is a $what: is told"
        if $regex;
    ok $t->wait_for(sub { $t->request('POST', '/clear')->status == 200 }),
        "$name is a $what: is cleared";
    ok $t->stop, "$name is a $what: stops";
    untouched($t, "$name is a $what");
}


refused($_, 'lock', qr/"lock" is a (?:symbolic link|FIFO|socket|dir|device)/)
    for 'link', 'link to nothing', 'FIFO', 'socket', 'directory', 'device';
refused('hard link', 'lock', qr/"lock" has another name/);

serves($_, 'reserve', qr/"reserve" is a (?:symbolic link|FIFO|directory)/)
    for 'link', 'link to nothing', 'FIFO', 'directory';
serves('hard link', 'reserve', qr/"reserve" has another name/);

serves($_, 'owner.sock') for 'link', 'FIFO', 'socket';
refused('directory', 'owner.sock', qr/cannot listen on .*Is a directory/);
serves($_, 'owner.sock.new') for 'link', 'FIFO', 'socket';
refused('directory', 'owner.sock.new',
    qr/cannot listen on .*owner\.sock\.new/);

refused('link to a directory', $_, qr/$_" is a symbolic link/)
    for qw(index pages);
refused('FIFO', $_, qr/$_" is not a directory/) for qw(index pages);
refused($_, 'index/CURRENT', qr/"CURRENT" is a (?:symbolic link|FIFO|socket)/)
    for 'link', 'FIFO', 'socket';
refused('FIFO', 'index/000005.log', qr/"000005\.log" is a FIFO/);

serves($_, 'pages/0000000000000001.seg', qr/is ignored: "0+1\.seg" is a/)
    for 'link', 'FIFO', 'socket', 'directory';


# trash: what is cleared would be moved to where it leads

for my $what ('link to a directory', 'FIFO') {
    my $t = planted($what, 'trash')->start;

    ok stores($t), "trash is a $what: stores";

    # a call may wait for 200 ms only: a busy machine has other reasons for 503

    ok $t->wait_for(sub {
        $t->request('POST', '/clear')->status == 503
            && $t->error_log =~ /\[crit\].*cannot be cleared: .*trash" is/;
    }), "trash is a $what: is refused, and is told";
    untouched($t, "trash is a $what");

    # an opening needs it, too

    ok $t->wait_for(sub { $t->get('/pickle/k')->status == 503 }),
        "trash is a $what: unavailable";
    unlink $t->dir . '/store/trash';
    ok $t->wait_for(sub { $t->get('/pickle/k')->body eq 'page' }),
        "trash was a $what: the page stays";
    ok $t->stop, "trash is a $what: stops";
}


# a directory of the original, and what is left of an attempt

{
    my $t = planted('link to a directory', 'import.new');

    $t->write_file("store/$_", '') for qw(CURRENT 000001.log);
    $t->start;
    ok $t->logs(qr/\[crit\].*import\.new/),
        'import.new is a link: is told';
    untouched($t, 'import.new is a link');
    ok $t->stop, 'import.new is a link: stops';
}

for my $what ('link', 'FIFO') {
    my $t = planted($what, 'CURRENT');

    $t->write_file('store/000001.log', '');
    $t->start;
    ok $t->logs(qr/\[crit\].*"CURRENT" is a/),
        "CURRENT of an original is a $what: is told";
    untouched($t, "CURRENT of an original is a $what");
    ok $t->stop, "CURRENT of an original is a $what: stops";
}


# the directory itself, which the master gives to the user of the workers

SKIP: {
    skip 'only root gives directories away', 11 if !$root;

    my $t = Bigcache::Test->new(user => 'nobody nogroup')->conf($conf);
    my $store = $t->dir . '/store';

    mkdir $t->dir . '/elsewhere';
    symlink $t->dir . '/elsewhere', $store;
    $t->start;
    ok stores($t), 'the path is a link of root: stores';
    ok -d $t->dir . '/elsewhere/index', 'where it leads';
    ok $t->stop, 'stops';

    # nginx -t makes and gives directories too

    system 'chown', '-h', '1:1', $store;
    my ($status, $log) = $t->nginx_t($conf);
    isnt $status, 0, 'the path is a link of another user';
    like $log, qr/\[emerg\].*store" is a symbolic link of the user 1/,
        'is told';
    unlink $store;

    mkdir $t->dir . '/root';
    symlink $t->dir . '/root', $t->dir . '/above';
    system 'chown', '-h', '1:1', $t->dir . '/above';
    ($status, $log) = $t->nginx_t($conf =~ s{/store}{/above/store}r);
    isnt $status, 0, 'a link of another user on the way';
    ok !-e $t->dir . '/root/store', 'nothing is made there';

    mkdir $store;
    chown 1, 1, $store;
    ($status, $log) = $t->nginx_t($conf);
    isnt $status, 0, 'a directory of another user';
    like $log, qr/\[emerg\].*store" belongs to the user 1/, 'is told';
    is +(stat $store)[4], 1, 'it is not given away';

    chown 0, 0, $store;
    ($status, $log) = $t->nginx_t($conf);
    is $status, 0, 'a directory of root';
}


# serve_as(UID, DIRECTORY): the pid of a process that listens on liar.sock

sub serve_as {
    my ($uid, $dir) = @_;

    chmod 0777, $dir;
    pipe my $ready, my $done or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        POSIX::setgid($uid);
        POSIX::setuid($uid);
        my $s = IO::Socket::UNIX->new(Type => SOCK_SEQPACKET, Listen => 5,
            Local => "$dir/liar.sock") or POSIX::_exit(1);
        syswrite $done, '.';
        1 while $s->accept;
        POSIX::_exit(0);
    }

    close $done;
    sysread $ready, my $byte, 1 or die "no server\n";
    chmod 0755, $dir;

    return $pid;
}


# a server of another user on the socket, and the mode of ours

SKIP: {
    skip 'only root has other users', 7 if !$root;

    my $t = Bigcache::Test->new(user => 'nobody nogroup')->conf(
        $conf =~ s/(?<=%%MODULE%%)/\nworker_processes 1;/r)->start;

    $t->expect_log(qr/\[crit\]/);
    ok $t->wait_for(sub { -S $t->dir . '/store/owner.sock' }), 'a socket';
    is +(stat $t->dir . '/store/owner.sock')[2] & 07777, 0600, 'its mode';
    ok $t->stop, 'stops';

    open my $lock, '+<', $t->dir . '/store/lock' or die "lock: $!\n";
    ok flock($lock, 6), 'somebody has the lock';

    my $pid = serve_as(1, $t->dir);
    rename $t->dir . '/liar.sock', $t->dir . '/store/owner.sock';
    chmod 0777, $t->dir . '/store/owner.sock';

    $t->start;
    is $t->get('/pickle/k')->status, 503, 'and is of another user';
    ok $t->logs(qr/a process of another user serves owner\.sock/), 'is told'
        or diag $t->error_log;

    kill 'KILL', $pid;
    waitpid $pid, 0;
    close $lock;
    ok stores($t), 'it is gone: stores';
}

done_testing;
