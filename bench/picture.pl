#!/usr/bin/perl

# The pictures of /ui, light and dark: an hour of a server under load, as it is.
#
#     bench/picture.pl [MINUTES [DIRECTORY]]     60 minutes, docs/ by default
#
# Run it after ./build.sh; Chromium and its driver must be installed, as for
# ./build.sh test-full.  The load is small, some 40 requests per second, of the
# REST API and of page caching.  Its rate goes up and down, and twice the
# upstream is in trouble: it is slow first, and fails then.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

my ($minutes, $to);

BEGIN {
    $minutes = $ARGV[0] // 60;
    $to = $ARGV[1] // "$FindBin::Bin/../docs";
    $ENV{BIGCACHE_TIMEOUT} = 60 * $minutes + 300;
}

use Bigcache::Test qw(slurp);
use Bigcache::Test::Browser;
use Bigcache::Test::Origin;
use Cwd qw(abs_path);
use Test::More;
use Time::HiRes qw(sleep time);

$to = abs_path($to);

my $web = abs_path("$FindBin::Bin/..") . '/build/web';
my $begin = time;
my $end = $begin + 60 * $minutes;
my $t = Bigcache::Test->new;


# trouble(): 1 while the upstream is slow, 2 while it fails, 0 else

sub trouble {
    my $part = (time - $begin) / ($end - $begin);

    return $part > 0.45 && $part < 0.5 ? 1 : $part >= 0.5 && $part < 0.53 ? 2 : 0;
}


my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my $trouble = trouble();

    sleep 0.004 + rand 0.03;
    sleep 0.3 + rand 1 if $trouble == 1;
    return (503, [], 'in trouble') if $trouble == 2;
    return (200, ['Cache-Control' => 'max-age=240, stale-if-error=20',
        'Content-Type' => 'text/html'], '<p>' . 'x' x int(10 ** (2 + rand 2.5)));
});

$t->conf(main => 'worker_processes 2;', http =>
    'bigcache_path %%DIR%%/pages zone=pages:16m;', size => '16m',
    server => q{
        location /shop/ {
            bigcache_pages main;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    } . slurp("$web/locations.conf"))->start;

my $url = 'http://127.0.0.1:' . $t->port(0);

sub load {
    my $c;

    for (my $i = 0; time < $end + 30; $i++) {

        # nginx closes a connection behind its thousandth request
        $c = $t->connect if $i % 200 == 0;

        my $minute = (time - $begin) / 60;
        my $rate = 24 + 12 * sin($minute / 4) + 6 * sin($minute * 1.7) + rand 6;
        my $key = '/cache/user/' . int(2000 * rand() ** 2);

        $c->request('GET', '/shop/' . int(600 * rand() ** 2));
        $c->request('GET', $key)->status == 200
            || $c->request('POST', $key,
                qq({"value":{"n":$i},"duration":"@{[ 120 + int rand 900 ]}s"}));
        $c->request('GET', '/pickle/report/' . int rand 40) if $i % 5 == 0;
        $c->request('POST', '/pickle/report/' . int(rand 30),
            'x' x int(10 ** (3 + rand 2)), 'X-Bigcache-Duration' => '1h')
            if $i % 50 == 0;

        sleep 1 / $rate;
    }
}


my $loaded = $t->in_child(\&load, 60 * $minutes + 200);

while (time < $end) {
    sleep 1;
}

my $b = Bigcache::Test::Browser->new($t);

$b->cdp('Emulation.setScrollbarsHidden', { hidden => \1 });

for my $dark (0, 1) {
    $b->size(1200, 860)->dark($dark)->go("$url/ui");
    $b->wait('return document.querySelectorAll("#tiles > div").length > 7');
    $b->click('#spans button=1 hour');
    sleep 5;                # the tiles show some looks
    $b->js('document.activeElement.blur()');
    $b->screenshot("$to/ui" . ($dark ? '-dark' : '') . '.png');
}

$b->quit;
$loaded->();
ok $t->stop, "$to/ui.png, $to/ui-dark.png";
done_testing;
