
/*
 * Copyright (C) bigcache contributors
 */


/* reserves places in segments, and keeps the ballast */


#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_place.h"
#include "bigcache_segments_reserve.h"
#include "bigcache_time.h"


/* milliseconds between two checks of the limit */

#define BIGCACHE_PLACE_PAUSE  2

/* the ballast is at most this part of max_size */

#define BIGCACHE_PLACE_BALLAST_SHARE  16

/*
 * Segments that a store may have, however little space is free; segments that
 * min_free may be used for, at most half of it, until a writer waits.
 */

#define BIGCACHE_PLACE_KEPT  2
#define BIGCACHE_PLACE_USED  4


static int bigcache_place_over(bigcache_store_t *store);


void
bigcache_place_limit(bigcache_store_t *store)
{
    int64_t  deadline;

    if (!bigcache_place_over(store)) {
        return;
    }

    deadline = bigcache_time_monotonic() + store->conf.wait;

    do {
        bigcache_core_wake(store);
        (void) usleep(BIGCACHE_PLACE_PAUSE * 1000);

    } while (bigcache_place_over(store)
             && bigcache_time_monotonic() < deadline
             && !atomic_load(&store->draining));
}


/*
 * A part of min_free may be used while segments are evicted.  If there are
 * hardly any, others have used the space, and waiting does not help.
 */

static int
bigcache_place_over(bigcache_store_t *store)
{
    uint64_t                size, used;
    bigcache_store_conf_t  *conf;

    conf = &store->conf;
    size = atomic_load(&store->segments->size);

    if (conf->max_size && size >= conf->max_size) {
        return 1;
    }

    if (conf->min_free == 0
        || size <= BIGCACHE_PLACE_KEPT * conf->segment_size)
    {
        return 0;
    }

    used = BIGCACHE_PLACE_USED * conf->segment_size;
    used = (used < conf->min_free / 2) ? used : conf->min_free / 2;

    return bigcache_dir_free(conf->path) < conf->min_free - used;
}


bigcache_rc_t
bigcache_place_reserve(void *data, uint64_t size, bigcache_place_t *place)
{
    bigcache_store_t *store = data;

    bigcache_rc_t  rc;

    rc = bigcache_segments_reserve(store->segments, size, place);

    if (rc != BIGCACHE_OK) {
        return bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "begin a segment", strerror(errno));
    }

    /* the keeper checks the limits when a segment has begun */

    if (atomic_exchange(&store->newest, place->id) != place->id) {
        bigcache_core_wake(store);
    }

    return BIGCACHE_OK;
}


void
bigcache_place_release(void *data, const bigcache_place_t *place)
{
    bigcache_store_t *store = data;

    bigcache_segments_done(store->segments, place);
}


uint64_t
bigcache_place_ballast_size(bigcache_store_t *store)
{
    uint64_t  size, most;

    size = bigcache_place_index_room(store)
           + bigcache_dir_segment_size(store->conf.path,
                                       store->conf.segment_size);

    most = store->conf.max_size / BIGCACHE_PLACE_BALLAST_SHARE;

    return (most && most < size) ? most : size;
}


void
bigcache_place_keep_ballast(bigcache_store_t *store)
{
    char  error[BIGCACHE_ERROR_LEN];

    if (bigcache_dir_ballast(store->conf.path,
                             bigcache_place_ballast_size(store), error)
        == BIGCACHE_ERROR)
    {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": cannot reserve space for a full disk: %s",
                     store->conf.path, error);
    }
}


uint64_t
bigcache_place_index_room(bigcache_store_t *store)
{
    return 4 * BIGCACHE_PLACE_INDEX_MIN
           + 2 * (uint64_t) store->conf.index.write_buffer;
}
