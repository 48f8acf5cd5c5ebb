
/*
 * Copyright (C) bigcache contributors
 */


/* runs work in a thread of lower priority, and waits for it */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* pthread_setname_np(), RUSAGE_THREAD */
#endif

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bigcache_background.h"


/* microseconds of processor time between two rests, and of a rest */

#define BIGCACHE_BACKGROUND_WORK  1000
#define BIGCACHE_BACKGROUND_REST  50

/* the same if nobody waits, and the longest rest */

#define BIGCACHE_BACKGROUND_PIECE    200
#define BIGCACHE_BACKGROUND_LONGEST  5000

/*
 * The slice of an event loop, in ns; the usual one is 0.7 ms or more.  A thread
 * that wakes interrupts only threads of a longer slice.
 */

#define BIGCACHE_BACKGROUND_SLICE  200000


typedef struct {
    bigcache_background_pt   handler;
    void                    *data;
    int                      nice;
    bigcache_rc_t            rc;
} bigcache_background_t;


/* as in linux/sched/types.h, which older systems do not have */

typedef struct {
    uint32_t  size;
    uint32_t  policy;
    uint64_t  flags;
    int32_t   nice;
    uint32_t  priority;
    uint64_t  runtime;    /* ns, of SCHED_OTHER: the slice, 0 is the usual */
    uint64_t  deadline;
    uint64_t  period;
} bigcache_background_attr_t;


static void *bigcache_background_thread(void *data);
static void bigcache_background_slice(uint64_t slice);
static int64_t bigcache_background_now(clockid_t clock);


bigcache_rc_t
bigcache_background_run(bigcache_background_pt handler, void *data, int nice)
{
    pthread_t              thread;
    bigcache_background_t  work;

    work.handler = handler;
    work.data = data;
    work.nice = nice;

    /* the thread inherits a mask that blocks all signals */

    if (pthread_create(&thread, NULL, bigcache_background_thread, &work)) {
        return handler(data);
    }

    (void) pthread_join(thread, NULL);

    return work.rc;
}


static void *
bigcache_background_thread(void *data)
{
    int                    nice;
    bigcache_background_t *work = data;

    (void) pthread_setname_np(pthread_self(), "bc-background");

    /* in Linux 0 is the calling thread, not its process */

    nice = getpriority(PRIO_PROCESS, 0) + work->nice;

    (void) setpriority(PRIO_PROCESS, 0, nice);

    /* whoever has started this thread may be one that interrupts others */

    bigcache_background_slice(0);

    work->rc = work->handler(work->data);

    return NULL;
}


void
bigcache_background_rest(int64_t *rested)
{
    int64_t  used;

    used = bigcache_background_now(CLOCK_THREAD_CPUTIME_ID);

    if (used - *rested >= BIGCACHE_BACKGROUND_WORK) {
        (void) usleep(BIGCACHE_BACKGROUND_REST);
        *rested = used;
    }
}


void
bigcache_background_yield(bigcache_background_pace_t *pace)
{
    int64_t        used, rest;
    struct rusage  usage;

    used = bigcache_background_now(CLOCK_THREAD_CPUTIME_ID);

    if (used - pace->used < BIGCACHE_BACKGROUND_PIECE) {
        return;
    }

    rest = BIGCACHE_BACKGROUND_REST;

    if (getrusage(RUSAGE_THREAD, &usage) == 0) {

        if (usage.ru_nivcsw != pace->interrupted) {
            rest = 2 * (bigcache_background_now(CLOCK_MONOTONIC)
                        - pace->began);
        }

        pace->interrupted = usage.ru_nivcsw;
    }

    if (rest > BIGCACHE_BACKGROUND_LONGEST) {
        rest = BIGCACHE_BACKGROUND_LONGEST;
    }

    (void) usleep((useconds_t) rest);

    pace->used = used;
    pace->began = bigcache_background_now(CLOCK_MONOTONIC);
}


void
bigcache_background_interrupt(void)
{
    bigcache_background_slice(BIGCACHE_BACKGROUND_SLICE);
}


void
bigcache_background_usual(void)
{
    bigcache_background_slice(0);
}


/* of this thread, if it has the usual scheduler */

static void
bigcache_background_slice(uint64_t slice)
{
    bigcache_background_attr_t  attr;

    memset(&attr, 0, sizeof(bigcache_background_attr_t));

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) == -1
        || attr.policy != SCHED_OTHER)
    {
        return;
    }

    attr.size = sizeof(attr);
    attr.runtime = slice;

    (void) syscall(SYS_sched_setattr, 0, &attr, 0);
}


/* microseconds */

static int64_t
bigcache_background_now(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
