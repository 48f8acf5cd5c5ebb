
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Removes many keys, or marks them as stale, by one write to the index, with
 * the locks of all of them held; for purges.  A removal belongs to one thread
 * inside the store. bigcache_key_removal_run() blocks on the disk.
 */


#ifndef _BIGCACHE_KEY_REMOVAL_H_INCLUDED_
#define _BIGCACHE_KEY_REMOVAL_H_INCLUDED_


#include "bigcache_key_read.h"


typedef struct bigcache_key_removal_s  bigcache_key_removal_t;


/* returns an empty removal, to be freed by free(), or NULL if out of memory */

bigcache_key_removal_t *bigcache_key_removal_create(void);

/*
 * Notes which locks have seen which writes, so that a walk which begins after
 * this call may give the records that it finds.  REQUIRES: the removal is
 * empty.  Waits for the locks of all keys.
 */
void bigcache_key_removal_look(bigcache_store_t *store,
    bigcache_key_removal_t *removal);

/*
 * Copies the key, unless it is there already, and returns 1; or returns 0 if
 * the removal is full.  value is the record of the key, read after
 * bigcache_key_removal_look(), or in a walk that began after that and finds
 * each key once; or NULL.  It spares a read with the locks held, if nothing was
 * written under the lock of the key since.  expire is the expiry time that has
 * led to the key: with match->expired, no record with another time matches.
 */
int bigcache_key_removal_add(bigcache_key_removal_t *removal,
    const bigcache_str_t *key, const bigcache_str_t *value, int64_t expire);

/*
 * Removes the records of all keys that match, or none of them, and empties the
 * removal.  If match->selector is a soft one, marks them as stale since
 * match->before instead, but for those that have a mark.  Adds to *live and
 * *expired what bigcache_key_remove() would have returned for each key.
 * Returns BIGCACHE_OK, BIGCACHE_NOMEM, BIGCACHE_FULL or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_removal_run(bigcache_store_t *store,
    bigcache_key_removal_t *removal, const bigcache_match_t *match,
    uint64_t *live, uint64_t *expired);


#endif /* _BIGCACHE_KEY_REMOVAL_H_INCLUDED_ */
