#!/bin/bash
#
# Page caching beside similar caches in front of the same upstream: bigcache
# (also with gzip=off), nginx's proxy_cache, the same with proxy_cache_lock,
# Varnish with its storages malloc and file, Apache Traffic Server, and nginx
# without a cache; hits also beside hits of bigcache's REST API.  The upstream is
# bench/origin.c.  Each cache runs on core 0; clients and upstream on core 1.
# They are measured one after the other in each round.
#
#     ./build.sh bench pages
#
# Takes some 9 minutes.
#
# In the environment, with their defaults:
#
#     CELLS="hit miss crowd mix memory"     what is measured
#     PEERS="pages raw rest rest_raw proxy lock varnish varnish_file ats none"
#     ROUNDS=3 SECONDS_EACH=2 CONNECTIONS=32
#     MISSES=10000      misses of a round
#     CROWDS=5          crowds of each size
#     MIX_KEYS=20000 MIX_SECONDS=4
#     PAGES=200000      pages of 1 KB that are stored for the figures of memory;
#                       a million take some six minutes more, and 10 GB of disk
#
# Results are for programs in bench/results/pages.tsv, a line for each figure:
# cell, server, what, value; and in bench/results/pages.txt.
#
# Packages: varnish trafficserver procps

set -eu

# below the ports that the kernel gives to connections, of which there are many
: "${PORT:=26990}"
. "$(dirname "$0")/common"

cells=${CELLS:-hit miss crowd mix memory}
peers=${PEERS:-pages raw rest rest_raw proxy lock varnish varnish_file ats none}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-2}
connections=${CONNECTIONS:-32}
misses=${MISSES:-10000}
crowds=${CROWDS:-5}
mix_keys=${MIX_KEYS:-20000}
mix_seconds=${MIX_SECONDS:-4}
pages=${PAGES:-200000}

# room for what is stored, of which no cache must lose a page, in megabytes
size=$((4096 + pages / 125))
origin=$((port + 9))
files=$dir/files
tsv=$dir/pages.tsv

declare -A pids

stop_all() {
    local name

    for name in "${!pids[@]}"; do
        stop "$name"
    done
}

trap 'stop_all; cleanup' EXIT

ulimit -n "$(ulimit -H -n)"

for program in origin crowd; do
    gcc -O2 -D_GNU_SOURCE -o "$dir/$program" "$top/bench/$program.c" -lm
done

# html SIZE: some HTML of that size, on standard output
html() {
    awk -v size="$1" 'BEGIN {
        srand(1)
        for (n = 0; n < size; n += length(line) + 1) {
            line = "<tr><td class=\"value\">" int(rand() * 1e9) "</td>" \
                   "<td>" int(rand() * 1e5) "</td></tr>"
            print line
        }
    }' | head -c "$1"
}

# 30k is a page of an upstream that can pack, 30k_raw of one that cannot
mkdir "$files"
head -c 1024 /dev/urandom > "$files/1k"
html 30000 > "$files/30k"
cp "$files/30k" "$files/30k_raw"
gzip -1 -k "$files/30k"


# --- servers ---

# server PEER: the process that has it
server() {
    case $1 in
    rest)       echo pages ;;
    rest_raw)   echo raw ;;
    *)          echo "$1" ;;
    esac
}

# port_of PEER
port_of() {
    local n=0 name

    for name in pages raw proxy lock varnish varnish_file ats none; do
        if [ "$name" = "$(server "$1")" ]; then
            echo $((port + n))
            return
        fi
        n=$((n + 1))
    done

    [ "$1" = origin ] && echo "$origin"
}

# wanted PEER
wanted() {
    [[ " $peers " == *" $1 "* ]]
}

# in_background NAME CORES COMMAND ...
in_background() {
    taskset -c "$2" "${@:3}" > "$dir/$1.log" 2>&1 &
    pids[$1]=$!
}

stop() {
    # Traffic Server says that it was told to end, by its status
    kill "${pids[$1]}" 2>/dev/null && wait "${pids[$1]}" 2>/dev/null || true
    unset "pids[$1]"
}

