#!/usr/bin/perl

# A purge voids only what it hits: pages that it does not select are answered
# from the hot index, by the event loop, before, during and after purges by tag
# and by prefix, at 17 and more a second.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;
use Time::HiRes qw(sleep time);

# pages that nothing purges, and those of each of the tags

use constant { QUIET => 200, TAGS => 20, EACH => 5 };

my $t = Bigcache::Test->new->conf(size => '16m',
    http => 'keepalive_requests 1000000;')->start;

sub hot { return $t->get('/stat')->json->{hot}{hits} }

# stores the pages that will be purged, 0 to TAGS - 1

sub fill {
    my ($n) = @_;

    my $r = $t->request('POST', '/batch', '{"operations":['
        . join(',', map { qq({"op":"set","key":"purged/$n/$_","base64":"eA==",)
            . qq("tags":["tag$n"]}) } 1 .. EACH) . ']}');

    $r->status == 200 or die $r->answer;
}

sub purge {
    my ($body) = @_;

    my $r = $t->request('POST', '/purge', $body);
    $r->status == 200 or die $r->answer;

    return $r->json->{purged};
}

# the share of hits of quiet pages that the event loop has answered, while the
# code runs again and again

sub share {
    my ($code) = @_;

    my $c = $t->connect(0);
    my ($begin, $hits, $runs) = (time, 0, 0);
    my $before = hot();

    do {
        for (1 .. QUIET) {
            my $r = $c->request('GET', "/pickle/quiet/$_");
            $r->status == 200 or die $r->answer;
            $hits++;

            # 17 a second at least, and a purge between any two pages
            next if $_ % 10 || !$code;

            $code->($runs++);
        }
    } while ($runs < ($code ? 4 * TAGS : 0));

    note sprintf '%d hits, %d runs, %.1f s', $hits, $runs, time - $begin;

    return ((hot() - $before) / $hits, $runs / (time - $begin));
}

my $plain = $t->request('POST', '/pickle/quiet/0', 'x')->status;
is $plain, 200, 'stored';

$t->request('POST', "/pickle/quiet/$_", "page $_") for 1 .. QUIET;

# until all of them are in the hot index of all workers

$t->wait_for(sub { (share())[0] == 1 });

fill($_) for 0 .. TAGS - 1;

my ($share) = share();
is $share, 1, 'before: all hits are hot';

my ($during, $rate) = share(sub {
    my $n = $_[0] % TAGS;

    is purge(qq({"type":"tag","selectors":["tag$n"],"purge":true})), EACH,
        "purge by tag $_[0]";
    fill($n);
});

is $during, 1, 'during purges by tag: all hits are hot';
cmp_ok $rate, '>', 17, 'of which there are more than a thousand a minute';

($during) = share(sub {
    my $n = $_[0] % TAGS;

    is purge(qq({"type":"tag","selectors":["tag$n"]})), EACH,
        "soft purge by tag $_[0]";
    fill($n);
});

is $during, 1, 'during soft purges: all hits are hot';

($during) = share(sub {
    my $n = $_[0] % TAGS;

    like $t->request('DELETE', "/prefix/purged/$n/")->body,
        qr/: @{[ EACH ]} keys deleted/, "purge of a prefix $_[0]";
    fill($n);
});

is $during, 1, 'during purges of prefixes: all hits are hot';

($during) = share(sub {
    is purge('{"type":"tag","selectors":["nobody"],"purge":true}'), 0,
        "purge of a tag that nobody has $_[0]";
});

is $during, 1, 'during purges of nothing: all hits are hot';

($share) = share();
is $share, 1, 'after: all hits are hot';

# those that a purge has hit are not

fill(0);
$t->wait_for(sub {
    my $before = hot();
    $t->get('/pickle/purged/0/1');
    return hot() > $before;
});
purge('{"type":"tag","selectors":["tag0"],"purge":true}');
is $t->get('/pickle/purged/0/1')->status, 404, 'what it has hit is gone';

# what is still being removed does not matter to others

for my $part (0 .. 9) {
    $t->request('POST', '/batch', '{"operations":[' . join(',', map {
        qq({"op":"set","key":"many/$part/$_","base64":"eA==","tags":["many"]})
    } 1 .. 1000) . ']}')->status == 200 or die 'a batch';
}

# the last of them are hot, and are removed last

my @last = map { "/pickle/many/9/99$_" } 0 .. 9;
my $c = $t->connect(0);

$t->wait_for(sub {
    my $before = hot();
    $c->request('GET', $_)->status == 200 or die $_ for @last;
    return hot() - $before == @last;
});

my $r = $c->request('POST', '/purge',
    '{"type":"tag","selectors":["many"],"purge":true}',
    Prefer => 'respond-async');
is $r->status, 202, 'a purge of 10,000 pages begins';
is_deeply [ map { $c->request('GET', $_)->status } @last ], [ (404) x @last ],
    'it is in effect at once, for hot pages too';
is((share())[0], 1, 'all other hits are hot');
$t->counted(QUIET + 1 + (TAGS - 1) * EACH)
    or diag 'there are ' . $t->count;

done_testing;
