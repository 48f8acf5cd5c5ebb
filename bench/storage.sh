#!/bin/bash
#
# What storing costs, and what many keys cost.  First, POST of 30 KB HTML pages
# beside LevelDB with its defaults, with the same number of pages.  Then, with
# 10 thousand, 1 million and 10 million keys: hits, POSTs, resident memory,
# start to first hit, and /stat/count.  At last, a purge of a tenth of the
# largest store, and the latency of other requests meanwhile.  Hits are of 10
# thousand pages all over the store, and of all pages equally often.  The zone
# has 16 MB, which is room for 450 thousand pages.  Then hits of all pages of the
# largest store with a zone that has room for all of them, and of the smallest
# one with such a zone, by turns; and what memory that takes.
#
# Before all pages are asked for the segments are read, for the kernel to have
# them in memory: what a disk costs is measured by cold.sh.
#
#     ./build.sh bench storage
#
# Takes some 11 minutes.
#
# KEYS="10000 1000000 10000000" SIZE=1200 ROUNDS=3 in the environment change
# that; it takes KEYS times SIZE bytes of disk in TMPDIR.
#
# Packages: gnuplot-nox

set -eu
. "$(dirname "$0")/common"

keys=${KEYS:-10000 1000000 10000000}
size=${SIZE:-1200}
rounds=${ROUNDS:-3}
out=$top/bench/results/storage.txt

build_programs fill leveldb_put

# a page like those of a catalogue: 30 KB that pack to about a fifth
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

# get N STEP [BASE]: a script that reads any of N pages, every STEPth of the
# store
get() {
    echo 'math.randomseed(os.time())'
    echo 'request = function()'
    echo "return wrk.format(nil, \"${3:-}/pickle/page/\""
    echo "    .. math.random(0, $1 - 1) * $2) end"
}

resident() {
    awk '/^(RssAnon|RssShmem):/ { n += $2 } END { printf "%.0f", n / 1024 }' \
        "/proc/$(pgrep -P "$pid")/status"
}

# in_memory DIRECTORY: reads the pages of a store
in_memory() {
    # compaction may remove one meanwhile
    cat "$1/pages/"*.seg > /dev/null 2> "$dir/out" || true
}

# pss FIELD: of all processes of nginx, MB
pss() {
    local process

    for process in "$pid" $(pgrep -P "$pid"); do
        cat "/proc/$process/smaps_rollup"
    done | awk -v field="$1:" '$1 == field { n += $2 }
        END { printf "%.0f", n / 1024 }'
}

# line WHAT VALUE TEXT
line() {
    printf '%-44s %14s   %s\n' "$1" "$(three "$2")" "$3"
}

post_of_pages() {
    local round gzip

    for round in $(seq "$rounds"); do

        for gzip in on off; do
            rm -rf "$dir/data"
            STORE="gzip=$gzip" start_nginx "$dir/data"
            wait_for /stat/count
            load 5 32 -s "$dir/post.lua" "$base" >> "$dir/result.gzip_$gzip"
            stop_nginx
        done

        rm -rf "$dir/data"
        taskset -c 0 "$dir/leveldb_put" "$dir/leveldb" "$dir/page.html" 40000 \
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
        printf "%.1f x LevelDB at its defaults (%.0f); ", p / l, l
        printf "%.1f x the original (1163)", p / 1163 }')"
}

# hits N KEYS STEP NAME: hits of so many of N keys, every STEPth, as NAME
hits() {
    local round

    get "$2" "$3" > "$dir/get.lua"
    in_memory "$dir/keys"
    load 10 32 -s "$dir/get.lua" "$base" > "$dir/warm"

    for round in $(seq "$rounds"); do
        load 4 32 -s "$dir/get.lua" "$base"
    done > "$dir/result.hits.$4.$1"
}

