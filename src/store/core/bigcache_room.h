
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Room for what is to be stored: whether there is any, and places in
 * segments.  For threads inside the store; all of it may block.
 */


#ifndef _BIGCACHE_ROOM_H_INCLUDED_
#define _BIGCACHE_ROOM_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_segments.h"


/* returns BIGCACHE_OK if pages can be stored, or why not */

bigcache_rc_t bigcache_store_writable(bigcache_store_t *store);

/* over max_size a writer waits for what is evicted, but not for ever */

void bigcache_store_limit(bigcache_store_t *store);

/*
 * Reserves size bytes, as bigcache_segments_reserve() does, and says so to
 * those who look at the limits; what fails is logged.  These two are also
 * those of bigcache_bodies_t, and data is the store.
 */
bigcache_rc_t bigcache_store_reserve(void *data, uint64_t size,
    bigcache_place_t *place);
void bigcache_store_done(void *data, const bigcache_place_t *place);

/*
 * Returns the bytes of the disk to keep in reserve: what the index and the
 * compaction of a segment need, but a part of max_size at most.
 */
uint64_t bigcache_store_spare(bigcache_store_t *store);


#endif /* _BIGCACHE_ROOM_H_INCLUDED_ */
