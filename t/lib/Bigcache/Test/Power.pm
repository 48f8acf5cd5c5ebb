package Bigcache::Test::Power;

# A server whose changes of its store are all recorded; a client that writes its
# requests and the answers to the same log; and the power cuts: see t/power/*.h.
#
#     my $p = Bigcache::Test::Power->new(name => 'pages', workers => 4);
#     $p->start;
#     $p->put(key => 'body');
#     $p->durable;
#     $p->stop;
#     $p->verify(points => 20);

use strict;
use warnings;

use Bigcache::Test;
use Compress::Zlib qw(crc32);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP ();
use Test::More ();
use Time::HiRes qw(sleep time);

use constant CONNECTIONS => 8;

# what may be wrong, t/power/check.h

use constant CLEAN => qw(died unopened unsettled lost returned old expired
    wrong unreadable vanished crit count tool);

my $top = abs_path(dirname(__FILE__) . '/../../../..');
my $sanitizer = $ENV{BIGCACHE_PRELOAD};
my $build = $ENV{BIGCACHE_TOOL} ? dirname($ENV{BIGCACHE_TOOL}) : "$top/build";
my $power = "$build/power/power";
my $recorder = "$build/power/recorder.so";
my $ids = 0;
my $sync;

my $conf = <<'END';
%%MODULE%%

worker_processes %%WORKERS%%;
worker_rlimit_core 0;

thread_pool bigcache threads=8;

events {
}

http {
    %%HTTP%%

    client_max_body_size 8m;
    client_body_buffer_size 64k;
    keepalive_requests 1000000;

    bigcache_path %%DISK%%/store zone=main:1m thread_pool=bigcache wait=20s
                  %%OPTIONS%%;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }
    }
}
END


# new(name => TEXT, workers => N, store => {...}, disk => DIR): "store" has
# parameters of bigcache_path; the caller may put files on the disk before start.
# If the caller gives the directory of the disk, only the requests of clients are
# recorded.

sub new {
    my ($class, %opt) = @_;

    my $self = bless {
        name => $opt{name},
        store => {
            segment_size => '1m',
            write_buffer => '64k',
            %{ $opt{store} || {} },
        },
        record => !$opt{disk},
        connections => [],
    }, $class;

    my $t = $self->{t} = Bigcache::Test->new;
    my $dir = abs_path($t->dir);
    my $store = $self->{store};

    $self->{disk} = $opt{disk} || "$dir/disk";
    $self->{log} = "$dir/power.log";
    $opt{disk} || mkdir $self->{disk} or die "$self->{disk}: $!\n";

    my $options = join ' ', map { "$_=$store->{$_}" } sort keys %$store;
    $options .= ' sync=100ms' if server_syncs();

    my $text = $conf =~ s/%%WORKERS%%/$opt{workers} || 1/er
        =~ s/%%OPTIONS%%/$options/r
        =~ s/%%DISK%%/$self->{disk}/r;

    $self->_preload(sub { $t->conf($text) });

    $t->expect_log(qr/worker process \d+ exited on signal 9/);

    if ($self->{record}) {
        $t->{env} = {
            BIGCACHE_RECORD_DIR => $self->{disk},
            BIGCACHE_RECORD_LOG => $self->{log},
        };
    }

    $self->_power('begin', $self->{log});
    open $self->{marks}, '>>:raw', $self->{log} or die "log: $!\n";

    return $self;
}


# server_syncs: whether bigcache_path has the parameter "sync"

sub server_syncs {
    return $sync if defined $sync;

    my $t = Bigcache::Test->new;
    my ($code, $output) = $t->nginx_t($conf =~ s/%%WORKERS%%/1/r
        =~ s/%%OPTIONS%%/sync=100ms/r =~ s/%%DISK%%/%%DIR%%/r);

    die $output if $code && $output !~ /"sync=100ms"/;

    return $sync = !$code;
}


# -- the life of the server

# _preload(CODE): runs it with the recorder to be loaded by nginx, behind the
# runtime of the sanitizers

sub _preload {
    my ($self, $code) = @_;

    local $ENV{BIGCACHE_PRELOAD} = join ':', grep { $_ }
        $sanitizer, $self->{record} && $recorder;

    return $code->();
}


