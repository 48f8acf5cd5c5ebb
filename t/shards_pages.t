#!/usr/bin/perl

# Page caching over shards: a front that ends TLS, with plain HTTP beside it,
# spreads the URLs of two hosts over three servers, which cache the pages of one
# application.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;

use constant ORIGIN => 2;       # ports of the front's instance
use constant HTTP => 0;
use constant HTTPS => 1;

# clients who may purge, who may not, and who may not as the servers say

use constant MAY => '127.0.0.2';
use constant MAY_NOT => '127.0.0.3';
use constant SERVERS_NOT => '127.0.0.4';

my $front = Bigcache::Test->new;
my $dir = $front->dir;

for my $tool (qw(openssl curl)) {
    plan skip_all => "no $tool" if system "command -v $tool >$dir/out 2>&1";
}

my $build = `${\$front->nginx} -V 2>&1`;

for my $module (qw(http_ssl_module http_realip_module)) {
    plan skip_all => "nginx without $module" if $build !~ /$module/;
}

$front->certificate or die 'openssl: ' . $front->read_file('out');

# the origin says what it was asked, and for which time

my $origin = Bigcache::Test::Origin->new($front, ORIGIN, sub {
    my ($request, $n) = @_;
    my $header = $request->{header};
    my ($tag) = $request->{uri} =~ /tag=(\w+)/;

    return (200, ['Cache-Control' => 'max-age=600', $tag ? (xkey => $tag) : ()],
        ($header->{'x-forwarded-proto'} // 'none')
            . "://$header->{host}$request->{uri} $request->{method} $n");
});

my $application = $front->port(ORIGIN);

# -- servers: pages at port 1, and the REST API below /rest there

my @nodes = map { node($_) } 1 .. 3;

sub node {
    my ($n) = @_;
    my $node = Bigcache::Test->new;

    $node->conf(size => '4m', servers => qq{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            keepalive_requests 100000;
            large_client_header_buffers 4 32k;

            set_real_ip_from 127.0.0.1;
            real_ip_header X-Real-IP;

            bigcache_pages main;
            bigcache_scheme_from 127.0.0.1;
            bigcache_purge PURGE PURGEKEYS from ${\MAY};
            bigcache_lookup_timeout 10s;

            add_header X-Node $n always;
            add_header X-Status \$bigcache_status always;

            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \$http_host;
            proxy_set_header X-Forwarded-Proto \$http_x_forwarded_proto;

            location / {
                proxy_pass http://127.0.0.1:$application;
            }
            location ^~ /purge/ {
                bigcache_purge GET PURGE strip=/purge from ${\MAY};
            }
            location ^~ /rest/ {
                bigcache_pages off;
                bigcache_base /rest;
                bigcache main;
            }
        }
    })->start;

    return $node;
}


my $servers = join "\n",
    map { 'server 127.0.0.1:' . $_->port(1) . ' max_fails=0;' } @nodes;

$front->conf(<<"END")->start;
%%MODULE%%
events {
}
http {
    %%HTTP%%
    upstream shards {
        hash \$bigcache_shard_key consistent;
        $servers
        keepalive 16;
    }
    server {
        listen 127.0.0.1:%%PORT_${\HTTP}%%;
        large_client_header_buffers 4 32k;
        listen 127.0.0.1:%%PORT_${\HTTPS}%% ssl;
        ssl_certificate %%DIR%%/cert.pem;
        ssl_certificate_key %%DIR%%/key.pem;

        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host \$http_host;
        proxy_set_header X-Forwarded-Proto \$scheme;
        proxy_set_header X-Real-IP \$remote_addr;
        proxy_next_upstream off;
        proxy_read_timeout 20s;

        bigcache_purge PURGE PURGEKEYS from ${\MAY} ${\SERVERS_NOT};

        location / {
            bigcache_shards shards pages;
            proxy_pass http://shards;
        }
        location ^~ /purge/ {
            bigcache_shards shards all;
            proxy_pass http://shards;
        }
        location ^~ /rest/ {
            bigcache_base /rest;
            bigcache_shards shards;
            proxy_pass http://shards;
        }
    }
}
END


# request(METHOD, URL, {from => ADDRESS, name => VALUE ...}): what the front
# answers: status, body, node, cache

