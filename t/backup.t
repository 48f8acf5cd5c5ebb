#!/usr/bin/perl

# The backups of docs/operations.md, by its own commands: a copy made while the
# store was closed, one of links that were made while it was closed for a moment,
# and one of all files at one moment.  Writers go on all the time; the copies are
# served by an nginx of their own.

use strict;
use warnings;

use FindBin;
use Bigcache::Test qw(slurp);
use Digest::MD5 qw(md5_hex);
use Test::More;

use constant { PAGES => 300, WRITERS => 3 };

my $tool = $ENV{BIGCACHE_TOOL} || "$FindBin::Bin/../build/bigcache";

my $conf = Bigcache::Test->default_conf(
    main => 'worker_processes 2;',
    path => 'segment_size=1m write_buffer=64k wait=10s',
    http => 'client_max_body_size 10m;',
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;

            location / {
                bigcache main;
            }

            location = /close {
                return 403;
            }
        }
    });

my $t = Bigcache::Test->new->conf($conf)->start;
my $store = $t->dir . '/store';


# page(KEY, SEQUENCE): says what it is, and does not shrink

sub page {
    my ($key, $sequence) = @_;

    my $name = "$key $sequence";
    my $size = 100 + 997 * (($sequence * 7 + length $key) % 40);
    my $body = '';

    $body .= pack 'H*', md5_hex("$name $_") for 0 .. $size / 16;

    return "$name\n$body";
}


sub store {
    my ($key, $sequence) = @_;

    return $t->request('POST', "/pickle/$key", page($key, $sequence))->status;
}


# -- writers of keys of their own, of which nothing is known but that each page
# is whole; requests that are answered 503 are none of their business

my %writers;
my $test = $$;

