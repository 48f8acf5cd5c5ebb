#!/usr/bin/perl

# POST /batch with bytes behind its document, and "no_transform" of a set.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use JSON::PP;
use MIME::Base64;
use Test::More;

use constant MIB => 1024 * 1024;
use constant TYPE => 'application/x-bigcache-batch';

my @type = ('Content-Type' => TYPE);
my @gzip = ('Accept-Encoding' => 'gzip');
my $html = join "\n", map { "<li class=\"item\">item $_</li>" } 1 .. 1000;


# server(WORKERS): with locations whose bodies are in memory, and in files

sub server {
    return Bigcache::Test->new->conf(
        main => "worker_processes $_[0];",
        http => 'client_max_body_size 100m;',
        server => q{
            location /memory/ {
                bigcache_base /memory;
                bigcache main;
                client_body_buffer_size 16m;
            }

            location /file/ {
                bigcache_base /file;
                bigcache main;
                client_body_in_file_only clean;
            }

            location /small/ {
                bigcache_base /small;
                bigcache main;
                client_body_buffer_size 1k;
            }
        })->start;
}


# send_to(T, OPERATIONS, BYTES, PATH, CHUNK): the response

sub send_to {
    my ($t, $operations, $bytes, $path, $chunk) = @_;

    my $body = qq({"operations":[$operations]}\n$bytes);

    return $t->request('POST', ($path // '') . '/batch',
        $chunk ? [ unpack "(a$chunk)*", $body ] : $body, @type);
}


sub statuses { join ' ', map { $_->{status} } @{ $_[0]->json->{results} } }


# refused(T, BODY, MESSAGE): the whole of it, and nothing is stored

sub refused {
    my ($t, $body, $msg, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    my $r = $t->request('POST', '/batch', $body, @type);

    is $r->status, 422, "$name: status" or diag $r->body;
    like $r->json->{detail}[0]{msg}, $msg, "$name: why";
    is $t->get('/pickle/refused')->status, 404, "$name: nothing is stored";
}


sub basics {
    my ($t) = @_;

    my $all = join '', map { chr } 0 .. 255;

    # each kind of operation among each other

    my $r = send_to($t, '{"op":"set","key":"a","bytes":256,"type":"a/b"},'
        . '{"op":"get","key":"a"},'
        . '{"op":"set","key":"b","value":[1.0],"duration":"1h"},'
        . '{"op":"set","key":"c","base64":"YQ=="},'
        . '{"op":"set","key":"d","bytes":0,"expire":4102444800},'
        . '{"op":"set","key":"e","bytes":3,"duration":"1h","base64":null},'
        . '{"op":"touch","key":"e","expire":null},'
        . '{"op":"delete","key":"c","bytes":null},'
        . '{"op":"set","key":"f","bytes":1,"if_none_match":"*"}',
        "$all\n{}\n");
    is $r->status, 200, 'a batch' or diag $r->body;
    is statuses($r), '200 200 200 200 200 200 200 200 200', 'statuses';
    is $r->json->{results}[1]{base64}, encode_base64($all, ''), 'get';
    is $r->json->{results}[4]{expire}, 4102444800, 'expire';
    is $t->get('/pickle/a')->body, $all, 'all bytes';
    is $t->get('/pickle/a')->header('Content-Type'), 'a/b', 'the type';
    is $t->get('/pickle/d')->body, '', 'no bytes';
    is $t->get('/pickle/e')->body, "\n{}", 'a line feed and braces';
    is $t->get('/pickle/e')->header('Content-Type'),
        'application/octet-stream', 'no type';
    is $t->get('/pickle/f')->body, "\n", 'the last byte';
    is $t->get('/cache/b')->json->{value}[0], 1, 'a value';

    is statuses(send_to($t, '', '')), '', 'none';
    is send_to($t, '', '')->body, '{"results":[]}', 'no results';
    is statuses(send_to($t, '{"op":"set","key":"g","value":1}', '')), '200',
        'no bytes at all';

    # the last of two counts, as that of all members

    is statuses(send_to($t,
        '{"op":"set","key":"g","bytes":7,"byt\\u0065s":2}', 'xy')), '200',
        'twice, escaped';
    is $t->get('/pickle/g')->body, 'xy', 'the last counts';

    # what fails takes its bytes, too

    $r = send_to($t, '{"op":"set","key":"h","bytes":1,"value":1},'
        . '{"op":"set","key":"h","bytes":1,"base64":"YQ=="},'
        . '{"op":"set","key":"h","bytes":1,"value":null},'
        . '{"op":"get","key":"h","bytes":1},'
        . '{"op":"delete","key":"h","bytes":0},'
        . '{"op":"touch","key":"h","bytes":1,"expire":null},'
        . '{"op":"what","key":"h","bytes":1},'
        . '{"op":"set","bytes":1},'
        . '5,"bytes",[{"bytes":9}],'
        . '{"op":"set","key":"h","bytes":1,"type":7},'
        . '{"op":"set","key":"h","bytes":1,"duration":"soon"},'
        . '{"op":"set","key":"h","bytes":1,"type":"a\\nb"},'
        . '{"op":"set","key":"a","bytes":1,"if_none_match":"*"},'
        . '{"op":"set","key":"h","bytes":1,"if_none_match":"a"},'
        . '{"op":"set","key":"h","bytes":1,"no_transform":1},'
        . '{"op":"set","key":"i","bytes":2},'
        . '{"op":"set","key":"j","bytes":1}', '-' x 13 . 'ijk');
    is $r->status, 200, 'what fails';
    is statuses($r), join(' ', (422) x 14, 412, 422, 422, 200, 200),
        'their statuses' or diag $r->body;
    is $t->get('/pickle/i')->body, 'ij', 'the bytes of the next one';
    is $t->get('/pickle/j')->body, 'k', 'and of the last';
    is $t->get('/pickle/h')->status, 404, 'nothing of what failed';

    my @why = map { $_->{detail} } @{ $r->json->{results} };

    is_deeply [ @why[0 .. 7, 16] ], [
        'there is a value and bytes, too', 'there is base64 and bytes, too',
        'there is a value and bytes, too', ('bytes: only a set has them') x 3,
        'op is none of get, set, delete, touch', 'key: field required',
        'no_transform is neither true nor false' ], 'why';

    # the whole is wrong

    my $set = '{"op":"set","key":"refused","bytes":1}';

    refused($t, '', qr/no line feed/, 'empty');
    refused($t, qq({"operations":[$set]}), qr/no line feed/, 'no line feed');
    refused($t, "\n", qr/^field required$/, 'no document');
    refused($t, "{\"operations\":\n[$set]}\nx", qr/./, 'lines');
    refused($t, qq({"operations":[$set]}x\n), qr/./, 'a byte too early');
    refused($t, "[]\n", qr/not a valid dict/, 'no object');
    refused($t, qq({"operations":[$set]}\n), qr/^fewer bytes/, 'no bytes');
    refused($t, qq({"operations":[$set,$set]}\nx), qr/^fewer bytes/,
        'too few');
    refused($t, qq({"operations":[$set]}\nxy), qr/^more bytes/, 'too many');
    refused($t, qq({"operations":[{"op":"set","key":"refused","value":1}]}\n\n),
        qr/^more bytes/, 'an empty line');

    refused($t, qq({"operations":[$set,{"op":"get","key":"k","bytes":$_}]}\nx),
        qr/^value is not a number of bytes$/, "bytes: $_")
        for '-1', '1.0', '1e0', '0.5', '"1"', 'true', 'false', '[1]', '{}',
            '9223372036854775808', '18446744073709551616',
            '-9223372036854775808', '1' . '0' x 100;

    refused($t, qq({"operations":[$set,{"op":"set","key":"k","bytes":$_}]}\nx),
        qr/^fewer bytes/, "bytes: $_")
        for '9223372036854775807', '4294967296';

    refused($t, qq({"operations":[$set,
        {"op":"set","key":"k","bytes":9223372036854775807},
        {"op":"set","key":"k","bytes":9223372036854775807}]}\nx) =~ s/\n\s+//gr,
        qr/^fewer bytes/, 'a sum over 64 bits');

    my $many = join ',', ('{"op":"set","key":"refused","bytes":1}') x 1001;

    refused($t, qq({"operations":[$many]}\n) . 'x' x 1001, qr/more than 1000/,
        'too many operations');

    # without the type a batch is one of JSON

    for my $other (undef, 'application/json', TYPE . 'es', 'x' . TYPE) {
        my @headers = $other ? ('Content-Type' => $other) : ();
        my $name = $other // 'no type';

        $r = $t->request('POST', '/batch', '{"operations":[{"op":"set",'
            . qq("key":"refused","bytes":1},\n{"op":"get","key":"a"}]}\n),
            @headers);
        is statuses($r), '422 200', "$name: bytes";
        is $r->json->{results}[0]{detail}, 'bytes: they need "Content-Type: '
            . 'application/x-bigcache-batch"', "$name: why";
    }

    for my $same (uc TYPE, TYPE . ';v=1', TYPE . ' ; charset=x') {
        $r = $t->request('POST', '/batch', '{"operations":[{"op":"set",'
            . qq("key":"k","bytes":1}]}\nx), 'Content-Type' => $same);
        is statuses($r), '200', "$same: bytes";
    }

    # a thousand

    $r = send_to($t, join(',', map { qq({"op":"set","key":"m/$_","bytes":) .
        length($_) . '}' } 1 .. 1000), join '', 1 .. 1000);
    is scalar(grep { $_->{status} == 200 } @{ $r->json->{results} }), 1000,
        'a thousand';
    is_deeply [ map { $t->get("/pickle/m/$_")->body } 1, 99, 1000 ],
        [ 1, 99, 1000 ], 'with their bytes';
}


