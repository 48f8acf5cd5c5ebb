# build/web, what nginx serves beside the cache: read by build.sh.

# an Apache-licensed package of npm, of which /docs is made
swagger_ui=5.35.0
swagger_ui_sha512=534eaba4cb56f55dd73c638179a993512af4674f63317e0826e00da44fc465b0
swagger_ui_sha512+=21c341bc0a0c2bcd4e18997927fe1d3008336c5dd19aad334d1c2dec53cc9551

# build_web [again]: with "again" it tries to fetch Swagger UI even if that has
# failed before; the other files are made in any case
build_web() {
    local web=build/web

    mkdir -p $web/assets
    [ "${1:-}" != again ] || rm -f $web/without

    if ! has_swagger_ui $web && [ ! -e $web/without ]; then
        fetch_swagger_ui $web || {
            note "/docs will do without Swagger UI; ./build.sh tries again"
            touch $web/without
        }
    fi

    ! has_swagger_ui $web || rm -f $web/without
    put_web $web "$top/$web"
}

has_swagger_ui() {
    [ "$(cat "$1/version" 2>/dev/null)" = $swagger_ui ]
}

# put_web DIRECTORY PATH: all but Swagger UI into DIRECTORY, from where nginx
# serves it as PATH
put_web() {
    local web=$1 docs=web/docs-without.html

    ! has_swagger_ui "$web" || docs=web/docs.html

    mkdir -p "$web/assets"
    sed "s|@version@|$(bigcache_version)|" $docs | put_file "$web/docs.html"
    put_file "$web/assets/docs.js" <web/docs.js
    put_file "$web/openapi.json" <web/openapi.json
    put_file "$web/ui.html" <web/ui.html
    web_locations "$2" | put_file "$web/locations.conf"
}

bigcache_version() {
    sed -n 's/^#define BIGCACHE_VERSION *"\(.*\)"/\1/p' \
        src/base/bigcache_release.h
}

# install_web DIRECTORY: what build_web has made, for the nginx of the system
install_web() {
    mkdir -p "$1/assets"
    rm -f "$1/version"

    if has_swagger_ui build/web; then
        install -m 644 build/web/assets/* "$1/assets/"
        install -m 644 build/web/version "$1/"
    fi

    put_web "$1" "$1"
    chmod 755 "$1" "$1/assets"
    chmod 644 "$1"/*.* "$1"/assets/*
}

# put_file NAME: of what it reads; nginx may be reading the file
put_file() {
    cat >"$1.new"

    if cmp -s "$1.new" "$1"; then
        rm "$1.new"
    else
        mv "$1.new" "$1"
    fi
}

# web_locations DIRECTORY: locations.conf for pages that lie there
web_locations() {
    sed -e "s|@web@|$1|" \
        -e "s|@ui_script@|$(inline_hash script web/ui.html)|" \
        -e "s|@ui_style@|$(inline_hash style web/ui.html)|" web/locations.conf
}

# inline_hash ELEMENT FILE: as a Content-Security-Policy names what is between
# the tags, which stand on lines of their own
inline_hash() {
    local hex

    hex=$( { echo; sed -n "/^<$1>\$/,/^<\/$1>\$/{//!p}" "$2"; } | sha256sum)
    printf 'sha256-%s' "$(printf '%b' "$(sed 's/../\\x&/g' <<<"${hex%% *}")" |
        base64)"
}

# npm's own packages are many, and only this needs them
need_npm() {
    command -v npm >/dev/null && return 0

    [ "$(id -u)" = 0 ] || {
        note "npm is not installed"
        return 1
    }

    note "installing npm"
    apt_install npm >build/apt.log 2>&1 || {
        note "npm cannot be installed, see build/apt.log"
        return 1
    }
}

# fetch_swagger_ui WEB: all or nothing; the caller must hold the build's lock.
# "npm pack" runs no script of the package, and fetches nothing else
fetch_swagger_ui() (
    need_npm || return 1

    dir=$(mktemp -d build/npm.XXXXXX) || return 1
    trap 'rm -rf "$dir"' EXIT
    file=swagger-ui-dist-$swagger_ui.tgz
    note "fetching swagger-ui-dist $swagger_ui"

    timeout 120 npm pack --ignore-scripts --cache "$dir/cache" \
        --fetch-retries 1 --pack-destination "$dir" \
        "swagger-ui-dist@$swagger_ui" >build/npm.log 2>&1 </dev/null || {
        note "npm cannot fetch it, see build/npm.log"
        return 1
    }

    sha512sum --status -c <<<"$swagger_ui_sha512  $dir/$file" || {
        note "$file is not the file that it was: its checksum differs"
        return 1
    }

    tar -xzf "$dir/$file" -C "$dir" --no-same-owner package/LICENSE \
        package/NOTICE package/swagger-ui.css package/swagger-ui-bundle.js \
        package/swagger-ui-bundle.js.LICENSE.txt || return 1

    # their last lines name source maps, which are not installed
    sed -i '/^\(\/\/\|\/\*\)# sourceMappingURL=/d' "$dir"/package/*.js \
        "$dir"/package/*.css || return 1

    rm -f "$1/version"
    mv "$dir"/package/* "$1/assets/" || return 1
    echo $swagger_ui >"$1/version"
)
