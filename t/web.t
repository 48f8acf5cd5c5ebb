#!/usr/bin/perl

# What lies beside the cache: /docs, /openapi.json and /ui are served, say what
# they may load, and openapi.json tells of every endpoint what it does.  What a
# browser makes of them is in t/full/web.t.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bigcache::Test;
use Digest::SHA qw(sha256_base64);
use JSON::PP ();
use Test::More;

my $top = "$FindBin::Bin/..";
my $t = Bigcache::Test->new->conf(<<"END")->start;
%%MODULE%%

thread_pool bigcache threads=4;

events { }

http {
    %%HTTP%%
    bigcache_path %%DIR%%/store zone=main:1m thread_pool=bigcache;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / {
            bigcache main;
        }

        include $top/build/web/locations.conf;
    }
}
END

my $utf8 = JSON::PP->new->utf8->allow_nonref->canonical;

# -- the pages

my %type = ('/docs' => 'text/html; charset=utf-8',
    '/ui' => 'text/html; charset=utf-8', '/openapi.json' => 'application/json',
    '/docs/assets/docs.js' => 'text/javascript; charset=utf-8');
my %page;

for my $path (sort keys %type) {
    my $r = $page{$path} = $t->get($path);

    is $r->status, 200, "$path is there";
    is $r->header('Content-Type'), $type{$path}, "$path: its type";
    is $r->header('X-Content-Type-Options'), 'nosniff', "$path: no other type";
    is $t->get($path, 'If-None-Match' => $r->header('ETag'))->status, 304,
        "$path is not sent again";
    is $t->request('POST', $path, 'x')->status, 405, "$path is only read";
    unlike $r->body, qr{(?:src|href|url)\s*[=(:]\s*["']?(?:https?:)?//},
        "$path loads nothing from elsewhere";
}

is $t->get('/docs/assets/none')->status, 404, 'no other assets';
is $t->get('/docs/')->status, 404, 'nothing else below /docs';
unlike $_, qr/unsafe/, 'a strict policy'
    for map { $page{$_}->header('Content-Security-Policy') } '/docs', '/ui';

my $ui = $page{'/ui'}->body;
my $policy = $page{'/ui'}->header('Content-Security-Policy');

cmp_ok length $ui, '<', 40_000, 'the page is small';
unlike $ui, qr/innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b/,
    'it makes no markup of text';
unlike $ui, qr{<[^>]*\s(?:style|on\w+)=}, 'the policy allows all of it';

for my $name (qw(script style)) {
    my ($code) = $ui =~ m{<$name>(.*?)</$name>}s;
    my $hash = sha256_base64($code);

    $hash .= '=' while length($hash) % 4;
    like $policy, qr/$name-src 'sha256-\Q$hash\E'/, "the hash of its $name";
}

# keys of these names are keys

is $t->request('POST', "/cache$_", '{"value":1}')->status, 200, "the key $_"
    for sort keys %type;
is $t->get('/stat/count')->json->{count}, 4, 'are stored';
$t->request('POST', '/clear');

# -- openapi.json

my $api = $page{'/openapi.json'}->json;

is $api->{openapi}, '3.1.0', 'OpenAPI 3.1';

my (@dangling, %ids, @twice);

sub resolve {
    my ($ref) = @_;

    my $node = $api;
    $node = ref $node eq 'HASH' ? $node->{$_} : undef
        for split m{/}, $ref =~ s{^#/}{}r;

    return $node;
}

sub walk {
    my ($node) = @_;

    if (ref $node eq 'ARRAY') {
        walk($_) for @$node;

    } elsif (ref $node eq 'HASH') {
        my $ref = $node->{'$ref'};
        my $id = $node->{operationId};

        push @dangling, $ref if defined $ref && !resolve($ref);
        push @twice, $id if defined $id && $ids{$id}++;
        walk($_) for values %$node;
    }
}

walk($api);
is_deeply \@dangling, [], 'every reference leads somewhere';
is_deeply \@twice, [], 'every operation has a name of its own';

sub followed { $_[0]{'$ref'} ? resolve($_[0]{'$ref'}) : $_[0] }

# every method of every endpoint that the server names, but for the doubles

sub path_of { $_[0] =~ s/\{\w+\}/dataset%2F1/r }

for my $path (sort keys %{ $api->{paths} }) {
    my $allow = $t->request('OPTIONS', path_of($path))->header('Allow') // '';
    my %has = map { uc() => 1 } keys %{ $api->{paths}{$path} };
    my @missing = grep { !$has{$_} && !/HEAD|PUT/ } split /, /, $allow;

    isnt $allow, '', "$path is an endpoint";
    is_deeply \@missing, [], "$path: all its methods are described";
}

my @routes = do {
    open my $file, '<', "$top/src/http/ngx_http_bigcache_route.c" or die $!;
    local $/;
    <$file> =~ m{ngx_string\("(/[a-z/]+)"\)}g;
};
my %described = map { s/\{.*//r => 1 } keys %{ $api->{paths} };

cmp_ok scalar @routes, '>', 8, 'there are routes';
is_deeply [ grep { !$described{$_} } @routes ], [], 'all are described';

# what it gives as examples works, and is answered as it says

sub examples {
    my ($content) = @_;

    my @found;

    for my $type (sort keys %$content) {
        my $c = $content->{$type};
        push @found, [ $type, ref $c->{example} ? $utf8->encode($c->{example})
            : $c->{example} ] if exists $c->{example};
        push @found, map { [ $type, $utf8->encode($_->{value}) ] }
            map { $c->{examples}{$_} } sort keys %{ $c->{examples} || {} };
    }

    return @found;
}

# what a schema says: types, required members, "enum"

sub fits {
    my ($value, $schema) = @_;

    $schema = followed($schema);

    my @types = map { ref $_ ? @$_ : $_ } $schema->{type} // ();
    my $is = !defined $value ? 'null' : ref $value eq 'HASH' ? 'object'
        : ref $value eq 'ARRAY' ? 'array'
        : $utf8->encode($value) =~ /^"/ ? 'string' : 'number';

    return "$is is not @types" if @types
        && !grep { $_ eq $is || $_ eq 'integer' && $is eq 'number' } @types;

    if ($is eq 'object') {
        for my $name (@{ $schema->{required} || [] }) {
            return "no $name" if !exists $value->{$name};
        }

        for my $name (keys %{ $schema->{properties} || {} }) {
            next if !exists $value->{$name};
            my $why = fits($value->{$name}, $schema->{properties}{$name});
            return "$name: $why" if $why;
        }

        return "unknown: $_" for $schema->{properties}
            ? grep { !$schema->{properties}{$_} } sort keys %$value : ();

    } elsif ($is eq 'array' && $schema->{items}) {
        for my $item (@$value) {
            my $why = fits($item, $schema->{items});
            return $why if $why;
        }
    }

    return '';
}

sub try_operation {
    my ($path, $method, $operation) = @_;

    my @bodies = examples(($operation->{requestBody} || {})->{content} || {});
    push @bodies, [] if !@bodies;

    for my $body (@bodies) {
        my ($type, $text) = @$body;
        my $r = $t->request(uc $method, path_of($path), $text,
            $type ? ('Content-Type' => $type) : ());
        my $said = $operation->{responses}{ $r->status };
        my $name = uc($method) . " $path" . (defined $text ? " $text" : '');

        ok $said && $r->status < 400, "$name works"
            or diag $r->status . ' ' . $r->body;

        my $schema = $said && (followed($said)->{content}
            ->{'application/json'} || {})->{schema} or next;

        is fits($r->json, $schema), '', "$name is answered as it says";
    }

    for my $said (map { followed($_) } values %{ $operation->{responses} }) {
        my $json = ($said->{content} || {})->{'application/json'} or next;
        is fits($utf8->decode($_->[1]), $json->{schema}), '',
            "an answer of $method $path: $said->{description}"
            for examples({ 'application/json' => $json });
    }
}

# in an order in which there is something to work on

for my $method (qw(post get patch delete)) {
    for my $path (sort keys %{ $api->{paths} }) {
        my $operation = $api->{paths}{$path}{$method} or next;

        # what an earlier one has stored, removed or closed

        $t->request('POST', '/open');
        $t->request('POST', path_of($path), '{"value":1}')
            if $path =~ m{^/(?:cache|pickle)/};

        if ($path =~ m{^/incr/}) {
            $t->request('DELETE', path_of($path) =~ s{incr}{cache}r);
            $t->request('POST', path_of($path), '{"initial":1}');
        }

        try_operation($path, $method, $operation);
    }
}

done_testing;
