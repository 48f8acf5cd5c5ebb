
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
 * For min_free, milliseconds: how long to wait until other processes have
 * closed a removed segment, and the pause between two looks; and when the file
 * system has freed its space, if it does that later
 */

#define BIGCACHE_EVICT_CLOSE  1000
#define BIGCACHE_EVICT_PAUSE  2
#define BIGCACHE_EVICT_FREED  5000


static bigcache_rc_t bigcache_evict_entry(void *data,
    const bigcache_entry_t *entry, uint64_t offset, uint64_t size);
static int bigcache_evict_over(bigcache_store_t *store);
static int bigcache_evict_low(bigcache_store_t *store);
static void bigcache_evict_removed(bigcache_store_t *store, uint64_t size);
static uint64_t bigcache_evict_index_size(bigcache_store_t *store);
static void bigcache_evict_age(bigcache_store_t *store, uint64_t id);


unsigned
bigcache_evict_work(bigcache_store_t *store)
{
    uint64_t          n;
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

    bigcache_evict_removed(store, usage.size);

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


/*
 * Checks min_free.  What a file system has not freed yet counts as free, else
 * all other segments would be evicted for nothing.
 */

static int
bigcache_evict_low(bigcache_store_t *store)
{
    uint64_t  free;

    if (store->conf.min_free == 0) {
        return 0;
    }

    free = bigcache_dir_free(store->conf.path);

    if (free >= store->conf.min_free
        || bigcache_time_monotonic() - store->freeing_at
           > BIGCACHE_EVICT_FREED)
    {
        store->freeing = 0;
    }

    return free < store->conf.min_free
           && free + store->freeing < store->conf.min_free;
}


/*
 * The space of a removed segment is not free as long as another process has its
 * file open.  For min_free waits until all that the processes keep open by
 * themselves is closed.  What a client still reads may take long, so it is not
 * waited for.
 */

static void
bigcache_evict_removed(bigcache_store_t *store, uint64_t size)
{
    int64_t  deadline;

    bigcache_core_segments_removed(store);

    if (store->conf.min_free == 0) {
        return;
    }

    deadline = bigcache_time_monotonic() + BIGCACHE_EVICT_CLOSE;

    while (!bigcache_core_segments_swept(store)
           && bigcache_time_monotonic() < deadline
           && !bigcache_core_yields(store))
    {
        (void) usleep(BIGCACHE_EVICT_PAUSE * 1000);
    }

    if (bigcache_dir_frees_later(store->conf.path)) {
        store->freeing += size;
        store->freeing_at = bigcache_time_monotonic();
    }
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
