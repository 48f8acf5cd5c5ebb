#!/usr/bin/perl

# Long operations take turns: while they hold as many threads as they may, the
# others wait without one, and plain requests get through.

use strict;
use warnings;

use Fcntl qw(:flock);

use Bigcache::Test;
use Test::More;

use constant MOST => 512;

my $t = Bigcache::Test->new;

# both stores have the threads in common; the operations of the first hang as
# long as it cannot be opened

$t->conf(<<'END');
%%MODULE%%
worker_processes 1;
thread_pool two threads=2;
thread_pool one threads=1;
events { worker_connections 4096; }
http {
    %%HTTP%%
    client_max_body_size 8m;

    bigcache_path %%DIR%%/held zone=held:1m thread_pool=two wait=120s;
    bigcache_path %%DIR%%/free zone=free:1m thread_pool=two;
    bigcache_path %%DIR%%/narrow zone=narrow:1m thread_pool=one;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location /held/ {
            bigcache held;
            bigcache_base /held;
        }

        location /free/ {
            bigcache free;
            bigcache_base /free;
        }

        location /narrow/ {
            bigcache narrow;
            bigcache_base /narrow;
        }
    }
}
END

my $lock;


# hold: nobody has the directory open until the lock is closed

sub hold {
    mkdir $t->dir . '/held';
    open $lock, '>>', $t->dir . '/held/lock' or die "lock: $!\n";
    flock $lock, LOCK_EX or die "flock: $!\n";
}


# connected(N): connections that nginx has accepted

sub connected {
    my @c = map { $t->connect } 1 .. $_[0];

    $_->request('GET', '/free/stat')->status == 200 or die "no answer\n" for @c;

    return @c;
}


sub batch { return qq({"operations":[{"op":"set","key":"$_[0]","value":1}]}) }


# waiting: requests that wait for a turn, and all that wait

sub waiting {
    my $text = $t->get('/held/metrics')->body;

    return map { $text =~ /^bigcache_waiting_$_ (\d+)$/m } qw(turns requests);
}


# plain(NAME): requests that take a thread are answered

sub plain {
    my ($name) = @_;

    my @status;

    for my $n (1 .. 20) {
        push @status, $t->request('POST', "/free/cache/$n", '{"value":1}')
            ->status, $t->get("/free/cache/$n")->status,
            $t->request('DELETE', "/free/cache/$n")->status;
    }

    is_deeply \@status, [ (200) x 60 ], "$name: plain requests get through";
}


hold();
$t->start;

# one of these works, and each of the others would take the second thread

my @c = connected(9);

$c[0]->send_request('POST', '/held/batch', batch('first'));
$c[1]->send_request('POST', '/held/batch', batch('second'));
$c[2]->send_request('GET', '/held/keys/');
$c[3]->send_request('POST', '/held/pickle/large', 'x' x 2_000_000);
$c[4]->send_request('DELETE', '/held/prefix/second');
$c[5]->send_request('POST', '/held/batch', batch('third'));
$c[6]->send_request('GET', '/held/clear');
$c[7]->send_request('GET', '/held/stat/count');
$c[8]->send_request('POST', '/held/open');

plain('held');
is scalar(grep { $_->readable } @c), 0, 'none of the long ones is answered';
is_deeply [ waiting() ], [ 8, 9 ], 'eight wait for a turn, one works';

# who leaves has no turn any more

my ($gone) = connected(1);
$gone->send_request('POST', '/held/batch', batch('gone'));
$t->wait_for(sub { (waiting())[0] == 9 });
$gone->close;
ok $t->wait_for(sub { (waiting())[0] == 8 }),
    'a client that leaves waits no more';
is((waiting())[1], 9, 'and does not work');

# and one that has left before nginx reads what it has sent

my ($worker) = $t->worker_pids;

