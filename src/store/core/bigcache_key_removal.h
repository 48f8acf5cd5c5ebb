
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Many keys that are removed by one write to the index, with all of their
 * locks held: for purges.  A removal belongs to one thread, inside the store;
 * to run it blocks on the disk.
 */


#ifndef _BIGCACHE_KEY_REMOVAL_H_INCLUDED_
#define _BIGCACHE_KEY_REMOVAL_H_INCLUDED_


#include "bigcache_key_read.h"


typedef struct bigcache_key_removal_s  bigcache_key_removal_t;


/* returns an empty one, which free() ends, or NULL if there is no memory */

bigcache_key_removal_t *bigcache_key_removal_create(void);

/* returns 1, and has a copy of the key; or 0, it is full, of a few dozen */

int bigcache_key_removal_add(bigcache_key_removal_t *removal,
    const bigcache_str_t *key);

/*
 * Removes what is there, if it matches, all or nothing, and empties the
 * removal.  Adds to *live and *expired what bigcache_key_remove() of each key
 * would have returned.  Returns BIGCACHE_OK, BIGCACHE_FULL or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_key_removal_run(bigcache_store_t *store,
    bigcache_key_removal_t *removal, const bigcache_match_t *match,
    uint64_t *live, uint64_t *expired);


#endif /* _BIGCACHE_KEY_REMOVAL_H_INCLUDED_ */
