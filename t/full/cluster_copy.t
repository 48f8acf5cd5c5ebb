#!/usr/bin/perl

# example/copy_store.py: moves a store from a directory into a cluster, and back
# into another directory; goes on after it was interrupted; says what is wrong.

use strict;
use warnings;

use Encode qw(encode);
use FindBin;
use Time::HiRes qw(time);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test qw(noise);
use Cwd qw(abs_path);

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';
plan skip_all => 'no python3' if system 'python3 -c "" >/dev/null 2>&1';

my $script = abs_path("$FindBin::Bin/../../example/copy_store.py");
my $cluster = Bigcache::Cluster->new(masters => 3);
my ($from, $to) = map { Bigcache::Test->new->conf(
    http => 'client_max_body_size 20m;')->start } 1, 2;
my $through = Bigcache::Test->new;
my $line = $cluster->directive('pages', 'zone=main:1m', 'wait=1s');

$through->conf($through->default_conf(http => 'client_max_body_size 20m;')
    =~ s/bigcache_path .*?;/$line/r)->start;

sub url { 'http://127.0.0.1:' . $_[0]->port(0) }

# copy(FROM, TO, OPTIONS): exit status and what it says

sub copy {
    my ($source, $target, @options) = @_;

    my ($a, $b) = map { ref ? url($_) : $_ } $source, $target;
    my $said = `python3 $script @options $a $b 2>&1`;

    return ($? >> 8, $said);
}

# all(T): what /keys/ says of each key, but for the time of its store, and for the
# size of a document, which has its duration in it

sub all {
    my ($t) = @_;

    my ($after, @rows) = ('');

    while (defined $after) {
        my $page = $t->get("/keys/?cursors=on&limit=1000"
            . ($after ne '' ? "&after=$after" : ''))->json;
        push @rows, @{ $page->{keys} };
        $after = $page->{next};
    }

    delete $_->{stored} for @rows;
    delete $_->{size} for grep { $_->{kind} eq 'json' } @rows;

    return \@rows;
}

# -- what there is

my $at = int(time) + 86400;
my @names = map { encode 'UTF-8', $_ } 'a', 'a b', 'a%b', 'a%20b', "a\x{e9}/x?y=1&z",
    '.', 'x/../y', "\x{d55c}\x{ae00}", 'k+', 'q"\\', 'n' x 2000;
