#!/bin/bash
#
# A slow disk: pages of 30 KB, three times as many as the page cache may hold, on
# a device that does 100 MB and 1,000 requests a second.  Clients ask for all
# pages alike; meanwhile, how many hits a second of one page that is in memory,
# and how long they take at a constant rate of which the server can do many times
# as much.  Beside nginx with static files, with "aio threads" and without.
#
#     ./build.sh bench disk
#
# The kernel keeps to the limits by letting requests through in bursts, ten times
# a second, which is hard on the 99th percentile; so that is measured again with
# the same number of reads from the disk without limits.
#
# Takes some 6 minutes.
#
# The device is a loop device with a file system of its own, throttled by cgroup;
# whether the limits hold is measured first.  It needs root, and says so and ends
# if it cannot do this here.
#
# ROUNDS=3 SECONDS_EACH=4 PAGES=50000 in the environment change that: a million
# pages need 64 GB of disk, and 10 GB of memory for the page cache.  RATE=500 is
# that of requests for the page in memory, DISK_MB=100 and DISK_IOPS=1000 the
# limits.
#
# Packages: e2fsprogs mount

set -eu
. "$(dirname "$0")/common"

rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-4}
pages=${PAGES:-50000}
rate=${RATE:-500}
disk_mb=${DISK_MB:-100}
disk_iops=${DISK_IOPS:-1000}
size=30000
memory=$((pages * size / 3000000))
disk=$dir/disk
servers="bigcache aio static"
loop=

# as many as nginx may have open, half for each of two locations
files=$((($(ulimit -H -n) - 1000) / 2))

clean_disk() {
    stop_nginx
    ! mountpoint -q "$disk" || umount "$disk"
    [ -z "$loop" ] || losetup -d "$loop"
    cleanup
}

trap clean_disk EXIT

# not_here WHY
not_here() {
    echo "bench disk: nothing is measured: $*" >&2
    exit 0
}

[ "$(id -u)" = 0 ] || not_here "this needs root"


# --- the disk ---

build_programs fill
gcc -O2 -D_GNU_SOURCE -o "$dir/rate" "$top/bench/rate.c"

truncate -s $((pages * 80000 + 1000000000)) "$dir/image"
loop=$(losetup -f --show --direct-io=on "$dir/image" 2>"$dir/said") ||
    loop=$(losetup -f --show "$dir/image" 2>>"$dir/said") || {
        loop=
        not_here "no loop device: $(tail -n 1 "$dir/said")"
    }

mkdir "$disk"
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$loop"
mount -o noatime "$loop" "$disk" 2>"$dir/said" ||
    not_here "cannot mount a loop device: $(tail -n 1 "$dir/said")"

THROTTLE="$(stat -c '%Hr:%Lr' "$loop") ${disk_mb}000000 $disk_iops"

# probe SIZE COUNT: so many reads a second, from within the cgroup
probe() {
    local began

    began=$(date +%s%N)
    limited "$memory" dd if="$disk/probe" of=/dev/null bs="$1" count="$2" \
        iflag=direct status=none
    wait $! || return 1
    probed=$(awk -v n="$2" -v ns=$(($(date +%s%N) - began)) \
        'BEGIN { printf "%.0f", n * 1e9 / ns }')
}

dd if=/dev/zero of="$disk/probe" bs=1M count=$((disk_mb * 2)) oflag=direct \
    status=none

exec 3>&2 2>"$dir/said"

{ probe 1M $((disk_mb * 2)) && measured_mb=$probed &&
    probe 4k $((disk_iops * 2)) && measured_iops=$probed; } ||
    { exec 2>&3; not_here "no cgroup that throttles: $(tail -n 1 "$dir/said")"; }

exec 2>&3 3>&-
rm "$disk/probe"

[ "$measured_mb" -lt $((disk_mb * 3 / 2)) ] &&
    [ "$measured_iops" -lt $((disk_iops * 3 / 2)) ] ||
    not_here "the limits of the cgroup do not hold: $measured_mb MB/s," \
        "$measured_iops requests/s"


# --- the pages ---

mkdir "$disk/html" "$disk/data"
perl -e 'my ($dir, $n, $size) = @ARGV;
    open my $random, "<", "/dev/urandom" or die;
    read $random, my $body, $size;
    for (0 .. $n - 1) {
        open my $file, ">", "$dir/$_" or die "$dir/$_: $!";
        print $file $body or die;
        close $file or die;
    }' "$disk/html" "$pages" "$size"
"$dir/fill" "$disk/data" 0 "$pages" "$size" > "$dir/out"
sync

locations="
        location /static/ {
            alias $disk/html/;
            open_file_cache max=$files inactive=1h;
        }
        location /aio/ {
            alias $disk/html/;
            aio threads=bigcache;
            open_file_cache max=$files inactive=1h;
        }"

