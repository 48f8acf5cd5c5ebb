
/*
 * Copyright (C) bigcache contributors
 */


/* locks in shared memory that survive the death of their process */


#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "bigcache_pidlock.h"
#include "bigcache_time.h"


/* tries until a thread yields */

#define BIGCACHE_PIDLOCK_SPIN  100


static uint32_t bigcache_pidlock_await(bigcache_pidlock_t *lock,
    unsigned patience, int *dead);


bigcache_pidlock_e
bigcache_pidlock(bigcache_pidlock_t *lock, unsigned patience)
{
    int       dead;
    uint32_t  holder, pid;

    pid = (uint32_t) getpid();

    for ( ;; ) {

        holder = 0;

        if (atomic_compare_exchange_strong(lock, &holder, pid)) {
            return BIGCACHE_PIDLOCK_LOCKED;
        }

        if (patience == 0) {
            return BIGCACHE_PIDLOCK_BUSY;
        }

        holder = bigcache_pidlock_await(lock, patience, &dead);

        if (holder && !dead) {
            return BIGCACHE_PIDLOCK_BUSY;
        }

        if (holder && atomic_compare_exchange_strong(lock, &holder, pid)) {
            return BIGCACHE_PIDLOCK_ABANDONED;
        }
    }
}


void
bigcache_pidlock_unlock(bigcache_pidlock_t *lock)
{
    atomic_store(lock, 0);
}


int
bigcache_pidlock_dead(uint32_t pid)
{
    return kill((pid_t) pid, 0) == -1 && errno == ESRCH;
}


/*
 * Waits for the lock.  Returns 0 when it is free.  Otherwise returns the pid of
 * its process: *dead is 1 if that process has died, or 0 if it has not given
 * up the lock in time.
 */

static uint32_t
bigcache_pidlock_await(bigcache_pidlock_t *lock, unsigned patience, int *dead)
{
    int64_t   begin;
    unsigned  n;
    uint32_t  holder;

    begin = 0;
    *dead = 0;

    for (n = 1; /* void */ ; n++) {

        holder = atomic_load(lock);

        if (holder == 0) {
            return 0;
        }

        if (n % BIGCACHE_PIDLOCK_SPIN) {
            continue;
        }

        if (bigcache_pidlock_dead(holder)) {
            *dead = 1;
            return holder;
        }

        begin = begin ? begin : bigcache_time_monotonic();

        if (bigcache_time_monotonic() - begin > (int64_t) patience) {
            return holder;
        }

        (void) sched_yield();
    }
}
