package Bigcache::Test::Readers;

# Clients that ask for pages of an origin while nginx is reloaded, upgraded and
# killed, and that know which answers are right: the page of the URL, host,
# language and cookie that was asked for, whole, and not too old.
#
#     my $o = Bigcache::Test::Readers->origin($t, 1);
#     ... proxy_pass http://127.0.0.1:%%PORT_1%%;
#         add_header X-Status $bigcache_status always; ...
#     my $readers = Bigcache::Test::Readers->new($t, 2, readers => 3)->start;
#     ... $t->reload ...
#     $readers->wait_for(100);       # so many hits
#     my $report = $readers->stop;   # {ok, hits, reset, slowest, wrong => []}

use strict;
use warnings;

use Fcntl qw(SEEK_SET);
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use Bigcache::Test::Connection;
use Bigcache::Test::Origin;

# seconds after which a page that is fresh for one is too old: one for the
# rounding of its age, and two for a worker that is late to read the answer

use constant OLD => 1 + 1 + 1 + 2;

use constant HOSTS => qw(a.example b.example);
use constant KINDS => qw(page long lang cookie large);
use constant PAGES => 6;            # of each kind


# origin(T, PORT): /long/N is fresh for a minute, all others for a second;
# /lang/N varies by X-Lang, /cookie/N by Cookie, /large/N has 20 KB, and /huge/N
# 1.5 MB

sub origin {
    my ($class, $t, $port) = @_;

    return Bigcache::Test::Origin->new($t, $port, sub {
        my ($request) = @_;
        my ($uri, $header) = @$request{qw(uri header)};
        my @fresh = ('Cache-Control' => 'max-age=' . ($uri =~ /long/ ? 60 : 1));

        push @fresh, Vary => 'X-Lang' if $uri =~ /lang/;
        push @fresh, Vary => 'Cookie' if $uri =~ /cookie/;

        my $body = join '|', $uri, $header->{host}, $header->{'x-lang'} // '-',
            $uri =~ /cookie/ ? $header->{cookie} // '-' : '-', time, '';

        return (200, \@fresh, $body . 'x' x _fill($uri));
    });
}


sub _fill {
    return $_[0] =~ /huge/ ? 1_500_000 : $_[0] =~ /large/ ? 20_000 : 500;
}


# new(T, PORT, OPTION => VALUE ...): readers (3); kills (0): workers may be
# killed; pause (0), seconds between two requests; most (4), seconds that an
# answer may take: less than the timeouts of bigcache_lock and of the store

sub new {
    my ($class, $t, $port, %opt) = @_;

    my $self = bless { t => $t, port => $t->port($port), readers => 3,
        kills => 0, pause => 0, most => 4, %opt }, $class;

    # how many hits each of them has had

    $self->{counts} = "readers.$self->{port}";
    $t->write_file($self->{counts}, "\0" x (8 * $self->{readers}));

    return $self;
}


sub start {
    my ($self) = @_;

    for my $reader (0 .. $self->{readers} - 1) {
        pipe my $stop, my $stopper or die "pipe: $!\n";
        pipe my $in, my $out or die "pipe: $!\n";

        my $pid = fork // die "fork: $!\n";

        if ($pid == 0) {
            close $stopper;
            close $in;
            close $_->{stopper} for @{ $self->{running} };
            $self->_read_until($reader, $stop, $out);
            POSIX::_exit(0);
        }

        close $stop;
        close $out;
        push @{ $self->{running} },
            { pid => $pid, stopper => $stopper, in => $in };
    }

    return $self;
}


# wait_for(HITS): so many pages came from the store, however busy the machine is

sub wait_for {
    my ($self, $hits) = @_;

    return $self->{t}->wait_for(sub {
        my $sum = 0;

        $sum += $_ for unpack 'Q<*', $self->{t}->read_file($self->{counts});

        return $sum >= $hits;
    }, 60);
}


# stop: the report of all of them

