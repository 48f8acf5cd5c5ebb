#!/usr/bin/perl

# The fuzz targets: each is built, and runs what is in its corpus.

use strict;
use warnings;

use Cwd qw(abs_path);
use FindBin;
use Test::More;

use Bigcache::Test;

alarm 1800;             # all of the engine is compiled by clang

my $top = abs_path("$FindBin::Bin/../..");
my $t = Bigcache::Test->new;

plan skip_all => 'no clang'
    if !grep { -x "$_/clang" } split /:/, $ENV{PATH};

chdir $top or die "$top: $!\n";

my @names = map { m{([^/]+)\.c$} } glob 't/fuzz/*.c';

for my $name (@names) {
    my $out = $t->dir . "/$name";

    mkdir $out;

    my $said = qx{exec 2>&1; make -s -f t/Makefile CC=clang OUT=build/clang \\
        SAN="-O1 -fsanitize=fuzzer-no-link,address,undefined \\
            -fno-sanitize-recover=undefined" build/clang/fuzz/$name &&
        build/clang/fuzz/$name -runs=0 -timeout=20 -artifact_prefix=$out/ \\
            $out @{[ grep { -d } "t/fuzz/corpus/$name" ]}};

    is $?, 0, $name or diag $said;
}

is_deeply [ grep { !-f "t/fuzz/$_.c" } map { m{([^/]+)$} }
    glob 't/fuzz/corpus/*' ], [], 'no corpus is without its target';

done_testing;
