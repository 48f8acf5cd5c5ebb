
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Frees disk space.  A segment with no live page is unlinked.  A segment of
 * which less than half is live is compacted: its live pages are moved to the
 * active segment, at a bounded rate, then it is unlinked.  While the disk is
 * full, compaction begins earlier, but only if there is space for the pages
 * that move.
 *
 * Only the store's thread may call it.  All of it stops when the store is
 * drained, and continues after the next opening.
 */


#ifndef _BIGCACHE_COMPACT_H_INCLUDED_
#define _BIGCACHE_COMPACT_H_INCLUDED_


#include "bigcache_background.h"
#include "bigcache_conf.h"
#include "bigcache_key.h"
#include "bigcache_scan.h"


/* a segment is compacted if less than this share of it is live */

#define BIGCACHE_COMPACT_SPARSE  0.5

/* the same, while the disk is full */

#define BIGCACHE_COMPACT_FULL    0.875


/* the data of the handler of bigcache_compact() */

typedef struct {
    bigcache_store_t  *store;
    int                fd;         /* of the segment, -1: it has no file */
    bigcache_match_t   from;       /* the segment, and the entry */
    uint64_t           copied;     /* bytes since the last pause */
    uint64_t           expired;    /* pages that were removed for that */
    uint64_t           n;          /* pages that were moved or removed */
    uint64_t           lost;
    uint64_t           unread;     /* pages that cannot be read now */
    unsigned           evict:1;    /* all go, whether they can be or not */

    bigcache_background_pace_t  pace;
} bigcache_compact_t;


/*
 * Unlinks some segments with no live page.  Returns 1; or 0 if there are none,
 * if none can be removed, or if the pages that replaced theirs cannot be
 * synced.
 */
int bigcache_compact_empty(bigcache_store_t *store);

/*
 * Compacts one segment.  Returns the milliseconds until there may be more to
 * do.
 */
unsigned bigcache_compact_work(bigcache_store_t *store);

/*
 * Calls handler for each entry of a segment; the handler must move or remove
 * the page.  When that is durable, the caller may unlink the segment.  If a
 * page cannot be read, it stays, and so must the segment: BIGCACHE_ERROR.
 * Returns BIGCACHE_OK, and in *n the pages that were moved or removed;
 * BIGCACHE_UNAVAILABLE if the store is drained; BIGCACHE_FULL, BIGCACHE_ERROR,
 * BIGCACHE_DAMAGED or BIGCACHE_NOMEM.
 */
bigcache_rc_t bigcache_compact(bigcache_store_t *store,
    const bigcache_usage_t *usage, bigcache_scan_pt handler, uint64_t *n);

/* returns 1 if a removal failed, 0 if it did not or nothing was to remove */

int bigcache_compact_failed(bigcache_rc_t rc);


#endif /* _BIGCACHE_COMPACT_H_INCLUDED_ */
