#!/usr/bin/perl

# A store of the version before page caching is served by this one, which puts
# pages into it, and by the former one again, both ways by an upgrade of the
# binary under load: no key of the REST API is lost, and the former version
# neither serves nor lists a page, nor removes it with a prefix.  It is built
# from the history of git.

use strict;
use warnings;

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 900 }

use Bigcache::Test;
use Bigcache::Test::Load;
use Bigcache::Test::Origin;
use Cwd qw(abs_path);
use File::Copy qw(copy);
use FindBin;
use Test::More;

use constant KEYS => 50;
use constant CLIENTS => 2;

# workers of the two versions do not understand each other: what an old one was
# asked just before a new one opens the store waits in vain

use constant IN_VAIN => qr{: 503 .*"the process that has the store open does};

my $top = abs_path("$FindBin::Bin/../..");
my $t = Bigcache::Test->new(daemon => 1);
my $dir = $t->dir;

# the commit that brought src/pages, and the one before it

my ($first) = reverse split /\n/,
    `git -C $top log --format=%H -- src/pages 2>$dir/out`;

plan skip_all => 'no history of git' if !$first
    || system "git -C $top rev-parse -q --verify $first^ >$dir/out 2>&1";

mkdir "$dir/former";

plan skip_all => 'the former version cannot be built' if system
    "{ git -C $top archive $first^ | tar -x -C $dir/former"
    . " && cd $dir/former && ./build.sh build; } >$dir/out 2>&1";

my %module = (this => $t->module,
    former => "$dir/former/build/ngx_http_bigcache_module.so");
my $so = "$dir/module.so";
local $ENV{BIGCACHE_MODULE} = $so;

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request) = @_;
    my $uri = $request->{uri};

    return (200, ['Cache-Control' => 'max-age=600',
        $uri =~ /lang/ ? (Vary => 'X-Lang') : ()], body($uri));
});

my @pages = map { ("/small/$_", "/lang/$_", "/large/$_") } 1 .. 3;


sub body {
    my ($uri) = @_;

    return "$uri|" . 'x' x ($uri =~ /large/ ? 1_500_000 : 3000);
}


# install(WHICH): that module, and a configuration that it understands

sub install {
    my ($which) = @_;

    copy($module{$which}, "$so.new") && rename "$so.new", $so
        or die "$so: $!\n";

    $t->conf(main => 'worker_processes 2;', path => 'wait=10s max_size=1g',
        location => $which eq 'this' ? 'bigcache_pages off;' : '',
        http => 'client_max_body_size 10m;',
        servers => $which ne 'this' ? '' : q{
        server {
            listen 127.0.0.1:%%PORT_2%%;
            bigcache_pages main;
            bigcache_lookup_timeout 10s;
            add_header X-Status $bigcache_status always;
            location / {
                proxy_http_version 1.1;
                proxy_set_header Connection "";
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }
    });
}


# upgrade(WHICH): under load

sub upgrade {
    my ($which, $others) = @_;

    my $load = Bigcache::Test::Load->new($t, clients => CLIENTS, pause => 0.001)
        ->start;

    install($which);
    $load->wait_for(10);
    $t->upgrade;

    my $loaded = $load->wait_for(20);
    my $report = $load->stop;
    my @failed = grep { $_ !~ IN_VAIN } @{ $report->{failed} };

    is_deeply [ @{ $report->{wrong} }, @failed, $load->verify ], [],
        "to $which: nothing fails, nothing is lost";
    cmp_ok @{ $report->{failed} } - @failed, '<=', CLIENTS,
        "to $which: but for a request of each client at most";
    ok $loaded, "to $which: under load";
    $t->request('DELETE', '/prefix/c');
    rest("$which version", $others);
}


# rest(NAME, OTHERS): the keys of the REST API, beside so many pages

sub rest {
    my ($name, $others) = @_;

    my @wrong = grep { $t->get("/pickle/k$_")->body ne "v$_" } 1 .. KEYS;
    my $list = $t->get('/keys/?limit=1000')->json;

    is "@wrong", '', "$name: all keys are there";
    is $t->count, KEYS + $others, "$name: count, with $others of pages";
    is join(' ', sort map { $_->{key} } @{ $list->{keys} }),
        join(' ', sort map { "k$_" } 1 .. KEYS), "$name: no page in the list";
}


sub ask {
    my ($uri) = @_;

    my $r = $t->request_to(2, 'GET', $uri, undef, 'X-Lang' => 'en');
    my $status = $r->header('X-Status') // '';

    return $r->status == 200 && $r->body eq body($uri) ? $status
        : "wrong, $status";
}


install('former');
$t->start;
$t->request('POST', "/pickle/k$_", "v$_") for 1 .. KEYS;
rest('former version', 0);

upgrade('this', 0);

for my $uri (@pages) {
    ok $t->wait_for(sub { ask($uri) eq 'HIT' }), "$uri: stored";
}

# the names of fields that a page varies by are an entry, too

my $others = @pages + 3;
rest('pages are stored', $others);

upgrade('former', $others);
is $t->get('/cache/http://127.0.0.1/small/1')->status, 404,
    'the former version serves none of them';
is $t->request('DELETE', '/prefix/k1')->json->{message},
    "prefix 'k1': 11 keys deleted.", 'nor deletes it with a prefix';
$t->request('POST', "/pickle/k$_", "v$_") for 1 .. KEYS;
rest('a prefix deleted', $others);

upgrade('this', $others);
is join(' ', map { ask($_) } @pages), join(' ', map { 'HIT' } @pages),
    'this version: the pages are there again';

upgrade('former', $others);
is $t->get('/clear')->status, 200, 'the former version clears';
is $t->count, 0, 'all';

install('this');
$t->upgrade;
is join(' ', map { ask($_) } @pages), join(' ', map { 'MISS' } @pages),
    'this version: no page is left';

ok $t->stop, 'stops';

done_testing;
