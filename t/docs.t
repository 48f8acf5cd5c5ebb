#!/usr/bin/perl

# The documents: every link leads to a file and to a heading in it.  README is
# short, and begins with the two commands.  docs/README.md lists all that is in
# docs/.  The tables of figures have what bench/results has.
# docs/testing.md lists the tests of t/full, fuzz targets and benchmarks, and
# docs/design.md the files of src/.
# docs/pages_examples.md has the files of example/ that it is about.
# Functions and files that documents name are there.
# docs/configuration.md has every directive with its contexts, every
# parameter of bigcache_path and every value of $bigcache_status; docs/api.md
# has every endpoint with its methods, docs/container.md every setting of the
# container.  None of them has one that is not there.

use strict;
use warnings;

use File::Find;
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/..";


sub slurp {
    open my $file, '<:encoding(UTF-8)', $_[0] or die "$_[0]: $!\n";
    local $/;

    return scalar <$file>;
}


# source(NAME): the file of that name, wherever in the sources it is

my %sources;

find({ no_chdir => 1, wanted => sub {
    $sources{$1} = $_ if m{([^/]+\.c)$};
} }, "$top/src");

sub source {
    my ($name) = @_;

    return slurp($sources{$name} // "$top/$name") =~ s{/\*.*?\*/}{}gsr;
}


# -- links

# headings(TEXT): as the addresses that a forge makes of them; the second of two
# that are equal ends in "-1"

sub headings {
    my ($text) = @_;
    my %seen;

    $text =~ s{^(?:    [^\n]*|```.*?^```)$}{}mgs;

    return map {
        my $address = lc =~ s/[^\w\- ]//gr =~ tr/ /-/r;
        my $n = $seen{$address}++;
        $n ? "$address-$n" : $address;
    } $text =~ /^#+ (.*)$/mg;
}


# all Markdown files but those that were built or installed

my @files;

find({ no_chdir => 1, wanted => sub {
    $File::Find::prune = 1
        if m{/(?:build|data|debian|env|node_modules|\.\w+)$};
    push @files, s{^\Q$top\E/}{}r if /\.md$/;
} }, $top);

my %headings = map { $_ => { map { $_ => 1 } headings(slurp("$top/$_")) } }
    @files;
my (@dead, @known, $n);

for my $file (@files) {
    my ($in) = $file =~ m{(.*/)};
    my $text = slurp("$top/$file") =~ s/^    .*$//mgr;

    for my $link ($text =~ /\]\(\s*([^)\s]+)[^)]*\)/g) {
        next if $link =~ /^https?:/;

        my ($path, $heading) = split /#/, $link, 2;
        my $to = length $path ? ($in // '') . $path : $file;

        1 while $to =~ s{(^|/)[^/.][^/]*/\.\./}{$1};

        $n++;
        push @known, $to if $file eq 'docs/README.md' && $to ne $file;
        push @dead, "$file: $link" if !-e "$top/$to"
            || defined $heading && !$headings{$to}{$heading};
    }
}

cmp_ok scalar(@files), '>', 20, 'documents';
cmp_ok $n, '>', 100, 'links';
is_deeply \@dead, [], 'each leads to something';

my %known = map { $_ => 1 } @known;

is_deeply [ grep { !$known{$_} } map { s{^\Q$top\E/}{}r }
    grep { !m{/README\.md$} } glob "$top/docs/*.md" ], [],
    'docs/README.md lists all of docs/';

# -- README

my $readme = slurp("$top/README.md");
my @code = $readme =~ /^    (.*)/mg;

cmp_ok $readme =~ tr/\n//, '<', 300, 'README is short';
like $code[0], qr{^\./build\.sh run\b}, 'it begins with one command';
like $code[1], qr{^\./build\.sh test\b}, 'and another one';

# -- functions and files that documents name; in capitals are those to be made

my $code = join '', map { slurp($_) } values %sources,
    glob("$top/src/*/*.h $top/src/*/*/*.h $top/tools/*.[ch] $top/ngx_*.c");
my %word = map { $_ => 1 } $code =~ /\w+/g;
my %gone;

