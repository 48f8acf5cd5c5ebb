#!/usr/bin/perl

# Pages of FastCGI, uwsgi and SCGI: only complete ones are stored, and where all
# URLs lead to one script, as with WordPress, each URL has its own page.

use strict;
use warnings;

use Bigcache::Test qw(noise raw);
use Bigcache::Test::FastCGI qw(stdout stderr end);
use Test::More;

use constant MB => 1024 * 1024;

my $t = Bigcache::Test->new;
my $block = noise(MB);
my $fresh = "Cache-Control: max-age=600\r\n";

sub body {
    my ($size, $n) = @_;
    my $text = join '', map { substr "<$n:$_>$block", 0, MB }
        0 .. int($size / MB);
    return substr $text, 0, $size;
}

my $o = Bigcache::Test::FastCGI->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($kind, $size) = $request->{uri} =~ m{/(\w+)/(\d+)$}
        or return stdout("$fresh\r\nnone") . end();

    my $body = body($size, $n);
    my $half = int($size / 2);
    my $known = "${fresh}Content-Length: $size\r\n\r\n";
    my $unknown = "$fresh\r\n";

    return stdout($unknown . $body) . end() if $kind eq 'full';
    return stdout($unknown . $body, 65535) . end() if $kind eq 'big';
    return stdout($unknown . $body, 11) . end() if $kind eq 'little';
    return stdout($known . $body) . end() if $kind eq 'length';
    return stdout($known . $body . 'more') . end() if $kind eq 'more';
    return stdout($known . $body) if $kind eq 'lengthonly';
    return stdout("Status: 404 Not Found\r\n$unknown$body") . end()
        if $kind eq 'missing';
    return stdout("Status: 503 Busy\r\n\r\n$body") . end() if $kind eq 'busy';
    return stdout("Status: 203\r\n$unknown$body") . end() if $kind eq 'bare';
    return stderr("PHP warns: a secret\n") . stdout($unknown)
        . stderr("PHP warns: a secret\n") . stdout($body)
        . stderr('PHP warns: ' . 'x' x 3000 . "\n") . end()
        if $kind eq 'warns';

    return stdout($unknown . substr $body, 0, $half) if $kind eq 'dies';
    return stdout($unknown . $body) if $kind eq 'diesafter';
    return stdout($unknown . $body) . substr end(), 0, 8 if $kind eq 'closed';
    return substr stdout($unknown . $body), 0, -5 if $kind eq 'midrecord';
    return stdout($unknown) if $kind eq 'headonly';
    return stdout($known . substr $body, 0, $half) . end() if $kind eq 'short';
    return stdout($known . substr $body, 0, $size - 1) . end()
        if $kind eq 'almost';
    return stdout($known) . end() if $kind eq 'nobody';
    return stdout($known . substr $body, 0, $half) if $kind eq 'shortdies';
    return stdout($unknown . substr $body, 0, $half) . stderr("PHP died\n")
        if $kind eq 'lastwords';

    return stdout("Status: 500\r\n\r\nno such kind: $kind") . end();
});

