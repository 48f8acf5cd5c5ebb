
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The rounds of syncs.  A thread waits until a call wants a round of its kind.
 * The thread for rounds of all also wakes when the oldest write is conf.sync
 * milliseconds old.  The thread notes the number of the latest call, syncs
 * without the mutex, and wakes all calls up to that number.  There are two
 * such threads, so that a removal does not wait for pages.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* pthread_setname_np() */
#endif

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_bytes.h"
#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_fsync.h"
#include "bigcache_layout.h"
#include "bigcache_names.h"
#include "bigcache_previous.h"
#include "bigcache_segments_sync.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


/* milliseconds between two lines that say that a sync failed */

#define BIGCACHE_SYNC_LOGGED  60000

/* milliseconds until a failed round is tried again if no call waits for it */

#define BIGCACHE_SYNC_RETRY   1000


/* if more segments than this are not synced, all are taken to be */

#define BIGCACHE_SYNC_IDS  64


/* one thread, and the calls that wait for its rounds, by number */

typedef struct {
    bigcache_store_t       *store;
    pthread_t               thread;
    uint64_t                wanted;     /* the latest call */
    uint64_t                done;       /* the latest call whose round ended */
    uint64_t                failed;     /* the latest call whose round failed */
    bigcache_rc_t           rc;         /* of that round */
    unsigned                started:1;
} bigcache_sync_rounds_t;

/*
 * Under the mutex, except for these: started, which is set before the threads
 * run; ids, nids and named, which belong to rounds of all; logs_failed, which
 * is under logs.
 */

struct bigcache_sync_s {
    pthread_mutex_t         mutex;
    pthread_cond_t          cond;
    bigcache_sync_rounds_t  index;
    bigcache_sync_rounds_t  all;
    uint64_t                ids[BIGCACHE_SYNC_IDS];
    size_t                  nids;       /* segments that could not be synced */
    pthread_mutex_t         logs;       /* only one thread syncs them */
    int64_t                 retry_at;   /* after a failure, monotonic ms */
    int64_t                 logged_at;  /* likewise, 0: none was */
    int                     stopping;
    int                     named;      /* the directories are synced */
    int                     logs_failed; /* a sync of the logs has failed */
};


static bigcache_rc_t bigcache_sync_begin(bigcache_sync_rounds_t *rounds,
    char *error);
static void bigcache_sync_join(bigcache_sync_rounds_t *rounds);
static void *bigcache_sync_thread(void *data);
static int bigcache_sync_await_locked(bigcache_sync_rounds_t *rounds);
static int64_t bigcache_sync_due_locked(bigcache_sync_rounds_t *rounds);
static bigcache_rc_t bigcache_sync_wait(bigcache_sync_rounds_t *rounds);
static bigcache_rc_t bigcache_sync_run(bigcache_sync_rounds_t *rounds);
static bigcache_rc_t bigcache_sync_run_index(bigcache_store_t *store,
    char *error);
static bigcache_rc_t bigcache_sync_run_all(bigcache_store_t *store,
    char *error);
static int bigcache_sync_counted(bigcache_store_t *store);
static void bigcache_sync_remember(bigcache_store_t *store);
static bigcache_rc_t bigcache_sync_keep_unsynced(bigcache_store_t *store,
    const uint64_t *ids, size_t n, char *error);
static bigcache_rc_t bigcache_sync_logs(bigcache_store_t *store,
    char *error);
static bigcache_rc_t bigcache_sync_names(bigcache_store_t *store,
    char *error);
static bigcache_rc_t bigcache_sync_failed(bigcache_store_t *store,
    bigcache_rc_t rc, const char *error);


bigcache_sync_t *
bigcache_sync_create(bigcache_store_t *store)
{
    bigcache_sync_t     *sync;

    sync = calloc(1, sizeof(bigcache_sync_t));
    if (sync == NULL) {
        return NULL;
    }

    sync->index.store = store;
    sync->all.store = store;

    (void) pthread_mutex_init(&sync->mutex, NULL);
    (void) pthread_mutex_init(&sync->logs, NULL);

    bigcache_time_cond_init(&sync->cond);

    return sync;
}


void
bigcache_sync_destroy(bigcache_sync_t *sync)
{
    (void) pthread_cond_destroy(&sync->cond);
    (void) pthread_mutex_destroy(&sync->logs);
    (void) pthread_mutex_destroy(&sync->mutex);

    free(sync);
}


