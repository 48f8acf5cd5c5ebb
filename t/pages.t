#!/usr/bin/perl

# What an upstream answers is stored, and sent from there.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;

my $t = Bigcache::Test->new;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $uri = $request->{uri};
    my @fresh = ('Cache-Control' => 'max-age=60');

    return (404, \@fresh, "none $n") if $uri =~ m{^/404};
    return (200, [], "silent $n") if $uri =~ m{^/silent};
    return (200, [@fresh, 'Set-Cookie' => 'a=b'], "cookie $n")
        if $uri =~ m{^/cookie};
    return (200, ['Cache-Control' => 'private, max-age=9'], "private $n")
        if $uri =~ m{^/private};
    return (200, ['Cache-Control' => 'x-private-y, max-age=9'], "odd $n")
        if $uri =~ m{^/odd};
    return (301, [@fresh, Location => '/there'], '') if $uri =~ m{^/moved};
    return (204, \@fresh) if $uri =~ m{^/204};
    return (200, [@fresh, 'Content-Type' => 'text/html; charset=utf-8',
        ETag => '"tag"', 'X-Field' => 'one', 'X-Field' => 'two'],
        "page $n " . 'x' x 5000) if $uri =~ m{^/text};
    return (200, \@fresh, "page $n");
});

$t->conf(location => 'bigcache_pages off;', http => 'proxy_http_version 1.1;'
    . ' proxy_set_header Connection "";', servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        location / {
            bigcache_pages main;
            add_header X-Status $bigcache_status always;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

my $port = 2;
sub get { return $t->on(2)->get(@_) }

sub pages {
    my ($name, $uri, $status, $body, @first) = @_;

    my $r = ask($uri, @first);
    is $r->status, $status, "$name: status";
    is $r->body, $body, "$name: the first";
    is $r->header('X-Status'), 'MISS', "$name: a miss";
    stored($uri);

    $r = ask($uri);
    is $r->status, $status, "$name: status again";
    is $r->body, $body, "$name: the same";
    is $r->header('X-Status'), 'HIT', "$name: a hit";
    like $r->header('Age'), qr/^\d+$/, "$name: with its age";
    is $o->requests($uri), 1, "$name: the origin was asked once";

    return $r;
}

sub ask {
    my ($uri, @headers) = @_;
    return Bigcache::Test::Connection->new($t->port(2))->request('GET', $uri,
        undef, Connection => 'close', @headers);
}

# the page is stored by a thread
sub stored {
    my ($uri) = @_;
    $t->wait_for(sub { (ask($uri)->header('X-Status') // '') eq 'HIT' });
}

pages('a page', '/page', 200, 'page 1');
pages('with arguments', '/page?a=1', 200, 'page 1');
pages('a 404', '/404', 404, 'none 1');
pages('a 204', '/204', 204, '');
is pages('a redirect', '/moved', 301, '')->header('Location'), '/there',
    'where to, as the upstream says it';

my $r = pages('a text', '/text', 200, 'page 1 ' . 'x' x 5000);
is $r->header('Content-Type'), 'text/html; charset=utf-8', 'its type';
is $r->header('ETag'), '"tag"', 'its ETag, as the body is that of the origin';
is_deeply [$r->headers('X-Field')], ['one', 'two'], 'all lines of a field';

for my $uri (qw(/silent /cookie /private)) {
    is ask($uri)->header('X-Status'), 'MISS', "$uri: a miss";
    is ask($uri)->header('X-Status'), 'PASS', "$uri: it is remembered";
    is $o->requests($uri), 2, "$uri: asked twice";
}

pages('a directive that is like another', '/odd', 200, 'odd 1');

# the command shows what they are

if ($t->in_cluster('the command reads directories')) {
    done_testing;
    exit;
}

$t->stop;

my $tool = $ENV{BIGCACHE_TOOL} || 'build/bigcache';
my @ls = map { [split /\t/] } split /\n/, `$tool ls ${\$t->dir}/store`;
my %ls = map { $_->[0] => $_ } @ls;

is $ls{'http://localhost/text'}[1], 'page', 'ls: the kind';
is $ls{'http://localhost/text'}[6], 'text/html; charset=utf-8',
    'ls: the type';
is $ls{'http://localhost/404'}[6], '-', 'ls: none';
is system("$tool check ${\$t->dir}/store >/dev/null"), 0, 'check: all is well';

done_testing;
