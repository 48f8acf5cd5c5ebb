# The cache in front of an application: read by build.sh, for "run --upstream",
# and by container/entrypoint, as is auto/conf.sh.
#
# The URL of the application is taken apart into $app_scheme, $app_host (in
# brackets if it is an IPv6 address), $app_port and, for https, $app_authorities.

# check_upstream: $upstream and $api_port, beside $port
check_upstream() {
    [ -n "$upstream" ] || [ -z "$api_port" ] ||
        die "$(option api_port) is only for $(option upstream):" \
            "without it the API is at $(option port)"
    [ -n "$upstream" ] || return 0

    [ -n "$api_port" ] || [ $port -lt 65535 ] || die "$(option api_port)" \
        "is needed: it is 1 more than $(option port) by default"
    : "${api_port:=$((port + 1))}"
    is_port "$api_port" ||
        die "$(option api_port): '$api_port' is not a port number"
    api_port=$((10#$api_port))
    [ $api_port -ne $port ] || die "$(option api_port): $port is the port of" \
        "the application's pages"

    set_upstream "$upstream"
    refuse_loop "$host" $port $api_port
}

# set_upstream URL
set_upstream() {
    local rest authority port option

    option=$(option upstream)

    case $1 in *[[:cntrl:]]*) die "$option: a control character in it" ;; esac

    # a password is not repeated in a message
    rest=${1#*://} authority=${rest%%[/?#]*}
    case $authority in
    *@*) die "$option: no user and no password can be given in a URL" ;;
    esac

    [[ $1 =~ ^([A-Za-z][A-Za-z0-9+.-]*):// ]] ||
        die "$option: '$1' does not begin with http:// or https://"
    app_scheme=${BASH_REMATCH[1],,}

    case $app_scheme in
    http) port=80 ;;
    https) port=443 ;;
    *) die "$option: '$app_scheme' is neither http nor https" ;;
    esac

    case ${rest#"$authority"} in
    '' | /) ;;
    *) die "$option: '$1' has a path, but all URLs of the application" \
        "are served: the URL ends behind the port" ;;
    esac

    [[ $authority =~ ^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][A-Za-z0-9._-]*)(:.*)?$ ]] ||
        die "$option: '$1' has no host, or an odd one"
    app_host=${BASH_REMATCH[1],,}
    rest=${BASH_REMATCH[2]}
    [ -z "$rest" ] || port=${rest#:}
    is_port "$port" || die "$option: '$port' is not a port number"
    app_port=$((10#$port))

    [ $app_scheme = http ] || set_authorities
}

# set_authorities: the file of the certificates that are trusted
set_authorities() {
    local file

    # nginx compares the names of a certificate, but no addresses
    [[ ! $app_host =~ ^(\[.*|[0-9.]+)$ ]] ||
        die "$(option upstream): https needs the name that is in the" \
            "certificate, and no address"

    for file in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt \
        /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        [ -n "$file" ] || continue
        app_authorities=$(cd "$started_in" && realpath "$file" 2>/dev/null) &&
            [ -r "$app_authorities" ] && return 0
        [ "$file" != "${SSL_CERT_FILE:-}" ] ||
            die "SSL_CERT_FILE: cannot read '$file'"
    done

    die "$(option upstream): https needs certificates of authorities: install" \
        "ca-certificates, or name a file by SSL_CERT_FILE"
}

# refuse_loop HOST PORT ...: the application is not the cache itself
refuse_loop() {
    local host=$1 port

    case ${app_host//[][]/} in
    localhost | 127.* | ::1 | 0.0.0.0 | :: | "${host,,}") ;;
    *) return 0 ;;
    esac

    for port in "${@:2}"; do
        [ "$port" -ne "$app_port" ] ||
            die "$(option upstream): port $port is that of the cache itself"
    done
}

# upstream_servers NAMES ADDRESS ...: for the block "http"; all URLs of the
# application, and nothing else
upstream_servers() {
    local url=$app_scheme://$app_host:$app_port host='$host$named_port'

    # a server that has a certificate has one for its own name
    if [ $app_scheme = https ]; then
        host=$app_host
        [ $app_port = 443 ] || host+=:$app_port
    fi

    cat <<END
    # the port as the client names it; \$host is in lower case
    map \$http_host \$named_port {
        default "";
        "~(:[0-9]+)\$" \$1;
    }

$([ -n "$app_resolver" ] || upstream_block)

    server {
        $(listens default_server "${@:2}")
        server_name _;

        default_type text/plain;
        return 421 "this server has no such name: ask for it by an address, or $name_advice\n";
    }

    server {
        $(listens '' "${@:2}")
        server_name $1;

        absolute_redirect off;

        location / {
            bigcache_pages main;
$([ -z "$ttl" ] || echo "            bigcache_ttl $ttl;")

            proxy_http_version 1.1;
            proxy_read_timeout 300s;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For \$remote_addr;
            proxy_set_header X-Forwarded-Host \$host\$named_port;
            proxy_set_header X-Forwarded-Proto \$scheme;
            proxy_set_header X-Real-IP \$remote_addr;

            # what a client says here is not in the key, and must not be in a
            # page that others get
            proxy_set_header Forwarded "";
            proxy_set_header X-Forwarded-Port "";
            proxy_set_header X-Forwarded-Prefix "";
            proxy_set_header X-Forwarded-Scheme "";
            proxy_set_header X-Forwarded-Server "";
            proxy_set_header X-Forwarded-Ssl "";
            proxy_set_header X-Host "";
            proxy_set_header X-Original-URL "";
            proxy_set_header X-Rewrite-URL "";

            proxy_redirect $url/ /;
            proxy_redirect $app_scheme://$app_host/ /;

$([ $app_scheme = http ] || upstream_tls)
$(upstream_pass)
        }
    }

END
}

upstream_block() {
    cat <<END
    upstream application {
        # a restarted application is asked again at once
        server $app_host:$app_port max_fails=0;
    }
END
}

# upstream_pass: by a name that is looked up when nginx starts, or with
# $app_resolver, parameters of "resolver", again and again: a container that is
# made anew has another address
upstream_pass() {
    if [ -n "$app_resolver" ]; then
        cat <<END
            resolver $app_resolver;
            set \$application $app_host:$app_port;
            proxy_pass $app_scheme://\$application;
END
    else
        echo "            proxy_pass $app_scheme://application;"
    fi
}

upstream_tls() {
    local file=${app_authorities//\\/\\\\}

    cat <<END
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
            proxy_ssl_server_name on;
            proxy_ssl_name $app_host;
            proxy_ssl_verify on;
            proxy_ssl_verify_depth 9;
            proxy_ssl_trusted_certificate "${file//\"/\\\"}";

END
}
