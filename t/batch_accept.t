#!/usr/bin/perl

# POST /batch whose answer has raw pages as bytes behind its document.

use strict;
use warnings;

use Bigcache::Test qw(noise);
use JSON::PP;
use MIME::Base64;
use Test::More;

use constant MIB => 1024 * 1024;
use constant TYPE => 'application/x-bigcache-batch';

my @accept = (Accept => TYPE);
my $html = join "\n", map { "<li class=\"item\">item $_</li>" } 1 .. 1000;


sub document { '{"operations":[' . join(',', @_) . ']}' }
sub get { map { qq({"op":"get","key":"$_"}) } @_ }


# ask(T, OPERATION, ...): the response of a batch that wants bytes

sub ask { my $t = shift; $t->request('POST', '/batch', document(@_), @accept) }


# bytes_of(RESPONSE): the line, and the results, each page with its "page"

sub bytes_of {
    my ($r) = @_;

    my ($line, $behind) = split /\n/, $r->body, 2;
    my $results = decode_json($line)->{results};
    my $at = 0;

    for my $result (grep { defined $_->{bytes} } @$results) {
        $result->{page} = substr $behind, $at, $result->{bytes};
        $at += $result->{bytes};
    }

    is $at, length $behind, 'no other bytes are behind the line';

    return ($line, $results);
}


# plain(RESPONSE): it is a batch of JSON, as ever