# against_fewest WHAT RESULT: its medians, and their ratios to the first
against_fewest() {
    local n

    for n in $keys; do
        line "$n keys: $1, requests/s" "$(median "$dir/result.$2.$n")" \
            "$(ratio "$(median "$dir/result.$2.$n")" \
                "$(median "$dir/result.$2.${keys%% *}")") x"
    done
}

# of_keys N: the store has N keys already
of_keys() {
    local began first hit round

    sync
    began=$(date +%s%N)
    start_nginx "$dir/keys"

    wait_for /pickle/page/7

    first=$(( ($(date +%s%N) - began) / 1000000 ))
    line "$1 keys: start to first hit, ms" "$first" ""
    echo "$first" > "$dir/first"

    hits "$1" 10000 $(($1 / 10000)) some
    hits "$1" "$1" 1 all

    for round in $(seq "$rounds"); do
        load 4 32 -s "$dir/post.lua" "$base"
    done > "$dir/result.post.$1"

    resident > "$dir/resident"
    line "$1 keys: resident, private and shared, MB" "$(cat "$dir/resident")" ""

    for round in 1 2 3 4 5; do
        curl -sf -o "$dir/out" -w '%{time_total}\n' "$base/stat/count"
    done | sort -n | sed -n 3p > "$dir/count"

    line "$1 keys: /stat/count, ms" \
        "$(awk '{ printf "%.2f", $1 * 1000 }' "$dir/count")" ""
}

