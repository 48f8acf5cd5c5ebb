
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Places in segments to write to; and the ballast, a file that keeps space on
 * the disk for when it is full.  Threads inside the store.  All calls may
 * block.
 */


#ifndef _BIGCACHE_PLACE_H_INCLUDED_
#define _BIGCACHE_PLACE_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_segments.h"


/* bytes that LevelDB needs at first, whatever it stores */

#define BIGCACHE_PLACE_INDEX_MIN     (1024 * 1024)


/*
 * If the store has reached max_size, or a few segments less than min_free are
 * free, waits until something is evicted, for conf.wait milliseconds at most.
 */
void bigcache_place_limit(bigcache_store_t *store);

/*
 * Reserves size bytes, as bigcache_segments_reserve() does, and wakes the
 * keeper if a segment was begun.  A failure is logged.  These two are the
 * functions of bigcache_bodies_t; data is the store.
 */
bigcache_rc_t bigcache_place_reserve(void *data, uint64_t size,
    bigcache_place_t *place);
void bigcache_place_release(void *data, const bigcache_place_t *place);

/* returns the bytes that the index may need on a full disk */

uint64_t bigcache_place_index_room(bigcache_store_t *store);

/*
 * Returns the bytes of the ballast: enough for the index and for the
 * compaction of a segment, but at most a part of max_size.
 */
uint64_t bigcache_place_ballast_size(bigcache_store_t *store);

/* makes the ballast if it is not there; logs why it could not */

void bigcache_place_keep_ballast(bigcache_store_t *store);


#endif /* _BIGCACHE_PLACE_H_INCLUDED_ */
