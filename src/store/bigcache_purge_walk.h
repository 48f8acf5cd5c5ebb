
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Finds the keys of a purge in the index, and removes or marks them.  Its cost
 * is that of the keys it finds, not of all keys: those of a tag by the names of
 * tags, those of a host by a look for each scheme and each port that the host
 * has pages of.  Blocks on the disk.  A thread inside the store that has
 * claimed the purge.
 */


#ifndef _BIGCACHE_PURGE_WALK_H_INCLUDED_
#define _BIGCACHE_PURGE_WALK_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_purges.h"


/*
 * Adds to *live and *expired, whatever it returns: BIGCACHE_OK when nothing is
 * left of the purge; BIGCACHE_UNAVAILABLE if the store is drained;
 * BIGCACHE_NOMEM, BIGCACHE_FULL, BIGCACHE_DAMAGED or BIGCACHE_ERROR.
 */
bigcache_rc_t bigcache_purge_walk(bigcache_store_t *store,
    const bigcache_purge_t *purge, uint64_t *live, uint64_t *expired);


#endif /* _BIGCACHE_PURGE_WALK_H_INCLUDED_ */
