#!/bin/bash
#
# How long answers take when a server has half of the load that it can do at
# most: median, 99th and 99.9th percentile of hits of 1 KB, of hits of 30 KB by
# clients that take gzip, of misses, and of POSTs of 30 KB.  Beside it nginx
# with static files (open_file_cache), with gzip_static, with a proxy_cache hit
# and with PUTs of its own; Varnish; and Redis over its own protocol.  Then the
# same of bigcache while it is reloaded, compacts, sweeps expired pages, and
# imports a directory of the original, each beside a quiet time.  Rounds end when
# that has ended.
#
# Requests come at a constant rate (bench/rate.c), and each counts from when it
# was due.  With one worker the server runs on core 0, and the load on core 1.
# With more, both have both cores, since there are no others: then the load
# takes time from the server, and these figures are worse than those of a server
# that has its cores for itself.
#
#     ./build.sh bench tail
#
# Takes some 9 minutes.
#
# In the environment, with their defaults:
#
#     CELLS="peers upkeep"      what is measured
#     WORKERS_EACH="1 2 4"      workers beside other servers
#     UPKEEP_WORKERS="1 2"      workers while something else is under way
#     STATES="quiet reload compaction expiry import"
#                               what is under way, in turn; quiet always comes
#                               first, and reload right behind it
#     ROUNDS=3 SECONDS_EACH=1 CONNECTIONS=64
#     PAGES=1000000             pages that expire, or are imported
#
# Packages: varnish redis-server procps python3-plyvel

set -eu

# below the ports that the kernel gives to connections
: "${PORT:=26970}"
. "$(dirname "$0")/common"

cells=${CELLS:-peers upkeep}
workers_each=${WORKERS_EACH:-1 2 4}
upkeep_workers=${UPKEEP_WORKERS:-1 2}
states=${STATES:-quiet reload compaction expiry import}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-1}
connections=${CONNECTIONS:-64}
pages=${PAGES:-1000000}

varnish=$((port + 1))
redis=$((port + 2))
files=$dir/html
tsv=$dir/tsv
hot=1000
works="hit_1k hit_30k miss post_30k"
others=()

stop_others() {
    local other

    for other in "${others[@]}"; do
        kill "$other" 2>/dev/null && wait "$other" || true
    done

    others=()
}

trap 'stop_others; cleanup' EXIT

in_background() {
    taskset -c "$SERVER_CORES" "$@" >> "$dir/other.log" 2>&1 &
    others+=($!)
}

build_programs fill
gcc -O2 -D_GNU_SOURCE -o "$dir/rate" "$top/bench/rate.c"

# the same pages for all, as files too
mkdir -p "$files/1k" "$files/30k" "$files/put/post"
head -c 1024 /dev/urandom > "$dir/1k"
awk 'BEGIN {
    srand(1)
    for (n = 0; n < 30000; n += length(line) + 1) {
        line = "<tr><td class=\"value\">" int(rand() * 1e9) "</td>" \
               "<td>" int(rand() * 1e5) "</td></tr>"
        print line
    }
}' | head -c 30000 > "$dir/30k"
gzip -1 -k "$dir/30k"

# copies DIRECTORY SUFFIX: of standard input, as many as there are pages
copies() {
    (cd "$1" && tee $(seq -f "%.0f$2" 0 $((hot - 1)))) > "$dir/out"
}

ulimit -n "$(ulimit -H -n)"
copies "$files/1k" "" < "$dir/1k"
copies "$files/30k" "" < "$dir/30k"
copies "$files/30k" .gz < "$dir/30k.gz"


# --- requests ---

