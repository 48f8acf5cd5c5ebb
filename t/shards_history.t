#!/usr/bin/perl

# GET /stat/history of a front: the slots of its servers are added.  A server
# without a history counts nothing, one that is away makes it 503.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my @counters = qw(requests hits misses writes removed errors unavailable);
my @sizes = qw(entries kilobytes);
my @times = qw(p50 p99);

my $t = Bigcache::Test->new;

# the servers 2 and 3, 4 with a small zone, 5 that is as if it were older, 6 that
# says something else, and 7 that is not there

my %of = (both => [2, 3], small => [2, 4], old => [2, 5], odd => [2, 6],
    away => [2, 7], none => [4, 5]);

sub upstream {
    my ($name) = @_;

    return "upstream $name { hash \$bigcache_shard_key consistent;"
        . join('', map { " server 127.0.0.1:%%PORT_$_%% max_fails=0;" }
            @{ $of{$name} }) . ' }';
}

$t->conf(http => join("\n", map { upstream($_) } sort keys %of)
    . ' proxy_http_version 1.1; proxy_set_header Connection "";'
    . ' proxy_set_header Host $http_host;'
    . join('', map { " bigcache_path %%DIR%%/n$_ zone=n$_:"
        . ($_ == 4 ? '64k;' : '1m;') } 2 .. 4),
    servers => join("\n", (map { qq[
        server {
            listen 127.0.0.1:%%PORT_$_%%;
            location / {
                rewrite ^/(?:@{[ join '|', sort keys %of ]})(/.*) \$1 break;
                bigcache n$_;
            }
        }] } 2 .. 4), q[
        server {
            listen 127.0.0.1:%%PORT_5%%;
            default_type application/json;
            return 404 '{"detail":"Not Found"}';
        }
        server {
            listen 127.0.0.1:%%PORT_6%%;
            default_type application/json;
            return 200 '{"series":[{"step":10,"start":1,"hits":{}},{"step":7},
                {"start":"x"},1,{"step":300,"start":99999999999999999999,
                "hits":[1,-1,"x",1.5,null]}]}';
        }
        server {
            listen 127.0.0.1:%%PORT_1%%;
        ], (map { qq[
            location /$_/ {
                bigcache_base /$_;
                bigcache_shards $_;
                proxy_pass http://$_;
                proxy_next_upstream off;
            }] } sort keys %of), '}'))->start;

sub history { $t->request_to($_[0], 'GET', "$_[1]/stat/history") }


# slots(RESPONSE): {TIME => {FIELD => VALUE}} of slots of ten seconds

sub slots {
    my ($r) = @_;

    my $series = $r->json->{series}[0];
    my %slot;

    for my $i (0 .. $#{ $series->{requests} }) {
        my $at = $series->{start} + 10 * $i;
        $slot{$at}{$_} = $series->{$_}[$i] for @counters, @sizes, @times;
    }

    return \%slot;
}


sub total {
    my $sum = 0;
    $sum += $_->{requests} // 0 for values %{ slots($_[0]) };

    return $sum;
}


for my $n (1 .. 100) {
    my $r = $t->request_to(1, 'POST', "/both/cache/$n", '{"value":1}');
    is $r->status, 200, "POST $n: " . $r->answer if $r->status != 200;
    $t->request_to(1, 'GET', "/both/cache/$n");
}

ok $t->wait_for(sub { total(history(1, '/both')) == 200 }), 'all requests';

# -- the sums

my $r = history(1, '/both');
my $all = slots($r);
my @each = map { slots(history($_, '')) } 2, 3;

is $r->header('Content-Type'), 'application/json', 'type';
is_deeply [ map { $_->{status} } @{ $r->json->{shards} } ], [ 200, 200 ],
    'the status of each';
is_deeply [ map { $_->{server} } @{ $r->json->{shards} } ],
    [ map { '127.0.0.1:' . $t->port($_) } 2, 3 ], 'their names';

my ($at) = grep { $all->{$_}{writes} } sort keys %$all;

# what one of them does not know is not counted

for my $field (@counters, @sizes) {
    is $all->{$at}{$field} // 0, ($each[0]{$at}{$field} // 0)
        + ($each[1]{$at}{$field} // 0), "$field: the sum";
}

for my $field (@times) {
    is $all->{$at}{$field},
        (sort { $a <=> $b } grep { defined } map { $_->{$at}{$field} } @each)[-1],
        "$field: the larger one";
}

is $t->request_to(1, 'HEAD', '/both/stat/history')->status, 200, 'HEAD';
is $t->request_to(1, 'POST', '/both/stat/history', '')->status, 405, 'POST';

# -- servers without a history

for my $name (qw(small old)) {
    $r = history(1, "/$name");
    is_deeply [ map { $_->{status} } @{ $r->json->{shards} } ], [ 200, 404 ],
        "$name: a server without one";
    is slots($r)->{$at}{requests}, $each[0]{$at}{requests},
        "$name: that of the other";
}

$r = history(1, '/none');
is $r->status, 404, 'of no server: 404';
like $r->json->{detail}, qr/no history|Not Found/, 'which says why';

$r = history(1, '/odd');
is $r->status, 200, 'what is not understood';
is_deeply slots($r)->{$at}, $each[0]{$at}, 'counts nothing';

$r = history(1, '/away');
is $r->status, 503, 'a server that is away';
like $r->json->{detail}, qr/^not done by all servers: 127\.0\.0\.1:\d+ \(502\)/,
    'which one';
is_deeply [ map { $_->{status} } @{ $r->json->{shards} } ], [ 200, 502 ],
    'and who has answered';

$t->expect_log(qr/connect\(\) failed/);
ok $t->stop, 'stops';

done_testing;
