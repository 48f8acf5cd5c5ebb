
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Space comes back.  A segment of which nothing is alive is unlinked; one of
 * which less than a half is alive is compacted: what is alive moves to the
 * active segment, at a bounded rate, then it is unlinked.  Over the limits of
 * the configuration the oldest segments are evicted whole, with the keys that
 * lie there.
 *
 * For the store's thread alone; all of it gives up when the store is drained
 * and goes on later.
 */


#ifndef _BIGCACHE_COMPACT_H_INCLUDED_
#define _BIGCACHE_COMPACT_H_INCLUDED_


#include "bigcache_store.h"


/*
 * Works on one segment.  Returns the milliseconds until there may be more to
 * do.
 */
unsigned bigcache_compact_work(bigcache_store_t *store);

/* the same for the limits; it comes first */

unsigned bigcache_evict_work(bigcache_store_t *store);

/* tells whether segments alone are near max_size; any thread */

int bigcache_evict_due(bigcache_store_t *store);


#endif /* _BIGCACHE_COMPACT_H_INCLUDED_ */
