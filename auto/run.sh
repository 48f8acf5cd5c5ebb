# ./build.sh run: read by build.sh.

cmd_run() {
    local port=36379 host=127.0.0.1 db=${DB_PATH:-./data} names=() opt value

    while [ $# -gt 0 ]; do
        opt=${1%%=*}

        case $1 in
        --port=* | --host=* | --name=* | --db_path=*) value=${1#*=} ;;
        --port | --host | --name | --db_path)
            [ $# -gt 1 ] || die "$1 needs a value"
            shift
            value=$1
            ;;
        *) die "run: unknown option '$1', see ./build.sh help" ;;
        esac

        case $opt in
        --port) port=$value ;;
        --host) host=$value ;;
        --name) names+=("$value") ;;
        --db_path) db=$value ;;
        esac

        shift
    done

    [[ $port =~ ^[0-9]{1,5}$ ]] && port=$((10#$port)) &&
        [ $port -ge 1 ] && [ $port -le 65535 ] ||
        die "--port: '$port' is not a port number"

    [ -n "$db" ] || die "--db_path is empty"
    [ "${db#/}" != "$db" ] || db=$started_in/$db
    host=${host#[} host=${host%]}
    [ -n "$host" ] || die "--host: an address is missing"

    for value in "${names[@]}"; do
        is_name "$value" || die "--name: '$value' is not a name"
    done

    check_address "$host" $port
    check_directory "$db"
    db=$(realpath "$db")

    set_paths
    locked build_module binary
    locked build_web
    serve "$host" $port "$db" "${names[@]}"
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
    perl -MSocket=:all -e '
        my ($host, $port) = @ARGV;
        my ($err, @found) = getaddrinfo($host, $port,
            { socktype => SOCK_STREAM, flags => AI_PASSIVE });
        die "--host: \"$host\": $err\n" if $err;
        for (@found) {
            my $s;
            socket($s, $_->{family}, SOCK_STREAM, 0)
                && setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1)
                && ($_->{family} != AF_INET6
                    || setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 1))
                && bind($s, $_->{addr}) && listen($s, 1)
                or die "cannot listen on $host port $port: $!\n";
        }' "$1" "$2" 2>&1 | { read -r line && die "$line" || [ -z "$line" ]; }
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
    local host=$1 url dir nginx_pid signal=QUIT status=0 files

    [ "${host#*:}" = "$host" ] || host="[$host]"
    url=http://$host:$2/

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

    [ ! -s "$dir/nginx.pid" ] || echo "bigcache serves $url from $3
a page to look at it is ${url}ui, its API is at ${url}docs"

    # a trapped signal ends "wait" early
    while kill -0 $nginx_pid 2>/dev/null; do
        wait $nginx_pid && status=0 || status=$?
    done

    [ $signal = QUIT ] || status=0
    exit $status
}

# write_conf LISTEN DB_PATH DIRECTORY CONNECTIONS NAMES
write_conf() {
    local db=${2//\\/\\\\} user=

    # if root starts the server, the workers stay root, to be able to write to
    # the directory that was named; other users cannot change the user at all
    [ "$(id -u)" != 0 ] || user="user root;"

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

    bigcache_path "${db//\"/\\\"}" zone=main:16m thread_pool=bigcache;

    # with a location of bigcache nginx's own errors are JSON here, too
    server {
        listen $1 default_server;
        server_name _;

        default_type application/json;
        return 421 '{"detail":"this server has no such name: ask for it by an address, or start it with ./build.sh run --name NAME"}';

        location / {
            bigcache main;
        }
    }

    server {
        listen $1;
        server_name $5;

        location / {
            bigcache main;
        }

        include "$top/build/web/locations.conf";
    }
}
END
}