# path SERVER
path() {
    case $1 in
    bigcache)   echo /pickle/page ;;
    *)          echo "/$1" ;;
    esac
}

# hot SERVER RATE: the page in memory
hot() {
    taskset -c "${LOAD_CORES:-1}" "$dir/rate" -c 64 -t "$seconds" "$port" \
        "$(path "$1")/7" "$2"
}

# measure SERVER: a round
measure() {
    local all

    sync
    echo 3 > /proc/sys/vm/drop_caches
    MEMORY=$memory BEFORE="worker_rlimit_nofile $(ulimit -H -n);" \
        start_nginx "$disk/data" "$locations"
    wait_for /stat/count
    wait_for "$(path "$1")/7"

    hot "$1" "$rate" > "$dir/quiet"

    cat > "$dir/get.lua" <<END
math.randomseed($RANDOM)
request = function()
    return wrk.format(nil, "$(path "$1")/" .. math.random(0, $pages - 1))
end
END

    # the first seconds fill the page cache
    (load $((seconds * 3 + 2)) 32 --timeout 10s -s "$dir/get.lua" "$base" \
        > "$dir/all") &
    all=$!
    sleep "$seconds"
    hot "$1" 0 > "$dir/most"
    hot "$1" "$rate" > "$dir/during"
    wait "$all"
    stop_nginx

    evenly "$1"

    paste "$dir/all" "$dir/most" "$dir/quiet" "$dir/during" "$dir/evenly" \
        >> "$dir/tsv.$1"
}

# evenly SERVER: the page in memory, while clients ask for as many others as
# before, but the disk has no limit, and so the reads come one by one
evenly() {
    local others limit="$THROTTLE"

    echo "delay = function() return 32000 / $(cat "$dir/all") end" \
        >> "$dir/get.lua"

    sync
    echo 3 > /proc/sys/vm/drop_caches
    THROTTLE="${limit%% *} 100000000000 10000000"
    MEMORY=$memory BEFORE="worker_rlimit_nofile $(ulimit -H -n);" \
        start_nginx "$disk/data" "$locations"
    THROTTLE=$limit
    wait_for /stat/count
    wait_for "$(path "$1")/7"

    (load $((seconds * 2 + 2)) 32 --timeout 10s -s "$dir/get.lua" "$base" \
        > "$dir/others") &
    others=$!
    sleep "$seconds"
    hot "$1" "$rate" > "$dir/evenly"
    wait "$others"
    stop_nginx
}

for _ in $(seq "$rounds"); do
    for server in $servers; do
        echo "disk.sh: $(date +%T) $server" >&2
        measure "$server"
    done
done

# of SERVER COLUMN: the median
of() {
    awk -v n="$2" '{ gsub(/\t/, " "); print $n }' "$dir/tsv.$1" > "$dir/column"
    median "$dir/column"
}

# columns of dir/tsv: of all pages; of the most; quiet; during;
# evenly
all=1 most=3 quiet=13 p50=19 p99=20 p999=21 even=27

{
    heading
    echo "# $pages pages of $size B, asked for alike over 32 connections;" \
        "memory $memory MB"
    echo "# the disk does $measured_mb MB and $measured_iops reads a second," \
        "measured by direct reads"
    echo "# $rounds rounds of $seconds s, medians; milliseconds of a page in" \
        "memory, at $rate/s"
    echo "# evenly: as many other pages, of the disk without limits"
    echo
    printf '%-10s %10s %14s %10s %10s %10s %10s %11s\n' server 'all, /s' \
        'in memory, /s' 'quiet p99' p50 p99 p99.9 'evenly p99'

    for server in $servers; do
        printf '%-10s %10.0f %14.0f %10s %10s %10s %10s %11s\n' "$server" \
            "$(of "$server" $all)" "$(of "$server" $most)" \
            "$(three "$(of "$server" $quiet)")" \
            "$(three "$(of "$server" $p50)")" \
            "$(three "$(of "$server" $p99)")" \
            "$(three "$(of "$server" $p999)")" \
            "$(three "$(of "$server" $even)")"
    done
} | tee "$top/bench/results/disk.txt"

aio='nginx, static files, `aio threads`'

goal "slow disk: hits of all pages, 30 KB, a third of them in memory" "$aio" \
    "$(ratio "$(of bigcache $all)" "$(of aio $all)")" "1.0 x"
goal "slow disk: hits of a page in memory meanwhile" "$aio" \
    "$(ratio "$(of bigcache $most)" "$(of aio $most)")" "1.0 x"
goal "slow disk: 99th percentile of a page in memory meanwhile" "quiet" \
    "$(ratio "$(of bigcache $p99)" "$(of bigcache $quiet)" 1)" "<= 2 x"
goal "as many reads of a disk without limits: the same percentile" "quiet" \
    "$(ratio "$(of bigcache $even)" "$(of bigcache $quiet)" 1)" "<= 2 x"
keep_goals disk

check_log
