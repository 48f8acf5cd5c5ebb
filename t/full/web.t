#!/usr/bin/perl

# /docs and /ui in a browser.

use strict;
use warnings;

use FindBin;

# a browser takes its time where others work

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 600 }

use Bigcache::Test qw(slurp);
use Bigcache::Test::Browser;
use Cwd qw(abs_path);
use Test::More;
use Time::HiRes qw(sleep time);

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);

my $web = abs_path("$FindBin::Bin/../..") . '/build/web';
my $t = Bigcache::Test->new;

# the second server has no /metrics, and is below a path; the third one has
# been built without Swagger UI; the fourth one lets nobody in without a cookie

my $pages = slurp("$web/locations.conf");

my $below = $pages =~ s{(location (?:= )?)/}{$1/a/b/}gr;
my $without = $pages =~ s{\Q$web\E/docs\.html}{$web/../../web/docs-without.html}r;

$t->conf(<<"END")->start;
%%MODULE%%

thread_pool bigcache threads=4;

events { }

http {
    %%HTTP%%
    client_max_body_size 10m;
    large_client_header_buffers 4 64k;

    # a browser opens connections before it knows what for
    client_header_timeout 2s;

    bigcache_path %%DIR%%/store zone=main:1m thread_pool=bigcache;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }

        $pages
    }

    server {
        listen 127.0.0.1:%%PORT_1%%;

        location /a/b/ {
            bigcache main;
            bigcache_base /a/b;
        }

        location = /a/b/metrics {
            deny all;
        }

        $below
    }

    server {
        listen 127.0.0.1:%%PORT_2%%;

        location / {
            bigcache main;
        }

        $without
    }

    log_format asked '\$uri \$status \$http_authorization';

    server {
        listen 127.0.0.1:%%PORT_3%%;

        access_log %%DIR%%/asked.log asked;

        location / {
            bigcache main;
        }

        location ~ ^/(?:stat|metrics)\$ {
            if (\$cookie_may = "") {
                return 401;
            }

            bigcache main;
        }

        $pages
    }
}
END

my $url = 'http://127.0.0.1:' . $t->port(0);
my $b = Bigcache::Test::Browser->new($t);

sub quiet {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [ $b->console ], [], "$name: nothing on the console";
}


# fits: whether the page can be read without moving it sideways

sub asked { scalar(() = $t->read_file('asked.log') =~ /^\Q$_[0]\E /mg) }

