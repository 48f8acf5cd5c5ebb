package Bigcache::Test::Browser;

# A headless Chromium, controlled by the WebDriver protocol.  All its files are in
# the directory of the test.  Core Perl only.
#
#     my $b = Bigcache::Test::Browser->new($t);
#     $b->go('http://127.0.0.1:' . $t->port . '/ui');
#     $b->click('#list button');
#     is $b->text('#list-said'), 'No keys', 'an empty store';
#     is_deeply [ $b->console ], [], 'no complaints';
#
# The methods wait until the element of a CSS selector is visible.  A selector may
# end in "=TEXT", the text of the element: "button=Execute".

use strict;
use warnings;

# first, since what is loaded last ends first

use Bigcache::Test ();
use HTTP::Tiny;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Time::HiRes qw(sleep);

use constant WAIT => 20;

# the name that the protocol gives to the reference of an element
use constant ELEMENT => 'element-6066-11e4-a52e-4f735466cecf';

my @instances;
my $json = JSON::PP->new->utf8->allow_nonref;


# new(TEST, PORT): on a port number of the test, 9 by default

sub new {
    my ($class, $test, $n) = @_;

    my $self = bless {
        test => $test,
        dir => $test->dir . '/browser',
        http => HTTP::Tiny->new(timeout => 60, keep_alive => 0),
    }, $class;

    mkdir $self->{dir};
    $self->{driver} = 'http://127.0.0.1:' . $test->port($n // 9);
    $self->{pid} = $self->_spawn($test->port($n // 9));
    $self->{owner} = $$;
    push @instances, $self;

    $test->wait_for(sub {
        $self->{http}->get("$self->{driver}/status")->{status} == 200
    }) or die "chromedriver does not answer\n" . $self->log;

    my $session = $self->_ask('POST', '/session', { capabilities => {
        alwaysMatch => {
            browserName => 'chrome',
            'goog:loggingPrefs' => { browser => 'ALL' },
            'goog:chromeOptions' => { args => [
                '--headless=new', '--no-sandbox', '--disable-gpu',
                '--disable-dev-shm-usage', '--no-first-run',
                '--disable-background-networking', '--no-proxy-server',
                '--window-size=1200,900', '--lang=en',
                "--user-data-dir=$self->{dir}/profile",
            ] },
        } } });

    $self->{session} = "/session/$session->{sessionId}";

    return $self;
}


sub _spawn {
    my ($self, $port) = @_;

    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;

    $ENV{$_} = $self->{dir}
        for qw(HOME TMPDIR XDG_CONFIG_HOME XDG_CACHE_HOME XDG_RUNTIME_DIR);
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$self->{dir}/log";
    open STDERR, '>&', \*STDOUT;
    { exec qw(setpriv --pdeathsig TERM chromedriver), "--port=$port"; }
    POSIX::_exit(127);
}


sub log { $_[0]{test}->read_file('browser/log') }


# quit: ends the browser, and all that it started

sub quit {
    my ($self) = @_;

    my $pid = delete $self->{pid} or return;
    my @pids = ($pid, $self->{test}->children($pid));

    eval { $self->_ask('DELETE', $self->{session}) } if $self->{session};
    kill 'TERM', $pid;
    waitpid $pid, 0;

    # processes that did not end with it have another parent now

    $self->{test}->wait_for(sub { !grep { kill 0, $_ } @pids }, 5)
        or kill 'KILL', @pids;
}


END {
    my $status = $?;

    $_->quit for grep { $_->{owner} == $$ } @instances;
    $? = $status;
}


# -- the protocol

sub _ask {
    my ($self, $method, $path, $body) = @_;

    my $answer = $self->{http}->request($method, "$self->{driver}$path", {
        headers => { 'Content-Type' => 'application/json' },
        $method eq 'POST' ? (content => $json->encode($body // {})) : (),
    });
    my $said = eval { $json->decode($answer->{content})->{value} };

    return $said if $answer->{success};

    die "$method $path: " . (ref $said ? $said->{message}
        : "$answer->{status} $answer->{content}") . "\n";
}


sub _do {
    my ($self, $method, $command, $body) = @_;

    return $self->_ask($method, "$self->{session}/$command", $body);
}


# -- pages

sub go {
    my ($self, $url) = @_;

    $self->_do('POST', 'url', { url => $url });

    return $self;
}


# js(CODE, ARGUMENT ...): runs the body of a function, and returns its result

sub js {
    my ($self, $code, @arguments) = @_;

    return $self->_do('POST', 'execute/sync',
        { script => $code, args => \@arguments });
}


# wait(CODE, ARGUMENT ...): waits until that is true; returns false if it never is

sub wait {
    my ($self, $code, @arguments) = @_;

    return $self->{test}->wait_for(sub {
        my $value = eval { $self->js($code, @arguments) };
        sleep 0.1 if !$value;
        $value;
    }, WAIT);
}


# find(SELECTOR): the first visible element

sub find {
    my ($self, $selector) = @_;

    my ($css, $text) = split /=(?!")/, $selector, 2;

    return $self->wait('
        const [css, text] = arguments;
        return [...document.querySelectorAll(css)].find(e =>
            e.checkVisibility() && (text == null
                || e.textContent.trim() === text));
        ', $css, $text) || die "no '$selector' in the page\n";
}


sub _at {
    my ($self, $selector, $method, $command, $body) = @_;

    return $self->_do($method,
        'element/' . $self->find($selector)->{+ELEMENT} . "/$command", $body);
}


sub click {
    my ($self, $selector) = @_;

    # an element may be moving, or be below another one: tries again

    my $error = '';

    $self->{test}->wait_for(sub {
        return 1 if eval { $self->_at($selector, 'POST', 'click'); 1 };
        $error = $@;
        sleep 0.2;
        0;
    }, WAIT) or die $error;

    return $self;
}


# fill(SELECTOR, TEXT): replaces the text of a field, key by key

sub fill {
    my ($self, $selector, $text) = @_;

    # marks all with Control and A, and types over it: a page may refill a field
    # that was cleared

    $self->_at($selector, 'POST', 'value',
        { text => "\x{e009}a\x{e000}" . ($text eq '' ? "\x{e017}" : $text) });

    return $self;
}


# keys(SELECTOR, TEXT): typed; "\x{e007}" is Enter

sub keys {
    my ($self, $selector, $text) = @_;

    $self->_at($selector, 'POST', 'value', { text => $text });

    return $self;
}


sub text {
    my ($self, $selector) = @_;

    return $self->_at($selector, 'GET', 'text');
}


# says(SELECTOR, REGEX): waits until its text matches, and returns the text

sub says {
    my ($self, $selector, $regex) = @_;

    my $text = '';

    $self->{test}->wait_for(sub {
        $text = eval { $self->text($selector) } // '';
        $text =~ $regex or sleep(0.1) && 0;
    }, WAIT);

    return $text;
}


# console: the warnings and errors since the last call

sub console {
    my ($self) = @_;

    return map { $_->{message} } grep { $_->{level} =~ /WARNING|SEVERE/ }
        @{ $self->_do('POST', 'se/log', { type => 'browser' }) };
}


# size(WIDTH, HEIGHT): sets the size of the page, which may be very narrow

sub size {
    my ($self, $width, $height) = @_;

    $self->cdp('Emulation.setDeviceMetricsOverride', { width => $width,
        height => $height, deviceScaleFactor => 1, mobile => JSON::PP::false });

    return $self;
}


# dark(YES): sets the preferred color scheme

sub dark {
    my ($self, $yes) = @_;

    $self->cdp('Emulation.setEmulatedMedia', { features => [
        { name => 'prefers-color-scheme', value => $yes ? 'dark' : 'light' } ] });

    return $self;
}


# cdp(METHOD, PARAMETERS): a call of Chromium's own protocol

sub cdp {
    my ($self, $method, $parameters) = @_;

    return $self->_do('POST', 'goog/cdp/execute',
        { cmd => $method, params => $parameters });
}


sub screenshot {
    my ($self, $file) = @_;

    open my $out, '>:raw', $file or die "$file: $!\n";
    print $out decode_base64($self->_do('GET', 'screenshot'));
    close $out or die "$file: $!\n";

    return $self;
}

1;
