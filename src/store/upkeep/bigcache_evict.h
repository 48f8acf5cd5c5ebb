
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The limits of a store, max_size and min_free: over them the oldest segments
 * are evicted, with all keys whose pages are there.  Empty pages, and the small
 * ones that earlier releases stored inside the index, are not evicted.
 */


#ifndef _BIGCACHE_EVICT_H_INCLUDED_
#define _BIGCACHE_EVICT_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Evicts one segment, if a limit requires that.  For the store's thread: it
 * stops when the store is drained, and continues later.  Returns the
 * milliseconds until there may be more to do.
 */
unsigned bigcache_evict_work(bigcache_store_t *store);

#endif /* _BIGCACHE_EVICT_H_INCLUDED_ */
