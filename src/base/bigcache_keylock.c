
/*
 * Copyright (C) bigcache contributors
 */


/* locks of keys */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* pthread_mutex_clocklock() */
#endif

#include <time.h>

#include "bigcache_hash.h"
#include "bigcache_keylock.h"


/* seconds that a thread waits for a lock */

#define BIGCACHE_KEYLOCK_WAIT  1


void
bigcache_keylock_init(bigcache_keylock_t *locks)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_KEYLOCKS; i++) {
        (void) pthread_mutex_init(&locks->brief[i], NULL);
        (void) pthread_mutex_init(&locks->others[i], NULL);
    }
}


void
bigcache_keylock_destroy(bigcache_keylock_t *locks)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_KEYLOCKS; i++) {
        (void) pthread_mutex_destroy(&locks->brief[i]);
        (void) pthread_mutex_destroy(&locks->others[i]);
    }
}


pthread_mutex_t *
bigcache_keylock_take(bigcache_keylock_t *locks, const bigcache_str_t *key,
    int brief)
{
    unsigned          i;
    struct timespec   until;
    pthread_mutex_t  *lock;

    i = bigcache_hash(0, key->data, key->len) % BIGCACHE_KEYLOCKS;

    lock = brief ? &locks->brief[i] : &locks->others[i];

    /* the time of day may be set back */

    (void) clock_gettime(CLOCK_MONOTONIC, &until);

    until.tv_sec += BIGCACHE_KEYLOCK_WAIT;

    return (pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until) == 0)
           ? lock : NULL;
}


void
bigcache_keylock_give(pthread_mutex_t *lock)
{
    (void) pthread_mutex_unlock(lock);
}
