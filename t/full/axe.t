#!/usr/bin/perl

# The pages for people are for all people: axe-core finds nothing to object to
# on /ui, with and without load, and on /docs, in light and dark, on a wide
# screen and on a phone.  html-validate accepts their markup, as it is in the
# files and as the scripts have made it.  All can be done by keyboard, with the
# focus in sight; nothing moves; what is read aloud is only what has changed.

use strict;
use warnings;

use FindBin;

# a browser takes its time where others work

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 600 }

use Bigcache::Test qw(slurp);
use Bigcache::Test::Browser;
use Cwd qw(abs_path);
use Test::More;

binmode Test::More->builder->$_, ':utf8'
    for qw(output failure_output todo_output);

plan skip_all => 'npm is not installed' if system 'command -v npm >/dev/null';

my $top = abs_path("$FindBin::Bin/../..");
my $t = Bigcache::Test->new;
my $modules = $ENV{BIGCACHE_NODE_MODULES} || fetched($t->dir . '/npm');
my $axe = slurp("$modules/axe-core/axe.min.js");
my $web = "$top/build/web";
my $pages = slurp("$web/locations.conf");
my @nodes = map { Bigcache::Test->new->conf->start } 1 .. 2;

$t->expect_log(qr/access forbidden by rule/);

# the second server is a front of two others; the third one has been built
# without Swagger UI; the fourth one does not permit /stat; the fifth one has
# pages of an upstream

$t->conf(
    http => 'client_max_body_size 10m; client_header_timeout 2s;'
        . ' proxy_http_version 1.1; proxy_set_header Connection "";'
        . ' proxy_set_header Host $http_host;'
        . ' upstream shards { hash $bigcache_shard_key consistent;'
        . join('', map { ' server 127.0.0.1:' . $_->port(0) . ' max_fails=0;' }
            @nodes) . ' }',
    server => $pages,
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;

            location / {
                bigcache_shards shards;
                proxy_pass http://shards;
                proxy_next_upstream off;
            }

            %%UI%%
        }

        server {
            listen 127.0.0.1:%%PORT_2%%;

            location / {
                bigcache main;
            }

            %%WITHOUT%%
        }

        server {
            listen 127.0.0.1:%%PORT_3%%;

            location / {
                bigcache main;
            }

            location = /stat {
                deny all;
            }

            %%UI%%
        }

        server {
            listen 127.0.0.1:%%PORT_4%%;

            location / {
                bigcache_pages main;
                proxy_pass http://127.0.0.1:%%PORT_5%%;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_5%%;
            add_header Cache-Control max-age=3600;
            add_header Cache-Tag news;
            default_type text/html;

            location / {
                return 200 '<p>the page of an upstream</p>';
            }
        }
    } =~ s/%%UI%%/$pages/gr
      =~ s/%%WITHOUT%%/$pages =~ s{\Q$web\E\/docs\.html}
          {$web\/..\/..\/web\/docs-without.html}r/er)->start;

my $b = Bigcache::Test::Browser->new($t);


# fetched(DIRECTORY): axe-core and html-validate, with what they need, in the
# versions and with the checksums of t/full/npm; "npm ci" runs no script of them

sub fetched {
    my ($dir) = @_;

    mkdir $dir;

    return "$dir/node_modules" if system("cp $FindBin::Bin/npm/package*.json"
        . " $dir/ && cd $dir && npm ci --ignore-scripts --no-audit --no-fund"
        . ' --cache cache --fetch-retries 1 >log 2>&1 </dev/null') == 0;

    my $log = slurp("$dir/log");

    die $log if $log =~ /EINTEGRITY/;
    plan skip_all => 'npm cannot fetch axe-core and html-validate: '
        . ($log =~ /(\S.*\n.*)/)[0] =~ tr/\n/ /r;
}


sub url { 'http://127.0.0.1:' . $t->port($_[0]) . $_[1] }


# violations(RULES): what axe-core objects to, as lines