END {
    my $status = $?;

    kill 'KILL', keys %writers if $$ == ($test // 0);
    $? = $status;
}


sub start_writers {
    for my $writer (1 .. WRITERS) {
        my $pid = fork // die "fork: $!\n";

        if (!$pid) {
            $SIG{TERM} = 'DEFAULT';

            for (my $i = 0; ; $i++) {
                eval {
                    my $key = "noise$writer-" . $i % 50;

                    $i % 11 ? store($key, $i)
                        : $t->request('DELETE', "/pickle/$key");
                };
            }
        }

        $writers{$pid} = 1;
    }

    my $sets = 'requests_total{operation="set",status="200"}';
    my $before = $t->metric($sets);

    $t->wait_for(sub { $t->metric($sets) > $before + 50 * WRITERS });
}


sub stop_writers {
    kill 'TERM', keys %writers;
    waitpid $_, 0 for keys %writers;
    %writers = ();
}


# -- what has to be in a copy

our %expected;


sub fill {
    my ($sequence) = @_;

    my $failed = 0;

    for my $n (1 .. PAGES) {
        my $key = "page$n";

        if ($n % 5 == 0) {
            $failed += $t->request('DELETE', "/pickle/$key")->status
                !~ /^(?:200|404)$/;
            $expected{$key} = undef;
            next;
        }

        $failed += store($key, $sequence) != 200;
        $expected{$key} = $sequence;
    }

    is $failed, 0, "pages of round $sequence";
}


sub check_copy {
    my ($copy, $name) = @_;

    SKIP: {
        skip "no $tool", 1 if !-x $tool;

        my $output = `$tool check '${\$copy->dir}/store' 2>&1`;
        is $?, 0, "$name: check" or diag $output;
    }

    $copy->conf($conf)->start;

    my (@wrong, @torn, $n);

    for my $key (sort keys %expected) {
        my $r = $copy->get("/pickle/$key");
        my $sequence = $expected{$key};

        push @wrong, "$key: " . $r->status . ' ' . substr $r->body, 0, 30
            if defined $sequence
                ? $r->status != 200 || $r->body ne page($key, $sequence)
                : $r->status != 404;
    }

    for my $key (map { my $w = $_; map { "noise$w-$_" } 0 .. 49 } 1 .. WRITERS)
    {
        my $r = $copy->get("/pickle/$key");

        next if $r->status == 404;

        my ($sequence) = $r->body =~ /^\Q$key\E (\d+)\n/;

        $n++;
        push @torn, $key if !defined $sequence
            || $r->body ne page($key, $sequence);
    }

    is "@wrong", '', "$name: pages";
    is "@torn", '', "$name: pages that were written meanwhile";
    cmp_ok $n, '>', 0, "$name: there are some";
    is $copy->request('POST', '/pickle/new', 'new')->status, 200,
        "$name: stores";
    is $copy->get('/pickle/new')->body, 'new', "$name: what was stored";
    ok $copy->stop, "$name: stops";
}


# -- the commands, as they stand there, with other paths

my $page = slurp('docs/operations.md');


sub commands {
    my ($title) = @_;

    my ($block) = $page =~ /^\*\*\Q$title\E\*\*.*?\n\n((?:    .*\n)+)/ms
        or die "no commands: $title\n";

    for ([ qr{/var/lib/bigcache\b}, $store ],
        [ qr{/backup/}, $t->dir . '/backup/' ], [ qr/www-data/, 'root' ])
    {
        my ($from, $to) = @$_;
        $block =~ s/$from/$to/g;
    }

    return $block;
}


# shell(COMMANDS, PORT): a machine that has no rsync gets one that does what is
# asked of it here

sub shell {
    my ($commands, $n) = @_;

    my $port = $t->port($n // 0);

    $t->write_file('commands', <<"END");
B=http://127.0.0.1:$port A='X-Nothing: 1'
command -v rsync || rsync() {
    while [ \$# -gt 2 ]; do shift; done
    mkdir -p "\$2" && tar -C "\$1" -c --exclude=./reserve --exclude=./trash . |
        tar -C "\$2" -x
}
$commands
END

    return system 'sh -c ". ' . $t->dir . '/commands" >' . $t->dir
        . '/out 2>&1';
}


# serves(NAME): the backup, by an nginx of its own

sub serves {
    my ($name) = @_;

    my $copy = Bigcache::Test->new;

    is system('cp', '-r', '--preserve=mode,ownership', $t->dir
        . '/backup/bigcache', $copy->dir . '/store'), 0, "$name: restored";
    check_copy($copy, $name);
    unlike $copy->error_log, qr/not closed properly/, "$name: closed properly";
}


# in the place of rsync, one that is interrupted

my $broken = "rsync() {\nfor to; do :; done\n"
    . "mkdir -p \"\$to\"; echo x >\"\$to/index\"; false\n}\n";

# -- while it is closed

my $pause = commands('With a pause.');

fill(1);
start_writers();
shell($pause);
is $t->get('/pickle/page1')->status, 200, 'pause: the store is open again';
ok !-e $t->dir . '/backup/bigcache.new', 'pause: the copy has its name';

my %first = %expected;

fill(2);

shell($pause, 1);
ok !-e $t->dir . '/backup/bigcache.new', 'pause: a /close that is refused';
shell("$broken$pause");
is $t->get('/pickle/page1')->status, 200, 'pause: interrupted, it is open again';
stop_writers();

{
    local %expected = %first;
    serves('pause, when others went wrong');
}

shell($pause);
serves('pause, the next one');

# -- links

my $snapshot = $t->dir . '/store.snapshot';

my ($links, $copied) = commands('With a pause of a second.')
    =~ /^(.*\n)(    \[ "\$copied" \].*)/ms or die "not in two parts\n";
my ($names) = $links =~ /\A(.*\n)/;

fill(3);
fill(4);
start_writers();

# what an earlier run may have left

system 'mkdir', '-p', "$snapshot/pages", $t->dir . '/backup/bigcache.new/index';
system 'touch', "$snapshot/pages/old.seg",
    $t->dir . '/backup/bigcache.new/index/old';

shell("$links\n[ \"\$copied\" ] && touch ${\$t->dir}/copied");
ok -e $t->dir . '/copied', 'links: pages are linked, the index is copied';
is $t->get('/pickle/page1')->status, 200, 'links: open';

my @segments = glob "$snapshot/pages/*.seg";

# all of it is overwritten, so that segments are compacted and removed

my %then = %expected;

fill($_) for 5 .. 8;

ok $t->wait_for(sub { grep { !-e s/store\.snapshot/store/r } @segments }),
    'links: segments have left the store since';
stop_writers();

# it is copied only now

shell("$names copied=yes\n$copied");
ok !-e $snapshot, 'links: they are removed';
ok !-e $t->dir . '/backup/bigcache/pages/old.seg', 'links: no earlier ones';

{
    local %expected = %then;
    serves('links');
}

# a /close that is refused, and a copy that is interrupted

shell("$links$copied", 1);
ok !-e $snapshot, 'links: a /close that is refused';
shell("$broken$links$copied");
ok -d $t->dir . '/backup/bigcache/pages', 'links: interrupted, the last one stays';
is $t->get('/pickle/page1')->status, 200, 'links: and it is open again';

# what the live store serves is not theirs

is $t->get('/pickle/page1')->body, page('page1', 8), 'links: the live store';

# -- all files as they were at one moment: no process writes while they are
# copied, and none knows of it

my $whole = Bigcache::Test->new;

fill(9);
start_writers();
fill(10);

my @nginx = ($t->running, $t->children);

ok $t->halt(@nginx), 'moment: all have stopped';
is system('cp', '-a', $store, $whole->dir . '/store'), 0, 'moment: copied';
$t->signal('CONT', @nginx);

is $t->get('/pickle/page1')->body, page('page1', 10), 'moment: goes on';
stop_writers();

check_copy($whole, 'moment');

done_testing;
