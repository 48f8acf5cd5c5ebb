# ./build.sh run: read by build.sh.

# option NAME: how a message calls a setting
option() {
    echo "--$1"
}

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
    [ -z "$upstream" ] || resolve --upstream "${app_host//[][]/}" $app_port
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

# serve HOST PORT DIRECTORY NAME ...: nginx in the foreground, in a directory of
# its own
serve() {
    local host=$1 url api dir nginx_pid signal=QUIT status=0 files
    local listen api_listen=("127.0.0.1:$api_port") web=$top/build/web
    local access_log= log_level= ttl= workers= zone= app_resolver=
    local name_advice="start it with ./build.sh run --name NAME"

    [ "${host#*:}" = "$host" ] || host="[$host]"
    url=http://$host:$2/ api=$url
    [ -z "$upstream" ] || api=http://127.0.0.1:$api_port/

    files=$(ulimit -Hn)
    [ "$files" != unlimited ] && [ "$files" -lt 65536 ] || files=65536
    ulimit -n "$files"

    dir=$(mktemp -d "$top/build/run.XXXXXX")
    trap 'rm -rf "$dir"' EXIT
    listen=("$host:$2")
    write_conf "$3" "$dir" $((files / 2)) \
        "$(server_names "$1" "${@:4}")" >"$dir/nginx.conf"

    "$nginx" -t -q -e stderr -p "$dir" -c nginx.conf 2>"$dir/log" ||
        die "$(refusal "$dir/log")"

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

# greet URL API DIRECTORY: by one write, so that a reader has all or nothing
greet() {
    local text="bigcache serves $1 from $3"

    [ -z "$shards" ] || text+="
the keys are spread over $shards servers, at the ports \
$((port + 1)) to $((port + shards))"
    [ -z "$upstream" ] || text+="
the pages are those of $app_scheme://$app_host:$app_port/, \
up to $max_size of them are kept"

    # a shell writes each line by itself

    cat <<END
$text
a page to look at it is ${2}ui, its API is at ${2}docs
END
}
