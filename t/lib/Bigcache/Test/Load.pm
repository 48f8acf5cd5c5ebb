package Bigcache::Test::Load;

# Clients that write and read while nginx is reloaded, upgraded and killed, and
# that know which answers are right.  Each is a process of its own and the only
# writer of its keys; all read all keys.
#
#     my $load = Bigcache::Test::Load->new($t, clients => 4)->start;
#     ... $t->reload ...
#     my $report = $load->stop;      # {ok, wrong => [...], failed => [...], ...}
#     $load->verify                  # what is stored is what was acknowledged
#
# A file that they share has three numbers for each key: the latest change that
# its writer began, the latest that was acknowledged, and the latest of these
# that removed the page for good, which a soft purge does not.  It has another
# number for each reader and key: the latest change that the reader has seen.  Before a
# reader asks, it notes the latest change that was acknowledged, or that any
# reader has seen.  When it has the answer, it notes the latest change that was
# begun.  The answer must not be older than the first, nor newer than the last.

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Fcntl qw(SEEK_SET);
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Bigcache::Test::Connection;

use constant KEYS => 16;            # of each client
use constant SLOT => 24;


# new(T, OPTION => VALUE ...): clients (4); keepalive (0), the share of requests
# on connections that stay open; large (0.01), the share of pages over 1 MB;
# pause (0), seconds between two requests; expire (0): every fourth key has pages
# that live for a second at most; ports: of several servers of one cache, which
# the clients take in turn; purges (0): pages have tags, some may be stale,
# and there are purges by tag and by key, soft ones, and leases

sub new {
    my ($class, $t, %opt) = @_;

    my $self = bless {
        t => $t,
        port => $t->port(0),
        clients => 4,
        keepalive => 0,
        large => 0.01,
        pause => 0,
        expire => 0,
        purges => 0,
        slots => $t->dir . '/load.slots',
        %opt,
    }, $class;

    $self->{n} = $self->{clients} * KEYS;
    $t->write_file('load.slots',
        "\0" x ($self->{n} * (SLOT + 8 * $self->{clients})));

    # removes the pages of an earlier load; other pages have other names
    $t->request('DELETE', '/prefix/c');
    $self->{others} = $t->get('/stat/count')->json->{count};

    return $self;
}


sub start {
    my ($self) = @_;

    for my $client (0 .. $self->{clients} - 1) {
        pipe my $stop, my $stopper or die "pipe: $!\n";
        pipe my $in, my $out or die "pipe: $!\n";

        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            close $stopper;
            close $in;
            close $_->{stopper} for @{ $self->{running} };
            my $ok = eval { $self->_client($client, $stop, $out); 1 };
            print STDERR "client: $@" if !$ok;
            POSIX::_exit($ok ? 0 : 1);
        }

        close $stop;
        close $out;
        push @{ $self->{running} },
            { pid => $pid, stopper => $stopper, in => $in };
    }

    return $self;
}


# wait_for(CHANGES): so many were acknowledged, however busy the machine is

sub wait_for {
    my ($self, $changes) = @_;

    return $self->{t}->wait_for(sub {
        my $slots = $self->{t}->read_file('load.slots');
        my $sum = 0;

        $sum += unpack('Q<', substr $slots, $_ * SLOT + 8, 8) >> 1
            for 0 .. $self->{n} - 1;

        return $sum >= $changes;
    }, 60);
}


# stop: the report of all of them

sub stop {
    my ($self) = @_;

    my %sum = (ok => 0, reset => 0, refused => 0, slowest => 0, died => 0,
        wrong => [], failed => []);

    close $_->{stopper} for @{ $self->{running} };

    for my $client (@{ $self->{running} }) {
        local $/;
        my $text = readline $client->{in};
        my $report = eval { JSON::PP::decode_json($text) };

        waitpid $client->{pid}, 0;
        $sum{died}++, next if !$report;

        $sum{$_} += $report->{$_} for qw(ok reset refused);
        push @{ $sum{$_} }, @{ $report->{$_} } for qw(wrong failed);
        $sum{slowest} = $report->{slowest}
            if $report->{slowest} > $sum{slowest};
    }

    $self->{running} = [];

    return \%sum;
}


