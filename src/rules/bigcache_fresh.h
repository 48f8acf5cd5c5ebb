
/*
 * Copyright (C) bigcache contributors
 */


/*
 * May a shared cache store an answer, and for how long is it fresh?  RFC 9111,
 * sections 3 and 4.2, without heuristics: an answer is fresh only as long as
 * it says itself, or as the configuration says where it says nothing.  Pure
 * functions: any thread.
 */


#ifndef _BIGCACHE_FRESH_H_INCLUDED_
#define _BIGCACHE_FRESH_H_INCLUDED_


#include <stdint.h>

#include "bigcache_control.h"


/* for a date that is not there, or is none */

#define BIGCACHE_FRESH_NO_DATE  INT64_MIN


typedef enum {
    BIGCACHE_FRESH_OK = 0,
    BIGCACHE_FRESH_STATUS,      /* of this status nothing is stored */
    BIGCACHE_FRESH_NO_STORE,
    BIGCACHE_FRESH_PRIVATE,
    BIGCACHE_FRESH_AUTHORIZED,  /* the request had credentials */
    BIGCACHE_FRESH_SET_COOKIE,
    BIGCACHE_FRESH_VARY,        /* "Vary: *" */
    BIGCACHE_FRESH_UNKNOWN,     /* nothing says how long it is fresh */
    BIGCACHE_FRESH_USELESS      /* it is stale, and cannot be revalidated */
} bigcache_fresh_e;

/* an answer and its request; all times are seconds, dates since the epoch */

typedef struct {
    unsigned            status;
    unsigned            targeted:1;     /* control is that of a field for
                                           caches like this: Expires does not
                                           count */
    unsigned            expires_given:1;
    unsigned            set_cookie:1;
    unsigned            vary_any:1;
    unsigned            authorized:1;
    unsigned            validator:1;    /* it has an ETag or Last-Modified */
    bigcache_control_t  control;
    int64_t             now;            /* when it arrived */
    int64_t             date;           /* BIGCACHE_FRESH_NO_DATE */
    int64_t             expires;        /* likewise */
    int64_t             age;            /* 0 */
    int64_t             delay;          /* from the request to the answer */

    /* the following ones may be BIGCACHE_CONTROL_NONE */

    int64_t             accel;          /* X-Accel-Expires, from now on */

    /* of the configuration */
    int64_t             ttl;            /* for this status */
    int64_t             stale_while_revalidate;
    int64_t             stale_if_error;
} bigcache_fresh_answer_t;

/* times in seconds */

typedef struct {
    int64_t             lifetime;       /* since the answer was made */
    int64_t             age;            /* when it arrived */
    int64_t             stale_while_revalidate;
    int64_t             stale_if_error;
    unsigned            revalidate:1;   /* it is never used when it is stale */
    unsigned            by_ttl:1;       /* only the configuration says it */
} bigcache_fresh_t;


/*
 * Returns BIGCACHE_FRESH_OK if the answer may be stored, then *fresh says how
 * long it is fresh, and how long it may be used after that; or why not.
 */
bigcache_fresh_e bigcache_fresh(const bigcache_fresh_answer_t *answer,
    bigcache_fresh_t *fresh);

/* sets all of an answer to what says nothing */

void bigcache_fresh_init(bigcache_fresh_answer_t *answer);


#endif /* _BIGCACHE_FRESH_H_INCLUDED_ */
