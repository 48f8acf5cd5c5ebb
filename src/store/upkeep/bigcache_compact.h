
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Space comes back.  A segment of which nothing is alive is unlinked; one of
 * which less than a half is alive is compacted: what is alive moves to the
 * active segment, at a bounded rate, then it is unlinked.  While the disk is
 * full that begins earlier, but only where there is room for what moves.
 *
 * For the store's thread alone; all of it gives up when the store is drained
 * and goes on later.
 */


#ifndef _BIGCACHE_COMPACT_H_INCLUDED_
#define _BIGCACHE_COMPACT_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_key.h"
#include "bigcache_scan.h"


/* the share of a segment that is alive under which it is compacted */

#define BIGCACHE_COMPACT_SPARSE  0.5

/* the same, while the disk is full */

#define BIGCACHE_COMPACT_FULL    0.875


/* what the handler of bigcache_compact() is given as data */

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
} bigcache_compact_t;


/*
 * Unlinks segments of which nothing is alive, some at a time.  Returns 1, or 0
 * if there are none, or none that can be removed, or if what took the place of
 * their pages cannot be synced.
 */
int bigcache_compact_empty(bigcache_store_t *store);

/*
 * Compacts one segment.  Returns the milliseconds until there may be more to
 * do.
 */
unsigned bigcache_compact_work(bigcache_store_t *store);

/*
 * Calls handler for each entry of a segment, which is to move or to remove it;
 * then the caller may unlink the segment, when that is durable.  A page that
 * cannot be read stays, and the segment with it: BIGCACHE_ERROR.  Returns
 * BIGCACHE_OK and *n pages moved or removed; BIGCACHE_UNAVAILABLE when the
 * store is drained, BIGCACHE_FULL, BIGCACHE_ERROR, BIGCACHE_DAMAGED or
 * BIGCACHE_NOMEM.
 */
bigcache_rc_t bigcache_compact(bigcache_store_t *store,
    const bigcache_usage_t *usage, bigcache_scan_pt handler, uint64_t *n);

/* tells whether a removal failed; it did not if there was nothing to remove */

int bigcache_compact_failed(bigcache_rc_t rc);


#endif /* _BIGCACHE_COMPACT_H_INCLUDED_ */
