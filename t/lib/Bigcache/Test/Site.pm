package Bigcache::Test::Site;

# A configuration of example/ as it stands there, in front of a program, and
# visitors with cookies.
#
#     my $site = Bigcache::Test::Site->new($t);
#     $t->conf($site->conf('pages-django.conf', [ qr/:8000/ => ':%%PORT_1%%' ]));
#     my $pid = $site->run('gunicorn', ...);
#     my $alice = $site->visitor('example.org');
#     $alice->get('/page');
#     $alice->post('/login/', { name => 'alice' });
#     $site->end($pid);
#
# Programs that still run when the test ends are ended.

use strict;
use warnings;

use Bigcache::Test qw(slurp);
use POSIX qw(WNOHANG);

my $test = $$;
my %running;

END {
    my $status = $?;

    if ($$ == $test) {
        _end($_) for keys %running;
    }

    $? = $status;
}


sub new {
    my ($class, $t) = @_;

    return bless { t => $t }, $class;
}


# conf(FILE, [REGEX => TEXT, TIMES] ...): the file of example/, at the test's
# port 0; each replacement has to find its place, once by default

sub conf {
    my ($self, $file, @replace) = @_;

    my $conf = slurp("example/$file");

    for (
        [ qr/listen 80\b/ => 'listen 127.0.0.1:%%PORT_0%%', 2 ],
        [ qr{/var/lib/bigcache} => '%%DIR%%/store' ],
        [ qr/ min_free=2g/ => '' ],
        @replace)
    {
        my ($from, $to, $times) = @$_;
        my $n = $conf =~ s/$from/$to/g;
        $n == ($times // 1) or die "$from: $n times in example/$file\n";
    }

    # nginx looks for these files beside its own nginx.conf

    $conf =~ s{\binclude \K(?=(?:fastcgi|uwsgi)_params;)}{_params_dir()}ge;

    # a busy machine must not pass requests

    return "%%MODULE%%\nevents { }\nhttp {\n%%HTTP%%\n"
        . "bigcache_lookup_timeout 10s;\n$conf}\n";
}


sub _params_dir {
    my ($found) = grep { -e "$_/fastcgi_params" } '/etc/nginx',
        map { "$_/conf" } $ENV{BIGCACHE_SRC} // ();

    return ($found // die "no fastcgi_params\n") . '/';
}


# run(ENV, COMMAND ...): returns its pid; its output is in site.log

sub run {
    my ($self, $env, @command) = @_;

    my $dir = $self->{t}->dir;
    my $pid = fork // die "fork: $!\n";

    if (!$pid) {
        %ENV = (%ENV, %$env);
        chdir $dir;
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE ALRM);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$dir/site.log";
        open STDERR, '>&', \*STDOUT;
        { exec 'setpriv', '--pdeathsig', 'TERM', @command; }
        POSIX::_exit(127);
    }

    $running{$pid} = 1;

    return $pid;
}


# runs(PID): whether it has not ended

sub runs {
    my ($self, $pid) = @_;

    return 0 if !$running{$pid};
    return 1 if waitpid($pid, WNOHANG) == 0;

    delete $running{$pid};

    return 0;
}


sub end { _end($_[1]) }

sub _end {
    my ($pid) = @_;

    delete $running{$pid} or return;
    local $?;
    kill 'TERM', $pid;

    for (1 .. 200) {
        return if waitpid($pid, WNOHANG) != 0;
        select undef, undef, undef, 0.05;
    }

    kill 'KILL', $pid;
    waitpid $pid, 0;
}


sub visitor {
    my ($self, $host) = @_;

    return bless { t => $self->{t}, host => $host, cookies => {} },
        'Bigcache::Test::Site::Visitor';
}


package Bigcache::Test::Site::Visitor;

# cookie(NAME, VALUE): sets, or returns it

sub cookie {
    my ($self, $name, @value) = @_;

    $self->{cookies}{$name} = $value[0] if @value;

    return $self->{cookies}{$name};
}

sub cookies { sort keys %{ $_[0]{cookies} } }


sub get { my ($self, @rest) = @_; $self->request('GET', $rest[0], undef,
    @rest[1 .. $#rest]) }


# post(PATH, FORM, HEADER => VALUE ...): FORM is a hash

sub post {
    my ($self, $path, $form, @headers) = @_;

    my $body = join '&', map {
        "$_=" . $form->{$_} =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger
    } sort keys %$form;

    return $self->request('POST', $path, $body,
        'Content-Type' => 'application/x-www-form-urlencoded', @headers);
}


sub request {
    my ($self, $method, $path, $body, @headers) = @_;

    my $cookies = $self->{cookies};

    push @headers, Cookie => join '; ', map { "$_=$cookies->{$_}" }
        sort keys %$cookies if %$cookies;

    my $r = $self->{t}->request_to(0, $method, $path, $body,
        Host => $self->{host}, @headers);

    for my $set ($r->headers('Set-Cookie')) {
        my ($name, $value, $rest) = $set =~ /^([^=]+)="?([^;]*?)"?(;.*)?$/
            or die "Set-Cookie: $set\n";

        if ($value =~ /^(?:|deleted|%20|\+)$/
            || ($rest // '') =~ /max-age=0\b/i)
        {
            delete $cookies->{$name};
        } else {
            $cookies->{$name} = $value;
        }
    }

    return $r;
}


# hit(PATH, HEADER ...): asks until the answer comes from the store

sub hit {
    my ($self, $path, @headers) = @_;

    return $self->{t}->wait_for(sub {
        my $r = $self->get($path, @headers);
        ($r->header('Cache-Status') // '') =~ /bigcache; hit/ && $r;
    }, 10);
}

1;
