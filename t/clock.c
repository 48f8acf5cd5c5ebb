
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A library for LD_PRELOAD: a machine whose time of day is ahead, by as many
 * seconds as CLOCK_AHEAD of the environment says, or behind if those are
 * negative.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>


int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    int          rc;
    const char  *ahead;
    int        (*next)(clockid_t, struct timespec *);

    next = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT,
                                                         "clock_gettime");
    rc = next(clock, ts);
    ahead = getenv("CLOCK_AHEAD");

    if (rc == 0 && clock == CLOCK_REALTIME && ahead) {
        ts->tv_sec += atol(ahead);
    }

    return rc;
}
