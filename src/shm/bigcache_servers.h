
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the processes of one nginx know of the servers of a cluster: counters of
 * what they have asked, which only grow, and a list of the servers as one of
 * the processes has seen them lately.
 *
 * The module owns the memory, which begins as zeros.  A list is written and
 * read as a whole, under a lock that is held for a copy.  Any thread.
 */


#ifndef _BIGCACHE_SERVERS_H_INCLUDED_
#define _BIGCACHE_SERVERS_H_INCLUDED_


#include <stdatomic.h>
#include <stdint.h>

#include "bigcache_pidlock.h"


/* servers of a list: what a cluster has above that is not shown */

#define BIGCACHE_SERVERS_MAX     64

#define BIGCACHE_SERVERS_NAME    80
#define BIGCACHE_SERVERS_WHY     96
#define BIGCACHE_SERVERS_POLICY  24

/* milliseconds after which a list says nothing any more */

#define BIGCACHE_SERVERS_OLD     15000


typedef enum {
    BIGCACHE_SERVER_AWAY = 0,
    BIGCACHE_SERVER_REFUSED,        /* it refuses nginx, or nginx refuses it */
    BIGCACHE_SERVER_LOADING,        /* its data, after a start */
    BIGCACHE_SERVER_ANSWERS
} bigcache_server_state_e;

typedef enum {
    BIGCACHE_SERVER_UNKNOWN = 0,
    BIGCACHE_SERVER_MASTER,
    BIGCACHE_SERVER_REPLICA
} bigcache_server_role_e;

/* texts end with a zero; numbers are 0 if they are not known */

typedef struct {
    char                      name[BIGCACHE_SERVERS_NAME];    /* host:port */
    char                      why[BIGCACHE_SERVERS_WHY];      /* no answer */
    char                      policy[BIGCACHE_SERVERS_POLICY];
    bigcache_server_state_e   state;
    bigcache_server_role_e    role;
    unsigned                  slots;
    unsigned                  replicas;  /* in step with this master */
    uint64_t                  used;      /* bytes of memory */
    uint64_t                  max;       /* 0: it has no limit */
    uint64_t                  evicted;   /* keys, since it was started */
} bigcache_server_t;

typedef struct {
    bigcache_pidlock_t        lock;
    _Atomic uint32_t          watcher;   /* pid of the process that writes
                                         the list, or 0 */
    _Atomic int64_t           written;   /* at that time, monotonic ms, or 0 */
    uint32_t                  n;
    bigcache_server_t         list[BIGCACHE_SERVERS_MAX];
} bigcache_servers_list_t;

typedef struct {
    _Atomic uint64_t          commands;
    _Atomic uint64_t          connects;
    _Atomic uint64_t          failures;    /* of connections */
    _Atomic uint64_t          redirects;   /* MOVED, ASK */
    _Atomic uint64_t          retries;     /* of commands, for any reason */
    _Atomic uint64_t          refreshes;   /* of the map of slots */
    bigcache_servers_list_t  *list;        /* NULL: the zone is small */
} bigcache_servers_t;


/*
 * Returns 1 if this process is to watch the servers: it did so last, or nobody
 * has for a while.  now: monotonic ms.  Never blocks.
 */
int bigcache_servers_watch(bigcache_servers_t *servers, int64_t now);

/* another process may watch at once, if this one did */

void bigcache_servers_leave(bigcache_servers_t *servers);

/* writes n servers, of which those above BIGCACHE_SERVERS_MAX are left out */

void bigcache_servers_write(bigcache_servers_t *servers,
    const bigcache_server_t *list, unsigned n, int64_t now);

/*
 * Copies the list to one of BIGCACHE_SERVERS_MAX.  Returns how many there are,
 * and 0 if the list is old, or cannot be read now.  Waits a millisecond at
 * most.
 */
unsigned bigcache_servers_read(bigcache_servers_t *servers,
    bigcache_server_t *list, int64_t now);


#endif /* _BIGCACHE_SERVERS_H_INCLUDED_ */
