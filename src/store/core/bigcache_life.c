
/*
 * Copyright (C) bigcache contributors
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bigcache_dir.h"
#include "bigcache_evict.h"
#include "bigcache_large.h"
#include "bigcache_life.h"
#include "bigcache_room.h"
#include "bigcache_time.h"


static bigcache_rc_t bigcache_life_await(bigcache_store_t *store);
static int bigcache_life_retry(bigcache_store_t *store, int64_t deadline);


bigcache_store_t *
bigcache_store_create(const bigcache_store_conf_t *conf)
{
    unsigned             i;
    bigcache_store_t    *store;
    pthread_condattr_t   attr;

    store = calloc(1, sizeof(bigcache_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->conf = *conf;
    store->lock = -1;
    store->inline_room = conf->max_size
                         ? (int64_t) (conf->max_size / BIGCACHE_EVICT_SHARE)
                         : INT64_MAX;

    store->shared = conf->shared ? conf->shared : &store->own;

    (void) snprintf(store->index_path, PATH_MAX, "%s/" BIGCACHE_DIR_INDEX,
                    conf->path);
    (void) snprintf(store->pages_path, PATH_MAX, "%s/" BIGCACHE_DIR_PAGES,
                    conf->path);
    (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                    "the store is being opened");

    store->conf.path = strdup(conf->path);
    store->files = bigcache_files_create(store->pages_path);

    if (store->conf.path == NULL || store->files == NULL) {

        if (store->files) {
            bigcache_files_destroy(store->files);
        }

        free((void *) store->conf.path);
        free(store);
        return NULL;
    }

    store->pages.conf = &store->conf;
    store->pages.files = store->files;
    store->pages.inline_room = &store->inline_room;
    store->pages.reserve = bigcache_store_reserve;
    store->pages.done = bigcache_store_done;
    store->pages.data = store;

    (void) pthread_mutex_init(&store->mutex, NULL);

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&store->cond, &attr);
    (void) pthread_condattr_destroy(&attr);

    bigcache_large_init(&store->outside, store);

    bigcache_purge_init(&store->purges);
    bigcache_body_init(&store->pages);
    bigcache_loans_init(&store->loans);
    bigcache_import_init(&store->import);
    bigcache_sync_init(&store->sync, store);

    for (i = 0; i < BIGCACHE_STORE_LOCKS; i++) {
        (void) pthread_mutex_init(&store->keys[i], NULL);
    }

    return store;
}


void
bigcache_store_destroy(bigcache_store_t *store)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_STORE_LOCKS; i++) {
        (void) pthread_mutex_destroy(&store->keys[i]);
    }

    bigcache_sync_destroy(&store->sync);
    bigcache_import_destroy(&store->import);
    bigcache_loans_destroy(&store->loans);
    bigcache_body_destroy(&store->pages);
    bigcache_purge_destroy(&store->purges);
    bigcache_files_destroy(store->files);

    if (store->conf.hot) {
        atomic_store(&store->conf.hot->generation, NULL);
    }

    (void) pthread_cond_destroy(&store->cond);
    (void) pthread_mutex_destroy(&store->mutex);

    free((void *) store->conf.path);
    free(store);
}


void
bigcache_store_reason(bigcache_store_t *store, char *text)
{
    (void) pthread_mutex_lock(&store->mutex);
    memcpy(text, store->reason, BIGCACHE_ERROR_LEN);
    (void) pthread_mutex_unlock(&store->mutex);
}


bigcache_rc_t
bigcache_store_enter(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    (void) pthread_mutex_lock(&store->mutex);
    rc = bigcache_life_enter_locked(store);
    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


int
bigcache_store_inside(bigcache_store_t *store)
{
    int  open;

    (void) pthread_mutex_lock(&store->mutex);

    open = (store->state == BIGCACHE_STATE_OPEN);
    store->calls += (unsigned) open;

    (void) pthread_mutex_unlock(&store->mutex);

    return open;
}


void
bigcache_store_leave(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);

    store->calls--;

    if (store->calls == 0 && store->state != BIGCACHE_STATE_OPEN) {
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);
}


bigcache_rc_t
bigcache_store_counted(bigcache_store_t *store, unsigned wait)
{
    int64_t        deadline;
    bigcache_rc_t  rc;

    deadline = bigcache_monotonic() + wait;

    (void) pthread_mutex_lock(&store->mutex);

    /* who drains waits for this call too, and ends the counting */

    while (!store->counted && store->state == BIGCACHE_STATE_OPEN) {
        if (!bigcache_life_wait(store, deadline)) {
            break;
        }
    }

    rc = store->counted ? BIGCACHE_OK : BIGCACHE_UNAVAILABLE;

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