sub t { $_[0]{t} }
sub disk { $_[0]{disk} }
sub store { "$_[0]{disk}/store" }


# start(): what is on the disk is durable

sub start {
    my ($self) = @_;

    $self->snapshot if !$self->{begun}++;
    $self->_preload(sub { $self->{t}->start });

    return $self;
}


# snapshot: what is on the disk is durable; while no server runs

sub snapshot {
    my ($self) = @_;

    $self->_power('snapshot', $self->{log}, $self->{disk}) if $self->{record};
    $self->sync;

    return $self;
}


sub stop {
    my ($self) = @_;

    $self->{connections} = [];
    $self->{t}->stop;

    return $self;
}


# owner: the pid of the process that holds the lock of the store

sub owner {
    my ($self) = @_;

    return $self->{t}->owner($self->store);
}


# kill_owner: kills it between two of its calls, so that each is made and logged

sub kill_owner {
    my ($self) = @_;

    my $pid = $self->{t}->wait_for(sub { $self->owner }) or die "no owner\n";

    $self->{connections} = [];
    $self->_power('kill', $self->{log}, $pid);
    $self->{t}->wait_for(sub {
        my $now = $self->owner;
        $now && $now != $pid;
    }) or die "nobody takes the store\n";

    return $self;
}


# crash: the same for all of nginx

sub crash {
    my ($self) = @_;

    my $t = $self->{t};
    my $pid = $t->running;

    $self->{connections} = [];
    $t->signal('STOP');
    $self->_power('kill', $self->{log}, $pid, $t->children);
    $t->wait_for(sub { !$t->running });

    return $self;
}


sub _power {
    my ($self, @arguments) = @_;

    my $status = system $power, @arguments;

    # Ctrl-C, which system() does not report

    exit 130 if ($status & 127) == 2;

    die "power @arguments: $status\n" if $status;
}


# -- marks

# mark(LINE): t/power/oracle.h

sub mark {
    my ($self, $text) = @_;

    my $pad = -length($text) % 8;
    my $record = pack('L L Q Q q q L L L L', 0x52574f50, ord 'M',
        56 + length($text) + $pad, 0, 0, length $text, $$, 0, 0, 0)
        . $text . "\0" x $pad;

    (syswrite $self->{marks}, $record) == length $record
        or die "mark: $!\n";
}


sub note { $_[0]->mark("note $_[1]") }


# sync: marks all that was done so far as durable, as after sync(1)

sub sync { $_[0]->mark('sync') }


# durable: the same as the server says it, or sync, if it does not; or what
# durable_by(CODE) makes so

sub durable { $_[0]->durable_by(sub { $_[0]->sync }) }

sub durable_by {
    my ($self, $code) = @_;

    return $code->($self) if !server_syncs();

    my $at = -s $self->{log};

    $self->{t}->wait_for(sub {
        my ($age) = $self->{t}->get('/metrics')->body
            =~ /^bigcache_unsynced_seconds(?:\{[^}]*\})? (\S+)$/m;
        defined $age && $age == 0;
    }) or die "it does not become durable\n";

    $self->mark("durable $at");
}


sub _escape { $_[0] =~ s{([^A-Za-z0-9_./-])}{sprintf '%%%02X', ord $1}ger }


# -- requests; each is noted before it is sent, and when it is answered

# all(REQUEST ...): at once, over a few connections; each is a reference to a
# hash with method, path, body, headers, marks (what is asked for, without ids),
# and on (what is to be done with the answer); returns the statuses