sub violations {
    my ($rules) = @_;

    $b->js("$axe; 0") unless $b->js('return typeof axe !== "undefined"');

    return @{ $b->js('
        return axe.run(document, {
            resultTypes: ["violations"],
            rules: { "target-size": { enabled: true }, ...arguments[0] },
        }).then(({ violations }) => violations.flatMap(v => v.nodes.map(n =>
            `${v.id}: ${n.target}: ${n.failureSummary} ${n.html}`
                .replace(/\s+/g, " "))))', $rules || {}) };
}


# fine(NAME, RULES): in both schemes, wide and narrow

sub fine {
    my ($name, $rules) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for my $width (1200, 360) {
        for my $dark (0, 1) {
            $b->size($width, 800)->dark($dark);
            $b->wait('return document.getAnimations().length === 0
                && matchMedia("(prefers-color-scheme: dark)").matches
                    === arguments[0]', $dark ? \1 : \0);
            is join("\n", violations($rules)), '',
                "$name, " . ($dark ? 'dark' : 'light') . ", $width pixels";
        }
    }

    $b->size(1200, 800)->dark(0);
}


# fine_markup(NAME): also what the scripts have made of the page

my @markup = glob "$top/web/*.html";

sub fine_markup {
    my ($name) = @_;

    my $file = 'markup' . @markup . '.html';

    fine $name;
    $t->write_file($file, "<!DOCTYPE html>\n" . $b->js('
        return document.documentElement.outerHTML') =~ s/([^\0-\x7f])/
            sprintf '&#%d;', ord $1/ger . "\n");
    push @markup, $t->dir . "/$file";
}


# moving: how many elements have an animation or a transition

sub moving {
    return $b->js('return [...document.querySelectorAll("*")].filter(e => {
        const { animationName, transitionDuration } = getComputedStyle(e);

        return animationName !== "none" || parseFloat(transitionDuration) > 0;
    }).length');
}


# press(KEY, CODE)

sub press {
    my ($key, $code) = @_;

    $b->cdp('Input.dispatchKeyEvent', { type => $_, key => $key, code => $key,
        windowsVirtualKeyCode => $code, $key eq 'Enter' && $_ eq 'keyDown'
            ? (text => "\r") : () }) for qw(keyDown keyUp);
}


# by_keyboard(NAME): Tab comes to everything that can be clicked or typed into,
# and each time the focus is in sight

sub by_keyboard {
    my ($name) = @_;

    my $all = $b->js('
        window.seen = new Set;
        document.activeElement.blur();
        getSelection().collapse(document.body, 0);
        return document.querySelectorAll("a[href], button, input, select, "
            + "textarea, summary, [tabindex=\"0\"]").length');
    my @unseen;

    for (1 .. $all + 1) {
        press('Tab', 9);

        my $bad = $b->js('
            const e = document.activeElement, box = e.getBoundingClientRect();
            const style = getComputedStyle(e);

            if (e === document.body) return "";
            seen.add(e);
            return style.outlineStyle !== "none"
                && parseFloat(style.outlineWidth) >= 2
                && box.bottom > 0 && box.top < innerHeight ? "" : e.outerHTML');

        push @unseen, $bad if $bad;
    }

    is join("\n", @unseen), '', "$name: the focus is in sight";
    is join("\n", @{ $b->js('
        return [...document.querySelectorAll("a[href], button, input, select, "
            + "textarea, summary, [tabindex=\"0\"]")]
            .filter(e => e.checkVisibility() && !e.disabled && !seen.has(e))
            .map(e => e.outerHTML)') }), '', "$name: Tab comes to everything";
}

# -- a store with nothing in it

$b->go(url(0, '/ui'));
$b->says('#state', qr/open/);
$b->wait('return document.querySelectorAll("#plots figure").length > 7');
fine_markup '/ui, empty';

# -- with load

my $markup = '<b>&amp;</b>';

$t->request('POST', "/cache/user/$_", qq({"value":{"n":$_},"tags":["a","b"]}))
    for 100 .. 164;
$t->request('POST', '/pickle/markup', $markup, 'Content-Type' => 'text/html');
$t->request_to(4, 'GET', "/page/$_") for 1 .. 3;
$t->get('/cache/user/100') for 1 .. 30;
$t->get('/cache/none') for 1 .. 10;

$b->js('document.querySelector("#list select").value = 20');
$b->click('#list button=List');
$b->says('#list-said', qr/page 1/);
$b->fill('#look input', 'user/100');
$b->click('#look button');
$b->says('#page', qr/JSON/);
$b->click('#show');
$b->says('#value', qr/value/);
$b->click('#urls');
$b->says('#found', qr/page\/1/);
$b->click('summary=Metrics');
$b->says('#metrics', qr/\w/);
fine_markup '/ui, with load';

for my $span ('1 hour', '1 day') {
    $b->click("#spans button=$span");
    fine "/ui, $span";
}

# -- by keyboard

by_keyboard '/ui';
$b->js('document.querySelector("#delete").focus()');
press('Enter', 13);
is $b->says('#ask-text', qr/\w/), 'Delete this key?', 'Enter asks';
is $b->js('return document.activeElement.value'), 'no', 'and proposes a no';
press('Escape', 27);
ok $b->wait('return !document.querySelector("#ask").open'), 'Escape is a no';
is $b->js('return document.activeElement.id'), 'delete', 'and leads back';
is $t->get('/cache/user/100')->status, 200, 'nothing is deleted';

# -- what moves, and what is read aloud

is moving(), 0, 'nothing moves on /ui';

$b->js('window.aloud = [];
    for (const e of document.querySelectorAll("[aria-live], [role=status], "
        + "[role=alert], [role=log], output"))
        new MutationObserver(() => aloud.push(e.outerHTML)).observe(e,
            { childList: true, subtree: true, characterData: true });

    window.times = 0;
    new MutationObserver(() => times++).observe(document.querySelector("#age"),
        { childList: true })');
ok $b->wait('return window.times > 2'), 'the numbers change';
is join("\n", @{ $b->js('return aloud') }), '', 'and nothing is read aloud';

$b->click('#hosts');
$b->says('#url-said', qr/host/);
fine_markup '/ui, hosts';

$b->click('#urls');
$b->click('#found .key');
$b->says('#found', qr/Status/);
$b->click('#found button=Show the source');
$b->says('#found', qr/upstream/);
fine_markup '/ui, a page of an upstream';

$b->click('#delete');
$b->says('#ask-text', qr/Delete/);
fine '/ui, a question';
$b->click('#ask button=Cancel');

# -- /docs

$b->go(url(0, '/docs'));
$b->wait('return document.querySelectorAll(".opblock").length > 20');
fine '/docs';

for my $op (map { "#operations-$_" } qw(pages-getJson pages-setRaw)) {
    $b->click("$op .opblock-summary-control");
    $b->click("$op button=Try it out");
}

$b->fill('#operations-pages-getJson .parameters input[placeholder="key"]',
    'user/100');
$b->click('#operations-pages-getJson button=Execute');
$b->says('#operations-pages-getJson .live-responses-table .response',
    qr/"value"/);
fine '/docs, tried';

$b->click('button.authorize');
$b->find('.auth-container input');
fine '/docs, a token';
$b->click('.auth-container button=Close');

$b->cdp('Emulation.setEmulatedMedia', { features => [
    { name => 'prefers-reduced-motion', value => 'reduce' } ] });
is moving(), 0, 'nothing moves on /docs for those who do not want that';

# axe-core takes the page for white, which has no style and is dark in the dark

$b->go(url(2, '/docs'));
fine '/docs, without Swagger UI', { 'color-contrast' => { enabled => \0 } };

# -- a front

$b->go(url(1, '/ui'));
$b->wait('return document.querySelectorAll("#shard-rows tbody tr").length === 2');
fine_markup '/ui of a front';

# -- trouble

$b->go(url(3, '/ui'));
$b->says('#state', qr/not permitted/);
fine_markup '/ui, not permitted';

$b->go(url(0, '/ui'));
$b->says('#state', qr/open/);
$t->request('POST', '/close');
$b->says('#state', qr/closed/);
fine '/ui, a closed store';
$t->request('POST', '/open');
$t->stop;
$b->says('#trouble', qr/reached/);
fine '/ui, without a server';

$b->quit;
$_->stop for @nodes;

# -- the markup

my $validate = "$modules/.bin/html-validate --formatter text"
    . " --config $FindBin::Bin/npm/htmlvalidate.json";

cmp_ok scalar @markup, '>', 8, 'pages';
is `$validate @markup 2>&1`, '', 'html-validate';
is $?, 0, 'has nothing to object to';

done_testing;
