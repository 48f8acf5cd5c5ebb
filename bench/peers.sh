#!/bin/bash
#
# Requests per second beside similar servers: nginx with a static file
# (open_file_cache), with gzip_static, with aio threads, with a proxy_cache hit,
# with memcached, with srcache and memcached, with PUT of its dav module; Varnish
# (storages malloc and file), Redis over its own protocol, and a service of
# FastAPI and LevelDB.  Each server, with its backend, runs on core 0, and the
# load on core 1.  They run one after the other in each round; the result is the
# median of ROUNDS.
#
# Each server has the settings that its documentation recommends for such work:
# files stay open, sendfile with tcp_nopush; whoever can hold a packed page holds
# the 30 KB packed, and sends it so to clients that take gzip.
#
#     ./build.sh bench peers
#
# Takes some 5 minutes.
#
# ROUNDS=3 SECONDS_EACH=2 CONNECTIONS=32 in the environment change that.
#
# Packages: memcached varnish redis-server redis-tools gnuplot-nox
# Packages: libnginx-mod-http-memc libnginx-mod-http-srcache-filter
# Packages: python3-fastapi python3-uvicorn python3-uvloop python3-httptools
# Packages: python3-plyvel

set -eu
. "$(dirname "$0")/common"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-2}
connections=${CONNECTIONS:-32}

modules=/usr/lib/nginx/modules
memcached=$((port + 1))
varnish=$((port + 2))
redis=$((port + 3))
fastapi=$((port + 4))
varnish_file=$((port + 5))
files=$dir/html
others=()

stop_others() {
    local other

    for other in "${others[@]}"; do
        kill "$other" 2>/dev/null && wait "$other" || true
    done
}

trap 'stop_others; cleanup' EXIT

# pages SIZE: some HTML of that size, on standard output
pages() {
    awk -v size="$1" 'BEGIN {
        srand(1)
        for (n = 0; n < size; n += length(line) + 1) {
            line = "<tr><td class=\"value\">" int(rand() * 1e9) "</td>" \
                   "<td>" int(rand() * 1e5) "</td></tr>"
            print line
        }
    }' | head -c "$1"
}

# in_background COMMAND ...: runs it on the core of the servers
in_background() {
    taskset -c "${SERVER_CORES:-0}" "$@" >> "$dir/other.log" 2>&1 &
    others+=($!)
}

# url SERVER PAGE
url() {
    case $1 in
    bigcache)   echo "$base/pickle/$2" ;;
    varnish)    echo "http://127.0.0.1:$varnish/gzip_static/$2" ;;
    varnish_file)
                echo "http://127.0.0.1:$varnish_file/gzip_static/$2" ;;
    fastapi)    echo "http://127.0.0.1:$fastapi/cache/$2" ;;
    *)          echo "$base/$1/$2" ;;
    esac
}

# check SERVER PAGE: both kinds of client get the page, once it is up, and the one
# that takes gzip gets 30 KB packed, except as static files; then it is a hit
check() {
    local _

    for _ in $(seq 100); do
        ! curl -sf "$(url "$1" "$2")" | cmp -s - "$files/$2" || break
        sleep 0.1
    done

    for _ in 1 2; do
        curl -sf "$(url "$1" "$2")" | cmp - "$files/$2"
        curl -sf -D "$dir/head" -H 'Accept-Encoding: gzip' "$(url "$1" "$2")" \
            > "$dir/answer"

        if ! grep -qi '^content-encoding: gzip' "$dir/head"; then
            [[ $2 != 30k || $1 = static || $1 = aio ]]
            cmp "$dir/answer" "$files/$2"
        else
            gzip -dc < "$dir/answer" | cmp - "$files/$2"
        fi
    done
}

mkdir "$files" "$dir/dav"
head -c 1024 /dev/urandom > "$files/1k"
pages 30000 > "$files/30k"
head -c 1048576 /dev/urandom > "$files/1m"
gzip -1 -k "$files/30k"