bigcache_rc_t
bigcache_sync_start(bigcache_store_t *store, char *error)
{
    size_t            i;
    bigcache_rc_t     rc;
    bigcache_sync_t  *sync;

    sync = store->sync;

    sync->stopping = 0;
    sync->named = 0;
    sync->logs_failed = 0;

    /*
     * the index may have lost them: when they failed, it may have failed too
     */

    for (i = 0; i < sync->nids; i++) {
        bigcache_segments_distrust(store->segments, sync->ids[i]);
    }

    sync->nids = 0;

    /*
     * The writes and removals that an earlier process has left may not be
     * durable either.
     */

    bigcache_sync_note(store);

    (void) atomic_fetch_add(&store->removals, 1);
    (void) atomic_fetch_add(&store->removals_done, 1);

    rc = bigcache_sync_begin(&sync->index, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_begin(&sync->all, error);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_sync_stop(store);
    }

    return rc;
}


void
bigcache_sync_stop(bigcache_store_t *store)
{
    bigcache_sync_t  *sync;

    sync = store->sync;

    (void) pthread_mutex_lock(&sync->mutex);
    sync->stopping = 1;
    (void) pthread_cond_broadcast(&sync->cond);
    (void) pthread_mutex_unlock(&sync->mutex);

    bigcache_sync_join(&sync->index);
    bigcache_sync_join(&sync->all);
}


/* the thread inherits the keeper's mask, which blocks all signals */

static bigcache_rc_t
bigcache_sync_begin(bigcache_sync_rounds_t *rounds, char *error)
{
    int  err;

    rounds->started = 1;

    err = pthread_create(&rounds->thread, NULL, bigcache_sync_thread, rounds);

    if (err == 0) {
        return BIGCACHE_OK;
    }

    rounds->started = 0;

    (void) snprintf(error, BIGCACHE_ERROR_LEN, "cannot start a thread: %s",
                    strerror(err));

    return BIGCACHE_ERROR;
}


static void
bigcache_sync_join(bigcache_sync_rounds_t *rounds)
{
    if (rounds->started) {
        (void) pthread_join(rounds->thread, NULL);
        rounds->started = 0;
    }
}


void
bigcache_sync_note(bigcache_store_t *store)
{
    bigcache_sync_t  *sync;

    sync = store->sync;

    if (!bigcache_unsynced_note(&store->shared->unsynced)
        || store->conf.sync == 0)
    {
        return;
    }

    /* the first write since the last round: the thread's time begins now */

    (void) pthread_mutex_lock(&sync->mutex);
    (void) pthread_cond_broadcast(&sync->cond);
    (void) pthread_mutex_unlock(&sync->mutex);
}


bigcache_rc_t
bigcache_sync_index(bigcache_store_t *store)
{
    return bigcache_sync_wait(&store->sync->index);
}


bigcache_rc_t
bigcache_sync_all(bigcache_store_t *store)
{
    /*
     * nothing was written since the last round began, and that round has ended
     */

    if (bigcache_unsynced_age(&store->shared->unsynced) == 0) {
        return BIGCACHE_OK;
    }

    return bigcache_sync_wait(&store->sync->all);
}


bigcache_rc_t
bigcache_sync_segments(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    if (!bigcache_sync_counted(store)) {
        return BIGCACHE_UNAVAILABLE;
    }

    rc = bigcache_sync_all(store);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /*
     * After that round no record needs what was replaced before it.  But an
     * opening after a power cut knows only the stored value of store->synced.
     * Only when another round has ended, and the value is on the disk, is it
     * past all records of the first.
     */

    rc = bigcache_sync_wait(&store->sync->all);

    return (rc == BIGCACHE_OK) ? bigcache_generation_sync(store->lock) : rc;
}


int
bigcache_sync_removals(bigcache_store_t *store)
{
    return atomic_load(&store->removals)
           == atomic_load(&store->removals_synced);
}


static void *
bigcache_sync_thread(void *data)
{
    bigcache_sync_rounds_t *rounds = data;

    uint64_t          last;
    bigcache_rc_t     rc;
    bigcache_sync_t  *sync;

    (void) pthread_setname_np(pthread_self(), "bc-sync");

    sync = rounds->store->sync;

    (void) pthread_mutex_lock(&sync->mutex);

    while (bigcache_sync_await_locked(rounds)) {

        last = rounds->wanted;

        (void) pthread_mutex_unlock(&sync->mutex);

        rc = bigcache_sync_run(rounds);

        (void) pthread_mutex_lock(&sync->mutex);

        if (rc != BIGCACHE_OK) {
            rounds->failed = last;
            rounds->rc = rc;
            sync->retry_at = bigcache_time_monotonic() + BIGCACHE_SYNC_RETRY;
        }

        rounds->done = last;

        (void) pthread_cond_broadcast(&sync->cond);
    }

    (void) pthread_mutex_unlock(&sync->mutex);

    return NULL;
}


/* returns 1 when a round is due, or 0 when the thread is to end */

