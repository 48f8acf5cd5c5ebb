
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
    int        started;
} seen_t;


static bigcache_rc_t work(void *data);
static bigcache_rc_t pieces(void *data);
static void *started(void *data);


int
main(void)
{
    int     nice;
    seen_t  seen;

    memset(&seen, 0, sizeof(seen_t));
    nice = getpriority(PRIO_PROCESS, 0);

    is_int(bigcache_background_run(work, &seen, 3), BIGCACHE_MISS,
           "what the work returns");
    ok(!pthread_equal(seen.thread, pthread_self()), "in another thread");
    is_int(seen.nice, (nice + 3 < 19) ? nice + 3 : 19, "its priority is lower");
    is_int(getpriority(PRIO_PROCESS, 0), nice, "and not that of the caller");

    (void) bigcache_background_run(work, &seen, BIGCACHE_BACKGROUND_UPKEEP);
    is_int(seen.nice, (nice + 5 < 19) ? nice + 5 : 19, "upkeep: lower still");
    is_int(seen.started, seen.nice, "a thread that the work starts, too");

    is_int(bigcache_background_run(pieces, NULL, BIGCACHE_BACKGROUND_UPKEEP),
           BIGCACHE_OK, "it rests after a while, and goes on");

    return done_testing();
}


static bigcache_rc_t
work(void *data)
{
    seen_t *seen = data;

    pthread_t  thread;

    seen->thread = pthread_self();
    seen->nice = getpriority(PRIO_PROCESS, 0);

    (void) pthread_create(&thread, NULL, started, &seen->started);
    (void) pthread_join(thread, NULL);

    return BIGCACHE_MISS;
}


static void *
started(void *data)
{
    *(int *) data = getpriority(PRIO_PROCESS, 0);

    return NULL;
}


/* returns BIGCACHE_OK when it has rested ten times */

static bigcache_rc_t
pieces(void *data)
{
    int64_t                      used;
    unsigned                     rests;
    bigcache_background_pace_t   pace;

    (void) data;

    memset(&pace, 0, sizeof(bigcache_background_pace_t));

    for (rests = 0; rests < 10; /* void */) {
        used = pace.used;
        bigcache_background_yield(&pace);
        rests += (pace.used != used);
    }

    return BIGCACHE_OK;
}
