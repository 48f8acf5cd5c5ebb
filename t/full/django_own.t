#!/usr/bin/perl

# The tests that Django has for its own caches, BaseCacheTests, on bigcache.
# Debian's package does not hold them, its source does; apt has it, from where
# the machine has its packages.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Test::More;

use constant PYTHON => '/usr/bin/python3';

plan skip_all => 'no python3-django'
    if system(PYTHON . ' -c "import django" 2>/dev/null') != 0;

my $t = Bigcache::Test->new;
my $dir = $t->dir . '/django';

mkdir $dir or die "$dir: $!\n";

my $said = get_source();
my ($source) = glob "$dir/*.orig.tar.*";

plan skip_all => "no source of Django: $said" if !defined $source;

$t->conf(
    main => 'worker_processes 2;',
    server => 'client_max_body_size 100m;')->start;

is system("tar -xf '$source' -C '$dir' --strip-components=2 "
    . "--wildcards '*/tests/cache'"), 0, 'they are unpacked';

open my $file, '>', "$dir/on_bigcache.py" or die "on_bigcache.py: $!\n";
print $file <<'EOF2';
import os
import sys
import unittest

import django
from django.conf import settings

BACKEND = {
    'BACKEND': 'django_bigcache.BigCacheBackend',
    'LOCATION': os.environ['BIGCACHE_URL'],
}

settings.configure(
    CACHES={'default': BACKEND},
    DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3',
                           'NAME': ':memory:'}},
    DEFAULT_AUTO_FIELD='django.db.models.AutoField',
    INSTALLED_APPS=['cache'],
    SECRET_KEY='none',
)
django.setup()

from django.core.cache import cache
from django.test import TestCase, override_settings
from django.test.runner import DiscoverRunner

from cache import tests

# README.md of the client says why

EXPECTED = {
    'test_cull', 'test_zero_cull', 'test_invalid_key_characters',
    'test_invalid_key_length', 'test_invalid_with_version_key_length',
}


@override_settings(CACHES=tests.caches_setting_for_tests(
    base=BACKEND, OPTIONS={'SOCKET_TIMEOUT': 30, 'RAISE': True}))
class BigcacheTests(tests.BaseCacheTests, TestCase):
    def tearDown(self):
        cache.clear()


for name in EXPECTED:
    if hasattr(BigcacheTests, name):
        setattr(BigcacheTests, name,
                unittest.expectedFailure(getattr(BigcacheTests, name)))

runner = DiscoverRunner(verbosity=0)
runner.setup_test_environment()
databases = runner.setup_databases()

every = list(unittest.TestLoader().loadTestsFromTestCase(BigcacheTests))
result = unittest.TextTestRunner(sys.stdout).run(unittest.TestSuite(every))

runner.teardown_databases(databases)
came_to = {}

for what in ('failures', 'errors', 'skipped', 'expectedFailures'):
    came_to.update((test.id(), what) for test, _ in getattr(result, what))

for test in result.unexpectedSuccesses:
    came_to[test.id()] = 'unexpected success'

for test in every:
    print('RESULT', test.id(), came_to.get(test.id(), 'ok'))
EOF2
close $file;

$ENV{BIGCACHE_URL} = 'http://127.0.0.1:' . $t->port(0);
$ENV{PYTHONPATH} = "$FindBin::Bin/../../clients/python:$dir";

$said = qx{cd '$dir' && @{[ PYTHON ]} -B on_bigcache.py 2>&1};

is $?, 0, 'they are run' or diag $said;

my %result = $said =~ /^RESULT \S+\.(test_\w+) (.*)$/mg;

like $result{$_}, qr/^(?:ok|expectedFailures)\z/, $_ for sort keys %result;

my ($ran) = $said =~ /^Ran (\d+) tests/m;

is scalar keys %result, $ran, 'all that were run are listed';
cmp_ok $ran // 0, '>', 40, 'these are many';
like $said, qr/^OK\b/m, 'and nothing else went wrong' or diag $said;
ok $t->stop, 'stops';

done_testing;


# the sources of the packages that the machine knows, by an index of our own

sub get_source {
    my @lines = grep { /^deb-src/ } qx{apt-get indextargets --format \\
        'deb-src \$(REPO_URI) \$(RELEASE) \$(COMPONENT)' \\
        'Created-By: Packages' 'Origin: Debian' 2>&1};

    return 'apt knows no packages' if !@lines;

    open my $list, '>', "$dir/sources.list" or die "sources.list: $!\n";
    print $list @lines;
    close $list;

    mkdir "$dir/lists";
    mkdir "$dir/archives";

    my $apt = "apt-get -q -o Dir::Etc::sourcelist=$dir/sources.list "
        . '-o Dir::Etc::sourceparts=- -o APT::Sandbox::User= '
        . "-o Dir::State::lists=$dir/lists -o Dir::Cache=$dir/archives "
        . '-o Acquire::Retries=2';

    my $said = qx{(cd $dir && $apt update &&
        $apt source --download-only --tar-only python-django) 2>&1};

    return $said =~ /^(E: .*)/m ? $1 : 'apt-get failed';
}