static int
bigcache_sync_await_locked(bigcache_sync_rounds_t *rounds)
{
    int64_t           due;
    bigcache_sync_t  *sync;

    sync = rounds->store->sync;

    for ( ;; ) {

        due = bigcache_sync_due_locked(rounds);

        if (rounds->wanted != rounds->done
            || bigcache_time_monotonic() >= due)
        {
            return 1;
        }

        if (sync->stopping) {
            return 0;
        }

        (void) bigcache_time_cond_wait(&sync->cond, &sync->mutex, due);
    }
}


/*
 * returns when a round must begin without a call that wants it, monotonic ms
 */

static int64_t
bigcache_sync_due_locked(bigcache_sync_rounds_t *rounds)
{
    int64_t            due, oldest;
    bigcache_store_t  *store;

    store = rounds->store;
    oldest = atomic_load(&store->shared->unsynced.waiting);

    if (rounds != &store->sync->all || oldest == 0 || store->conf.sync == 0
        || store->sync->stopping)
    {
        return INT64_MAX;
    }

    due = oldest + (int64_t) store->conf.sync;

    return (due > store->sync->retry_at) ? due : store->sync->retry_at;
}


static bigcache_rc_t
bigcache_sync_wait(bigcache_sync_rounds_t *rounds)
{
    uint64_t          number;
    bigcache_rc_t     rc;
    bigcache_sync_t  *sync;

    sync = rounds->store->sync;

    if (!rounds->started) {
        return bigcache_sync_run(rounds);
    }

    (void) pthread_mutex_lock(&sync->mutex);

    number = ++rounds->wanted;

    (void) pthread_cond_broadcast(&sync->cond);

    while (rounds->done < number) {
        (void) pthread_cond_wait(&sync->cond, &sync->mutex);
    }

    rc = (number <= rounds->failed) ? rounds->rc : BIGCACHE_OK;

    (void) pthread_mutex_unlock(&sync->mutex);

    return rc;
}


static bigcache_rc_t
bigcache_sync_run(bigcache_sync_rounds_t *rounds)
{
    char               error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t      rc;
    bigcache_store_t  *store;

    store = rounds->store;

    (void) atomic_fetch_add(&store->shared->syncs, 1);

    rc = (rounds == &store->sync->all) ? bigcache_sync_run_all(store, error)
                                      : bigcache_sync_run_index(store, error);

    if (rc == BIGCACHE_OK) {
        return BIGCACHE_OK;
    }

    (void) atomic_fetch_add(&store->shared->sync_failures, 1);

    return bigcache_sync_failed(store, rc, error);
}


static bigcache_rc_t
bigcache_sync_run_index(bigcache_store_t *store, char *error)
{
    uint64_t       removals;
    bigcache_rc_t  rc;

    removals = atomic_load(&store->removals_done);

    rc = bigcache_sync_logs(store, error);

    if (rc == BIGCACHE_OK) {
        atomic_store(&store->removals_synced, removals);
    }

    return rc;
}


static bigcache_rc_t
bigcache_sync_run_all(bigcache_store_t *store, char *error)
{
    int            counted;
    char           ignored[BIGCACHE_ERROR_LEN];
    int64_t        oldest;
    uint64_t       version;
    bigcache_rc_t  rc, next;

    /*
     * a write that is noted from here on may miss this round, but is in the
     * next
     */

    oldest = bigcache_unsynced_begin(&store->shared->unsynced);

    counted = bigcache_sync_counted(store);

    version = bigcache_version_latest(store);
    bigcache_previous_begin(store);

    rc = bigcache_segments_sync(store->segments, error);

    bigcache_sync_remember(store);

    /* if one segment fails, the names and the logs are still synced */

    next = bigcache_sync_names(store, rc == BIGCACHE_OK ? error : ignored);
    rc = (rc == BIGCACHE_OK) ? next : rc;

    next = bigcache_sync_logs(store, rc == BIGCACHE_OK ? error : ignored);
    rc = (rc == BIGCACHE_OK) ? next : rc;

    if (rc == BIGCACHE_OK
        && counted
        && version > atomic_load(&store->synced))
    {
        atomic_store(&store->synced, version);
        bigcache_generation_write_synced(store->lock, version);
    }

    bigcache_previous_end(store, counted && rc == BIGCACHE_OK);

    bigcache_unsynced_end(&store->shared->unsynced,
                          rc == BIGCACHE_OK ? 0 : oldest);

    return rc;
}


/*
 * The next owner must know which segments could not be synced: its own sync of
 * them may succeed although the data is lost.
 */

