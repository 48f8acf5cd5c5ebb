#!/usr/bin/perl

# The methods of each path, 405 with Allow for the others, 404 elsewhere.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf->start;

my %allowed = (
    '/cache/k' => 'DELETE GET HEAD PATCH POST PUT',
    '/cache/' => 'DELETE GET HEAD PATCH POST PUT',
    '/pickle/k' => 'DELETE GET HEAD PATCH POST PUT',
    '/prefix/k' => 'DELETE',
    '/incr/k' => 'POST',
    '/batch' => 'POST',
    '/keys/' => 'GET HEAD',
    '/keys/k' => 'GET HEAD',
    '/metrics' => 'GET HEAD',
    '/stat' => 'GET HEAD',
    '/stat/count' => 'GET HEAD',
    '/clear' => 'GET HEAD POST',
    '/close' => 'GET HEAD POST',
    '/open' => 'POST',
);

my @methods = qw(GET HEAD POST PUT DELETE PATCH OPTIONS MKCOL PROPFIND LOCK
    PURGE X-OWN TRACE);

for my $path (sort keys %allowed) {
    for my $method (@methods) {
        next if $allowed{$path} =~ /\b$method\b/;

        my $r = $t->request($method, $path);
        my $allow = $r->header('Allow') // '';

        is $r->status, 405, "$method $path";
        is join(' ', sort split /, /, $allow), $allowed{$path},
            "$method $path, Allow";
        is $r->header('Content-Type'), 'application/json',
            "$method $path, type";
        is $r->body, $method eq 'HEAD' ? ''
            : '{"detail":"Method Not Allowed"}', "$method $path, body";
    }
}

# nothing was done

$t->request('POST', '/cache/k', '{"value":1}');
$t->request($_, '/prefix/k') for qw(GET HEAD POST PUT PATCH);
$t->request($_, '/clear') for qw(PUT DELETE PATCH OPTIONS);
$t->request($_, '/close') for qw(PUT DELETE PATCH OPTIONS);
$t->request('PATCH', '/cache/k', '{"value":2}');
is $t->get('/cache/k')->json->{value}, 1, 'nothing was done';

# a body that is not wanted is not the next request

my $c = $t->connect;

is $c->request('MKCOL', '/cache/k', 'GET /stat HTTP/1.1')->status, 405,
    'with a body';
is $c->request('GET', '/cache/k')->status, 200, 'next request';
is $c->request('MKCOL', '/cache/k', [ 'x' x 100_000 ])->status, 405,
    'with chunks';
is $c->request('GET', '/cache/k')->status, 200, 'request after chunks';

# other paths

for my $path ('/', '/cache', '/pickle', '/prefix', '/stats', '/stat/',
    '/stat/counts', '/stat/count/', '/stat/x', '/clear/', '/clearx', '/close/',
    '/open/', '/Cache/k', '/cachek', '/x/cache/k', '/index.html', '/?x=1',
    '/favicon.ico')
{
    for my $method (qw(GET HEAD POST PUT DELETE MKCOL)) {
        my $r = $t->request($method, $path);

        is $r->status, 404, "$method $path";
        is $r->header('Content-Type'), 'application/json',
            "$method $path, type";
        is $r->body, $method eq 'HEAD' ? '' : '{"detail":"Not Found"}',
            "$method $path, body";
    }
}

done_testing;
