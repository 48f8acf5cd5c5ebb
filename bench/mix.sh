#!/bin/bash
#
# The work of a typical site: nine reads to one write, keys by Zipf's law over
# KEYS pages of 1 KB, with zones of several sizes.  Also the latency of an
# unrelated location of the same worker, beside its latency while a static file
# is under the same load, and without load.
#
#     ./build.sh bench mix
#
# Takes some 3 minutes.
#
# KEYS=1000000 ROUNDS=3 SECONDS_EACH=2 in the environment change that.

set -eu
. "$(dirname "$0")/common"

keys=${KEYS:-1000000}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-2}

build_programs fill

mkdir "$dir/html" "$dir/data"
head -c 1024 /dev/urandom > "$dir/html/file"
"$dir/fill" "$dir/data" 0 "$keys" 1024 > "$dir/out"

# mix WRITES: so many of a hundred requests store a page; the n-th key is asked
# for in proportion to 1 / n
mix() {
    cat <<END
math.randomseed(os.time())
local file = io.open("$dir/html/file", "rb")
local page = file:read("*a")
request = function()
    local path = "/pickle/page/" .. math.floor($keys ^ math.random()) - 1
    if math.random(100) <= $1 then
        return wrk.format("POST", path, nil, page)
    end
    return wrk.format("GET", path)
end
END
}

mix 0 > "$dir/read.lua"
mix 10 > "$dir/mix.lua"

locations="
        location = /unrelated { return 200 x; }
        location = /file {
            root $dir/html;
            open_file_cache max=100 inactive=1h;
        }"

for zone in 1m 16m 64m; do
    ZONE=$zone start_nginx "$dir/data" "$locations"
    wait_for /stat/count
    load 10 32 -s "$dir/read.lua" "$base" > "$dir/warm"

    for round in $(seq "$rounds"); do
        for work in read mix; do
            load "$seconds" 32 -s "$dir/$work.lua" "$base" \
                >> "$dir/result.$work.$zone"
        done

        load "$seconds" 32 "$base/file" >> "$dir/result.file"
    done

    curl -sf "$base/stat" | sed 's/.*"entries":\([0-9]*\).*/\1/' \
        > "$dir/entries.$zone"

    if [ "$zone" = 16m ]; then
        for round in $(seq "$rounds"); do
            p99 /unrelated "$seconds" >> "$dir/p99.none"

            for work in mix file; do
                args=("$base/file")
                [ "$work" = file ] || args=(-s "$dir/mix.lua" "$base")
                (load $((seconds + 2)) 8 "${args[@]}" > "$dir/rate.$work") &
                loader=$!
                sleep 1
                p99 /unrelated "$seconds" >> "$dir/p99.$work"
                wait "$loader"
            done
        done
    fi

    stop_nginx
done

{
    heading
    echo "# $keys pages of 1 KB, keys by Zipf's law; $rounds rounds of" \
        "$seconds s, medians"
    echo
    file=$(median "$dir/result.file")
    printf '%-44s %10.0f\n' 'static file, requests/s' "$file"

    for zone in 1m 16m 64m; do
        for work in read mix; do
            awk -v z="$zone" -v w="$work" -v f="$file" \
                -v e="$(cat "$dir/entries.$zone")" \
                -v r="$(median "$dir/result.$work.$zone")" 'BEGIN {
                    printf "%-44s %10.0f   %.2f x static; %d hot\n",
                        (w == "mix" ? "9 reads to 1 write" : "reads") \
                        ", zone " z ", requests/s", r, r / f, e }'
        done
    done

    none=$(median "$dir/p99.none")

    for work in none file mix; do
        awk -v w="$work" -v n="$none" -v p="$(median "$dir/p99.$work")" 'BEGIN {
            what["none"] = "no load"
            what["file"] = "8 connections of static files"
            what["mix"] = "8 connections of 9 reads to 1 write"
            printf "%-44s %10.0f   %.1f x without\n",
                "unrelated, p99 us, " what[w], p, p / n }'
    done
} | tee "$top/bench/results/mix.txt"

goal "99th percentile of an unrelated location under load" "without load" \
    "$(ratio "$(median "$dir/p99.mix")" "$(median "$dir/p99.none")" 1)" "<= 2 x"
keep_goals mix

check_log