# nginx_conf NAME TOP HTTP LOCATIONS: in $dir/NAME
nginx_conf() {
    mkdir -p "$dir/$1"
    cat > "$dir/$1/nginx.conf" <<CONF
$2
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
user $(id -un);
pid $dir/$1/pid;
error_log $dir/error.log warn;
events { worker_connections 8192; }
http {
    access_log off;
    default_type text/html;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=10000 inactive=1h;
    keepalive_requests 1000000000;
    client_body_temp_path $dir/$1/body;
    proxy_temp_path $dir/$1/temp;
    fastcgi_temp_path $dir/$1/fastcgi;
    uwsgi_temp_path $dir/$1/uwsgi;
    scgi_temp_path $dir/$1/scgi;
    upstream origin {
        server 127.0.0.1:$origin;
        keepalive 512;
        keepalive_requests 1000000000;
    }
    map \$http_accept_encoding \$packed {
        ~gzip   gzip;
        default "";
    }
    $3
    server {
        listen 127.0.0.1:$(port_of "$1") backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        $4
    }
}
CONF
}

start_bigcache() {
    nginx_conf "$1" "load_module $module;
thread_pool bigcache threads=16 max_queue=65536;" \
        "bigcache_path $dir/$1/data zone=main:64m max_size=${size}m
            thread_pool=bigcache $2;" \
        "location / {
            bigcache_pages main;
            proxy_pass http://origin;
        }
        location /pickle/ { bigcache main; }"
    in_background "$1" 0 "$nginx" -p "$dir/$1" -c "$dir/$1/nginx.conf"
}

# a key for clients that take gzip, since each Accept-Encoding would be a variant
start_proxy() {
    nginx_conf "$1" "" \
        "proxy_cache_path $dir/$1/data levels=1:2 keys_zone=main:256m
            max_size=${size}m inactive=30d use_temp_path=off;" \
        "location / {
            proxy_cache main;
            proxy_cache_key \$scheme\$host\$request_uri\$packed;
            proxy_set_header Accept-Encoding \$packed;
            proxy_ignore_headers Vary;
            $2
            proxy_pass http://origin;
        }"
    in_background "$1" 0 "$nginx" -p "$dir/$1" -c "$dir/$1/nginx.conf"
}

start_none() {
    nginx_conf none "" "" "location / { proxy_pass http://origin; }"
    in_background none 0 "$nginx" -p "$dir/none" -c "$dir/none/nginx.conf"
}

# no program writes its log in shared memory to a disk; threads for each of 500
# clients are there before they come
start_varnish() {
    mkdir -p "$dir/$1"
    in_background "$1" 0 varnishd -F -j none -n "$dir/$1/work" -T none \
        -a "127.0.0.1:$(port_of "$1")" -b "127.0.0.1:$origin" -s "$2" \
        -p thread_pools=1 -p thread_pool_min=600 -p listen_depth=4096
}

# one thread for the network; requests for a page wait until its header is there
# and read along, as "Reducing Origin Server Requests" of its guide says
start_ats() {
    local root=$dir/ats

    mkdir -p "$root/etc" "$root/log" "$root/run" "$root/cache"
    cat > "$root/runroot.yaml" <<CONF
prefix: $root
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/bin
sysconfdir: $root/etc
datadir: $root/cache
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
localstatedir: $root/run
runtimedir: $root/run
logdir: $root/log
cachedir: $root/cache
CONF
    cat > "$root/etc/records.config" <<CONF
CONFIG proxy.config.http.server_ports STRING $(port_of ats):ip-in=127.0.0.1
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.crash_log_helper STRING NULL
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.exec_thread.affinity INT 0
CONFIG proxy.config.accept_threads INT 0
CONFIG proxy.config.task_threads INT 1
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.net.listen_backlog INT 4096
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 3600
CONFIG proxy.config.http.insert_request_via_str INT 0
CONFIG proxy.config.http.insert_response_via_str INT 0
CONFIG proxy.config.http.normalize_ae INT 1
CONFIG proxy.config.cache.ram_cache.size INT 1G
CONFIG proxy.config.cache.min_average_object_size INT 2000
CONFIG proxy.config.cache.dir.sync_frequency INT 2
CONFIG proxy.config.cache.enable_read_while_writer INT 1
CONFIG proxy.config.cache.max_doc_size INT 0
CONFIG proxy.config.http.background_fill_active_timeout INT 0
CONFIG proxy.config.http.background_fill_completed_threshold FLOAT 0.0
CONFIG proxy.config.http.cache.max_open_read_retries INT 500
CONFIG proxy.config.http.cache.open_read_retry_time INT 10
CONFIG proxy.config.http.cache.open_write_fail_action INT 5
CONFIG proxy.config.http.cache.max_open_write_retries INT 500
CONF
    echo "map / http://127.0.0.1:$origin/" > "$root/etc/remap.config"
    echo "$root/cache ${size}M" > "$root/etc/storage.config"
    cp /etc/trafficserver/ip_allow.yaml /etc/trafficserver/logging.yaml \
        "$root/etc/"
    in_background ats 0 traffic_server --run-root="$root"
}

