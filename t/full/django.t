#!/usr/bin/perl

# docs/django.md, followed: its commands and its files, as they stand there, up
# to the keys in /ui.  Only ports and directories are others.
#
# BIGCACHE_PICTURE=FILE makes a picture of /ui there.

use strict;
use warnings;

use FindBin;
use Bigcache::Test qw(slurp);
use Bigcache::Test::Browser;
use Cwd qw(abs_path);
use Test::More;

plan skip_all => 'no Django, or nothing to install packages with'
    if system("/usr/bin/python3 -c 'import django, ensurepip, setuptools, wheel'"
        . ' 2>/dev/null') != 0;

my $top = abs_path("$FindBin::Bin/../..");
my $t = Bigcache::Test->new;
my $dir = $t->dir;
my ($bigcache, $site) = ($t->port(0), $t->port(1));

my $pages = "$top/build/web/locations.conf";

$t->conf(
    http => 'client_header_timeout 2s;',
    server => qq{include $pages;})->start;

# the blocks of the document, by what is in them

my $text = slurp('docs/django.md');

my @blocks = map { s/^    //mgr } $text
    =~ /^(    .*\n(?:    .*\n|\n(?=\n*    ))*)/mg;

sub block {
    my ($regex) = @_;

    my @found = grep { $_ =~ $regex } @blocks;
    @found == 1 or die "$regex: " . @found . " blocks in docs/django.md\n";

    return $found[0] =~ s/127\.0\.0\.1:36379/127.0.0.1:$bigcache/gr
        =~ s/127\.0\.0\.1:8000/127.0.0.1:$site/gr
        =~ s{/srv/bigcache}{$top}gr =~ s{/srv/site}{$dir/site}gr;
}


sub shell {
    my ($script) = @_;

    $t->write_file('script', "set -e\n$script");
    my $output = `bash $dir/script 2>&1`;

    return ($?, $output);
}


# a copy of the sources, beside which setuptools may write

shell("cp -r $top/clients/python $dir/clients
    rm -rf $dir/clients/build $dir/clients/*.egg-info");

# -- a project

# what is installed is installed; Debian's Python is not the only one here

my $make = block(qr/^apt-get install python3-django/) =~ s/^apt-get .*\n//r
    =~ s{\Q$top\E/clients/python}{$dir/clients}r;

my ($status, $output) = shell("$make\n" . block(qr/^django-admin/));

is $status, 0, 'the project is made, and the package installed'
    or BAIL_OUT($output);

my $project = "$dir/site/mysite";

sub append {
    my ($name, $code) = @_;

    open my $out, '>>', "$project/mysite/$name" or die "$name: $!\n";
    print $out "\n$code";
    close $out;
}

append('settings.py', block(qr/^CACHES = /));
append('views.py', block(qr/^import time\n/));
unlink "$project/mysite/urls.py";
append('urls.py', block(qr/^from django\.urls/));
append('plain.py', block(qr/^from \.big_cache import/m));
append('urls.py', block(qr/^from \. import plain/));

my $cp = block(qr{^cp .*/big_cache\.py});
my $enter = block(qr{^cd .*\n\. \.\./env});

(my $copied, $output) = shell("cd $project\n$cp");
is $copied, 0, 'big_cache.py is copied' or diag $output;

($status, $output) = shell("$enter\npython manage.py check");
is $status, 0, 'Django finds no fault with it' or diag $output;

# -- the server of the project

my $server;

sub start_site {
    $server = fork // die "fork: $!\n";

    if (!$server) {
        chdir $project;
        open STDOUT, '>>', "$dir/site.log";
        open STDERR, '>&', \*STDOUT;
        exec 'setpriv', '--pdeathsig', 'KILL', "$dir/site/env/bin/python",
            'manage.py', 'runserver', '--noreload', "127.0.0.1:$site";
    }

    $t->wait_for(sub {
        HTTP::Tiny->new(timeout => 5)->get("http://127.0.0.1:$site/none")
            ->{status} == 404;
    }, 60) or die "no server:\n" . $t->read_file('site.log');
}

sub stop_site {
    my $pid = $server or return;

    $server = 0;
    kill 'TERM', $pid;
    waitpid $pid, 0;
}

END { my $status = $?; stop_site(); $? = $status }

