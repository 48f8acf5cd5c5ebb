
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store's own thread.  It opens the directory, opens it again after a
 * failed write, hands it over, and does all work that no request waits for.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* pthread_setname_np() */
#endif

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "bigcache_background.h"
#include "bigcache_close.h"
#include "bigcache_compact.h"
#include "bigcache_core.h"
#include "bigcache_dir.h"
#include "bigcache_evict.h"
#include "bigcache_expire.h"
#include "bigcache_fault.h"
#include "bigcache_import_work.h"
#include "bigcache_keeper.h"
#include "bigcache_place.h"
#include "bigcache_purge.h"
#include "bigcache_recount.h"
#include "bigcache_sync.h"
#include "bigcache_take.h"
#include "bigcache_time.h"


/* milliseconds between two checks whether a closed store must be opened */

#define BIGCACHE_KEEPER_CLOSED  100


static void *bigcache_keeper(void *data);
static unsigned bigcache_keeper_work_locked(bigcache_store_t *store);
static void bigcache_keeper_let_go_locked(bigcache_store_t *store);
static void bigcache_keeper_resign_locked(bigcache_store_t *store);
static void bigcache_keeper_tell(bigcache_store_t *store);
static unsigned bigcache_keeper_space(bigcache_store_t *store);
static void bigcache_keeper_room(bigcache_store_t *store);
static unsigned bigcache_keeper_reopen_locked(bigcache_store_t *store);
static void bigcache_keeper_shed_locked(bigcache_store_t *store);


int
bigcache_keeper_start(bigcache_store_t *store)
{
    int       err;
    sigset_t  set, old;

    store->started = 1;
    store->opening_at = bigcache_time_monotonic();
    store->state = BIGCACHE_STATE_OPENING;

    /*
     * only the main thread takes signals; LevelDB's thread inherits the mask
     */

    (void) sigfillset(&set);
    (void) sigdelset(&set, SIGILL);
    (void) sigdelset(&set, SIGFPE);
    (void) sigdelset(&set, SIGSEGV);
    (void) sigdelset(&set, SIGBUS);

    (void) pthread_sigmask(SIG_BLOCK, &set, &old);
    err = pthread_create(&store->thread, NULL, bigcache_keeper, store);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        store->started = 0;
        errno = err;
        return -1;
    }

    return 0;
}


void
bigcache_keeper_stop(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);

    if (!store->started) {
        (void) pthread_mutex_unlock(&store->mutex);
        return;
    }

    if (store->stopping) {

        while (store->started) {
            (void) bigcache_core_wait_locked(store, INT64_MAX);
        }

        (void) pthread_mutex_unlock(&store->mutex);
        return;
    }

    store->stopping = 1;

    while (store->state == BIGCACHE_STATE_DRAINING) {
        (void) bigcache_core_wait_locked(store, INT64_MAX);
    }

    (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                    "this worker process is shutting down");

    bigcache_core_set_state_locked(store, BIGCACHE_STATE_STOPPED);
    if (store->conf.hooks.wake) {
        store->conf.hooks.wake(store->conf.hooks.data);
    }

    while (store->calls || store->waiting) {
        (void) bigcache_core_wait_locked(store, INT64_MAX);
    }

    (void) pthread_mutex_unlock(&store->mutex);

    (void) pthread_join(store->thread, NULL);

    bigcache_close_index(store, 1, 1);

    (void) pthread_mutex_lock(&store->mutex);
    store->started = 0;
    (void) pthread_cond_broadcast(&store->cond);
    (void) pthread_mutex_unlock(&store->mutex);
}


