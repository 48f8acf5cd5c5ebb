
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Syncs segments.  Blocks; any thread.
 */


#ifndef _BIGCACHE_SEGMENTS_SYNC_H_INCLUDED_
#define _BIGCACHE_SEGMENTS_SYNC_H_INCLUDED_


#include "bigcache_segments.h"


/*
 * Syncs all segments that were written to, and the names of new ones.  If the
 * sync of a segment fails, it takes no more entries: the kernel may have
 * dropped what it could not write.  All calls then fail until the segment has
 * no live page left, except for pages that cannot be read.  Returns
 * BIGCACHE_OK; or BIGCACHE_FULL or BIGCACHE_ERROR, and the reason in error.
 */
bigcache_rc_t bigcache_segments_sync(bigcache_segments_t *segments,
    char *error);


#endif /* _BIGCACHE_SEGMENTS_SYNC_H_INCLUDED_ */
