#!/bin/bash
#
# Builds, runs, tests and installs bigcache.  "./build.sh help" lists it all.

set -eu

usage() {
    cat <<'END'
usage: ./build.sh [COMMAND]

  build             build/ngx_http_bigcache_module.so (the default), the command
                    build/bigcache that looks into a store, and build/web, the
                    pages /docs and /ui
  run [--port 36379] [--host 127.0.0.1] [--name NAME] [--db_path ./data]
      [--max_size SIZE] [--upstream URL [--api_port 36380]] [--shards N]
                    build, and serve in the foreground; Ctrl-C stops it.
                    DB_PATH in the environment is the default of --db_path;
                    --name, any number of times, is a name that requests may
                    come by, beside localhost, that of the machine, the one in
                    --host and addresses; --max_size, such as 500m, limits the
                    directory.
                    With --upstream, such as http://127.0.0.1:8000, it serves
                    the pages of that application, of which it keeps 10g, and
                    the API at --api_port of 127.0.0.1, by default --port + 1.
                    With --shards, such as 3, it is a front and so many servers,
                    to try that out: they have the ports behind --port, and
                    directories of their own in --db_path
  test [FILE ...]   lint, C unit tests and t/*.t, or only the files named
  test-full [FILE ...]
                    t/full/*.t, which take more packages, and longer
  sanitize [FILE ...]
                    the same tests under AddressSanitizer and UBSan
  fuzz [NAME] [SECONDS]
                    run one fuzz target, or all, 600 seconds each by default
  bench [NAME]      run a benchmark of bench/, or all of them, an hour
  install           install the module and the pages for the system's nginx
  release [--out DIR] [--key KEYID] [--dirty] [--check]
                    make what a release has, in build/release: see
                    docs/release.md; --check tries it on several Debians

Packages that are missing are installed first, if you are root.  The module is
built for the installed nginx; NGX_SRC=DIR builds it, and for run and test that
nginx too, from an nginx source tree.

WERROR=1, which CI=true sets, is for those who change bigcache: it makes
warnings of the compiler errors, and "test" compiles everything with clang, too.
BIGCACHE_ISAL=no builds without ISA-L, which packs pages twice as fast, and
BIGCACHE_HIREDIS=no without hiredis, so without bigcache_cluster.
END
}

top=$(cd "$(dirname "$0")" && pwd -P)
started_in=$PWD
so=ngx_http_bigcache_module.so
jobs=$(nproc)

[ "${CI:-}" != true ] || : "${WERROR:=1}"
export WERROR=${WERROR:-0} BIGCACHE_WERROR=${WERROR:-0}

die() {
    echo "build.sh: $*" >&2
    exit 1
}

note() {
    echo "build.sh: $*" >&2
}


# --- packages ---

build_packages() {
    echo gcc make libc6-dev libleveldb-dev libcjson-dev libdeflate-dev \
        zlib1g-dev

    isal_package
    [ "${BIGCACHE_HIREDIS:-}" = no ] || echo libhiredis-dev

    if [ -z "${NGX_SRC:-}" ]; then
        echo nginx nginx-dev
    else
        echo libssl-dev libpcre2-dev
    fi
}

# what packs faster, where Debian has it; BIGCACHE_ISAL=no builds without it
isal_package() {
    [ "${BIGCACHE_ISAL:-}" != no ] || return 0

    case $(dpkg --print-architecture 2>/dev/null) in
    amd64 | arm64) echo libisal-dev ;;
    esac
}

# need PACKAGE ...: installs those that are missing, or says how to
need() {
    local missing=() package

    command -v dpkg-query >/dev/null || return 0

    for package; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>&1)" \
            = installed ] || missing+=("$package")
    done

    [ ${#missing[@]} -gt 0 ] || return 0

    [ "$(id -u)" = 0 ] || die "packages are missing; as root, run:" \
        "apt-get install --no-install-recommends ${missing[*]}"

    note "installing ${missing[*]}"
    apt_install "${missing[@]}" >build/apt.log 2>&1 || {
        tail -n 20 build/apt.log >&2
        die "apt-get failed, see build/apt.log"
    }
}

apt_install() (
    local policy=/usr/sbin/policy-rc.d

    # a policy of exit 101 keeps nginx's package from starting a server on
    # port 80; a policy that exists already is left alone
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi

    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update
    apt-get -qy -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
)


# --- the module ---

# set_paths [asan | strict]: where things are built, and with which flags
set_paths() {
    out=build
    cc_opt="-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
    ld_opt="-Wl,-z,relro -Wl,-z,now"
    unit_opt="-O2"

    if [ "${1:-}" = strict ]; then
        out=build/strict
        export CC=clang
    fi

    if [ "${1:-}" = asan ]; then
        out=build/asan
        unit_opt="-O1 -fno-omit-frame-pointer -fsanitize=address,undefined"
        unit_opt+=" -fno-sanitize-recover=undefined"
        cc_opt="$unit_opt -DNGX_DEBUG_PALLOC=1"

        # nginx copies zero bytes from NULL, and reads numbers that are not
        # aligned where the machine allows it
        [ -z "${NGX_SRC:-}" ] || cc_opt+=" -fno-sanitize=nonnull-attribute"
        [ -z "${NGX_SRC:-}" ] || cc_opt+=" -DNGX_HAVE_NONALIGNED=0"

        ld_opt="-fsanitize=address,undefined"
    fi

    src=/usr/share/nginx/src
    nginx=$(command -v nginx || echo /usr/sbin/nginx)
    tree=$out/nginx-installed

    if [ -n "${NGX_SRC:-}" ]; then
        src=$(cd "$started_in" && cd "$NGX_SRC" 2>/dev/null && pwd -P) ||
            die "NGX_SRC: no directory '$NGX_SRC'"
        tree=$out/nginx-$(basename "$src")-$(cksum <<<"$src" | cut -d ' ' -f 1)
        nginx=$top/$tree/objs/nginx
        [ ! -f "$src/src/core/angie.h" ] || nginx=${nginx%nginx}angie
    fi

    module=$top/$tree/objs/$so
}

# configure_nginx: makes $tree, a directory of links to the sources of nginx,
# because configure writes where it runs; does nothing if nothing has changed
configure_nginx() {
    local configure=./configure flags stamp file

    [ -f "$src/src/core/nginx.h" ] || die "no nginx sources in '$src'"
    [ -f "$src/configure" ] || configure=auto/configure

    flags=(--with-compat --with-threads --with-debug --with-http_ssl_module
           --with-http_v2_module --with-http_stub_status_module
           --with-http_gunzip_module --with-http_secure_link_module
           --with-http_auth_request_module --with-http_sub_module
           --with-http_addition_module)

    if [ -f "$src/conf_flags" ]; then
        . "$src/conf_flags"
        flags=("${NGX_CONF_FLAGS[@]}")
    fi

    flags+=(--with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt"
            --add-dynamic-module="$top" --builddir=objs)

    stamp=$(echo "${CC:-cc}" "$BIGCACHE_WERROR" "${BIGCACHE_ISAL:-}" "${BIGCACHE_HIREDIS:-}" \
        "${flags[@]}" |
        cat - config config.make "$src/src/core/nginx.h" | cksum)
    [ "$(cat "$tree/stamp" 2>/dev/null)" != "$stamp" ] || return 0

    note "configuring nginx from $src"
    rm -rf "$tree"
    mkdir -p "$tree"

    for file in "$src"/*; do
        case ${file##*/} in
        Makefile | objs) ;;
        *) ln -s "$file" "$tree/" ;;
        esac
    done

    (cd "$tree" && $configure "${flags[@]}") >"$out/configure.log" 2>&1 || {
        tail -n 6 "$out/configure.log" >&2
        die "configure failed, see $out/configure.log," \
            "$tree/objs/autoconf.err"
    }

    echo "$stamp" >"$tree/stamp"
}

