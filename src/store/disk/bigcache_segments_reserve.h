
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reserves ranges of segments for writers.  Blocks; any thread.
 */


#ifndef _BIGCACHE_SEGMENTS_RESERVE_H_INCLUDED_
#define _BIGCACHE_SEGMENTS_RESERVE_H_INCLUDED_


#include "bigcache_segments.h"


/*
 * Reserves size bytes, a multiple of BIGCACHE_SEGMENT_ALIGN.  Returns
 * BIGCACHE_OK, and the caller must call bigcache_segments_done(); or
 * BIGCACHE_FULL or BIGCACHE_ERROR, and errno.
 */
bigcache_rc_t bigcache_segments_reserve(bigcache_segments_t *segments,
    uint64_t size, bigcache_place_t *place);


#endif /* _BIGCACHE_SEGMENTS_RESERVE_H_INCLUDED_ */
