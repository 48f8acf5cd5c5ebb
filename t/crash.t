#!/usr/bin/perl

# kill -9 of the worker, or of all of nginx, at random moments while several
# processes store, overwrite, delete and purge pages of all sizes.  What was
# acknowledged is so afterwards, byte for byte; what was under way has
# happened or has not.

use strict;
use warnings;

use Bigcache::Test;
use POSIX ();
use Storable qw(freeze thaw);
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    ROUNDS => $ENV{BIGCACHE_CRASH} || 40,
    WRITERS => 5,
    GROUPS => 4,
    KEYS => 8,
    LARGE => 1_200_000,
};

alarm($ENV{BIGCACHE_TIMEOUT} || 300 + 5 * ROUNDS);

my $seed = $ENV{BIGCACHE_SEED} || time ^ $$ << 8;
srand $seed;

my $t = Bigcache::Test->new->conf(
    main => q{
        worker_rlimit_core 0;

        thread_pool bigcache threads=8;
    },
    path => q{
        thread_pool=bigcache wait=20s segment_size=1m write_buffer=64k
    },
    http => q{
        client_max_body_size 2m;
        keepalive_requests 1000000;
    })->start;

$t->expect_log(qr/worker process \d+ exited on signal 9/);

# bytes that do not shrink, and the same as text, from any place on

my $noise = join '', map { pack 'N*', map { int rand 2 ** 32 } 1 .. 1024 }
    1 .. 400;
my $text = unpack 'H*', $noise;

# a page is "KIND SIZE SEQUENCE"; undef is none

my @kinds = qw(raw raw json json dull);
my @sizes = (0, 1, 100, 900, 1000, 1100, 1500, 4000, 4000, 10_000, 40_000,
    100_000);


sub value {
    my ($key, $page) = @_;

    my ($kind, $size, $sequence) = split ' ', $page;
    my $mark = "$key $page.";

    return substr $mark x (1 + $size / length $mark), 0, $size
        if $kind eq 'dull';

    my $from = $sequence * 97 % 300_000;

    return $mark . substr $kind eq 'raw' ? $noise : $text, $from, $size;
}


# matches(KEY, PAGE, RESPONSE): whether that is what was stored

sub matches {
    my ($key, $page, $r) = @_;

    return $r->status == 404 if !defined $page;
    return 0 if $r->status != 200 || $r->truncated;

    my $value = value($key, $page);

    return $r->body eq $value if $page !~ /^json/;

    my $front = qq({"value":"$value","expire":);

    return length $r->body > length $front
        && substr($r->body, 0, length $front) eq $front
        && substr($r->body, length $front)
            =~ /\A(?:null,"duration":null|[\d.]+,"duration":"1d")\}\z/;
}


# the keys of a writer, in groups, which are what he purges

my %keys = map {
    my $writer = $_;
    ($writer => [ map {
        my $group = "w$writer/g$_/";
        map { "$group$_" } 1 .. KEYS;
    } 1 .. GROUPS ]);
} 1 .. WRITERS;

# pages that may be under a key now: one, if all was acknowledged

my %state = map { ($_ => [ undef ]) } map { @$_ } values %keys;
my $sequence = 0;


# -- writers

# a writer works on its own keys until the connection ends, or it is told to:
# one that came late has a connection to what was started next; its half of the
# pipe then gets the state of its keys, and what it has done

my $usr1 = POSIX::SigSet->new(POSIX::SIGUSR1);

POSIX::sigprocmask(POSIX::SIG_BLOCK, $usr1);


sub ended {
    my $pending = POSIX::SigSet->new;

    POSIX::sigpending($pending);

    return $pending->ismember(POSIX::SIGUSR1);
}


sub start_writer {
    my ($number) = @_;

    pipe my $read, my $write or die "pipe: $!\n";

    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        $SIG{ALRM} = 'DEFAULT';
        alarm 100;
        close $read;
        srand($seed ^ $$ << 10 ^ $sequence);

        my %result = (done => 0, bad => []);

        eval { work($number, \%result); 1 }
            or $@ =~ /^connect to/ || push @{ $result{bad} }, "died: $@";

        $result{state} = { map { ($_ => $state{$_}) } @{ $keys{$number} } };
        print $write freeze(\%result);
        close $write;
        POSIX::_exit(0);
    }

    close $write;

    return { pid => $pid, out => $read };
}


