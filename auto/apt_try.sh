#!/bin/sh
#
# Installs the packages from an apt repository, serves by them, and removes
# them, in a Debian that is thrown away afterwards:
#
#     auto/apt_try.sh DIRECTORY SUITE PORT

set -ex

dir=$1 suite=$2 port=$3
option=trusted=yes

if [ -e "$dir/bigcache.gpg" ]; then
    option=signed-by=/etc/apt/keyrings/bigcache.gpg
    install -D -m 644 "$dir/bigcache.gpg" /etc/apt/keyrings/bigcache.gpg
fi

echo "deb [$option] file:$dir $suite main" \
    >/etc/apt/sources.list.d/bigcache.list
apt-get -q update
apt-get -qy install libnginx-mod-http-bigcache bigcache curl
apt-cache policy libnginx-mod-http-bigcache

sed -n '/^    bigcache_path/,/^    }/p' \
    /usr/share/doc/libnginx-mod-http-bigcache/README.Debian |
    sed "s/36379/$port/" >/etc/nginx/conf.d/bigcache.conf
sed -i '/sites-enabled/d' /etc/nginx/nginx.conf
nginx -t
nginx
trap 'nginx -s stop' EXIT

n=0
until curl -sf "http://127.0.0.1:$port/stat/count"; do
    n=$((n + 1))
    [ $n -lt 300 ] || exit 1
    sleep 0.1
done

curl -sf -d '{"value":[1.0]}' "http://127.0.0.1:$port/cache/k"
curl -sf "http://127.0.0.1:$port/cache/k" | grep -F '"value":[1.0]'

for page in ui docs openapi.json metrics; do
    curl -sf -o /dev/null "http://127.0.0.1:$port/$page"
done

pid=$(cat /run/nginx.pid)
nginx -s quit
trap - EXIT

while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
done

bigcache stat /var/lib/bigcache
bigcache check /var/lib/bigcache
rm /etc/nginx/conf.d/bigcache.conf
apt-get -qy purge libnginx-mod-http-bigcache bigcache
nginx -t
echo "installed, served, removed"
