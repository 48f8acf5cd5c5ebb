
/*
 * Copyright (C) bigcache contributors
 */


/* keeps samples of the metrics in shared memory, and reads them again */


#include <string.h>

#include "bigcache_history.h"


/* milliseconds that a process waits for the lock, which it mostly need not */

#define BIGCACHE_HISTORY_PATIENCE  2

/*
 * Slots without a sample since another process has the lock, after which it
 * is believed to keep it: it is stopped, or was killed and another one has its
 * pid.
 */

#define BIGCACHE_HISTORY_FAILURES  6

/*
 * A packed value: 11 bits of a number below 2048 and an exponent 0, or what
 * follows its first bit, and by how much it is shifted, and 1.
 */

#define BIGCACHE_HISTORY_BITS      11
#define BIGCACHE_HISTORY_NONE      0xffff

/* the largest one that can be packed */

#define BIGCACHE_HISTORY_MOST      ((uint64_t) 4094 << 30)

/* milliseconds by which the clock may go wrong within a slot */

#define BIGCACHE_HISTORY_SET       2000

/* of a number in decimal, with a comma */

#define BIGCACHE_HISTORY_DIGITS    21


static int bigcache_history_lock(bigcache_history_t *history);
static int bigcache_history_failed(bigcache_history_t *history, uint32_t slot);
static bigcache_history_sample_t *bigcache_history_sample(
    bigcache_history_t *history, unsigned series, uint32_t slot);
static uint32_t bigcache_history_slot(unsigned series, int64_t wall);
static void bigcache_history_step(bigcache_history_t *history, unsigned series,
    const bigcache_history_state_t *state);
static void bigcache_history_forget(bigcache_history_t *history,
    unsigned series, uint32_t slot);
static void bigcache_history_store(bigcache_history_sample_t *sample,
    uint32_t slot, const bigcache_history_state_t *from,
    const bigcache_history_state_t *to);
static int bigcache_history_load(bigcache_history_sample_t *sample,
    uint32_t slot, uint64_t *values);
static uint64_t bigcache_history_percentile(const uint64_t *from,
    const uint64_t *to, unsigned percent);
static uint16_t bigcache_history_pack(uint64_t value);
static uint64_t bigcache_history_unpack(uint16_t packed);
static unsigned bigcache_history_first(const bigcache_history_view_t *view,
    bigcache_history_field_e field);
static unsigned char *bigcache_history_text(unsigned char *p,
    const char *text);
static unsigned char *bigcache_history_number(unsigned char *p, uint64_t n);


const char *const  bigcache_history_names[BIGCACHE_HISTORY_FIELDS] = {
    [BIGCACHE_HISTORY_REQUESTS] = "requests",
    [BIGCACHE_HISTORY_HITS] = "hits",
    [BIGCACHE_HISTORY_MISSES] = "misses",
    [BIGCACHE_HISTORY_WRITES] = "writes",
    [BIGCACHE_HISTORY_REMOVED] = "removed",
    [BIGCACHE_HISTORY_ERRORS] = "errors",
    [BIGCACHE_HISTORY_UNAVAILABLE] = "unavailable",
    [BIGCACHE_HISTORY_MEDIAN] = "p50",
    [BIGCACHE_HISTORY_SLOW] = "p99",
    [BIGCACHE_HISTORY_UPSTREAM] = "upstream_p99",
    [BIGCACHE_HISTORY_ENTRIES] = "entries",
    [BIGCACHE_HISTORY_KILOBYTES] = "kilobytes"
};

const unsigned  bigcache_history_steps[BIGCACHE_HISTORY_SERIES] = { 10, 300 };

const unsigned  bigcache_history_slots[BIGCACHE_HISTORY_SERIES] = {
    BIGCACHE_HISTORY_HOUR, BIGCACHE_HISTORY_DAY
};


void
bigcache_history_create(bigcache_history_t *history, int64_t wall,
    int64_t monotonic)
{
    int64_t                   begin;
    unsigned                  i;
    bigcache_history_base_t  *base;

    for (i = 0; i < BIGCACHE_HISTORY_SERIES; i++) {
        base = &history->bases[i];

        /* nothing has happened since the slot began */

        begin = wall - wall % (bigcache_history_steps[i] * 1000);

        base->state.wall = begin;
        base->state.monotonic = monotonic - (wall - begin);

        atomic_store(&base->slot, bigcache_history_slot(i, wall));
    }
}


unsigned
bigcache_history_wait(int64_t wall)
{
    int64_t  step;

    step = bigcache_history_steps[0] * 1000;

    return (unsigned) (step - wall % step);
}


