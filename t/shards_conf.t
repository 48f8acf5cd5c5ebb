#!/usr/bin/perl

# The bigcache_shards directive: what nginx -t refuses, what it warns of, and the
# line that it names.  Whatever would send a key to two servers brings old pages
# back, sooner or later.

use strict;
use warnings;

use Bigcache::Test;
use Socket qw(getaddrinfo AI_ADDRCONFIG AF_UNSPEC SOCK_STREAM);
use Test::More;

my $t = Bigcache::Test->new;

my $hash = 'hash $bigcache_shard_key consistent;';
my $servers = "server 127.0.0.1:1 max_fails=0;\n"
    . 'server 127.0.0.1:2 max_fails=0;';
my $shards = 'bigcache_shards shards;';
my $pass = 'proxy_pass http://shards;';
my $off = 'proxy_next_upstream off;';


# check(UPSTREAM, LOCATION, HTTP): exit code and output of a configuration with
# these directives

sub check {
    my ($upstream, $location, $http) = @_;

    $http //= '';

    return $t->nginx_t(<<"END");
%%MODULE%%
events {
}
http {
    %%HTTP%%
    upstream shards {
        $upstream
    }
    $http
    server {
        listen 127.0.0.1:%%PORT_0%%;
        location / {
            $location
        }
    }
}
END
}


# line(TEXT): the place of that in the configuration that was checked last, as
# nginx names it

