#!/usr/bin/perl

# example/pages-wordpress.conf in front of Debian's WordPress, with php-fpm and
# MariaDB, as the file says it, with a plugin whose session cookie has a name of
# its own.  Nothing is configured beyond the example.

use strict;
use warnings;

use Bigcache::Test;
use Bigcache::Test::Site;
use Test::More;

my ($fpm) = map { /(\S+)$/ } glob '/usr/sbin/php-fpm[0-9]*';
my $wordpress = '/usr/share/wordpress';

plan skip_all => 'no php-fpm' if !$fpm;
plan skip_all => 'no WordPress' if !-e "$wordpress/wp-settings.php";
plan skip_all => 'no theme for WordPress'
    if !-e "$wordpress/wp-content/themes/twentytwentythree";
plan skip_all => 'no MariaDB'
    if system 'command -v mariadbd mariadb-install-db mariadb >/dev/null 2>&1';

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $site = Bigcache::Test::Site->new($t);
my $host = 'example.org';
my $root = $> == 0;
my $php;


sub shell {
    my ($command) = @_;

    system("$command >>$dir/site.log 2>&1") == 0
        or die "$command:\n" . $t->read_file('site.log');
}


# -- the database, of the user who runs the test

my @user = $root ? ('--user=root') : ();
my $socket = "$dir/db.sock";

shell("mariadb-install-db --no-defaults --datadir=$dir/db @user"
    . ' --auth-root-authentication-method=normal --skip-test-db');
my $db = $site->run({}, 'mariadbd', '--no-defaults', "--datadir=$dir/db",
    @user, "--socket=$socket", '--skip-networking', "--pid-file=$dir/db.pid",
    '--innodb-buffer-pool-size=32M', '--innodb-flush-log-at-trx-commit=0');

$t->wait_for(sub { -S $socket && system("mariadb --no-defaults -uroot"
    . " --socket=$socket -e 'CREATE DATABASE wordpress' >/dev/null 2>&1") == 0
    || !$site->runs($db) }, 60);
$site->runs($db) or die "no database:\n" . $t->read_file('site.log');

# -- WordPress: a copy, as Debian's configuration is that of the machine

mkdir "$dir/$_" for 'srv', 'srv/wordpress', 'srv/wordpress/wp-content';
shell("cp -r $_ $dir/srv/wordpress/") for "$wordpress/wp-admin",
    "$wordpress/wp-includes", glob "$wordpress/*.php";
