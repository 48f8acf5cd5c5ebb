#!/bin/bash
#
# How long a plain GET waits while 100 clients send long requests, one after the
# other: batches of 1,000 gets or touches of a page of 1 MB that is packed to 3
# KB, as JSON or raw bytes.  One GET takes a thread, the other is in the hot
# index.  Server on core 0, clients on core 1.
#
#     ./build.sh bench wait
#
# Takes some 2 minutes.
#
# COUNT=150 CLIENTS=100 in the environment change that.

set -eu
. "$(dirname "$0")/common"

count=${COUNT:-150}
clients=${CLIENTS:-100}
out=$top/bench/results/wait.txt

# each case has new keys for GETs that are not in the hot index
cases="none get touch_json touch_raw"

head -c 1000000 /dev/zero | tr '\0' a > "$dir/text"
(printf '{"value":"'; cat "$dir/text"; printf '"}') > "$dir/json"

# batch NAME OPERATION: a script that sends a thousand of them
batch() {
    cat > "$dir/$1.lua" <<END
wrk.method = "POST"
wrk.path = "/batch"
wrk.body = '{"operations":[' .. string.rep('$2,', 999) .. '$2]}'
END
}

batch get '{"op":"get","key":"json"}'
batch touch_json '{"op":"touch","key":"json","duration":"1d"}'
batch touch_raw '{"op":"touch","key":"raw","duration":"1d"}'

start_nginx "$dir/data"
wait_for /stat/count

curl -sf -o "$dir/out" --data-binary "@$dir/json" "$base/cache/json"
curl -sf -o "$dir/out" --data-binary "@$dir/text" "$base/pickle/raw"
curl -sf -o "$dir/out" --data-binary "hot" "$base/pickle/hot"
curl -sf -o "$dir/out" "$base/pickle/hot"

for name in $cases; do
    {
        printf '{"operations":['
        for n in $(seq "$count"); do
            [ "$n" = 1 ] || printf ,
            printf '{"op":"set","key":"%s/%s","value":1}' "$name" "$n"
        done
        printf ']}'
    } > "$dir/set"

    curl -sf -o "$dir/out" --data-binary "@$dir/set" "$base/batch"
done

wrk=
trap '[ -z "$wrk" ] || kill "$wrk"; cleanup' EXIT

# ask NAME: both kinds of GET
ask() {
    local kind path

    for kind in thread hot; do
        path=/pickle/hot
        [ "$kind" = hot ] || path=/cache/$1/%d

        taskset -c 1 "$top/bench/ask_all.pl" "$base$path" "$count" 0.005 |
            awk -v name="$1" -v kind="$kind" \
                '{ printf "%-12s %-8s %10s %10s %10s\n", name, kind, $1, $2, $3 }'
    done
}

{
    echo "milliseconds that a GET took, $clients clients with batches of 1,000:"
    printf '%-12s %-8s %10s %10s %10s\n' batches GET median p99 max
    ask none

    for name in ${cases#none }; do
        taskset -c 1 wrk -t 1 -c "$clients" -d 600s --timeout 600s \
            -s "$dir/$name.lua" "$base" > "$dir/wrk.$name" &
        wrk=$!
        sleep 1
        ask "$name"
        kill "$wrk"
        wait "$wrk" || true
        wrk=
    done
} > "$dir/result"

{
    heading
    echo
    cat "$dir/result"
} | tee "$out"

check_log
