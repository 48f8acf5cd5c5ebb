#!/bin/bash
#
# Django's cache over bigcache beside other backends: django-redis with Redis
# (parser of hiredis), Django's own for memcached (pymemcache), diskcache and
# Django's files; and example/big_cache.py without Django.  Each server runs on
# core 0, and Python on core 1.  All have the same values and keys: pages of 30
# KB of HTML, and small dicts.  They are measured one after the other in each
# round; a figure is the median of all calls.
#
#     ./build.sh bench python
#
# Takes some 3 minutes.
#
# In the environment, with their defaults:
#
#     PEERS="bigcache packed example redis memcached diskcache file"
#     ROUNDS=3
#     CALLS=500         of each kind in a round; of get_many and set_many CALLS/20
#     KEYS=500          different pages
#     THREADS=16 PROCESSES=4
#
# Results are in bench/results/python.txt, and in bench/results/python.tsv a line
# for each figure: peer, mode, call, microseconds.
#
# Packages: python3-django python3-django-redis python3-hiredis redis-server
# Packages: memcached python3-pymemcache python3-diskcache

set -eu
. "$(dirname "$0")/common"

peers=${PEERS:-bigcache packed example redis memcached diskcache file}
export ROUNDS=${ROUNDS:-3} CALLS=${CALLS:-500} KEYS=${KEYS:-500}
export THREADS=${THREADS:-16} PROCESSES=${PROCESSES:-4}
export BIGCACHE_PORT=$port REDIS_PORT=$((port + 3))
export MEMCACHED_PORT=$((port + 1)) BENCH_DIR=$dir

others=()

stop_others() {
    local other

    for other in "${others[@]}"; do
        kill "$other" 2>/dev/null && wait "$other" || true
    done
}

trap 'stop_others; cleanup' EXIT

# in_background COMMAND ...: runs it on the core of the servers
in_background() {
    taskset -c 0 "$@" >> "$dir/other.log" 2>&1 &
    others+=($!)
}

BODY=1m start_nginx "$dir/data"
in_background redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save '' \
    --appendonly no --dir "$dir"
in_background memcached -l 127.0.0.1 -p "$MEMCACHED_PORT" -m 1024 -t 1 \
    -u "$(id -un)"
wait_for /stat/count
wait_port "$REDIS_PORT"
wait_port "$MEMCACHED_PORT"

PYTHONPATH=$top/clients/python:$top/example \
    taskset -c 1 /usr/bin/python3 -B "$top/bench/python.py" $peers \
    > "$dir/python.tsv"

stop_nginx

if ! grep -v '\[notice\]' "$dir/error.log" > "$dir/said"; then
    cp "$dir/python.tsv" "$top/bench/results/python.tsv"

    {
        heading
        echo "# $ROUNDS rounds of $CALLS calls, $KEYS pages of 30 KB and as" \
            "many small dicts;"
        echo "# $THREADS threads, $PROCESSES processes"
        echo
        awk -f "$top/bench/python.awk" "$dir/python.tsv"
    } | tee "$top/bench/results/python.txt"
else
    cat "$dir/said" >&2
    exit 1
fi
