#!/usr/bin/perl

# The roles of example/nginx.conf: that very file, with other paths, ports and
# addresses.  What each role may do, by address, token and password; and the
# ways around it, none of which may lead anywhere.

use strict;
use warnings;
no warnings 'qw';

use FindBin;
use Bigcache::Test qw(slurp);
use Bigcache::Test::Connection;
use MIME::Base64;
use Test::More;
use Time::HiRes qw(time);

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $version = `${\$t->nginx} -V 2>&1`;

for my $module (qw(http_ssl http_v2 http_secure_link)) {
    plan skip_all => "nginx without $module" if $version !~ /${module}_module/;
}

plan skip_all => 'no openssl' if system "command -v openssl >$dir/out 2>&1";

my $example = slurp('example/nginx.conf');


# the commands that the file gives, as they stand there

sub commands {
    my ($regex) = @_;

    my ($command) = $example =~ /^\s*#\s+($regex)$/m or die "no $regex\n";

    return $command;
}


sub run {
    my ($command) = @_;

    my $output = `{ $command; } 2>$dir/out`;
    $? == 0 or die "$command: " . $t->read_file('out');
    chomp $output;

    return $output;
}


my ($certificate) = $example =~ /^# +(openssl req (?:.*\\\n# )*.*)\n/m
    or die "no certificate\n";