for my $file (@files) {
    my $text = slurp("$top/$file");

    $word{$1} or $gone{"$file: $1"} = 1
        while $text =~ /`((?:ngx_http_)?bigcache_\w+)\(/g;

    -e "$top/$1" or $gone{"$file: $1"} = 1 while $text
        =~ m{`((?:src|t|bench|auto|tools|example)/[a-z0-9_./-]+\.\w+)`}g;
}

is_deeply [ sort keys %gone ], [], 'functions and files are there';

# -- what docs/testing.md lists

my $testing = slurp("$top/docs/testing.md");

# section(TITLE): of that document

sub section { $testing =~ /^## \Q$_[0]\E\n(.*?)(?=^## |\z)/ms && $1 }

sub names { map { s{.*/|\.(?:c|sh)$}{}gr } sort glob "$top/$_[0]" }

my @rows = map { [ sort { $a cmp $b } section($_) =~ /^\| `(\w+)` /mg ] }
    'Fuzz targets', 'Benchmarks';

is_deeply [ grep { section('t/full') !~ /`\Q$_\E`/ } names('t/full/*.t') ], [],
    'all of t/full';
is_deeply $rows[0], [ names('t/fuzz/*.c') ], 'fuzz targets';
is_deeply $rows[1], [ names('bench/*.sh') ], 'benchmarks';

# -- what docs/design.md says of src/; two folders are described as a whole

my %folder = slurp("$top/docs/design.md") =~ m{^\| `(src/[a-z/]+)/` \| (.*)}mg;
my @unnamed;

delete @folder{qw(src/base src/json)};
cmp_ok scalar(keys %folder), '>', 12, 'folders of src/';

for my $folder (sort keys %folder) {
    my %name = map { $_ => 1 } $folder{$folder} =~ /`(\w+)`/g;

    for (glob "$top/$folder/*.c") {
        my ($name) = m{([^/]+)\.c$};
        my @names = ($name =~ s/^(?:ngx_http_)?bigcache_//r,
            $name =~ s/^(?:ngx_http_)?bigcache_(?:op|page|shards)_//r);

        push @unnamed, "$folder: $names[0]"
            unless $name =~ /_module$/ || grep { $name{$_} } @names;
    }
}

is_deeply \@unnamed, [], 'docs/design.md names their files';

# -- tables of figures

my $differ = `"$top/bench/tables.pl" --check 2>&1`;

is $?, 0, 'bench/tables.pl';
unlike $differ, qr/^(?:README|docs)\S*\.md( |$)/m, 'tables have the results';

# -- directives

my %contexts = (MAIN => 'http', SRV => 'server', LOC => 'location',
    LIF => 'if in location');
my $configuration = slurp("$top/docs/configuration.md");
my %documented = $configuration
    =~ /^### (\w+)\n\n    Syntax:(?:.*\n)*?    Context:  (.*)\n/mg;
my %directives;

my $module = source('ngx_http_bigcache_module.c')
    . source('ngx_http_bigcache_shards_module.c');

while ($module =~ /\{ ngx_string\("(\w+)"\),\s*([A-Z0-9_|\s]+),/g) {
    my ($name, $flags) = ($1, $2);

    $directives{$name} = join ', ', map { $contexts{$_} }
        $flags =~ /NGX_HTTP_(MAIN|SRV|LOC|LIF)_CONF/g;
}

cmp_ok scalar(keys %directives), '>', 4, 'directives';
is_deeply \%documented, \%directives, 'are documented, with their contexts';

# -- the examples of page caching are in the document as they are

my $walk = slurp("$top/docs/pages_examples.md");
my %shown = map { s/\s+\z/\n/r =~ s/^    //mgr => 1 } $walk
    =~ /^(    # .*\n(?:    .*\n|\n(?=\n*    ))*)/mg;
my @examples = glob "$top/example/pages-*.conf";

cmp_ok scalar(@examples), '>', 2, 'examples of page caching';
ok $shown{slurp($_)}, s{.*/}{}r . ' is in the document' for @examples;
is scalar(keys %shown), scalar(@examples), 'no other is';

# -- parameters of bigcache_path

my $path = source('ngx_http_bigcache_path.c');
my @parameters = sort $path
    =~ /"(\w+)="\), (?!NGX_HTTP_BIGCACHE_PARAMETER_GONE)/g;

parameters('bigcache_path', @parameters);

# -- of bigcache_cluster, of which some are texts

my $cluster = source('ngx_http_bigcache_cluster.c');

parameters('bigcache_cluster', sort $cluster =~ /"(\w+)="\),/g,
    $cluster =~ /ngx_strncmp\(value\S*data, "(\w+)="/g);

sub parameters {
    my ($name, @parameters) = @_;

    my ($part) = $configuration =~ /^### $name\n(.*?)(?=^### )/ms;
    my ($syntax) = $part =~ /^(.*?)\n\n[^ ]/ms;
    my ($table) = $part =~ /^\| parameter \|.*\n((?:\|.*\n)+)/m;

    cmp_ok scalar(@parameters), '>', 9, "parameters of $name";
    is_deeply [ sort $syntax =~ /(\w+)=/g ], \@parameters, 'are in the syntax';
    is_deeply [ sort $table =~ /^\| `(\w+)=/mg ], \@parameters,
        'and in the table';
}

