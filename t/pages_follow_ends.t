#!/usr/bin/perl

# A fetch that other requests of the worker read along does not end as it
# should: its temporary file finds no more room, or a filter gives up the answer
# in the middle and another location answers its client.  Those who read get the
# bytes of the page and no others, and see that it was cut; the next one gets all
# of it.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;
use Time::HiRes qw(sleep);

use constant LENGTH => 8_000_000;
use constant FIRST => 3_000_000;     # bytes that come at once
use constant SECOND => 6_000_000;    # bytes that come when told to
use constant MB => 1024 * 1024;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $full = $t->mount('size=64m');

my ($modules) = `${\$t->nginx} -V 2>&1` =~ /--modules-path=(\S+)/;
$modules //= '/usr/lib/nginx/modules';

my %loads = map { ($_ => "load_module $modules/ngx_http_${_}_module.so;\n") }
    qw(image_filter xslt_filter);
my %filter = (
    image_filter => 'image_filter resize 8 8; image_filter_buffer 32m;',
    xslt_filter => "xslt_stylesheet $dir/style.xsl; xslt_types *;",
);

$t->write_file('style.xsl', '<xsl:stylesheet version="1.0"'
    . ' xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
    . '<xsl:template match="/">x</xsl:template></xsl:stylesheet>');

# known(NAME): whether this nginx has the filter

sub known {
    my ($name) = @_;

    my $conf = 'events { } http { %%HTTP%% server { location / {'
        . " $filter{$name} } } }";

    return 1 if ($t->nginx_t("%%MODULE%%\n$loads{$name}$conf"))[0] == 0;

    $loads{$name} = '';
    return ($t->nginx_t("%%MODULE%%\n$conf"))[0] == 0;
}

my @filters = grep { known($_) } sort keys %filter;

plan skip_all => 'no tmpfs, and no filter that may give up an answer'
    if !$full && !@filters;

# body(N, KIND): of the Nth answer; no two lines in it are alike.  "late" begins
# as a picture does, "middle" stops being XML in the middle

my @lines = map { sprintf '%07d.', $_ } 1 .. LENGTH / 10;

sub body {
    my ($n, $kind) = @_;
    my $body = join "$n\n", @lines, '';

    substr $body, 0, 10, "GIF89a\x40\0\x40\0" if $kind eq 'late';

    if ($kind eq 'middle') {
        substr $body, 0, 10, '<?xml version="1.0"?><r>';
        substr $body, FIRST + 1_000_000, 10, '<<<<<>>>>>';
    }

    return substr $body, 0, LENGTH;
}

# /PLACE/KIND/NAME: the first answer stops before the body if it is "early", and
# twice in it, until there are the files NAME.1 and NAME.2

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($kind, $name) = $request->{uri} =~ m{^/\w+/(\w+)/(\w+)$};

    return (200, ['Cache-Control' => 'max-age=600'], 'another page')
        if $request->{uri} =~ /another/;

    my $body = body($n, $kind);
    my $socket = $request->{socket};
    my $hold = sub {
        my $end = time + 60;
        sleep 0.01 until $n > 1 || -e "$dir/$name.$_[0]" || time > $end;
    };

    Bigcache::Test::Origin::_write($socket, "HTTP/1.1 200 OK\r\n"
        . "Cache-Control: max-age=600\r\nContent-Type: text/xml\r\n"
        . 'Content-Length: ' . LENGTH . "\r\n\r\n");

    my $first = $kind eq 'early' ? 0 : FIRST;

    Bigcache::Test::Origin::_write($socket, substr $body, 0, $first);
    $hold->(1);
    Bigcache::Test::Origin::_write($socket,
        substr $body, $first, SECOND - $first);
    $hold->(2);
    Bigcache::Test::Origin::_write($socket, substr $body, SECOND);

    return;
});

# where the leader is, and where error_page leads from there; what it gets: an
# answer that is not there at once nginx does not send, cached or not