# the script of a site says which URL it has made
my $site = Bigcache::Test::FastCGI->new($t, 3, sub {
    my ($request, $n) = @_;
    my $param = $request->{param};

    return stdout("Status: 302 Found\r\nLocation: http://$param->{HTTP_HOST}"
        . "$request->{body}\r\n\r\n") . end()
        if $request->{method} eq 'POST' && $request->{body} =~ m{^/};

    return stdout("${fresh}Content-Type: text/plain\r\n\r\n$n "
        . ($param->{HTTP_HOST} // '') . $param->{REQUEST_URI}
        . " $param->{SCRIPT_NAME} " . ($param->{QUERY_STRING} // '')) . end();
});

my %gateway;
for my $protocol (qw(uwsgi scgi)) {
    $gateway{$protocol} = Bigcache::Test::FastCGI->new($t,
        $protocol eq 'uwsgi' ? 4 : 5, sub {
        my ($request, $n) = @_;
        my ($kind, $size) = $request->{uri} =~ m{/(\w+)/(\d+)$};
        my $body = body($size, $n);
        my $head = $protocol eq 'uwsgi' ? "HTTP/1.1 200 OK\r\n$fresh"
            : "Status: 200 OK\r\n$fresh";

        return "${head}Content-Length: $size\r\n\r\n$body"
            if $kind eq 'length';
        return "${head}Content-Length: $size\r\n\r\n"
            . substr $body, 0, $size - 1 if $kind eq 'short';
        return "${head}\r\n$body" if $kind eq 'ended';
        return "Status: 404\r\n$fresh\r\n$body" if $kind eq 'missing';
        return "Status: 500\r\n\r\nno such kind: $kind";
    }, $protocol);
}

my $dir = $t->dir;
mkdir "$dir/$_" for qw(www www/dir www/sub);
$t->write_file('www/style.css', 'a static file');
$t->write_file("www/$_.php", 'a script') for qw(index other sub/index);

my $params = join "\n", map { "fastcgi_param $_;" } 'REQUEST_METHOD'
    . ' $request_method', 'REQUEST_URI $request_uri', 'SCRIPT_NAME'
    . ' $fastcgi_script_name', 'QUERY_STRING $query_string', 'CONTENT_LENGTH'
    . ' $content_length', 'CONTENT_TYPE $content_type';
my $others = $params =~ s/fastcgi_param/uwsgi_param/gr;
$others .= $params =~ s/fastcgi_param/scgi_param/gr;

my $wordpress = q{
    root %%DIR%%/www;
    index index.php index.html;
    location / {
        try_files $uri $uri/ /index.php?$args;
    }
};

$t->conf(location => 'bigcache_pages off;', http => $params . $others
    . ' add_header X-Status $bigcache_status always;', servers => qq{
    upstream kept {
        server 127.0.0.1:%%PORT_1%%;
        keepalive 4;
    }
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%%;
        bigcache_pages main;
        location / {
            fastcgi_pass 127.0.0.1:%%PORT_1%%;
        }
        location /until/ {
            bigcache_store_until_close on;
            fastcgi_pass 127.0.0.1:%%PORT_1%%;
        }
        location /variable/ {
            set \$to 127.0.0.1:%%PORT_1%%;
            bigcache_store_until_close on;
            fastcgi_pass \$to;
        }
        location /kept/ {
            fastcgi_keep_conn on;
            bigcache_store_until_close on;
            fastcgi_pass kept;
        }
        location /uwsgi/ {
            uwsgi_pass 127.0.0.1:%%PORT_4%%;
        }
        location /uwsgi/until/ {
            bigcache_store_until_close on;
            uwsgi_pass 127.0.0.1:%%PORT_4%%;
        }
        location /scgi/ {
            scgi_pass 127.0.0.1:%%PORT_5%%;
        }
        location /scgi/until/ {
            bigcache_store_until_close on;
            scgi_pass 127.0.0.1:%%PORT_5%%;
        }
    }

    # pages in the location of the script only, as one would add the line
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_6%%;
        server_name script;
        $wordpress
        location ~ \\.php\$ {
            bigcache_pages main;
            fastcgi_pass 127.0.0.1:%%PORT_3%%;
        }
    }

    # in all locations
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_6%%;
        server_name all;
        bigcache_pages main;
        $wordpress
        location ~ \\.php\$ {
            fastcgi_pass 127.0.0.1:%%PORT_3%%;
        }
    }

    # by another try_files
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_6%%;
        server_name strict;
        $wordpress
        location ~ \\.php\$ {
            try_files \$uri =404;
            bigcache_pages main;
            bigcache_ignore_args utm_*;
            fastcgi_pass 127.0.0.1:%%PORT_3%%;
        }
    }

    # by a named location
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_6%%;
        server_name named;
        root %%DIR%%/www;
        location / {
            try_files \$uri \@php;
        }
        location \@php {
            bigcache_pages main;
            fastcgi_param SCRIPT_NAME /index.php;
            $params
            fastcgi_pass 127.0.0.1:%%PORT_3%%;
        }
    }

    # by rewrite, and by an error_page
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_6%%;
        server_name rewrite;
        root %%DIR%%/www;
        bigcache_pages main;
        if (!-f \$request_filename) {
            rewrite ^ /index.php last;
        }
        location ~ \\.php\$ {
            fastcgi_pass 127.0.0.1:%%PORT_3%%;
        }
    }
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_6%%;
        server_name error;
        root %%DIR%%/www;
        error_page 404 = /index.php;
        log_not_found off;
        location ~ \\.php\$ {
            bigcache_pages main;
            fastcgi_pass 127.0.0.1:%%PORT_3%%;
        }
    }
})->start;

sub ask {
    my ($uri, @headers) = @_;
    return Bigcache::Test::Connection->new($t->port(2))->request('GET', $uri,
        undef, Connection => 'close', @headers);
}

