#!/usr/bin/perl

# /ui in a browser: what was before it was opened, and a store that is empty.

use strict;
use warnings;

use FindBin;

# a browser takes its time where others work

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 600 }

use Bigcache::Test qw(slurp);
use Bigcache::Test::Browser;
use Cwd qw(abs_path);
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);

my $web = abs_path("$FindBin::Bin/../..") . '/build/web';
my $pages = slurp("$web/locations.conf");
my $t = Bigcache::Test->new;

# 0: as it is; 1: says what the test wrote of the time before; 2: a small zone;
# 3: a server of an older version; 4: one that does not let everybody in; 5 and 6:
# an application answers; 7: closes the connection; 8: fails as long as "down" is
# there

$t->conf(http => 'bigcache_path %%DIR%%/small zone=small:64k;', server => $pages,
    servers => join '', map { "
        server {
            listen 127.0.0.1:%%PORT_$_->[0]%%;
            location / { bigcache $_->[1]; }
            location = /stat/history { $_->[2] }
            $pages
        }" }
        [1, 'main', 'default_type application/json; alias %%DIR%%/past.json;'],
        [2, 'small', 'bigcache small;'],
        [3, 'main', q(default_type application/json;
            return 404 '{"detail":"Not Found"}';)],
        [4, 'main', 'deny all;'],
        [5, 'main', q(default_type text/html; return 200 '<html></html>';)],
        [6, 'main', q(default_type application/json; return 200 '{}';)],
        [7, 'main', 'return 444;'],
        [8, 'main', 'if (-f %%DIR%%/down) { return 503; } bigcache main;'])->start;

my $b = Bigcache::Test::Browser->new($t);

sub page { 'http://127.0.0.1:' . $t->port($_[0]) . '/ui' }

# time passes fast: each look of the page finds that 15 seconds have gone by

sub hurry {
    $b->js('let by = 0;
        const day = Date.now, mono = performance.now.bind(performance);
        const ask = fetch, wait = setTimeout;
        Date.now = () => day() + by;
        performance.now = () => mono() + by;
        setTimeout = (what, ms) => wait(what, ms / 10);
        window.looks = window.asked = 0;
        fetch = (what, how) => {
            if (/\/stat$/.test(what)) { by += 15000; window.looks++ }
            window.asked += /history/.test(what);
            return ask(what, how);
        }');
}

sub visible { $b->js('return document.querySelector(arguments[0])
    .checkVisibility()', $_[0]) }

# plot(TITLE): its label, and the lines in it, each as points [x, y]

sub plot {
    my ($title) = @_;

    my ($label, $d) = @{ $b->js('const f = [...document.querySelectorAll(
            "#plots figure")].find(f => f.querySelector("h3").textContent
            === arguments[0]);
        const path = f && f.checkVisibility() && f.querySelector("path");
        return path ? [path.parentNode.getAttribute("aria-label"),
            path.getAttribute("d")] : ["", ""]', $title) };

    return $label, map { [ map { [ split / / ] } split /L/ ] }
        grep { length } split /M/, $d =~ s/h0\.1//gr;
}

# -- an empty store

$b->go(page(0));
like $b->says('#empty', qr/curl/), qr/^Nothing is stored yet/,
    'an empty store says what to do';

my $first = $b->text('#try');

is $first, 'curl -d \'{"value": "hello"}\' http://127.0.0.1:' . $t->port(0)
    . "/cache/first\ncurl http://127.0.0.1:" . $t->port(0) . '/cache/first',
    'by commands';
like `$_`, qr/"key":"first","value":"hello"/, 'that work'
    for map { s/^curl /curl -sS /r } split /\n/, $first;
like $b->text('#empty'), qr/bigcache_pages main;/, 'or by lines for nginx';
is $b->js('return document.querySelector("#empty a").href'),
    page(0) =~ s/ui$/docs/r, 'and leads to /docs';
ok $b->wait('return !document.querySelector("#empty").checkVisibility()'),
    'which goes when something is stored';

# -- soon after a start

is_deeply $b->js('return [...document.querySelectorAll("#spans button")]
    .map(e => [e.textContent, e.getAttribute("aria-pressed")])'),
    [ [ '5 minutes', 'true' ], [ '1 hour', 'false' ], [ '1 day', 'false' ] ],
    'the last minutes are shown';
$t->get('/cache/first') for 1 .. 7;

# "now" are the last two seconds or so, which may be over

ok $t->wait_for(sub { $t->get('/cache/first');
    (plot('Hit rate'))[0] =~ /now 100%/ }), 'as it goes';

$t->wait_for(sub { grep { ($_ // 0) > 5 }
    @{ $t->get('/stat/history')->json->{series}[0]{hits} } });
$b->go(page(0));
ok $t->wait_for(sub { (plot('Hit rate'))[0] =~ /from 100% to 100%/ }),
    'what was before it was opened, too';

$b->click('#spans button=1 hour');
like +(plot('Hit rate'))[0], qr/, in the last 1 hour from 100% to 100%$/,
    'in an hour';
$b->click('#spans button=1 day');
like +(plot('Entries'))[0], qr/^Entries: now 1/, 'a day, of which nothing is known';
is_deeply [ $b->console ], [], 'nothing on the console';

# -- a day of another server

# series(STEP, N, SLOT ...): a series that ends now, with gaps as SLOT says

sub series {
    my ($step, $n, $gap) = @_;

    my $now = int time;
    my $start = $now - $now % $step - $n * $step;
    my $each = sub { [ map { $gap->($_) ? undef : $_[0]->($_) } 0 .. $n - 1 ] };

    return { step => $step, start => $start,
        requests => $each->(sub { 20 * $step }), hits => $each->(sub { 75 }),
        misses => $each->(sub { 25 }), writes => $each->(sub { $step / 2 }),
        removed => $each->(sub { 0 }), errors => $each->(sub { $_[0] == 40 }),
        unavailable => $each->(sub { 0 }), p50 => $each->(sub { 50 }),
        p99 => $each->(sub { 900 }), upstream_p99 => [],
        entries => $each->(sub { 1000 + $_[0] }),
        kilobytes => $each->(sub { 2048 }) };
}

# the first slots are gaps: they may fall out while this is drawn

$t->write_file('past.json', JSON::PP->new->encode({ now => int time,
    series => [ series(10, 360, sub {
        $_[0] < 10 || $_[0] >= 100 && $_[0] < 160 }),
        series(300, 288, sub { $_[0] < 2 || $_[0] == 200 }) ] }));

my $began = time;

$b->go(page(1));
ok $b->wait('return document.querySelector("#spans [aria-pressed=true]")
    .textContent === "1 hour"'), 'an hour is shown';

my ($label, @lines) = plot('Hit rate');

like $label, qr/in the last 1 hour from 75% to 75%$/, 'its hit rate';
cmp_ok scalar(@lines), '>=', 2, 'a gap is a gap';
is scalar(@{ $lines[0] }), 90, 'up to it';
cmp_ok abs($lines[0][0][0] - 6), '<', 6.5, 'from the left';
cmp_ok abs($lines[1][0][0] - $lines[0][-1][0] - 61 * 396 / 360), '<', 0.5,
    'a sixth of an hour wide';
like +(plot('Requests/s'))[0], qr/from 0?.*20$/, 'per second';
like +(plot('Latency'))[0], qr/to 900 .s$/, 'in seconds';
like +(plot('Bytes on disk'))[0], qr/2 MB/, 'in bytes';
is +(plot('Latency of upstreams'))[0], '', 'nothing of upstreams';

# it goes on from there

my $points = sub {
    my ($label, @lines) = plot($_[0]);
    return scalar map { @$_ } @lines;
};

ok $t->wait_for(sub {
    my ($label, @lines) = plot('Entries');
    return $lines[-1][-1][1] > 100;         # one is stored here, not a thousand
}), 'what this page has seen follows';
cmp_ok $points->('Entries'), '<=', 291 + (time - $began) / 10,
    'by ten seconds';

$b->click('#spans button=1 day');
($label, @lines) = plot('Hit rate');
like $label, qr/in the last 1 day from 75% to 75%$/, 'a day';
is_deeply [ map { scalar @$_ } @lines[0, 1] ], [ 198, 87 ], 'with its gap';

$b->js('const svg = document.querySelector("#plots svg");
    const box = svg.getBoundingClientRect();
    svg.dispatchEvent(new PointerEvent("pointermove",
        { clientX: box.left + box.width / 2, clientY: box.top + 5 }))');
like $b->text('#plots figcaption .end'), qr/^\d\d?:\d\d.*: 75%$/,
    'the time of a point';

$b->click('#spans button=5 minutes');
($label, @lines) = plot('Entries');
cmp_ok scalar(@{ $lines[0] }), '>', 20, 'five minutes have samples, too';
is_deeply [ $b->console ], [], 'nothing on the console';

# -- a clock that is set back: what is shown stays in its place

$b->click('#spans button=1 hour');
$b->js('const was = Date.now; Date.now = () => was() - 3600e3');

# a look may have been under way

for (1, 2) {
    my $age = $b->text('#age');
    ok $t->wait_for(sub { $b->text('#age') ne $age }), 'the page looks';
}

ok $b->js('return [...document.querySelectorAll("#plots path")].every(p =>
    (p.getAttribute("d").match(/-?[\d.]+/g) || [])
        .every(n => n >= -0.2 && n <= 400))'), 'a clock that is set';

# -- servers that know nothing of the time before

$t->write_file('down', '');

for ([2, qr/^The last hour and day are not shown: no history is kept in a zone/],
    [3, qr/^The last hour and day are not shown: Not Found\.$/],
    [4, qr{^The last hour and day are not shown: /stat/history answered 403\.$}],
    (map { [$_, qr{^The last hour .* shown: /stat/history gave no history\.$}] }
        5, 6, 7),
    [8, qr{^The last hour and day are not shown: Service Unavailable\.$}])
{
    my ($n, $says) = @$_;

    $b->go(page($n));
    like $b->says('#past-said', qr/\w/), $says, "server $n says so";
    ok !visible('#spans'), 'there is nothing to choose';
    is $b->says('#state', qr/\w/), 'open', 'it works';
    $t->request_to($n, 'POST', '/cache/first', '{"value":1}');
    $t->request_to($n, 'GET', '/cache/first') for 1 .. 5;
    ok $t->wait_for(sub { (plot('Hit rate'))[0] =~ /last 5 minutes from 100%/ }),
        'and shows the last minutes';
    is_deeply [ grep { !m{/stat/history - Failed to load} } $b->console ], [],
        'nothing else on the console';
}

# one that failed is asked again, each minute; one that says no is not

hurry;
ok $b->wait('return window.looks > 5'), 'more than a minute goes by';
ok $b->js('return asked > 0 && 3 * asked <= looks'), 'it is asked again';
unlink $t->dir . '/down';
ok $b->wait('return document.querySelector("#spans").checkVisibility()'),
    'when it answers, there is a choice';
ok !visible('#past-said'), 'and nothing to say';

for my $n (3, 4) {
    $b->go(page($n));
    $b->says('#past-said', qr/\w/);
    hurry;
    ok $b->wait('return window.looks > 5'), "server $n: a minute goes by";
    is $b->js('return window.asked'), 0, 'it is not asked again';
}

# -- wherever it is read

for my $n (1, 2) {
    for my $width (320, 390, 800, 1600) {
        $b->size($width, 800);
        $b->dark($width == 390);
        $b->go(page($n));
        $b->wait('return document.querySelectorAll("#plots path").length > 7');
        ok $b->js('const e = document.scrollingElement;
            return e.scrollWidth <= innerWidth'), "$n fits $width pixels";
    }
}

$t->request('POST', '/clear');
$b->size(320, 800)->go(page(0));
$b->says('#empty', qr/curl/);
ok $b->js('const e = document.scrollingElement;
    return e.scrollWidth <= innerWidth'), 'an empty store fits 320 pixels';

$t->expect_log(qr/access forbidden by rule/);
$b->quit;
ok $t->stop, 'stops';

done_testing;