# rate SERVER WORK RATE OPTIONS ...: what bench/rate.c prints
rate() {
    local to=$port path page=${2#*_} args=()

    case $1 in
    bigcache)       path=/pickle ;;
    static_gzip)    path=/gzip_static ;;
    varnish)        path=/gzip_static to=$varnish ;;
    redis)          path= to=$redis args=(-p) ;;
    *)              path=/$1 ;;
    esac

    case $2 in
    hit_1k)     args+=(-k $hot) ;;
    hit_30k)    args+=(-k $hot -g) ;;
    miss)       args+=(-k $hot -s 404) ;;
    post_30k)   args+=(-k 10000 -b "$dir/30k" -s 2) ;;
    put_*)      args+=(-k $hot -b "$dir/$page") ;;
    esac

    case $2 in
    post_30k)   path+=/post/%d ;;
    miss)       path+=/none/%d ;;
    *)          path+=/${page%.gz}/%d ;;
    esac

    [ "$1" != put ] || args+=(-m PUT)

    taskset -c "$LOAD_CORES" "$dir/rate" -c "$connections" "${args[@]}" \
        "${@:4}" "$to" "$path" "$3" ||
        { echo "rate has failed: $1 $2" >&2; return 1; }
}

# most SERVER WORK: answers a second
most() {
    rate "$1" "$2" 0 -t 1 -w 0.3 | awk '{ print $2 }'
}

# point CELL SERVER WORK MOST: measured at a half of it, a line of the table
point() {
    rate "$2" "$3" $(($4 / 2)) -t "$seconds" -w 0.2 > "$dir/said"
    awk -v OFS='\t' -v c="$1" -v s="$2" -v w="$3" -v m="$4" '{
        print c, s, w, m, $2, $4, $5, $6, $7, $3 }' "$dir/said" >> "$tsv"

    if [ "$(cut -d ' ' -f 3 "$dir/said")" != 0 ]; then
        echo "requests have failed: $*: $(cat "$dir/said")" >&2
        return 1
    fi
}

# of CELL SERVER WORK COLUMN: the median of the rounds; the most of longest
of() {
    awk -F '\t' -v c="$1" -v s="$2" -v w="$3" -v n="$4" \
        '$1 == c && $2 == s && $3 == w { print $n }' "$tsv" > "$dir/column"

    if [ "$4" = 9 ]; then
        sort -n "$dir/column" | tail -n 1
    else
        median "$dir/column"
    fi
}

# cores WORKERS: for server and load
cores() {
    SERVER_CORES=0 LOAD_CORES=1
    [ "$1" = 1 ] || SERVER_CORES=0,1 LOAD_CORES=0,1
}

progress() {
    echo "tail.sh: $(date +%T) $*" >&2
}

# put_pages SERVER: those that are hits
put_pages() {
    local gz=

    [ "$1" != redis ] || gz=.gz
    rate "$1" put_1k 0 -n $hot > "$dir/said"
    rate "$1" "put_30k$gz" 0 -n $hot > "$dir/said"
}


# --- beside other servers ---

locations="
        location /static/ {
            alias $files/;
            open_file_cache max=10000 inactive=1h;
        }
        location /gzip_static/ {
            alias $files/;
            gzip_static on;
            gzip_proxied any;
            open_file_cache max=10000 inactive=1h;
        }
        location /proxy/ {
            proxy_pass http://nginx/gzip_static/;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_set_header Accept-Encoding \$packed;
            proxy_cache proxy;
            proxy_cache_key \$uri\$packed;
            proxy_cache_valid 1h;
            open_file_cache max=10000 inactive=1h;
        }
        location /put/ {
            alias $files/put/;
            dav_methods PUT;
        }"

# servers WORK: prints those that can do it
servers() {
    case $1 in
    hit_1k)     echo bigcache static proxy varnish redis ;;
    hit_30k)    echo bigcache static_gzip proxy varnish redis ;;
    miss)       echo bigcache static redis ;;
    post_30k)   echo bigcache put redis ;;
    esac
}