cat > "$dir/service.py" <<END
import json
import time

import plyvel
from fastapi import Body, FastAPI, HTTPException, Request, Response

app = FastAPI()
db = plyvel.DB("$dir/leveldb", create_if_missing=True)

@app.get("/cache/{key}")
def read(key: str):
    value = db.get(key.encode())
    return Response(value, 200 if value else 404)

@app.post("/cache/{key}")
async def store(key: str, request: Request):
    db.put(key.encode(), await request.body())
    return {"key": key}

@app.get("/json/{key}")
def read_json(key: str):
    entry = db.get(b"json/" + key.encode())
    if entry is None:
        raise HTTPException(404, "cache miss")
    entry = json.loads(entry)
    if entry["expire"] is not None and entry["expire"] < time.time():
        raise HTTPException(404, "cache expired")
    return {"key": key, **entry}

@app.post("/json/{key}")
def store_json(key: str, value: str = Body(embed=True),
               expire: float = Body(None), duration: str = Body(None)):
    entry = {"value": value, "expire": expire, "duration": duration}
    db.put(b"json/" + key.encode(), json.dumps(entry).encode())
    return {"key": key, "value": value, "expire": expire}
END

BEFORE="load_module $modules/ngx_http_memc_module.so;
load_module $modules/ngx_http_srcache_filter_module.so;"
HTTP="proxy_cache_path $dir/proxy levels=1:2 keys_zone=proxy:16m inactive=1h
        use_temp_path=off;
    map \$http_accept_encoding \$packed {
        ~gzip   gzip;
        default '';
    }
    upstream memc { server 127.0.0.1:$memcached; keepalive 64; }
    upstream nginx { server 127.0.0.1:$port; keepalive 64; }
    default_type text/html;"
STORE="max_size=2g"

start_nginx "$dir/data" "
        location /static/ {
            alias $files/;
            open_file_cache max=1000 inactive=1h;
        }
        location /gzip_static/ {
            alias $files/;
            gzip_static on;
            gzip_proxied any;
            open_file_cache max=1000 inactive=1h;
        }
        location /aio/ {
            alias $files/;
            aio threads;
            open_file_cache max=1000 inactive=1h;
        }
        location /proxy/ {
            proxy_pass http://nginx/gzip_static/;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_set_header Accept-Encoding \$packed;
            proxy_cache proxy;
            proxy_cache_key \$uri\$packed;
            proxy_cache_valid 1h;
            open_file_cache max=1000 inactive=1h;
        }
        location /dav/ {
            root $dir;
            dav_methods PUT;
            create_full_put_path off;
        }
        location /memcached/ {
            set \$memcached_key \$uri;
            memcached_pass memc;
            memcached_buffer_size 64k;
            memcached_gzip_flag 2;
            gunzip on;
        }
        location = /memc {
            internal;
            set \$memc_key \$query_string;
            set \$memc_exptime 3600;
            memc_pass memc;
            memc_buffer_size 64k;
        }
        location /srcache/ {
            set \$key /memcached\$uri\$packed;
            srcache_fetch GET /memc \$key;
            srcache_store PUT /memc \$key;
            srcache_ignore_content_encoding on;
            alias $files/;
            gzip_static on;
            open_file_cache max=1000 inactive=1h;
        }"

in_background memcached -u "$(id -un)" -l 127.0.0.1 -p "$memcached" -m 512 \
    -I 2m -t 1
in_background redis-server --port "$redis" --bind 127.0.0.1 --save '' \
    --dir "$dir"
in_background varnishd -F -j none -T none -a "127.0.0.1:$varnish" \
    -b "127.0.0.1:$port" -n "$dir/varnish" -s malloc,512m -t 3600 \
    -p thread_pools=1 -p thread_pool_min=200
in_background varnishd -F -j none -T none -a "127.0.0.1:$varnish_file" \
    -b "127.0.0.1:$port" -n "$dir/varnish_file" \
    -s "file,$dir/varnish.store,512m" -t 3600 \
    -p thread_pools=1 -p thread_pool_min=200
