
/*
 * Copyright (C) bigcache contributors
 */


/* The clocks, and conditions that wait by one of them. */


#include <errno.h>
#include <time.h>

#include "bigcache_time.h"


static int64_t bigcache_time(clockid_t clock, int64_t fraction);


int64_t
bigcache_time_now(void)
{
    return bigcache_time(CLOCK_REALTIME, 1000);
}


int64_t
bigcache_time_now_us(void)
{
    return bigcache_time(CLOCK_REALTIME, 1000000);
}


int64_t
bigcache_time_monotonic(void)
{
    return bigcache_time(CLOCK_MONOTONIC, 1000);
}


int64_t
bigcache_time_monotonic_us(void)
{
    return bigcache_time(CLOCK_MONOTONIC, 1000000);
}


void
bigcache_time_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t  attr;

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(cond, &attr);
    (void) pthread_condattr_destroy(&attr);
}


int
bigcache_time_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    int64_t deadline)
{
    struct timespec  ts;

    if (deadline == INT64_MAX) {
        (void) pthread_cond_wait(cond, mutex);
        return 1;
    }

    ts.tv_sec = deadline / 1000;
    ts.tv_nsec = (deadline % 1000) * 1000000;

    return pthread_cond_timedwait(cond, mutex, &ts) != ETIMEDOUT;
}


/* fraction: units in a second */

static int64_t
bigcache_time(clockid_t clock, int64_t fraction)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * fraction
           + ts.tv_nsec / (1000000000 / fraction);
}