# verify(OTHERS): returns what is wrong with the pages, after all writers have
# ended, if so many other pages were stored meanwhile

sub verify {
    my ($self, $others) = @_;

    my @wrong;
    my $least = my $most = $self->{others} + ($others // 0);
    local $self->{report} = { wrong => \@wrong };

    open $self->{file}, '+<:raw', $self->{slots} or die "slots: $!\n";

    for my $key (0 .. $self->{n} - 1) {
        my ($begun, $acked, $hard) = $self->_slot($key);

        $self->_check($key, $acked, $self->_ask('GET', $self->_path($key)),
            undef, $hard);
        $least++ if $begun == $acked && $acked & 1 && !$self->_expires($key);

        # what a soft purge has marked is counted still
        $most++ if $begun != $acked || $acked & 1 || $self->{purges};
    }

    # a purge whose caller was killed is continued later, and its pages are
    # counted until then
    my $count;
    my $right = $self->{t}->wait_for(sub {
        $count = $self->_ask('GET', '/stat/count');
        return $count->{body} =~ /^\{"count":(\d+)\}$/ && $1 >= $least
            && $1 <= $most;
    }, $self->{kills} ? undef : 0.001);

    push @wrong, "count: $count->{body}, should be $least to $most"
        if !$right;

    return @wrong;
}


# -- a client

sub _client {
    my ($self, $client, $stop, $out) = @_;

    my $first = $client * KEYS;
    $self->{client} = $client;
    my $report = $self->{report} = { ok => 0, reset => 0, refused => 0,
        slowest => 0, wrong => [], failed => [] };

    $SIG{ALRM} = 'DEFAULT';
    alarm 0;
    srand($$ ^ time);
    open $self->{file}, '+<:raw', $self->{slots} or die "slots: $!\n";

    my $reads = '';
    vec($reads, fileno $stop, 1) = 1;

    until (select my $ready = $reads, undef, undef, $self->{pause}) {

        my $key = $first + int rand KEYS;
        my $what = rand;

        if ($what < 0.5) {
            my $any = int rand $self->{n};
            my $least = $self->_known($any);
            my (undef, undef, $hard) = $self->_slot($any);
            my $begin = time;
            $self->_check($any, $least, $self->_ask('GET', $self->_path($any),
                undef, $self->_waits), $begin, $hard);

        } elsif ($what < 0.6 && $self->{purges}) {
            $self->_lease($key);

        } elsif ($what < 0.9) {
            $self->_store($key);

        } elsif ($what < 0.99) {
            $self->_delete($key);

        } elsif ($self->{purges} && rand() < 0.8) {
            $self->_purge_by($client);

        } else {
            $self->_purge($client);
        }
    }

    print $out JSON::PP::encode_json($report);
    close $out;
}


# a change is its number times two, and one if there is a page then

sub _store {
    my ($self, $key) = @_;

    my ($begun, $acked) = $self->_slot($key);
    my $change = ($begun | 1) + 2;
    my $body = $self->_body($key, $change);
    my @conditions = $self->_fields($key);

    # no other client writes, so the result of a condition is known
    push @conditions, 'If-None-Match' => '*'
        if !$self->_expires($key) && $begun == $acked && !($acked & 1) && rand() < 0.2;

    $self->_begin($key, $change);

    push @conditions, 'X-Bigcache-Expire' => (split / /, $body, 5)[3]
        if $self->_expires($key) && $key & 1;

    my $r = $self->_ask('POST', $self->_path($key), $body, @conditions);
    $self->_end($key, $change, $r, 200);
}


sub _delete {
    my ($self, $key) = @_;

    my ($begun, $acked) = $self->_slot($key);
    my $change = ($begun & ~1) + 2;

    $self->_begin($key, $change);

    my $r = $self->_ask('DELETE', $self->_path($key));

    # the page may be there; and if an owner was killed, the next owner reports a
    # missing page as removed
    $self->_end($key, $change, $r,
        $begun != $acked || $self->{kills} || $self->_expires($key)
        || $self->{purges}
        ? $r->{status} : $acked & 1 ? 200 : 404, 1);
}


# takes the lease of a key, if it has no page, and makes one, or gives it back

sub _lease {
    my ($self, $key) = @_;

    my ($begun, $acked, $hard) = $self->_slot($key);
    my $least = $self->_known($key);
    my $r = $self->_ask('GET', $self->_path($key), undef,
        Prefer => 'wait=' . int rand 2);

    $self->_check($key, $least, $r, undef, $hard);
    my $token = $r->{lease} or return;

    if (rand() < 0.3) {
        my $name = $self->_path($key) =~ s{^/\w+/}{}r;
        $self->_ask('DELETE', "/lease/$name", undef, 'Bigcache-Lease' => $token);
        return;
    }

    my $change = ($begun | 1) + 2;
    my $body = $self->_body($key, $change);
    my @fields = $self->_fields($key);

    push @fields, 'X-Bigcache-Expire' => (split / /, $body, 5)[3]
        if $self->_expires($key) && $key & 1;

    $self->_begin($key, $change);
    $r = $self->_ask('POST', $self->_path($key), $body, @fields,
        'Bigcache-Lease' => $token);

    # the lease of another client, which has only read, may be in the way
    $self->_end($key, $change, $r, $r->{status} == 412 ? 412 : 200);
}


# purges by tag or by key, hard or soft, of its own keys

sub _purge_by {
    my ($self, $client) = @_;

    my $group = int rand 4;
    my $all = rand() < 0.3;
    my $soft = rand() < 0.4;
    my @keys = grep { $all || $_ % 4 == $group }
        map { $client * KEYS + $_ } 0 .. KEYS - 1;
    my %change;

    for my $key (@keys) {
        my ($begun) = $self->_slot($key);

        $change{$key} = ($begun & ~1) + 2;
        $self->_begin($key, $change{$key});
    }

    my $how = rand() < 0.8 ? '"type":"tag","selectors":["'
            . ($all ? "c$client" : "c$client.$group") . '"]'
        : '"type":"key","selectors":[' . join(',', map { '"'
            . $self->_path($_) =~ s{^/\w+/}{}r . '"' } @keys) . ']';
    my $r = $self->_ask('POST', '/purge', "{$how,\"purge\":"
        . ($soft ? 'false}' : 'true}'),
        rand() < 0.3 ? (Prefer => 'respond-async') : ());

    $self->_end($_, $change{$_}, $r, $r->{status} == 202 ? 202 : 200, 0,
        $soft) for @keys;

    push @{ $self->{report}{wrong} }, "purge of c$client: $r->{body}"
        if $r->{status} == 200 && ($r->{body} !~ /^\{"purged":(\d+)\}$/
            || $1 > @keys);
}


# what a reader says: it waits, or it does not

sub _waits {
    my ($self) = @_;

    return $self->{purges} && rand() < 0.3 ? (Prefer => 'wait=0') : ();
}


# the fields of a request that stores a page of /pickle/

sub _fields {
    my ($self, $key) = @_;

    return if !$self->{purges} || !($key & 1);

    return ('Surrogate-Key' => join(' ', $self->_tags($key)),
        $self->_may_be_stale($key) ? ('X-Bigcache-Stale' => '1h') : ());
}


sub _tags {
    my ($self, $key) = @_;

    my $client = 'c' . int($key / KEYS);

    return ($client, "$client." . $key % 4);
}


sub _may_be_stale {
    my ($self, $key) = @_;

    return $self->{purges} && $key % 8 < 2;
}


sub _purge {
    my ($self, $client) = @_;

    my @keys = map { $client * KEYS + $_ } 0 .. KEYS - 1;
    my (%change, $present, $unknown);

    for my $key (@keys) {
        my ($begun, $acked) = $self->_slot($key);

        $unknown++ if $begun != $acked || $self->_expires($key);
        $present++ if $acked & 1;
        $change{$key} = ($begun & ~1) + 2;
        $self->_begin($key, $change{$key});
    }

    my $r = $self->_ask('DELETE', "/prefix/c$client/");

    $self->_end($_, $change{$_}, $r, 200) for @keys;

    my ($n) = $r->{body} =~ /: (\d+) keys deleted/;

    push @{ $self->{report}{wrong} }, "purge of c$client: $n keys, not $present"
        if !$unknown && !$self->{kills} && $r->{status} == 200
        && $n != ($present // 0);
}


sub _begin {
    my ($self, $key, $change) = @_;

    $self->_write($key * SLOT, $change);
}


sub _end {
    my ($self, $key, $change, $r, $status, $any, $soft) = @_;

    my $done = $r->{status} && $r->{status} != 412
        && ($r->{status} == $status
            || $any && $r->{status} =~ /^(?:200|404)$/);

    # a page that may be stale is served after a soft purge
    $self->_write($key * SLOT + 16, $change)
        if $done && !($change & 1) && !($soft && $self->_may_be_stale($key));
    $self->_write($key * SLOT + 8, $change) if $done;
    push @{ $self->{report}{wrong} }, "key $key, change $change: "
        . "$r->{status}, not $status: " . substr $r->{body}, 0, 200
        if $r->{status} != $status && $r->{status} =~ /^(?:200|404|412)$/;
}


# _check(KEY, LEAST, ANSWER, TIME, HARD): checks the answer to a reader that knew
# of change LEAST when it asked, and that the page of HARD was removed for good

sub _check {
    my ($self, $key, $acked, $r, $asked, $hard) = @_;

    my ($begun) = $self->_slot($key);
    my $wrong;

    if ($r->{status} == 200) {
        my ($name, $change, $md5, $ends, $fill) = split / /,
            $self->_value($key, $r->{body}), 5;

        $wrong = 'torn' if !defined $fill || $md5 ne md5_hex($fill)
            || $name ne "k$key";

        if ($r->{stale}) {
            $wrong ||= "stale, change $change, removed $hard"
                if !$self->_may_be_stale($key) || $change < $hard
                || $change > $begun;

        } else {
            $wrong ||= "change $change" if $change < $acked || $change > $begun
                || $change == $acked && !($acked & 1);
            $wrong ||= "expired, change $change"
                if $ends && $asked && $asked > $ends;
            $self->_write($self->_seen($key, $self->{client}), $change)
                if !$wrong && defined $self->{client};
        }

    } elsif ($r->{status} == 404) {
        $wrong = 'a miss' if $acked & 1 && !$self->_expires($key)
            && ($begun == $acked || $begun == $acked + 2);
    }

    push @{ $self->{report}{wrong} }, "key $key: $wrong, acknowledged $acked, "
        . "begun $begun" if $wrong;
}


# of even keys /cache/, of odd ones /pickle/

sub _path {
    my ($self, $key) = @_;

    return ($key & 1 ? '/pickle/' : '/cache/') . 'c' . int($key / KEYS)
        . "/k$key";
}


sub _body {
    my ($self, $key, $change) = @_;

    my $size = rand() < $self->{large} ? 1_100_000 + int rand 500_000
        : (20, 400, 1500, 20_000, 60_000)[rand 5];
    my $unit = "$key.$change;";
    my $fill = rand() < 0.5
        ? substr $unit x (1 + $size / length $unit), 0, $size
        : substr join('', map { md5_hex("$unit$_") } 0 .. $size / 32), 0, $size;
    my $ends = 0;
    my $expire = '';

    if ($self->_expires($key)) {
        $ends = sprintf '%.3f', time + rand;
        $expire = ",\"expire\":$ends";
    }

    my $value = "k$key $change " . md5_hex($fill) . " $ends $fill";
    my $tags = $self->{purges} ? ',"tags":["'
        . join('","', $self->_tags($key)) . '"]' : '';

    $tags .= ',"stale":"1h"' if $self->_may_be_stale($key);

    return $key & 1 ? $value : "{\"value\":\"$value\"$expire$tags}";
}


sub _value {
    my ($self, $key, $body) = @_;

    return $key & 1 ? $body : $body =~ /"value":"([^"]*)"/ ? $1 : '';
}


