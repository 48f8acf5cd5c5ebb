
/*
 * Copyright (C) bigcache contributors
 */


/* looks up names of hosts, by threads of libc that may take their time */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* getaddrinfo_a() */
#endif

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "bigcache_lookup.h"
#include "bigcache_rc.h"
#include "bigcache_time.h"


/* a name that is being looked up */

typedef struct bigcache_lookup_request_s  bigcache_lookup_request_t;

struct bigcache_lookup_request_s {
    struct gaicb                gai;
    struct addrinfo             hints;
    char                        host[BIGCACHE_LOOKUP_HOST];
    unsigned                    users;
    bigcache_lookup_request_t  *next;
};


static bigcache_lookup_request_t *bigcache_lookup_begin(const char *host);
static int bigcache_lookup_wait(bigcache_lookup_request_t *request,
    int64_t deadline);
static void bigcache_lookup_end(bigcache_lookup_request_t *request,
    bigcache_lookup_t *lookup);
static bigcache_lookup_request_t **bigcache_lookup_reap(const char *host);
static void bigcache_lookup_copy(bigcache_lookup_t *lookup,
    const struct addrinfo *list);
static void bigcache_lookup_port(bigcache_lookup_t *lookup, unsigned port);


static pthread_mutex_t             bigcache_lookup_mutex =
                                                    PTHREAD_MUTEX_INITIALIZER;
static bigcache_lookup_request_t  *bigcache_lookup_requests;


int
bigcache_lookup(bigcache_lookup_t *lookup, const char *host, unsigned port,
    int64_t deadline, char *error)
{
    int                         rc;
    struct addrinfo             hints, *list;
    bigcache_lookup_request_t  *request;

    lookup->n = 0;

    memset(&hints, 0, sizeof(struct addrinfo));

    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST;

    if (getaddrinfo(host, NULL, &hints, &list) == 0) {
        bigcache_lookup_copy(lookup, list);
        freeaddrinfo(list);

    } else {

        request = bigcache_lookup_begin(host);

        if (request == NULL) {
            (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
            return -1;
        }

        rc = bigcache_lookup_wait(request, deadline);

        bigcache_lookup_end(request, rc == 0 ? lookup : NULL);

        if (rc != 0) {
            (void) snprintf(error, BIGCACHE_ERROR_LEN,
                            "its address is not found: %s",
                            rc == EAI_INPROGRESS ? "no answer in time"
                                                 : gai_strerror(rc));
            return -1;
        }
    }

    if (lookup->n == 0) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "it has no address");
        return -1;
    }

    bigcache_lookup_port(lookup, port);

    return 0;
}


/* joins whoever waits for the same name, or asks for it */

static bigcache_lookup_request_t *
bigcache_lookup_begin(const char *host)
{
    struct gaicb                *list[1];
    bigcache_lookup_request_t   *request, **found;

    (void) pthread_mutex_lock(&bigcache_lookup_mutex);

    found = bigcache_lookup_reap(host);
    request = *found;

    if (request == NULL) {

        request = calloc(1, sizeof(bigcache_lookup_request_t));

        if (request) {
            (void) snprintf(request->host, sizeof(request->host), "%s", host);

            request->hints.ai_socktype = SOCK_STREAM;
            request->gai.ar_name = request->host;
            request->gai.ar_request = &request->hints;

            list[0] = &request->gai;

            if (getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) == 0) {
                *found = request;

            } else {
                free(request);
                request = NULL;
            }
        }
    }

    if (request) {
        request->users++;
    }

    (void) pthread_mutex_unlock(&bigcache_lookup_mutex);

    return request;
}


/* returns 0, EAI_INPROGRESS at the deadline, or why there is no address */

static int
bigcache_lookup_wait(bigcache_lookup_request_t *request, int64_t deadline)
{
    int                  rc;
    int64_t              left;
    struct timespec      ts;
    const struct gaicb  *list[1];

    list[0] = &request->gai;

    for ( ;; ) {
        rc = gai_error(&request->gai);

        if (rc != EAI_INPROGRESS) {
            return rc;
        }

        left = deadline - bigcache_time_monotonic();

        if (left <= 0) {
            return rc;
        }

        ts.tv_sec = left / 1000;
        ts.tv_nsec = left % 1000 * 1000000;

        (void) gai_suspend(list, 1, &ts);
    }
}


/* the caller needs the request no more; copies its addresses, if it has some */

static void
bigcache_lookup_end(bigcache_lookup_request_t *request,
    bigcache_lookup_t *lookup)
{
    (void) pthread_mutex_lock(&bigcache_lookup_mutex);

    if (lookup) {
        bigcache_lookup_copy(lookup, request->gai.ar_result);
    }

    request->users--;

    (void) bigcache_lookup_reap("");

    (void) pthread_mutex_unlock(&bigcache_lookup_mutex);
}


/*
 * Frees the requests that have ended, and that nobody needs.  Returns where the
 * one for this name is, or where a new one belongs.
 */

static bigcache_lookup_request_t **
bigcache_lookup_reap(const char *host)
{
    bigcache_lookup_request_t  *request, **at, **found;

    at = &bigcache_lookup_requests;
    found = NULL;

    while (*at) {
        request = *at;

        if (request->users == 0 && gai_error(&request->gai) != EAI_INPROGRESS)
        {
            *at = request->next;

            if (request->gai.ar_result) {
                freeaddrinfo(request->gai.ar_result);
            }

            free(request);
            continue;
        }

        if (strcmp(request->host, host) == 0) {
            found = at;
        }

        at = &request->next;
    }

    return found ? found : at;
}


static void
bigcache_lookup_copy(bigcache_lookup_t *lookup, const struct addrinfo *list)
{
    unsigned                n;
    const struct addrinfo  *ai;

    n = 0;

    for (ai = list; ai && n < BIGCACHE_LOOKUP_MAX; ai = ai->ai_next) {

        if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6) {
            continue;
        }

        memcpy(&lookup->addresses[n], ai->ai_addr, ai->ai_addrlen);
        lookup->lens[n++] = ai->ai_addrlen;
    }

    lookup->n = n;
}


static void
bigcache_lookup_port(bigcache_lookup_t *lookup, unsigned port)
{
    unsigned              i;
    struct sockaddr_in   *sin;
    struct sockaddr_in6  *sin6;

    for (i = 0; i < lookup->n; i++) {

        if (lookup->addresses[i].ss_family == AF_INET) {
            sin = (struct sockaddr_in *) &lookup->addresses[i];
            sin->sin_port = htons((uint16_t) port);

        } else {
            sin6 = (struct sockaddr_in6 *) &lookup->addresses[i];
            sin6->sin6_port = htons((uint16_t) port);
        }
    }
}
