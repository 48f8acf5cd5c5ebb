#!/usr/bin/perl
#
# Asks for one path after the other, and prints how long the answers took:
# median, 99th percentile and maximum, in milliseconds.  A %d in the URL stands
# for 1, 2 ...; without it, all requests are for the same path.
#
#     ask_all.pl URL COUNT PAUSE

use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

my ($host, $path) = $ARGV[0] =~ m{^http://([^/]+)(.*)} or die "a URL?\n";
my $server = IO::Socket::INET->new($host) or die "$host: $!\n";
my @took;

for my $n (1 .. $ARGV[1]) {
    my $begin = time;
    my $answer = '';

    syswrite $server, 'GET ' . $path =~ s/%d/$n/r
        . " HTTP/1.1\r\nHost: x\r\n\r\n";

    while ($answer !~ /\r\n\r\n/) {
        sysread $server, $answer, 65536, length $answer
            or die "$host closed the connection\n";
    }

    die "not 200: $answer\n" if $answer !~ m{^HTTP/1.1 200};

    push @took, 1e3 * (time - $begin);
    sleep $ARGV[2];
}

@took = sort { $a <=> $b } @took;
printf "%.2f %.2f %.2f\n", @took[@took / 2, int(@took * 0.99), -1];
