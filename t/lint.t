#!/usr/bin/perl

# auto/lint accepts a small tree, and reports each kind of breach in it.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $lint = "$FindBin::Bin/../auto/lint";
my $dir = tempdir('bigcache-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $trees = 0;

my %good = (
    'config' => <<'END',
bigcache_srcs=" \
    src/base/bigcache_text.c \
    src/cache/bigcache_page.c \
    src/local/bigcache_local.c \
"

bigcache_incs=" \
    src/base src/cache src/local \
"
END
    'src/base/bigcache_text.h' => "int bigcache_text(void);\n",
    'src/base/bigcache_text.c' => source('bigcache_text', <<'END'),
#include "bigcache_text.h"


int
bigcache_text(void)
{
    return 1;
}
END
    'src/cache/bigcache_page.h' => "int bigcache_page_size(void);\n",
    'src/cache/bigcache_page.c' => source('bigcache_page', <<'END'),
#include "bigcache_page.h"
#include "bigcache_text.h"


static int bigcache_twice(int n);


int
bigcache_page_size(void)
{
    return bigcache_twice(bigcache_text());
}


static int
bigcache_twice(int n)
{
    return 2 * n;
}
END
    'src/local/bigcache_local.h' => "int bigcache_local_page(void);\n",
    'src/local/bigcache_local.c' => source('bigcache_local', <<'END'),
#include "bigcache_local.h"
#include "bigcache_page.h"


int
bigcache_local_page(void)
{
    return bigcache_page_size();
}
END
);


# source(NAME, CODE): with the comments at the top of a file

sub source {
    my ($name, $code) = @_;

    return "\n/*\n * Copyright (C) bigcache contributors\n */\n\n\n"
        . "/*\n * What $name does.\n */\n\n\n$code";
}


# lint(NAME => CODE TO CHANGE A FILE, ...): the status and what it says of a
# tree that differs so from the good one; a file that is empty is not written

sub lint {
    my (%change) = @_;

    my $tree = "$dir/" . $trees++;

    for my $name (keys %{ { %good, %change } }) {
        local $_ = $good{$name} // '';
        $change{$name}->() if $change{$name};
        next if $_ eq '';

        make_path(dirname("$tree/$name"));
        open my $file, '>', "$tree/$name" or die "$tree/$name: $!\n";
        print $file $_;
        close $file or die "$tree/$name: $!\n";
    }

    my $said = qx{'$lint' '$tree' 2>&1};

    return ($? >> 8, $said);
}


# refuses(NAME, MESSAGE, CHANGES): one breach, and no other

sub refuses {
    my ($name, $message, @changes) = @_;

    my ($status, $said) = lint(@changes);

    is $status, 1, "$name: refused";
    is $said, "$message\n", "$name: why";
}


is_deeply [ lint() ], [ 0, '' ], 'a tree without a breach';

refuses('an include of what is above',
    'cache/bigcache_page may not need local/bigcache_local',
    'src/cache/bigcache_page.c' => sub {
        s/(#include "bigcache_text.h")/#include "bigcache_local.h"\n$1/;
    },
    # or it would be a circle, too
    'src/local/bigcache_local.c' => sub {
        s/#include "bigcache_page.h"\n//;
        s/bigcache_page_size\(\)/1/;
    });

refuses('a call of what is above, without an include',
    'cache/bigcache_page may not need local/bigcache_local',
    'src/cache/bigcache_page.c' => sub {
        s/bigcache_text\(\)/bigcache_local_page()/;
    },
    'src/local/bigcache_local.c' => sub {
        s/#include "bigcache_page.h"\n//;
        s/bigcache_page_size\(\)/1/;
    });

refuses('a type of what is above, without an include',
    'cache/bigcache_page may not need local/bigcache_local',
    'src/local/bigcache_local.h' => sub {
        s/^(int )/typedef int  bigcache_local_t;\n\n$1/m;
    },
    'src/cache/bigcache_page.c' => sub {
        s/(#include .*\n)/$1\n\nstatic bigcache_local_t  *bigcache_page_it;\n/;
    },
    'src/local/bigcache_local.c' => sub {
        s/#include "bigcache_page.h"\n//;
        s/bigcache_page_size\(\)/1/;
    });

refuses('an include in base',
    'base/bigcache_text may not need cache/bigcache_page',
    'src/base/bigcache_text.c' => sub {
        s/^(#include)/#include "bigcache_page.h"\n$1/m;
    },
    'src/cache/bigcache_page.c' => sub {
        s/#include "bigcache_text.h"\n//;
        s/bigcache_text\(\)/1/;
    });

refuses('two files that call each other',
    'a circle of files: bigcache_list bigcache_page',
    'src/cache/bigcache_list.c' => sub {
        $_ = source('bigcache_list', <<'END');
#include "bigcache_page.h"


int
bigcache_list(void)
{
    return bigcache_page_size();
}
END
    },
    'src/cache/bigcache_page.c' => sub { s/bigcache_text\(\)/bigcache_list()/ },
    'config' => sub { s{(    src/cache/)}{$1bigcache_list.c \\\n$1} });

refuses('a public function with the prefix of another file',
    'src/cache/bigcache_page.c: bigcache_local_size() lacks the prefix of its'
        . ' file',
    map { $_ => sub { s/bigcache_page_size/bigcache_local_size/ } }
        'src/cache/bigcache_page.c', 'src/cache/bigcache_page.h',
        'src/local/bigcache_local.c');

refuses('a source that config does not list',
    'config does not list src/cache/bigcache_page.c',
    'config' => sub { s/ +src\/cache\/bigcache_page.c.*\n// });

refuses('a source that does not exist',
    'config lists src/cache/bigcache_none.c, which does not exist',
    'config' => sub { s{(    src/cache/)}{$1bigcache_none.c \\\n$1} });

refuses('a folder that config does not list',
    'config does not list src/cache', 'config' => sub { s{ src/cache }{ } });

refuses('a folder that does not exist',
    'config lists src/none, which does not exist',
    'config' => sub { s{ src/cache }{ src/cache src/none } });

refuses('another header before those of nginx',
    'src/cache/ngx_http_page.c: the headers of nginx must come first',
    'src/cache/ngx_http_page.c' => sub {
        $_ = source('ngx_http_page', <<'END');
#include "bigcache_page.h"
#include <ngx_config.h>
END
    },
    'config' => sub { s{(    src/cache/)}{$1ngx_http_page.c \\\n$1} });

refuses('a file that does not say what it is for',
    'src/cache/bigcache_page.c: no comment above its includes says what it is'
        . ' for',
    'src/cache/bigcache_page.c' => sub { s{/\*\n \* What .*?\*/\n\n\n}{}s });

refuses('two files of one name',
    'src/local/bigcache_page.h: another file in src/cache has this name',
    'src/local/bigcache_page.h' => sub { $_ = "\n" });

my %text = ("\treturn 1;" => 'tab', 'return 1; ' => 'trailing blank',
    'return 1;  // one' => '// comment',
    'return 1;' . ' ' x 70 . '/* */' => 'over 80 columns');

for my $line (sort keys %text) {
    refuses($text{$line}, "src/base/bigcache_text.c:18: $text{$line}",
        'src/base/bigcache_text.c' => sub { s/return 1;/$line/ });
}

for (["\n\n\n\n", qr/\n\n\n/], ["\n\n", qr/\n\z/]) {
    my ($more, $where) = @$_;
    refuses('blank lines', 'src/base/bigcache_text.c: more than two blank '
        . 'lines, or one at its end',
        'src/base/bigcache_text.c' => sub { s/$where/$more/ });
}

# -- this tree

my $report = qx{'$lint' --report '$FindBin::Bin/..'};

is $?, 0, 'a report';
like $report, qr/^  store +-> base +\d+$/m, 'arrows between folders';
like $report, qr/^circles of files: \d+$/m, 'circles';
like $report, qr/^functions: \d+, lines: median \d+, p90 \d+, max \d+$/m,
    'lengths';

done_testing;
