package Bigcache::Test::Origin;

# An HTTP server on 127.0.0.1 whose answers the test makes, and that notes what
# it was asked.
#
#     my $o = Bigcache::Test::Origin->new($t, 1, sub {
#         my ($request, $n) = @_;        # {method, uri, header, body}
#         return (200, ['Cache-Control' => 'max-age=60'], "page $n");
#     });
#     ... proxy_pass http://127.0.0.1:%%PORT_1%%; ...
#     $o->requests('/page')              # how often it was asked
#     $o->stop; $o->start;               # ends its connections, too
#
# The code runs in a process for each connection.  It returns status, fields and
# body; or nothing, after it has written to $request->{socket} by itself, and
# then the connection ends.  $n counts the requests of that URI, 1 for the
# first.  Fields of a request are lower case; of several the last counts.

use strict;
use warnings;

use Fcntl qw(:flock);
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep);


# new(T, PORT, CODE): PORT is one of T's, 0 to 9

sub new {
    my ($class, $t, $port, $code) = @_;

    my $self = bless {
        log => $t->dir . "/origin.$port",
        code => $code,
        owner => $$,
        number => $t->port($port),
    }, $class;

    $t->write_file("origin.$port", '');

    return $self->start;
}


sub start {
    my ($self) = @_;

    my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $self->{number}, Listen => 511, ReuseAddr => 1)
        or die "origin: $!\n";

    my $parent = $$;
    $self->{pid} = fork // die "fork: $!\n";

    if ($self->{pid} == 0) {
        $SIG{CHLD} = 'IGNORE';
        $SIG{TERM} = \&_end;
        $SIG{ALRM} = 'DEFAULT';

        while (getppid == $parent) {
            my $ready = '';
            vec($ready, fileno $server, 1) = 1;
            next if select($ready, undef, undef, 1) <= 0;

            my $socket = $server->accept or next;
            my $pid = fork;

            if (defined $pid && $pid == 0) {
                $SIG{TERM} = 'DEFAULT';
                alarm 600;
                close $server;
                eval { $self->_serve($socket) };
                POSIX::_exit(0);
            }

            close $socket;
        }

        POSIX::_exit(0);
    }

    close $server;

    return $self;
}


sub stop {
    my ($self) = @_;

    return if !$self->{pid} || $self->{owner} != $$;

    local $?;
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    delete $self->{pid};
}


# nginx may keep connections, and these have processes of their own

sub _end {
    kill 'TERM', Bigcache::Test::_children($$);
    POSIX::_exit(0);
}


sub DESTROY { $_[0]->stop }


# requests(URI): the number of requests; without a URI, of all

sub requests {
    my ($self, $uri) = @_;

    return scalar $self->log($uri);
}


# log(URI): "METHOD URI" of each request

sub log {
    my ($self, $uri) = @_;

    open my $file, '<', $self->{log} or die "$self->{log}: $!\n";
    chomp(my @lines = <$file>);

    return grep { !defined $uri || (split / /, $_, 2)[1] eq $uri } @lines;
}


sub _note {
    my ($self, $request) = @_;

    open my $file, '+>>', $self->{log} or die "$self->{log}: $!\n";
    flock $file, LOCK_EX;
    seek $file, 0, 0;

    my $n = 1 + grep { /^\S+ \Q$request->{uri}\E$/ } <$file>;

    syswrite $file, "$request->{method} $request->{uri}\n";
    close $file;

    return $n;
}


sub _serve {
    my ($self, $socket) = @_;

    $socket->setsockopt(Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1);

    my $in = '';

    while (1) {
        while ($in !~ /\r\n\r\n/) {
            sysread $socket, $in, 65536, length $in or return;
        }

        alarm 600;          # a connection may be kept for longer
        $in =~ s/^(.*?)\r\n\r\n//s;
        my ($line, @lines) = split /\r\n/, $1;
        my ($method, $uri) = split / /, $line;
        my %header = map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () } @lines;
        my $length = $header{'content-length'} // 0;

        while (length $in < $length) {
            sysread $socket, $in, 65536, length $in or return;
        }

        my $request = { method => $method, uri => $uri, header => \%header,
            body => substr($in, 0, $length, ''), socket => $socket };
        my ($status, $fields, $body) = $self->{code}->($request,
            $self->_note($request)) or return;

        my @fields = @{ $fields // [] };
        my $out = "HTTP/1.1 $status X\r\n";

        $out .= shift(@fields) . ': ' . shift(@fields) . "\r\n" while @fields;
        $out .= 'Content-Length: ' . length($body // '') . "\r\n"
            if $out !~ /^Content-Length:/mi && $status != 304;
        $out .= "\r\n";
        $out .= $body // '' if $method ne 'HEAD' && $status != 304;

        _write($socket, $out) or return;
        return if ($header{connection} // '') eq 'close';
    }
}


sub _write {
    my ($socket, $bytes) = @_;

    my $sent = 0;

    while ($sent < length $bytes) {
        $sent += syswrite($socket, $bytes, 1 << 20, $sent) // return 0;
    }

    return 1;
}

1;
