
/*
 * Copyright (C) bigcache contributors
 */


/* work in a thread of lower priority, which its caller waits for */


#define _GNU_SOURCE

#include <pthread.h>
#include <sys/resource.h>

#include "bigcache_background.h"
#include "tap.h"


typedef struct {
    pthread_t  thread;
    int        nice;
} seen_t;


static bigcache_rc_t work(void *data);


int
main(void)
{
    int     nice;
    seen_t  seen;

    memset(&seen, 0, sizeof(seen_t));
    nice = getpriority(PRIO_PROCESS, 0);

    is_int(bigcache_background_run(work, &seen), BIGCACHE_MISS,
           "what the work returns");
    ok(!pthread_equal(seen.thread, pthread_self()), "in another thread");
    is_int(seen.nice, (nice + 3 < 19) ? nice + 3 : 19, "its priority is lower");
    is_int(getpriority(PRIO_PROCESS, 0), nice, "and not that of the caller");

    return done_testing();
}


static bigcache_rc_t
work(void *data)
{
    seen_t *seen = data;

    seen->thread = pthread_self();
    seen->nice = getpriority(PRIO_PROCESS, 0);

    return BIGCACHE_MISS;
}
