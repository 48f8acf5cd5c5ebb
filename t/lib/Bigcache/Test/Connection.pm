package Bigcache::Test::Connection;

# A client connection to 127.0.0.1: raw bytes out, parsed answers in.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(SHUT_WR SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

use Bigcache::Test::Response;

use constant TIMEOUT => 30;


# new(PORT, ADDRESS): ADDRESS, one of this machine, is where it comes from

sub new {
    my ($class, $port, $address) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port, $address ? (LocalAddr => $address) : ())
        or die "connect to port $port: $!\n";

    $socket->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    $socket->blocking(0);

    return bless { socket => $socket, in => '' }, $class;
}


sub socket { $_[0]{socket} }


# send(BYTES): stops early if the other side closes: its answer may be there

sub send {
    my ($self, $bytes) = @_;

    my $select = IO::Select->new($self->{socket});
    my $sent = 0;

    utf8::encode($bytes) if utf8::is_utf8($bytes);

    while ($sent < length $bytes) {
        $select->can_write(TIMEOUT) or die "send: timed out\n";
        my $n = syswrite $self->{socket}, $bytes, 65536, $sent;
        last if !defined $n && !$!{EAGAIN};
        $sent += $n // 0;
    }

    return $self;
}


# send_slowly(SECONDS, PIECE ...): with a pause between the pieces

sub send_slowly {
    my ($self, $pause, @pieces) = @_;

    for my $i (0 .. $#pieces) {
        sleep $pause if $i;
        $self->send($pieces[$i]);
    }

    return $self;
}


# request(METHOD, PATH, BODY, HEADER => VALUE ...): keeps the connection; an
# array of chunks as the BODY is sent chunked

sub request {
    my ($self, $method, @rest) = @_;

    return $self->send_request($method, @rest)->response($method);
}


sub send_request {
    my ($self, @request) = @_;

    $self->send($_) for _pieces(@request);

    return $self;
}


# raw(METHOD, PATH, BODY, HEADER => VALUE ...): the bytes of such a request

sub raw {
    return join '', _pieces(@_);
}


# head and body, of which the one may be text and the other bytes

sub _pieces {
    my ($method, $path, $body, @headers) = @_;

    my $head = "$method $path HTTP/1.1\r\n";
    my %given;

    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
        $given{ lc $name } = 1;
    }

    $head .= "Host: localhost\r\n" if !$given{host};

    if (ref $body) {
        $head .= "Transfer-Encoding: chunked\r\n";
        $body = join '', map { sprintf "%x\r\n%s\r\n", length, $_ }
            (grep { length } @$body), '';

    } elsif (defined $body && !$given{'content-length'}) {
        $head .= 'Content-Length: ' . length($body) . "\r\n";
    }

    return ("$head\r\n", $body // '');
}


# begin(METHOD, PATH, LENGTH, HEADER => VALUE ...): sends the head of a request,
# and returns when the server has begun to read its body

sub begin {
    my ($self, $method, $path, $length, @headers) = @_;

    $self->send_request($method, $path, undef, 'Content-Length' => $length,
        Expect => '100-continue', @headers);

    my $head = $self->read_until("\r\n\r\n") // 'nothing';
    $head =~ m{^HTTP/1\.1 100 } or die "no 100 Continue: $head\n";

    return $self;
}


# response(METHOD): reads one answer, a Bigcache::Test::Response; without one
# its status is 0

sub response {
    my ($self, $method) = @_;

    my $r = Bigcache::Test::Response->new;

    do {
        my $head = $self->read_until("\r\n\r\n") // return $r;
        $r->parse_head($head);
    } while $r->status =~ /^1/ && $r->status != 101;

    return $r if $r->status =~ /^(?:101|204|304)$/ || ($method // '') eq 'HEAD';

    if (($r->header('Transfer-Encoding') // '') =~ /chunked/i) {
        $r->{body} = $self->_read_chunked($r);

    } elsif (defined(my $length = $r->header('Content-Length'))) {
        $r->{body} = $self->read_bytes($length);
        $r->{truncated} = length $r->{body} < $length;

    } else {
        $r->{body} = $self->read_all;
    }

    return $r;
}


sub _read_chunked {
    my ($self, $r) = @_;

    my $body = '';

    while (defined(my $line = $self->read_until("\r\n"))) {
        my $size = hex $line =~ s/[;\r\n].*//sr;
        my $chunk = $self->read_bytes($size + 2);

        last if length $chunk != $size + 2;
        return $body if $size == 0;
        $body .= substr $chunk, 0, $size;
    }

    $r->{truncated} = 1;

    return $body;
}


# read_until(STRING): up to and with it, or undef if the connection ends first

sub read_until {
    my ($self, $string) = @_;

    my $at;

    while (($at = index $self->{in}, $string) < 0) {
        $self->_fill or return undef;
    }

    return substr $self->{in}, 0, $at + length $string, '';
}


sub read_bytes {
    my ($self, $n) = @_;

    while (length $self->{in} < $n && $self->_fill) { }

    return substr $self->{in}, 0, $n, '';
}


sub read_all {
    my ($self) = @_;

    while ($self->_fill) { }

    return substr $self->{in}, 0, length $self->{in}, '';
}


# readable(SECONDS): returns whether there are bytes, or the end

sub readable {
    my ($self, $seconds) = @_;

    return length $self->{in}
        || IO::Select->new($self->{socket})->can_read($seconds // 0);
}


# closed(SECONDS): returns whether the other side has closed, and all was read

sub closed {
    my ($self, $seconds) = @_;

    return $self->readable($seconds // TIMEOUT) && !length $self->{in}
        && !$self->_fill;
}


sub _fill {
    my ($self) = @_;

    IO::Select->new($self->{socket})->can_read(TIMEOUT)
        or die "read: timed out\n";

    return sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
}


# finish: ends the sending side; answers can still be read

sub finish {
    my ($self) = @_;

    shutdown $self->{socket}, SHUT_WR;

    return $self;
}


sub close {
    my ($self) = @_;

    CORE::close($self->{socket});
}


# reset: closes so that the other side gets ECONNRESET

sub reset {
    my ($self) = @_;

    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $self->close;
}

1;
