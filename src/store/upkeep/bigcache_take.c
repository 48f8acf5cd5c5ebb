
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


/* milliseconds until the next try, for what should be over in a moment */

#define BIGCACHE_TAKE_RETRY     5

/*
 * While another nginx hands the directory over between its own workers, nobody
 * has it for a moment.  So it counts as gone only after so many looks without
 * a holder, that many milliseconds apart.
 */
#define BIGCACHE_TAKE_PATIENCE  10
#define BIGCACHE_TAKE_FOREIGN   100

/* milliseconds that a quitting process leaves to other processes */

#define BIGCACHE_TAKE_TURN      200


static bigcache_rc_t bigcache_take_try_locked(bigcache_store_t *store,
    bigcache_open_t *open, char *error);
static void bigcache_take_map(bigcache_store_t *store);
static int bigcache_take_allowed_locked(bigcache_store_t *store);
static bigcache_rc_t bigcache_take_held_locked(bigcache_store_t *store,
    char *error);
static bigcache_rc_t bigcache_take_open(bigcache_store_t *store,
    bigcache_open_t *open, int repair, char *error);
static bigcache_rc_t bigcache_take_sync(bigcache_store_t *store,
    bigcache_open_t *open, char *error);
static void bigcache_take_commit_locked(bigcache_store_t *store,
    bigcache_open_t *open);
static void bigcache_take_failed_locked(bigcache_store_t *store,
    bigcache_rc_t rc, const char *error);


unsigned
bigcache_take_locked(bigcache_store_t *store)
{
    char             error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t    rc;
    bigcache_open_t  open;

    rc = bigcache_take_try_locked(store, &open, error);

    if (rc == BIGCACHE_OK) {
        bigcache_take_commit_locked(store, &open);
        return 0;
    }

    if (rc == BIGCACHE_HELD) {
        rc = bigcache_take_held_locked(store, error);
    }

    if (rc == BIGCACHE_OK || store->state == BIGCACHE_STATE_STOPPED) {
        return 0;
    }

    bigcache_take_failed_locked(store, rc, error);

    if (store->patience) {
        return BIGCACHE_TAKE_FOREIGN;
    }

    return (rc == BIGCACHE_UNAVAILABLE) ? BIGCACHE_TAKE_RETRY
                                        : BIGCACHE_CORE_RETRY;
}


/* returns BIGCACHE_HELD if another process has it, or must have it */

static bigcache_rc_t
bigcache_take_try_locked(bigcache_store_t *store, bigcache_open_t *open,
    char *error)
{
    int            repair;
    bigcache_rc_t  rc;

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "another process has the store open");

    if (store->lock == -1 && !bigcache_take_allowed_locked(store)) {
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
 * Stores the place before the generation.  A thread may have read the hot
 * index before the store was closed and continue only now: it must see the new
 * place before it can see the new generation.
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


/* tells whether a process without the lock may try to take it */

static int
bigcache_take_allowed_locked(bigcache_store_t *store)
{
    if (store->patience) {
        return 0;
    }

    return !store->quitting
           || (store->waiting
               && bigcache_time_monotonic() - store->opening_at
                  >= BIGCACHE_TAKE_TURN);
}


/* returns BIGCACHE_OK if another process has had the directory until now */

static bigcache_rc_t
bigcache_take_held_locked(bigcache_store_t *store, char *error)
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

    rc = bigcache_open(&store->conf, open, repair, error);

    if (open->full) {
        bigcache_fault_set_full(store);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_generation_read(open->lock, &store->generation.own,
                                      error);

        if (rc != BIGCACHE_OK) {
            bigcache_open_close(&store->conf, open, open->walk == NULL);
        }
    }

    if (rc == BIGCACHE_OK
        && store->conf.hot
        && (open->walk || open->meta.fresh || open->meta.recount))
    {
        /*
         * The index may have lost what the hot index has.  If the rest of the
         * opening fails, the next one would not know.
         */

        bigcache_hot_shut(store->conf.hot, store->generation.own);
    }

    /*
     * the descriptor of an earlier opening is reused; a failed opening has
     * closed it
     */

    store->lock = (rc == BIGCACHE_OK) ? open->lock : -1;

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    store->index = open->index;

    /* another process may have ended what is left on the list */

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

        if (bigcache_dir_crowded(store->conf.path)) {

            /* the socket needs an inode, which the next try will find */

            bigcache_fault_set_full(store);
            bigcache_dir_drop_ballast(store->conf.path);
        }

        bigcache_open_close(&store->conf, open, open->walk == NULL);
        store->segments = NULL;
        store->index = NULL;
        store->lock = -1;

        return BIGCACHE_ERROR;
    }

    bigcache_version_advance(store, version);
    bigcache_removed_all(&store->removed, bigcache_version_next(store));
    atomic_store(&store->newest_format, open->meta.newest);
    atomic_store(&store->unnamed, open->meta.unnamed);

    /* the index may be another one, so the next sweep begins at its start */

    store->swept.len = 0;
    atomic_store(&store->swept.limit, 0);
    atomic_store(&store->swept.late, 0);

    if (!atomic_load(&store->full)) {
        bigcache_place_keep_ballast(store);
    }

    if (atomic_load(&store->full) || bigcache_dir_crowded(store->conf.path)) {

        /*
         * The next opening needs the spare files.  Another process may have
         * removed them, and then not have been the one to open the store.
         */

        bigcache_dir_spare(store->conf.path);
    }

    return BIGCACHE_OK;
}


