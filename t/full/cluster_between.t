#!/usr/bin/perl

# A store in a Redis cluster, and what happens between the steps of a request:
# a server carries a command out and its answer is lost, or another nginx does
# something at that moment.  A proxy between the first nginx and the server makes
# it so.

use strict;
use warnings;

use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test qw(noise);

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

# scripts, by how many keys they have

use constant { COMMIT => 10, REMOVE => 9, MARK => 6, DONE => 3 };

# where the command of COMMIT has how many purges nginx has seen

use constant LOOKED => 18;

my $cluster = Bigcache::Cluster->new(masters => 1, cluster => 0);
my $dir = $cluster->{dir};
my $large = noise(3_000_000);
my (%hooks, @children);

# -- the proxy

# is_script(COMMAND, KEYS): SOFTEN has one key, a page

sub is_script {
    my ($command, $keys) = @_;

    return $command->[0] =~ /^EVAL/ && $command->[2] eq $keys;
}

sub is_soften {
    return is_script($_[0], 1) && $_[0][3] =~ /\}k/;
}

# hook(NAME, MATCH, CODE): what CODE does with the first command that MATCH is
# true for, once it is armed: CODE gets the command and what forwards it, and
# returns the answer, or undef if that is lost

sub hook { my ($name, @hook) = @_; $hooks{$name} = \@hook }

sub arm { open my $file, '>', "$dir/hook.$_[0]" or die $! }
sub armed { -e "$dir/hook.$_[0]" }

# note_down(NAME, TEXT), noted(NAME): from a process of the proxy to the test

sub note_down {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/note.tmp" or die $!;
    print $file $text;
    close $file;
    rename "$dir/note.tmp", "$dir/note.$name" or die $!;
}

sub noted {
    open my $file, '<', "$dir/note.$_[0]" or return undef;
    return scalar readline $file;
}

sub proxy {
    my $listen = IO::Socket::INET->new(Listen => 50, LocalAddr => '127.0.0.1',
        LocalPort => Bigcache::Test::cluster_port(), ReuseAddr => 1)
        or die "listen: $!\n";
    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        alarm 0;
        setpgrp;
        $SIG{CHLD} = 'IGNORE';
        $SIG{ALRM} = 'DEFAULT';

        while (1) {
            my $c = $listen->accept or next;
            next if -e "$dir/down" || fork;
            eval { relay($c) };
            POSIX::_exit(0);
        }
    }

    push @children, $pid;

    return $listen->sockport;
}

END { local $?; kill '-KILL', @children if @children }

# relay(CLIENT): its commands and their answers

sub relay {
    my ($c) = @_;

    my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $cluster->port(0)) or die "connect: $!\n";

    while (defined(my $line = readline $c)) {
        my ($n) = $line =~ /^\*(\d+)/ or die "no command\n";
        my @command = map { bulk($c, scalar readline $c) } 1 .. $n;
        my $forward = sub {
            print $server '*' . @command . "\r\n",
                map { '$' . length($_) . "\r\n$_\r\n" } @command;
            $server->flush;
            return answer($server);
        };
        my $hook = (grep { armed($_) && $hooks{$_}[0]->(\@command) }
            sort keys %hooks)[0];

        my $answer = $hook && unlink("$dir/hook.$hook")
            ? $hooks{$hook}[1]->(\@command, $forward) : $forward->();
        last if -e "$dir/down" || !defined $answer;

        print $c $answer;
        $c->flush;
    }
}

sub bulk {
    my ($socket, $line) = @_;

    my ($len) = $line =~ /^\$(\d+)/ or die "no text\n";
    read($socket, my $text, $len + 2) == $len + 2 or die "closed\n";

    return substr $text, 0, $len;
}

sub answer {
    my ($socket) = @_;

    defined(my $line = readline $socket) or die "closed\n";

    return $line . join '', map { answer($socket) } 1 .. $1
        if $line =~ /^\*(\d+)/;
    return $line if $line !~ /^\$\d/;

    return $line . bulk($socket, $line) . "\r\n";
}

# -- the nginxes: only the first one has the proxy

# nginx(PORT, PARAMETERS)

sub nginx {
    my ($port, @parameters) = @_;

    my $t = Bigcache::Test->new;
    my $text = $t->default_conf(http => 'client_max_body_size 20m;');
    my $line = "bigcache_cluster pages zone=main:1m server=127.0.0.1:$port "
        . "buckets=4 wait=8s timeout=10s @parameters;";

    $text =~ s/bigcache_path .*?;/$line/;
    $t->expect_log(qr/requests are answered 503|took too long/);
    $t->expect_log(qr/fails its checks|no memory is left/);

    return $t->conf($text)->start;
}

