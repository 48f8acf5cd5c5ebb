#!/bin/bash
#
# Requests per second of a hit, a miss and a POST of 1 KB, beside nginx's own
# "return 200" and a static file, all from one nginx in one run: the server on
# core 0, wrk on core 1, interleaved, the median of ROUNDS.
#
#     ./build.sh bench requests
#
# Takes a minute.
#
# ROUNDS=3 SECONDS_EACH=3 CONNECTIONS=32 in the environment change that.

set -eu
. "$(dirname "$0")/common"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
connections=${CONNECTIONS:-32}

mkdir "$dir/html"
head -c 1024 /dev/urandom | base64 -w 0 | head -c 1024 > "$dir/html/file"

# post NAME PATH BODY: a script that posts to PATH/1, PATH/2 ...
post() {
    cat > "$dir/$1.lua" <<END
local n = 0
wrk.method = "POST"
wrk.body = [[$3]]
request = function()
    n = n + 1
    return wrk.format(nil, "$2/" .. n)
end
END
}

page=$(cat "$dir/html/file")
post post /pickle/post "$page"
post post_json /cache/post "{\"value\": \"${page:0:1000}\"}"

start_nginx "$dir/data" "
        location = /return { return 200 \"$page\"; }
        location = /file {
            root $dir/html;
            open_file_cache max=100 inactive=1h;
        }"
wait_for /stat/count

curl -sf -o "$dir/out" -X POST --data-binary "$page" "$base/pickle/hit"
curl -sf -o "$dir/out" -X POST "$base/cache/hit" \
    -d "{\"value\": \"${page:0:900}\"}"

run() {
    case $1 in
    return)     load "$seconds" "$connections" "$base/return" ;;
    static)     load "$seconds" "$connections" "$base/file" ;;
    hit)        load "$seconds" "$connections" "$base/pickle/hit" ;;
    hit_json)   load "$seconds" "$connections" "$base/cache/hit" ;;
    miss)       EXPECT_MISS=1 load "$seconds" "$connections" \
                    "$base/pickle/none" 2>"$dir/non2xx" ;;
    *)          load "$seconds" "$connections" -s "$dir/$1.lua" "$base" ;;
    esac
}

names="return static hit hit_json miss post post_json"

for round in $(seq "$rounds"); do
    for name in $names; do
        run "$name" >> "$dir/result.$name"
    done
done

{
    heading
    echo "# $connections connections, $rounds rounds of $seconds s, medians"
    echo
    printf '%-12s %12s %10s\n' work requests/s "/ static"

    static=$(median "$dir/result.static")

    for name in $names; do
        awk -v n="$name" -v r="$(median "$dir/result.$name")" -v s="$static" \
            'BEGIN { printf "%-12s %12.0f %10.2f\n", n, r, r / s }'
    done
} | tee "$top/bench/results/requests.txt"

check_log
