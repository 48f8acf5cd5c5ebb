#!/usr/bin/perl

# The image of the Dockerfile, built and run by podman on a base that mmdebstrap
# has made: BIGCACHE_SUITE names another release of Debian than that of this
# machine, BIGCACHE_BASE an archive of such a base.

use strict;
use warnings;

use FindBin;

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 1800 }

use Bigcache::Cluster;
use Bigcache::Test qw(slurp);
use Bigcache::Test::Container;
use Bigcache::Test::Origin;
use Bigcache::Test::Site;
use Cwd qw(abs_path);
use IO::Socket::IP;
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $top = abs_path("$FindBin::Bin/../..");
my $c = Bigcache::Test::Container->new($t);
my $image = 'localhost/bigcache';
my ($port, $app, $api) = map { $t->port($_) } 0 .. 2;

plan skip_all => $c->missing if $c->missing;

my ($suite) = slurp('/etc/os-release') =~ /^VERSION_CODENAME=(\w+)$/m;
my $failed = $c->base('localhost/base', $ENV{BIGCACHE_SUITE} || $suite);

plan skip_all => "no base: $failed" if $failed;

my ($status, $said) = $c->once([], 'localhost/base', 'true');
plan skip_all => "no container starts here: $said" if $status;

subtest 'build' => \&build;
subtest 'as it comes' => \&plain;
subtest 'stops' => \&stops;
subtest 'settings' => \&settings;
subtest 'refused' => \&refused;
subtest 'cluster' => \&cluster;
subtest 'mounted' => \&mounted;
subtest 'compose' => \&compose;
subtest 'compose with a cluster' => \&compose_cluster;

done_testing;


# start(NAME, OPTION ...): and waits for the server

sub start {
    my ($name, @options) = @_;

    $c->start($name, \@options, $image);

    my $up = $t->wait_for(sub {
        eval { $t->get('/none')->status }
            || $c->inspect($name, '.State.Status') eq 'exited' && -1;
    }, 60);

    return 1 if $up && $up > 0;

    diag "$name does not serve:\n", $c->logs($name);

    return 0;
}


sub env { map { ('-e', $_) } @_ }

sub by_name {
    my ($host) = @_;

    return $t->get('/', Host => $host)->status;
}


# hit(URI, HOST): the page, when it comes from the store; on a busy machine some
# requests are passed