# -- commands that the servers of a cluster must know

my %commands;

for my $name (grep { m{/src/cluster/} } values %sources) {
    my $text = slurp($name);

    $commands{$_} = 1 for $text =~ /bigcache_units_command\([^"]*"([A-Z]+)"/g,
        $text =~ /call\('([A-Z]+)'/g,
        $text =~ /bigcache_string\("((?!OK)[A-Z]{3,})"\)(?!,\s*bigcache_string)/g;
}

delete @commands{qw(MOVED ASK TRYAGAIN LOADING CLUSTERDOWN READONLY NOSCRIPT
    MASTERDOWN OOM LOAD SLOTS)};
cmp_ok scalar(keys %commands), '>', 25, 'commands for servers';

my ($told_commands) = slurp("$top/docs/redis.md")
    =~ /uses these\s+commands: (.*?)\.  /s;
my %told_commands = map { (split)[0] => 1 } $told_commands =~ /`([A-Z ]+)`/g;

is_deeply [ grep { !$told_commands{$_} } sort keys %commands ], [],
    'are in docs/redis.md';

# -- settings of the container

my ($settings) = slurp("$top/container/entrypoint") =~ /^settings="(.*?)"/ms;

is_deeply [ sort { $a cmp $b } slurp("$top/docs/container.md")
    =~ /^\| `BIGCACHE_(\w+)` \|/mg ],
    [ sort map { uc } split ' ', $settings ],
    'the settings of the container are in its document';

# -- $bigcache_status

my %statuses = map { $_ => 1 } map { source($_) =~ /ngx_string\("([A-Z]+)"\)/g }
    'ngx_http_bigcache_status.c', 'ngx_http_bigcache_route.c';

cmp_ok scalar(keys %statuses), '>', 10, 'values of the variable';
is_deeply [ sort $configuration =~ /^\| `([A-Z]+)` \|/mg ],
    [ sort keys %statuses ], 'are documented';

# -- endpoints

my (%methods, %told);
my $routes = source('ngx_http_bigcache_route.c');
my %groups = $routes =~ /#define NGX_HTTP_BIGCACHE_(\w+)\s+\(([A-Z_|]+)\)/g;

while ($routes =~ /\{ NGX_HTTP_([A-Z_|]+),\s*ngx_string\("(\/[a-z\/]+)"\)/g) {
    my ($flags, $path) = ($1, $2);

    $flags =~ s/BIGCACHE_(\w+)/$groups{$1}/g;
    $methods{$path}{$_} = 1 for map { s/NGX_HTTP_//r } split /\|/, $flags;
}

for my $row (slurp("$top/docs/api.md") =~ /^\| (`[A-Z]+.*?) \|/mg) {
    my @parts = $row =~ /`([^`]+)`/g;
    my (@allowed, @paths);

    for my $part (@parts) {
        push @allowed, $1 if $part =~ /^([A-Z]+)\b/;
        push @paths, $1 if $part =~ m{(/[a-z/]+)};
    }

    for my $path (@paths) {
        $told{$path}{$_} = 1 for @allowed;
    }
}

# which the text below the table says

$told{$_}{HEAD} = 1 for '/clear', '/close';

cmp_ok scalar(keys %methods), '>', 8, 'endpoints';
is_deeply \%told, \%methods, 'are documented, with their methods';

done_testing;
