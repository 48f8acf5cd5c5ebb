#!/usr/bin/perl

# The clients for Python: clients/python/tests, which has Django's cache and
# example/big_cache.py work with the server.
#
#     BIGCACHE_PYTHON=env/bin/python
#
# names an interpreter that has another Django than Debian's.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Test::More;

use constant PYTHON => $ENV{BIGCACHE_PYTHON} // '/usr/bin/python3';

plan skip_all => 'no Django for ' . PYTHON
    if system(PYTHON . ' -c "import django" 2>/dev/null') != 0;

my $t = Bigcache::Test->new->conf(
    main => 'worker_processes 2;',
    listen => 'reuseport',
    http => join('', map { "bigcache_path %%DIR%%/$_ zone=$_:1m;\n" }
        qw(one two three)),
    server => 'client_max_body_size 100m; add_header X-Worker $pid always;',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;

            location / {
                bigcache main;
            }
        }
    } . join('', map { qq{
        server {
            listen 127.0.0.1:%%PORT_$_->[0]%%;
            client_max_body_size 100m;

            location / {
                bigcache $_->[1];
            }
        }
    } } [2, 'one'], [3, 'two'], [4, 'three']))->start;

my $python = "$FindBin::Bin/../clients/python";

$ENV{BIGCACHE_URL} = 'http://127.0.0.1:' . $t->port(0);
$ENV{BIGCACHE_SMALL_URL} = 'http://127.0.0.1:' . $t->port(1);
$ENV{BIGCACHE_SERVERS} = join ' ',
    map { 'http://127.0.0.1:' . $t->port($_) } 2 .. 4;
$ENV{PYTHONPATH} = $python;

# -B: nothing is written beside the sources; -b: tests that pass say nothing

open my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', PYTHON, '-B',
    '-m', 'unittest', 'discover', '-b', '-v', '-s', "$python/tests",
    '-t', $python or die "sh: $!\n";

my $said = join '', <$pipe>;
close $pipe;
my $status = $?;

while ($said =~ /^(test_\w+) \(([\w.]+)\) \.\.\. (.*)/mg) {
    my ($name, $of, $result) = ($1, $2, $3);

    $of =~ s/^tests\.//;
    $of =~ s/\.$name\z//;

    like $result, qr/^(?:ok|skipped .*)\z/, "$of: $name";
}

my ($ran) = $said =~ /^Ran (\d+) tests/m;

is(Test::More->builder->current_test, $ran, 'all that were run are listed');
is $status, 0, 'all are well' or diag $said =~ s/.*?(?=^====)//msr;

done_testing;
