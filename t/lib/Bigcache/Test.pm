package Bigcache::Test;

# Starts an nginx with the module in a directory of its own, talks HTTP to it,
# and fails the test for lines that nginx should not have logged.  Core Perl only.
#
#     use Bigcache::Test;
#     use Test::More;
#
#     my $t = Bigcache::Test->new->conf($conf)->start;
#     is $t->get('/cache/none')->status, 404, 'a miss';
#     done_testing;
#
# The functions noise(), raw() and slurp() are exported on request.
#
# Environment: BIGCACHE_NGINX (binary), BIGCACHE_MODULE (.so), BIGCACHE_PRELOAD
# (for LD_PRELOAD of nginx alone), BIGCACHE_LOG (level of error.log, info),
# BIGCACHE_KEEP=1 (keeps the directory), BIGCACHE_TIMEOUT (seconds, 300),
# BIGCACHE_WORKERS (of tests that do not say how many they need, 1),
# BIGCACHE_CLUSTER (servers as host:port, for stores in a cluster), and
# BIGCACHE_CLUSTER_PIDS (their processes, for tests that stop them for a while).

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::MD5 qw(md5_hex);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Handle;
use JSON::PP ();
use POSIX qw(WNOHANG);
use Socket qw(:all);
use Test::More ();
use Time::HiRes qw(sleep time);

use Bigcache::Test::Connection;

our @EXPORT_OK = qw(noise raw slurp);

use constant WAIT => 30;

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $owner = $$;
my @instances;

$SIG{PIPE} = 'IGNORE';
$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 130 };
$SIG{ALRM} = sub { die "the test takes too long\n" };
alarm($ENV{BIGCACHE_TIMEOUT} || 300);


# new(user => NAME, env => {...}, daemon => 1): an instance that is not started
# yet; "user" is that of the workers when the test runs as root, root by default;
# only a daemon takes USR2

sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        dir => tempdir('bigcache-test-XXXXXX', TMPDIR => 1),
        user => $opt{user} || 'root',
        env => $opt{env} || {},
        daemon => $opt{daemon},
        expected => [],
        ports => [],
    }, $class;

    chmod 0755, $self->{dir};
    push @instances, $self;

    return $self;
}


# -- configuration

# conf(TEXT), or conf(NAME => TEXT, ...) as of default_conf(): nginx.conf, in
# which %%MODULE%% (load_module and what else is needed at the top), %%HTTP%%
# (temporary paths, no access log), %%DIR%% and %%PORT_0%% .. %%PORT_9%% are
# replaced; may be called again before a reload

sub conf {
    my ($self, @text) = @_;

    $self->write_file('nginx.conf',
        $self->expand(@text == 1 ? $text[0] : $self->default_conf(@text)));

    return $self;
}


# default_conf(NAME => TEXT, ...): a configuration with one store and one
# server.  "main", "events", "http", "server" and "location" are directives of
# that block, "store" is the directory, "path" parameters of bigcache_path,
# "listen" of listen, "size" that of the zone "main", and "servers" are blocks
# after the server.  Without "path" requests wait for a slow disk, or a machine
# that is busy, longer than by default.

sub default_conf {
    my ($class, %of) = @_;

    my %default = (store => '%%DIR%%/store', size => '1m', path => 'wait=20s',
        map { $_ => '' }
        qw(main events http listen server location servers));

    exists $default{$_} or die "no \"$_\" in a configuration\n" for keys %of;
    %of = (%default, %of);
    $of{$_} = " $of{$_}" for grep { $of{$_} ne '' } qw(path listen);

    return <<"END" =~ s/^\s*\n//gmr;
%%MODULE%%
$of{main}
events {
    $of{events}
}
http {
    %%HTTP%%
    $of{http}
    bigcache_path $of{store} zone=main:$of{size}$of{path};
    server {
        listen 127.0.0.1:%%PORT_0%%$of{listen};
        $of{server}
        location / {
            bigcache main;
            $of{location}
        }
    }
    $of{servers}
}
END
}


