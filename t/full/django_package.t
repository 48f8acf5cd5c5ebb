#!/usr/bin/perl

# The package django-bigcache: pip makes and installs it, and it holds what it
# should.

use strict;
use warnings;

use Bigcache::Test qw(slurp);
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $source = "$FindBin::Bin/../../clients/python";
my $dir = tempdir(CLEANUP => 1);

my ($version) = slurp('src/base/bigcache_release.h')
    =~ /^#define BIGCACHE_VERSION  "([^"]+)"$/m;

plan skip_all => 'no python3-venv, python3-setuptools, python3-wheel'
    if system("/usr/bin/python3 -c 'import ensurepip, setuptools, wheel' "
        . '2>/dev/null') != 0;

# a copy, since setuptools writes beside the sources

my $said = qx{
    (cp -r '$source' $dir/source && cd $dir &&
    rm -rf source/build source/*.egg-info &&
    /usr/bin/python3 -m venv --system-site-packages env &&
    env/bin/pip install --no-build-isolation --no-index ./source) 2>&1
};

is $?, 0, 'it is installed' or diag $said;

my $run = "cd $dir && env/bin/python -c";

is qx{$run 'import django_bigcache as b; print(b.__version__)'}, "$version\n",
    'and imported';
like qx{$run 'import django_bigcache as b; print(b.__file__)'},
    qr{^$dir/env/lib/}, 'from where pip has put it';

my ($site) = glob "$dir/env/lib/*/site-packages";

is join(' ', map { s{.*/}{}r } grep { -e } glob "$site/{*bigcache*,tests}"),
    "django_bigcache django_bigcache-$version.dist-info", 'packages';
is join(' ', map { s{.*/}{}r } glob "$site/django_bigcache/*.py"),
    '__init__.py aio.py backend.py calls.py client.py cluster.py '
    . 'connection.py core.py keys.py location.py pool.py ring.py '
    . 'serializers.py tags.py wire.py', 'modules';
ok -e "$site/django_bigcache/py.typed", 'its types are for others, too';

my $meta = qx{cat $site/django_bigcache-*/METADATA};

like $meta, qr/^Requires-Dist: Django[ (]*>=3\.2/m, 'what it needs';
like $meta, qr/^# django-bigcache$/m, 'its description';
like $meta, qr/^Version: 0\.2\.0$/m, 'its version';
like $meta, qr/^Classifier: Framework :: Django :: $_$/m, "Django $_"
    for '3.2', '4.2', '5.2';

my ($license) = grep { -e } map { glob "$site/django_bigcache-*/$_" }
    'LICENSE', 'licenses/LICENSE';

ok defined $license
    && system("cmp -s '$license' '$FindBin::Bin/../../LICENSE'") == 0,
    'the license is in it';

# the archive of sources, from which pip makes the same

my $setup = 'import setuptools; setuptools.setup()';

$said = qx{
    (cd $dir/source && /usr/bin/python3 -c '$setup' -q sdist -d ../dist &&
    cd .. && /usr/bin/python3 -m venv --system-site-packages other &&
    other/bin/pip install --no-build-isolation --no-index dist/*.tar.gz) 2>&1
};

is $?, 0, 'it is installed from its sources' or diag $said;
my ($again) = glob "$dir/other/lib/*/site-packages";

is qx{diff -r -x __pycache__ $site/django_bigcache $again/django_bigcache 2>&1},
    '', 'with the same modules';

# the types, which mypy of Debian checks

SKIP: {
    skip 'no mypy', 1 if system('mypy --version >/dev/null 2>&1') != 0;

    $said = qx{(cd $dir/source && mypy --cache-dir ../mypy -p django_bigcache) 2>&1};
    is $?, 0, 'mypy' or diag $said;
}

done_testing;
