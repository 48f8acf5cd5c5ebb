#!/usr/bin/perl
#
# Writes the figures of bench/results into the tables of README.md and of
# docs/performance.md, each by the first line of a table, and dates and rounds in
# the sentences before them.  The text around them says by hand what the figures
# mean.
#
#     bench/tables.pl             after "./build.sh bench", which calls it
#     bench/tables.pl --check     changes nothing; prints which files would change
#
# Says which results are not of one commit.

use strict;
use warnings;

use FindBin;

my $top = "$FindBin::Bin/..";
my $check = @ARGV && $ARGV[0] eq '--check';
my %text;
my $results = "$top/bench/results";


sub slurp {
    open my $file, '<:encoding(UTF-8)', $_[0] or die "$_[0]: $!\n";
    local $/;

    return scalar <$file>;
}


# table(FILE, TITLES, ROWS): puts the rows into the table that has these titles

sub table {
    my ($name, $titles, @rows) = @_;
    my $lines = join '', map { "$_\n" } @rows;

    $text{$name} //= slurp("$top/$name");
    $text{$name} =~ s/^(\Q$titles\E\n\|[-|]+\n)(?:\|.*\n)*/$1$lines/m
        or warn "$name has no table with $titles\n";
}


# sentence(FILE, PATTERN, NEW): puts NEW for what comes behind \K

sub sentence {
    my ($name, $pattern, $new) = @_;

    $text{$name} //= slurp("$top/$name");
    $text{$name} =~ s/$pattern/$new/ or warn "$name has no $pattern\n";
}


# with_commas(NUMBER): without its fraction

sub with_commas {
    my $n = sprintf '%.0f', $_[0];

    1 while $n =~ s/(\d)(\d{3})(,|$)/$1,$2$3/;

    return $n;
}


