# ./build.sh release: read by build.sh.
#
# Everything is made from one archive of the sources, in build/release.work:
# what the archive lacks, the packages lack, too.

release_packages() {
    echo apt-utils build-essential debhelper dpkg-dev git gpg gpg-agent \
        lintian python3-build python3-setuptools python3-wheel
}

# release_places: lines of "VERSION FILE", for each file that names a version
release_places() {
    local sed='s/^bigcache (\([^)]*\)).*/\1/p'

    echo "$(sed -n "1$sed" debian/changelog)" debian/changelog
    echo "$(sed -n 's/^Changes with bigcache \([^ ]*\) .*/\1/p' CHANGES |
        head -n 1)" CHANGES
    echo "$(sed -n 's/^\.TH BIGCACHE .*"bigcache \([^"]*\)".*/\1/p' \
        docs/bigcache.1)" docs/bigcache.1
    echo "$(sed -n "s/^__version__ = '\(.*\)'\$/\1/p" \
        clients/python/django_bigcache/__init__.py)" \
        clients/python/django_bigcache/__init__.py
    echo "$(sed -n 's/^ *"version": "\(.*\)",\{0,1\}$/\1/p' web/openapi.json |
        head -n 1)" web/openapi.json
}

# release_version: sets version, if all files name the same
release_version() {
    local said place wrong=

    version=$(bigcache_version)
    [ -n "$version" ] || die "src/base/bigcache_release.h has no version"

    while read -r said place; do
        # a file without a version has a line of one word
        [ -n "$place" ] || place=$said said="no version"
        [ "$said" = "$version" ] || wrong+=", $place has $said"
    done < <(release_places)

    [ -z "$wrong" ] || die "src/base/bigcache_release.h has $version$wrong"
}

# release_date: the time that all files get, which is that of the changelog
release_date() {
    export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s -d "$(sed -n \
        's/^ -- .*>  //p' debian/changelog | head -n 1)")}
}

# release_git COMMAND ...: git, or for a tree that git does not know, git with
# nothing but its .gitignore
release_git() {
    if [ -e .git ]; then
        git "$@"
        return
    fi

    [ -d "$work/git" ] || git init -q --bare "$work/git"
    git --git-dir="$work/git" --work-tree=. "$@"
}

# release_is_clean: whether the archive is what git has as its newest commit,
# whatever the settings of the user hide
release_is_clean() {
    local changes

    [ -e .git ] || return 0
    changes=$(git -c core.excludesFile=/dev/null status --porcelain \
        --untracked-files=all) || die "git status failed"
    [ -n "$changes" ] || return 0

    echo "$changes" >&2
    [ "$dirty" = 1 ] || die "there are changes that are not committed:" \
        "commit them, or say --dirty to release them"
    note "the archive has changes that are not committed"
}

# tar_of DIRECTORY PREFIX: an archive of the files whose names it reads, which
# depends on nothing but their names, contents and permission to execute
tar_of() (
    set -o pipefail

    LC_ALL=C sort -zu |
        tar -C "$1" --null --no-recursion --verbatim-files-from -T - -c \
            --format=gnu --owner=0 --group=0 --numeric-owner \
            --mode=u=rwX,go=rX,a-s --mtime="@$SOURCE_DATE_EPOCH" \
            --transform="flags=r;s|^|$2/|" |
        gzip -9n
)

# release_archive: $dest/bigcache-VERSION.tar.gz
release_archive() {
    local file which=(--cached)

    # files that git does not know, but for those that .gitignore names
    [ -e .git ] && [ "$dirty" = 0 ] ||
        which+=(--others --exclude-per-directory=.gitignore)

    release_git ls-files -z "${which[@]}" >"$work/files" ||
        die "git ls-files failed"

    # git knows files that were removed, too
    while IFS= read -rd '' file; do
        [ ! -e "$file" ] && [ ! -L "$file" ] || printf '%s\0' "$file"
    done <"$work/files" |
        tar_of . "bigcache-$version" >"$work/bigcache-$version.tar.gz"
    mv "$work/bigcache-$version.tar.gz" "$dest/"
}

# release_suite: sets suite, such as bookworm, and packaged, the version of
# packages for it, of which one for a later Debian is the greater one
release_suite() {
    local ID VERSION_ID VERSION_CODENAME

    . /etc/os-release
    suite=${VERSION_CODENAME:-${ID:-unknown}}
    packaged=$version~${ID/debian/deb}${VERSION_ID:-}
    arch=$(dpkg --print-architecture)
}

