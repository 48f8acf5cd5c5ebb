#!/bin/bash
#
# What storing costs, and what many keys cost: POST of 30 KB HTML pages beside
# LevelDB at its defaults; hits, POSTs, resident memory, start to first hit and
# /stat/count with 10 thousand, 1 million and 10 million keys; a purge of a
# tenth of the largest, and the latency of other requests meanwhile.
#
#     ./build.sh bench storage
#
# KEYS="10000 1000000 10000000" SIZE=1200 ROUNDS=5 in the environment change
# that; it takes KEYS times SIZE bytes of disk in TMPDIR.

set -eu
. "$(dirname "$0")/common"

keys=${KEYS:-10000 1000000 10000000}
size=${SIZE:-1200}
rounds=${ROUNDS:-5}
out=$top/bench/results/storage.txt

build_programs fill leveldb_put

# a page as a catalogue has them: 30 KB that pack to a fifth or so
awk 'BEGIN {
    srand(1)
    print "<!DOCTYPE html><html><head><title>Data set</title></head><body>"
    for (i = 0; n < 30000; i++) {
        line = sprintf("<tr class=\"row\"><td>%d</td><td><a href=\"/dataset/" \
            "%08x/\">Series %d of %x</a></td><td>%.4f</td></tr>", i,
            rand() * 2 ^ 31, rand() * 1000, rand() * 2 ^ 24, rand() * 1000)
        n += length(line) + 1
        print line
    }
}' > "$dir/page.html"

{
    echo 'local file = io.open("'"$dir"'/page.html"); wrk.body = file:read("*a")'
    echo 'wrk.method = "POST"; local n = 0'
    echo 'request = function() n = n + 1'
    echo 'return wrk.format(nil, "/pickle/html/" .. n) end'
} > "$dir/post.lua"

# get LAST: a script that reads random pages of so many
get() {
    echo 'math.randomseed(os.time())'
    echo 'request = function()'
    echo "return wrk.format(nil, \"/pickle/page/\" .. math.random(0, $1 - 1)) end"
}

resident() {
    awk '/^(RssAnon|RssShmem):/ { n += $2 } END { printf "%.0f", n / 1024 }' \
        "/proc/$(pgrep -P "$pid")/status"
}

line() {
    printf '%-44s %14s   %s\n' "$@"
}

post_of_pages() {
    local round gzip

    for round in $(seq "$rounds"); do

        for gzip in on off; do
            rm -rf "$dir/data"
            STORE="gzip=$gzip" start_nginx "$dir/data"
            wait_for /stat/count
            load 8 32 -s "$dir/post.lua" "$base" >> "$dir/result.gzip_$gzip"
            stop_nginx
        done

        rm -rf "$dir/data"
        taskset -c 0 "$dir/leveldb_put" "$dir/leveldb" "$dir/page.html" 80000 \
            >> "$dir/result.leveldb"
        rm -rf "$dir/leveldb"
    done

    against_leveldb "POST 30 KB, requests/s" "$dir/result.gzip_on"
    against_leveldb "POST 30 KB with gzip=off, requests/s" \
        "$dir/result.gzip_off"
}

# against_leveldb NAME RESULTS
against_leveldb() {
    local post leveldb

    post=$(median "$2")
    leveldb=$(median "$dir/result.leveldb")

    line "$1" "$post" "$(awk -v p="$post" -v l="$leveldb" 'BEGIN {
        printf "%.1f x LevelDB at its defaults (%.0f), goal 5; ", p / l, l
        printf "%.1f x the original (1163)", p / 1163 }')"
}

# of_keys N: the store has N keys already
of_keys() {
    local began first hit round

    sync
    began=$(date +%s%N)
    start_nginx "$dir/keys"

    wait_for /pickle/page/7

    first=$(( ($(date +%s%N) - began) / 1000000 ))
    line "$1 keys: start to first hit, ms" "$first" "goal 1000"

    get "$1" > "$dir/get.lua"
    load 10 32 -s "$dir/get.lua" "$base" > "$dir/warm"
    rm -f "$dir/result.hit" "$dir/result.post"

    for round in $(seq "$rounds"); do
        load 4 32 -s "$dir/get.lua" "$base" >> "$dir/result.hit"
        load 4 32 -s "$dir/post.lua" "$base" >> "$dir/result.post"
    done

    line "$1 keys: hits of $size B, requests/s" "$(median "$dir/result.hit")" ""
    line "$1 keys: POST 30 KB, requests/s" "$(median "$dir/result.post")" ""
    line "$1 keys: resident, private and shared, MB" "$(resident)" "goal 200"

    for round in 1 2 3 4 5; do
        curl -sf -o "$dir/out" -w '%{time_total}\n' "$base/stat/count"
    done | sort -n | sed -n 3p > "$dir/count"

    line "$1 keys: /stat/count, ms" \
        "$(awk '{ printf "%.2f", $1 * 1000 }' "$dir/count")" "goal 5"
}

# purge N: of the last store, a tenth
purge() {
    local before during

    load 5 8 --latency -s "$dir/get.lua" "$base" > "$dir/rate"
    before=$(awk '$1 == "99%" { print $2 }' "$dir/wrk")

    (EXPECT_MISS=1 load 20 8 --latency -s "$dir/get.lua" "$base" \
        > "$dir/rate" 2>"$dir/non2xx") &
    sleep 1
    curl -sf -w '%{time_total}\n' -X DELETE "$base/prefix/page/1" \
        > "$dir/purge"
    wait $!
    during=$(awk '$1 == "99%" { print $2 }' "$dir/wrk")

    line "purge of $(grep -o '[0-9]* keys' "$dir/purge"), s" \
        "$(tail -n 1 "$dir/purge" | sed 's/.*}//')" "goal 10"
    line "p99 of hits meanwhile" "$during" "$before before, goal 2 x"
}

{
    heading
    echo "# pages of the key counts: $size B, not packed"
    echo
    post_of_pages

    had=0
    mkdir "$dir/keys"

    for n in $keys; do
        line "fill to $n keys, puts/s" \
            "$("$dir/fill" "$dir/keys" "$had" "$n" "$size")" ""
        had=$n
        of_keys "$n"

        [ "$n" != "${keys##* }" ] || purge "$n"
        stop_nginx
    done
} | tee "$out"

check_log
