# The apt repository of a release, OUT/apt: read by build.sh.
#
#     pool/SUITE/                        packages, of all versions
#     dists/SUITE/main/binary-ARCH/      their lists
#     dists/SUITE/Release, InRelease     checksums of the lists, and signed
#
# A suite is a release of Debian.  OUT may have several, made one after the
# other, and for several architectures.

# apt_may_be_signed: a repository that was signed stays so
apt_may_be_signed() {
    [ -n "$key" ] || [ ! -e "$dest/apt/bigcache.gpg" ] || die "release:" \
        "$dest/apt is signed: name the key by --key, or another --out"
}

# apt_add SUITE DEB ...: makes the lists in $work and signs them there, so that
# the repository stays as it was if that fails
apt_add() (
    suite=$1 new=$work/apt
    shift

    rm -rf "$new"
    mkdir -p "$new" "$dest/apt/pool/$suite" "$dest/apt/dists/$suite"
    cp -- "$@" "$dest/apt/pool/$suite/"
    cp -r "$dest/apt/dists/$suite/." "$new"
    cd "$dest/apt"

    for deb; do
        dpkg-deb -f "$deb" Architecture
    done | sort -u | while read -r arch; do
        apt_list "$suite" "$arch"
    done

    apt_release "$suite"
    apt_put "$suite"
)

# apt_list SUITE ARCH: Packages and Packages.gz, also by their checksums, which
# apt asks for: then it never gets a list that is newer than its Release
apt_list() {
    local dir=$new/main/binary-$2 name

    mkdir -p "$dir/by-hash/SHA256"
    apt-ftparchive --arch "$2" packages "pool/$1" >"$dir/Packages"
    gzip -9nk -f "$dir/Packages"

    for name in Packages Packages.gz; do
        cp "$dir/$name" \
            "$dir/by-hash/SHA256/$(sha256sum <"$dir/$name" | cut -d ' ' -f 1)"
    done
}

# apt_release SUITE: Release, and with a key what signs it
apt_release() {
    local archs

    archs=$(cd "$new/main" && echo binary-*)
    rm -f "$new/Release" "$new/InRelease" "$new/Release.gpg"

    # what lies by-hash is not to be listed itself
    apt-ftparchive -o APT::FTPArchive::Release::Origin=bigcache \
        -o APT::FTPArchive::Release::Label=bigcache \
        -o APT::FTPArchive::Release::Suite="$1" \
        -o APT::FTPArchive::Release::Codename="$1" \
        -o APT::FTPArchive::Release::Components=main \
        -o APT::FTPArchive::Release::Architectures="${archs//binary-/}" \
        -o APT::FTPArchive::Release::Acquire-By-Hash=yes \
        -o APT::FTPArchive::MD5=no -o APT::FTPArchive::SHA1=no \
        -o APT::FTPArchive::SHA512=no \
        release "$new" >"$work/Release"
    grep -v '/by-hash/' "$work/Release" >"$new/Release"

    [ -n "$key" ] || return 0

    sign --clearsign --output "$new/InRelease" "$new/Release"
    sign --armor --detach-sign --output "$new/Release.gpg" "$new/Release"
    gpg --batch --export "$key" >"$work/bigcache.gpg"
}

# apt_put SUITE: the lists first, since apt begins with InRelease
apt_put() {
    local dir=dists/$1 name

    cp -r "$new/main" "$dir/"

    for name in Release.gpg Release InRelease; do
        [ ! -e "$new/$name" ] || {
            cp "$new/$name" "$dir/$name.new"
            mv "$dir/$name.new" "$dir/$name"
        }
    done

    [ -z "$key" ] || mv "$work/bigcache.gpg" bigcache.gpg
}

# apt_told: what users of the repository write
apt_told() {
    local option=trusted=yes

    if [ -n "$key" ]; then
        option=signed-by=/etc/apt/keyrings/bigcache.gpg
        note "users copy $dest/apt/bigcache.gpg to /etc/apt/keyrings/"
    else
        note "the apt repository is not signed: apt refuses it without" \
            "[trusted=yes], and --key KEYID signs it"
    fi

    note "and add a line to /etc/apt/sources.list, with an address in place" \
        "of file:, such as"
    note "    deb [$option] file:$dest/apt $suite main"
}