my ($two, $three) = map { nginx($cluster->port(0)) } 2, 3;
my ($one, $four);

# a page is about to be touched; a purge begins, and is about to mark it; it is
# touched before that

hook('touch', sub { is_script($_[0], COMMIT) }, sub {
    my ($command, $forward) = @_;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        note_down('soft', $four->request('POST', '/purge',
            '{"type":"tag","selectors":["soft"],"purge":false}')->body);
        POSIX::_exit(0);
    }

    $cluster->wait_for(sub { !armed('soften') }, 'the purge is about to mark');
    return $forward->();
});

# the script asks nginx to look at the purges, and nginx calls it again

hook('touched', sub { is_script($_[0], COMMIT) && $_[0][LOOKED] ne '' }, sub {
    my ($command, $forward) = @_;

    my $answer = $forward->();
    note_down('touched', 1);
    return $answer;
});

hook('soften', \&is_soften, sub {
    my ($command, $forward) = @_;

    $cluster->wait_for(sub { noted('touched') }, 'the page is touched');
    return $forward->();
});

hook('done', sub { is_script($_[0], DONE) }, sub {
    my ($command, $forward) = @_;

    my $lease = $three->get('/pickle/p/done', Prefer => 'wait=0')
        ->header('Bigcache-Lease') // 'none';
    $two->request('DELETE', '/prefix/p/');
    my $answer = $forward->();
    my $r = $three->request('POST', '/pickle/p/done', 'old',
        'Bigcache-Lease' => $lease);

    note_down('done', $r->status);
    return $answer;
});

hook("lost $_->[0]", do { my $keys = $_->[1]; sub { is_script($_[0], $keys) } },
    sub { $_[1]->(); return undef })
    for [ commit => COMMIT ], [ remove => REMOVE ], [ mark => MARK ];

hook('down', sub { is_script($_[0], COMMIT) }, sub {
    my ($command, $forward) = @_;

    $forward->();
    open my $file, '>', "$dir/down" or die $!;
    return undef;
});

hook('evicted', sub { is_script($_[0], COMMIT) }, sub {
    my ($command, $forward) = @_;

    $cluster->ask(0, 'DEL', $command->[4]);
    return $forward->();
});

hook('full', sub { is_script($_[0], COMMIT) }, sub {
    my ($command, $forward) = @_;

    $forward->();
    $cluster->ask(0, 'CONFIG', 'SET', 'maxmemory', 1);
    return undef;
});

hook('beaten', sub { is_script($_[0], COMMIT) }, sub {
    my ($command, $forward) = @_;

    $two->request('POST', '/pickle/large', $large);
    return $forward->();
});

hook('late', sub { is_script($_[0], COMMIT) }, sub {
    my ($command, $forward) = @_;

    $cluster->wait_for(sub { due(); !$cluster->keys('*}c*:*') },
        'upkeep removes the chunks');
    return $forward->();
});

# a removal is under way for as long as one that waits needs to notice

hook("slow $_->[0]", do { my $keys = $_->[1]; sub { is_script($_[0], $keys) } },
    sub { sleep 0.3; return $_[1]->() })
    for [ remove => REMOVE ], [ mark => MARK ];

hook('upkeep', sub { is_script($_[0], MARK) }, sub {
    my ($command, $forward) = @_;

    my $answer = $forward->();
    sleep 5;
    return $answer;
});

$_ = nginx(proxy()) for $four, $one;      # the proxy of $one knows $four

# due(): the time of all chunks that no page has is there

sub due {
    for my $key ($cluster->keys('*}o')) {
        $cluster->ask(0, 'ZADD', $key, 'XX', 1, $_)
            for @{ $cluster->ask(0, 'ZRANGE', $key, 0, -1) };
    }
}

# -- a soft purge, and a page that is written anew just before it is marked

is $one->request('POST', '/pickle/soft', 'x', 'Surrogate-Key' => 'soft',
    'X-Bigcache-Stale' => '1h')->status, 200, 'a page that may be stale';

arm($_) for 'touch', 'touched', 'soften';
is $one->request('PATCH', '/pickle/soft', '{"duration":"1h"}')->status, 200,
    'is touched';
ok $one->wait_for(sub { noted('soft') }), 'while a purge marks it';
is noted('soft'), '{"purged":1}', 'which counts it';
is $_->get('/pickle/soft')->status, 404, 'it is stale' for $one, $two;

# -- another purge of the same pages ends before the first one does