sub hit {
    my ($uri, $host) = @_;

    return $t->wait_for(sub {
        my $r = $t->get($uri, Host => $host);
        ($r->header('Cache-Status') // '') =~ /\bhit\b/ && $r->body;
    });
}


# what is built is a copy of this tree as "git clone" makes it, nearly

sub build {
    is system("mkdir $dir/tree && cd $top && tar -c --exclude=./.git"
        . " --exclude=./build --exclude=./data --exclude='./obj-*' ."
        . " | tar -x -C $dir/tree"), 0, 'copied';

    # what Docker of Debian 12 has does not know the options of a RUN

    unlike slurp("$dir/tree/Dockerfile"), qr/^RUN --/m, 'for any builder';

    my ($status, $said) = $c->build("$dir/tree", $image,
        BASE => 'localhost/base');

    is $status, 0, 'podman build' or BAIL_OUT(substr $said, -5000);

    is $c->inspect($image, '.Config.User'), '33:33', 'not for root';
    is $c->inspect($image, '.Config.StopSignal'), 'SIGQUIT', 'SIGQUIT stops it';
    is $c->inspect($image, '.Config.Volumes'), 'map[/var/lib/bigcache:{}]',
        'a volume';
    like $c->inspect($image, '.Config.ExposedPorts'),
        qr/36379.*36380/, 'its ports';

    ($status, $said) = $c->once([], $image, 'sh', '-c',
        'command -v gcc make dpkg-buildpackage; bigcache -v');
    like $said, qr/\Abigcache version: [\d.]+\n\z/,
        'the tool, and no compiler' or diag $said;
}


# as it comes, but for the port

sub plain {
    start('plain', env("BIGCACHE_PORT=$port"), '-v', 'pages:/var/lib/bigcache')
        or return fail 'it starts';

    my $pid = $c->inspect('plain', '.State.Pid');
    my $process = slurp("/proc/$pid/status");

    like $process, qr/^Name:\s+nginx$/m, 'nginx is its first process';
    like $process, qr/^Uid:\s+33\s+33\s+33\s+33$/m, 'which is not root';
    like $process, qr/^CapEff:\s+0+$/m, 'and has no capabilities';
    is_deeply [ grep { slurp("/proc/$_/status") !~ /^Uid:\s+33\s/m }
        $t->children($pid) ], [], 'nor have its workers';

    is $t->request('POST', '/cache/k', '{"value":[1.0]}')->status, 200, 'POST';
    is $t->get('/cache/k')->json->{value}[0], 1, 'GET';
    is $t->get("/$_")->status, 200, "/$_" for qw(ui docs openapi.json metrics);
    is by_name('evil.example'), 421, 'unknown names are refused';
    isnt by_name($_), 421, $_ for 'bigcache', 'localhost', "127.0.0.1:$port";

    SKIP: {
        skip 'no IPv6', 1 if !IO::Socket::IP->new(LocalHost => '::1');

        ok(IO::Socket::IP->new(PeerHost => '::1', PeerPort => $port), 'IPv6');
    }

    is $c->health('plain'), 'healthy', 'it is healthy';
    is $t->request('POST', '/close')->status, 200, 'a closed store';
    is $t->get('/stat/count')->status, 503, 'is not ready';

    # the first minute is that of the start, whose failures are not counted

    like +($c->podman('healthcheck', 'run', 'plain'))[0], qr/[^0]/, 'is not';
    is $t->request('POST', '/open')->status, 200, 'opened';
    is $t->get('/stat/count')->status, 200, 'is ready';
    is +($c->podman('healthcheck', 'run', 'plain'))[0], 0, 'it is again';

    my ($status, $said) = $c->podman('exec', 'plain', 'nginx', '-t');
    is $status, 0, 'nginx -t in it' or diag $said;
    ($status, $said) = $c->podman('kill', '-s', 'HUP', 'plain');
    is $status, 0, 'kill -s HUP' or diag $said;
    ok $t->wait_for(sub { $c->logs('plain') =~ /reconfiguring/ }), 'reloads';
    is $t->get('/cache/k')->status, 200, 'serves on';

    unlike $c->logs('plain'), qr/\[(?:warn|error|crit|alert|emerg)\]/,
        'nothing to complain of' or diag $c->logs('plain');
}


# a request in flight is answered, and what was stored is there

sub stops {
    my $connection = $t->connect->begin('POST', '/pickle/large', 200_000);

    $connection->send('x' x 100_000);

    my $stopped = $t->in_child(sub {
        my $began = time;
        my $status = $c->stop('plain', 60);

        return "status $status, " . (time - $began < 50 ? 'in time' : 'late');
    });

    ok $t->wait_for(sub { $c->logs('plain') =~ /gracefully shutting down/ }),
        'it is told to stop';
    $connection->send('x' x 100_000);
    is $connection->response('POST')->status, 200, 'an upload is answered';
    is $stopped->(), 'status 0, in time', 'then it ends';
    like $c->logs('plain'), qr/\(SIGQUIT\) received/, 'by SIGQUIT';

    $c->remove('plain');

    my ($status, $said) = $c->once(['-v', 'pages:/var/lib/bigcache'], $image,
        'bigcache', 'check', '/var/lib/bigcache');
    is $status, 0, 'the tool, in a container' or diag $said;
    like $said, qr/\A2 keys, .* 0 problems$/m, 'finds both';

    start('again', env("BIGCACHE_PORT=$port"), '-v', 'pages:/var/lib/bigcache');
    is $t->get('/cache/k')->json->{value}[0], 1, 'a new container has them';
    is length $t->get('/pickle/large')->body, 200_000, 'whole';

    is $c->stop('again', 20), 0, 'without a request';
    $c->remove('again');
}


sub settings {
    my $o = Bigcache::Test::Origin->new($t, 1, sub {
        my ($request, $n) = @_;
        return (200, [], "page $n, $request->{header}{host}");
    });

    # with everything read-only that can be

    my $long = join '.', ('n' x 49) x 4;

    start('set', env("BIGCACHE_PORT=$port", "BIGCACHE_API_PORT=$api",
        "BIGCACHE_UPSTREAM=http://127.0.0.1:$app", 'BIGCACHE_TTL=10m',
        'BIGCACHE_MAX_SIZE=64m', 'BIGCACHE_ZONE=2m', 'BIGCACHE_WORKERS=3',
        "BIGCACHE_NAMES=Example.org *.example.com $long",
        'BIGCACHE_ACCESS_LOG=on',
        "BIGCACHE_HEALTH=http://127.0.0.1:$api/stat",

        # what Kubernetes sets for a service of that name, and compose for a
        # variable that is not set

        'BIGCACHE_SERVICE_HOST=10.0.0.1', 'BIGCACHE_SERVICE_PORT=36379',
        'BIGCACHE_PORT_36379_TCP=tcp://10.0.0.1:36379',
        'BIGCACHE_API_SERVICE_PORT_HTTP=1', 'BIGCACHE_UI_PORT=tcp://10.0.0.1:1',
        'SSL_CERT_FILE='),
        qw(--read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all),
        '--security-opt', 'no-new-privileges') or return fail 'it starts';

    my ($status) = $c->podman('exec', 'set', 'touch', '/var/lib/nginx/x');
    isnt $status, 0, 'the file system is read-only';

    like hit('/page', 'example.org'), qr/^page \d+, example\.org$/,
        'a page of the application is stored: it has a lifetime';
    is by_name('a.example.com'), 200, 'a name of many';
    is by_name($long), 200, 'a long one';
    is by_name('example.net'), 421, 'an unknown one';
    is by_name('bigcache'), 200, 'that of the service';

    my $r = $t->request_to(2, 'GET', '/stat');
    is $r->status, 200, 'the API has a port of its own';
    is $r->json->{hot}{size}, 2 << 20, 'the zone';
    is $t->request_to(2, 'GET', '/ui')->status, 200, 'with /ui';

    my $pid = $c->inspect('set', '.State.Pid');
    is scalar(() = $t->children($pid)), 3, 'workers';

    is $c->health('set'), 'healthy', 'healthy, by a URL of its own';
    $t->wait_for(sub { $c->logs('set') =~ m{"GET /stat } });
    like $c->logs('set'), qr{"GET /page HTTP/1\.1" 200}, 'the access log';
    like $c->logs('set'), qr{"GET /stat HTTP/1\.0" 200}, 'has that URL';

    ($status, $said) = $c->podman('exec', 'set', 'nginx', '-T');
    like $said, qr/ max_size=64m /, 'max_size';

    is $c->stop('set', 20), 0, 'stops';
    $c->remove('set');
    $o->stop;

    # a name is looked up in /etc/hosts, or by name servers

    for my $case ([ 'app.test', qr/server app\.test:$app/ ],
        [ 'other.test', qr/resolver \S+ .*?valid=5s/s ])
    {
        my ($name, $line) = @$case;
        ($status, $said) = $c->once([ '--add-host', 'app.test:127.0.0.1',
            env("BIGCACHE_UPSTREAM=http://$name:$app", "BIGCACHE_PORT=$port") ],
            $image, 'nginx', '-T');

        is $status, 0, "nginx -T for $name";
        like $said, $line, 'how it is found';
    }

    ($status, $said) = $c->once([ env('BIGCACHE_PORT=tcp://10.0.0.1:80') ],
        $image, 'nginx', '-T');
    like $said, qr/ listen 36379 default_server;/, 'a service "bigcache"';
}


# one line, which names the setting, and an exit status

sub refused {
    my ($port, $upstream) = map { "BIGCACHE_$_" } qw(PORT UPSTREAM);

    my @cases = map { [ $_, (/^BIGCACHE_(\w+)/)[0] ] } (
        map({ "BIGCACHE_PORT=$_" } qw(x 0 65536 -1)),
        map({ "BIGCACHE_MAX_SIZE=$_" } qw(x 1m 10t 10g=)),
        map({ "BIGCACHE_ZONE=$_" } qw(x 64mb)),
        map({ "BIGCACHE_WORKERS=$_" } qw(0 x 1000)),
        map({ "BIGCACHE_NAMES=$_" } 'a;b', 'a -b', '*', 'a_SERVICE_PORT=1'),
        map({ "BIGCACHE_HEALTH=$_" } qw(x https://127.0.0.1:1/ http://x/)),
        map({ "BIGCACHE_UPSTREAM=$_" } qw(app ftp://app http://u:p@app/
            http://app/path http://app:x https://127.0.0.1), 'http://a;b'),
        'BIGCACHE_ACCESS_LOG=yes', 'BIGCACHE_TTL=10m', 'BIGCACHE_API_PORT=1',
        'BIGCACHE_SIZE=10g', 'BIGCACHE_MAX_SIZES=10g');

    push @cases, [ 'BIGCACHE_TTL=x', 'TTL', "$upstream=http://127.0.0.1:1" ],
        [ 'BIGCACHE_TTL=1m;', 'TTL', "$upstream=http://127.0.0.1:1" ],
        [ 'BIGCACHE_API_PORT=1000', 'API_PORT', "$upstream=http://127.0.0.1:1",
            "$port=1000" ],
        [ "$upstream=http://localhost:1000", 'UPSTREAM', "$port=1000" ];

    for my $case (@cases) {
        my ($setting, $name, @more) = @$case;
        my ($status, $said) = $c->once([ env($setting, @more) ], $image);

        ok $status == 1 && $said =~ /\Abigcache: BIGCACHE_$name\b.*\n\z/,
            "$setting: one line" or diag "status $status: $said";
    }

    # what nginx finds out

    my ($status, $said) = $c->once([ env('BIGCACHE_ZONE=1k') ], $image);
    is $status, 1, 'a zone that nginx refuses';
    like $said, qr/\Abigcache: invalid parameter .*too small.*\n\z/, 'one line';

    # a directory of another user, and no place for nginx's own files

    mkdir "$dir/root";
    ($status, $said) = $c->once([ '-v', "$dir/root:/var/lib/bigcache" ],
        $image);
    is $status, 1, 'a directory of root';
    like $said, qr/\Abigcache: .*\bchown 33:33\b.*\n\z/, 'one line';

    ($status, $said) = $c->once([ qw(--read-only --read-only-tmpfs=false) ],
        $image);
    is $status, 1, 'read-only, without a tmpfs';
    like $said, qr/--tmpfs \/tmp\n\z/, 'what to do';
}


# a store in a cluster: no volume, a password from a file, one line if a setting
# makes no sense

sub cluster {
    my $set = 'BIGCACHE_CLUSTER';
    my $one = "$set=127.0.0.1:1";

    my @cases = map { [ $_, (/^BIGCACHE_(\w+)/)[0] ] }
        map { "$set=$_" } ':', 'a:0', 'a:65536', 'a:x', 'a;b', '[::1', 'r://a',
        'a,b';

    push @cases, map { [ $_, (/^BIGCACHE_(\w+)/)[0], $one ] } (
        "${set}_NAME=a/b", "${set}_NAME=" . 'x' x 65, "${set}_REPLICAS=17",
        "${set}_REPLICAS=x", "${set}_USER=u", "${set}_PASSWORD_FILE=secret",
        "${set}_PASSWORD_FILE=/none", "${set}_PASSWORD_FILE=/dev/null",
        "${set}_TLS=yes", "${set}_TLS_CA=/etc/passwd", "${set}_TLS_NAME=a",
        'BIGCACHE_MAX_SIZE=1g');
    push @cases, map { [ $_, (/^BIGCACHE_(\w+)/)[0], $one, "${set}_TLS=on" ] } (
        "${set}_TLS_CA=ca.pem", "${set}_TLS_CA=/none", "${set}_TLS_NAME=a;b",
        "${set}_TLS_CERT=/etc/passwd");
    push @cases, map { [ "${set}_$_=1", "CLUSTER_$_" ] }
        qw(NAME REPLICAS USER PASSWORD_FILE TLS TLS_CA TLS_NAME);

    for my $case (@cases) {
        my ($setting, $name, @more) = @$case;
        my ($status, $said) = $c->once([ env($setting, @more) ], $image);

        ok $status == 1 && $said =~ /\Abigcache: BIGCACHE_$name\b.*\n\z/,
            "$setting: one line" or diag "status $status: $said";
    }

    my ($status, $said) = $c->once([ env("$set=redis [::1]:7000 a.b:6380",
        "${set}_REPLICAS=1", "${set}_TLS=on", "${set}_TLS_NAME=redis",
        'BIGCACHE_ZONE=2m') ], $image, 'nginx', '-T');
    is $status, 0, 'nginx -T' or diag $said;
    is +($said =~ /^(bigcache_cluster .*)/m)[0], 'bigcache_cluster pages'
        . ' zone=main:2m server=redis server=[::1]:7000 server=a.b:6380'
        . ' replicas=1 tls=on tls_name=redis thread_pool=bigcache;', 'what the configuration has';
    like $said, qr/^thread_pool bigcache threads=32 /m, 'its threads';
    unlike $said, qr/^bigcache_path/m, 'no directory';

    Bigcache::Cluster::program() or return diag 'no redis-server';

    my $redis = Bigcache::Cluster->new(masters => 3);
    $redis->ask($_, 'ACL', 'SETUSER', 'bigcache', 'on', '>pass word', '~{own:*',
        '~{own}*', '+@read', '+@write', '+@scripting', '+time', '+info',
        '+cluster|slots', '+wait', '+asking') for 0 .. 2;
    $t->write_file('secret', "pass word\n");
    chmod 0644, "$dir/secret";

    start('cluster', env("BIGCACHE_PORT=$port", "$set=" . join(' ',
        $redis->servers), "${set}_NAME=own", "${set}_USER=bigcache",
        "${set}_PASSWORD_FILE=/run/secrets/redis"),
        '-v', "$dir/secret:/run/secrets/redis:ro",
        qw(--read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all))
        or return fail 'it starts';

    is $t->request('POST', '/cache/k', '{"value":1}')->status, 200, 'POST';
    is $t->get('/cache/k')->json->{value}, 1, 'GET';
    is $t->request('POST', '/pickle/large', 'x' x 3_000_000)->status, 200,
        'a large page';
    is length $t->get('/pickle/large')->body, 3_000_000, 'as it was';
    is scalar(grep { /^\{own/ } $redis->keys('*')) > 2, 1, 'in the cluster';
    is $t->get('/stat')->json->{in_force}{engine}, 'cluster', 'in force';
    is $c->health('cluster'), 'healthy', 'it is healthy';
    unlike $c->logs('cluster'), qr/\[(?:error|crit|alert|emerg)\]/,
        'nothing to complain of' or diag $c->logs('cluster');
    unlike +($c->podman('exec', 'cluster', 'nginx', '-T'))[1], qr/pass word/,
        'nobody sees the password';
    is $c->stop('cluster', 20), 0, 'stops';
    $c->remove('cluster');

    start('again', env("BIGCACHE_PORT=$port", "$set=" . join(' ',
        $redis->servers), "${set}_NAME=own"), qw(--user 12345:12345));
    is $t->get('/cache/k')->json->{value}, 1, 'any user, any machine';
    $c->stop('again', 20);
    $c->remove('again');
}


sub mounted {
    my $o = Bigcache::Test::Origin->new($t, 1, sub {
        return (200, ['Cache-Control' => 'max-age=600'], "page $_[1]");
    });

    # a file for conf.d: an example, changed as docs/container.md says

    my ($command) = slurp('docs/container.md')
        =~ /^    (sed (?:.*\\\n)*.*) >site\.conf$/m
        or return fail 'a command';

    $t->write_file('site.conf', `$command` =~ s/listen 8080\b/listen $port/gr
        =~ s/app:8000/app:$app/r =~ s/max_size=20g min_free=2g/max_size=1g/r);
    chmod 0644, "$dir/site.conf";

    my @site = ('-v', "$dir/site.conf:/etc/nginx/conf.d/site.conf:ro",
        qw(--add-host app:127.0.0.1));

    start('site', @site, env('BIGCACHE_WORKERS=1',
        "BIGCACHE_HEALTH=http://127.0.0.1:$port/")) or return fail 'it starts';
    like hit('/', 'example.org'), qr/^page \d+$/, 'a page is stored';
    is $c->health('site'), 'healthy', 'healthy';
    is $c->stop('site', 20), 0, 'stops';
    $c->remove('site');

    # nginx.conf, with the places that Debian's nginx has

    $t->write_file('own.conf', <<"END");
load_module modules/ngx_http_bigcache_module.so;
user www-data;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;
events { }
http {
    access_log /var/log/nginx/access.log;
    bigcache_path /var/lib/bigcache zone=main:1m;
    server {
        listen 127.0.0.1:$port;
        location / { bigcache main; add_header X-Own yes always; }
    }
}
END
    chmod 0644, "$dir/own.conf";

    my @own = ('-v', "$dir/own.conf:/etc/nginx/nginx.conf:ro");

    start('own', @own) or return fail 'it starts';
    is $t->get('/cache/x')->header('X-Own'), 'yes', 'all of it is in force';
    is $c->health('own'), 'healthy', 'healthy';

    my ($status, $said) = $c->podman('exec', 'own', 'nginx', '-t');
    is $status, 0, 'nginx -t in it' or diag $said;
    ($status, $said) = $c->podman('exec', 'own', 'cat', '/run/nginx.pid');
    is $said, "1\n", 'its pid file';

    $t->wait_for(sub { $c->logs('own') =~ m{"GET /cache/x } });
    like $c->logs('own'), qr{"GET /cache/x HTTP/1\.1" 404}, 'its log';
    is $c->stop('own', 20), 0, 'stops';
    $t->wait_for(sub { $c->logs('own') =~ /\[notice\].*exit$/m });
    like $c->logs('own'), qr/\[notice\].*exit/, 'its error log';
    unlike $c->logs('own'), qr/\[alert\]/, 'without alerts';
    $c->remove('own');

    for my $case ([ 'BIGCACHE_WORKERS=1', @own ],
        [ 'BIGCACHE_ZONE=1m', @site ])
    {
        my ($setting, @mount) = @$case;
        ($status, $said) = $c->once([ @mount, env($setting) ], $image);

        is $status, 1, "$setting beside it";
        like $said, qr/\Abigcache: \w+ has no effect .*\n\z/, 'is refused';
    }

    $t->write_file('own.conf', "events { }\nhttp { nonsense; }\n");
    ($status, $said) = $c->once(\@own, $image);
    is $status, 1, 'one that nginx refuses';
    like $said, qr/\Abigcache: unknown directive "nonsense" in .*\n\z/,
        'in one line';
    $o->stop;
}


# example/compose.yml: the site by the command, and the cache with the settings,
# that it has there

sub compose {
    my $file = slurp('example/compose.yml');
    my ($service) = $file =~ /^  bigcache:\n(.*?)\n\n/ms
        or return fail 'a service';
    my ($set) = $service =~ /^    environment:\n((?:      .*\n)+)/m;
    my %set = $set =~ /^ +(\w+): (.*)$/mg;

    is join(' ', sort keys %set),
        'BIGCACHE_MAX_SIZE BIGCACHE_NAMES BIGCACHE_UPSTREAM', 'settings';
    like $service, qr/^    $_$/m, $_ for 'read_only: true', 'tmpfs: /tmp',
        'cap_drop: \[ALL\]';
    like $service, qr{^      - pages:/var/lib/bigcache$}m, 'the volume';

    $set{BIGCACHE_UPSTREAM} =~ s/:8000$/:$app/ or fail 'the port of gunicorn';

    my ($command) = $file =~ /^    command: (gunicorn .*)$/m;

    $command =~ s/ 0\.0\.0\.0:8000 / 127.0.0.1:$app / or fail 'its command';
    django($command) or return;

    start('compose', env(map({ "$_=$set{$_}" } sort keys %set),
        "BIGCACHE_PORT=$port", "BIGCACHE_API_PORT=$api"),
        qw(--add-host app:127.0.0.1 --read-only --read-only-tmpfs=false),
        qw(--tmpfs /tmp --cap-drop all)) or return fail 'it starts';

    for my $name (qw(example.org www.example.org)) {
        my $page = hit('/', $name);

        like $page, qr/^page \S+ for \Q$name\E$/, "$name: a page of Django";
        is hit('/', $name), $page, 'is stored';
    }

    isnt $t->get('/now/', Host => 'example.org')->body,
        $t->get('/now/', Host => 'example.org')->body,
        'one without a lifetime is not';
    is by_name('example.net'), 421, 'an unknown name';
    is $c->health('compose'), 'healthy', 'healthy';
    is $c->stop('compose', 20), 0, 'stops';
    $c->remove('compose');
}


# example/compose-cluster.yml: the servers and the cluster by its commands, on the
# machine, and the cache with the settings that it has there

sub compose_cluster {
    Bigcache::Cluster::program() or return plan skip_all => 'no redis-server';
    return plan skip_all => 'no redis-cli'
        if system 'command -v redis-cli >/dev/null';

    # what YAML makes of a folded text, and compose of a dollar sign

    my $file = slurp('example/compose-cluster.yml');
    my ($run, $make) = map { s/\n +/ /gr =~ s/\$\$/\$/gr }
        $file =~ /^ +command: >-\n +(.*?)(?=\n +restart:)/msg;
    my %set = $file =~ /^      (BIGCACHE_\w+): (.*)$/mg;

    is join(' ', sort keys %set),
        'BIGCACHE_CLUSTER BIGCACHE_CLUSTER_PASSWORD_FILE', 'settings';
    is scalar(() = $file =~ /^  redis-\d:\n    <<: \*redis$/mg), 3, 'servers';

    $t->write_file('secret', "word of three\n");
    chmod 0644, "$dir/secret";

    my $site = Bigcache::Test::Site->new($t);
    my (@ports, @pids);

    for my $n (1 .. 3) {
        push @ports, Bigcache::Test::cluster_port();
        mkdir "$dir/redis$n";
        push @pids, $site->run({}, 'sh', '-c', here($run
            =~ s{/data}{$dir/redis$n}r =~ s/redis-server/redis-server --port $ports[-1]/r
            =~ s/^sh -c '(.*)'$/$1/r));
    }

    my @addresses = map { "127.0.0.1:$_" } @ports;
    my $moved = sub { my ($text) = @_; $text =~ s/172\.30\.30\.1$_:6379/$addresses[
        $_ - 1]/g for 1 .. 3; $text };
    my $script = $moved->(here($make =~ s/^sh -c '(.*)'$/$1/r
        =~ s/-h 172\.30\.30\.11/-h 127.0.0.1 -p $ports[0]/r));

    $t->write_file('make.sh', $script);
    ok $t->wait_for(sub { system("sh $dir/make.sh >$dir/out 2>&1") == 0 }, 60),
        'the cluster is made' or diag $t->read_file('out');
    ok $t->wait_for(sub { system("sh $dir/make.sh >$dir/out 2>&1") == 0 }, 60),
        'and left as it is then' or diag $t->read_file('out');
    unlike $t->read_file('out'), qr/ERR|Creating|>>>/, 'by the same command';

    start('composed', env(map({ "$_=" . $moved->($set{$_}) } sort keys %set),
        "BIGCACHE_PORT=$port"), '-v', "$dir/secret:/run/secrets/redis:ro",
        qw(--read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all))
        or return fail 'it starts';

    ok $t->wait_for(sub { $t->request('POST', '/cache/k', '{"value":1}')->status
        == 200 }), 'stores';
    is $c->health('composed'), 'healthy', 'healthy';
    is $c->stop('composed', 20), 0, 'stops';
    $c->remove('composed');
    $site->end($_) for @pids;
}


# here(COMMAND): with the password of this machine

sub here {
    my ($command) = @_;

    return $command =~ s{/run/secrets/redis}{$dir/secret}gr;
}


# django(COMMAND): the site, on the machine

sub django {
    my ($command) = @_;

    for my $program (qw(gunicorn django-admin)) {
        next if !system "command -v $program >$dir/out 2>&1";
        diag "no $program, and so no site";
        return 0;
    }

    mkdir "$dir/mysite";
    $t->write_file('mysite/__init__.py', '');
    $t->write_file('mysite/settings.py', <<'END');
SECRET_KEY = 'not a secret'
ALLOWED_HOSTS = ['example.org', 'www.example.org']
ROOT_URLCONF = 'mysite.urls'
END
    $t->write_file('mysite/urls.py', <<'END');
import uuid
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_control

def now(request):
    return HttpResponse('page %s for %s' % (uuid.uuid4(), request.get_host()))

urlpatterns = [path('', cache_control(max_age=600)(now)), path('now/', now)]
END
    $t->write_file('mysite/wsgi.py', 'from django.core.wsgi import'
        . " get_wsgi_application\napplication = get_wsgi_application()\n");

    my $site = Bigcache::Test::Site->new($t);
    my %env = (DJANGO_SETTINGS_MODULE => 'mysite.settings',
        PYTHONPATH => $dir, PYTHONDONTWRITEBYTECODE => 1);
    my $pid = $site->run(\%env, split ' ', $command);

    my $up = $t->wait_for(sub {
        !$site->runs($pid) || eval { $t->request_to(1, 'GET', '/now/', undef,
            Host => 'example.org')->status == 200 };
    }, 60);

    return ok($up && $site->runs($pid), 'the site runs')
        || diag $t->read_file('site.log');
}
