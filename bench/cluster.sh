#!/bin/bash
#
# A store in a Redis cluster beside one in a directory, and beside plain Redis
# behind nginx, by Lua.  nginx and all servers are on core 0, the load on core 1:
# so a request takes a millionth of the requests a second in microseconds of CPU.
# Then purges, lists and counts, one at a time; and how long requests wait when a
# master is killed.
#
#     ./build.sh bench cluster
#
# Takes some 3 minutes.
#
# KEYS=100000 ROUNDS=3 SECONDS_EACH=2 in the environment change that.
#
# Packages: redis-server libnginx-mod-http-lua

set -eu
. "$(dirname "$0")/common"

keys=${KEYS:-100000}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-2}
redis=$((port + 3))
modules=/usr/lib/nginx/modules
servers="directory cluster lua"

clean_cluster() {
    exec 5>&- || true
    [ -z "${others:-}" ] || kill $others 2>/dev/null || true
    stop_nginx
    cleanup
}

trap clean_cluster EXIT

# cluster MASTERS REPLICAS TIMEOUT: sets addresses; commands go to fd 5, answers
# come from fd 6
cluster() {
    mkfifo "$dir/commands.$2" "$dir/answers.$2"
    taskset -c "${SERVER_CORES:-0}" "$top/bench/cluster.pl" "$@" \
        < "$dir/commands.$2" > "$dir/answers.$2" &
    exec 5> "$dir/commands.$2" 6< "$dir/answers.$2"
    read -r -u 6 addresses
}

cluster 3 0 2000

taskset -c "${SERVER_CORES:-0}" redis-server --port "$redis" --bind 127.0.0.1 \
    --save '' --appendonly no > "$dir/redis.log" &
others=$!
wait_port "$redis"

perl -e 'for (1 .. 30000 / 60) { printf "%-60s", "line " . int rand 1e9 }' \
    > "$dir/page"
head -c 1000 "$dir/page" > "$dir/small"

lua='
    content_by_lua_block {
        local socket = ngx.socket.tcp()
        socket:settimeout(1000)
        assert(socket:connect("127.0.0.1", '$redis'))
        local key = ngx.var.uri
        local post = ngx.req.get_method() == "POST"
        if post then
            ngx.req.read_body()
            local body = ngx.req.get_body_data() or ""
            socket:send("*3\r\n$3\r\nSET\r\n$" .. #key .. "\r\n" .. key
                .. "\r\n$" .. #body .. "\r\n" .. body .. "\r\n")
        else
            socket:send("*2\r\n$3\r\nGET\r\n$" .. #key .. "\r\n" .. key
                .. "\r\n")
        end
        local line = socket:receive()
        local body
        if line:byte() == 36 and line ~= "$-1" then
            body = socket:receive(tonumber(line:sub(2)))
            socket:receive(2)
        end
        socket:setkeepalive(10000, 64)
        if not post and not body then
            return ngx.exit(404)
        end
        ngx.header["Content-Length"] = body and #body or 0
        ngx.print(body or "")
    }'

mkdir "$dir/data"

BEFORE="load_module $modules/ndk_http_module.so;
load_module $modules/ngx_http_lua_module.so;"
[ -f "$modules/ndk_http_module.so" ] || BEFORE=${BEFORE#*;}
HTTP="bigcache_cluster bench zone=cluster thread_pool=bigcache
        $(printf 'server=%s ' $addresses);
    lua_load_resty_core off;"

start_nginx "$dir/data" "
        location /cluster/ { bigcache_base /cluster; bigcache cluster; }
        location /lua/ { $lua }"
wait_for /stat/count
wait_for /cluster/stat/count

# path SERVER
path() {
    case $1 in
    directory)  ;;
    *)          echo "/$1" ;;
    esac
}

# a request of each kind, as a script of wrk
script() {
    cat <<END
local file = io.open("$dir/$2", "rb")
local page = file:read("*a")
local n = 0
request = function()
    n = n + 1
    $1
end
END
}

