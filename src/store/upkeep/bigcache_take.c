
/*
 * Copyright (C) bigcache contributors
 */


/* Locks the directory and opens it, or waits while another process has it. */


#include <stdio.h>
#include <string.h>

#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_fault.h"
#include "bigcache_hash.h"
#include "bigcache_open.h"
#include "bigcache_place.h"
#include "bigcache_sync.h"
#include "bigcache_take.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


/* milliseconds until the next look, for what should take but a moment */

#define BIGCACHE_TAKE_RETRY     5

/*
 * Another nginx on this directory hands it over to workers of its own: it is
 * gone only if nobody has the directory for so many looks, each after that
 * many milliseconds.
 */
#define BIGCACHE_TAKE_PATIENCE  10
#define BIGCACHE_TAKE_FOREIGN   100

/* milliseconds that a process which is to end leaves to others */

#define BIGCACHE_TAKE_TURN      200


static bigcache_rc_t bigcache_take_lock(bigcache_store_t *store,
    bigcache_open_t *open, char *error);
static void bigcache_take_map(bigcache_store_t *store);
static int bigcache_take_allowed(bigcache_store_t *store);
static bigcache_rc_t bigcache_take_held(bigcache_store_t *store,
    char *error);
static bigcache_rc_t bigcache_take_open(bigcache_store_t *store,
    bigcache_open_t *open, int repair, char *error);
static bigcache_rc_t bigcache_take_sync(bigcache_store_t *store,
    bigcache_open_t *open, char *error);
static void bigcache_take_adopt(bigcache_store_t *store,
    bigcache_open_t *open);
static void bigcache_take_failed(bigcache_store_t *store,
    bigcache_rc_t rc, const char *error);


unsigned
bigcache_take(bigcache_store_t *store)
{
    char             error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t    rc;
    bigcache_open_t  open;

    rc = bigcache_take_lock(store, &open, error);

    if (rc == BIGCACHE_OK) {
        bigcache_take_adopt(store, &open);
        return 0;
    }

    if (rc == BIGCACHE_HELD) {
        rc = bigcache_take_held(store, error);
    }

    if (rc == BIGCACHE_OK || store->state == BIGCACHE_STATE_STOPPED) {
        return 0;
    }

    bigcache_take_failed(store, rc, error);

    if (store->patience) {
        return BIGCACHE_TAKE_FOREIGN;
    }

    return (rc == BIGCACHE_UNAVAILABLE) ? BIGCACHE_TAKE_RETRY
                                        : BIGCACHE_CORE_RETRY;
}


/* returns BIGCACHE_HELD if another process is to have it */

static bigcache_rc_t
bigcache_take_lock(bigcache_store_t *store, bigcache_open_t *open,
    char *error)
{
    int            repair;
    bigcache_rc_t  rc;

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "another process has the store open");

    if (store->lock == -1 && !bigcache_take_allowed(store)) {
        return BIGCACHE_HELD;
    }

    repair = store->repair;
    store->repair = 0;

    (void) pthread_mutex_unlock(&store->mutex);

    rc = bigcache_take_open(store, open, repair, error);

    if (store->conf.hot) {
        bigcache_take_map(store);
    }

    (void) pthread_mutex_lock(&store->mutex);

    if (rc != BIGCACHE_OK && repair) {
        store->repair = 1;
    }

    return (rc == BIGCACHE_UNAVAILABLE) ? BIGCACHE_HELD : rc;
}


/*
 * A thread that asks the hot index may have found it right before the store was
 * closed, and may go on only now: it has to know of the place before it can see
 * the generation that is there.
 */

static void
bigcache_take_map(bigcache_store_t *store)
{
    int  fd;

    fd = bigcache_generation_open(&store->generation, store->conf.path);

    if (fd == -1) {
        return;
    }

    atomic_store(&store->conf.hot->place, store->generation.place);

    bigcache_generation_map(&store->generation, fd);

    atomic_store(&store->conf.hot->generation, store->generation.map);
}


/* tells whether a process that has not got the lock is to try for it */

static int
bigcache_take_allowed(bigcache_store_t *store)
{
    if (store->patience) {
        return 0;
    }

    return !store->quitting
           || (store->waiting
               && bigcache_time_monotonic() - store->opening_at
                  >= BIGCACHE_TAKE_TURN);
}


/* returns BIGCACHE_OK if another process had the directory until now */

