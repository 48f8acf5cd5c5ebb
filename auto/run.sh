# ./build.sh run: read by build.sh.

cmd_run() {
    local port=36379 host=127.0.0.1 db=${DB_PATH:-./data} names=() opt value
    local upstream= api_port= max_size= shards=

    while [ $# -gt 0 ]; do
        opt=${1%%=*}

        case $opt in
        --port | --host | --name | --db_path | --upstream | --api_port | \
            --max_size | --shards) ;;
        *) die "run: unknown option '$1', see ./build.sh help" ;;
        esac

        if [ "$opt" != "$1" ]; then
            value=${1#*=}
        else
            [ $# -gt 1 ] || die "$1 needs a value"
            shift
            value=$1
        fi

        case $opt in
        --port) port=$value ;;
        --host) host=$value ;;
        --name) names+=("$value") ;;
        --db_path) db=$value ;;
        --upstream) upstream=${value:- } ;;
        --api_port) api_port=${value:- } ;;
        --max_size) max_size=${value:- } ;;
        --shards) shards=${value:- } ;;
        esac

        shift
    done

    is_port "$port" || die "--port: '$port' is not a port number"
    port=$((10#$port))

    [ -n "$db" ] || die "--db_path is empty"
    [ "${db#/}" != "$db" ] || db=$started_in/$db
    host=${host#[} host=${host%]}
    [ -n "$host" ] || die "--host: an address is missing"

    for value in "${names[@]}"; do
        is_name "$value" || die "--name: '$value' is not a name"
    done

    check_size
    check_upstream
    check_shards
    check_address "$host" $port
    [ -z "$upstream" ] || check_address 127.0.0.1 $api_port
    check_directory "$db"
    db=$(realpath "$db")

    if [ -n "$shards" ] && { [ -e "$db/index" ] || [ -e "$db/CURRENT" ]; }; then
        die "--shards: '$db' has the pages of one server: name another --db_path"
    fi

    for value in $(seq ${shards:-0}); do
        check_directory "$db/shard$value"
    done

    set_paths
    locked build_module binary
    locked build_web
    serve "$host" $port "$db" "${names[@]}"
}

is_port() {
    [[ $1 =~ ^[0-9]{1,5}$ ]] && [ $((10#$1)) -ge 1 ] && [ $((10#$1)) -le 65535 ]
}

# check_size: of the variables of cmd_run, as check_upstream
check_size() {
    local bytes

    [ -z "$upstream" ] || max_size=${max_size:-10g}
    [ -n "$max_size" ] || return 0

    [[ $max_size =~ ^([0-9]{1,9})([kKmMgG]?)$ ]] ||
        die "--max_size: '$max_size' is not a size, such as 500m or 10g"

    bytes=$((10#${BASH_REMATCH[1]}))
    case ${BASH_REMATCH[2]} in
    k | K) bytes=$((bytes << 10)) ;;
    m | M) bytes=$((bytes << 20)) ;;
    g | G) bytes=$((bytes << 30)) ;;
    esac

    [ $bytes -ge $((8 << 20)) ] || die "--max_size: '$max_size' is below 8m"
}

check_upstream() {
    [ -n "$upstream" ] || [ -z "$api_port" ] ||
        die "--api_port is only for --upstream: without it the API is at --port"
    [ -n "$upstream" ] || return 0

    [ -n "$api_port" ] || [ $port -lt 65535 ] ||
        die "--api_port is needed: it is 1 more than --port by default"
    : "${api_port:=$((port + 1))}"
    is_port "$api_port" || die "--api_port: '$api_port' is not a port number"
    api_port=$((10#$api_port))
    [ $api_port -ne $port ] ||
        die "--api_port: $port is the port of the application's pages"

    set_upstream "$upstream"
    refuse_loop "$host" $port $api_port
}

# check_shards: those of --shards have the ports behind --port, on this machine
check_shards() {
    local i

    [ -n "$shards" ] || return 0

    [[ $shards =~ ^[1-9][0-9]?$ ]] ||
        die "--shards: '$shards' is not a number of servers, 1 to 99"
    [ -z "$upstream" ] || die "--shards and --upstream do not go together"
    [ $((port + shards)) -le 65535 ] ||
        die "--shards: there are not $shards ports behind $port"

    for i in $(seq "$shards"); do
        check_address 127.0.0.1 $((port + i))
    done
}

is_name() {
    [[ $1 =~ ^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$ ]]
}

check_directory() {
    case $1 in *[[:cntrl:]]*) die "--db_path: a control character in it" ;; esac
    [ ! -e "$1" ] || [ -d "$1" ] || die "--db_path: '$1' is not a directory"
    # other users must not read the pages; an existing directory keeps its mode
    mkdir -p -m 700 "$1" 2>/dev/null || die "--db_path: cannot make '$1'"
    [ -w "$1" ] && [ -x "$1" ] || die "--db_path: cannot write to '$1'"
}

# listens for a moment, as nginx will; perl-base is on every Debian
check_address() {
    resolve --host "$1" "$2"
    perl -MSocket=:all -e '
        my ($host, $port) = @ARGV;
        my ($err, @found) = getaddrinfo($host, $port,
            { socktype => SOCK_STREAM, flags => AI_PASSIVE });
        for (@found) {
            my $s;
            socket($s, $_->{family}, SOCK_STREAM, 0)
                && setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1)
                && ($_->{family} != AF_INET6
                    || setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 1))
                && bind($s, $_->{addr}) && listen($s, 1)
                or die "cannot listen on $host port $port: $!\n";
        }' "$1" "$2" 2>&1 | die_of_line
}

# resolve OPTION HOST PORT: ends if there is no such host
resolve() {
    perl -MSocket=:all -e '
        my ($option, $host, $port) = @ARGV;
        my ($err) = getaddrinfo($host, $port, { socktype => SOCK_STREAM });
        die "$option: \"$host\": $err\n" if $err;' -- "$@" 2>&1 | die_of_line
}

die_of_line() {
    local line

    read -r line && die "$line" || [ -z "$line" ]
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

# serve HOST PORT DIRECTORY NAME ...: nginx in the foreground, in a directory of
# its own
serve() {
    local host=$1 url api dir nginx_pid signal=QUIT status=0 files

    [ "${host#*:}" = "$host" ] || host="[$host]"
    url=http://$host:$2/ api=$url
    [ -z "$upstream" ] || api=http://127.0.0.1:$api_port/

    files=$(ulimit -Hn)
    [ "$files" != unlimited ] && [ "$files" -lt 65536 ] || files=65536
    ulimit -n "$files"

    dir=$(mktemp -d "$top/build/run.XXXXXX")
    trap 'rm -rf "$dir"' EXIT
    write_conf "$host:$2" "$3" "$dir" $((files / 2)) \
        "$(server_names "$1" "${@:4}")" >"$dir/nginx.conf"

    "$nginx" -t -q -e stderr -p "$dir" -c nginx.conf 2>"$dir/log" ||
        die "$(sed -n 's/^nginx: \[[a-z]*\] //p' "$dir/log" | head -n 1)"

    # a session of its own, or Ctrl-C would reach nginx as a fast stop
    setsid setpriv --pdeathsig QUIT \
        "$nginx" -e stderr -p "$dir" -c nginx.conf &
    nginx_pid=$!
    trap 'kill -$signal $nginx_pid 2>/dev/null; signal=TERM' INT TERM HUP

    while [ ! -s "$dir/nginx.pid" ] && kill -0 $nginx_pid 2>/dev/null; do
        sleep 0.05
    done

    [ ! -s "$dir/nginx.pid" ] || greet "$url" "$api" "$3"

    # a trapped signal ends "wait" early
    while kill -0 $nginx_pid 2>/dev/null; do
        wait $nginx_pid && status=0 || status=$?
    done

    [ $signal = QUIT ] || status=0
    exit $status
}

# greet URL API DIRECTORY
greet() {
    echo "bigcache serves $1 from $3"
    [ -z "$shards" ] ||
        echo "the keys are spread over $shards servers, at the ports" \
            "$((port + 1)) to $((port + shards))"
    [ -z "$upstream" ] ||
        echo "the pages are those of $app_scheme://$app_host:$app_port/," \
            "up to $max_size of them are kept"
    echo "a page to look at it is ${2}ui, its API is at ${2}docs"
}

# write_conf LISTEN DB_PATH DIRECTORY CONNECTIONS NAMES
write_conf() {
    local db=${2//\\/\\\\} user= size=

    # if root starts the server, the workers stay root, to be able to write to
    # the directory that was named; other users cannot change the user at all
    [ "$(id -u)" != 0 ] || user="user root;"

    [ -z "$max_size" ] || size=" max_size=$max_size"

    cat <<END
load_module "$module";

$user
daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr warn;

thread_pool bigcache threads=16 max_queue=65536;

events {
    worker_connections $4;
}

http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    client_max_body_size 1g;
    client_body_buffer_size 1m;
    large_client_header_buffers 4 64k;
    client_body_temp_path "$3/client_body";
    proxy_temp_path "$3/proxy";
    fastcgi_temp_path "$3/fastcgi";
    uwsgi_temp_path "$3/uwsgi";
    scgi_temp_path "$3/scgi";

END

    [ -n "$shards" ] ||
        echo "bigcache_path \"${db//\"/\\\"}\" zone=main$size" \
            "thread_pool=bigcache;"

    if [ -n "$shards" ]; then
        shard_servers "${db//\"/\\\"}"
        api_servers "$1" "$5"
    elif [ -n "$upstream" ]; then
        upstream_servers "$1" "$5"
        api_servers "127.0.0.1:$api_port" "$5"
    else
        api_servers "$1" "$5"
    fi

    echo "}"
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
    [ -n "$shards" ] || {
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

# api_servers LISTEN NAMES: for the block "http"
api_servers() {
    cat <<END
    # with a location of bigcache nginx's own errors are JSON here, too
    server {
        listen $1 default_server;
        server_name _;

        default_type application/json;
        return 421 '{"detail":"this server has no such name: ask for it by an address, or start it with ./build.sh run --name NAME"}';

        location / {
            $(api_location)
        }
    }

    server {
        listen $1;
        server_name $2;

        location / {
            $(api_location)
        }

        include "$top/build/web/locations.conf";
    }
END
}
