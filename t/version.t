#!/usr/bin/perl

# The sources, the documents and the packages name the same version, and
# nginx, /metrics and the command bigcache tell it.

use strict;
use warnings;

use FindBin;
use Bigcache::Test qw(slurp);
use JSON::PP ();
use Test::More;

my $top = "$FindBin::Bin/..";
my $tool = $ENV{BIGCACHE_TOOL} || "$top/build/bigcache";


my ($version) = slurp('src/base/bigcache_release.h')
    =~ /^#define BIGCACHE_VERSION  "([^"]+)"$/m;

like $version, qr/^\d+\.\d+\.\d+\z/, 'the version of the sources';

# -- where else it stands

my %places = (
    CHANGES => qr/^\nChanges with bigcache (\S+) /,
    'debian/changelog' => qr/^bigcache \(([^)]+)\)/,
    'docs/bigcache.1' => qr/^\.TH BIGCACHE 1 "[^"]+" "bigcache ([^"]+)"/,
    'clients/python/django_bigcache/__init__.py' =>
        qr/^__version__ = '([^']+)'$/m,
);

for my $name (sort keys %places) {
    my ($said) = slurp($name) =~ $places{$name};

    is $said, $version, $name;
}

is JSON::PP::decode_json(slurp('web/openapi.json'))->{info}{version}, $version,
    'web/openapi.json';

# -- who tells it

my $conf = Bigcache::Test->default_conf(main => 'worker_processes 2;');

my $t = Bigcache::Test->new->conf($conf);
my ($status, $output) = $t->nginx_t($conf);

is $status, 0, 'nginx -t';
unlike $output, qr/bigcache version/, 'nginx -t: it is not in the log';

$t->start;
ok $t->reload, 'a reload';

my @lines = $t->error_log =~ /(\[\w+\] .*bigcache version .*)/g;

is @lines, 1, 'one line at the start' or diag @lines;
like $lines[0], qr/^\[notice\] .* bigcache version \Q$version\E$/, 'it says';
like $t->get('/metrics')->body,
    qr/^bigcache_info\{version="\Q$version\E"\} 1$/m, '/metrics';

SKIP: {
    skip "no $tool", 4 if !-x $tool;

    is qx{'$tool' -v}, "bigcache version: $version\n", 'bigcache -v';
    is $?, 0, 'its status';
    like qx{'$tool' -V}, qr/^bigcache version: \Q$version\E\n/, 'bigcache -V';
    like qx{'$tool' -V}, qr/\nLevelDB\ \S+,\ cJSON\ \S+,\ libdeflate\ [\d.]+
        (?:,\ ISA-L\ [\d.]+)?\n\z/x,
        'its libraries';
}

done_testing;