sub row { return '| ' . join(' | ', @_) . ' |' =~ s/ +$//r }


# found(FILE, PATTERN): what it has

sub found {
    my ($name, $pattern) = @_;

    return slurp("$results/$name") =~ $pattern ? $1
        : die "bench/results/$name has no $pattern\n";
}


# -- one run

my %commits;

for (glob "$results/*.txt") {
    $commits{$1}{s{.*/}{}r} = 1 if slurp($_) =~ /^# .*?commit (\w+)/m;
}

warn 'the results are of ' . keys(%commits) . ' commits: '
    . join('; ', map { "$_: " . join ' ', sort keys %{ $commits{$_} } }
    sort keys %commits) . "\n" if keys %commits > 1;

# -- beside similar servers

my (%of, %is);

for (split /\n/, slurp("$results/peers.txt")) {
    next if !/^(\w+) +(\w+) +(\d+) +([\d.]+ x)$/;
    $of{"$2 $1"} = $3;
    $is{"$2 $1"} = $4;
}

sub rate { return with_commas($of{"$_[0] $_[1]"}) . ' requests/s' }


my $static = 'nginx, a static file with `open_file_cache`';
my $original = 'the original, FastAPI and LevelDB';
my $aio = 'nginx, static files with `aio threads`';
my @rows;

for (
    [ 'sends a page of 1 KB', 'hit_1k', static => $static ],
    [ 'sends a page of 30 KB, packed', 'hit_30k',
        gzip_static => 'nginx with `gzip_static`' ],
    [ 'sends a page of 1 MB', 'hit_1m', static => $static ],
    [ 'sends 1 KB of JSON', 'json_1k', fastapi => $original ],
    [ 'sends 30 KB of JSON, packed', 'json_30k', fastapi => 'the original' ],
    [ 'answers a miss', 'miss', static => 'nginx, a file that does not exist' ],
    [ ], [ ],
    [ 'stores a page of 1 KB', 'post_1k', fastapi => 'the original' ],
    [ 'stores a page of 30 KB', 'post_30k', fastapi => 'the original' ]
) {
    my ($what, $work, $server, $name) = @$_;

    push @rows, !$what ? undef : row($what, rate($work, 'bigcache'),
        $is{"$work $server"} . " $name");
}

# -- pages that are not in the hot index

for ([ 6, 'sends a page of 1 KB that nobody asked for lately', 1024 ],
    [ 7, 'sends pages of 30 KB, three times as many as the page cache holds',
        30000 ])
{
    my ($n, $what, $size) = @$_;
    my %rate = found('cold.txt', qr/^# $size B.*\n((?:\w+ +\d.*\n)+)/m)
        =~ /^(\w+) +(\d+)/mg;

    $rows[$n] = row($what, with_commas($rate{bigcache}) . ' requests/s',
        sprintf '%.2f x %s', $rate{bigcache} / $rate{aio}, $aio);
}

# -- many pages

my $storage = slurp("$results/storage.txt");
my ($keys) = (sort { $a <=> $b } $storage =~ /^(\d+) keys: resident/mg)[-1];

# figure(WHAT): of so many pages

sub figure { return found('storage.txt', qr/^$keys keys: $_[0] +([\d.]+)/m) }

my ($purged, $seconds) = $storage =~ /^purge of (\d+) keys, s +([\d.]+)/m;

push @rows, row('holds ' . with_commas($keys) . ' pages',
    figure('resident, private and shared, MB') . ' MB of memory, private and'
        . ' shared',
    'the first hit comes ' . figure('start to first hit, ms')
        . ' ms after the start, `/stat/count` takes '
        . figure('/stat/count, ms') . ' ms'),
    row('removes ' . with_commas(sprintf '%.2g', $purged) . ' of '
        . with_commas($keys) . ' keys by a prefix',
        sprintf('%.3g s, while clients read', $seconds),
        'the purge takes effect at once');

my $date = found('peers.txt', qr/^# ([\d-]+), /);
my $rounds = found('peers.txt', qr/, (\d+) rounds/);

# rounds(N): in words

sub rounds {
    my ($n) = @_;

    return ((qw(no one two three four five))[$n] // $n) . ' round'
        . ($n == 1 ? '' : 's');
}


table('README.md', '| what it does | how fast | compared with |', @rows);
sentence('README.md',
    qr/virtual machine of two cores, \K[\d-]+(?=:)/, $date);
sentence('README.md', qr/medians of\s+\K\w+ rounds?(?=\.)/, rounds($rounds));

# -- docs/performance.md

my $performance = 'docs/performance.md';

table($performance, '| what | against | measured | goal | |',
    (split /\n/, slurp("$results/goals.md"))[2 .. slurp("$results/goals.md")
        =~ tr/\n// - 1]);

my @works = qw(hit_1k hit_30k hit_1m json_1k json_30k miss post_1k post_30k);

table($performance, '| | hit, 1 KB | hit, 30 KB, gzip | hit, 1 MB | JSON, 1 KB'
    . ' | JSON, 30 KB, gzip | miss | POST 1 KB | POST 30 KB |', map {
    my ($server, $name) = @$_;
    my @rates = map {
        exists $of{"$_ $server"} ? ' ' . with_commas($of{"$_ $server"}) : ''
    } @works;

    grep({ $_ } @rates) ? join(' |', "| $name", @rates) . ' |' : ();
} (
    [ bigcache => 'bigcache' ],
    [ static => 'nginx, static file, `open_file_cache`' ],
    [ gzip_static => 'nginx, `gzip_static`' ],
    [ aio => 'nginx, static file, `aio threads`' ],
    [ proxy => 'nginx, `proxy_cache`' ],
    [ dav => 'nginx, `dav_methods PUT`' ],
    [ memcached => 'nginx and memcached' ],
    [ srcache => 'nginx, srcache and memcached' ],
    [ varnish => 'Varnish, memory' ],
    [ varnish_file => 'Varnish, file storage' ],
    [ redis => 'Redis, its own protocol' ],
    [ fastapi => 'FastAPI and LevelDB' ]
));
sentence($performance,
    qr/^Of \K[\d-]+(?=, on a virtual machine of two cores:$)/m, $date);
sentence($performance, qr/medians of\s+\K\w+(?=\s+rounds?, each round)/,
    rounds($rounds) =~ s/ .*//r);

# -- Django

my %us = map { /^(.*)\t([\d.]+)$/ ? ($1 => $2) : () }
    split /\n/, slurp("$results/python.tsv");
my @calls = ('get 30 KB', 'get small', 'miss', 'set 30 KB', 'set small',
    'get_many 100 x 30 KB', 'get_many 100 small', 'set_many 100 x 30 KB',
    'set_many 100 small');
my %peers = (bigcache => 'bigcache', packed => 'bigcache, `PACK`',
    example => 'example/big_cache.py', redis => 'django-redis, Redis',
    memcached => 'pymemcache, memcached', diskcache => 'diskcache',
    file => q{Django's files});
my $titles = '| | ' . join(' | ', @calls) . ' |';

# django(MODE, PEERS): rows of one way to call

sub django {
    my ($mode, $peers, @of_calls) = @_;

    return map {
        my $peer = $_;

        row($peers{$peer}, map {
            my $us = $us{"$peer\t$mode\t$_"};
            defined $us ? sprintf '%.0f', $us : '-';
        } @of_calls);
    } @$peers;
}


sub of_redis {
    my ($mode, @of_calls) = @_;

    return row('bigcache, times django-redis', map {
        sprintf '%.2f', $us{"bigcache\t$mode\t$_"} / $us{"redis\t$mode\t$_"}
    } @of_calls);
}


my @most = grep { !/many.*small/ } @calls;
my @two = qw(bigcache redis);
my ($before, $after);

# three tables have the same titles

$text{$performance} =~ /^One thread, medians/m or die "no table of one thread\n";
($before, $text{$performance}) = (substr($text{$performance}, 0, $-[0]),
    substr $text{$performance}, $-[0]);
table($performance, $titles,
    django('one', [ qw(bigcache packed example redis memcached diskcache
        file) ], @calls), of_redis('one', @calls));

for ([ qr/^16 threads of one/m, 'threads' ], [ qr/^4 processes, /m,
    'processes' ])
{
    my ($start, $mode) = @$_;

    $text{$performance} =~ $start or die "no table of $mode\n";
    $before .= substr $text{$performance}, 0, $-[0];
    $text{$performance} = substr $text{$performance}, $-[0];
    table($performance, $titles, django($mode, \@two, @calls),
        of_redis($mode, @calls));
}

table($performance, '| | ' . join(' | ', @most) . ' |',
    django('loop', \@two, @most), of_redis('loop', @most));
$text{$performance} = $before . $text{$performance};

# -- the tail

my $tail = slurp("$results/tail.txt");
my %ms = map { /^(\d+(?: [a-z]+)?) +(\w+) +(\w+) +\d+ +\d+ +([\d. ]+)$/
    ? ("$1 $2 $3" => [ (split ' ', $4)[0 .. 2] ]) : () } split /\n/, $tail;
my @tail_works = qw(hit_1k hit_30k miss post_30k);

# short(MILLISECONDS, DIGITS): so many digits behind the point, none from 10 on

sub short { return sprintf $_[0] < 10 ? "%.$_[1]f" : '%.0f', $_[0] }


# percentiles(NAME, WHICH ...): a row; WHICH are, for each work, keys of %ms

sub percentiles {
    my ($name, @which) = @_;

    return join(' |', "| $name", map {
        my $ms = $_ && $ms{$_};

        $ms ? ' ' . join(', ', map { short($_, 2) } @$ms) : ' ';
    } @which) . ' |';
}


my %beside = (
    bigcache => 'bigcache', static => 'nginx, static files, `open_file_cache`',
    static_gzip => 'nginx, `gzip_static`', put => 'nginx, `PUT`',
    proxy => 'nginx, `proxy_cache`', varnish => 'Varnish', redis => 'Redis',
);
my %under_way = (
    quiet => 'quiet', reload => 'a reload', compaction => 'a compaction',
    expiry => 'a sweep of a million expired pages', import => 'an import',
);
my $median = '| median, 99th, 99.9th, ms | hit, 1 KB | hit, 30 KB, gzip | miss |'
    . ' POST 30 KB |';

# two tables have the same titles

$text{$performance} =~ /^While something else is under way/m
    or die "no table of what is under way\n";
my $behind = substr $text{$performance}, $-[0];
$text{$performance} = substr $text{$performance}, 0, $-[0];

table($performance, $median, map {
    my $server = $_;

    percentiles($beside{$server}, map { "1 $server $_" } @tail_works);
} qw(bigcache static static_gzip put proxy varnish redis));

$before = $text{$performance};
$text{$performance} = $behind;

table($performance, $median, map {
    my $state = $_;

    percentiles($under_way{$state}, map { "1 $state bigcache $_" } @tail_works);
} qw(quiet reload compaction expiry import));

# -- a slow disk

my %disk = map { /^(\w+) +(\d+) +(\d+) +[\d.]+ +([\d. ]+)$/
    ? ($1 => [ $2, $3, split ' ', $4 ]) : () }
    split /\n/, slurp("$results/disk.txt");

table($performance, '| | all pages, /s | page in memory, /s | median, ms | 99th'
    . ' percentile, ms | 99.9th | 99th, evenly |', map {
    my ($server, $name) = @$_;
    my ($all, $one, @p) = @{ $disk{$server} };

    row($name, with_commas($all), with_commas($one),
        map { sprintf $_ < 10 ? '%.2f' : $_ < 100 ? '%.1f' : '%.0f', $_ } @p);
} ([ bigcache => 'bigcache' ], [ aio => 'nginx, static files, `aio threads`' ],
    [ static => 'nginx, static files' ]));

# -- page caching

my %page = map { my @part = split /\t/; ("@part[0 .. 2]" => $part[3]) }
    split /\n/, slurp("$results/pages.tsv");

sub of_pages { return $page{"$_[0] $_[1] $_[2]"} }

table($performance, '| requests/s | bigcache | `gzip=off` | `proxy_cache` |'
    . ' Varnish | Traffic Server | no cache |', map {
    my ($cell, $name) = @$_;

    row($name, map {
        my $rate = $cell eq 'hit_30k_raw' && $_ eq 'pages' ? undef
            : of_pages($cell, $_, 'requests/s');

        defined $rate ? with_commas($rate) : '-';
    } qw(pages raw proxy varnish ats none));
} (
    [ hit_1k => 'hit, 1 KB' ],
    [ hit_30k_gzip => 'hit, 30 KB, the client takes gzip' ],
    [ hit_30k_plain => 'hit, 30 KB, the client does not' ],
    [ hit_30k_raw => 'hit, 30 KB, the upstream cannot pack' ],
    [ miss_30k_raw => 'miss, 30 KB, the upstream cannot pack' ],
    [ miss_30k_gzip => 'miss, 30 KB, the upstream packs' ],
));

my @caches = qw(pages proxy lock varnish ats);

table($performance, '| crowd | bigcache | `proxy_cache` | `proxy_cache_lock` |'
    . ' Varnish | Traffic Server |', map({
    my $n = $_;

    row($n == 8 ? '8 clients: requests to the upstream' : "$n clients: requests",
        map { of_pages("crowd_$n", $_, 'asked') // '-' } @caches),
    row($n == 8 ? 'after its answer, median and 99th percentile' : 'after',
        map {
            my $cache = $_;
            my @ms = grep { defined }
                map { of_pages("crowd_$n", $cache, "after_$_") } qw(p50 p99);

            @ms ? join(', ', map { short($_, 1) } @ms) . ' ms' : '-';
        } @caches);
} 8, 50, 500), row('50 clients, an expired page: requests', map {
    (of_pages('crowd_50_old', $_, 'asked') // '-')
        . (of_pages('crowd_50_old', $_, 'stale') ? ', stale' : '')
} @caches));

my @mixed = qw(pages proxy lock varnish ats none);

table($performance, '| mix | bigcache | `proxy_cache` | `proxy_cache_lock` |'
    . ' Varnish | Traffic Server | no cache |',
    row('requests/s', map { with_commas(of_pages('mix', $_, 'requests/s')) }
        @mixed),
    row('median, 99th percentile, ms', map {
        my $cache = $_;

        join ', ', map { short(of_pages('mix', $cache, "took_$_"), 1) }
            qw(p50 p99);
    } @mixed));
$text{$performance} = $before . $text{$performance};

# dates and rounds, which each of these has in its own order

for (
    [ 'tail', qr/^Of \K[\d-]+, \w+ rounds? of \d+ s(?=, one worker with a)/m,
        '%1$s, %2$s' ],
    [ 'disk', qr/\w+ rounds? of \d+ s, of [\d-]+(?=\s+\(`bench.results.disk)/,
        '%3$s, of %1$s' ],
    [ 'python', qr/, of \K[\d-]+(?=\s+\(`bench.results.python)/, '%1$s' ],
    [ 'pages', qr/^Of \K[\d-]+, \w+ rounds? of \d+ s(?=, medians \(`bench)/m,
        '%1$s, %2$s' ]
) {
    my ($name, $pattern, $format) = @$_;
    my ($of) = slurp("$results/$name.txt") =~ /^# ([\d-]+), commit/ or next;
    my ($n, $each) = slurp("$results/$name.txt") =~ /(\d+) rounds of (\d+)/;
    my $text = rounds($n) . " of $each s";

    sentence($performance, $pattern, sprintf $format, $of, $text,
        ucfirst $text);
}

# -- write

for my $name (sort keys %text) {
    next if $text{$name} eq slurp("$top/$name");

    print "$name\n";
    next if $check;

    open my $file, '>:encoding(UTF-8)', "$top/$name" or die "$name: $!\n";
    print $file $text{$name};
    close $file or die "$name: $!\n";
}