static void *
bigcache_keeper(void *data)
{
    bigcache_store_t *store = data;

    unsigned  delay;

    (void) pthread_setname_np(pthread_self(), "bc-keeper");

    bigcache_background_usual();

    (void) pthread_mutex_lock(&store->mutex);

    while (store->state != BIGCACHE_STATE_STOPPED) {

        switch (store->state) {

        case BIGCACHE_STATE_OPENING:
        case BIGCACHE_STATE_FAILED:

            if (atomic_load(&store->shared->closed)) {
                bigcache_core_set_state_locked(store, BIGCACHE_STATE_CLOSED);
                continue;
            }

            delay = bigcache_take_locked(store);
            break;

        case BIGCACHE_STATE_OPEN:

            if (store->resigning) {
                bigcache_keeper_resign_locked(store);
                continue;
            }

            delay = bigcache_keeper_work_locked(store);
            break;

        case BIGCACHE_STATE_CLOSED:

            /* a call in another process may have opened the store */

            if (!atomic_load(&store->shared->closed)) {
                bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPENING);
                continue;
            }

            bigcache_keeper_let_go_locked(store);

            delay = BIGCACHE_KEEPER_CLOSED;
            break;

        default:
            (void) bigcache_core_wait_locked(store, INT64_MAX);
            continue;
        }

        if (delay && store->state != BIGCACHE_STATE_STOPPED) {
            (void) bigcache_core_wait_locked(store,
                                             bigcache_time_monotonic() + delay);
        }
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return NULL;
}


/*
 * While the store is closed, this process must have no file of it open or
 * mapped, else its file system could not be unmounted.  A thread that was late
 * may open one more file: the next call closes it.
 */

static void
bigcache_keeper_let_go_locked(bigcache_store_t *store)
{
    bigcache_files_close(store->files);

    if (store->conf.hot) {
        atomic_store(&store->conf.hot->generation, NULL);
        bigcache_generation_unmap(&store->generation);
    }
}


static void
bigcache_keeper_resign_locked(bigcache_store_t *store)
{
    /* syncs most of the data now, before requests have to wait */

    store->calls++;
    (void) pthread_mutex_unlock(&store->mutex);

    (void) bigcache_sync_all(store);

    (void) pthread_mutex_lock(&store->mutex);
    store->calls--;
    (void) pthread_cond_broadcast(&store->cond);

    if (store->state != BIGCACHE_STATE_OPEN) {

        /*
         * another thread clears or closes it; this thread may have to open it
         * again
         */

        return;
    }

    store->resigning = 0;

    if (bigcache_core_drain_locked(store) != BIGCACHE_OK) {
        return;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_close_index(store, 1, 1);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\" handed over", store->conf.path);

    (void) pthread_mutex_lock(&store->mutex);

    store->resigning = 0;
    bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPENING);
}


/*
 * Does the work that no request waits for, in this order.  Returns the
 * milliseconds until there is more.
 */

static unsigned
bigcache_keeper_work_locked(bigcache_store_t *store)
{
    int       counted, full, more;
    unsigned  delay, space, trash;

    if (atomic_load(&store->broken)) {
        return bigcache_keeper_reopen_locked(store);
    }

    full = atomic_load(&store->full);
    counted = store->counted;
    trash = store->trash;

    store->trash = 0;
    store->calls++;
    (void) pthread_mutex_unlock(&store->mutex);

    /* a failed write would break the index */

    if (!full && bigcache_dir_free(store->conf.path)
                 >= BIGCACHE_PLACE_INDEX_MIN)
    {
        bigcache_index_settle(store->index);
    }

    if (full) {
        bigcache_dir_drop_ballast(store->conf.path);
        bigcache_segments_seal(store->segments, BIGCACHE_COMPACT_FULL);
    }

    if (!counted && bigcache_recount(store) == 0) {
        counted = 1;

        /* announces the count before any segment is removed */

        (void) pthread_mutex_lock(&store->mutex);
        store->counted = 1;
        (void) pthread_cond_broadcast(&store->cond);
        (void) pthread_mutex_unlock(&store->mutex);

        /* the next round of all settles what the crash has left */

        bigcache_sync_note(store);
    }

    /*
     * before the purges: the import must know all purges that have not ended
     */

    more = bigcache_import_work(store);

    while (bigcache_purge_work(store)) {
        if (counted) {
            bigcache_keeper_tell(store);
        }
    }

    delay = bigcache_expire_work(store);

    if (more) {
        delay = 0;
    }

    if (counted) {

        /* live bytes are not known before that */

        space = bigcache_keeper_space(store);
        delay = (space < delay) ? space : delay;

        bigcache_keeper_tell(store);
    }

    if (trash) {
        trash = !bigcache_dir_empty_trash(store->conf.path, &store->draining);
    }

    bigcache_keeper_room(store);

    (void) pthread_mutex_lock(&store->mutex);

    store->calls--;

    if (trash) {

        /* no limit counts the files in the trash, so they must not stay */

        store->trash = 1;
    }

    (void) pthread_cond_broadcast(&store->cond);

    return delay;
}


