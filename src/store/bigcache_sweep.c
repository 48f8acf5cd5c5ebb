
/*
 * Copyright (C) bigcache contributors
 */


#include "bigcache_dir.h"
#include "bigcache_life.h"
#include "bigcache_pages.h"
#include "bigcache_sweep.h"


typedef struct {
    bigcache_store_t  *store;
    uint64_t           n;
} bigcache_sweep_t;


static bigcache_rc_t bigcache_sweep_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static void bigcache_sweep_page(void *data, uint64_t id,
    const bigcache_str_t *key);
static int bigcache_sweep_orphan(bigcache_store_t *store, uint64_t id,
    const bigcache_str_t *key);


int
bigcache_sweep_count(bigcache_store_t *store)
{
    char                    error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t           rc;
    bigcache_sweep_t        sweep;
    bigcache_index_walk_t  *walk;

    if (store->walk == NULL) {
        return 0;
    }

    sweep.store = store;
    sweep.n = 0;

    walk = store->walk;
    store->walk = NULL;

    rc = bigcache_index_walk(walk, bigcache_sweep_key, &sweep, error);

    if (rc == BIGCACHE_UNAVAILABLE) {
        return -1;
    }

    if (rc != BIGCACHE_OK) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": counting ended early, the count is too "
                     "low: %s", store->conf.path, error);
    }

    (void) atomic_fetch_add(&store->count, (int64_t) sweep.n);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\" was not closed properly: %llu keys counted",
                 store->conf.path, (unsigned long long) sweep.n);

    return 0;
}


int
bigcache_sweep_pages(bigcache_store_t *store)
{
    bigcache_sweep_t  sweep;

    sweep.store = store;
    sweep.n = 0;

    (void) bigcache_pages_walk(store->pages_path, bigcache_sweep_page,
                               &sweep);

    if (sweep.n) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\": unlinked %llu page files that were left "
                     "over", store->conf.path, (unsigned long long) sweep.n);
    }

    bigcache_dir_empty_trash(store->conf.path);

    return atomic_load(&store->draining) ? -1 : 0;
}


static bigcache_rc_t
bigcache_sweep_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_sweep_t *sweep = data;

    (void) key;
    (void) value;

    sweep->n++;

    return atomic_load(&sweep->store->draining) ? BIGCACHE_UNAVAILABLE
                                                : BIGCACHE_OK;
}


static void
bigcache_sweep_page(void *data, uint64_t id, const bigcache_str_t *key)
{
    bigcache_sweep_t *sweep = data;

    bigcache_store_t  *store;

    store = sweep->store;

    /* later ones may be on their way into the index */

    if (id < store->first
        && !atomic_load(&store->draining)
        && bigcache_sweep_orphan(store, id, key)
        && bigcache_pages_remove(store->pages_path, id) == 0)
    {
        sweep->n++;
    }
}


static int
bigcache_sweep_orphan(bigcache_store_t *store, uint64_t id,
    const bigcache_str_t *key)
{
    char               error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t      rc;
    bigcache_str_t     value;
    bigcache_record_t  record;

    rc = bigcache_index_get(store->index, BIGCACHE_INDEX_KEY, key, &value,
                            error);

    if (rc != BIGCACHE_OK) {
        return rc == BIGCACHE_MISS;
    }

    rc = bigcache_record_decode(&record, value.data, value.len);

    bigcache_index_free(&value);

    return rc != 0 || record.file != id;
}
