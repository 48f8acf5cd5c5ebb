#!/usr/bin/perl

# The metrics that example/prometheus-rules.yml asks for are there, with the
# labels that it names; docs/api.md lists all that there are.

use strict;
use warnings;

use Bigcache::Test qw(slurp);
use Test::More;

my $t = Bigcache::Test->new->conf->start;

plan skip_all => 'no /metrics' if $t->get('/metrics')->status == 404;

my $rules = slurp('example/prometheus-rules.yml');

$t->request('POST', '/cache/k', '{"value":1}');
$t->get('/cache/k');
$t->get('/cache/none');

my $r = $t->get('/metrics');
my $metrics = $r->body;

is $r->status, 200, 'metrics';
like $r->header('Content-Type'), qr{^text/plain; version=0\.0\.4}, 'type';


# those of a store in a cluster are tried in t/full/cluster_servers.t

my %names = map { $_ => 1 } grep { !/^bigcache_cluster_/ }
    $rules =~ /\b(bigcache_\w+)/g;

like $metrics, qr/^\Q$_\E(?:\{[^}]*\})? \S+$/m, "there is $_"
    for sort keys %names;

while ($rules =~ /\b(bigcache_\w+)\{(\w+)=~?"([^"]*)"/g) {
    my ($name, $label, $value) = ($1, $2, $3);

    like $metrics, qr/^$name\{[^}]*\b$label="/m, "$name has $label";
    like $metrics, qr/^$name\{[^}]*\b$label="$value"/m, "$label is $value"
        if $label eq 'operation';
}

like $metrics, qr/^bigcache_up 1$/m, 'open';
is $t->get('/close')->status, 200, 'close';
like $t->get('/metrics')->body, qr/^bigcache_up 0$/m, 'closed';
is $t->request('POST', '/open')->status, 200, 'open again';
like $t->get('/metrics')->body, qr/^bigcache_up 1$/m, 'opened';

# what the pages list is what there is

my $page = slurp('docs/api.md');

is join("\n", sort map { "$_->[0] $_->[1]" } map { [ /`(\w+)` \| (\w+)/ ] }
    $page =~ /^\| (`bigcache_\w+` \| \w+) \|/mg),
    join("\n", sort $metrics =~ /^# TYPE (\w+ \w+)$/mg),
    'the metrics of docs/api.md';

$page = slurp('docs/operations.md');

is join(' ', $page =~ /^\| `(Bigcache\w+)`/mg),
    join(' ', $rules =~ /alert: (\w+)/g), 'the alerts of docs/operations.md';

done_testing;
