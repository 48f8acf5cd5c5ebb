
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Purges by prefix.  A purge is a prefix and a version: what begins with the
 * one and is older than the other is not there any more, from the moment the
 * purge is on the list, which every look at a record asks.  Then its keys are
 * removed from the index, one by one, and the purge leaves the list.
 *
 * How old a page is its origin says: a page that is made of another one, by a
 * touch or a count, is as old as that, or it would slip through a purge that
 * has its version already, but is not on the list yet.
 *
 * It is in the index too while it lasts, so that a process that dies in the
 * middle leaves the rest to the next one.
 */


#ifndef _BIGCACHE_PURGE_H_INCLUDED_
#define _BIGCACHE_PURGE_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_conf.h"


typedef struct bigcache_purge_s  bigcache_purge_t;

/* a lock of its own, for a list that is empty nearly always */

typedef struct {
    pthread_rwlock_t    lock;
    _Atomic unsigned    n;
    _Atomic unsigned    ended;
    _Atomic unsigned    beginning;  /* they have a version, or are to */
    bigcache_purge_t   *first;
} bigcache_purges_t;


void bigcache_purge_init(bigcache_purges_t *purges);

/* forgets the list, when the store is closed and nobody is inside */

void bigcache_purge_forget(bigcache_purges_t *purges);

/* frees all */

void bigcache_purge_destroy(bigcache_purges_t *purges);

/*
 * Puts the purges that the index names on the list, when the store is opened
 * and nobody else is inside.  claimed: their callers may still come to run
 * them, and are awaited for a while.  Returns BIGCACHE_OK, and *version is
 * that of the latest of them, 0 if there is none; or another code and the
 * reason.
 */
bigcache_rc_t bigcache_purge_load(bigcache_purges_t *purges,
    bigcache_index_t *index, int claimed, uint64_t *version, char *error);

/*
 * Tells whether a record of key, of that origin, was purged; any thread.  A
 * record that was read without the lock of its key may have been so by a
 * purge that has ended since: then purges.ended is not what it was before.
 */

int bigcache_purge_covers(bigcache_purges_t *purges,
    const bigcache_str_t *key, uint64_t origin);

/*
 * The same for whoever took a version before: waits for purges that may have an
 * earlier one and are not on the list yet.  Not for holders of import.mutex.
 */
int bigcache_purge_begun(bigcache_purges_t *purges,
    const bigcache_str_t *key, uint64_t origin);

/*
 * Tells the purge of a record that the record was replaced, before the purge
 * came to it; with the lock of the key.
 */
void bigcache_purge_replaced(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t origin);

/*
 * Ends one purge that nobody works on; for the store's thread.  Returns 1 if
 * there may be more, else 0.
 */
int bigcache_purge_work(bigcache_store_t *store);


#endif /* _BIGCACHE_PURGE_H_INCLUDED_ */
