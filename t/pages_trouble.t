#!/usr/bin/perl

# What becomes of pages while the store cannot do its part: the queue of the
# thread pool is full, all threads hang, the owner is stopped, the disk is slow
# or full, the store is closed or never opened.  Each client gets what the
# upstream says, and not much later than without caching.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use Bigcache::Test::Origin;
use Fcntl qw(:flock);
use FindBin;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep);

# seconds, of which bigcache_lookup_timeout is 0.05: a request that waits for
# the store itself, or for another request, would wait for 5 or more

use constant MOST => 3;
use constant LARGE => 1_500_000;

my $large = noise(LARGE);

# instance(NAME => TEXT ...): an instance with such parts of a configuration, and an
# origin: /small/N and /large/N are fresh for long, /never/N are not stored, and
# at /gets/slow the disk does

sub instance {
    my (%of) = @_;
    my $t = Bigcache::Test->new;

    $t->{origin} = Bigcache::Test::Origin->new($t, 1, sub {
        my ($request) = @_;

        if ($request->{uri} =~ /gets/) {
            $t->write_file('slow', 2000);
            sleep 0.3;
        }

        return (200, ['Cache-Control' => $request->{uri} =~ /never/
            ? 'no-store' : 'max-age=600'], body($request->{uri}));
    });

    $of{main} //= 'worker_processes 1;';

    if ($of{mount}) {
        $t->mount($of{mount}) or return;
        $of{store} = '%%DIR%%/disk/store';
    }

    delete $of{mount};
    my $env = delete $of{env} // {};
    $t->{env}{$_} = $env->{$_} =~ s/%%DIR%%/$t->dir/er for keys %$env;

    $t->conf(path => 'wait=10s', %of, http => q{
        client_max_body_size 64m;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        }, location => 'bigcache_pages off;', servers => q{
        server {
            listen 127.0.0.1:%%PORT_2%%;
            keepalive_requests 100000;
            bigcache_pages main;
            add_header X-Status $bigcache_status always;
            add_header X-Worker $pid always;
            add_header X-Took "$request_time $upstream_header_time" always;
            location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        }
    })->start;

    return $t;
}

sub body {
    my ($uri) = @_;

    return "$uri|" . ($uri =~ /large/ ? $large : 'x' x 3000);
}

# look(CONNECTION, URI): what is wrong, if anything; the seconds; its status.
# Only the time counts that nginx did not wait for the upstream, as it says: this
# process and the upstream may be slow.

