
/*
 * Copyright (C) bigcache contributors
 */


/* gives out versions */


#include "bigcache_core.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


uint64_t
bigcache_version_next(bigcache_store_t *store)
{
    uint64_t  now, last, next;

    now = (uint64_t) bigcache_time_now_us();
    last = atomic_load(&store->version);

    do {
        next = (now > last) ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&store->version, &last, next));

    return next;
}


void
bigcache_version_advance(bigcache_store_t *store, uint64_t version)
{
    uint64_t  last;

    last = atomic_load(&store->version);

    while (last < version
           && !atomic_compare_exchange_weak(&store->version, &last, version))
    {
        /* void */
    }
}


uint64_t
bigcache_version_latest(bigcache_store_t *store)
{
    return atomic_load(&store->version);
}
