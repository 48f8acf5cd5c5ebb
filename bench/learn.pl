#!/usr/bin/perl
#
# Asks once for each of COUNT pages, by batches on eight connections: the hot
# index knows them then, as far as it has room.
#
#     learn.pl BASE COUNT

use strict;
use warnings;
use IO::Socket::INET;

use constant { BATCH => 500, CONNECTIONS => 8 };

my ($host, $base) = $ARGV[0] =~ m{^http://([^/]+)(.*)} or die "a URL?\n";
my $part = 0;

for (1 .. CONNECTIONS - 1) {
    my $child = fork // die "fork: $!\n";

    $child or $part = $_, last;
}

my $server = IO::Socket::INET->new($host) or die "$host: $!\n";

for (my $n = $part * BATCH; $n < $ARGV[1]; $n += CONNECTIONS * BATCH) {
    my $last = $n + BATCH < $ARGV[1] ? $n + BATCH : $ARGV[1];
    my $body = '{"operations":[' . join(',', map {
        qq({"op":"get","key":"page/$_"}) } $n .. $last - 1) . ']}';
    my $answer = '';

    print $server "POST $base/batch HTTP/1.1\r\nHost: x\r\nAccept: "
        . "application/x-bigcache-batch\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body";

    while ($answer !~ /\r\n\r\n/) {
        sysread $server, $answer, 65536, length $answer
            or die "$host closed the connection\n";
    }

    my ($head, $rest) = split /\r\n\r\n/, $answer, 2;
    my ($left) = $head =~ /^Content-Length: (\d+)/mi;

    die "not 200: $answer\n" if $answer !~ m{^HTTP/1.1 200} || !$left;
    $left -= length $rest;

    while ($left > 0) {
        $left -= sysread($server, $rest, 1 << 20)
            || die "$host closed the connection\n";
    }
}

exit if $part;

while (wait != -1) {
    $? and die "a connection failed\n";
}