start() {
    case $1 in
    pages)          start_bigcache pages "" ;;
    raw)            start_bigcache raw gzip=off ;;
    proxy)          start_proxy proxy "" ;;
    lock)           start_proxy lock "proxy_cache_lock on;" ;;
    none)           start_none ;;
    varnish)        start_varnish varnish "malloc,${size}M" ;;
    varnish_file)   start_varnish varnish_file \
                        "file,$dir/varnish_file/store,${size}M" ;;
    ats)            start_ats ;;
    esac
}

# wait_server PEER: until it answers
wait_server() {
    local _

    for _ in $(seq 1000); do
        if curl -sf -o "$dir/out" "http://127.0.0.1:$(port_of "$1")/0/1k/0/up"
        then
            return 0
        fi
        kill -0 "${pids[$1]}" 2>/dev/null || break
        sleep 0.02
    done

    echo "$1 does not answer" >&2
    tail -n 5 "$dir/$1.log" >&2
    return 1
}

# leave_out PEER REASON
leave_out() {
    echo "pages.sh: $1 is left out: $2" >&2
    peers=" $peers "
    peers=${peers/ $1 / }
}

# url PEER PATH: PATH as the upstream knows it, or of the REST API
url() {
    case $1 in
    rest*)  echo "http://127.0.0.1:$(port_of "$1")/pickle$2" ;;
    *)      echo "http://127.0.0.1:$(port_of "$1")$2" ;;
    esac
}

# crowd PEER PATH CONNECTIONS [OPTIONS]
crowd() {
    taskset -c "${LOAD_CORES:-1}" "$dir/crowd" "${@:4}" "$(port_of "$1")" \
        "$2" "$3" || { echo "$1 has failed at $2" >&2; return 1; }
}

# asked: answers of the upstream since it was asked last
asked() {
    curl -sf "http://127.0.0.1:$origin/count"
}

# figure CELL PEER WHAT VALUE
figure() {
    printf '%s\t%s\t%s\t%s\n' "$@" >> "$tsv"
}

# of CELL PEER WHAT: a figure, nothing if there is none
of() {
    awk -F '\t' -v c="$1" -v p="$2" -v w="$3" \
        '$1 == c && $2 == p && $3 == w { print $4 }' "$tsv"
}

# in_order CELL: the peers of a cell that take part
in_order() {
    local all peer

    case $1 in
    hit_30k_raw)    all="raw rest_raw proxy varnish varnish_file ats none" ;;
    hit_*)          all="pages rest proxy varnish varnish_file ats none" ;;
    miss_30k_raw)   all="pages raw proxy varnish varnish_file ats none" ;;
    miss_*)         all="pages proxy varnish varnish_file ats none" ;;
    crowd_*)        all="pages proxy lock varnish ats none" ;;
    mix)            all="pages proxy lock varnish ats none" ;;
    memory)         all="pages proxy varnish varnish_file ats" ;;
    esac

    for peer in $all; do
        wanted "$peer" && echo "$peer"
    done
    return 0
}

# gzip_of CELL: whether its clients take gzip
gzip_of() {
    case $1 in
    *_gzip | crowd_* | mix) return 0 ;;
    *) return 1 ;;
    esac
}

page_of() {
    case $1 in
    *_1k)       echo 1k ;;
    *_30k_raw)  echo 30k_raw ;;
    *)          echo 30k ;;
    esac
}


# --- the answers are right ---

