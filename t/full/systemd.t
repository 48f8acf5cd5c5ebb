#!/usr/bin/perl

# example/systemd.conf: systemd takes it, finds nginx less exposed by it, and an
# nginx that is limited as it says does all that bigcache does.  There need not
# be a systemd that runs: the test makes the limits itself, by a seccomp filter
# of the same calls, the same capabilities, and a file system that is read-only
# but for the same paths.

use strict;
use warnings;

use Bigcache::Test qw(slurp);
use Bigcache::Test::Origin;
use POSIX ();
use Test::More;

my $unit = '/lib/systemd/system/nginx.service';
my $conf = slurp('example/systemd.conf');

plan skip_all => 'no systemd-analyze'
    if system 'command -v systemd-analyze >/dev/null';
plan skip_all => "no $unit" if !-e $unit;

my $t = Bigcache::Test->new(user => 'www-data');
my $dir = $t->dir;

mkdir "$dir/units";
mkdir "$dir/units/nginx.service.d";
$t->write_file('units/nginx.service', slurp($unit));
$t->write_file('units/nginx.service.d/bigcache.conf', $conf);

subtest 'systemd' => \&systemd;
subtest 'nginx' => \&nginx;

done_testing;


# setting(NAME): its words, of all lines

sub setting {
    my ($name) = @_;

    return map { split } $conf =~ /^$name=(.+)$/mg;
}


sub analyze {
    my $said = `SYSTEMD_UNIT_PATH=$dir/units: systemd-analyze @_ 2>&1`;

    return ($? >> 8, $said);
}


sub systemd {
    my ($status, $said) = analyze('verify --man=no nginx.service');

    is $status, 0, 'verify';
    is $said, '', 'has nothing to say';

    # the number is what systemd 252 says; a newer one may know more

    ($status, $said) = analyze('security --offline=yes --threshold=35'
        . ' nginx.service');
    is $status, 0, 'security: below 3.5' or diag $said;
    note $said =~ /(Overall exposure level.*)/;

    # README.Debian and the file itself say how it is installed

    my @commands = $conf =~ /^#     ((?:.*\\\n#)*.*)$/mg;
    is scalar(@commands), 4, 'commands';
    like join("\n", @commands), qr{nginx\.service\.d/bigcache\.conf},
        'lead to a drop-in';

    # how it is taken away, and what a site may have to change

    my ($text) = slurp('docs/operations.md')
        =~ /^## Under systemd\n(.*?)^## /ms;

    like $text, qr{^    rm /etc/systemd/\S+/bigcache\.conf$}m, 'only this file';
    like $text, qr/^\|.*`$_=\w+`/m, "$_ is in the table"
        for qw(PrivateTmp MemoryDenyWriteExecute);
}


# calls(WORD ...): the names in such a list, of which some begin with "~"

sub calls {
    my (%calls, $not);

    for my $word (@_) {
        $not = $word =~ s/^~// if $word =~ /^~/;

        my @names = $word =~ /^\@/ ? group($word) : $word;

        $not ? delete @calls{@names} : (@calls{@names} = (1) x @names);
    }

    return sort keys %calls;
}


sub group {
    my ($group) = @_;

    return map { /^\@/ ? group($_) : $_ }
        `systemd-analyze syscall-filter $group` =~ /^ +([\@\w-]+)$/mg;
}


# filter: the bytes of a seccomp filter that does what SystemCallFilter and
# MemoryDenyWriteExecute say; undef if this machine is of another kind

