#!/usr/bin/perl

# ./build.sh install: what it says that one should do is done, word for word, on
# a copy of this machine, and nginx serves from what it has installed.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
use Bigcache::Test::Machine;
use Cwd qw(abs_path);
use Test::More;

my $t = Bigcache::Test->new;
my $top = abs_path("$FindBin::Bin/../..");
my $port = $t->port(0);

plan skip_all => 'no file system to install it on'
    if !Bigcache::Test::Machine->possible($t);
plan skip_all => 'no nginx that is installed'
    if !-x '/usr/sbin/nginx' || $ENV{NGX_SRC};

# the sources, and of what they become only what was fetched

system('tar', '-C', $top, '-cf', $t->dir . '/tree.tar', '--exclude=./.git',
    '--exclude=./data', '--exclude=./obj-*', '--exclude=./build/[!w]*',
    '.') == 0 or die "tar failed\n";

$t->write_file('configure.pl', <<'END');
my ($said, $port) = @ARGV;
open my $file, '<', $said or die;
my ($top, $http, $server)
    = join('', <$file>) =~ /^((?:    .*\n|\n)*    \S.*\n)/mg
    or die;
print "$top\nerror_log /mnt/error.log;\nevents { }\nhttp {\n$http\n",
    "server {\nlisten 127.0.0.1:$port;\n$server}\n}\n";
END

my ($status, $output) = Bigcache::Test::Machine->run($t, <<"END",
mkdir /mnt/tree
tar -C /mnt/tree -xf /mnt/tree.tar
cd /mnt/tree
unset BIGCACHE_MODULE BIGCACHE_NGINX MAKEFLAGS MAKELEVEL
touch /mnt/before
(umask 077; ./build.sh install >/mnt/said)
find /usr/lib/nginx/modules /usr/share/nginx/bigcache /etc/nginx -newer \\
    /mnt/before \! -type l \! -perm -o=r -printf 'UNREADABLE %p\\n'
sed 's/^          //' /mnt/said | sed -n 's/^installed //; 1,/^\$/p'
rm -rf /mnt/tree
perl /mnt/configure.pl /mnt/said $port >/etc/nginx/nginx.conf
echo SAID
cat /mnt/said
nginx -t 2>&1
nginx
trap 'nginx -s stop' EXIT
i=0
until curl -s -o /mnt/nothing http://127.0.0.1:$port/stat/count; do
    i=\$((i + 1)); [ \$i -lt 100 ]; sleep 0.1
done
curl -s -d '{"value":[1.0]}' http://127.0.0.1:$port/cache/k; echo
for page in docs docs/assets/docs.js openapi.json ui; do
    curl -s -o /mnt/page -w '%{http_code} %{url_effective}\\n' \\
        http://127.0.0.1:$port/\$page
done
cat /mnt/error.log
sed 's|/etc/nginx/bigcache.crt|/mnt/crt|; s|/etc/nginx/bigcache.key|/mnt/key|' \\
    /etc/nginx/bigcache.conf.example >/etc/nginx/example.conf
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -keyout /mnt/key \\
    -out /mnt/crt 2>/mnt/nothing
nginx -s stop
trap - EXIT
rm -rf /var/lib/bigcache
nginx -t -c /etc/nginx/example.conf 2>&1
END
    $t->dir . '/configure.pl' => 'configure.pl',
    $t->dir . '/tree.tar' => 'tree.tar');

is $status, 0, 'all of it was done' or diag $output;

like $output, qr{^/usr/lib/nginx/modules/ngx_http_bigcache_module\.so$}m,
    'it says where the module is';
like $output, qr{^/usr/share/nginx/bigcache$}m, 'and the pages';
unlike $output, qr/^UNREADABLE/m, 'workers can read them, whatever the umask'
    or diag $output;
like $output, qr/^\{"key":"k","value":\[1\.0\],"expire":null\}$/m, 'POST';
like $output, qr{^200 http://127\.0\.0\.1:$port/$_$}m, $_
    for qw(docs docs/assets/docs.js openapi.json ui);
like $output, qr/example\.conf test is successful/, 'the example is valid';
unlike $output, qr/\[(?:alert|emerg|crit|error)\]/, 'nothing is wrong'
    or diag $output;

done_testing;
