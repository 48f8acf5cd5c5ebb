
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What a store did lately, in shared memory, for whoever comes after an
 * incident: the last hour in samples of 10 seconds, and the last day in samples
 * of 5 minutes.
 *
 * A sample has what such a reader asks first: how much was asked, how much of
 * it was found, what was written and what went, whether answers failed or were
 * refused, how long answers took, and how full the store was.  The time of
 * answers is a median and a percentile, since a mean hides the slow ones.
 *
 * Samples are for slots of the clock, which begin at multiples of 10 and 300
 * seconds, so that those of several servers can be added.  What is not known is
 * a gap and no zero: of a slot in which no process ran, the machine slept, or
 * the clock was set.
 *
 * Numbers take 16 bits: they are exact up to 4095, and off by 1/4096 at most
 * above that, up to four trillions.  So all of it takes 19 KB.
 *
 * The module owns the memory.  Any process may take a sample; the first one
 * after the end of a slot does.  They need a lock for it, which others can take
 * when its process was killed.  If a process is stopped while it has the lock,
 * or was killed and another one has got its pid since, no sample is taken until
 * that one has gone on or ended, or nginx is restarted: a gap, which is logged.
 * Readers need no lock.  Any thread.
 */


#ifndef _BIGCACHE_HISTORY_H_INCLUDED_
#define _BIGCACHE_HISTORY_H_INCLUDED_


#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "bigcache_metrics.h"
#include "bigcache_pidlock.h"


#define BIGCACHE_HISTORY_SERIES   2
#define BIGCACHE_HISTORY_HOUR     360    /* slots of 10 seconds */
#define BIGCACHE_HISTORY_DAY      288    /* slots of 5 minutes */
#define BIGCACHE_HISTORY_SLOTS    BIGCACHE_HISTORY_HOUR     /* the most */

/* a value that is not known */

#define BIGCACHE_HISTORY_UNKNOWN  UINT64_MAX


typedef enum {

    /* what happened in the slot */
    BIGCACHE_HISTORY_REQUESTS = 0,
    BIGCACHE_HISTORY_HITS,
    BIGCACHE_HISTORY_MISSES,
    BIGCACHE_HISTORY_WRITES,
    BIGCACHE_HISTORY_REMOVED,        /* expired, deleted or evicted */
    BIGCACHE_HISTORY_ERRORS,         /* answers 5xx, failed fetches */
    BIGCACHE_HISTORY_UNAVAILABLE,    /* answers 503, which are errors too */
    BIGCACHE_HISTORY_COUNTERS,

    /* microseconds */
    BIGCACHE_HISTORY_MEDIAN = BIGCACHE_HISTORY_COUNTERS,
    BIGCACHE_HISTORY_SLOW,           /* 99 of 100 took no longer */
    BIGCACHE_HISTORY_UPSTREAM,       /* the same of fetches */

    /* at the end of the slot */
    BIGCACHE_HISTORY_ENTRIES,
    BIGCACHE_HISTORY_KILOBYTES,
    BIGCACHE_HISTORY_FIELDS
} bigcache_history_field_e;


/* what the metrics say at a moment, since the start */

typedef struct {
    int64_t     wall;        /* ms since the epoch */
    int64_t     monotonic;   /* ms */
    uint64_t    counters[BIGCACHE_HISTORY_COUNTERS];
    uint64_t    answers[BIGCACHE_METRICS_BUCKETS];    /* up to each bound */
    uint64_t    fetches[BIGCACHE_METRICS_BUCKETS];    /* the same */
    uint64_t    entries;     /* or BIGCACHE_HISTORY_UNKNOWN */
    uint64_t    bytes;       /* likewise */
} bigcache_history_state_t;

/* a sample: the number of its slot, 0 for none, and packed values */

typedef struct {
    _Atomic uint32_t            slot;
    _Atomic uint16_t            values[BIGCACHE_HISTORY_FIELDS];
} bigcache_history_sample_t;

/* under the lock, but for slot: what the next sample is the difference to */

typedef struct {
    _Atomic uint32_t            slot;    /* under way at that time, 0: none */
    bigcache_history_state_t    state;
} bigcache_history_base_t;

typedef struct {
    bigcache_pidlock_t          lock;
    _Atomic uint32_t            failed;      /* the last slot in which another
                                                process had the lock */
    _Atomic uint32_t            failures;    /* such slots in a row */
    bigcache_history_base_t     bases[BIGCACHE_HISTORY_SERIES];
    bigcache_history_sample_t   hour[BIGCACHE_HISTORY_HOUR];
    bigcache_history_sample_t   day[BIGCACHE_HISTORY_DAY];
} bigcache_history_t;


/* a series in the memory of its reader: of this server, or of several */

typedef struct {
    unsigned    step;     /* seconds */
    int64_t     start;    /* of the first slot, seconds since the epoch */
    unsigned    n;        /* slots */
    uint64_t    values[BIGCACHE_HISTORY_FIELDS][BIGCACHE_HISTORY_SLOTS];
} bigcache_history_view_t;


extern const char *const  bigcache_history_names[BIGCACHE_HISTORY_FIELDS];

/* seconds, and the number of slots */

extern const unsigned     bigcache_history_steps[BIGCACHE_HISTORY_SERIES];
extern const unsigned     bigcache_history_slots[BIGCACHE_HISTORY_SERIES];


/*
 * Begins a history.  The memory must be zeroed, as the counters are: the first
 * sample counts from the beginning of its slot.
 */
void bigcache_history_create(bigcache_history_t *history, int64_t wall,
    int64_t monotonic);

/* milliseconds until the next slot ends */

unsigned bigcache_history_wait(int64_t wall);

/* returns 1 if a sample is to be taken, or 0: another process has done that */

int bigcache_history_due(const bigcache_history_t *history, int64_t wall);

/*
 * Takes the samples that are due.  Does nothing if another process is about to,
 * or was stopped in it.  Returns 0; or, once, if that has been so for a minute,
 * the pid that has the lock.
 */
uint32_t bigcache_history_take(bigcache_history_t *history,
    const bigcache_history_state_t *state);

/* empties a view of a series, and has it end with the last whole slot */

void bigcache_history_view(bigcache_history_view_t *view, unsigned series,
    int64_t wall);

/*
 * Adds a value to the slot that begins at that time, if the view has it.  Of
 * medians and percentiles the larger one stays: that of all is no larger.
 */
void bigcache_history_add(bigcache_history_view_t *view,
    bigcache_history_field_e field, int64_t start, uint64_t value);

/* adds what this server has */

void bigcache_history_read(bigcache_history_t *history, unsigned series,
    bigcache_history_view_t *view);

/* the most bytes that bigcache_history_write() takes for one view */

size_t bigcache_history_size(void);

/*
 * Writes a view as JSON, without the slots before the first that is known.  A
 * field that is known of none is an empty array.  Returns the end.
 */
unsigned char *bigcache_history_write(unsigned char *p,
    const bigcache_history_view_t *view);


#endif /* _BIGCACHE_HISTORY_H_INCLUDED_ */
