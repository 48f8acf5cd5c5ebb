#!/usr/bin/perl

# ./build.sh release: what its files hold, that the archive does not depend on
# who makes it, that apt installs from the repository, signed or not, and that
# it refuses to release files that name different versions.

use strict;
use warnings;

use FindBin;

BEGIN { $ENV{BIGCACHE_TIMEOUT} ||= 1200 }

use Bigcache::Test;
use Bigcache::Test::Machine;
use Bigcache::Test::Release;
use Cwd qw(abs_path);
use JSON::PP ();
use Test::More;

my $t = Bigcache::Test->new;
my $dir = $t->dir;
my $top = abs_path("$FindBin::Bin/../..");

for my $tool (qw(dpkg-buildpackage lintian apt-ftparchive apt-get gpg git)) {
    plan skip_all => "no $tool" if system "command -v $tool >$dir/out 2>&1";
}

my $release = Bigcache::Test::Release->made;
my $out = $release->{dir};

is $release->{status}, 0, './build.sh release'
    or diag(substr $release->{output}, -5000), BAIL_OUT('no release');

like $release->{output}, qr/not signed/, 'it says that apt needs a key';


# run(COMMAND): its status and output

sub run {
    my ($command) = @_;

    my $output = `{ $command; } 2>&1`;

    return ($? >> 8 || $?, $output);
}


# part(COMMAND): with the functions of the release command, for what it made

sub part {
    my ($command) = @_;

    $t->write_file('part.sh', <<"END");
set -eu
die() { echo "\$*" >&2; exit 1; }
note() { echo "\$*" >&2; }
cd "\$1"
. auto/web.sh
. auto/apt.sh
. auto/release.sh
dest=$dir/part work=$dir/part.work dirty=1 key=\${2:-}
mkdir -p \$dest \$work
release_version
release_date
release_suite
[ -z "\$key" ] || release_key
$command
END
}


sub slurp {
    open my $file, '<', $_[0] or die "$_[0]: $!\n";
    local $/;

    return <$file> // '';
}


# -- what there is

my ($version) = slurp("$top/src/base/bigcache_release.h")
    =~ /^#define BIGCACHE_VERSION  "([^"]+)"$/m;
my ($suite) = slurp('/etc/os-release') =~ /^VERSION_CODENAME=(.*)$/m;
my $arch = (run('dpkg --print-architecture'))[1] =~ s/\n//r;
my ($packaged) = map { /_(.*)_/ } glob "$out/libnginx-mod-http-bigcache_*.deb";

like $packaged, qr/^\Q$version\E~\w+\z/, 'a version for this Debian';

my @files = sort 'SHA256SUMS', "bigcache-$version.tar.gz",
    (map { ("${_}_${packaged}_$arch.deb", "$_-dbgsym_${packaged}_$arch.deb") }
        qw(bigcache libnginx-mod-http-bigcache)),
    "bigcache-$version-$suite-$arch.spdx.json", 'release-notes.md',
    "django_bigcache-$version.tar.gz",
    "django_bigcache-$version-py3-none-any.whl";

is_deeply [ sort map { s{.*/}{}r } grep { -f } glob "$out/*" ], \@files,
    'the files of a release';

my ($status, $output) = run("cd $out && sha256sum --strict -c SHA256SUMS");

is $status, 0, 'their checksums' or diag $output;
is $output =~ tr/\n//, @files - 1, 'of all of them';

# -- the archive

($status, $output) = run("tar -tvzf $out/bigcache-$version.tar.gz"
    . ' --full-time --numeric-owner');

my @lines = split /\n/, $output;
my %times = map { (split)[3] . ' ' . (split)[4] => 1 } @lines;
my %owners = map { (split)[1] => 1 } @lines;
my @names = map { (split ' ', $_, 6)[5] =~ s{^bigcache-\Q$version\E/}{}r }
    @lines;

is join(' ', keys %owners), '0/0', 'archive: of nobody';
is scalar(keys %times), 1, 'archive: all of one time';
is_deeply [ grep { m{^(?:build|data|\.git|obj-[^/]*)/|\.(?:o|so|pyc)\z} }
    @names ], [], 'archive: nothing that was built';