sub all {
    my ($self, @requests) = @_;

    my @status;

    while (my @some = splice @requests, 0, CONNECTIONS) {
        for my $i (0 .. $#some) {
            my $r = $some[$i];

            $r->{ids} = [ map { ++$ids } @{ $r->{marks} } ];
            $self->mark("ask $r->{ids}[$_] $r->{marks}[$_]")
                for 0 .. $#{ $r->{marks} };

            eval {
                $self->{connections}[$i] ||= $self->{t}->connect;
                $self->{connections}[$i]->send_request($r->{method},
                    $r->{path}, $r->{body}, @{ $r->{headers} || [] });
            };
        }

        for my $i (0 .. $#some) {
            my $answer = eval {
                $self->{connections}[$i]->response($some[$i]{method});
            };

            push @status, $self->_answered($some[$i], $answer);
            $self->{connections}[$i] = undef
                if !$answer || !$answer->status
                    || ($answer->header('Connection') // '') eq 'close';
        }
    }

    return @status;
}


sub _answered {
    my ($self, $r, $answer) = @_;

    my $status = $answer ? $answer->status : 0;
    my @each = ($status) x @{ $r->{ids} };

    @each = map { $_->{status} } @{ $answer->json->{results} }
        if $r->{batch} && $status == 200;

    for my $i (0 .. $#each) {
        my $say = $each[$i] =~ /^2/ ? 'ok'
            : $each[$i] =~ /^4/ ? 'no' : 'lost';

        $self->mark("ans $r->{ids}[$i] $say");
    }

    $r->{on}->($r, $answer) if $r->{on} && $status == 200;

    return $status;
}


# page(KEY, BODY, LIFETIME): the request that stores raw bytes

sub page {
    my ($self, $key, $body, $seconds) = @_;

    return {
        method => 'POST', path => "/pickle/$key", body => $body,
        headers => [ $seconds ? ('X-Bigcache-Duration' => "${seconds}s") : (),
            _tag($key) ? ('Surrogate-Key' => _tag($key)) : () ],
        marks => [ $self->_put($key, $body, $seconds && time + $seconds) ],
    };
}


# document(KEY, VALUE): the same for text of JSON

sub document {
    my ($self, $key, $value) = @_;

    return {
        method => 'POST', path => "/cache/$key", body => "{\"value\":$value"
            . (_tag($key) ? ',"tags":["' . _tag($key) . '"]}' : '}'),
        marks => [ $self->_put($key, document_of($key, $value)) ],
    };
}


# the tag of a key: all up to its last slash

sub _tag { $_[0] =~ m{^(.*/)} ? $1 : undef }


sub document_of {
    my ($key, $value) = @_;

    return qq({"key":"$key","value":$value,"expire":null,"duration":null});
}


sub _put {
    my ($self, $key, $body, $expire) = @_;

    return 'put ' . _escape($key) . ' ' . length($body) . ' '
        . crc32($body) . ' ' . ($expire ? sprintf '%.3f', $expire : '-');
}


# original(KEY, BODY): marks a page that is on the disk already

sub original {
    my ($self, $key, $body) = @_;

    $self->mark('ask ' . ++$ids . ' ' . $self->_put($key, $body));
    $self->mark("ans $ids ok");
}


# unknown(METHOD, PATH, BODY, KEY): the page is read back afterwards

sub unknown {
    my ($self, $method, $path, $body, $key) = @_;

    return {
        method => $method, path => $path, body => $body,
        marks => [ 'put ' . _escape($key) . ' ? ? -' ],
        on => sub {
            my $page = $self->{t}->get("/cache/$key");

            # raw bytes are no document

            $page = $self->{t}->get("/pickle/$key") if $page->status == 409;

            $self->mark("is $_[0]{ids}[0] " . length($page->body) . ' '
                . crc32($page->body)) if $page->status == 200;
        },
    };
}


sub removal {
    my ($self, $key) = @_;

    return {
        method => 'DELETE', path => "/pickle/$key",
        marks => [ 'del ' . _escape($key) ],
    };
}


sub purge {
    my ($self, $prefix, @headers) = @_;

    return {
        method => 'DELETE', path => "/prefix/$prefix", headers => \@headers,
        marks => [ 'purge ' . _escape($prefix) ],
    };
}


# purge_tag(PREFIX, HASH): the same by the tag that all keys there have; a soft
# purge, after which none of them is fresh, with soft => 1

sub purge_tag {
    my ($self, $prefix, %opt) = @_;

    return {
        method => 'POST', path => '/purge',
        body => qq({"type":"tag","selectors":["$prefix"])
            . ($opt{soft} ? '}' : ',"purge":true}'),
        marks => [ 'purge ' . _escape($prefix) ],
        on => sub { $self->{purged} += $_[1]->json->{purged} },
    };
}


# purged: how many pages the purges by a tag have found

sub purged { $_[0]{purged} // 0 }


# soften(PREFIX): a soft purge, after which nothing of it is fresh

sub soften {
    my ($self, $prefix) = @_;

    return {
        method => 'POST', path => '/purge',
        body => qq({"type":"key-prefix","selectors":["$prefix"]}),
        marks => [ 'purge ' . _escape($prefix) ],
    };
}


sub clear {
    return { method => 'POST', path => '/clear', marks => [ 'clear' ] };
}


# batch([set => KEY, VALUE], [delete => KEY] ...)

sub batch {
    my ($self, @operations) = @_;

    my @list = map {
        my ($op, $key, $value) = @$_;
        qq({"op":"$op","key":"$key") . ($op eq 'set' ? qq(,"value":$value})
            : '}');
    } @operations;

    return {
        method => 'POST', path => '/batch', batch => 1,
        body => '{"operations":[' . join(',', @list) . ']}',
        marks => [ map {
            my ($op, $key, $value) = @$_;
            $op eq 'set' ? $self->_put($key, document_of($key, $value))
                : 'del ' . _escape($key);
        } @operations ],
    };
}


# bodies that are packed, and that are not

my $noise = join '', map { pack 'L', int rand 2 ** 32 } 1 .. 100_000;
my $number = 0;

sub text {
    my ($self, $key, $size) = @_;

    my $line = "$key " . ++$number . " text\n";

    return substr $line x (1 + $size / length $line), 0, $size;
}


sub noise {
    my ($self, $key, $size) = @_;

    my $head = "$key " . ++$number . "\n";
    my $body = $head;

    $body .= substr $noise, int rand 200_000, 100_000
        while length $body < $size;

    return substr $body, 0, $size > length $head ? $size : length $head;
}


# -- cuts

# compare: the log has all that became of the directory, while no server runs

sub compare {
    my ($self) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    Test::More::is(system($power, 'compare', $self->{log}, $self->{disk}), 0,
        "$self->{name}: all is recorded");
}


# verify(points => N, seed => N, again => N): one check of each of what may be
# wrong

sub verify {
    my ($self, %opt) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $sum = $self->judge('verify', $self->{t}->dir . '/cuts', %opt);

    Test::More::cmp_ok($sum->{$_}, '>', 0, "$self->{name}: pages were $_")
        for qw(read durable);

    return $sum;
}


# judge(COMMAND, DIR, OPTION => VALUE ...): the same for any command of power

sub judge {
    my ($self, $command, $dir, %opt) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $sum = $self->run_power($command, $dir, %opt);

    Test::More::is($sum->{$_}, 0, "$self->{name}: $_") for CLEAN;

    return $sum;
}


# run_power(COMMAND, DIR, OPTION => VALUE ...): the numbers of its last line

sub run_power {
    my ($self, $command, $dir, %opt) = @_;

    my $store = $self->{store};
    my %size = (k => 1024, m => 1024 * 1024);
    my @options = map {
        my ($n, $unit) = ($store->{$_} // '') =~ /^(\d+)([km]?)$/;
        defined $n ? ('--' . tr/_/-/r, $n * ($size{$unit} || 1)) : ();
    } qw(segment_size write_buffer max_size gzip_min);

    push @options, map { ("--$_", $opt{$_}) } sort keys %opt;
    push @options, '--tool', $ENV{BIGCACHE_TOOL} || "$build/bigcache";

    my @command = ($power, $command, $self->{log}, $dir, @options);
    Test::More::note("@command");

    open my $pipe, '-|', @command or die "power: $!\n";

    my $last = '';

    while (my $line = <$pipe>) {
        chomp $line;
        $line =~ /^#/ ? Test::More::diag("$self->{name}: " . substr $line, 2)
            : ($last = $line);
    }

    close $pipe or die "power $command: exit $?\n";
    Test::More::diag("$self->{name}: $last");

    return { map { split /=/ } split ' ', $last };
}

1;
