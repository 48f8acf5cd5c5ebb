#!/usr/bin/perl

# What the hot index may not outlive: another directory under the same zone, an
# index that was repaired, an owner that was killed.

use strict;
use warnings;

use Fcntl qw(F_SETLK F_WRLCK SEEK_SET);
use Test::More;

use Bigcache::Test;

sub conf {
    my ($workers, $one, $two) = @_;

    return Bigcache::Test->default_conf(
        main => "worker_processes $workers;",
        store => "%%DIR%%/$one",
        http => "bigcache_path %%DIR%%/$two zone=b:1m;",
        server => q{
            location /a/ {
                bigcache_base /a;
                bigcache main;
            }

            location /b/ {
                bigcache_base /b;
                bigcache b;
            }
        });
}


sub hot { $_[0]->get('/a/stat')->json->{hot} }


# asks for a page as often as it takes for the hot index to answer

sub known {
    my ($t, $path) = @_;
    my $before = hot($t)->{hits};
    my $r;

    for (1 .. 50) {
        $r = $t->get($path);
        last if hot($t)->{hits} > $before;
    }

    return $r;
}


# two stores that were made together are exchanged

my $t = Bigcache::Test->new;
$t->conf(conf(1, 'one', 'two'))->start;

$t->request('POST', '/b/pickle/k', 'of two');
$t->request('POST', '/a/pickle/o', 'of one');
is known($t, '/a/pickle/k')->status, 404, 'a miss';
is known($t, '/a/pickle/o')->body, 'of one', 'a hit';

$t->conf(conf(1, 'two', 'one'));
$t->reload;

is $t->get('/a/pickle/k')->body, 'of two', 'exchanged: what is there';
is $t->get('/a/pickle/o')->status, 404, 'exchanged: what is not';
is $t->get('/b/pickle/o')->body, 'of one', 'exchanged: the other';
is hot($t)->{room}, 0, 'exchanged: without the hot index';

$t->conf(conf(1, 'two', 'three'));
$t->reload;
is $t->get('/a/pickle/k')->body, 'of two', 'reloaded';
is $t->get('/b/pickle/o')->status, 404, 'moved to a new one';

$t->stop;
$t->start;
ok hot($t)->{room} > 0, 'there is one after a start';
is known($t, '/a/pickle/k')->body, 'of two', 'and it is used';

# the same path, but another directory, which was copied from it

$t->stop;
system('cp', '-a', $t->dir . '/two', $t->dir . '/copy') == 0 or die "cp: $?\n";
$t->start;
$t->request('POST', '/a/pickle/k', 'later');
$t->request('POST', '/a/pickle/l', 'later');
is known($t, "/a/pickle/$_")->body, 'later', "$_ is known" for qw(k l);
$t->request('POST', '/a/close');
rename $t->dir . '/two', $t->dir . '/gone';
rename $t->dir . '/copy', $t->dir . '/two';
$t->request('POST', '/a/open');
is $t->get('/a/pickle/k')->body, 'of two', 'a copy in its place';
is $t->get('/a/pickle/l')->status, 404, 'has no more than it had';
is known($t, '/a/pickle/k')->body, 'of two', 'and is known';
$t->stop;

# an index that is repaired at a reload has lost a page

$t = Bigcache::Test->new;
$t->expect_log(qr/\[crit\] .*(?:damaged|repaired)/);
$t->conf(Bigcache::Test->default_conf(
    main => 'worker_processes 1;',
    store => '%%DIR%%/one',
    server => 'location /a/ { bigcache_base /a; bigcache main; }'))->start;
$t->request('POST', '/a/pickle/a', 'page a');
$t->stop;
$t->start;
$t->get('/a/pickle/a');

# a while after the first opening of a process LevelDB's log is emptied into a
# table

ok $t->wait_for(sub {
    $t->read_file('one/index/LOG') =~ /Manual compaction/ }),
    'the log of the index is empty';
$t->request('POST', '/a/pickle/b', 'page b');
is known($t, '/a/pickle/b')->body, 'page b', 'a page is known';

truncate $_, 0 for glob $t->dir . '/one/index/*.log';
unlink $t->dir . '/one/index/CURRENT';
$t->reload;
is $t->get('/a/pickle/a')->body, 'page a', 'repaired';

# the file of its segment is open now, and the hot index knows the page until
# the store is opened

ok $t->wait_for(sub { $t->get('/a/pickle/b')->status == 404 }),
    'what the index has lost is lost';
is $t->request('DELETE', '/a/pickle/b')->status, 404, 'and is not deleted';
is $t->get('/a/pickle/b')->status, 404, 'and stays so';
$t->stop;

# the next owner cannot open the store: what the hot index has needs none

$t = Bigcache::Test->new;
$t->expect_log(qr/\[crit\] .*cannot be opened, will be tried again: .*LOCK/);
$t->conf(Bigcache::Test->default_conf(
    main => 'worker_processes 1;',
    store => '%%DIR%%/one'))->start;

