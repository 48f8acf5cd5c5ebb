
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Ends the purges of some buckets: removes what they select, or marks it, and
 * takes them out of the sets of those in effect.  All buckets of a call are
 * worked on at the same time, some keys of each in a step.  A process that dies
 * while it does this leaves the rest to upkeep, of any process of any nginx.
 *
 * Threads of requests, and that of upkeep.
 */


#ifndef _BIGCACHE_SWEEP_H_INCLUDED_
#define _BIGCACHE_SWEEP_H_INCLUDED_


#include "bigcache_look.h"


/* the most buckets of a call */

#define BIGCACHE_SWEEP_BUCKETS  32

/* what the names begin with that a selector selects, in one of two sets */

#define BIGCACHE_SWEEP_RANGES   2

typedef struct {
    unsigned         tags:1;    /* names of tags, else keys */
    unsigned         n;
    size_t           len;       /* of each */
    u_char           begins[BIGCACHE_SWEEP_RANGES][BIGCACHE_SELECTOR_MAX];
} bigcache_sweep_ranges_t;

/* a bucket, and the version of the purges to be ended, 0: all */

typedef struct {
    const bigcache_bucket_t  *bucket;
    uint64_t                  version;
} bigcache_sweep_bucket_t;

/* what was done, also if a call fails */

typedef struct {
    uint64_t         removed;   /* live pages */
    uint64_t         softened;
    uint64_t         expired;   /* pages whose time had come */
} bigcache_sweep_sum_t;


/* finds the ranges of a selector */

void bigcache_sweep_ranges(const bigcache_selector_t *selector,
    bigcache_sweep_ranges_t *ranges);

/*
 * Ends the purges of n buckets.  Adds to *swept.  Returns BIGCACHE_OK,
 * BIGCACHE_NOMEM, or what bigcache_space_run() returns.
 */
bigcache_rc_t bigcache_sweep(bigcache_cluster_t *cluster,
    const bigcache_sweep_bucket_t *buckets, unsigned n,
    bigcache_sweep_sum_t *swept);

/*
 * Removes pages of n buckets whose time has come, up to a hundred of each.
 * Adds to swept->expired; returns the same.
 */
bigcache_rc_t bigcache_sweep_expired(bigcache_cluster_t *cluster,
    const bigcache_sweep_bucket_t *buckets, unsigned n,
    bigcache_sweep_sum_t *swept);


#endif /* _BIGCACHE_SWEEP_H_INCLUDED_ */