sub work {
    my ($number, $result) = @_;

    my $keys = $keys{$number};
    my $next = $sequence;
    my $c = $t->connect;

    while (!ended()) {
        my $key = $keys->[rand @$keys];
        my $chance = rand;
        my ($status, @touched);

        if ($chance < 0.80) {
            my $page = join ' ', $kinds[rand @kinds],
                rand() < 0.02 ? LARGE : $sizes[rand @sizes], ++$next;

            push @{ $state{$key} }, $page;
            $status = put($c, $key, $page);
            $state{$key} = [ $page ] if $status == 200;

        } elsif ($chance < 0.97) {
            push @{ $state{$key} }, undef;
            $status = $c->request('DELETE', "/pickle/$key")->status;
            $state{$key} = [ undef ] if $status == 200 || $status == 404;

        } else {
            my ($group) = $key =~ m{(.*/)};
            my @all = grep { index($_, $group) == 0 } @$keys;
            my @prefer = rand() < 0.5 ? () : (Prefer => 'respond-async');

            push @{ $state{$_} }, undef for @all;
            $status = $c->request('DELETE', "/prefix/$group", undef, @prefer)
                ->status;

            if ($status == (@prefer ? 202 : 200)) {
                $state{$_} = [ undef ] for @all;
            }
        }

        return if $status == 0;

        $result->{done}++;

        push @{ $result->{bad} }, "status $status"
            if !grep { $_ == $status } 200, 202, 404;
    }
}


sub put {
    my ($c, $key, $page) = @_;

    my $value = value($key, $page);
    my $lasting = rand() < 0.3;

    return $c->request('POST', "/cache/$key", qq({"value":"$value")
        . ($lasting ? ',"duration":"1d"}' : '}'))->status
        if $page =~ /^json/;

    return $c->request('POST', "/pickle/$key", $value,
        $lasting ? ('X-Bigcache-Duration' => '1d') : ())->status;
}


# -- rounds

# check(NAME): every key is as it should be; returns how many there are

sub check {
    my ($name) = @_;

    my $c = $t->connect;
    my ($n, @bad) = 0;

    for my $key (sort keys %state) {
        my $r = $c->request('GET', "/pickle/$key");
        my @match = grep { matches($key, $_, $r) } @{ $state{$key} };

        push @bad, "$key: " . $r->status . ', ' . length($r->body)
            . ' bytes "' . (substr($r->body, 0, 40) =~ tr/ -~/./cr)
            . '", expected ' . join ' or ', map { $_ // 'none' }
                @{ $state{$key} }
            if !@match;

        $state{$key} = [ $match[-1] ];
        $n += defined $match[-1];
    }

    is scalar @bad, 0, "$name: all keys are as they were" or diag "$name, seed "
        . "$seed\n" . join "\n", @bad;

    # what was stored elsewhere stays elsewhere

    is $c->request('GET', "/pickle/w1/g1/0$_")->status, 404, "$name: a miss"
        for 1;
    $c->close;

    return $n;
}


my ($done, $doubtful, $last) = (0, 0, 0);

for my $round (1 .. ROUNDS) {
    my $all = $round % 2;
    my $name = "round $round, " . ($all ? 'all killed' : 'worker killed');
    my ($worker) = $t->worker_pids;
    my @writers = map { start_writer($_) } 1 .. WRITERS;

    # until some moment, often while they begin

    sleep rand() < 0.2 ? rand 0.02 : rand 0.5;

    if ($all) {
        $t->kill;

    } else {
        $t->signal('KILL', $worker);
        $t->wait_for(sub { grep { $_ != $worker } $t->worker_pids });
    }

    my @bad;

    kill 'USR1', map { $_->{pid} } @writers;

    for my $writer (@writers) {
        my $out = $writer->{out};
        local $/;
        my $result = thaw(scalar <$out>);

        waitpid $writer->{pid}, 0;
        @state{ keys %{ $result->{state} } } = values %{ $result->{state} };
        $done += $result->{done};
        push @bad, @{ $result->{bad} };
    }

    $doubtful += grep { @$_ > 1 } values %state;
    $sequence += 100_000;

    is "@bad", '', "$name: no other answers";

    $t->start if $all;

    # once more, while it counts or purges

    if (rand() < 0.1) {
        sleep rand 0.05;
        $t->kill->start;
    }

    $last = check($name);
    $t->counted($last, "$name: count");

    if (!Test::More->builder->is_passing) {
        diag "stopped after $name, seed $seed";
        last;
    }
}

note "$done operations, $doubtful keys in doubt, seed $seed";
cmp_ok $done, '>', 20 * ROUNDS, 'there was load';

# in order, it is as it was

ok $t->stop, 'stops';
my $log = length $t->error_log;
$t->start;
is check('after a stop'), $last, 'as many keys';
$t->counted($last, 'after a stop: count');
unlike $t->error_log($log), qr/not closed properly/, 'closed properly';

# the space of what is gone comes back

is $t->request('DELETE', '/prefix/w')->status, 200, 'purges all';
$t->counted(0, 'nothing: count');
ok $t->wait_for(sub { 1 >= (() = glob $t->dir . '/store/pages/*') }, 60),
    'one segment is left' or diag join ' ', glob $t->dir . '/store/pages/*';

unlike $t->error_log, qr/\[crit\]/, 'nothing is damaged';

done_testing;
