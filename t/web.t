#!/usr/bin/perl

# What lies beside the cache: /docs, /openapi.json and /ui are served and say
# what they may load.  openapi.json is a contract: each example of it is sent,
# each status that it names is asked for, and the server has to answer with that
# status, type, shape and text, and with no header that is not named.  What a
# browser makes of them is in t/full/web.t.

use strict;
use warnings;

use FindBin;
use Bigcache::Test qw(slurp);
use Digest::SHA qw(sha256_base64);
use JSON::PP ();
use Test::More;

my $top = "$FindBin::Bin/..";
my $t = Bigcache::Test->new;

# which is no store

mkdir $t->dir . '/away';
$t->write_file('away/file', '');
$t->write_file('users', '');
$t->expect_log(qr/access forbidden by rule|no user\/password was provided/);
$t->expect_log(qr/limiting requests|too large body/);
$t->expect_log(qr/neither empty nor a bigcache store/);

$t->conf(
    main => 'thread_pool bigcache threads=4;',
    path => 'thread_pool=bigcache',
    http => qq{
        large_client_header_buffers 4 64k;

        # those that refuse: 401, 403, 429, and 503 of a store that nobody can
        # open

        limit_req_zone \$server_port zone=often:32k rate=1r/m;
        limit_req_status 429;
        bigcache_path %%DIR%%/away zone=away:1m wait=100ms;

        # too small for a history

        bigcache_path %%DIR%%/small zone=small:64k;
    },
    server => qq{include $top/build/web/locations.conf;},
    servers => q{
        server {
            listen 127.0.0.1:%%PORT_1%%;
            auth_basic bigcache;
            auth_basic_user_file %%DIR%%/users;

            location / {
                bigcache main;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_2%%;
            deny all;

            location / {
                bigcache main;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_3%%;
            limit_req zone=often;

            location / {
                bigcache main;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_4%%;

            location / {
                bigcache away;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_7%%;

            location / {
                bigcache small;
            }
        }

        # an upstream, and its pages

        server {
            listen 127.0.0.1:%%PORT_5%%;
            bigcache_lookup_timeout 10s;

            location / {
                bigcache_pages main;
                proxy_pass http://127.0.0.1:%%PORT_6%%;
            }
        }

        server {
            listen 127.0.0.1:%%PORT_6%%;
            add_header Cache-Control max-age=3600;
            default_type text/html;

            location / {
                return 200 '<p>the page of an upstream</p>';
            }
        }
    })->start;

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
is $t->get('/docs/none')->status, 404, 'nothing else below /docs';
is $t->get("$_/")->header('Location'), "..$_", "$_/ leads to it"
    for '/docs', '/ui';
unlike $_, qr/unsafe/, 'a strict policy'
    for map { $page{$_}->header('Content-Security-Policy') } '/docs', '/ui';

my $ui = $page{'/ui'}->body;
my $policy = $page{'/ui'}->header('Content-Security-Policy');

# without a library for its plots

cmp_ok length $ui, '<', 54_000, 'the page is small';
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
is $t->count, 4, 'are stored';
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

# readers of JSON differ in what they make of a name that comes twice

{
    my (@names, @twice);

    for (split /\n/, slurp('web/openapi.json')) {
        my ($indent, $name) = /^( *)"((?:[^"\\]|\\.)*)": *[\[{]$/ or next;
        my $depth = length $indent;

        $#names = $depth if $#names > $depth;
        push @twice, $name if $names[$depth]{$name}++;
    }

    is_deeply \@twice, [], 'no name comes twice in an object';
}

# every method of every endpoint that the server names

my $json = 'application/json';

sub path_of {
    my ($path) = @_;

    return $path . '?url=http%3A%2F%2Fexample.org%2F'
        if $path =~ m{^/page(?:/|$)};
    return $path =~ s/\{\w+\}/dataset%2F1/r;
}

for my $path (sort keys %{ $api->{paths} }) {
    my $allow = $t->request('OPTIONS', path_of($path))->header('Allow') // '';

    is_deeply [ sort map { uc } keys %{ $api->{paths}{$path} } ],
        [ sort split /, /, $allow ], "$path: its methods";
}

my @routes = slurp('src/api/ngx_http_bigcache_route.c')
    =~ m{ngx_string\("(/[a-z/]+)"\)}g;
my %described = map { s/\{.*//r => 1 } keys %{ $api->{paths} };

cmp_ok scalar @routes, '>', 8, 'there are routes';
is_deeply [ grep { !$described{$_} } @routes ], [], 'all are described';

# an example of a parameter is what Swagger UI sends when its field is empty

walk_parameters($_) for $api->{components}{parameters},
    map { values %$_ } values %{ $api->{paths} };

sub walk_parameters {
    my ($node) = @_;

    my @all = ref $node->{parameters} eq 'ARRAY' ? @{ $node->{parameters} }
        : values %$node;

    ok !exists $_->{example} && !exists $_->{examples}
        && !exists $_->{schema}{example}, "no example for $_->{name}"
        for grep { ref eq 'HASH' && $_->{in} } @all;
}

# what is said in sentences is what the sources say

my $sources = join '', map { slurp($_) =~ s/"\s+"//gr } glob "$top/src/*/*.c";

sub details {
    my ($node) = @_;

    return map { details($_) } @$node if ref $node eq 'ARRAY';
    return () if ref $node ne 'HASH';
    return map {
        my $value = $node->{$_};
        /^(?:detail|msg)$/ && !ref $value ? $value : details($value);
    } keys %$node;
}

my %details = map { $_ => 1 } details($api);

delete $details{'value: field required'};
cmp_ok scalar(keys %details), '>', 20, 'sentences';
ok index($sources, qq("$_")) >= 0, "the sources say: $_"
    for sort keys %details;

# what a schema says: types, required members, "enum"

sub fits {
    my ($value, $schema) = @_;

    $schema = followed($schema);

    my @types = map { ref $_ ? @$_ : $_ } $schema->{type} // ();

    if ($schema->{oneOf}) {
        my @why = map { fits($value, $_) } @{ $schema->{oneOf} };

        return 1 == grep({ $_ eq '' } @why) ? '' : "not one: @why";
    }

    my $is = !defined $value ? 'null' : ref $value eq 'HASH' ? 'object'
        : ref $value eq 'ARRAY' ? 'array'
        : JSON::PP::is_bool($value) ? 'boolean'
        : $utf8->encode($value) =~ /^"/ ? 'string' : 'number';

    return "$is is not @types" if @types
        && !grep { $_ eq $is || $_ eq 'integer' && $is eq 'number' } @types;
    return 'none of those' if $schema->{enum} && defined $value
        && !grep { defined && $_ eq $value } @{ $schema->{enum} };

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
        return 'too many'
            if defined $schema->{maxItems} && @$value > $schema->{maxItems};
        return 'too few'
            if defined $schema->{minItems} && @$value < $schema->{minItems};

        for my $item (@$value) {
            my $why = fits($item, $schema->{items});
            return $why if $why;
        }
    }

    return '';
}

# examples(CONTENT): [TYPE, VALUE, TEXT] of each

sub examples {
    my ($content) = @_;

    my @found;

    for my $type (sort keys %$content) {
        my $c = $content->{$type};

        push @found, map { [ $type, $_, ref ? $utf8->encode($_) : $_ ] }
            exists $c->{example} ? $c->{example} : (),
            map { $c->{examples}{$_}{value} }
            sort keys %{ $c->{examples} || {} };
    }

    return @found;
}

# all examples are of the shape that they are examples for

for my $path (sort keys %{ $api->{paths} }) {
    for my $method (sort keys %{ $api->{paths}{$path} }) {
        my $operation = $api->{paths}{$path}{$method};

        for my $part (map { followed($_) } grep { $_ }
            $operation->{requestBody}, values %{ $operation->{responses} })
        {
            my $content = $part->{content} or next;

            is fits($_->[1], $content->{ $_->[0] }{schema}), '',
                "$method $path: an example, $_->[0]" for examples($content);
        }
    }
}

# answered(METHOD, PATH, STATUS, ANSWER): as it is said for that status

my %named = map { lc() => 1 } qw(ETag Last-Modified Cache-Status Content-Range
    Accept-Ranges Retry-After WWW-Authenticate Vary Content-Encoding
    Preference-Applied Bigcache-Lease Bigcache-Stale);
my %seen;

sub answered {
    my ($method, $path, $status, $r) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $name = uc($method) . " $path, $status";
    my $said = $api->{paths}{$path}{$method}{responses}{$status};

    $seen{"$method $path $status"} = 1;
    is $r->status, $status, $name or diag $r->body;
    ok $said, "$name: is described" or return;
    $said = followed($said);

    my %headers = map { lc() => 1 } keys %{ $said->{headers} || {} };
    is join(' ', grep { $named{$_} && !$headers{$_} }
        map { lc $_->[0] } @{ $r->{headers} }), '', "$name: its headers";

    return if $method eq 'head' || $status == 304;

    my ($type) = ($r->header('Content-Type') // '') =~ /^([^;]*)/;
    my $content = $said->{content}{$type} || $said->{content}{'*/*'};

    ok $content, "$name: its type, $type" or return;
    return if $type ne $json;
    is fits($r->json, $content->{schema}), '', "$name: its shape"
        or diag $r->body;

    # an error is said in one of the sentences that are given

    return if $status < 400 || $status == 422;

    my %examples = map { $_->[1]{detail} => 1 } examples($said->{content});
    ok $examples{ $r->json->{detail} }, "$name: its sentence"
        or diag $r->body;
}

sub ask {
    my ($method, $path, $body, %headers) = @_;

    my $n = delete $headers{port};

    return $n ? $t->connect($n)->request(uc $method, $path, $body, %headers,
        Connection => 'close')
        : $t->request(uc $method, $path, $body, %headers);
}

# what there is to work on

sub prepare {
    my ($path, $expired) = @_;

    ask(post => '/open');
    ask(delete => '/cache/dataset%2F1');
    ask(post => '/clear') if $expired && $path =~ m{^/page};

    return if $expired;
    return prepare_page() if $path =~ m{^/page};

    $path =~ m{^/pickle/}
        ? ask(post => '/pickle/dataset%2F1', '<p>a page that was slow to make'
            . '</p>', 'Content-Type' => 'text/html')
        : ask(post => '/cache/dataset%2F1', '{"value":1}');
}

# a page of the upstream is stored by a thread

sub prepare_page {
    $t->wait_for(sub {
        ask(get => '/', undef, port => 5, Host => 'example.org');
        return ask(get => path_of('/page'))->status == 200;
    }) or die "no page\n";
}

# the header that a lease to give back needs

sub lease {
    my ($path) = @_;

    return if $path !~ m{^/lease/};

    ask(delete => '/cache/dataset%2F1');
    return ('Bigcache-Lease' => ask(get => '/cache/dataset%2F1', undef,
        Prefer => 'wait=0')->header('Bigcache-Lease'));
}

# one that is good: its body

sub good {
    my ($path, $method) = @_;

    my $body = $api->{paths}{$path}{$method}{requestBody} or return (undef);
    my ($first) = examples(followed($body)->{content});

    return ($first->[2], 'Content-Type' => $first->[0]);
}

my %provoke = (
    304 => sub {
        my ($method, $path) = @_;
        my $etag = ask(get => path_of($path))->header('ETag');
        ask($method, path_of($path), undef, 'If-None-Match' => $etag);
    },
    206 => sub {
        my ($method, $path) = @_;
        ask($method, path_of($path), undef, Range => 'bytes=0-8');
    },
    202 => sub {
        my ($method, $path) = @_;
        my ($body, @type) = good($path, $method);

        ask($method, path_of($path), $body, @type, Prefer => 'respond-async');
    },
    400 => sub {
        my ($method, $path) = @_;
        my ($body, @type) = good($path, $method);

        return ask($method, '/keys/?limit=0') if $path eq '/keys/';
        return ask($method, '/prefix/') if $path =~ /^.prefix/;
        return ask($method, $path) if $path =~ m{^/page};
        return ask($method, path_of($path)) if $path =~ m{^/lease};

        # nginx refuses this one
        return if $path =~ m{^/(?:batch|purge)$};

        ask($method, path_of($path) =~ s/dataset.*/'a' x 8193/er, $body, @type);
    },
    401 => sub {
        my ($method, $path) = @_;
        ask($method, path_of($path), undef, port => 1);
    },
    403 => sub {
        my ($method, $path) = @_;
        ask($method, path_of($path), undef, port => 2);
    },
    404 => sub {
        my ($method, $path) = @_;
        return ask($method, $path, undef, port => 7) if $path =~ /history/;
        prepare($path, 1);
        ask($method, path_of($path), $method =~ /get|head|delete/ ? undef
            : '{"duration":"1h"}');
    },
    409 => sub {
        my ($method, $path) = @_;
        ask(post => '/pickle/dataset%2F1', 'raw');
        ask($method, path_of($path));
    },
    412 => sub {
        my ($method, $path) = @_;
        my ($body, @type) = good($path, $method);
        ask($method, path_of($path), $body, @type,
            $path =~ /^.lease/ ? ('Bigcache-Lease' => '0' x 32)
                : ('If-Match' => '"0000000000000000"'));
    },
    413 => sub {
        my ($method, $path) = @_;
        ask($method, path_of($path), 'x' x 1_100_000);
    },
    416 => sub {
        my ($method, $path) = @_;
        ask($method, path_of($path), undef, Range => 'bytes=100-');
    },
    422 => sub {
        my ($method, $path) = @_;
        $path =~ /pickle/ && $method ne 'patch'
            ? ask($method, path_of($path), 'x', 'X-Bigcache-Duration' => 'x')
            : ask($method, path_of($path), '{"duration":"x"}');
    },
    429 => sub {
        my ($method, $path) = @_;
        ask($method, path_of($path), undef, port => 3) for 1 .. 2;
        ask($method, path_of($path), undef, port => 3);
    },
    503 => sub {
        my ($method, $path) = @_;
        my ($body, @type) = good($path, $method);

        # these do without a store, or make one
        return if $path =~ m{^/(?:batch|metrics|clear|close|open)$};

        ask(post => '/close');
        ask($method, path_of($path), $body, @type);
    },
);

# what no test can have: 500, 507

for my $path (sort keys %{ $api->{paths} }) {
    for my $method (sort keys %{ $api->{paths}{$path} }) {
        my $operation = $api->{paths}{$path}{$method};
        my $body = followed($operation->{requestBody} || {})->{content};

        # what it gives as examples works, as an answer to them is

        for my $example ($body ? examples($body) : []) {
            my ($type, $value, $text) = @$example;

            prepare($path);
            answered($method, $path, 200, ask($method, path_of($path), $text,
                $type ? ('Content-Type' => $type) : (), lease($path)));
        }

        for my $status (sort keys %{ $operation->{responses} }) {
            my $code = $provoke{$status} or next;

            prepare($path);
            my $r = $code->($method, $path) or next;
            answered($method, $path, $status, $r);
        }
    }
}

ask(post => '/open');

# those that have more to them

answered('post', '/incr/{key}', 409, do {
    prepare('/cache/');
    ask(post => '/incr/dataset%2F1', '{"delta":9223372036854775807}');
});
prepare('/cache/');
answered('post', '/incr/{key}', 412,
    ask(post => '/incr/dataset%2F1', '', 'If-None-Match' => '*'));
answered('patch', '/cache/{key}', 412, ask(patch => '/cache/dataset%2F1',
    '{"duration":"1h"}', 'If-None-Match' => '*'));
answered('delete', '/cache/{key}', 412, ask(delete => '/cache/dataset%2F1',
    undef, 'If-None-Match' => '*'));

my $etag = ask(get => '/cache/dataset%2F1')->header('ETag');

isnt ask(patch => '/cache/dataset%2F1', '{"duration":"1h"}')->header('ETag'),
    $etag, 'a PATCH makes another version';

for my $path (sort keys %{ $api->{paths} }) {
    for my $method (sort keys %{ $api->{paths}{$path} }) {

        my $refused = $api->{paths}{$path}{$method}{responses}{403}{'$ref'}
            =~ /OtherSite/;
        my ($body, @type) = good($path, $method);

        for my $site (qw(same-site cross-site)) {
            my $answer = ask($method, path_of($path), $body, @type,
                'Sec-Fetch-Site' => $site);

            $refused ? answered($method, $path, 403, $answer)
                : isnt($answer->status, 403, "$method $path from $site");
        }
    }
}

my @lease = lease('/lease/');
answered('get', '/pickle/{key}', 404, ask(get => '/pickle/dataset%2F1', undef,
    Prefer => 'wait=0'));
answered('delete', '/lease/{key}', 400, ask(delete => '/lease/dataset%2F1',
    undef, 'Bigcache-Lease' => 'x'));
answered('post', '/cache/{key}', 200, ask(post => '/cache/dataset%2F1',
    '{"value":1}', @lease));
answered('post', '/cache/{key}', 412, ask(post => '/cache/dataset%2F1',
    '{"value":1}', @lease));
lease('/lease/');
answered('get', '/cache/{key}', 404, ask(get => '/cache/dataset%2F1', undef,
    Prefer => 'wait=0'));
prepare('/cache/');

answered('post', '/batch', 200, ask(post => '/batch', '{"operations":[]}'));
my $r = ask(post => '/batch', '{"operations":[{"op":"set","key":"k"}]}');
answered('post', '/batch', 200, $r);
is $r->json->{results}[0]{detail}, 'value: field required',
    'an operation that is wrong names the member';

ask(post => '/close');
$r = ask(post => '/batch', '{"operations":[{"op":"get","key":"k"}]}');
answered('post', '/batch', 200, $r);
is $r->json->{results}[0]{status}, 503, 'a batch of a store that is closed';
answered('get', '/metrics', 200, ask(get => '/metrics'));
ask(post => '/open');

# a page that is packed has more headers

ask(post => '/cache/dataset%2F1', '{"value":"' . 'x' x 5000 . '"}');
$r = ask(get => '/cache/dataset%2F1', undef, 'Accept-Encoding' => 'gzip');
is $r->header('Content-Encoding'), 'gzip', 'a page that is packed';
is ask(head => '/cache/dataset%2F1', undef, 'Accept-Encoding' => 'gzip')
    ->status, 200, 'its head';
answered('head', '/cache/{key}', 200, ask(head => '/cache/dataset%2F1', undef,
    'Accept-Encoding' => 'gzip'));

# a store that cannot be opened

for my $request ([ get => '/cache/{key}' ], [ post => '/incr/{key}' ],
    [ patch => '/pickle/{key}' ], [ get => '/keys/' ], [ post => '/clear' ])
{
    my ($method, $path) = @$request;
    my $answer = ask($method, path_of($path), (good($path, $method))[0],
        port => 4);

    is $answer->status, 503, "$method $path: a store that is away";
    is fits($answer->json, $api->{components}{schemas}{Detail}), '',
        'is said as others are';
}

# all that is described has been seen, but for what no test can have

my @unseen = map {
    my $path = $_;
    map {
        my $method = $_;
        map { "$method $path $_" } grep { !$seen{"$method $path $_"} }
            keys %{ $api->{paths}{$path}{$method}{responses} };
    } keys %{ $api->{paths}{$path} };
} keys %{ $api->{paths} };

is_deeply [ sort grep { !/ 50[07]$/ && !m{ /(?:batch|metrics|clear|close|open) }
    && !m{^post /(?:batch|purge) 400$} } @unseen ], [], 'all of it was seen';

done_testing;
