
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


typedef bigcache_rc_t (*bigcache_background_pt)(void *data);


/*
 * Returns what the handler returns.  If no thread can be started, the caller
 * runs the handler itself.  The handler gets some of a busy processor always:
 * else whoever waits for a lock that it holds would wait without end.
 */
bigcache_rc_t bigcache_background_run(bigcache_background_pt handler,
    void *data);

/*
 * For the handler, often, while it holds no lock: sleeps for a moment if it has
 * used the processor for a millisecond.  Else Linux would interrupt the thread
 * at any point, and it would keep its locks until it gets the processor again.
 * *rested is memory of the handler, 0 at first.
 */
void bigcache_background_rest(int64_t *rested);


#endif /* _BIGCACHE_BACKGROUND_H_INCLUDED_ */