run($certificate =~ s/\\\n# +/ /gr =~ s{/etc/nginx/}{$dir/}gr);
$t->write_file('bigcache.users', join '', map {
    "$_:" . run("openssl passwd -6 secret-of-$_") . "\n"
} qw(alice bob carol mallory));
chmod 0644, "$dir/bigcache.users";

my ($make, $digest) = commands('token=deploy.*; echo "\$token"')
    =~ s/; echo.*//r;
$digest = commands('printf %s "\$token" .*');

my %token;

for my $name (qw(crawler deploy prometheus operator)) {
    $token{$name} = run($make =~ s/deploy/$name/r . '; echo "$token"');
    like $token{$name}, qr/^$name\.[0-9a-f]{64}$/, "token of $name";
}


# conf(DIGESTS): the example; each replacement has to find its place

sub conf {
    my ($with_digests) = @_;

    my $conf = $example;

    my @replace = (
        [ qr/^load_module .*;$/m, '%%MODULE%%' ],
        [ qr/^user .*;$/m, '' ],
        [ qr/^error_log .*;$/m, '' ],
        [ qr/^worker_rlimit_nofile .*;$/m, '' ],
        [ qr/^http \{$/m, "http {\n%%HTTP%%" ],
        [ qr/^\s*access_log .*;$/m, "access_log $dir/access.log cache;" ],
        [ qr{/var/lib/bigcache}, "$dir/store" ],
        [ qr/\s+min_free=2g/, '' ],
        [ qr{/etc/nginx/bigcache}, "$dir/bigcache", 3 ],
        [ qr/127\.0\.0\.1:36379/, '127.0.0.1:%%PORT_0%%', 2 ],
        [ qr/listen 36380/, 'listen 127.0.0.1:%%PORT_1%%', 2 ],
        [ qr{/usr/share/nginx/bigcache}, "$FindBin::Bin/../build/web" ],
        [ qr/\b192\.0\.2\./, '127.0.2.', 3 ],
    );

    if ($with_digests) {
        push @replace, map {
            my $value = run("token=$token{$_}; $digest");
            [ qr/(?<=^        $_) +"the-digest-of-its-token";$/m,
                " \"$value\";" ];
        } keys %token;
    }

    $conf =~ s/^\s*#.*\n//mg;

    for (@replace) {
        my ($from, $to, $times) = @$_;
        my $n = $conf =~ s/$from/$to/g;
        $n == ($times // 1) or die "$from: $n times in the example\n";
    }

    return $conf;
}


# whom(...): where a request comes from, and what it says of who sends it

my $stranger = 0;


sub stranger { '127.0.3.' . (1 + $stranger++ % 250) }
sub token { (Authorization => "Bearer $token{$_[0]}") }

sub password {
    my ($user, $password) = @_;

    return (Authorization => 'Basic '
        . encode_base64("$user:" . ($password // "secret-of-$user"), ''));
}


sub ask {
    my ($address, $method, $path, $body, @headers) = @_;

    return Bigcache::Test::Connection->new($t->port, $address || stranger())
        ->request($method, $path, $body, Connection => 'close', @headers);
}


sub admin { ask('127.0.2.7', @_) }

sub stored {
    my $r = admin(GET => '/cache/k');
    my $count = admin(GET => '/stat/count');

    return join ' ', $r->status, $r->body, $count->status, $count->body;
}


# as it stands, nobody can come in by a token or a password

$t->conf(conf(0))->start;

for my $name (sort keys %token) {
    for my $secret ('0' x 64, 'the-digest-of-its-token', '') {
        is ask('', GET => '/cache/k', undef,
            Authorization => "Bearer $name.$secret")->status, 401,
            "no token yet: $name.$secret";
    }
}

ok $t->stop, 'stops';
$t->conf(conf(1))->start;

my %endpoints = (
    read => [
        [ GET => '/cache/k' ],
        [ HEAD => '/cache/k' ],
        [ GET => '/cache/clear' ],
        [ GET => '/pickle/p' ],
        [ HEAD => '/pickle/p' ],
        [ GET => '/pickle/none?/clear' ],
    ],
    write => [
        [ POST => '/cache/other', '{"value":2}' ],
        [ PUT => '/cache/other', '{"value":3}' ],
        [ PATCH => '/cache/other', '{"duration":"1d"}' ],
        [ DELETE => '/cache/other' ],
        [ POST => '/pickle/raw', 'raw' ],
        [ PUT => '/pickle/raw', 'raw' ],
        [ PATCH => '/pickle/raw', '{"duration":"1d"}' ],
        [ DELETE => '/pickle/raw' ],
        [ POST => '/incr/n', '{"initial":1}' ],
        [ DELETE => '/pickle/n' ],
        [ POST => '/batch', '{"operations":[{"op":"get","key":"k"}]}' ],
    ],
    watch => [
        [ GET => '/stat' ],
        [ HEAD => '/stat' ],
        [ GET => '/stat/count' ],
        [ GET => '/stat/history' ],
        [ GET => '/metrics' ],
    ],
    look => [
        [ GET => '/ui' ],
        [ HEAD => '/ui' ],
        [ GET => '/docs' ],
        [ GET => '/docs/assets/docs.js' ],
        [ GET => '/openapi.json' ],
    ],
    admin => [
        [ DELETE => '/prefix/none' ],
        [ POST => '/purge', '{"type":"key","selectors":["none"]}' ],
        [ GET => '/keys/' ],
        [ GET => '/keys/k?limit=1' ],
        [ GET => '/keys/cache/' ],
        [ GET => '/keys//pickle/k' ],
        [ GET => '/keys/?kind=page' ],
        [ GET => '/page?url=http://localhost/' ],
        [ HEAD => '/page?url=http://localhost/' ],
        [ GET => '/page/source?url=http://localhost/' ],
        [ GET => '/page/source?url=http://localhost/cache/k' ],
        [ DELETE => '/prefix/cache/none' ],
        [ DELETE => '/prefix/stat' ],
        [ GET => '/clear' ],
        [ POST => '/clear' ],
        [ GET => '/close' ],
        [ POST => '/open' ],
        [ POST => '/close' ],
        [ POST => '/open' ],
        [ GET => '/nowhere' ],
    ],
);

my %rights = (
    none => [],
    reader => [ qw(look read) ],
    writer => [ qw(look read write) ],
    monitor => [ qw(look watch) ],
    admin => [ qw(look read write watch admin) ],
);

# address, headers, and the status when it may not

my @who = (
    [ 'a stranger', none => '', 401 ],
    [ 'the address of a reader', reader => '127.0.2.200', 401 ],
    [ 'the address of a writer', writer => '127.0.2.17', 401 ],
    [ 'this machine', writer => '127.0.0.1', 401 ],
    [ 'the address of an admin', admin => '127.0.2.7', 401 ],
    [ 'the token of a reader', reader => '', 403, token('crawler') ],
    [ 'the token of a writer', writer => '', 403, token('deploy') ],
    [ 'the token of a monitor', monitor => '', 403, token('prometheus') ],
    [ 'the token of an admin', admin => '', 403, token('operator') ],
    [ 'the password of a reader', reader => '', 403, password('carol') ],
    [ 'the password of a writer', writer => '', 403, password('bob') ],
    [ 'the password of an admin', admin => '', 403, password('alice') ],
    [ 'the password of no role', none => '', 403, password('mallory') ],
);


sub fill {
    admin(POST => '/cache/k', '{"value":1}');
    admin(POST => '/cache/clear', '{"value":"clear"}');
    admin(POST => '/pickle/p', 'p');
}


for (@who) {
    my ($name, $role, $address, $refused, @headers) = @$_;
    my %may = map { $_ => 1 } @{ $rights{$role} };

    fill();
    my $before = stored();

    for my $need (qw(look read write watch admin)) {
        for my $request (@{ $endpoints{$need} }) {
            my ($method, $path, $body) = @$request;
            my $r = ask($address, $method, $path, $body, @headers);

            if ($may{$need}) {
                like $r->status, qr/^(?:200|404)$/,
                    "$name may $method $path";
                next;
            }

            is $r->status, $refused, "$name may not $method $path";

            next if $method eq 'HEAD' || $path eq '/nowhere'
                || $need eq 'look';
            like $r->body, qr/^\{"detail":"\w+"\}$/, "$name is told in JSON";
        }
    }

    # a lease is a right to write

    my $lease = ask($address, GET => "/cache/lease/" . $name =~ tr/ /-/r, undef,
        @headers, Prefer => 'wait=0')->header('Bigcache-Lease');
    is defined $lease, !!$may{write}, "$name: a lease";
    is ask($address, DELETE => '/lease/x', undef, @headers)->status,
        $may{write} ? 400 : $refused, "$name: gives one back";

    next if $role eq 'admin';
    is stored(), $before, "$name changed nothing";
}

is ask('127.0.2.200', GET => '/cache/lease', undef, password(@$_),
    Prefer => 'wait=0')->header('Bigcache-Lease'), undef,
    "a reader's address, and a password that nobody has checked"
    for [ 'bob', 'wrong' ], [ 'alice', 'wrong' ];
ok ask('127.0.2.200', GET => '/cache/lease', undef, token('deploy'),
    Prefer => 'wait=0')->header('Bigcache-Lease'),
    "a reader's address, and the token of a writer";

my $r = ask('', GET => '/cache/k');
is $r->header('WWW-Authenticate'), 'Basic realm="bigcache"', 'challenge';

# an address that may is not asked for more, whatever else it says

is ask('127.0.2.200', GET => '/cache/k', undef, @$_)->status, 200,
    'an address, and more' for [ token('deploy') ], [ password('carol') ],
    [ password('carol', 'wrong') ], [ Authorization => 'Bearer wrong' ];
is ask('127.0.2.200', POST => '/cache/x', '{"value":1}', token('deploy'))
    ->status, 200, 'the better of address and token';
is ask('127.0.2.200', DELETE => '/cache/x', undef, password('bob'))->status,
    200, 'the better of address and password';

# -- wrong tokens and passwords

fill();

my $before = stored();
my $secret = $token{operator} =~ s/.*\.//r;

for my $wrong (
    "Bearer $secret", "Bearer deploy.$secret", "Bearer operator$secret",
    "Bearer operator.", "Bearer operator", 'Bearer', 'Bearer ', '', ' ',
    'Bearer operator.' . ($secret =~ tr/0-9a-f/1-9a-f0/r),
    'Bearer operator.' . substr($secret, 0, 63), "Bearer operator.${secret}0",
    "Bearer operator.\U$secret", "Bearer OPERATOR.$secret",
    "Bearer operator.$secret x", "Bearer x operator.$secret",
    "Bearer operator.$secret,operator.$secret", "Token operator.$secret",
    "operator.$secret", "Bearer operator..$secret",
    "Bearer operator.the-digest-of-its-token",
    'Bearer operator.' . run("token=$token{operator}; $digest"),
    'Basic ' . encode_base64($token{operator}, ''),
    'Basic ' . encode_base64('alice:', ''), 'Basic alice', 'Basic ',
    'Basic ' . encode_base64('alice', ''),
    'Basic ' . encode_base64("alice:secret-of-bob", ''),
    'Basic ' . encode_base64("alice:\$6\$", ''),
    'Basic ' . encode_base64("alice\n:secret-of-alice", ''),
    'Basic ' . encode_base64("alice\0:secret-of-alice", ''),
    'Basic ' . encode_base64(":secret-of-alice", ''),
    'Basic ' . encode_base64("ALICE:secret-of-alice", ''),
    'Basic ' . encode_base64("alice:secret-of-alic", ''))
{
    my $shown = $wrong =~ s/\Q$secret\E/SECRET/r;

    for my $request ([ GET => '/clear' ], [ GET => '/cache/k' ]) {
        like ask('', @$request, undef, Authorization => $wrong)->status,
            qr/^40[013]$/, "$request->[1] with '$shown'";
    }
}

is ask('', GET => '/stat', undef, Authorization => "bearer $token{operator}")
    ->status, 200, 'the scheme in another case';
like ask('', GET => '/clear', undef, token('crawler'), token('operator'))
    ->status, qr/^40[03]$/, 'the first of two tokens';
is stored(), $before, 'wrong tokens changed nothing';

# -- ways around: a reader, who may read any key

my @around = (map { ([ GET => $_ ], [ POST => $_, '' ]) } qw(
    /cache/../clear /cache/..%2fclear /cache/%2e%2e/clear /cache/.%2e/clear
    /cache/%2E%2E%2Fclear /cache/x/../../clear /cache/./../clear //clear
    ///clear /./clear /x/../clear /%63lear /clear? /clear?x /clear?/cache/
    /clear/ /clear/. /clear/../clear /clear/../cache/k /clear%3f /clear%00
    /clear%2f /clear%20 /clear;x /clear#x /CLEAR /Clear /pickle/../clear
    /cache/..;/clear /cache/%252e%252e/clear /cache\..\clear /cache/../close
    //close /pickle/%2e%2e/close /close?/pickle/ /stat/../clear /cache//../clear
    /cache/..//clear /cache/%2f../clear /cache/../open /cache%2f..%2fclear
    /%2fclear /stat/count/../../clear /metrics/../clear /keys/../cache/k));

push @around, map { [ DELETE => $_ ] } qw(
    /cache/../prefix/k /cache/%2e%2e/prefix/k //prefix/k /prefix/../cache/k
    /cache/..%2fprefix%2fk /pickle/../prefix/k /prefix/k?/cache/ /%70refix/k
    /cache/k /pickle/p /cache/k? /cache//k /cache/./k);

push @around, map { ([ POST => $_, '{"operations":[{"op":"delete","key":"k"}]}'
    ], [ GET => $_ ]) } qw(
    /batch /batch/ //batch /cache/../batch /cache/%2e%2e/batch /batch?/cache/
    /incr/k /cache/../incr/k);

push @around, map { [ $_ => '/clear' ] } qw(PUT DELETE PATCH OPTIONS HEAD TRACE
    PROPFIND GETT G BREW);

for my $request (@around) {
    my ($method, $path, $body) = @$request;

    my $status = ask('', $method, $path, $body, token('crawler'))->status;

    # a key that looks like that is nothing to guard

    ok $status =~ /^4\d\d$/ || $method eq 'GET' && $path =~ m{^/cache/},
        "$method $path" or diag $status;
}

is stored(), $before, 'none led anywhere';

# -- names: those that are not known are refused, whoever asks

for my $name ('evil.example', 'evil.example:' . $t->port, 'cache.example.com.x',
    'x.cache.example.com', '127.0.0.1.evil.example', '1.example',
    'localhost.evil.example', 'xlocalhost')
{
    for my $request ([ GET => '/cache/k' ], [ GET => '/clear' ],
        [ POST => '/clear' ], [ DELETE => '/prefix/k' ], [ GET => '/ui' ])
    {
        $t->json_is(ask('127.0.2.7', @$request, undef, Host => $name,
            Origin => "http://$name"), 421,
            { detail => 'this server has no such name, see server_name' },
            "@$request of $name");
    }
}

is stored(), $before, 'unknown names changed nothing';

is ask('127.0.2.7', GET => '/cache/k', undef, Host => $_)->status, 200,
    "the name $_" for 'cache.example.com', 'CACHE.example.com:36380',
    'localhost', 'localhost:' . $t->port, 'cache.example.com.', '127.0.0.1',
    '127.0.0.1:' . $t->port, '[::1]', '[2001:db8::1]:36380';

$r = ask('127.0.2.7', GET => '/cache/' . 'k' x 270_000, undef,
    Host => 'evil.example');
is $r->status, 414, 'a long path, before the name is known';
is $r->json->{detail},
    'the path is longer than large_client_header_buffers allows',
    'is refused in JSON';

# -- raw requests

sub raw {
    my ($text) = @_;

    return Bigcache::Test::Connection->new($t->port, stranger())->send($text)
        ->response;
}

my $authorization = "Authorization: Bearer $token{crawler}\r\n";

for my $line ('GET /clear HTTP/1.0', 'POST /clear HTTP/1.0',
    'GET http://localhost/clear HTTP/1.0', 'GET HTTP://x/clear HTTP/1.1',
    'get /clear HTTP/1.1', 'Get /clear HTTP/1.1', 'GET /clear',
    'GET  /clear HTTP/1.1', 'GET /clear http/1.1', 'GET /clear HTTP/2.0',
    "GET /cache/k HTTP/1.1\r\nX-Original-URL: /clear",
    "GET /cache/k HTTP/1.1\r\nX-Rewrite-URL: /clear",
    "GET /cache/k HTTP/1.1\r\nX-HTTP-Method-Override: DELETE",
    "GET /clear HTTP/1.1\r\nX-Forwarded-For: 127.0.2.7",
    "GET /clear HTTP/1.1\r\nX-Real-IP: 127.0.2.7",
    "GET /clear HTTP/1.1\r\nForwarded: for=127.0.2.7")
{
    for my $head ('', $authorization) {
        my $first = $line =~ s/\r\n.*//sr;
        my $status = raw("$line\r\nHost: localhost\r\nConnection: close\r\n"
            . "$head\r\n")->status;

        ok $status =~ /^[45]\d\d$/ || $status == 0
            || $first =~ m{/cache/k} && $head,
            ($line . ($head && ', as a reader')) =~ s/\r\n/, /gr
            or diag $status;
    }
}

is raw("GET /cache/k HTTP/1.0\r\n$authorization\r\n")->status, 200,
    'a reader by HTTP/1.0';
is stored(), $before, 'nor did raw requests';

# a request behind another one in its body, and one that is pipelined

raw("POST /cache/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30\r\n"
    . "$authorization\r\nGET /clear HTTP/1.1\r\nHost: localhost\r\n\r\n");
is stored(), $before, 'a request in a body that is refused';

my $c = Bigcache::Test::Connection->new($t->port, stranger());
$c->send("GET /cache/k HTTP/1.1\r\nHost: localhost\r\n$authorization\r\n"
    . "GET /clear HTTP/1.1\r\nHost: localhost\r\n\r\n");
is $c->response->status, 200, 'the first of two';
is $c->response->status, 401, 'the second has to say who it is';
is stored(), $before, 'and changed nothing';

# -- what is refused is refused before its body is sent

$c = Bigcache::Test::Connection->new($t->port, stranger());
$c->send("POST /pickle/large HTTP/1.1\r\nHost: localhost\r\n"
    . "Expect: 100-continue\r\n"
    . "Content-Length: 50000000\r\n\r\n");
is $c->response->status, 401, 'no 100 Continue for strangers';
is ask('127.0.2.17', POST => '/pickle/large', undef,
    'Content-Length' => 200_000_000)->status, 413, 'a limit for all';

# -- guesses are slowed down, of one address, and no others

# guess(ADDRESS, CODE): CODE makes what the n-th guess says; ends when some were
# refused for their number.  Returns how often there was each status, the last
# answer, and how many may come in the time since the first one.

sub guess {
    my ($address, $code) = @_;

    my (%statuses, $r);
    my $begin = time;

    for my $n (1 .. 2000) {
        $r = ask($address, GET => '/clear', undef, $code->($n));
        $statuses{ $r->status }++;
        last if $n >= 150 && ($statuses{429} // 0) >= 10
            && $r->status == 429;
    }

    return (\%statuses, $r, 102 + 10 * (time - $begin));
}


my ($statuses, $limited, $most) = guess('127.0.4.1',
    sub { password('alice', "guess $_[0]") });

is join(' ', sort keys %$statuses), '401 429', 'guesses of a password';
cmp_ok $statuses->{401}, '<=', $most, 'are slowed down';
is $limited->body, '{"detail":"Too Many Requests"}', 'told in JSON';
is ask('127.0.4.1', GET => '/cache/k', undef, token('crawler'))->status, 200,
    'a good token is not slowed down';
is ask('127.0.4.2', GET => '/stat', undef, password('alice'))->status, 200,
    'nor is another address';

($statuses) = guess('127.0.4.3', sub {
    (Authorization => 'Bearer operator.' . sprintf '%064d', $_[0])
});
is join(' ', sort keys %$statuses), '401 429', 'guesses of a token';
is join(' ', map { ask('127.0.2.200', GET => '/cache/k')->status } 1 .. 150),
    join(' ', (200) x 150), 'those who are known are not counted';
is join(' ', map { ask('127.0.4.4', GET => '/stat', undef, password('alice'))
    ->status } 1 .. 60), join(' ', (200) x 60), 'a person may be quick';
is stored(), $before, 'guesses changed nothing';

# -- the log names who it was, and holds no secret

my $log = $t->read_file('access.log');

like $log, qr/^127\.0\.3\.\d+ - operator \[/m, 'the name of a token';
like $log, qr/^127\.0\.3\.\d+ alice - \[/m, 'the name of a user';

# at info, which the example does not log, nginx shows headers that come twice

my $errors = join "\n", grep { !/ \[info\] / } split /\n/, $t->error_log;

unlike $log . $errors, qr/\Q$_\E/, 'no secret in the log'
    for map { s/.*\.//r } values %token;

# -- the same by TLS and HTTP/2

SKIP: {
    skip 'no curl with HTTP/2', 1 if `curl -V 2>&1` !~ /\bHTTP2\b/;

    my $url = 'https://127.0.0.1:' . $t->port(1);

    # status(OPTIONS, PATH, NAME OF A TOKEN)

    my $status = sub {
        my ($options, $path, $name) = @_;

        my $header = $name ? "-H 'Authorization: Bearer $token{$name}'" : '';

        return `curl -sS -k -g --http2 --path-as-is --max-time 30 \\
            --interface ${\stranger()} $options $header -o $dir/got \\
            -w '%{http_code} %{http_version}' '$url$path' 2>&1`;
    };

    is $status->('', '/cache/k'), '401 2', 'HTTP/2: a stranger';
    is $t->read_file('got'), '{"detail":"Unauthorized"}', 'HTTP/2: JSON';
    is $status->('', '/cache/k', 'crawler'), '200 2', 'HTTP/2: a reader';
    is $status->('-u carol:secret-of-carol', '/cache/k'), '200 2',
        'HTTP/2: a password';
    is $status->('-u carol:wrong', '/cache/k'), '401 2',
        'HTTP/2: a wrong password';
    is $status->('-d x', '/pickle/x', 'crawler'), '403 2',
        'HTTP/2: a reader writes';
    is $status->('-d x', '/pickle/x', 'deploy'), '200 2', 'HTTP/2: a writer';
    is $status->('-X DELETE', '/pickle/x', 'deploy'), '200 2',
        'HTTP/2: a writer deletes';
    is $status->('', '/stat', 'prometheus'), '200 2', 'HTTP/2: a monitor';
    is $status->('', '/clear', 'prometheus'), '403 2',
        'HTTP/2: a monitor clears';

    for my $path (qw(/clear //clear /cache/../clear /cache/%2e%2e/clear
        /cache/..%2fclear /./clear /clear? /%63lear /cache/../close /keys/))
    {
        like $status->('', $path, 'crawler'), qr/^4\d\d 2$/,
            "HTTP/2: a reader, $path";
        like $status->('', $path), qr/^4\d\d 2$/, "HTTP/2: a stranger, $path";
    }

    for my $method (qw(get delete Clear)) {
        like $status->("-X $method", '/clear', 'crawler'), qr/^4\d\d 2$|curl/,
            "HTTP/2: method $method";
    }

    is stored(), $before, 'HTTP/2: nothing changed';
    is $status->('-X DELETE', '/prefix/none', 'operator'), '200 2',
        'HTTP/2: an admin';
    like $status->('--tls-max 1.1', '/cache/k', 'crawler'), qr/\b000 /,
        'an old TLS';
}

done_testing;
