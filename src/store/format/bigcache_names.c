
/*
 * Copyright (C) bigcache contributors
 */


/* Writes and parses the names under which LevelDB keeps a store's entries. */


#include <endian.h>
#include <string.h>

#include "bigcache_names.h"


const bigcache_str_t  bigcache_names_format = bigcache_string("format");
const bigcache_str_t  bigcache_names_unsynced = bigcache_string("unsynced");
const bigcache_str_t  bigcache_names_import = bigcache_string("import");
const bigcache_str_t  bigcache_names_count = bigcache_string("count");
const bigcache_str_t  bigcache_names_version = bigcache_string("version");
const bigcache_str_t  bigcache_names_active = bigcache_string("active");
const bigcache_str_t  bigcache_names_segments = bigcache_string("segments");
const bigcache_str_t  bigcache_names_bare_format = bigcache_string("mformat");


bigcache_str_t
bigcache_names_expire(u_char *dst, const bigcache_str_t *key, int64_t expire)
{
    return bigcache_names_purge(dst, key, expire > 0 ? (uint64_t) expire : 0);
}


bigcache_str_t
bigcache_names_purge(u_char *dst, const bigcache_str_t *prefix,
    uint64_t version)
{
    bigcache_str_t  name;

    version = htobe64(version);

    memcpy(dst, &version, sizeof(version));

    if (prefix->len) {
        memcpy(dst + sizeof(version), prefix->data, prefix->len);
    }

    name.data = dst;
    name.len = sizeof(version) + prefix->len;

    return name;
}


int
bigcache_names_parse(const bigcache_str_t *name, uint64_t *number,
    bigcache_str_t *rest)
{
    uint64_t  n;

    if (name->len < sizeof(n)) {
        return -1;
    }

    memcpy(&n, name->data, sizeof(n));
    *number = be64toh(n);

    rest->data = name->data + sizeof(n);
    rest->len = name->len - sizeof(n);

    return 0;
}
