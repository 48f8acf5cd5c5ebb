#!/usr/bin/perl

# The bigcache_path directive: what it takes, and what nginx -t refuses.

use strict;
use warnings;

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


# warns(LINES, REGEX, NAME): nginx starts, and says so

sub warns {
    my ($lines, $regex, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my ($code, $output) = $t->nginx_t(http($lines));

    ok $code == 0 && $output =~ $regex, $name
        or diag "exit code $code\n$output";
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
takes "bigcache_path $dir/s zone=main:1g;", 'gigabytes';
takes "bigcache_path $dir/s zone=main;", 'a zone without a size';
takes "bigcache_path $dir/a zone=a; bigcache_path $dir/b zone=b:1m;"
    . "bigcache_path $dir/c zone=c;", 'two of them, and one with a size';
takes "bigcache_path $dir/s block_cache=1m $zone wait=1s;", 'any order';
takes "bigcache_path $dir/s $zone block_cache=64k write_buffer=64k;",
    'smallest buffers';
takes "bigcache_path $dir/s $zone block_cache=1g write_buffer=1g;",
    'largest buffers';
takes "bigcache_path $dir/s $zone block_cache=1024k write_buffer=1048576;",
    'units of sizes';
takes "bigcache_path $dir/s $zone wait=$_;", "wait of $_"
    for qw(0 1 250ms 5s 1m 1h);
takes "bigcache_path $dir/s $zone sync=$_;", "sync of $_"
    for qw(1ms 1 250ms 5s 1m 1h off);
takes "bigcache_path $dir/s $zone $_;", $_
    for qw(max_size=8m max_size=8192k max_size=200g max_size=9223372036854775807
        min_free=0 min_free=1 min_free=100m min_free=1000g segment_size=1m
        segment_size=1024k segment_size=100m segment_size=16g gzip=on
        gzip=off gzip_min=0 gzip_min=1 gzip_min=10k gzip_min=1m gzip_min=1048576);
takes "bigcache_path $dir/s $zone max_size=8m segment_size=1m min_free=1g\n"
    . "gzip=off gzip_min=1k wait=1s;", 'all of them';
warns("bigcache_path $dir/s $zone inline_size=$_;",
    qr/\[warn\].*parameter "inline_size=" has no effect any more/,
    "inline_size=$_ is gone") for qw(0 1k 64k 1g);
takes "bigcache_path $dir/s segment_size=1m max_size=8m $zone;",
    'eight segments';
takes "bigcache_path $dir/s segment_size=16g max_size=128g $zone;",
    'eight large segments';
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
    for qw(zone= zone=: zone=main: zone=:1m zone=main:x zone=main:-1m
        zone=main:1m1 zone=main:31k zone=main:0 zone=main:4k zone=main:1t
        zone=main:9999999999g);
refuses "bigcache_path $dir/s zone=;",
    qr/"zone=": it must be zone=name or zone=name:size/, 'what a zone is';
refuses "bigcache_path $dir/a zone=main; bigcache_path $dir/b zone=main;",
    qr/duplicate zone "main"/, 'duplicate zone without a size';
refuses "limit_req_zone \$uri zone=main:1m rate=1r/s;\n"
    . "bigcache_path $dir/s zone=main;", qr/zone "main"/,
    'zone of another module, without a size';
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
refuses "bigcache_path $dir/s $zone $_;", qr/"\Q$_\E"/, "parameter $_"
    for map { "sync=$_" } '', qw(x -1 0 0ms 2h 3601s 1.5s on offf);

# limits of the directory, segments, packing

for my $case ([ max_size => qw(0 7m 8388607 8191k 99999999999999999999) ],
    [ min_free => qw(99999999999999999999 -1m 1mm) ],
    [ segment_size => qw(0 1023k 1048575 17g 16385m 17179869185) ],
    [ gzip_min => qw(1048577 1025k 2m 1g) ])
{
    my ($name, @values) = @$case;

    refuses "bigcache_path $dir/s $zone $_;", qr/parameter "\Q$_\E"/,
        "parameter $_" for map { "$name=$_" } @values, '', qw(x 1x -1 1.5m);
}

refuses "bigcache_path $dir/s $zone $_;", qr/parameter "\Q$_\E".*on.*off/,
    "parameter $_" for map { "gzip=$_" } '', qw(1 yes On OFF onn of);
refuses "bigcache_path $dir/s $zone $_;", qr/"max_size".*"segment_size"/, $_
    for 'max_size=8m segment_size=2m', 'segment_size=1025k max_size=8m',
        'max_size=100m segment_size=13m', 'segment_size=16g max_size=127g';

# thread_pool

refuses "bigcache_path $dir/s $zone thread_pool=nope;",
    qr/unknown thread pool "nope"/, 'unknown pool';
refuses "bigcache_path $dir/s $zone thread_pool=;", qr/"thread_pool="/,
    'pool without name';

# given twice

refuses "bigcache_path $dir/s $zone $_ $_;", qr/"\Q$_\E".* duplicate/,
    "twice $_"
    for qw(thread_pool=default block_cache=1m write_buffer=1m wait=1s sync=1s
        max_size=8m min_free=1g segment_size=1m gzip=on gzip=off
        gzip_min=1k inline_size=1k);
refuses "bigcache_path $dir/s $zone $_->[0] $_->[1];",
    qr/"\Q$_->[1]\E".* duplicate/, "twice @$_"
    for [ 'gzip=on', 'gzip=off' ], [ 'max_size=8m', 'max_size=9m' ];

# what is not known

refuses "bigcache_path $dir/s $zone $_;", qr/invalid parameter "\Q$_\E"/,
    "unknown parameter $_"
    for qw(levels=1:2 keys_zone=k:1m on zone_=1 ZONE=m:1m wait thread_pool
        max_size min_free gzip gzip_max=1k gzip_level=1 GZIP=on max_Size=8m
        inline=1k segment=1m);

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
                  block_cache=100k write_buffer=100k max_size=10m min_free=1k
                  gzip=on gzip_min=100;

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
