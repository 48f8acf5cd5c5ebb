
/*
 * Copyright (C) bigcache contributors
 */


/* the states of a store, and the count of the calls inside */


#include <stdio.h>

#include "bigcache_core.h"
#include "bigcache_time.h"


static bigcache_rc_t bigcache_core_await_locked(bigcache_store_t *store);
static int bigcache_core_retry_locked(bigcache_store_t *store,
    int64_t deadline);


bigcache_rc_t
bigcache_core_enter(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    (void) pthread_mutex_lock(&store->mutex);
    rc = bigcache_core_enter_locked(store);
    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


int
bigcache_core_try_enter(bigcache_store_t *store)
{
    int  open;

    (void) pthread_mutex_lock(&store->mutex);

    open = (store->state == BIGCACHE_STATE_OPEN);
    store->calls += (unsigned) open;

    (void) pthread_mutex_unlock(&store->mutex);

    return open;
}


void
bigcache_core_leave(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);

    store->calls--;

    if (store->calls == 0 && store->state != BIGCACHE_STATE_OPEN) {
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);
}


bigcache_rc_t
bigcache_core_wait_counted(bigcache_store_t *store, unsigned wait)
{
    int64_t        deadline;
    bigcache_rc_t  rc;

    deadline = bigcache_time_monotonic() + wait;

    (void) pthread_mutex_lock(&store->mutex);

    /*
     * a thread that drains the store waits for this call, and ends the
     * counting
     */

    while (!store->counted && store->state == BIGCACHE_STATE_OPEN) {
        if (!bigcache_core_wait_locked(store, deadline)) {
            break;
        }
    }

    rc = store->counted ? BIGCACHE_OK : BIGCACHE_UNAVAILABLE;

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


void
bigcache_core_segments_removed(bigcache_store_t *store)
{
    if (store->conf.hooks.removed) {
        store->conf.hooks.removed(store->conf.hooks.data);
    }
}


int
bigcache_core_segments_swept(bigcache_store_t *store)
{
    return store->conf.hooks.swept == NULL
           || store->conf.hooks.swept(store->conf.hooks.data);
}


void
bigcache_core_wake(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);
    (void) pthread_cond_broadcast(&store->cond);
    (void) pthread_mutex_unlock(&store->mutex);
}


bigcache_rc_t
bigcache_core_enter_locked(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    /* a thread that stops the store waits for these calls, too */

    store->waiting++;

    rc = bigcache_core_await_locked(store);

    store->waiting--;

    if (store->waiting == 0 && store->state == BIGCACHE_STATE_STOPPED) {
        (void) pthread_cond_broadcast(&store->cond);
    }

    return rc;
}


static bigcache_rc_t
bigcache_core_await_locked(bigcache_store_t *store)
{
    int64_t  until, deadline;

    deadline = bigcache_time_monotonic() + store->conf.wait;

    for ( ;; ) {

        if (store->state != BIGCACHE_STATE_OPEN
            && store->state != BIGCACHE_STATE_STOPPED
            && store->state != BIGCACHE_STATE_DRAINING)
        {
            /* another process may have closed or opened it */

            if (atomic_load(&store->shared->closed)) {
                return BIGCACHE_CLOSED;
            }

            if (store->state == BIGCACHE_STATE_CLOSED) {
                bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPENING);
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
             * All waiting calls give up at the same moment, conf.wait after
             * this opening began.  But a process that is quitting opens the
             * store only for calls that wait, so there each call waits its own
             * conf.wait.
             */

            until = store->quitting ? deadline
                                    : store->opening_at + store->conf.wait;

            if (!bigcache_core_wait_locked(store,
                                           until < deadline ? until : deadline)
                && store->state == BIGCACHE_STATE_OPENING)
            {
                return BIGCACHE_UNAVAILABLE;
            }

            break;

        case BIGCACHE_STATE_DRAINING:

            if (!bigcache_core_wait_locked(store, deadline)
                && store->state == BIGCACHE_STATE_DRAINING)
            {
                return BIGCACHE_UNAVAILABLE;
            }

            break;

        case BIGCACHE_STATE_STOPPED:

            /* another process is about to open it */

            return store->conf.hooks.held ? BIGCACHE_HELD
                                          : BIGCACHE_UNAVAILABLE;

        default: /* FAILED */

            if (!bigcache_core_retry_locked(store, deadline)) {
                return BIGCACHE_UNAVAILABLE;
            }

            break;
        }
    }
}


/*
 * The keeper retries a second after a failure, but another process may have
 * opened the store meanwhile.  If so, makes the keeper ask it at once and
 * returns 1.  Else returns 0.
 */

static int
bigcache_core_retry_locked(bigcache_store_t *store, int64_t deadline)
{
    int  there;

    if (store->conf.hooks.there == NULL
        || bigcache_time_monotonic() >= deadline)
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
        bigcache_core_set_state_locked(store, BIGCACHE_STATE_OPENING);
    }

    return there;
}


int
bigcache_core_wait_locked(bigcache_store_t *store, int64_t deadline)
{
    return bigcache_time_cond_wait(&store->cond, &store->mutex, deadline);
}


void
bigcache_core_set_state_locked(bigcache_store_t *store,
    bigcache_state_e state)
{
    store->state = state;
    atomic_store(&store->draining, state != BIGCACHE_STATE_OPEN);

    if (state == BIGCACHE_STATE_OPENING) {
        store->opening_at = bigcache_time_monotonic();
        store->logged = 0;

        (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                        "the store is being opened");
    }

    (void) pthread_cond_broadcast(&store->cond);
}


bigcache_rc_t
bigcache_core_drain_locked(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    rc = bigcache_core_enter_locked(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    store->calls--;

    bigcache_core_set_state_locked(store, BIGCACHE_STATE_DRAINING);

    while (store->calls) {
        (void) bigcache_core_wait_locked(store, INT64_MAX);
    }

    return BIGCACHE_OK;
}


void
bigcache_core_sweep_again(bigcache_store_t *store, int64_t expire)
{
    int64_t  late;

    late = atomic_load(&store->swept.late);

    while (expire < late
           && !atomic_compare_exchange_weak(&store->swept.late, &late, expire))
    {
        /* void */
    }
}


int
bigcache_core_yields(void *data)
{
    bigcache_store_t *store = data;

    return atomic_load(&store->draining)
           || atomic_load(&store->broken) != BIGCACHE_OK;
}
