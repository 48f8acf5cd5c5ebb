
/*
 * Copyright (C) bigcache contributors
 */


/* runs work in a thread of lower priority, and waits for it */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* pthread_setname_np() */
#endif

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bigcache_background.h"


/*
 * A thread of this nice value gets a third of a core that the event loop
 * could use alone: enough that a large purge ends soon.
 */

#define BIGCACHE_BACKGROUND_NICE  3

/* microseconds of processor time between two rests, and of a rest */

#define BIGCACHE_BACKGROUND_WORK  1000
#define BIGCACHE_BACKGROUND_REST  50


typedef struct {
    bigcache_background_pt   handler;
    void                    *data;
    bigcache_rc_t            rc;
} bigcache_background_t;


static void *bigcache_background_thread(void *data);


bigcache_rc_t
bigcache_background_run(bigcache_background_pt handler, void *data)
{
    pthread_t              thread;
    bigcache_background_t  work;

    work.handler = handler;
    work.data = data;

    /* the thread inherits a mask that blocks all signals */

    if (pthread_create(&thread, NULL, bigcache_background_thread, &work)) {
        return handler(data);
    }

    (void) pthread_join(thread, NULL);

    return work.rc;
}


static void *
bigcache_background_thread(void *data)
{
    int                    nice;
    bigcache_background_t *work = data;

    (void) pthread_setname_np(pthread_self(), "bc-background");

    /* in Linux 0 is the calling thread, not its process */

    nice = getpriority(PRIO_PROCESS, 0) + BIGCACHE_BACKGROUND_NICE;

    (void) setpriority(PRIO_PROCESS, 0, nice);

    work->rc = work->handler(work->data);

    return NULL;
}


void
bigcache_background_rest(int64_t *rested)
{
    int64_t          used;
    struct timespec  ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    used = (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;

    if (used - *rested >= BIGCACHE_BACKGROUND_WORK) {
        (void) usleep(BIGCACHE_BACKGROUND_REST);
        *rested = used;
    }
}
