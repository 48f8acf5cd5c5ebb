
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opens the segments of a store: finds what is in the directory.  Blocks.
 */


#ifndef _BIGCACHE_SEGMENTS_OPEN_H_INCLUDED_
#define _BIGCACHE_SEGMENTS_OPEN_H_INCLUDED_


#include "bigcache_segments.h"


/*
 * Finds the segments in the directory path; a new segment will have size
 * bytes.  The caller must not destroy files before the segments are closed.
 * All segments are sealed, and their live bytes are 0 until they are counted.
 * Returns BIGCACHE_OK and *segments, or BIGCACHE_ERROR and the reason.
 */
bigcache_rc_t bigcache_segments_open(bigcache_segments_t **segments,
    const char *path, uint64_t size, bigcache_files_t *files,
    const bigcache_log_t *log, char *error);


#endif /* _BIGCACHE_SEGMENTS_OPEN_H_INCLUDED_ */
