
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Picks segments for the eviction and the compaction.  Never blocks on the
 * disk; any thread.
 */


#ifndef _BIGCACHE_SEGMENTS_PICK_H_INCLUDED_
#define _BIGCACHE_SEGMENTS_PICK_H_INCLUDED_


#include "bigcache_segments.h"


/*
 * Finds up to n segments that are sealed and not pinned and of which nothing
 * is alive, and none that cannot be removed now.  Returns how many, and *usage
 * of each.
 */
size_t bigcache_segments_pick_empty(bigcache_segments_t *segments,
    bigcache_usage_t *usage, size_t n);

/*
 * Pick a segment that is sealed and not pinned: one that could not be synced
 * and of which something is alive, or else that of which least is alive, if
 * that is under the share most, and in any case not over room bytes; the
 * oldest, but none while the oldest is empty and cannot be removed.  Return 1
 * and *usage, or 0.
 */
int bigcache_segments_pick_sparse(bigcache_segments_t *segments, double most,
    uint64_t room, bigcache_usage_t *usage);
int bigcache_segments_pick_oldest(bigcache_segments_t *segments,
    bigcache_usage_t *usage);


#endif /* _BIGCACHE_SEGMENTS_PICK_H_INCLUDED_ */
