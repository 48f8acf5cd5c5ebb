#!/usr/bin/perl

# TLS to the servers of a cluster: their certificates must be valid, and for the
# name or the address that they are asked by.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test qw(noise);

my $server = Bigcache::Cluster::program()
    or plan skip_all => 'no redis-server';

# it stops at the first argument that is wrong

plan skip_all => "$server has no TLS"
    if qx{timeout 10 $server --port 0 --tls-port 0 --maxclients 0 2>&1}
        =~ /tls-port/;

my $t = Bigcache::Test->new;
my $dir = $t->dir;

# text(LINE): a configuration with it

sub text {
    my ($line) = @_;

    return Bigcache::Test->default_conf(http => 'client_max_body_size 20m;')
        =~ s/bigcache_path .*?;/$line/r;
}

my ($rc, $said) = $t->nginx_t(text('bigcache_cluster a zone=main:1m '
    . 'server=127.0.0.1:1 tls=on;'));

if ($rc) {
    like $said, qr/TLS needs OpenSSL, which this module was built without/,
        'without OpenSSL it is refused';
    done_testing;
    exit;
}

# signed(NAME, ALTERNATIVE): NAME/cert.pem for that, and NAME/key.pem, by the
# authority NAME/ca.pem

sub signed {
    my ($name, $alternative) = @_;

    mkdir "$dir/$name";
    $t->write_file("$name/ext", "subjectAltName=$alternative\n");

    for my $command (
        'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca '
            . '-keyout ca.key -out ca.pem',
        'req -newkey rsa:2048 -nodes -subj /CN=server -keyout key.pem -out csr',
        'x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 '
            . '-extfile ext -out cert.pem')
    {
        system("cd $dir/$name && openssl $command >out 2>&1") == 0
            or die "openssl $command\n";
    }
}

signed('good', 'IP:127.0.0.1,DNS:localhost');
signed('other', 'DNS:other.example');

# -- the directive

$t->write_file('nothing.pem', 'nothing');

for (
    ['tls=yes', qr/"tls" must be "on" or "off"/],
    ['tls_ca=good/ca.pem', qr/"tls_\*" need "tls=on"/],
    ['tls=off tls_name=x', qr/"tls_\*" need "tls=on"/],
    ['tls=on tls_cert=good/cert.pem', qr/"tls_cert" and "tls_key" need each/],
    ['tls=on tls_ca=none.pem', qr/none\.pem: /],
    ['tls=on tls_ca=nothing.pem', qr/nothing\.pem: /],
    ['tls=on tls_ca=', qr/it is empty/],
    ['tls=on tls=on', qr/is duplicate/],
    ['tls=on tls_cert=good/cert.pem tls_key=other/key.pem',
        qr/other\/key\.pem: .*mismatch/],
    ['tls=on tls_ca=good/ca.pem tls_cert=good/cert.pem tls_key=good/key.pem '
        . 'tls_name=localhost', undef],
    ['tls=off', undef],
) {
    my ($parameters, $error) = @$_;

    ($rc, $said) = $t->nginx_t(text("bigcache_cluster a zone=main:1m "
        . "server=127.0.0.1:1 $parameters;"));

    is $rc, $error ? 1 : 0, "$parameters: " . ($error ? 'refused' : 'accepted')
        or diag $said;
    like $said, $error, 'and says why' if $error;
}

# -- a cluster

my $cluster = Bigcache::Cluster->new(masters => 3, tls => "$dir/good",
    conf => [ 'tls-auth-clients yes' ]);
my $mine = "tls_cert=$dir/good/cert.pem tls_key=$dir/good/key.pem";
my $ca = "tls_ca=$dir/good/ca.pem";

# nginx(DIRECTIVE): one with a store in a cluster

sub nginx {
    my ($line) = @_;
    my $nginx = Bigcache::Test->new;

    $nginx->expect_log(qr/requests are answered 503/);

    return $nginx->conf(text($line))->start;
}