start_servers() {
    HTTP="proxy_cache_path $dir/proxy.$1 levels=1:2 keys_zone=proxy:16m
            inactive=1h use_temp_path=off;
        map \$http_accept_encoding \$packed {
            ~gzip   gzip;
            default '';
        }
        upstream nginx { server 127.0.0.1:$port; keepalive 64; }
        default_type text/html;" \
        BEFORE="worker_rlimit_nofile 20000;" STORE="max_size=4g" WORKERS=$1 \
        start_nginx "$dir/data.$1" "$locations"

    in_background redis-server --port "$redis" --bind 127.0.0.1 --save '' \
        --dir "$dir"
    in_background varnishd -F -j none -T none -a "127.0.0.1:$varnish" \
        -b "127.0.0.1:$port" -n "$dir/varnish" -s malloc,512m -t 3600 \
        -p thread_pools="$(($1 > 1 ? 2 : 1))" -p thread_pool_min=200

    wait_for /stat/count

    until curl -sf -o "$dir/out" "http://127.0.0.1:$varnish/static/1k/0"; do
        sleep 0.1
    done

    wait_port "$redis"
}

cell_peers() {
    local n work server _
    declare -A most

    for n in $workers_each; do
        progress "$n workers"
        cores "$n"
        start_servers "$n"
        put_pages bigcache
        put_pages redis

        for work in $works; do
            for server in $(servers "$work"); do
                most[$server]=$(most "$server" "$work")
            done

            for _ in $(seq "$rounds"); do
                for server in $(servers "$work"); do
                    point "$n" "$server" "$work" "${most[$server]}"
                done
            done
        done

        stop_others
        stop_nginx
        rm -rf "$dir/data.$n" "$dir/proxy.$n" "$dir/varnish"
    done
}


# --- while something is under way ---

count() {
    curl -sf "$base/stat/count" | tr -dc 0-9
}

metric() {
    curl -sf "$base/metrics" | awk -v m="$1" '$1 ~ "^" m "($|[{])" { print $2 }'
}

# state NAME: starts nginx with a store in which that is under way
start_state() {
    local data=$dir/$1 work

    mkdir "$data"

    case $1 in
    quiet)
        "$dir/fill" "$data" 0 "$pages" 300 > "$dir/out"
        ;;

    # of each segment six of ten pages are replaced
    compaction)
        "$dir/fill" "$data" 0 $((pages * 3 / 4)) 4000 > "$dir/out"
        "$dir/fill" -s 6 "$data" 0 $((pages * 3 / 4)) 4000 > "$dir/out"
        ;;

    expiry)
        "$dir/fill" -e 15 "$data" 0 "$pages" 300 > "$dir/out"
        ;;

    import)
        /usr/bin/python3 - "$data" "$pages" <<'END'
import os, sys, plyvel
db = plyvel.DB(sys.argv[1], create_if_missing=True, write_buffer_size=64 << 20)
body = os.urandom(300)
for first in range(0, int(sys.argv[2]), 1000):
    with db.write_batch() as batch:
        for n in range(first, first + 1000):
            batch.put(b"page/%08d" % n, b"\xff" + body)
db.close()
END
        ;;
    esac

    sync
    WORKERS=$2 start_nginx "$data"
    wait_for /stat/count
    put_pages bigcache

    # the hot index knows them from then on
    for work in hit_1k hit_30k; do
        rate bigcache "$work" 0 -n 10000 > "$dir/said"
    done

    [ "$1" != expiry ] || while [ "$(count)" -ge "$pages" ]; do
        sleep 0.1
    done
}

# figure STATE: one that grows or falls while that is under way
figure() {
    case $1 in
    compaction)     metric bigcache_compacted_segments_total ;;
    *)              count ;;
    esac
}

# under_way STATE: whether it still is, within a few seconds
under_way() {
    local before _

    before=$(figure "$1")

    for _ in $(seq 50); do
        sleep 0.1
        [ "$(figure "$1")" = "$before" ] || return 0
    done

    return 1
}

