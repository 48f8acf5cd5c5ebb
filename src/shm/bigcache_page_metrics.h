
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Metrics of page caching in shared memory: what became of requests, why they
 * were passed, fetches and how long the upstream took, and what was stored.
 *
 * The module owns the memory, which must be zeroed.  Each worker counts in a
 * part of its own, if there are enough parts; a reader adds the parts up.  Any
 * process, any thread.  Never blocks.
 */


#ifndef _BIGCACHE_PAGE_METRICS_H_INCLUDED_
#define _BIGCACHE_PAGE_METRICS_H_INCLUDED_


#include <stdint.h>
#include <stdatomic.h>

#include "bigcache_metrics.h"


/* what became of a request, and, of those that were passed, why */

typedef enum {
    BIGCACHE_PAGE_METRIC_HIT = 0,
    BIGCACHE_PAGE_METRIC_STALE,
    BIGCACHE_PAGE_METRIC_UPDATING,
    BIGCACHE_PAGE_METRIC_REVALIDATED,
    BIGCACHE_PAGE_METRIC_MISS,
    BIGCACHE_PAGE_METRIC_EXPIRED,
    BIGCACHE_PAGE_METRIC_BYPASS,

    BIGCACHE_PAGE_METRIC_REQUEST,       /* a POST, for example */
    BIGCACHE_PAGE_METRIC_PRIVATE,       /* the page is for others */
    BIGCACHE_PAGE_METRIC_UNCACHEABLE,   /* known to be */
    BIGCACHE_PAGE_METRIC_RARE,          /* asked for too seldom */
    BIGCACHE_PAGE_METRIC_UNAVAILABLE,   /* the store is */

    BIGCACHE_PAGE_METRIC_COLLAPSED,     /* it has waited for another one */
    BIGCACHE_PAGE_METRIC_REFRESHED,     /* fetches in the background */
    BIGCACHE_PAGE_METRIC_FAILED,        /* fetches */
    BIGCACHE_PAGE_METRIC_STORED,
    BIGCACHE_PAGE_METRIC_NOT_STORED,    /* though they were to be */
    BIGCACHE_PAGE_METRIC_PURGES,        /* PURGE, and the like */
    BIGCACHE_PAGE_METRIC_PURGE_REFUSED,
    BIGCACHE_PAGE_METRIC_N
} bigcache_page_metric_e;


/* no two parts share a cache line, so that workers need not wait for one */

typedef struct {
    _Alignas(BIGCACHE_METRICS_LINE)
    _Atomic uint64_t    n[BIGCACHE_PAGE_METRIC_N];
    _Atomic uint64_t    buckets[BIGCACHE_METRICS_BUCKETS];
    _Atomic uint64_t    microseconds;
} bigcache_page_metrics_part_t;

typedef struct {
    bigcache_page_metrics_part_t  parts[BIGCACHE_METRICS_PARTS];
} bigcache_page_metrics_t;

typedef struct {
    uint64_t    n[BIGCACHE_PAGE_METRIC_N];
    uint64_t    buckets[BIGCACHE_METRICS_BUCKETS];  /* up to each bound */
    uint64_t    microseconds;
} bigcache_page_metrics_sum_t;


void bigcache_page_metrics_add(bigcache_page_metrics_t *metrics,
    unsigned worker, bigcache_page_metric_e metric);

/* counts the microseconds from the request to the header of the upstream */

void bigcache_page_metrics_took(bigcache_page_metrics_t *metrics,
    unsigned worker, uint64_t us);

void bigcache_page_metrics_sum(bigcache_page_metrics_t *metrics,
    bigcache_page_metrics_sum_t *sum);

/* return the requests whose answer came from the store, or the upstream */

uint64_t bigcache_page_metrics_hits(const bigcache_page_metrics_sum_t *sum);
uint64_t bigcache_page_metrics_misses(const bigcache_page_metrics_sum_t *sum);


#endif /* _BIGCACHE_PAGE_METRICS_H_INCLUDED_ */