sub expand {
    my ($self, $text, $log) = @_;

    my %value = (
        MODULE => $self->_globals($log),
        HTTP => $self->_http_globals,
        DIR => $self->{dir},
    );

    $text =~ s/\bbigcache_path (.*?);/_cluster($value{DIR}, $1)/ges
        if $ENV{BIGCACHE_CLUSTER};

    $text =~ s/(?<=%%MODULE%%)/\nworker_processes $ENV{BIGCACHE_WORKERS};/
        if $ENV{BIGCACHE_WORKERS} && $text !~ /worker_processes/;
    $text =~ s/%%PORT_(\d)%%/$self->port($1)/ge;
    $text =~ s/%%([A-Z]+)%%/$value{$1} \/\/ die "unknown %%$1%%\n"/ge;

    return $text;
}


# the same store in the cluster of $BIGCACHE_CLUSTER, without the parameters of
# a directory

sub _cluster {
    my ($dir, $parameters) = @_;

    my ($path, @rest) = split ' ', $parameters;
    my $local = qr/^(?:block_cache|write_buffer|sync|max_size|min_free|segment_size
        |inline_size)=/x;

    # no call waits longer there
    s/^wait=\K\d{2,}s$/20s/ for @rest;

    my $name = md5_hex("$dir $path");

    return join(' ', "bigcache_cluster $name buckets=16",
        map("server=$_", split ' ', $ENV{BIGCACHE_CLUSTER}),
        grep { !/$local/ } @rest) . ';';
}


sub _globals {
    my ($self, $log) = @_;

    my $dir = $self->{dir};
    my $level = $ENV{BIGCACHE_LOG} || 'info';
    my $text = 'daemon ' . ($self->{daemon} ? 'on' : 'off')
        . ";\npid $dir/nginx.pid;\n"
        . 'error_log ' . ($log || "$dir/error.log $level") . ";\n"
        . 'load_module ' . module() . ";\n";

    $text .= "user $self->{user};\n" if $> == 0;

    # nginx starts its next binary without the environment

    $text .= "env LD_PRELOAD;\n" if preload();
    $text .= "env $_;\n"
        for grep { defined $ENV{$_} }
            qw(ASAN_OPTIONS UBSAN_OPTIONS LSAN_OPTIONS);

    return $text;
}