($gone) = connected(1);
$t->signal('STOP', $worker);
$gone->send_request('POST', '/held/batch', batch('gone'));
$gone->close;
$t->signal('CONT', $worker);

ok $t->wait_for(sub { $t->get('/held/metrics')->body
    =~ /^bigcache_requests_total\{operation="batch",status="499"\} 2$/m }),
    'a client that left before does not wait';
is_deeply [ waiting() ], [ 8, 9 ], 'and does not work either';

# then in their order, but for /clear and /open, which do not wait for others

close $lock;

my @r = map { $_->response } @c;

is_deeply [ map { $_->status } @r ], [ (200) x 9 ], 'all are answered';
is_deeply [ map { $_->{key} } @{ $r[2]->json->{keys} } ], [ 'second' ],
    'the first was cleared, the second was there for the list';
like $r[4]->json->{message}, qr/1 keys deleted/, 'and for the purge';
is_deeply [ map { $_->{key} } @{ $t->get('/held/keys/')->json->{keys} } ],
    [ 'large', 'third' ], 'what the others stored is there';
is_deeply [ waiting() ], [ 0, 0 ], 'none waits';

# too many

is $t->get('/held/close')->status, 200, 'closes';
hold();

my $opener = $t->connect->send_request('POST', '/held/open');

@c = connected(MOST + 3);
$_->send_request('GET', '/held/keys/') for @c;
$t->wait_for(sub { grep { $_->readable } @c });

my ($refused) = grep { $_->readable } @c;
my $r = $refused->response;

is $r->status, 503, 'too many wait';
is $r->json->{detail}, 'too many long requests wait', 'and are told so';
is $r->header('Retry-After'), 1, 'Retry-After';

my $admin = $t->connect->send_request('POST', '/held/clear');

ok $t->wait_for(sub { grep { $_ > MOST } waiting() }), 'but not to clear it';

close $lock;

is $opener->response->status, 200, 'opens';
is $admin->response->status, 200, 'clears';

my %status;
$status{ $_->status }++ for map { $_ == $refused ? $r : $_->response } @c;

is_deeply \%status, { 200 => MOST, 503 => 3 },
    'one opens, as many wait as may, the others are refused';
$_->close for @c;

# a worker that is to exit answers those that wait

is $t->get('/held/close')->status, 200, 'closes again';
hold();

$opener = $t->connect->send_request('POST', '/held/open');
@c = connected(5);
$_->send_request('POST', '/held/batch', batch('late')) for @c;
$t->wait_for(sub { (waiting())[0] == 5 });

ok $t->reload, 'a reload';
plain('after the reload');
is scalar(grep { $_->readable } @c), 0, 'the old worker waits';

close $lock;

is_deeply [ map { $_->response->status } @c ], [ (200) x 5 ],
    'and answers all of them';
is $opener->response->status, 200, 'opened';

# a pool of one thread

@c = connected(12);

for my $i (0 .. 3) {
    $c[3 * $i]->send_request('POST', '/narrow/batch', batch("key$i"));
    $c[3 * $i + 1]->send_request('GET', '/narrow/keys/');
    $c[3 * $i + 2]->send_request('GET', '/narrow/cache/none');
}

is_deeply [ map { $_->response->status } @c ], [ (200, 200, 404) x 4 ],
    'one thread does all of it';

# a large page that nobody has read since the start is one of the long ones

my $large = 'l' x 3_000_000;

is $t->request('POST', '/held/pickle/big', $large)->status, 200, 'stores';
ok $t->reload, 'a reload';
is $t->get('/held/pickle/big')->body, $large, 'reads it, for its checksum';
is $t->get('/held/pickle/big')->body, $large, 'and without';
is $t->request('PATCH', '/held/pickle/big', '{"duration":"1h"}')->status, 200,
    'touches it';
is $t->get('/held/pickle/big')->body, $large, 'the same bytes';
is_deeply [ waiting() ], [ 0, 0 ], 'none waits';

done_testing;
