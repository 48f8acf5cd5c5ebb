#!/usr/bin/perl

# /close lets go of the directory, which may be copied then; POST /open and
# a reload open it again.

use strict;
use warnings;

use Bigcache::Test;
use Digest::MD5;
use File::Find;
use Test::More;

my $conf = Bigcache::Test->default_conf(http => 'client_max_body_size 10m;');

my $t = Bigcache::Test->new->conf($conf)->start;

# snapshot(): the names, sizes, times and contents of what is in the store

sub snapshot {
    my %files;

    return {} if !-d $t->dir . '/store';

    find({ no_chdir => 1, wanted => sub {
        my @stat = stat or return;
        my $digest = '';

        if (-f _) {
            open my $file, '<:raw', $_ or die "$_: $!\n";
            $digest = Digest::MD5->new->addfile($file)->hexdigest;
        }

        $files{$_} = join ' ', @stat[1, 2, 7, 9, 10], $digest;
    } }, $t->dir . '/store');

    return \%files;
}

my @data = (
    [ GET => '/cache/json' ],
    [ HEAD => '/cache/json' ],
    [ POST => '/cache/json', '{"value":2}' ],
    [ PUT => '/cache/json', '{"value":2}' ],
    [ DELETE => '/cache/json' ],
    [ GET => '/pickle/raw' ],
    [ HEAD => '/pickle/raw' ],
    [ POST => '/pickle/raw', 'y' ],
    [ PUT => '/pickle/raw', 'y' ],
    [ POST => '/pickle/raw', 'y' x 2_000_000 ],
    [ DELETE => '/pickle/raw' ],
    [ DELETE => '/prefix/r' ],
    [ GET => '/stat/count' ],
    [ GET => '/clear' ],
    [ POST => '/clear' ],
);

my $large = join '', map { sprintf '%07d ', $_ } 1 .. 250_000;

$t->request('POST', '/cache/json', '{"value":1}');
$t->request('POST', '/pickle/raw', 'x');
$t->request('POST', '/pickle/large', $large);
$t->request('POST', "/pickle/many/$_", 'x' x 1000) for 1 .. 100;

# HEAD asks, it does not do

my $head = $t->request('HEAD', '/close');
is $head->answer, '200 ', 'HEAD';
is $t->get('/stat/count')->status, 200, 'HEAD closes nothing';

# closed

my $r = $t->get('/close');
is $r->answer, '200 {"message":"DB connection closed."}', 'GET';
is $r->header('Content-Type'), 'application/json', 'type';

my $before = snapshot();

for my $request (@data) {
    my ($method, $path, $body) = @$request;
    my $name = "closed: $method $path";

    $r = $t->request(@$request);

    is $r->status, 503, $name;
    like $r->header('Retry-After'), qr/^\d+$/, "$name, Retry-After";
    is $r->header('Content-Type'), 'application/json', "$name, type";

    if ($method eq 'HEAD') {
        is $r->body, '', "$name, no body";

    } else {
        is join(' ', keys %{ $r->json }), 'detail', "$name, detail";
        ok length $r->json->{detail}, "$name, sentence";
    }
}

is $t->get('/stat')->status, 200, '/stat works';
is $t->get('/close')->answer, '200 {"message":"DB connection closed."}',
    'closed twice';
is $t->request('POST', '/close')->answer,
    '200 {"message":"DB connection closed."}', 'closed by POST';
is $t->get('/stat/count')->status, 503, 'still closed';
is $t->get('/nowhere')->status, 404, 'other paths';
is $t->request('MKCOL', '/cache/k')->status, 405, 'other methods';

is_deeply snapshot(), $before, 'directory at rest';

# a copy is a store

if (!$t->in_cluster('there is no directory to be copied')) {
my $copy = Bigcache::Test->new;

is system('cp', '-a', $t->dir . '/store', $copy->dir . '/store'), 0, 'copied';
is_deeply snapshot(), $before, 'nothing changed meanwhile';

$copy->conf($conf)->start;
is $copy->get('/stat/count')->body, '{"count":103}', 'count of copy';
is $copy->get('/cache/json')->json->{value}, 1, 'JSON in copy';
is $copy->get('/pickle/raw')->body, 'x', 'raw in copy';
ok $copy->get('/pickle/large')->body eq $large, 'large page in copy';
is $copy->get('/pickle/many/100')->body, 'x' x 1000, 'last in copy';
is $copy->request('POST', '/pickle/new', 'x')->status, 200, 'copy stores';
ok $copy->stop, 'copy stops';
}

# nothing but what was asked opens it

is $t->get('/open')->status, 405, 'GET /open';
is $t->request('HEAD', '/open')->status, 405, 'HEAD /open';
is $t->get('/stat/count')->status, 503, 'GET opens nothing';

# open

$r = $t->request('POST', '/open');
is $r->status, 200, 'POST /open';
is $r->header('Content-Type'), 'application/json', 'open: type';
is ref $r->json, 'HASH', 'open: JSON';

is $t->get('/stat/count')->body, '{"count":103}', 'open: count';
is $t->get('/cache/json')->json->{value}, 1, 'open: JSON';
ok $t->get('/pickle/large')->body eq $large, 'open: large page';
is $t->request('POST', '/pickle/raw', 'z')->status, 200, 'open: stores';
is $t->get('/pickle/raw')->body, 'z', 'open: stored';

is $t->request('POST', '/open')->status, 200, 'opened twice';
is $t->get('/pickle/raw')->body, 'z', 'still open';

# a reload opens it

is $t->request('POST', '/close')->status, 200, 'POST';
is $t->get('/pickle/raw')->status, 503, 'closed again';

$t->reload;
is $t->get('/pickle/raw')->body, 'z', 'reload opens';

# a worker that crashed is replaced by one that leaves it closed

$t->get('/close');
$before = snapshot();
my ($worker) = $t->worker_pids;
$t->expect_log(qr/worker process $worker exited on signal 9/);
$t->signal('KILL', $worker);
$t->wait_for(sub { my ($now) = $t->worker_pids; $now && $now != $worker });
is $t->get('/pickle/raw')->status, 503, 'new worker stays closed';
is_deeply snapshot(), $before, 'new worker writes nothing';

$t->request('POST', '/open');
is $t->get('/pickle/raw')->body, 'z', 'new worker opens';

# a start opens it

$t->get('/close');
ok $t->stop, 'stops while closed';
$t->start;
is $t->get('/pickle/raw')->body, 'z', 'start opens';

# what is under way ends first, one way or the other

my @c = map { $t->connect } 1 .. 8;
$_->send_request('POST', '/pickle/race', 'r' x 100_000) for @c;
is $t->get('/close')->status, 200, 'close among writers';

my %statuses = map { $_->response->status => 1 } @c;
is join(' ', grep { !/^(?:200|503)$/ } keys %statuses), '',
    'writers have an answer';

$before = snapshot();
$t->get('/pickle/race');
is_deeply snapshot(), $before, 'at rest after writers';

done_testing;