# check CELL PEER: two answers of a page are right, the second is a hit, and it
# is packed if the client takes gzip
check() {
    local page path now fields=() encoding= n

    page=$(page_of "$1")
    path=/0/$page/36000/hit_$1
    ! gzip_of "$1" || fields=(-H 'Accept-Encoding: gzip')

    if [[ $2 = rest* ]]; then
        curl -sf -o "$dir/out" -X POST --data-binary @"$files/$page" \
            -H 'Content-Type: text/html' "$(url "$2" "$path")"
    fi

    for n in 1 2; do
        now=$(awk '{ printf "%.0f", $1 * 1e9 }' /proc/uptime)
        curl -sf -D "$dir/head" -o "$dir/body" "${fields[@]}" "$(url "$2" "$path")"
        encoding=$(tr -d '\r' < "$dir/head" |
            sed -n 's/^content-encoding: //Ip')

        if [ "$encoding" = gzip ]; then
            gzip -dc < "$dir/body"
        else
            cat "$dir/body"
        fi | cmp - "$files/$page"

        sleep 0.05
    done

    if [ "$page" = 30k ] && gzip_of "$1" && [ "$2" != none ]; then
        [ "$encoding" = gzip ] || wrong "$1" "$2" "not packed"
    elif ! gzip_of "$1"; then
        [ -z "$encoding" ] || wrong "$1" "$2" "packed for one who cannot unpack"
    fi

    if [[ $2 != rest* ]] && [ "$2" != none ]; then
        n=$(tr -d '\r' < "$dir/head" | sed -n 's/^x-sent: //Ip')
        [ "${n:-$now}" -lt "$now" ] || wrong "$1" "$2" "no hit"
    fi
}

wrong() {
    echo "cell $1: the answer of $2 is wrong: $3" >&2
    return 1
}


# --- cells ---

# progress TEXT
progress() {
    echo "pages.sh: $(date +%T) $*" >&2
}

cell_hit() {
    local cell peer fields cpu
    local all="hit_1k hit_30k_gzip hit_30k_plain hit_30k_raw"

    for cell in $all; do
        for peer in $(in_order "$cell"); do
            check "$cell" "$peer"
        done
    done

    for _ in $(seq "$rounds"); do
        for cell in $all; do
            fields=()
            ! gzip_of "$cell" || fields=(-H 'Accept-Encoding: gzip')

            for peer in $(in_order "$cell"); do
                cpu=$(cpu_of "$peer")
                load "$seconds" "$connections" "${fields[@]}" \
                    "$(url "$peer" "/0/$(page_of "$cell")/36000/hit_$cell")" \
                    > "$dir/rate"
                cat "$dir/rate" >> "$dir/$cell.$peer"
                echo $((($(cpu_of "$peer") - cpu) / seconds)) \
                    >> "$dir/$cell.$peer.cpu"
            done
        done
    done

    for cell in $all; do
        for peer in $(in_order "$cell"); do
            figure "$cell" "$peer" requests/s "$(median "$dir/$cell.$peer")"
            figure "$cell" "$peer" cpu "$(median "$dir/$cell.$peer.cpu")"
        done
    done
}

cell_miss() {
    local cell peer fields round

    for round in $(seq "$rounds"); do
        for cell in miss_30k_raw miss_30k_gzip; do
            fields=(-n "$misses")
            ! gzip_of "$cell" || fields+=(-g)

            for peer in $(in_order "$cell") origin; do
                crowd "$peer" \
                    "/0/$(page_of "$cell")/36000/$cell/$peer/$round/%d" \
                    "$connections" "${fields[@]}" > "$dir/said"
                awk '{ print $2 }' "$dir/said" >> "$dir/$cell.$peer"
            done
        done
    done

    # a page of the last round is a hit now, even of a cache that stores behind
    # the answer
    sleep 1

    for cell in miss_30k_raw miss_30k_gzip; do
        fields=()
        ! gzip_of "$cell" || fields=(-g)

        for peer in $(in_order "$cell"); do
            figure "$cell" "$peer" requests/s "$(median "$dir/$cell.$peer")"
            [ "$peer" != none ] || continue

            # the share of 200 pages that are there
            figure "$cell" "$peer" stored "$(crowd "$peer" \
                "/0/$(page_of "$cell")/36000/$cell/$peer/$rounds/%d" 1 -n 200 \
                "${fields[@]}" | awk '{ print $3 / $1 }')"
        done

        figure "$cell" origin requests/s "$(median "$dir/$cell.origin")"
    done
}

