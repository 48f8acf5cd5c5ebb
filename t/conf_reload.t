#!/usr/bin/perl

# What a reload may change: stores are added, removed, moved, their zones and
# their parameters changed, while requests go on.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Load;
use Test::More;
use Time::HiRes qw(sleep);

my $t = Bigcache::Test->new;


# conf(PATH, OTHER, LOCATIONS): parameters of the store that is there always,
# lines of others

sub conf {
    my ($path, $other, $locations) = @_;

    return $t->conf(
        main => 'worker_processes 3;',
        path => $path // '',
        http => 'client_max_body_size 10m;' . ($other // ''),
        server => $locations // '');
}


my $load;


# reloads(NAME): without any request of the load failing

sub reloads {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    sleep 0.2;          # the load goes on, here and below
    ok $t->reload, "$name: reloads";
    sleep 0.3;

    my $report = $load->stop;
    my @wrong = (@{ $report->{failed} }, @{ $report->{wrong} },
        $load->verify);

    ok !@wrong && !$report->{refused}, "$name: nothing fails, nothing is lost"
        or diag join "\n", grep { defined } @wrong[0 .. 9];
    is $t->get('/pickle/kept')->body, 'kept', "$name: what was stored first";

    $load->start;
}


sub stored { $t->request('POST', "/$_[0]/pickle/$_[1]", $_[1])->status }
sub status { $t->get("/$_[0]/pickle/$_[1]")->status }

my $location = sub { "location /$_[0]/ { bigcache $_[1]; "
    . "bigcache_base /$_[0]; }" };

conf()->start;
$t->request('POST', '/pickle/kept', 'kept');
$load = Bigcache::Test::Load->new($t, clients => 2)->start;

reloads('nothing');

# added, with pages in both

conf('', 'bigcache_path %%DIR%%/two zone=two:1m;', $location->('two', 'two'));
reloads('a store added');
is stored('two', $_), 200, "the added one stores $_" for 1 .. 5;
is $t->count('/two'), 5, 'the added one counts';

# moved: another directory under the same zone is another store

conf('', 'bigcache_path %%DIR%%/three zone=two:1m;',
    $location->('two', 'two'));
reloads('a store moved');
is status('two', 1), 404, 'the new directory is empty';
is stored('two', 'new'), 200, 'and stores';

# back, under another zone

conf('', 'bigcache_path %%DIR%%/two zone=other:1m;',
    $location->('two', 'other'));
reloads('a store moved back');
is status('two', $_), 200, "it still has $_" for 1 .. 5;

# the zone is another size, and begins its counters anew

conf('', 'bigcache_path %%DIR%%/two zone=other:2m;',
    $location->('two', 'other'));
reloads('a zone resized');
is status('two', 1), 200, 'its store is the same';
is_deeply [ @{ $t->get('/two/stat')->json->{stats} }{qw(hit miss)} ], [ 1, 0 ],
    'its counters are new';

# removed, and nobody has it open then

conf();
reloads('a store removed');
is status('two', 1), 404, 'it is not served';
ok $t->wait_for(sub {
    !grep { m{/two/} } $t->open_files($t->children);
}), 'nobody has it open';
ok !-e $t->dir . '/two/owner.sock', 'nobody listens';

# two in place of one, their directories exchanged later on

my $locations = $location->('a', 'a') . $location->('b', 'b');

conf('', 'bigcache_path %%DIR%%/two zone=a:1m;'
    . 'bigcache_path %%DIR%%/three zone=b:1m;', $locations);
reloads('two stores added');
is join(' ', status('a', 1), status('b', 1), status('b', 'new')),
    '200 404 200', 'each has its own';

conf('', 'bigcache_path %%DIR%%/three zone=a:1m;'
    . 'bigcache_path %%DIR%%/two zone=b:1m;', $locations);
reloads('directories exchanged');
is join(' ', status('a', 1), status('b', 1), status('a', 'new')),
    '404 200 200', 'each has that of the other';

# parameters: what is written from now on heeds them

for my $parameters ('gzip=off', 'segment_size=1m',
    'max_size=100m', 'min_free=1m', 'wait=20s',
    'write_buffer=1m block_cache=64k', 'gzip_min=0')
{
    conf($parameters);
    reloads($parameters);
}

# one that is refused changes nothing

conf('gzip_min=1g');
$t->expect_log(qr/\[emerg\]/);
ok !$t->reload, 'refused';
is $t->get('/pickle/kept')->body, 'kept', 'refused: serves';

# nginx -t and -T beside it

my ($code) = $t->nginx_t($t->read_file('nginx.conf') =~ s/1g/1k/r);
is $code, 0, 'nginx -t';
is $t->get('/pickle/kept')->body, 'kept', 'nginx -t: serves';

my $report = $load->stop;
is_deeply [ @{ $report->{failed} }, @{ $report->{wrong} } ], [],
    'nothing failed in the end';
ok $t->stop, 'stops';

done_testing;
