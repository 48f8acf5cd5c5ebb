
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Changes to what is stored under one key.  Each takes the lock of the key,
 * looks at what is there, and updates the count of keys, the live bytes of
 * segments and the expiry times.  Versions are given out under the lock, so a
 * later write has a later version.  Any thread inside the store; all calls
 * block on the disk.
 */


#ifndef _BIGCACHE_KEY_H_INCLUDED_
#define _BIGCACHE_KEY_H_INCLUDED_


#include "bigcache_body.h"
#include "bigcache_key_read.h"


/*
 * Stores the draft, if the page under the key is what expect says.  The place
 * of the draft must stay reserved until this returns.  retry_floor: see
 * bigcache_remote.h.  Returns BIGCACHE_OK, BIGCACHE_MISMATCH, BIGCACHE_FULL or
 * BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_replace(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t retry_floor,
    bigcache_draft_t *draft);

/*
 * Removes the page, if it matches.  Returns BIGCACHE_OK if it was live, or if
 * match->before is set and it was live before its purge; BIGCACHE_EXPIRED if
 * it had expired; BIGCACHE_MISS if there was nothing, or it was purged or
 * damaged; BIGCACHE_MISMATCH, BIGCACHE_FULL or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_remove(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_match_t *match);

/*
 * Sets the place in the record that matches from.  Returns BIGCACHE_OK;
 * BIGCACHE_MISMATCH if there is another record by now; BIGCACHE_FULL or
 * BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_move(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_match_t *from,
    const bigcache_place_t *place);

/*
 * The page of the record damaged cannot be read.  If a crash may have kept it
 * from the disk, brings back the page that it replaced, if that one can be
 * read.  That is read without the lock of the key, since it may be large.
 * Returns BIGCACHE_OK if it is back; BIGCACHE_MISS or BIGCACHE_DAMAGED if
 * there is none; BIGCACHE_MISMATCH if there is another record by now;
 * BIGCACHE_UNAVAILABLE if the store is drained or has to be opened again;
 * BIGCACHE_FULL or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_revert(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *damaged);

/* removes an expiry time that no record has any more */

bigcache_rc_t bigcache_key_forget(bigcache_store_t *store,
    const bigcache_str_t *key, int64_t expire);

/*
 * Writes the names of the key's tags, which a repair may have lost.  Returns
 * BIGCACHE_OK, BIGCACHE_NOMEM or bigcache_fault_rc().  A failure is logged.
 */
bigcache_rc_t bigcache_key_name_tags(bigcache_store_t *store,
    const bigcache_str_t *key);

/* waits until the index has every change that has been given a version */
void bigcache_key_settle(bigcache_store_t *store);


#endif /* _BIGCACHE_KEY_H_INCLUDED_ */