sub line {
    my ($text) = @_;

    my $name = 'nginx-t-' . $t->{tests} . '.conf';
    my @lines = split /\n/, $t->read_file($name);
    my ($n) = grep { index($lines[$_ - 1], $text) >= 0 } 1 .. @lines;

    return $t->dir . "/$name:" . ($n // "no line \"$text\"");
}


sub takes {
    my ($upstream, $location, $name, $http) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($code, $output) = check($upstream, $location, $http);

    ok $code == 0 && $output !~ /\[(?:warn|emerg)\]/, "takes $name"
        or diag "exit code $code\n$output";
}


# refuses(UPSTREAM, LOCATION, TEXT, NAME, PLACE, HTTP): the one [emerg] line has
# the TEXT, a string or a regex, and ends with the line where PLACE is

sub refuses {
    my ($upstream, $location, $text, $name, $place, $http) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($code, $output) = check($upstream, $location, $http);
    my @emerg = $output =~ /^.*\[emerg\] (.*)$/mg;
    my $at = defined $place ? line($place) : '';

    ok $code > 0 && @emerg == 1
        && (ref $text ? $emerg[0] =~ $text : index($emerg[0], $text) >= 0)
        && $emerg[0] =~ /\Q$at\E$/, "refuses $name"
        or diag "exit code $code, should be at $at\n$output";
}


# warns(UPSTREAM, LOCATION, TEXTS, NAME, PLACE, HTTP): nginx would start, and there
# are so many warnings, each with its text, at the line where PLACE is

sub warns {
    my ($upstream, $location, $texts, $name, $place, $http) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($code, $output) = check($upstream, $location, $http);
    my @warn = $output =~ /^.*\[warn\] (.*)$/mg;
    my $at = line($place);

    ok $code == 0 && @warn == @$texts
        && !(grep { index($warn[$_], $texts->[$_]) < 0
            || $warn[$_] !~ /\Q$at\E$/ } 0 .. $#warn), "warns of $name"
        or diag "exit code $code, should be at $at\n$output";
}


# what is good

takes "$hash $servers", "$shards $pass $off", 'the usual one';
takes "$hash $servers keepalive 16;", "$shards $pass $off", 'keepalive';
takes "$hash server 127.0.0.1:1 max_fails=0 weight=3;\n"
    . 'server 127.0.0.1:2 max_fails=0;', "$shards $pass $off", 'weights';
takes "$hash server 127.0.0.1:1 max_fails=0;", "$shards $pass $off",
    'one server';
takes "$hash server unix:%%DIR%%/a max_fails=0;\n"
    . 'server unix:%%DIR%%/b max_fails=0;', "$shards $pass $off",
    'unix sockets';
takes "$hash server 127.0.0.1 max_fails=0; server [::1] max_fails=0;",
    "$shards $pass $off", 'servers without a port';
takes "$hash $servers", "bigcache_shards shards $_; $pass $off", $_
    for qw(pages all);
takes "$hash $servers", "$pass $off $shards", 'any order';
takes "$hash $servers", "$shards $pass", 'proxy_next_upstream of http',
    $off;
takes "$hash $servers", "$shards $pass $off", 'an upstream that comes later',
    "server { listen 127.0.0.1:%%PORT_1%%; location / { "
        . "bigcache_shards later; proxy_pass http://later; $off } }\n"
        . "upstream later { $hash $servers }";
takes "$hash $servers", "$shards $pass $off", 'two locations',
    "server { listen 127.0.0.1:%%PORT_1%%; location / { "
        . "$shards $pass $off } }";
takes 'server 127.0.0.1:1; server 127.0.0.1:2 down;', $pass,
    'any upstream, without the directive';

# the directive

refuses "$hash $servers", "bigcache_shards shards $_; $pass $off",
    "\"bigcache_shards\": \"$_\" is neither \"pages\" nor \"all\" in ",
    "the parameter $_", 'bigcache_shards shards' for qw(page rest alls PAGES);
refuses "$hash $servers", "bigcache_shards shards \"\"; $pass $off",
    'is neither "pages" nor "all"', 'an empty parameter';
refuses "$hash $servers", "$_ $pass $off",
    'invalid number of arguments in "bigcache_shards"', $_
    for 'bigcache_shards;', 'bigcache_shards shards pages all;';
refuses "$hash $servers", "$shards bigcache_shards shards pages; $pass $off",
    '"bigcache_shards" directive is duplicate', 'two of them';
refuses "$hash $servers", "$shards $pass $off",
    '"bigcache_shards" directive is not allowed here', 'one in http',
    undef, $shards;
refuses "$hash $servers", "$shards $pass $off",
    '"bigcache_shards" directive is not allowed here', 'one in a server',
    undef, "server { listen 127.0.0.1:%%PORT_1%%; $shards }";
refuses "$hash $servers", "if (\$arg_x) { $shards } $pass $off",
    '"bigcache_shards" directive is not allowed here', 'one in an if';

# the upstream

refuses "$hash $servers", "bigcache_shards none;\n$pass $off",
    '"bigcache_shards" needs the name of an "upstream" block, and "none" is '
        . 'none in ', 'the name of no upstream', 'bigcache_shards none';
refuses "$hash $servers",
    "bigcache_shards 127.0.0.1:1;\nproxy_pass http://127.0.0.1:1; $off",
    '"bigcache_shards" needs the name of an "upstream" block, and '
        . '"127.0.0.1:1" is none in ', 'an address', 'bigcache_shards 127';

my $needs = '"bigcache_shards" needs the line "hash $bigcache_shard_key '
    . 'consistent;" in the upstream "shards", see ';

refuses $servers, "$shards\n$pass $off", $needs, 'an upstream without a hash',
    $shards;
refuses "$_\n$servers", "$shards\n$pass $off", $needs, $_, $shards
    for 'hash $request_uri consistent;', 'hash $host;', 'ip_hash;',
        'hash $bigcache_shard_key$host consistent;', 'least_conn;';

refuses "$hash server 127.0.0.1:1 max_fails=0;\n"
    . 'server 127.0.0.1:2 max_fails=0 down;', "$shards $pass $off",
    '"bigcache_shards": "down" of "server 127.0.0.1:2" gives its keys to other '
        . 'servers of the upstream "shards"', 'a server that is down',
    'upstream shards';
refuses "$hash server 127.0.0.1:1 max_fails=0;\n$servers", "$shards\n$pass $off",
    '"bigcache_shards": the server "127.0.0.1:1" of the upstream "shards" is '
        . 'there twice, see ', 'a server twice', $shards;
refuses "$hash server 127.0.0.1:1 max_fails=0 weight=2;\n$servers",
    "$shards\n$pass $off",
    '"bigcache_shards": the server "127.0.0.1:1" of the upstream "shards" is '
        . 'there twice, see ', 'a server twice, heavier at first', $shards;
refuses "$hash $servers server 127.0.0.1:1 max_fails=0 weight=2;",
    "$shards\n$pass $off",
    '"bigcache_shards": the server "127.0.0.1:1" of the upstream "shards" is '
        . 'there twice, see ', 'a server twice, heavier then', $shards;

SKIP: {
    my ($error, @found) = getaddrinfo('localhost', 1, { flags => AI_ADDRCONFIG,
        family => AF_UNSPEC, socktype => SOCK_STREAM });

    skip 'localhost has one address', 1 if $error || @found < 2;

    refuses "$hash server localhost:1 max_fails=0;", "$shards\n$pass $off",
        '"bigcache_shards": the server "localhost:1" of the upstream "shards" '
            . 'has ' . @found . ' addresses', 'a name with several addresses',
        $shards;
}

# the location

my $proxy = '"bigcache_shards" needs the line "proxy_pass http://shards;" in its '
    . 'location, see ';

refuses "$hash $servers", "$shards\n$_", $proxy, $_, $shards,
    'upstream other { server 127.0.0.1:3; }' for 'return 200;',
        'proxy_pass http://127.0.0.1:1;', 'proxy_pass http://$host;',
        'proxy_pass http://other;';

my $caches = '"bigcache_shards": "proxy_cache" and "proxy_store" would answer '
    . 'what a server has removed: remove them from ';

refuses "$hash $servers", "$shards\n$pass $off $_", $caches, $_, $shards,
    'proxy_cache_path %%DIR%%/c keys_zone=c:1m;'
    for 'proxy_cache c;', 'proxy_store on;', 'proxy_store %%DIR%%/s$uri;';
refuses "$hash $servers", "$shards\n$pass $off", $caches,
    'proxy_cache of http', $shards,
    'proxy_cache_path %%DIR%%/c keys_zone=c:1m; proxy_cache c;';
takes "$hash $servers", "$shards $pass $off proxy_cache off;",
    'proxy_cache off', 'proxy_cache_path %%DIR%%/c keys_zone=c:1m; proxy_cache c;';

# warnings: another server would be asked, and may have an old page

my $fails = '"bigcache_shards": after a failure nginx asks another server for a '
    . 'while, which may have an old page: add "max_fails=0" to ';
my $next = '"bigcache_shards": when a server fails, nginx asks another one, which '
    . 'may have an old page: add "proxy_next_upstream off;" in ';

warns "$hash server 127.0.0.1:1 max_fails=0;\nserver 127.0.0.1:2;",
    "$shards $pass $off",
    ["$fails\"server 127.0.0.1:2\" of the upstream \"shards\" in "],
    'no max_fails=0', 'upstream shards';
warns "$hash server 127.0.0.1:1 max_fails=3;\nserver 127.0.0.1:2;",
    "$shards $pass $off",
    [map { "$fails\"server 127.0.0.1:$_\" of the upstream \"shards\" in " } 1, 2],
    'max_fails=3, and none', 'upstream shards';
warns "$hash $servers", "$shards\n$pass$_", [$next],
    $_ || 'no proxy_next_upstream', $shards
    for '', 'proxy_next_upstream error timeout;', 'proxy_next_upstream http_503;';

# what gives keys to other servers, too

for (
    [ 'max_conns', "$hash server 127.0.0.1:1 max_fails=0;\n"
        . 'server 127.0.0.1:2 max_fails=0 max_conns=10;' ],
    [ 'backup', "server 127.0.0.1:1 max_fails=0;\n"
        . "server 127.0.0.1:2 max_fails=0 backup;\n$hash" ],
) {
    my ($what, $upstream) = @$_;

    refuses $upstream, "$shards $pass $off", '"bigcache_shards": "max_conns" and '
        . '"backup" of "server 127.0.0.1:2" lead keys to other servers of the '
        . 'upstream "shards"', $what, 'upstream shards';
}

done_testing;
