#!/usr/bin/perl

# example/grafana-dashboard.json and example/prometheus-rules.yml ask for
# metrics that a server has, with labels and values that it has; what a front of
# several servers says of them has the label "server".  The dashboard is one
# that Grafana imports anywhere: its data source is an input, each panel says
# what it shows.

use strict;
use warnings;

use Bigcache::Test qw(slurp);
use Bigcache::Test::Origin;
use Bigcache::Test::Promql;
use JSON::PP qw(decode_json);
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    return (200, ['Cache-Control' => 'max-age=600'], 'page');
});

$t->conf(http => join("\n",
    'upstream shards { hash $bigcache_shard_key consistent; keepalive 4;',
    (map { "server 127.0.0.1:%%PORT_$_%% max_fails=0;" } 0, 2), '}',
    "bigcache_path $dir/two zone=two:1m;"),
    servers => <<'END')->start;
server {
    listen 127.0.0.1:%%PORT_2%%;
    location / { bigcache two; }
}
server {
    listen 127.0.0.1:%%PORT_3%%;
    location / {
        bigcache_shards shards;
        proxy_pass http://shards;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }
}
server {
    listen 127.0.0.1:%%PORT_4%%;
    location / {
        bigcache_pages main;
        proxy_pass http://127.0.0.1:%%PORT_1%%;
    }
}
END

$t->request('POST', '/cache/k', '{"value":1}');
$t->get("/cache/$_") for qw(k none);
$t->request('POST', '/batch',
    '{"operations":[{"op":"set","key":"b","value":1}]}');
$t->request_to(4, 'GET', '/');

my $one = Bigcache::Test::Promql->new($t->get('/metrics')->body);
my $front = $t->request_to(3, 'GET', '/metrics');

is $front->status, 200, 'the metrics of a front';

# -- what the reader of expressions finds

my %cases = (
    'rate(bigcache_hits_total{front="rest"}[5m])' => '',
    'sum by (operation) (rate(bigcache_requests_total[5m]))' => '',
    'rate(bigcache_gone_total[5m])' => 'bigcache_gone_total',
    'rate(bigcache_hits_total{kind="a"}[5m])' => 'bigcache_hits_total{kind}',
    'rate(bigcache_hits_total{front="a"}[5m])'
        => 'bigcache_hits_total{front=a}',
    'rate(bigcache_hits_total{front=~"r.*|x"}[5m])' => '',
    'sum by (kind) (bigcache_entries)' => 'by kind',
    'rate(bigcache_entries[5m])' => 'gauge bigcache_entries: rate',
    'bigcache_hits_total' => 'counter bigcache_hits_total: ',
    '1 + 1' => 'no metric',
);

is join(', ', $one->unknown($_)), $cases{$_}, $_ for sort keys %cases;

# -- the rules

my $rules = slurp('example/prometheus-rules.yml');
my @rules = map { s/\s+/ /gr } $rules
    =~ /^        expr: (?:>\n)?((?:.*\n)(?: {10}.*\n)*)/mg;

cmp_ok scalar(@rules), '>', 5, 'rules';

# those of a store in a cluster are tried in t/full/cluster_servers.t

for my $expr (grep { /bigcache_/ && !/bigcache_cluster_/ } @rules) {
    my @wrong = grep { !/^counter/ } $one->unknown($expr);

    is join(', ', @wrong), '', $expr =~ s/^(.{50}).*/$1.../r;
}

# -- the dashboard

my $text = slurp('example/grafana-dashboard.json');
my $board = decode_json($text);
my @panels = grep { $_->{type} ne 'row' } @{ $board->{panels} };
my @variables = @{ $board->{templating}{list} };
my $source = { type => 'prometheus', uid => '${DS_PROMETHEUS}' };

is $board->{__inputs}[0]{name}, 'DS_PROMETHEUS', 'the data source is an input';
is_deeply [ grep { !defined $_->{datasource} || ref $_->{datasource} ne 'HASH' }
    @panels, @variables ], [], 'which all have';
is_deeply [ grep { $_ ne '${DS_PROMETHEUS}' && $_ ne '-- Grafana --' }
    $text =~ /"uid": "([^"]*)"/g ], [ 'bigcache' ], 'and no other';