/* starts the sync threads: from now on writes are synced */

static bigcache_rc_t
bigcache_take_sync(bigcache_store_t *store, bigcache_open_t *open,
    char *error)
{
    store->segments = open->segments;

    (void) pthread_mutex_lock(&store->mutex);
    store->counted = 0;
    (void) pthread_mutex_unlock(&store->mutex);

    /*
     * New versions must be later than all stored ones, even if the clock was
     * set back: without a battery each power cut does that.  Until the keys
     * are counted the latest version that a crash has left is not known.
     */

    bigcache_version_advance(store, open->meta.version);
    bigcache_version_advance(store, open->synced);

    memset(store->cuts, 0, sizeof(store->cuts));
    memset(store->settled, 0, sizeof(store->settled));

    atomic_store(&store->synced, open->synced);
    atomic_store(&store->synced_before, open->synced);
    atomic_store(&store->opened, open->walk ? UINT64_MAX
                                            : bigcache_version_next(store));

    /* a failure from now on belongs to this opening */

    atomic_store(&store->broken, BIGCACHE_OK);

    return bigcache_sync_start(store, error);
}


static void
bigcache_take_commit_locked(bigcache_store_t *store, bigcache_open_t *open)
{
    uint64_t  before;

    store->walk = open->walk;
    store->counted = (open->walk == NULL);
    store->trash = 1;

    bigcache_body_reset(&store->bodies);

    atomic_store(&store->shared->logged_hash, 0);
    (void) atomic_fetch_add(&store->shared->openings, 1);
    atomic_store(&store->count, (int64_t) open->meta.count);

    /* the thread that has stopped the store closes it */

    if (store->state != BIGCACHE_STATE_STOPPED) {

        if (store->conf.hot) {
            /* an index that was not closed properly may have lost something */

            before = (open->walk || open->meta.fresh || open->meta.recount)
                     ? 0 : store->generation.own - 1;

            bigcache_hot_open(store->conf.hot, before, store->generation.own);
        }

        bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPEN);

        bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\" open", store->conf.path);
    }
}


static void
bigcache_take_failed_locked(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error)
{
    int       level, news;
    uint64_t  hash;

    /* another process has the lock, so it opens the store instead */

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

        /* usual for a moment, when a new worker takes over */

        level = BIGCACHE_LOG_WARN;
        news = !store->logged
               && bigcache_time_monotonic() - store->opening_at
                  > store->conf.wait;
    }

    if (!news) {
        return;
    }

    store->logged = 1;

    /* all processes try, and one of them logs it */

    hash = bigcache_hash(0, error, strlen(error));

    if (atomic_exchange(&store->shared->logged_hash, hash) != hash) {
        bigcache_log(&store->conf.log, level,
                     "store \"%s\" cannot be opened, will be tried again: "
                     "%s", store->conf.path, error);
    }
}
