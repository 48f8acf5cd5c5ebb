
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads through a segment, entry by entry, whether the index names them or
 * not, and over what is no entry.  Blocks on the disk; any thread, while the
 * file is open.
 */


#ifndef _BIGCACHE_SCAN_H_INCLUDED_
#define _BIGCACHE_SCAN_H_INCLUDED_


#include <stdatomic.h>

#include "bigcache_rc.h"
#include "bigcache_segment.h"


/*
 * Told of an entry, at offset, of size bytes; its memory is the scan's, for
 * the time of the call.  Returns BIGCACHE_OK to go on.
 */
typedef bigcache_rc_t (*bigcache_scan_pt)(void *data,
    const bigcache_entry_t *entry, uint64_t offset, uint64_t size);


/*
 * Scans the size bytes of fd, until stop is set, which may be NULL; there may
 * be gigabytes without an entry.  Returns BIGCACHE_OK, what the handler ended
 * it with, BIGCACHE_UNAVAILABLE if it was stopped, BIGCACHE_NOMEM, or
 * BIGCACHE_ERROR and errno.
 */
bigcache_rc_t bigcache_scan(int fd, uint64_t size, bigcache_scan_pt handler,
    void *data, _Atomic int *stop);


#endif /* _BIGCACHE_SCAN_H_INCLUDED_ */
