#!/usr/bin/perl

# A store in a Redis cluster: two nginxes with four workers each, and clients
# that do everything to a few keys, while slots are moved and a master is killed.
# Each client notes when a request began and ended, and its answer.  All answers
# must fit one order of the requests; a request that was answered 503 may have
# taken effect at any time since it began.  At the end the servers keep nothing
# that no page owns.

use strict;
use warnings;

use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep clock_gettime CLOCK_MONOTONIC);
use Test::More;

use Bigcache::Cluster;
use Bigcache::Test;

use constant {
    TIME => $ENV{BIGCACHE_COHERENCE} || 10,     # seconds, at least
    CLIENTS => 8,
    KEYS => 6,
    COUNTERS => 2,
    BUCKETS => 8,
    LONGEST => 12,      # seconds that a request may take, and more
};

# what a client notes: [ what, of which key, begin, end, status, version, ... ]

use constant { WHAT => 0, KEY => 1, FROM => 2, TO => 3, STATUS => 4,
    VERSION => 5, ID => 6, TAGS => 7, BASE => 8 };

Bigcache::Cluster::program() or plan skip_all => 'no redis-server';

my $cluster = Bigcache::Cluster->new(masters => 3, replicas => 1,
    timeout => 1000);
my @nginx = map { nginx() } 1, 2;
my (%tags, %unknown, @problems);

alarm(200 + 10 * TIME);

my $stop = clients();
sleep TIME / 3;
my $moved = move_slots();
sleep TIME / 3;
kill_master();
sleep TIME / 3;
my @ops = $stop->();

my %seen;
$seen{"$_->[WHAT] $_->[STATUS]"}++ for @ops;
note join ', ', map { "$_: $seen{$_}" } sort keys %seen;

cmp_ok $moved, '>', 0, "$moved slots have moved";
cmp_ok scalar @ops, '>', 500, scalar @ops . ' requests';
ok $seen{"$_ 200"}, "$_ was done" for qw(get put delete cas touch incr prefix
    tag soft list);

# $tags{ID} are those of the page that was put as ID

$tags{ $_->[ID] } = $_->[TAGS] for grep { $_->[TAGS] } @ops;

for my $key (map { "r/$_" } 0 .. KEYS - 1) {
    my @of = grep { $_->[KEY] eq $key } @ops;
    my @removals = removals($key);

    check_versions($key, @of);
    check_cas($key, @of);
    check_removed($key, \@removals, @of);
    check_there($key, \@removals, @of);
}

check_counter("n/$_") for 0 .. COUNTERS - 1;
check_lists();

is_deeply \@problems, [], 'all answers fit one order'
    or diag scalar @problems . ' do not';

# -- what is left

$nginx[0]->wait_for(sub { !$cluster->keys('*}[pd]*') }, 90);

is_deeply [ remains() ], [], 'the indices are those of the pages';
is $nginx[0]->count, COUNTERS + listed(), 'the count is that of the list';

is $nginx[1]->request('POST', '/clear')->status, 200, 'cleared';
is $_->count, 0, 'nothing is counted' for @nginx;

# the time of chunks has come

for my $key ($cluster->keys('*}o')) {
    my $at = owner($key);
    $cluster->ask($at, 'ZADD', $key, 1, $_)
        for @{ $cluster->ask($at, 'ZRANGE', $key, 0, -1) };
}

my @left;

ok $nginx[0]->wait_for(sub {
    !(@left = grep { !/\}(?:[vnqrw]|conf|upkeep)$/ } $cluster->keys('*'));
}, 40), 'nothing is left that no page owns'
    or diag join "\n", @left;

done_testing;


# -- servers

sub nginx {
    my $t = Bigcache::Test->new;
    my $text = $t->default_conf(main => "worker_processes 4;\n"
        . 'thread_pool default threads=32;', http => 'client_max_body_size 9m;');
    my $line = $cluster->directive('pages', 'zone=main:1m', 'replicas=1',
        'wait=8s', 'timeout=1s', 'buckets=' . BUCKETS);

    $text =~ s/bigcache_path .*?;/$line/;
    $t->expect_log(qr/requests are answered 503/);

    return $t->conf($text)->start;
}

sub owner { $cluster->owner($cluster->ask(0, 'CLUSTER', 'KEYSLOT', $_[0])) }

# move_slots(): of half of the buckets, each to another master; returns how many

