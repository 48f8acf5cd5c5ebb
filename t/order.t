#!/usr/bin/perl

# Operations run in threads, answers come in order: pipelined requests see
# what those before them on the connection did, and many connections at once
# each get what a model of the cache says.

use strict;
use warnings;

use Bigcache::Test qw(raw);
use Test::More;
use Time::HiRes qw(time);

use constant SECONDS => $ENV{BIGCACHE_ORDER} || 5;
use constant CONNECTIONS => 200;

my $t = Bigcache::Test->new;
$t->conf(
    main => 'thread_pool bigcache threads=8;',
    events => 'worker_connections 1024;',
    path => 'thread_pool=bigcache write_buffer=1m',
    http => q{
        client_max_body_size 64m;
        client_body_buffer_size 8k;
        keepalive_requests 1000000;
    })->start;

$t->wait_for(sub { $t->get('/stat')->status == 200 });
my $number = $ENV{BIGCACHE_WORKERS} || 1;
$t->wait_for(sub { $t->worker_pids == $number });
my $workers = join ' ', $t->worker_pids;


# halves(BODY): its chunks

sub halves {
    my $half = 1 + int(length($_[0]) / 2);

    return [ unpack "(a$half)*", $_[0] ];
}


# -- a pipeline

{
    my (@requests, @expected);

    for my $i (1 .. 300) {
        my $size = (3, 500, 9_000, 40_000)[$i % 4];
        my $value = "$i:" . 'v' x $size;

        push @requests,
            raw('POST', '/pickle/p', $i % 3 ? $value : halves($value)),
            raw('GET', '/pickle/p'), raw('DELETE', '/pickle/p'),
            raw('GET', '/pickle/p');
        push @expected, '200 {"key":"p","expire":"not set"}', "200 $value",
            qq(200 {"message":"'p' removed from cache."}),
            '404 {"detail":"cache miss"}';
    }

    # the answers have to be read while the requests are written
    my $c = $t->connect;
    my @got;

    while (@requests) {
        $c->send(join '', splice @requests, 0, 12);
        push @got, map { $_->status . ' ' . $_->body }
            map { $c->response('GET') } 1 .. 12;
    }

    is scalar(grep { $got[$_] ne $expected[$_] } 0 .. $#expected), 0,
        '1200 requests in pipelines';
}

{
    my $big = 'b' x 1_200_000;
    my $c = $t->connect;
    my @requests;

    for ([ POST => '/pickle/big', $big ], [ GET => '/pickle/big' ],
        [ POST => '/cache/big', '{"value":1}' ], [ GET => '/cache/big' ],
        [ GET => '/cache/big', 'a body that nobody wants' ],
        [ DELETE => '/prefix/bi', 'one more' ], [ GET => '/stat/count' ],
        [ POST => '/cache/bad', '{' ], [ GET => '/nowhere', 'body' ],
        [ MKCOL => '/cache/big', 'body' ], [ PUT => '/pickle/last', 'x' ],
        [ GET => '/clear' ], [ GET => '/pickle/last' ])
    {
        push @requests, raw(@$_);
    }

    $c->send(join '', @requests);
    my @got = map { $c->response } @requests;

    is join(' ', map { $_->status } @got),
        '200 200 200 200 200 200 200 422 404 405 200 200 404',
        'all kinds in one pipeline';
    is $got[1]->body, $big, 'a large page in it';
    is $got[6]->body, '{"count":0}', 'a count in it';
}


# -- many connections, each with keys of its own and a model of them

my @clients = map { +{ c => $t->connect, id => $_, model => {}, n => 0 } }
    0 .. CONNECTIONS - 1;

my ($requests, @wrong) = (0);

# ask(CLIENT): sends one request, returns what its answer is to be

sub ask {
    my ($client) = @_;

    my $key = "c$client->{id}/k" . int rand 5;
    my $model = $client->{model};
    my $value = "$client->{id}.$client->{n}." . 'x' x
        (rand() < 0.03 ? 60_000 + rand 1000 : rand 600);
    my $have = $model->{$key};
    my $what = int rand 10;

    $client->{n}++;

    if ($what < 3) {
        $model->{$key} = [ 'pickle', $value ];
        return ([ raw('POST', "/pickle/$key",
            rand() < 0.2 ? halves($value) : $value) ],
            200, qq({"key":"$key","expire":"not set"}));
    }

    if ($what < 5) {
        $model->{$key} = [ 'cache', $value ];
        return ([ raw('POST', "/cache/$key", qq({"value":"$value"})) ], 200,
            qq({"key":"$key","value":"$value","expire":null}));
    }

    if ($what < 6) {
        delete $model->{$key};
        return ([ raw('DELETE', "/cache/$key") ], $have
            ? (200, qq({"message":"'$key' removed from cache."}))
            : (404, '{"detail":"cannot find cache data to delete"}'));
    }

    if ($what == 6 && rand() < 0.3) {
        my $n = keys %$model;
        %$model = ();
        return ([ raw('DELETE', "/prefix/c$client->{id}/") ], 200,
            qq({"message":"prefix 'c$client->{id}/': $n keys deleted."}));
    }

    if ($what == 7) {
        my @fields = ('If-None-Match' => '*');
        $model->{$key} //= [ 'pickle', $value ];
        return ([ raw('POST', "/pickle/$key", $value, @fields) ], $have
            ? (412, '{"detail":"what is stored does not meet the condition"}')
            : (200, qq({"key":"$key","expire":"not set"})));
    }

    my $kind = rand() < 0.5 ? 'cache' : 'pickle';
    my $request = [ raw('GET', "/$kind/$key") ];

    return ($request, 404, '{"detail":"cache miss"}') if !$have;

    return ($request, 409, qr/read it at/)
        if $have->[0] eq 'pickle' && $kind eq 'cache';

    return ($request, 200, $have->[1]) if $have->[0] eq 'pickle';

    my $rest = qq("value":"$have->[1]","expire":null,"duration":null});

    return ($request, 200, $kind eq 'cache' ? qq({"key":"$key",$rest)
        : "{$rest");
}

sub check {
    my ($client, $status, $body) = @_;

    my $r = $client->{c}->response;
    $requests++;

    return if $r->status == $status
        && (ref $body ? $r->body =~ $body : $r->body eq $body);

    push @wrong, "connection $client->{id}, request $client->{n}: got "
        . $r->status . ' ' . substr($r->body, 0, 100) . ", expected $status "
        . substr $body, 0, 100;
}

my $end = time + SECONDS;

while (time < $end && @wrong < 10) {
    my @expected;

    # each sends one to four, before any answer is read
    for my $client (@clients) {
        my @queue = map { [ ask($client) ] } 1 .. 1 + rand 4;
        $client->{c}->send(join '', map { $_->[0][0] } @queue);
        push @expected, map { [ $client, @$_[1, 2] ] } @queue;
    }

    check(@$_) for @expected;

    # some come back on a new connection
    for my $client (@clients) {
        next if rand() > 0.02;
        $client->{c}->close;
        $client->{c} = $t->connect;
    }
}

is scalar @wrong, 0, 'all answers are those of the model'
    or diag map { "$_\n" } @wrong;
cmp_ok $requests, '>', CONNECTIONS, "$requests requests";

my $keys = 0;
$keys += keys %{ $_->{model} } for @clients;
is $t->count, $keys,
    'the count is that of the models';
is join(' ', $t->worker_pids), $workers, 'the same workers';

done_testing;
