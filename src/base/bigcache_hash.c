
/*
 * Copyright (C) bigcache contributors
 */


/*
 * FNV-1a by Fowler, Noll and Vo, with 64 bits; the upper half is folded into
 * the lower one.
 */


#include <sys/types.h>

#include "bigcache_hash.h"


uint64_t
bigcache_hash(uint64_t hash, const void *data, size_t len)
{
    const u_char  *p;

    hash = hash ? hash : 14695981039346656037u;

    for (p = data; len; len--) {
        hash = (hash ^ *p++) * 1099511628211u;
    }

    /* the last byte changes the upper half only by carries */

    hash ^= hash >> 32;

    return hash ? hash : 1;
}