my %in = map { $_ => 1 } @names;

ok $in{$_}, "archive: $_" for qw(build.sh auto/release.sh debian/rules LICENSE
    clients/python/pyproject.toml t/full/release.t);

# made of what it holds, without a git, and by a user with another umask

part('release_archive');
($status, $output) = run("mkdir $dir/un && (umask 077; tar -C $dir/un -xzf"
    . " $out/bigcache-$version.tar.gz --no-same-permissions)"
    . " && touch $dir/un/bigcache-$version/README.md"
    . " && bash $dir/part.sh $dir/un/bigcache-$version"
    . " && cmp $dir/part/bigcache-$version.tar.gz"
    . " $out/bigcache-$version.tar.gz");
is $status, 0, 'archive: made of itself it is the same' or diag $output;

# -- the Python package

($status, $output) = run('/usr/bin/python3 -m zipfile -l'
    . " $out/django_bigcache-$version-py3-none-any.whl");
like $output, qr{^django_bigcache/\Q$_\E }m, "wheel: $_"
    for qw(__init__.py backend.py py.typed);
unlike $output, qr/tests/, 'wheel: no tests';

($status, $output) = run("tar -tzf $out/django_bigcache-$version.tar.gz");
like $output, qr{^django_bigcache-\Q$version/$_\E$}m, "sdist: $_"
    for qw(PKG-INFO pyproject.toml LICENSE django_bigcache/backend.py);

# -- the notes

my $notes = slurp("$out/release-notes.md");
my ($section) = slurp("$top/CHANGES")
    =~ /^(Changes with bigcache.*?)(?=^Changes with|\z)/ms;

like $notes, qr/\A# bigcache \Q$version\E\n/, 'notes: of this version';
is scalar(() = $notes =~ /^\* /mg), scalar(() = $section =~ /^    \*\) /mg),
    'notes: each change';
unlike $notes, qr/\*\)/, 'notes: in Markdown';

my @kinds = $section =~ /^    \*\) (\w+):/mg;
my %order = (Security => 0, Change => 1, Feature => 2, Bugfix => 3);

is_deeply \@kinds, [ sort { $order{$a} <=> $order{$b} } @kinds ],
    'CHANGES: by kind';
is_deeply [ $section =~ /^(.*\S.*\n    \*\) .*)$/mg,
    $section =~ /^(\n\n    \*\) .*)$/mg ], [], 'CHANGES: apart by one line';

$t->write_file('changes', "\nChanges with bigcache 9.9.9       1 Jan 2027\n\n"
    . "    *) Feature: the \"x_y\" directive, a_b,\n       <i> and *.t.\n\n"
    . "    *) Security: two\n       lines.\n\n\nChanges with bigcache 9.9.8"
    . "   1 Jan 2026\n\n    *) Bugfix: old.\n");
is +(run("$top/auto/notes $dir/changes"))[1], "# bigcache 9.9.9\n\n1 Jan 2027\n"
    . "\n## Security\n\n* two lines.\n\n## New\n\n* the `x_y` directive, "
    . "a\\_b, \\<i\\> and \\*.t.\n",
    'notes: security first, the newest section only';

# -- the SBOM

my $sbom = JSON::PP::decode_json(
    slurp("$out/bigcache-$version-$suite-$arch.spdx.json"));
my %package = map { $_->{name} => $_ } @{ $sbom->{packages} };
my %id = map { $_->{SPDXID} => 1 } @{ $sbom->{packages} },
    { SPDXID => $sbom->{SPDXID} };

is $sbom->{spdxVersion}, 'SPDX-2.3', 'SBOM: of SPDX 2.3';
is scalar(keys %id), 1 + @{ $sbom->{packages} }, 'SBOM: no identifier twice';
is_deeply [ grep { $_->{filesAnalyzed} } @{ $sbom->{packages} } ], [],
    'SBOM: no package says that its files were analyzed';
ok !$sbom->{files}, 'SBOM: so none has files';
is_deeply [ grep { $_->{relationshipType} eq 'CONTAINS' }
    @{ $sbom->{relationships} } ], [], 'SBOM: or contains any';
