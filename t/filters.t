#!/usr/bin/perl

# Filters that work on the text of a page: one that is packed is unpacked for
# them, and comes out as a file would that says the same.

use strict;
use warnings;

use Bigcache::Test;
use Compress::Zlib qw(compress crc32 Z_NO_COMPRESSION);
use IO::Uncompress::Gunzip qw(gunzip);
use Test::More;

my $t = Bigcache::Test->new;
my $modules = '/usr/lib/nginx/modules';
my @gzip = ('Accept-Encoding' => 'gzip');


# -- pages that are packed, and files that say the same

my $text = '<p>old text</p>' . '<p>more</p>' x 500;
my $ssi = '<!--# set var="x" value="NEW" --><!--# echo var="x" -->' . $text;
my $xml = '<?xml version="1.0"?><r>' . '<i>old</i>' x 500 . '</r>';
my $koi8 = "\xd0\xb0" x 1000;

sub chunk {
    my ($type, $data) = @_;

    return pack 'Na4a*N', length $data, $type, $data, crc32($type . $data);
}

# a picture of 64 x 64 that is not packed in itself

my $png = "\x89PNG\r\n\x1a\n" . chunk('IHDR', pack 'NNC5', 64, 64, 8, 0, 0, 0, 0)
    . chunk('IDAT', compress(("\0" . "\x40" x 64) x 64, Z_NO_COMPRESSION))
    . chunk('IEND', '');

my %pages = (
    'page.html' => [ $text, 'text/html' ],
    'ssi.html' => [ $ssi, 'text/html' ],
    'doc.xml' => [ $xml, 'text/xml' ],
    'koi8.txt' => [ $koi8, 'text/plain' ],
    'picture.png' => [ $png, 'image/png' ],
);


# -- filters: the page, what is in the location, and in the block http; the
# module to load, if it is not in nginx; and what the text is to be like

my %filters = (
    sub => [ 'page.html', 'sub_filter old new;', '', '', qr/<p>new text/ ],
    sub_many => [ 'page.html', 'sub_filter old new; sub_filter more less;'
        . 'sub_filter_once off; sub_filter_last_modified on;', '', '',
        qr/<p>new text.*<p>less/s ],
    sub_variable => [ 'page.html', 'set $from old; sub_filter "$from" new;',
        '', '', qr/<p>new text/ ],
    before => [ 'page.html', 'add_before_body /before;', '', '',
        qr/^before<p>old/ ],
    after => [ 'page.html', 'add_after_body /after;', '', '',
        qr{</p>after$} ],
    ssi => [ 'ssi.html', 'ssi on;', '', '', qr/^NEW<p>old/ ],
    charset => [ 'koi8.txt', 'charset koi8-r; source_charset utf-8;', '', '',
        qr/^\xc1+$/ ],
    charset_variable => [ 'koi8.txt',
        'set $to koi8-r; charset $to; source_charset utf-8;', '', '',
        qr/^\xc1+$/ ],
    xslt => [ 'doc.xml', "xslt_stylesheet $t->{dir}/style.xsl;", '', 'xslt_filter',
        qr/<out>old/ ],
    image => [ 'picture.png', 'image_filter resize 8 8;', '', 'image_filter',
        qr/^\x89PNG/ ],
    image_size => [ 'picture.png', 'image_filter size;', '', 'image_filter',
        qr/"width": 64/ ],
    subs => [ 'page.html', 'subs_filter o[l]d new r;', '', 'subs_filter',
        qr/<p>new text/ ],
    echo_before => [ 'page.html', 'echo_before_body -n before;', '', 'echo',
        qr/^before<p>old/ ],
    echo_after => [ 'page.html', 'echo_after_body -n after;', '', 'echo',
        qr{</p>after$} ],
    lua => [ 'page.html', 'bigcache_send_gzip off; header_filter_by_lua_block'
        . ' { ngx.header.content_length = nil } body_filter_by_lua_block'
        . ' { ngx.arg[1] = ngx.arg[1]:gsub("old", "new") }', '', 'lua',
        qr/<p>new text/ ],
    js => [ 'page.html', 'bigcache_send_gzip off; js_header_filter f.head;'
        . 'js_body_filter f.body;', "js_import f from $t->{dir}/filter.js;",
        'js', qr/<p>new text/ ],
);

