package Bigcache::Test::Container;

# Podman for tests, in a mount namespace of its own: all that it writes is in
# the directory of the test.  Only root on Linux can do that.
#
#     my $c = Bigcache::Test::Container->new($t);
#     plan skip_all => $c->missing if $c->missing;
#     my ($status, $output) = $c->build($directory, 'localhost/x');
#     $c->start('one', ['-e', 'A=b'], 'localhost/x');
#     like $c->logs('one'), qr/started/, 'it says so';
#     is $c->stop('one', 10), 0, 'exit status';
#
# A container has the network of the machine.

use strict;
use warnings;

use POSIX qw(WNOHANG);

my $owner = $$;
my @all;


# new(TEST): "missing" says why it cannot be used

sub new {
    my ($class, $t) = @_;

    my $self = bless { t => $t, dir => $t->dir . '/podman' }, $class;

    for my $tool (qw(podman crun mmdebstrap nsenter)) {
        $self->{missing} = "no $tool" if system "command -v $tool >/dev/null";
    }

    $self->{missing} = 'only root can do that' if $>;

    push @all, $self;
    $self->{missing} ||= $self->_enter;

    return $self;
}


sub missing { $_[0]{missing} }


# _enter: makes the namespace, which a process holds; what podman keeps outside
# of its directory is in memory there.  crun takes only a plain cgroup2, and
# what it is given here has no controllers where the machine has them elsewhere.

sub _enter {
    my ($self) = @_;

    my ($t, $dir) = @$self{qw(t dir)};

    mkdir $dir;
    mkdir "$dir/tmp";

    my $script = $t->write_file('namespace.sh', <<"END");
set -e
exec >$dir/said 2>&1
mount --make-rprivate /
names=\$(readlink -f /etc/resolv.conf)
cp "\$names" $dir/resolv.conf
mount -t tmpfs tmpfs /run
if [ ! -e "\$names" ]; then
    mkdir -p "\$(dirname "\$names")"
    cp $dir/resolv.conf "\$names"
fi
mount -t tmpfs tmpfs /dev/shm
for path in /var/lib/cni /var/lib/containers; do
    [ ! -d \$path ] || mount -t tmpfs tmpfs \$path
done
umount -R /sys/fs/cgroup || :
mount -t cgroup2 cgroup2 /sys/fs/cgroup
: >$dir/ready
exec sleep infinity
END

    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        { exec qw(setpriv --pdeathsig KILL unshare -m sh), $script; }
        POSIX::_exit(127);
    }

    $self->{pid} = $pid;
    $t->wait_for(sub { -e "$dir/ready" || waitpid($pid, WNOHANG) == $pid });
    -e "$dir/ready" or return 'no mounts: ' . $self->_said;

    # an overlay needs a file system below it that can be one

    my ($status, $said);

    for my $driver (qw(overlay vfs)) {
        $self->{driver} = $driver;
        ($status, $said) = $self->podman('info');
        return '' if !$status;
    }

    return "podman: $said";
}


sub _said { return $_[0]{t}->read_file('podman/said') =~ s/\n.*//sr }


# podman(ARGUMENT ...): its exit status, and what it says, without what it says
# about a machine without systemd

sub podman {
    my ($self, @arguments) = @_;

    my $dir = $self->{dir};
    my $pid = open(my $out, '-|') // die "fork: $!\n";

    if (!$pid) {
        delete @ENV{qw(LD_PRELOAD NOTIFY_SOCKET XDG_RUNTIME_DIR)};
        @ENV{qw(HOME TMPDIR)} = ($dir, "$dir/tmp");
        open STDIN, '<', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        { exec 'nsenter', '-t', $self->{pid}, '-m', 'podman',
            '--root', "$dir/root", '--runroot', "$dir/run",
            '--storage-driver', $self->{driver},
            '--cgroup-manager', 'cgroupfs', @arguments; }
        POSIX::_exit(127);
    }

    my $said = join '', grep { !/^time=".*systemd/ } <$out>;
    close $out;

    return ($? >> 8 || $?, $said);
}


# base(NAME, SUITE): an image with little more than apt, of Debian's packages,
# or of the archive BIGCACHE_BASE; returns why it could not be made

sub base {
    my ($self, $name, $suite) = @_;

    my $file = $ENV{BIGCACHE_BASE} || "$self->{dir}/base.tar";

    if (!-e $file) {
        my $said = `mmdebstrap --variant=minbase $suite $file 2>&1`;

        return 'mmdebstrap: ' . ((grep { /^E:/ } split /\n/, $said)[-1] // $said)
            if $?;
    }

    my ($status, $said) = $self->podman('import', $file, $name);

    unlink "$self->{dir}/base.tar";

    return $status ? $said : '';
}


# build(DIRECTORY, NAME, ARGUMENT => VALUE ...): by the Dockerfile there; layers
# between would be copies of all files where there is no overlay

sub build {
    my ($self, $directory, $name, %arguments) = @_;

    return $self->podman('build', '--isolation', 'chroot', '--network', 'host',
        '--format', 'docker', '--layers=false', '-t', $name,
        map({ ('--build-arg', "$_=$arguments{$_}") } sort keys %arguments),
        $directory);
}


# _run: what each container needs here; podman's own limits are above what a
# machine may allow

sub _run {
    my $files = `bash -c 'ulimit -Hn'` =~ s/\s+//r;

    $files = 65536 if $files eq 'unlimited' || $files > 65536;

    return (qw(run --cgroups disabled --network host --ulimit nproc=4096:8192),
        '--ulimit', "nofile=$files:$files");
}


# start(NAME, OPTIONS, IMAGE, COMMAND ...): in the background

sub start {
    my ($self, $name, $options, @command) = @_;

    my ($status, $said) = $self->podman($self->_run, '-d', '--name', $name,
        @$options, @command);

    $status and die "podman run: $said\n";

    return $self;
}


# once(OPTIONS, IMAGE, COMMAND ...): its exit status and its output

sub once {
    my ($self, $options, @command) = @_;

    return $self->podman($self->_run, '--rm', @$options, @command);
}


# stop(NAME, SECONDS): as "docker stop" does it; returns the exit status

sub stop {
    my ($self, $name, $seconds) = @_;

    $self->podman('stop', '-t', $seconds, $name);

    return $self->inspect($name, '.State.ExitCode');
}


sub inspect {
    my ($self, $name, $field) = @_;

    my ($status, $said) = $self->podman('inspect', $name, '--format',
        "{{$field}}");

    return $said =~ s/\n\z//r;
}


sub logs { return ($_[0]->podman('logs', $_[1]))[1] }
sub remove { return $_[0]->podman('rm', '-f', $_[1]) }


# health(NAME): after its check was run once

sub health {
    my ($self, $name) = @_;

    $self->podman('healthcheck', 'run', $name);

    return $self->inspect($name, '.State.Health.Status');
}


END {
    my $status = $?;

    for my $self ($$ == $owner ? @all : ()) {
        $self->{pid} && kill 0, $self->{pid} or next;
        $self->podman('rm', '-f', '-a', '-t', '0') if $self->{driver};
        kill 'KILL', $self->{pid};
        waitpid $self->{pid}, 0;

        # files of other users, and modes that keep even their owner out
        system 'rm', '-rf', $self->{dir} if !$ENV{BIGCACHE_KEEP};
    }

    $? = $status;
}

1;