in_background /usr/bin/python3 -m uvicorn --app-dir "$dir" --port "$fastapi" \
    --loop uvloop --http httptools --log-level warning --no-access-log \
    service:app

wait_for /stat/count

for to in "$memcached" "$redis" "$varnish" "$varnish_file" "$fastapi"; do
    wait_port "$to"
done

until curl -sf -o "$dir/out" -X POST --data-binary @"$files/1k" \
        "http://127.0.0.1:$fastapi/cache/warm"; do
    sleep 0.1
done

# every page, in every server
for page in 1k 30k 1m; do
    curl -sf -o "$dir/out" -X POST --data-binary @"$files/$page" \
        -H 'Content-Type: text/html' "$base/pickle/$page"
    curl -sf -o "$dir/out" -X POST --data-binary @"$files/$page" \
        "http://127.0.0.1:$fastapi/cache/$page"
    if [ "$page" != 1m ]; then
        pages "${page/k/000}" | tr -d '\n"' |
            sed 's/.*/{"value": "&"}/' > "$dir/json"
        curl -sf -o "$dir/out" -X POST -H 'Content-Type: application/json' \
            --data-binary @"$dir/json" "$base/cache/json_$page"
        curl -sf -o "$dir/out" -X POST -H 'Content-Type: application/json' \
            --data-binary @"$dir/json" \
            "http://127.0.0.1:$fastapi/json/json_$page"
    fi

    # a client of these two packs by itself
    packed=$files/$page flag=0
    [ "$page" != 30k ] || packed=$files/30k.gz flag=2

    redis-cli -p "$redis" -x set "$page" < "$packed" > "$dir/out"

    /usr/bin/python3 - "$memcached" "/memcached/$page" "$packed" "$flag" <<'END'
import socket, sys
body = open(sys.argv[3], "rb").read()
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"set %s %s 0 %d\r\n%s\r\n" % (
    sys.argv[2].encode(), sys.argv[4].encode(), len(body), body))
assert s.recv(100) == b"STORED\r\n"
END

    for server in static gzip_static aio proxy memcached srcache bigcache \
            varnish varnish_file; do
        check "$server" "$page"
    done
done

# post SERVER PAGE: a script for wrk that stores pages, 10,000 keys in turn
post() {
    cat > "$dir/post.lua" <<END
local file = io.open("$files/$2", "rb")
local n = 0
wrk.method = "$([ "$1" = dav ] && echo PUT || echo POST)"
wrk.body = file:read("*a")
request = function()
    n = n + 1
    return wrk.format(nil, "$(url "$1" post | sed 's|.*://[^/]*||')" .. n % 10000)
end
END
}

# redis_load PAGE COMMAND ...
redis_load() {
    local size n

    size=$(stat -c %s "$files/$1")
    n=$((seconds * 40000000 / (size + 1000)))

    taskset -c "${LOAD_CORES:-1}" redis-benchmark -p "$redis" -d "$size" \
        -c "$connections" --csv -n $((n < 500 ? 500 : n)) "${@:2}" |
        awk -F '"' 'NR == 2 { print $4 }'
}

# measure WORK SERVER
measure() {
    local page=${1#*_}

    if [ "$2" = redis ]; then
        case $1 in
        hit_*)  redis_load "$page" GET "$page" ;;
        post_*) redis_load "$page" -r 10000 -t set ;;
        esac
        return
    fi

    case $1 in
    json_*)
        if [ "$2" = bigcache ]; then
            load "$seconds" "$connections" -H 'Accept-Encoding: gzip' \
                "$base/cache/$1"
        else
            load "$seconds" "$connections" "http://127.0.0.1:$fastapi/json/$1"
        fi ;;
    hit_30k)
        load "$seconds" "$connections" -H 'Accept-Encoding: gzip' \
            "$(url "$2" "$page")" ;;
    hit_*)
        load "$seconds" "$connections" "$(url "$2" "$page")" ;;
    miss)
        EXPECT_MISS=1 load "$seconds" "$connections" "$(url "$2" none)" \
            2> "$dir/non2xx" ;;
    post_*)
        post "$2" "$page"
        load "$seconds" "$connections" -s "$dir/post.lua" "$(url "$2" '')" ;;
    esac
}

