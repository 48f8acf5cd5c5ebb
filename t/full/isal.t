#!/usr/bin/perl

# Builds with and without ISA-L, which packs pages where it is there: the one
# needs it and the other does not, both pass the tests of packed pages, and what
# one has stored is served by the other.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Cwd qw(abs_path);
use IO::Uncompress::Gunzip qw(gunzip);
use Test::More;

alarm($ENV{BIGCACHE_TIMEOUT} || 1200);

my $top = abs_path("$FindBin::Bin/../..");
my $src = $ENV{BIGCACHE_SRC} || '/usr/share/nginx/src';

plan skip_all => "no sources of nginx in $src" if !-f "$src/src/core/nginx.h";

my $t = Bigcache::Test->new;
my $page = join '', map { "<tr><td>$_</td><td>" . $_ ** 5 . "</td></tr>\n" }
    1 .. 1000;
my %module;

# what the builds must not inherit from the one who runs this

delete @ENV{qw(CC CFLAGS BIGCACHE_WERROR BIGCACHE_ISAL MAKEFLAGS MAKELEVEL)};


# run(DIR, COMMAND ...): returns the status and all output

sub run {
    my ($dir, @command) = @_;

    my $pid = open(my $out, '-|') // die "fork: $!\n";

    if ($pid == 0) {
        chdir $dir or die "$dir: $!\n";
        open STDERR, '>&', \*STDOUT;
        exec @command or die "$command[0]: $!\n";
    }

    my $output = do { local $/; <$out> } // '';

    close $out;

    return ($?, $output);
}


# module(NAME): builds it, in a copy of the project

sub module {
    my ($name) = @_;

    my $tree = $t->dir . "/$name";

    mkdir $tree or die "$tree: $!\n";
    system('sh', '-c', 'tar -C "$1" -cf - --exclude=./.git --exclude=./build'
        . ' --exclude=./data --exclude="./obj-*" . | tar -C "$2" -xf -',
        'sh', $top, $tree) == 0 or die "tar failed\n";

    my ($status, $output) = run($tree, './build.sh', 'build');

    is $status, 0, "$name: build.sh build" or diag $output;

    return "$tree/build/ngx_http_bigcache_module.so";
}


sub needs_isal {
    my ($file) = @_;

    my ($status, $output) = run('/', 'objdump', '-p', $file);

    die "objdump failed: $output\n" if $status;

    return $output =~ /NEEDED\s+libisal\.so/ ? 1 : 0;
}


sub prove_with {
    my ($module, @tests) = @_;

    local $ENV{BIGCACHE_MODULE} = $module;
    my ($status, $output) = run($top, 'prove', '-I', 't/lib', @tests);

    return $status ? $output : '';
}


# -- without it

$ENV{BIGCACHE_ISAL} = 'no';
$module{without} = module('without');
delete $ENV{BIGCACHE_ISAL};

is needs_isal($module{without}), 0, 'without: the module';
is needs_isal(($module{without} =~ s{[^/]*\z}{}r) . 'bigcache'), 0,
    'without: the command';

{
    my $out = $t->dir . '/units';
    my @tests = map { "$out/unit/$_" } qw(gzip_test store_test);
    my ($status, $output) = run($top, 'make', '-s', '-j2', '-f', 't/Makefile',
        "OUT=$out", 'BIGCACHE_ISAL=no', @tests);

    is $status, 0, 'without: unit tests are built' or diag $output;

    for my $test (@tests) {
        is needs_isal($test), 0, "without: $test" =~ s{/.*/}{}r;
        ($status, $output) = run($top, 'prove', $test);
        is $status, 0, '... passes' or diag $output;
    }
}

is prove_with($module{without}, qw(t/gzip.t t/unpack.t)), '',
    'without: tests of packed pages';


# -- with it, if it is there

my ($status) = run($top, 'sh', '-c', 'cc -o "$1" auto/isal.c -lisal', 'sh',
    $t->dir . '/probe');

if ($status) {
    diag 'no ISA-L here';
    done_testing;
    exit;
}

$module{with} = module('with');

is needs_isal($module{with}), 1, 'with: the module';
is needs_isal(($module{with} =~ s{[^/]*\z}{}r) . 'bigcache'), 1,
    'with: the command';


# -- one store, one after the other

my %length;

for my $name (qw(without with)) {
    local $ENV{BIGCACHE_MODULE} = $module{$name};

    $t->conf->start;

    for my $stored (sort keys %length) {
        is $t->get("/pickle/$stored")->body, $page, "$name: page of '$stored'";
    }

    is $t->request(POST => "/pickle/$name", $page)->status, 200, "$name: POST";

    my $r = $t->get("/pickle/$name", 'Accept-Encoding' => 'gzip');
    my $packed = $r->body;

    is $r->header('Content-Encoding'), 'gzip', "$name: it is packed";
    gunzip(\$packed => \my $text);
    is $text, $page, '... as any gunzip reads it';
    $length{$name} = length $packed;

    $t->stop;
}

cmp_ok $length{with}, '<', 1.15 * $length{without},
    "igzip: $length{with} bytes, libdeflate: $length{without}";

done_testing;
