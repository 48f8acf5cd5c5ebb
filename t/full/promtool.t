#!/usr/bin/perl

# What /metrics says, the alerts of example/prometheus-rules.yml, and what
# example/grafana-dashboard.json asks for, as Prometheus' own checker reads them.

use strict;
use warnings;

use FindBin;
use Bigcache::Test qw(slurp);
use JSON::PP qw(decode_json);
use Test::More;

my $promtool = '/usr/bin/promtool';

-x $promtool or plan skip_all => 'no promtool, package prometheus';

my $t = Bigcache::Test->new->conf->start;

sub check {
    my ($name) = @_;
    my $file = $t->dir . '/metrics';

    open my $out, '>', $file or die "$file: $!\n";
    print $out $t->get('/metrics')->body;
    close $out or die "$file: $!\n";

    my $said = `$promtool check metrics < $file 2>&1`;

    is $?, 0, "$name: no error";
    is $said, '', 'and nothing to say';
}

check('nothing happened');

$t->request('POST', '/pickle/a', 'x');
$t->get("/pickle/$_") for qw(a b);
$t->request('DELETE', '/pickle/a');
$t->request('POST', '/batch', '{');

check('after requests');

$t->request('POST', '/close');

check('closed');

my $rules = "$FindBin::Bin/../../example/prometheus-rules.yml";
my $said = `$promtool check rules $rules 2>&1`;

is $?, 0, 'rules' or diag $said;

# the expressions of the dashboard, as rules

my $board = decode_json(slurp('example/grafana-dashboard.json'));
my @exprs = map { s/\$__rate_interval/5m/gr }
    map { $_->{expr} // () } @{ $board->{annotations}{list} },
    map { @{ $_->{targets} || [] } } @{ $board->{panels} };
my $n = 0;

cmp_ok scalar(@exprs), '>', 60, 'expressions of the dashboard';

$t->write_file('rules.yml', "groups:\n  - name: dashboard\n    rules:\n"
    . join '', map { $n++; "      - record: expr_$n\n        expr: |\n"
        . "          $_\n" } @exprs);
$said = `$promtool check rules @{[ $t->dir ]}/rules.yml 2>&1`;

is $?, 0, 'are expressions' or diag $said;
like $said, qr/\b$n rules found/, 'all of them';

done_testing;
