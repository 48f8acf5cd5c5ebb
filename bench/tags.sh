#!/bin/bash
#
# What a purge by tag costs: 10 million pages, of which a tenth has one tag.  How
# long until it is in effect, until all is removed, and what other requests
# notice of it meanwhile.  Then as many purges as eight connections can send of
# tags that no page has, and the memory that they take.
#
#     ./build.sh bench tags
#
# Takes some 4 minutes.
#
# KEYS=10000000 SIZE=300 in the environment change that; it takes KEYS times SIZE
# bytes of disk, and some, in TMPDIR.  DATA is a store that was filled before.

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
    return wrk.format(nil, "/pickle/page/" .. math.random(0, 9999) * 9 + 1)
end
END

# one purge of a tag that no page has after the other
cat > "$dir/nobody.lua" <<'END'
local n, run = 0, os.time()
wrk.method = "POST"
request = function()
    n = n + 1
    return wrk.format(nil, "/purge", nil,
        '{"type":"tag","selectors":["nobody' .. run .. '.' .. n .. '"],"purge":true}')
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

p99_of() { echo "$1" | awk '{ print $2 }'; }

# purge TAG ARGUMENTS: prints the answer and the seconds that it took
purge() {
    curl -sf -w ' %{time_total}\n' "${@:2}" "$base/purge" \
        -d '{"type":"tag","selectors":["'"$1"'"],"purge":true}'
}

# row TEXT P50 P99 RATE
row() {
    printf '%-52s %10s %10s %10s\n' "$1" "$(three "$2")" "$(three "$3")" \
        "$(three "$4")"
}

# two tenths of the pages have a tag, each one of its own; DATA may have them
fill() {
    local tenth=$((keys / 10))

    [ -z "${DATA:-}" ] || return 0

    data=$dir/keys
    mkdir "$data"
    "$dir/fill" "$data" 0 $((9 * tenth)) "$size" page one 9
    "$dir/fill" "$data" $((9 * tenth)) "$keys" "$size" page two 1
}

# wait_removed N: until so many pages are left
wait_removed() {
    while [ "$(curl -sf "$base/stat/count" | tr -dc 0-9)" -gt "$1" ]; do
        sleep 0.1
    done
}

data=${DATA:-}

{
    heading
    echo "# $keys pages of $size B; a tenth has a tag, a tenth another one"
    echo "# hits are of 10,000 pages without a tag, from 8 connections"
    echo "# puts/s of both parts of the store: $(fill | tr '\n' ' ')"
    echo

    data=${DATA:-$dir/keys}
    STORE='write_buffer=16m' ZONE=64m start_nginx "$data"
    wait_for /stat/count
    ask 3 > "$dir/warm"

    row "" "p50 ms" "p99 ms" "hits/s"
    row "hits before" $(ask 10)

    ask 25 > "$dir/during" &
    load_pid=$!
    sleep 1
    began=$(date +%s%N)
    purge one -H 'Prefer: respond-async' > "$dir/async"
    gone=$(curl -s -o "$dir/out" -w '%{http_code}' "$base/pickle/page/0")
    wait_removed $((keys - keys / 10))
    ended=$(date +%s%N)
    wait "$load_pid"

    row "hits, 25 s: a purge, removed behind the answer" $(cat "$dir/during")
    during=$(p99_of "$(cat "$dir/during")")
    goal "purge by tag of 1 M of 10 M pages: answered and in effect" "" \
        "$(awk '{ printf "%.1f", $NF * 1000 }' "$dir/async")" "<= 50 ms"

    ask 25 > "$dir/during" &
    load_pid=$!
    sleep 1
    purge two > "$dir/sync"
    wait "$load_pid"

    row "hits, 25 s: a purge that waits for the end" $(cat "$dir/during")

    # before, LevelDB may still compact what was filled: after is a quiet time
    quiet=$(ask 10)
    row "hits after" $quiet
    goal "99th percentile of other hits meanwhile" "afterwards" \
        "$(ratio "$during" "$(p99_of "$quiet")" 1)" "<= 2 x"
    echo
    echo "answered and in effect, ms:" \
        "$(three "$(awk '{ print $NF * 1000 }' "$dir/async")")"
    echo "a read of a page with the tag after that: $gone"
    echo "all removed behind the answer, s:" \
        "$(three "$(awk "BEGIN { print ($ended - $began) / 1000000000 }")")"
    echo "answered with the number of pages: $(cut -d ' ' -f 1 "$dir/sync")" \
        "$(three "$(cut -d ' ' -f 2 "$dir/sync")") s"
    echo

    row "" "p50 ms" "p99 ms" "hits/s"
    row "hits before" $(ask 10)
    before=$(resident)
    taskset -c "${LOAD_CORES:-1}" wrk -t 1 -c 8 -d 12s -s "$dir/nobody.lua" \
        "$base" > "$dir/wrk.purges" &
    load_pid=$!
    sleep 1
    nobody=$(ask 10)
    row "hits during purges of tags that nobody has" $nobody
    wait "$load_pid"
    echo
    echo "such purges a second, beside the hits:" \
        "$(awk '/Requests\/sec/ { printf "%.0f", $2 }' "$dir/wrk.purges")"
    done=$(awk '/requests in/ { print $1 }' "$dir/wrk.purges")
    echo "resident memory before and after $done of them, MB: $before $(resident)"

    for n in 1 2 3 4 5 6 7 8 9 10; do
        load 3 8 -s "$dir/nobody.lua" "$base" > "$dir/rate"
    done

    alone=$(cat "$dir/rate")
    echo "alone, a second: $(three "$alone"); resident memory, MB: $(resident)"
    goal "purges a second of tags that nobody has, alone" "" \
        "$(printf '%.0f' "$alone")" "1000 /s"

    stop_nginx
} > >(tee "$out")

keep_goals tags

check_log
