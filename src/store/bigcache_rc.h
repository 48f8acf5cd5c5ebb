
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


typedef enum {
    BIGCACHE_OK = 0,
    BIGCACHE_MISS,         /* nothing is stored under the key */
    BIGCACHE_EXPIRED,      /* it was, and this call found it expired */
    BIGCACHE_MISMATCH,     /* not the version that the caller expected */
    BIGCACHE_CLOSED,       /* closed on demand, until opened again */
    BIGCACHE_UNAVAILABLE,  /* cannot be opened now, bigcache_store_reason() */
    BIGCACHE_FULL,         /* no room on the disk */
    BIGCACHE_DAMAGED,      /* what lies on the disk fails its checks */
    BIGCACHE_NOMEM,
    BIGCACHE_ERROR,        /* logged */

    /* of the operations, bigcache_op.h */
    BIGCACHE_INVALID,      /* the request says what cannot be done */
    BIGCACHE_RAW,          /* the page is no JSON document */
    BIGCACHE_NUMBER,       /* the page is no integer, or would be too large */

    /* between processes, bigcache_cache.h; no operation returns them */
    BIGCACHE_HELD,         /* another process has the store open */
    BIGCACHE_STALE,        /* the place of the page is not valid any more */
    BIGCACHE_APART,        /* the page is to lie in a segment */
    BIGCACHE_LOST,         /* the process that was asked did not answer */

    /* of the hot index */
    BIGCACHE_AGAIN         /* it takes a call that may wait */
} bigcache_rc_t;


#endif /* _BIGCACHE_RC_H_INCLUDED_ */
