#!/usr/bin/perl

# What /metrics says of page caching.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep);

my $t = Bigcache::Test->new;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $uri = $request->{uri};

    sleep 0.3 if $uri =~ /slow/;
    return (200, [], 'silent') if $uri =~ /silent/;
    return (503, [], 'failed') if $uri =~ /fail/ && $n > 1;
    return (304, ['Cache-Control' => 'max-age=60'])
        if $request->{header}{'if-none-match'} && $uri !~ /old/;
    return (200, ['Cache-Control' => 'max-age=60', Vary => 'Cookie'], 'own')
        if $uri =~ /cookie/;
    return (200, ['Cache-Control' => 'max-age=0, stale-if-error=60'], 'old')
        if $uri =~ /fail/;
    return (200, ['Cache-Control' => 'max-age=0, stale-while-revalidate=60'],
        'old') if $uri =~ /refresh/;
    return (200, ['Cache-Control' => 'max-age=0', ETag => '"1"'], 'old')
        if $uri =~ /same/;
    return (200, ['Cache-Control' => 'max-age=0', ETag => qq("$n")], 'old')
        if $uri =~ /old/;
    return (200, ['Cache-Control' => 'max-age=60'], "page $n");
});

$t->conf(location => 'bigcache_pages off;', http => 'proxy_http_version 1.1;'
    . ' proxy_set_header Connection "";', servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        bigcache_bypass $arg_bypass;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /try/ { try_files $uri @app; }
        location @app { proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
})->start;

sub ask { return $t->request_to(2, 'GET', $_[0], undef, @_[1 .. $#_]) }

sub metrics {
    return { $t->get('/metrics')->body =~ /^(bigcache_\S+) ([0-9.]+)$/mg };
}

# counts(NAME => N ...): by how much each has grown, when all have
my $before = metrics();

sub grown {
    my ($name, %of) = @_;
    my $now;

    $t->wait_for(sub {
        $now = metrics();
        return !grep { $now->{$_} - $before->{$_} != $of{$_} } keys %of;
    });

    is $now->{$_} - $before->{$_}, $of{$_}, "$name: $_" for sort keys %of;
    $before = $now;
}

sub requests { return qq(bigcache_pages_requests_total{status="$_[0]"}) }
sub passed { return qq(bigcache_pages_passed_total{reason="$_[0]"}) }

is $before->{requests('HIT')}, 0, 'what did not happen yet is there';

# a page is stored after its answer: each check waits for what it started, or
# the next one would count it
sub fetched {
    return (bigcache_pages_stored_total => 1,
        bigcache_pages_fetch_duration_seconds_count => 1);
}

# stored(URI): asks for it, until it is stored
sub stored {
    my ($uri, $n) = @_;

    is ask($uri)->status, 200, $uri;
    grown($uri, requests('MISS') => 1, fetched(),
        'bigcache_misses_total{front="pages"}' => 1);
}

stored('/a');
ask('/a') for 1 .. 3;
grown('hits', requests('HIT') => 3, 'bigcache_hits_total{front="pages"}' => 3,
    'bigcache_hits_total{front="rest"}' => 0);

stored('/try/a');
ask('/try/a');
grown('a named location', requests('HIT') => 1, requests('MISS') => 0);

ask('/a?bypass=1');
grown('a bypass', requests('BYPASS') => 1, requests('MISS') => 0);

$t->request_to(2, 'POST', '/b', 'x');
grown('a POST', passed('request') => 1);

ask('/silent');
grown('nothing to store', requests('MISS') => 1, passed('uncacheable') => 0,
    bigcache_pages_fetch_duration_seconds_count => 1);
ask('/silent') for 1 .. 2;
grown('it is known', passed('uncacheable') => 2);

stored('/cookie');
ask('/cookie', Cookie => 'a=b');
grown('a page of others', passed('private') => 1);

stored('/same');
is ask('/same')->header('X-Status'), 'REVALIDATED', 'a 304';
grown('a 304', requests('REVALIDATED') => 1,
    'bigcache_misses_total{front="pages"}' => 1,
    bigcache_pages_stored_total => 1);

stored('/old');
is ask('/old')->header('X-Status'), 'EXPIRED', 'an expired page';
grown('an expired page', requests('EXPIRED') => 1, fetched());

stored('/fail');
is ask('/fail')->header('X-Status'), 'STALE', 'a stale page';
grown('a stale page', requests('STALE') => 1,
    bigcache_pages_failures_total => 1,
    'bigcache_hits_total{front="pages"}' => 1);

stored('/refresh');
is ask('/refresh')->header('X-Status'), 'UPDATING', 'a page that is refreshed';
grown('a refresh', requests('UPDATING') => 1,
    bigcache_pages_refreshes_total => 1,
    'bigcache_hits_total{front="pages"}' => 1, fetched());

# one that comes when the page is there already has waited for nobody: then all
# of them once more

for my $round (1 .. 5) {
    my @c = map { Bigcache::Test::Connection->new($t->port(2)) } 1 .. 5;
    my %of = (requests('MISS') => 1, requests('HIT') => 4, fetched());
    my $now;

    $_->send_request('GET', "/slow$round", undef) for @c;
    $_->response('GET') for @c;
    $t->wait_for(sub {
        $now = metrics();
        return !grep { $now->{$_} - $before->{$_} != $of{$_} } keys %of;
    });

    last if $round == 5 || $now->{bigcache_pages_collapsed_total}
        - $before->{bigcache_pages_collapsed_total} == 4;
    $before = $now;
}

grown('five at once', requests('MISS') => 1, requests('HIT') => 4, fetched(),
    bigcache_pages_collapsed_total => 4);
cmp_ok metrics()->{bigcache_pages_fetch_duration_seconds_sum}, '>', 0.3,
    'fetches take their time';

$t->request('POST', '/close');
is ask('/a')->status, 200, 'a closed store';
grown('a closed store', passed('unavailable') => 1);
$t->request('POST', '/open');

done_testing;
