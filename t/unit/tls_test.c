
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A process that exits just as its threads end, as a worker of nginx does, and
 * some of them have used TLS.
 */


#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bigcache_rc.h"
#include "bigcache_tls.h"
#include "tap.h"


#define THREADS    32
#define PROCESSES  600


static void child(void);
static void *use(void *data);
static void *keep(void *data);


static bigcache_tls_t       *tls;
static bigcache_tls_link_t  *volatile kept;     /* LeakSanitizer sees it */
static int                   sockets[2];
static _Atomic unsigned      ready, busy;
static _Atomic int           over;


int
main(void)
{
    int                  status;
    char                 error[BIGCACHE_ERROR_LEN];
    pid_t                pid;
    unsigned             i, failed;
    bigcache_tls_conf_t  tls_conf;

    memset(&tls_conf, 0, sizeof(bigcache_tls_conf_t));

    tls = bigcache_tls_create(&tls_conf, error);

    if (tls == NULL) {
        skip("a build without OpenSSL");
        return done_testing();
    }

    failed = 0;

    for (i = 0; i < PROCESSES; i++) {

        pid = fork();

        if (pid == 0) {
            child();
        }

        while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
            /* void */
        }

        failed += (status != 0);
    }

    is_int(failed, 0, "each of %d processes exits", PROCESSES);

    bigcache_tls_destroy(tls);

    return done_testing();
}


/*
 * Does what nginx does: threads say that they end, and are not waited for.  A
 * link that is left has the process exit at once: else the certificates that
 * the machine trusts were freed first, which takes longer.
 */

static void
child(void)
{
    unsigned        i;
    pthread_t       thread;
    pthread_attr_t  attr;

    if (socketpair(AF_UNIX, SOCK_STREAM|SOCK_NONBLOCK, 0, sockets) == -1) {
        _exit(2);
    }

    if (pthread_create(&thread, NULL, keep, NULL) != 0
        || pthread_join(thread, NULL) != 0)
    {
        _exit(2);
    }

    (void) pthread_attr_init(&attr);
    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);

    for (i = 0; i < THREADS; i++) {
        if (pthread_create(&thread, &attr, use, NULL) != 0) {
            _exit(2);
        }
    }

    while (atomic_load(&ready) != THREADS) {
        (void) sched_yield();
    }

    atomic_store(&over, 1);

    while (atomic_load(&busy)) {
        (void) sched_yield();
    }

    bigcache_tls_destroy(tls);

    exit(0);
}


static void *
use(void *data)
{
    char                  error[BIGCACHE_ERROR_LEN];
    short                 events;
    bigcache_tls_link_t  *link;

    (void) data;

    link = bigcache_tls_open(tls, sockets[0], "localhost", error);

    if (link == NULL || bigcache_tls_connect(link, &events, error) != 0) {
        _exit(3);
    }

    bigcache_tls_close(link);

    (void) atomic_fetch_add(&busy, 1);
    (void) atomic_fetch_add(&ready, 1);

    while (!atomic_load(&over)) {
        (void) sched_yield();
    }

    (void) atomic_fetch_sub(&busy, 1);

    pthread_exit(NULL);
}


static void *
keep(void *data)
{
    char  error[BIGCACHE_ERROR_LEN];

    (void) data;

    kept = bigcache_tls_open(tls, sockets[0], "localhost", error);

    if (kept == NULL) {
        _exit(3);
    }

    return NULL;
}
