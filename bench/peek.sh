#!/bin/bash
#
# Up to which size it is better to send a page from the event loop than by a
# thread: hits of several sizes, in both ways, beside a static file of that
# size.  Also the latency of an unrelated location of the same worker.
#
#     ./build.sh bench peek
#
# Takes some 3 minutes.
#
# SIZES="4 16 64 256 1024" ROUNDS=3 SECONDS_EACH=2 in the environment change
# that; sizes are in KB.

set -eu
. "$(dirname "$0")/common"

sizes=${SIZES:-4 16 64 256 1024}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-2}

# built BOUND: prints the path of a module with that bound in bytes
built() {
    mkdir "$dir/tree.$1"
    git -C "$top" archive HEAD | tar -x -C "$dir/tree.$1"
    sed -i "s/^\(#define BIGCACHE_PEEK_MAX \).*/\1 ($1)/" \
        $(grep -rlE '^#define BIGCACHE_PEEK_MAX ' "$dir/tree.$1/src")
    (cd "$dir/tree.$1" && ./build.sh) > "$dir/build.log" 2>&1
    echo "$dir/tree.$1/build/ngx_http_bigcache_module.so"
}

event_loop=$(built 4194304)
thread=$(built 1)

mkdir "$dir/html"
locations="
        location = /unrelated { return 200 x; }
        location /static/ {
            alias $dir/html/;
            open_file_cache max=100 inactive=1h;
        }"

# measure NAME URL: requests/s, and the latency of the unrelated location
measure() {
    (load $((seconds + 1)) 16 "$2" >> "$dir/result.$1") &
    local loader=$!

    sleep 0.5
    p99 /unrelated "$seconds" >> "$dir/p99.$1"
    wait "$loader"
}

for size in $sizes; do
    head -c $((size * 1024 - 512)) /dev/urandom > "$dir/html/$size"
done

for round in $(seq "$rounds"); do
    for way in event_loop thread; do
        module=${!way} start_nginx "$dir/data.$way" "$locations"
        wait_for /stat/count

        for size in $sizes; do
            curl -sf -o "$dir/out" -X POST "$base/pickle/$size" \
                -H "Content-Type: text/plain" \
                --data-binary @"$dir/html/$size"
            measure "$size.$way" "$base/pickle/$size"

            if [ "$way" = thread ]; then
                measure "$size.static" "$base/static/$size"
            fi
        done

        stop_nginx
    done
done

{
    heading
    echo "# 16 connections, $rounds rounds of $seconds s, medians; p99 of an" \
        "unrelated location, us"
    echo
    printf '%-10s %12s %8s %12s %8s %12s %8s\n' "size, KB" \
        "event loop" p99 thread p99 "static file" p99

    for size in $sizes; do
        printf '%-10s' "$size"

        for way in event_loop thread static; do
            printf ' %12.0f %8.0f' "$(median "$dir/result.$size.$way")" \
                "$(median "$dir/p99.$size.$way")"
        done

        echo
    done
} | tee "$top/bench/results/peek.txt"

check_log
