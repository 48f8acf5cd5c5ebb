#!/bin/bash
#
# A front that spreads keys over servers by nginx's consistent hash: the
# processor time of a request and how much later it comes, beside a server that
# is asked directly; how many keys another server takes when there is a fourth;
# and how long requests take that all servers must answer, with 3 and 8 of them.
# All servers are on this machine, each with one worker: front and servers share
# core 0, the load has core 1.
#
#     ./build.sh bench shards
#
# ROUNDS=3 SECONDS_EACH=3 KEYS=30000 in the environment change that.  Takes some
# two minutes.

set -eu

: "${PORT:=26990}"
. "$(dirname "$0")/common"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
keys=${KEYS:-30000}
servers=()

stop_servers() {
    local one

    for one in "${servers[@]}"; do
        kill -QUIT "$one" 2>/dev/null && wait "$one" || true
    done

    servers=()
}

trap 'stop_servers; cleanup' EXIT

# server NUMBER: one that the front asks
server() {
    local at=$dir/server$1

    mkdir -p "$at/data"
    cat > "$at/nginx.conf" <<END
load_module $module;
worker_processes 1;
daemon off;
user $(id -un);
pid $at/pid;
error_log $at/error.log warn;
thread_pool bigcache threads=16 max_queue=65536;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    sendfile on;
    tcp_nopush on;
    client_max_body_size 100m;
    client_body_buffer_size 64k;
    client_body_temp_path $at/body;
    bigcache_path $at/data zone=main:16m thread_pool=bigcache;
    server {
        listen 127.0.0.1:$((port + $1));
        location / { bigcache main; }
        location /front/ { bigcache main; bigcache_base /front; }
    }
}
END
    taskset -c 0 "$nginx" -p "$at" -c "$at/nginx.conf" &
    servers+=($!)
}

# front N: in front of the first N servers
front() {
    local i lines=

    for i in $(seq "$1"); do
        lines+=" server 127.0.0.1:$((port + i)) max_fails=0;"
    done

    HTTP="upstream shards { hash \$bigcache_shard_key consistent; $lines
            keepalive 64; keepalive_requests 1000000000; }" \
        start_nginx "$dir/unused" "
        location /front/ {
            bigcache_base /front;
            bigcache_shards shards;
            proxy_pass http://shards;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_set_header Host \$http_host;
            proxy_next_upstream off;
        }"
    wait_for /front/stat/count
}

# busy PID ...: nanoseconds of processor time of the workers of these nginx
busy() {
    local one worker

    for one; do
        for worker in $(cat /proc/"$one"/task/*/children); do
            cat /proc/"$worker"/task/*/schedstat
        done
    done | awk '{ n += $1 } END { printf "%.0f", n }'
}

# rate PATH RATE OPTIONS ...: what bench/rate.c prints
rate() {
    taskset -c 1 "$dir/rate" "${@:3}" "$to" "$1" "$2"
}

# point NAME PATH OPTIONS ...: microseconds of processor time a request, and the
# median in microseconds of a client that asks alone
point() {
    local before after n wait

    before=$(busy "$pid" "${servers[@]}")
    n=$(rate "$2" 0 -c 32 -t "$seconds" -w 0 "${@:3}" | awk '{ print $1 }')
    after=$(busy "$pid" "${servers[@]}")
    wait=$(rate "$2" 0 -c 1 -t 1 -w 0.2 "${@:3}" | awk '{ print $4 * 1000 }')

    awk -v n="$1" -v a="$after" -v b="$before" -v r="$n" -v w="$wait" \
        'BEGIN { printf "%s\t%.1f\t%.1f\n", n, (a - b) / 1000 / r, w }' \
        >> "$dir/points"
}

# of NAME COLUMN: the median of the rounds
of() {
    awk -F '\t' -v n="$1" -v c="$2" '$1 == n { print $c }' "$dir/points" \
        > "$dir/column"
    median "$dir/column"
}

# batches OPERATION N: for the keys below N, 1,000 at a time; prints how many
# have had each status
batches() {
    /usr/bin/python3 - "$port" "$1" "$2" <<'END'
import collections, http.client, json, sys
port, operation, n = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
c = http.client.HTTPConnection('127.0.0.1', port)
seen = collections.Counter()
for first in range(0, n, 1000):
    some = [{'op': operation, 'key': 'page/%d' % i}
            for i in range(first, min(first + 1000, n))]
    if operation == 'set':
        for one in some:
            one['value'] = 'x' * 100
    c.request('POST', '/front/batch', json.dumps({'operations': some}))
    r = c.getresponse()
    seen.update(one['status'] for one in json.load(r)['results'])
for status, count in sorted(seen.items()):
    print(status, count)
END
}

gcc -O2 -D_GNU_SOURCE -o "$dir/rate" "$top/bench/rate.c"
head -c 1024 /dev/urandom > "$dir/1k"
awk 'BEGIN { srand(1); for (n = 0; n < 30000; n += length(line) + 1) {
    line = "<tr><td>" int(rand() * 1e9) "</td></tr>"; print line } }' |
    head -c 30000 > "$dir/30k"