$one->request('POST', '/pickle/p/x', 'x');

arm('done');
is $one->request('DELETE', '/prefix/p/')->status, 200, 'a purge';
ok !armed('done'), 'and another one meanwhile';
is noted('done'), 412,
    'what was fetched between the two is refused';
is $two->get('/pickle/p/done')->status, 404, 'and is not there';

# -- a lease of one nginx, a removal by another

for my $tags ([], [ 'Surrogate-Key' => 'lease' ]) {
    my $lease = $three->get('/pickle/lease', Prefer => 'wait=0')
        ->header('Bigcache-Lease');
    ok $lease, "a lease, @$tags";
    is $two->request('DELETE', '/pickle/lease')->status, 404, 'a removal';
    is $three->request('POST', '/pickle/lease', 'old', @$tags,
        'Bigcache-Lease' => $lease)->status, 412, 'what was fetched is refused';
    $three->request('DELETE', '/pickle/lease');
}

# -- a lease whose key is removed: those that wait get one that is good

for (
    [ remove => DELETE => '/cache/w/a' ],
    [ mark => DELETE => '/prefix/w/' ],
    [ mark => POST => '/purge', '{"type":"key-prefix","selectors":["w/"]}' ],
    [ mark => POST => '/clear' ]
) {
    my ($slow, @removal) = @$_;

    for my $tags ([], [ 'Surrogate-Key' => 'lease' ]) {
        my $name = "@removal[0, 1] @$tags";
        my $waited = $one->metric('leases_waited_total');
        ok $one->get('/cache/w/a', Prefer => 'wait=0')->header('Bigcache-Lease'),
            "$name: a lease";
        my $c = $one->connect;
        $c->send_request('GET', '/cache/w/a', undef, Prefer => 'wait=30');
        $one->wait_for(sub {
            $one->metric('leases_waited_total') > $waited
        }) or die "nobody waits\n";
        arm("slow $slow");
        $one->request(@removal);
        ok !armed("slow $slow"), "$name: is slow";
        my $lease = $c->response('GET')->header('Bigcache-Lease') // '';
        is $one->request('POST', '/pickle/w/a', 'new', @$tags,
            'Bigcache-Lease' => $lease)->status, 200,
            "$name: what it makes is stored";
        is $one->get('/pickle/w/a')->status, 200, "$name: and is fresh";
        $one->request('DELETE', '/pickle/w/a');
    }
}

# -- answers that are lost

is $one->request('POST', '/incr/n', '{"initial":0}')->json->{value}, 0,
    'a counter';

for my $i (1 .. 3) {
    arm('lost commit');
    is $one->request('POST', '/incr/n', '{}')->json->{value}, $i,
        "the answer to count $i is lost";
    ok !armed('lost commit'), 'and it is asked again';
}

is $two->get('/cache/n')->json->{value}, 3, 'each was counted once';

my $etag = $one->get('/cache/n')->header('ETag');

arm('lost commit');
is $one->request('POST', '/cache/n', '{"value":9}', 'If-Match' => $etag)
    ->status, 200, 'a condition';
is $two->request('POST', '/cache/n', '{"value":8}', 'If-Match' => $etag)
    ->status, 412, 'is true once';

arm('full');
is $one->request('POST', '/incr/full', '{"initial":0}')->status, 200,
    'a count whose answer is lost before memory is full';
is $one->request('POST', '/incr/full', '{}')->status, 507, 'another one';
$cluster->ask(0, 'CONFIG', 'SET', 'maxmemory', 0);
is $two->request('DELETE', '/cache/full')->status, 200, 'was counted';

arm('lost remove');
is $one->request('DELETE', '/cache/n')->status, 200, 'a removal';
ok !armed('lost remove'), 'whose answer is lost';

$one->request('POST', "/pickle/m$_", 'x') for 1 .. 9;
arm('lost mark');
is $one->request('DELETE', '/prefix/m')->body,
    qq({"message":"prefix 'm': 9 keys deleted."}), 'a purge';
ok !armed('lost mark'), 'whose answer is lost';

# -- a purge that waits between its steps: upkeep does not count its pages

$one->request('POST', "/pickle/u$_", 'x') for 1 .. 9;
ok $two->wait_for(sub { !$cluster->keys('*}w') }, 60),
    'the purges of before have ended';
arm('upkeep');
is $one->request('DELETE', '/prefix/u')->body,
    qq({"message":"prefix 'u': 9 keys deleted."}), 'a slow purge counts its own';
ok !armed('upkeep'), 'though upkeep had the time to do so';

# -- large pages