sub status { return $_[0]->header('X-Status') // '' }

sub hit {
    my ($uri) = @_;
    my $r;
    return $t->wait_for(sub { status($r = ask($uri)) eq 'HIT' && $r });
}

my $settled = 0;
sub settle {
    my $uri = '/full/' . (50 + ++$settled);
    hit($uri) or die "$uri: it is not stored\n";
}

sub stored {
    my ($o, $uri, $code, $body, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = ask($uri);
    my $first = $r->status == $code && !$r->truncated && $r->body eq $body;
    $r = hit($uri);
    my $again = $r && $r->status == $code && !$r->truncated
        && $r->body eq $body;

    ok $first && $again, "$name, $uri: stored, and the same again"
        or diag 'the first was ' . ($first ? 'right' : 'wrong') . ', then '
            . (!$r ? 'no hit' : $r->status . ', ' . length $r->body) . ' of '
            . length $body;
    is $o->requests($uri), 1, "$name, $uri: asked for once";
}

# never(RESPONDER, NAME, URIs): not stored
sub never {
    my ($o, $name, @uris) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for my $n (1, 2) {
        for my $uri (@uris) {
            my $r = eval { ask($uri) };
            my $is = $r ? status($r) : 'no answer';
            ok $is ne 'HIT' && $o->requests($uri) == $n,
                "$name, $uri: not stored, $n" or diag $is;
        }
        settle() if $n == 1;
    }
}

my @few = (0, 1, 100_000, MB + 1);
my @sizes = (@few, MB, 5 * MB);

stored($o, "/full/$_", 200, body($_, 1), 'no length') for @sizes;
stored($o, "/length/$_", 200, body($_, 1), 'a length') for @sizes;
stored($o, "/kept/full/$_", 200, body($_, 1), 'kept') for @few;
stored($o, "/kept/length/$_", 200, body($_, 1), 'kept') for @few;
stored($o, '/big/1000000', 200, body(1_000_000, 1), 'large records');
stored($o, '/little/20000', 200, body(20_000, 1), 'small records');
stored($o, '/until/full/100000', 200, body(100_000, 1), 'until the end');
stored($o, '/variable/full/100000', 200, body(100_000, 1), 'a variable');
stored($o, '/missing/50', 404, body(50, 1), 'Status: 404');
stored($o, '/bare/50', 203, body(50, 1), 'Status: 203, without a reason');
stored($o, '/warns/3000', 200, body(3000, 1), 'with stderr');
stored($o, '/warns/2000000', 200, body(2_000_000, 1), 'with stderr');
ok $t->logs(qr/FastCGI sent in stderr: "PHP warns/), 'stderr is in the log';

for my $dir ('', '/until', '/variable', '/kept') {
    never($o, 'it dies', map { my $size = $_; map { "$dir/$_/$size" }
        qw(dies diesafter midrecord headonly lastwords shortdies) } 100, MB + 1);
    never($o, 'too short', map { ("$dir/short/$_", "$dir/almost/$_",
        "$dir/nobody/$_") } 100, MB + 1);
}

never($o, 'a failure', '/busy/50');

# all that was announced has come, or all of stdout, which was closed
for my $uri (map { ("/more/$_", "/lengthonly/$_", "/closed/$_",
    "/kept/closed/$_") } 100, 100_000, MB + 1)
{
    my ($size) = $uri =~ m{(\d+)$};
    for (1, 2) {
        my $r = ask($uri);
        ok $r->body eq body($size, $o->requests($uri)),
            "$uri: as long as announced, " . status($r);
        settle();
    }
}

for my $protocol (qw(uwsgi scgi)) {
    my $o = $gateway{$protocol};

    stored($o, "/$protocol/length/$_", 200, body($_, 1), 'a length')
        for @few;
    stored($o, "/$protocol/until/ended/$_", 200, body($_, 1), 'until the end')
        for @few;
    stored($o, "/$protocol/until/missing/50", 404, body(50, 1), 'Status: 404');
    never($o, 'until the end', map { "/$protocol/ended/$_" } 1, 100_000,
        MB + 1);
    never($o, 'cut short', map { ("/$protocol/short/$_",
        "/$protocol/until/short/$_") } 2, 100_000, MB + 1);
}

# -- a site

sub visit {
    my ($host, $uri, @rest) = @_;
    my ($method, $body, @headers) = @rest;
    return Bigcache::Test::Connection->new($t->port(6))->request(
        $method // 'GET', $uri, $body, Host => $host, Connection => 'close',
        @headers);
}

sub visit_hit {
    my ($host, $uri, @headers) = @_;
    my $r;
    return $t->wait_for(sub {
        $r = visit($host, $uri, 'GET', undef, @headers);
        status($r) eq 'HIT' && $r;
    });
}

my @urls = ('/', '/a', '/b', '/a/', '/A', '/a?x=1', '/a?x=2', '/a?x=1&y=2',
    '/a?x=1%26y=2', '/?p=1', '/?p=2', '/?p=1&q', '/%61', '//a', '/a%3Fx=1',
    '/a%2Fb', '/a/b', '/a//b', '/a/./b', '/a/c/../b', '/index.php',
    '/index.php?p=1', '/index.php?p=2', '/a?index.php', '/a%00b' x 0 || '/z',
    '/=/index.php', '/a=/index.php', '/a?=/index.php', '/other.php',
    '/other.php?x=1', '/dir/', '/sub/', '/sub/?p=1', '/sub/index.php',
    '/index.php/a', '/index.php?/a', '/a%20b', '/a+b', '/a;b', '/a?b?c',
    '/a?b%3Fc', '/a?x=%31', "/\xc3\xa4", '/%C3%A4', '/%c3%a4');

for my $host (qw(script all strict named rewrite error)) {
    my (%page, @wrong, @served);

    for my $url (@urls) {
        my $r = visit($host, $url);
        next if $r->status != 200 || $r->body !~ m{^\d+ \Q$host\E/};
        push @served, $url;
        $page{$url} = $r->body;
        push @wrong, "$url at first: " . $r->body
            if $r->body !~ m{^\d+ \Q$host$url\E };
    }

    for my $url (@served) {
        my $r = visit_hit($host, $url);
        push @wrong, "$url: " . ($r ? $r->body : 'no hit')
            if !$r || $r->body ne $page{$url};
    }

    cmp_ok scalar @served, '>=', 30, "$host: URLs that the script has made";
    is "@wrong", '', "$host: each of them has a page of its own";

    # what the script gets is that of nginx without a cache
    like visit($host, '/a?x=1')->body, qr{^\d+ $host/a\?x=1 /index.php x=1$},
        "$host: its query string" if $host ne 'named' && $host ne 'error';
}

for my $host (qw(script all strict named rewrite error)) {
    is visit($host, '/style.css')->body, 'a static file',
        "$host: a static file, $_" for 1, 2;
}
is visit('all', '/style.css', 'GET', undef, Range => 'bytes=2-7')->body,
    'static', 'a part of a static file';
is visit('all', '/style.css', 'GET', undef, 'If-Modified-Since' =>
    visit('all', '/style.css')->header('Last-Modified'))->status, 304,
    'a static file that the client has';

# arguments that do not count
visit_hit('strict', '/utm?x=1');
is visit('strict', '/utm?utm_source=a&x=1')->body, '1 strict/utm?x=1 /index.php'
    . ' x=1', 'an argument that is ignored';
is visit('strict', '/utm?utm_source=a&x=2')->body, '1 strict/utm?utm_source=a'
    . '&x=2 /index.php utm_source=a&x=2', 'another one counts';

# a comment changes its page, and that where the client is sent to; who asks
# for it in the same breath gets the new one, too
for my $host (qw(script all strict named rewrite)) {
    my @own = ("$host: a POST to the URL of a page", '/hello/', '/hello/', '1');
    my @other = ("$host: a POST that leads to a page", '/post/', '/comments',
        '/post/#comment-1');

    for my $case (\@own, \@other) {
        my ($name, $page, $uri, $body) = @$case;

        visit_hit($host, $page);
        my $seen = $site->requests($page);
        my $r = visit($host, $uri, 'POST', $body);
        is $r->status, $uri eq $page ? 200 : 302, "$name: is done";
        like visit($host, $page)->body, qr{^\d+ $host$page },
            "$name: the page after it";
        is $site->requests($page), $seen + 1 + ($uri eq $page),
            "$name: it was made anew";

        my @old;
        for my $n (1 .. 15) {
            visit_hit($host, $page);
            my $c = $t->connect(6);
            $c->send(raw('POST', $uri, $body, Host => $host)
                . raw('GET', $page, undef, Host => $host));
            $c->response('POST');
            $r = $c->response('GET');
            push @old, $n if status($r) eq 'HIT';
        }
        is "@old", '', "$name: who asks at once does not get the old one";
    }
}

done_testing;