# points STATE WORKERS: of all works in turn, as long as that is under way
points() {
    local work reloading round

    for round in $(seq "$rounds"); do
        cp "$tsv" "$dir/tsv.before"

        for work in $works; do
            if [ "$1" = reload ]; then
                (sleep "$(awk "BEGIN { print 0.2 + $seconds / 4 }")" &&
                    kill -HUP "$pid") &
                reloading=$!
            fi

            point "$2.$1" bigcache "$work" "${most[$work]}"

            [ "$1" != reload ] || wait "$reloading"
        done

        if [ "$1" != quiet ] && [ "$1" != reload ] && ! under_way "$1"; then
            echo "# $2 workers: $1 ended in round $round" >> "$dir/ended"

            # which counts if it is all that there is
            [ "$round" = 1 ] || mv "$dir/tsv.before" "$tsv"
            break
        fi
    done
}

cell_upkeep() {
    local n state work
    declare -A most

    for n in $upkeep_workers; do
        cores "$n"

        for state in $states; do
            progress "$n workers: $state"

            [ "$state" = reload ] || start_state "$state" "$n"

            [ "$state" != quiet ] || for work in $works; do
                most[$work]=$(most bigcache "$work")
            done

            points "$state" "$n"

            [ "$state" != quiet ] || continue

            stop_nginx
            rm -rf "${dir:?}/$state"
        done

        rm -rf "$dir/quiet"
    done
}

: > "$tsv"
: > "$dir/ended"
: > "$dir/goals"

for cell in $cells; do
    "cell_$cell"
done


# --- results ---

# lines CELL TEXT: of the table, TEXT in the first column
lines() {
    local server work n

    awk -F '\t' -v c="$1" '$1 == c && !seen[$2, $3]++ { print $2, $3 }' "$tsv" |
        while read -r server work; do
            printf '%-14s %-12s %-9s' "$2" "$server" "$work"

            for n in 4 5; do
                printf ' %9.0f' "$(of "$1" "$server" "$work" $n)"
            done

            for n in 6 7 8 9; do
                printf ' %8.3f' "$(of "$1" "$server" "$work" $n)"
            done

            echo
        done
}

titles() {
    printf '%-14s %-12s %-9s %9s %9s %8s %8s %8s %8s\n' "$1" server work \
        most/s rate/s p50 p99 p99.9 longest
}

{
    heading
    echo "# $(varnishd -V 2>&1 | sed -n 's/.*(\(varnish-[0-9.]*\).*/\1/p')," \
        "redis $(redis-server --version | sed 's/.*v=\([0-9.]*\).*/\1/')"
    echo "# $connections connections, $rounds rounds of $seconds s at half of" \
        "the most, medians; ms since a"
    echo "# request was due"
    echo "# 1 worker: server on core 0, load on core 1; more: both on both"

    if [[ " $cells " == *" peers "* ]]; then
        echo
        titles workers

        for n in $workers_each; do
            lines "$n" "$n"
        done
    fi

    if [[ " $cells " == *" upkeep "* ]]; then
        echo
        echo "# meanwhile: a reload each round; segments of which more than" \
            "half is dead;"
        echo "# $pages pages that expire at once; a directory of the original" \
            "with as many"
        titles workers

        for n in $upkeep_workers; do
            for state in $states; do
                lines "$n.$state" "$n $state"
            done
        done

        cat "$dir/ended"
    fi
} | tee "$top/bench/results/tail.txt"

# name WORK
name() {
    case $1 in
    hit_1k)     echo "hits of 1 KB" ;;
    hit_30k)    echo "hits of 30 KB" ;;
    miss)       echo "misses" ;;
    post_30k)   echo "POSTs of 30 KB" ;;
    esac
}

if [[ " $cells " == *" upkeep "* ]]; then
    n=${upkeep_workers%% *}

    for state in ${states#quiet}; do
        case $state in
        reload)     what="reloads" ;;
        compaction) what="a compaction" ;;
        expiry)     what="a sweep of expired pages" ;;
        import)     what="an import" ;;
        esac

        for work in $works; do
            goal "99th percentile of $(name "$work"), half load, during $what" \
                "quiet" "$(ratio "$(of "$n.$state" bigcache "$work" 7)" \
                    "$(of "$n.quiet" bigcache "$work" 7)" 1)" "<= 2 x"
        done
    done

    keep_goals tail
fi

check_log