# build_module [binary]: the module, and with "binary" the nginx of NGX_SRC, to
# be used from $tree without taking the place of the module in $out
build_module() {
    local goals=(modules)

    [ "${1:-}" != binary ] || [ -z "${NGX_SRC:-}" ] || goals+=(binary)
    need $(build_packages)
    configure_nginx
    make -s -j "$jobs" -C "$tree" -f objs/Makefile "${goals[@]}" >/dev/null

    [ ${#goals[@]} -eq 1 ] || return 0

    # never written in place: an nginx may have it mapped
    cmp -s "$tree/objs/$so" "$out/$so" || {
        cp "$tree/objs/$so" "$out/$so.new"
        mv "$out/$so.new" "$out/$so"
    }
}

# make_part MAKEFILE GOAL ...: what is made without nginx
make_part() {
    make -s -j "$jobs" -f "$1" OUT="$out" SAN="$unit_opt" "${@:2}"
}

# build_tool: the command bigcache
build_tool() {
    make_part auto/Makefile "$out/bigcache"
}

# attended COMMAND ...: in a process group of its own.  bash forgets a SIGINT
# that comes while it waits for a command which goes on
attended() {
    local pid= status=0 got=0

    trap 'got=2; attended_end' INT
    trap 'got=15; attended_end' TERM
    trap 'got=1; attended_end' HUP

    set -m
    "$@" </dev/null &
    pid=$!
    set +m

    # a trapped signal ends "wait" early
    [ $got -eq 0 ] || attended_end
    wait $pid || status=$?

    while kill -0 $pid 2>/dev/null; do
        status=0
        wait $pid || status=$?
    done

    trap - INT TERM HUP
    [ $got -eq 0 ] || exit $((128 + got))
    return $status
}

attended_end() {
    [ -z "$pid" ] || kill -- "-$pid" 2>/dev/null || :
}

# locked COMMAND ...: one build at a time in this directory
locked() {
    case $top in
    *[!A-Za-z0-9_./+,@:=-]*) die "cannot build in '$top':" \
        "nginx's configure takes no spaces or special characters in a path" ;;
    esac

    mkdir -p "$out" 2>/dev/null && [ -w build ] && [ -w "$out" ] ||
        die "cannot write to $top/build"
    attended locked_by 9 "$@" 9>build/.lock
}

# locked_by FD COMMAND ...
locked_by() {
    flock "$1"
    shift
    "$@" 9>&-
}

cmd_build() {
    set_paths
    locked build_module
    locked build_tool
    locked build_web again
    note "$out/$so is built for nginx $(sed -n \
        's/.*NGINX_VERSION *"\(.*\)"/\1/p' "$src/src/core/nginx.h")"
}


# --- install ---

# configured OPTION: what nginx was configured with
configured() {
    "$nginx" -V 2>&1 | tr ' ' '\n' | sed -n "s/^--$1=//p"
}

cmd_install() {
    local modules conf pages

    [ "$(id -u)" = 0 ] || die "install: only root may do that"

    # workers run as another user and must be able to read it
    umask 022

    set_paths
    locked build_module
    locked build_web again
    nginx=$(command -v nginx) || die "install: no nginx is installed"

    modules=$(configured modules-path)
    modules=${modules:-$(configured prefix)/modules}
    conf=$(dirname "$(configured conf-path)")
    pages=$(configured prefix)/bigcache

    echo "load_module $module; events { }" >"$out/install.conf"
    "$nginx" -t -q -e stderr -c "$top/$out/install.conf" ||
        die "install: $nginx does not take this module"

    install -D -m 644 "$module" "$modules/$so.new"
    mv "$modules/$so.new" "$modules/$so"
    install_web "$pages"
    sed "s|/usr/share/nginx/bigcache/|$pages/|" example/nginx.conf \
        >"$conf/bigcache.conf.example"
    chmod 644 "$conf/bigcache.conf.example"

    cat <<END
installed $modules/$so
          $conf/bigcache.conf.example
          $pages

To use it, add to $conf/nginx.conf, at its top:

    load_module $modules/$so;
    thread_pool bigcache threads=16 max_queue=65536;

in its block "http":

    bigcache_path /var/lib/bigcache zone=main thread_pool=bigcache;

and in a block "server", in place of its "location /" if it has one:

    location / {
        bigcache main;
    }

    include $pages/locations.conf;

Then reload nginx: nginx -t && nginx -s reload
END
}


main() {
    local command=${1:-build}

    [ $# -eq 0 ] || shift

    case $command in
    build | run | test | test-full | sanitize | fuzz | bench | install | \
        release)

        # a script that starts this with "&" makes it ignore SIGINT, and bash
        # cannot undo that
        if [ -z "${bigcache_int:-}" ]; then
            cd "$started_in"
            bigcache_int=default exec env --default-signal=INT \
                "$top/build.sh" "$command" "$@"
        fi

        unset bigcache_int
        cd "$top"
        . auto/conf.sh
        . auto/run.sh
        . auto/upstream.sh
        . auto/test.sh
        . auto/web.sh
        . auto/apt.sh
        . auto/check.sh
        . auto/release.sh
        "cmd_${command//-/_}" "$@"
        ;;
    -h | --help | help) usage ;;
    *) die "unknown command '$command', see ./build.sh help" ;;
    esac
}

main "$@"
exit
