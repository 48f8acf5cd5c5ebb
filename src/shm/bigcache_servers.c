
/*
 * Copyright (C) bigcache contributors
 */


/* the list of the servers of a cluster, in shared memory */


#include <string.h>
#include <unistd.h>

#include "bigcache_servers.h"


/* milliseconds that a process waits for the lock: for a list, to write one */

#define BIGCACHE_SERVERS_READS   1
#define BIGCACHE_SERVERS_WRITES  100


int
bigcache_servers_watch(bigcache_servers_t *servers, int64_t now)
{
    uint32_t                  pid, watcher;
    bigcache_servers_list_t  *list;

    list = servers->list;

    if (list == NULL) {
        return 0;
    }

    pid = (uint32_t) getpid();
    watcher = atomic_load(&list->watcher);

    if (watcher == pid) {
        return 1;
    }

    if (watcher
        && now - atomic_load(&list->written) < BIGCACHE_SERVERS_OLD / 2
        && !bigcache_pidlock_dead(watcher))
    {
        return 0;
    }

    return atomic_compare_exchange_strong(&list->watcher, &watcher, pid);
}


void
bigcache_servers_leave(bigcache_servers_t *servers)
{
    uint32_t  pid;

    if (servers->list) {
        pid = (uint32_t) getpid();
        (void) atomic_compare_exchange_strong(&servers->list->watcher, &pid, 0);
    }
}


void
bigcache_servers_write(bigcache_servers_t *servers,
    const bigcache_server_t *from, unsigned n, int64_t now)
{
    bigcache_servers_list_t  *list;

    list = servers->list;

    if (n > BIGCACHE_SERVERS_MAX) {
        n = BIGCACHE_SERVERS_MAX;
    }

    if (list == NULL
        || bigcache_pidlock(&list->lock, BIGCACHE_SERVERS_WRITES)
           == BIGCACHE_PIDLOCK_BUSY)
    {
        return;
    }

    list->n = n;
    memcpy(list->list, from, n * sizeof(bigcache_server_t));
    atomic_store(&list->written, now ? now : 1);

    bigcache_pidlock_unlock(&list->lock);
}


unsigned
bigcache_servers_read(bigcache_servers_t *servers, bigcache_server_t *to,
    int64_t now)
{
    int64_t                   written;
    unsigned                  n;
    bigcache_servers_list_t  *list;

    list = servers->list;

    if (list == NULL) {
        return 0;
    }

    written = atomic_load(&list->written);

    if (written == 0 || now - written > BIGCACHE_SERVERS_OLD) {
        return 0;
    }

    switch (bigcache_pidlock(&list->lock, BIGCACHE_SERVERS_READS)) {

    case BIGCACHE_PIDLOCK_BUSY:
        return 0;

    case BIGCACHE_PIDLOCK_ABANDONED:

        /* a process died while it wrote: the next list will be whole */

        atomic_store(&list->written, 0);
        list->n = 0;
        break;

    default: /* BIGCACHE_PIDLOCK_LOCKED */
        break;
    }

    n = list->n;
    memcpy(to, list->list, n * sizeof(bigcache_server_t));

    bigcache_pidlock_unlock(&list->lock);

    return n;
}
