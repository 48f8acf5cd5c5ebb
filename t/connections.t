#!/usr/bin/perl

# Each bigcache_path takes one of worker_connections in each worker, as
# docs/configuration.md says, and no more: what is left is there for clients.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

use constant CONNECTIONS => 24;


# clients(PATHS): how many can be in the middle of a request at once

sub clients {
    my ($paths) = @_;

    my $t = Bigcache::Test->new;
    my $lines = join "\n", map {
        "bigcache_path $t->{dir}/store$_ zone=zone$_:64k;"
    } 1 .. $paths;

    $t->conf(<<"END")->start;
%%MODULE%%
worker_processes 1;

events {
    worker_connections ${ \CONNECTIONS };
}

http {
    %%HTTP%%

    $lines

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache zone1;
        }
    }
}
END

    $t->expect_log(qr/worker_connections are not enough/);

    my @clients;

    while (@clients < 2 * CONNECTIONS) {
        my $c = $t->connect->send("POST /cache/k HTTP/1.1\r\nHost: x\r\n"
            . "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n");

        last if ($c->read_until("\r\n\r\n") // '') !~ m{^HTTP/1.1 100 };

        push @clients, $c;
    }

    my $served = grep { $_->send('{"value":1}')->response->status == 200 }
        @clients;

    is $served, @clients, "$paths: all that were let in are served";

    return $served;
}


my $one = clients(1);
my $three = clients(3);

cmp_ok $one, '<', CONNECTIONS, 'nginx takes some';
is $one - $three, 2, 'and each bigcache_path one more';
is clients(8), $one - 7, 'however many there are';

done_testing;