# known: hits of all pages of the smallest and of the largest store, each with a
# zone that has room for all places of the largest
known() {
    local round n few zone

    few=${keys%% *}
    n=${keys##* }
    zone=$((n / 25000 > 16 ? n / 25000 : 16))m

    mkdir "$dir/few"
    "$dir/fill" "$dir/few" 0 "$few" "$size" > "$dir/filled"

    ZONE=$zone HTTP="bigcache_path $dir/few zone=few:$zone
        thread_pool=bigcache;" start_nginx "$dir/keys" \
        'location /few/ { bigcache few; bigcache_base /few; }'
    wait_for /pickle/page/7
    wait_for /few/pickle/page/7

    line "$n keys, zone=$zone, at the start: PSS, of it shared, MB" \
        "$(pss Pss)" "$(pss Pss_Shmem)"

    in_memory "$dir/keys"
    "$top/bench/learn.pl" "$base/few" "$few"
    "$top/bench/learn.pl" "$base" "$n"

    for round in $(seq "$rounds"); do
        get "$few" 1 /few > "$dir/get.lua"
        load 4 32 -s "$dir/get.lua" "$base" >> "$dir/result.known.$few"
        in_memory "$dir/keys"
        get "$n" 1 > "$dir/get.lua"
        load 4 32 -s "$dir/get.lua" "$base" >> "$dir/result.known.$n"
    done

    curl -sf "$base/stat" | sed 's/.*"entries":\([0-9]*\).*/\1/' > "$dir/entries"
    pss Pss > "$dir/pss"
    pss Pss_Shmem > "$dir/pss_shmem"

    line "$n keys, zone=$zone: known of them" "$(cat "$dir/entries")" ""
    line "$n keys, zone=$zone: PSS, of it shared, MB" "$(cat "$dir/pss")" \
        "$(cat "$dir/pss_shmem")"
    line "$few keys: hits of all, zone=$zone, requests/s" \
        "$(median "$dir/result.known.$few")" ""
    line "$n keys: hits of all, zone=$zone, requests/s" \
        "$(median "$dir/result.known.$n")" "$(growth known) x"

    stop_nginx
    rm -rf "$dir/few"
}

# growth RESULT
growth() {
    ratio "$(median "$dir/result.$1.${keys##* }")" \
        "$(median "$dir/result.$1.${keys%% *}")"
}

# purge N: of the last store, a tenth
purge() {
    local before during took

    get "$1" 1 > "$dir/get.lua"
    load 5 8 --latency -s "$dir/get.lua" "$base" > "$dir/rate"
    before=$(p99_of_wrk)

    (EXPECT_MISS=1 load 20 8 --latency -s "$dir/get.lua" "$base" \
        > "$dir/rate" 2>"$dir/non2xx") &
    sleep 1
    curl -sf -w '%{time_total}\n' -X DELETE "$base/prefix/page/1" \
        > "$dir/purge"
    wait $!
    during=$(p99_of_wrk)
    took=$(three "$(tail -n 1 "$dir/purge" | sed 's/.*}//')")

    line "purge of $(grep -o '[0-9]* keys' "$dir/purge"), s" "$took" ""
    line "p99 of hits before and meanwhile, ms" "$before" "$during"

    goal "purge of 1.1 M of 10 M keys, answered" "" "$took" "<= 10 s"
    goal "99th percentile of hits meanwhile" "before" \
        "$(ratio "$during" "$before" 1)" "<= 2 x"
}

# of the last load, milliseconds
p99_of_wrk() {
    awk '$1 == "99%" {
        v = $2
        unit = v
        gsub(/[0-9.]/, "", unit)
        v += 0
        print unit == "us" ? v / 1000 : unit == "s" ? v * 1000 : v
    }' "$dir/wrk"
}

plot() {
    for n in $keys; do
        echo "$n $(median "$dir/result.hits.some.$n")" \
            "$(median "$dir/result.hits.all.$n")" "$(median "$dir/result.post.$n")"
    done > "$dir/plot"

    gnuplot <<END
set terminal svg size 640,360 font 'sans,12' background 'white'
set output '$top/bench/results/growth.svg'
set title 'Growth, one core: requests a second by pages in the store'
set logscale x
set yrange [0:*]
set format x '10^{%L}'
set format y '%.0f'
set key outside bottom center horizontal
plot '$dir/plot' using 1:2 with linespoints lw 2 \
        title 'hits of 10,000 of the pages', \
    '' using 1:3 with linespoints lw 2 title 'hits of all pages alike', \
    '' using 1:4 with linespoints lw 2 title 'POST 30 KB'
END
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

        # which removes a tenth, so last
        if [ "$n" = "${keys##* }" ]; then
            stop_nginx
            known
            start_nginx "$dir/keys"
            wait_for /pickle/page/7
            purge "$n"
        fi

        stop_nginx
    done

    against_fewest "hits of 10000 pages of $size B" hits.some
    against_fewest "hits of all pages alike" hits.all
    against_fewest "POST 30 KB" post
} > >(tee "$out")

plot

goal "POST 30 KB" "LevelDB at its defaults, a loop in C" \
    "$(ratio "$(median "$dir/result.gzip_on")" \
        "$(median "$dir/result.leveldb")" 1)" "5 x"
goal "memory, 10 M pages, \`zone=16m\`, resident" "" "$(cat "$dir/resident")" "<= 200 MB"
goal "start to first hit, 10 M pages" "" "$(cat "$dir/first")" "<= 1000 ms"
goal '`/stat/count`, 10 M pages' "" \
    "$(awk '{ printf "%.2f", $1 * 1000 }' "$dir/count")" "<= 5 ms"
goal "hits of 10,000 pages, 10 M in the store" "10 thousand in the store" \
    "$(growth hits.some)" "0.9 x"
goal "hits of all pages alike, 10 M, \`zone=16m\`" "10 thousand" \
    "$(growth hits.all)" "0.9 x"
goal "hits of all pages alike, 10 M, \`zone=400m\`" "10 thousand" \
    "$(growth known)" "0.8 x"
goal "memory, 10 M pages, \`zone=400m\`, all processes" "" "$(cat "$dir/pss")" \
    "<= 600 MB"
goal "POST 30 KB, 10 M pages in the store" "10 thousand in the store" \
    "$(growth post)" "0.8 x"
keep_goals storage

check_log