# servers WORK: prints those that can do it
servers() {
    case $1 in
    hit_30k)    echo bigcache gzip_static static aio proxy memcached srcache \
                     varnish varnish_file redis fastapi ;;
    hit_*)      echo bigcache static aio proxy memcached srcache varnish \
                     varnish_file redis fastapi ;;
    miss)       echo bigcache static memcached fastapi ;;
    json_*)     echo bigcache fastapi ;;
    post_*)     echo bigcache dav redis fastapi ;;
    esac
}

works="hit_1k hit_30k hit_1m json_1k json_30k miss post_1k post_30k"

for round in $(seq "$rounds"); do
    for work in $works; do
        for server in $(servers "$work"); do
            measure "$work" "$server" >> "$dir/result.$work.$server"
        done
    done
done

results=$top/bench/results

{
    heading
    echo "# memcached $(memcached -V | sed 's/.* //')," \
        "$(varnishd -V 2>&1 | sed -n 's/.*(\(varnish-[0-9.]*\).*/\1/p')," \
        "redis $(redis-server --version | sed 's/.*v=\([0-9.]*\).*/\1/')"
    echo "# $connections connections, $rounds rounds of $seconds s, medians," \
        "requests/s; clients of the 30 KB take gzip"
    echo
    printf '%-12s %10s %10s %16s\n' server work requests/s 'bigcache is'

    for work in $works; do
        own=$(median "$dir/result.$work.bigcache")

        for server in $(servers "$work"); do
            awk -v s="$server" -v w="$work" -v o="$own" \
                -v r="$(median "$dir/result.$work.$server")" 'BEGIN {
                    printf "%-12s %10s %10.0f %14.2f x\n", s, w, r, o / r }'
        done
    done
} | tee "$results/peers.txt"

# times WORK SERVER
times() {
    ratio "$(median "$dir/result.$1.bigcache")" "$(median "$dir/result.$1.$2")"
}

goal "hit, 1 KB" 'nginx, static file, `open_file_cache`' \
    "$(times hit_1k static)" "1.1 x"
goal "hit, 30 KB, the client takes gzip" 'nginx, `gzip_static`' \
    "$(times hit_30k gzip_static)" "1.0 x"
goal "hit, 1 KB of JSON" "FastAPI and LevelDB, as the original did it" \
    "$(times json_1k fastapi)" "15 x"
goal "hit, 30 KB of JSON, the client takes gzip" \
    "FastAPI and LevelDB, as the original did it" \
    "$(times json_30k fastapi)" "30 x"
goal "hit, 1 MB" 'nginx, static file, `open_file_cache`' \
    "$(times hit_1m static)" "1.0 x"
goal "miss" "nginx, a file that is not there" "$(times miss static)" "1.0 x"
goal "POST 30 KB" "FastAPI and LevelDB" "$(times post_30k fastapi)" "5 x"
goal "POST 30 KB" 'nginx, `dav_methods PUT`' "$(times post_30k dav)" "0.5 x"
keep_goals peers

for work in hit_1k hit_30k; do
    awk -v w="$work" '$2 == w { print $1, $3 }' "$results/peers.txt" |
        sort -k 2 -n -r > "$dir/plot"

    gnuplot <<END
set terminal svg size 640,360 font 'sans,12' background 'white'
set output '$results/peers_$work.svg'
set title '${work/hit_/Hits of } a page, one core: requests a second'
set style fill solid 0.8
set boxwidth 0.7
set yrange [0:*]
set ytics format '%.0f'
set xtics rotate by -30
unset key
plot '$dir/plot' using 0:2:xtic(1) with boxes lc rgb '#3b6ea5'
END
done

check_log