sub move_slots {
    my $moved = 0;

    for my $bucket (0 .. BUCKETS / 2 - 1) {
        my $slot = $cluster->ask(0, 'CLUSTER', 'KEYSLOT', "{pages:$bucket}i");
        my $to = ($cluster->owner($slot) + 1) % 3;
        my $from = $cluster->begin_move($slot, $to);

        $cluster->move_keys($slot, $from, $to, 2, 0.02);
        $cluster->end_move($slot, $from, $to);
        $moved++;
    }

    return $moved;
}

# kill_master(): its replica takes its place, and it comes back as a replica

sub kill_master {
    my $slot = $cluster->ask(0, 'CLUSTER', 'KEYSLOT', '{pages:0}i');
    my $victim = $cluster->owner($slot);
    my ($other) = grep { $_ != $victim } 0 .. 2;

    $cluster->kill($victim);
    $cluster->wait_for(sub {
        my $now = $cluster->owner($slot, $other);
        defined $now && $now != $victim;
    }, 'another master');
    $cluster->start($victim);
    $cluster->wait_for(sub { $cluster->ready }, 'the old one is a replica');
}

# -- clients

# clients(): starts them; returns what stops them and returns all they have noted

sub clients {
    my @running;

    for my $client (0 .. CLIENTS - 1) {
        pipe my $stop, my $stopper or die "pipe: $!\n";
        pipe my $in, my $out or die "pipe: $!\n";
        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            close $stopper;
            close $in;
            close $_->[1] for @running;
            alarm 0;
            $SIG{ALRM} = 'DEFAULT';
            print $out JSON::PP::encode_json(client($client, $stop));
            close $out;
            POSIX::_exit(0);
        }

        close $stop;
        close $out;
        push @running, [ $pid, $stopper, $in ];
    }

    return sub {
        close $_->[1] for @running;

        return map { local $/; my $text = readline $_->[2];
            waitpid $_->[0], 0; @{ JSON::PP::decode_json($text) } } @running;
    };
}

