#!/usr/bin/perl

# "stale": an entry that has expired is answered to clients that would wait,
# while one of them makes a new one; for all others it has expired.

use strict;
use warnings;

use Bigcache::Test;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(sleep time);

my @now = (Prefer => 'wait=0');

for my $workers (split ' ', $ENV{BIGCACHE_WORKERS} || '1 4') {

    my $t = Bigcache::Test->new;
    my $name = "workers $workers";

    $t->conf(main => "worker_processes $workers;", listen => 'reuseport',
        server => 'client_max_body_size 10m;
            location /off/ {
                bigcache_base /off;
                bigcache main;
                bigcache_lease off;
            }')->start;

    my $is = sub { $t->json_is(@_) };
    my $past = int(time) - 10;
    my $json = qq({"value":1,"expire":$past,"stale":"1h"});

    # an entry that is stale from the beginning

    my $r = $t->request('POST', '/cache/a', $json);
    $is->($r, 200, { key => 'a', value => 1, expire => $past },
        "$name: stored, and shown as it was given");
    my $etag = $r->header('ETag');

    $is->($t->get('/cache/a'), 404, { detail => 'cache expired' },
        "$name: it has expired for who says nothing");
    is $t->request('HEAD', '/cache/a', undef, @now)->status, 404,
        "$name: and for HEAD";
    is $t->get('/off/cache/a', @now)->status, 404,
        "$name: and while nobody makes a new one";

    $r = $t->get('/cache/a', @now);
    my $token = $r->header('Bigcache-Lease');
    $is->($r, 404, { detail => 'cache expired' }, "$name: the first one");
    ok $token, "$name: makes a new one";

    my $begin = time;
    $r = $t->get('/cache/a', Prefer => 'wait=30');
    cmp_ok time - $begin, '<', 20, "$name: the others need not wait";
    $is->($r, 200, { key => 'a', value => 1, expire => $past, duration => undef },
        "$name: they get the old one");
    is $r->header('Bigcache-Stale'), 1, "$name: which they are told";
    like $r->header('Cache-Status'), qr/^bigcache; hit; ttl=-\d\d$/,
        "$name: and since when";
    is $r->header('Preference-Applied'), 'wait', "$name: the preference counts";
    is $r->header('ETag'), $etag, "$name: its ETag";
    is $t->get('/cache/a', @now, 'If-None-Match' => $etag)->status, 304,
        "$name: not sent again";
    is $t->get('/off/cache/a', @now)->status, 200, "$name: readers, too";
    is $t->get('/cache/a')->status, 404, "$name: still not without asking";

    is $t->request('POST', '/cache/a', '{"value":2}',
        'Bigcache-Lease' => $token)->status, 200, "$name: the new one";
    $r = $t->get('/cache/a', @now);
    is $r->json->{value}, 2, "$name: is there for all";
    is $r->header('Bigcache-Stale'), undef, "$name: and is not stale";

    # the lease ends without an entry

    $t->request('POST', '/cache/b', $json);
    $token = $t->get('/cache/b', @now)->header('Bigcache-Lease');
    is $t->get('/cache/b', @now)->status, 200, "$name: stale";
    $t->request('DELETE', '/lease/b', undef, 'Bigcache-Lease' => $token);
    $r = $t->get('/cache/b', @now);
    is $r->status, 404, "$name: given back: the next one";
    $token = $r->header('Bigcache-Lease');
    ok $token, "$name: has the lease";
    is $t->get('/cache/b', @now)->status, 200, "$name: the others the old one";
    is $t->request('DELETE', '/cache/b')->status, 200, "$name: deleted";
    is $t->request('POST', '/cache/b', '{"value":"old"}',
        'Bigcache-Lease' => $token)->status, 412, "$name: the lease is void";
    $r = $t->get('/cache/b', @now);
    is $r->status, 404, "$name: the old one is gone";
    is $t->get('/cache/b', @now)->status, 404, "$name: for all";

    # raw bytes

    my @raw = ('X-Bigcache-Expire' => $past, 'X-Bigcache-Stale' => '1h',
        'Content-Type' => 'text/plain');
    $r = $t->request('POST', '/pickle/raw', 'raw bytes', @raw);
    $is->($r, 200, { key => 'raw', expire => $past }, "$name, raw: stored");
    is $t->get('/pickle/raw')->status, 404, "$name, raw: expired";
    $token = $t->get('/pickle/raw', @now)->header('Bigcache-Lease');
    $r = $t->get('/pickle/raw', @now);
    is $r->body, 'raw bytes', "$name, raw: stale";
    is $r->header('Content-Type'), 'text/plain', "$name, raw: its type";
    is $r->header('Bigcache-Stale'), 1, "$name, raw: said";
    $r = $t->get('/pickle/raw', @now, Range => 'bytes=0-2');
    is $r->answer, '206 raw', "$name, raw: a part of it";
    is $t->get('/cache/raw', @now)->status, 409, "$name, raw: is no JSON";

    # large ones are read by a long operation, packed ones are unpacked

    for my $size (50_000, 3_000_000) {
        my $value = '"' . 'x' x $size . '"';
        $t->request('POST', "/cache/size$size",
            $json =~ s/1,/$value,/r);
        is $t->get("/cache/size$size")->status, 404, "$name, $size: expired";
        ok $t->get("/cache/size$size", @now)->header('Bigcache-Lease'),
            "$name, $size: the first one";
        is length $t->get("/cache/size$size", @now)->json->{value}, $size,
            "$name, $size: the others";
    }

    # what counts as stored

    $t->request('POST', '/cache/c', $json);
    is $t->request('PATCH', '/cache/c', '{"duration":"1h"}')->status, 404,
        "$name: PATCH finds nothing";
    $etag = $t->request('POST', '/cache/c', $json)->header('ETag');
    is $t->request('POST', '/cache/c', '{"value":3}', 'If-Match' => $etag)
        ->status, 412, "$name: If-Match, too";
    is $t->request('POST', '/cache/c', '{"value":3}', 'If-None-Match' => '*')
        ->status, 200, "$name: If-None-Match: * stores";
    is $t->get('/cache/c')->json->{value}, 3, "$name: stored";
    $t->request('POST', '/cache/n', $json);
    is $t->request('POST', '/incr/n')->status, 404, "$name: no counter";
    is $t->request('POST', '/incr/n', '{"initial":7}')->json->{value}, 7,
        "$name: it begins anew";
    $t->request('POST', '/cache/n', $json);
    $is->($t->request('POST', '/batch',
        '{"operations":[{"op":"get","key":"n"}]}'), 200,
        { results => [ { status => 404, detail => 'cache expired' } ] },
        "$name: a batch");

    # the window is over

    $t->request('POST', '/cache/over', qq({"value":1,"expire":$past,"stale":"5s"}));
    ok $t->get('/cache/over', @now)->header('Bigcache-Lease'),
        "$name: too old: the first one";
    is $t->get('/cache/over', @now)->status, 404, "$name: too old for all";

    # fresh, then stale, also when the hot index knows it

    my %made = (
        new => sub { $t->request('POST', "/cache/$_[0]",
            qq({"value":1,"duration":"$_[1]","stale":"1h"})) },
        touched => sub {
            $t->request('POST', "/cache/$_[0]",
                '{"value":1,"duration":"1h","stale":"1h"}');
            $t->request('PATCH', "/cache/$_[0]", qq({"duration":"$_[1]"}));
        },
        counted => sub {
            $t->request('POST', "/cache/$_[0]",
                qq({"value":1,"duration":"$_[1]","stale":"1h"}));
            $t->request('POST', "/incr/$_[0]", '{"delta":0}');
        },
        batch => sub { $t->request('POST', '/batch', '{"operations":[{"op":'
            . qq("set","key":"$_[0]","value":1,"duration":"$_[1]",)
            . '"stale":"1h"}]}') },
        base64 => sub { $t->request('POST', '/batch', '{"operations":[{"op":'
            . qq("set","key":"$_[0]","base64":") . encode_base64('1', '')
            . qq(","duration":"$_[1]","stale":"1h"}]})) },
    );

    for my $how (sort keys %made) {
        my $path = $how eq 'base64' ? "/pickle/$how" : "/cache/$how";
        my ($status, @fresh);

        # on a busy machine it may have expired before that: then it lives longer

        for (my $life = 1; ; $life *= 2) {
            my $made = time;
            $status = $made{$how}->($how, "${life}s")->status;
            @fresh = map { $t->get($path)->status } 1 .. 3;
            last if time < $made + $life;
        }

        is $status, 200, "$name, $how: made";
        is $_, 200, "$name, $how: fresh" for @fresh;
        ok $t->wait_for(sub { $t->get($path)->status == 404 }),
            "$name, $how: expired";
        ok $t->get($path, @now)->header('Bigcache-Lease'),
            "$name, $how: the first one";
        is $t->get($path, @now)->header('Bigcache-Stale'), 1,
            "$name, $how: the others";
    }

    # what a batch shows

    my $future = int(time) + 1000;
    $r = $t->request('POST', '/batch', '{"operations":['
        . qq({"op":"set","key":"s1","value":1,"expire":$future,"stale":"1h"},)
        . qq({"op":"set","key":"s2","base64":"","expire":$future,"stale":"1h"},)
        . '{"op":"get","key":"s1"},{"op":"get","key":"s2"},'
        . qq({"op":"touch","key":"s2","expire":$future}]}));
    is join(' ', map { $_->{expire} } @{ $r->json->{results} }),
        join(' ', ($future) x 5), "$name: when it expires, in a batch";

    # PATCH of raw bytes

    $t->request('POST', '/pickle/p', 'p', 'X-Bigcache-Stale' => '1h');
    is $t->request('PATCH', '/pickle/p', qq({"expire":$past}))->status, 200,
        "$name, PATCH of raw bytes";
    ok $t->get('/pickle/p', @now)->header('Bigcache-Lease'),
        "$name, PATCH of raw bytes: the first one";
    is $t->get('/pickle/p', @now)->answer, '200 p',
        "$name, PATCH of raw bytes: the others";

    # it never expires: "expire" stays null, a PATCH makes it stale

    $r = $t->request('POST', '/cache/ever', '{"value":1,"stale":"1h"}');
    $is->($r, 200, { key => 'ever', value => 1, expire => undef },
        "$name: it never expires");
    is $t->get('/cache/ever')->status, 200, "$name: fresh";
    $t->request('PATCH', '/cache/ever', qq({"expire":$past}));
    ok $t->get('/cache/ever', @now)->header('Bigcache-Lease'),
        "$name: until it does: the first one";
    is $t->get('/cache/ever', @now)->status, 200, "$name: the others";
    $t->request('PATCH', '/cache/ever', qq({"expire":$past}));

    # a list shows when it expires, not how long it is stale

    $t->request('POST', '/cache/list/x',
        '{"value":1,"expire":4000000000,"stale":"1h"}');
    is $t->get('/keys/list/')->json->{keys}[0]{expire}, 4000000000,
        "$name: in a list";
    $t->request('POST', '/cache/list/x', '{"value":1,"stale":"1h"}');
    is $t->get('/keys/list/')->json->{keys}[0]{expire}, undef,
        "$name: that it never expires";

    # what is counted, and no other entry that expires

    $t->request('DELETE', '/cache/over');
    $t->request('POST', '/cache/count', $json);
    my $stat = sub { my $s = $t->get('/stat')->json->{stats};
        return join ' ', @$s{qw(hit miss expire)} };
    my ($hit, $miss, $expire) = split ' ', $stat->();
    $t->get('/cache/count');
    is $stat->(), join(' ', $hit, $miss + 1, $expire), "$name: a miss";
    $t->get('/cache/count', @now);
    is $stat->(), join(' ', $hit, $miss + 2, $expire), "$name: a lease is, too";
    $t->get('/cache/count', @now);
    is $stat->(), join(' ', $hit + 1, $miss + 2, $expire), "$name: stale: a hit";

    # nginx is restarted

    $t->durable;
    $t->stop;
    $t->start;
    is $t->get('/cache/count')->status, 404, "$name, restarted: expired";
    ok $t->get('/cache/count', @now)->header('Bigcache-Lease'),
        "$name, restarted: the first one";
    is $t->get('/cache/count', @now)->header('Bigcache-Stale'), 1,
        "$name, restarted: the others";

    # soft purges

    $t->request('POST', '/clear');

    for my $life ('', ',"duration":"1h"') {
        my $expires = $t->request('POST', '/cache/soft',
            qq({"value":1,"stale":"1h"$life}))->json->{expire};
        $t->request('POST', '/cache/hard', qq({"value":1$life}));
        is $t->get("/cache/$_")->status, 200, "$name, soft$life: $_ is fresh"
            for 'soft', 'hard';
        my $purged = time;
        is $t->request('POST', '/purge',
            '{"type":"key","selectors":["soft","hard"]}')->status, 200,
            "$name, soft$life: purged";
        is $t->get('/cache/soft')->status, 404, "$name, soft$life: a miss";
        ok $t->get('/cache/soft', @now)->header('Bigcache-Lease'),
            "$name, soft$life: the first one";
        $r = $t->get('/cache/soft', @now);
        is $r->header('Bigcache-Stale'), 1, "$name, soft$life: the others";
        my ($since) = $r->header('Cache-Status') =~ /ttl=-?(\d+)$/;
        cmp_ok $since // 1000, '<=', time - $purged + 1,
            "$name, soft$life: since the purge";
        is $r->json->{expire} // '', $life ? $expires : '',
            "$name, soft$life: when it would have expired";
        ok $t->get('/cache/hard', @now)->header('Bigcache-Lease'),
            "$name, soft$life: without \"stale\"";
        is $t->get('/cache/hard', @now)->status, 404,
            "$name, soft$life: nobody gets it";
        $t->request('POST', '/clear');
    }

    # a soft purge by tag, while a client makes the entry

    SKIP: {
        skip 'entries have no tags', 4 if $t->request('POST', '/cache/tag',
            '{"value":1,"tags":5}')->status == 200;

        $t->request('DELETE', '/cache/tag');
        my $tagged = '{"value":1,"stale":"1h","tags":["soft"]}';
        my $soft = '{"type":"tag","selectors":["soft"]}';
        $token = $t->get('/cache/tag', @now)->header('Bigcache-Lease');
        $t->request('POST', '/purge', $soft);
        is $t->request('POST', '/cache/tag', $tagged, 'Bigcache-Lease' => $token)
            ->status, 200, "$name, a soft purge meanwhile: stored";
        is $t->get('/cache/tag')->status, 404, "$name, a soft purge meanwhile: stale";
        ok $t->get('/cache/tag', @now)->header('Bigcache-Lease'),
            "$name, a soft purge meanwhile: the first one";
        is $t->get('/cache/tag', @now)->header('Bigcache-Stale'), 1,
            "$name, a soft purge meanwhile: the others";
    }
}

# what is no duration

my $t = Bigcache::Test->new->conf()->start;

for (['5', 'stale must be a string or null'],
    ['"x"', 'stale must begin with digits and one of s, m, h, d'],
    ['"-1d"', 'stale must begin with digits and one of s, m, h, d'],
    ['"99999999999999d"', 'stale is too long to be stored'])
{
    my ($stale, $says) = @$_;

    $t->json_is($t->request('POST', '/cache/x', qq({"value":1,"stale":$stale})),
        422, { detail => [ { loc => [ 'body', 'stale' ], msg => $says,
            type => 'value_error.duration' } ] }, "stale: $stale");
}

is $t->request('POST', '/cache/x', '{"value":1,"stale":null}')->status, 200,
    'null is none';

$t->json_is($t->request('POST', '/pickle/x', 'x', 'X-Bigcache-Stale' => 'x'), 422,
    { detail => [ { loc => [ 'header', 'X-Bigcache-Stale' ], msg => 'value does '
        . 'not begin with digits and one of s, m, h, d, or is out of range',
        type => 'value_error.duration' } ] }, 'X-Bigcache-Stale: x');

$t->json_is($t->request('POST', '/batch', '{"operations":[{"op":"set","key":"x",'
    . '"base64":"","stale":"x"},{"op":"set","key":"x","base64":"","stale":5}]}'),
    200, { results => [
        { status => 422, detail => 'stale: value does not begin with digits and '
            . 'one of s, m, h, d, or is out of range' },
        { status => 422, detail => 'stale is not a string' } ] }, 'in a batch');

# a time before 1970 is one that is long past

for my $expire (-100, '-0.5', 0, 1, '"-9999999999"') {
    is $t->request('POST', '/cache/x', qq({"value":1,"expire":$expire,)
        . '"stale":"1d"}')->status, 200, "expire $expire: stored";
    is $t->request('GET', '/cache/x', undef, @$_)->status, 404,
        "expire $expire: expired" for [], [Prefer => 'wait=0'];
}

is $t->request('POST', '/pickle/x', 'x', 'X-Bigcache-Expire' => '-100',
    'X-Bigcache-Stale' => '1d')->status, 200, 'raw: stored';
is $t->get('/pickle/x')->status, 404, 'raw: expired';

done_testing;
