
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The two clocks, in milliseconds unless the name says otherwise.  Any thread.
 */


#ifndef _BIGCACHE_TIME_H_INCLUDED_
#define _BIGCACHE_TIME_H_INCLUDED_


#include <stdint.h>


/* returns the time since the epoch, which may be set back */

int64_t bigcache_time_now(void);

/* the same in microseconds */

int64_t bigcache_time_now_us(void);

/* returns the time since some fixed point, which only grows */

int64_t bigcache_time_monotonic(void);

/* the same in microseconds */

int64_t bigcache_time_monotonic_us(void);


#endif /* _BIGCACHE_TIME_H_INCLUDED_ */
