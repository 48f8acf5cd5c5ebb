
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Changes to what is stored under one key.  Each is made under the lock of
 * the key, sees what is there first, and keeps the count of keys, the bytes
 * alive in segments and the expiry times exact.  Versions are given out under
 * the lock, so that a later write has a later one.  Any thread inside the
 * store; they block on the disk.
 */


#ifndef _BIGCACHE_KEY_H_INCLUDED_
#define _BIGCACHE_KEY_H_INCLUDED_


#include "bigcache_body.h"
#include "bigcache_key_read.h"


/*
 * Stores the draft, if the page under the key is as expect says.  The place of
 * the draft must stay reserved meanwhile.  retry_floor: as in
 * bigcache_remote.h.  Returns
 * BIGCACHE_OK, BIGCACHE_MISMATCH, BIGCACHE_FULL or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_replace(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t retry_floor,
    bigcache_draft_t *draft);

/*
 * Removes the page, if it matches.  Returns BIGCACHE_OK if it was live, or if
 * match->before is set and it was live before its purge; BIGCACHE_EXPIRED if it
 * had expired; BIGCACHE_MISS if there was nothing, or it was purged or damaged;
 * BIGCACHE_MISMATCH,
 * BIGCACHE_FULL or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_remove(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_match_t *match);

/*
 * Makes the record that matches from name the new place of its page.  Returns
 * BIGCACHE_OK, BIGCACHE_MISMATCH if there is another record by now,
 * BIGCACHE_FULL or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_move(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_match_t *from,
    const bigcache_place_t *place);

/*
 * The page of the record damaged cannot be read.  If a crash may have kept it
 * from the disk, the page that it replaced comes back, if that can be read,
 * which is done without the lock of the key: it may be large.  Returns
 * BIGCACHE_OK if it did; BIGCACHE_MISS or BIGCACHE_DAMAGED if there is none;
 * BIGCACHE_MISMATCH if there is another record by now; BIGCACHE_UNAVAILABLE if
 * the store is being drained or has to be opened anew; BIGCACHE_FULL or
 * BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_revert(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *damaged);

/* drops an expiry time that no record has any more */

bigcache_rc_t bigcache_key_forget(bigcache_store_t *store,
    const bigcache_str_t *key, int64_t expire);

/*
 * Waits until every change that has its version by now is in the index.
 */
void bigcache_key_settle(bigcache_store_t *store);


#endif /* _BIGCACHE_KEY_H_INCLUDED_ */
