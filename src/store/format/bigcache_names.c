
/*
 * Copyright (C) bigcache contributors
 */


/* Writes and parses the names under which LevelDB keeps a store's entries. */


#include <endian.h>
#include <string.h>

#include "bigcache_names.h"


_Static_assert(BIGCACHE_NAMES_NEWEST == 4, "its value is below");


const bigcache_str_t  bigcache_names_format = bigcache_string("format");
const bigcache_str_t  bigcache_names_unsynced = bigcache_string("unsynced");
const bigcache_str_t  bigcache_names_unnamed = bigcache_string("unnamed");
const bigcache_str_t  bigcache_names_import = bigcache_string("import");
const bigcache_str_t  bigcache_names_count = bigcache_string("count");
const bigcache_str_t  bigcache_names_version = bigcache_string("version");
const bigcache_str_t  bigcache_names_active = bigcache_string("active");
const bigcache_str_t  bigcache_names_segments = bigcache_string("segments");
const bigcache_str_t  bigcache_names_newest = {
    sizeof(uint64_t), (const u_char *) "\4\0\0\0\0\0\0"
};
const bigcache_str_t  bigcache_names_bare_format = bigcache_string("mformat");


bigcache_str_t
bigcache_names_expire(u_char *dst, const bigcache_str_t *key, int64_t expire)
{
    return bigcache_names_make(dst, key, expire > 0 ? (uint64_t) expire : 0);
}


int
bigcache_names_is_time(int64_t expire, int64_t time)
{
    return (expire > 0 ? expire : 0) == time;
}


bigcache_str_t
bigcache_names_make(u_char *dst, const bigcache_str_t *rest, uint64_t number)
{
    number = htobe64(number);

    memcpy(dst, &number, sizeof(number));

    if (rest->len) {
        memcpy(dst + sizeof(number), rest->data, rest->len);
    }

    return bigcache_str(dst, sizeof(number) + rest->len);
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

    *rest = bigcache_str(name->data + sizeof(n), name->len - sizeof(n));

    return 0;
}