int
bigcache_history_due(const bigcache_history_t *history, int64_t wall)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_HISTORY_SERIES; i++) {
        if (atomic_load(&history->bases[i].slot)
            != bigcache_history_slot(i, wall))
        {
            return 1;
        }
    }

    return 0;
}


uint32_t
bigcache_history_take(bigcache_history_t *history,
    const bigcache_history_state_t *state)
{
    unsigned  i;

    /*
     * What a killed process leaves needs no repair: a sample or a base that is
     * half written has no slot.
     */

    if (!bigcache_history_lock(history)) {
        return bigcache_history_failed(history,
                                       bigcache_history_slot(0, state->wall))
               ? atomic_load(&history->lock) : 0;
    }

    for (i = 0; i < BIGCACHE_HISTORY_SERIES; i++) {
        bigcache_history_step(history, i, state);
    }

    atomic_store(&history->failures, 0);
    bigcache_pidlock_unlock(&history->lock);

    return 0;
}


/*
 * Returns 1 if it has the lock, or 0.  All workers come at the same moment:
 * they do not spend time on a process that does not give it back.
 */

static int
bigcache_history_lock(bigcache_history_t *history)
{
    uint32_t  holder;

    if (atomic_load(&history->failures) >= BIGCACHE_HISTORY_FAILURES) {

        holder = atomic_load(&history->lock);

        if (holder && !bigcache_pidlock_dead(holder)) {
            return 0;
        }
    }

    return bigcache_pidlock(&history->lock, BIGCACHE_HISTORY_PATIENCE)
           != BIGCACHE_PIDLOCK_BUSY;
}


/* counts a slot once, whoever comes; returns 1 if now there are too many */

static int
bigcache_history_failed(bigcache_history_t *history, uint32_t slot)
{
    if (atomic_exchange(&history->failed, slot) == slot) {
        return 0;
    }

    return atomic_fetch_add(&history->failures, 1) + 1
           == BIGCACHE_HISTORY_FAILURES;
}


static void
bigcache_history_step(bigcache_history_t *history, unsigned series,
    const bigcache_history_state_t *state)
{
    int64_t                   set;
    uint32_t                  slot, before;
    bigcache_history_base_t  *base;

    base = &history->bases[series];
    before = atomic_load(&base->slot);
    slot = bigcache_history_slot(series, state->wall);

    /*
     * A process that was slow may come with the state of an earlier time, when
     * another one has taken the sample.
     */

    if (before == slot
        || (before && state->monotonic < base->state.monotonic))
    {
        return;
    }

    /* by how much the clock was set, or the machine has slept */

    set = (state->wall - base->state.wall)
          - (state->monotonic - base->state.monotonic);

    if (before && before + 1 == slot
        && set <= BIGCACHE_HISTORY_SET && set >= -BIGCACHE_HISTORY_SET)
    {
        bigcache_history_store(bigcache_history_sample(history, series, before),
                               before, &base->state, state);
    }

    if (before + 1 != slot) {
        bigcache_history_forget(history, series, slot);
    }

    /* whoever is killed here leaves a base that is not used */

    atomic_store(&base->slot, 0);
    base->state = *state;
    atomic_store(&base->slot, slot);
}


static bigcache_history_sample_t *
bigcache_history_sample(bigcache_history_t *history, unsigned series,
    uint32_t slot)
{
    return (series == 0) ? &history->hour[slot % BIGCACHE_HISTORY_HOUR]
                         : &history->day[slot % BIGCACHE_HISTORY_DAY];
}


/* 0 is no slot: that of the epoch itself does not come again */

static uint32_t
bigcache_history_slot(unsigned series, int64_t wall)
{
    return (uint32_t) (wall / (bigcache_history_steps[series] * 1000));
}


/* what was taken before the clock was set back does not come to pass again */

static void
bigcache_history_forget(bigcache_history_t *history, unsigned series,
    uint32_t slot)
{
    unsigned                    i;
    bigcache_history_sample_t  *sample;

    for (i = 0; i < bigcache_history_slots[series]; i++) {
        sample = bigcache_history_sample(history, series, i);

        if (atomic_load(&sample->slot) >= slot) {
            atomic_store(&sample->slot, 0);
        }
    }
}


/* a reader sees the slot change, or all of the values */

