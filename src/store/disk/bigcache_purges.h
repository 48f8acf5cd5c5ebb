
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The list of purges that are under way.
 *
 * A purge is a selector, ../../cache/bigcache_selector.h, and a version.  It
 * covers all pages that are selected and older than the version.  These pages
 * are gone, or stale if the purge is a soft one, as soon as the purge is on the
 * list: each read of a record looks there.  bigcache_purge.h then removes or
 * marks their records, and takes the purge off the list.
 *
 * The origin of a page says how old it is.  A page that is made of another
 * one, by a touch or an increment, is as old as that one.  Else a purge would
 * miss it if it was made after the purge took its version and before the purge
 * was on the list.
 *
 * While a purge is under way it is in the index, too, so that the next owner
 * continues it if this process dies; and beside the hot index, if there is one,
 * so that event loops leave the pages that it may cover to a thread.
 *
 * The list has a lock of its own and knows no store.  Any thread.  Only
 * bigcache_purges_load() and bigcache_purges_begun() block.
 */


#ifndef _BIGCACHE_PURGES_H_INCLUDED_
#define _BIGCACHE_PURGES_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_hot.h"
#include "bigcache_index.h"


typedef struct bigcache_purge_s  bigcache_purge_t;

struct bigcache_purge_s {
    bigcache_purge_t     *next;
    uint64_t              version;
    int64_t               claimed_at; /* left to its caller, monotonic ms */
    int                   slot;       /* beside the hot index, -1: none */
    unsigned              busy:1;     /* a thread removes its keys */
    _Atomic uint64_t      replaced;   /* keys replaced before the purge came */
    bigcache_selector_t   selector;
    bigcache_str_t        bytes;      /* the same, encoded */
    u_char                data[];     /* of them */
};

/* lists of purges: one of those without a tag, the others by its hash */

#define BIGCACHE_PURGES_LISTS  257

/*
 * the lock is for the lists and the busy bits; nearly always they are empty
 */

typedef struct {
    pthread_rwlock_t      lock;
    bigcache_hot_t       *hot;        /* constant; NULL: none */
    _Atomic unsigned      n;
    _Atomic unsigned      ended;      /* number of purges that ended, ever */
    _Atomic unsigned      beginning;  /* purges that have a version, or will */
    bigcache_purge_t     *lists[BIGCACHE_PURGES_LISTS];
} bigcache_purges_t;


void bigcache_purges_init(bigcache_purges_t *purges, bigcache_hot_t *hot);
void bigcache_purges_destroy(bigcache_purges_t *purges);

/*
 * Empties the list; no call may be inside the store.  The purges stay beside
 * the hot index, which the next owner may take over.
 */

void bigcache_purges_forget(bigcache_purges_t *purges);

/*
 * Reads the purges of the index into the list.  No call may be inside the
 * store.  If claimed is 1, the keeper first gives their callers some time to
 * come back and run them.  Returns BIGCACHE_OK and in *version the latest of
 * their versions, or 0; or another code and the reason in error.
 */
bigcache_rc_t bigcache_purges_load(bigcache_purges_t *purges,
    bigcache_index_t *index, int claimed, uint64_t *version, char *error);

/*
 * Returns 1 if a purge that removes pages covers that record of the key, or 0.
 * If the record was read without the lock of its key, a purge of it may have
 * ended since: purges->ended has changed then.
 */
int bigcache_purges_covers(bigcache_purges_t *purges,
    const bigcache_str_t *key, const bigcache_record_t *record);

/*
 * The same, and if only a soft purge covers the record, marks it as that purge
 * will.
 */
int bigcache_purges_apply(bigcache_purges_t *purges,
    const bigcache_str_t *key, bigcache_record_t *record);

/* marks a record as stale since that version; does nothing if it is marked */

void bigcache_purges_mark(bigcache_record_t *record, uint64_t version);

/*
 * The same for a caller that already has a version: waits for purges that may
 * have an earlier version but are not on the list yet.  The caller must not
 * hold the mutex of the import.
 */
int bigcache_purges_begun(bigcache_purges_t *purges,
    const bigcache_str_t *key, const bigcache_record_t *record);

/*
 * Counts, for the purge that covers the record, that the record was replaced
 * before the purge reached it.  REQUIRES: key lock held.
 */
void bigcache_purges_replaced(bigcache_purges_t *purges,
    const bigcache_str_t *key, const bigcache_record_t *record);

/*
 * Returns a purge that is on no list, or NULL if out of memory.  claimed as
 * above.
 */
bigcache_purge_t *bigcache_purges_create(const bigcache_selector_t *selector,
    uint64_t version, int claimed);

/* adds a purge to the list; takes it off the list and frees it */

void bigcache_purges_add(bigcache_purges_t *purges, bigcache_purge_t *purge);
void bigcache_purges_remove(bigcache_purges_t *purges,
    bigcache_purge_t *purge);

/*
 * Gives a purge of that version to the caller alone.  The caller must end it
 * by bigcache_purges_remove() or give it back by bigcache_purges_let_go().
 * Returns BIGCACHE_OK; BIGCACHE_MISS if there is none; BIGCACHE_AGAIN if
 * other threads have all that there are.
 */
bigcache_rc_t bigcache_purges_claim(bigcache_purges_t *purges,
    uint64_t version, bigcache_purge_t **purge);

/*
 * the same for any purge whose caller is not awaited any more; or returns NULL
 */

bigcache_purge_t *bigcache_purges_next(bigcache_purges_t *purges);

/* gives the purge back: it stays in effect, and the keeper ends it later */

void bigcache_purges_let_go(bigcache_purges_t *purges,
    bigcache_purge_t *purge);


#endif /* _BIGCACHE_PURGES_H_INCLUDED_ */
