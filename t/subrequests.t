#!/usr/bin/perl

# Subrequests, of SSI, auth_request, mirror: an error is a status, as of
# nginx's own handlers; what came of one is its own, not the main request's.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new;

$t->conf(<<'END');
%%MODULE%%

events {
}

http {
    %%HTTP%%

    log_format status '$http_x_id $uri $status $bigcache_status';

    log_subrequest on;

    bigcache_path %%DIR%%/store zone=main:1m;
    bigcache_path %%DIR%%/other zone=other:1m;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        access_log %%DIR%%/access.log status;

        recursive_error_pages on;
        error_page 503 /busy.html;

        add_header X-Status "[$bigcache_status]";

        location / {
            root %%DIR%%;
        }

        location /cache/ {
            bigcache main;
        }

        location /pickle/ {
            bigcache main;
        }

        location = /close {
            bigcache main;
        }

        location = /open {
            bigcache main;
        }

        location /pages/ {
            root %%DIR%%;
            ssi on;
        }

        # subrequests to either store

        location /sub/ {
            bigcache_base /sub;
            bigcache main;
        }

        location /sub/other/ {
            bigcache_base /sub/other;
            bigcache other;
        }

        location /part/ {
            bigcache_base /part;
            bigcache main;
            error_page 404 = /second/part;
        }

        location /second/ {
            rewrite ^ /pickle/second break;
            bigcache other;
        }

        # a static file, behind a subrequest

        location /auth-hit/ {
            auth_request /sub/pickle/hit;
            alias %%DIR%%/files/;
        }

        location /auth-miss/ {
            auth_request /sub/pickle/none;
            alias %%DIR%%/files/;
        }

        location /mirror-hit/ {
            mirror /sub/pickle/hit;
            alias %%DIR%%/files/;
        }

        location /mirror-miss/ {
            mirror /sub/pickle/none;
            alias %%DIR%%/files/;
        }

        # a page, behind a subrequest

        location /both/ {
            auth_request /sub/pickle/hit;
            bigcache_base /both;
            bigcache main;
            error_page 404 = @both;
        }

        location @both {
            auth_request /sub/other/pickle/hit;
            bigcache_base /both;
            bigcache other;
            error_page 404 = @file;
        }

        location @file {
            root %%DIR%%/files;
            try_files /file.txt =404;
        }

        # a miss, then a file that includes a hit

        location /miss-then-ssi/ {
            bigcache_base /miss-then-ssi;
            bigcache main;
            error_page 404 =200 /pages/one.html;
        }

        # others

        location /try/ {
            root %%DIR%%/none;
            auth_request /sub/pickle/hit;
            try_files $uri @file;
        }

        location /set/ {
            auth_request /sub/pickle/hit;
            auth_request_set $inner $bigcache_status;
            add_header X-Inner "[$inner]";
            add_header X-Status "[$bigcache_status]";
            alias %%DIR%%/files/;
        }
    }
}
END

mkdir $t->dir . "/$_" for qw(files pages);
$t->write_file('files/file.txt', 'a file');
$t->write_file('busy.html', 'busy');

my $hit = '<!--#include virtual="/sub/pickle/hit" -->';
my $miss = '<!--#include virtual="/sub/pickle/none" -->';
my $stub = '<!--# block name="stub" -->stub<!--# endblock -->';

$t->write_file('pages/one.html', "[$hit]");
$t->write_file('pages/status.html', "[$hit<!--# echo var=\"bigcache_status\""
    . ' default="none" -->]');
$t->write_file('pages/miss.html', "[$miss]");
$t->write_file('pages/stub.html', $stub . join '', map {
    "[<!--#include virtual=\"$_\" stub=\"stub\" -->]"
} qw(/sub/pickle/hit /sub/pickle/none /sub/cache/none /sub/cache/hit
    /sub/elsewhere /sub/pickle/%zz));
$t->write_file('pages/second.html', '[<!--#include virtual="/part/pickle/none"'
    . ' -->]');
$t->write_file('pages/set.html', '<!--#include virtual="/sub/pickle/hit"'
    . ' set="x" -->[<!--# echo var="x" -->]');
$t->write_file('pages/closed.html', $stub
    . '[<!--#include virtual="/sub/pickle/hit" stub="stub" -->]' . "[$hit]");

$t->start;

my $id = 0;
my @said;


# is_said(PATH, BODY, LINES, STATUS_HEADER, CACHE_STATUS, NAME): the body of the
# answer and its headers, and the lines of the access log in any order

