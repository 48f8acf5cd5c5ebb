
/*
 * Copyright (C) bigcache contributors
 */


/* tells since when a store has writes that are not durable */


#include "bigcache_time.h"
#include "bigcache_unsynced.h"


int
bigcache_unsynced_note(bigcache_unsynced_t *unsynced)
{
    int64_t  none;

    none = 0;

    return atomic_load(&unsynced->waiting) == 0
           && atomic_compare_exchange_strong(&unsynced->waiting, &none,
                                             bigcache_time_monotonic());
}


int64_t
bigcache_unsynced_begin(bigcache_unsynced_t *unsynced)
{
    int64_t  oldest;

    oldest = atomic_load(&unsynced->waiting);
    oldest = oldest ? oldest : bigcache_time_monotonic();

    atomic_store(&unsynced->syncing, oldest);
    atomic_store(&unsynced->waiting, 0);

    return oldest;
}


void
bigcache_unsynced_end(bigcache_unsynced_t *unsynced, int64_t failed)
{
    if (failed) {
        atomic_store(&unsynced->waiting, failed);
    }

    atomic_store(&unsynced->syncing, 0);
}


int64_t
bigcache_unsynced_age(const bigcache_unsynced_t *unsynced)
{
    int64_t  now, oldest, syncing;

    /*
     * A round sets syncing before it clears waiting.  A round that failed sets
     * waiting before it clears syncing.  So reading waiting first misses
     * neither.
     */

    oldest = atomic_load(&unsynced->waiting);
    syncing = atomic_load(&unsynced->syncing);

    if (syncing) {
        oldest = syncing;

    } else if (oldest == 0) {
        oldest = atomic_load(&unsynced->waiting);
    }

    if (oldest == 0) {
        return 0;
    }

    now = bigcache_time_monotonic();

    return (now > oldest) ? now - oldest : 1;
}