/* other processes need not ask how full the store is */

static void
bigcache_keeper_tell(bigcache_store_t *store)
{
    int64_t             count;
    bigcache_total_t    total;
    bigcache_shared_t  *shared;

    shared = store->shared;
    count = atomic_load(&store->count);
    bigcache_segments_total(store->segments, &total);

    atomic_store(&shared->entries, (count > 0) ? (uint64_t) count : 0);
    atomic_store(&shared->bytes, total.size);
    atomic_store(&shared->counted_at, bigcache_time_monotonic());
}


static unsigned
bigcache_keeper_space(bigcache_store_t *store)
{
    unsigned  delay, next;

    delay = bigcache_evict_work(store);

    next = bigcache_compact_empty(store) ? 0 : bigcache_compact_work(store);

    return (next < delay) ? next : delay;
}


/* ends the state of bigcache_fault_set_full(), and makes the ballast again */

static void
bigcache_keeper_room(bigcache_store_t *store)
{
    uint64_t  room;

    if (!atomic_load(&store->full)) {
        return;
    }

    room = bigcache_dir_free(store->conf.path);

    if (room < bigcache_dir_ballast_size(store->conf.path,
                                         bigcache_place_ballast_size(store))
               + 2 * BIGCACHE_PLACE_INDEX_MIN
        || bigcache_dir_crowded(store->conf.path))
    {
        bigcache_dir_spare(store->conf.path);
        bigcache_fault_log_full(store);
        return;
    }

    bigcache_place_keep_ballast(store);

    atomic_store(&store->full, 0);

    if (!atomic_exchange(&store->full_logged, 0)) {
        return;
    }

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\": there is room on the disk again",
                 store->conf.path);
}


/*
 * After a failed write LevelDB rejects all others until it is opened again.
 * Opens it as soon as there is space.
 */

static unsigned
bigcache_keeper_reopen_locked(bigcache_store_t *store)
{
    int      why;
    int64_t  delay;

    why = atomic_load(&store->broken);
    delay = store->heal_at - bigcache_time_monotonic();

    if (delay > 0) {
        return (unsigned) delay;
    }

    if (why == BIGCACHE_FULL) {
        bigcache_keeper_shed_locked(store);
    }

    if (bigcache_dir_free(store->conf.path) >= BIGCACHE_PLACE_INDEX_MIN
        && bigcache_core_drain_locked(store) == BIGCACHE_OK)
    {
        (void) pthread_mutex_unlock(&store->mutex);

        if (why != BIGCACHE_DAMAGED) {
            bigcache_index_flush(store->index);
        }

        bigcache_close_index(store, 0, 1);

        (void) pthread_mutex_lock(&store->mutex);

        bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPENING);
        store->repair = (why == BIGCACHE_DAMAGED);

        return 0;
    }

    store->heal_at = bigcache_time_monotonic() + BIGCACHE_CORE_RETRY;

    return BIGCACHE_CORE_RETRY;
}


/* frees space without a write to the index, which would fail */

static void
bigcache_keeper_shed_locked(bigcache_store_t *store)
{
    int  counted;

    counted = store->counted;
    store->calls++;
    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_dir_drop_ballast(store->conf.path);

    while (counted
           && !atomic_load(&store->draining)
           && bigcache_compact_empty(store))
    {
        /* void */
    }

    (void) bigcache_dir_empty_trash(store->conf.path, &store->draining);

    (void) pthread_mutex_lock(&store->mutex);
    store->calls--;
    (void) pthread_cond_broadcast(&store->cond);
}