# one_crowd CELL PEER CONNECTIONS PATH: all at once
one_crowd() {
    asked > "$dir/out"
    crowd "$2" "$4" "$3" -g -w "$dir/$1.$2" > "$dir/said"
    asked >> "$dir/$1.$2.asked"
    awk '{ print $3 }' "$dir/said" >> "$dir/$1.$2.stale"
}

cell_crowd() {
    local n cell peer round

    for round in $(seq "$crowds"); do
        for n in 8 50 500; do
            for peer in $(in_order crowd_"$n"); do
                one_crowd "crowd_$n" "$peer" "$n" \
                    "/60/30k/36000/crowd/$peer/$n/$round"
            done
        done
    done

    # pages that were stored, and are not fresh any more
    for peer in $(in_order crowd_50_old); do
        crowd "$peer" "/0/30k/1/old/$peer/%d" 1 -n $((crowds + 1)) -g \
            > "$dir/said"
        crowd "$peer" "/60/30k/1/old/$peer/%d" 1 -n $((crowds + 1)) -g \
            > "$dir/said"
    done

    sleep 2.5

    for round in $(seq "$crowds"); do
        for peer in $(in_order crowd_50_old); do
            one_crowd crowd_50_old "$peer" 50 "/60/30k/1/old/$peer/$round"
        done
    done

    for cell in crowd_8 crowd_50 crowd_500 crowd_50_old; do
        for peer in $(in_order "$cell"); do
            figure "$cell" "$peer" asked "$(median "$dir/$cell.$peer.asked")"
            figure "$cell" "$peer" asked_most \
                "$(sort -n "$dir/$cell.$peer.asked" | tail -n 1)"
            figure "$cell" "$peer" stale "$(median "$dir/$cell.$peer.stale")"
            figure "$cell" "$peer" took_p50 "$(percent 50 1 "$dir/$cell.$peer")"
            figure "$cell" "$peer" took_p99 "$(percent 99 1 "$dir/$cell.$peer")"

            # of stale pages the origin's answer is long ago
            if [ "$(of "$cell" "$peer" stale)" = 0 ]; then
                figure "$cell" "$peer" after_p50 \
                    "$(percent 50 2 "$dir/$cell.$peer")"
                figure "$cell" "$peer" after_p99 \
                    "$(percent 99 2 "$dir/$cell.$peer")"
            fi
        done
    done
}

# percent P COLUMN FILE
percent() {
    awk -v c="$2" '{ print $c }' "$3" | sort -n |
        awk -v p="$1" '{ v[NR] = $1 } END { print v[int(NR * p / 100) + 1] }'
}

cell_mix() {
    local peer round

    for round in $(seq "$rounds"); do
        for peer in $(in_order mix); do
            asked > "$dir/out"
            crowd "$peer" "/20/30k/36000/mix/$peer/$round/%d" 128 -g \
                -t "$mix_seconds" -z "$mix_keys" > "$dir/said"
            awk -v asked="$(asked)" '{ print $2, 1 - asked / $1, $5, $6 }' \
                "$dir/said" >> "$dir/mix.$peer"
        done
    done

    for peer in $(in_order mix); do
        for n in 1 2 3 4; do
            awk -v n="$n" '{ print $n }' "$dir/mix.$peer" > "$dir/out"
            figure mix "$peer" \
                "$(echo requests/s hit_rate took_p50 took_p99 | cut -d ' ' -f $n)" \
                "$(median "$dir/out")"
        done
    done
}

# cpu_of PEER: hundredths of a second that its processes have computed.  If that
# is less than 100 a second, the clients were not quick enough for it
cpu_of() {
    local process sum=0 main=${pids[$(server "$1")]}

    for process in $main $(pgrep -P "$main"); do
        sum=$((sum + $(sed 's/.*) //' "/proc/$process/stat" |
            awk '{ print $12 + $13 }')))
    done

    echo "$sum"
}

# memory PID WHAT: kilobytes of a process and all below it
memory() {
    local child sum

    sum=$(awk -v w="$2:" '$1 == w { print $2 }' "/proc/$1/smaps_rollup")

    for child in $(pgrep -P "$1"); do
        sum=$((sum + $(memory "$child" "$2")))
    done

    echo "$sum"
}

