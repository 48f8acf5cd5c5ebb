#!/usr/bin/perl

# Which page is whose: hosts, ports, arguments, variants, cookies, credentials.
# No page of one request is ever sent to another that it is not for.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Origin;
use Test::More;

my $t = Bigcache::Test->new;

# the body tells all that the page could depend on, so that a page of another
# request is seen

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my ($uri, $header) = @$request{qw(uri header)};
    my $cookie = $header->{cookie} // '';
    my @fresh = $uri =~ /silent/ ? () : ('Cache-Control' => 'max-age=60');
    my $host = $header->{host} // '-';

    push @fresh, Vary => 'X-Lang' if $uri =~ /lang/;
    push @fresh, Vary => 'Accept-Encoding, x-lang, Cookie' if $uri =~ /several/;
    push @fresh, Vary => 'Accept-Encoding' if $uri =~ /encoding/;
    push @fresh, Vary => 'Cookie' if $uri =~ /cookie/;
    push @fresh, Vary => '*' if $uri =~ /any/;
    push @fresh, Vary => 'Accept-Language' if $uri =~ /changes/ && $n > 1;
    push @fresh, 'Set-Cookie' => '_ga=1; Path=/' if $uri =~ /ga/;
    push @fresh, 'Set-Cookie' => 'session=1' if $uri =~ /login/;
    @fresh = ('Cache-Control' => 'public, max-age=60') if $uri =~ /public/;

    return (200, \@fresh, join '|', $host, $uri, $header->{'x-lang'} // '-',
        $cookie, $header->{authorization} // '-', $n);
});