my $later = '(another page|^0)';
my %places = (
    plain => ['', ''],
    builtin => ['', '(415|500)'],
    returned => ['error_page 415 500 =410 /gone;', '410'],
    static => ['error_page 415 500 =200 /files/error.txt;', 'an error'],
    cached => ['error_page 415 500 =200 /page/another;', $later],
    proxied => ['error_page 415 500 =200 /off/another;', $later],
    named => ['error_page 415 500 =200 @named;', $later],
    hit => ['error_page 415 500 =200 /page/another_hit;', $later],
);

sub locations {
    my ($filter) = @_;

    return join '', map { qq{
        location /$_/ {
            bigcache_page_key x\$arg_k;
            @{[ $_ eq 'plain' ? '' : $filter ]}
            $places{$_}[0]
            proxy_pass http://127.0.0.1:%%PORT_1%%/x/\$arg_k;
        }
    } } sort keys %places;
}

sub server {
    my ($port, $filter) = @_;

    return qq{
    server {
        listen 127.0.0.1:%%PORT_$port%% sndbuf=64k;
        bigcache_pages main;
        bigcache_lookup_timeout 10s;
        bigcache_lock on timeout=60s;
        proxy_temp_path %%DIR%%/@{[ $full ? 'disk/' : '' ]}temp;
        add_header X-Status \$bigcache_status always;
        root %%DIR%%;
        @{[ locations($filter) ]}
        location /gone { return 410; }
        location /files/ { bigcache_pages off; }
        location /page/ { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /off/ {
            bigcache_pages off;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location \@named {
            rewrite ^ /another break;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    } };
}

# a server for each filter, from port 3 on; nginx unloads its modules before the
# leak check, and what libxslt holds would be nobody's then

my %port = map { ($filters[$_] => $_ + 3) } 0 .. $#filters;

$ENV{BIGCACHE_PRELOAD} .= ':libxslt.so.1'
    if $ENV{BIGCACHE_PRELOAD} && $port{xslt_filter};

mkdir "$dir/files";
$t->write_file('files/error.txt', 'an error');
$t->conf(main => join('', map { $loads{$_} } @filters) . 'worker_processes 1;',
    location => 'bigcache_pages off;', path => 'wait=10s',
    http => 'proxy_http_version 1.1;'
        . ' proxy_set_header Connection "";',
    servers => join '', server(2, ''),
        map { server($port{$_}, $filter{$_}) } @filters)->start;


sub begin {
    my ($port, $uri) = @_;

    my $c = Bigcache::Test::Connection->new($t->port($port));
    $c->send_request('GET', $uri, undef, Connection => 'close');

    return $c;
}

# has(C, N): reads until N bytes of the body are there, or the end
sub has {
    my ($c, $n) = @_;

    $c->{head} //= $c->read_until("\r\n\r\n") // '';
    $c->{got} //= '';
    $c->{got} .= $c->read_bytes($n - length $c->{got})
        if length $c->{got} < $n;

    return length $c->{got} >= $n;
}

# rest(C): what comes until the end, or undef if that does not come
sub rest {
    my ($c) = @_;

    return eval { has($c, 1e9); 1 } ? $c->{got} : undef;
}

# is_cut(C, BODY, NAME): the bytes of the page, or of its beginning, if any
sub is_cut {
    my ($c, $body, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $got = rest($c);

    return fail "$name: no end" if !defined $got;
    return ok 1, "$name: no answer" if $c->{head} eq '';

    my ($length) = $c->{head} =~ /^Content-Length: (\d+)\r$/m;

    is $length, length $body, "$name: the length says how much is missing";
    ok $got eq substr($body, 0, length $got), "$name: no wrong byte";
}

sub said {
    my ($r) = @_;

    return $r ? $r->status . ' ' . substr $r->body, 0, 200 : 'no end';
}

sub is_next {
    my ($port, $uri, $kind, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $c = begin($port, $uri);
    my $got = rest($c) // 'nothing';
    my ($n) = $got =~ /\.(\d)\n/;

    like $c->{head}, qr/^HTTP\S+ 200 /, "$name: the next request: 200";
    ok $got eq body($n // 0, $kind), "$name: and the whole page";
}

sub free {
    my ($line) = `df -B1 --output=avail $dir/disk` =~ /(\d+)\s*\z/;

    return $line;
}

# filler(LEFT): a file that leaves so many bytes on the disk

sub filler {
    my ($left) = @_;

    open my $file, '>:raw', "$dir/disk/filler" or die "filler: $!\n";

    while ((my $n = free() - $left) > 65536) {
        defined syswrite $file, "\0" x $n or last;
    }

    close $file;
}

# -- the disk fills up

SKIP: {
    skip 'cannot mount a tmpfs', 1 if !$full;

    # if the first client is slow, nginx goes on to write into its file, but
    # not what it could send before

    for my $how ('fast', 'slow') {
        my $name = "full disk, a $how client";
        my $key = "full/$how";
        my $uri = "/plain/?k=$key";
        my $body = body(1, 'full');

        my $leader = begin(2, $uri);
        ok has($leader, FIRST - 500_000), "$name: begins";
        my @readers = map { begin(2, $uri) } 1 .. 3;
        ok has($_, FIRST - 500_000), "$name: one reads along" for @readers;

        filler(14 * MB);
        $t->write_file("$how.1", '');
        ok has($leader, SECOND - 500_000), "$name: the first client gets more"
            if $how eq 'fast';

        # the upstream has not ended
        is_cut($_, $body, "$name: one that has read along") for @readers;

        is_next(2, $uri, 'full', $name);
        $t->write_file("$how.2", '');
        ok rest($leader) eq $body, "$name: the first client gets all";
        unlink "$dir/disk/filler";
        $t->wait_for(sub { free() > 60 * MB });
    }
}

# -- a filter gives up

begin(2, '/page/another_hit');
ok $t->wait_for(sub { my $c = begin(2, '/page/another_hit'); rest($c);
    $c->{head} =~ /^X-Status: HIT/m }), 'a page is stored';

for (['image_filter', 'early'], ['image_filter', 'late'],
    ['xslt_filter', 'middle'])
{
    my ($filter, $kind) = @$_;

    SKIP: {
        skip "no $filter", 1 if !$port{$filter};

        for my $place (grep { $_ ne 'plain' } sort keys %places) {
            my $name = "$filter, $kind, $place";
            my $id = "$kind$place";
            my $key = "$kind/$id";
            my $body = body(1, $kind);
            my $port = $port{$filter};

            my $leader = begin($port, "/$place/?k=$key");
            $t->wait_for(sub { $o->requests("/x/$key") == 1 });

            # for "early" they come when the header is there, or wait for it
            my @readers = map { begin($port, "/plain/?k=$key") } 1 .. 3;
            my @first = $kind eq 'early' ? ()
                : map { has($_, FIRST - 500_000) ? 'some' : 'none' } @readers;

            is "@first", $kind eq 'early' ? '' : 'some some some',
                "$name: others read along";
            $t->write_file("$id.1", '');

            $t->write_file("$id.2", '') if $kind eq 'late';
            like said(eval { $leader->response('GET') }),
                qr/$places{$place}[1]/, "$name: another one answers";
            $t->write_file("$id.2", '');

            for my $reader (@readers) {
                # it may have waited in vain and then asked by itself: its first
                # line tells

                has($reader, length "$lines[0]n\n");
                my $n = ($reader->{got} // '') =~ /\.(\d)\n/ ? $1 : 1;
                is_cut($reader, body($n, $kind),
                    "$name: one that has read along");
            }

            is_next($port, "/plain/?k=$key", $kind, $name);
        }
    }
}

ok $t->stop, 'stops';

done_testing;
