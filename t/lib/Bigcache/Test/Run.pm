package Bigcache::Test::Run;

# Starts ./build.sh run, as a user does it.
#
#     my $run = Bigcache::Test::Run->new($t);
#     my ($pid, $name) = $run->start({ DB_PATH => 'x' }, '--port', $t->port);
#     is $run->serves(0, $name, $pid), "$dir/x", 'serves';
#     kill 'INT', -$pid;
#     is $run->ended($pid, 20), 0, 'Ctrl-C ends it';
#     $run->fails(qr/not a port/, 'port x', '--port', 'x');
#
# What still runs when the test ends gets a SIGTERM.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use POSIX qw(WNOHANG);
use Test::More ();

my $build = abs_path(dirname(__FILE__) . '/../../../..') . '/build.sh';
my $test = $$;
my %running;

END {
    my $status = $?;

    if ($$ == $test) {
        kill 'TERM', $_ for keys %running;
        waitpid $_, 0 for keys %running;
    }

    $? = $status;
}


sub new {
    my ($class, $t) = @_;

    delete @ENV{qw(DB_PATH LD_PRELOAD SSL_CERT_FILE)};

    return bless { t => $t, runs => 0 }, $class;
}


# start(ENV, OPTION ...): in a process group of its own, from the test's
# directory; returns its pid and the name of the file that it writes to

sub start {
    my ($self, $env, @options) = @_;

    my $dir = $self->{t}->dir;
    my $name = 'run-' . ++$self->{runs};
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        setpgrp;
        %ENV = (%ENV, %$env);
        chdir $dir;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE ALRM);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$dir/$name";
        open STDERR, '>&', \*STDOUT;
        { exec $build, 'run', @options; }
        POSIX::_exit(127);
    }

    $running{$pid} = 1;

    return ($pid, $name);
}


# ended(PID, SECONDS): its exit status, or undef

sub ended {
    my ($self, $pid, $seconds) = @_;

    $self->{t}->wait_for(sub { waitpid($pid, WNOHANG) == $pid }, $seconds)
        or return undef;

    delete $running{$pid};

    return $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
}


# serves(N, NAME, PID): the directory from which it serves on the test's port N;
# the first one may have to build

sub serves {
    my ($self, $n, $name, $pid) = @_;

    my $t = $self->{t};
    my $url = 'http://127.0.0.1:' . $t->port($n) . '/';

    my $said = $t->wait_for(sub {
        $t->read_file($name) =~ m{^bigcache serves \Q$url\E from (.*)\n}m && $1
            or waitpid($pid, WNOHANG) == $pid && 'it ended';
    }, 200);

    return $said // 'nothing';
}


# fails(REGEX, TEST, OPTION ...): one line, an exit status, nothing started;
# returns that line

sub fails {
    my ($self, $regex, $test_name, @options) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $env = ref $options[0] ? shift @options : {};
    my ($failed, $output) = $self->start($env, @options);
    my $status = $self->ended($failed, 100);
    my @lines = split /\n/, $self->{t}->read_file($output);

    Test::More::ok($status && $status =~ /^\d+$/ && @lines == 1
        && $lines[0] =~ /^build\.sh: / && $lines[0] =~ $regex, $test_name)
        or Test::More::diag('status ' . ($status // 'none'), "\n",
            join "\n", @lines);

    return $lines[0] // '';
}

1;
