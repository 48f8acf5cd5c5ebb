#!/usr/bin/perl

# The directives of page caching: what nginx -t refuses, and says; how locations
# inherit them.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;

my $t = Bigcache::Test->new;

my $slice = ($t->nginx_t("%%MODULE%%\nevents { } http { %%HTTP%% slice 0; }"))[0]
    == 0;

# conf_of(LOCATION, SERVER): with those directives
sub conf_of {
    my ($location, $server, $http) = @_;

    return $t->default_conf(location => 'bigcache_pages off;',
        http => $http // '',
        servers => "server { listen 127.0.0.1:%%PORT_2%%; "
            . ($server // '')
            . " location / { $location proxy_pass http://127.0.0.1:1; } }");
}

sub refused {
    my ($location, $text) = @_;

    my ($failed, $says) = $t->nginx_t(conf_of($location));
    ok $failed, "refused: $location";
    like $says, $text, "and why";
}

sub accepted {
    my ($location, $server) = @_;

    my ($failed, $says) = $t->nginx_t(conf_of($location, $server));
    ok !$failed, 'accepted: ' . ($server // '') . $location or diag $says;
}

refused('bigcache_pages none;', qr/"bigcache_pages" zone "none" is unknown/);
refused('bigcache_pages "";', qr/needs the name of a zone, or "off"/);
refused('bigcache_pages main; bigcache_pages main;', qr/is duplicate/);
refused('bigcache_pages main other;', qr/invalid number of arguments/);
refused('bigcache_pages main; bigcache_ignore_args a*b;',
    qr/invalid name "a\*b".*its begin and "\*"/);
refused('bigcache_pages main; bigcache_ignore_cookies "";',
    qr/invalid name ""/);
refused('bigcache_pages main; bigcache_ttl 200 soon;',
    qr/invalid time value "soon"/);
refused('bigcache_pages main; bigcache_ttl 99 1m;', qr/invalid status "99"/);
refused('bigcache_pages main; bigcache_ttl all 1m;', qr/invalid status "all"/);
refused('bigcache_pages main; bigcache_ttl 206 1m;',
    qr/answers of status "206" are not stored/);
refused('bigcache_pages main; bigcache_stale if_error=soon;',
    qr/"if_error=soon": it must be a time/);
refused('bigcache_pages main; bigcache_stale http_501;',
    qr/invalid parameter "http_501"/);
refused('bigcache_pages main; bigcache_stale off; bigcache_stale off;',
    qr/is duplicate/);
refused('bigcache_pages main; bigcache_lock maybe;',
    qr/it must be "on" or "off"/);
refused('bigcache_pages main; bigcache_lock on timeout=0;',
    qr/"timeout=0": it must be a time/);
refused('bigcache_pages main; bigcache_lock on age=5s;',
    qr/invalid parameter "age=5s"/);
refused('bigcache_pages main; bigcache_ignore_headers Age;',
    qr/invalid value "Age"/);
refused('bigcache_pages main; bigcache_max_page big;', qr/invalid value/);
refused('bigcache_pages main; bigcache_status_header yes;',
    qr/invalid value "yes"/);
refused('bigcache_pages main; bigcache_lookup_timeout soon;',
    qr/invalid value/);
refused("bigcache_pages main; bigcache_min_uses $_;",
    qr/invalid value "$_" .*a number from 1 to 255/) for qw(0 256 -1 two);
refused('bigcache_pages main; bigcache_min_uses 2; bigcache_min_uses 2;',
    qr/is duplicate/);
refused("bigcache_pages main; bigcache_$_ perhaps;", qr/must be "on" or "off"/)
    for qw(invalidate reload store_until_close);

# who may purge

refused("bigcache_pages main; bigcache_purge $$_[0];", $$_[1]) for
    [ 'PURGE' => qr/needs "from" and the addresses/ ],
    [ 'PURGE from' => qr/needs "from" and the addresses/ ],
    [ 'from 127.0.0.1' => qr/needs a method, such as PURGE, before "from"/ ],
    [ 'PURGE from localhost' => qr/invalid address "localhost" .*a network/ ],
    [ 'PURGE from 10.0.0.0/33' => qr/invalid address/ ],
    [ 'purge from 127.0.0.1' => qr/invalid method "purge"/ ],
    [ '"A B" from 127.0.0.1' => qr/invalid method "A B"/ ],
    [ 'GET from 127.0.0.1' => qr/would purge each page .*needs "strip="/ ],
    [ 'GET strip=purge from ::1' => qr{must be a path such as /purge} ],
    [ 'GET strip=/purge/ from ::1' => qr/without a slash at the end/ ],
    [ 'PURGE zone=none from ::1' => qr/"bigcache_purge" zone "none" is unknown/ ],
    [ 'PURGE zone= from ::1' => qr/invalid parameter "zone="/ ],
    [ 'PURGE soft=1 from ::1' => qr/invalid parameter "soft=1"/ ],
    [ 'zone=main from ::1' => qr/needs a method, such as PURGE/ ],
    [ 'off from 127.0.0.1' => qr/invalid method "off"/ ],
    [ 'off; bigcache_purge PURGE from ::1' => qr/is duplicate/ ],
    [ 'PURGE from ::1; bigcache_purge off' => qr/is duplicate/ ];

accepted("bigcache_purge $_;") for 'off',
    'PURGE from 127.0.0.1', 'PURGE from 10.0.0.0/8 ::1 2001:db8::/32 unix:',
    'PURGE PURGEKEYS from 127.0.0.1; bigcache_purge BAN from ::1',
    'GET HEAD PURGE strip=/purge from 127.0.0.1',
    'PURGE zone=main from 127.0.0.1; bigcache_pages off';

like +($t->nginx_t(conf_of(
    'bigcache_pages main; bigcache_purge PURGE from 10.0.0.1/8;')))[1],
    qr{\[warn\].*low address bits of 10.0.0.1/8 are meaningless},
    'low bits of a network are a warning';

accepted($_) for 'bigcache_pages main;', 'bigcache_pages off;',
    'bigcache_pages main; bigcache_page_key $host$uri;',
    'bigcache_pages main; bigcache_ignore_args a b*; bigcache_ignore_args c;',
    'bigcache_pages main; bigcache_ttl 1m; bigcache_ttl 404 any 10s;',
    'bigcache_pages main; bigcache_stale while_revalidate=1h if_error=1d error;',
    'bigcache_pages main; bigcache_stale off;',
    'bigcache_pages main; bigcache_bypass $arg_a $cookie_b;',
    'bigcache_pages main; bigcache_no_store $arg_a;',
    'bigcache_pages main; bigcache_lock on timeout=100ms;',
    'bigcache_pages main; bigcache_ignore_headers Set-Cookie Vary Expires;',
    'bigcache_pages main; bigcache_max_page 10m;',
    'bigcache_pages main; bigcache_min_uses 1;',
    'bigcache_pages main; bigcache_min_uses 255;',
    'bigcache_pages main; bigcache_status_header key;';
accepted('', 'bigcache_pages main; bigcache_lock off; bigcache_ttl 1m;');

# pages without a bound

my $bound = qr/\[warn\].*"bigcache_pages" fills the disk: .* zone "main"/;
my (undef, $warned) = $t->nginx_t(conf_of('bigcache_pages main;'));
is scalar(() = $warned =~ /$bound/g), 1, 'a warning without max_size, once';

for my $path ('max_size=100m', 'min_free=1m') {
    (undef, $warned) = $t->nginx_t($t->default_conf(path => $path,
        location => 'bigcache_pages off;', http => 'bigcache_pages main;'));
    unlike $warned, $bound, "none with $path";
}

(undef, $warned) = $t->nginx_t($t->default_conf);
unlike $warned, $bound, 'none without pages';

# "bigcache" and pages in one location: by inheritance, too
my ($failed, $says) = $t->nginx_t($t->default_conf(
    server => 'bigcache_pages main;'));
ok $failed, 'not with the REST API in one location';
like $says, qr/"bigcache" and "bigcache_pages" cannot be in the same location/,
    'and what to do';

# what does not go with pages

refused('bigcache_pages main; slice 1m;', qr/"slice 0;"/) if $slice;
refused('bigcache_pages main; proxy_store on;',
    qr/"bigcache_pages" and "proxy_store" .* use "proxy_store off;"/);

my $cached = 'proxy_cache_path %%DIR%%/old keys_zone=old:1m;'
    . ' fastcgi_cache_path %%DIR%%/fast keys_zone=fast:1m;';

for (['proxy_cache old; bigcache_pages main;', '', 'proxy'],
     ['bigcache_pages main;', 'proxy_cache old;', 'proxy'],
     ['proxy_cache old;', 'bigcache_pages main;', 'proxy'],
     ['if ($arg_a) { bigcache_pages main; }', 'proxy_cache old;', 'proxy'])
{
    my ($location, $server, $prefix) = @$_;

    ($failed, $says) = $t->nginx_t(conf_of($location, $server, $cached));
    ok $failed, "refused: $server $location";
    like $says, qr/"${prefix}_cache" cannot be .* "${prefix}_cache off;"/,
        'and why';
}

for (['bigcache_pages main; proxy_cache off;', 'proxy_cache old;'],
     ['bigcache_pages off;', 'proxy_cache old; bigcache_pages main;'],
     $slice ? ['bigcache_pages main; slice 0;', 'slice 1m;'] : (),
     ['bigcache_pages main;', 'fastcgi_cache fast;'])
{
    my ($location, $server) = @$_;

    ($failed, $says) = $t->nginx_t(conf_of($location, $server, $cached));
    ok !$failed, "accepted: $server $location" or diag $says;
}

(undef, $says) = $t->nginx_t(conf_of('bigcache_pages main;'
    . ' proxy_buffering off;'));
like $says, qr/\[warn\].*stores nothing with "proxy_buffering off"/,
    'a warning without buffering';

# inheritance, as requests see it
my $o = Bigcache::Test::Origin->new($t, 1, sub { (200, [], "page $_[1]") });

$t->conf(location => 'bigcache_pages off;',
    http => 'bigcache_pages main; bigcache_ttl 1m;'
        . ' bigcache_status_header key;', servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        add_header X-Status $bigcache_status always;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /off/ {
            bigcache_pages off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /silent/ {
            bigcache_ttl 404 1m;
            bigcache_status_header off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /if/ {
            if ($arg_off) { bigcache_pages off; }
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

sub ask { return $t->request_to(2, 'GET', $_[0], undef) }
sub hit { my $uri = shift; ask($uri); $t->wait_for(sub {
    (ask($uri)->header('X-Status') // '') eq 'HIT' }, $_[0]) }

ok hit('/a'), 'of http';
like ask('/a')->header('Cache-Status'),
    qr{^bigcache; hit; ttl=\d+; key="http://localhost/a"$}, 'with its key';
ask('/off/a') for 1 .. 3;
is $o->requests('/off/a'), 3, 'off';
is ask('/off/a')->header('X-Status'), undef, 'no status';
ask('/silent/a') for 1 .. 3;
is $o->requests('/silent/a'), 3, 'its own ttl';
is ask('/silent/a')->header('Cache-Status'), undef, 'no Cache-Status';
ok hit('/if/a'), 'if: not the case';
ask('/if/a?off=1') for 1 .. 3;
is $o->requests('/if/a?off=1'), 3, 'if: off';

# a single place in all of the configuration has requests come to the module,
# and a reload may take that away, and bring it back

sub only_in {
    my ($location) = @_;

    return $t->conf(location => 'bigcache_pages off;', servers => qq{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        add_header X-Status \$bigcache_status always;
        location /only/ { bigcache_ttl 200 1m; $location proxy_pass http://127.0.0.1:%%PORT_1%%; }
    }
});
}

$t->stop;
only_in('if ($arg_on) { bigcache_pages main; }')->start;
ask('/only/a') for 1 .. 3;
is $o->requests('/only/a'), 3, 'only in an if: not the case';
ok hit('/only/a?on=1'), 'only in an if: it is';

only_in('')->reload;
$t->wait_for(sub { (ask('/only/a?on=1')->header('X-Status') // '') ne 'HIT' });
my $before = $o->requests('/only/a?on=1');
ask('/only/a?on=1') for 1 .. 3;
is $o->requests('/only/a?on=1'), $before + 3, 'nowhere, after a reload';

only_in('bigcache_pages main;')->reload;
ok hit('/only/a?on=1'), 'in a location, after another one';

done_testing;