# the offset of the latest change that a reader has seen

sub _seen {
    my ($self, $key, $client) = @_;

    return $self->{n} * SLOT + ($client * $self->{n} + $key) * 8;
}


# the latest change that was acknowledged, or that any reader has seen

sub _known {
    my ($self, $key) = @_;

    my (undef, $least) = $self->_slot($key);

    for my $client (0 .. $self->{clients} - 1) {
        sysseek $self->{file}, $self->_seen($key, $client), SEEK_SET;
        sysread $self->{file}, my $bytes, 8;
        my $seen = unpack 'Q<', $bytes;
        $least = $seen if $seen > $least;
    }

    return $least;
}


sub _expires {
    my ($self, $key) = @_;

    return $self->{expire} && $key % 4 >= 2;
}


sub _slot {
    my ($self, $key) = @_;

    sysseek $self->{file}, $key * SLOT, SEEK_SET;
    sysread $self->{file}, my $bytes, SLOT;

    return unpack 'Q<3', $bytes;
}


sub _write {
    my ($self, $at, $change) = @_;

    sysseek $self->{file}, $at, SEEK_SET;
    syswrite $self->{file}, pack 'Q<', $change;
}


# _ask(METHOD, PATH, BODY, HEADER => VALUE ...): the answer, of status 0 if there
# was none

