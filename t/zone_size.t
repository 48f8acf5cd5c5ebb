#!/usr/bin/perl

# A zone without a size: it goes by the memory of the machine when nginx starts,
# and stays as it is through reloads, whatever has changed meanwhile.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Test::More;

use constant MB => 1024 * 1024;

my $t = Bigcache::Test->new(daemon => 1);
my $library = $t->dir . '/machine.so';

is system("gcc -O2 -Wall -shared -fPIC -o $library $FindBin::Bin/machine.c -ldl"),
    0, 'the library';

$ENV{BIGCACHE_PRELOAD} = join ':', grep { $_ } $ENV{BIGCACHE_PRELOAD}, $library;
$t->{env}{MACHINE} = $t->dir . '/memory';


# conf(NAME => ZONE ...): stores below /NAME/ with these zones

sub conf {
    my @stores = @_;
    my ($http, $locations) = ('', '');

    while (my ($name, $zone) = splice @stores, 0, 2) {
        $http .= "bigcache_path %%DIR%%/$name zone=$zone;\n";
        $locations .= "location /$name/ { bigcache " . ($zone =~ s/:.*//r)
            . "; bigcache_base /$name; }\n";
    }

    return $t->conf(main => 'env MACHINE; env LD_PRELOAD;', http => $http,
        server => $locations);
}


sub machine { $t->write_file('memory', "$_[0]\n") }
sub hot { $t->get("/$_[0]/stat")->json->{hot} }
sub size { hot($_[0])->{size} / MB }
sub hits { $t->get("/$_[0]/stat")->json->{stats}{hit} }


# said(): the sizes that the log says of a zone, kilobytes

sub said {
    my ($zone) = @_;

    return $t->error_log
        =~ /bigcache zone "$zone" has (\d+)k, by the memory of the machine,/g;
}


# -- what is chosen

machine(4096);
conf(a => 'a')->start;

if (size('a') < 64) {
    $t->stop;
    plan skip_all => 'this process may not have 4 GB';
}

is size('a'), 64, 'a 64th of the memory';
is_deeply [ said('a') ], [ 64 * 1024 ], 'is in the log';

my $room = hot('a')->{room};
cmp_ok $room, '>', 1_600_000, 'room for many pages';
like $t->error_log,
    qr/\[notice\].* zone "a" has 65536k, .*, room for the places of $room pages/,
    'which the log says, too';
like $t->error_log,
    qr/zone "main" has 1024k, as it is given, room for the places of \d+ pages/,
    'and of a zone with a size';

# -- what stays

sub asked {
    my ($name) = @_;

    my $before = hits('a');
    $t->get('/a/pickle/k');

    is hits('a'), $before + 1, "$name: the counters go on";
    is size('a'), 64, "$name: the same size";
}

$t->request('POST', '/a/pickle/k', 'page');
$t->get('/a/pickle/k') for 1 .. 3;
ok $t->reload, 'a reload';
asked('reload');

# the first of them may go to a thread, which opens the segment for this worker

my $before = hot('a')->{hits};
ok $t->wait_for(sub {
    $t->get('/a/pickle/k');
    return hot('a')->{hits} >= $before + 3;
}), 'the hot index is warm';

machine(2048);
ok $t->reload, 'less memory';
asked('less memory');

conf(a => 'a', b => 'b');
ok $t->reload, 'one more';
asked('one more');
is size('b'), 16, 'the new one has its share of what there is now';

machine(16384);
ok $t->reload, 'more memory';
asked('more memory');
is size('b'), 16, 'likewise the other';

# nginx -t, beside it, chooses for itself and disturbs nothing

my @lines = said('a');
my ($code, $output) = $t->nginx_t($t->read_file('nginx.conf'));
is $code, 0, 'nginx -t' or diag $output;
is_deeply [ said('a') ], \@lines, 'nginx -t says nothing of sizes';
asked('nginx -t');

conf(a => 'a:none');
$t->expect_log(qr/\[emerg\]/);
ok !$t->reload, 'a configuration that is refused';
asked('refused');

conf(a => 'a', b => 'b');
ok $t->reload, 'a good one again';
asked('a good one');

# -- what the user says goes first

conf(a => 'a:32m', b => 'b');
ok $t->reload, 'a size';
is size('a'), 32, 'as it is given';
is $t->get('/a/pickle/k')->body, 'page', 'the pages are there';

conf(a => 'a', b => 'b');
ok $t->reload, 'none again';
is size('a'), 128, 'chosen anew, for one of two';
is $t->get('/a/pickle/k')->body, 'page', 'the pages are there still';

# -- another nginx has a memory of its own

machine(8192);
ok $t->upgrade, 'a binary upgrade';
is $t->get('/a/pickle/k')->body, 'page', 'the page';
is join(' ', size('a'), size('b')), '64 64', 'the new one chooses';
$t->stop;

machine(100);
conf(a => 'a')->start;
is size('a'), 16, 'a small machine';
$t->stop;

# -- without a size in front of one that does not give it anew

machine(4096);
conf(a => 'a:20m')->start;
is size('a'), 20, 'a size from the start';
conf(a => 'a');
ok $t->reload, 'then none';
is size('a'), 64, 'is chosen then';
$t->stop;

done_testing;