is_deeply [ grep { !/^SPDXRef-[A-Za-z0-9.-]+\z/ } keys %id ], [],
    'SBOM: the form of identifiers';
is_deeply [ grep { !$id{$_->{spdxElementId}} || !$id{$_->{relatedSpdxElement}} }
    @{ $sbom->{relationships} } ], [], 'SBOM: all that are related are there';

for my $name (sort keys %package) {
    my @missing = grep { !length($package{$name}{$_} // '') } qw(SPDXID name
        versionInfo supplier downloadLocation licenseDeclared
        licenseConcluded copyrightText);

    is "@missing", '', "SBOM: $name";
}

my %known = map { $_->{licenseId} => 1 }
    @{ $sbom->{hasExtractedLicensingInfos} || [] };

is_deeply [ grep { !$known{$_} } map { $_->{licenseDeclared}
    =~ /(LicenseRef-[\w.-]+)/g } values %package ], [],
    'SBOM: licenses that SPDX does not list are told';

# each library that the dynamic linker loads, by the package that dpkg names

my $root = "$dir/root";

run("for deb in $out/*_${packaged}_$arch.deb; do"
    . " dpkg-deb -x \$deb $root; done");

for my $built ("$root/usr/lib/nginx/modules/ngx_http_bigcache_module.so",
    "$root/usr/bin/bigcache")
{
    my @libraries = (run("ldd $built"))[1] =~ /=> (\S+) \(/g;

    cmp_ok scalar(@libraries), '>', 5, 'libraries of ' . $built =~ s{.*/}{}r;

    for my $library (@libraries) {
        my $real = abs_path($library);
        my ($of) = (run("dpkg -S $real || dpkg -S " . $real =~ s{^/usr}{}r))[1]
            =~ /^([a-z0-9.+-]+)(?::\S+)?: \//m;

        ok $of && $package{$of}, "SBOM: $library" or diag $of // 'no package';
        is $package{$of // ''}{versionInfo}, (run('dpkg-query -W -f'
            . " '\${Version}' $of"))[1], "SBOM: version of $of";
        like $package{$of // ''}{externalRefs}[0]{referenceLocator} // '',
            qr{^pkg:deb/[a-z]+/[^@]+\@[^@]+$}, "SBOM: address of $of";

        my ($sum) = (run("sha256sum $real"))[1] =~ /^(\w+)/;

        like $package{$of // ''}{comment} // '',
            qr{(?:^|; )\Q$real\E, SHA256 $sum(?:;|\z)},
            "SBOM: checksum of $library";
    }
}

is $package{bigcache}{licenseDeclared}, 'BSD-2-Clause', 'SBOM: our license';
ok $package{'swagger-ui-dist'}, 'SBOM: what /docs is made of';

# of a directory with blanks, and beside a version whose number begins alike

system "mkdir '$dir/of us'; cp $out/*.* '$dir/of us/'; cd '$dir/of us' &&"
    . " cp django_bigcache-$version.tar.gz django_bigcache-${version}0.tar.gz";
part(qq{auto/sbom "$dir/of us" \$version \$packaged \$suite >$dir/sbom.json});
($status, $output) = run("bash $dir/part.sh $top"
    . " && cmp $dir/sbom.json $out/bigcache-$version-$suite-$arch.spdx.json");
is $status, 0, 'SBOM: of these files only, wherever they are' or diag $output;

system "rm '$dir/of us'/*.deb";
($status, $output) = run("bash $dir/part.sh $top");
isnt $status, 0, 'SBOM: none without packages';
like $output, qr/has no package of the version \Q$packaged\E/, 'it says so';

# -- apt, in a root of its own, from the directory

sub apt {
    my ($line, $command) = @_;

    my $own = "$dir/apt";

    system "rm -rf $own && mkdir -p $own/etc/preferences.d"
        . " $own/etc/apt.conf.d $own/etc/trusted.gpg.d"
        . " $own/state/lists/partial $own/cache/archives/partial";
    $t->write_file('apt/etc/sources.list', "$line\n");

    # what is installed on this machine is there to depend on
    return run("cp /var/lib/dpkg/status $own/status; aptget() { apt-get"
        . " -q -o Dir::Etc=$own/etc -o Dir::State=$own/state"
        . " -o Dir::Cache=$own/cache -o Dir::State::status=$own/status"
        . " -o Debug::NoLocking=1 -o APT::Sandbox::User=root"
        . " -o APT::Update::Post-Invoke-Success::=: \"\$\@\"; };"
        . " aptget update && $command");
}

my $install = 'aptget -s --no-install-recommends install'
    . ' libnginx-mod-http-bigcache bigcache';
my $installs = qr/^Inst libnginx-mod-http-bigcache .*\Q$packaged\E/m;

system "cp -r $out/apt $dir/unsigned";
($status, $output) = apt("deb file:$dir/unsigned $suite main", $install);
isnt $status, 0, 'apt: not signed, it is refused';
unlike $output, $installs, 'apt: and nothing installed from it';

($status, $output) = apt("deb [trusted=yes] file:$dir/unsigned $suite main",
    $install);
is $status, 0, 'apt: trusted, it is taken' or diag $output;
like $output, $installs, 'apt: and installed from';

# a key that is thrown away; the next Debian comes into the same repository

$ENV{GNUPGHOME} = "$dir/gnupg";
mkdir $ENV{GNUPGHOME}, 0700;
($status, $output) = run('gpg --batch --quiet --passphrase ""'
    . ' --quick-generate-key test@bigcache.invalid ed25519 sign never');
is $status, 0, 'a key' or diag $output;

# the key of somebody else, whose address has ours within it

my $other = "GNUPGHOME=$dir/gnupg.other gpg --batch --quiet";

mkdir "$dir/gnupg.other", 0700;
($status, $output) = run("$other --passphrase '' --quick-generate-key"
    . ' latest@bigcache.invalid ed25519 sign never'
    . " && $other --export | gpg --batch --quiet --import"
    . " && $other --pinentry-mode loopback --passphrase '' --export-secret-keys"
    . " >$dir/other.key; GNUPGHOME=$dir/gnupg.other gpgconf --kill gpg-agent");
is $status, 0, 'another key' or diag $output;

# and files of other versions

system "mkdir -p $dir/part $dir/part.more;"
    . " touch $dir/part/bigcache-0.0.1.tar.gz"
    . " $dir/part/bigcache_${version}0~deb12_$arch.deb;"
    . " cp $out/*_${packaged}_$arch.deb $dir/part.more/";
part("cp $out/*.* \$dest/; apt_add $suite $dir/part.more/*.deb;"
    . " apt_add other $dir/part.more/bigcache_*.deb; release_sums");
($status, $output) = run("bash $dir/part.sh $top test\@bigcache.invalid");
is $status, 0, 'signed' or diag $output;

my $line = "deb [signed-by=$dir/part/apt/bigcache.gpg] file:$dir/part/apt";

($status, $output) = apt("$line $suite main", $install);
is $status, 0, 'apt: signed, it is taken' or diag $output;
like $output, $installs, 'apt: and installed from';
unlike $output, qr/^[WE]:/m, 'apt: without a warning';

($status, $output) = apt("$line other main", 'aptget -s install bigcache');
is $status, 0, 'apt: another Debian in the same repository' or diag $output;

($status, $output) = run("gpg --batch --verify $dir/part/SHA256SUMS.asc"
    . " $dir/part/SHA256SUMS");
is $status, 0, 'the checksums are signed, too' or diag $output;

is_deeply [ sort 'SHA256SUMS', slurp("$dir/part/SHA256SUMS") =~ /  (.*)$/mg ],
    \@files, 'and are those of this version only';

my @public = (run("gpg --batch --show-keys --with-colons"
    . " $dir/part/apt/bigcache.gpg"))[1] =~ /^uid:.*?([^:\s<]+\@[^:>]+)/mg;
is "@public", 'test@bigcache.invalid', 'no key of anybody else is published';

# signing fails

system "cp -r $dir/part/apt $dir/part.before";
part('sign() { return 1; }; release_key');
($status, $output) = run("bash $dir/part.sh $top test\@bigcache.invalid");
isnt $status, 0, 'a key that cannot sign is refused';
like $output, qr/cannot sign by the key/, 'it says so' or diag $output;

part("sign() { [ \$1 = --clearsign ] && touch \$3; };"
    . " apt_add other $dir/part.more/libnginx-*.deb");
($status, $output) = run("bash $dir/part.sh $top test\@bigcache.invalid");
isnt $status, 0, 'signing fails in between';
($status, $output) = run("diff -r $dir/part/apt/dists $dir/part.before/dists");
is $status, 0, 'the lists and their signatures are left as they were'
    or diag $output;

# both keys are secret ones of the user

part(':');
($status, $output) = run("gpg --batch --quiet --import $dir/other.key"
    . " && bash $dir/part.sh $top test\@bigcache.invalid");
isnt $status, 0, 'a name of two keys is refused';
like $output, qr/several secret keys.* [0-9A-F]{40} [0-9A-F]{40}$/m,
    'with their fingerprints' or diag $output;
($status, $output) = run("bash $dir/part.sh $top '<test\@bigcache.invalid>'");
is $status, 0, 'the address alone is one key' or diag $output;

# with the list changed, or the package

my ($list) = glob "$dir/part/apt/dists/$suite/main/binary-$arch/Packages";

system "cp -r $dir/part/apt $dir/bad; sed -i 's/^Priority: .*/Priority: extra/'"
    . " $dir/bad/dists/$suite/main/binary-$arch/Packages;"
    . " cd $dir/bad/dists/$suite/main/binary-$arch; gzip -9nkf Packages;"
    . ' for file in by-hash/SHA256/*; do cp Packages $file; done';
($status, $output) = apt($line =~ s{file:\S+}{file:$dir/bad}r . " $suite main",
    $install);
unlike $output, $installs, 'apt: a list that was changed is refused';

# a repository that was signed does not lose its signature

part('apt_may_be_signed');
($status, $output) = run("bash $dir/part.sh $top");
isnt $status, 0, 'without the key it is left as it is';
like $output, qr/is signed: name the key by --key/, 'and says so';

# -- installed from it, on a file system that is thrown away

SKIP: {
    skip 'no file system to install it on', 2
        if !Bigcache::Test::Machine->possible($t);

    my $port = $t->port(0);

    ($status, $output) = Bigcache::Test::Machine->run($t, <<"END",
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
rm -rf /tmp/apt && mkdir -m 755 /tmp/apt && mv /mnt/apt /tmp/apt/
sh /mnt/apt_try.sh /tmp/apt/apt $suite $port
END
        "$dir/part/apt" => 'apt', "$top/auto/apt_try.sh" => 'apt_try.sh');
    is $status, 0, 'apt-get install' or diag $output;
    like $output, qr/^installed, served, removed\n\z/m, 'and served from';
}

# -- what is refused

my $tree = "$dir/un/bigcache-$version";
my %places = (
    CHANGES => 's/^Changes with bigcache [0-9.]*/Changes with bigcache 7.7.7/',
    'debian/changelog' => '1s/([^)]*)/(7.7.7)/',
    'docs/bigcache.1' => 's/"bigcache [^"]*"/"bigcache 7.7.7"/',
    'clients/python/django_bigcache/__init__.py' =>
        "s/^__version__ = .*/__version__ = '7.7.7'/",
    'web/openapi.json' => 's/^\( *"version": "\)[^"]*/\17.7.7/',
);

for my $place (sort keys %places) {
    $t->write_file('edit.sed', "$places{$place}\n");
    system "cp $tree/$place $dir/saved; sed -i -f $dir/edit.sed $tree/$place";
    ($status, $output) = run("$tree/build.sh release --out $dir/none");
    isnt $status, 0, "$place: another version is refused";
    like $output, qr/ has \Q$version\E, \Q$place\E has 7\.7\.7$/m,
        "$place: it says so";
    system "cp $dir/saved $tree/$place";
}

$t->write_file('edit.sed', "s/^Changes with .*//\n");
system "cp $tree/CHANGES $dir/saved; sed -i -f $dir/edit.sed $tree/CHANGES";
($status, $output) = run("$tree/build.sh release --out $dir/none");
isnt $status, 0, 'CHANGES: no version is refused';
like $output, qr/ has \Q$version\E, CHANGES has no version$/m, 'it says so';
system "cp $dir/saved $tree/CHANGES";

for my $in ('', '/docs', '/build', '/build/release.work/out') {
    ($status, $output) = run("$tree/build.sh release --out $tree$in");
    isnt $status, 0, "--out TREE$in: is refused";
    like $output, qr/ is (?:within the sources|where a release is built)$/m,
        "--out TREE$in: it says why";
}

for my $case ([ '--key nobody@bigcache.invalid' => qr/no secret key/ ],
    [ '--out' => qr/takes a value/ ], [ '--what' => qr/unknown option/ ])
{
    my ($options, $says) = @$case;

    ($status, $output) = run("$tree/build.sh release --out $dir/none $options");
    isnt $status, 0, "$options: is refused";
    like $output, $says, "$options: it says why";
}

# in a git tree, what is not committed

($status, $output) = run("cd $tree && git init -q . && git add -A && git -c"
    . ' user.name=t -c user.email=t@bigcache.invalid commit -qm t'
    . " && echo >>README.md && ./build.sh release --out $dir/none");
isnt $status, 0, 'changes that are not committed are refused';
like $output, qr/^ M README\.md\n.*say --dirty/ms, 'it says which';
ok !-e "$dir/none", 'and makes nothing';

# a new file, which settings of the user hide from git

($status, $output) = run("cd $tree && git checkout -q README.md"
    . " && echo '*.hidden' >$dir/ignored"
    . " && git config status.showUntrackedFiles no"
    . " && git config core.excludesFile $dir/ignored"
    . " && touch docs/new.md docs/new.hidden"
    . " && ./build.sh release --out $dir/none");
isnt $status, 0, 'files that git does not know are refused';
like $output, qr{^\?\? docs/\Q$_\E$}m, "and $_ is named"
    for qw(new.md new.hidden);

for my $dirty (0, 1) {
    part("dirty=$dirty; release_archive");
    ($status, $output) = run("bash $dir/part.sh $tree"
        . " && tar -tzf $dir/part/bigcache-$version.tar.gz");
    is $status, 0, 'an archive of that tree' or diag substr $output, -1000;
    is scalar(() = $output =~ m{/docs/new\.}g), $dirty * 2,
        $dirty ? '--dirty takes them' : 'without --dirty it has none of them';
}

# -- one at a time

part("top=$tree; release_alone; ! flock -n $tree/build/.release.lock true");
($status, $output) = run("bash $dir/part.sh $tree");
is $status, 0, 'a release keeps others from its directory' or diag $output;

# -- a root that debootstrap has begun

SKIP: {
    skip 'no mount namespaces', 4
        if system "unshare --mount --propagation private true >$dir/out 2>&1";

    mkdir "$dir/bin";
    $t->write_file('bin/debootstrap', <<'END');
#!/bin/sh
for root; do case $root in */roots/*.new) break ;; esac; done
mkdir -p "$root/proc"
mount -t tmpfs bigcache-test "$root/proc" && echo "mounted in $root"
exit 1
END
    chmod 0755, "$dir/bin/debootstrap";
    ($status, $output) = run("mkdir -p $tree/build && cd $tree &&"
        . " PATH=$dir/bin:\$PATH BIGCACHE_MIRROR=http://127.0.0.1:1/"
        . ' auto/root.sh other . /tmp true');
    my $log = slurp("$tree/build/roots/other.log");
    isnt $status, 0, 'debootstrap fails' or diag $output;
    like $log, qr/^mounted in /m, 'after it has mounted something'
        or diag $output, $log;
    unlike slurp('/proc/mounts'), qr/^bigcache-test \Q$tree\E/m,
        'which is gone with it';
    ok !-e "$tree/build/roots/other.new", 'and so is what it has made';
    system "umount $tree/build/roots/other.new/proc 2>/dev/null";
}

system 'gpgconf --kill gpg-agent';

done_testing;
