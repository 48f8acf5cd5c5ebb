
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The clocks.
 */


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


/* fraction: units in a second */

static int64_t
bigcache_time(clockid_t clock, int64_t fraction)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * fraction
           + ts.tv_nsec / (1000000000 / fraction);
}
