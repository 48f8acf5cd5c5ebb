
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Work that must not be felt by others: it runs in a thread of its own, with a
 * lower priority, while the caller waits.  A thread of nginx's pool cannot
 * lower its own priority instead: only a privileged process may raise it again.
 * Any thread that may block.
 */


#ifndef _BIGCACHE_BACKGROUND_H_INCLUDED_
#define _BIGCACHE_BACKGROUND_H_INCLUDED_


#include <stdint.h>

#include "bigcache_rc.h"


/*
 * What is added to the nice value of the caller.  A thread of 3 gets a third of
 * a core that the event loop could use alone, one of 5 a quarter.
 */

#define BIGCACHE_BACKGROUND_AWAITED  3    /* a request waits for the end */
#define BIGCACHE_BACKGROUND_UPKEEP   5    /* nobody waits */


typedef bigcache_rc_t (*bigcache_background_pt)(void *data);

/* the memory of bigcache_background_yield(), all zeroes at first */

typedef struct {
    int64_t  used;         /* processor time at the last rest, us */
    int64_t  began;        /* when it ended, monotonic us */
    int64_t  interrupted;  /* how often until then */
} bigcache_background_pace_t;


/*
 * Returns what the handler returns.  If no thread can be started, the caller
 * runs the handler itself.  The handler gets some of a busy processor always:
 * else whoever waits for a lock that it holds would wait without end.  A thread
 * that the handler starts has its priority, too.
 */
bigcache_rc_t bigcache_background_run(bigcache_background_pt handler,
    void *data, int nice);

/*
 * For the handler, often, while it holds no lock: sleeps for a moment if it has
 * used the processor for a millisecond.  Else Linux would interrupt the thread
 * at any point, and it would keep its locks until it gets the processor again.
 * *rested is memory of the handler, 0 at first.
 */
void bigcache_background_rest(int64_t *rested);

/*
 * The same for a handler that nobody waits for: it sleeps after a fifth of a
 * millisecond, and if it was interrupted since the last time, so that another
 * thread needs the processor, it sleeps twice as long as that took.
 */
void bigcache_background_yield(bigcache_background_pace_t *pace);


/*
 * For the thread of an event loop: when it has something to do, it interrupts
 * a thread of this file at once.  Since Linux 6.12; before that it may have to
 * wait for the next tick, for up to 4 ms.
 */
void bigcache_background_interrupt(void);

/*
 * For a thread that an event loop may have started, and that is to be
 * interrupted itself.
 */
void bigcache_background_usual(void);


#endif /* _BIGCACHE_BACKGROUND_H_INCLUDED_ */
