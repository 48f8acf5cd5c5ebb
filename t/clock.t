#!/usr/bin/perl

# A clock that is set back: a page is of the future then.  Its Last-Modified
# is not after Date, its ETag holds, and a write makes a version of its own.

use strict;
use warnings;

use FindBin;
use Test::More;
use Time::Piece ();

use Bigcache::Test;

use constant AHEAD => 7200;

# the store's time is ahead, nginx's own, which is of another call, is not

my $t = Bigcache::Test->new;
my $library = "$t->{dir}/clock.so";

is system("gcc -O2 -Wall -shared -fPIC -o $library $FindBin::Bin/clock.c"),
    0, 'the library';

{
    local $ENV{BIGCACHE_PRELOAD} = join ':', grep { $_ }
        $ENV{BIGCACHE_PRELOAD}, $library;
    local $t->{env}{CLOCK_AHEAD} = AHEAD;

    my $text = $t->default_conf(main => 'env CLOCK_AHEAD;');

    $t->conf($text)->start;
    is $t->request('POST', '/cache/k', '{"value":1}')->status, 200, 'stored';
    is $t->request('POST', '/pickle/k2', 'x')->status, 200, 'and another';
    dated('/cache/k', 'the clock is ahead');
    ok $t->stop, 'stops';
}

$t->conf($t->default_conf)->start;

my $etag = dated('/cache/k', 'as before');

dated($_, 'it was set back') for qw(/cache/k /pickle/k /pickle/k2);

for my $round (1 .. 3) {
    my $r = $t->request('POST', '/cache/k', qq({"value":$round}),
        'If-Match' => $etag);

    is $r->status, 200, "the version of before holds, $round";
    is $t->request('POST', '/cache/k', '{"value":0}', 'If-Match' => $etag)
        ->status, 412, "and no longer than that, $round";
    isnt $r->header('ETag'), $etag, "a version of its own, $round";
    $etag = dated('/cache/k', "written, $round");
    is $etag, $r->header('ETag'), "it is read, $round";
    is $t->get('/cache/k')->json->{value}, $round, "and its value, $round";
}

is $t->request('DELETE', '/cache/k')->status, 200, 'removed';
is $t->get('/cache/k')->status, 404, 'it is gone';
is $t->request('POST', '/cache/k', '{"value":4}')->status, 200, 'stored again';
isnt dated('/cache/k', 'again'), $etag, 'by another version';

done_testing;


# dated(PATH, NAME): returns the ETag of the page, whose Last-Modified must not
# be after Date, and which must not be sent again to a client that has it

sub dated {
    my ($path, $name) = @_;

    my $r = $t->get($path);
    my ($date, $modified) = map {
        Time::Piece->strptime($r->header($_), '%a, %d %b %Y %T GMT')->epoch
    } qw(Date Last-Modified);

    is $r->status, 200, "$name: $path";
    cmp_ok $modified, '<=', $date, "$name: $path, not after Date";
    is $t->get($path, 'If-None-Match' => $r->header('ETag'))->status, 304,
        "$name: $path, 304";

    return $r->header('ETag');
}
