
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads a segment from its beginning to its end.  It finds all entries,
 * whether or not the index names them, and skips all other bytes.  Blocks on
 * the disk.  Any thread that keeps the file open.
 */


#ifndef _BIGCACHE_SCAN_H_INCLUDED_
#define _BIGCACHE_SCAN_H_INCLUDED_


#include <stdatomic.h>

#include "bigcache_rc.h"
#include "bigcache_segment.h"


/*
 * Called for an entry, which lies at offset and has size bytes.  The entry
 * points to memory of the scan, which is valid during the call.  Returns
 * BIGCACHE_OK to go on; anything else ends the scan.
 */
typedef bigcache_rc_t (*bigcache_scan_pt)(void *data,
    const bigcache_entry_t *entry, uint64_t offset, uint64_t size);


/*
 * Scans the first size bytes of fd, until *stop is set; stop may be NULL.
 * Checks *stop also between entries, which may be gigabytes apart.  Returns
 * BIGCACHE_OK, what the handler returned, BIGCACHE_UNAVAILABLE if *stop was
 * set, BIGCACHE_NOMEM, or BIGCACHE_ERROR and errno.
 */
bigcache_rc_t bigcache_scan(int fd, uint64_t size, bigcache_scan_pt handler,
    void *data, _Atomic int *stop);


#endif /* _BIGCACHE_SCAN_H_INCLUDED_ */