sub _http_globals {
    my ($self) = @_;

    return join '', "access_log off;\n",
        map { "${_}_temp_path $self->{dir}/$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);
}


sub module { $ENV{BIGCACHE_MODULE} || "$top/build/ngx_http_bigcache_module.so" }

# with its path, which nginx needs to start its next binary

sub nginx {
    return $ENV{BIGCACHE_NGINX} || (grep { -x } map { "$_/nginx" }
        split(/:/, $ENV{PATH}), '/usr/sbin')[0] || 'nginx';
}

sub preload { $ENV{BIGCACHE_PRELOAD} || '' }
sub dir { $_[0]{dir} }


# port(N): a port that no other running test has; the lock is an abstract unix
# socket, which the kernel removes when this process ends

sub port {
    my ($self, $n) = @_;

    return $self->{ports}[$n // 0] //= _free_port();
}


my @port_locks;

sub _free_port {
    for (1 .. 1000) {
        my $port = 10000 + int rand 20000;

        return $port if _take_port($port);
    }

    die "no free port\n";
}


sub _take_port {
    my ($port) = @_;

    socket my $lock, PF_UNIX, SOCK_STREAM, 0 or die "socket: $!\n";
    bind $lock, pack_sockaddr_un("\0bigcache-test-$port") or return 0;

    socket my $probe, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    setsockopt $probe, SOL_SOCKET, SO_REUSEADDR, 1;
    bind $probe, pack_sockaddr_in($port, INADDR_ANY) or return 0;

    push @port_locks, $lock;

    return 1;
}


# cluster_port(): one that a server of a Redis cluster may have, which also wants
# the port 10000 above

sub cluster_port {
    for (1 .. 1000) {
        my $port = 10000 + int rand 12768;

        return $port if _take_port($port) && _take_port($port + 10000);
    }

    die "no free port\n";
}


sub write_file {
    my ($self, $name, $content) = @_;

    open my $file, '>:raw', "$self->{dir}/$name" or die "$name: $!\n";
    print $file $content;
    close $file or die "$name: $!\n";

    return "$self->{dir}/$name";
}


sub read_file {
    my ($self, $name) = @_;

    open my $file, '<:raw', "$self->{dir}/$name" or return '';
    local $/;

    return scalar <$file> // '';
}


# patch(NAME, OFFSET, BYTES): in place of what is there; an offset below 1 is a
# part of the size

sub patch {
    my ($self, $name, $offset, $bytes) = @_;

    my $content = $self->read_file($name);
    my $at = $offset && $offset < 1 ? int $offset * length $content : $offset;

    substr $content, $at, length $bytes, $bytes;
    $self->write_file($name, $content);
}


# files(PATTERN): names of files of the store, for those three

sub files {
    my ($self, $pattern) = @_;

    return map { substr $_, 1 + length $self->{dir} }
        sort glob "$self->{dir}/store/$pattern";
}


# slurp(FILE): its bytes; a relative name is one of the project's

sub slurp {
    my ($name) = @_;

    $name = "$top/$name" if $name !~ m{^/};
    open my $file, '<:raw', $name or die "$name: $!\n";
    local $/;

    return scalar <$file> // '';
}


# noise(N): random bytes, which do not compress

sub noise {
    return pack 'N*', map { int rand 2 ** 32 } 1 .. $_[0] / 4;
}


# space(PATTERN): bytes in the files that match, some of which may go meanwhile

sub space {
    my ($self, $pattern) = @_;

    my $size = 0;
    $size += -s // 0 for glob "$self->{dir}/$pattern";

    return $size;
}


# mount(OPTIONS): a tmpfs at disk/, until the test ends; false if that cannot be

sub mount {
    my ($self, $options) = @_;

    my $dir = $self->{dir};

    mkdir "$dir/disk";

    return $self->{mounted} = $> == 0
        && !system "mount -t tmpfs -o $options tmpfs $dir/disk >$dir/out 2>&1";
}


# certificate: makes cert.pem and key.pem; false if openssl cannot

sub certificate {
    my ($self) = @_;

    my $dir = $self->{dir};

    return !system 'openssl req -x509 -newkey rsa:2048 -nodes -days 2'
        . " -subj /CN=localhost -keyout $dir/key.pem -out $dir/cert.pem"
        . " >$dir/out 2>&1";
}


# in_cluster(REASON): false; or true if the stores are in a cluster, and then it
# counts a check that is skipped, for that reason

sub in_cluster {
    my ($self, $reason) = @_;

    return 0 if !$ENV{BIGCACHE_CLUSTER};

    Test::More->builder->skip("in a cluster: $reason");

    return 1;
}


# -- the life of nginx

sub start {
    my ($self) = @_;

    die "nginx runs already\n" if $self->{pid};

    unlink "$self->{dir}/nginx.pid";
    $self->{pid} = $self->_spawn("$self->{dir}/error.log", 'nginx.conf');
    $self->{started} = 1;

    if ($self->{daemon}) {
        waitpid $self->{pid}, 0;
        $self->wait_for(sub { $self->_listens }) if $? == 0;
        $self->{pid} = $self->{adopted} = $self->read_file('nginx.pid') + 0;
    }

    $self->wait_for(sub { !$self->running || $self->_listens })
        or die "nginx does not listen\n" . $self->error_log;

    # the kernel takes connections before there is a worker

    $self->read_file('nginx.conf') =~ /\bmaster_process off;/
        || $self->wait_for(sub { !$self->running || $self->worker_pids })
        || die "nginx has no worker\n" . $self->error_log;

    return $self if $self->running;

    # the output of nginx is shown here, and must not fail the test again
    $self->expect_log(qr/./);
    die "nginx did not start:\n" . $self->error_log;
}


# _spawn(OUTPUT, CONF, OPTION ...): returns the pid; if this process is killed,
# nginx gets a signal

sub _spawn {
    my ($self, $output, $conf, @options) = @_;

    my $env = $self->{env};
    my @command = (qw(setpriv --pdeathsig TERM env),
        map { "$_=$env->{$_}" } sort keys %$env);

    push @command, 'LD_PRELOAD=' . preload() if preload();
    push @command, nginx(), '-p', $self->{dir}, '-c', $conf, '-e', 'stderr',
        @options;

    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;

    open STDIN, '<', '/dev/null';
    open STDOUT, '>>', $output;
    open STDERR, '>>', $output;
    $SIG{PIPE} = 'DEFAULT';
    { exec @command; }
    print STDERR "[emerg] $command[0]: $!\n";
    POSIX::_exit(127);
}


# nginx writes its pid file when its sockets are bound

sub _listens {
    my ($self) = @_;

    return $self->read_file('nginx.pid') =~ /\n/;
}


# running: the master's pid, or 0; reaps it

sub running {
    my ($self) = @_;

    return 0 if !$self->{pid};

    # the new binary of an upgrade is no child of this process

    if ($self->{adopted}) {
        $self->{pid} = $self->{adopted} = 0 if !_alive($self->{pid});
        return $self->{pid};
    }

    if (waitpid($self->{pid}, WNOHANG) == $self->{pid}) {
        $self->{status} = $?;
        $self->{pid} = 0;
    }

    return $self->{pid};
}


# stop: gracefully; if nginx does not end, kills it and returns false

sub stop {
    my ($self, $seconds) = @_;

    return 1 if !$self->running;

    my @pids = ($self->{pid}, $self->children);

    $self->signal('QUIT');

    return 1 if $self->wait_for(sub { !$self->running && !_alive(@pids) },
        $seconds);

    $self->_complain('nginx does not stop, killed: ' . join ' ', _alive(@pids));
    $self->kill;

    return 0;
}


# kill: a crash of all its processes at once; stops the master first, or it might
# start a worker meanwhile, and the workers, or another one might begin to open
# the store of the owner before it is killed itself

sub kill {
    my ($self) = @_;

    my $pid = $self->running or return $self;

    CORE::kill 'STOP', $pid;
    $self->wait_for(sub { _slurp("/proc/$pid/stat") =~ /\) [TZ] / });

    my @pids = ($pid, $self->children);

    $self->halt(@pids);
    CORE::kill 'KILL', @pids;
    $self->wait_for(sub { !$self->running && !_alive(@pids) });

    return $self;
}


# signal(NAME, PID ...): to the master by default; of pids that are not known there
# may be 0, which the kernel takes for all processes of the test and who runs it

sub signal {
    my ($self, $name, @pids) = @_;

    @pids = $self->running || return if !@pids;
    CORE::kill $name, grep { $_ } @pids;

    return $self;
}


# reload: returns when new workers serve and the old ones are shutting down; false
# if nginx refused the configuration

sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->worker_pids;
    my $log = length $self->error_log;
    my $refused;

    $self->signal('HUP');

    $self->wait_for(sub {
        $refused = substr($self->error_log, $log) =~ /\[emerg\]/;
        my @now = $self->worker_pids;
        $refused || @now && !grep { $old{$_} } @now;
    }) or die "nginx does not reload\n" . $self->error_log;

    return !$refused;
}


