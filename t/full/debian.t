#!/usr/bin/perl

# The Debian packages that ./build.sh release builds: looked at by lintian, and
# served from by the system's nginx.  Nothing is installed on the machine.

use strict;
use warnings;

use FindBin;

# what is tested is the package, with Debian's nginx, whatever else was built

BEGIN {
    delete @ENV{qw(BIGCACHE_PRELOAD MAKEFLAGS MAKELEVEL)};
    $ENV{BIGCACHE_NGINX} = '/usr/sbin/nginx';
    $ENV{BIGCACHE_TIMEOUT} ||= 1200;
}

use Bigcache::Test;
use Bigcache::Test::Machine;
use Bigcache::Test::Release;
use Cwd qw(abs_path);
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $top = abs_path("$FindBin::Bin/../..");

for my $tool (qw(dpkg-buildpackage dh dh_nginx lintian tar /usr/sbin/nginx)) {
    plan skip_all => "no $tool" if system "command -v $tool >$dir/out 2>&1";
}


# run(COMMAND): its output

sub run {
    my ($command) = @_;

    my $output = `{ $command; } 2>&1`;

    return ($? >> 8 || $?, $output);
}


# -- built, as anybody would do it

my $release = Bigcache::Test::Release->made;
my $work = $release->{work};

is $release->{status}, 0, 'dpkg-buildpackage'
    or diag(substr $release->{output}, -5000), BAIL_OUT('no package');

my ($status, $output) = run("cat $work/debs.log");
my ($changes) = glob "$work/bigcache_*.changes";
my ($module) = glob "$work/libnginx-mod-http-bigcache_*.deb";
my ($tool) = glob "$work/bigcache_*.deb";

ok $changes && $module && $tool, 'the packages are there';

unlike $output, qr/^(?!dpkg-|dh_).*\bwarning: (?!.*(?:dpkg-|dh_)).*$/m,
    'no warnings of the compiler';

# ./build.sh release shows what lintian has to say

unlike $release->{output}, qr/^[EWI]:/m, 'lintian is silent';

# cleaned, the tree is what it was, but for the version of the packages

($status, $output) = run("cp -a $work/bigcache-*/ $dir/tree && cd $dir/tree"
    . " && ./debian/rules clean >/dev/null"
    . " && diff -rq . $top -x .git -x build -x data -x 'obj-*'"
    . ' -x files -x .debhelper -x changelog');
is $status, 0, 'clean' or diag $output;

# -- what is in them