static void
bigcache_history_store(bigcache_history_sample_t *sample, uint32_t slot,
    const bigcache_history_state_t *from, const bigcache_history_state_t *to)
{
    unsigned  i;
    uint64_t  values[BIGCACHE_HISTORY_FIELDS];

    for (i = 0; i < BIGCACHE_HISTORY_COUNTERS; i++) {
        values[i] = (to->counters[i] > from->counters[i])
                    ? to->counters[i] - from->counters[i] : 0;
    }

    values[BIGCACHE_HISTORY_MEDIAN] =
                  bigcache_history_percentile(from->answers, to->answers, 50);
    values[BIGCACHE_HISTORY_SLOW] =
                  bigcache_history_percentile(from->answers, to->answers, 99);
    values[BIGCACHE_HISTORY_UPSTREAM] =
                  bigcache_history_percentile(from->fetches, to->fetches, 99);

    values[BIGCACHE_HISTORY_ENTRIES] = to->entries;
    values[BIGCACHE_HISTORY_KILOBYTES] =
                  (to->bytes == BIGCACHE_HISTORY_UNKNOWN)
                  ? to->bytes : to->bytes / 1024 + (to->bytes % 1024 != 0);

    atomic_store(&sample->slot, 0);

    for (i = 0; i < BIGCACHE_HISTORY_FIELDS; i++) {
        atomic_store(&sample->values[i], bigcache_history_pack(values[i]));
    }

    atomic_store(&sample->slot, slot);
}


/* returns 1, or 0 if there is no sample of that slot */

static int
bigcache_history_load(bigcache_history_sample_t *sample, uint32_t slot,
    uint64_t *values)
{
    unsigned  i;

    if (atomic_load(&sample->slot) != slot) {
        return 0;
    }

    for (i = 0; i < BIGCACHE_HISTORY_FIELDS; i++) {
        values[i] = bigcache_history_unpack(atomic_load(&sample->values[i]));
    }

    return atomic_load(&sample->slot) == slot;
}


/* what so many of a hundred did not exceed, as if each bucket were even */

static uint64_t
bigcache_history_percentile(const uint64_t *from, const uint64_t *to,
    unsigned percent)
{
    double    part, low, below, n, total;
    unsigned  i, last;

    last = BIGCACHE_METRICS_BUCKETS - 1;

    if (to[last] <= from[last]) {
        return BIGCACHE_HISTORY_UNKNOWN;
    }

    total = (double) (to[last] - from[last]);
    part = total * percent / 100;
    low = 0;
    below = 0;

    for (i = 0; i < last; i++) {

        n = (to[i] > from[i]) ? (double) (to[i] - from[i]) : 0;

        if (n >= part) {
            return (uint64_t) (low + ((double) bigcache_metrics_bounds[i] - low)
                                     * (part - below) / (n - below));
        }

        low = (double) bigcache_metrics_bounds[i];
        below = n;
    }

    /* the last bucket has no upper bound */

    return (uint64_t) low;
}


static uint16_t
bigcache_history_pack(uint64_t value)
{
    unsigned  shift;
    uint64_t  packed;

    if (value == BIGCACHE_HISTORY_UNKNOWN) {
        return BIGCACHE_HISTORY_NONE;
    }

    value = (value < BIGCACHE_HISTORY_MOST) ? value : BIGCACHE_HISTORY_MOST;
    shift = 0;

    while (value >> shift >> (BIGCACHE_HISTORY_BITS + 1)) {
        shift++;
    }

    /* rounded; 4096 becomes 2048 with an exponent that is larger by 1 */

    if (shift && ((value >> (shift - 1)) & 1)) {
        value += (uint64_t) 1 << (shift - 1);
        shift += (unsigned) (value >> shift >> (BIGCACHE_HISTORY_BITS + 1));
    }

    packed = value >> shift;

    if (packed >> BIGCACHE_HISTORY_BITS) {
        packed += (uint64_t) shift << BIGCACHE_HISTORY_BITS;
    }

    return (uint16_t) packed;
}


static uint64_t
bigcache_history_unpack(uint16_t packed)
{
    uint64_t  first;
    unsigned  exponent;

    if (packed == BIGCACHE_HISTORY_NONE) {
        return BIGCACHE_HISTORY_UNKNOWN;
    }

    exponent = packed >> BIGCACHE_HISTORY_BITS;

    if (exponent == 0) {
        return packed;
    }

    first = (uint64_t) 1 << BIGCACHE_HISTORY_BITS;

    return (first + packed % first) << (exponent - 1);
}


