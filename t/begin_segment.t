#!/usr/bin/perl

# A segment that cannot be begun: the page is refused, what is stored is served
# on, and the next page is tried again, as docs/operations.md says.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new(user => 'nobody nogroup')->conf(
    main => q{
        worker_processes 1;
        worker_rlimit_nofile 64;
    },
    events => 'worker_connections 1000;',
    path => 'segment_size=1m gzip=off',
    http => q{
        client_max_body_size 8m;
        client_body_buffer_size 4m;
    })->start;

my $pages = $t->dir . '/store/pages';

# each begins a segment of its own

my $page = 'x' x 1_100_000;
my $c = $t->connect;

is $c->request('POST', '/pickle/stored', 'short')->status, 200, 'stored';
is $c->request('GET', '/pickle/stored')->body, 'short', 'read';

my ($worker) = $t->worker_pids;


# logged(WHY): how often

sub logged {
    my ($why) = @_;

    return scalar(() = $t->error_log
        =~ /\[crit\] .*: cannot begin a segment: \Q$why\E$/mg);
}


# is_refused(WHY, NAME)

sub is_refused {
    my ($why, $name) = @_;

    for my $n (1, 2) {
        is $c->request('POST', "/pickle/$name", $page)->status, 500,
            "$name: refused, $n";
        is logged($why), $n, "$name: why, $n";
    }

    is $c->request('GET', '/pickle/stored')->body, 'short', "$name: a hit";
    is $c->request('GET', "/pickle/$name")->status, 404, "$name: a miss";
    is $c->request('DELETE', "/pickle/$name")->status, 404, "$name: DELETE";
}


# is_taken(NAME): without a reload

sub is_taken {
    my ($name) = @_;

    is $c->request('POST', "/pickle/$name", $page)->status, 200,
        "$name: it can be again";
    ok $c->request('GET', "/pickle/$name")->body eq $page, "$name: it is there";
}


$t->expect_log(qr/cannot begin a segment/);

chmod 0500, $pages or die "chmod: $!\n";
is_refused('Permission denied', 'permissions');
chmod 0700, $pages or die "chmod: $!\n";
is_taken('permissions');

# clients that take all the files there may be

$t->expect_log(qr/accept4?\(\) failed \(24: Too many open files\)/);

my @clients;

push @clients, $t->connect
    while @clients < 80 && $t->error_log !~ /failed \(24: /;

ok $t->logs(qr/failed \(24: /), 'no more files';
is_refused('Too many open files', 'files');
$_->close for @clients;
ok $t->wait_for(sub { $t->open_files($worker) < 60 }), 'files again';
is_taken('files');
is $t->get('/pickle/stored')->body, 'short', 'and another client';

is_deeply [ $t->worker_pids ], [ $worker ], 'the same worker all the time';

done_testing;