arm('beaten');
is $one->request('POST', '/pickle/large', noise(2_000_000),
    'If-None-Match' => '*')->status, 412, 'a large page is refused';
is scalar(my @chunks = $cluster->keys('*}c*:*')), 3, 'its chunks are removed';

# a command that stores a chunk may be carried out after that

my ($set) = $cluster->keys('*}o*');
my ($name) = grep { /^-\w+:2$/ } @{ $cluster->ask(0, 'ZRANGE', $set, 0, -1) };
(my $chunk = $set) =~ s/o$/c/;
$name =~ s/^-//;
$name =~ s/:2$/:1/;
$cluster->ask(0, 'SET', "$chunk$name", 'late');

ok $two->wait_for(sub { due(); !$cluster->ask(0, 'EXISTS', "$chunk$name") },
    60), 'and again when their time has come';
ok $two->get('/pickle/large')->body eq $large, 'the page has its own';

# the script has run, and then the server is away

arm('down');
is $one->request('POST', '/pickle/large', "$large$large")->status, 503,
    'an answer is lost, and the server is away';
ok $two->get('/pickle/large')->body eq "$large$large",
    'the page is there, with all chunks';
unlink "$dir/down";
ok $one->wait_for(sub { $one->get('/pickle/large')->body eq "$large$large" }),
    'also for the first, when it is back';

# upkeep is faster than the put

$one->request('POST', '/clear');
arm('late');
is $one->request('POST', '/pickle/large', $large)->status, 500,
    'a put that takes too long';
is $two->get('/pickle/large')->status, 404, 'there is no page without chunks';
is $two->count, 0, 'and none is counted';

# a chunk is gone, or is another one

for my $how ('gone', 'wrong') {
    is $one->request('POST', '/pickle/large', $large)->status, 200, "$how:";
    my ($chunk) = $cluster->keys('*}c*:1');
    $cluster->ask(0, $how eq 'gone' ? ('DEL', $chunk)
        : ('SETRANGE', $chunk, 1000, 'wrong'));

    is $two->get('/pickle/large')->status, 404, 'a page without a chunk';
    is $two->count, 0, 'is removed';
    is $two->request('POST', '/pickle/large', 'x', 'If-None-Match' => '*')
        ->status, 200, 'and can be stored again';
}

my ($page) = $cluster->keys('*}klarge');
$cluster->ask(0, 'SETRANGE', $page, $cluster->ask(0, 'STRLEN', $page) - 1, 'y');
is $two->get('/pickle/large')->status, 404, 'a body that is another one';
is $two->count, 0, 'is removed, too';

# -- a server that takes the memory of drafts, though it should not

arm('evicted');
is $one->request('POST', '/pickle/evicted', 'x')->status, 507,
    'a draft is gone: no memory is left';
is $two->get('/pickle/evicted')->status, 404, 'and no page is stored';

# -- pages that somebody removes by hand are in the sets, but not for ever

$one->request('POST', '/clear');
$one->request('POST', "/cache/hand$_", '{"value":1,"duration":"10s"}')
    for 1 .. 5;
$one->request('POST', '/cache/hand6', '{"value":1}');
$cluster->ask(0, 'DEL', $_) for $cluster->keys('*}khand*');
is $one->count, 6, 'what is removed by hand is counted';
ok $one->wait_for(sub { $one->count == 1 }, 60), 'until it would expire';
is $one->request('DELETE', '/prefix/hand')->status, 200, 'or be purged';
is $one->count, 0, 'and no longer';

# -- the servers are emptied, and another nginx has another number of buckets

$cluster->ask(0, 'FLUSHALL');
ok $two->wait_for(sub {
    ($cluster->ask(0, 'GET', '{pages}conf') // '') eq '1 4' }, 60),
    'the name space is made again';
$cluster->ask(0, 'SET', '{pages}conf', '1 8');
ok $two->wait_for(sub { $two->get('/pickle/x')->status == 503 }, 60),
    'one that others have made otherwise is not used';
like $two->get('/pickle/x')->json->{detail}, qr/number of buckets, "1 8"/,
    'and the answer says why';
$cluster->ask(0, 'SET', '{pages}conf', '1 4');
is $two->get('/pickle/x')->status, 404, 'until it is right';
ok $one->wait_for(sub { $one->get('/pickle/x')->status == 404 }), 'for all';

# -- no replica has a page, but it is stored

my $kept = nginx($cluster->port(0), 'replicas=1');
is $kept->request('POST', '/pickle/large', $large)->status, 503, 'no replica';
ok $two->get('/pickle/large')->body eq $large, 'the page is whole';

done_testing;