# what needs no text: the page stays packed

my %harmless = (
    none => [ 'page.html', '' ],
    sub_flags => [ 'page.html', 'sub_filter_once off;'
        . ' sub_filter_last_modified on; sub_filter_types *;' ],
    ssi_off => [ 'page.html', 'ssi off; ssi_silent_errors on; ssi_types *;' ],
    addition_off => [ 'page.html', 'add_before_body ""; addition_types *;' ],
    charset_only => [ 'page.html', 'charset utf-8;', undef, undef,
        'text/html; charset=utf-8' ],
    charset_same => [ 'page.html', 'charset utf-8; source_charset utf-8;',
        undef, undef, 'text/html; charset=utf-8' ],
    charset_off => [ 'page.html', 'charset off; source_charset koi8-r;' ],
    image_off => [ 'picture.png', 'image_filter off; image_filter_buffer 2m;',
        '', 'image_filter' ],
    subs_types => [ 'page.html', 'subs_filter_types text/css;', '',
        'subs_filter' ],
    brotli => [ 'page.html', 'brotli on;', '', 'brotli_filter' ],
    gzip => [ 'page.html', 'gzip on;' ],
    gunzip => [ 'page.html', 'gunzip on;' ],
    gzip_on => [ 'page.html', 'bigcache_send_gzip on;' ],
);


# -- which of them this nginx has

sub loads {
    my ($name) = @_;

    return '' if !$name;

    my @files = map { "$modules/$_.so" } $name eq 'lua' ? 'ndk_http_module' : (),
        $name =~ /^(?:echo|lua|js)$/ ? "ngx_http_${name}_module"
            : "ngx_http_${name}_module";

    return join '', map { "load_module $_;\n" } @files;
}

# known(CASE): whether nginx takes its lines, with the module that it names, or
# without, which is noted

