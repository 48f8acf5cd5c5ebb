#!/bin/bash
#
# Builds, runs, tests and installs bigcache.  "./build.sh help" lists it all.

set -eu

usage() {
    cat <<'END'
usage: ./build.sh [COMMAND]

  build             build/ngx_http_bigcache_module.so (the default)
  run [--port 36379] [--host 127.0.0.1] [--db_path ./data]
                    build, and serve in the foreground; Ctrl-C stops it.
                    DB_PATH in the environment is the default of --db_path
  test [FILE ...]   lint, C unit tests and t/*.t, or only the files named
  sanitize [FILE ...]
                    the same tests under AddressSanitizer and UBSan
  fuzz [NAME] [SECONDS]
                    run one fuzz target, or all, 600 seconds each by default
  bench [NAME]      run a benchmark of bench/, or list them
  install           install the module for the system's nginx

Packages that are missing are installed first, if you are root.  The module is
built for the installed nginx; NGX_SRC=DIR builds it, and for run and test that
nginx too, from an nginx source tree.
END
}

top=$(cd "$(dirname "$0")" && pwd -P)
started_in=$PWD
so=ngx_http_bigcache_module.so
jobs=$(nproc)

die() {
    echo "build.sh: $*" >&2
    exit 1
}

note() {
    echo "build.sh: $*" >&2
}


# --- packages ---

build_packages() {
    echo gcc make libc6-dev libleveldb-dev libcjson-dev

    if [ -z "${NGX_SRC:-}" ]; then
        echo nginx nginx-dev
    else
        echo libssl-dev libpcre2-dev zlib1g-dev
    fi
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
    # port 80; one that is there already is somebody else's decision
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

# set_paths [asan]: where things are built, and with which flags
set_paths() {
    out=build
    cc_opt="-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
    ld_opt="-Wl,-z,relro -Wl,-z,now"
    unit_opt="-O2"

    if [ "${1:-}" = asan ]; then
        out=build/asan
        unit_opt="-O1 -fno-omit-frame-pointer -fsanitize=address,undefined"
        unit_opt+=" -fno-sanitize-recover=undefined"
        cc_opt="$unit_opt -DNGX_DEBUG_PALLOC=1"

        # nginx copies nothing from NULL at times
        [ -z "${NGX_SRC:-}" ] || cc_opt+=" -fno-sanitize=nonnull-attribute"

        ld_opt="-fsanitize=address,undefined"
    fi

    src=/usr/share/nginx/src
    nginx=$(command -v nginx || echo /usr/sbin/nginx)
    tree=$out/nginx-installed

    if [ -n "${NGX_SRC:-}" ]; then
        src=$(cd "$started_in" && cd "$NGX_SRC" && pwd -P) ||
            die "NGX_SRC: no directory '$NGX_SRC'"
        tree=$out/nginx-$(basename "$src")-$(cksum <<<"$src" | cut -d ' ' -f 1)
        nginx=$top/$tree/objs/nginx
    fi
}

# configure_nginx: makes $tree, a directory of links to the sources of nginx,
# because configure writes where it runs; does nothing if nothing has changed
configure_nginx() {
    local configure=./configure flags stamp file

    [ -f "$src/src/core/nginx.h" ] || die "no nginx sources in '$src'"
    [ -f "$src/configure" ] || configure=auto/configure

    flags=(--with-compat --with-threads --with-debug --with-http_ssl_module
           --with-http_v2_module --with-http_stub_status_module)

    if [ -f "$src/conf_flags" ]; then
        . "$src/conf_flags"
        flags=("${NGX_CONF_FLAGS[@]}")
    fi

    flags+=(--with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt"
            --add-dynamic-module="$top" --builddir=objs)

    stamp=$(echo "${flags[@]}" | cat - config "$src/src/core/nginx.h" | cksum)
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
        die "configure failed, see $out/configure.log and $tree/objs/autoconf.err"
    }

    echo "$stamp" >"$tree/stamp"
}

# build_module [binary]: the module, and nginx itself if its sources are given
build_module() {
    local goals=(modules)

    [ "${1:-}" != binary ] || [ -z "${NGX_SRC:-}" ] || goals+=(binary)
    need $(build_packages)
    configure_nginx
    make -s -j "$jobs" -C "$tree" -f objs/Makefile "${goals[@]}" >/dev/null

    # never written in place: an nginx may have it mapped
    cmp -s "$tree/objs/$so" "$out/$so" || {
        cp "$tree/objs/$so" "$out/$so.new"
        mv "$out/$so.new" "$out/$so"
    }
}

# locked COMMAND ...: one build at a time in this directory
locked() {
    case $top in
    *[!A-Za-z0-9_./+,@:=-]*) die "cannot build in '$top':" \
        "nginx's configure takes no spaces or special characters in a path" ;;
    esac

    mkdir -p "$out" 2>/dev/null && [ -w build ] && [ -w "$out" ] ||
        die "cannot write to $top/build"
    ( flock 9; "$@" 9>&- ) 9>build/.lock
}

cmd_build() {
    set_paths
    locked build_module
    note "$out/$so is built for nginx $(sed -n \
        's/.*NGINX_VERSION *"\(.*\)"/\1/p' "$src/src/core/nginx.h")"
}


# --- run ---

cmd_run() {
    local port=36379 host=127.0.0.1 db=${DB_PATH:-./data} opt value

    while [ $# -gt 0 ]; do
        opt=${1%%=*}

        case $1 in
        --port=* | --host=* | --db_path=*) value=${1#*=} ;;
        --port | --host | --db_path)
            [ $# -gt 1 ] || die "$1 needs a value"
            shift
            value=$1
            ;;
        *) die "run: unknown option '$1', see ./build.sh help" ;;
        esac

        case $opt in
        --port) port=$value ;;
        --host) host=$value ;;
        --db_path) db=$value ;;
        esac

        shift
    done

    [[ $port =~ ^[0-9]{1,5}$ ]] && port=$((10#$port)) &&
        [ $port -ge 1 ] && [ $port -le 65535 ] ||
        die "--port: '$port' is not a port number"

    [ -n "$db" ] || die "--db_path is empty"
    [ "${db#/}" != "$db" ] || db=$started_in/$db
    host=${host#[} host=${host%]}

    check_address "$host" $port
    check_directory "$db"
    db=$(realpath "$db")

    set_paths
    locked build_module binary
    serve "$host" $port "$db"
}

check_directory() {
    case $1 in *[[:cntrl:]]*) die "--db_path: a control character in it" ;; esac
    [ ! -e "$1" ] || [ -d "$1" ] || die "--db_path: '$1' is not a directory"
    mkdir -p "$1" 2>/dev/null || die "--db_path: cannot make '$1'"
    [ -w "$1" ] && [ -x "$1" ] || die "--db_path: cannot write to '$1'"
}

# listens for a moment, as nginx will; perl-base is on every Debian
check_address() {
    perl -MSocket=:all -e '
        my ($host, $port) = @ARGV;
        my ($err, @found) = getaddrinfo($host, $port,
            { socktype => SOCK_STREAM, flags => AI_PASSIVE });
        die "--host: \"$host\": $err\n" if $err;
        for (@found) {
            my $s;
            socket($s, $_->{family}, SOCK_STREAM, 0)
                && setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1)
                && ($_->{family} != AF_INET6
                    || setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 1))
                && bind($s, $_->{addr}) && listen($s, 1)
                or die "cannot listen on $host port $port: $!\n";
        }' "$1" "$2" 2>&1 | { read -r line && die "$line" || [ -z "$line" ]; }
}

# serve HOST PORT DIRECTORY: nginx in the foreground, in a directory of its own
serve() {
    local host=$1 url dir nginx_pid signal=QUIT status=0 files

    [ "${host#*:}" = "$host" ] || host="[$host]"
    url=http://$host:$2/

    files=$(ulimit -Hn)
    [ "$files" != unlimited ] && [ "$files" -lt 65536 ] || files=65536
    ulimit -n "$files"

    dir=$(mktemp -d "$top/build/run.XXXXXX")
    trap 'rm -rf "$dir"' EXIT
    write_conf "$host:$2" "$3" "$dir" $((files / 2)) >"$dir/nginx.conf"

    "$nginx" -t -q -e stderr -p "$dir" -c nginx.conf 2>"$dir/log" ||
        die "$(sed -n 's/^nginx: \[[a-z]*\] //p' "$dir/log" | head -n 1)"

    # a session of its own, or Ctrl-C would reach nginx as a fast stop
    setsid setpriv --pdeathsig QUIT \
        "$nginx" -e stderr -p "$dir" -c nginx.conf &
    nginx_pid=$!
    trap 'kill -$signal $nginx_pid 2>/dev/null; signal=TERM' INT TERM HUP

    while [ ! -s "$dir/nginx.pid" ] && kill -0 $nginx_pid 2>/dev/null; do
        sleep 0.05
    done

    [ ! -s "$dir/nginx.pid" ] || echo "bigcache serves $url from $3"

    # a trapped signal ends "wait" early
    while kill -0 $nginx_pid 2>/dev/null; do
        wait $nginx_pid && status=0 || status=$?
    done

    [ $signal = QUIT ] || status=0
    exit $status
}

# write_conf LISTEN DB_PATH DIRECTORY CONNECTIONS
write_conf() {
    local db=${2//\\/\\\\} user=

    # the workers of a server that root starts for himself stay root: they
    # must be able to write where he said; others cannot change user at all
    [ "$(id -u)" != 0 ] || user="user root;"

    cat <<END
load_module "$top/$out/$so";

$user
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;

thread_pool bigcache threads=16 max_queue=65536;

events {
    worker_connections $4;
}

http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_max_body_size 1g;
    large_client_header_buffers 4 64k;
    client_body_temp_path "$3/client_body";
    proxy_temp_path "$3/proxy";
    fastcgi_temp_path "$3/fastcgi";
    uwsgi_temp_path "$3/uwsgi";
    scgi_temp_path "$3/scgi";

    bigcache_path "${db//\"/\\\"}" zone=main:16m thread_pool=bigcache;

    server {
        listen $1;

        location / {
            bigcache main;
        }
    }
}
END
}


# --- tests ---

lint() {
    find . -path ./build -prune -o -name '*.[ch]' -print0 | sort -z |
        xargs -0 -r perl -CSD -ne '
            chomp;
            my $code = s/"(?:[^"\\]|\\.)*"/""/gr;
            my $why = /\t/ ? "tab" : /\s$/ ? "trailing blank"
                : length > 80 ? "over 80 columns"
                : $code =~ m{//} ? "// comment" : next;
            print STDERR "$ARGV:$.: $why\n";
            $bad = 1;
            } continue { close ARGV if eof; } END { exit $bad // 0;
        ' || die "lint failed"
}

make_units() {
    make -s -j "$jobs" -f t/Makefile OUT="$out" SAN="$unit_opt" units
}

build_for_tests() {
    need perl curl openssl
    build_module binary
    make_units
}

# run_tests [FILE ...]: the exit status is that of prove
run_tests() {
    local tests=() file

    locked build_for_tests

    for file; do
        file=$(realpath --relative-to=. "$started_in/$file")

        case $file in
        t/unit/*.c) tests+=("$out/unit/$(basename "$file" .c)") ;;
        *) tests+=("$file") ;;
        esac
    done

    if [ $# -eq 0 ]; then
        shopt -s nullglob
        tests=(t/*.t t/unit/*_test.c)
        tests=("${tests[@]/#t\/unit/$out/unit}")
        tests=("${tests[@]%.c}")
    fi

    export BIGCACHE_NGINX=$nginx BIGCACHE_MODULE=$top/$out/$so
    prove -j4 -I t/lib "${tests[@]}"
}

cmd_test() {
    lint
    set_paths
    run_tests "$@"
}

cmd_sanitize() {
    set_paths asan

    # every nginx module has an ngx_module_names, which is no mistake
    export ASAN_OPTIONS=detect_leaks=1:detect_odr_violation=0
    export UBSAN_OPTIONS=print_stacktrace=1
    export LSAN_OPTIONS=print_suppressions=0:suppressions=$top/t/lsan.supp

    # an nginx that is not instrumented gets the runtime from outside
    [ -n "${NGX_SRC:-}" ] ||
        export BIGCACHE_PRELOAD=$(gcc -print-file-name=libasan.so)

    run_tests "$@"
}

cmd_fuzz() {
    local name=${1:-} seconds=${2:-600} target

    if [ -z "$name" ]; then
        for target in t/fuzz/*.c; do
            cmd_fuzz "$(basename "$target" .c)" "$seconds"
        done

        return
    fi

    [ -f "t/fuzz/$name.c" ] || die "no fuzz target t/fuzz/$name.c"
    set_paths
    locked build_fuzz "$name"

    mkdir -p "build/fuzz/$name"
    note "fuzzing $name for $seconds seconds"
    build/clang/fuzz/"$name" -max_total_time="$seconds" -timeout=20 \
        -print_final_stats=1 -artifact_prefix="build/fuzz/$name-" \
        "build/fuzz/$name" $(ls -d "t/fuzz/corpus/$name" 2>/dev/null)
}

build_fuzz() {
    need make clang libleveldb-dev libcjson-dev
    make -s -j "$jobs" -f t/Makefile CC=clang OUT=build/clang \
        SAN="-O1 -fsanitize=fuzzer-no-link,address,undefined \
             -fno-sanitize-recover=undefined" "build/clang/fuzz/$1"
}

cmd_bench() {
    local name=${1:-}

    if [ -z "$name" ]; then
        ls bench | sed -n 's/\.sh$//p'
        return
    fi

    [ -f "bench/$name.sh" ] || die "no benchmark bench/$name.sh"
    shift
    set_paths
    locked need wrk
    locked build_module binary
    BIGCACHE_NGINX=$nginx BIGCACHE_MODULE=$top/$out/$so \
        bash "bench/$name.sh" "$@"
}


# --- install ---

# configured OPTION: what nginx was configured with
configured() {
    "$nginx" -V 2>&1 | tr ' ' '\n' | sed -n "s/^--$1=//p"
}

cmd_install() {
    local modules conf

    [ "$(id -u)" = 0 ] || die "install: only root may do that"

    set_paths
    locked build_module
    nginx=$(command -v nginx) || die "install: no nginx is installed"

    modules=$(configured modules-path)
    modules=${modules:-$(configured prefix)/modules}
    conf=$(dirname "$(configured conf-path)")

    echo "load_module $top/$out/$so; events { }" >"$out/install.conf"
    "$nginx" -t -q -e stderr -c "$top/$out/install.conf" ||
        die "install: $nginx does not take this module"

    install -D -m 644 "$out/$so" "$modules/$so.new"
    mv "$modules/$so.new" "$modules/$so"
    install -m 644 example/nginx.conf "$conf/bigcache.conf.example"

    cat <<END
installed $modules/$so
          $conf/bigcache.conf.example

To use it, add to $conf/nginx.conf, at its top:

    load_module $modules/$so;
    thread_pool bigcache threads=16 max_queue=65536;

in its block "http":

    bigcache_path /var/lib/bigcache zone=main:16m thread_pool=bigcache;

and in a block "server":

    location / {
        bigcache main;
    }

then reload nginx: nginx -t && nginx -s reload
END
}


cd "$top"
command=${1:-build}
[ $# -eq 0 ] || shift

case $command in
build | run | test | sanitize | fuzz | bench | install) "cmd_$command" "$@" ;;
-h | --help | help) usage ;;
*) die "unknown command '$command', see ./build.sh help" ;;
esac