sub _ask {
    my ($self, $method, $path, $body, @headers) = @_;

    my $report = $self->{report};
    my $keep = rand() < $self->{keepalive};
    my $begin = time;
    my ($r, $error);

    my $reused = $keep && $self->{kept};
    my $c = $reused ? delete $self->{kept} : eval {
        Bigcache::Test::Connection->new($self->{ports}
            ? $self->{ports}[($self->{client} // 0) % @{ $self->{ports} }]
            : $self->{port});
    };

    if (!$c) {
        $report->{refused}++;
        sleep 0.01;
        return { status => 0, body => '' };
    }

    eval {
        local $SIG{ALRM} = sub { die "no answer in 60 s\n" };
        alarm 60;
        $r = $c->request($method, $path, $body, @headers,
            $keep ? () : (Connection => 'close'));
        alarm 0;
        1;
    } or $error = $@ || 'died';
    alarm 0;

    my $status = $r ? $r->status : 0;

    $report->{slowest} = time - $begin
        if time - $begin > ($report->{slowest} // 0);

    if ($r && $r->{truncated} || $error && !$r || $status == 0) {

        # a reload closes idle connections, and a killed process closes all
        $reused || $self->{kills} && !$error ? $report->{reset}++
            : push @{ $report->{failed} },
                sprintf '%.3f %s %s: %s', time, $method, $path,
                $error // 'no answer';

        return { status => 0, body => '' };
    }

    if ($status =~ /^(?:200|202|404|412)$/) {
        $report->{ok}++;

    } else {
        push @{ $report->{failed} }, sprintf '%.3f %s %s: %d %s', time,
            $method, $path, $status, substr $r->body, 0, 200;
    }

    $self->{kept} = $c if $keep
        && ($r->header('Connection') // '') ne 'close';

    return { status => $status, body => $r->body,
        stale => scalar $r->header('Bigcache-Stale'),
        lease => scalar $r->header('Bigcache-Lease') };
}

1;
