#!/usr/bin/perl

# Tags of pages: which fields name them, the limits, revalidation, and groups
# that an unsafe request invalidates, RFC 9875.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep);

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $fresh = 'max-age=600';

# the test says by "X-Fields" what else the answer has, "Name: value|..."; a
# page of /old/ is stale when it comes, and is revalidated

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($method, $uri, $header) = @$request{qw(method uri header)};
    my @fields = map { split /: ?/, $_, 2 } split /\|/,
        $header->{'x-fields'} // '';

    if ($uri =~ /slow/ && $method eq 'GET') {
        for (1 .. 3000) {
            last if -e "$dir/go";
            sleep 0.01;
        }
    }

    return (500, \@fields, 'failed') if $uri =~ /fails/;
    return (304, ['Cache-Control' => $fresh, @fields], '')
        if $header->{'if-none-match'};

    push @fields, Age => 600, ETag => '"1"' if $uri =~ m{^/old/};
    push @fields, Vary => 'X-Lang' if $uri =~ /vary/;

    return (200, ['Cache-Control' => $fresh, @fields], "$method $uri $n");
});

$t->conf(size => '16m', location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host; bigcache_pages main;'
        . ' bigcache_lookup_timeout 10s; proxy_buffer_size 64k;'
        . ' proxy_buffers 8 64k; large_client_header_buffers 4 64k;'
        . ' add_header X-Status $bigcache_status always;'
        . ' bigcache_purge PURGE from 127.0.0.1;',
    servers => q{
    server {
        listen 127.0.0.1:%%PORT_2%%;
        listen 127.0.0.1:%%PORT_3%%;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /hidden/ {
            proxy_hide_header Surrogate-Key;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /old/hidden/ {
            proxy_hide_header Surrogate-Key;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /off/ {
            bigcache_invalidate off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

my $port = 2;

sub ask {
    my ($method, $uri, @headers) = @_;

    return Bigcache::Test::Connection->new($t->port($port))->request($method,
        $uri, $method eq 'POST' ? 'x' : undef, Connection => 'close',
        @headers);
}

# by HEAD, which stores nothing
sub hit { (ask('HEAD', @_)->header('X-Status') // '') eq 'HIT' }

# store(URI, FIELDS, HEADERS ...): again if a removal was still under way
sub store {
    my ($uri, $fields, @headers) = @_;

    $t->wait_for(sub {
        ask('GET', $uri, 'X-Fields' => $fields, @headers);
        return hit($uri, @headers);
    }) or fail "stored: $uri";
}

sub purge { return ask('PURGE', '/', 'Cache-Tag' => join ',', @_)->json->{purged} }

# -- the fields, and how each names its tags

for my $case (
    [ 'Surrogate-Key: a b,c', 'a', 'b,c' ],
    [ 'surrogate-key:  a   b ', 'a', 'b' ],
    [ 'Cache-Tag: a, b c ,', 'a', 'b c' ],
    [ 'xkey: a b,d', 'a', 'b', 'd' ],
    [ 'Cache-Groups: "a", "b c";x=1', 'a', 'b c' ],
    [ 'Cache-Groups: "a"|Cache-Tag: b|Surrogate-Key: c d|xkey: e',
        qw(a b c d e) ],
    [ 'Surrogate-Key: a|Surrogate-Key: b', qw(a b) ])
{
    my ($fields, @tags) = @$case;
    my $uri = '/fields';

    store('/kept', 'Surrogate-Key: other');

    for my $tag (@tags) {
        store($uri, $fields);

        # a comma would be two tags in Cache-Tag
        my $r = ask('PURGE', '/', $tag =~ /,/ ? ('Surrogate-Key' => $tag)
            : ('Cache-Tag' => $tag));
        is $r->body, '{"purged":1}', "$fields: $tag";
        ok !hit($uri), "$fields: $tag: it is gone";
    }

    ok hit('/kept'), 'and no other page';
}

store('/none', 'Cache-Groups: "a", b');
is purge(qw(a b)), 0, 'no list of strings is no group';
ok hit('/none'), 'but the page is stored';

store('/case', 'Surrogate-Key: Tag');
is purge('tag'), 0, 'tags in other letters are others';
is purge('Tag'), 1, 'and this one is it';

store('/hidden/a', 'Surrogate-Key: hidden');
is ask('GET', '/hidden/a')->header('Surrogate-Key'), undef, 'a hidden field';
is purge('hidden'), 1, 'proxy_hide_header: the tags count all the same';

store('/vary', 'Surrogate-Key: v', 'X-Lang' => $_) for qw(en de);
is purge('v'), 2, 'all variants';
ok !hit('/vary', 'X-Lang' => $_), "variant $_ is gone" for qw(en de);

store('/vary', "Surrogate-Key: $_", 'X-Lang' => $_) for qw(en de);
is purge('en'), 1, 'one variant';
ok hit('/vary', 'X-Lang' => 'de'), 'the other one is there';

store('/head', 'Surrogate-Key: head');
is ask('HEAD', '/head')->header('X-Status'), 'HIT', 'a HEAD';
purge('head');
isnt ask('HEAD', '/head')->header('X-Status'), 'HIT', 'is none after a purge';

# -- limits

my $most = join ' ', map { "tag$_" } 1 .. 64;

store('/most', "Surrogate-Key: $most");
ok hit('/most'), '64 tags';
is purge('tag64'), 1, 'also the last';

store('/longest', 'Surrogate-Key: ' . 'x' x 256);
is purge('x' x 256), 1, 'a tag of 256 bytes';

# the field itself would be too long for the head of a page
store('/hidden/all', 'Surrogate-Key: ' . join ' ', map { $_ . 'x' x 254 }
    10 .. 73);
is purge('73' . 'x' x 254), 1, '64 tags of 256 bytes';

for my $case ([ '/more', "$most tag65" ], [ '/longer', 'a ' . 'x' x 257 ]) {
    my ($uri, $tags) = @$case;

    like ask('GET', $uri, 'X-Fields' => "Surrogate-Key: $tags")->body,
        qr/^GET \Q$uri\E \d+$/, "$uri: it is sent" for 1 .. 3;
    ok !hit($uri, 'X-Fields' => "Surrogate-Key: $tags"),
        "$uri: but not stored";
}

my @logged = $t->error_log =~ /a page is not stored, (.*?): a purge by a tag/g;

is scalar(@logged), 1, 'it is logged once' if ($ENV{BIGCACHE_WORKERS} // 1) < 2;
like $logged[0], qr/there are more than 64 tags|longer than 256 bytes/,
    'with the reason';

# -- a 304 keeps the tags, or names others: FIELDS, TAG that purges, and not

for my $case (
    [ '/old/same', '', 'first' ],
    [ '/old/other', 'X-Other: 1', 'first' ],
    [ '/old/hidden/a', '', 'first' ],
    [ '/old/new', 'Surrogate-Key: new', 'new', 'first' ],
    [ '/old/empty', 'Surrogate-Key: ', 'none', 'first' ],
    [ '/old/added', 'Cache-Tag: new', 'first' ],
    [ '/old/added2', 'Cache-Tag: new', 'new' ])
{
    my ($uri, $fields, $tag, $not) = @$case;

    # what is stored is stale, and the next request revalidates it
    ask('GET', $uri, 'X-Fields' => 'Surrogate-Key: first');
    is ask('GET', $uri, 'X-Fields' => $fields)->header('X-Status'),
        'REVALIDATED', "$uri: revalidated";
    ok $t->wait_for(sub { hit($uri, 'X-Fields' => $fields) }),
        "$uri: stored again";

    is purge($not), 0, "$uri: not \"$not\"" if $not;
    is purge($tag), $tag eq 'none' ? 0 : 1, "$uri: \"$tag\"";
}

# -- groups

for my $method (qw(POST PUT DELETE)) {
    my @stale;

    for my $i (1 .. 20) {
        store("/group$i", 'Cache-Groups: "g", "h"');
        ask($method, '/change',
            'X-Fields' => 'Cache-Group-Invalidation: "none", "g"');
        push @stale, $i if hit("/group$i");
    }

    is_deeply \@stale, [], "$method: the group is gone at once";
}

store('/group', 'Cache-Groups: "g"');
store('/tag', 'Surrogate-Key: g');
store('/other', 'Cache-Groups: "h"');
$port = 3;
store('/group', 'Cache-Groups: "g"', Host => 'localhost:' . $t->port(3));
$port = 2;

for my $case (
    [ 'a GET', 'GET', '/change', '"g"' ],
    [ 'a failure', 'POST', '/fails', '"g"' ],
    [ 'no list of strings', 'POST', '/change', 'g' ],
    [ 'bigcache_invalidate off', 'POST', '/off/change', '"g"' ],
    [ 'another group', 'POST', '/change', '"G"' ])
{
    my ($name, $method, $uri, $groups) = @$case;

    ask($method, $uri,
        'X-Fields' => "Cache-Group-Invalidation: $groups");
    ok hit('/group'), "$name: the group stays";
}

ask('POST', '/change', 'X-Fields' => 'Cache-Group-Invalidation: "g"');
ok !hit('/group'), 'a POST: the group is gone';
ok !hit('/tag'), 'tags and groups are the same';
ok hit('/other'), 'another group stays';
$port = 3;
ok hit('/group', Host => 'localhost:' . $t->port(3)),
    'the group of another origin stays';
$port = 2;

# a page of the group that was asked for before
my $c = Bigcache::Test::Connection->new($t->port(2));
$c->send_request('GET', '/slow/a', undef, Connection => 'close',
    'X-Fields' => 'Cache-Groups: "g"');
$t->wait_for(sub { $o->requests('/slow/a') });
ask('POST', '/change', 'X-Fields' => 'Cache-Group-Invalidation: "g"');
$t->write_file('go', '');
is $c->response('GET')->body, 'GET /slow/a 1', 'a page that was fetched meanwhile';
unlike ask('GET', '/slow/a')->body, qr/ 1$/, 'is not stored';

done_testing;
