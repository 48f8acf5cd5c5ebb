# bigcache: what nginx's configure adds to its Makefile for the objects of this
# module, and for no others.

# nginx compiles with -Werror, and the next compiler has other warnings: those
# are errors only for who asks for it.  But a pointer to what nginx does not have
# there is never taken: nginx's relatives have types of their own.  Under
# -std=c99 the C library declares what the module uses only where _GNU_SOURCE is
# defined, as nginx defines it.

bigcache_flags="-D_GNU_SOURCE="
[ "$BIGCACHE_WERROR" = 1 ] || bigcache_flags="$bigcache_flags -Wno-error"

bigcache_flags="$bigcache_flags -Werror=incompatible-pointer-types"
bigcache_flags="$bigcache_flags -Werror=int-conversion"

[ $bigcache_isal != YES ] || bigcache_flags="$bigcache_flags -DBIGCACHE_HAVE_ISAL=1"
[ "$bigcache_openssl" != YES ] ||
    bigcache_flags="$bigcache_flags -DBIGCACHE_HAVE_OPENSSL=1"

bigcache_objs=

for bigcache_file in $bigcache_srcs; do
    bigcache_dir=`dirname $ngx_addon_dir/$bigcache_file`
    bigcache_dir=$NGX_OBJS/addon/`basename $bigcache_dir`
    bigcache_file=`basename $bigcache_file .c`.$ngx_objext

    bigcache_objs="$bigcache_objs $bigcache_dir/$bigcache_file"
done

cat << END                                                    >> $NGX_MAKEFILE

$bigcache_objs:	override CFLAGS += $bigcache_flags

END
