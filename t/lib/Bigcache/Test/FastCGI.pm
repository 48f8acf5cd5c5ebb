package Bigcache::Test::FastCGI;

# A FastCGI responder on 127.0.0.1, or one for uwsgi or SCGI, whose answers the
# test makes, down to their records; it notes what it was asked.
#
#     my $o = Bigcache::Test::FastCGI->new($t, 1, sub {
#         my ($request, $n) = @_;        # {method, uri, param, body}
#         return stdout("Content-Type: text/plain\r\n\r\nhello") . end();
#     });
#     ... fastcgi_pass 127.0.0.1:%%PORT_1%%; ...
#
# The code returns all bytes of the answer.  Then the connection ends, unless
# the server wants to keep it and the answer ended with end().  uri is what the
# client asked for, REQUEST_URI; the rest is as in Bigcache::Test::Origin.

use strict;
use warnings;

use Bigcache::Test::Origin;
use Exporter qw(import);

our @ISA = ('Bigcache::Test::Origin');
our @EXPORT_OK = qw(stdout stderr end);

# types of records, and the flag of a request

use constant { BEGIN_REQUEST => 1, END_REQUEST => 3, PARAMS => 4, INPUT => 5,
    OUTPUT => 6, ERRORS => 7, KEEP => 1 };


# new(T, PORT, CODE, PROTOCOL): fastcgi by default, or uwsgi or scgi

sub new {
    my ($class, $t, $port, $code, $protocol) = @_;

    # the process that serves is started by this call

    my $read = \&{ '_read_' . ($protocol // 'fastcgi') };

    return $class->SUPER::new($t, $port, { code => $code, read => $read });
}


# stdout(TEXT, SIZE): records of that many bytes at most; stderr(TEXT)

sub stdout {
    my ($text, $size) = @_;

    return join '', map { _record(OUTPUT, $_) }
        unpack '(a' . ($size // 32_000) . ')*', $text;
}


sub stderr {
    my ($text) = @_;

    return _record(ERRORS, $text);
}


# end(): the last records of an answer

sub end {
    return _record(OUTPUT, '') . _record(END_REQUEST, "\0" x 8);
}


# with as much padding as FastCGI recommends

sub _record {
    my ($type, $content) = @_;

    my $padding = -length($content) % 8;

    return pack('CCnnCx', 1, $type, 1, length $content, $padding)
        . $content . "\0" x $padding;
}


sub _serve {
    my ($self, $socket) = @_;

    my $code = $self->{code};
    my $keep;

    do {
        my ($param, $body);
        ($param, $body, $keep) = $code->{read}->($socket) or return;

        my $request = { method => $param->{REQUEST_METHOD}, body => $body,
            uri => $param->{REQUEST_URI}, param => $param };
        my $bytes = $code->{code}->($request, $self->_note($request));

        Bigcache::Test::Origin::_write($socket, $bytes) or return;
        $keep &&= substr($bytes, -16, 2) eq pack 'CC', 1, END_REQUEST;
    } while $keep;
}


# each of them returns parameters, the body, and whether to keep the connection

sub _read_fastcgi {
    my ($socket) = @_;

    my %stream = (PARAMS, '', INPUT, '');
    my $keep;

    while (defined(my $head = _bytes($socket, 8))) {
        my (undef, $type, undef, $length, $padding) = unpack 'CCnnC', $head;
        my $content = _bytes($socket, $length) // return;
        _bytes($socket, $padding) // return;

        $keep = (unpack 'nC', $content)[1] & KEEP if $type == BEGIN_REQUEST;
        $stream{$type} .= $content;

        return (_pairs($stream{+PARAMS}), $stream{+INPUT}, $keep)
            if $type == INPUT && $length == 0;
    }

    return;
}


sub _pairs {
    my ($bytes) = @_;

    my %param;

    while (length $bytes) {
        my @length;

        for (1, 2) {
            my $long = ord($bytes) & 0x80;
            my $n = unpack $long ? 'N' : 'C', $bytes;
            substr $bytes, 0, $long ? 4 : 1, '';
            push @length, $n & 0x7fffffff;
        }

        my $name = substr $bytes, 0, $length[0], '';
        $param{$name} = substr $bytes, 0, $length[1], '';
    }

    return \%param;
}


sub _read_uwsgi {
    my ($socket) = @_;

    my (undef, $length) = unpack 'Cv', _bytes($socket, 4) // return;
    my %param = unpack '(v/a v/a)*', _bytes($socket, $length) // return;

    return (\%param, _bytes($socket, $param{CONTENT_LENGTH} || 0));
}


sub _read_scgi {
    my ($socket) = @_;

    my $length = '';

    while ($length !~ s/:$//) {
        $length .= _bytes($socket, 1) // return;
    }

    my $pairs = _bytes($socket, $length + 1) // return;
    my %param = unpack '(Z*)*', substr $pairs, 0, -1;

    return (\%param, _bytes($socket, $param{CONTENT_LENGTH} || 0));
}


# undef if the connection ends first

sub _bytes {
    my ($socket, $n) = @_;

    my $bytes = '';

    while (length $bytes < $n) {
        sysread $socket, $bytes, $n - length $bytes, length $bytes or return;
    }

    return $bytes;
}

1;
