package Bigcache::Cluster;

# A cluster of redis-server, or of what CLUSTER_SERVER names, in a directory of
# its own on loopback; its servers end with the test.
#
#     use Bigcache::Cluster;
#
#     my $cluster = Bigcache::Cluster->new(masters => 3, replicas => 0);
#     my $t = Bigcache::Test->new->conf(
#         http => $cluster->directive('pages', 'zone=main')) ...
#
# Servers are numbers: masters first, then the first replica of each, and so on.

use strict;
use warnings;

use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

use Bigcache::Test;

use constant WAIT => 30;

my $owner = $$;
my @clusters;


# program(): the program, or nothing

sub program {
    my ($name) = $ENV{CLUSTER_SERVER} || 'redis-server';

    return $name if $name =~ m{/};

    return (grep { -x } map { "$_/$name" } split(/:/, $ENV{PATH}),
        '/usr/bin', '/usr/sbin')[0];
}


# new(masters => N, replicas => N of each, timeout => ms, conf => [LINES],
# tls => DIR): all servers answer, and each slot has one.  DIR has ca.pem,
# cert.pem and key.pem: nginx speaks TLS to them then

sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        dir => tempdir('bigcache-test-XXXXXX', TMPDIR => 1),
        masters => $opt{masters} // 3,
        replicas => $opt{replicas} // 0,
        timeout => $opt{timeout} // 2000,
        conf => $opt{conf} // [],
        cluster => $opt{cluster} // 1,
        tls => $opt{tls},
        servers => [],
    }, $class;

    push @clusters, $self;

    my $n = $self->{masters} * (1 + $self->{replicas});

    $self->start($_) for 0 .. $n - 1;

    return $self if !$self->{cluster};

    for my $i (0 .. $self->{masters} - 1) {
        my ($first, $last) = map { int 16384 * $_ / $self->{masters} }
            $i, $i + 1;

        $self->ask($i, 'CLUSTER', 'ADDSLOTSRANGE', $first, $last - 1);
        $self->ask($i, 'CLUSTER', 'SET-CONFIG-EPOCH', $i + 1);
    }

    # a server forgets whom it is to meet, if that one is slow to answer

    my @unmet = 1 .. $n - 1;
    my $met = 0;

    $self->wait_for(sub {
        if (time - $met > 5) {
            $self->ask($_, 'CLUSTER', 'MEET', '127.0.0.1',
                $self->{servers}[0]{tls_port} // $self->port(0))
                for grep { $_ } @unmet;
            $met = time;
        }

        @unmet = grep { !$self->_knows($_, $n) } 0 .. $n - 1;
        return !@unmet;
    }, 'all servers know each other');

    for my $i ($self->{masters} .. $n - 1) {
        my $id = $self->ask($i % $self->{masters}, 'CLUSTER', 'MYID');

        $self->wait_for(sub {
            ($self->ask($i, 'CLUSTER', 'REPLICATE', $id) // '') eq 'OK';
        }, "server $i is a replica");
    }

    $self->wait_for(sub { $self->ready }, 'the cluster is ready');

    return $self;
}


# _knows(I, N): whether server I knows that many, of which each has said its name

sub _knows {
    my ($self, $i, $n) = @_;

    my $nodes = $self->ask($i, 'CLUSTER', 'NODES') // '';
    my $known = () = $nodes =~ /\n/g;

    return $known == $n && $nodes !~ /handshake/;
}


sub ready {
    my ($self) = @_;

    for my $i (grep { $self->{servers}[$_]{pid} } 0 .. $#{ $self->{servers} }) {
        return 0 if $self->ask($i, 'CLUSTER', 'INFO') !~ /^cluster_state:ok/m;

        my $role = $self->ask($i, 'INFO', 'replication');
        return 0 if $role =~ /^role:slave/m
            && $role !~ /^master_link_status:up/m;
    }

    return 1;
}


# replicated: waits until each replica has what its master was told before

sub replicated {
    my ($self) = @_;

    for my $i (grep { $self->{servers}[$_]{pid} } 0 .. $self->n - 1) {
        my $info = $self->ask($i, 'INFO', 'replication') // '';
        my ($told) = $info =~ /^master_repl_offset:(\d+)/m;

        next if $info !~ /^role:master/m;

        $self->wait_for(sub {
            !grep { !/,offset=(\d+)/ || $1 < $told }
                ($self->ask($i, 'INFO', 'replication') // '')
                    =~ /^(slave\d+:.*)/mg;
        }, "the replicas of server $i have it");
    }
}


# start(I): a server, with what it had if it was there before

sub start {
    my ($self, $i) = @_;

    my $server = $self->{servers}[$i] //= {
        port => Bigcache::Test::cluster_port(),
        dir => "$self->{dir}/$i",
        tls_port => $self->{tls} ? Bigcache::Test::cluster_port() : undef,
    };

    mkdir $server->{dir};

    open my $conf, '>', "$server->{dir}/redis.conf" or die $!;
    print $conf map { "$_\n" } "port $server->{port}", 'bind 127.0.0.1',
        "dir $server->{dir}", 'save ""', 'appendonly no', 'daemonize no',
        'protected-mode no', 'repl-diskless-sync-delay 0',
        $self->{cluster} ? ('cluster-enabled yes',
            "cluster-node-timeout $self->{timeout}",
            'cluster-replica-validity-factor 0') : (),
        $self->{tls} ? ("tls-port $server->{tls_port}",
            "tls-cert-file $self->{tls}/cert.pem",
            "tls-key-file $self->{tls}/key.pem",
            "tls-ca-cert-file $self->{tls}/ca.pem",
            $self->{cluster} ? 'tls-cluster yes' : ()) : (),
        @{ $self->{conf} };
    close $conf;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        open STDOUT, '>>', "$server->{dir}/log" or POSIX::_exit(1);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(1);
        exec program(), "$server->{dir}/redis.conf" or POSIX::_exit(1);
    }

    $server->{pid} = $pid;

    $self->wait_for(sub {
        ($self->ask($i, 'PING') // '') =~ /PONG|LOADING|NOAUTH/;
    }, "server $i answers");
}


# kill(I, SIGNAL): ends a server at once, or stops it

sub kill {
    my ($self, $i, $signal) = @_;

    my $server = $self->{servers}[$i];
    $signal //= 'KILL';

    CORE::kill $signal, $server->{pid} if $server->{pid};

    if ($signal eq 'KILL' && $server->{pid}) {
        waitpid $server->{pid}, 0;
        delete $server->{pid};
        delete $server->{socket};
    }
}


sub port { $_[0]{servers}[$_[1]]{port} }
sub pids { map { $_->{pid} } @{ $_[0]{servers} } }
sub n { scalar @{ $_[0]{servers} } }


# servers(): addresses of the masters, for the configuration

sub servers {
    my ($self) = @_;

    return map { '127.0.0.1:' . ($_->{tls_port} // $_->{port}) }
        @{ $self->{servers} }[0 .. $self->{masters} - 1];
}


# directive(NAME, PARAMETERS): the line for nginx.conf

sub directive {
    my ($self, $name, @parameters) = @_;

    return join(' ', "bigcache_cluster $name",
        map("server=$_", $self->servers), @parameters) . ";\n";
}


# ask(I, COMMAND): the answer of a server: text, a number, a list; an error as
# its text; undef if it does not answer

sub ask {
    my ($self, $i, @command) = @_;

    my $server = $self->{servers}[$i];

    for (1 .. 2) {
        my $socket = $server->{socket} //= IO::Socket::INET->new(
            PeerAddr => '127.0.0.1', PeerPort => $server->{port},
            Timeout => 2) or return undef;

        print $socket '*' . @command . "\r\n",
            map { '$' . length($_) . "\r\n$_\r\n" } @command;
        $socket->flush;

        my $answer = eval { [ $self->_answer($socket) ] };
        return $answer->[0] if $answer;

        delete $server->{socket};
    }

    return undef;
}


sub _answer {
    my ($self, $socket) = @_;

    defined(my $line = readline $socket) or die "closed\n";
    $line =~ s/\r\n$//;
    my ($kind, $rest) = (substr($line, 0, 1), substr $line, 1);

    return $rest if $kind =~ /[-+:]/;

    if ($kind eq '$') {
        return undef if $rest < 0;
        read($socket, my $text, $rest + 2) == $rest + 2 or die "closed\n";
        return substr $text, 0, $rest;
    }

    return undef if $rest < 0;
    return [ map { $self->_answer($socket) } 1 .. $rest ];
}


# owner(SLOT, I): the number of the server that has it, as server I says, or the
# first that answers

sub owner {
    my ($self, $slot, @ask) = @_;

    for my $i (@ask ? @ask : 0 .. $self->n - 1) {
        next if !$self->{servers}[$i]{pid};
        my $slots = $self->ask($i, 'CLUSTER', 'SLOTS');
        next if ref $slots ne 'ARRAY';

        for my $range (@$slots) {
            next if $slot < $range->[0] || $slot > $range->[1];
            my ($found) = grep { $self->port($_) == $range->[2][1] }
                0 .. $self->n - 1;
            return $found;
        }
    }

    return undef;
}


# begin_move(SLOT, TO): has a slot on its way to another server; from then on no
# key can come to the former one

sub begin_move {
    my ($self, $slot, $to) = @_;

    my $from = $self->owner($slot);
    my ($old, $new) = map { $self->ask($_, 'CLUSTER', 'MYID') } $from, $to;

    $self->ask($to, 'CLUSTER', 'SETSLOT', $slot, 'IMPORTING', $old);
    $self->ask($from, 'CLUSTER', 'SETSLOT', $slot, 'MIGRATING', $new);

    return $from;
}


# move_keys(SLOT, FROM, TO, N, PAUSE): so many at once, with so many seconds
# between

sub move_keys {
    my ($self, $slot, $from, $to, $n, $pause) = @_;

    while (1) {
        my $keys = $self->ask($from, 'CLUSTER', 'GETKEYSINSLOT', $slot, $n);

        last if ref $keys ne 'ARRAY' || !@$keys;

        $self->ask($from, 'MIGRATE', '127.0.0.1', $self->port($to), '', 0, 5000,
            'KEYS', @$keys);
        sleep $pause if $pause;
    }
}


# end_move(SLOT, FROM, TO): all masters know that it has arrived

sub end_move {
    my ($self, $slot, $from, $to) = @_;

    my $new = $self->ask($to, 'CLUSTER', 'MYID');

    $self->ask($_, 'CLUSTER', 'SETSLOT', $slot, 'NODE', $new)
        for $to, $from, grep { $_ != $to && $_ != $from }
            0 .. $self->{masters} - 1;
}


# keys(PATTERN): of all masters

sub keys {
    my ($self, $pattern) = @_;

    my @keys = sort map { my $keys = $self->ask($_, 'KEYS', $pattern);
        ref $keys eq 'ARRAY' ? @$keys : () }
        grep { $self->{servers}[$_]{pid}
            && ($self->ask($_, 'INFO', 'replication') // '') =~ /role:master/ }
        0 .. $self->n - 1;

    return @keys;
}


sub wait_for {
    my ($self, $test, $what) = @_;

    my $until = time + WAIT;

    while (time < $until) {
        return 1 if $test->();
        sleep 0.02;
    }

    die "$what: not within " . WAIT . " seconds\n";
}


sub stop {
    my ($self) = @_;

    for my $server (@{ $self->{servers} }) {
        next if !$server->{pid};
        CORE::kill 'CONT', $server->{pid};
        CORE::kill 'KILL', $server->{pid};
        waitpid $server->{pid}, 0;
        delete $server->{pid};
    }
}


END {
    if ($$ == $owner) {
        local $?;
        $_->stop for @clusters;
        if (!$ENV{BIGCACHE_KEEP}) { remove_tree($_->{dir}) for @clusters }
    }
}

1;
