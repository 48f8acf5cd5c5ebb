# The configuration that ./build.sh run writes, and so does the container: read
# by build.sh and by container/entrypoint.
#
# Who reads this has functions die, and option, which prints how a setting is
# called where it is made.

is_port() {
    [[ $1 =~ ^[0-9]{1,5}$ ]] && [ $((10#$1)) -ge 1 ] && [ $((10#$1)) -le 65535 ]
}

is_name() {
    [[ $1 =~ ^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$ ]]
}

# check_size: $max_size, which has a default with an $upstream
check_size() {
    local bytes

    [ -z "$upstream" ] || max_size=${max_size:-10g}
    [ -n "$max_size" ] || return 0

    [[ $max_size =~ ^([0-9]{1,9})([kKmMgG]?)$ ]] ||
        die "$(option max_size): '$max_size' is not a size," \
            "such as 500m or 10g"

    bytes=$((10#${BASH_REMATCH[1]}))
    case ${BASH_REMATCH[2]} in
    k | K) bytes=$((bytes << 10)) ;;
    m | M) bytes=$((bytes << 20)) ;;
    g | G) bytes=$((bytes << 30)) ;;
    esac

    [ $bytes -ge $((8 << 20)) ] ||
        die "$(option max_size): '$max_size' is below 8m"
}

# server_names NAME ...: the names that requests may use.  The owner of another
# name can let it point to this machine after a browser has loaded a page from
# that name, so unknown names are refused.  An address cannot be redirected so.
server_names() {
    local name

    for name in localhost "$(uname -n)" "$@"; do
        ! is_name "$name" || echo "${name,,}"
    done | sort -u | tr '\n' ' '

    echo '"" "~^[0-9.]+$" "~^\[[0-9a-f:.]+\]$"'
}

# refusal LOG: why "nginx -t" has refused a configuration, in one line
refusal() {
    sed -En 's/^(nginx:|[0-9/]+ [0-9:]+) \[emerg\] ([0-9#]+: )?//p' "$1" |
        head -n 1 | grep . || tail -n 1 "$1"
}

# write_conf DB_PATH DIRECTORY CONNECTIONS NAMES: listens to the addresses in
# the array listen; with an $upstream, serves the API at those in api_listen.
# DIRECTORY is for the files of nginx.  name_advice says how a name is made
# known, and "web" where the pages /docs and /ui are; log_level, zone, ttl,
# threads and workers may say more than the defaults, and cluster_line makes
# another store than one in a directory.
write_conf() {
    local db=${1//\\/\\\\} size=

    [ -z "${max_size:-}" ] || size=" max_size=$max_size"
    write_main "$2" "$3"
    echo "http {"
    write_http "$2"

    # room for the longest names.  This is not in write_http, because a file
    # that is mounted into a container may have such a line, which none may
    # repeat.
    echo "    server_names_hash_bucket_size 512;"

    [ -n "${shards:-}" ] || [ -n "${cluster_line:-}" ] ||
        echo "bigcache_path \"${db//\"/\\\"}\" zone=main${zone:+:$zone}$size" \
            "thread_pool=bigcache;"
    [ -z "${cluster_line:-}" ] || echo "$cluster_line"

    if [ -n "${shards:-}" ]; then
        shard_servers "${db//\"/\\\"}"
        api_servers "$4" "${listen[@]}"
    elif [ -n "$upstream" ]; then
        upstream_servers "$4" "${listen[@]}"
        api_servers "$4" "${api_listen[@]}"
    else
        api_servers "$4" "${listen[@]}"
    fi

    echo "}"
}

# write_main DIRECTORY CONNECTIONS: all that is outside of the block "http"
write_main() {
    # if root starts the server, the workers stay root, to be able to write to
    # the directory that was named; other users cannot change the user at all
    local user=

    [ "$(id -u)" != 0 ] || user="user root;"

    cat <<END
load_module "$module";

$user
daemon off;
worker_processes ${workers:-auto};
pid "$1/nginx.pid";
error_log stderr ${log_level:-warn};

thread_pool bigcache threads=${threads:-16} max_queue=65536;

events {
    worker_connections $2;
}

END
}

# write_http DIRECTORY: what all servers have in common
write_http() {
    cat <<END
    access_log ${access_log:-off};
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_max_body_size 1g;
    client_body_buffer_size 1m;
    large_client_header_buffers 4 64k;
    client_body_temp_path "$1/client_body";
    proxy_temp_path "$1/proxy";
    fastcgi_temp_path "$1/fastcgi";
    uwsgi_temp_path "$1/uwsgi";
    scgi_temp_path "$1/scgi";

END
}

# listens PARAMETER ADDRESS ...: for the block "server", where the first line is
# indented already
listens() {
    local address indent=

    for address in "${@:2}"; do
        echo "${indent}listen $address${1:+ $1};"
        indent="        "
    done
}

# shard_servers DB_PATH: each with a store of its own, and the upstream of them
shard_servers() {
    local i

    echo "upstream shards {"
    echo "    hash \$bigcache_shard_key consistent;"
    echo "    keepalive 64;"

    for i in $(seq "$shards"); do
        echo "    server 127.0.0.1:$((port + i)) max_fails=0;"
    done

    echo "}"

    for i in $(seq "$shards"); do
        cat <<END
    bigcache_path "$1/shard$i" zone=shard$i$size thread_pool=bigcache;

    server {
        listen 127.0.0.1:$((port + i));

        location / {
            bigcache shard$i;
        }
    }
END
    done
}

# api_location: what serves the API
api_location() {
    [ -n "${shards:-}" ] || {
        echo "bigcache main;"
        return
    }

    cat <<'END'
bigcache_shards shards;
            proxy_pass http://shards;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_next_upstream off;
END
}

# api_servers NAMES ADDRESS ...: for the block "http"
api_servers() {
    cat <<END
    # with a location of bigcache nginx's own errors are JSON here, too
    server {
        $(listens default_server "${@:2}")
        server_name _;

        default_type application/json;
        return 421 '{"detail":"this server has no such name: ask for it by an address, or $name_advice"}';

        location / {
            $(api_location)
        }
    }

    server {
        $(listens '' "${@:2}")
        server_name $1;

        location / {
            $(api_location)
        }

        include "$web/locations.conf";
    }
END
}
