
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The record that comes back if the one that went over it did not reach the
 * disk with its entry.
 *
 * A round of all, bigcache_sync.h, makes durable what is complete when it
 * begins.  It cuts the versions of the keys of each lock, under that lock: a
 * record up to the cut is complete, a later one is not of this round.  A record
 * that is written while the round is under way does not know how it ends.  So
 * it carries two: the one that the round makes durable, and in that, should the
 * round fail, the one that is durable already.  After the round the first is
 * enough.
 *
 * So when a round has ended well, no record needs a page that was replaced
 * before it began, and the segment of that page may go.
 */


#ifndef _BIGCACHE_PREVIOUS_H_INCLUDED_
#define _BIGCACHE_PREVIOUS_H_INCLUDED_


#include "bigcache_key_read.h"


/*
 * What is to be carried, and the memory that it lies in, if any:
 * bigcache_previous_free() frees that.
 */
typedef struct {
    bigcache_str_t     record;
    u_char            *memory[2];
} bigcache_previous_t;


/*
 * Says what a record that goes over old, a live one whose bytes are at value,
 * has to carry.  The caller must hold the lock of the key, and keep old and
 * value for as long as the result.  Returns BIGCACHE_OK or BIGCACHE_NOMEM; the
 * caller must call bigcache_previous_free() in any case.
 */
bigcache_rc_t bigcache_previous_carry_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_old_t *old,
    const bigcache_str_t *value, bigcache_previous_t *previous);
void bigcache_previous_free(bigcache_previous_t *previous);

/*
 * Returns 1 if a record of the key is durable, with the entry that it names,
 * or 0.  The caller must hold the lock of the key, unless the keys are not
 * counted yet.
 */
int bigcache_previous_durable_locked(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record);

/*
 * Begins a round: cuts the versions of all keys, and waits until every change
 * up to there is in the index.  bigcache_previous_end() ends the round; durable
 * says whether all that is durable now.  The caller must hold no lock of a key.
 */
void bigcache_previous_begin(bigcache_store_t *store);
void bigcache_previous_end(bigcache_store_t *store, int durable);

/*
 * Returns 1 if it may be that a crash kept the entry from the disk, but not
 * the record, or 0.  That stays so when store->synced moves on.
 */
int bigcache_previous_torn(bigcache_store_t *store,
    const bigcache_record_t *record);


#endif /* _BIGCACHE_PREVIOUS_H_INCLUDED_ */
