#!/bin/bash
#
# Whether space is freed: the same pages are overwritten in random order, and
# the size of the directory is compared each second with its live bytes.
#
#     ./build.sh bench overwrite
#
# MINUTES=60 PAGES=100000 DELAY=1 (ms between two requests of each of four
# connections, 0: none) in the environment change that.

set -eu
. "$(dirname "$0")/common"

minutes=${MINUTES:-60}
pages=${PAGES:-100000}
delay=${DELAY:-1}
out=$top/bench/results/overwrite.txt

# pages of 5 to 30 KB, each different, which pack to about a fifth
cat > "$dir/post.lua" <<END
local pages, bodies = $pages, {}
math.randomseed(1)
for i = 1, 64 do
    local rows, n, size = {}, 0, math.random(5000, 30000)
    while n < size do
        local row = string.format('<tr class="row"><td>%d</td><td>' ..
            '<a href="/dataset/%08x/">Series %d</a></td><td>%.4f</td></tr>\n',
            i, math.random(0, 2 ^ 30), math.random(1000), math.random() * 1000)
        rows[#rows + 1] = row
        n = n + #row
    end
    bodies[i] = table.concat(rows)
end
local sent = 0
request = function()
    local key = sent < pages and sent or math.random(0, pages - 1)
    sent = sent + 1
    return wrk.format("POST", "/pickle/page/" .. key, nil,
                      sent .. bodies[math.random(64)])
end
if $delay > 0 then
    delay = function() return sent < pages and 0 or $delay end
end
END

# the bytes of all files but the reserve
bytes() {
    find "$dir/data/index" "$dir/data/pages" -type f -printf '%s\n' \
        2>"$dir/find" | awk '{ n += $1 } END { printf "%.0f\n", n }'
}

resident() {
    awk '/^(RssAnon|RssShmem):/ { n += $2 } END { printf "%.0f\n", n / 1024 }' \
        "/proc/$(pgrep -P "$pid")/status"
}

start_nginx "$dir/data"
wait_for /stat/count

wrk -t 1 -c 4 -d "${minutes}m" -s "$dir/post.lua" "$base" > "$dir/wrk" &
wrk=$!

while [ "$(curl -sf "$base/stat/count" | tr -dc 0-9)" != "$pages" ]; do
    sleep 1
done

while kill -0 "$wrk" 2>"$dir/gone"; do
    bytes >> "$dir/bytes"
    resident >> "$dir/resident"
    sleep 1
done

wait "$wrk"
stop_nginx

# each write chooses a new size, so the sum hardly changes
"$top/build/bigcache" stat "$dir/data" > "$dir/stat"
"$top/build/bigcache" check "$dir/data" 2> "$dir/check" > "$dir/problems"

{
    heading
    echo "# $pages pages of 5 to 30 KB for $minutes minutes"
    echo
    awk '/requests in/ { print $1, "pages stored" }
        /Non-2xx/ { print "not stored:", $NF }' "$dir/wrk"
    awk -F': ' '/^(keys|segments|live segment bytes|index bytes):/' "$dir/stat"
    awk -F': ' 'NR == FNR { if ($1 == "live segment bytes") live = $2; next }
        { r = $1 / live; sum += r; if (r > most) most = r; n++ }
        END { printf "bytes of the directory to live bytes, %d samples: ", n
            printf "%.2f on average, %.2f at most, goal 2.5\n", sum / n, most }' \
        "$dir/stat" "$dir/bytes"
    awk 'NR == 1 { first = $1 } $1 > most { most = $1 }
        END { printf "resident, private and shared, MB: %d first, %d last, " \
            "%d at most\n", first, $1, most }' "$dir/resident"
    cat "$dir/check"
} | tee "$out"

check_log