sub page {
    my ($path) = @_;

    my $r = HTTP::Tiny->new(timeout => 60)->get("http://127.0.0.1:$site$path");
    $r->{status} == 200 or diag $r->{content};

    return $r->{content};
}

# a page that is made takes three seconds, and says when that was; a second one
# that was made would say another time

start_site();

my %first;

for my $path ('/decorated/1/', '/dataset/1/?page=2') {
    $first{$path} = page($path);
    like $first{$path}, qr/^report 1, made at \d\d:\d\d:\d\d\n$/,
        "$path is made";
    is page($path), $first{$path}, "$path is served from bigcache";
}

isnt $first{'/decorated/1/'}, $first{'/dataset/1/?page=2'},
    'which are two pages';
isnt page('/dataset/1/?page=3'), $first{'/dataset/1/?page=2'},
    'another one is made';

stop_site();
$t->stop;
$t->start;
start_site();

is page($_), $first{$_}, "$_ is there after both have been started again"
    for sort keys %first;

# -- look inside

my $prefix = qr/^mysite:1:/;
my @keys = @{ $t->get('/keys/')->json->{keys} };

is scalar(@keys), 4, 'the keys of the pages';
is scalar(grep { $_->{key} =~ $prefix } @keys), 4, 'begin with the prefix';
is join(' ', map { $_->{key} } grep { $_->{key} =~ /dataset/ } @keys),
    'mysite:1:/dataset/1/?page=2 mysite:1:/dataset/1/?page=3',
    'those of the view that caches by hand';

my $b = Bigcache::Test::Browser->new($t);

$b->size(1000, 1250);
$b->go("http://127.0.0.1:$bigcache/ui");
$b->fill('#list input', 'mysite:1:/dataset/');
$b->click('#list button=List');
is $b->says('#list-said', qr/keys/), '2 keys, page 1, the last one.',
    '/ui lists them';
$b->click('#rows .key=mysite:1:/dataset/1/?page=2');
like $b->says('#page', qr/python-pickle/),
    qr{^mysite:1:/dataset/1/\?page=2\n}, 'and opens one';
$b->click('#show');


# a pickle is shown as bytes, and beside them as what is text in it

my $shown = join '', map { s/.*  //r } split /\n/, $b->says('#value', qr/\d/);
my $made = $first{'/dataset/1/?page=2'} =~ s/\n//r;

like $shown, qr/\Q$made\E/, 'which holds the page';
is_deeply [ $b->console ], [], 'without a word on the console';

if ($ENV{BIGCACHE_PICTURE}) {
    $b->js('document.querySelector("#h-key").scrollIntoView()');
    $b->screenshot($ENV{BIGCACHE_PICTURE});
}

# -- integers count on the server

my ($shell, $printed) = block(qr/^\$ python manage\.py shell/)
    =~ /^\$ (.*?\)"\n)(.*)\n/s;

($status, $output) = shell("$enter\n$shell");
is $output, "True\n1 11\n", 'incr';
like $printed, qr/^True\n1 11\n/, 'as the document says';
is $t->get('/cache/mysite:1:visits')->body,
    '{"key":"mysite:1:visits","value":11,"expire":null,"duration":null}',
    'a number of JSON';

# -- deleted in /ui, a page is made again

$b->fill('#list input', 'mysite:1:/dataset/');
$b->click('#purge');
$b->click('#ask button=Delete them');
is $b->says('#list-said', qr/deleted/),
    "prefix 'mysite:1:/dataset/': 2 keys deleted.", 'a prefix is deleted';
$b->quit;

isnt page('/dataset/1/?page=2'), $first{'/dataset/1/?page=2'},
    'the page is made again';

# -- without a backend

my $plain = page('/plain/1/');

like $plain, qr/^report 1, made at \d\d:\d\d:\d\d\n$/, '/plain/1/ is made';
is page('/plain/1/'), $plain, 'and served from bigcache';
like $t->get('/cache/plain/1')->body, qr/"value":"report 1, .*"duration":"28d"/,
    'where it is JSON';

# -- bigcache is away

$t->stop;

my $second = page('/decorated/1/');

like $second, qr/^report 1, made at/, 'pages are made';
isnt $second, $first{'/decorated/1/'}, 'anew';
isnt page('/decorated/1/'), $second, 'each time';
like $t->read_file('site.log'), qr/^bigcache fails and counts as empty: /m,
    'and the log says why';

done_testing;