sub is_said {
    my ($path, $body, $lines, $status, $cache_status, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $id++;

    my $r = $t->get($path, 'X-Id' => $id);
    my @lines;

    $t->wait_for(sub {
        @lines = sort $t->read_file('access.log') =~ /^$id (.*)$/mg;
        @lines >= @$lines;
    });

    is_deeply [ $r->body, $r->header('X-Status'),
        join(', ', $r->headers('Cache-Status')), \@lines ],
        [ $body, $status, $cache_status, [ sort @$lines ] ], $name
        or diag explain [ $r->head, \@lines ];

    return $r;
}


$t->request('POST', '/pickle/hit', 'HIT', 'Content-Type' => 'text/html');
$t->request('POST', '/sub/other/pickle/hit', 'HIT');
$t->request('POST', '/sub/other/pickle/second', '2nd');

# errors are statuses

is $t->get('/pages/stub.html')->body, '[HIT][stub][stub][stub][stub][stub]',
    'a hit, and the stub for each error';
like $t->get('/pages/miss.html')->body,
    qr{^\[<html>\s*<head><title>404 Not Found</title>}, 'without a stub';
is $t->get('/pages/set.html')->body, '[HIT]', 'a hit, in memory';
is $t->get('/auth-hit/file.txt')->status, 200, 'auth_request, a hit';

my $r = $t->get('/auth-miss/file.txt');
is $r->status, 500, 'auth_request, a miss: no status that it knows';
like $t->error_log, qr/auth request unexpected status: 404/, 'which is a 404';
is $t->get('/mirror-miss/file.txt')->body, 'a file', 'mirror, a miss';

# an error_page of a subrequest's location

is $t->get('/pages/second.html')->body, '[2nd]', 'a miss, then a hit';

# whose status it is

is_said('/auth-hit/file.txt', 'a file',
    [ '/auth-hit/file.txt 200 -', '/sub/pickle/hit 200 HIT' ],
    '[]', '', 'auth_request to a hit: none of a file');
is_said('/mirror-hit/file.txt', 'a file',
    [ '/mirror-hit/file.txt 200 -', '/sub/pickle/hit 200 HIT' ],
    '[]', '', 'mirror to a hit: none of a file');
is_said('/mirror-miss/file.txt', 'a file',
    [ '/mirror-miss/file.txt 200 -', '/sub/pickle/none 404 MISS' ],
    '[]', '', 'mirror to a miss: none of a file');
is_said('/pages/one.html', '[HIT]',
    [ '/pages/one.html 200 -', '/sub/pickle/hit 200 HIT' ],
    '[]', '', 'SSI of a hit: none of the page');
is_said('/pages/status.html', '[HITnone]',
    [ '/pages/status.html 200 -', '/sub/pickle/hit 200 HIT' ],
    '[]', '', 'SSI of a hit: none in the page');
is_said('/try/file.txt', 'a file',
    [ '/file.txt 200 -', '/sub/pickle/hit 200 HIT' ],
    '[]', '', 'try_files, after a hit: none of a file');

$r = is_said('/set/file.txt', 'a file',
    [ '/set/file.txt 200 -', '/sub/pickle/hit 200 HIT' ],
    '[]', '', 'auth_request_set: none of the request');
is $r->header('X-Inner'), '[HIT]', 'and what came of the subrequest';

# a request that went through a bigcache location keeps its own

is_said('/miss-then-ssi/pickle/none', '[HIT]',
    [ '/pages/one.html 200 MISS',
    '/sub/pickle/hit 200 HIT' ],
    '[MISS]', 'bigcache; detail=MISS', 'a miss, then a page that includes');

my @subs = ('/sub/pickle/hit 200 HIT');

is_said('/both/pickle/hit', 'HIT', [ '/both/pickle/hit 200 HIT', @subs ],
    '[HIT]', 'bigcache; hit', 'a hit behind a hit');

push @subs, '/sub/other/pickle/hit 200 HIT';

is_said('/both/pickle/second', '2nd',
    [ '/both/pickle/second 200 HIT', @subs ],
    '[HIT]', 'bigcache; hit', 'a miss, then a hit of the other store');
is_said('/both/pickle/none', 'a file',
    [ '/file.txt 200 MISS', @subs ],
    '[MISS]', 'bigcache; detail=MISS', 'a miss, then one of the other store');

is_said('/pages/second.html', '[2nd]',
    [ '/pages/second.html 200 -', '/pickle/second 200 HIT' ],
    '[]', '', 'SSI of a miss, then of a hit');

# a closed store

$t->get('/close');
is $t->get('/pages/closed.html')->body, '[stub][busy]',
    'closed: the stub, or the error_page of the server';
is $t->get('/pickle/hit')->json->{detail},
    'the store is closed, POST /open opens it', 'which others do not get';
$t->request('POST', '/open');
is $t->get('/pages/closed.html')->body, '[HIT][HIT]', 'open';

done_testing;
