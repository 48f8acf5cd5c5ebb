
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
 * Has the entries of all segments that were written to, and the names of the
 * new ones, reach the disk.  A segment of which that fails takes no more
 * entries: the kernel may have let go of what it did not write.  Until nothing
 * in it is alive, but for pages that cannot be read, the call fails.  Returns
 * BIGCACHE_OK; BIGCACHE_FULL or BIGCACHE_ERROR, and the reason.
 */
bigcache_rc_t bigcache_segments_sync(bigcache_segments_t *segments,
    char *error);


#endif /* _BIGCACHE_SEGMENTS_SYNC_H_INCLUDED_ */
