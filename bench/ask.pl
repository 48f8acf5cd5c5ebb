#!/usr/bin/perl
#
# Asks a URL every two milliseconds on one connection, for so many seconds, and
# prints how long the 99th percentile of the answers took, in microseconds.
#
#     ask.pl URL SECONDS

use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

my ($host, $path) = $ARGV[0] =~ m{^http://([^/]+)(.*)} or die "a URL?\n";
my $server = IO::Socket::INET->new($host) or die "$host: $!\n";
my $end = time + $ARGV[1];
my @took;

while ((my $begin = time) < $end) {
    syswrite $server, "GET $path HTTP/1.1\r\nHost: x\r\n\r\n";
    sysread $server, my $answer, 65536 or die "$host closed the connection\n";
    push @took, 1e6 * (time - $begin);
    sleep 0.002;
}

@took = sort { $a <=> $b } @took;
printf "%.0f\n", $took[int(@took * 0.99)];
