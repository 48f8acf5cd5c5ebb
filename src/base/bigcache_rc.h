
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the calls of the store and of its parts return.  Calls that take an
 * "error" describe a failure there, in BIGCACHE_ERROR_LEN bytes at most.
 */


#ifndef _BIGCACHE_RC_H_INCLUDED_
#define _BIGCACHE_RC_H_INCLUDED_


#define BIGCACHE_ERROR_LEN  256


/*
 * Those up to BIGCACHE_LOST cross the socket between processes, which are of
 * two binaries while nginx is upgraded: their numbers never change, and what
 * comes new goes to the end, with a number of its own.
 */

typedef enum {
    BIGCACHE_OK = 0,
    BIGCACHE_MISS = 1,          /* nothing is stored under the key */
    BIGCACHE_EXPIRED = 2,       /* it was, and this call found it expired */
    BIGCACHE_MISMATCH = 3,      /* not the version that the caller expected */
    BIGCACHE_CLOSED = 4,        /* closed on demand, until opened again */
    BIGCACHE_UNAVAILABLE = 5,   /* not open now, bigcache_store_reason() */
    BIGCACHE_FULL = 6,          /* no room on the disk */
    BIGCACHE_DAMAGED = 7,       /* what lies on the disk fails its checks */
    BIGCACHE_NOMEM = 8,
    BIGCACHE_ERROR = 9,         /* logged */

    /* of the operations, bigcache_op.h */
    BIGCACHE_INVALID = 10,      /* the request says what cannot be done */
    BIGCACHE_RAW = 11,          /* the page is no JSON document */

    /* between processes, bigcache_cache.h; no operation returns them */
    BIGCACHE_HELD = 12,         /* another process has the store open */
    BIGCACHE_STALE = 13,        /* the place of the page is not valid now */
    BIGCACHE_APART = 14,        /* the page is to lie in a segment */
    BIGCACHE_LOST = 15,         /* the process asked did not answer */

    /* of the hot index, and of reads and operations that are to be brief */
    BIGCACHE_AGAIN = 16,        /* it takes a call that may wait */

    /* of the operations, too */
    BIGCACHE_NUMBER = 17,       /* no integer, or it would be too large */
    BIGCACHE_BUSY = 18,         /* the page was changed in between, always */

    /* of the cache, bigcache_cache.h */
    BIGCACHE_UNKNOWN = 19,      /* it may have been done, or not */

    /* of the operations, too */
    BIGCACHE_TOO_LARGE = 20     /* more than the answer has room for */
} bigcache_rc_t;


#endif /* _BIGCACHE_RC_H_INCLUDED_ */