# upgrade: starts the same binary again, and the old master ends

sub upgrade {
    my ($self) = @_;

    my $old = $self->running;
    my $new = $self->_upgrade_begin($old);

    $self->signal('QUIT', $old);
    $self->wait_for(sub { !_alive($old) });

    $self->{pid} = $self->{adopted} = $new;

    return $self;
}


# upgrade_and_back: the same, but the old master serves again and the new one ends

sub upgrade_and_back {
    my ($self) = @_;

    my $old = $self->running;
    my $new = $self->_upgrade_begin($old);

    $self->signal('HUP', $old);
    $self->wait_for(sub { $self->worker_pids($old) });
    $self->signal('QUIT', $new);
    $self->wait_for(sub { !_alive($new)
        && -s "$self->{dir}/nginx.pid" && !-e "$self->{dir}/nginx.pid.oldbin" });

    return $self;
}


# returns the new master's pid, when it serves and the old workers are ending

sub _upgrade_begin {
    my ($self, $old) = @_;

    $self->signal('USR2', $old);

    my $new = $self->wait_for(sub {
        my $pid = $self->read_file('nginx.pid') || 0;
        chomp $pid;
        $pid && $pid != $old && $self->worker_pids($pid) && $pid;
    }) or die "no new binary\n" . substr $self->error_log, -2000;

    $self->signal('WINCH', $old);
    $self->wait_for(sub { !$self->worker_pids($old) });

    return $new;
}


