
/*
 * Copyright (C) bigcache contributors
 */


#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_metrics.h"


static int bigcache_metrics_dead(uint64_t waiting);


const char *const  bigcache_metrics_names[BIGCACHE_METRIC_N] = {
    "other", "get", "set", "delete", "purge", "touch", "incr", "batch", "keys"
};

const unsigned  bigcache_metrics_codes[BIGCACHE_METRICS_STATUSES] = {
    200, 404, 304, 206, 202, 400, 403, 405, 408, 409, 412, 413, 416, 422, 499,
    500, 503, 507, 0
};

const uint64_t  bigcache_metrics_bounds[BIGCACHE_METRICS_BUCKETS] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
    500000, 1000000, 2500000, 10000000, UINT64_MAX
};


void
bigcache_metrics_status(bigcache_metrics_t *metrics, unsigned worker,
    bigcache_metric_e metric, unsigned status)
{
    unsigned                  i;
    bigcache_metrics_part_t  *part;

    part = &metrics->parts[worker % BIGCACHE_METRICS_PARTS];

    for (i = 0; i < BIGCACHE_METRICS_STATUSES - 1; i++) {
        if (bigcache_metrics_codes[i] == status) {
            break;
        }
    }

    atomic_fetch_add_explicit(&part->statuses[metric][i], 1,
                              memory_order_relaxed);
}


void
bigcache_metrics_took(bigcache_metrics_t *metrics, unsigned worker,
    bigcache_metric_e metric, uint64_t us)
{
    unsigned                  i;
    bigcache_metrics_part_t  *part;

    part = &metrics->parts[worker % BIGCACHE_METRICS_PARTS];

    for (i = 0; us > bigcache_metrics_bounds[i]; i++) { /* void */ }

    atomic_fetch_add_explicit(&part->buckets[metric][i], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&part->microseconds[metric], us,
                              memory_order_relaxed);
}


void
bigcache_metrics_sum(bigcache_metrics_t *metrics, bigcache_metric_e metric,
    bigcache_metrics_sum_t *sum)
{
    unsigned                  i, n;
    bigcache_metrics_part_t  *part;

    memset(sum, 0, sizeof(bigcache_metrics_sum_t));

    for (n = 0; n < BIGCACHE_METRICS_PARTS; n++) {

        part = &metrics->parts[n];

        for (i = 0; i < BIGCACHE_METRICS_STATUSES; i++) {
            sum->statuses[i] += atomic_load(&part->statuses[metric][i]);
        }

        for (i = 0; i < BIGCACHE_METRICS_BUCKETS; i++) {
            sum->buckets[i] += atomic_load(&part->buckets[metric][i]);
        }

        sum->microseconds += atomic_load(&part->microseconds[metric]);
    }

    for (i = 1; i < BIGCACHE_METRICS_BUCKETS; i++) {
        sum->buckets[i] += sum->buckets[i - 1];
    }
}


_Atomic uint64_t *
bigcache_metrics_enter(bigcache_metrics_t *metrics)
{
    unsigned   i;
    uint64_t   was;

    for (i = 0; i < BIGCACHE_METRICS_WORKERS; i++) {

        was = atomic_load(&metrics->waiting[i]);

        if ((was == 0 || bigcache_metrics_dead(was))
            && atomic_compare_exchange_strong(&metrics->waiting[i], &was,
                                              (uint64_t) getpid() << 32))
        {
            return &metrics->waiting[i];
        }
    }

    return NULL;
}


void
bigcache_metrics_leave(_Atomic uint64_t *waiting)
{
    atomic_store(waiting, 0);
}


uint64_t
bigcache_metrics_waiting(bigcache_metrics_t *metrics)
{
    unsigned   i;
    uint64_t   n, waiting;

    n = 0;

    for (i = 0; i < BIGCACHE_METRICS_WORKERS; i++) {

        waiting = atomic_load(&metrics->waiting[i]);

        if (waiting && !bigcache_metrics_dead(waiting)) {
            n += (uint32_t) waiting;
        }
    }

    return n;
}


static int
bigcache_metrics_dead(uint64_t waiting)
{
    return kill((pid_t) (waiting >> 32), 0) == -1 && errno == ESRCH;
}
