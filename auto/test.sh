# ./build.sh test, test-full, sanitize, fuzz and bench: read by build.sh.

# tests mostly wait, so one more than there are processors keeps these busy
test_jobs=$((jobs + 1))

# those that take longest begin first, so that none is left alone at the end
slow_tests="model python handover"
slow_full_tests="cluster_api container cluster_hostile"

make_units() {
    make_part t/Makefile units power
}

# first_of DIRECTORY NAME ...: sets tests to those of a directory, NAMEs first
first_of() {
    local name

    shopt -s nullglob
    tests=()

    for name in "${@:2}"; do
        [ ! -f "$1/$name.t" ] || tests+=("$1/$name.t")
    done

    for name in "$1"/*.t; do
        [[ " ${tests[*]} " == *" $name "* ]] || tests+=("$name")
    done
}

# the filters beside which t/filters.t tries bigcache, in Debian's nginx
filter_packages() {
    [ -z "${NGX_SRC:-}" ] || return 0

    printf 'libnginx-mod-http-%s ' brotli-filter echo image-filter js lua \
        subs-filter xslt-filter
}

# what stands behind the examples of page caching
site_packages() {
    echo gunicorn uwsgi uwsgi-plugin-python3 php-fpm php-mysql wordpress \
        wordpress-theme-twentytwentythree mariadb-server
}

# what builds and runs the image; only root can do that
container_packages() {
    [ "$(id -u)" != 0 ] || echo crun mmdebstrap podman
}

# test_strictly [FILE ...]: compiles everything with clang; without FILE, also
# runs the unit tests that clang has made
test_strictly() {
    set_paths strict
    note "compiling with clang"
    locked build_strictly
    [ $# -gt 0 ] || attended prove -j$test_jobs "$out"/unit/*_test
}

build_strictly() {
    need clang $(build_packages)
    build_module
    make_units
    build_tool
}

build_for_tests() {
    need perl curl openssl python3-plyvel python3-django spin \
        $(build_packages) $(filter_packages)

    # only root can mount the file systems that these make
    [ "$(id -u)" != 0 ] || need e2fsprogs xfsprogs

    build_module binary
    make_units
    build_tool
    build_web
}

# run_tests [FILE ...]: the exit status is that of prove
run_tests() {
    local tests=() file

    locked build_for_tests

    # an nginx that is not instrumented gets the runtime from outside
    [ "$out" = build ] || [ -n "${NGX_SRC:-}" ] ||
        export BIGCACHE_PRELOAD=$(gcc -print-file-name=libasan.so)

    for file; do
        file=$(cd "$started_in" && realpath --relative-to="$top" "$file")

        case $file in
        t/unit/*.c) tests+=("$out/unit/$(basename "$file" .c)") ;;
        *) tests+=("$file") ;;
        esac
    done

    if [ $# -eq 0 ]; then
        first_of t $slow_tests
        for file in t/unit/*_test.c; do
            tests+=("$out/unit/$(basename "$file" .c)")
        done
    fi

    export BIGCACHE_NGINX=$nginx BIGCACHE_MODULE=$module
    export BIGCACHE_TOOL=$top/$out/bigcache BIGCACHE_SRC=$src
    attended prove -j$test_jobs -I t/lib "${tests[@]}"
}

cmd_test() {
    set_paths
    locked need perl
    auto/lint || die "auto/lint has found breaches of the rules"

    [ "$WERROR" != 1 ] || attended test_strictly "$@"
    run_tests "$@"
}

cmd_test_full() {
    set_paths
    locked need clang man-db prometheus chromium chromium-driver \
        fonts-dejavu-core mypy python3-venv redis-server strace systemd \
        $(release_packages) $(site_packages) $(container_packages)

    if [ $# -eq 0 ]; then
        first_of "$top/t/full" $slow_full_tests
        set -- "${tests[@]}"
    fi

    run_tests "$@"
}

cmd_sanitize() {
    set_paths asan

    # every nginx module defines ngx_module_names, which is no error; nor are
    # libraries that a test has an nginx of NGX_SRC load before the runtime
    export ASAN_OPTIONS=detect_leaks=1:detect_odr_violation=0
    ASAN_OPTIONS+=:verify_asan_link_order=0
    export UBSAN_OPTIONS=print_stacktrace=1
    export LSAN_OPTIONS=print_suppressions=0:suppressions=$top/t/lsan.supp

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
    need clang $(build_packages)
    make -s -j "$jobs" -f t/Makefile CC=clang OUT=build/clang \
        SAN="-O1 -fsanitize=fuzzer-no-link,address,undefined \
             -fno-sanitize-recover=undefined" "build/clang/fuzz/$1"
}

# bench_all: one that fails, or takes too long, does not keep the others from
# being run
bench_all() {
    local run=build/bench.txt names began status failed=

    # all but "overwrite", which takes an hour
    names="peers storage tags pages tail disk cold mix python workers requests
        peek shards wait sync cluster"

    mkdir -p build
    echo "# all benchmarks in one run, begun $(date -u '+%F %T')" > $run
    echo "# commit $(git rev-parse --short HEAD)," \
        "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)," \
        "$(nproc) cores, Linux $(uname -r)" >> $run

    for name in $names; do
        note "bench $name, $(date +%T)"
        began=$SECONDS status=0
        attended timeout -k 20 30m "$top/build.sh" bench "$name" || status=$?
        [ $status -eq 0 ] || failed+=" $name"

        awk -v name="$name" -v s=$((SECONDS - began)) -v status=$status 'BEGIN {
            printf "%-10s %5.1f minutes%s\n", name, s / 60,
                status ? ", failed" : "" }' >> $run
    done

    cp $run bench/results/run.txt
    cat $run
    bench/tables.pl
    [ -z "$failed" ] || die "benchmarks that have failed:$failed"
}

build_for_bench() {
    build_module binary
    make_part auto/Makefile "$out/lib/libbigcache.a"
}

cmd_bench() {
    local name=${1:-}

    if [ -z "$name" ]; then
        bench_all
        return
    fi

    [ -f "bench/$name.sh" ] || die "no benchmark bench/$name.sh"
    shift
    set_paths
    locked need wrk curl $(sed -n 's/^# Packages: //p' "bench/$name.sh")
    locked build_for_bench
    BIGCACHE_NGINX=$nginx BIGCACHE_MODULE=$module \
        bash "bench/$name.sh" "$@"
}
