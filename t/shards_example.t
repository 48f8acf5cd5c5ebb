#!/usr/bin/perl

# example/shards.conf and shards-node.conf, as the files say it: a front and
# three nodes.  shards-pages.conf and shards-pages-node.conf are read by nginx
# without a warning.

use strict;
use warnings;

use Bigcache::Test;
use FindBin;
use Test::More;

# example(FILE, PATTERN => TEXT ...): the file as a configuration; each pattern
# must be in it

sub example {
    my ($name, @changes) = @_;
    my $text = Bigcache::Test::slurp("$FindBin::Bin/../example/$name");

    while (my ($pattern, $new) = splice @changes, 0, 2) {
        $text =~ s/$pattern/$new/g or die "$name has no $pattern\n";
    }

    return "%%MODULE%%\nworker_processes 1;\nevents { }\n"
        . "http {\n%%HTTP%%\n$text\n}\n";
}


my @nodes = map { Bigcache::Test->new } 1 .. 3;
my $front = Bigcache::Test->new;

my $build = `${\$front->nginx} -V 2>&1`;

plan skip_all => 'nginx without realip' if $build !~ /http_realip_module/;

for my $node (@nodes) {
    my $dir = $node->dir;

    $node->conf(example('shards-node.conf', qr/192\.0\.2\.10/ => '127.0.0.1',
        qr/listen 36379/ => 'listen 127.0.0.1:%%PORT_0%%',
        qr{/var/lib/bigcache} => "$dir/store", qr/ min_free=2g/ => ''))->start;
}

my @of = map {
    qr/192\.0\.2\.1$_:36379/ => '127.0.0.1:' . $nodes[$_ - 1]->port(0)
} 1 .. 3;

$front->conf(example('shards.conf', @of,
    qr/listen 36379/ => 'listen 127.0.0.1:%%PORT_0%%'))->start;

# keys are on all nodes, and what concerns all is done by all

my @keys = map { "k/$_" } 1 .. 60;

is_deeply [grep { $front->request('POST', "/cache/$_", '{"value":1}')->status
    != 200 } @keys], [], 'all are stored';
is $front->get('/stat/count')->json->{count}, 60, 'counted';
is_deeply [map { $_->{key} } @{ $front->get('/keys/?limit=1000')->json->{keys} }],
    [sort @keys], 'listed';
is scalar(grep { $_->get('/stat/count')->json->{count} > 5 } @nodes), 3,
    'each node has some';

# the body and the address of a client, a key of many bytes

is $front->request('POST', '/pickle/large', 'x' x 3_000_000)->status, 200,
    'a large page';
is length $front->get('/pickle/large')->body, 3_000_000, 'is read';

my $long = 'l' x 8000;

is $front->request('POST', "/pickle/$long", 'x')->status, 200, 'a long key';
is $front->get("/pickle/$long")->body, 'x', 'is read';

# a name that the front does not have

is $front->request('GET', '/stat', undef, Host => 'other.example.net')->status,
    421, 'another name';

# a node that is away

ok $nodes[1]->stop, 'a node stops';

my %status;

$status{ $front->get("/cache/$_")->status }++ for @keys;
is join(' ', sort keys %status), '200 503', 'its keys are 503, no others';

my $r = $front->request('DELETE', '/prefix/k/');
my $name = '127.0.0.1:' . $nodes[1]->port(0);

is $r->status, 503, 'a purge';
like $r->json->{detail}, qr/^not done by all servers: \Q$name\E \(502\)/,
    'names the node';
$nodes[1]->start;
ok $front->wait_for(sub {
    $front->request('DELETE', '/prefix/k/')->status == 200 }), 'repeated';
is $front->get('/stat/count')->json->{count}, 2, 'all are gone';

ok $_->stop, 'stops' for $front, @nodes;

# page caching

SKIP: {
    skip 'no openssl, or nginx without it', 4
        if $build !~ /http_ssl_module/ || !$front->certificate;

    my $dir = $front->dir;
    my ($code, $said) = $front->nginx_t(example('shards-pages.conf',
        qr{/etc/nginx/site\.crt} => "$dir/cert.pem",
        qr{/etc/nginx/site\.key} => "$dir/key.pem",
        qr/listen 80/ => 'listen 127.0.0.1:%%PORT_1%%',
        qr/listen 443/ => 'listen 127.0.0.1:%%PORT_2%%'));

    is $code, 0, 'shards-pages.conf' or diag $said;
    unlike $said, qr/\[warn\]/, 'without a warning';

    ($code, $said) = $nodes[0]->nginx_t(example('shards-pages-node.conf',
        qr/192\.0\.2\.[12]0/ => '127.0.0.1',
        qr/listen 8080/ => 'listen 127.0.0.1:%%PORT_0%%',
        qr{/var/lib/bigcache} => $nodes[0]->dir . '/store'));

    is $code, 0, 'shards-pages-node.conf' or diag $said;
    unlike $said, qr/\[warn\]/, 'without a warning';
}

done_testing;
