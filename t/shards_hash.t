#!/usr/bin/perl

# Which server a key goes to: the one that nginx's own "hash KEY consistent" gives
# for the key as the servers make it, however the client has spelled it, below a
# base, with a query string in the key or without; for 20,000 keys of all bytes.

use strict;
use warnings;

use Bigcache::Test qw(raw);
use Compress::Raw::Zlib qw(crc32);
use Encode qw(decode FB_CROAK);
use JSON::PP ();
use List::Util qw(shuffle);
use Test::More;

use constant KEYS => 20_000;
use constant AHEAD => 50;       # requests that are sent before an answer is read
use constant FRONT => 1;

my $seed = $ENV{BIGCACHE_SEED} || time ^ $$ << 8;
srand $seed;
note "BIGCACHE_SEED=$seed";

my %weight = (2 => 1, 3 => 2, 4 => 1);
my @nodes = sort keys %weight;

# places with the directives of such a location, here and there

my %places = (
    '' => '',
    '/base' => 'bigcache_base /base;',
    '/off' => 'bigcache_base /off; bigcache_key_args off;',
    '/limited' => 'bigcache_base /limited;',
    '/if' => 'bigcache_base /if;',
);

my $t = Bigcache::Test->new;
my $dir = $t->dir;

sub address { '127.0.0.1:' . $t->port($_[0]) }


# locations(CODE): all of them, with what CODE says for each

sub locations {
    my ($code) = @_;

    return join '', map { "location $_/ { $places{$_} " . $code->($_) . " }\n" }
        sort keys %places;
}


my $servers = join '', map {
    'server ' . address($_) . " max_fails=0 weight=$weight{$_};\n" } @nodes;

$t->conf(http => join("\n", q{
    keepalive_requests 1000000;
    large_client_header_buffers 4 64k;
    client_max_body_size 10m;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_next_upstream off;},
    "upstream shards { hash \$bigcache_shard_key consistent;\n$servers"
        . 'keepalive 16; }',
    "upstream check { hash \$http_x_key consistent;\n${servers}keepalive 16; }",
    map { "bigcache_path $dir/node$_ zone=node$_:1m;" } @nodes),
    servers => join("\n", (map {
        my $node = $_;
        "server {\nlisten " . address($node) . ";\n"
            . locations(sub { "bigcache node$node;" }) . '}';
    } @nodes),
    "server {\nlisten " . address(FRONT) . ";\n"
        . "add_header X-To \$upstream_addr always;\n"
        . locations(sub {
            'bigcache_shards shards; proxy_pass http://shards;'
                . ($_[0] eq '/limited'
                    ? 'limit_except GET { allow 127.0.0.1; deny all; }' : '')
                . ($_[0] eq '/if' ? 'if ($arg_if) { set $seen 1; }' : '');
        })
        . "location = /to { proxy_pass http://check; }\n}"))->start;


# -- the ring of nginx, ngx_http_upstream_hash_module.c

my @points = sub {
    my %points;

    for my $node (@nodes) {
        my $base = crc32(join "\0", split /:/, address($node));
        my $hash = 0;

        for (1 .. 160 * $weight{$node}) {
            $hash = crc32(pack('V', $hash), $base);
            $points{$hash} //= $node;
        }
    }

    return map { [$_, $points{$_}] } sort { $a <=> $b } keys %points;
}->();


sub node_of {
    my ($key) = @_;

    my $hash = crc32($key);
    my ($low, $high) = (0, scalar @points);

    while ($low < $high) {
        my $middle = int(($low + $high) / 2);

        if ($points[$middle][0] < $hash) {
            $low = $middle + 1;

        } else {
            $high = $middle;
        }
    }

    return $points[$low % @points][1];
}


# -- keys

