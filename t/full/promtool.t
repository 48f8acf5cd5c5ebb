#!/usr/bin/perl

# What /metrics says, and the alerts of example/prometheus-rules.yml, as
# Prometheus' own checker reads them.

use strict;
use warnings;

use FindBin;
use Bigcache::Test;
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

done_testing;