: > "$dir/points"
: > "$dir/goals"

for i in $(seq 8); do
    server "$i"
done

SERVER_CORES=0 front 3

# --- one key: each page lies on the server that the hash says, and for the
# direct way on the first server, too

for size in 1k 30k; do
    to=$port
    rate "/front/pickle/$size/%d" 0 -n 1000 -k 1000 -b "$dir/$size" > "$dir/said"
    to=$((port + 1))
    rate "/pickle/$size/%d" 0 -n 1000 -k 1000 -b "$dir/$size" > "$dir/said"
done

for _ in $(seq "$rounds"); do
    to=$((port + 1))
    point direct_1k /pickle/1k/%d -k 1000
    point direct_30k /pickle/30k/%d -k 1000 -g
    to=$port
    point front_1k /front/pickle/1k/%d -k 1000
    point front_30k /front/pickle/30k/%d -k 1000 -g
done

curl -sf -X POST "$base/front/clear" > "$dir/out"

# --- all keys, with 3 servers and with 8

fan_out() {
    local n

    for n in stat/count "keys/?limit=100"; do
        rate "/front/$n" 0 -c 1 -n 200 | awk -v n="$1" -v w="$n" '{
            printf "%d\t/%s\t%.2f\t%.2f\n", n, w, $4, $5 }' >> "$dir/fan"
    done

    for n in $(seq 20); do
        curl -sf -o "$dir/out" -w '%{time_total}\n' \
            -X DELETE "$base/front/prefix/page/$n"
    done > "$dir/column"

    awk -v n="$1" -v m="$(median "$dir/column")" 'BEGIN {
        printf "%d\t/prefix/, some 1,000 keys\t%.2f\t-\n", n, m * 1000 }' \
        >> "$dir/fan"
}

: > "$dir/fan"
batches set "$keys" > "$dir/out"
fan_out 3
batches set "$keys" > "$dir/out"

# --- the keys that a fourth server takes

stop_nginx
front 4
batches get "$keys" > "$dir/moved"
moved=$(awk -v n="$keys" '$1 == 404 { printf "%.1f", 100 * $2 / n }' \
    "$dir/moved")

stop_nginx
front 8
curl -sf -X POST "$base/front/clear" > "$dir/out"
batches set "$keys" > "$dir/out"
fan_out 8

{
    heading
    echo "# $rounds rounds of $seconds s, 32 connections, medians; front and servers"
    echo "# on core 0, load on core 1; waits of a client that asks alone"
    echo
    printf '%-22s%14s%14s\n' "" "us of CPU" "waits us"

    for name in direct_1k front_1k direct_30k front_30k; do
        printf '%-22s%14s%14s\n' "$name" "$(of $name 2)" "$(of $name 3)"
    done

    echo
    echo "keys that a fourth server takes: $moved % (ideal 25)"
    echo
    printf '%-10s%-30s%12s%12s\n' servers "request, alone" "median ms" "p99 ms"
    awk -F '\t' '{ printf "%-10s%-30s%12s%12s\n", $1, $2, $3, $4 }' "$dir/fan"
} | tee "$top/bench/results/shards.txt"

goal "front: keys that a fourth server takes" "25 %" "$moved" "<= 30 %"
keep_goals shards
check_log