static void
bigcache_sync_remember(bigcache_store_t *store)
{
    char              error[BIGCACHE_ERROR_LEN];
    size_t            n;
    uint64_t          ids[BIGCACHE_SYNC_IDS];
    bigcache_sync_t  *sync;

    sync = store->sync;

    n = bigcache_segments_unsynced(store->segments, ids, BIGCACHE_SYNC_IDS);

    if (n > BIGCACHE_SYNC_IDS) {
        ids[0] = 0;
        n = 1;
    }

    if (n == sync->nids && memcmp(ids, sync->ids, n * sizeof(uint64_t)) == 0) {
        return;
    }

    if (bigcache_sync_keep_unsynced(store, ids, n, error) != BIGCACHE_OK) {
        (void) bigcache_log_failed(&store->conf.log, store->conf.path,
                                   BIGCACHE_ERROR, "write", error);
    }

    memcpy(sync->ids, ids, n * sizeof(uint64_t));
    sync->nids = n;
}


/*
 * Keeps the ids of the n segments that could not be synced in the index.  A
 * single id of 0 means all segments.
 */

static bigcache_rc_t
bigcache_sync_keep_unsynced(bigcache_store_t *store, const uint64_t *ids,
    size_t n, char *error)
{
    size_t           i;
    u_char          *p, buf[BIGCACHE_SYNC_IDS * sizeof(uint64_t)];
    bigcache_str_t   value;

    for (p = buf, i = 0; i < n; i++) {
        p = bigcache_put64(p, ids[i]);
    }

    value = bigcache_str(buf, (size_t) (p - buf));

    return bigcache_index_set(store->index, BIGCACHE_NAMES_META,
                              &bigcache_names_unsynced, n ? &value : NULL,
                              error);
}


/* until the keys are counted, what a crash has left is not verified */

static int
bigcache_sync_counted(bigcache_store_t *store)
{
    int  counted;

    (void) pthread_mutex_lock(&store->mutex);
    counted = store->counted;
    (void) pthread_mutex_unlock(&store->mutex);

    return counted;
}


static bigcache_rc_t
bigcache_sync_logs(bigcache_store_t *store, char *error)
{
    int               lost;
    char              name[PATH_MAX];
    bigcache_rc_t     rc;
    bigcache_sync_t  *sync;

    sync = store->sync;

    /*
     * The kernel reports a failure only once.  So no later sync of the logs
     * counts as a success until the store has been opened again.
     */

    (void) pthread_mutex_lock(&sync->logs);

    if (sync->logs_failed) {
        (void) pthread_mutex_unlock(&sync->logs);
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "the log of the index could "
                        "not be synced, the index must be reopened first");
        return BIGCACHE_ERROR;
    }

    rc = bigcache_fsync_logs(store->index_path, &lost, error);

    if (rc == BIGCACHE_MISS) {

        /*
         * the directory is gone: LevelDB cannot write tables or be opened
         * there
         */

        (void) pthread_mutex_unlock(&sync->logs);
        return BIGCACHE_ERROR;
    }

    if (rc == BIGCACHE_OK && !atomic_load(&store->imported)) {

        /* removals from the original are in those logs */

        (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_IMPORT,
                        store->conf.path);

        rc = bigcache_fsync_logs(name, &lost, error);

        /* the directory is in the trash, since all is imported */

        rc = (rc == BIGCACHE_MISS) ? BIGCACHE_OK : rc;
    }

    if (rc != BIGCACHE_OK && lost) {

        /*
         * opening again writes LevelDB's memory to a table and begins another
         * log
         */

        sync->logs_failed = 1;
        bigcache_fault_break(store, rc);
    }

    (void) pthread_mutex_unlock(&sync->logs);

    return rc;
}


/* syncs the names of index/ and pages/, and that of the directory itself */

static bigcache_rc_t
bigcache_sync_names(bigcache_store_t *store, char *error)
{
    char           name[PATH_MAX], ignored[BIGCACHE_ERROR_LEN];
    bigcache_rc_t  rc;

    if (store->sync->named) {
        return BIGCACHE_OK;
    }

    rc = bigcache_fsync_dir(store->conf.path, error);

    store->sync->named = (rc == BIGCACHE_OK);

    /* the directory above may not be readable, but most often it is old */

    (void) snprintf(name, PATH_MAX, "%s/..", store->conf.path);
    (void) bigcache_fsync_dir(name, ignored);

    return rc;
}


static bigcache_rc_t
bigcache_sync_failed(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error)
{
    int64_t           now;
    bigcache_sync_t  *sync;

    now = bigcache_time_monotonic();
    sync = store->sync;

    (void) pthread_mutex_lock(&sync->mutex);

    if (sync->logged_at && now - sync->logged_at < BIGCACHE_SYNC_LOGGED) {
        (void) pthread_mutex_unlock(&sync->mutex);
        return rc;
    }

    sync->logged_at = now;

    (void) pthread_mutex_unlock(&sync->mutex);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": written data cannot be synced, will be tried "
                 "again: %s", store->conf.path, error);

    return rc;
}
