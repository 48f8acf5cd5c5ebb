#!/usr/bin/perl

# A new file in the place of the module: a reload goes on with the one that is
# loaded, a new master process takes the new one, as docs/operations.md says.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bigcache::Test;
use File::Copy qw(copy);
use Test::More;

my $t = Bigcache::Test->new(daemon => 1);
my $so = $t->dir . '/module.so';

copy($t->module, $so) or die "$so: $!\n";
local $ENV{BIGCACHE_MODULE} = $so;

$t->conf(<<'END')->start;
%%MODULE%%
worker_processes 1;

events {
}

http {
    %%HTTP%%

    bigcache_path %%DIR%%/store zone=main:1m;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }
    }
}
END


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

$t->upgrade;
is loaded(), $new, 'an upgrade takes the new one';
is $t->get('/cache/k')->status, 200, 'serves what was stored';

done_testing;
