#!/bin/bash
#
# What it costs that only one process has the store open.  Hits and POSTs by a
# worker that is the owner, and by one that is a caller: server on core 0, load
# on core 1.  The same by 1, 2 and 4 workers, server and load on both cores.
# The longest request during a reload.  Memory, threads and files of a worker.
#
#     ./build.sh bench workers
#
# Takes some 3 minutes.
#
# ROUNDS=3 SECONDS_EACH=2 CONNECTIONS=32 RELOADS=20 in the environment change
# that.

set -eu
. "$(dirname "$0")/common"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-2}
connections=${CONNECTIONS:-32}
reloads=${RELOADS:-20}
out=$top/bench/results/workers.txt
names="hit_index hit_segment post_index post_segment"

build_programs owner

# pages that do not pack: one in the index, one in a segment
head -c 30000 /dev/urandom > "$dir/segment"
head -c 500 "$dir/segment" > "$dir/index"

for name in index segment; do
    cat > "$dir/post_$name.lua" <<END
local n = 0
local file = io.open("$dir/$name"); wrk.body = file:read("*a"); file:close()
wrk.method = "POST"
request = function()
    n = n + 1
    return wrk.format(nil, "/pickle/post/" .. n % 50000)
end
END
done

run() {
    case $1 in
    hit_*)  load "$seconds" "$connections" "$base/pickle/${1#hit_}" ;;
    *)      load "$seconds" "$connections" -s "$dir/$1.lua" "$base" ;;
    esac
}

# run_all NAME: a round
run_all() {
    for name in $names; do
        run "$name" >> "$dir/result.$name.$1"
    done
}

fill() {
    wait_for /stat/count
    for name in index segment; do
        curl -sf -o "$dir/out" -X POST --data-binary "@$dir/$name" \
            "$base/pickle/$name"
    done
}

# the most memory in MB, threads and files of any worker
workers() {
    local p

    for p in $(pgrep -P "$pid"); do
        echo "$(awk '/^(RssAnon|RssShmem):/ { n += $2 } /^Threads:/ { t = $2 }
            END { printf "%.1f %d", n / 1024, t }' "/proc/$p/status")" \
            "$(find "/proc/$p/fd" -type l | wc -l)"
    done | awk '{ for (i = 1; i <= 3; i++) if ($i > m[i]) m[i] = $i }
        END { print m[1] " MB, " m[2] " threads, " m[3] " files" }'
}

# a worker that is the owner, then one that is a caller

start_nginx "$dir/data"
fill

for round in $(seq "$rounds"); do
    run_all owner

    curl -sf -o "$dir/out" "$base/close"
    coproc taskset -c 0 "$dir/owner" "$dir/data" "$pid"
    owner=$COPROC_PID
    read -r state <&"${COPROC[0]}"
    [ "$state" = open ]
    curl -sf -o "$dir/out" -X POST "$base/open"

    run_all caller

    eval "exec ${COPROC[1]}>&-"
    wait "$owner"
    wait_for /pickle/index
done

stop_nginx

# several workers

for n in 1 2 4; do
    WORKERS=$n SERVER_CORES=0,1 start_nginx "$dir/data"
    fill

    for round in $(seq "$rounds"); do
        LOAD_CORES=0,1 run_all "$n"
    done

    workers > "$dir/workers.$n"
    [ "$n" = 4 ] || stop_nginx
done

# the longest request of a connection, in each of several reloads

for round in $(seq "$reloads"); do
    taskset -c 1 wrk -t 1 -c 4 -d 1s --latency "$base/pickle/index" \
        > "$dir/wrk" &
    wrk=$!
    sleep 0.5
    kill -HUP "$pid"
    wait "$wrk"
    awk '/^ +Latency/ && NF == 5 { v = $4
        print v ~ /ms$/ ? v + 0 : v ~ /us$/ ? v / 1000 : v * 1000 }' "$dir/wrk" \
        >> "$dir/result.reload"
    grep 'Non-2xx' "$dir/wrk" >> "$dir/result.failed" || true
    sleep 0.5
done

stop_nginx

{
    heading
    echo "# $connections connections, $rounds rounds of $seconds s, medians"
    echo
    printf '%-14s %10s %10s %8s %10s %10s %10s\n' 'requests/s' owner caller \
        ratio '1 worker' '2 workers' '4 workers'

    for name in $names; do
        printf '%-14s' "$name"
        for who in owner caller 1 2 4; do
            median "$dir/result.$name.$who"
        done | tr '\n' ' ' | awk '{ printf " %10.0f %10.0f %8.2f %10.0f %10.0f " \
            "%10.0f\n", $1, $2, $2 / $1, $3, $4, $5 }'
    done

    echo
    echo "owner, caller: server on core 0, load on core 1; workers: both on both"
    for n in 1 2 4; do
        echo "a worker of $n, at most: $(cat "$dir/workers.$n")"
    done
    sort -n "$dir/result.reload" | awk '{ v[NR] = $1 }
        END { printf "longest request during a reload, ms, of %d: %.0f median, " \
            "%.0f at most\n", NR, v[int((NR + 1) / 2)], v[NR] }'
    [ ! -s "$dir/result.failed" ] || cat "$dir/result.failed"
} | tee "$out"

check_log