for my $n (1 .. 20) {
    is $t->request('POST', "/pickle/$n", "page $n")->status, 200, "page $n";
    $t->get("/pickle/$n");
    $t->get("/pickle/$n");
}

$t->get('/pickle/none');

my %before = map { $_ => 1 } $t->worker_pids;
my $lock = $t->dir . '/one/index/LOCK';

unlink $lock or die "LOCK: $!\n";
open my $held, '>', $lock or die "LOCK: $!\n";
my $whole = pack 's s x4 q q i x4', F_WRLCK, SEEK_SET, 0, 0, 0;
fcntl $held, F_SETLK, $whole or die "LOCK: $!\n";

$t->reload;
ok $t->wait_for(sub { $t->error_log =~ /cannot be opened, will be tried/ }),
    'the next owner cannot open the store';
ok $t->wait_for(sub { !grep { $before{$_} } $t->worker_pids }),
    'the former owner is gone';

my @numbers = 1 .. 20;
is_deeply [ map { my $n = $_; $t->get("/pickle/$n")->body } @numbers ],
    [ map { "page $_" } @numbers ], 'its pages are answered';
is $t->get('/pickle/none')->status, 404, 'a miss that is known, too';
is $t->get('/pickle/other')->status, 503, 'nothing is said of others';
is $t->request('POST', '/pickle/1', 'new')->status, 503,
    'and nothing is stored';

close $held;
ok $t->wait_for(sub {
    $t->request('POST', '/pickle/1', 'new')->status == 200 }),
    'opened when the lock is free';
is $t->get('/pickle/1')->body, 'new', 'the new page';
is $t->get('/pickle/2')->body, 'page 2', 'and the others';
$t->stop;

# a process that ends has nothing to say of what is another's

$t = Bigcache::Test->new;
$t->expect_log(qr/exited on signal 9/);
$t->conf(conf(2, 'one', 'two'))->start;

my $slow = $t->connect->begin('POST', '/a/pickle/slow', 2,
    Connection => 'close')->send('x');

my %old = map { $_ => 1 } $t->worker_pids;
$t->reload;
$slow->send('y');
is $slow->response('POST')->status, 200, 'an old worker ends';
$t->wait_for(sub { !grep { $old{$_} } $t->children });

$t->get("/a/pickle/none$_") for 1 .. 50;
ok hot($t)->{entries} >= 50, 'misses are known';
$t->signal('KILL', $_) for $t->worker_pids;
$t->wait_for(sub { $t->get('/a/stat/count')->status == 200 });
is $t->get('/a/pickle/none1')->status, 404, 'another owner';
cmp_ok hot($t)->{entries}, '<', 10, 'who begins with an empty index';

# nor has one that is killed: what it left is used on

$t->request('POST', '/a/pickle/k', 'v');
is known($t, '/a/pickle/k')->body, 'v', 'and fills it';

# pages of up to 1 MB, whole and in part, are answered by it, larger ones never;
# what does not pack, since a thread unpacks

$t = Bigcache::Test->new;
$t->conf(conf(1, 'one', 'two')
    =~ s/%%HTTP%%/%%HTTP%%\n    client_max_body_size 2m;/r)->start;

my %body;

for my $size (1, 4096, 65536, 1048576, 1048577) {
    $body{$size} = join '', map { chr(rand(256)) } 1 .. $size;
    $t->request('POST', "/a/pickle/$size", $body{$size});
    $t->get("/a/pickle/$size");

    my $is = $size <= 1048576 ? 1 : 0;
    my $etag;

    for my $case (
        [GET => {}, 200],
        [HEAD => {}, 200],
        [GET => { Range => 'bytes=0-0' }, 206],
        [GET => { 'If-None-Match' => '*' }, 304])
    {
        my ($method, $headers, $status) = @$case;
        my $before = hot($t)->{hits};
        my $r = $t->request($method, "/a/pickle/$size", undef, %$headers);

        is $r->status, $status, "$size bytes, $method: $status";
        is hot($t)->{hits} - $before, $is, $is ? 'hot' : 'not hot';
        ok $r->body eq ($method eq 'HEAD' || $status == 304 ? ''
            : $status == 206 ? substr($body{$size}, 0, 1) : $body{$size}),
            'the bytes';
    }
}

# so are packed ones, unless there is much to unpack

for my $size (1024, 262144, 262145) {
    my $page = 'packs ' x $size;

    $t->request('POST', "/a/pickle/p$size", substr($page, 0, $size));
    $t->get("/a/pickle/p$size");

    for my $gzip (0, 1) {
        my $is = $gzip || $size <= 262144 ? 1 : 0;
        my $before = hot($t)->{hits};
        my $r = $t->request('GET', "/a/pickle/p$size", undef,
            $gzip ? ('Accept-Encoding' => 'gzip') : ());

        is $r->status, 200, "$size bytes, packed";
        is hot($t)->{hits} - $before, $is, $is ? 'hot' : 'not hot';
        ok $gzip ? length $r->body < $size / 10
                 : $r->body eq substr($page, 0, $size), 'the bytes';
    }
}

done_testing;
