#!/usr/bin/perl

# Subrequests of other modules that take a page as a whole, at once: the page is
# unpacked to its end, though others that are unpacked wait for their clients.

use strict;
use warnings;

use Socket qw(SOL_SOCKET SO_RCVBUF);

use Bigcache::Test;
use Test::More;

# readers that make nginx hold as much as it may

use constant HELD => 40;

my $t = Bigcache::Test->new;
my $modules = $ENV{BIGCACHE_MODULES} || '/usr/lib/nginx/modules';

# module => what is loaded before it, lines of http, locations

my %modules = (
    lua => [ 'ndk_http_module', '', <<'END', qw(/lua /lua-two /lua-range) ],
        location = /lua {
            content_by_lua_block {
                local r = ngx.location.capture("/pickle/text")
                ngx.print(r.status, ":", r.body)
            }
        }

        location = /lua-two {
            content_by_lua_block {
                local a, b = ngx.location.capture_multi({
                    { "/pickle/text" }, { "/pickle/text" } })
                ngx.print(a.status, ":", a.body, b.status, ":", b.body)
            }
        }

        location = /lua-range {
            access_by_lua_block {
                local r = ngx.location.capture("/pickle/text")
                ngx.ctx.n = #r.body
            }
            content_by_lua_block {
                local r = ngx.location.capture("/pickle/text")
                ngx.print(r.status, ":", r.body:sub(1, ngx.ctx.n))
            }
        }
END
    js => [ '', "js_import f from $t->{dir}/f.js;", <<'END', qw(/js /js-two) ],
        location = /js {
            js_content f.one;
        }

        location = /js-two {
            js_content f.two;
        }
END
    echo => [ '', '', <<'END', qw(/echo /echo-two) ],
        location = /echo {
            echo -n 200:;
            echo_location /pickle/text;
        }

        location = /echo-two {
            echo -n 200:;
            echo_location_async /pickle/text;
            echo -n 200:;
            echo_location_async /pickle/text;
        }
END
);

$t->write_file('f.js', <<'END');
function ask(r, done) { r.subrequest('/pickle/text', done); }
function said(a) { return a.status + ':' + a.responseText; }
function one(r) { ask(r, (a) => r.return(200, said(a))); }
function two(r) {
    let all = [];
    function done(a) {
        all.push(said(a));
        if (all.length == 2) { r.return(200, all.join('')); }
    }
    ask(r, done);
    ask(r, done);
}
export default { one, two };
END


sub loads {
    my ($name) = @_;

    return join '', map { "load_module $modules/$_.so;\n" }
        grep { length } $modules{$name}[0], "ngx_http_${name}_module";
}


# known(NAME): whether this nginx has the module

sub known {
    my ($name) = @_;

    my ($rc, $said) = $t->nginx_t("%%MODULE%%\n" . loads($name)
        . "events { } http { %%HTTP%% $modules{$name}[1]"
        . " server { $modules{$name}[2] } }");

    return 1 if $rc == 0;

    fail "$name is refused" or diag $said
        if $said !~ /unknown directive|No such file|version \d+ instead of/;

    return 0;
}


my @known = grep { known($_) } sort keys %modules;

# Debian's nginx has them all, once ./build.sh has installed the packages

is "@known", join(' ', sort keys %modules), 'this nginx has them'
    if Bigcache::Test::nginx() eq '/usr/sbin/nginx' && -d $modules;

plan skip_all => 'no such module' if !@known;

my $loads = join '', map { loads($_) } @known;
my $http = join ' ', map { $modules{$_}[1] } @known;
my $locations = join '', map { $modules{$_}[2] } @known;

$t->conf(
    main => qq{
        $loads
        worker_processes 1;
    },
    events => 'worker_connections 1024;',
    http => qq{
        $http
        client_max_body_size 8m;
        subrequest_output_buffer_size 4m;
    },
    listen => 'sndbuf=32k',
    server => $locations)->start;

my $text = join '', map { "line $_ of many, and each is another\n" } 1 .. 25_000;

is $t->request('POST', '/pickle/text', $text)->status, 200, 'stores a page';


sub same {
    my ($name) = @_;

    for my $module (@known) {
        for my $path (@{ $modules{$module} }[3 .. $#{ $modules{$module} }]) {
            my $r = $t->get($path);
            my $page = "200:$text" x ($path =~ /two/ ? 2 : 1);

            is $r->status, 200, "$name: $path";
            ok $r->body eq $page, 'all of it'
                or diag length($r->body) . ' bytes of ' . length $page;
        }
    }
}


same('at once');

# those who hold what may be held

my @held = map { $t->connect } 1 .. HELD;

setsockopt $_->socket, SOL_SOCKET, SO_RCVBUF, 4096 for @held;
$_->send_request('GET', '/pickle/text') for @held;
$_->read_until("\r\n\r\n") for @held;

same('by pieces');

setsockopt $_->socket, SOL_SOCKET, SO_RCVBUF, 1 << 20 for @held;

is scalar(grep { $_->read_bytes(length $text) ne $text } @held), 0,
    'those that waited get the page';

done_testing;