sub known {
    my ($case) = @_;
    my (undef, $lines, $http, $load) = @$case;

    my $conf = 'events { } http { %%HTTP%% charset_map koi8-r utf-8 '
        . '{ C1 D0B0; }' . ($http // '') . ' server { location / { '
        . $lines =~ s/bigcache_send_gzip \w+;//r . ' } } }';

    for my $module ('', $load || ()) {
        my ($rc, $said) = $t->nginx_t("%%MODULE%%\n" . loads($module) . $conf);

        $case->[3] = $module;
        return 1 if $rc == 0;

        fail "refused: $lines" or diag $said if $said
            !~ /unknown directive|No such file|version \d+ instead of/;
    }

    return 0;
}

$t->write_file('style.xsl', <<'END');
<?xml version="1.0"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:template match="/"><out><xsl:value-of select="/r/i"/></out></xsl:template>
</xsl:stylesheet>
END

$t->write_file('filter.js', <<'END');
function head(r) { delete r.headersOut['Content-Length']; }
function body(r, data, flags) {
    r.sendBuffer(data.replace('old', 'new'), flags);
}
export default { head, body };
END

my %known;

for my $case (map { [ $_, $filters{$_} ] } sort keys %filters) {
    $known{ $case->[0] } = known($case->[1]);
}

$known{$_} = known($harmless{$_}) for sort keys %harmless;

# Debian's nginx has them all, once ./build.sh has installed the packages

if (Bigcache::Test::nginx() eq '/usr/sbin/nginx' && -d $modules) {
    ok $known{$_}, "$_: this nginx has it" for sort keys %known;
}

my @filters = grep { $known{$_} } sort keys %filters;
my @harmless = grep { $known{$_} } sort keys %harmless;


# -- one server for all of them

sub locations {
    my ($name, $case, $more, $suffix) = @_;

    my ($page, $lines) = @$case;

    return "location /$name$suffix/ { bigcache_base /$name$suffix;"
        . " bigcache main; $lines $more }\n"
        . "location /file/$name$suffix/ { alias $t->{dir}/files/;"
        . ' ' . $lines =~ s/bigcache_send_gzip \w+;//r . " $more }\n";
}

my $locations = join '',
    (map { locations($_, $filters{$_}, '', ''),
        locations($_, $filters{$_}, 'gunzip on;', '-gunzip'),
        locations($_, $filters{$_}, 'gzip on; gzip_vary on; gzip_types *;',
            '-gzip') } @filters),
    (map { locations($_, $harmless{$_}, '', '') } @harmless);

my %loads = map { $_ => 1 } map { loads($_) =~ /^(.*\n)/mg }
    map { ($filters{$_} || $harmless{$_})->[3] } @filters, @harmless;
my $loads = join '', sort { $b =~ /ndk/ <=> $a =~ /ndk/ || $a cmp $b }
    keys %loads;
my $http = join '', map { $filters{$_}[2] } @filters;

$t->conf(
    main => $loads,
    http => qq{
        $http

        types {
            text/html html;
            text/xml xml;
            text/plain txt;
            image/png png;
        }

        charset_map koi8-r utf-8 {
            C1 D0B0;
        }

        client_max_body_size 8m;
    },
    server => qq{
        location = /before {
            default_type text/html;
            return 200 before;
        }

        location = /after {
            default_type text/html;
            return 200 after;
        }

        $locations
    },
    servers => qq{
        # levels: what the server has, and what a location makes of it

        server {
            listen 127.0.0.1:%%PORT_1%%;
            ssi on;

            location / {
                bigcache main;
            }

            location /not/ {
                bigcache_base /not;
                bigcache main;
                ssi off;

                if (\$arg_if) {
                    ssi on;
                }

                location /not/but/ {
                    bigcache_base /not/but;
                    bigcache main;
                    ssi on;
                }

                location /not/either/ {
                    bigcache_base /not/either;
                    bigcache main;
                }
            }

            location /limited/ {
                bigcache_base /limited;
                bigcache main;

                limit_except POST {
                    allow all;
                }
            }
        }

        server {
            listen 127.0.0.1:%%PORT_2%%;
            bigcache_send_gzip off;

            location / {
                bigcache main;
            }

            location /on/ {
                bigcache_base /on;
                bigcache main;
                bigcache_send_gzip on;

                if (\$arg_if) {
                    bigcache_send_gzip off;
                }
            }
        }
    });

# nginx unloads its modules before the leak check, and what libxslt holds would
# be nobody's then

$ENV{BIGCACHE_PRELOAD} .= ':libxslt.so.1'
    if $ENV{BIGCACHE_PRELOAD} && $known{xslt};

mkdir "$t->{dir}/files";
$t->write_file("files/$_", $pages{$_}[0]) for keys %pages;
$t->start;

for my $name (sort keys %pages) {
    is $t->request('POST', "/pickle/$name", $pages{$name}[0],
        'Content-Type' => $pages{$name}[1])->status, 200, "stored $name";
}


# unpacked(RESPONSE)

sub unpacked {
    my ($r) = @_;

    return $r->body if ($r->header('Content-Encoding') // '') ne 'gzip';

    gunzip(\$r->body, \my $plain);

    return $plain;
}


# strength(RESPONSE): of its tag

sub strength {
    my $tag = $_[0]->header('ETag') // return 'none';

    return $tag =~ m{^W/} ? 'weak' : 'strong';
}


# shape(RESPONSE): all that is to be as of a file

sub shape {
    my ($r) = @_;

    return {
        status => $r->status, body => unpacked($r),
        etag => strength($r), dated => defined $r->header('Last-Modified') || 0,
        ranges => scalar $r->header('Accept-Ranges'),
        map { $_ => join ', ', $r->headers($_) } qw(Content-Encoding
            Content-Length Content-Type Transfer-Encoding Vary),
    };
}


# -- what needs the text gets it

for my $name (@filters) {
    my ($page, undef, undef, undef, $like) = @{ $filters{$name} };
    my $tag = $t->get("/pickle/$page")->header('ETag');

    for my $path ("$name", "$name-gunzip", "$name-gzip") {
        for my $headers ([], [ @gzip ]) {
            for my $method (qw(GET HEAD)) {

                my $r = $t->request($method, "/$path/pickle/$page", undef,
                    @$headers);
                my $file = $t->request($method, "/file/$path/$page", undef,
                    @$headers);
                my $what = "$method $path @$headers";

                is_deeply shape($r), shape($file), "$what: as a file"
                    or diag $r->head, "\n", $file->head;

                # the tag of the text, not of the packed form

                like $r->header('ETag') // $tag, qr{^(?:W/)?\Q$tag\E$},
                    "$what: the tag";

                next if $method eq 'HEAD';
                like unpacked($r), $like, "$what: the text";
            }
        }
    }

    # a client that has it

    my $r = $t->get("/$name/pickle/$page", @gzip);
    my $file = $t->get("/file/$name/$page", @gzip);

    for my $headers ([], [ @gzip ]) {
        is $t->get("/$name/pickle/$page", @$headers,
            'If-None-Match' => $r->header('ETag') // $tag)->status, 304,
            "$name @$headers: not modified";
        is $t->get("/$name/pickle/$page", @$headers,
            'If-None-Match' => $tag =~ s/"$/-gzip"/r)->status, 200,
            "$name @$headers: the tag of the packed form";
    }
}

# -- what does not, gets the packed one

for my $name (@harmless) {
    my ($page, undef, undef, undef, $type) = @{ $harmless{$name} };
    my $tag = $t->get("/pickle/$page")->header('ETag');
    my ($body, $stored) = @{ $pages{$page} };

    my $r = $t->get("/$name/pickle/$page", @gzip);
    is_deeply [ $r->headers('Content-Encoding') ], [ 'gzip' ],
        "$name: packed, once";
    is $r->header('Content-Length'), length $r->body, "$name: its length";
    is $r->header('ETag'), $tag =~ s/"$/-gzip"/r, "$name: its tag";
    like $r->header('Vary'), qr/^Accept-Encoding$/, "$name: varies";
    is $r->header('Content-Type'), $type // $stored, "$name: its type";
    ok unpacked($r) eq $body, "$name: the page";

    $r = $t->get("/$name/pickle/$page");
    is $r->header('Content-Encoding'), undef, "$name: unpacked";
    is $r->header('ETag'), $tag, "$name: unpacked: its tag";
    like $r->header('Vary'), qr/^Accept-Encoding$/, "$name: unpacked: varies";
    ok $r->body eq $body, "$name: unpacked: the page";
}

if ($known{brotli}) {
    my $r = $t->get('/brotli/pickle/page.html', 'Accept-Encoding' => 'br, gzip');
    is $r->header('Content-Encoding'), 'gzip', 'brotli: gzip, if either will do';
    $r = $t->get('/brotli/pickle/page.html', 'Accept-Encoding' => 'br');
    is $r->header('Content-Encoding'), 'br', 'brotli, if gzip will not';
}

# -- levels

sub is_sent {
    my ($port, $path, $packed, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = $t->connect($port)->request('GET', $path, undef, @gzip,
        Connection => 'close');

    is $r->status, 200, "$name: there";
    is $r->header('Content-Encoding'), $packed ? 'gzip' : undef, $name;
    is $r->header('Vary'), $packed ? 'Accept-Encoding' : undef, "$name: Vary";
}

is_sent(1, '/pickle/page.html', 0, 'on in the server');
is_sent(1, '/not/pickle/page.html', 1, 'off in the location');
is_sent(1, '/not/but/pickle/page.html', 0, 'on in one inside it');
is_sent(1, '/not/either/pickle/page.html', 1, 'off in another one');
is_sent(1, '/limited/pickle/page.html', 0, 'on, with limit_except');
is_sent(2, '/pickle/page.html', 0, 'bigcache_send_gzip off in the server');
is_sent(2, '/on/pickle/page.html', 1, 'bigcache_send_gzip on in a location');

$t->request('POST', '/pickle/page.html?if=1', $text,
    'Content-Type' => 'text/html');
is_sent(1, '/not/pickle/page.html?if=1', 0, 'on in an if');
is_sent(2, '/on/pickle/page.html?if=1', 0, 'bigcache_send_gzip off in an if');

# a large page, which is never packed, and one that takes a thread to unpack

for my $size (300_000, 2_000_000) {
    my $large = substr($text x 1000, 0, $size) . '.';
    my $r = $t->request('POST', '/pickle/large', $large,
        'Content-Type' => 'text/html');

    $r = $t->connect(1)->request('GET', '/pickle/large', undef, @gzip,
        Connection => 'close');
    ok $r->body eq $large, "$size bytes";
    $r = $t->get('/sub/pickle/large', @gzip);
    ok $r->body eq $large =~ s/old/new/r, "$size bytes, sub_filter";
}

done_testing;
