#!/usr/bin/perl

# A new file in the place of the module: a reload goes on with the one that is
# loaded, a new master process takes the new one, by the commands of
# docs/operations.md; pasted to their end they do no harm where it cannot start.

use strict;
use warnings;

use Bigcache::Test qw(slurp);
use File::Copy qw(copy);
use Test::More;

my $t = Bigcache::Test->new(daemon => 1);
my $so = $t->dir . '/module.so';

copy($t->module, $so) or die "$so: $!\n";
local $ENV{BIGCACHE_MODULE} = $so;

$t->conf(main => 'worker_processes 1;')->start;


# loaded: the inodes of the module in the master and in its workers

sub loaded {
    my %inodes;

    for my $pid ($t->running, $t->worker_pids) {
        open my $maps, '<', "/proc/$pid/maps" or next;

        while (<$maps>) {
            $inodes{$1} = 1 if / (\d+) +\Q$so\E(?: \(deleted\))?$/;
        }
    }

    return join ' ', sort keys %inodes;
}


my $old = (stat $so)[1];

is $t->request('POST', '/cache/k', '{"value":1}')->status, 200, 'stores';
is loaded(), $old, 'the module';

copy($t->module, "$so.new") && rename "$so.new", $so or die "$so: $!\n";

my $new = (stat $so)[1];

isnt $new, $old, 'another file';
ok $t->reload, 'reload';
is loaded(), $old, 'a reload goes on with the old one';
is $t->get('/cache/k')->status, 200, 'serves';

# what the page says, with other paths

my ($commands) = slurp('docs/operations.md') =~ /^(    P=.*?)\n\n(?=\S)/ms
    or die "no commands\n";

my $test = 'env ' . ($t->preload ? 'LD_PRELOAD=' . $t->preload . ' ' : '')
    . $t->nginx . ' -t -p ' . $t->dir . ' -c nginx.conf -e stderr';

$commands =~ s{/run/nginx\.pid}{$t->dir . '/nginx.pid'}e or die "no path\n";
$commands =~ s/\bnginx -t\b/$test/ or die "no nginx -t\n";

sub upgrade {
    my ($text) = @_;

    my $old = $t->running;

    $t->write_file('commands', 'B=http://127.0.0.1:' . $t->port
        . " A='X-Nothing: 1'\n$text\n");
    system 'sh ' . $t->dir . '/commands >' . $t->dir . '/out 2>&1';
    $t->wait_for(sub { !-e $t->dir . '/nginx.pid.oldbin' });
    $t->{pid} = $t->{adopted} = $t->read_file('nginx.pid') + 0;

    return $t->{pid} != $old;
}

ok upgrade($commands), 'an upgrade' or diag $t->read_file('out');
is loaded(), $new, 'it takes the new one';
is $t->get('/cache/k')->status, 200, 'serves what was stored';

# a module that cannot be loaded

$t->expect_log(qr/\[emerg\].*module\.so/);
$t->expect_log(qr/exited with|new binary/);
$t->write_file('broken', 'no module');
rename $so, "$so.good" and rename $t->dir . '/broken', $so or die "$so: $!\n";

ok !upgrade($commands), 'what nginx -t refuses is not tried';
unlike $t->error_log, qr/\[emerg\]/, 'the log knows of none';
is $t->get('/cache/k')->status, 200, 'serves on';

ok !upgrade($commands =~ s/^.*nginx.* -t .*&& (?=kill)/    /mr),
    'a new master that does not start';
like $t->error_log, qr/\[emerg\]/, 'the log knows why';
is $t->get('/cache/k')->status, 200, 'the old one serves on';
is scalar($t->worker_pids), 1, 'with its worker';
rename "$so.good", $so or die "$so: $!\n";

done_testing;
