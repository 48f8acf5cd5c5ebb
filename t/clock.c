
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A library for LD_PRELOAD: a machine whose time of day is ahead, by as many
 * seconds as CLOCK_AHEAD of the environment says, or behind if those are
 * negative.  It calls the kernel and not the C library's function: dlsym() may
 * allocate, and AddressSanitizer's allocator asks for the time.
 */


#define _GNU_SOURCE

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>


int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    int          rc;
    const char  *ahead;

    rc = (int) syscall(SYS_clock_gettime, clock, ts);
    ahead = getenv("CLOCK_AHEAD");

    if (rc == 0 && clock == CLOCK_REALTIME && ahead) {
        ts->tv_sec += atol(ahead);
    }

    return rc;
}
