#!/usr/bin/perl

# What /ui shows of page caching, in a browser.

use strict;
use warnings;

use FindBin;

# a browser takes its time where others work

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 600 }

use Bigcache::Test qw(slurp);
use Bigcache::Test::Browser;
use Bigcache::Test::Origin;
use Cwd qw(abs_path);
use Test::More;

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);

my $web = abs_path("$FindBin::Bin/../..") . '/build/web';
my $t = Bigcache::Test->new;
my $evil = '<html><script>document.title = "taken"</script><img src=x>';

my $o = Bigcache::Test::Origin->new($t, 1, sub {
    my ($request, $n) = @_;
    my $uri = $request->{uri};
    my @fresh = ('Cache-Control' => 'max-age=600');

    return (200, [ @fresh, 'Content-Type' => 'text/html', 'X-Evil' => $evil ],
        $evil) if $uri =~ /evil/;
    return (200, [ @fresh, Vary => 'X-Lang' ], 'in '
        . ($request->{header}{'x-lang'} // 'none')) if $uri =~ /vary/;
    return (200, [ @fresh, 'Content-Type' => 'text/html; charset=iso-8859-1' ],
        "caf\xe9") if $uri =~ /latin/;
    return (200, \@fresh, "\0\1") if $uri =~ /binary/;
    return (404, \@fresh, '') if $uri =~ /404/;
    return (200, \@fresh, 'x' x 200_000) if $uri =~ /large/;
    return (200, [ @fresh, 'Cache-Tag' => 'red & <b>' ], '') if $uri =~ /tagged/;
    return (200, \@fresh, "page $uri");
});

$t->conf(
    http => 'proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host;'
        . ' client_header_timeout 2s;',
    server => slurp("$web/locations.conf"),
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_2%%;
            bigcache_lookup_timeout 10s;

            location / {
                bigcache_pages main;
                add_header X-Status $bigcache_status always;
                proxy_pass http://127.0.0.1:%%PORT_1%%;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_3%%;

            location / {
                bigcache main;
            }

            location /keys/ {
                deny all;
            }

            location = /page {
                deny all;
            }

            %%UI%%
        }
    } =~ s/%%UI%%/slurp("$web\/locations.conf")/er)->start;
$t->expect_log(qr/access forbidden by rule/);

sub fill {
    my ($uri, @headers) = @_;
    my %headers = (Host => 'a.example', Connection => 'close', @headers);

    $t->wait_for(sub {
        my $r = $t->connect(2)->request('GET', $uri, undef, %headers);

        return ($r->header('X-Status') // '') eq 'HIT';
    }) or BAIL_OUT("$uri is not stored");
}

my $b = Bigcache::Test::Browser->new($t);

sub rows {
    return @{ $b->js('return [...document.querySelectorAll("#found tbody tr")]'
        . '.map(r => [...r.children].map(c => c.innerText.trim()))') };
}

sub shown {
    return @{ $b->js('return [...document.querySelectorAll("#found > .card")]'
        . '.map(c => c.innerText)') };
}

# look_up(URL, REGEX): waits until that is said

sub look_up {
    my ($url, $regex) = @_;

    $b->fill('#url input', $url);
    $b->click('#url button=Look up');

    return $b->says('#url-said', $regex);
}

sub quiet {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [ $b->console ], [], "$name: nothing on the console";
}

# -- nothing is stored

$b->go('http://127.0.0.1:' . $t->port . '/ui');
$b->says('#state', qr/open/);
$b->click('#hosts');
is $b->says('#url-said', qr/\w/), 'No pages.', 'no hosts';
$b->click('#urls');
is $b->says('#url-said', qr/\w/), 'No pages.', 'no pages';
is look_up('http://a.example/', qr/\w/), 'No page of this URL is stored.',
    'no page';
$b->console;                # a 404 is there

like look_up("http://a.example/caf\x{fffd}", qr/\w/),
    qr{^No page of this URL is stored\. It may have bytes that .*/page\?key=%FF'}, 'no page, of bytes';
$b->console;

is look_up('a', qr/\w/), 'The server answered 400: the URL does not begin with '
    . 'http:// or https://.', 'no URL';
$b->console;

# -- hosts

fill($_) for qw(/a /b /evil /latin /binary /404 /large);
fill('/vary', 'X-Lang' => $_) for qw(de en);
fill('/a', Host => 'b.example:81');

$b->click('#hosts');
is $b->says('#url-said', qr/host/), '2 hosts.', 'hosts';
is_deeply [ map { [ @$_[0, 1] ] } rows() ], [ [ 'http://a.example/', 9 ],
    [ 'http://b.example:81/', 1 ] ], 'with their pages';

# at one request each, so few that hosts are passed over

$b->js('window.asked = []; const was = window.fetch; window.fetch = (u, o) => {
    const url = new URL(u);
    if (url.searchParams.get("limit") === "1000")
        url.searchParams.set("limit", 3);
    if (/kind=page/.test(url)) window.asked.push(String(url));
    return was(url, o);
}');
$b->click('#hosts');
is $b->says('#url-said', qr/host/), '2 hosts.', 'hosts, a part at a time';
is_deeply [ map { $_->[1] } rows() ], [ 9, 1 ], 'all of them';
is $b->js('return window.asked.length'), 4, 'as many requests as there are parts';

# -- the pages of a host

$b->click('#found .key=http://a.example/');
is $b->says('#url-said', qr/page/), '9 pages.', 'the pages of a host';
is_deeply [ map { $_->[0] =~ s/\s+/ /gr } rows() ],
    [ map { "http://a.example/$_" } '404', 'a', 'b', 'binary', 'evil', 'large',
        'latin', 'vary x-lang: de', 'vary x-lang: en' ], 'their URLs';
is +(rows())[0][1], 404, 'a status';
is +(rows())[5][2], '195 KB', 'a size';

$b->fill('#url input', 'http://a.example/v');
$b->click('#urls');
is $b->says('#url-said', qr/^2 pages/), '2 pages.', 'those that begin so';

# -- one URL

is look_up('HTTP://A.example/vary', qr/2 pages, by/),
    'http://a.example/vary: 2 pages, by x-lang.', 'a URL that varies';
my @cards = shown();
like $cards[0], qr/^x-lang: de\n+Status\n200\n.*fresh, \d+ s old/s, 'a variant';
like $cards[0], qr/^Cache-Control: max-age=600$/m, 'its fields';
like $cards[1], qr/^x-lang: en\n/, 'the other one';
$b->click('#found .card:nth-child(2) button=Show the source');
is $b->says('#found .card:nth-child(2) pre:last-child', qr/\w/), 'in en',
    'its source';

sub source {
    my ($path, $regex) = @_;

    look_up("http://a.example/$path", qr/: 1 page\./);
    $b->click('#found button=Show the source');
    $b->says('#found p', $regex);

    return $b->js('return document.querySelector("#found pre:last-child")'
        . '.textContent');
}

is source('evil', qr/All of it/), $evil, 'a source is text';
is $b->js('return document.querySelectorAll("#found script, #found img").length'),
    0, 'it is no markup';
isnt $b->js('return document.title'), 'taken', 'it does not run';
like +(shown())[0], qr/X-Evil: \Q$evil\E/, 'nor do its fields';
is source('latin', qr/All of it/), "caf\x{e9}", 'in its charset';
is source('binary', qr/as bytes/) =~ s/\s+$//r, '000000  00 01'
    . ' ' x 44 . '..', 'bytes';
is length source('large', qr/first/), 65536, 'a part of a large one';
source('404', qr/empty/);
is $b->text('#found p'), 'The body is empty.', 'no body';
quiet('pages');

# the source, opened by itself, has no rights

$b->go('http://127.0.0.1:' . $t->port
    . '/page/source?url=http%3A%2F%2Fa.example%2Fevil');
is $b->js('return document.body.innerText'), $evil, 'by itself: a text';
isnt $b->js('return document.title'), 'taken', 'by itself: no script';
is $b->js('return document.contentType'), 'text/plain', 'by itself: its type';

# -- a host with many pages is not counted to its end; and the 2,000th of all is
# a page whose path begins with the last of all bytes, as others do behind it

my $c = $t->connect(2);
my $n = 0;

for (map({ ['f', "f$_"] } 1 .. 1985), map({ ['f', "\xff$_"] } 10 .. 39),
    map { ['m', "m$_"] } 1 .. 2100)
{
    $c = $t->connect(2) if ++$n % 500 == 0;
    $c->request('GET', "/$_->[1]", undef, Host => "$_->[0].example");
}

fill('/z', Host => 'z.example');
$t->wait_for(sub { $t->count >= $n + 10 }) or BAIL_OUT('pages are not stored');

$b->go('http://127.0.0.1:' . $t->port . '/ui');
$b->says('#state', qr/open/);
$b->click('#hosts');
is $b->says('#url-said', qr/host/), '5 hosts.', 'hosts, two with many pages';
like join('|', map { join ' ', @$_[0, 1] } rows()),
    qr{81/\ 1\|http://f\.example/\ 2,015\ or\ more\|
        http://m\.example/\ 1,975\ or\ more\|http://z\.example/\ 1$}x,
    'no page is counted twice, nor one of many to its end';

# -- by tag

fill('/tagged');
$b->fill('#url input', 'http://a.example/');
$b->fill('#url label:nth-of-type(2) input', 'red & <b>');
$b->click('#urls');
is $b->says('#url-said', qr/page/), '1 page.', 'the pages of a tag';
is rows() && (rows())[0][0], 'http://a.example/tagged', 'that page';
$b->click('#found button');
$b->says('#url-said', qr/page\./);
$b->says('#found', qr/Tags/);
like join('', shown()), qr/Tags\s*red & <b>/, 'it shows its tags';

# -- not permitted

$b->go('http://127.0.0.1:' . $t->port(3) . '/ui');
$b->says('#state', qr/open/);
$b->click('#hosts');
like $b->says('#url-said', qr/\w/), qr/^The server answered 403/,
    'a list is refused';
like look_up('http://a.example/evil', qr/\w/), qr/^The server answered 403/,
    'a look-up is refused';

$b->quit;
done_testing;
