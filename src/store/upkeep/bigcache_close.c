
/*
 * Copyright (C) bigcache contributors
 */


/* closes the index, and closes or clears the store on demand */


#include <string.h>

#include "bigcache_close.h"
#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_fsync.h"
#include "bigcache_import.h"
#include "bigcache_layout.h"
#include "bigcache_open.h"
#include "bigcache_sync.h"
#include "bigcache_version.h"


static void bigcache_close_hot(bigcache_store_t *store, int unlock);
static bigcache_rc_t bigcache_close_discard(bigcache_store_t *store);


bigcache_rc_t
bigcache_close(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    /* syncs most of the data now, before requests have to wait */

    if (bigcache_core_try_enter(store)) {
        (void) bigcache_sync_all(store);
        bigcache_core_leave(store);
    }

    (void) pthread_mutex_lock(&store->mutex);

    rc = bigcache_core_drain_locked(store);

    if (rc == BIGCACHE_OK) {

        /*
         * set before the lock is released: no other process may open the store
         */

        atomic_store(&store->shared->closed, 1);

        (void) pthread_mutex_unlock(&store->mutex);

        bigcache_close_index(store, 1, 1);

        bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\" closed on demand", store->conf.path);

        (void) pthread_mutex_lock(&store->mutex);

        bigcache_core_set_state_locked(store, BIGCACHE_STATE_CLOSED);

    } else if (rc == BIGCACHE_CLOSED) {
        rc = BIGCACHE_OK;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


bigcache_rc_t
bigcache_close_clear(bigcache_store_t *store)
{
    bigcache_rc_t  rc, discarded;

    (void) pthread_mutex_lock(&store->mutex);

    rc = bigcache_core_drain_locked(store);

    if (rc != BIGCACHE_OK) {
        (void) pthread_mutex_unlock(&store->mutex);
        return rc;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_close_index(store, 0, 0);
    discarded = bigcache_close_discard(store);

    (void) pthread_mutex_lock(&store->mutex);

    bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPENING);

    rc = bigcache_core_enter_locked(store);

    if (rc == BIGCACHE_OK) {
        store->calls--;
        (void) pthread_cond_broadcast(&store->cond);
        rc = discarded;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


void
bigcache_close_index(bigcache_store_t *store, int unlock, int keep)
{
    int              counted;
    bigcache_open_t  open;

    /* not atomic: it shares its word with bits that change at any time */

    (void) pthread_mutex_lock(&store->mutex);
    counted = store->counted;
    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_close_hot(store, unlock);

    if (store->lock != -1) {
        atomic_store(&store->shared->counted_at, 0);
    }

    /*
     * waiting threads must see a new opening: what was granted ends with this
     * one
     */

    if (store->conf.hooks.closing) {
        store->conf.hooks.closing(store->conf.hooks.data);
    }

    bigcache_granted_forget(&store->granted, store->segments);

    memset(&open, 0, sizeof(bigcache_open_t));

    open.lock = unlock ? store->lock : -1;
    open.index = store->index;
    open.segments = store->segments;
    open.walk = store->walk;
    open.meta.count = (uint64_t) atomic_load(&store->count);
    open.meta.version = atomic_load(&store->version);

    /* the count is kept only if all that it counts survives a power cut */

    if (store->index && (!keep || bigcache_sync_all(store) != BIGCACHE_OK)) {
        counted = 0;
    }

    bigcache_sync_stop(store);

    bigcache_import_close(store);
    bigcache_open_close(&store->conf, &open, counted);

    bigcache_files_close(store->files);
    bigcache_purges_forget(&store->purges);

    if (unlock) {
        store->lock = -1;
    }

    store->index = NULL;
    store->segments = NULL;
    store->walk = NULL;
}


/* the hot index stays valid until a process opens the directory */

static void
bigcache_close_hot(bigcache_store_t *store, int unlock)
{
    /* a process that has not opened the store must not change it */

    if (store->conf.hot == NULL || store->lock == -1) {
        return;
    }

    if (unlock
        && atomic_load(&store->broken) == BIGCACHE_OK
        && !atomic_load(&store->shared->closed))
    {
        bigcache_hot_hand_over(store->conf.hot, store->generation.own);

    } else {
        bigcache_hot_shut(store->conf.hot, store->generation.own);
    }
}


static bigcache_rc_t
bigcache_close_discard(bigcache_store_t *store)
{
    char           error[BIGCACHE_ERROR_LEN];
    uint64_t       stamp;
    bigcache_rc_t  rc;

    stamp = bigcache_version_next(store);

    /* the import first, else the new index would import it again */

    rc = bigcache_import_clear(store, error);

    /* then the index: segments that no index names are removed anyway */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_dir_discard(store->conf.path, BIGCACHE_LAYOUT_INDEX,
                                  stamp, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_dir_discard(store->conf.path, BIGCACHE_LAYOUT_PAGES,
                                  stamp, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_fsync_dir(store->conf.path, error);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\" cannot be cleared: %s", store->conf.path,
                     error);
    }

    return rc;
}