# wait_for(CODE, SECONDS): polls until CODE is true, returns what it returned

sub wait_for {
    my ($self, $code, $seconds) = @_;

    my $end = time + ($seconds || WAIT);
    my $result;

    sleep 0.01 while !($result = $code->()) && time < $end;

    return $result;
}


# in_child(CODE, SECONDS): runs it in a process that has so many seconds, 100 by
# default; calling what is returned waits for its end, and gives what CODE
# returned, a string

sub in_child {
    my ($self, $code, $seconds) = @_;

    pipe my $read, my $write or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        $SIG{ALRM} = 'DEFAULT';
        alarm($seconds || 100);
        srand;
        close $read;
        print $write eval { $code->() } // "died: $@";
        close $write;
        POSIX::_exit(0);
    }

    close $write;

    return sub {
        local $/;
        my $said = <$read>;
        waitpid $pid, 0;
        return $said // '';
    };
}


# nginx_t(CONF): the exit code and the output of nginx -t

sub nginx_t {
    my ($self, $conf) = @_;

    my $name = 'nginx-t-' . ++$self->{tests};

    $self->write_file("$name.conf", $self->expand($conf, 'stderr'));
    my $pid = $self->_spawn("$self->{dir}/$name.log", "$name.conf", '-t');
    waitpid $pid, 0;

    return ($? >> 8 || $?, $self->read_file("$name.log"));
}


# -- processes

# worker_pids(MASTER): the workers that accept requests, not those shutting down

sub worker_pids {
    my ($self, $master) = @_;

    return grep { _title($_) =~ /^(?:nginx|angie): worker process(?: #\d+)?\z/ }
        _children($master || $self->{pid} || return);
}


# children: all processes below the master

sub children {
    my ($self, $parent) = @_;

    my @pids = map { ($_, $self->children($_)) }
        _children($parent || $self->{pid} || return);

    return sort { $a <=> $b } @pids;
}


sub _children {
    my ($parent) = @_;
    my @pids;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my ($pid, $state, $ppid) = _slurp($stat) =~ /^(\d+) .*\) (\w) (\d+) /s
            or next;
        push @pids, $pid if $ppid == $parent && $state ne 'Z';
    }

    return sort { $a <=> $b } @pids;
}


sub _title {
    my $title = _slurp("/proc/$_[0]/cmdline");

    return $title =~ s/[\0 ]+\z//r;
}


# _alive(PID ...): the processes that still have a thread, and so their files: the
# first thread may be a zombie before the others are

sub _alive {
    return grep {
        grep { _slurp("$_/stat") =~ /\) [^ZX] / } glob "/proc/$_/task/*"
    } @_;
}