for server in $servers; do
    p=$(path $server)/pickle
    script "return wrk.format(\"POST\", \"$p/small/\" .. n % 1000, nil, page)" \
        small > "$dir/post-1k.$server.lua"
    script "return wrk.format(\"POST\", \"$p/page/\" .. n % 1000, nil, page)" \
        page > "$dir/post-30k.$server.lua"
    script "return wrk.format(nil, \"$p/small/\" .. n % 1000)" small \
        > "$dir/hit-1k.$server.lua"
    script "return wrk.format(nil, \"$p/page/\" .. n % 1000,
        { [\"Accept-Encoding\"] = \"gzip\" })" page \
        > "$dir/hit-30k.$server.lua"
    script "return wrk.format(nil, \"$p/none/\" .. n % 1000)" small \
        > "$dir/miss.$server.lua"
done

works="post-1k post-30k hit-1k hit-30k miss"

for _ in $(seq "$rounds"); do
    for work in $works; do
        for server in $servers; do
            echo "cluster.sh: $(date +%T) $work $server" >&2
            EXPECT_MISS=1 load "$seconds" 32 -s "$dir/$work.$server.lua" \
                "$base" >> "$dir/$work.$server"
        done
    done
done

# fill PREFIX: so many keys at each of the first two servers
fill() {
    perl -MIO::Socket::INET -e '
        my ($port, $base, $keys) = @ARGV;
        my $c = IO::Socket::INET->new("127.0.0.1:$port") or die;
        for (my $i = 0; $i < $keys; $i += 500) {
            my $body = join ",", map { my $k = sprintf "k/%02d/%07d", $_ % 100,
                $_; qq({"op":"set","key":"$k","value":$_}) }
                $i .. $i + 499;
            $body = "{\"operations\":[$body]}";
            print $c "POST $base/batch HTTP/1.1\r\nHost: h\r\n",
                "Content-Length: ", length $body, "\r\n\r\n$body";
            my ($len, $line);
            while (($line = <$c>) ne "\r\n") {
                $len = $1 if $line =~ /^content-length: (\d+)/i;
            }
            read $c, my $answer, $len;
        }' "$port" "$1" "$keys"
}

# once METHOD PATH: milliseconds until it is answered
once() {
    curl -s -o "$dir/out" -w '%{time_total}' -X "$1" "$base$2" |
        awk '{ printf "%.2f\n", 1000 * $1 }'
}

# purge PATH N: milliseconds until a purge is in effect, for another client that
# asks for pages all the time, and until it is answered
purge() {
    perl -MIO::Socket::INET -MTime::HiRes=time -e '
        my ($port, $base, $n) = @ARGV;
        my ($one, $two) = map { IO::Socket::INET->new("127.0.0.1:$port")
            or die } 1, 2;

        # the last key of the prefix, to which it comes last
        my $get = "GET $base/cache/k/$n/"
            . sprintf("%07d", 900 + $n) . " HTTP/1.1\r\nHost: h\r\n\r\n";

        sub status {
            my ($c) = @_;
            my ($status) = (<$c> // die) =~ / (\d+)/;
            my ($len, $line);
            while (($line = <$c>) ne "\r\n") {
                $len = $1 if $line =~ /^content-length: (\d+)/i;
            }
            read $c, my $body, $len;
            return $status;
        }

        print $two $get;
        status($two) == 200 or die "no page";
        my $begin = time;
        print $one "DELETE $base/prefix/k/$n/ HTTP/1.1\r\nHost: h\r\n\r\n";
        do { print $two $get } while status($two) == 200;
        printf "%.2f\n", 1000 * (time - $begin);
        status($one) == 200 or die "not purged";
        printf "%.2f\n", 1000 * (time - $begin);' "$port" "$1" "$2" |
        { read -r effect; echo "$effect" >> "$dir/effect.$server"
          cat >> "$dir/prefix.$server"; }
}

for server in directory cluster; do
    p=$(path $server)
    echo "cluster.sh: $(date +%T) fill $server" >&2
    fill "$p"

    for n in $(seq 10 24); do
        once GET "$p/keys/k/$n/?limit=100" >> "$dir/list.$server"
        once GET "$p/stat/count" >> "$dir/count.$server"
        purge "$p" "$n"
    done
done

stop_nginx
exec 5>&- 6<&-

# --- a master is killed ---

cluster 3 1 2000

HTTP="bigcache_cluster bench zone=cluster thread_pool=bigcache
        $(printf 'server=%s ' $addresses);"
BEFORE=
start_nginx "$dir/data" "
        location /cluster/ { bigcache_base /cluster; bigcache cluster; }"
wait_for /cluster/stat/count

for n in $(seq 200); do
    curl -s -o "$dir/out" -X POST --data x "$base/cluster/pickle/k$n"
done

# one that asks for all of them in turn, and says how long answers took
perl -MIO::Socket::INET -MTime::HiRes=time -e '
    my ($port, $for) = @ARGV;
    my ($slowest, $failed, $n, $until) = (0, 0, 0, time + $for);
    my ($first, $last);
    while (time < $until) {
        my $begin = time;
        my $c = IO::Socket::INET->new("127.0.0.1:$port") or next;
        print $c "GET /cluster/pickle/k", 1 + $n++ % 200,
            " HTTP/1.0\r\n\r\n";
        my $line = <$c> // "";
        my $took = time - $begin;
        $slowest = $took if $took > $slowest;
        if ($line !~ / 200 /) { $failed++; $first //= $begin; $last = time }
    }
    printf "%.0f %d %.0f\n", 1000 * $slowest, $failed,
        $first ? 1000 * ($last - $first) : 0;' "$port" 12 > "$dir/failover" &
asking=$!
sleep 2
echo "kill 0" >&5
read -r -u 6 promoted
wait $asking
read -r slowest failed gap < "$dir/failover"

# of FILE: the median
of() { median "$dir/$1"; }

us() { awk -v n="$(of "$1")" 'BEGIN { printf "%.1f\n", 1e6 / n }'; }

{
    heading
    echo "# microseconds of CPU a request, nginx and its servers on one core;" \
        "$rounds rounds of $seconds s"
    echo
    printf '%-10s %10s %10s %10s\n' work $servers

    for work in hit-1k hit-30k miss post-1k post-30k; do
        printf '%-10s %10s %10s %10s\n' $work \
            $(for server in $servers; do us $work.$server; done)
    done

    echo
    echo "# milliseconds until the answer, one at a time, of $keys keys;" \
        "prefix: a purge of a hundredth of them; effect: until it is in effect"
    echo
    printf '%-10s %10s %10s\n' work directory cluster

    for work in list count effect prefix; do
        printf '%-10s %10s %10s\n' $work "$(of $work.directory)" \
            "$(of $work.cluster)"
    done

    echo
    echo "# a master is killed, cluster-node-timeout 2 s: another one after" \
        "$promoted ms; one client meanwhile: slowest answer $slowest ms," \
        "$failed requests answered 503, between the first and the last of" \
        "them $gap ms"
} | tee "$top/bench/results/cluster.txt"

check_log
