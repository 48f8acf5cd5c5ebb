
/*
 * Copyright (C) bigcache contributors
 */


/* Removes the oldest segments while a store is over its limits. */


#include <unistd.h>

#include "bigcache_compact.h"
#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_evict.h"
#include "bigcache_key.h"
#include "bigcache_segments_pick.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"


#define BIGCACHE_EVICT_IDLE   500

/*
 * how long to wait until other processes have closed a removed segment, then
 * until the file system has freed its space, and the pause between two looks,
 * milliseconds
 */

#define BIGCACHE_EVICT_CLOSE  1000
#define BIGCACHE_EVICT_FREED  5000
#define BIGCACHE_EVICT_PAUSE  2


static bigcache_rc_t bigcache_evict_entry(void *data,
    const bigcache_entry_t *entry, uint64_t offset, uint64_t size);
static int bigcache_evict_over(bigcache_store_t *store);
static int bigcache_evict_low(bigcache_store_t *store);
static void bigcache_evict_await(bigcache_store_t *store, uint64_t space);
static uint64_t bigcache_evict_space(bigcache_store_t *store);
static uint64_t bigcache_evict_index_size(bigcache_store_t *store);
static void bigcache_evict_age(bigcache_store_t *store, uint64_t id);


unsigned
bigcache_evict_work(bigcache_store_t *store)
{
    uint64_t          n, space;
    bigcache_usage_t  usage;

    if (!bigcache_evict_over(store)
        || !bigcache_segments_pick_oldest(store->segments, &usage))
    {
        return BIGCACHE_EVICT_IDLE;
    }

    if (bigcache_compact(store, &usage, bigcache_evict_entry, &n)
        != BIGCACHE_OK)
    {
        return BIGCACHE_EVICT_IDLE;
    }

    /*
     * evicts even if the sync fails: the limit must hold on a failing disk,
     * too
     */

    (void) bigcache_sync_segments(store);

    (void) atomic_fetch_add(&store->shared->evicted_pages, n);

    space = bigcache_evict_space(store);

    if (!bigcache_segments_remove(store->segments, usage.id)) {
        return BIGCACHE_EVICT_IDLE;
    }

    (void) atomic_fetch_add(&store->shared->evicted, 1);
    bigcache_evict_age(store, usage.id);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\": segment %llu of %llu bytes evicted with %llu "
                 "pages, for the limits", store->conf.path,
                 (unsigned long long) usage.id,
                 (unsigned long long) usage.size, (unsigned long long) n);

    bigcache_evict_await(store, space - usage.size / 2);

    return 0;
}


static bigcache_rc_t
bigcache_evict_entry(void *data, const bigcache_entry_t *entry,
    uint64_t offset, uint64_t size)
{
    bigcache_compact_t *ctx = data;

    bigcache_rc_t  rc;

    (void) size;

    if (atomic_load(&ctx->store->draining)) {
        return BIGCACHE_UNAVAILABLE;
    }

    ctx->from.offset = offset;

    rc = bigcache_key_remove(ctx->store, &entry->key, &ctx->from);

    ctx->n += (rc == BIGCACHE_OK);
    ctx->expired += (rc == BIGCACHE_EXPIRED);

    return bigcache_compact_failed(rc) ? rc : BIGCACHE_OK;
}


/*
 * Checks both limits and the index's share of them.  Keeps the bytes of one
 * segment free for what is written until the next check.
 */

static int
bigcache_evict_over(bigcache_store_t *store)
{
    bigcache_store_conf_t  *conf;

    conf = &store->conf;

    if (conf->max_size
        && atomic_load(&store->segments->size)
           + bigcache_evict_index_size(store) + conf->segment_size
           > conf->max_size)
    {
        return 1;
    }

    return bigcache_evict_low(store);
}


static int
bigcache_evict_low(bigcache_store_t *store)
{
    return store->conf.min_free
           && bigcache_dir_free(store->conf.path) < store->conf.min_free;
}


/*
 * The space of a removed segment is free only when no process has its file open
 * any more, and on some file systems later.  For min_free waits until then:
 * else all other segments would be evicted for nothing.  If a client still
 * reads a removed segment, that may take long, and others are evicted at once.
 * space: what bigcache_evict_space() returns when it is free.
 */

static void
bigcache_evict_await(bigcache_store_t *store, uint64_t space)
{
    int64_t  deadline;

    if (!bigcache_core_segments_removed(store, store->conf.min_free
                                               ? BIGCACHE_EVICT_CLOSE : 0))
    {
        return;
    }

    deadline = bigcache_time_monotonic() + BIGCACHE_EVICT_FREED;

    while (bigcache_evict_low(store)
           && bigcache_evict_space(store) < space
           && bigcache_time_monotonic() < deadline
           && !atomic_load(&store->draining))
    {
        (void) usleep(BIGCACHE_EVICT_PAUSE * 1000);
    }
}


/*
 * Bytes that are free, and that segments have: what is written to them and what
 * is removed of them changes the sum only until the file system knows of it.
 */

static uint64_t
bigcache_evict_space(bigcache_store_t *store)
{
    uint64_t  free;

    if (store->conf.min_free == 0) {
        return 0;
    }

    free = bigcache_dir_free(store->conf.path);

    /* not known: it will not be waited for */

    return (free == UINT64_MAX) ? free
                                : free + atomic_load(&store->segments->size);
}


/* if the size is not known now, takes the last one */

static uint64_t
bigcache_evict_index_size(bigcache_store_t *store)
{
    uint64_t  size;

    if (bigcache_dir_size(store->index_path, &size) == 0) {
        store->index_size = size;
    }

    return store->index_size;
}


/*
 * The id of a segment is when it was begun; pages that compaction moved there
 * may be older.
 */

static void
bigcache_evict_age(bigcache_store_t *store, uint64_t id)
{
    uint64_t  now;

    now = (uint64_t) bigcache_time_now_us();

    atomic_store(&store->shared->evicted_age,
                 now > id ? (now - id) / 1000000 : 0);
}