my $nginx = nginx($cluster->directive('a', 'zone=main:1m', 'tls=on', $ca,
    $mine));

for my $size (0, 10, 40_000, 1_048_576, 5_000_000) {
    my $body = noise($size + 4);
    substr $body, $size, length $body, '';

    is $nginx->request('POST', "/pickle/$size", $body)->status, 200,
        "$size bytes: stored";
    ok $nginx->get("/pickle/$size")->body eq $body, "$size bytes: read";
}

is $nginx->count, 5, 'counted';
is $nginx->request('POST', '/clear')->status, 200, 'purged';
is $nginx->count, 0, 'all of it';
is $nginx->metric('cluster_failures_total'), 0, 'no link has failed';

# a server that is away, and back

$cluster->kill($_) for 0 .. 2;
is $nginx->get('/pickle/x')->status, 503, 'the servers are away';
$nginx->stop;
$cluster->stop;

# -- those that are not trusted

$cluster = Bigcache::Cluster->new(masters => 1, cluster => 0,
    tls => "$dir/good", conf => [ 'tls-auth-clients yes' ]);

# refused(NAME, PARAMETERS, REASON): or accepted, if there is none

sub refused {
    my ($name, $parameters, $reason) = @_;

    my $nginx = nginx($cluster->directive('a', 'zone=main:1m',
        $reason ? 'wait=1s' : 'wait=10s', $parameters));
    my $r = $nginx->get('/pickle/a');

    is $r->status, $reason ? 503 : 404, $name;

    # a busy machine may take longer than that

    if ($reason) {
        $nginx->wait_for(sub { ($r->json->{detail} // '') =~ $reason
            or ($r = $nginx->get('/pickle/a')) && 0 });
        like $r->json->{detail}, $reason, "$name: why";
    }

    $nginx->stop;
}

refused('no certificate of ours', "tls=on $ca",
    qr/certificate required|closed|reset/i);
refused('an authority that is not trusted', "tls=on $mine",
    qr/its certificate is not valid: /);
refused('another authority', "tls=on tls_ca=$dir/other/ca.pem $mine",
    qr/its certificate is not valid: /);
refused('a name that it is for', "tls=on $ca $mine tls_name=localhost", undef);
refused('a name that it is not for', "tls=on $ca $mine tls_name=other.example",
    qr/its certificate is not valid: hostname mismatch/i);
refused('no TLS', '', qr/closed|reset|no answer/);

my $port = $cluster->{servers}[0]{tls_port};

$nginx = nginx("bigcache_cluster a zone=main:1m server=localhost:$port tls=on "
    . "$ca $mine;");
is $nginx->get('/pickle/a')->status, 404, 'by name';
$nginx->stop;
$cluster->stop;

$cluster = Bigcache::Cluster->new(masters => 1, cluster => 0,
    tls => "$dir/other", conf => [ 'tls-auth-clients no' ]);
refused('a certificate for another host', "tls=on tls_ca=$dir/other/ca.pem",
    qr/its certificate is not valid: IP address mismatch/i);
refused('but that is meant', "tls=on tls_ca=$dir/other/ca.pem "
    . 'tls_name=other.example', undef);
$cluster->stop;

# -- a server that never answers the handshake, and one that speaks no TLS

my $listen = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
    or die "listen: $!\n";
$port = $listen->sockport;
$nginx = nginx("bigcache_cluster a zone=main:1m server=127.0.0.1:$port tls=on "
    . "wait=500ms timeout=300ms;");
is $nginx->get('/pickle/a')->json->{detail},
    'a server of the cluster: no answer in time', 'a handshake has a deadline';
$nginx->stop;
close $listen;

$cluster = Bigcache::Cluster->new(masters => 1, cluster => 0);
refused('a server without TLS', 'tls=on', qr/TLS failed|closed|no answer in time/);

done_testing;
