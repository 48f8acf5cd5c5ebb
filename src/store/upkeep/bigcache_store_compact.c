
/*
 * Copyright (C) bigcache contributors
 */


/* does in the calling thread what the keeper does between requests */


#include <stdio.h>
#include <unistd.h>

#include "bigcache_close.h"
#include "bigcache_compact.h"
#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_expire.h"
#include "bigcache_open.h"
#include "bigcache_purge.h"
#include "bigcache_recount.h"
#include "bigcache_store.h"
#include "bigcache_store_compact.h"
#include "bigcache_version.h"


static bigcache_rc_t bigcache_store_compact_open(bigcache_store_t *store,
    int lock, char *error);
static void bigcache_store_compact_work(bigcache_store_t *store);
static void bigcache_store_compact_pages(bigcache_store_t *store);


bigcache_rc_t
bigcache_store_compact(const bigcache_store_conf_t *conf, int lock,
    char *error)
{
    bigcache_rc_t      rc;
    bigcache_store_t  *store;

    store = bigcache_store_create(conf);

    if (store == NULL) {
        (void) close(lock);
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    rc = bigcache_store_compact_open(store, lock, error);

    if (rc == BIGCACHE_OK) {
        bigcache_store_compact_work(store);
    }

    bigcache_close_index(store, 1, 1);
    bigcache_store_destroy(store);

    return rc;
}


/* as bigcache_take_locked(), but without other threads or processes */

static bigcache_rc_t
bigcache_store_compact_open(bigcache_store_t *store, int lock, char *error)
{
    uint64_t         version;
    bigcache_rc_t    rc;
    bigcache_open_t  open;

    open.lock = lock;
    open.files = store->files;

    rc = bigcache_open(&store->conf, &open, 0, error);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    store->lock = open.lock;
    store->index = open.index;
    store->segments = open.segments;
    store->walk = open.walk;
    store->counted = (open.walk == NULL);
    store->state = BIGCACHE_STATE_OPEN;

    atomic_store(&store->count, (int64_t) open.meta.count);
    atomic_store(&store->newest_format, open.meta.newest);
    atomic_store(&store->unnamed, open.meta.unnamed);
    atomic_store(&store->version, open.meta.version);
    atomic_store(&store->synced, open.synced);
    atomic_store(&store->opened, bigcache_version_next(store));

    /* importing is left to nginx */

    atomic_store(&store->imported, 1);

    rc = bigcache_purges_load(&store->purges, store->index, 0, &version,
                              error);

    if (rc == BIGCACHE_OK) {
        bigcache_version_advance(store, version);
    }

    return rc;
}


static void
bigcache_store_compact_work(bigcache_store_t *store)
{
    if (!store->counted) {
        store->counted = (bigcache_recount(store) == 0);
    }

    while (bigcache_purge_work(store)) { /* void */ }

    bigcache_store_compact_pages(store);

    bigcache_index_compact(store->index);

    bigcache_dir_empty_trash(store->conf.path, &store->draining);
}


/* each of these returns for how long the keeper would wait */

static void
bigcache_store_compact_pages(bigcache_store_t *store)
{
    unsigned  idle;

    do {
        idle = bigcache_expire_work(store);
    } while (idle < BIGCACHE_EXPIRE_IDLE && !atomic_load(&store->broken));

    if (!store->counted || atomic_load(&store->broken)) {
        return;
    }

    /* the active segment is compacted, too: moved pages come after it */

    bigcache_segments_seal(store->segments, BIGCACHE_COMPACT_SPARSE);

    while (!atomic_load(&store->broken)
           && (bigcache_compact_empty(store)
               || bigcache_compact_work(store) == 0))
    {
        /* void */
    }
}