sub client {
    my ($client, $stop) = @_;

    my (@noted, %connection, $n);
    my $reads = '';

    vec($reads, fileno $stop, 1) = 1;
    srand($client + $$ * 16);

    # ask(WHAT, KEY, METHOD, PATH, BODY, HEADER => VALUE ...)

    my $ask = sub {
        my ($what, $key, $method, $path, $body, @headers) = @_;
        my $at = int rand 2;
        my $begin = clock_gettime(CLOCK_MONOTONIC);
        my $r = eval {
            ($connection{$at} //= $nginx[$at]->connect)->request($method,
                $path, $body, @headers);
        };
        my $end = clock_gettime(CLOCK_MONOTONIC);
        my $status = $r ? $r->status : 0;

        delete $connection{$at} if !$status;
        my ($version) = $status == 200
            ? ($r->header('ETag') // '') =~ /(\w+?)(?:-gzip)?"/ : ();

        push @noted, my $op = [ $what, $key, $begin, $end, $status, $version ];
        return ($r, $op);
    };

    # put(WHAT, KEY, BASE, HEADER => VALUE ...): a page with a body of its own

    my $put = sub {
        my ($what, $key, $base, @headers) = @_;
        my $id = "$client." . ++$n;
        my @tags = grep { rand() < 0.5 } 'red', 'blue';
        my $body = "$id " . 'x' x (rand() < 0.02 ? 2_500_000 : rand 3000);

        push @headers, 'Surrogate-Key' => "@tags" if @tags;
        my ($r, $op) = $ask->($what, $key, 'POST', "/pickle/$key", $body,
            @headers, 'X-Bigcache-Stale' => '1h');
        @$op[ID, TAGS, BASE] = ($id, [ @tags ], $base);
    };

    my $get = sub {
        my ($key) = @_;
        my ($r, $op) = $ask->('get', $key, 'GET', "/pickle/$key");

        $op->[ID] = ($r->body =~ /^(\S+) x*$/)[0] // 'wrong bytes'
            if $op->[STATUS] == 200;
        return $op->[STATUS] == 200 ? $r->header('ETag') : undef;
    };

    my $purge = sub {
        my ($what, $tag, $hard) = @_;
        my ($r, $op) = $ask->($what, '', 'POST', '/purge',
            qq({"type":"tag","selectors":["$tag"],"purge":$hard}));
        $op->[TAGS] = undef;
        $op->[ID] = $tag;
    };

    until (select my $ready = $reads, undef, undef, 0) {
        my $key = 'r/' . int rand KEYS;
        my $what = rand;

        if ($what < 0.38) { $get->($key) }
        elsif ($what < 0.52) { $put->('put', $key) }
        elsif ($what < 0.62) {
            my $etag = $get->($key) // next;
            my ($base) = $etag =~ /(\w+?)(?:-gzip)?"/;
            $put->('cas', $key, $base, 'If-Match' => $etag);
        }
        elsif ($what < 0.66) {
            $put->('create', $key, undef, 'If-None-Match' => '*');
        }
        elsif ($what < 0.76) {
            $ask->('touch', $key, 'PATCH', "/pickle/$key",
                '{"duration":"1h"}');
        }
        elsif ($what < 0.80) { $ask->('delete', $key, 'DELETE',
            "/pickle/$key") }
        elsif ($what < 0.92) {
            my $counter = 'n/' . int rand COUNTERS;
            my ($r, $op) = $ask->('incr', $counter, 'POST', "/incr/$counter",
                '{"initial":0}');
            $op->[ID] = $r->json->{value} if $op->[STATUS] == 200;
        }
        elsif ($what < 0.923) { $ask->('prefix', 'r/', 'DELETE', '/prefix/r/') }
        elsif ($what < 0.927) { $purge->('tag', 'red', 'true') }
        elsif ($what < 0.935) { $purge->('soft', 'blue', 'false') }
        else {
            my ($r, $op) = $ask->('list', '', 'GET', '/keys/r/?limit=100');
            next if $op->[STATUS] != 200;

            # one that takes over a second is only a part

            $op->[WHAT] = 'part' if defined $r->json->{next};
            $op->[ID] = [ map { $_->{key} } @{ $r->json->{keys} } ];
        }
    }

    return \@noted;
}

# -- the order

sub problem {
    my ($text, @of) = @_;
    push @problems, join ' ', "$text:", map { sprintf '[%s %s %.4f-%.4f %s]',
        @$_[WHAT, KEY, FROM, TO],
        join ' ', map { ref $_ ? "@$_" : $_ // '-' } @$_[STATUS .. $#$_] } @of;
}

sub puts_a_page { $_[0][WHAT] =~ /^(?:put|cas|create)$/ }
sub done { $_[0][STATUS] == 200 }
sub unknown { $_[0][STATUS] == 503 || $_[0][STATUS] == 0 }

# unknown_of(WHAT, KEY, OPS): those of them, which are all of the kind

sub unknown_of {
    my ($what, $key, $ops) = @_;

    return $unknown{"$what $key"} //= [ grep { unknown($_) } @$ops ];
}

# removals(KEY): requests that may have removed it, or have made it stale

sub removals {
    my ($key) = @_;

    return sort { $a->[FROM] <=> $b->[FROM] }
        grep { $_->[WHAT] =~ /^(?:prefix|tag|soft)$/
            || $_->[WHAT] eq 'delete' && $_->[KEY] eq $key } @ops;
}

sub end_of { unknown($_[0]) ? 9**9**9 : $_[0][TO] }

# a version that was answered, or read, is never followed by an older one; what
# was read of a write that was not acknowledged may be undone

sub check_versions {
    my ($key, @of) = @_;

    my %kept = map { $_->[VERSION] => 1 } grep { done($_)
        && (puts_a_page($_) || $_->[WHAT] eq 'touch') } @of;
    my @by_begin = sort { $a->[FROM] <=> $b->[FROM] }
        grep { done($_) && $_->[VERSION] } @of;
    my @by_end = sort { $a->[TO] <=> $b->[TO] }
        grep { $kept{ $_->[VERSION] } } @by_begin;
    my $latest;

    for my $op (@by_begin) {
        while (@by_end && $by_end[0][TO] < $op->[FROM]) {
            my $one = shift @by_end;
            $latest = $one if !$latest
                || version($one) > version($latest);
        }

        problem('an older version', $latest, $op)
            if $latest && version($op) < version($latest);
    }

    my %at;

    for my $op (grep { done($_) && puts_a_page($_) } @of) {
        problem('one version, two pages', $at{ $op->[VERSION] }, $op)
            if $at{ $op->[VERSION] };
        $at{ $op->[VERSION] } = $op;
    }

    for my $op (grep { $_->[WHAT] eq 'get' && done($_) } @of) {
        my $put = $at{ $op->[VERSION] };
        problem('another body', $put, $op)
            if $put && $put->[ID] ne $op->[ID];
    }
}

sub version { no warnings "portable"; hex $_[0][VERSION] }

# of all writes on one version at most one is done, and no other one is between

sub check_cas {
    my ($key, @of) = @_;

    my @writes = sort { version($a) <=> version($b) } grep { done($_)
        && (puts_a_page($_) || $_->[WHAT] eq 'touch') } @of;
    my %index = map { $writes[$_][VERSION] => $_ } 0 .. $#writes;

    for my $i (0 .. $#writes) {
        my $op = $writes[$i];
        next if $op->[WHAT] ne 'cas';

        my $base = $index{ $op->[BASE] };
        problem('a condition was true twice', @writes[$base .. $i])
            if defined $base && $base != $i - 1;
    }
}

# no answer has a page that was put before a removal began, if the removal had
# ended before the request began

sub check_removed {
    my ($key, $removals, @of) = @_;

    my %put = map { $_->[ID] => $_ } grep { puts_a_page($_) } @of;
    my @done = grep { done($_) } @$removals;

    for my $op (grep { $_->[WHAT] eq 'get' && done($_) } @of) {
        my $put = $put{ $op->[ID] };
        problem('nobody has put it', $op), next if !$put;
        next if unknown($put);

        for my $i (after(\@done, $put->[TO]) .. $#done) {
            my $removal = $done[$i];
            last if $removal->[FROM] >= $op->[FROM];
            problem('it was removed', $put, $removal, $op), last
                if $removal->[TO] < $op->[FROM] && selects($removal, $put);
        }
    }
}

# after(OPS, TIME): the index of the first that began later than that, of some
# that are sorted so

sub after {
    my ($ops, $time) = @_;

    my ($low, $high) = (0, scalar @$ops);

    while ($low < $high) {
        my $middle = int(($low + $high) / 2);

        if ($ops->[$middle][FROM] > $time) { $high = $middle }
        else { $low = $middle + 1 }
    }

    return $low;
}

# selects(REMOVAL, PUT): whether it concerns the page

sub selects {
    my ($removal, $put) = @_;

    return 1 if $removal->[WHAT] eq 'prefix';
    return $removal->[KEY] eq $put->[KEY] if $removal->[WHAT] eq 'delete';
    return scalar grep { $_ eq $removal->[ID] } @{ $put->[TAGS] };
}

# a page that was put is there, unless something may have removed it since

sub check_there {
    my ($key, $removals, @of) = @_;

    my @puts = sort { $a->[FROM] <=> $b->[FROM] }
        grep { puts_a_page($_) && (done($_) || unknown($_)) } @of;
    my @by_end = sort { $a->[TO] <=> $b->[TO] } grep { done($_) } @puts;
    my @missed = grep { $_->[WHAT] eq 'get' && $_->[STATUS] == 404
        || $_->[WHAT] eq 'touch' && $_->[STATUS] == 404
        || $_->[WHAT] eq 'create' && done($_) } @of;
    my $last;

    for my $op (sort { $a->[FROM] <=> $b->[FROM] } @missed) {
        while (@by_end && $by_end[0][TO] < $op->[FROM]) {
            my $one = shift @by_end;
            $last = $one if !$last || version($one) > version($last);
        }

        next if !$last || may_be_gone($last, $op, \@puts, $removals);
        problem('it is gone', $last, $op);
    }
}

# may_be_gone(PUT, OP, PUTS, REMOVALS): PUT is the latest page that was there
# when OP began, but for those of PUTS that were still under way

sub may_be_gone {
    my ($last, $op, $puts, $removals) = @_;

    my @there = ($last, grep { $_ != $last && $_->[FROM] < $op->[TO]
        && (unknown($_) || version($_) > version($last)) }
        @$puts[after($puts, $last->[FROM] - LONGEST) .. $#$puts]);

    # one that is not known may come much later

    for my $removal (@{ unknown_of('removals', $last->[KEY], $removals) },
        @$removals[after($removals, $last->[FROM] - LONGEST) .. $#$removals])
    {
        next if $removal->[FROM] > $op->[TO]
            || end_of($removal) < $last->[FROM];
        return 1 if grep { selects($removal, $_) } @there;
    }

    return 0;
}

# each count is answered once, and none is lost

sub check_counter {
    my ($key) = @_;

    my @of = sort { $a->[FROM] <=> $b->[FROM] }
        grep { $_->[KEY] eq $key } @ops;
    my @done = grep { done($_) } @of;
    my $unknown = grep { unknown($_) } @of;
    my (%seen, $latest);
    my @by_end = sort { $a->[TO] <=> $b->[TO] } @done;

    for my $op (@done) {
        problem('counted twice', $seen{ $op->[ID] }, $op)
            if $seen{ $op->[ID] };
        $seen{ $op->[ID] } = $op;

        while (@by_end && $by_end[0][TO] < $op->[FROM]) {
            my $one = shift @by_end;
            $latest = $one if !$latest || $one->[ID] > $latest->[ID];
        }

        problem('an older number', $latest, $op)
            if $latest && $op->[ID] < $latest->[ID];
    }

    my $value = $nginx[0]->get("/cache/$key")->json->{value};
    my $n = @done;

    problem("$key is $value after $n counts, and $unknown that are not known")
        if $value + 1 < $n || $value + 1 > $n + $unknown;
}

# lists are in order, and have what is there

sub check_lists {
    my %puts;
    push @{ $puts{ $_->[KEY] } }, $_ for sort { $a->[FROM] <=> $b->[FROM] }
        grep { puts_a_page($_) && (done($_) || unknown($_)) } @ops;
    my %removals = map { $_ => [ removals($_) ] } keys %puts;

    for my $op (grep { $_->[WHAT] eq 'list' && done($_) } @ops) {
        my %listed = map { $_ => 1 } @{ $op->[ID] };

        problem('no order', $op)
            if "@{ $op->[ID] }" ne join ' ', sort keys %listed;

        for my $key (keys %puts) {
            my $of = $puts{$key};
            my $first = after($of, $op->[FROM] - LONGEST);
            my @of = @$of[$first .. after($of, $op->[TO]) - 1];
            my ($last) = sort { version($b) <=> version($a) }
                grep { done($_) && $_->[TO] < $op->[FROM] } @of;

            problem("$key is not listed", $last, $op)
                if !$listed{$key} && $last && !may_be_gone($last, $op,
                    $puts{$key}, $removals{$key});

            # what is stale is listed

            my $removals = $removals{$key};
            my @removals = @$removals[after($removals, $op->[FROM] - LONGEST)
                .. after($removals, $op->[FROM]) - 1];
            my ($removal) = sort { $b->[FROM] <=> $a->[FROM] }
                grep { $_->[WHAT] =~ /^(?:prefix|delete)$/ && done($_)
                    && $_->[TO] < $op->[FROM] } @removals;

            problem("$key is listed", $removal, $op)
                if $listed{$key} && $removal
                    && !grep { end_of($_) > $removal->[FROM] } @of,
                        @{ unknown_of('puts', $key, $of) };
        }
    }
}

# -- what the servers have

sub listed { scalar @{ $nginx[0]->get('/keys/r/?limit=100')->json->{keys} } }

# remains(): what is in an index and is no page, or the other way round

sub remains {
    my @wrong;

    for my $bucket (0 .. BUCKETS - 1) {
        my $name = "{pages:$bucket}";
        my $at = owner($name);
        my (%index, %expires, %tags, %chunks);

        for my $full (grep { /^\Q$name\Ek/ } $cluster->keys("$name*")) {
            my $value = $cluster->ask($at, 'GET', $full);
            my $key = substr $full, 1 + length $name;
            my ($expire, $nonce, $chunks, $bytes)
                = unpack 'x48 a16 a24 a8 a8', $value;
            my $encoded = substr $value, 152, $bytes;

            $index{$key} = 1;
            $expires{$key} = 1 if $expire !~ /^9+$/;
            $chunks{"${name}c$nonce:$_"} = 1 for 0 .. $chunks - 1;

            while (length $encoded) {
                my $len = 2 + ord $encoded;
                $tags{ substr($encoded, 0, $len) . $key } = 1;
                substr $encoded, 0, $len, '';
            }
        }

        for my $orphan (@{ $cluster->ask($at, 'ZRANGE', "${name}o", 0, -1) }) {
            my ($nonce, $n) = $orphan =~ /(\w+):(\d+)/;
            $chunks{"${name}c$nonce:$_"} = 2 for 0 .. $n - 1;
        }

        push @wrong, compare("$name index", \%index, 0,
            @{ $cluster->ask($at, 'ZRANGE', "${name}i", 0, -1) });
        push @wrong, compare("$name expiries", \%expires, 0,
            @{ $cluster->ask($at, 'ZRANGE', "${name}e", 0, -1) });
        push @wrong, compare("$name tags", \%tags, 0,
            @{ $cluster->ask($at, 'ZRANGE', "${name}t", 0, -1) });
        push @wrong, compare("$name chunks", \%chunks, 2,
            grep { /^\Q$name\Ec/ } $cluster->keys("${name}c*"));
    }

    return @wrong;
}

# compare(NAME, WANTED, OPTIONAL, FOUND ...): those of the value OPTIONAL may be
# missing

sub compare {
    my ($name, $wanted, $optional, @found) = @_;

    my %found = map { $_ => 1 } @found;

    return ((map { "$name: $_ is too many" } grep { !$wanted->{$_} }
            sort keys %found),
        map { "$name: $_ is missing" }
            grep { !$found{$_} && $wanted->{$_} != $optional }
            sort keys %$wanted);
}
