#!/bin/bash
#
# Requests per second of a hit, a miss and a POST of 1 KB, beside nginx's own
# "return 200" and a static file, all from one nginx in one run: the server on
# core 0, wrk on core 1, interleaved, the median of ROUNDS.
#
#     ./build.sh bench requests
#
# ROUNDS=5 SECONDS_EACH=4 CONNECTIONS=32 in the environment change that.

set -eu

rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-4}
connections=${CONNECTIONS:-32}

top=$(cd "$(dirname "$0")/.." && pwd -P)
dir=$(mktemp -d)
port=${PORT:-36999}
base=http://127.0.0.1:$port
pid=

cleanup() {
    if [ -n "$pid" ]; then
        kill -QUIT "$pid"
        wait "$pid" || true
    fi

    rm -rf "$dir"
}

trap cleanup EXIT

mkdir "$dir/html"
head -c 1024 /dev/zero | tr '\0' x > "$dir/html/file"

cat > "$dir/nginx.conf" <<END
load_module $top/build/ngx_http_bigcache_module.so;
worker_processes 1;
daemon off;
user $(id -un);
pid $dir/pid;
error_log $dir/error.log warn;
thread_pool bigcache threads=16 max_queue=65536;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    sendfile on;
    client_body_temp_path $dir/body;
    bigcache_path $dir/data zone=main:1m thread_pool=bigcache;
    server {
        listen 127.0.0.1:$port;
        location / { bigcache main; }
        location = /return { return 200 "$(cat "$dir/html/file")"; }
        location = /file {
            root $dir/html;
            open_file_cache max=100 inactive=1h;
        }
    }
}
END

cat > "$dir/post.lua" <<'END'
local n = 0
wrk.method = "POST"
wrk.body = string.rep("x", 1024)
request = function()
    n = n + 1
    return wrk.format(nil, "/pickle/post/" .. n)
end
END

cat > "$dir/post_json.lua" <<'END'
local n = 0
wrk.method = "POST"
wrk.body = '{"value": "' .. string.rep("x", 1000) .. '"}'
request = function()
    n = n + 1
    return wrk.format(nil, "/cache/post/" .. n)
end
END

taskset -c 0 /usr/sbin/nginx -p "$dir" -c "$dir/nginx.conf" &
pid=$!

for _ in $(seq 100); do
    curl -s -o "$dir/out" "$base/stat/count" && break
    sleep 0.1
done

curl -sf -o "$dir/out" -X POST --data-binary "@$dir/html/file" \
    "$base/pickle/hit"
curl -sf -o "$dir/out" -X POST "$base/cache/hit" \
    -d "{\"value\": \"$(head -c 900 "$dir/html/file")\"}"

load() {
    taskset -c 1 wrk -t 1 -c "$connections" -d "${seconds}s" "$@" |
        awk '/Requests\/sec/ { print $2 } /Non-2xx/ { print > "/dev/stderr" }'
}

run() {
    case $1 in
    return)     load "$base/return" ;;
    static)     load "$base/file" ;;
    hit)        load "$base/pickle/hit" ;;
    hit_json)   load "$base/cache/hit" ;;
    miss)       load "$base/pickle/none" 2>"$dir/non2xx" ;;
    post)       load -s "$dir/post.lua" "$base" ;;
    post_json)  load -s "$dir/post_json.lua" "$base" ;;
    esac
}

names="return static hit hit_json miss post post_json"

for round in $(seq "$rounds"); do
    for name in $names; do
        run "$name" >> "$dir/result.$name"
    done
done

median() {
    sort -n "$dir/result.$1" | awk '{ v[NR] = $1 }
        END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

{
    echo "# $(date -u +%F), commit $(git -C "$top" rev-parse --short HEAD)," \
         "$(/usr/sbin/nginx -v 2>&1 | sed 's/.*: //')"
    echo "# $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)," \
         "$(nproc) cores, Linux $(uname -r)"
    echo "# $connections connections, $rounds rounds of $seconds s, medians"
    echo
    printf '%-12s %12s %10s\n' work requests/s "/ static"

    static=$(median static)

    for name in $names; do
        awk -v n="$name" -v r="$(median "$name")" -v s="$static" \
            'BEGIN { printf "%-12s %12.0f %10.2f\n", n, r, r / s }'
    done
} | tee "$top/bench/results/requests.txt"

if grep -E '\[(crit|alert|emerg)\]' "$dir/error.log"; then
    exit 1
fi
