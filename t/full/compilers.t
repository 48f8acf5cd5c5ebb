#!/usr/bin/perl

# The module in an nginx that is configured for another compiler or another C:
# no warning with gcc and clang, and none that ends somebody else's build.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Cwd qw(abs_path);
use Test::More;

alarm($ENV{BIGCACHE_TIMEOUT} || 1200);

my $t = Bigcache::Test->new;
my $top = abs_path("$FindBin::Bin/../..");
my $src = $ENV{BIGCACHE_SRC} || '/usr/share/nginx/src';

plan skip_all => "no sources of nginx in $src" if !-f "$src/src/core/nginx.h";

# what nginx must not inherit from the one who runs this

delete @ENV{qw(CC CFLAGS BIGCACHE_WERROR MAKEFLAGS MAKELEVEL)};


# configured(CC, OPTION ...): a tree of links to the sources, since configure
# writes where it runs

sub configured {
    my ($cc, @options) = @_;

    my $tree = $t->dir . '/nginx-' . ++$t->{trees};

    mkdir $tree or die "$tree: $!\n";

    for my $file (glob "$src/*") {
        my ($name) = $file =~ m{([^/]+)\z};
        symlink $file, "$tree/$name" or die "$name: $!\n"
            if $name !~ /^(?:Makefile|objs)\z/;
    }

    my $configure = -f "$src/configure" ? './configure' : 'auto/configure';
    my ($status, $output) = run($tree, $configure, '--with-compat',
        '--with-threads', (grep { $_ eq "--add-module=$top" } @options)
            ? () : "--add-dynamic-module=$top", "--with-cc=$cc", @options);

    die "$configure failed:\n$output" if $status;

    return $tree;
}


# made(TREE, NAME=VALUE ...): as run(), for the module, compiled anew

sub made {
    my ($tree, @values) = @_;

    unlink glob "$tree/objs/*.so $tree/objs/addon/*/*.o";

    my ($status, $output) = run($tree, qw(make -s -j2 -f objs/Makefile modules),
        @values);
    my $built = -f "$tree/objs/ngx_http_bigcache_module.so";

    return ($status || ($built ? 0 : 1), $output);
}


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

    return ($? >> 8 || $?, $output);
}


sub quiet {
    my ($name, $status, $output) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is $status, 0, "$name: it is built";
    unlike $output, qr/warning:|error:/, "$name: without a warning";
}


sub flags_of {
    my ($tree) = @_;

    open my $file, '<', "$tree/objs/Makefile" or die "Makefile: $!\n";
    my ($flags) = map { /^CFLAGS\s*=\s*(.*)/ } <$file>;

    return $flags;
}


my @compilers = grep { my $cc = $_; grep { -x "$_/$cc" } split /:/, $ENV{PATH} }
    'gcc', 'clang', split ' ', $ENV{BIGCACHE_COMPILERS} // '';

ok scalar(grep { $_ eq 'gcc' } @compilers), 'there is a gcc';

for my $cc (@compilers) {
    my $tree = do {
        local $ENV{BIGCACHE_WERROR} = 1;
        configured($cc, '--with-cc-opt=-std=c99');
    };
    my $flags = flags_of($tree);

    like $flags, qr/-std=c99/, "$cc: configured for C99";
    quiet("$cc, c99", made($tree));

    # what is only seen when it is optimized is the same in all of them

    for my $std (qw(gnu99 c11 gnu2x)) {
        quiet("$cc, $std", made($tree, "CFLAGS=$flags -O0 -std=$std"));
    }
}


# without hiredis the directive is there, and says why it is refused

{
    local $ENV{BIGCACHE_HIREDIS} = 'no';
    my $tree = configured('gcc');

    quiet('without hiredis', made($tree));

    local $ENV{BIGCACHE_MODULE} = "$tree/objs/ngx_http_bigcache_module.so";
    my ($rc, $said) = $t->nginx_t($t->default_conf
        =~ s/bigcache_path .*?;/bigcache_cluster a zone=main server=h;/r);

    isnt $rc, 0, 'bigcache_cluster is refused then';
    like $said, qr/"bigcache_cluster" directive needs the hiredis library, which /,
        'and says why';
}

# linked into nginx, the filters of pages and of shards come after all others in
# the list, and so run before them

my $linked = configured('gcc', "--add-module=$top");
open my $list, '<', "$linked/objs/ngx_modules.c" or die "ngx_modules.c: $!\n";
my @modules = map { /^\s*&(\w+),/ } <$list>;
close $list;

is "@modules[-2, -1]", 'ngx_http_bigcache_pages_module '
    . 'ngx_http_bigcache_shards_module', 'linked into nginx: the filters of '
    . 'pages and shards are before those of nginx';
is scalar(grep { /bigcache/ } @modules), 3, 'with the other module';

# a warning that the compilers of today do not have: one that nothing here can
# be without

my $new = '-Wframe-larger-than=100';
my $tree = configured('gcc');
my ($status, $output) = made($tree, 'CFLAGS=' . flags_of($tree) . " $new");

is $status, 0, 'a new warning ends no build';
like $output, qr/warning: .*frame/, 'it is shown';
unlike $output, qr/error:/, 'it is no error';
like flags_of($tree), qr/-Werror/, "nginx's own errors are left to it";

{
    local $ENV{BIGCACHE_WERROR} = 1;
    $tree = configured('gcc');
}

($status, $output) = made($tree, 'CFLAGS=' . flags_of($tree) . " $new");
isnt $status, 0, 'BIGCACHE_WERROR=1: it does';
like $output, qr/error: .*frame/, 'BIGCACHE_WERROR=1: as an error';

done_testing;