sub plain {
    my ($r, $body, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is $r->header('Content-Type'), 'application/json', "$name: type";
    is $r->body, $body, "$name: body";
}


sub basics {
    my ($t) = @_;

    my $all = join '', map { chr } 0 .. 255;

    $t->request('POST', '/pickle/all', $all, 'Content-Type' => 'a/b;c="d"',
        'X-Bigcache-Expire' => '4102444800');
    $t->request('POST', '/pickle/empty', '', 'Content-Type' => 'text/plain');
    $t->request('POST', '/pickle/lines', "a\n{}\r\n\n");
    $t->request('POST', '/cache/json', '{"value":[1.0, "x"]}');

    my $r = ask($t, get(qw(all json none empty lines all)),
        '{"op":"set","key":"new","base64":"YQ=="}', get('new'),
        '{"op":"touch","key":"new","duration":null}',
        '{"op":"delete","key":"new"}', get('new'), '{"op":"what"}', '5');
    is $r->status, 200, 'a batch';
    is $r->header('Content-Type'), TYPE, 'its type';
    is $r->header('Content-Length'), length $r->body, 'its length';
    is $r->header('Vary'), undef, 'a POST does not vary';

    my ($line, $results) = bytes_of($r);

    is $line, '{"results":[' . join(',',
        '{"status":200,"bytes":256,"type":"a/b;c=\"d\"","expire":4102444800}',
        '{"status":200,"value":[1.0, "x"],"expire":null,"duration":null}',
        '{"status":404,"detail":"cache miss"}',
        '{"status":200,"bytes":0,"type":"text/plain","expire":null}',
        '{"status":200,"bytes":7,"type":null,"expire":null}',
        '{"status":200,"bytes":256,"type":"a/b;c=\"d\"","expire":4102444800}',
        '{"status":200,"expire":null}',
        '{"status":200,"bytes":1,"type":null,"expire":null}',
        '{"status":200,"expire":null}',
        '{"status":200}',
        '{"status":404,"detail":"cache miss"}',
        '{"status":422,"detail":"key: field required"}',
        '{"status":422,"detail":"the operation is not an object"}') . ']}',
        'its line';
    is_deeply [ map { $_->{page} } grep { exists $_->{page} } @$results ],
        [ $all, '', "a\n{}\r\n\n", $all, 'a' ], 'its bytes';

    # both ways

    $r = $t->request('POST', '/batch', document(
        '{"op":"set","key":"two","bytes":3,"type":"x/y"}', get('two', 'all'))
        . "\na\nb", 'Content-Type' => TYPE, @accept);
    ($line, $results) = bytes_of($r);
    is $line, '{"results":[{"status":200,"expire":null},{"status":200,'
        . '"bytes":3,"type":"x/y","expire":null},{"status":200,"bytes":256,'
        . '"type":"a/b;c=\"d\"","expire":4102444800}]}', 'both ways';
    is $results->[1]{page}, "a\nb", 'both ways: the bytes';
    is $results->[2]{page}, $all, 'both ways: other bytes';

    # nothing is behind the line, which is one in any case

    for my $case ([ '[]' ], [ '[{"status":404,"detail":"cache miss"}]',
        get('none') ], [ '[{"status":200,"bytes":0,"type":"text/plain",'
        . '"expire":null}]', get('empty') ])
    {
        my ($expected, @operations) = @$case;

        $r = ask($t, @operations);
        is $r->header('Content-Type'), TYPE, "$expected: type";
        is $r->body, qq({"results":$expected}\n), "$expected: body";
    }

    # failures of the whole are JSON

    for my $body ('', '[]', '{"operations":5}', '{', document(
        ('{}') x 1001))
    {
        $r = $t->request('POST', '/batch', $body, @accept);
        is $r->status, 422, 'a body that is wrong: status';
        is $r->header('Content-Type'), 'application/json',
            'a body that is wrong: type';
        ok $r->json->{detail}[0]{msg}, 'a body that is wrong: why';
    }

    $r = $t->request('GET', '/batch', undef, @accept);
    is $r->status, 405, 'GET: status';
    is $r->header('Content-Type'), 'application/json', 'GET: type';

    # no other endpoint knows the type

    is $t->request('GET', '/cache/json', undef, @accept)
        ->header('Content-Type'), 'application/json', 'another endpoint';
}


sub header {
    my ($t) = @_;

    $t->request('POST', '/pickle/h', 'hello');

    my $json = '{"results":[{"status":200,"base64":"aGVsbG8=",'
        . '"type":null,"expire":null}]}';

    for my $case (undef, '', '*/*', 'application/*', 'application/json',
        TYPE . 'es', 'x' . TYPE, TYPE . '/x', '"' . TYPE . '"',
        TYPE . ';q=0', TYPE . '; Q=0.000', TYPE . ';v=1;q=0', TYPE . ' ;q=0.',
        TYPE . ';q=0;q=1', TYPE . ';q=', TYPE . ';q=x', TYPE . ';q=-1',
        TYPE . ';q = 1', TYPE . ';q', TYPE . ';v="a,b";q=0',
        'text/plain;v="' . TYPE . '"', 'text/plain;v=",' . TYPE . ',"',
        'text/plain;' . TYPE, 'text/plain ' . TYPE,
        TYPE . ';q=0, text/plain;q=1, */*')
    {
        plain($t->request('POST', '/batch', document(get('h')),
            defined $case ? (Accept => $case) : ()), $json,
            $case // 'no Accept');
    }

    my $bytes = qq({"results":[{"status":200,"bytes":5,)
        . qq("type":null,"expire":null}]}\nhello);

    for my $case (TYPE, uc TYPE, TYPE . ';', TYPE . ' ; q=1', TYPE . ';q=0.001',
        TYPE . ';v=1', TYPE . ';v="a;q=0,b";q=1.0', TYPE . ';q="0.5"',
        'application/json, ' . TYPE, TYPE . ',*/*;q=0', ',, ' . TYPE . ' ,',
        'text/plain;q=1, ' . TYPE . ';q=0.1', TYPE . ';q=0, ' . TYPE,
        'text/plain;v="\\",";w=1,' . TYPE)
    {
        my $r = $t->request('POST', '/batch', document(get('h')),
            Accept => $case);
        is $r->header('Content-Type'), TYPE, "$case: type";
        is $r->body, $bytes, "$case: body";
    }

    my $r = $t->request('POST', '/batch', document(get('h')),
        Accept => 'text/plain', Accept => TYPE);
    is $r->body, $bytes, 'two lines of Accept';
}


# the line is one line, whatever white space a value has

sub line {
    my ($t) = @_;

    my $value = qq({\r\n\t"a\\n\\r" : [ 1 ,\n\n 2.50 ]\r,"b":"\\u000a\\\\"\n});

    for my $large (0, 1) {
        my $sent = $large ? qq([\n$value,\n") . 'x' x (2 * MIB) . qq("\r\n])
            : $value;
        my $name = $large ? 'a large value' : 'a value';

        is $t->request('POST', '/cache/v', qq({"value":\n$sent\n}))->status,
            200, "$name of lines";

        my ($line, $results) = bytes_of(ask($t, get('v', 'h', 'v')));
        my $flat = '{"status":200,"value":' . ($sent =~ tr/\r\n/  /r)
            . ',"expire":null,"duration":null}';

        ok $line eq qq({"results":[$flat,{"status":200,"bytes":5,)
            . qq("type":null,"expire":null},$flat]}), "$name: in one line";
        is $results->[1]{page}, 'hello', "$name: and bytes";

        my $body = $t->request('POST', '/batch', document(get('v')))->body;

        ok $body eq '{"results":[{"status":200,"value":' . $sent
            . ',"expire":null,"duration":null}]}', "$name: JSON is as it was";
    }

    # JSON has no such bytes in a string

    is $t->request('POST', '/cache/w', qq({"value":"a\nb"}))->status, 422,
        'a line feed in a string';
}


# packed pages, plain ones, in memory and in files

sub sizes {
    my ($t) = @_;

    my $noise = noise(16 * 1024) . $html;
    my @sizes = (0, 1, 1023, 30_000, 200_000, MIB - 1, MIB, MIB + 1, 3 * MIB);
    my @pages = map { substr $noise x (1 + $_ / length $noise), 0, $_ } @sizes;

    push @pages, $html x 3, noise(2 * MIB), $html x 100;

    my @keys = map { "s/$_" } 0 .. $#pages;

    for my $i (0 .. $#pages) {
        my @headers = $i % 2 ? ('Cache-Control' => 'no-transform') : ();
        $t->request('POST', "/pickle/$keys[$i]", $pages[$i], @headers);
    }

    for my $round (1, 2) {
        my ($line, $results) = bytes_of(ask($t, get(reverse @keys)));
        my @got = reverse map { $_->{page} } @$results;

        ok $got[$_] eq $pages[$_], "round $round: page $_" for 0 .. $#pages;
    }

    # a thousand small ones

    $t->request('POST', '/batch', document(map {
        qq({"op":"set","key":"m/$_","base64":") . encode_base64($_, '') . '"}'
    } 1 .. 1000));

    my ($line, $results) = bytes_of(ask($t, get(map { "m/$_" } 1 .. 1000)));
    is join(',', map { $_->{page} } @$results), join(',', 1 .. 1000),
        'a thousand';
}


# the answer has at most 16 MB, of the line and the bytes together

sub limits {
    my ($t) = @_;

    my $most = 16 * MIB;

    my $bytes = noise(16 * 1024) x 1024;

    $t->request('POST', "/pickle/$_->[0]", substr $bytes, 0, $_->[1])
        for [ half => 8 * MIB - 1000 ], [ 1500 => 1500 ],
            [ most => $most - 12 ], [ over => $most - 11 ];

    my ($line, $results) = bytes_of(ask($t, get(('half') x 3, '1500', '1500',
        'h')));
    is join(' ', map { $_->{status} } @$results), '200 200 413 200 413 200',
        'the limit';
    is $results->[2]{detail},
        'the answer would be too large, ask for the page alone', 'why';

    # as many bytes as are left after {"results":[

    ($line, $results) = bytes_of(ask($t, get('most')));
    is $results->[0]{status}, 200, 'just the most';
    ($line, $results) = bytes_of(ask($t, get('over')));
    is $results->[0]{status}, 413, 'one more';

    # values count, too

    $t->request('POST', '/cache/long', '{"value":"' . 'x' x (9 * MIB) . '"}');
    ($line, $results) = bytes_of(ask($t, get('half', 'long', 'h')));
    is join(' ', map { $_->{status} } @$results), '200 413 200',
        'bytes leave no room for a value';
    ($line, $results) = bytes_of(ask($t, get('long', 'half', 'h')));
    is join(' ', map { $_->{status} } @$results), '200 413 200',
        'a value leaves no room for bytes';
}


for my $workers (1, 4) {
    my $t = Bigcache::Test->new->conf(
        main => "worker_processes $workers;",
        http => 'client_max_body_size 100m;')->start;

    subtest "$workers workers" => sub {
        basics($t);
        header($t);
        line($t);
        sizes($t);
        limits($t);

        is $t->request('POST', '/close')->status, 200, 'closed';
        is ask($t, get('h'))->body, '{"results":[{"status":503,"detail":'
            . "\"the store is closed, POST /open opens it\"}]}\n",
            'a closed store';
        is $t->request('POST', '/open')->status, 200, 'opened';
    };

    ok $t->stop, 'stops';
}

done_testing;
