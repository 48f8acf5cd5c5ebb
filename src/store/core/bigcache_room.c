
/*
 * Copyright (C) bigcache contributors
 */


#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_dir.h"
#include "bigcache_life.h"
#include "bigcache_room.h"
#include "bigcache_time.h"


/* milliseconds between two looks at the limit */

#define BIGCACHE_ROOM_PAUSE  2

/* the reserve is that part of max_size at most */

#define BIGCACHE_ROOM_SHARE  16


bigcache_rc_t
bigcache_store_writable(bigcache_store_t *store)
{
    return atomic_load(&store->full) ? BIGCACHE_FULL
                                     : bigcache_store_broken(store);
}


void
bigcache_store_limit(bigcache_store_t *store)
{
    int64_t  deadline;

    if (store->conf.max_size == 0
        || bigcache_segments_size(store->segments) < store->conf.max_size)
    {
        return;
    }

    deadline = bigcache_monotonic() + store->conf.wait;

    do {
        bigcache_store_wake(store);
        (void) usleep(BIGCACHE_ROOM_PAUSE * 1000);

    } while (bigcache_segments_size(store->segments) >= store->conf.max_size
             && bigcache_monotonic() < deadline
             && !atomic_load(&store->draining));
}


bigcache_rc_t
bigcache_store_reserve(void *data, uint64_t size, bigcache_place_t *place)
{
    bigcache_store_t *store = data;

    bigcache_rc_t  rc;

    rc = bigcache_segments_reserve(store->segments, size, place);

    if (rc != BIGCACHE_OK) {
        return bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "begin a segment", strerror(errno));
    }

    /* a new segment is a reason to look at the limits */

    if (atomic_exchange(&store->newest, place->id) != place->id) {
        bigcache_store_wake(store);
    }

    return BIGCACHE_OK;
}


void
bigcache_store_done(void *data, const bigcache_place_t *place)
{
    bigcache_store_t *store = data;

    bigcache_segments_done(store->segments, place);
}


uint64_t
bigcache_store_spare(bigcache_store_t *store)
{
    uint64_t  size, most;

    size = bigcache_life_index_room(store)
           + bigcache_dir_segment_size(store->conf.path,
                                       store->conf.segment_size);

    most = store->conf.max_size / BIGCACHE_ROOM_SHARE;

    return (most && most < size) ? most : size;
}