void
bigcache_store_wake(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);
    (void) pthread_cond_broadcast(&store->cond);
    (void) pthread_mutex_unlock(&store->mutex);
}


void
bigcache_store_break(bigcache_store_t *store, bigcache_rc_t rc)
{
    int64_t  delay;

    (void) pthread_mutex_lock(&store->mutex);

    if (!atomic_load(&store->broken)) {
        atomic_store(&store->broken, rc);
        delay = BIGCACHE_LIFE_RETRY;

        if (rc == BIGCACHE_FULL && !atomic_exchange(&store->full, 1)) {

            /* the reserve is still there to be given back */

            delay = 0;
        }

        if (rc == BIGCACHE_DAMAGED) {
            (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                            "the index is damaged and is being repaired");
        }

        store->heal_at = bigcache_monotonic() + delay;
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);
}


int
bigcache_store_healed(bigcache_store_t *store, int64_t since)
{
    int  healed;

    (void) pthread_mutex_lock(&store->mutex);

    while (atomic_load(&store->broken) != BIGCACHE_OK
           && store->state != BIGCACHE_STATE_FAILED
           && store->state != BIGCACHE_STATE_STOPPED
           && bigcache_life_wait(store, since + store->conf.wait))
    {
        /* void */
    }

    healed = (atomic_load(&store->broken) == BIGCACHE_OK);

    (void) pthread_mutex_unlock(&store->mutex);

    return healed && bigcache_monotonic() < since + store->conf.wait;
}


bigcache_rc_t
bigcache_store_unwritten(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error)
{
    (void) bigcache_log_failed(&store->conf.log, store->conf.path, rc, "write",
                               error);

    bigcache_store_break(store, rc);

    return bigcache_store_broken(store);
}


bigcache_rc_t
bigcache_store_broken(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    rc = atomic_load(&store->broken);

    return (rc == BIGCACHE_DAMAGED) ? BIGCACHE_UNAVAILABLE : rc;
}


void
bigcache_store_full(bigcache_store_t *store)
{
    if (atomic_exchange(&store->full, 1)) {
        return;
    }

    bigcache_store_wake(store);
    bigcache_store_tell_full(store);
}


void
bigcache_store_tell_full(bigcache_store_t *store)
{
    int64_t  now, since;

    if (atomic_load(&store->full_told)) {
        return;
    }

    /* room for small pages ends it, and the next large one begins it again */

    now = bigcache_monotonic();
    since = atomic_load(&store->full_since);

    if (since && now - since < BIGCACHE_LIFE_TOLD) {
        return;
    }

    atomic_store(&store->full_since, now);
    atomic_store(&store->full_told, 1);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": the disk is full, no more pages are "
                 "stored until there is room", store->conf.path);
}


bigcache_rc_t
bigcache_life_enter_locked(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    /* who stops the store waits for those who wait too: they look at it */

    store->waiting++;

    rc = bigcache_life_await(store);

    store->waiting--;

    if (store->waiting == 0 && store->state == BIGCACHE_STATE_STOPPED) {
        (void) pthread_cond_broadcast(&store->cond);
    }

    return rc;
}


