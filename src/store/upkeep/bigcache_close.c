
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The directory is let go: on demand, to another process, or for good; and it
 * is opened again, or cleared, on demand.
 */


#include <stdio.h>
#include <string.h>

#include "bigcache_dir.h"
#include "bigcache_fsync.h"
#include "bigcache_life.h"
#include "bigcache_open.h"


static void bigcache_life_cool(bigcache_store_t *store, int unlock);
static bigcache_rc_t bigcache_life_discard(bigcache_store_t *store);


void
bigcache_store_stop(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);

    if (!store->started) {
        (void) pthread_mutex_unlock(&store->mutex);
        return;
    }

    if (store->stopping) {

        while (store->started) {
            (void) bigcache_life_wait(store, INT64_MAX);
        }

        (void) pthread_mutex_unlock(&store->mutex);
        return;
    }

    store->stopping = 1;

    while (store->state == BIGCACHE_STATE_DRAINING) {
        (void) bigcache_life_wait(store, INT64_MAX);
    }

    (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                    "this worker process is shutting down");

    bigcache_life_state(store, BIGCACHE_STATE_STOPPED);
    bigcache_life_wake(store);

    while (store->calls || store->waiting) {
        (void) bigcache_life_wait(store, INT64_MAX);
    }

    (void) pthread_mutex_unlock(&store->mutex);

    (void) pthread_join(store->thread, NULL);

    bigcache_life_close(store, 1, 1);

    (void) pthread_mutex_lock(&store->mutex);
    store->started = 0;
    (void) pthread_cond_broadcast(&store->cond);
    (void) pthread_mutex_unlock(&store->mutex);
}


void
bigcache_store_quit(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);
    store->quitting = 1;
    (void) pthread_mutex_unlock(&store->mutex);
}


void
bigcache_store_resign(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);

    /* if it is being opened anew, then when that is done */

    store->resigning = 1;

    /* what runs long makes way */

    atomic_store(&store->draining, 1);
    (void) pthread_cond_broadcast(&store->cond);

    (void) pthread_mutex_unlock(&store->mutex);
}


int
bigcache_store_held(bigcache_store_t *store, int held)
{
    int  going;

    (void) pthread_mutex_lock(&store->mutex);

    going = (store->state != BIGCACHE_STATE_STOPPED);

    if (going) {
        store->resigning = 0;
        bigcache_life_state(store, held ? BIGCACHE_STATE_HELD
                                        : BIGCACHE_STATE_OPENING);
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return going;
}


int
bigcache_store_closed(bigcache_store_t *store)
{
    return atomic_load(&store->shared->closed) != 0;
}


bigcache_rc_t
bigcache_store_close(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    /* nearly all of what is to be synced is so before requests wait */

    if (bigcache_store_inside(store)) {
        (void) bigcache_sync_all(store);
        bigcache_store_leave(store);
    }

    (void) pthread_mutex_lock(&store->mutex);

    rc = bigcache_life_drain(store);

    if (rc == BIGCACHE_OK) {

        /* others are not to open it when this process lets it go */

        atomic_store(&store->shared->closed, 1);

        (void) pthread_mutex_unlock(&store->mutex);

        bigcache_life_close(store, 1, 1);

        bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\" closed on demand", store->conf.path);

        (void) pthread_mutex_lock(&store->mutex);

        bigcache_life_state(store, BIGCACHE_STATE_CLOSED);

    } else if (rc == BIGCACHE_CLOSED) {
        rc = BIGCACHE_OK;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


bigcache_rc_t
bigcache_store_open(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    (void) pthread_mutex_lock(&store->mutex);

    do {
        atomic_store(&store->shared->closed, 0);

        rc = bigcache_life_enter_locked(store);

        /* it was being closed when this call came */

    } while (rc == BIGCACHE_CLOSED);

    if (rc == BIGCACHE_OK) {
        store->calls--;
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


bigcache_rc_t
bigcache_store_clear(bigcache_store_t *store)
{
    bigcache_rc_t  rc, discarded;

    (void) pthread_mutex_lock(&store->mutex);

    rc = bigcache_life_drain(store);

    if (rc != BIGCACHE_OK) {
        (void) pthread_mutex_unlock(&store->mutex);
        return rc;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_life_close(store, 0, 0);
    discarded = bigcache_life_discard(store);

    (void) pthread_mutex_lock(&store->mutex);

    bigcache_life_state(store, BIGCACHE_STATE_OPENING);

    rc = bigcache_life_enter_locked(store);

    if (rc == BIGCACHE_OK) {
        store->calls--;
        (void) pthread_cond_broadcast(&store->cond);
        rc = discarded;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


bigcache_rc_t
bigcache_life_drain(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    rc = bigcache_life_enter_locked(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    store->calls--;

    bigcache_life_state(store, BIGCACHE_STATE_DRAINING);

    while (store->calls) {
        (void) bigcache_life_wait(store, INT64_MAX);
    }

    return BIGCACHE_OK;
}


void
bigcache_life_close(bigcache_store_t *store, int unlock, int keep)
{
    int              counted;
    bigcache_open_t  open;

    /* a bit beside others, which are changed at any time */

    (void) pthread_mutex_lock(&store->mutex);
    counted = store->counted;
    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_life_cool(store, unlock);

    /* who waits is to see that it was opened anew: loans end with it */

    if (store->conf.hooks.closing) {
        store->conf.hooks.closing(store->conf.hooks.data);
    }

    bigcache_loans_forget(&store->loans, store->segments);

    memset(&open, 0, sizeof(bigcache_open_t));

    open.lock = unlock ? store->lock : -1;
    open.index = store->index;
    open.segments = store->segments;
    open.walk = store->walk;
    open.count = (uint64_t) atomic_load(&store->count);
    open.version = atomic_load(&store->version);

    /* the count that is kept tells of nothing that a power cut could take */

    if (store->index && (!keep || bigcache_sync_all(store) != BIGCACHE_OK)) {
        counted = 0;
    }

    bigcache_sync_stop(store);

    bigcache_import_close(&store->import);
    bigcache_open_close(&store->conf, &open, counted);

    bigcache_files_close(store->files);
    bigcache_purge_forget(&store->purges);

    if (unlock) {
        store->lock = -1;
    }

    store->index = NULL;
    store->segments = NULL;
    store->walk = NULL;
}


/* what the hot index knows stays true until somebody opens the directory */

static void
bigcache_life_cool(bigcache_store_t *store, int unlock)
{
    /* a caller that ends has nothing to say of what is another's */

    if (store->conf.hot == NULL || store->lock == -1) {
        return;
    }

    if (unlock
        && atomic_load(&store->broken) == BIGCACHE_OK
        && !bigcache_store_closed(store))
    {
        bigcache_hot_hand_over(store->conf.hot, store->generation.own);

    } else {
        bigcache_hot_shut(store->conf.hot, store->generation.own);
    }
}


static bigcache_rc_t
bigcache_life_discard(bigcache_store_t *store)
{
    char           error[BIGCACHE_ERROR_LEN];
    uint64_t       stamp;
    bigcache_rc_t  rc;

    stamp = bigcache_store_version(store);

    /* what is not imported yet, or the new index would have it again */

    rc = bigcache_import_clear(store, error);

    /* then the index: pages that no index names are removed anyway */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_dir_discard(store->conf.path, BIGCACHE_DIR_INDEX,
                                  stamp, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_dir_discard(store->conf.path, BIGCACHE_DIR_PAGES,
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
