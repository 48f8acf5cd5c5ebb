#!/usr/bin/perl

# The directives of locations: bigcache, bigcache_base, bigcache_key_args,
# bigcache_send_gzip, bigcache_origin.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;


sub check {
    my ($lines) = @_;

    return $t->nginx_t("%%MODULE%%\nevents { }\nhttp {\n%%HTTP%%\n"
        . "bigcache_path $dir/s zone=main:1m;\n$lines\n}\n");
}


sub takes {
    my ($lines, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($code, $output) = check($lines);

    is $code, 0, $name or diag $output;
}


sub refuses {
    my ($lines, $regex, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($code, $output) = check($lines);
    my @emerg = $output =~ /^.*\[emerg\] (.*)$/mg;

    ok $code > 0 && @emerg == 1 && $emerg[0] =~ $regex, $name
        or diag "exit code $code\n$output";
}


sub location { "server { location / { $_[0] } }" }


# bigcache

takes location('bigcache main;'), 'a zone';
refuses location('bigcache nope;'), qr/"bigcache" zone "nope" is unknown/,
    'unknown zone';
refuses location('bigcache "";'), qr/"bigcache" .*name of a zone/, 'empty name';
refuses location('bigcache main; bigcache main;'),
    qr/"bigcache" directive is duplicate/, 'given twice';
refuses location('bigcache;'), qr/number of arguments in "bigcache"/, 'no name';
refuses location('bigcache main other;'),
    qr/number of arguments in "bigcache"/, 'two names';
refuses 'server { bigcache main; }',
    qr/"bigcache" directive is not allowed here/, 'in a server';
refuses 'bigcache main;', qr/"bigcache" directive is not allowed here/,
    'in http';
refuses "limit_req_zone \$uri zone=l:1m rate=1r/s;\n" . location('bigcache l;'),
    qr/zone "l"/, 'zone of another module';

# bigcache_base

for my $base ('/some/prefix', '/some/prefix/', '/', '""') {
    takes "bigcache_base $base; server { bigcache_base $base;"
        . " location / { bigcache_base $base; bigcache main; } }",
        "base of $base";
}

refuses location("bigcache_base $_;"), qr/"bigcache_base" "\Q$_\E" must begin/,
    "base of $_" for qw(prefix prefix/ http://host/prefix .);
refuses location('bigcache_base /a; bigcache_base /a;'),
    qr/"bigcache_base" directive is duplicate/, 'base given twice';
refuses location('bigcache_base; '), qr/arguments in "bigcache_base"/,
    'no base';
refuses 'bigcache_base /a; bigcache_base /a;', qr/"bigcache_base" .*duplicate/,
    'twice in http';

# bigcache_key_args

takes "bigcache_key_args $_; server { bigcache_key_args $_;"
    . " location / { bigcache_key_args $_; bigcache main; } }",
    "arguments $_" for qw(on off);
refuses location("bigcache_key_args $_;"),
    qr/invalid value "$_" in "bigcache_key_args"/, "arguments $_"
    for qw(maybe 1 yes);
refuses location('bigcache_key_args on; bigcache_key_args on;'),
    qr/"bigcache_key_args" directive is duplicate/, 'arguments given twice';

# bigcache_send_gzip

takes "bigcache_send_gzip $_; server { bigcache_send_gzip $_;"
    . " location / { bigcache main; if (\$arg_x) { bigcache_send_gzip $_; } } }",
    "packed $_" for qw(on off);
refuses location("bigcache_send_gzip $_;"),
    qr/invalid value "$_" in "bigcache_send_gzip"/, "packed $_"
    for qw(auto 1);
refuses location('bigcache_send_gzip;'),
    qr/invalid number of arguments in "bigcache_send_gzip"/, 'packed: nothing';
refuses location('bigcache_send_gzip on; bigcache_send_gzip off;'),
    qr/"bigcache_send_gzip" directive is duplicate/, 'packed given twice';

# bigcache_origin

takes "bigcache_origin $_; server { bigcache_origin $_;"
    . " location / { bigcache_origin $_; bigcache main; } }", "origins $_"
    for 'off', 'https://cache.example.com', 'cache.example.com:8080',
    'http://a https://b:444 [::1]:81 http://[2001:db8::1] c';
refuses location("bigcache_origin $_;"),
    qr/"bigcache_origin" "\Q$_\E" is neither an origin, .*, nor a host/,
    "origin $_" for qw(* null https://a/ https://a/b a/b ftp://a a:b a:0
    https://*.a a:65536 https:// u@a [::g] $host);
refuses location('bigcache_origin "";'),
    qr/"bigcache_origin" "" is neither an origin/, 'empty origin';
refuses location("bigcache_origin $_;"),
    qr/"bigcache_origin" "\Q@{[ (split)[-1] ]}\E" is neither/,
    "origins $_" for 'a off', 'a null', 'https://a b c,d';
refuses location('bigcache_origin off a;'), qr/"bigcache_origin" "off" is/,
    'off, and an origin';
refuses location('bigcache_origin;'),
    qr/invalid number of arguments in "bigcache_origin"/, 'no origin';
refuses location('bigcache_origin a; bigcache_origin b;'),
    qr/"bigcache_origin" directive is duplicate/, 'origins given twice';
refuses location('if ($arg_x) { bigcache_origin a; }'),
    qr/"bigcache_origin" directive is not allowed here/, 'origin in an if';

# a zone that comes after its use, locations in locations, and "if"

$t->conf(<<'END')->start;
%%MODULE%%

events {
}

http {
    %%HTTP%%

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            return 200 "site";
        }

        location /cache/ {
            bigcache main;

            location /cache/plain/ {
                bigcache main;
                bigcache_key_args off;

                location /cache/plain/args/ {
                    bigcache main;
                    bigcache_key_args on;
                }
            }

            location /cache/none/ {
            }
        }

        location /pickle/ {
            if ($http_x_cache) {
                bigcache main;
            }
        }

        location /stat {
            bigcache main;

            if ($http_x_header) {
                set $seen 1;
                add_header X-Seen $seen;
            }
        }

        location = /clear {
            if ($http_x_deny) {
                return 403;
            }

            bigcache main;
        }
    }

    bigcache_path %%DIR%%/store zone=main:1m;
}
END

is $t->request('POST', '/cache/a', '{"value":1}')->status, 200,
    'zone after its use';

$t->request('POST', '/cache/plain/a?b', '{"value":2}');
is $t->get('/cache/plain/a')->json->{value}, 2, 'nested, without arguments';
is $t->get('/cache/plain/a?c')->json->{value}, 2, 'arguments do not count';

$t->request('POST', '/cache/plain/args/a?b', '{"value":3}');
is $t->get('/cache/plain/args/a')->status, 404, 'nested twice, with arguments';
is $t->get('/cache/plain/args/a?b')->json->{value}, 3, 'arguments count';

is $t->get('/cache/none/a')->header('Content-Type'), 'text/html',
    'not inherited';

is $t->request('POST', '/pickle/i', 'x', 'X-Cache' => 1)->status, 200,
    'stores under if';
is $t->get('/pickle/i', 'X-Cache' => 1)->body, 'x', 'serves under if';
is $t->get('/pickle/i')->header('Content-Type'), 'text/html', 'if is false';

is $t->get('/stat')->status, 200, 'beside an if';
my $r = $t->get('/stat', 'X-Header' => 1);
is $r->status, 200, 'within an if';
is $r->header('X-Seen'), 1, 'header of the if';
is $t->get('/stat/none', 'X-Header' => 1)->header('Content-Type'),
    'application/json', 'error within an if';

is $t->get('/clear', 'X-Deny' => 1)->status, 403, 'an if that returns';
is $t->count, 4, 'nothing was cleared';
is $t->get('/clear')->status, 200, 'an if that does not';

done_testing;