sub field { (run("dpkg-deb -f $_[0] $_[1]"))[1] =~ s/\n//r }

my $version = field($module, 'Version');

like field($module, 'Depends'), qr/\bnginx-abi-[\d.]+-\d+/,
    'for one version of nginx';
like field($module, 'Depends'), qr/\blibleveldb1/, 'libraries';
is field($tool, 'Version'), $version, 'one version';

my ($first) = do { open my $file, '<', "$top/CHANGES" or die; join '', <$file> }
    =~ /Changes with bigcache (\S+)/;
is $version =~ s/[-+~].*//r, $first, 'the version of CHANGES';

is +(run("dpkg-deb -x $module $dir/root && dpkg-deb -x $tool $dir/root"))[0], 0,
    'unpacked';

my $so = "$dir/root/usr/lib/nginx/modules/ngx_http_bigcache_module.so";

ok -f $so, 'the module';
is $t->read_file('root/usr/share/nginx/modules-available/'
    . 'mod-http-bigcache.conf'),
    "load_module modules/ngx_http_bigcache_module.so;\n", 'its configuration';
ok -f "$dir/root/usr/share/doc/libnginx-mod-http-bigcache/$_", $_
    for qw(README.md copyright examples/nginx.conf docs/operations.md);

# what they lead to is there

my $doc = "$dir/root/usr/share/doc/libnginx-mod-http-bigcache";
my @dead;

for my $file ("$doc/README.md", glob "$doc/docs/*.md") {
    my ($text, $in) = (do { local (@ARGV, $/) = $file; <> }, $file =~ m{(.*)/});

    push @dead, map { "$file: $_" } grep { !-e "$in/$_" }
        $text =~ /\]\((?!https?:|#)([^)#]+)/g;
}

is_deeply \@dead, [], 'every link leads to a file of the package';

my $pages = "$dir/root/usr/share/nginx/bigcache";

is join(' ', map { s{^\Q$pages\E/}{}r } sort glob "$pages/{*,assets/*}"),
    'assets assets/docs.js docs.html locations.conf openapi.json ui.html',
    'the pages';
like $t->read_file('root/usr/share/nginx/bigcache/locations.conf'),
    qr{alias "/usr/share/nginx/bigcache/ui\.html"}, 'are served from there';
ok -f "$dir/root/usr/share/man/man1/bigcache.1.gz", 'the manual page';

($status, $output) = run("dpkg-deb --ctrl-tarfile $module"
    . ' | tar -xO ./postinst');
like $output, qr{mod-http-bigcache\.conf:50-mod-http-bigcache\.conf},
    'enabled when it is installed';

# the manual page names what the command does

($status, $output) = run("man -l $dir/root/usr/share/man/man1/bigcache.1.gz"
    . ' | col -b');

SKIP: {
    skip 'no man', 1 if $status;
    like $output, qr/\bbigcache $_\b/, "manual page: $_"
        for (run("$dir/root/usr/bin/bigcache"))[1] =~ /^  (\w+) /mg;
}

# -- served from

$ENV{BIGCACHE_MODULE} = $so;

my $conf = Bigcache::Test->default_conf;

$t->conf($conf)->start;
is $t->request('POST', '/cache/k', '{"value":[1.0]}')->body,
    '{"key":"k","value":[1.0],"expire":null}', 'POST';
is $t->get('/cache/k')->json->{value}[0], 1, 'GET';
is $t->request('POST', '/pickle/raw', 'x' x 100_000)->status, 200, 'POST raw';
is length $t->get('/pickle/raw')->body, 100_000, 'GET raw';
ok $t->stop, 'stops';

is +(run("$dir/root/usr/bin/bigcache ls $dir/store"))[1] =~ tr/\n//, 2,
    'the command lists them';
is +(run("$dir/root/usr/bin/bigcache check $dir/store"))[0], 0, 'and checks';

# -- installed for good, on a file system of its own that is thrown away

SKIP: {
    skip 'no file system to install it on', 1
        if !Bigcache::Test::Machine->possible($t);

    # what README.Debian says, as it stands there

    my ($site) = $t->read_file('root/usr/share/doc/libnginx-mod-http-bigcache/'
        . 'README.Debian') =~ /^(    bigcache_path .*^    \}\n)/ms;
    like $site, qr/include/, 'README.Debian has a configuration';
    $t->write_file('site.conf', $site);

    # and the example, by the commands that are given for it

    my ($commands) = $t->read_file('root/usr/share/doc/'
        . 'libnginx-mod-http-bigcache/README.Debian') =~ /^(    zcat .*?)\n\n/ms;
    my ($certificate) = $t->read_file('root/usr/share/doc/'
        . 'libnginx-mod-http-bigcache/examples/nginx.conf')
        =~ /^# +(openssl req (?:.*\\\n# )*.*)\n/m;
    $t->write_file('example.sh', "set -e\n" . $certificate =~ s/\\\n# +/ /gr
        . "\n$commands\n");

    ($status, $output) = Bigcache::Test::Machine->run($t, <<'END',
dpkg -i /mnt/module.deb /mnt/tool.deb
cp /mnt/site.conf /etc/nginx/conf.d/bigcache.conf
nginx -t
echo IN-USE
nginx -T 2>&1 | grep load_module
bigcache 2>&1 | head -n 1
ls /etc/nginx/modules-enabled | grep bigcache
rm /etc/nginx/conf.d/bigcache.conf
echo EXAMPLE
cp /etc/nginx/nginx.conf /mnt/nginx.conf
sh /mnt/example.sh
nginx -t
nginx -T 2>&1 | grep 'bigcache main'
cp /mnt/nginx.conf /etc/nginx/nginx.conf
rm /etc/nginx/conf.d/bigcache.conf
dpkg -P libnginx-mod-http-bigcache bigcache
nginx -t
echo GONE
ls /etc/nginx/modules-enabled | grep bigcache || :
END
        $module => 'module.deb', $tool => 'tool.deb',
        "$dir/site.conf" => 'site.conf', "$dir/example.sh" => 'example.sh');

    is $status, 0, 'dpkg -i' or diag $output;
    like $output, qr/EXAMPLE\n.*test is successful\n.*bigcache main;/s,
        'and takes the example';
    like $output, qr/IN-USE\n.*load_module .*bigcache/s, 'nginx loads it';
    like $output, qr/^usage: bigcache /m, 'the command is there';
    like $output, qr/^50-mod-http-bigcache\.conf$/m, 'the link is there';
    like $output, qr/GONE\n\z/, 'purged without a rest';
}

done_testing;
