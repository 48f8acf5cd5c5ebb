#!/usr/bin/perl

# The rules of HTTP for caches, by the suite http-cache-tests of npm: bigcache
# is between its client and its server, and passes all tests that it calls
# required, but for those in the list below.

use strict;
use warnings;

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 600 }

use Bigcache::Test;
use JSON::PP qw(decode_json);
use Test::More;

use constant VERSION => '0.4.5';
use constant SHA512 => '0e3bb037d9d46572d35bec1abf52d1112099355c65f12b21c0ecb8cf5a71b966'
    . 'd6b79fdacbab0cf5043595e6c16833ba3f520c0682ba99d7fe3ee54ffd034bf0';

# a test that is not passed, and why

my $older = 'RFC 9111, which is newer than this suite, says the opposite';
my $cookie = 'a stored page never has a Set-Cookie';
my $own = 'the answer of nginx has none of the fields that the suite knows';

my %known = (
    'age-parse-dup-0' => $older,
    'age-parse-dup-0-twoline' => $older,
    'age-parse-dup-old' => $older,
    'age-parse-float' => $older,
    'age-parse-negative' => $older,
    'age-parse-nonnumeric' => $older,
    'age-parse-prefix-twoline' => $older,
    '304-etag-update-response-Set-Cookie' => $cookie,
    'headers-store-Set-Cookie' => $cookie,
    'headers-store-Transfer-Encoding' =>
        'nginx takes no answer with an unknown Transfer-Encoding',
    'stale-close-must-revalidate' => $own,
    'stale-close-no-cache' => $own,
    'stale-close-proxy-revalidate' => $own,
    'stale-close-s-maxage=2' => $own,
);

my $t = Bigcache::Test->new;
my $dir = $t->dir;

plan skip_all => 'npm is not installed' if system 'command -v npm >/dev/null';

is system("cd $dir && npm pack --ignore-scripts --cache $dir/npm"
    . ' --fetch-retries 1 http-cache-tests@' . VERSION
    . " >$dir/npm.log 2>&1 </dev/null"), 0, 'the suite is fetched'
    or BAIL_OUT($t->read_file('npm.log'));

my $file = 'http-cache-tests-' . VERSION . '.tgz';

like `sha512sum $dir/$file`, qr/^${\SHA512} /, 'it is the file that it was';
is system("tar -xzf $dir/$file -C $dir --no-same-owner"), 0, 'unpacked';

# its server listens everywhere, and its client is older than node's own fetch()

my $server = $t->read_file('package/server/server.mjs');
ok $server =~ s/listen\(port\)/listen(port, '127.0.0.1')/, 'its server';
$t->write_file('package/server/server.mjs', $server);

mkdir "$dir/package/node_modules";
mkdir "$dir/package/node_modules/node-fetch";
$t->write_file('package/node_modules/node-fetch/package.json',
    '{"type":"module","exports":"./index.js"}');
$t->write_file('package/node_modules/node-fetch/index.js',
    "export default globalThis.fetch\n");

$t->write_file('package/kinds.mjs', <<'END');
import tests from './tests/index.mjs'

const kinds = {}

for (const suite of tests) {
  for (const test of suite.tests) {
    if (!test.browser_only) {
      kinds[test.id] = test.kind || 'required'
    }
  }
}

console.log(JSON.stringify(kinds))
END

my $port = $t->port(1);
my $pid = fork // die "fork: $!\n";

if (!$pid) {
    chdir "$dir/package";
    @ENV{qw(npm_config_protocol npm_config_port npm_config_pidfile)}
        = ('http', $port, "$dir/server.pid");
    open STDOUT, '>', "$dir/server.log";
    open STDERR, '>&', \*STDOUT;
    exec qw(setpriv --pdeathsig TERM node server/server.mjs);
}

$t->wait_for(sub { $t->read_file('server.log') =~ /Listening/ })
    or BAIL_OUT('the server does not listen: ' . $t->read_file('server.log'));

$t->conf(http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
    . ' proxy_set_header Host $http_host;',
    location => 'bigcache_pages off;', servers => q{
    server {
        listen 127.0.0.1:%%PORT_2%%;
        location / {
            bigcache_pages main;
            bigcache_lookup_timeout 10s;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

my $client = 'http://127.0.0.1:' . $t->port(2);

# results(WHEN): of all tests, 25 at a time

sub results {
    is system("cd $dir/package && npm_config_base=$client npm_config_id="
        . ' npm_package_config_id= node --no-warnings cli.mjs'
        . " >$dir/results.json 2>$dir/client.log </dev/null"), 0,
        "the tests run $_[0]" or diag $t->read_file('client.log');

    return decode_json($t->read_file('results.json'));
}

sub passed { return $_[0] && ref $_[0] ne 'ARRAY' }

my $results = results('once');
my $kinds = decode_json(`cd $dir/package && node --no-warnings kinds.mjs`);
my @again = grep { $kinds->{$_} eq 'required' && !$known{$_}
    && !passed($results->{$_}) } sort keys %$kinds;

# the tests count seconds, and a busy machine may have taken them

if (@again) {
    diag "again: @again";

    my $second = results('again');
    $results->{$_} = $second->{$_} for @again;
}

kill 'TERM', $pid;
waitpid $pid, 0;

my %passed;

for my $id (sort keys %$kinds) {
    my $passed = passed($results->{$id});

    $passed{$kinds->{$id}}++ if $passed;
    next if $kinds->{$id} ne 'required';

    if ($known{$id}) {
        ok !$passed, "$id: $known{$id}";
    } else {
        ok $passed, $id or diag JSON::PP::encode_json([$results->{$id}]);
    }
}

# some tests fail since another one, which they depend on, is not passed

cmp_ok scalar(grep { $_ ne $older } values %known), '<=', 10,
    'few are known to fail';
cmp_ok $passed{required}, '>', 100, 'and many pass';

for my $kind (sort keys %passed) {
    note sprintf '%s: %d of %d', $kind, $passed{$kind},
        scalar grep { $_ eq $kind } values %$kinds;
}

# the suite makes its server close connections

$t->expect_log(qr/upstream prematurely closed connection/);

done_testing;
