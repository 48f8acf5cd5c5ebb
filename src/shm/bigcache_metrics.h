
/*
 * Copyright (C) bigcache contributors
 */


/*
 * In shared memory: with which status requests ended and how long they took,
 * by operation, how many requests wait for a thread, and what became of pages.
 *
 * The module owns the memory, and hands it in zeroed, aligned to a page.  Each
 * worker counts in a part of its own, as far as there are enough parts, so
 * that processors do not pass lines of their caches around; a reader adds the
 * parts up.  Any process, any thread.  Never blocks.
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

/* a reload has twice as many workers for a while, or more */

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

/* no two parts share a line, so that workers need not wait for one */

typedef struct {
    _Alignas(BIGCACHE_METRICS_LINE)
    _Atomic uint64_t    statuses[BIGCACHE_METRIC_N]
                                [BIGCACHE_METRICS_STATUSES];
    _Atomic uint64_t    buckets[BIGCACHE_METRIC_N][BIGCACHE_METRICS_BUCKETS];
    _Atomic uint64_t    microseconds[BIGCACHE_METRIC_N];
} bigcache_metrics_part_t;

/* of a worker */

typedef struct {
    _Atomic uint64_t    process;    /* pid and birth, 0: free */
    _Atomic uint32_t    waiting;    /* its requests that wait */
    _Atomic uint32_t    turns;      /* of them: for a turn, without a thread */
} bigcache_metrics_place_t;

/*
 * What became of pages.  Each number is exact; two numbers that are read one
 * after the other may be a moment apart.
 */

typedef struct {
    _Atomic uint64_t    hit;
    _Atomic uint64_t    miss;
    _Atomic uint64_t    expire;
    _Atomic uint64_t    deleted;
    _Atomic uint64_t    swept;      /* of expire: without a request for them */
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


/* names; the last status, 0, stands for all others, the last bound for none */

extern const char *const     bigcache_metrics_names[BIGCACHE_METRIC_N];
extern const unsigned        bigcache_metrics_codes[BIGCACHE_METRICS_STATUSES];

/* microseconds */

extern const uint64_t        bigcache_metrics_bounds[BIGCACHE_METRICS_BUCKETS];


/* counts a request that was answered with status */

void bigcache_metrics_status(bigcache_metrics_t *metrics, unsigned worker,
    bigcache_metric_e metric, unsigned status);

/* counts n operations of a batch, of that name, that came to status */

void bigcache_metrics_operations(bigcache_metrics_t *metrics,
    const char *name, unsigned status, unsigned n);

/* counts the microseconds that an answer took */

void bigcache_metrics_took(bigcache_metrics_t *metrics, unsigned worker,
    bigcache_metric_e metric, uint64_t us);

void bigcache_metrics_sum(bigcache_metrics_t *metrics,
    bigcache_metric_e metric, bigcache_metrics_sum_t *sum);

/*
 * Returns where the process counts the requests that wait, or NULL if there is
 * no place left.  It is to be left at the end; a process that was killed does
 * not count any more, and its place is taken over.
 */
bigcache_metrics_place_t *bigcache_metrics_enter(bigcache_metrics_t *metrics);
void bigcache_metrics_leave(bigcache_metrics_place_t *place);

/*
 * Returns the requests that wait in all processes that are alive; *turns, if
 * not NULL: those of them that wait for a turn.
 */
uint64_t bigcache_metrics_waiting(bigcache_metrics_t *metrics,
    uint64_t *turns);

/* prints hit / (hit + miss) as "33.33%", "0.00%" if both are zero */

void bigcache_metrics_rate(char *dst, uint64_t hit, uint64_t miss);


#endif /* _BIGCACHE_METRICS_H_INCLUDED_ */