static bigcache_rc_t
bigcache_life_await(bigcache_store_t *store)
{
    int64_t  since, deadline;

    deadline = bigcache_monotonic() + store->conf.wait;

    for ( ;; ) {

        if (store->state != BIGCACHE_STATE_OPEN
            && store->state != BIGCACHE_STATE_STOPPED
            && store->state != BIGCACHE_STATE_DRAINING)
        {
            /* another process may have closed or opened it */

            if (bigcache_store_closed(store)) {
                return BIGCACHE_CLOSED;
            }

            if (store->state == BIGCACHE_STATE_CLOSED) {
                bigcache_life_state(store, BIGCACHE_STATE_OPENING);
            }
        }

        switch (store->state) {

        case BIGCACHE_STATE_OPEN:
            store->calls++;
            return BIGCACHE_OK;

        case BIGCACHE_STATE_HELD:
            return BIGCACHE_HELD;

        case BIGCACHE_STATE_OPENING:

            /*
             * all that wait give up at once, not each after its own time,
             * unless it has begun to be opened more than once, or it takes
             * a call that waits to open it
             */

            since = store->quitting ? deadline
                                    : store->since + store->conf.wait;

            if (!bigcache_life_wait(store,
                                    since < deadline ? since : deadline)
                && store->state == BIGCACHE_STATE_OPENING)
            {
                return BIGCACHE_UNAVAILABLE;
            }

            break;

        case BIGCACHE_STATE_DRAINING:

            if (!bigcache_life_wait(store, deadline)
                && store->state == BIGCACHE_STATE_DRAINING)
            {
                return BIGCACHE_UNAVAILABLE;
            }

            break;

        case BIGCACHE_STATE_STOPPED:

            /* another process is going to have it */

            return store->conf.hooks.held ? BIGCACHE_HELD
                                          : BIGCACHE_UNAVAILABLE;

        default: /* FAILED */

            if (!bigcache_life_retry(store, deadline)) {
                return BIGCACHE_UNAVAILABLE;
            }

            break;
        }
    }
}


/*
 * The store's thread tries again in a second, and somebody else may have opened
 * the store since it failed.  Returns 1 if so, and has the thread try at once.
 */

static int
bigcache_life_retry(bigcache_store_t *store, int64_t deadline)
{
    int  there;

    if (store->conf.hooks.there == NULL
        || bigcache_monotonic() >= deadline)
    {
        return 0;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    there = store->conf.hooks.there(store->conf.hooks.data);

    (void) pthread_mutex_lock(&store->mutex);

    if (store->state != BIGCACHE_STATE_FAILED) {
        return 1;
    }

    if (there) {
        bigcache_life_state(store, BIGCACHE_STATE_OPENING);
    }

    return there;
}


int
bigcache_life_wait(bigcache_store_t *store, int64_t deadline)
{
    struct timespec  ts;

    if (deadline == INT64_MAX) {
        (void) pthread_cond_wait(&store->cond, &store->mutex);
        return 1;
    }

    ts.tv_sec = deadline / 1000;
    ts.tv_nsec = (deadline % 1000) * 1000000;

    return pthread_cond_timedwait(&store->cond, &store->mutex, &ts)
           != ETIMEDOUT;
}


void
bigcache_life_state(bigcache_store_t *store, bigcache_state_e state)
{
    store->state = state;
    atomic_store(&store->draining, state != BIGCACHE_STATE_OPEN);

    if (state == BIGCACHE_STATE_OPENING) {
        store->since = bigcache_monotonic();
        store->told = 0;

        (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                        "the store is being opened");
    }

    (void) pthread_cond_broadcast(&store->cond);
}


void
bigcache_life_wake(bigcache_store_t *store)
{
    if (store->conf.hooks.wake) {
        store->conf.hooks.wake(store->conf.hooks.data);
    }
}


void
bigcache_life_reserve(bigcache_store_t *store)
{
    char  error[BIGCACHE_ERROR_LEN];

    if (bigcache_dir_reserve(store->conf.path, bigcache_store_spare(store),
                             error)
        == BIGCACHE_ERROR)
    {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": no room is kept for when the disk is "
                     "full: %s", store->conf.path, error);
    }
}


int
bigcache_life_yields(void *data)
{
    bigcache_store_t *store = data;

    return atomic_load(&store->draining)
           || atomic_load(&store->broken) != BIGCACHE_OK;
}


uint64_t
bigcache_life_index_room(bigcache_store_t *store)
{
    return 4 * BIGCACHE_LIFE_ROOM
           + 2 * (uint64_t) store->conf.index.write_buffer;
}


uint64_t
bigcache_store_version(bigcache_store_t *store)
{
    uint64_t  now, last, next;

    now = (uint64_t) bigcache_now_us();
    last = atomic_load(&store->version);

    do {
        next = (now > last) ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&store->version, &last, next));

    return next;
}


void
bigcache_store_passed(bigcache_store_t *store, uint64_t version)
{
    uint64_t  last;

    last = atomic_load(&store->version);

    while (last < version
           && !atomic_compare_exchange_weak(&store->version, &last, version))
    {
        /* void */
    }
}
