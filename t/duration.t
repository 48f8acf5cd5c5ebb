#!/usr/bin/perl

# The member "duration": units, what may follow, that it wins over "expire".

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $t = Bigcache::Test->new->conf->start;

sub post {
    my ($members) = @_;

    return $t->request('POST', '/cache/k', qq({"value":1,$members}));
}

# lasts(MEMBERS, SECONDS, NAME): that the entry expires so many seconds after
# now, with the rounding of both sides

sub lasts {
    my ($members, $seconds, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $from = time;
    my $r = post($members);
    my $to = time;
    my $expire = ($r->json // {})->{expire} // 0;

    is $r->status, 200, $name;
    ok $expire >= $from + $seconds - 0.002 && $expire <= $to + $seconds,
        "$name, expire" or diag "$expire of $from + $seconds";
    like $r->body,
        qr/\A\{"key":"k","value":1,"expire":\d+(\.\d{1,3})?\}\z/,
        "$name, answer";

    return if $seconds == 0;

    is $t->get('/cache/k')->json->{expire}, $expire, "$name, read";
}

# units

lasts('"duration":"30s"', 30, 'seconds');
lasts('"duration":"5m"', 300, 'minutes');
lasts('"duration":"2h"', 7200, 'hours');
lasts('"duration":"28d"', 28 * 86400, 'days');
lasts('"duration":"0s"', 0, 'zero');
lasts('"duration":"007d"', 7 * 86400, 'leading zeros');
lasts('"duration":"36500d"', 36500 * 86400, 'a century');

# what follows is ignored

lasts('"duration":"28ds"', 28 * 86400, '28ds');
lasts('"duration":"28days"', 28 * 86400, '28days');
lasts('"duration":"1d 12h"', 86400, '1d 12h');
lasts('"duration":"1h\u0000x"', 3600, 'a NUL behind');
lasts('"duration":"10m한글"', 600, 'Korean behind');
lasts('"duration":"2\u0038d"', 28 * 86400, 'an escape');

# it wins over expire

lasts('"duration":"1h","expire":4102444800', 3600, 'before expire');
lasts('"expire":4102444800,"duration":"1h"', 3600, 'after expire');
lasts('"expire":1,"duration":"1h"', 3600, 'past expire');
lasts('"expire":null,"duration":"1h"', 3600, 'null expire');

# none

is post('"duration":null')->body, '{"key":"k","value":1,"expire":null}',
    'null';
is $t->get('/cache/k')->body,
    '{"key":"k","value":1,"expire":null,"duration":null}', 'null, read';
is post('"duration":null,"expire":4102444800')->json->{expire}, 4102444800,
    'null leaves expire';
is post('"x":"1d"')->body, '{"key":"k","value":1,"expire":null}', 'absent';

# shown as it was sent

for my $duration ('"28d"', '"28ds"', '"007d"', '"1d 12h"', '"1h한글"',
    '"1h \u00e9 \"x\" \\\\ \/"', '"2\u0038d"')
{
    my $expire = post(qq("duration": $duration ))->json->{expire};

    like $t->get('/cache/k')->body, qr/,"duration":\Q$duration\E\}\z/,
        "shown $duration";
    is $t->get('/cache/k')->body, qq({"key":"k","value":1,"expire":$expire,)
        . qq("duration":$duration}), "whole $duration";
    is $t->get('/pickle/k')->body,
        qq({"value":1,"expire":$expire,"duration":$duration}),
        "document of $duration";
}

# anything else

post('"duration":"1d"');

my $before = $t->get('/cache/k')->body;

for my $duration ('28', '0', '1.5', 'true', 'false', '[]', '["1d"]', '{}',
    '{"d":1}', '""', '"d"', '"28"', '"x"', '"28w"', '"28y"', '"28D"', '"28S"',
    '"28 d"', '" 28d"', '"-1d"', '"+1d"', '"1.5d"', '"1e3s"', '"d28"', '"null"',
    '"P1D"', '"\u0000"', '"\uff11d"', '"' . '9' x 20 . 'd"',
    '"' . '9' x 500 . 's"', '"9223372036854775807s"',
    '"106751991168d"', '"18446744073709551616s"')
{
    my $r = post(qq("duration":$duration));

    is $r->status, 422, "bad $duration";
    is_deeply $r->error->{loc}, [ 'body', 'duration' ],
        "bad $duration, loc";
    is join(' ', sort keys %{ $r->error }),
        'loc msg type', "bad $duration, members";
}

is $t->get('/cache/k')->body, $before, 'store unchanged';

is post('"duration":"x","expire":4102444800')->status, 422, 'good expire';
is post('"duration":"1d","expire":"x"')->status, 422, 'bad expire';

# it comes true

my ($status, $begin, $life);

# if this process was late, on a busy machine, it lives longer

for ($life = 2; ; $life *= 2) {
    $begin = time;
    post(qq("duration":"${life}s"));
    $status = $t->get('/cache/k')->status;
    last if time < $begin + $life;
}

is $status, 200, 'before its time';
sleep $life + 0.05;
is $t->get('/cache/k')->status, 404, 'after its time';

post('"duration":"0s"');
is $t->get('/cache/k')->status, 404, 'zero expires at once';

done_testing;
