
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The two clocks, in milliseconds unless the name says otherwise, and
 * conditions that wait by the one that only grows.  Any thread.
 */


#ifndef _BIGCACHE_TIME_H_INCLUDED_
#define _BIGCACHE_TIME_H_INCLUDED_


#include <pthread.h>
#include <stdint.h>


/* returns the time since the epoch, which may be set back */

int64_t bigcache_time_now(void);

/* the same in microseconds */

int64_t bigcache_time_now_us(void);

/* returns the time since some fixed point, which only grows */

int64_t bigcache_time_monotonic(void);

/* the same in microseconds */

int64_t bigcache_time_monotonic_us(void);

void bigcache_time_cond_init(pthread_cond_t *cond);

/*
 * Waits for a condition of bigcache_time_cond_init(), until deadline at the
 * latest, monotonic ms, or without limit if that is INT64_MAX.  Returns 1; or 0
 * if the deadline has passed.
 */
int bigcache_time_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    int64_t deadline);


#endif /* _BIGCACHE_TIME_H_INCLUDED_ */