is $board->{id}, undef, 'no number of one Grafana';
is $board->{schemaVersion}, 36, 'a scheme that Grafana 9 has';
cmp_ok scalar(@panels), '>', 30, 'panels';

my (%ids, %places);

for my $panel (@{ $board->{panels} }) {
    my ($id, $title, $at) = @$panel{qw(id title gridPos)};

    fail "$title: the number of another panel" if $ids{$id}++;

    for my $y ($at->{y} .. $at->{y} + $at->{h} - 1) {
        $places{"$_ $y"}++ for $at->{x} .. $at->{x} + $at->{w} - 1;
    }

    fail "$title: beyond the edge" if $at->{x} + $at->{w} > 24;
}

is_deeply [ grep { $places{$_} > 1 } keys %places ], [],
    'no panel covers another';

my %asked;

for my $panel (@panels) {
    my $title = $panel->{title};
    my @bad;

    push @bad, 'no description' if ($panel->{description} // '') !~ /\w.*\.$/;
    push @bad, 'no unit' if !$panel->{fieldConfig}{defaults}{unit};

    # a number says what is true now: the last of a range would stay when a
    # server has ended

    push @bad, 'not an instant' if $panel->{type} eq 'stat'
        && grep { !$_->{instant} || $_->{range} } @{ $panel->{targets} };

    for my $target (@{ $panel->{targets} }) {
        my ($expr, $legend) = @$target{qw(expr legendFormat)};

        next if $expr =~ /bigcache_cluster_/;

        my %by = map { $_ => 1 } Bigcache::Test::Promql::by($expr);

        push @bad, $one->unknown($expr);
        push @bad, map { "legend $_" } grep { !$by{$_} }
            $legend =~ /\{\{(\w+)\}\}/g;
        push @bad, 'not of the variables'
            if $expr =~ /bigcache_\w+(?!\{[^}]*\binstance=~"\$instance")[^\w{]/;
        $asked{$_} = 1 for $expr =~ /\b(bigcache_\w+)/g;

        # a front has it, by server

        for my $name ($expr =~ /\b(bigcache_\w+)/g) {
            push @bad, "$name of a front"
                if $front->body !~ /^$name\{server="[\d.:]+"/m;
        }
    }

    is join(', ', @bad), '', $title;
}

# -- what has no series, or a value that says nothing

sub exprs {
    my ($title) = @_;

    return map { $_->{expr} } map { @{ $_->{targets} } }
        grep { $_->{title} eq $title } @panels;
}

like join(' ', exprs('Store')), qr/\bup\{.*\} and on \(job, instance\)/,
    'a server that is gone';
like join(' ', exprs('Errors')), qr{^\(.* or vector\(0\)\) / }, 'no error yet';
is scalar(grep { / or vector\(0\)$/ } exprs('Writes')), 2, 'no write yet';
like join(' ', exprs('Age of what was evicted')), qr/\} > 0\)$/,
    'nothing was evicted';

is join(' ', map { $_->{name} } @variables), 'job instance server', 'variables';
is_deeply [ grep { $_->{allValue} ne '.*' } @variables ], [],
    'all of them may be missing';
is join(', ', map { $one->unknown($_) } map { $_->{query}{query}
    =~ /^label_values\((.*), \w+\)$/ } @variables), '', 'their queries';

# -- nothing is left out but what is listed here

my @families = $t->get('/metrics')->body =~ /^# TYPE (\w+) /mg;

is join(' ', grep { !$asked{$_} && !$asked{"${_}_bucket"} } @families),
    'bigcache_info bigcache_hot_bytes', 'all others are shown';

$o->stop;
done_testing;