# bodies in memory, in several buffers, in files; pages of all sizes

sub sizes {
    my ($t) = @_;

    my @sizes = (1, 1023, 30_000, MIB - 1, MIB, MIB + 1, 5, 3 * MIB, 0, 2);
    my $noise = noise(16 * 1024) . $html;
    my $n = 0;

    for my $way (['', 0], ['/memory', 0], ['/memory', 70_000], ['/file', 0],
        ['/small', 0], ['/small', 300_000])
    {
        my ($path, $chunk) = @$way;
        my $name = "'$path' $chunk";

        my @pages = map { $n++; substr $n . $noise x (1 + $_ / length $noise),
            0, $_ } @sizes;
        my $r = send_to($t, join(',', map { qq({"op":"set","key":"s/$_",)
            . qq("bytes":$sizes[$_],"type":"text/plain","no_transform":)
            . ($_ % 2 ? 'true' : 'false') . '}' } 0 .. $#sizes),
            join('', @pages), $path, $chunk);

        is $r->status, 200, "$name: sizes" or diag $r->body;
        is statuses($r), join(' ', (200) x @sizes), "$name: statuses";
        ok $t->get("/pickle/s/$_")->body eq $pages[$_],
            "$name: $sizes[$_] bytes" for 0 .. $#sizes;

        # small bodies, too, which a file can hold as well

        $r = send_to($t, '{"op":"set","key":"k","bytes":3},{"op":"set",'
            . '"key":"l","bytes":2}', 'abc' . $n, $path, $chunk && 9);
        is statuses($r), '200 200', "$name: a small one";
        is $t->get('/pickle/l')->body, $n, "$name: its bytes";
    }
}


sub no_transform {
    my ($t) = @_;

    my $base64 = encode_base64($html, '');
    my $json = encode_json([ $html ]);

    for my $how (['bytes', '"bytes":' . length $html], ['base64',
        qq("base64":"$base64")], ['value', qq("value":$json)])
    {
        my ($name, $page) = @$how;

        for my $case (['true', 0], ['false', 1], ['null', 1]) {
            my ($said, $packed) = @$case;

            my $r = send_to($t, '{"op":"set","key":"n",'
                . qq("no_transform":$said,$page}),
                $name eq 'bytes' ? $html : '');
            is statuses($r), '200', "$name, $said";

            my $path = $name eq 'value' ? '/cache/n' : '/pickle/n';

            is $t->get($path, @gzip)->header('Content-Encoding'),
                $packed ? 'gzip' : undef, "$name, $said: packed, or not";
            ok $name eq 'value' ? $t->get($path)->json->{value}[0] eq $html
                : $t->get($path)->body eq $html, "$name, $said: the page";
        }

        next if $name eq 'bytes';

        my $r = $t->request('POST', '/batch', '{"operations":[{"op":"set",'
            . qq("key":"n","no_transform":true,$page},{"op":"set","key":"n",)
            . qq("no_transform":"true",$page}]}));
        is statuses($r), '200 422', "$name, in a batch of JSON";
        is $t->get('/pickle/n', @gzip)->header('Content-Encoding'), undef,
            "$name, in a batch of JSON: not packed";
    }
}


for my $workers (1, 4) {
    my $t = server($workers);

    subtest "$workers workers" => sub {
        basics($t);
        sizes($t);
        no_transform($t);

        # a store that is closed: each is told so

        is $t->request('POST', '/close')->status, 200, 'closed';
        my $r = send_to($t, '{"op":"set","key":"k","bytes":2},'
            . '{"op":"set","key":"k","bytes":1}', 'xyz');
        is statuses($r), '503 503', 'a closed store';
        is $t->request('POST', '/open')->status, 200, 'opened';
    };

    ok $t->stop, 'stops';
}

done_testing;
