
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The list of purges by prefix that are under way.
 *
 * A purge is a prefix and a version: pages whose key begins with the prefix and
 * that are older than the version are gone as soon as the purge is on the list,
 * which each read of a record asks.  bigcache_purge.h then removes their
 * records, and takes the purge off the list.
 *
 * The origin of a page says how old it is.  A page that is made of another one,
 * by a touch or an increment, is as old as that one: else it would slip through
 * a purge that has its version, but is not on the list yet.
 *
 * While a purge is under way it is in the index, too, so that the next process
 * goes on with it if this one dies.
 *
 * The list has a lock of its own and knows no store.  Any thread.  Only
 * bigcache_purges_load() and bigcache_purges_begun() block.
 */


#ifndef _BIGCACHE_PURGES_H_INCLUDED_
#define _BIGCACHE_PURGES_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_index.h"


typedef struct bigcache_purge_s  bigcache_purge_t;

struct bigcache_purge_s {
    bigcache_purge_t   *next;
    uint64_t            version;
    int64_t             claimed_at; /* its caller comes, monotonic ms; or 0 */
    unsigned            busy:1;     /* a thread removes its keys */
    _Atomic uint64_t    replaced;   /* keys that are not there to remove */
    bigcache_str_t      prefix;
    u_char              data[];     /* of the prefix */
};

/* the lock is for the list and for the busy bits; it is nearly always empty */

typedef struct {
    pthread_rwlock_t    lock;
    _Atomic unsigned    n;
    _Atomic unsigned    ended;      /* so many have ended, ever */
    _Atomic unsigned    beginning;  /* have a version, or are about to */
    bigcache_purge_t   *first;
} bigcache_purges_t;


void bigcache_purges_init(bigcache_purges_t *purges);
void bigcache_purges_destroy(bigcache_purges_t *purges);

/* empties the list; for a store that no call is inside of */

void bigcache_purges_forget(bigcache_purges_t *purges);

/*
 * Puts the purges that are in the index on the list; for a store that no call
 * is inside of.  claimed: the keeper gives their callers a while to come back
 * and run them.  Returns BIGCACHE_OK, and in *version that of the latest of
 * them, 0 if there is none; or another code and the reason in error.
 */
bigcache_rc_t bigcache_purges_load(bigcache_purges_t *purges,
    bigcache_index_t *index, int claimed, uint64_t *version, char *error);

/*
 * Returns 1 if a page of key, of that origin, is purged, or 0.  If the record
 * was read without the lock of its key, a purge of it may have ended since:
 * then purges->ended is not what it was before the read.
 */
int bigcache_purges_covers(bigcache_purges_t *purges,
    const bigcache_str_t *key, uint64_t origin);

/*
 * The same for a caller that has taken a version before: waits for purges that
 * may have an earlier one and are not on the list yet.  The caller must not
 * hold bigcache_import_lock().
 */
int bigcache_purges_begun(bigcache_purges_t *purges,
    const bigcache_str_t *key, uint64_t origin);

/*
 * Counts for the purge of a record that the record was replaced before the
 * purge came to it.  The caller must hold the lock of the key.
 */
void bigcache_purges_replaced(bigcache_purges_t *purges,
    const bigcache_str_t *key, uint64_t origin);

/*
 * Returns a purge that is on no list, to be freed, or NULL if there is no
 * memory.  claimed as above.
 */
bigcache_purge_t *bigcache_purges_create(const bigcache_str_t *prefix,
    uint64_t version, int claimed);

/* puts a purge on the list; takes it off and frees it */

void bigcache_purges_add(bigcache_purges_t *purges, bigcache_purge_t *purge);
void bigcache_purges_remove(bigcache_purges_t *purges,
    bigcache_purge_t *purge);

/*
 * Gives the purge of that version to the caller alone, which must end it by
 * bigcache_purges_remove() or give it back by bigcache_purges_let_go().
 * Returns BIGCACHE_OK; BIGCACHE_MISS if there is none; BIGCACHE_AGAIN if
 * another thread has it.
 */
bigcache_rc_t bigcache_purges_claim(bigcache_purges_t *purges,
    uint64_t version, bigcache_purge_t **purge);

/* the same for any purge whose caller is not awaited any more; or NULL */

bigcache_purge_t *bigcache_purges_next(bigcache_purges_t *purges);

/* the purge stays in effect, and the keeper ends it later */

void bigcache_purges_let_go(bigcache_purges_t *purges,
    bigcache_purge_t *purge);


#endif /* _BIGCACHE_PURGES_H_INCLUDED_ */
