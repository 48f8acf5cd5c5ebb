#!/usr/bin/perl

# Several servers of the clients for Python: each key has the one that nginx
# chooses by "hash ... consistent", in django_bigcache and example/big_cache.py.
#
# nginx says in X-To where it has sent a request.  Nobody listens there: whether
# the connection is refused does not matter, since it tries no other server.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use FindBin;
use Bigcache::Test;
use JSON::PP ();
use Test::More;

use constant PYTHON => $ENV{BIGCACHE_PYTHON} // '/usr/bin/python3';
use constant KEYS => 100_000;
use constant FEW => 20_000;
use constant AHEAD => 200;

plan skip_all => 'no Django for ' . PYTHON
    if system(PYTHON . ' -c "import django" 2>/dev/null') != 0;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my @port = map { $t->port($_) } 0 .. 5;

# servers as a name, a weight, and where requests go then

my @twice = (
    ['127.83.1.72:9', 1, qr/^127\.83\.1\.72:/],
    ['127.83.7.27:9', 1, qr/^127\.83\.7\.27:/],
);

my %upstreams = (
    equal => [map { ["127.0.0.1:$port[$_]", 1, qr/:$port[$_]\z/] } 1 .. 3],

    weights => [
        ["127.0.0.1:$port[1]", 1, qr/:$port[1]\z/],
        ["127.0.0.1:$port[2]", 2, qr/:$port[2]\z/],
        ["127.0.0.1:$port[3]", 5, qr/:$port[3]\z/],
    ],

    # a name is hashed as it is written, and may have several addresses
    kinds => [
        ['127.0.0.2', 2, qr/^127\.0\.0\.2:80\z/],
        ["[::1]:$port[4]", 1, qr/^\[::1\]:$port[4]\z/],
        ["unix:$dir/none.sock", 1, qr/^unix:/],
        ["LocalHost:$port[5]", 5, qr/:$port[5]\z/],
        ['[::1]', 1, qr/^\[::1\]:80\z/],
    ],

    # these two have a point in common, which is that of the first one
    twice => \@twice,
    'twice, turned' => [reverse @twice],
);

my @names = sort keys %upstreams;
my $blocks = '';

for my $n (0 .. $#names) {
    $blocks .= "upstream u$n {\nhash \$http_x_key consistent;\n"
        . join('', map { "server $_->[0] weight=$_->[1] max_fails=0;\n" }
            @{$upstreams{$names[$n]}})
        . "}\n";
}

$t->conf(<<"END")->start;
%%MODULE%%
events {
}
http {
    %%HTTP%%
    keepalive_requests 1000000;
    $blocks
    server {
        listen 127.0.0.1:%%PORT_0%%;
        error_log /dev/null emerg;
        add_header X-To \$upstream_addr always;
        proxy_next_upstream off;

        location ~ ^/(u\\d) {
            proxy_pass http://\$1;
        }
    }
}
END

my @forms = (
    sub { ":1:key-$_[0]" },
    sub { "mysite:1:/dataset/$_[0]/?page=" . $_[0] % 7 },
    sub { "views.decorators.cache.cache_page..GET." . md5_hex($_[0]) },
    sub { "\xed\x95\x9c\xea\xb8\x80 %20 \\s $_[0]" },
    sub { $_[0] . 'x' x ($_[0] % 300) },
);

my @keys = map { $forms[$_ % @forms]->($_) } 1 .. KEYS;

$t->write_file('keys', join '', map { "$_\n" } @keys);


# chosen_by_nginx(N, KEY ...): for each key the number of a server of the
# upstream N

sub chosen_by_nginx {
    my ($n, @keys) = @_;

    my $servers = $upstreams{$names[$n]};
    my $socket = $t->connect(0)->socket;
    my ($in, $sent, %number, @chosen) = ('', 0);

    $socket->blocking(1);

    while (@chosen < @keys) {
        if ($sent == @chosen) {
            my $to = $sent + AHEAD > @keys ? @keys : $sent + AHEAD;

            print {$socket} join '', map {
                "GET /u$n HTTP/1.1\r\nHost: a\r\nX-Key: $_\r\n\r\n"
            } @keys[$sent .. $to - 1] or die "send: $!\n";

            $socket->flush;
            $sent = $to;
        }

        sysread $socket, $in, 65536, length $in or die "nginx has closed it\n";

        while ($in =~ /\G.*?^X-To: ([^\r\n]*)\r\n/gcms) {
            my $to = $1;

            push @chosen, $number{$to} //= (grep { $to =~ $servers->[$_][2] }
                0 .. $#$servers)[0] // die "it was sent to $to\n";
        }

        $in = substr $in, pos($in) // 0;
    }

    return @chosen;
}


# chosen_by_python: the same of both clients, for each upstream

sub chosen_by_python {
    my @locations = map {
        [map { my ($name, $weight) = @$_;
            ($name =~ /^unix:/ ? "http://127.0.0.1 server=$name"
                : "http://$name") . " weight=$weight" } @{$upstreams{$_}}]
    } @names;

    $t->write_file('locations', JSON::PP::encode_json(\@locations));
    $t->write_file('chosen.py', <<'END');
import json
import sys

from big_cache import BigCache
from django_bigcache import BigCacheBackend

with open(sys.argv[1] + '/locations') as text:
    locations = json.load(text)

with open(sys.argv[1] + '/keys', encoding='utf-8') as text:
    keys = text.read().splitlines()

for location in locations:
    ring = BigCacheBackend(location, {})._ring
    print(','.join(str(ring.find(key)) for key in keys))
    cache = BigCache(', '.join(location))
    number = cache._servers.index
    print(','.join(str(number(cache._server_of(key.encode())))
                   for key in keys))
END

    local $ENV{PYTHONPATH} = "$FindBin::Bin/../clients/python:"
        . "$FindBin::Bin/../example";
    local $ENV{PYTHONIOENCODING} = 'utf-8';

    open my $pipe, '-|', PYTHON, '-B', "$dir/chosen.py", $dir
        or die "python: $!\n";
    my @lines = map { s/\n//r } <$pipe>;
    close $pipe or die "chosen.py has failed\n";

    return @lines;
}


# differ(LIST, LIST): how many of the keys of the first have another server

sub differ {
    my ($one, $other) = @_;

    return 'all' if @$one > @$other;

    return scalar grep { $one->[$_] != $other->[$_] } 0 .. $#$one;
}


my @lines = chosen_by_python();
my %chosen;

is scalar @lines, 2 * @names, 'the clients have chosen';

for my $n (0 .. $#names) {
    my $last = $names[$n] =~ /^(?:kinds|weights)\z/ ? $#keys : FEW - 1;
    my @nginx = chosen_by_nginx($n, @keys[0 .. $last]);
    my %count;

    $chosen{$names[$n]} = \@nginx;
    $count{$_}++ for @nginx;

    is scalar keys %count, scalar @{$upstreams{$names[$n]}},
        "$names[$n]: all servers have keys";
    is differ(\@nginx, [split /,/, $lines[2 * $n]]), 0,
        "$names[$n]: django_bigcache chooses as nginx, for " . @nginx . ' keys';
    is differ(\@nginx, [split /,/, $lines[2 * $n + 1]]), 0,
        "$names[$n]: big_cache.py, too";
}

cmp_ok differ($chosen{twice}, [map { 1 - $_ } @{$chosen{'twice, turned'}}]),
    '>', 0, 'keys of a point that two have go to the first one';

$t->stop;

done_testing;