sub look {
    my ($c, $uri) = @_;

    my $r = eval { $c->request('GET', $uri) };

    return ("no answer, $uri: $@", 0, '') if !$r;

    my ($took, $upstream) = ($r->header('X-Took') // '')
        =~ /^([\d.]+)(?: ([\d.]+))?/ or return ("no time, $uri", 0, '');

    $took -= $upstream || 0;

    return ($r->status != 200 ? $r->status . ", $uri"
        : $r->truncated ? "cut, $uri" : $r->body ne body($uri) ? "wrong, $uri"
        : $took > MOST ? sprintf('%.1f s, %s', $took, $uri) : '', $took,
        $r->header('X-Status') // '');
}

my $series = 0;

# served(NAME, T, N, STORED, CONNECT): N clients ask for pages that are stored
# and for others, some of them for the same; returns how often each status was

sub served {
    my ($name, $t, $n, $stored, $connect) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    $connect //= sub { Bigcache::Test::Connection->new($t->port(2)) };
    $series++;

    my @running = map {
        my $client = $_;
        my $c = $connect->();

        $t->in_child(sub {
            my (@wrong, %status);
            my $slowest = 0;

            for my $uri (@$stored, map { ("/small/$series.$_", "/large/$series.$_",
                "/never/$series.$_", "/small/$series.$client.$_") } 1 .. 4)
            {
                my ($wrong, $took, $is) = look($c, $uri);
                $slowest = $took if $took > $slowest;
                $status{$is}++;
                next if !$wrong;
                push @wrong, $wrong;
                $c = $connect->();
            }

            JSON::PP::encode_json([$slowest, \%status, @wrong]);
        });
    } 1 .. $n;

    my (@wrong, %status);
    my $slowest = 0;

    for (@running) {
        my $said = $_->();
        my $report = eval { JSON::PP::decode_json($said) } || [0, {}, $said];
        my ($its, $statuses, @its) = @$report;
        $slowest = $its if $its > $slowest;
        $status{$_} += $statuses->{$_} for keys %$statuses;
        push @wrong, @its;
    }

    is_deeply [@wrong[0 .. ($#wrong > 5 ? 5 : $#wrong)]], [],
        "$name: each has its page, and in time";
    note sprintf '%s: slowest %.0f ms, %s', $name, 1000 * $slowest,
        join ', ', map { "$status{$_} $_" } sort keys %status;

    return \%status;
}

# stored(T, URI ...): fetches them until they are hits

sub stored {
    my ($t, @uris) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $c = Bigcache::Test::Connection->new($t->port(2));
    my @not = grep {
        my $uri = $_;
        !$t->wait_for(sub {
            my ($wrong, undef, $is) = look($c, $uri);
            die "$uri: $wrong\n" if $wrong;
            $is eq 'HIT';
        });
    } @uris;

    is_deeply \@not, [], 'stored: ' . join ' ', @uris;
}

my @pages = ('/small/1', '/large/1');

{
    my $t = instance(path => 'thread_pool=tight',
        main => 'worker_processes 1; thread_pool tight threads=1 max_queue=2;');

    $t->expect_log(qr/thread pool "tight" queue overflow/);
    stored($t, @pages);
    served('a short queue', $t, 12, \@pages);
    ok $t->stop, 'stops';
}

# nobody can open the store, and requests of the REST API hold all threads

{
    my $t = Bigcache::Test->new;
    mkdir $t->dir . '/held';
    open my $lock, '>>', $t->dir . '/held/lock' or die "lock: $!\n";
    flock $lock, LOCK_EX or die "flock: $!\n";

    my $dir = $t->dir;
    $t = instance(main => 'worker_processes 1; thread_pool two threads=2;',
        path => "wait=120s thread_pool=two;\n"
            . "bigcache_path $dir/held zone=held:1m thread_pool=two wait=120s",
        server => 'location /held/ { bigcache held; bigcache_base /held; }');

    stored($t, @pages);

    my @c = map { $t->connect } 1 .. 3;
    $_->send_request('POST', '/held/cache/k', '{"value":1}') for @c;

    my $is = served('no thread is free', $t, 4, \@pages);

    cmp_ok $is->{HIT} // 0, '>', 0, 'what is in memory needs none';
    flock $lock, LOCK_UN;      # the origin has it, too
    is join(' ', map { $_->response->status } @c), '200 200 200', 'then go on';
    stored($t, '/small/2', '/large/2');
    ok $t->stop, 'stops';
}

{
    my $t = Bigcache::Test->new;
    my $dir = $t->dir;
    mkdir "$dir/store";
    open my $lock, '>>', "$dir/store/lock" or die "lock: $!\n";
    flock $lock, LOCK_EX or die "flock: $!\n";

    $t = instance(store => "$dir/store");
    my $is = served('a store that is not open', $t, 4, []);
    is_deeply [keys %$is], ['PASS'], 'all are passed';

    flock $lock, LOCK_UN;      # the origin has it, too
    stored($t, @pages);

    $t->get('/close');
    served('a closed store', $t, 4, \@pages);
    $t->request('POST', '/open');
    stored($t, '/small/2', '/large/2');
    ok $t->stop, 'stops';
}

# clients of a worker whose owner is stopped

{
    my $t = instance(main => 'worker_processes 2;');
    stored($t, @pages);
    my $owner = $t->wait_for(sub { $t->owner });

    my @c;
    $t->wait_for(sub {
        my $c = Bigcache::Test::Connection->new($t->port(2));
        my $r = $c->request('GET', '/small/1');
        push @c, $c if $r->header('X-Worker') != $owner;
        @c == 6;
    });

    is scalar @c, 6, 'connections to the other worker';
    $t->halt($owner);

    # connections are used up only by those that fail
    my $is = served('the owner is stopped', $t, 6, \@pages,
        sub { shift @c // die "no connection is left\n" });
    cmp_ok $is->{HIT} // 0, '>', 0, 'pages in the hot index are served';

    $t->signal('CONT', $owner);
    stored($t, '/small/2', '/large/2');
    ok $t->stop, 'stops';
}

# a slow disk

{
    my $built = Bigcache::Test->new;
    my $library = $built->dir . '/slow.so';

    is system("gcc -O2 -Wall -shared -fPIC -o $library $FindBin::Bin/slow.c"
        . ' -ldl'), 0, 'the library';

    local $ENV{BIGCACHE_PRELOAD} = join ':',
        grep { $_ } $ENV{BIGCACHE_PRELOAD}, $library;

    my $t = instance(main => 'worker_processes 1; env SLOW;',
        env => { SLOW => '%%DIR%%/slow' });

    stored($t, @pages, map { "/small/$_" } 2 .. 9);

    for my $ms (200, 2000) {
        $t->write_file('slow', $ms);
        served("the disk takes $ms ms", $t, 4,
            [@pages, map { "/small/$_" } 2 .. 9]);
        unlink $t->dir . '/slow';
    }

    stored($t, @pages, '/small/99', '/large/99');

    # the first of them stores the page; the others do not wait for all of that

    my @all = map { $t->in_child(sub {
        (look(Bigcache::Test::Connection->new($t->port(2)), '/gets/slow'))[0];
    }) } 1 .. 6;

    is join(' ', map { $_->() } @all), ' ' x 5,
        'the disk gets slow while one fetches: none waits for it';
    unlink $t->dir . '/slow';
    ok $t->stop, 'stops';
}

# a full disk

SKIP: {
    my $t = instance(mount => 'size=96m', path => 'wait=10s write_buffer=1m')
        or skip 'cannot mount a tmpfs', 1;
    my $dir = $t->dir;

    $t->expect_log(qr/No space left on device/);
    $t->expect_log(qr/\[crit\] .*bigcache store /);

    stored($t, @pages);
    system "dd if=/dev/zero of=$dir/disk/filler bs=64k 2>$dir/out";

    ok $t->wait_for(sub {
        state($t, '/pickle/x' . rand) == 507;
    }), 'the REST API says 507';

    my $is = served('a full disk', $t, 4, \@pages);
    cmp_ok $is->{HIT} // 0, '>', 0, 'what is stored is served';
    is state($t, '/pickle/more'), 507, 'it was full all the while';

    unlink "$dir/disk/filler";
    stored($t, '/small/2', '/large/2');

    my $lines = () = $t->error_log =~ /the disk is full/g;
    cmp_ok $lines, '<', 5, 'the log says it once';
    ok $t->stop, 'stops';
}

sub state {
    my ($t, $uri) = @_;

    return $t->request('POST', $uri, $large)->status;
}

done_testing;