# each with a store of its own, started again
cell_memory() {
    local peer first what share

    stop_all
    start_origin

    for peer in $(in_order memory); do
        progress "memory of $peer"
        rm -rf "${dir:?}/$peer"
        start "$peer"
        wait_server "$peer"

        for what in Rss Pss; do
            figure memory "$peer" "${what,,}_empty_mb" \
                "$(($(memory "${pids[$peer]}" $what) / 1024))"
        done

        crowd "$peer" "/0/1k/36000000/memory/%d" "$connections" -n "$pages" \
            > "$dir/said"
        figure memory "$peer" filled/s "$(awk '{ print $2 }' "$dir/said")"

        # all are there, not only the newest
        sleep 1
        crowd "$peer" "/0/1k/36000000/memory/%d" 1 -n 1000 > "$dir/said"
        figure memory "$peer" stored "$(awk '{ print $3 / $1 }' "$dir/said")"

        for what in Rss Pss; do
            figure memory "$peer" "${what,,}_mb" \
                "$(($(memory "${pids[$peer]}" $what) / 1024))"
        done

        # Traffic Server writes its directory of pages now and then only
        [ "$peer" != ats ] || sleep 10
        stop "$peer"

        # how long until there is a hit; of a cache that keeps nothing it says
        # nothing
        ("$dir/crowd" -u "$(port_of "$peer")" "/0/1k/36000000/memory/0" 1 \
            > "$dir/first" || true) &
        first=$!
        start "$peer"
        wait "$first"

        share=$(crowd "$peer" "/0/1k/36000000/memory/%d" 1 -n 1000 |
            awk '{ print $3 / $1 }')
        figure memory "$peer" kept "$share"
        [[ $share = 0* ]] ||
            figure memory "$peer" first_hit_ms "$(cat "$dir/first")"

        for what in Rss Pss; do
            figure memory "$peer" "${what,,}_again_mb" \
                "$(($(memory "${pids[$peer]}" $what) / 1024))"
        done

        stop "$peer"
        rm -rf "${dir:?}/$peer"
    done
}


# --- the run ---

start_origin() {
    local _

    in_background origin "${LOAD_CORES:-1}" "$dir/origin" "$origin" "$files"

    for _ in $(seq 500); do
        if asked > "$dir/out"; then
            return 0
        fi
        sleep 0.02
    done

    echo "no upstream at port $origin" >&2
    return 1
}

command -v varnishd > "$dir/out" || {
    leave_out varnish "the package varnish is missing"
    leave_out varnish_file "the package varnish is missing"
}
command -v traffic_server > "$dir/out" ||
    leave_out ats "the package trafficserver is missing"

: > "$tsv"
start_origin

for peer in pages raw proxy lock varnish varnish_file ats none; do
    wanted "$peer" || wanted "${peer/#pages/rest}" ||
        wanted "${peer/#raw/rest_raw}" || continue
    start "$peer"

    # a peer that this machine cannot run is left out; bigcache must run
    if ! wait_server "$peer"; then
        case $peer in
        pages | raw)    exit 1 ;;
        *)              leave_out "$peer" "it does not start" ;;
        esac
    fi
done

# the last one stops all servers
for cell in hit miss crowd mix memory; do
    if [[ " $cells " == *" $cell "* ]]; then
        progress "$cell"
        "cell_$cell"
    fi
done


# --- results ---

# row NAME CELL PEER WHAT ...: a line of the table, - for what there is not
row() {
    local what value

    printf '%-13s %-13s' "$2" "$3"

    for what in "${@:4}"; do
        value=$(of "$2" "$3" "$what")
        printf ' %11s' "$(three "${value:--}")"
    done

    echo
}

# times PEER OTHER CELL: of requests/s, in one run
times() {
    local a b

    a=$(of "$3" "$1" requests/s)
    b=$(of "$3" "$2" requests/s)
    [ -n "$a" ] && [ -n "$b" ] && ratio "$a" "$b"
}

table_rates() {
    local cell peer own cpu stored

    printf '%-13s %-13s %10s %14s %8s %8s\n' cell server requests/s \
        'bigcache is' 'core, %' stored

    for cell in hit_1k hit_30k_gzip hit_30k_plain hit_30k_raw miss_30k_raw \
            miss_30k_gzip; do
        own=pages
        [[ $cell != *_raw ]] || own=raw

        for peer in $(in_order "$cell") origin; do
            [ -n "$(of "$cell" "$peer" requests/s)" ] || continue
            cpu=$(of "$cell" "$peer" cpu)
            stored=$(of "$cell" "$peer" stored)
            printf '%-13s %-13s %10.0f %12s x %8s %8s\n' "$cell" "$peer" \
                "$(of "$cell" "$peer" requests/s)" \
                "$(times $own "$peer" "$cell" || echo -)" "${cpu:--}" \
                "${stored:--}"
        done
    done
}

