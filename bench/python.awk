# The table of bench/python.sh, from its figures: a row for each call, a column
# for each peer, in microseconds, and how often as long as django-redis each of
# bigcache takes.

BEGIN {
    FS = "\t"
    title["one"] = "one thread, median of all calls"
    title["loop"] = "event loop, median of all calls"
    title["threads"] = "threads, time for all divided by calls"
    title["processes"] = "processes, time for all divided by calls"
}

$2 == "layers" {
    layers[++n_layers] = sprintf("%-32s %6s", $3, $4)
    next
}

{
    if (!($1 in peer_seen)) {
        peer_seen[$1]
        peers[++n_peers] = $1
    }

    if (!($2 in mode_seen)) {
        mode_seen[$2]
        modes[++n_modes] = $2
    }

    if (!($3 in call_seen)) {
        call_seen[$3]
        calls[++n_calls] = $3
    }

    us[$1, $2, $3] = $4
}

END {
    for (m = 1; m <= n_modes; m++) {
        printf "%smicroseconds, %s:\n\n%-22s", (m > 1 ? "\n" : ""),
            title[modes[m]], ""

        for (p = 1; p <= n_peers; p++) {
            printf " %10s", peers[p]
        }

        print "   of redis"

        for (c = 1; c <= n_calls; c++) {
            printf "%-22s", calls[c]

            for (p = 1; p <= n_peers; p++) {
                k = peers[p] SUBSEP modes[m] SUBSEP calls[c]
                printf " %10s", k in us ? us[k] : "-"
            }

            a = us["bigcache", modes[m], calls[c]]
            b = us["redis", modes[m], calls[c]]

            if (a && b) {
                printf " %8.2f x", a / b
            }

            print ""
        }
    }

    print "\nmicroseconds of a get of 30 KB, where they go:\n"

    for (n = 1; n <= n_layers; n++) {
        print layers[n]
    }
}
