
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The results of calls.  A call that takes an "error" describes a failure
 * there, in at most BIGCACHE_ERROR_LEN bytes.
 */


#ifndef _BIGCACHE_RC_H_INCLUDED_
#define _BIGCACHE_RC_H_INCLUDED_


#include <errno.h>


#define BIGCACHE_ERROR_LEN  256


/*
 * The codes up to BIGCACHE_NO_ANSWER are sent between processes, which run two
 * binaries while nginx is upgraded.  So their numbers must never change.  A
 * new code must be added at the end, with a new number.
 */

typedef enum {
    BIGCACHE_OK = 0,
    BIGCACHE_MISS = 1,          /* nothing is stored under the key */
    BIGCACHE_EXPIRED = 2,       /* an expired page, removed by this call */
    BIGCACHE_MISMATCH = 3,      /* not the version that the caller expected */
    BIGCACHE_CLOSED = 4,        /* closed on demand, until opened again */
    BIGCACHE_UNAVAILABLE = 5,   /* not open now; the cache has the reason */
    BIGCACHE_FULL = 6,          /* no room on the disk */
    BIGCACHE_DAMAGED = 7,       /* the bytes on the disk fail their checks */
    BIGCACHE_NOMEM = 8,
    BIGCACHE_ERROR = 9,         /* logged */

    /* of the operations, bigcache_op.h */
    BIGCACHE_INVALID = 10,      /* the request asks for the impossible */
    BIGCACHE_RAW = 11,          /* the page is no JSON document */

    /* between processes, src/local/; no call of a cache returns them */
    BIGCACHE_HELD = 12,         /* another process has the store open */
    BIGCACHE_STALE = 13,        /* the place of the page is not valid now */
    /* 14 was of callers that stored bodies in the index */
    BIGCACHE_NO_ANSWER = 15,    /* the owner did not answer */

    /* of calls that must not wait: */
    BIGCACHE_AGAIN = 16,        /* only a call that may block can tell */

    /* of the operations: */
    BIGCACHE_NUMBER = 17,       /* no integer, or the sum is too large */
    BIGCACHE_BUSY = 18,         /* each try met another change of the page */

    /* of the cache, bigcache_cache.h: */
    BIGCACHE_UNKNOWN = 19,      /* the call may have taken effect, or not */

    /* of the operations: */
    BIGCACHE_TOO_LARGE = 20     /* the answer has no room for it */
} bigcache_rc_t;


/* returns the code of a system call that has failed with that errno */

static inline bigcache_rc_t
bigcache_rc_errno(int err)
{
    return (err == ENOSPC || err == EDQUOT) ? BIGCACHE_FULL : BIGCACHE_ERROR;
}


#endif /* _BIGCACHE_RC_H_INCLUDED_ */