void
bigcache_history_view(bigcache_history_view_t *view, unsigned series,
    int64_t wall)
{
    int64_t  slot;

    slot = bigcache_history_slot(series, wall);

    view->step = bigcache_history_steps[series];
    view->n = bigcache_history_slots[series];
    view->start = (slot - view->n) * view->step;

    memset(view->values, 0xff, sizeof(view->values));
}


void
bigcache_history_add(bigcache_history_view_t *view,
    bigcache_history_field_e field, int64_t start, uint64_t value)
{
    int64_t   i;
    uint64_t  *sum;

    if (start < view->start || value == BIGCACHE_HISTORY_UNKNOWN) {
        return;
    }

    i = (start - view->start) / view->step;

    if (i >= view->n) {
        return;
    }

    sum = &view->values[field][i];

    if (*sum == BIGCACHE_HISTORY_UNKNOWN) {
        *sum = value;

    } else if (field >= BIGCACHE_HISTORY_MEDIAN
               && field <= BIGCACHE_HISTORY_UPSTREAM)
    {
        *sum = (value > *sum) ? value : *sum;

    } else {
        *sum += value;
    }
}


void
bigcache_history_read(bigcache_history_t *history, unsigned series,
    bigcache_history_view_t *view)
{
    int64_t                     start;
    uint32_t                    slot;
    unsigned                    i, n;
    uint64_t                    values[BIGCACHE_HISTORY_FIELDS];
    bigcache_history_sample_t  *sample;

    for (n = 0; n < view->n; n++) {

        start = view->start + (int64_t) n * view->step;
        slot = (uint32_t) (start / view->step);

        /* one of another time has another number, also one that is to come */

        sample = bigcache_history_sample(history, series, slot);

        if (slot == 0 || !bigcache_history_load(sample, slot, values)) {
            continue;
        }

        for (i = 0; i < BIGCACHE_HISTORY_FIELDS; i++) {
            bigcache_history_add(view, i, start, values[i]);
        }
    }
}


size_t
bigcache_history_size(void)
{
    return BIGCACHE_HISTORY_FIELDS
           * (BIGCACHE_HISTORY_SLOTS * BIGCACHE_HISTORY_DIGITS
              + sizeof(",\"upstream_p99\":[]"))
           + sizeof("{\"step\":,\"start\":}") + 2 * BIGCACHE_HISTORY_DIGITS;
}


unsigned char *
bigcache_history_write(unsigned char *p, const bigcache_history_view_t *view)
{
    unsigned  i, n, first;

    /* requests are known of each sample */

    first = bigcache_history_first(view, BIGCACHE_HISTORY_REQUESTS);

    p = bigcache_history_text(p, "{\"step\":");
    p = bigcache_history_number(p, view->step);
    p = bigcache_history_text(p, ",\"start\":");
    p = bigcache_history_number(p, (uint64_t) (view->start
                                              + (int64_t) first * view->step));

    for (i = 0; i < BIGCACHE_HISTORY_FIELDS; i++) {

        p = bigcache_history_text(p, ",\"");
        p = bigcache_history_text(p, bigcache_history_names[i]);
        p = bigcache_history_text(p, "\":[");

        /* most servers have no upstream */

        n = (bigcache_history_first(view, i) < view->n) ? first : view->n;

        for ( /* void */ ; n < view->n; n++) {

            if (n > first) {
                *p++ = ',';
            }

            p = bigcache_history_number(p, view->values[i][n]);
        }

        *p++ = ']';
    }

    *p++ = '}';

    return p;
}


/* returns the first slot of which a field is known, or view->n */

static unsigned
bigcache_history_first(const bigcache_history_view_t *view,
    bigcache_history_field_e field)
{
    unsigned  n;

    for (n = 0; n < view->n; n++) {
        if (view->values[field][n] != BIGCACHE_HISTORY_UNKNOWN) {
            break;
        }
    }

    return n;
}


static unsigned char *
bigcache_history_text(unsigned char *p, const char *text)
{
    size_t  len;

    len = strlen(text);
    memcpy(p, text, len);

    return p + len;
}


static unsigned char *
bigcache_history_number(unsigned char *p, uint64_t n)
{
    size_t         i;
    unsigned char  digits[BIGCACHE_HISTORY_DIGITS];

    if (n == BIGCACHE_HISTORY_UNKNOWN) {
        return bigcache_history_text(p, "null");
    }

    i = sizeof(digits);

    do {
        digits[--i] = (unsigned char) ('0' + n % 10);
        n /= 10;
    } while (n);

    memcpy(p, &digits[i], sizeof(digits) - i);

    return p + (sizeof(digits) - i);
}
