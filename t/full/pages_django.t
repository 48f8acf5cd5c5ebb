#!/usr/bin/perl

# example/pages-django.conf in front of Django, by gunicorn and by uWSGI, as the
# file says it.  Nothing is configured beyond the example; the cookies of the
# session and of the CSRF token have names of their own.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Site;
use Test::More;

for my $program (qw(gunicorn uwsgi django-admin)) {
    plan skip_all => "no $program"
        if system "command -v $program >/dev/null 2>&1";
}

my $host = 'example.org';

for my $way (qw(gunicorn uwsgi)) {
    subtest $way => sub { site($way) };
}

done_testing;


sub settings {
    my ($dir) = @_;

    return <<"END";
SECRET_KEY = 'not a secret'
ALLOWED_HOSTS = ['example.org']
ROOT_URLCONF = 'views'
INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes',
    'django.contrib.sessions', 'django.contrib.messages']
MIDDLEWARE = [
    'django.middleware.security.SecurityMiddleware',
    'django.middleware.gzip.GZipMiddleware',
    'django.middleware.http.ConditionalGetMiddleware',
    'django.contrib.sessions.middleware.SessionMiddleware',
    'django.middleware.locale.LocaleMiddleware',
    'django.middleware.common.CommonMiddleware',
    'django.middleware.csrf.CsrfViewMiddleware',
    'django.contrib.auth.middleware.AuthenticationMiddleware',
    'django.contrib.messages.middleware.MessageMiddleware',
]
DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3',
    'NAME': '$dir/db.sqlite3'}}
DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'
SESSION_COOKIE_NAME = 'sid'
CSRF_COOKIE_NAME = 'tok'
LANGUAGE_CODE = 'en'
USE_I18N = True
LOGIN_URL = '/login/'
END
}


# each page has a number of its own: the same number is the same page

sub views {
    my ($dir) = @_;

    return <<"END";
import time, uuid
from django.contrib import auth, messages
from django.http import (HttpResponse, HttpResponseNotFound,
    HttpResponseRedirect, StreamingHttpResponse)
from django.middleware.csrf import get_token
from django.urls import path
from django.utils.translation import gettext
from django.views.decorators.cache import cache_control, cache_page, never_cache
from django.views.decorators.http import last_modified
from django.views.decorators.vary import vary_on_headers
import datetime

fresh = cache_control(max_age=600)

def page(text, **kwargs):
    return HttpResponse('%s [%s]' % (text, uuid.uuid4()), **kwargs)

def who(request):
    user = request.user
    return user.username if user.is_authenticated else 'nobody'

\@fresh
def plain(request):
    return page('plain ' + request.META['QUERY_STRING'] + 'x' * 3000)

\@fresh
def account(request):
    return page('account of ' + who(request))

def silent(request):
    return page('silent for ' + who(request))

\@never_cache
def never(request):
    return page('never')

\@fresh
\@vary_on_headers('X-Kind')
def vary(request):
    return page('kind ' + request.headers.get('X-Kind', '-'))

\@fresh
def language(request):
    return page(gettext('Yes') + ' ' + gettext('January'))

\@cache_page(600)
def cached(request):
    return page('cached')

\@cache_control(private=True, max_age=600)
def private(request):
    return page('private')

\@fresh
def missing(request):
    return HttpResponseNotFound('missing [%s]' % uuid.uuid4())

\@fresh
def moved(request):
    return HttpResponseRedirect('/plain/')

\@fresh
def stream(request):
    def lines():
        for i in range(5):
            yield 'line %d %s\\n' % (i, uuid.uuid4())
            time.sleep(0.01)
    return StreamingHttpResponse(lines())

\@fresh
\@last_modified(lambda request: datetime.datetime(2026, 1, 2, 3, 4, 5))
def dated(request):
    return page('dated')

def stale(request):
    response = page('stale')
    response['Cache-Control'] = 'max-age=10'
    response['Age'] = '10'
    return response

\@fresh
def form(request):
    return page('form ' + get_token(request))

def login(request):
    if request.method == 'POST':
        user = auth.authenticate(request, username=request.POST['name'],
            password=request.POST['password'])
        if user is None:
            return page('wrong', status=403)
        auth.login(request, user)
        messages.success(request, 'Welcome ' + user.username)
        return HttpResponseRedirect('/messages/')
    return page('token=' + get_token(request))

def logout(request):
    if request.method == 'POST':
        auth.logout(request)
    return HttpResponseRedirect('/account/')

\@fresh
def show_messages(request):
    return page('messages: ' + ', '.join(str(m)
        for m in messages.get_messages(request)))

value = '$dir/value'

\@fresh
def edit(request):
    if request.method == 'POST':
        with open(value, 'w') as f:
            f.write(request.POST['value'])
        return HttpResponseRedirect('/edit/')
    try:
        with open(value) as f:
            return page('value ' + f.read())
    except FileNotFoundError:
        return page('value none')

def token(request):
    return page('token=' + get_token(request))

urlpatterns = [
    path('plain/', plain), path('account/', account), path('silent/', silent),
    path('never/', never), path('vary/', vary), path('language/', language),
    path('cached/', cached), path('private/', private),
    path('missing/', missing), path('moved/', moved), path('stream/', stream),
    path('dated/', dated), path('stale/', stale), path('form/', form),
    path('login/', login), path('logout/', logout),
    path('messages/', show_messages), path('edit/', edit),
    path('token/', token),
]
END
}


