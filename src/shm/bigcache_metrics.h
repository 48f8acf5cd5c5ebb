
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Metrics in shared memory, by operation: the statuses of requests, how long
 * they took, how many wait for a thread, and the results for pages.
 *
 * The module owns the memory, which must be zeroed and aligned to a page.
 * Each worker counts in a part of its own, if there are enough parts, so that
 * processors do not share cache lines; a reader adds the parts up.  Any
 * process, any thread.  Never blocks.
 */


#ifndef _BIGCACHE_METRICS_H_INCLUDED_
#define _BIGCACHE_METRICS_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>


#define BIGCACHE_METRICS_LINE      64    /* of a processor's cache */
#define BIGCACHE_METRICS_PARTS     4
#define BIGCACHE_METRICS_STATUSES  19
#define BIGCACHE_METRICS_BUCKETS   17

/* after a reload there are for a while twice as many workers, or more */

#define BIGCACHE_METRICS_WORKERS   256

/* bytes that bigcache_metrics_rate() writes, with the zero at the end */

#define BIGCACHE_METRICS_RATE_LEN  sizeof("100.00%")


typedef enum {
    BIGCACHE_METRIC_OTHER = 0,
    BIGCACHE_METRIC_GET,
    BIGCACHE_METRIC_SET,
    BIGCACHE_METRIC_DELETE,
    BIGCACHE_METRIC_PURGE,
    BIGCACHE_METRIC_TOUCH,
    BIGCACHE_METRIC_INCR,
    BIGCACHE_METRIC_BATCH,
    BIGCACHE_METRIC_KEYS,
    BIGCACHE_METRIC_N
} bigcache_metric_e;

/* no two parts share a cache line, so that workers need not wait for one */

typedef struct {
    _Alignas(BIGCACHE_METRICS_LINE)
    _Atomic uint64_t    statuses[BIGCACHE_METRIC_N]
                                [BIGCACHE_METRICS_STATUSES];
    _Atomic uint64_t    buckets[BIGCACHE_METRIC_N][BIGCACHE_METRICS_BUCKETS];
    _Atomic uint64_t    microseconds[BIGCACHE_METRIC_N];
} bigcache_metrics_part_t;

/* the place of a worker */

typedef struct {
    _Atomic uint64_t    process;    /* pid and birth, 0: free */
    _Atomic uint32_t    waiting;    /* its waiting requests */
    _Atomic uint32_t    turns;      /* those that wait for a turn */
} bigcache_metrics_place_t;

/*
 * The results for pages.  Each number is exact; two numbers that are read one
 * after the other may be of different times.
 */

typedef struct {
    _Atomic uint64_t    hit;
    _Atomic uint64_t    miss;
    _Atomic uint64_t    expire;
    _Atomic uint64_t    deleted;
    _Atomic uint64_t    swept;      /* part of expire: by the sweep */
} bigcache_metrics_pages_t;

typedef struct {
    bigcache_metrics_part_t    parts[BIGCACHE_METRICS_PARTS];
    bigcache_metrics_place_t   places[BIGCACHE_METRICS_WORKERS];

    /* of batches, which are few enough to count in one place */
    _Atomic uint64_t           operations[BIGCACHE_METRIC_N]
                                         [BIGCACHE_METRICS_STATUSES];

    _Alignas(BIGCACHE_METRICS_LINE)
    bigcache_metrics_pages_t   pages;
} bigcache_metrics_t;

/* the sum of all parts for an operation */

typedef struct {
    uint64_t    statuses[BIGCACHE_METRICS_STATUSES];
    uint64_t    operations[BIGCACHE_METRICS_STATUSES];    /* of batches */
    uint64_t    buckets[BIGCACHE_METRICS_BUCKETS];    /* up to each bound */
    uint64_t    microseconds;
} bigcache_metrics_sum_t;


/* names; the last status, 0, is for all others, the last bound for no bound */

extern const char *const     bigcache_metrics_names[BIGCACHE_METRIC_N];
extern const unsigned        bigcache_metrics_codes[BIGCACHE_METRICS_STATUSES];

/* microseconds */

extern const uint64_t        bigcache_metrics_bounds[BIGCACHE_METRICS_BUCKETS];


/* counts a request that was answered with that status */

void bigcache_metrics_status(bigcache_metrics_t *metrics, unsigned worker,
    bigcache_metric_e metric, unsigned status);

/* counts n operations of a batch, of that name, with that status */

void bigcache_metrics_operations(bigcache_metrics_t *metrics,
    const char *name, unsigned status, unsigned n);

/* counts the microseconds until an answer */

void bigcache_metrics_took(bigcache_metrics_t *metrics, unsigned worker,
    bigcache_metric_e metric, uint64_t us);

void bigcache_metrics_sum(bigcache_metrics_t *metrics,
    bigcache_metric_e metric, bigcache_metrics_sum_t *sum);

/*
 * Returns the place where the process counts its waiting requests, or NULL if
 * there is none left.  The caller must pass it to bigcache_metrics_leave() at
 * the end.  The requests of a killed process do not count, and its place is
 * reused.
 */
bigcache_metrics_place_t *bigcache_metrics_enter(bigcache_metrics_t *metrics);
void bigcache_metrics_leave(bigcache_metrics_place_t *place);

/*
 * Returns the waiting requests of all living processes.  *turns, if not NULL,
 * is set to those that wait for a turn.
 */
uint64_t bigcache_metrics_waiting(bigcache_metrics_t *metrics,
    uint64_t *turns);

/* prints hit / (hit + miss) as "33.33%", "0.00%" if both are zero */

void bigcache_metrics_rate(char *dst, uint64_t hit, uint64_t miss);


#endif /* _BIGCACHE_METRICS_H_INCLUDED_ */
