#!/bin/bash
#
# Hits that are not in the hot index.  First, 1 KB pages in the page cache,
# beside nginx with static files and "aio threads".  Then 30 KB pages, three
# times as many as the page cache may hold (a memory limit by cgroup), beside
# static files with and without threads; and meanwhile the latency of an
# unrelated location.  Static files are served by sendfile with tcp_nopush; with
# threads that did 1.2 times as much as reading them (sendfile off) where the
# page cache is too small, and the same where it is not.  Files do not stay open:
# there are more than a process may have open.
#
#     ./build.sh bench cold
#
# Takes some 3 minutes.
#
# ROUNDS=3 SECONDS_EACH=3 PAGES=100000 MEMORY_MB=1000 in the environment change
# that.  Needs root, for the cgroup and to empty the page cache.

set -eu
. "$(dirname "$0")/common"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-3}
pages=${PAGES:-100000}
memory=${MEMORY_MB:-1000}
small=1024
large=30000
servers="bigcache aio static"

if [ "$(id -u)" != 0 ]; then
    echo "bench cold: needs root" >&2
    exit 1
fi

build_programs fill

# files DIRECTORY SIZE: makes as many files as there are pages
files() {
    mkdir -p "$1"
    perl -e 'my ($dir, $n, $size) = @ARGV;
        open my $random, "<", "/dev/urandom" or die;
        read $random, my $body, $size;
        for (0 .. $n - 1) {
            open my $file, ">", "$dir/$_" or die "$dir/$_: $!";
            print $file $body or die;
            close $file or die;
        }' "$1" "$pages" "$2"
}

for size in "$small" "$large"; do
    files "$dir/html/$size" "$size"
    mkdir "$dir/data.$size"
    "$dir/fill" "$dir/data.$size" 0 "$pages" "$size" > "$dir/out"
done

sync

# of_server SERVER SIZE: a script for wrk that asks for all pages equally often
of_server() {
    local path=/$1/$2/

    [ "$1" != bigcache ] || path=/pickle/page/

    cat > "$dir/get.lua" <<END
math.randomseed($RANDOM)
request = function()
    return wrk.format(nil, "$path" .. math.random(0, $pages - 1))
end
END
}

locations="
        location /static/ { alias $dir/html/; }
        location /aio/ { alias $dir/html/; aio threads=bigcache; }
        location = /unrelated { return 200 x; }"

# --- in the page cache, not in the hot index ---

ZONE=64k start_nginx "$dir/data.$small" "$locations"
wait_for /stat/count

for server in $servers; do
    of_server "$server" "$small"
    load 10 32 -s "$dir/get.lua" "$base" > "$dir/warm"
done

for round in $(seq "$rounds"); do
    for server in $servers; do
        of_server "$server" "$small"
        load "$seconds" 32 -s "$dir/get.lua" "$base" \
            >> "$dir/result.small.$server"
    done
done

curl -sf "$base/stat" | sed 's/.*"entries":\([0-9]*\).*/\1/' > "$dir/entries"
stop_nginx

# --- more than the page cache holds ---

# the page cache is emptied before each server runs: its pages are charged to
# the cgroup that read them first
for round in $(seq "$rounds"); do
    for server in $servers; do
        sync
        echo 3 > /proc/sys/vm/drop_caches
        MEMORY=$memory start_nginx "$dir/data.$large" "$locations"
        wait_for /stat/count
        of_server "$server" "$large"
        load "$seconds" 32 -s "$dir/get.lua" "$base" > "$dir/warm"

        (load $((seconds + 2)) 32 -s "$dir/get.lua" "$base" \
            >> "$dir/result.large.$server") &
        loader=$!
        sleep 1
        p99 /unrelated "$seconds" >> "$dir/p99.$server"
        wait "$loader"
        stop_nginx
    done
done

# of WORK: prints a line for each server
of() {
    local own server

    own=$(median "$dir/result.$1.bigcache")

    for server in $servers; do
        printf '%-40s %12.0f   %.2f x\n' "$server" \
            "$(median "$dir/result.$1.$server")" \
            "$(ratio "$own" "$(median "$dir/result.$1.$server")")"
    done
}

{
    heading
    echo "# $pages pages, all asked for alike, 32 connections, $rounds rounds" \
        "of $seconds s, medians"
    echo
    echo "# $small B, in the page cache; $(cat "$dir/entries") in the hot" \
        "index; requests/s, bigcache is"
    of small
    echo
    echo "# $large B, $((pages * large / 1000000)) MB where the page cache may" \
        "hold $memory MB; requests/s, bigcache is"
    of large
    echo
    echo "# meanwhile an unrelated location, 99th percentile, microseconds"

    for server in $servers; do
        printf '%-40s %12.0f\n' "$server" "$(median "$dir/p99.$server")"
    done
} | tee "$top/bench/results/cold.txt"

aio='nginx, static files, `aio threads`'

goal "hit, 1 KB, not in the hot index" "$aio" \
    "$(ratio "$(median "$dir/result.small.bigcache")" \
        "$(median "$dir/result.small.aio")")" "1.0 x"
goal "hit, 30 KB, three times what the page cache holds" "$aio" \
    "$(ratio "$(median "$dir/result.large.bigcache")" \
        "$(median "$dir/result.large.aio")")" "1.0 x"
keep_goals cold

check_log
