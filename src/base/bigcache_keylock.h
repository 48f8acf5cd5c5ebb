
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Locks of keys, for the threads of one process.  A few keys share a lock.  An
 * operation is brief or not, as its caller says: the two have locks of their
 * own, so that a brief one never waits for one that may take long.
 *
 * Any thread but that of an event loop.
 */


#ifndef _BIGCACHE_KEYLOCK_H_INCLUDED_
#define _BIGCACHE_KEYLOCK_H_INCLUDED_


#include <pthread.h>

#include "bigcache_str.h"


#define BIGCACHE_KEYLOCKS  64


typedef struct {
    pthread_mutex_t   brief[BIGCACHE_KEYLOCKS];
    pthread_mutex_t   others[BIGCACHE_KEYLOCKS];
} bigcache_keylock_t;


void bigcache_keylock_init(bigcache_keylock_t *locks);

/* none may be taken */

void bigcache_keylock_destroy(bigcache_keylock_t *locks);

/*
 * Takes the lock of a key.  Returns what the caller must give to
 * bigcache_keylock_give(), or NULL if a second was not long enough to get it.
 */
pthread_mutex_t *bigcache_keylock_take(bigcache_keylock_t *locks,
    const bigcache_str_t *key, int brief);
void bigcache_keylock_give(pthread_mutex_t *lock);


#endif /* _BIGCACHE_KEYLOCK_H_INCLUDED_ */
