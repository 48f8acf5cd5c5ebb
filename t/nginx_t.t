#!/usr/bin/perl

# nginx -t and -T beside a server that runs with the same configuration.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new;

$t->conf(path => 'wait=1s')->start;


# nginx(OPTION): its exit code, with the configuration that runs

sub nginx {
    my ($option) = @_;

    local $ENV{LD_PRELOAD} = $t->preload if $t->preload;

    system join ' ', $t->nginx, '-p', $t->dir, '-c nginx.conf -e stderr',
        $option, '>', $t->dir . '/output 2>&1';

    return $? >> 8 || $?;
}


# listing: all files of the store, with their sizes

sub listing {
    my $dir = $t->dir;

    return join ' ', map { "$_:" . (-s // '') } glob "$dir/store/{,*/}*";
}


$t->request('POST', "/cache/$_", '{"value":' . $_ x 3 . '}') for 1 .. 100;
$t->request('POST', '/pickle/large', 'x' x 900_000);
$t->get('/cache/1');

my $listing = listing();

for my $option ('-t', '-T', '-t -q') {
    is nginx($option), 0, "nginx $option" or diag $t->read_file('output');
    is listing(), $listing, "same files after $option";
    is $t->get('/cache/7')->json->{value}, 777, "serves after $option";
    is $t->request('POST', '/cache/new', '{"value":0}')->status, 200,
        "stores after $option";
    $t->request('DELETE', '/cache/new');
    $listing = listing();
}

like $t->read_file('output'), qr/^$/, 'quiet';
nginx('-T');
like $t->read_file('output'), qr/bigcache_path .*zone=main:1m/, 'dumped';

# in a row, and while the server works

my $failed = 0;

for (1 .. 20) {
    my $c = $t->connect;
    $c->send_request('POST', "/cache/b$_", '{"value":1}');
    $failed++ if nginx('-t');
    $failed++ if $c->response->status != 200;
}

is $failed, 0, 'twenty times at work';
is $t->count, 121, 'count';
is $t->get('/stat')->json->{stats}{hit}, 4, 'counters';
ok $t->reload, 'reload after it';
is $t->get('/cache/7')->json->{value}, 777, 'serves after reload';

ok $t->stop, 'stops';
$t->start;
is $t->count, 121, 'count after restart';
unlike $t->error_log, qr/not closed properly/, 'closed properly';

done_testing;
