
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Counts requests by operation in shared memory, and adds the parts up.
 */


#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_metrics.h"


/*
 * A pid may be used again, but not together with the time at which its process
 * began.  One number has both.  Linux has pids of 22 bits.
 */

#define BIGCACHE_METRICS_BIRTH  40    /* bits of it */

#define BIGCACHE_METRICS_STAT   1024  /* bytes of /proc/pid/stat to read */
#define BIGCACHE_METRICS_FIELD  19    /* the birth, from the state on */


static unsigned bigcache_metrics_code(unsigned status);
static uint64_t bigcache_metrics_process(pid_t pid, uint64_t birth);
static int bigcache_metrics_dead(uint64_t process);
static int bigcache_metrics_birth(pid_t pid, uint64_t *birth);


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
    i = bigcache_metrics_code(status);

    atomic_fetch_add_explicit(&part->statuses[metric][i], 1,
                              memory_order_relaxed);
}


void
bigcache_metrics_operations(bigcache_metrics_t *metrics, const char *name,
    unsigned status, unsigned n)
{
    unsigned  i, metric;

    i = bigcache_metrics_code(status);

    for (metric = BIGCACHE_METRIC_N - 1; metric > 0; metric--) {
        if (strcmp(bigcache_metrics_names[metric], name) == 0) {
            break;
        }
    }

    atomic_fetch_add_explicit(&metrics->operations[metric][i], n,
                              memory_order_relaxed);
}


static unsigned
bigcache_metrics_code(unsigned status)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_METRICS_STATUSES - 1; i++) {
        if (bigcache_metrics_codes[i] == status) {
            break;
        }
    }

    return i;
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

    for (i = 0; i < BIGCACHE_METRICS_STATUSES; i++) {
        sum->operations[i] = atomic_load(&metrics->operations[metric][i]);
    }

    for (i = 1; i < BIGCACHE_METRICS_BUCKETS; i++) {
        sum->buckets[i] += sum->buckets[i - 1];
    }
}


bigcache_metrics_place_t *
bigcache_metrics_enter(bigcache_metrics_t *metrics)
{
    unsigned                   i;
    uint64_t                   was, own, birth;
    bigcache_metrics_place_t  *place;

    if (bigcache_metrics_birth(getpid(), &birth) == -1) {
        birth = 0;
    }

    own = bigcache_metrics_process(getpid(), birth);

    for (i = 0; i < BIGCACHE_METRICS_WORKERS; i++) {

        place = &metrics->places[i];
        was = atomic_load(&place->process);

        if ((was == 0 || bigcache_metrics_dead(was))
            && atomic_compare_exchange_strong(&place->process, &was, own))
        {
            atomic_store(&place->waiting, 0);
            atomic_store(&place->turns, 0);
            return place;
        }
    }

    return NULL;
}


void
bigcache_metrics_leave(bigcache_metrics_place_t *place)
{
    atomic_store(&place->waiting, 0);
    atomic_store(&place->turns, 0);
    atomic_store(&place->process, 0);
}


uint64_t
bigcache_metrics_waiting(bigcache_metrics_t *metrics, uint64_t *turns)
{
    unsigned                   i;
    uint64_t                   n, m, waiting, process;
    bigcache_metrics_place_t  *place;

    n = 0;
    m = 0;

    for (i = 0; i < BIGCACHE_METRICS_WORKERS; i++) {

        place = &metrics->places[i];
        waiting = atomic_load(&place->waiting);
        process = atomic_load(&place->process);

        if (waiting && process && !bigcache_metrics_dead(process)) {
            n += waiting;
            m += atomic_load(&place->turns);
        }
    }

    if (turns) {
        *turns = m;
    }

    return n;
}


static uint64_t
bigcache_metrics_process(pid_t pid, uint64_t birth)
{
    return (uint64_t) pid << BIGCACHE_METRICS_BIRTH
           | (birth & (((uint64_t) 1 << BIGCACHE_METRICS_BIRTH) - 1));
}


static int
bigcache_metrics_dead(uint64_t process)
{
    pid_t     pid;
    uint64_t  birth;

    pid = (pid_t) (process >> BIGCACHE_METRICS_BIRTH);

    if (kill(pid, 0) == -1 && errno == ESRCH) {
        return 1;
    }

    switch (bigcache_metrics_birth(pid, &birth)) {

    case 0:
        return bigcache_metrics_process(pid, birth) != process
               && bigcache_metrics_process(pid, 0) != process;

    case 1:
        return 1;

    default:

        /* /proc is not mounted, or is hidden: it may be the same process */

        return 0;
    }
}


/*
 * Returns 0 and the time at which a process began, in ticks since the boot; 1
 * if it has ended, but is still a zombie; or -1 if that is not known.
 */

static int
bigcache_metrics_birth(pid_t pid, uint64_t *birth)
{
    int       fd, i;
    char      name[sizeof("/proc//stat") + 20];
    char      text[BIGCACHE_METRICS_STAT], *p;
    ssize_t   n;

    (void) snprintf(name, sizeof(name), "/proc/%d/stat", (int) pid);

    fd = open(name, O_RDONLY|O_CLOEXEC);
    if (fd == -1) {
        return -1;
    }

    n = read(fd, text, sizeof(text) - 1);
    (void) close(fd);

    if (n <= 0) {
        return -1;
    }

    text[n] = '\0';

    /* pid (name) state ...; a name may have any characters */

    p = strrchr(text, ')');
    if (p == NULL || p[1] != ' ') {
        return -1;
    }

    p += 2;

    if (*p == 'Z' || *p == 'X') {
        return 1;
    }

    for (i = 0; i < BIGCACHE_METRICS_FIELD; i++) {
        p = strchr(p, ' ');
        if (p == NULL) {
            return -1;
        }

        p++;
    }

    *birth = strtoull(p, NULL, 10);

    return 0;
}


void
bigcache_metrics_rate(char *dst, uint64_t hit, uint64_t miss)
{
    double  rate;

    rate = hit ? 100.0 * (double) hit / ((double) hit + (double) miss) : 0;

    (void) snprintf(dst, BIGCACHE_METRICS_RATE_LEN, "%.2f%%", rate);
}