sub site {
    my ($way) = @_;

    my $t = Bigcache::Test->new;
    my $dir = $t->dir;
    my $site = Bigcache::Test::Site->new($t);
    my $address = '127.0.0.1:' . $t->port(1);

    $t->write_file('settings.py', settings($dir));
    $t->write_file('views.py', views($dir));
    $t->write_file('wsgi.py', "from django.core.wsgi import"
        . " get_wsgi_application\napplication = get_wsgi_application()\n");
    mkdir "$dir/static";
    $t->write_file('static/site.css', 'body { color: red }');

    my %env = (DJANGO_SETTINGS_MODULE => 'settings', PYTHONPATH => $dir,
        PYTHONDONTWRITEBYTECODE => 1);

    my $pid = $site->run(\%env, '/usr/bin/python3', '-c', <<'END');
import django
django.setup()
from django.core.management import call_command
call_command('migrate', verbosity=0)
from django.contrib.auth.models import User
for name in 'alice', 'bob':
    User.objects.create_user(name, password='secret of ' + name)
END

    $t->wait_for(sub { !$site->runs($pid) }, 100);

    # the lines of the file are those of gunicorn; those of uWSGI are comments

    my @replace = ([ qr/127\.0\.0\.1:8000/ => '127.0.0.1:%%PORT_1%%' ],
        [ qr{/srv/site/} => '%%DIR%%/' ]);

    push @replace, [ qr/^ +proxy_\w+ .*;\n/m => '', 10 ],
        [ qr/^ +\K#(?=uwsgi_|include uwsgi_)/m => '', 9 ]
        if $way eq 'uwsgi';

    $t->conf($site->conf('pages-django.conf', @replace))->start;

    my $start = sub {
        $pid = $way eq 'gunicorn'
            ? $site->run(\%env, 'gunicorn', '--workers', 2, '--bind', $address,
                'wsgi')
            : $site->run(\%env, qw(uwsgi --plugin python3 --master
                --processes 2 --die-on-term --need-app --socket), $address,
                '--module', 'wsgi');

        $t->wait_for(sub {
            $t->request_to(0, 'GET', '/none', undef, Host => $host)->status
                == 404 || !$site->runs($pid);
        }, 60);
        $site->runs($pid) or die "no site:\n" . $t->read_file('site.log');
    };

    $start->();
    pages($t, $site);
    cookies($t, $site);

    # the application ends

    my $v = $site->visitor($host);
    my $plain = $v->hit('/plain/')->body;
    my $stale = $v->get('/stale/')->body;

    $t->wait_for(sub { $v->get('/stale/')->body eq $stale
        || do { $stale = $v->get('/stale/')->body; 0 } });
    $site->end($pid);

    is $v->get('/plain/')->body, $plain, 'the site is down: a fresh page';
    my $r = $v->get('/stale/');
    is $r->status, 200, 'a stale page';
    like $r->body, qr/^stale/, 'is sent';
    is $v->get('/never/')->status, 502, 'others are a 502';

    my $alice = $site->visitor($host);
    $alice->cookie(sid => 'x');
    isnt $alice->get('/account/')->status, 200, 'nobody gets a page of another';

    $start->();
    is $v->get('/never/')->status, 200, 'the site is up again';

    $t->stop;
    $site->end($pid);
}


# pages of visitors without cookies

sub pages {
    my ($t, $site) = @_;

    my $v = $site->visitor($host);
    my $r = $v->get('/plain/');

    like $r->body, qr/^plain x+ \[/, 'a page';
    is $v->hit('/plain/')->body, $r->body, 'comes from the store';
    is $v->get('/plain/', 'Accept-Encoding' => 'gzip')
        ->header('Content-Encoding'), 'gzip', 'packed';
    is $v->request('HEAD', '/plain/')->status, 200, 'HEAD';
    is $t->request_to(0, 'GET', '/plain/', undef, Host => 'evil.example')
        ->status, 421, 'unknown hosts are refused';

    # arguments

    my $first = $v->get('/plain/?a=1&utm_source=x')->body;
    like $first, qr/a=1&utm_source=x/, 'the site sees all arguments';
    is $v->hit('/plain/?a=1')->body, $first, 'one page for all campaigns';
    is $v->get("/plain/?a=1&$_=y")->body, $first, $_
        for qw(utm_medium fbclid gclid);
    isnt $v->get('/plain/?a=2')->body, $first, 'and another for another';

    # what the site says

    for my $path (qw(/never/ /private/ /silent/)) {
        isnt $v->get($path)->body, $v->get($path)->body, "$path: not stored";
    }

    my $cached = $v->get('/cached/')->body;
    is $v->hit('/cached/')->body, $cached, 'cache_page';

    for my $kind (qw(one two)) {
        like $v->get('/vary/', 'X-Kind' => $kind)->body, qr/^kind $kind /,
            "Vary: $kind";
        like $v->hit('/vary/', 'X-Kind' => $kind)->body, qr/^kind $kind /,
            "Vary: $kind, stored";
    }

    my %yes = (en => 'Yes January', de => 'Ja Januar', fr => 'Oui Janvier');

    for my $language (sort keys %yes) {
        $v->get('/language/', 'Accept-Language' => $language);
        like $v->hit('/language/', 'Accept-Language' => $language)->body,
            qr/^\Q$yes{$language}\E/i, "language $language";
    }

    # the cookie goes before Accept-Language, and the answer does not say so

    $r = $v->get('/language/', 'Accept-Language' => 'en-us',
        Cookie => 'django_language=de');
    like $r->body, qr/^\Q$yes{de}\E/i, 'the language of a cookie';
    like $v->get('/language/', 'Accept-Language' => 'en-us')->body,
        qr/^\Q$yes{en}\E/i, 'is not that of others';
    $v->hit('/language/', 'Accept-Language' => 'en-us');
    like $v->get('/language/', 'Accept-Language' => 'en-us',
        Cookie => 'django_language=de')->body, qr/^\Q$yes{de}\E/i,
        'nor is the page of others sent to one with such a cookie';

    $r = $v->get('/missing/');
    is $r->status, 404, 'a 404';
    is $v->hit('/missing/')->body, $r->body, 'is stored';
    is $v->get('/moved/')->header('Location'), '/plain/', 'a redirect';
    is $v->hit('/moved/')->header('Location'), '/plain/', 'is the same again';

    $r = $v->get('/static/site.css');
    is $r->body, 'body { color: red }', 'a static file';
    ok !$r->header('Cache-Status'), 'by nginx';

    # gunicorn sends it in chunks; the end of that by uWSGI may be its death

    my $stream = $v->get('/stream/')->body;
    is scalar(() = $stream =~ /^line/mg), 5, 'a stream';

    if ($t->read_file('nginx.conf') =~ /proxy_pass/) {
        is $v->hit('/stream/')->body, $stream, 'is stored';
    } else {
        isnt $v->get('/stream/')->body, $stream, 'is not stored';
    }

    # conditions

    $r = $v->get('/dated/');
    $v->hit('/dated/');
    is $v->get('/dated/', 'If-None-Match' => $r->header('ETag'))->status, 304,
        'by ETag';
    is $v->get('/dated/', 'If-Modified-Since' => $r->header('Last-Modified'))
        ->status, 304, 'by time';
    is $v->get('/dated/', 'If-None-Match' => '"other"')->status, 200,
        'another ETag';
    is $v->get('/plain/', Range => 'bytes=0-4')->body, 'plain', 'a range';
}


sub token {
    my ($v, $path) = @_;

    my ($token) = $v->get($path // '/token/')->body =~ /token=(\w+)/;

    return $token;
}


sub login {
    my ($v, $name, $password) = @_;

    my $token = token($v, '/login/');

    return $v->post('/login/', { name => $name,
        password => $password // "secret of $name",
        csrfmiddlewaretoken => $token });
}


# visitors with cookies

sub cookies {
    my ($t, $site) = @_;

    my ($nobody, $alice, $bob, $ga) = map { $site->visitor($host) } 1 .. 4;

    # a page that looks at the session says "Vary: Cookie"

    my $anonymous = $nobody->get('/account/')->body;
    like $anonymous, qr/^account of nobody/, 'an anonymous page';
    is $nobody->hit('/account/')->body, $anonymous, 'is stored';

    $ga->cookie(_ga_X => 'GA1.2.3');
    is $ga->get('/account/')->body, $anonymous, 'also for who has a _ga cookie';

    is login($alice, 'alice', 'wrong')->status, 403, 'a wrong password';
    is $alice->post('/login/', { name => 'alice', password => 'secret of alice' })
        ->status, 403, 'no CSRF token';
    my $r = login($alice, 'alice');
    is $r->status, 302, 'logged in';
    is_deeply [ grep { /^(?:sid|tok)$/ } $alice->cookies ], [ 'sid', 'tok' ],
        'with cookies of other names';
    like $alice->get('/messages/')->body, qr/^messages: Welcome alice \[/,
        'a message';
    like $alice->get('/messages/')->body, qr/^messages:  \[/, 'once';

    like $alice->get('/account/')->body, qr/^account of alice/, 'her page';
    like login($bob, 'bob')->header('Location'), qr/messages/, 'another one';
    like $bob->get('/account/')->body, qr/^account of bob/, 'has another page';

    for (1 .. 3) {
        for (['alice', $alice], ['bob', $bob], ['nobody', $nobody]) {
            my ($name, $v) = @$_;

            like $v->get('/account/')->body, qr/^account of $name /,
                "/account/ of $name";
            like $v->get('/silent/')->body, qr/^silent for $name /,
                "/silent/ of $name";
        }
    }

    is $nobody->get('/account/')->body, $anonymous, 'nobody has that of nobody';

    # the cookie of the session alone, and one that the site does not know

    my ($only, $unknown) = map { $site->visitor($host) } 1, 2;
    $only->cookie(sid => $alice->cookie('sid'));
    $unknown->cookie(sid => 'x');
    like $only->get('/account/')->body, qr/^account of alice /, 'by the session';
    like $unknown->get('/account/')->body, qr/^account of nobody /,
        'by a session that is not known';
    is $nobody->get('/account/')->body, $anonymous, 'nobody has still the same';
    is $alice->hit('/plain/')->body, $nobody->get('/plain/')->body,
        'pages without a session are shared';

    # each visitor has a CSRF token of the own

    my @forms = map { $site->visitor($host)->get('/form/')->body } 1 .. 2;
    isnt $forms[0], $forms[1], 'pages with a CSRF token are not';

    # a form changes the page of its URL

    $nobody->get('/edit/');
    like $nobody->hit('/edit/')->body, qr/^value none/, 'a page with a form';
    $r = $alice->post('/edit/', { value => 'new',
        csrfmiddlewaretoken => token($alice) });
    is $r->status, 302, 'is posted';
    like $nobody->get('/edit/')->body, qr/^value new/, 'and made anew';

    is $alice->post('/logout/', { csrfmiddlewaretoken => token($alice) })
        ->status, 302, 'logged out';
    ok !defined $alice->cookie('sid'), 'the cookie is gone';
    like $alice->get('/account/')->body, qr/^account of nobody/, 'nobody again';
    like $bob->get('/account/')->body, qr/^account of bob/, 'not so the other';
}
