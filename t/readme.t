#!/usr/bin/perl

# README's examples, as they stand there: the configurations are accepted by
# nginx, the commands are run in a shell, and print what the comments behind them
# say.  Only directories and ports are others.

use strict;
use warnings;

use FindBin;
use Bigcache::Test qw(slurp);
use Bigcache::Test::Origin;
use Test::More;

my $readme = slurp("$FindBin::Bin/../README.md");


# block(REGEX): the only block of code that matches

sub block {
    my ($regex) = @_;

    my @found = grep { $_ =~ $regex } map { s/^    //mgr =~ s/^\n+//r }
        $readme =~ /((?:^    .*\n|^\n(?=\n*    ))+)/mg;

    is scalar @found, 1, "one block has $regex";

    return $found[0];
}


# shell(TEXT): runs the commands, and compares what they print

sub shell {
    my ($text) = @_;

    my (@got, @want);
    my $script = "exec 2>/dev/null\n";

    for my $line (split /\n/, $text) {
        $script .= "$line\n" unless $line =~ /^#/;
        $script .= "echo\n" if $line =~ /^curl/;
    }

    open my $pipe, '-|', 'bash', '-c', $script or die "bash: $!\n";
    @got = grep { length } map { s/\s+\z//r } <$pipe>;
    close $pipe;

    @want = $text =~ /^# (.*)/mg;
    is scalar @got, scalar @want, 'as many answers';

    for (@got, @want) {
        s/"expire":[\d.]+/"expire":TIME/;
        s/ttl=(?:59\d|600)$/ttl=TIME/;
    }

    is_deeply \@got, \@want, 'and these';
}

# -- pages of an upstream

my $t = Bigcache::Test->new;
my $origin = Bigcache::Test::Origin->new($t, 1, sub {
    return (200, [ 'Cache-Control' => 'max-age=600' ], 'a page');
});

my $http = block(qr/bigcache_pages/);

is scalar(() = $http =~ /^ *(?:bigcache|proxy)_\w+ .*;$/mg), 3, 'three lines';
ok $http =~ s{/var/lib/bigcache}{%%DIR%%/store}, 'a directory';
ok $http =~ s/127\.0\.0\.1:8080/127.0.0.1:%%PORT_0%%/, 'a port';
ok $http =~ s/127\.0\.0\.1:8000/127.0.0.1:%%PORT_1%%/, 'an application';
ok $http =~ s/^http \{\n\K/%%HTTP%%\nbigcache_lookup_timeout 10s;\n/,
    'a block for nginx.conf';
$t->conf("%%MODULE%%\nevents { }\n$http")->start;

my $url = 'http://127.0.0.1:' . $t->port;

shell(block(qr/grep Cache-Status/) =~ s{http://127\.0\.0\.1:8080}{$url}gr);
is $origin->requests('/'), 1, 'the application was asked once';
unlike $t->read_file('error.log'), qr/\[warn\]/, 'nothing to warn of';

# -- the API, by the configuration of "Install"

my $conf = block(qr/^load_module/m);
my $api = Bigcache::Test->new;

ok $conf =~ s/^load_module .*/%%MODULE%%/, 'the module';
ok $conf =~ s{/var/lib/bigcache}{%%DIR%%/store}, 'a directory';
ok $conf =~ s/127\.0\.0\.1:36379/127.0.0.1:%%PORT_0%%/, 'a port';
ok $conf =~ s/^http \{\n\K/%%HTTP%%\n/m, 'a block';
$api->conf($conf)->start;

my $there = 'http://127.0.0.1:' . $api->port;

shell(block(qr/^B=/m) =~ s{http://127\.0\.0\.1:36379}{$there}gr);

ok $_->stop, 'stops' for $t, $api;
done_testing;