static bigcache_rc_t
bigcache_take_held(bigcache_store_t *store, char *error)
{
    bigcache_rc_t  rc;

    if (store->conf.hooks.held == NULL
        || store->state == BIGCACHE_STATE_STOPPED)
    {
        return BIGCACHE_UNAVAILABLE;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    rc = store->conf.hooks.held(store->conf.hooks.data, error);

    (void) pthread_mutex_lock(&store->mutex);

    if (rc == BIGCACHE_MISMATCH) {
        store->patience = BIGCACHE_TAKE_PATIENCE;
        return BIGCACHE_UNAVAILABLE;
    }

    store->patience -= (store->patience && rc != BIGCACHE_OK);

    return rc;
}


static bigcache_rc_t
bigcache_take_open(bigcache_store_t *store, bigcache_open_t *open,
    int repair, char *error)
{
    uint64_t       version;
    bigcache_rc_t  rc;

    open->lock = store->lock;
    open->files = store->files;

    /* who reads pages outside may have opened files of what was there */

    bigcache_files_close(store->files);

    rc = bigcache_open(&store->conf, open, repair, error);

    if (rc == BIGCACHE_FULL) {

        /* the reserve is for this */

        bigcache_fault_set_full(store);
        bigcache_dir_drop_ballast(store->conf.path);

        open->lock = -1;
        rc = bigcache_open(&store->conf, open, repair, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_generation_read(open->lock, &store->generation.own,
                                      error);

        if (rc != BIGCACHE_OK) {
            bigcache_open_close(&store->conf, open, open->walk == NULL);
        }
    }

    /* it is kept by a store that had it, and is let go if this failed */

    store->lock = (rc == BIGCACHE_OK) ? open->lock : -1;

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    store->index = open->index;

    /* what is left of an earlier opening may have ended in another process */

    bigcache_purges_forget(&store->purges);

    rc = bigcache_purges_load(&store->purges, store->index, 1, &version,
                              error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_take_sync(store, open, error);
    }

    if (rc == BIGCACHE_OK && store->conf.hooks.opened) {
        rc = store->conf.hooks.opened(store->conf.hooks.data, error);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_sync_stop(store);
        bigcache_purges_forget(&store->purges);
        bigcache_open_close(&store->conf, open, open->walk == NULL);
        store->segments = NULL;
        store->index = NULL;
        store->lock = -1;

        if (bigcache_dir_crowded(store->conf.path)) {

            /* there is no socket without an inode, at the next try there is */

            bigcache_fault_set_full(store);
            bigcache_dir_drop_ballast(store->conf.path);
        }

        return BIGCACHE_ERROR;
    }

    bigcache_version_advance(store, version);

    if (atomic_load(&store->full)) {
        bigcache_dir_spare(store->conf.path);

    } else {
        bigcache_place_keep_ballast(store);
    }

    return BIGCACHE_OK;
}


/* from now on what is stored is synced */

static bigcache_rc_t
bigcache_take_sync(bigcache_store_t *store, bigcache_open_t *open,
    char *error)
{
    store->segments = open->segments;

    (void) pthread_mutex_lock(&store->mutex);
    store->counted = 0;
    (void) pthread_mutex_unlock(&store->mutex);

    /*
     * What is stored from now on is later than what was stored before, though
     * the clock may have been set back since: without a battery it is, by each
     * power cut.  So nobody knows yet how late what a crash has left can be.
     */

    bigcache_version_advance(store, open->version);
    bigcache_version_advance(store, open->synced);

    memset(store->cuts, 0, sizeof(store->cuts));
    memset(store->settled, 0, sizeof(store->settled));

    atomic_store(&store->synced, open->synced);
    atomic_store(&store->synced_before, open->synced);
    atomic_store(&store->opened, open->walk ? UINT64_MAX
                                            : bigcache_version_next(store));

    /* what fails from now on counts for this opening */

    atomic_store(&store->broken, BIGCACHE_OK);

    return bigcache_sync_start(store, error);
}


static void
bigcache_take_adopt(bigcache_store_t *store, bigcache_open_t *open)
{
    uint64_t  before;

    store->walk = open->walk;
    store->counted = (open->walk == NULL);
    store->trash = 1;

    bigcache_body_reset(&store->bodies);

    atomic_store(&store->shared->logged_hash, 0);
    (void) atomic_fetch_add(&store->shared->openings, 1);
    atomic_store(&store->count, (int64_t) open->count);

    /* if it was stopped meanwhile, the one who did closes it */

    if (store->state != BIGCACHE_STATE_STOPPED) {

        if (store->conf.hot) {
            /* an index that was not closed well may have lost something */

            before = (open->walk || open->fresh || open->recount)
                     ? 0 : store->generation.own - 1;

            bigcache_hot_open(store->conf.hot, before, store->generation.own);
        }

        bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPEN);

        bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\" open", store->conf.path);
    }
}


static void
bigcache_take_failed(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error)
{
    int       level, news;
    uint64_t  hash;

    /* another process has the lock: it does what this one could not do */

    if (rc == BIGCACHE_UNAVAILABLE && store->state == BIGCACHE_STATE_FAILED) {
        bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPENING);
    }

    news = (strcmp(store->reason, error) != 0);

    if (news) {
        (void) snprintf(store->reason, BIGCACHE_ERROR_LEN, "%s", error);
    }

    if (rc != BIGCACHE_UNAVAILABLE) {
        level = BIGCACHE_LOG_CRIT;
        bigcache_core_set_state_locked(store, BIGCACHE_STATE_FAILED);

    } else {

        /* the usual thing for a moment when a new worker takes over */

        level = BIGCACHE_LOG_WARN;
        news = !store->logged
               && bigcache_time_monotonic() - store->opening_at
                  > store->conf.wait;
    }

    if (!news) {
        return;
    }

    store->logged = 1;

    /* each process tries, one of them says so */

    hash = bigcache_hash(0, error, strlen(error));

    if (atomic_exchange(&store->shared->logged_hash, hash) != hash) {
        bigcache_log(&store->conf.log, level,
                     "store \"%s\" cannot be opened, will be tried again: "
                     "%s", store->conf.path, error);
    }
}
