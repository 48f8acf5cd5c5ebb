#!/bin/bash
#
# What durability costs: requests per second of a hit, of POSTs of 1 and 30 KB
# and of DELETEs, with sync=off, with sync=5s, and, if BASELINE names the module
# of another commit, with that module.  The server runs on core 0, wrk on core
# 1.  Each round has the variants in another order, each with a store of its
# own.  The results are the medians of ROUNDS, and of the ratios in each round.
#
#     BASELINE=/path/of/another/ngx_http_bigcache_module.so ./build.sh bench sync
#
# Takes a minute.
#
# ROUNDS=3 SECONDS_EACH=3 CONNECTIONS=32 in the environment change that.

set -eu
. "$(dirname "$0")/common"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
connections=${CONNECTIONS:-32}
own=$module
variants="off 5s"
[ -z "${BASELINE:-}" ] || variants="baseline $variants"

# script NAME METHOD BYTES: requests for /pickle/1, /pickle/2 ...
script() {
    cat > "$dir/$1.lua" <<END
local n = 0
wrk.method = "$2"
wrk.body = [[$(head -c "$3" /dev/urandom | base64 -w 0 | head -c "$3")]]
request = function()
    n = n + 1
    return wrk.format(nil, "/pickle/" .. n)
end
END
}

script post_1k POST 1024
script post_30k POST 30720
script delete DELETE 0

# run_variant NAME: runs one round of it
run_variant() {
    local work

    module=$own
    STORE=sync=$1

    if [ "$1" = baseline ]; then
        module=$BASELINE
        STORE=
    fi

    rm -rf "$dir/data"
    start_nginx "$dir/data"
    wait_for /stat/count
    curl -sf -o "$dir/out" -X POST "$base/pickle/hit" --data-binary @"$0"

    load "$seconds" "$connections" "$base/pickle/hit" >> "$dir/hit.$1"

    # DELETEs find the pages that were stored before
    for work in post_30k post_1k delete; do
        EXPECT_MISS=1 load "$seconds" "$connections" -s "$dir/$work.lua" \
            "$base" >> "$dir/$work.$1" 2>"$dir/non2xx"
    done

    stop_nginx
}

for _ in $(seq "$rounds"); do
    for variant in $(shuf -e $variants); do
        run_variant "$variant"
    done
done

{
    heading
    echo "# $connections connections, $rounds rounds of $seconds s, medians"
    echo
    printf '%-10s' work
    printf ' %12s' $variants '5s / first'
    echo

    for work in hit post_1k post_30k delete; do
        printf '%-10s' "$work"

        for variant in $variants; do
            printf ' %12.0f' "$(median "$dir/$work.$variant")"
        done

        # the ratio of each round: the speed of the machine changes
        paste "$dir/$work.5s" "$dir/$work.${variants%% *}" |
            while read -r one two; do ratio "$one" "$two"; echo; done |
            grep . > "$dir/ratios"

        printf ' %12.2f\n' "$(median "$dir/ratios")"
    done
} | tee "$top/bench/results/sync.txt"

check_log