sub request {
    my ($method, $url, %header) = @_;

    my $from = delete $header{from} // '127.0.0.1';
    my ($scheme, $host, $uri) = $url =~ m{^(\w+)://([^/]+)(/.*)}
        or die "no URL: $url\n";

    return $scheme eq 'http' ? plain($method, $host, $uri, $from, %header)
        : tls($method, $host, $uri, $from, %header);
}


sub plain {
    my ($method, $host, $uri, $from, @header) = @_;

    my $r = Bigcache::Test::Connection->new($front->port(HTTP), $from)
        ->request($method, $uri, $method eq 'POST' ? 'x' : undef,
            Host => $host, Connection => 'close', @header);

    return { status => $r->status, body => $r->body,
        node => $r->header('X-Node') // '', cache => $r->header('X-Status') // '' };
}


sub tls {
    my ($method, $host, $uri, $from, %header) = @_;

    open my $pipe, '-|', qw(curl -sS -k -i --http1.1 --path-as-is -g
        --max-time 30 --interface), $from, $method eq 'HEAD' ? '-I'
            : ('-X', $method), $method eq 'POST' ? ('-d', 'x') : (),
        '-H', "Host: $host", (map { ('-H', "$_: $header{$_}") } sort keys %header),
        'https://127.0.0.1:' . $front->port(HTTPS) . $uri or die "curl: $!\n";

    my $answer = do { local $/; <$pipe> } // '';
    close $pipe;

    my ($head, $body) = $answer =~ /^(.*?\r\n)\r\n(.*)/s
        or return { status => 0, body => $answer, node => '', cache => '' };

    return { status => $head =~ m{^HTTP/\S+ (\d+)} ? "$1" : 0, body => $body,
        node => $head =~ /^X-Node: (\d+)/mi ? "$1" : '',
        cache => $head =~ /^X-Status: (\w+)/mi ? "$1" : '' };
}


# fill(URL ...): fetches each until it is a hit; returns the answers

sub fill {
    my @urls = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    request('GET', $_) for @urls;

    return map {
        my $url = $_;
        my $r;

        $front->wait_for(sub {
            $r = request('GET', $url);
            return $r->{cache} eq 'HIT';
        }) or fail "stored: $url, $r->{status} $r->{cache}";
        $r;
    } @urls;
}


sub hit { request('GET', $_[0])->{cache} eq 'HIT' }


# listed(N): the URLs whose pages server N has

sub listed {
    my $list = $nodes[$_[0] - 1]->get('/keys/?kind=page&limit=1000')->json;

    return map { $_->{url} } @{ $list->{pages} };
}


# url_of(ANSWER): what the origin was asked for

sub url_of { return $_[0]{body} =~ s/ GET \d+$//r }


# purged(METHOD, URL, HEADER ...): the number; or what was answered instead

sub purged {
    my $r = request(@_);

    return $r->{status} == 200 && $r->{body} =~ /^\{"purged":(\d+)\}$/ ? $1
        : "$r->{status} $r->{body}";
}


# purged_is(N, URLS, GONE, NAME, METHOD, URL, HEADER ...): the purge is answered
# by that number; of the URLs those that match GONE are gone then, and no others

sub purged_is {
    my ($n, $urls, $gone, $name, @request) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is purged(@request, from => MAY), $n, "$name: the number";
    is_deeply [grep { hit($_) } @$urls], [grep { !/$gone/ } @$urls],
        "$name: what stays";
}


# -- two hosts, two schemes, one path

my @sites = ('http://a.example', 'https://a.example', 'http://b.example',
    'https://b.example', 'http://a.example:8081', 'https://b.example:8081');
my @urls = map { my $path = $_; map { "$_$path" } @sites }
    '/', map { "/page/$_?q=$_" } 1 .. 8;

my @first = map { request('GET', $_) } @urls;

is_deeply [map { url_of($_) } @first], \@urls, 'each URL has its own page';
is_deeply [grep { $_->{cache} eq 'HIT' } @first], [], 'none is another\'s';

my @second = fill(@urls);

is_deeply [map { url_of($_) } @second], \@urls, 'then each is a hit';
is_deeply [map { $_->{node} } @second], [map { $_->{node} } @first],
    'of the same server';

my $asked = $origin->requests;

is_deeply [grep { !hit($_) } @urls], [], 'and so it stays';
is $origin->requests, $asked, 'without the origin';

my %urls_of = map { ($_ => [sort { $a cmp $b } listed($_)]) } 1 .. 3;

is_deeply \%urls_of, { map { my $n = $_; ($n => [sort map { $urls[$_] }
    grep { $second[$_]{node} == $n } 0 .. $#urls]) } 1 .. 3 },
    'each page is on one server, under its URL';
is scalar(grep { @{ $urls_of{$_} } >= 4 } 1 .. 3), 3, 'each server has some';

# other names of the same URL

for (
    [ 'http://A.Example/', 'http://a.example/' ],
    [ 'http://a.example:80/', 'http://a.example/' ],
    [ 'https://a.example:443/', 'https://a.example/' ],
    [ 'https://B.EXAMPLE:8081/', 'https://b.example:8081/' ],
    [ 'http://a.example/page/1?q=1', 'http://a.example/page/1?q=1' ],
) {
    my ($url, $same) = @$_;
    my $r = request('GET', $url);

    is "$r->{cache} $r->{body}", 'HIT ' . request('GET', $same)->{body},
        "$url is $same";
}

is request('HEAD', $_)->{cache}, 'HIT', "HEAD $_"
    for 'http://a.example/', 'https://b.example/';

# ports that are not those of the scheme

for my $url ('http://a.example:443/', 'https://a.example:80/') {
    my $r = request('GET', $url);

    is url_of($r), $url, "$url is a page of its own";
    isnt $r->{cache}, 'HIT', "$url is no hit";
}

# who may say what the scheme is

my $r = request('GET', 'http://a.example/', 'X-Forwarded-Proto' => 'https');

is "$r->{cache} " . url_of($r), 'HIT http://a.example/',
    'what a client says of the scheme does not count';

for ([ '127.0.0.5', 'http', 'others not' ], [ '127.0.0.1', 'https', 'the front' ])
{
    my ($from, $scheme, $name) = @$_;
    my $url = "$scheme://c.example/$from";

    Bigcache::Test::Connection->new($nodes[0]->port(1), $from)->request('GET',
        "/$from", undef, Host => 'c.example', 'X-Forwarded-Proto' => 'https',
        Connection => 'close');

    $front->wait_for(sub { grep { m{//c\.example/$from$} } listed(1) });
    is join(' ', grep { m{//c\.example/$from$} } listed(1)), $url,
        "a server believes $name";
}

# -- purges of a URL

my @kept = grep { m{^\w+://b\.example} } @urls;
my @ones = map { "$_/page/1?q=1" } @sites;

for my $url ('http://a.example/page/1?q=1', 'https://a.example/page/1?q=1') {
    fill(@ones);
    purged_is(3, [@ones, @kept], qr{//a\.example(?::8081)?/page/1}, "PURGE $url",
        'PURGE', $url);
}

fill(@ones);
purged_is(0, [@ones], qr/none/, 'PURGE of a page that nobody has', 'PURGE',
    'http://a.example/never');

# who may not

for my $url ('http://a.example/page/1?q=1', 'https://a.example/page/1?q=1') {
    my $r = request('PURGE', $url, from => SERVERS_NOT);

    is "$r->{status} $r->{body}",
        '403 {"detail":"this address may not purge anything"}',
        "PURGE $url: the servers refuse it";
    is request('PURGE', $url, from => $_)->{status}, 403,
        "PURGE $url from $_: the front does" for MAY_NOT, '127.0.0.1';
}

is request('PURGE', 'http://a.example/page/1?q=1', from => MAY_NOT,
    'X-Real-IP' => MAY, 'X-Forwarded-For' => MAY)->{status}, 403,
    'whatever it says of its address';
is request('BAN', 'http://a.example/page/1?q=1', from => MAY)->{status}, 405,
    'a method that no line names';
is_deeply [grep { !hit($_) } @ones], [], 'nothing was purged';

# -- by a prefix, and by tags

my @many = map { my $n = $_; map { "$_/many/$n?tag=t" . $n % 3 }
    'http://a.example', 'http://b.example' } 1 .. 30;
push @many, map { "https://a.example/many/$_?tag=t1" } 1 .. 5;

fill(@many);
purged_is(35, [@many, @ones], qr{//a\.example/many/}, 'a prefix', 'PURGE',
    'http://a.example/many/*');

fill(@many);
purged_is(15, [@many, @ones], qr{//a\.example/many/.*tag=t1}, 'a tag',
    'PURGE', 'http://a.example/', xkey => 't1');

fill(@many);
purged_is(20, [@many, @ones], qr{//b\.example/many/.*tag=t[02]}, 'two tags',
    'PURGEKEYS', 'https://b.example/', 'Surrogate-Key' => 't2 t0');

# of all servers, in a location for that

fill(@many);
is purged('GET', 'http://a.example/purge/many/4?tag=t1', from => MAY), 2,
    'GET /purge/URL: of both schemes';
is purged('PURGE', 'http://a.example/purge/many/*', from => MAY), 33,
    'PURGE /purge/PREFIX: the others';
is request('GET', 'http://a.example/purge/many/4?tag=t1', from => MAY_NOT)
    ->{status}, 403, 'GET /purge/ of another client';
is scalar(grep { hit($_) } grep { m{//b\.} } @many), 30, 'the other host stays';

# without waiting; and what no server can do

fill(@many);
$r = request('PURGE', 'http://a.example/many/*', from => MAY,
    Prefer => 'respond-async');
is $r->{status}, 202, 'Prefer: respond-async' or diag $r->{body};
is_deeply [grep { hit($_) } grep { m{//a\.} } @many], [], 'is in effect, too';

$r = request('PURGE', 'http://a.example/', from => MAY, xkey => 'x' x 257);
is "$r->{status} $r->{body}", '400 {"detail":"a tag is longer than 256 bytes"}',
    'what all servers refuse is refused as they do';

# a server whose store is closed

fill(@many);
is $nodes[1]->request('POST', '/close')->status, 200, 'one is closed';
$r = request('PURGE', 'http://a.example/many/*', from => MAY);
is $r->{status}, 503, 'PURGE: 503';
like $r->{body}, qr/not done by all servers: 127\.0\.0\.1:${\$nodes[1]->port(1)} \(503\)/,
    'and which server has not done it';
is $nodes[1]->request('POST', '/open')->status, 200, 'it is open';
like purged('PURGE', 'http://a.example/many/*', from => MAY), qr/^\d+$/,
    'PURGE again';
is_deeply [grep { hit($_) } grep { m{//a\.} } @many], [], 'all are gone';

# -- the REST API through the front

fill(@many);

my $list = plain('GET', 'a.example', '/rest/keys/?kind=page&limit=1000',
    '127.0.0.1');
my @listed = $list->{body} =~ /"url":"([^"]*)"/g;
my %listed = map { $_ => 1 } @listed;

is_deeply \@listed, [sort @listed], 'the list of pages is in order';
is_deeply [grep { !$listed{$_} } @many, @ones], [], 'and has those of all servers';
is_deeply [grep { plain('GET', 'a.example', '/rest/page?url='
    . s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger, '127.0.0.1')->{status} != 200 }
    @many, @ones], [], '/page finds each on its server';

my $purge = Bigcache::Test::Connection->new($front->port(HTTP))->request('POST',
    '/rest/purge', '{"type":"tag","selectors":["t0"],"host":"*","purge":true}',
    Host => 'a.example', Connection => 'close');
is $purge->answer, '200 {"purged":20}', 'POST /purge, by tag, of all hosts';
is_deeply [grep { hit($_) } grep { /tag=t0/ } @many], [], 'they are gone';

# -- a POST invalidates the page of its URL

fill(@ones);
is request('POST', $ones[1])->{status}, 200, "POST $ones[1]";
is_deeply [grep { !hit($_) } @ones], [$ones[1]], 'removes its page alone';

# a URL that is too long for a key is passed on

$r = request('GET', 'http://a.example/' . 'x' x 8200) for 1 .. 2;
is $r->{status}, 200, 'a URL without a key';
isnt $r->{cache}, 'HIT', 'is not cached';

ok $_->stop, 'stops' for $front, @nodes;

done_testing;
