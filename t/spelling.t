#!/usr/bin/perl

# A location guards its key however the path of the key is spelled: with
# slashes around it, escapes, dots, a question mark.  Where no location does,
# every spelling works.

use strict;
use warnings;

use Bigcache::Test;
use Test::More;

# name of the server => its locations, the keys that they guard

my %guard = (
    prefix => [ 'location /cache/secret { deny all; }', qw(secret secret/a) ],
    below => [ 'location /cache/secret/ { deny all; }', 'secret/a' ],
    exact => [ 'location = /cache/secret { deny all; }', 'secret' ],
    served => [ 'location = /cache/secret { bigcache main; deny all; }',
        'secret' ],
    inside => [ 'location = /cache/secret/a { deny all; }', 'secret/a' ],
    regex => [ 'location ~ ^/cache/secret$ { deny all; }', 'secret' ],
    caseless => [ 'location ~* ^/cache/SECRET$ { deny all; }', 'secret' ],
    caret => [ 'location ^~ /cache/secret { deny all; }
        location ~ ^/cache/ { bigcache main; }', qw(secret secret/a) ],
    over => [ 'location /cache/secret { bigcache main; }
        location ~ ^/cache/secret$ { deny all; }', 'secret' ],
    nested => [ 'location /cache/ { bigcache main;
        location = /cache/secret { deny all; } }', 'secret' ],
    nested_regex => [ 'location ^~ /cache/ { bigcache main;
        location ~ t$ { deny all; } }', 'secret' ],
    in_regex => [ 'location ~ ^/cache/ { bigcache main;
        location ~ ^/cache/secret$ { deny all; } }', 'secret' ],
    except => [ 'location = /cache/secret { bigcache main;
        limit_except OPTIONS { deny all; } }', 'secret' ],
    returns => [ 'location = /cache/secret { bigcache main;
        if ($request_method) { return 403; } }', 'secret' ],
    query => [ 'location = /cache/list { deny all; }', 'list?page=2' ],
    hash => [ 'location = "/cache/a#b" { deny all; }', 'a#b' ],
    question => [ 'location = "/cache/list?page=2" { deny all; }' ],
    all_but => [ 'location /cache/ { bigcache main; deny all; }
        location = /cache/secret/ { bigcache main; }
        location ~ /free { bigcache main; }', 'secret' ],
    raw => [ 'location = /pickle/secret { deny all; }
        location /cache/ { deny all; }
        location ~ /free { bigcache main; }', 'secret' ],
    lists => [ 'location = /keys/secret { deny all; }
        location = /prefix/secret { deny all; }' ],
    moved => [ 'location = /cache/secret { deny all; }
        location /cache/ { try_files /none @named; }
        location @named { bigcache main; }
        location /last/ { rewrite ^/last/(.*)$ /cache/$1 last; }
        location /inner/ { error_page 418 = /cache$uri; return 418; }
        rewrite ^/first/(.*)$ /cache/$1 break;', 'secret' ],
);

my $servers = sub {
    my ($n, $merge) = @_;

    return join "\n", map {
        my ($locations) = $_ eq 'plain' ? '' : $guard{$_}[0];

        "server { listen 127.0.0.1:%%PORT_$n%%" . ($_ eq 'plain'
            ? " default_server; merge_slashes $merge; " : '; ')
            . "server_name $_;\nlocation / { bigcache main; }\n$locations\n}"
    } 'plain', sort keys %guard;
};

my $t = Bigcache::Test->new->conf(<<"END")->start;
%%MODULE%%

events {
}

http {
    %%HTTP%%

    bigcache_path %%DIR%%/store zone=main:1m;
    keepalive_requests 1000000;

    ${\$servers->(0, 'on')}
    ${\$servers->(1, 'off')}

    server {
        listen 127.0.0.1:%%PORT_2%%;

        location /v1/ {
            bigcache main;
            bigcache_base /v1;
        }

        location = /v1/cache/secret {
            deny all;
        }

        location = /v1/cache/list {
            deny all;
        }

        location = "/v1/cache/list?page=2" {
            bigcache main;
            bigcache_base /v1;
            bigcache_key_args off;
        }
    }

    # guards of the path that is sent, which is rewritten into a key

    ${\join '', map { <<"SERVER" } [ 3, 'on' ], [ 4, 'off' ] }
    server {
        listen 127.0.0.1:%%PORT_$_->[0]%%;
        merge_slashes $_->[1];

        location / {
            bigcache main;
        }

        location /pages/ {
            rewrite ^/pages/(.*)\$ /cache/\$1 break;
            bigcache main;
        }

        location /last/ {
            rewrite ^/last/(.*)\$ /middle/\$1 last;
        }

        location /middle/ {
            rewrite ^/middle/(.*)\$ /cache/\$1 last;
        }

        location ~ ^/(?:pages|middle|inner)/(?:secret|list)\$ {
            deny all;
        }

        location ~ ^/inner/(.*)\$ {
            error_page 418 = /cache/\$1;
            return 418;
        }

        location /double {
            rewrite ^/double(.*)\$ /cache/\$1 break;
            bigcache main;
        }
    }
SERVER

    server {
        listen 127.0.0.1:%%PORT_5%%;

        set \$args \$args;

        location / {
            bigcache main;
        }

        location = /cache/secret {
            deny all;
        }
    }
}
END

my %all = map { $_ => 1 } map { @$_[1 .. $#$_] } values %guard;
my @keys = sort keys %all;
my @connections = map { $t->connect($_) } 0 .. 5;


sub ask {
    my ($n, $host, $method, $path, $body) = @_;

    my $answer = $connections[$n]->request($method, $path, $body,
        Host => $host);

    # nginx closes it after what it refuses by itself

    $connections[$n] = $t->connect($n)
        if ($answer->header('Connection') // 'close') eq 'close';

    return $answer;
}


# key_of(PATH): the key of what follows the endpoint, as docs/api.md has it

sub key_of {
    my ($path) = @_;

    my ($key, $args) = split /\?/, $path, 2;

    $key .= "?$args" if length($args // '');
    $key =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

    return $key =~ s{^/+|/+$}{}gr;
}


# spellings(KEY): paths of it, and of keys that look like it

sub spellings {
    my ($key) = @_;

    my $plain = $key =~ s/([#%])/sprintf '%%%02X', ord $1/ger;
    my $escape = sub {
        my ($format, $text) = @_;
        $text =~ s/(.)/sprintf $format, ord $1/ger;
    };

    my @inner = ($key, $plain, $escape->('%%%02X', $key),
        $escape->('%%%02x', $key), $plain =~ s/\?/%3F/gr,
        $plain =~ s/\?/%3f/gr, $plain =~ s{/}{%2F}gr, $plain =~ s/^(.)/
        $escape->('%%%02X', $1)/er, $plain =~ s{/}{//}gr,
        $plain =~ s{/}{/./}gr, $plain =~ s{/}{/x/../}gr, uc $plain);
    my @before = ('', '/', '//', '%2F', '%2f/', './', 'x/../', '/%2e/',
        'x/%2E%2e/', '//x/../../');
    my @behind = ('', '/', '//', '%2F', '%2f', '/%2F//', '?', '/?', '%2F?',
        '/.', '/x/..', '/%2e', '#', '/#', '#x', '/#x', '%23', ' ');
    my %paths;

    for my $inner (@inner) {
        $paths{"$_$inner"} = 1 for @before;
        $paths{"$inner$_"} = 1 for @behind;
        $paths{"$_$inner/"} = 1 for @before;
    }

    delete $paths{$_} for grep { / / } keys %paths;

    return sort keys %paths;
}


sub store {
    ask(0, 'plain', 'POST', '/cache/' . s/([#?])/sprintf '%%%02X', ord $1/ger,
        qq({"value":"page of $_"})) for @keys, 'free';
}


# without guards every spelling of a key is the key

store();

for my $n (0, 1) {
    my ($tried, @bad) = (0);

    for my $key (@keys) {
        for my $path (grep { key_of($_) eq $key } spellings($key)) {
            my $answer = ask($n, 'plain', 'GET', "/cache/$path");

            # these do not come to the endpoint, or lead out of it
            next if $path =~ m{^(?:/*x/\.\./\.\.|//x/\.\./\.\.)};

            $tried++;
            push @bad, "/cache/$path: " . $answer->body
                if ($answer->json->{value} // '') ne "page of $key";
        }
    }

    ok $tried > 100, "without guards: $tried spellings";
    is_deeply \@bad, [], 'without guards: each is the key';
}

# a guard guards all of them

for my $n (0, 1) {
    for my $host (sort keys %guard) {
        my ($locations, @guarded) = @{ $guard{$host} };
        my ($refused, @bad) = (0);
        my $endpoint = $host eq 'raw' ? 'pickle' : 'cache';
        my @roads = ("/$endpoint/", "http://$host/$endpoint/");

        push @roads, qw(/last/ /inner/ /first/) if $host eq 'moved';

        for my $path (map { spellings($_) } @guarded) {
            my ($key) = grep { key_of($path) eq $_ } @guarded;

            for my $road (@roads) {
                my $answer = ask($n, $host, 'GET', $road . $path);
                my ($page) = $answer->body =~ /page of ([^"]+)/;

                push @bad, "GET $road$path: " . $answer->body
                    if grep { ($page // '') eq $_ } @guarded;
                push @bad, "GET $road$path: " . $answer->status
                    if $answer->status =~ /^5/;
                $refused++ if $answer->status =~ /^40[03]$/;
            }

            next if !defined $key;

            for my $method (qw(HEAD POST DELETE)) {
                my $answer = ask($n, $host, $method, "/$endpoint/$path",
                    $method eq 'POST' ? '{"value":"gone"}' : undef);

                push @bad, "$method $path: " . $answer->status
                    if $answer->status !~ /^40[03]$/;
            }
        }

        my $name = "$host, merge_slashes " . ($n ? 'off' : 'on');

        ok !@guarded || $refused > 50, "$name: $refused are refused";
        is_deeply \@bad, [], "$name: all of them are";
        is_deeply [ map {
            ask(0, 'plain', 'GET', '/cache/'
                . s/([#?])/sprintf '%%%02X', ord $1/ger)->json->{value}
        } @guarded ], [ map { "page of $_" } @guarded ],
            "$name: nothing was changed";

        # and no other key

        @bad = grep {
            ask($n, $host, 'GET', "/$endpoint/$_")->body !~ /page of free/
        } qw(free /free free/ free%2F %66ree //free// free?);

        is_deeply \@bad, [], "$name: other keys";
    }
}

# what is said

$t->json_is(ask(0, 'exact', 'GET', '/cache/secret/'), 400, { detail => 'the '
    . 'key may belong to another location than this spelling of its path' },
    'the reason');
is ask(0, 'exact', 'GET', '/cache/secret')->status, 403, 'the usual spelling';

# keys that a path cannot show are not refused for it

for my $key ('a//b', 'a/../b/./c', './k', 'k/.', 'x/../secret', 'a//secret') {
    for my $host (qw(exact regex nested in_regex)) {
        next if $key eq 'x/../secret';

        is ask(0, $host, 'POST', "/cache/$key", '{"value":1}')->status, 200,
            "$host: stores $key";
        is ask(0, $host, 'GET', "/cache/$key")->json->{key}, $key,
            "$host: $key";
    }
}

is ask(0, 'exact', 'GET', '/cache/x/../secret')->status, 403,
    'nginx guards more than the key, by its own path';

# below a base, and with bigcache_key_args off, where "?" is part of the path

is ask(2, 'x', 'GET', "/v1/cache/$_")->status, $_ eq 'secret' ? 403 : 400,
    "base: $_" for qw(secret secret/ secret%2F /secret/);
is ask(2, 'x', 'GET', '/v1//cache/secret')->status, 403, 'base: slashes';
is ask(2, 'x', 'GET', '/v1//cache/free')->status, 404,
    'base: slashes, another key';
is ask(2, 'x', 'GET', '/v1/cache/free/')->json->{value}, 'page of free',
    'base: another key';
is ask(2, 'x', 'GET', '/v1/cache/list?page=2')->status, 403,
    'arguments: as they are';
is ask(2, 'x', 'GET', '/v1/cache/list%3Fpage=2')->json->{value},
    'page of list?page=2', 'arguments: none, a location of their own';
is ask(2, 'x', 'GET', '/v1/cache/list%3Fpage=2/')->status, 400,
    'arguments: none, another spelling';

# a path that is rewritten into a key: its guard, and those on the way, are
# passed by no spelling

for my $n (3, 4) {
    for my $road (qw(/pages/ /last/ /inner/)) {
        my ($refused, @bad) = (0);

        for my $path (map { spellings($_) } 'secret', 'list?page=2') {
            my $answer = ask($n, 'x', 'GET', $road . $path);

            push @bad, "GET $road$path: " . $answer->body
                if $answer->body =~ /page of (?:secret"|list)/
                    || $answer->status =~ /^5/;
            $refused++ if $answer->status =~ /^40[03]$/;
        }

        ok $refused > 100, "server $n, $road: $refused are refused";
        is_deeply \@bad, [], "server $n, $road: all of them are";
        is ask($n, 'x', 'GET', "${road}secret")->status, 403,
            "server $n, $road: the usual spelling";
        is ask($n, 'x', 'GET', "$road$_")->json->{value}, 'page of free',
            "server $n, $road$_: another key" for qw(free %66ree free?);
        is ask($n, 'x', 'GET', "${road}free/")->status, 400,
            "server $n, ${road}free/: only the usual spelling";
    }
}

is ask(3, 'x', 'GET', '/double/free')->json->{value}, 'page of free',
    'a double slash of the configuration';
is ask(4, 'x', 'GET', '/double/free')->status, 400,
    'that may have been sent, with merge_slashes off';

# what is only marked as rewritten is not

for my $path ('free', '/free', 'free/', 'free%2F', '%66ree', '//free//') {
    is ask(5, 'x', 'GET', "/cache/$path")->json->{value}, 'page of free',
        "set \$args: $path";
}

is ask(5, 'x', 'GET', "/cache/$_")->status, $_ eq 'secret' ? 403 : 400,
    "set \$args: $_" for 'secret', '/secret/', 'secret/', 'secret%2F';

# the prefixes of lists and purges, which keep a slash at their end

for my $path ('', '/', '%2F') {
    is ask(1, 'lists', 'GET', "/keys/${path}secret")->status,
        $path ? 400 : 403, "list of ${path}secret";
    is ask(1, 'lists', 'DELETE', "/prefix/${path}secret")->status,
        $path ? 400 : 403, "purge of ${path}secret";
}

is ask(1, 'lists', 'GET', '/keys//free')->json->{keys}[0]{key}, 'free',
    'list of another prefix';
is ask(0, 'lists', 'GET', '/keys/secret/')->json->{keys}[0]{key}, 'secret/a',
    'list of another prefix, with a slash behind it';
is ask(1, 'lists', 'DELETE', '/prefix//none')->status, 200,
    'purge of another prefix';
is ask(0, 'plain', 'GET', '/cache/secret')->status, 200, 'nothing was purged';

done_testing;
