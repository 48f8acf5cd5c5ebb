
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Picks segments for eviction and compaction.  Never blocks on the disk; any
 * thread.
 */


#ifndef _BIGCACHE_SEGMENTS_PICK_H_INCLUDED_
#define _BIGCACHE_SEGMENTS_PICK_H_INCLUDED_


#include "bigcache_segments.h"


/*
 * Finds up to n segments that are sealed, not pinned, and have no live bytes.
 * Skips those whose removal has just failed.  Returns how many, and their
 * usage.
 */
size_t bigcache_segments_pick_empty(bigcache_segments_t *segments,
    bigcache_usage_t *usage, size_t n);

/*
 * Pick a segment that is sealed and not pinned.  Return 1 and *usage, or 0.
 *
 * sparse: one that could not be synced and has live bytes; else the one with
 * the smallest live share, if that is less than most.  It has at most room
 * live bytes.
 *
 * oldest: the oldest one; or none if its removal has just failed.
 */
int bigcache_segments_pick_sparse(bigcache_segments_t *segments, double most,
    uint64_t room, bigcache_usage_t *usage);
int bigcache_segments_pick_oldest(bigcache_segments_t *segments,
    bigcache_usage_t *usage);


#endif /* _BIGCACHE_SEGMENTS_PICK_H_INCLUDED_ */