sub stop {
    my ($self) = @_;

    my %sum = (ok => 0, hits => 0, reset => 0, slowest => 0, wrong => []);

    close $_->{stopper} for @{ $self->{running} };

    for my $reader (@{ $self->{running} }) {
        local $/;
        my $text = readline $reader->{in};
        my $report = eval { JSON::PP::decode_json($text) }
            || { wrong => ['no report'] };

        waitpid $reader->{pid}, 0;
        $sum{$_} += $report->{$_} // 0 for qw(ok hits reset);
        push @{ $sum{wrong} }, @{ $report->{wrong} };
        $sum{slowest} = $report->{slowest}
            if ($report->{slowest} // 0) > $sum{slowest};
    }

    $self->{running} = [];

    return \%sum;
}


# remove: removes all pages, as an unsafe request does; returns what fails

sub remove {
    my ($self) = @_;

    my @failed;

    for my $host (HOSTS) {
        for my $uri (map { my $kind = $_; map { "/$kind/$_" } 0 .. PAGES - 1 }
            KINDS, 'huge')
        {
            my $r = Bigcache::Test::Connection->new($self->{port})->request(
                'POST', $uri, '', Host => $host, Connection => 'close');
            push @failed, "$host$uri: " . $r->status if $r->status != 200;
        }
    }

    return @failed;
}


sub _read_until {
    my ($self, $reader, $stop, $out) = @_;

    $SIG{ALRM} = 'DEFAULT';
    alarm 0;
    srand($$ ^ time);

    my $name = $self->{t}->dir . "/$self->{counts}";
    open my $counts, '+<:raw', $name or die "$name: $!\n";

    my $reads = '';
    vec($reads, fileno $stop, 1) = 1;

    $self->{report} = { ok => 0, hits => 0, reset => 0, slowest => 0,
        wrong => [] };

    until (select my $ready = $reads, undef, undef, $self->{pause}) {
        eval { $self->_read_one; 1 }
            or push @{ $self->{report}{wrong} }, "died: $@";

        sysseek $counts, 8 * $reader, SEEK_SET;
        syswrite $counts, pack 'Q<', $self->{report}{hits};
    }

    print $out JSON::PP::encode_json($self->{report});
    close $out;
}


sub _read_one {
    my ($self) = @_;

    my $report = $self->{report};
    my $host = (HOSTS)[rand(() = HOSTS)];
    my $kind = rand() < 0.03 ? 'huge' : (KINDS)[rand(() = KINDS)];
    my $uri = "/$kind/" . int rand PAGES;
    my @headers = (Host => $host, Connection => 'close');
    my ($lang, $cookie) = ('-', '-');

    push @headers, 'X-Lang' => $lang = (qw(en de fr))[rand 3]
        if $kind eq 'lang';
    push @headers, Cookie => $cookie = 'session=' . int rand 1000
        if $kind eq 'cookie' && rand() < 0.5;

    my $begin = time;
    my $r = eval {
        my $c = Bigcache::Test::Connection->new($self->{port});
        $c->request('GET', $uri, undef, @headers);
    };
    my $error = $@;
    my $took = time - $begin;

    $report->{slowest} = $took if $took > $report->{slowest};

    if (!$r || $r->status == 0 || $r->truncated) {

        # a worker that is killed takes its connections along
        if ($self->{kills} && $error !~ /timed out/) {
            $report->{reset}++;
            return;
        }

        push @{ $report->{wrong} }, "$uri: no answer, $error";
        return;
    }

    my ($for, $of, $l, $c, $made, $fill) = split /\|/, $r->body;
    my @what = ($r->status, $r->header('X-Status') // '-', substr $r->body, 0,
        80);
    my $wrong = $r->status != 200 ? 'status'
        : $for ne $uri || $of ne $host ? 'another page'
        : $l ne $lang ? 'another language'
        : $c ne $cookie ? 'another cookie'
        : $begin - $made > ($kind eq 'long' ? 60 : 1) + OLD - 1 ? 'too old'
        : length $fill != _fill($uri) ? 'not whole'
        : $took > $self->{most} ? 'too late' : '';

    push @{ $report->{wrong} }, "$wrong: $uri $host: @what" if $wrong;
    $report->{ok}++;
    $report->{hits}++ if ($r->header('X-Status') // '') eq 'HIT';
}

1;
