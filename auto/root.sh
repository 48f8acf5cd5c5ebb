#!/bin/bash
#
# Runs a command in a fresh Debian, as root:
#
#     auto/root.sh RELEASE IN OUT COMMAND [ARGUMENT ...]
#
# RELEASE is a codename, such as bookworm or trixie.  The command finds the
# directories IN, read-only, and OUT as /in and /out.  It runs in a copy of what
# debootstrap makes.  The copy, and every process in it, is gone afterwards.
#
# What debootstrap has made, and the packages that the commands have installed,
# are kept in build/roots.  They come from the mirrors that apt of this machine
# uses, or from BIGCACHE_MIRROR, the address of a mirror of Debian.

set -eu

top=$(cd "$(dirname "$0")/.." && pwd -P)
roots=$top/build/roots

die() {
    echo "root.sh: $*" >&2
    exit 1
}

# mirrors: lines of "LABEL ADDRESS" from the lists that apt has
mirrors() {
    apt-get indextargets --format '$(ORIGIN)|$(LABEL) $(REPO_URI)' \
        'Created-By: Packages' | sed -n 's/^Debian|//p' | sort -u
}

# find_mirrors: sets mirror, and security to its address or to nothing
find_mirrors() {
    local all

    mirror=${BIGCACHE_MIRROR:-} security=
    [ -z "$mirror" ] || return 0

    all=$(mirrors)

    if [ -z "$all" ]; then
        apt-get -q update >&2 || die "apt-get update failed"
        all=$(mirrors)
    fi

    mirror=$(sed -n 's/^Debian //p' <<<"$all" | head -n 1)
    security=$(sed -n 's/^Debian-Security //p' <<<"$all" | head -n 1)

    case $mirror in
    http:* | https:*) ;;
    *) die "apt uses no mirror of Debian by HTTP: name one in BIGCACHE_MIRROR"
    esac
}

# apt_conf: how apt of this machine reaches its mirrors
apt_conf() {
    local names='https?|Retries|Check-Valid-Until|Check-Date'

    apt-config dump | grep -E "^Acquire::($names)\\b.*\"[^\"]+\"" || :
}

# trust ROOT: authorities that this machine trusts beside those of Debian, as
# behind a proxy that opens TLS, are trusted there, too
trust() {
    local root=$1 file from=/usr/local/share/ca-certificates

    for file in "$from"/*.crt; do
        [ -f "$file" ] || return 0
        cp "$file" "$root$from/"
    done

    chroot "$root" update-ca-certificates >&2
}

# bootstrap RELEASE DIRECTORY
bootstrap() {
    local release=$1 root=$2 proxy

    find_mirrors
    proxy=$(apt-config dump |
        sed -n 's/^Acquire::http::Proxy "\(.*\)";$/\1/p' | tail -n 1)
    [ -z "$proxy" ] || export http_proxy=${http_proxy:-$proxy}

    echo "root.sh: making a root of $release" >&2

    # what it mounts is gone with it, also if it is killed
    unshare --mount --propagation private \
        debootstrap --variant=minbase --include=ca-certificates \
        --cache-dir="$roots/$release.debs" "$release" "$root" "$mirror" \
        >"$roots/$release.log" 2>&1 || {
        tail -n 5 "$roots/$release.log" >&2
        rm -rf --one-file-system "$root"
        die "debootstrap failed, see $roots/$release.log"
    }

    {
        echo "deb $mirror $release main"
        [ -z "$security" ] || echo "deb $security $release-security main"
    } >"$root/etc/apt/sources.list"

    trust "$root" >>"$roots/$release.log" 2>&1 ||
        die "update-ca-certificates failed, see $roots/$release.log"

    apt_conf >"$root/etc/apt/apt.conf.d/90machine"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    rm -f "$root"/var/cache/apt/archives/*.deb
}

# base RELEASE: makes $roots/RELEASE if it is not there
base() {
    local release=$1

    mkdir -p "$roots/$release.debs"
    exec 9>"$roots/$release.lock"
    flock 9

    if [ ! -d "$roots/$release" ]; then
        rm -rf --one-file-system "$roots/$release.new" ||
            die "$roots/$release.new is left from a run that was killed: undo" \
                "the mounts in it by umount, and remove it"
        bootstrap "$release" "$roots/$release.new"
        mv "$roots/$release.new" "$roots/$release"
    fi

    flock -u 9
    exec 9>&-
}

# inside ROOT IN OUT COMMAND ...: in the namespaces that "unshare" has made
inside() {
    local root=$1 in=$2 out=$3 dir
    shift 3

    # a mount of its own, since "unshare -m" in there wants / to be one
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"

    for dir in in out; do
        mkdir "$root/$dir"
        mount --bind "${!dir}" "$root/$dir"
    done

    mount -o remount,bind,ro "$root/in"

    exec chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive TERM=dumb \
        NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
        ${http_proxy:+http_proxy="$http_proxy"} \
        ${https_proxy:+https_proxy="$https_proxy"} \
        ${no_proxy:+no_proxy="$no_proxy"} "$@"
}

# new_copy: sets copy, a directory that is locked as long as a process of this
# run is alive.  Copies that nothing has locked are those of a killed run
new_copy() {
    local old

    exec 7>"$roots/lock"
    flock 7

    for old in "$roots"/run.*; do
        [ ! -d "$old" ] || (flock -n 8 && rm -rf --one-file-system "$old") \
            8<"$old" || :
    done

    copy=$(mktemp -d "$roots/run.XXXXXX")
    exec 8<"$copy"
    flock 8
    exec 7>&-
}

# finish: keeps the packages that were fetched, and removes the copy.  Mounts
# were seen inside only
finish() {
    [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || :
    cp -ln "$copy"/var/cache/apt/archives/*.deb "$roots/$release.debs" \
        2>/dev/null || :
    rm -rf --one-file-system "$copy"
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
fi

[ $# -ge 4 ] || die "usage: auto/root.sh RELEASE IN OUT COMMAND [ARGUMENT ...]"
[ "$(id -u)" = 0 ] || die "only root may do that"
command -v debootstrap >/dev/null || die "debootstrap is not installed"

release=$1 in=$(realpath "$2") out=$(realpath "$3") pid= status=0
shift 3

case $release in
*[!a-z0-9-]* | '') die "'$release' is no codename of Debian" ;;
esac

base "$release"
new_copy
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

cp -a "$roots/$release/." "$copy"
cp -aln "$roots/$release.debs/." "$copy/var/cache/apt/archives"
cp /etc/resolv.conf /etc/hosts "$copy/etc/"

unshare --mount --pid --fork --kill-child --propagation private \
    "$top/auto/root.sh" --inside "$copy" "$in" "$out" "$@" </dev/null &
pid=$!
wait $pid || status=$?
pid=
exit $status
