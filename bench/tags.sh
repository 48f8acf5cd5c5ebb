#!/bin/bash
#
# What a purge by tag costs: 10 million pages, of which a tenth have one tag.
# How long until it is in effect, until all is removed, and what other requests
# notice of it meanwhile.  Then as many purges as one connection can send of tags
# that no page has, and the memory that they take.
#
#     ./build.sh bench tags
#
# KEYS=10000000 SIZE=300 in the environment change that; it takes KEYS times
# SIZE bytes of disk, and some, in TMPDIR.

set -eu
. "$(dirname "$0")/common"

keys=${KEYS:-10000000}
size=${SIZE:-300}
out=$top/bench/results/tags.txt

build_programs fill

# hits of 10,000 pages that do not have the tag, and stay in the hot index
cat > "$dir/get.lua" <<END
math.randomseed(os.time())
request = function()
    return wrk.format(nil, "/pickle/page/" .. math.random(0, 9999) * 10 + 1)
end
END

# one purge of a tag that no page has after the other
cat > "$dir/nobody.lua" <<'END'
local n = 0
wrk.method = "POST"
request = function()
    n = n + 1
    return wrk.format(nil, "/purge", nil,
        '{"type":"tag","selectors":["nobody' .. n .. '"],"purge":true}')
end
END

resident() {
    awk '/^(RssAnon|RssShmem):/ { n += $2 } END { printf "%.1f", n / 1024 }' \
        "/proc/$(pgrep -P "$pid")/status"
}

# ask SECONDS: the 50th and the 99th percentile of hits, and how many a second
ask() {
    load "$1" 8 --latency -s "$dir/get.lua" "$base" > "$dir/rate"
    awk '$1 == "50%" || $1 == "99%" {
        v = $2
        unit = v
        gsub(/[0-9.]/, "", unit)
        v += 0
        printf "%s ", unit == "us" ? v / 1000 : unit == "s" ? v * 1000 : v
    }' "$dir/wrk"
    cat "$dir/rate"
}

# purge ARGUMENTS: of the tag; prints seconds and the answer
purge() {
    curl -sf -w ' %{time_total}\n' "$@" -d \
        '{"type":"tag","selectors":["one"],"purge":true}' "$base/purge"
}

# row TEXT P50 P99 RATE
row() {
    printf '%-52s %10s %10s %10s\n' "$@"
}

# a store of its own for each way of purging
fill() {
    rm -rf "$dir/keys"
    mkdir "$dir/keys"
    echo "# fill, puts/s: $("$dir/fill" "$dir/keys" 0 "$keys" "$size" page one 10)"
    STORE='write_buffer=16m' ZONE=64m start_nginx "$dir/keys"
    wait_for /stat/count
    ask 3 > "$dir/warm"
}

{
    heading
    echo "# $keys pages of $size B, a tenth of them with the tag"
    echo "# hits are of 10,000 pages without it, from 8 connections"
    echo

    fill
    row "" "p50 ms" "p99 ms" "hits/s"
    row "hits before" $(ask 10)

    ask 12 > "$dir/during" &
    load_pid=$!
    sleep 1
    purge -H 'Prefer: respond-async' > "$dir/async"
    began=$(date +%s%N)
    gone=$(curl -s -o "$dir/out" -w '%{http_code}' "$base/pickle/page/0")
    wait "$load_pid"
    row "hits while it is removed behind the answer" $(cat "$dir/during")

    while [ "$(curl -sf "$base/stat/count" | tr -dc 0-9)" -gt $((keys - keys / 10)) ]
    do
        sleep 0.1
    done

    ended=$(date +%s%N)
    row "hits after" $(ask 10)
    echo
    echo "answered, and in effect, ms: $(awk '{ print $NF * 1000 }' "$dir/async")"
    echo "the next read of a page with the tag: $gone"
    echo "all removed, s: $(((ended - began) / 1000000000))"
    stop_nginx
    echo

    fill
    ask 30 > "$dir/during" &
    load_pid=$!
    sleep 1
    purge > "$dir/sync"
    kill "$load_pid" 2>/dev/null || true
    wait "$load_pid" || true
    echo "with the number of pages, under load: $(cat "$dir/sync") s"
    echo

    row "" "p50 ms" "p99 ms" "hits/s"
    row "hits before" $(ask 10)
    before=$(resident)
    taskset -c "${LOAD_CORES:-1}" wrk -t 1 -c 8 -d 12s -s "$dir/nobody.lua" \
        "$base" > "$dir/wrk.purges" &
    load_pid=$!
    sleep 1
    row "hits during purges of tags that nobody has" $(ask 10)
    wait "$load_pid"
    echo
    echo "such purges a second, beside the hits:" \
        "$(awk '/Requests\/sec/ { print $2 }' "$dir/wrk.purges")"
    done=$(awk '/requests in/ { print $1 }' "$dir/wrk.purges")
    echo "resident memory before and after $done of them, MB: $before $(resident)"

    for n in 1 2 3 4 5 6 7 8 9 10; do
        load 3 8 -s "$dir/nobody.lua" "$base" > "$dir/rate"
    done

    echo "alone, a second: $(cat "$dir/rate"); resident memory, MB: $(resident)"
} | tee "$out"
