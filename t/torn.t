#!/usr/bin/perl

# Writers and readers of the same few keys, in processes of their own, while
# keys are deleted, purged and the store cleared.  Every value says who wrote
# it, which of his it is, how long it is, and its checksum.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Time::HiRes qw(sleep time);

use Bigcache::Test;
use Test::More;

use constant SECONDS => $ENV{BIGCACHE_TORN} || 4;

my $t = Bigcache::Test->new;
$t->conf(
    main => 'thread_pool bigcache threads=8;',
    path => 'thread_pool=bigcache write_buffer=1m wait=30s',
    http => q{
        client_max_body_size 64m;
        keepalive_requests 1000000;
    })->start;

# around the boundary between index and page files, and far from it

my @sizes = (10, 100, 5_000, 100_000, 1048376, 1048576, 1048577, 1048700,
    2_000_000);

$t->wait_for(sub { $t->get('/stat')->status == 200 });
my $number = $ENV{BIGCACHE_WORKERS} || 1;
$t->wait_for(sub { $t->worker_pids == $number });
my $workers = join q( ), $t->worker_pids;


# value(WRITER, SEQUENCE, SIZE): of the alphabet of JSON strings too

sub value {
    my ($writer, $sequence, $size) = @_;

    my $unit = "$writer.$sequence;";
    my $fill = substr $unit x (1 + $size / length $unit), 0, $size;

    return join ' ', $writer, $sequence, $size, md5_hex($fill), $fill;
}

# parse(VALUE): writer and sequence, if it is whole

sub parse {
    my ($writer, $sequence, $size, $md5, $fill) = split / /, $_[0], 5;

    return if !defined $fill || length $fill != $size
        || md5_hex($fill) ne $md5
        || index($fill, substr "$writer.$sequence;", 0, $size) != 0;

    return ($writer, $sequence);
}

# kind: "cache" or "pickle", the same for all of a key

sub stored {
    my ($kind, $key, $body) = @_;

    return $kind eq 'pickle' ? ($body)
        : $body =~ /\A\{"key":"\Q$key\E","value":"([^"]*)",
            "expire":null,"duration":null\}\z/x;
}

sub body {
    my ($kind, $value) = @_;

    return $kind eq 'pickle' ? $value : qq({"value":"$value"});
}


# in_child(NAME, CODE): CODE has until the end, and does something at least once,
# however late it begins; it dies of what is wrong; the child says how much it
# has done

my $end = time + SECONDS;
my %child;

sub in_child {
    my ($name, $code) = @_;

    $child{$name} = $t->in_child(sub {
        my $done = 0;
        my $ok = eval { $code->($t->connect, \$done); 1 };
        $ok ? "ok $done" : "after $done: $@";
    }, SECONDS + 60);
}

sub expect {
    my ($r, @statuses) = @_;

    die 'status ' . $r->status . ' ' . substr($r->body, 0, 200) . "\n"
        if !grep { $_ == $r->status } @statuses;
    die "cut short\n" if $r->truncated;

    return $r;
}

sub put {
    my ($c, $kind, $key, $value) = @_;

    my $body = body($kind, $value);
    my @parts = rand() < 0.3 ? [ unpack '(a300000)*', $body ] : $body;

    return expect($c->request('POST', "/$kind/$key", @parts), 200);
}

# look(C, KIND, KEY): the writer and the sequence, or nothing

sub look {
    my ($c, $kind, $key) = @_;

    my $r = expect($c->request('GET', "/$kind/$key"), 200, 404);
    return if $r->status == 404;

    my ($value) = stored($kind, $key, $r->body);
    my ($writer, $sequence) = parse($value // '');

    die "torn: $key, " . length($r->body) . ' bytes: '
        . substr($r->body, 0, 100) . "\n" if !defined $sequence;

    return ($writer, $sequence);
}


# one writer for each of these keys: what it wrote is what it reads, and for
# others its sequence only grows; two keys are purged meanwhile, two are not

my %own = (
    'kept-raw' => 'pickle', 'kept-json' => 'cache',
    'gone-raw' => 'pickle', 'gone-json' => 'cache',
);

# run(CLEARING): all of them until the end

sub run {
    my ($clearing) = @_;

    $end = time + SECONDS;
    %child = ();

    for my $key (keys %own) {
        in_child("writer of $key", sub {
            my ($c, $done) = @_;

            while (time < $end || !$$done) {
                my $sequence = ($clearing ? 1_000_000 : 0) + ++$$done;
                my $may_miss = $clearing || $key =~ /gone/;

                put($c, $own{$key}, $key,
                    value('w', $sequence, $sizes[rand @sizes]));
                my ($writer, $got) = look($c, $own{$key}, $key);

                die "reads " . ($got // 'nothing') . ", wrote $sequence\n"
                    if defined $got ? $got != $sequence : !$may_miss;
            }
        });
    }

    for my $reader (1 .. 2) {
        in_child("reader $reader", sub {
            my ($c, $done) = @_;
            my %last;

            while (time < $end || !$$done) {
                my $key = (keys %own)[rand keys %own];
                my (undef, $sequence) = look($c, $own{$key}, $key);

                $$done++;
                next if !defined $sequence;

                die "$key: reads $sequence after $last{$key}\n"
                    if $sequence < ($last{$key} // 0);
                $last{$key} = $sequence;
            }
        });
    }

    # all write to and read from these
    for my $one (1 .. 2) {
        in_child("one of many $one", sub {
            my ($c, $done) = @_;

            while (time < $end || !$$done) {
                my $kind = rand() < 0.5 ? 'pickle' : 'cache';
                my $key = "many-$kind-" . int rand 2;

                $$done++;
                put($c, $kind, $key,
                    value("m$one", $$done, $sizes[rand @sizes]))
                    if rand() < 0.5;
                look($c, $kind, $key);
            }
        });
    }

    in_child('one who removes', sub {
        my ($c, $done) = @_;

        while (time < $end || !$$done) {
            my $key = (qw(gone-raw gone-json many-pickle-0 many-cache-1))
                [rand 4];

            rand() < 0.8
                ? expect($c->request('DELETE', "/cache/$key"), 200, 404)
                : expect($c->request('DELETE',
                    (qw(/prefix/gone- /prefix/many-))[rand 2]), 200);

            expect($c->request('GET', '/stat/count'), 200);
            expect($c->request('GET', '/clear'), 200)
                if $clearing && rand() < 0.1;

            $$done++;
            sleep 0.02;     # the others' turn
        }
    });

    my $name = $clearing ? 'with clear' : 'without clear';

    for (sort keys %child) {
        my $said = $child{$_}->();
        like $said, qr/^ok [1-9]/, "$name: $_";
        note "$_: $said";
    }
}

run(0);
run(1);

is join(' ', $t->worker_pids), $workers, 'the same workers';

# the index names every page file, and no other is left

$t->get('/clear');
my @pages;
ok $t->wait_for(sub {
    @pages = glob $t->dir . '/store/pages/* ' . $t->dir . '/store/trash/*';
    !@pages;
}), 'no page files left' or diag "@pages";
is $t->get('/stat/count')->body, '{"count":0}', 'no keys left';
is join(' ', glob $t->dir . '/client_body/*'), '', 'no temporary files left';

done_testing;