my @bytes = (
    [map { chr } 1 .. 255],
    [map { chr } 0x20 .. 0x7e, 0x80 .. 0xff],
    ['a' .. 'z', 0 .. 9, qw(/ / ? & = % + . : ~ - _ " < > \\ ^ ` { | } ;), ' ',
        "\xed\x95\x9c", "\xc3\xa9", "\xff"],
);

# a key without slashes around it, and without parts that are dots, which nginx
# may take for a way out of the endpoint

sub key {
    my $bytes = $bytes[rand @bytes];
    my $length = rand() < 0.002 ? 8000 : rand() < 0.02 ? 300 : 1 + int rand 40;

    while (1) {
        my $key = join '', map { $bytes->[rand @$bytes] } 1 .. $length;

        $key = substr $key, 0, 8192;
        $key =~ s{^/+|/+\z}{}g;
        return $key if $key ne '' && $key !~ m{(?:^|/)\.\.?(?:[/?]|\z)};
    }
}


# spelled(KEY, ARGS): one of the ways to name it in a request; ARGS: the query
# string belongs to the key

sub spelled {
    my ($key, $args) = @_;

    my $raw = (0, 0.5, 0.9)[rand 3];
    my $query = $args && $key =~ /\?./s && rand() < 0.7;
    my $text = join '', map { rand() < 0.3 ? $_ : '' } '/', '%2F', '//', '%2f';

    for my $at (0 .. length($key) - 1) {
        my $byte = substr $key, $at, 1;

        # the first question mark that is not escaped begins the query string,
        # which must not be empty

        my $may = $byte eq '?' ? $query && $at < length($key) - 1
            : $byte !~ /[\0-\x20\x7f#%]/;

        $text .= $may && rand() < $raw ? $byte
            : sprintf rand() < 0.5 ? '%%%02x' : '%%%02X', ord $byte;
    }

    $text .= join '', map { rand() < 0.2 ? $_ : '' } '/', '%2F', '/';
    $text .= '?x=' . int rand 10 if !$args && rand() < 0.5;

    return $text;
}


# answers(REQUEST ...): sends raw requests on a connection to the front, returns
# the answers

sub answers {
    my @requests = @_;

    my $c = $t->connect(FRONT);
    my @answers;

    while (my @some = splice @requests, 0, AHEAD) {
        $c->send(join '', @some);
        push @answers, map { $c->response } @some;
    }

    return @answers;
}


# wrong(ANSWER, STATUS, KEY, REQUEST): what is wrong with it, if anything

sub wrong {
    my ($r, $status, $key, $request) = @_;

    my $to = address(node_of($key));
    my $name = ($request =~ /^(.*?)\r\n/s)[0];

    return $r->status != $status ? "$name: " . substr $r->answer, 0, 200
        : ($r->header('X-To') // 'none') ne $to
            ? "$name: sent to " . ($r->header('X-To') // 'none') . ", not $to"
        : ();
}


# none(NAME, WRONG ...): fails with some of them

sub none {
    my ($name, @wrong) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    return ok(!@wrong, $name) || diag scalar(@wrong) . " are wrong:\n",
        map { s/([^ -~\n])/sprintf '\\x%02x', ord $1/ger . "\n" }
        @wrong[0 .. ($#wrong > 7 ? 7 : $#wrong)];
}


my %keys;

while (keys %keys < KEYS) {
    $keys{key()} = (['', 1], ['/base', 1], ['/off', 0])[rand 3];
}

my @keys = shuffle keys %keys;

# nginx's own choice, of what a header can have

my @plain = grep { !/[\0-\x1f\x7f]/ && !/^ | \z/ } @keys;

cmp_ok scalar @plain, '>', KEYS / 2, 'keys that nginx can hash by itself';
splice @plain, KEYS / 2;

my @own = answers(map { raw('GET', '/to', undef, 'X-Key' => $_) } @plain);

none('nginx chooses as this test does', map {
    ($own[$_]->header('X-To') // 'none') eq address(node_of($plain[$_])) ? ()
        : $plain[$_] } 0 .. $#plain);

# stores: each key by one spelling

my @paths = map { my ($place, $args) = @{ $keys{$_} };
    "$place/pickle/" . spelled($_, $args) } @keys;
my @stores = map { raw('POST', $paths[$_], $_) } 0 .. $#keys;
my @stored = answers(@stores);

none('each key goes to the server of the hash',
    map { wrong($stored[$_], 200, $keys[$_], $stores[$_]) } 0 .. $#keys);

# reads: by another spelling, at another place

my @read = map {
    my $at = $_;
    my ($place, $args) = (['', 1], ['/base', 1], ['/off', 0])[rand 3]->@*;
    [$at, raw('GET', "$place/pickle/" . spelled($keys[$at], $args))];
} (shuffle 0 .. $#keys)[0 .. 4999];
my @got = answers(map { $_->[1] } @read);

none('other spellings go there, too', map {
    my ($at, $request) = @{ $read[$_] };
    my @wrong = wrong($got[$_], 200, $keys[$at], $request);
    push @wrong, "$request: another page" if !@wrong && $got[$_]->body ne $at;
    @wrong;
} 0 .. $#read);

# where they lie: the servers' own lists, in which a cursor is the key as it is

my (%lies, @twice);

for my $node (@nodes) {
    my $after = '';

    while (defined $after) {
        my $body = $t->request_to($node, 'GET', '/keys/?limit=1000&cursors=on'
            . ($after eq '' ? '' : "&after=$after"))->body;

        for my $key (map { s/%(..)/chr hex $1/ger }
            $body =~ /"cursor":"([^"]*)"/g)
        {
            push @twice, $key if $lies{$key};
            $lies{$key} = $node;
        }

        ($after) = $body =~ /\],"next":"([^"]*)"\}$/;
    }
}

none('no key is on two servers', @twice);
none('the servers have no other keys', grep { !$keys{$_} } keys %lies);
none('each key lies where the hash says',
    grep { ($lies{$_} // 0) != node_of($_) } @keys);

for my $node (@nodes) {
    cmp_ok scalar(grep { $_ == $node } values %lies), '>',
        KEYS * $weight{$node} / 4 * 0.6, "server $node has its share";
}

# the list of the front has all of them, in the order of their bytes; what is not
# UTF-8 is shown as something else

my (@list, $after);

do {
    my $body = $t->request_to(FRONT, 'GET', '/keys/?limit=1000'
        . (defined $after ? "&after=$after" : ''))->body;

    push @list, $body =~ /\{"key":("(?:[^"\\]|\\.)*")/g;
    ($after) = $body =~ /\],"next":"([^"]*)"\}$/;
} while (defined $after && @list <= KEYS);

is scalar @list, scalar @keys, 'the list of the front has all keys';

my $json = JSON::PP->new->utf8->allow_nonref;
my @shown = grep { !/\x{fffd}/ } map { $json->decode($_) } @list;
my @text = grep { defined && !/\x{fffd}/ }
    map { my $key = $_; eval { decode('UTF-8', $key, FB_CROAK) } } sort @keys;

ok join("\n", @shown) eq join("\n", @text), 'and in order';

# -- the endpoints of a key, and what a batch names

is $t->request_to(FRONT, 'POST', '/clear')->status, 200, '/clear';

my @ends = map { "e/$_ \xe9" } 1 .. 40;
my @cases = (
    [ 'POST', '/incr', 200, '{"initial":5}' ],
    [ 'PATCH', '/cache', 200, '{"expire":null}' ],
    [ 'HEAD', '/cache', 200 ],
    [ 'DELETE', '/lease', undef ],
    [ 'DELETE', '/pickle', 200 ],
);

for my $case (@cases) {
    my ($method, $endpoint, $status, $body) = @$case;

    none("$method $endpoint/", map {
        my $request = "$method $endpoint/" . spelled($_, 1);
        my $r = $t->request_to(FRONT, split(/ /, $request, 2), $body);
        wrong($r, $status // $r->status, $_, "$request\r\n");
    } @ends);
}

# slashes around a key are left out there, too; and escapes of JSON count as what
# they mean

my %named = map { ("b/$_" => "\"b/$_\"", "c/$_" => "\"/c/$_\"",
    "d/$_" => "\"d/$_//\"", "f/\xc3\xa9$_" => "\"f\\/\\u00e9$_\"",
    "g/\xf0\x9f\x98\x80$_" => "\"g/\\ud83d\\ude00$_\"") } 1 .. 20;
my @named = sort keys %named;
my $r = $t->request_to(FRONT, 'POST', '/batch', '{"operations":['
    . join(',', map { qq[{"op":"set","key":$named{$named[$_]},"value":$_}] }
        0 .. $#named) . ']}');

is $r->status, 200, 'a batch' or diag $r->answer;
none('all of it is stored', map { $_->{status} == 200 ? ()
    : JSON::PP::encode_json($_) } @{ $r->json->{results} });
none('what a batch stores, a request finds', map {
    my $request = 'GET /cache/' . spelled($named[$_], 1);
    my $r = $t->request_to(FRONT, split / /, $request, 2);
    my @wrong = wrong($r, 200, $named[$_], "$request\r\n");
    push @wrong, "$request: another value"
        if !@wrong && $r->json->{value} ne $_;
    @wrong;
} 0 .. $#named);

# -- the empty key has one server, and dots lead nowhere

is $t->request_to(FRONT, 'POST', '/pickle/', 'empty')->status, 200,
    'the empty key is stored';
is join(' ', map { $t->request_to(FRONT, 'GET', "/pickle/$_")->body } ('') x 7,
    '/', '%2F', '///'), join(' ', ('empty') x 10), 'and read, always';
is $t->request_to(FRONT, 'GET', "/pickle/$_")->status, 400, "refused: $_"
    for 'a%00', 'a%zz', '../stat', 'k' x 8193;

# -- locations with a limit_except or an "if": nginx uses another configuration
# for some of their requests

for my $case ([ '/limited', '' ], [ '/if', '' ], [ '/if', '&if=1' ]) {
    my ($place, $more) = @$case;
    my @wrong;

    for my $n (1 .. 30) {
        my $key = "l$n?x=$n$more";

        for my $request ([ 'POST', 200, 'x' ], [ 'GET', 200 ],
            [ 'DELETE', 200 ], [ 'GET', 404 ])
        {
            my ($method, $status, $body) = @$request;
            my $r = $t->request_to(FRONT, $method, "$place/pickle/$key", $body);

            push @wrong, wrong($r, $status, $key,
                "$method $place/pickle/$key\r\n");
        }
    }

    none("location $place/, \"$more\"", @wrong);
    is $t->request_to(FRONT, 'GET', "$place/stat/count?x=1$more")
        ->json->{count}, @named + 1, "location $place/, \"$more\": the count";
}

ok $t->stop, 'stops';

done_testing;