table() {
    local cell=$1 peer

    printf '\n%-13s %-13s' cell server
    printf ' %11s' "${@:2}"
    echo

    for peer in $(in_order "$cell"); do
        row "" "$cell" "$peer" "${@:2}"
    done
}

versions() {
    local text=

    ! wanted varnish || text="$(varnishd -V 2>&1 |
        sed -n 's/.*(\(varnish-[0-9.]*\).*/\1/p'), "
    ! wanted ats || text+="Traffic Server $(traffic_server --version 2>&1 |
        sed -n 's/.*Traffic Server \([0-9.]*\).*/\1/p')"
    echo "${text%, }"
}

{
    heading
    echo "# $(versions)"
    echo "# $connections connections, $rounds rounds of $seconds s or $misses" \
        "misses, $crowds crowds, mix of $mix_seconds s, medians; ms"
    echo

    if [[ " $cells " == *" hit "* || " $cells " == *" miss "* ]]; then
        table_rates
    fi

    if [[ " $cells " == *" crowd "* ]]; then
        for cell in crowd_8 crowd_50 crowd_500 crowd_50_old; do
            table $cell asked asked_most stale after_p50 after_p99 took_p50 \
                took_p99
        done
    fi

    if [[ " $cells " == *" mix "* ]]; then
        table mix requests/s hit_rate took_p50 took_p99
    fi

    if [[ " $cells " == *" memory "* ]]; then
        echo
        echo "# $pages pages of 1 KB"
        table memory filled/s stored pss_empty_mb pss_mb rss_mb kept \
            first_hit_ms pss_again_mb
    fi
} > "$dir/pages.txt"

: > "$dir/goals"

# goal_of WHAT AGAINST VALUE GOAL: no row without a figure
goal_of() {
    [ -z "$3" ] || goal "$@"
}

# waited CELL: how much sooner waiters have the answer than with the lock
waited() {
    local a b

    a=$(of "$1" lock after_p50)
    b=$(of "$1" pages after_p50)
    [ -n "$a" ] && [ -n "$b" ] && ratio "$a" "$b" 1
}

goal_of "page cache: hit, 1 KB" 'nginx, `proxy_cache`' \
    "$(times pages proxy hit_1k)" "1.3 x"
goal_of "page cache: hit, 30 KB, the client takes gzip" 'nginx, `proxy_cache`' \
    "$(times pages proxy hit_30k_gzip)" "1.3 x"
goal_of 'page cache: hit, 30 KB, `gzip=off`' 'nginx, `proxy_cache`' \
    "$(times raw proxy hit_30k_raw)" "1.3 x"
goal_of "page cache: hit, 1 KB" "a hit of the REST API" \
    "$(times pages rest hit_1k)" "0.9 x"
goal_of "page cache: hit, 30 KB, the client takes gzip" "a hit of the REST API" \
    "$(times pages rest hit_30k_gzip)" "0.9 x"
goal_of 'page cache: miss that fills, 30 KB, `gzip=off`' \
    'nginx, `proxy_cache`' "$(times raw proxy miss_30k_raw)" "1.0 x"
goal_of "page cache: miss that fills, 30 KB, the upstream packs" \
    'nginx, `proxy_cache`' "$(times pages proxy miss_30k_gzip)" "1.0 x"

for n in 8 50 500; do
    goal_of "page cache: $n clients at once, waiters have the answer sooner" \
        'nginx, `proxy_cache_lock`' "$(waited crowd_$n)" "10 x"
done

{
    cat "$dir/pages.txt"
    echo
    cat "$dir/goals"
} | tee "$top/bench/results/pages.txt"

cp "$tsv" "$top/bench/results/pages.tsv"
[ ! -s "$dir/goals" ] || keep_goals pages

# nginx kills the process that reads what proxy_cache has, if it is told to end
# meanwhile, and says so
sed -i '/cache loader process .* exited on signal 9/d' "$dir/error.log"
check_log