shell("cp -r $wordpress/wp-content/themes $dir/srv/wordpress/wp-content/");
mkdir "$dir/srv/wordpress/wp-content/$_" for qw(plugins mu-plugins uploads);
$t->write_file('srv/wordpress/wp-content/uploads/evil.php', '<?php echo 1;');
$t->write_file('srv/wordpress/wp-content/uploads/a.txt', 'a file');
$t->write_file('srv/wordpress/.secret', 'secret');
$t->write_file('srv/wordpress/wp-config.php', <<"END");
<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:$socket');
define('DB_CHARSET', 'utf8mb4');
define('WP_CONTENT_DIR', '$dir/srv/wordpress/wp-content');
define('WP_DEFAULT_THEME', 'twentytwentythree');
define('WP_HOME', 'http://$host');
define('WP_SITEURL', 'http://$host');
define('DISABLE_WP_CRON', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('AUTH_KEY', 'a'); define('SECURE_AUTH_KEY', 'b');
define('LOGGED_IN_KEY', 'c'); define('NONCE_KEY', 'd');
define('AUTH_SALT', 'e'); define('SECURE_AUTH_SALT', 'f');
define('LOGGED_IN_SALT', 'g'); define('NONCE_SALT', 'h');
\$table_prefix = 'wp_';
defined('ABSPATH') || define('ABSPATH', '$dir/srv/wordpress/');
require_once ABSPATH . 'wp-settings.php';
END

# each page has a number of its own: the same number is the same page

$t->write_file('srv/wordpress/wp-content/mu-plugins/number.php', <<'END');
<?php
add_action('wp_footer', function () {
    echo '<!-- number ' . bin2hex(random_bytes(8)) . ' args '
        . esc_html($_SERVER['QUERY_STRING']) . ' user '
        . wp_get_current_user()->user_login . ' -->';
});
add_filter('comment_flood_filter', '__return_false', 99);
add_filter('pre_wp_mail', '__return_true');
END

$t->write_file('install.php', <<"END");
<?php
define('WP_INSTALLING', true);
\$_SERVER += ['HTTP_HOST' => '$host', 'REQUEST_URI' => '/',
    'REQUEST_METHOD' => 'GET', 'SERVER_PROTOCOL' => 'HTTP/1.1'];
require '$dir/srv/wordpress/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('A site', 'alice', 'alice\@example.org', true, '', 'secret');
wp_create_user('bob', 'secret', 'bob\@example.org');
update_option('comment_previously_approved', 0);
update_option('comment_moderation', 0);
update_option('require_name_email', 0);
\$wp_rewrite->init();
\$wp_rewrite->set_permalink_structure('/%postname%/');
\$wp_rewrite->flush_rules(false);
\$id = wp_insert_post(['post_title' => 'Locked', 'post_name' => 'locked',
    'post_content' => 'the secret text', 'post_status' => 'publish',
    'post_password' => 'open']);
echo 'installed';
END

# -- php-fpm, whose session cookie has another name than PHPSESSID

$t->write_file('fpm.conf', <<"END" . ($root ? "user = root\ngroup = root\n" : ''));
[global]
error_log = $dir/site.log
daemonize = no
[www]
listen = $dir/php.sock
pm = static
pm.max_children = 4
catch_workers_output = yes
php_admin_value[session.save_path] = $dir
php_admin_value[session.name] = sid
END

sub start_php {
    $php = $site->run({}, $fpm, '-y', "$dir/fpm.conf", $root ? '-R' : ());
    $t->wait_for(sub { -S "$dir/php.sock" || !$site->runs($php) }, 30);
}

start_php();

my @replace = ([ qr{unix:/run/php/php-fpm\.sock} => "unix:$dir/php.sock", 2 ]);

$t->write_file('srv/wordpress/install-the-site.php',
    $t->read_file('install.php'));
$t->conf($site->conf('pages-wordpress.conf', @replace,
    [ qr{root /srv/wordpress} => "root $dir/srv/wordpress" ]))->start;

my $v = $site->visitor($host);
my $r = $v->get('/install-the-site.php');
like $r->body, qr/installed$/, 'WordPress is installed'
    or BAIL_OUT($r->head . $t->read_file('site.log') . $t->error_log);
unlink "$dir/srv/wordpress/install-the-site.php";


sub number { return ($_[0]->body =~ /number (\w+)/)[0] // 'none' }


# shared(PATH, NAME): one page for all

sub shared {
    my ($path, $name) = @_;

    my $first = $v->get($path);
    my $hit = $v->hit($path);

    is $first->status, 200, $name or diag $first->head;
    ok $hit && $hit->body eq $first->body, "$name: from the store";

    return $first;
}

# -- visitors without cookies

$r = shared('/', 'the first page');
like $r->body, qr/Hello world!/, 'with its post';
like $r->header('Link'), qr/wp-json/, 'and fields';
$r = shared('/hello-world/', 'a post, by its permalink');
like join(' ', $r->headers('Link')), qr/rel=shortlink/, 'which has more fields';
is_deeply [ $v->hit('/hello-world/')->headers('Link') ],
    [ $r->headers('Link') ], 'also stored';
shared('/sample-page/', 'a page');
shared('/?s=hello', 'a search');
is $v->get('/hello-world/', 'Accept-Encoding' => 'gzip')
    ->header('Content-Encoding'), 'gzip', 'packed';
is $v->request('HEAD', '/hello-world/')->status, 200, 'HEAD';

$r = $v->get('/sample-page/?utm_source=a&x=1');
like $r->body, qr/args [^ ]*utm_source=a/, 'WordPress sees all arguments';
is number($v->hit('/sample-page/?x=1')), number($r), 'one page for campaigns';
is number($v->get("/sample-page/?x=1&$_=2")), number($r), $_
    for qw(utm_medium fbclid gclid);

$r = $v->get('/none/');
is $r->status, 404, 'a page that is not there';
like $r->header('Cache-Control'), qr/no-cache/, 'which WordPress forbids to keep';
like $r->header('Expires'), qr/ 1984 /, 'in two ways';
isnt number($v->get('/none/')), number($r), 'is made each time';
$r = $v->get('/hello-world');
is $r->status, 301, 'a redirect';
is $v->hit('/hello-world')->header('Location'), "http://$host/hello-world/",
    'is stored';

my $feed = shared('/feed/', 'the feed');
like $feed->header('Content-Type'), qr/rss\+xml/, 'with its type';
is $v->get('/feed/', 'If-None-Match' => $feed->header('ETag'))->status, 304,
    'by its ETag';
is $v->get('/feed/', 'If-Modified-Since' => $feed->header('Last-Modified'))
    ->status, 304, 'by its time';

$r = $v->get('/wp-includes/css/dist/block-library/style.min.css');
is $r->status, 200, 'a static file';
ok !$r->header('Cache-Status'), 'comes from nginx';
is $v->get('/wp-content/uploads/a.txt')->body, 'a file', 'an upload';
is $v->get('/wp-content/uploads/evil.php')->status, 403, 'no program of it';
is $v->get('/.secret')->status, 403, 'no hidden file';
is $v->get('/nothing.php')->status, 404, 'no program';
is $site->visitor('evil.example')->get('/')->status, 421, 'an unknown host';

# -- users

sub login {
    my ($name) = @_;

    my $user = $site->visitor($host);

    $user->get('/wp-login.php');
    my $r = $user->post('/wp-login.php', { log => $name, pwd => 'secret',
        'wp-submit' => 'Log In', testcookie => 1,
        redirect_to => "http://$host/wp-admin/" });
    is $r->status, 302, "$name is logged in" or diag $r->body;
    ok scalar(grep { /^wordpress_logged_in_/ } $user->cookies), 'by a cookie';

    return $user;
}

my ($alice, $bob) = map { login($_) } qw(alice bob);
my $anonymous = number($v->get('/hello-world/'));

for (1 .. 3) {
    for my $path ('/hello-world/', '/', '/sample-page/', '/none/') {
        like $alice->get($path)->body, qr/user alice -->/, "$path of alice";
        like $bob->get($path)->body, qr/user bob -->/, "$path of bob";
        like $v->get($path)->body, qr/user  -->/, "$path of nobody";
    }
}

is number($v->get('/hello-world/')), $anonymous, 'the page of nobody stays';
is $alice->get('/wp-admin/')->status, 200, 'wp-admin';
is $v->get('/wp-admin/')->status, 302, 'not for nobody';
like $alice->get('/wp-admin/profile.php')->body, qr/alice\@example\.org/,
    'the profile';
like $bob->get('/wp-admin/profile.php')->body, qr/bob\@example\.org/,
    'of each';

# -- a comment

my ($id) = $v->get('/hello-world/')->body
    =~ /name=['"]comment_post_ID['"] value=['"](\d+)['"]/;
my $carol = $site->visitor($host);

$r = $carol->post('/wp-comments-post.php', { comment => 'Nice words',
    author => 'Carol', email => 'carol@example.org', url => '',
    comment_post_ID => $id, comment_parent => 0,
    'wp-comment-cookies-consent' => 'yes', submit => 'Post' });
is $r->status, 302, 'a comment' or diag $r->body;
like $r->header('Location'), qr{^http://$host/hello-world/#comment-\d+$},
    'leads to the post';
$r = $v->get('/hello-world/');
like $r->body, qr/Nice words/, 'which has it at once';
ok scalar(grep { /^comment_author_/ } $carol->cookies), 'cookies of its author';
like $carol->get('/hello-world/')->body, qr/value="Carol"/, 'who sees the name';
unlike $v->hit('/hello-world/')->body, qr/value="Carol"/, 'nobody else does';

# -- a post with a password

# since 6.8 WordPress forbids caches to store the page that asks for it

$r = $v->get('/locked/');
$r = shared('/locked/', 'a locked post')
    if ($r->header('Cache-Control') // '') !~ /no-cache|no-store/;
like $r->body, qr/post_password/, 'a locked post asks for it';
my $dave = $site->visitor($host);
$r = $dave->post('/wp-login.php?action=postpass', { post_password => 'open' },
    Referer => "http://$host/locked/");
is $r->status, 302, 'the password';
ok scalar(grep { /^wp-postpass_/ } $dave->cookies), 'makes a cookie';
like $dave->get('/locked/')->body, qr/the secret text/, 'which opens the post';
unlike $v->get('/locked/')->body, qr/the secret text/, 'for nobody else';
like $dave->get('/locked/')->body, qr/the secret text/, 'and stays';

# -- a user logs out, with the nonce of the page

my ($logout) = $bob->get('/wp-admin/profile.php')->body
    =~ m{href=['"]http://$host(/wp-login\.php\?action=logout[^'"]*)};
is $bob->get(($logout // '/') =~ s/&amp;/&/gr =~ s/&#038;/&/gr)->status, 302,
    'bob logs out';
ok !grep({ /^wordpress_logged_in_/ } $bob->cookies), 'the cookie is gone';
like $bob->get('/hello-world/')->body, qr/user  -->/, 'and the page is public';

# -- a plugin with a PHP session, whose cookie is called "sid"

$t->write_file('srv/wordpress/wp-content/mu-plugins/basket.php', <<'END');
<?php
add_action('template_redirect', function () {
    if ($_SERVER['REQUEST_URI'] === '/basket/' || isset($_COOKIE['sid'])) {
        session_cache_limiter('');
        session_start();
        $_SESSION['owner'] = $_SESSION['owner'] ?? bin2hex(random_bytes(8));
    }
    if ($_SERVER['REQUEST_URI'] === '/old/') {
        status_header(200);
        header_remove('Expires');
        header('Cache-Control: max-age=10');
        header('Age: 10');
        echo 'old';
        exit;
    }
    if (strpos($_SERVER['REQUEST_URI'], '/basket/') === 0) {
        status_header(200);
        header_remove('Cache-Control');
        header_remove('Expires');
        echo 'basket of ' . ($_SESSION['owner'] ?? 'nobody');
        exit;
    }
});
END

my ($one, $two) = map { $site->visitor($host) } 1, 2;
my ($its, $other) = map { $_->get('/basket/')->body } $one, $two;
isnt $its, $other, 'two visitors with two sessions';
is_deeply [ $one->cookies ], [ 'sid' ], 'whose cookie has another name';

for (1 .. 3) {
    is $one->get('/basket/')->body, $its, 'its own basket';
    is $two->get('/basket/')->body, $other, 'and the other';
    is $one->get('/basket/x')->body, $its, 'on all pages';
    is $v->get('/basket/x')->body, 'basket of nobody', 'nobody has none';
}

is $v->hit('/basket/x')->body, 'basket of nobody', 'even if that is stored';
is $one->get('/basket/x')->body, $its, 'it is not for the session';

# -- PHP ends

$t->wait_for(sub { $v->hit('/sample-page/') });
$v->get('/old/');
$t->wait_for(sub {
    $v->get('/old/')->header('Cache-Status') =~ /bigcache; hit/;
});
$t->expect_log(qr/connect\(\) to unix:\S+php\.sock failed/);
$site->end($php);
is $v->get('/sample-page/')->status, 200, 'without PHP: a stored page';
is $v->get('/old/')->body, 'old', 'a stale page';
is $v->get('/?s=other')->status, 502, 'others are a 502';
is $alice->get('/sample-page/')->status, 502, 'no stored page for a user';
start_php();
is $v->get('/?s=other')->status, 200, 'it runs again';

$t->stop;
$site->end($php);
$site->end($db);

done_testing;
