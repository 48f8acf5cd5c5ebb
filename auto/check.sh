# ./build.sh release --check: read by build.sh.
#
# Tries the archive of a release in fresh roots of several Debians, made by
# auto/root.sh, and the packages of each are added to the release.  Two
# variables choose what is done, BIGCACHE_RELEASES and BIGCACHE_CHECKS.

release_check() {
    local releases=${BIGCACHE_RELEASES:-bookworm trixie} failed=0 release check
    local checks=${BIGCACHE_CHECKS:-packages install test test-full trees}
    local logs=$work/check in=$work/in table=$work/check.txt

    [ "$(id -u)" = 0 ] || die "release: only root may make roots of Debian"
    locked need debootstrap debian-archive-keyring
    rm -rf "$logs" "$in"
    mkdir -p "$logs" "$in"
    : >"$table"
    cp "$dest/bigcache-$version.tar.gz" auto/apt_try.sh "$in/"

    # to fetch it again would take npm and all that it needs into each root
    if has_swagger_ui build/web; then
        mkdir -p "$in/web/assets"
        cp build/web/version "$in/web/"
        cp build/web/assets/[!d]* "$in/web/assets/"
    fi

    for release in $releases; do
        for check in $checks; do
            "check_${check//-/_}" "$release"
        done
    done

    release_sums
    cat "$table"
    [ $failed = 0 ] || die "checks have failed: see $logs"
}

# checked NAME RELEASE COMMAND ...: runs the command in an unpacked archive, in
# a root of the release, and writes a line of the table
checked() {
    local name=$1 release=$2 began=$SECONDS status=0 result
    local log=$logs/$release-$name.log out=$logs/$release-$name
    shift 2

    note "checking $name in $release, $(date +%T)"
    mkdir -p "$out"
    attended auto/root.sh "$release" "$in" "$out" bash -ec '
        tar -C /root -xzf /in/bigcache-*.tar.gz
        cd /root/bigcache-*
        mkdir build
        [ ! -d /in/web ] || cp -r /in/web build/
        exec "$@"' checked "$@" >"$log" 2>&1 || status=$?

    result=$(sed -n 's/^Result: /, /p' "$log" | tail -n 1)
    [ $status = 0 ] && result=passed$result || result=failed$result
    [ $status = 0 ] || failed=1

    printf '%-10s %-24s %6.1f minutes  %s\n' "$release" "$name" \
        "$(((SECONDS - began) / 6))e-1" "$result" | tee -a "$table" >&2
    return $status
}

# check_packages RELEASE: the release command itself.  An archive of the archive
# is the same
check_packages() {
    local made=$logs/$1-packages deb

    checked packages "$1" ./build.sh release --out /out || return 0

    cmp "$made/bigcache-$version.tar.gz" "$dest/bigcache-$version.tar.gz" ||
        failed=1

    if [ "$1" != "$suite" ]; then
        cp "$made"/*.deb "$made"/*.spdx.json "$dest/"
        apt_add "$1" "$made"/*.deb
        return
    fi

    for deb in "$made"/*.deb; do
        cmp "$deb" "$dest/${deb##*/}" ||
            note "the fresh $1 has built another ${deb##*/}"
    done
}

# check_install RELEASE: from the apt repository, as a user would do it.  The
# root has the ports of the machine, so one that is free is asked for
check_install() {
    local port

    port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(
        Listen => 1, LocalAddr => "127.0.0.1")->sockport')
    rm -rf "$in/apt"
    cp -r "$dest/apt" "$in/"
    checked install "$1" sh /in/apt_try.sh /in/apt "$1" "$port" || :
}

# check_test RELEASE: the module for nginx of that Debian, by gcc and clang
check_test() {
    checked test "$1" env CI=true ./build.sh test || :
}

check_test_full() {
    checked test-full "$1" ./build.sh test-full || :
}

# check_trees RELEASE: each source tree of nginx that NGX_SRC_LIST names
check_trees() {
    local tree name

    for tree in ${NGX_SRC_LIST:-}; do
        name=$(basename "$tree")
        tree=$(cd "$started_in" && realpath "$tree")
        rm -rf "$in/nginx"
        cp -r "$tree" "$in/nginx"
        checked "test-$name" "$1" env CI=true NGX_SRC=/in/nginx \
            ./build.sh test || :
    done
}