# owner(STORE): the process that has it open, or 0: who holds the lock of its
# directory; of a store in a cluster 0

sub owner {
    my ($self, $store) = @_;

    $store //= "$self->{dir}/store";
    my $inode = (stat "$store/lock")[1] // return 0;

    return _slurp('/proc/locks')
        =~ /FLOCK\s+ADVISORY\s+WRITE\s+(\d+)\s+\S+:$inode\s/ ? $1 : 0;
}


# halt(PID ...): stops processes, and returns when all their threads have: the
# signal does that when one of them comes to it

sub halt {
    my ($self, @pids) = @_;

    $self->signal('STOP', @pids);

    return $self->wait_for(sub {
        !grep { _slurp("$_/stat") =~ /\) [^TZX] / }
            map { glob "/proc/$_/task/*" } @pids;
    });
}


# memory(PID, FIELD): in bytes, VmRSS by default, which is all that is resident

sub memory {
    my ($self, $pid, $field) = @_;

    $field //= 'VmRSS';

    return _slurp("/proc/$pid/status") =~ /^$field:\s+(\d+) kB/m
        ? $1 * 1024 : 0;
}


# open_files(PID ...): their names, but for the connections to a cluster that has
# the stores, which stay for a while

sub open_files {
    my ($self, @pids) = @_;

    my %port = map { /:(\d+)$/ ? ($1 => 1) : () }
        split ' ', $ENV{BIGCACHE_CLUSTER} // '';

    my %kept = map { $_->[1] =~ /:(\w+)$/ && $port{ hex $1 }
            ? ("socket:[$_->[2]]" => 1) : () }
        map { [ (split)[1, 2, 9] ] } split /^/, _slurp('/proc/net/tcp');

    return grep { !$kept{$_} }
        map { readlink // () } map { glob "/proc/$_/fd/*" } @pids;
}


sub _slurp {
    open my $file, '<:raw', $_[0] or return '';
    local $/;

    return scalar <$file> // '';
}


# -- HTTP

# connect(N): a Bigcache::Test::Connection to port N

sub connect {
    my ($self, $n) = @_;

    return Bigcache::Test::Connection->new($self->port($n));
}


# connect_to(CODE): a connection to a worker for whose pid CODE is true, and the
# pid; for a server that says it in X-Worker.  Those that go elsewhere stay open
# for a while, which keeps the others busy.

sub connect_to {
    my ($self, $code) = @_;

    my @others;

    for (1 .. 5000) {
        my $c = $self->connect;
        my $pid = $c->request('GET', '/stat')->header('X-Worker');

        local $_ = $pid;
        return wantarray ? ($c, $pid) : $c if $code->();

        push @others, $c;
        shift @others if @others > 100;
    }

    die "no connection to that worker\n";
}


# connect_to_each(N): a connection to each of N workers

sub connect_to_each {
    my ($self, $n) = @_;

    my %by;

    while (keys %by < $n) {
        my ($c, $pid) = $self->connect_to(sub { !$by{$_} });
        $by{$pid} = $c;
    }

    return map { $by{$_} } sort keys %by;
}


# get(PATH, HEADER => VALUE ...), and the same for any METHOD with a BODY: a
# string, undef for none, or a reference to an array of chunks; one connection
# each, port 0

sub get {
    my ($self, $path, @headers) = @_;

    return $self->request('GET', $path, undef, @headers);
}


sub request {
    my ($self, @request) = @_;

    return $self->request_to(0, @request);
}


# request_to(N, ...): the same, at port N

sub request_to {
    my ($self, $n, $method, $path, $body, @headers) = @_;

    return $self->connect($n)->request($method, $path, $body,
        Connection => 'close', @headers);
}


# raw(METHOD, PATH, BODY, HEADER => VALUE ...): the bytes of such a request,
# which keeps its connection

sub raw { return Bigcache::Test::Connection::raw(@_) }


# http(RAW, ...): sends the pieces, with a pause of 50 ms between them, reads
# one answer

sub http {
    my ($self, @pieces) = @_;

    my $c = $self->connect;
    my $method = $pieces[0] =~ /^HEAD / ? 'HEAD' : 'GET';

    return $c->send_slowly(0.05, @pieces)->response($method);
}


# pipeline(RAW, ...): all requests in one write, all answers

sub pipeline {
    my ($self, @requests) = @_;

    my $c = $self->connect->send(join '', @requests);

    return map { $c->response(/^HEAD / ? 'HEAD' : 'GET') } @requests;
}


# abandon(RAW): sends it and closes at once

sub abandon {
    my ($self, $raw) = @_;

    $self->connect->send($raw)->close;

    return $self;
}


# json_is(RESPONSE, STATUS, DATA, NAME): compares the decoded body

sub json_is {
    my ($self, $response, $status, $data, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return Test::More::is_deeply([ $response->status, $response->json ],
        [ $status, $data ], $name)
        || Test::More::diag($response->status . ' ' . $response->body);
}


# count(BASE): how many keys are stored, as /stat/count below BASE says, or -1

sub count {
    my ($self, $base) = @_;

    my $r = $self->get(($base // '') . '/stat/count');

    return ($r->json // {})->{count} // -1;
}


# counted(N, NAME, SECONDS): that many in the end: what expires, or is purged,
# is counted until it is removed

sub counted {
    my ($self, $n, $name, $seconds) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $self->wait_for(sub { $self->count == $n }, $seconds);

    return Test::More::is($self->count, $n, $name);
}


# metric(NAME): the value of a sample of /metrics, whose name, without the
# prefix that all have, may be followed by labels

sub metric {
    my ($self, $name) = @_;

    return $self->get('/metrics')->body =~ /^bigcache_\Q$name\E (\S+)$/m
        ? $1 : undef;
}


# durable: waits until all that is stored is synced.  The servers of a cluster
# have that business, and nginx does not know of it.

sub durable {
    my ($self) = @_;

    return 1 if $ENV{BIGCACHE_CLUSTER};
    return $self->wait_for(sub {
        ($self->metric('unsynced_seconds') // 1) == 0;
    });
}


# -- the error log

# error_log(OFFSET): what was written behind that

sub error_log {
    my ($self, $offset) = @_;

    return substr $self->read_file('error.log'), $offset // 0;
}


# logs(REGEX, SECONDS): waits for a line

sub logs {
    my ($self, $regex, $seconds) = @_;

    return $self->wait_for(sub { $self->error_log =~ $regex }, $seconds);
}


# expect_log(REGEX): lines that match are no failure

sub expect_log {
    my ($self, $regex) = @_;

    push @{ $self->{expected} }, $regex;

    return $self;
}


sub _bad_lines {
    my ($self) = @_;

    return "it is gone\n" if $self->{started} && !-e "$self->{dir}/error.log";

    return grep {
        my $line = $_;
        $line =~ /\[(?:alert|emerg|crit)\]|Sanitizer|runtime error/
            && !grep { $line =~ $_ } @{ $self->{expected} };
    } split /\n/, $self->error_log;
}


sub _complain {
    my ($self, $text) = @_;

    push @{ $self->{complaints} }, $text;
}


END {
    my $status = $?;

    alarm 0;

    for my $t ($$ == $owner ? @instances : ()) {
        $t->stop;
        system "{ umount $t->{dir}/disk || umount -l $t->{dir}/disk; }"
            . " >$t->{dir}/out 2>&1" if $t->{mounted};

        my @bad = (@{ $t->{complaints} || [] }, $t->_bad_lines);

        Test::More::diag("in $t->{dir}/error.log:\n", map { "$_\n" } @bad)
            if @bad;
        $status ||= 1 if @bad;

        $ENV{BIGCACHE_KEEP}
            ? Test::More::diag("kept: $t->{dir}")
            : remove_tree($t->{dir});
    }

    $? = $status;
}

1;
