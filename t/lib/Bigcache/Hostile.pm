package Bigcache::Hostile;

# Servers that speak the Redis protocol as a test wants, on loopback; they end
# with the test.
#
#     use Bigcache::Hostile qw(serve usual bulk);
#
#     my $port = serve(sub { my ($port, @command) = @_; ... });

use strict;
use warnings;

use Exporter qw(import);
use IO::Socket::INET;
use POSIX ();

use Bigcache::Test;

our @EXPORT_OK = qw(serve usual bulk list);

my $owner = $$;
my @servers;


# serve(CODE): a server that answers each command with what CODE returns, called
# with its port and the command, and closes the connection on undef.  CODE may
# also return a reference to code, which gets the connection.

sub serve {
    my ($code) = @_;

    my $listen = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1',
        LocalPort => Bigcache::Test::cluster_port(), ReuseAddr => 1)
        or die "listen: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        alarm 0;
        setpgrp;
        $SIG{CHLD} = 'IGNORE';
        $SIG{ALRM} = 'DEFAULT';

        while (1) {
            my $c = $listen->accept or next;
            next if fork;
            srand($$ ^ time);
            conversation($c, sub { $code->($listen->sockport, @_) });
            POSIX::_exit(0);
        }
    }

    push @servers, $pid;

    return $listen->sockport;
}


sub conversation {
    my ($c, $code) = @_;

    while (defined(my $n = readline $c)) {
        my @command;

        $n =~ /^\*(\d+)/ or return;

        for (1 .. $1) {
            (readline($c) // '') =~ /^\$(\d+)/ or return;
            read $c, my $part, $1 + 2;
            push @command, substr $part, 0, $1;
        }

        my $answer = $code->(@command);

        return if !defined $answer;

        if (ref $answer) {
            $answer->($c);

        } else {
            print $c $answer;
        }

        $c->flush;
    }
}


sub bulk { return '$' . length($_[0]) . "\r\n$_[0]\r\n" }
sub list { return '*' . @_ . "\r\n" . join '', @_ }


# usual(PORT, COMMAND): what any server answers to a new client, else undef

sub usual {
    my ($port, @command) = @_;

    my $name = uc $command[0];

    return "+OK\r\n" if $name eq 'AUTH';
    return bulk("# Memo") if $name eq 'INFO';
    return bulk('a' x 40) if $name eq 'SCRIPT';
    return list(list(":0\r\n", ":16383\r\n", list(bulk('127.0.0.1'),
        ":$port\r\n"))) if $name eq 'CLUSTER';
    return bulk('1 1024') if $name eq 'GET' && $command[1] =~ /conf$/;

    return undef;
}


END {
    local $?;
    kill '-KILL', @servers if @servers && $$ == $owner;
}

1;