$t->conf(location => 'bigcache_pages off;',
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host; bigcache_pages main;',
    servers => q{
    server {
        bigcache_lookup_timeout 10s;
        listen 127.0.0.1:%%PORT_2%% default_server;
        server_name _;
        add_header X-Status $bigcache_status always;
        bigcache_ignore_args utm_* fbclid;
        bigcache_ignore_cookies _ga* consent;
        bigcache_strip_cookies _ga*;
        location / { proxy_pass http://127.0.0.1:%%PORT_1%%; }
        location /silent/ {
            bigcache_ttl 200 1m;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
        location /key/ {
            bigcache_page_key $http_x_key;
            proxy_pass http://127.0.0.1:%%PORT_1%%;
        }
    }
})->start;

sub ask { return method('GET', @_) }

sub method {
    my ($method, $uri, @headers) = @_;

    return Bigcache::Test::Connection->new($t->port(2))->request($method, $uri,
        undef, Connection => 'close', @headers);
}

# hit(NAME, URI, HEADER => VALUE ...): the page is stored, and found again.  It
# is stored after its answer; with credentials a request does not wait for that,
# but fetches the page once more, while a HEAD stores nothing
sub hit {
    my ($name, @request) = @_;

    my $r = ask(@request);
    is $r->header('X-Status'), 'MISS', "$name: a miss";
    $t->wait_for(sub {
        method('HEAD', @request)->header('X-Status') eq 'HIT';
    });
    my $again = ask(@request);
    is $again->header('X-Status') . ' ' . $again->body, 'HIT ' . $r->body,
        "$name: a hit";
}

# is_status(STATUS, NAME, URI, ...)
sub is_status {
    my ($status, $name, @request) = @_;

    is ask(@request)->header('X-Status'), $status, $name;
}

# hosts and ports
hit('a host', '/h', Host => 'a.example');
is_status('HIT', 'in capitals', '/h', Host => 'A.EXAMPLE');
is_status('HIT', 'with the port of the scheme', '/h', Host => 'a.example:80');
hit('another host', '/h', Host => 'b.example');
hit('another port', '/h', Host => 'a.example:81');

sub raw_status {
    my ($text) = @_;
    my $c = Bigcache::Test::Connection->new($t->port(2));
    return $c->send($text)->response('GET')->header('X-Status');
}

is raw_status("GET http://a.example/h HTTP/1.1\r\nHost: a.example\r\n"
    . "Connection: close\r\n\r\n"), 'HIT', 'an absolute URI';
is raw_status("GET http://a.example/h HTTP/1.1\r\nHost: b.example\r\n"
    . "Connection: close\r\n\r\n"), 'PASS', 'an absolute URI of another host';
is raw_status("GET /h HTTP/1.0\r\n\r\n"), 'PASS', 'no host';

# URIs are taken as they were sent
hit('a path', '/p/a');
hit('with a slash', '/p/a/');
hit('with an escape', '/p/%61');
hit('in capitals', '/P/a');
hit('arguments', '/p/a?b=1&c=2');
hit('in another order', '/p/a?c=2&b=1');

is_status('HIT', 'an ignored argument', '/p/a?utm_source=x');
is_status('HIT', 'two of them', '/p/a?fbclid=1&utm_x=2');
is_status('HIT', 'among others', '/p/a?b=1&utm_x=2&c=2');
is_status('MISS', 'one that is like it', '/p/a?xutm_x=2');
my $r = ask('/q?utm_source=x&z=1', 'X-Lang' => 'q');
like $r->body, qr/\Q|\/q?utm_source=x&z=1|\E/, 'the origin gets it';

# variants
hit('a language', '/lang', 'X-Lang' => 'en');
hit('another language', '/lang', 'X-Lang' => 'de');
hit('none', '/lang');
hit('an empty one', '/lang', 'X-Lang' => '');
is_status('HIT', 'the first is there still', '/lang', 'X-Lang' => 'en');
is_status('MISS', 'in capitals', '/lang', 'X-Lang' => 'EN');
hit('several fields', '/several', 'X-Lang' => 'en');
is_status('HIT', 'whatever the encodings', '/several', 'X-Lang' => 'en',
    'Accept-Encoding' => 'br, gzip;q=0.3');
hit('encodings', '/encoding');
is_status('HIT', 'one page for all', '/encoding', 'Accept-Encoding' => $_)
    for 'gzip', 'identity', 'br', '*', 'gzip, deflate, br, zstd';

is_status('MISS', 'any', '/any');
is_status('PASS', 'any, again', '/any');

# cookies: what is harmless counts as not sent
hit('no cookie', '/cookie');
is_status('HIT', 'a harmless cookie', '/cookie', Cookie => '_ga=1; consent=y');
is_status('PASS', 'a session', '/cookie', Cookie => 'session=1');
is_status('PASS', 'with a harmless one', '/cookie', Cookie => '_ga=1; s=1');
is_status('PASS', 'one without a name', '/cookie', Cookie => 'hello');
like ask('/cookie', Cookie => 'session=7')->body, qr/session=7/,
    'and gets its own page';
is_status('HIT', 'the others have theirs still', '/cookie');

# the first request has a session: its page is stored for nobody
is_status('MISS', 'a session first', '/cookie/first', Cookie => "renamed=$_")
    for 1 .. 2;
is ask('/cookie/first')->body =~ /renamed/, '', 'and not sent to others';

is_status('HIT', 'an explicit page is for all', '/p/a', Cookie => 'session=1');

# only the configuration says how long
hit('by the configuration', '/silent/a');
is_status('PASS', 'not for a session', '/silent/a', Cookie => 'session=1');
is_status('PASS', 'nor credentials', '/silent/a', Authorization => 'Basic eA==');
is_status('MISS', 'a session first', '/silent/b', Cookie => 'session=2');
is ask('/silent/b')->body =~ /session/, '', 'is stored for nobody';

# Set-Cookie
hit('a stripped cookie', '/ga');
is_deeply [ask('/ga')->headers('Set-Cookie')], [], 'is not in the stored page';
is_status('MISS', 'another cookie', '/login');
is_status('PASS', 'another cookie, again', '/login');

# credentials
is_status('MISS', 'credentials', '/secret', Authorization => 'Basic eA==')
    for 1 .. 2;
unlike ask('/secret')->body, qr/Basic/, 'are stored for nobody';
hit('a public page', '/public', Authorization => 'Basic eA==');
is_status('HIT', 'is for all', '/public');

# a key of one's own
hit('a key', '/key/a', 'X-Key' => 'k');
is_status('HIT', 'the same for another URI', '/key/b', 'X-Key' => 'k');
is_status('MISS', 'another', '/key/a', 'X-Key' => 'l');
is_status('PASS', 'an empty key', '/key/a');

# fields that are not in the key do not change what is stored for others
hit('an unkeyed field', '/unkeyed', 'X-Forwarded-Host' => 'evil.example');

# REST keys and pages never meet
my $key = 'http://a.example/h';
$t->request('POST', '/pickle/' . $key, 'rest', Host => 'localhost');
is ask('/h', Host => 'a.example')->body =~ /^rest/, '', 'a REST key is no page';
is $t->get('/pickle/%00http:%2f%2fa.example%2fh')->status, 400,
    'a page is not read by the REST API';
my @keys = map { $_->{key} } @{ $t->get('/keys/?limit=1000')->json->{keys} };
is_deeply \@keys, [$key], 'nor is it listed among its keys';
is $t->request('DELETE', '/prefix/http')->status, 200, 'a prefix is deleted';
is_status('HIT', 'but no page', '/h', Host => 'a.example');

done_testing;