sub filter {
    my %arch = (x86_64 => 0xc000003e, aarch64 => 0xc00000b7);
    my $arch = $arch{(POSIX::uname())[4]} or return undef;
    my %number = `echo '#include <sys/syscall.h>' | cc -E -dM -`
        =~ /^#define __NR_(\w+) (\d+)$/mg or return undef;
    my ($allow, $deny) = (0x7fff0000, 0x00050001);

    # the line SystemCallFilter=~ ends what is allowed

    my @lines = $conf =~ /^SystemCallFilter=(.+)$/mg;
    my @numbers = map { $number{$_} // () } calls(map { split } @lines);

    my @code = ([ 0x20, 0, 0, 4 ], [ 0x15, 1, 0, $arch ], [ 0x06, 0, 0, $deny ],
        [ 0x20, 0, 0, 0 ]);

    # mmap that is to write and to execute, mprotect that is to execute

    push @code, [ 0x15, 0, 5, $number{mmap} ], [ 0x20, 0, 0, 32 ],
        [ 0x54, 0, 0, 6 ], [ 0x15, 0, 1, 6 ], [ 0x06, 0, 0, $deny ],
        [ 0x06, 0, 0, $allow ];
    push @code, [ 0x15, 0, 4, $number{mprotect} ], [ 0x20, 0, 0, 32 ],
        [ 0x45, 0, 1, 4 ], [ 0x06, 0, 0, $deny ], [ 0x06, 0, 0, $allow ];

    push @code, [ 0x15, 0, 1, $_ ], [ 0x06, 0, 0, $allow ] for @numbers;
    push @code, [ 0x06, 0, 0, $deny ];

    $t->write_file('filter', join '', map { pack 'SCCL', @$_ } @code);
    $t->write_file('limited.pl', <<"END");
my \@command = \@ARGV;
my \$code = do { local (\@ARGV, \$/) = '$dir/filter'; <> };
my \$program = pack 'Sx6P', length(\$code) / 8, \$code;

# no_new_privs, then the filter

syscall($number{prctl}, 38, 1, 0, 0, 0) == 0 or die "prctl: \$!\\n";
syscall($number{seccomp}, 1, 0, \$program) == 0 or die "seccomp: \$!\\n";
exec \@command;
die "\$command[0]: \$!\\n";
END

    return scalar @numbers;
}


# limited: what begins a command to limit it

sub limited {
    my @capabilities = map { '+' . lc s/^CAP_//r }
        setting('CapabilityBoundingSet');

    return ('setpriv', '--bounding-set', join(',', '-all', @capabilities),
        'perl', "$dir/limited.pl");
}


# start: nginx as a daemon, in a mount namespace in which only what
# ReadWritePaths names can be written to; strace, if it is there, notes the
# calls that fail

sub start {
    my @paths = map { s/^-//r } setting('ReadWritePaths');
    my $script = "set -e\nmount --make-rprivate /\n";

    for my $above (qw(/var/lib /var/log)) {
        $script .= "mount -t tmpfs tmpfs $above\n";
    }

    for my $path (@paths) {
        system('mkdir', '-p', "$dir/rw$path") == 0 or die "mkdir\n";
        $script .= "mkdir -p $path\nmount --bind $dir/rw$path $path\n";
    }

    $script .= "chown www-data $dir/rw/var/lib/bigcache\n"
        . "chmod 700 $dir/rw/var/lib/bigcache\n";
    $script .= "mount -o remount,bind,ro $_\n" for qw(/var/lib /var/log /);
    $script .= join ' ', 'exec', limited(), Bigcache::Test::nginx(), '-c',
        "$dir/nginx.conf", "\n";
    $t->write_file('start.sh', $script);

    my @trace = system('command -v strace >/dev/null') ? ()
        : (qw(strace -D -f -qq -Z -o), "$dir/trace");

    # not by a pipe, which would end with nginx

    is system("@trace unshare -m sh $dir/start.sh >$dir/out 2>&1"), 0,
        'it starts' or diag $t->read_file('out');

    return scalar @trace;
}


# inside(PID): what begins a command to see the files that a process sees, also
# where this test runs in a directory that chroot has made its root

sub inside { return ('nsenter', '-t', $_[0], '-m', '-r') }


sub master { return $t->read_file('rw/run/nginx.pid') =~ s/\n//r }


sub nginx {
    plan skip_all => 'only root can limit it' if $>;
    plan skip_all => 'no mounts here'
        if system "unshare -m mount --make-rprivate / >$dir/out 2>&1";
    plan skip_all => 'no user www-data' if !getpwnam 'www-data';

    my $calls = filter() or plan skip_all => 'no filter for this machine';

    cmp_ok $calls, '>', 200, 'calls that are allowed';

    my $o = Bigcache::Test::Origin->new($t, 1, sub {
        return (200, ['Cache-Control' => 'max-age=600'], "page $_[1]" x 1000);
    });

    $t->write_file('nginx.conf', $t->expand(<<'END'
%%MODULE%%
worker_processes 2;
events { }
http {
    access_log /var/log/nginx/access.log;
    client_body_temp_path /var/lib/nginx/body;
    proxy_temp_path /var/lib/nginx/proxy;
    fastcgi_temp_path /var/lib/nginx/fastcgi;
    uwsgi_temp_path /var/lib/nginx/uwsgi;
    scgi_temp_path /var/lib/nginx/scgi;
    client_max_body_size 100m;
    bigcache_path /var/lib/bigcache zone=main:1m sync=1s max_size=200m;
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / { bigcache main; bigcache_lease 1; }
        location /site/ {
            bigcache_pages main;
            proxy_pass http://localhost:%%PORT_1%%;
        }
    }
}
END
    ) =~ s{^pid .*;}{pid /run/nginx.pid;}mr =~ s/^daemon off;//mr
        =~ s{^error_log \S+}{error_log /var/log/nginx/error.log}mr);

    my $traced = start();
    my $pid = master() or return fail 'nginx runs';

    like slurp("/proc/$pid/status"), qr/^Seccomp:\s+2$/m, 'with the filter';
    like slurp("/proc/$pid/status"), qr/^NoNewPrivs:\s+1$/m, 'no privileges';
    is hex((slurp("/proc/$pid/status") =~ /^CapEff:\s+(\w+)/m)[0]) & 1 << 21, 0,
        'no CAP_SYS_ADMIN';
    isnt system(join ' ', inside($pid), "touch /etc/x /var/lib/x 2>$dir/out"),
        0, 'the file system is read-only';

    work('at first');

    # a reload, logs that are opened again, and the next binary

    my %old = map { $_ => 1 } $t->worker_pids($pid);
    kill 'HUP', $pid;
    ok $t->wait_for(sub { my @now = $t->worker_pids($pid);
        @now == 2 && !grep { $old{$_} } @now }), 'reload';
    work('after a reload');

    rename "$dir/rw/var/log/nginx/access.log", "$dir/rw/var/log/nginx/old.log";
    kill 'USR1', $pid;
    ok $t->wait_for(sub { -e "$dir/rw/var/log/nginx/access.log" }), 'USR1';
    ok $t->wait_for(sub { $t->get('/none');
        -s "$dir/rw/var/log/nginx/access.log" }), 'a new log';

    kill 'USR2', $pid;
    ok $t->wait_for(sub { my $new = master();
        $new && $new != $pid && $t->worker_pids($new) }, 60), 'upgrade';
    my $new = master();
    kill 'QUIT', $pid;
    ok $t->wait_for(sub { !kill 0, $pid }), 'the old one ends';
    work('after an upgrade');

    stop($new);
    $o->stop;

    unlike $t->read_file('rw/var/log/nginx/error.log'),
        qr/\[(?:crit|alert|emerg)\]|not permitted|Read-only/,
        'nothing has failed'
        or diag $t->read_file('rw/var/log/nginx/error.log');

    SKIP: {
        skip 'no strace', 1 if !$traced;

        my %denied = map { $_ => 1 } $t->read_file('trace')
            =~ /^(?:\d+ +)?(\w+)\(.* = -1 EPERM /mg;

        # systemd cannot name it everywhere, and then there is a substitute

        delete $denied{cachestat};
        delete $denied{syscall_0x1c3};
        is join(' ', sort keys %denied), '', 'no other call was denied';
    }
}


# by ExecStop, while a request is in flight

sub stop {
    my ($pid) = @_;

    my ($command) = $conf =~ /^ExecStop=-?(\S.*)$/m;
    my $connection = $t->connect->begin('POST', '/pickle/late', 2000);

    $connection->send('x' x 1000);

    my $stopped = $t->in_child(sub {
        return '' . system(inside($pid), limited(), split ' ', $command);
    });

    ok $t->wait_for(sub { $t->read_file('rw/var/log/nginx/error.log')
        =~ /SIGQUIT\) received/ }), 'it is told to stop';
    $connection->send('x' x 1000);
    is $connection->response('POST')->status, 200, 'the request is answered';
    is $stopped->(), '0', 'ExecStop';
    ok !kill(0, $pid), 'nginx has ended';

    my ($stop) = setting('TimeoutStopSec');
    my $retry = 0;
    $retry += $_ for $command =~ m{/(\d+)}g;
    cmp_ok $stop, '>', $retry, 'systemd waits for longer than ExecStop';
}


# what a store and page caching do

sub work {
    my ($when) = @_;

    is $t->request('POST', '/cache/k', '{"value":[1.0]}')->status, 200,
        "$when: POST";
    is $t->get('/cache/k')->json->{value}[0], 1, 'GET';
    is $t->request('POST', "/pickle/$_", chr(65 + $_) x (100 << $_))->status,
        200, 'POST of some size' for 1 .. 14;
    is length $t->get("/pickle/$_")->body, 100 << $_, 'GET of some size'
        for 1 .. 14;
    is $t->request('POST', '/pickle/spooled', [ ('x' x 50_000) x 40 ])->status,
        200, 'chunks';
    is $t->request('POST', '/incr/n', '{"initial":1}')->status, 200, 'incr';
    is $t->request('POST', '/batch', '{"operations":[]}')->status, 200, 'batch';
    is $t->get('/keys/')->status, 200, 'keys';
    is $t->get("/$_")->status, 200, $_ for qw(stat stat/count metrics);
    is $t->request('DELETE', '/cache/k')->status, 200, 'DELETE';
    is $t->request('DELETE', '/prefix/1')->status, 200, 'prefix';
    is $t->get('/site/a')->status, 200, 'a page of an upstream';
    ok $t->wait_for(sub { ($t->get('/site/a')->header('Cache-Status') // '')
        =~ /hit/ }), 'is stored';
    is $t->request('POST', '/close')->status, 200, 'close';
    is $t->request('POST', '/open')->status, 200, 'open';
    is length $t->get('/pickle/2')->body, 400, 'GET';
    is $t->request('POST', '/clear')->status, 200, 'clear';
}


# what runs still if something went wrong: the binds of its namespace are in the
# directory that is removed

END {
    my $status = $?;
    my @pids = map { $_ || () } !$dir ? () : map { $t->read_file($_) + 0 }
        grep { -s "$dir/$_" } map { "rw/run/nginx.pid$_" } '', '.oldbin';

    kill 'TERM', @pids;
    $t->wait_for(sub { !kill 0, @pids }) if @pids;
    $? = $status;
}
