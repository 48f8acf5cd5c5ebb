
/*
 * Copyright (C) bigcache contributors
 */


/* counts what page caching does in shared memory, and adds the parts up */


#include <string.h>

#include "bigcache_page_metrics.h"


void
bigcache_page_metrics_add(bigcache_page_metrics_t *metrics, unsigned worker,
    bigcache_page_metric_e metric)
{
    bigcache_page_metrics_part_t  *part;

    part = &metrics->parts[worker % BIGCACHE_METRICS_PARTS];

    atomic_fetch_add_explicit(&part->n[metric], 1, memory_order_relaxed);
}


void
bigcache_page_metrics_took(bigcache_page_metrics_t *metrics, unsigned worker,
    uint64_t us)
{
    unsigned                       i;
    bigcache_page_metrics_part_t  *part;

    part = &metrics->parts[worker % BIGCACHE_METRICS_PARTS];

    for (i = 0; us > bigcache_metrics_bounds[i]; i++) { /* void */ }

    atomic_fetch_add_explicit(&part->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&part->microseconds, us, memory_order_relaxed);
}


void
bigcache_page_metrics_sum(bigcache_page_metrics_t *metrics,
    bigcache_page_metrics_sum_t *sum)
{
    unsigned                       i, n;
    bigcache_page_metrics_part_t  *part;

    memset(sum, 0, sizeof(bigcache_page_metrics_sum_t));

    for (n = 0; n < BIGCACHE_METRICS_PARTS; n++) {

        part = &metrics->parts[n];

        for (i = 0; i < BIGCACHE_PAGE_METRIC_N; i++) {
            sum->n[i] += atomic_load(&part->n[i]);
        }

        for (i = 0; i < BIGCACHE_METRICS_BUCKETS; i++) {
            sum->buckets[i] += atomic_load(&part->buckets[i]);
        }

        sum->microseconds += atomic_load(&part->microseconds);
    }

    for (i = 1; i < BIGCACHE_METRICS_BUCKETS; i++) {
        sum->buckets[i] += sum->buckets[i - 1];
    }
}


uint64_t
bigcache_page_metrics_hits(const bigcache_page_metrics_sum_t *sum)
{
    return sum->n[BIGCACHE_PAGE_METRIC_HIT]
           + sum->n[BIGCACHE_PAGE_METRIC_STALE]
           + sum->n[BIGCACHE_PAGE_METRIC_UPDATING];
}


uint64_t
bigcache_page_metrics_misses(const bigcache_page_metrics_sum_t *sum)
{
    return sum->n[BIGCACHE_PAGE_METRIC_MISS]
           + sum->n[BIGCACHE_PAGE_METRIC_EXPIRED]
           + sum->n[BIGCACHE_PAGE_METRIC_REVALIDATED];
}
