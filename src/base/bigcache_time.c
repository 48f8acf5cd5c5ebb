
/*
 * Copyright (C) bigcache contributors
 */


#include <time.h>

#include "bigcache_time.h"


static int64_t bigcache_time(clockid_t clock);


int64_t
bigcache_now(void)
{
    return bigcache_time(CLOCK_REALTIME);
}


int64_t
bigcache_monotonic(void)
{
    return bigcache_time(CLOCK_MONOTONIC);
}


static int64_t
bigcache_time(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
