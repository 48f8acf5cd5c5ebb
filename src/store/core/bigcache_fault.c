
/*
 * Copyright (C) bigcache contributors
 */


/* stops writes after a fault, and lets them go on */


#include <stdio.h>

#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_time.h"


/* milliseconds between two lines that say that the disk is full */

#define BIGCACHE_FAULT_PERIOD  60000


void
bigcache_fault_break(bigcache_store_t *store, bigcache_rc_t rc)
{
    int64_t  delay;

    (void) pthread_mutex_lock(&store->mutex);

    if (!atomic_load(&store->broken)) {
        atomic_store(&store->broken, rc);
        delay = BIGCACHE_CORE_RETRY;

        if (rc == BIGCACHE_FULL && !atomic_exchange(&store->full, 1)) {

            /* without delay: the ballast can be freed now */

            delay = 0;
        }

        if (rc == BIGCACHE_DAMAGED) {
            (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                            "the index is damaged and is being repaired");
        }

        store->heal_at = bigcache_time_monotonic() + delay;
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);
}


bigcache_rc_t
bigcache_fault_rc(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    rc = atomic_load(&store->broken);

    return (rc == BIGCACHE_DAMAGED) ? BIGCACHE_UNAVAILABLE : rc;
}


bigcache_rc_t
bigcache_fault_writable(bigcache_store_t *store)
{
    return atomic_load(&store->full) ? BIGCACHE_FULL
                                     : bigcache_fault_rc(store);
}


int
bigcache_fault_healed(bigcache_store_t *store, int64_t begin)
{
    int  healed;

    (void) pthread_mutex_lock(&store->mutex);

    while (atomic_load(&store->broken) != BIGCACHE_OK
           && store->state != BIGCACHE_STATE_FAILED
           && store->state != BIGCACHE_STATE_STOPPED
           && bigcache_core_wait_locked(store, begin + store->conf.wait))
    {
        /* void */
    }

    healed = (atomic_load(&store->broken) == BIGCACHE_OK);

    (void) pthread_mutex_unlock(&store->mutex);

    return healed && bigcache_time_monotonic() < begin + store->conf.wait;
}


bigcache_rc_t
bigcache_fault_write_failed(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error)
{
    (void) bigcache_log_failed(&store->conf.log, store->conf.path, rc, "write",
                               error);

    bigcache_fault_break(store, rc);

    return bigcache_fault_rc(store);
}


void
bigcache_fault_set_full(bigcache_store_t *store)
{
    if (atomic_exchange(&store->full, 1)) {
        return;
    }

    bigcache_core_wake(store);
    bigcache_fault_log_full(store);
}


void
bigcache_fault_log_full(bigcache_store_t *store)
{
    int64_t  now, last;

    if (atomic_load(&store->full_logged)) {
        return;
    }

    /*
     * A disk that is nearly full has room for small pages, which ends this
     * state, and none for the next large page, which begins it again.
     */

    now = bigcache_time_monotonic();
    last = atomic_load(&store->full_logged_at);

    if (last && now - last < BIGCACHE_FAULT_PERIOD) {
        return;
    }

    atomic_store(&store->full_logged_at, now);
    atomic_store(&store->full_logged, 1);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                 "store \"%s\": the disk is full, no more pages are "
                 "stored until there is room", store->conf.path);
}
