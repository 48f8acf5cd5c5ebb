#!/usr/bin/perl

# The bigcache_path directive: what it takes, and what nginx -t refuses.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bigcache::Test;
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;


sub http {
    my ($lines, $top) = @_;

    $top //= '';

    return "%%MODULE%%\n$top\nevents { }\nhttp {\n%%HTTP%%\n$lines\n}\n";
}


sub takes {
    my ($lines, $name, $top) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($code, $output) = $t->nginx_t(http($lines, $top));

    is $code, 0, $name or diag $output;
}


# refuses(LINES, REGEX, NAME): the one [emerg] line, which ends with the place
# in the file, matches

sub refuses {
    my ($lines, $regex, $name, $top) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($code, $output) = $t->nginx_t(http($lines, $top));
    my @emerg = $output =~ /^.*\[emerg\] (.*)$/mg;

    ok $code > 0 && @emerg == 1 && $emerg[0] =~ $regex, $name
        or diag "exit code $code\n$output";
}


my $zone = 'zone=main:1m';

# what is good

takes "bigcache_path $dir/s $zone;", 'a zone alone';
takes "bigcache_path $dir/s/ $zone;", 'trailing slash';
takes "bigcache_path $dir/s zone=main:32k;", 'smallest zone';
takes "bigcache_path $dir/s block_cache=1m $zone wait=1s;", 'any order';
takes "bigcache_path $dir/s $zone block_cache=64k write_buffer=64k;",
    'smallest buffers';
takes "bigcache_path $dir/s $zone block_cache=1g write_buffer=1g;",
    'largest buffers';
takes "bigcache_path $dir/s $zone block_cache=1024k write_buffer=1048576;",
    'units of sizes';
takes "bigcache_path $dir/s $zone wait=$_;", "wait of $_"
    for qw(0 1 250ms 5s 1m 1h);
takes "bigcache_path $dir/s $zone thread_pool=pages;", 'a thread pool',
    'thread_pool pages threads=2;';
takes "bigcache_path $dir/s $zone thread_pool=default;", 'the default pool';
takes qq{bigcache_path "$dir/with space" "zone=main:1m";}, 'a quoted path';
takes "bigcache_path relative/../rel $zone;", 'a relative path'
    if mkdir "$dir/relative";
takes "bigcache_path $dir/a zone=a:1m; bigcache_path $dir/b zone=b:1m;",
    'two stores';
takes "bigcache_path $dir/" . 'n' x 200 . " $zone;", 'a long name';

# the path

refuses 'bigcache_path;', qr/number of arguments in "bigcache_path"/,
    'no arguments';
refuses qq{bigcache_path "" $zone;}, qr/"bigcache_path" .*empty/, 'empty path';
refuses "bigcache_path $dir/file $zone;",
    qr{"\Q$dir\E/file" is not a directory}, 'path of a file'
    if $t->write_file('file', '');
refuses "bigcache_path $dir/none/s $zone;", qr{"\Q$dir\E/none/s"},
    'no parent directory';
refuses "bigcache_path $dir/" . ('n' x 200 . '/') x 6 . "s $zone;",
    qr/"bigcache_path" .*1024/, 'path too long';

# two users of a path

my $two = qr{the same path name "\Q$dir\E/s"};

refuses "bigcache_path $dir/s zone=a:1m; bigcache_path $dir/s zone=b:1m;",
    $two, 'path used twice';
refuses "bigcache_path $dir/s zone=a:1m; bigcache_path $dir/s/ zone=b:1m;",
    $two, 'twice, trailing slash';
refuses "bigcache_path $dir/s zone=a:1m; bigcache_path s zone=b:1m;",
    $two, 'twice, once relative';
refuses "bigcache_path $dir/s $zone; proxy_cache_path $dir/s keys_zone=p:1m;",
    $two, 'path of proxy_cache_path';
refuses "proxy_cache_path $dir/s keys_zone=p:1m; bigcache_path $dir/s $zone;",
    $two, 'likewise, other order';
refuses "bigcache_path $dir/proxy $zone;",
    qr{the same path name "\Q$dir\E/proxy"}, 'a temporary path';

# zone

refuses "bigcache_path $dir/s;", qr/"bigcache_path" must have "zone"/,
    'no zone';
refuses "bigcache_path $dir/s $_;", qr/"\Q$_\E"/, "parameter $_"
    for qw(zone= zone=main zone=main: zone=:1m zone=main:x zone=main:-1m
        zone=main:1m1 zone=main:31k zone=main:0 zone=main:4k);
refuses "bigcache_path $dir/s $zone $zone;", qr/"zone=main:1m".* duplicate/,
    'zone given twice';
refuses "bigcache_path $dir/a $zone; bigcache_path $dir/b $zone;",
    qr/duplicate zone "main"/, 'duplicate zone';
refuses "limit_req_zone \$uri zone=main:1m rate=1r/s;\n"
    . "bigcache_path $dir/s $zone;", qr/zone "main"/, 'zone of another module';

# sizes and times

for my $name (qw(block_cache write_buffer)) {
    refuses "bigcache_path $dir/s $zone $_;", qr/"\Q$_\E"/, "parameter $_"
        for map { "$name=$_" } '', qw(x 1x -1 -64k 0 63k 65535 2g 1025m
            1073741825 99999999999999999999);
}

refuses "bigcache_path $dir/s $zone $_;", qr/"\Q$_\E"/, "parameter $_"
    for map { "wait=$_" } '', qw(x -1 5x 2h 3601s 1.5s);

# thread_pool

refuses "bigcache_path $dir/s $zone thread_pool=nope;",
    qr/unknown thread pool "nope"/, 'unknown pool';
refuses "bigcache_path $dir/s $zone thread_pool=;", qr/"thread_pool="/,
    'pool without name';

# given twice

refuses "bigcache_path $dir/s $zone $_ $_;", qr/"\Q$_\E".* duplicate/,
    "twice $_"
    for qw(thread_pool=default block_cache=1m write_buffer=1m wait=1s);

# what is not known, or not yet

refuses "bigcache_path $dir/s $zone $_;", qr/invalid parameter "\Q$_\E"/,
    "unknown parameter $_"
    for qw(levels=1:2 keys_zone=k:1m on zone_=1 ZONE=m:1m wait thread_pool
        max_size=200g min_free=1g segment_size=256m inline_size=1k gzip=on
        gzip_min=1k);

# contexts

refuses "server { bigcache_path $dir/s $zone; }",
    qr/"bigcache_path" directive is not allowed here/, 'in a server';
refuses "server { location / { bigcache_path $dir/s $zone; } }",
    qr/"bigcache_path" directive is not allowed here/, 'in a location';

is_deeply [ glob("$dir/{s,a,b,rel,with*}/*"), glob("$dir/s/.??*") ], [],
    'directories stay empty';

# a path with a space in it, made for the workers' user

$t = Bigcache::Test->new(user => 'nobody nogroup');

$t->conf(<<'END')->start;
%%MODULE%%
thread_pool pages threads=2 max_queue=100;

events {
}

http {
    %%HTTP%%

    bigcache_path "some store/" zone=main:1m thread_pool=pages wait=2s
                  block_cache=100k write_buffer=100k;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }
    }
}
END

is $t->request('POST', '/pickle/k', 'v')->status, 200, 'stores';
is $t->get('/pickle/k')->body, 'v', 'serves';
ok -d $t->dir . '/some store/index', 'relative to the prefix';
is +(stat $t->dir . '/some store')[4], $> ? $> : (getpwnam 'nobody')[2],
    'owned by the workers';

done_testing;