sub fits {
    my ($name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok $b->js('const e = document.scrollingElement;
        return e.scrollWidth <= innerWidth'), $name;
}

# -- /docs

$b->go("http://127.0.0.1:" . $t->port(2) . '/docs');
like $b->text('body'), qr/Swagger UI.*could not be fetched/s,
    'without Swagger UI, /docs says so';
quiet 'without Swagger UI';
$b->click('a=openapi.json');
like $b->says('body', qr/openapi/), qr/"title": "bigcache"/,
    'and leads to the description';
$b->console;

# the requests that /docs sends, as the page made them

sub sent { @{ $b->js('return window.sent.splice(0)') } }

sub watch_fetch {
    $b->js('window.sent = []; const fetch = window.fetch;
        window.fetch = (...all) => {
            const r = new Request(...all);
            sent.push(`${r.method} ${new URL(r.url).pathname} `
                + (r.headers.get("authorization") || "-"));
            return fetch(...all);
        }');
}

sub open_operation {
    my ($op) = @_;

    $b->click("$op .opblock-summary-control");
    $b->click("$op button=Try it out");
}

SKIP: {
    skip 'Swagger UI could not be fetched', 1
        if !-e "$web/assets/swagger-ui-bundle.js";

    $b->go("$url/docs");
    like $b->says('.info h1, .info h2', qr/\S/), qr/bigcache/, 'the title';
    is $b->js('return document.querySelectorAll(".opblock").length'),
        scalar(map { keys %$_ } values %{ $t->get('/openapi.json')
            ->json->{paths} }), 'shows every operation';
    quiet '/docs';

    my $op = '#operations-pages-setJson';

    $b->click("$op .opblock-summary-control");
    $b->click("$op button=Try it out");
    $b->fill("$op .parameters input[placeholder=\"key\"]", 'a/b c?d');
    $b->fill("$op textarea", '{"value": [1.0, "x"], "duration": "1h"}');
    $b->click("$op button=Execute");
    like $b->says("$op .live-responses-table .response", qr/200/), qr/^200/,
        'a POST, by clicking';
    like $t->get('/cache/a/b%20c%3Fd')->body, qr/"value":\[1\.0, "x"\]/,
        'has stored it';

    $op = '#operations-pages-getJson';
    $b->click("$op .opblock-summary-control");
    $b->click("$op button=Try it out");
    $b->fill("$op .parameters input[placeholder=\"key\"]", 'a/b c?d');
    $b->click("$op button=Execute");
    like $b->says("$op .live-responses-table .response", qr/"1h"/),
        qr/^200.*"duration": "1h"/s, 'a GET, by clicking';

    $op = '#operations-keys-listKeys';
    $b->click("$op .opblock-summary-control");
    $b->click("$op button=Try it out");
    $b->fill("$op .parameters input[placeholder=\"prefix\"]", 'a/');
    $b->click("$op button=Execute");
    like $b->says("$op .live-responses-table .response", qr/next/),
        qr/"key": "a\/b c\?d"/, 'keys, by clicking';
    quiet '/docs, tried';

    # a field that is emptied is not filled by anybody else: what is sent then
    # is nothing

    watch_fetch();
    $t->request('POST', '/cache/dataset/1', '{"value":1}');

    my %fields = ('pages-deleteJson' => 'key', 'pages-deleteRaw' => 'key',
        'pages-increment' => 'key', 'keys-deletePrefix' => 'prefix',
        'keys-listKeys' => 'prefix');

    for my $name (sort keys %fields) {
        my $field = "#operations-$name .parameters input"
            . "[placeholder=\"$fields{$name}\"]";

        open_operation("#operations-$name") if $name ne 'keys-listKeys';
        is $b->js('return document.querySelector(arguments[0]).value', $field),
            $name eq 'keys-listKeys' ? 'a/' : '', "$name: what it begins with";
        $b->fill($field, 'some');
        $b->fill($field, '');
        $b->click("#operations-$name button=Execute");
        sleep 0.5;          # time enough to send something
        is_deeply [ sent() ], [], "$name: emptied, nothing is sent";
    }

    is $t->get('/cache/dataset/1')->status, 200, 'nothing was removed';
    open_operation('#operations-keys-listAllKeys');
    $b->click('#operations-keys-listAllKeys button=Execute');
    like $b->says('#operations-keys-listAllKeys .live-responses-table '
        . '.response', qr/next/), qr/"key": "dataset\/1"/, 'all keys';
    is_deeply [ sent() ], [ 'GET /keys/ -' ], 'by a path of its own';

    # for servers that want to know who asks

    $b->click('button.authorize');
    $b->fill('.auth-container input', 'name.secret');
    $b->click('.auth-container button=Authorize');
    $b->js('document.querySelector(".dialog-ux .close-modal").click()');
    $b->click('#operations-keys-listAllKeys button=Execute');
    ok $t->wait_for(sub { grep { $_ eq 'GET /keys/ Bearer name.secret' }
        sent() }), 'a token is sent';

    for my $width (320, 390) {
        $b->size($width, 800)->go("$url/docs?$width");
        $b->says('.info h1, .info h2', qr/\S/);
        open_operation('#operations-pages-getJson');
        open_operation('#operations-pages-setRaw');
        $b->fill('#operations-pages-getJson .parameters '
            . 'input[placeholder="key"]', 'dataset/1');
        $b->click('#operations-pages-getJson button=Execute');
        $b->says('#operations-pages-getJson .live-responses-table .response',
            qr/duration/);
        fits "/docs fits $width pixels";
    }

    $b->size(1200, 900);
    $b->console;

    $b->go('http://127.0.0.1:' . $t->port(1) . '/a/b/docs');
    $op = '#operations-state-count';
    $b->click("$op .opblock-summary-control");
    $b->click("$op button=Try it out");
    $b->click("$op button=Execute");
    like $b->says("$op .live-responses-table .response", qr/"count"/),
        qr/^200/, 'also below a path';
}

# -- /ui

my $evil = '<img src=x onerror=alert(1)>';
my $escape = sub { $_[0] =~ s/([^\w.\/-])/sprintf '%%%02X', ord $1/ger };

$t->request('POST', '/clear');
$t->request('POST', '/cache/user/' . $_, qq({"value":{"n":$_},"duration":"2d"}))
    for 100 .. 159;
$t->request('POST', '/pickle/' . $escape->($evil), "<script>alert(2)</script>",
    'Content-Type' => $evil);
$t->request('POST', '/pickle/large', 'x' x 3_000_000);
$t->request('POST', '/pickle/bytes', join '', map { chr } 0 .. 255);
$t->request('POST', '/pickle/empty', '');
$t->request('POST', '/cache/' . $escape->("\xed\x95\x9c?a=b&c#d%"),
    '{"value":1.0}');
$t->get('/cache/user/100');

sub tile {
    my ($name) = @_;

    return $b->js('const all = [...document.querySelectorAll("#tiles > div")];
        const tile = all.find(e =>
            e.firstChild.textContent === arguments[0]);
        return tile ? tile.children[1].textContent : ""', $name);
}

sub rows {
    return @{ $b->js('return [...document.querySelectorAll("#rows .key")]
        .map(e => e.textContent)') };
}

sub look_up {
    my ($key, $regex) = @_;

    $b->js('document.querySelector("#look input").value = arguments[0]', $key);
    $b->click('#look button');

    return $b->says('#page', $regex);
}

# of one that there is not, or that cannot be asked for

sub look_up_in_vain {
    my ($key) = @_;

    $b->js('document.querySelector("#look-said").textContent = "";
        document.querySelector("#look input").value = arguments[0]', $key);
    $b->click('#look button');

    return $b->says('#look-said', qr/\w/);
}

sub list {
    my ($prefix) = @_;

    $b->js('document.querySelector("#list-said").textContent = ""');
    $b->fill('#list input', $prefix);
    $b->click('#list button=List');

    return $b->says('#list-said', qr/\w/);
}

$b->go("$url/ui");
$b->wait('return document.querySelectorAll("#tiles > div").length > 7');
is tile('Entries'), 65, 'the entries';
is tile('Segments'), 1, 'the segments';
is tile('Hit rate'), "\x{2013}", 'no hits since it was opened';
is $b->text('#state'), 'open', 'the state';
ok !$b->js('return document.querySelector("#note").checkVisibility()'),
    'nothing to note';

$t->get('/cache/user/100') for 1 .. 30;
$t->get('/cache/none') for 1 .. 10;
ok $b->wait('return /^75%/.test(document.querySelector("#tiles dd")
    .textContent)'), 'the hit rate of this moment';
like tile('Latency'), qr/^[\d.]+ (?:\x{b5}s|\x{3bc}s|ms)$/, 'the latency';
like tile('Requests/s'), qr/^[\d.]+$/, 'the rate of requests';
like $b->js('return document.querySelector("#plots svg")
    .getAttribute("aria-label")'), qr/^Hit rate: .*from [\d.]+% to \d+%/,
    'a plot, in words';

$b->click('summary=Metrics');
like $b->says('#metrics', qr/\w/), qr/^bigcache_entries 65$/m, 'all metrics';

# a key

like look_up('/user/100', qr/JSON/), qr/^user\/100\nKind\nJSON\nSize\n\d+ bytes\n/,
    'finds a key';
$b->click('#show');
like $b->says('#value', qr/value/), qr/^\{"value":\{"n":100\},/, 'its value';
like $b->text('#value-said'), qr/^All of it/, 'all of it';

look_up('large', qr/^large/);
$b->click('#show');
$b->says('#value', qr/x/);
is length $b->text('#value'), 65536, 'a large value is cut off';
is $b->text('#value-said'),
    'The first 64 KB of 2.86 MB; this was counted as a hit.', 'and it says so';

look_up('bytes', qr/^bytes/);
$b->click('#show');
like $b->says('#value', qr/\d/), qr/^000000  00 01 .*\n000010  10 11 /,
    'bytes that are no text';

look_up('empty', qr/^empty/);
$b->click('#show');
is $b->says('#value-said', qr/empty/), 'The value is empty.', 'an empty one';

look_up("\x{d55c}?a=b&c#d%", qr/JSON/);
$b->click('#show');
like $b->says('#value', qr/value/), qr/^\{"value":1\.0,/, 'a key of any name';

$b->fill('#look input', 'none');
$b->keys('#look input', "\x{e007}");
is $b->says('#look-said', qr/\w/), 'No such key.', 'no such key, by keyboard';

# keys by prefix

$b->js('document.querySelector("#list select").value = 20');
is list('user/1'), '20 keys, page 1.', 'the keys of a prefix';
is_deeply [ rows() ], [ map { "user/$_" } 100 .. 119 ], 'in their order';
$b->click('#next');
$b->says('#list-said', qr/page 2/);
$b->click('#next');
like $b->says('#list-said', qr/page 3/), qr/^20 keys/, 'and the next';
is_deeply [ rows() ], [ map { "user/$_" } 140 .. 159 ], 'up to the end';
$b->click('#prev');
$b->says('#list-said', qr/page 2/);
is_deeply [ rows() ], [ map { "user/$_" } 120 .. 139 ], 'and back';
$b->click('#first');
$b->says('#list-said', qr/page 1/);
is list('zzz'), 'No keys begin with this.', 'no keys';

# names are text, whatever they are

like list('<'), qr/^1 key,/, 'a key that looks like markup';
is_deeply [ rows() ], [ $evil ], 'is shown as it is';
$b->click('#rows .key');
like $b->says('#page', qr/raw/), qr/^\Q$evil\E\n/, 'and opened';
$b->click('#show');
is $b->says('#value', qr/script/), '<script>alert(2)</script>', 'and read';
is $b->js('return document.querySelectorAll("img, #page script").length'), 0,
    'it is no markup';

# deleting

$b->click('#delete');
is $b->says('#ask-text', qr/\w/), 'Delete this key?', 'asks before it deletes';
is $b->text('#ask-name'), $evil, 'and says what';
$b->click('#ask button=Cancel');
is $t->get('/pickle/' . $escape->($evil))->status, 200, 'and takes a no';

$b->click('#delete');
$b->click('#ask button=Delete');
like $b->says('#look-said', qr/deleted/), qr/is deleted\.$/, 'deletes';
is $t->get('/pickle/' . $escape->($evil))->status, 404, 'that key';
is $t->count, 64, 'and no other';
$b->says('#list-said', qr/No keys/);
is_deeply [ rows() ], [], 'the list knows';

list('user/15');
$b->click('#purge');
is $b->says('#ask-text', qr/\w/), 'Delete the 10 keys that begin with this?',
    'a prefix';
is $b->text('#ask-name'), 'user/15', 'that one';
$b->keys('#ask button=Cancel', "\x{e007}");
is $t->count, 64, 'not without a yes';
$b->click('#purge');
$b->click('#ask button=Delete them');
is $b->says('#list-said', qr/deleted/),
    "prefix 'user/15': 10 keys deleted.", 'deletes a prefix';
is $t->count, 54, 'that one';

# by tag

$t->request('POST', "/cache/tagged/$_", '{"value":1,"tags":["red & <b>","x"]}')
    for qw(a b);
$t->request('POST', '/cache/tagged/c', '{"value":1,"tags":["x"]}');

$b->fill('#list label:nth-of-type(2) input', 'red & <b>');
is list(''), '2 keys, page 1, the last one.',
    'the keys of a tag';
is list('tagged/b'), '1 key, page 1, the last one.', 'that begin with a prefix';
$b->click('#purge');
like $b->says('#list-said', qr/Give/), qr/^Give a prefix or a tag/,
    'both do not delete';
is $t->count, 57, 'any';
$b->fill('#list input', '');
is $b->text('#purge'), "Delete the tag \x{2026}", 'the tag is what is deleted';
$b->click('#purge');
is $b->says('#ask-text', qr/\w/), 'Delete the 2 keys that have this tag?',
    'asks';
is $b->text('#ask-name'), 'red & <b>', 'for that tag';
$b->click('#ask button=Delete them');
is $b->says('#list-said', qr/deleted/), "tag 'red & <b>': 2 keys deleted.",
    'deletes the keys of a tag';
is $t->get('/cache/tagged/c')->status, 200, 'and no other';
$b->fill('#list label:nth-of-type(2) input', '');
list('tagged/');
$b->click('#rows button');
like $b->says('#page-facts', qr/Tags/), qr/Tags\s*x/, 'a key shows its tags';
$t->request('DELETE', '/cache/tagged/c');

$b->fill('#list input', '/');
$b->click('#purge');
like $b->says('#list-said', qr/prefix/), qr/^Give a prefix/,
    'but not everything';

$b->fill('#list input', 'none');
$b->click('#purge');
is $b->says('#list-said', qr/No/), 'No keys begin with this.',
    'nor nothing at all';
ok !$b->js('return document.querySelector("#ask").open'), 'without a question';

# what no path of a browser can name is not asked for in another name

$t->request('POST', '/batch', '{"operations":[
    {"op":"set","key":".","value":1},{"op":"set","key":"..","value":2}]}');

for my $dots ('.', '..') {
    like look_up_in_vain($dots), qr/cannot be asked for.*\/batch/, "the key $dots";
    ok !$b->js('return document.querySelector("#page").checkVisibility()'),
        "the key $dots is not there to be deleted";
    like list($dots), qr/cannot be asked for/, "the prefix $dots";
    $b->click('#purge');
    like $b->says('#list-said', qr/cannot/), qr/cannot be asked for/,
        "the prefix $dots is not deleted";
    ok !$b->js('return document.querySelector("#ask").open'), 'nor asked for';
}

list('');
is_deeply [ (rows())[0, 1] ], [ '.', '..' ], 'they are in the list';
$b->click('#rows .key=.');
like $b->says('#look-said', qr/\w/), qr/cannot be asked for/, 'and explained';
is $t->request('POST', '/batch', '{"operations":[{"op":"delete","key":"."},
    {"op":"delete","key":".."}]}')->json->{results}[1]{status}, 200,
    'nothing has deleted them';

# bytes that are no text

$t->request('POST', '/cache/%FF%FE', '{"value":1}');
$b->js('document.querySelector("#list select").value = 200');
list('');
$b->click("#rows .key=\x{fffd}\x{fffd}");
like $b->says('#look-said', qr/\w/), qr{curl -X DELETE \Q$url\E/cache/%FF},
    'a key that is no text: how to delete it';
$t->request('DELETE', '/cache/%FF%FE');

# what nobody sees is shown, and what is large stays in its place

my $bidi = "bidi/a\x{202e}gpj\x{2069}\n\x{a0}b\\u0041\x{e0001}";
my $seen = 'bidi/a\u202egpj\u2069\u000a\u00a0b\u0041\u{e0001}';
my $bytes = sub { my $name = shift; utf8::encode($name); $escape->($name) };

$t->request('POST', '/pickle/' . $bytes->($_), 'x', 'Content-Type' =>
    "a/\xe2\x80\xaeb") for $bidi, 'marks/Z' . "\x{338}" x 200,
    'long/' . 'x' x 8187;

list('bidi/');
is_deeply [ rows() ], [ $seen ], 'controls are shown, in a list';
is $b->js('return document.querySelector("#rows tbody tr").children[3].textContent'),
    'a/\u202eb', 'and in a type';
$b->click('#rows .key');
like $b->says('#page', qr/raw/), qr/^\Q$seen\E\n/, 'above a page';
is $b->js('return document.querySelector("#look input").value'), '',
    'not in a field, which cannot show them';
$b->click('#delete');
is $b->says('#ask-name', qr/\w/), $seen, 'in a question';
$b->click('#ask button=Delete');
is $b->says('#look-said', qr/deleted/), "$seen is deleted.", 'in an answer';
is $t->get('/pickle/' . $bytes->($bidi))->status, 404, 'it was that key';

for my $width (320, 390, 1200) {
    $b->size($width, 800);

    for my $prefix (qw(marks/ long/)) {
        list($prefix);
        fits "$prefix: a list at $width pixels";
        cmp_ok $b->js('return document.querySelector("#rows tbody tr")
            .getBoundingClientRect().height'), '<', 100,
            "$prefix: a few lines at $width pixels";
        $b->click('#rows .key');
        $b->says('#page', qr/raw/);
        fits "$prefix: a page at $width pixels";
        $b->click('#delete');
        $b->says('#ask-name', qr/\w/);
        ok $b->js('const d = document.querySelector("#ask");
            const [n, no, yes] = ["#ask-name", "[value=no]", "[value=yes]"]
                .map(s => d.querySelector(s).getBoundingClientRect());
            return d.scrollWidth <= d.clientWidth && n.height < 200
                && yes.bottom < innerHeight && yes.left > no.right
                && yes.right > d.getBoundingClientRect().right - 40'),
            "$prefix: a question at $width pixels";
        $b->click('#ask button=Cancel');
    }
}

$t->request('DELETE', "/prefix/$_") for qw(marks/ long/);
$b->size(1200, 900);

quiet '/ui';

# a clock that is set back, or forward

for my $hours (-1, 5) {
    $b->js('window.dayClock ??= Date.now; const by = 3600e3 * arguments[0];
        Date.now = () => dayClock() + by', $hours);
    sleep 3;                # the page looks at least once

    # "now" are the last two seconds or so, which may be over

    ok $t->wait_for(sub { $t->get('/cache/user/100');
        $b->js('return /now [\d.]+%/.test(document.querySelector("#plots svg")
            .getAttribute("aria-label"))') }), "a clock set by $hours hours";
    ok $b->js('return [...document.querySelectorAll("#plots path")].every(p =>
        p.getAttribute("d").match(/-?[\d.]+/g).every(n => n >= -0.2 && n <= 400))'),
        'the plots stay in their place';
}

# what does not work is said in a sentence

$t->request('POST', '/close');
is $b->says('#state', qr/closed/), 'closed, or cannot be opened',
    'a store that is closed';
$b->click('#list button=List');
like $b->says('#list-said', qr/503/), qr/^The server answered 503: .+\.$/,
    'an error';
$t->request('POST', '/open');
is $b->says('#state', qr/open$/), 'open', 'and open again';

# wherever it is read

for my $width (360, 320, 800, 1600) {
    $b->size($width, 800);
    $b->dark($width == 360);
    list('user/');
    look_up('large', qr/^large/);
    $b->click('#show');
    $b->says('#value', qr/x/);
    fits "fits $width pixels";
}

my %name = map { $_ => 1 } @{ $b->js('
    return [...document.querySelectorAll("input, select, button, pre, svg")]
        .filter(e => e.checkVisibility() && !(e.getAttribute("aria-label")
            || e.textContent.trim() || e.labels && e.labels.length))
        .map(e => e.outerHTML)') };

is_deeply [ keys %name ], [], 'everything has a name';
$b->console;

# below a path, where /metrics is not permitted

$b->go('http://127.0.0.1:' . $t->port(1) . '/a/b/ui');
like $b->says('#note', qr/\w/), qr/^\/metrics is not permitted here: /,
    'no metrics: says so';
$b->wait('return document.querySelectorAll("#tiles > div").length > 7');
is tile('Entries'), 54, 'what is known is shown';
is list('user/10'), '10 keys, page 1, the last one.', 'lists';
$t->get('/cache/user/100') for 1 .. 20;
ok $b->wait('return /^100%/.test(document.querySelector("#tiles dd")
    .textContent)'), 'the hit rate is known';
is_deeply [ grep { !m{/metrics - Failed to load.*403} } $b->console ], [],
    'nothing else on the console';

# an address with a user and a password in it

my $user = $url =~ s{//}{//alice:secret@}r;

$b->go("$user/ui");
is $b->says('#state', qr/open|not/), 'open', '/ui with a user in its address';
like look_up('user/100', qr/JSON/), qr/^user\/100\n/, 'looks up';
quiet('/ui with a user');

# who looks up another key does not get the one before

$b->js('const f = fetch; fetch = async (what, how) => {
    if (String(what).includes("user%2F100"))
        await new Promise(done => setTimeout(done, 1000));
    const answer = await f(what, how);
    window.asked = (window.asked || 0) + /keys/.test(what);
    return answer;
}; let form = document.querySelector("#look");
for (const key of ["user/100", "user/101"]) {
    form.key.value = key; form.requestSubmit();
}');
ok $b->wait('return window.asked === 2'), 'both are answered';
is $b->js('return document.querySelector("#page-key").textContent'),
    'user/101', 'the later one is shown';
quiet('two at once');

$b->go("$user/docs");
ok $b->wait('return document.querySelectorAll(".opblock").length > 20'),
    '/docs with a user in its address';
quiet('/docs with a user');

# one who may not is not asked for a password every two seconds

$b->go('http://127.0.0.1:' . $t->port(3) . '/ui');
is $b->says('#state', qr/not/), 'not permitted', '/stat is refused: says so';
like $b->text('#trouble'), qr/401/, 'and how';
sleep 5;                    # time enough to ask twice more
is asked('/stat'), 1, 'is asked for once';
is asked('/metrics'), 0, 'nothing else is';
$b->click('#again');
ok $t->wait_for(sub { asked('/stat') == 2 }), 'and again when that is wanted';
$b->js('document.cookie = "may=1"');
$b->click('#again');
is $b->says('#state', qr/open/), 'open', 'which may help';
ok !$b->js('return document.querySelector("#again").checkVisibility()'),
    'and is not wanted any more';
$b->console;

# nobody is there

$b->go("$url/ui");
$b->says('#state', qr/open/);
$t->stop;
is $b->says('#trouble', qr/\w/), 'The server cannot be reached.',
    'a server that is gone';
ok $b->js('return document.querySelector("#now").matches(".old")'),
    'its numbers are old';
$t->start;
is $b->says('#state', qr/open/), 'open', 'and back';
ok !$b->js('return document.querySelector("#now").matches(".old")'),
    'they are new';

$b->quit;
done_testing;
