
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Names of hosts: a name server that does not answer, in place of which stand
 * the functions below, holds up nobody behind the deadline.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* getaddrinfo_a() */
#endif

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "bigcache_lookup.h"
#include "bigcache_rc.h"
#include "bigcache_time.h"
#include "tap.h"


#define ANSWERS  8


static void test_digits(void);
static void test_late(void);
static void test_together(void);
static void test_errors(void);
static int lookup(bigcache_lookup_t *found, const char *host, int64_t ms);
static void answer(const char *address, int rc);
static unsigned asked_now(void);
static void *thread(void *data);


static pthread_mutex_t   mutex = PTHREAD_MUTEX_INITIALIZER;
static struct gaicb     *pending[ANSWERS];
static unsigned          asked;
static _Atomic unsigned  answered;
static char              error[BIGCACHE_ERROR_LEN];


int
main(void)
{
    test_digits();
    test_late();
    test_together();
    test_errors();

    return done_testing();
}


/* what libc has: these never answer until answer() is called */

int
getaddrinfo_a(int mode, struct gaicb *list[], int n, struct sigevent *event)
{
    (void) event;

    if (mode != GAI_NOWAIT || n != 1) {
        abort();
    }

    (void) pthread_mutex_lock(&mutex);
    list[0]->__return = EAI_INPROGRESS;
    pending[asked++ % ANSWERS] = list[0];
    (void) pthread_mutex_unlock(&mutex);

    return 0;
}


int
gai_error(struct gaicb *gai)
{
    int  rc;

    (void) pthread_mutex_lock(&mutex);
    rc = gai->__return;
    (void) pthread_mutex_unlock(&mutex);

    return rc;
}


int
gai_suspend(const struct gaicb *const list[], int n,
    const struct timespec *timeout)
{
    (void) list;
    (void) n;
    (void) timeout;

    (void) usleep(1000);

    return EAI_AGAIN;
}


static void
test_digits(void)
{
    bigcache_lookup_t     found;
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    is_int(lookup(&found, "127.0.0.1", -1), 0, "an address needs no time");
    is_int(found.n, 1, "it is one");

    sin = (struct sockaddr_in *) &found.addresses[0];

    is_int(ntohs(sin->sin_port), 7000, "with the port");
    is_int(ntohl(sin->sin_addr.s_addr), INADDR_LOOPBACK, "and the address");

    is_int(lookup(&found, "::1", -1), 0, "one of IPv6");

    sin6 = (struct sockaddr_in6 *) &found.addresses[0];

    is_int(ntohs(sin6->sin6_port), 7000, "with the port");
    is_int(asked_now(), 0, "nobody was asked");
}


static void
test_late(void)
{
    int64_t            begin;
    bigcache_lookup_t  found;

    begin = bigcache_time_monotonic();

    is_int(lookup(&found, "late", 50), -1, "no answer");
    is_str(error, "its address is not found: no answer in time", "why");
    ok(bigcache_time_monotonic() - begin >= 50, "not before the deadline");

    is_int(lookup(&found, "late", 0), -1, "again");
    is_int(lookup(&found, "late", 0), -1, "and again");
    is_int(asked_now(), 1, "it was asked once");

    answer("192.0.2.1", 0);

    is_int(lookup(&found, "late", 0), -1, "an answer that is old is not used");
    is_int(asked_now(), 2, "it was asked anew");

    answer("192.0.2.1", 0);
}


static void
test_together(void)
{
    unsigned           i, before;
    pthread_t          threads[4];
    bigcache_lookup_t  found[4];

    before = asked_now();

    for (i = 0; i < 4; i++) {
        if (pthread_create(&threads[i], NULL, thread, &found[i]) != 0) {
            abort();
        }
    }

    while (asked_now() == before) {
        (void) usleep(1000);
    }

    (void) usleep(20000);       /* the others come to wait, too */

    /* one that comes later asks again */

    while (answered < 4) {
        answer("192.0.2.7", 0);
        (void) usleep(1000);
    }

    for (i = 0; i < 4; i++) {
        (void) pthread_join(threads[i], NULL);
        is_int(found[i].n, 1, "thread %u has an address", i);
    }
}


static void
test_errors(void)
{
    pthread_t          one;
    unsigned           before;
    bigcache_lookup_t  found;

    before = asked_now();

    if (pthread_create(&one, NULL, thread, &found) != 0) {
        abort();
    }

    while (asked_now() == before) {
        (void) usleep(1000);
    }

    answer(NULL, EAI_NONAME);
    (void) pthread_join(one, NULL);

    is_int(found.n, 0, "a name that is none");
    is_str(error, "its address is not found: Name or service not known",
           "and why");
}


static int
lookup(bigcache_lookup_t *found, const char *host, int64_t ms)
{
    return bigcache_lookup(found, host, 7000, bigcache_time_monotonic() + ms,
                           error);
}


/* what was asked last has this answer, if it has none yet */

static void
answer(const char *address, int rc)
{
    struct gaicb     *gai;
    struct addrinfo   hints, *list;

    list = NULL;

    if (address) {
        memset(&hints, 0, sizeof(hints));
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_NUMERICHOST;

        if (getaddrinfo(address, NULL, &hints, &list) != 0) {
            abort();
        }
    }

    (void) pthread_mutex_lock(&mutex);

    gai = pending[(asked - 1) % ANSWERS];

    if (gai) {
        pending[(asked - 1) % ANSWERS] = NULL;
        gai->ar_result = list;
        gai->__return = rc;
        list = NULL;
    }

    (void) pthread_mutex_unlock(&mutex);

    if (list) {
        freeaddrinfo(list);
    }
}


static unsigned
asked_now(void)
{
    unsigned  n;

    (void) pthread_mutex_lock(&mutex);
    n = asked;
    (void) pthread_mutex_unlock(&mutex);

    return n;
}


static void *
thread(void *data)
{
    (void) lookup(data, "host", 10000);

    answered++;

    return NULL;
}
