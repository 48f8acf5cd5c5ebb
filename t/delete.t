#!/usr/bin/perl

# DELETE on /cache/ and /pickle/.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf->start;

sub delete_key {
    my ($path) = @_;

    return $t->request('DELETE', $path);
}

my $missing = '404 {"detail":"cannot find cache data to delete"}';

# whatever stored the key, on either endpoint

my %bodies = (cache => '{"value":1}', pickle => 'raw');

for my $stored (qw(cache pickle)) {
    for my $endpoint (qw(cache pickle)) {
        my $name = "$stored on /$endpoint/";

        is delete_key("/$endpoint/k")->answer, $missing, "$name: missing";

        $t->request('POST', "/$stored/k", $bodies{$stored});

        my $r = delete_key("/$endpoint/k");
        is $r->answer, q(200 {"message":"'k' removed from cache."}),
            "$name: removed";
        is $r->header('Content-Type'), 'application/json', "$name: type";

        is $t->get("/$stored/k")->status, 404, "$name: gone";
        is delete_key("/$endpoint/k")->answer, $missing, "$name: twice";
    }
}

# nothing else goes

$t->request('POST', "/cache/$_", '{"value":1}') for qw(a a/b ab);
delete_key('/cache/a');
is $t->get('/cache/a/b')->status, 200, 'longer path stays';
is $t->get('/cache/ab')->status, 200, 'longer name stays';
is $t->get('/stat/count')->body, '{"count":2}', 'one key less';

# names in the answer

my %names = (
    'a%20b' => 'a b',
    'a%22b' => 'a\"b',
    'a%5Cb' => 'a\\\\b',
    'a%27b' => q(a'b),
    '한글' => '한글',
    'q?x=1' => 'q?x=1',
    '' => '',
);

for my $path (sort keys %names) {
    $t->request('POST', "/pickle/$path", 'x');
    is delete_key("/pickle/$path")->answer,
        qq(200 {"message":"'$names{$path}' removed from cache."}),
        "name of '$path'";
}

# what has expired is not there

$t->request('POST', '/cache/old', '{"value":1,"expire":1}');
is delete_key('/cache/old')->answer, $missing, 'expired entry';
is $t->get('/cache/old')->status, 404, 'expired entry gone';

# stored again

$t->request('POST', '/cache/again', '{"value":1}');
delete_key('/cache/again');
$t->request('POST', '/cache/again', '{"value":2}');
is $t->get('/cache/again')->json->{value}, 2, 'stored again';

# a body is not wanted, and not the next request

$t->request('POST', '/pickle/body', 'x');

my $c = $t->connect;
is $c->request('DELETE', '/pickle/body', 'GET / HTTP/1.1')->status, 200,
    'with a body';
is $c->request('DELETE', '/pickle/body')->answer, $missing, 'next request';

done_testing;
