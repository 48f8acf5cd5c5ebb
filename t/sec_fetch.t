#!/usr/bin/perl

# Pages of other sites cannot clear, close or open the store, or write to it.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new->conf(<<'EOF')->start;
%%MODULE%%

events {
}

http {
    %%HTTP%%

    bigcache_path %%DIR%%/store zone=main:1m;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }
    }
}
EOF

my @requests = ([ GET => '/clear' ], [ POST => '/clear' ], [ GET => '/close' ],
    [ POST => '/close' ], [ POST => '/open' ]);

$t->request('POST', '/cache/k', '{"value":1}');

# others

for my $request (@requests) {
    for my $site ('cross-site', 'same-site', 'Cross-Site') {
        my $name = "@$request from $site";
        my $r = $t->request(@$request, undef, 'Sec-Fetch-Site' => $site);

        is $r->status, 403, $name;
        is $r->header('Content-Type'), 'application/json', "$name, type";
        is join(' ', keys %{ $r->json || {} }), 'detail', "$name, detail";
    }

    my $r = $t->request(@$request, undef, 'sec-fetch-site' => 'cross-site',
        'Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'image');
    is $r->status, 403, "@$request in lower case";
}

is $t->request('HEAD', $_, undef, 'Sec-Fetch-Site' => 'cross-site')->status,
    403, "HEAD $_" for qw(/clear /close);

is $t->get('/cache/k')->status, 200, 'nothing was done';

$t->get('/close');
is $t->request('POST', '/open', undef, 'Sec-Fetch-Site' => 'cross-site')
    ->status, 403, 'open from cross-site';
is $t->get('/cache/k')->status, 503, 'not opened';
$t->request('POST', '/open');

# the user, the site itself, and programs, that send none

for my $site ('same-origin', 'none', '', undef) {
    my @headers = defined $site ? ('Sec-Fetch-Site' => $site) : ();
    my $from = $site // 'no header';

    $t->request('POST', '/cache/k', '{"value":1}');
    is $t->get('/close', @headers)->status, 200, "close from '$from'";
    is $t->get('/cache/k')->status, 503, "closed from '$from'";
    is $t->request('POST', '/open', undef, @headers)->status, 200,
        "open from '$from'";
    is $t->get('/cache/k')->status, 200, "opened from '$from'";
    is $t->get('/clear', @headers)->status, 200, "clear from '$from'";
    is $t->get('/cache/k')->status, 404, "cleared from '$from'";

    $t->request('POST', '/cache/k', '{"value":1}');
    is $t->request('POST', '/clear', '', @headers)->status, 200,
        "POST from '$from'";
    is $t->get('/cache/k')->status, 404, "cleared by POST from '$from'";
}

# pages: a browser sends a POST to another site without asking, and asks before
# it sends another method

for my $path ('/cache/k', '/pickle/k', '/incr/k', '/batch') {
    for my $site ('cross-site', 'same-site') {
        is $t->request('POST', $path, '{"value":"evil","operations":[]}',
            'Sec-Fetch-Site' => $site, 'Content-Type' => 'text/plain')->status,
            403, "POST $path from $site";
    }

    isnt $t->request('POST', $path, '{"value":1,"operations":[]}',
        'Sec-Fetch-Site' => 'same-origin')->status, 403,
        "POST $path from the site itself";
}

unlike $t->get('/pickle/k')->body, qr/evil/, 'nothing was stored';

is $t->request('PUT', '/cache/k', '{"value":1}',
    'Sec-Fetch-Site' => 'cross-site')->status, 200, 'PUT';
is $t->request('PATCH', '/cache/k', '{"duration":"1h"}',
    'Sec-Fetch-Site' => 'cross-site')->status, 200, 'PATCH';
is $t->get($_, 'Sec-Fetch-Site' => 'cross-site')->status, 200, "GET $_"
    for qw(/cache/k /pickle/k /stat /stat/count);
is $t->request('DELETE', '/cache/k', undef, 'Sec-Fetch-Site' => 'cross-site')
    ->status, 200, 'DELETE';

done_testing;