push @names, "\xff\xfe", "\xff\xfe2", "z\0z";
my $escaped = sub { join '', map { sprintf '%%%02X', ord } split //, shift };

for my $name (@names) {
    is $from->request('POST', '/pickle/' . $escaped->($name), "body of $name",
        'Content-Type' => 'text/plain; charset=utf-8')->status, 200,
        'a key' if $name !~ /\0/;
}

my $number = '1.0000000000000000000001';
my @json = (
    '{"value":{"b":1,"a":[1.0,' . $number . ']}}',
    '{"value":",\"expire\":1,\"duration\":","expire":' . $at . '}',
    '{"value":null,"duration":"28d","tags":["red","front page","a,b"]}',
    '{"value":"' . 'x' x 50_000 . '"}',
    '{"value":1}',
);
$from->request('POST', "/cache/json/$_", $json[$_]) for 0 .. $#json;
$from->request('POST', '/incr/json/4', '{"delta":41}');

my %large = (noise => noise(3_500_000), text => 'long text ' x 500_000,
    small => 'x' x 1048576);
$from->request('POST', "/pickle/large/$_", $large{$_}, 'Content-Type' => 'a/b')
    for sort keys %large;
$from->request('POST', '/pickle/tags', 'x', 'Surrogate-Key' => 'red t2 t3',
    'Cache-Tag' => 'two words, more words');
$from->request('POST', '/pickle/expires', 'x', 'X-Bigcache-Expire' => "$at.25");
$from->request('POST', '/pickle/soon', 'x', 'X-Bigcache-Expire' => time + 1.5);
$from->request('POST', '/pickle/empty', '');
$from->request('POST', "/pickle/many/$_", "page $_") for 1 .. 1500;
$from->wait_for(sub { $from->get('/pickle/soon')->status == 404 });

my $there = all($from);
cmp_ok scalar @$there, '>', 1520, 'more than a page of keys';

# -- into the cluster, and back

my ($status, $said) = copy($from, $through);
is "$status $said", "0 @{[ scalar @$there ]} entries copied\n",
    'into the cluster';
is_deeply all($through), $there, 'the same keys, types, sizes, times and tags';

($status, $said) = copy($through, $to);
is "$status $said", "0 @{[ scalar @$there ]} entries copied\n", 'and back';
is_deeply all($to), $there, 'the same';

for my $t ($through, $to) {
    for my $name (grep { !/\0/ } @names) {
        my $r = $t->get('/pickle/' . $escaped->($name));
        is $r->body, "body of $name", 'a body'
            or diag $escaped->($name);
    }

    for my $n (0 .. $#json) {
        my ($was, $is) = map { $_->get("/cache/json/$n")->body
            =~ s/,"duration":[^,]*\}$//r } $from, $t;
        is $is, $was, "a document, as it was written: $n";
    }

    ok $t->get("/pickle/large/$_")->body eq $large{$_}, "a large one: $_"
        for sort keys %large;
    is $t->request('POST', '/incr/json/4', '{"delta":1}')->json->{value}, 43,
        'a counter goes on';
    is $t->request('POST', '/purge', '{"type":"tag","selectors":["red"],'
        . '"purge":true}')->body, '{"purged":2}', 'tags are in force';
}

# packed as the target packs, however the source had it

my ($key) = grep { m{\}kjson/3$} } $cluster->keys('*');
my $owner = $cluster->owner($cluster->ask(0, 'CLUSTER', 'KEYSLOT', $key));
cmp_ok $cluster->ask($owner, 'STRLEN', $key), '<', 1000, 'packed';

# -- a part, and again

is +(copy($from, $through, '--prefix', 'many/1'))[1],
    "612 entries copied\n", 'a prefix';
is +(copy($from, $through, '--prefix', 'many/', '--after', 'many%2F998'))[1],
    "1 entries copied\n", 'behind a key';

# -- it ends early, and says how to go on

$through->request('POST', '/clear');
$cluster->kill(1);

($status, $said) = copy($from, $through, '--away', 0);
is $status, 1, 'a server of the cluster is away';
like $said, qr/^copy_store\.py: http:\S+: a POST of \S+ is answered 503: /,
    'which and why';
my ($more) = $said =~ /^\d+ entries copied; to go on: (--after \S+)$/m
    or diag $said;

$cluster->start(1);
$cluster->wait_for(sub { $cluster->ready }, 'the cluster is ready');
is $through->wait_for(sub { $through->get('/stat/count')->status == 200 }), 1,
    'it is back';

my $before = $through->count;
is +(copy($from, $through, $more))[0], 0, 'it goes on';
is $through->count, scalar @$there, 'all are there' or diag $before;

# a server that is away is waited for

$through->stop;
my $waits = $through->in_child(sub { join ' ', copy($from, $through,
    '--prefix', 'json/') });
$through->start;
is $waits->(), "0 5 entries copied\n", 'a server that starts';

# -- what is wrong

for my $case (
    [ [ 'nonsense', $to ], qr/"nonsense" is no URL of a server/ ],
    [ [ $from, 'http://127.0.0.1:1', '--away', 0 ],
        qr{http://127\.0\.0\.1:1: .*refused.*\n0 entries copied}s ],
    [ [ url($from) . '/base', $to ], qr{/keys/ is answered 4\d\d: } ],
    [ [ $from, $to, '-H', 'x' ], qr/-H must be "NAME: VALUE"/ ],
) {
    my ($arguments, $regex) = @$case;
    ($status, $said) = copy(@$arguments);
    is $status, 1, 'fails';
    like $said, qr/^copy_store\.py: .*$regex/, 'and says why';
    unlike $said, qr/Traceback/, 'to a person';
}

($status, $said) = copy($from, $to, '--after');
is $status, 2, 'usage';

$through->expect_log(qr/answered 503/);
ok $_->stop, 'stops' for $from, $through, $to;

done_testing;