# release_debs: builds $work/*.deb from the archive, and has lintian read them
release_debs() {
    local tree=$work/bigcache-$version

    # not by the time of the archive, which may be one to come: make warns of it
    tar -C "$work" -xzmf "$dest/bigcache-$version.tar.gz"
    sed -i "1s/.*/bigcache ($packaged) $suite; urgency=medium/" \
        "$tree/debian/changelog"

    note "building packages for $suite, $arch"
    (cd "$tree" && env -u CC -u NGX_SRC -u BIGCACHE_ISAL -u BIGCACHE_WERROR \
        -u MAKEFLAGS -u MAKELEVEL DEB_BUILD_OPTIONS="parallel=$jobs" \
        dpkg-buildpackage -us -uc -b) >"$work/debs.log" 2>&1 || {
        tail -n 20 "$work/debs.log" >&2
        die "dpkg-buildpackage failed, see $work/debs.log"
    }

    lintian --allow-root --fail-on error,warning,info --display-info \
        --suppress-tags bad-distribution-in-changes-file \
        "$work"/bigcache_*.changes >&2 || die "lintian has found errors"

    rm -f "$dest"/*_"${packaged}_$arch".deb
    cp "$work"/*.deb "$dest/"
}

# release_python: the wheel and the sdist of clients/python.  setuptools gives
# the files of a sdist the time at which it runs
release_python() {
    local sdist=django_bigcache-$version

    # setuptools also writes beside the sources
    cp -r "$work/bigcache-$version/clients/python" "$work/sources"
    (cd "$work/sources" &&
        /usr/bin/python3 -m build --no-isolation --outdir "$work/python") \
        >"$work/python.log" 2>&1 || {
        tail -n 20 "$work/python.log" >&2
        die "the Python package cannot be built, see $work/python.log"
    }

    # before PEP 625 names had the hyphen
    cp "$work"/python/*.whl "$dest/"
    tar -C "$work/python" -xzf "$work"/python/django[-_]bigcache-*.tar.gz
    mv "$work"/python/django[-_]bigcache-"$version" "$work/sdist"
    (cd "$work/sdist" && find . -type f -printf '%P\0') |
        tar_of "$work/sdist" "$sdist" >"$dest/$sdist.tar.gz"
}

# release_parts: all that needs the lock of the build
release_parts() {
    need $(release_packages) $(NGX_SRC= build_packages)
    release_is_clean
    rm -rf "$work"
    mkdir -p "$work" "$dest"
    release_archive
    release_debs
    release_python
    auto/notes CHANGES >"$work/release-notes.md"
    auto/sbom "$dest" "$version" "$packaged" "$suite" \
        >"$work/bigcache-$version-$suite-$arch.spdx.json"
    mv "$work"/release-notes.md "$work"/*.spdx.json "$dest/"
}

# release_sums: of the files of this version, for whatever Debian; OUT may have
# those of others, too
release_sums() (
    shopt -s nullglob
    cd "$dest"

    printf '%s\0' release-notes.md "bigcache-$version.tar.gz" \
        *_"$version"~*_*.deb "bigcache-$version"-*.spdx.json \
        "django_bigcache-$version.tar.gz" "django_bigcache-$version"-*.whl |
        LC_ALL=C sort -z | xargs -0 sha256sum -- >"$work/SHA256SUMS"
    rm -f "$work/SHA256SUMS.asc"
    [ -z "$key" ] || sign --armor --detach-sign \
        --output "$work/SHA256SUMS.asc" "$work/SHA256SUMS"

    rm -f SHA256SUMS.asc
    mv "$work/SHA256SUMS" .
    [ -z "$key" ] || mv "$work/SHA256SUMS.asc" .
)

# sign OPTION ...: by the key that was named; an agent that gpg starts must not
# keep the lock of the release
sign() {
    gpg --batch --yes --quiet --local-user "$key" --digest-algo SHA512 "$@" \
        6>&-
}

# release_key: sets key, which names one by any part of a user id, to the
# fingerprint of the key, and tries it
release_key() {
    local found

    found=$(gpg --batch --with-colons --list-secret-keys "$key" 2>/dev/null |
        awk -F : '$1 == "sec" { primary = 1 }
                  $1 == "fpr" && primary { print $10; primary = 0 }')

    case $found in
    '') die "release: gpg has no secret key '$key'" ;;
    *[!0-9A-F]*) die "release: gpg has several secret keys '$key':" \
        "name one by its fingerprint:" $found ;;
    esac

    key=$found
    sign --detach-sign --output - </dev/null >/dev/null ||
        die "release: gpg cannot sign by the key $key"
}

# release_alone: one release at a time in this directory.  The lock is held
# until the command ends
release_alone() {
    mkdir -p "$top/build"
    exec 6>"$top/build/.release.lock"
    flock -n 6 || {
        note "waiting for another release in this directory"
        flock 6
    }
}

# release_options OPTION ...: sets dest, key, check and dirty
release_options() {
    dest=build/release key='' check=0 dirty=0

    while [ $# -gt 0 ]; do
        case $1 in
        --out | --key)
            [ $# -gt 1 ] && [ -n "$2" ] || die "release: $1 takes a value"
            ;;
        esac

        case $1 in
        --out) dest=$(cd "$started_in" && realpath -m "$2") && shift ;;
        --key) key=$2 && shift ;;
        --check) check=1 ;;
        --dirty) dirty=1 ;;
        *) die "release: unknown option '$1', see ./build.sh help" ;;
        esac
        shift
    done

    case $dest in
    /*) ;;
    *) dest=$top/$dest ;;
    esac

    # what is made must not be among the sources of the next release
    case $dest/ in
    "$work"/*) die "release: --out $dest is where a release is built" ;;
    "$top"/build/?*) ;;
    "$top"/*) die "release: --out $dest is within the sources" ;;
    esac
}

cmd_release() {
    local dest key check dirty version suite packaged arch
    local work=$top/build/release.work

    release_options "$@"
    release_version
    release_date
    command -v dpkg-query >/dev/null || die "release: this is no Debian"
    release_suite
    [ -z "$key" ] || release_key
    release_alone
    apt_may_be_signed

    set_paths
    locked release_parts
    apt_add "$suite" "$work"/*.deb
    release_sums
    note "the release is in $dest"
    apt_told
    [ $check = 0 ] || release_check
}
