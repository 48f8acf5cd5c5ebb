
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The servers of a cluster: which of them has a slot, and the idle links to
 * them.  A process has one bigcache_nodes_t for a cluster.  It connects only
 * when a link is wanted.
 *
 * A server keeps its number until BIGCACHE_NODES_MAX are known: then another
 * one gets the number of a server that has no slot, has not been named by the
 * user, and to which nobody has a link.  Whoever has learnt the number before
 * that asks the wrong server then, which says so, as after any move of slots.
 *
 * A server without cluster mode is a cluster of one that has all slots.
 *
 * Has a lock, which is never held while a server is waited for.  Any thread
 * but that of an event loop.
 */


#ifndef _BIGCACHE_NODES_H_INCLUDED_
#define _BIGCACHE_NODES_H_INCLUDED_


#include "bigcache_link.h"
#include "bigcache_log.h"
#include "bigcache_script.h"
#include "bigcache_servers.h"


/* servers that a process knows at a time */

#define BIGCACHE_NODES_MAX   1024

#define BIGCACHE_NODES_NONE  (-1)


typedef struct bigcache_nodes_s  bigcache_nodes_t;

/* all of it belongs to the caller, and must stay as it is */

typedef struct {
    const bigcache_address_t  *seeds;
    unsigned                   nseeds;
    const char                *user;        /* NULL: the default one */
    const char                *password;    /* NULL: none */
    const bigcache_tls_t      *tls;         /* NULL: none */
    unsigned                   timeout;     /* ms for an answer */
    unsigned                   wait;        /* ms for an operation */
} bigcache_nodes_conf_t;


/* returns NULL if out of memory; counters are the caller's, and shared */

bigcache_nodes_t *bigcache_nodes_create(const bigcache_nodes_conf_t *conf,
    bigcache_servers_t *counters);

/* no link may be taken */

void bigcache_nodes_destroy(bigcache_nodes_t *nodes);

/* returns the conf, and the counters, that the caller has given */

const bigcache_nodes_conf_t *bigcache_nodes_conf(
    const bigcache_nodes_t *nodes);
bigcache_servers_t *bigcache_nodes_counters(
    const bigcache_nodes_t *nodes);

/* returns the server that has the slot, or BIGCACHE_NODES_NONE: not known */

int bigcache_nodes_of(bigcache_nodes_t *nodes, unsigned slot);

/*
 * Returns the number of a server, which gets one if it has none, or
 * BIGCACHE_NODES_NONE if there are too many.  An address without a host is on
 * the host of the server near.
 */
int bigcache_nodes_at(bigcache_nodes_t *nodes,
    const bigcache_address_t *address, int near);

/* the server has said so */

void bigcache_nodes_moved(bigcache_nodes_t *nodes, unsigned slot, int node);

/*
 * Returns how often the map was refreshed.  A caller that finds the map wrong
 * passes what this returned before it used the map to bigcache_nodes_refresh():
 * if another thread has refreshed the map since, that is enough.
 */
unsigned bigcache_nodes_generation(bigcache_nodes_t *nodes);

/*
 * Asks the servers for the map of slots, one after the other until one answers.
 * Returns BIGCACHE_OK; or BIGCACHE_UNAVAILABLE, and error says why; or
 * BIGCACHE_MISMATCH if all of them refuse this client, so that it will not help
 * to try again.
 */
bigcache_rc_t bigcache_nodes_refresh(bigcache_nodes_t *nodes,
    unsigned generation, int64_t deadline, char *error);

/*
 * Reads the answer of a server to CLUSTER SLOTS; refresh does.  Returns 0, or
 * -1, and error says why.
 */
int bigcache_nodes_map(bigcache_nodes_t *nodes, int node,
    const bigcache_reply_t *reply, char *error);

/*
 * Takes a link to a server, and makes one if none is idle: it has logged in,
 * and the scripts are loaded.  Returns BIGCACHE_OK and *link; or
 * BIGCACHE_UNAVAILABLE, and error says why.  *refused is set to 1 if it will
 * not help to try again soon: the server refuses this client, its certificate
 * is that of another one, or its policy would throw pages away.
 */
bigcache_rc_t bigcache_nodes_take(bigcache_nodes_t *nodes, int node,
    int64_t deadline, bigcache_link_t **link, int *refused, char *error);

/*
 * Connects to a server and logs in, and no more: for what is not about pages.
 * Returns the link, which the caller must close; or NULL, and error says why.
 * *refused is set to 1 if the server refuses this client.
 */
bigcache_link_t *bigcache_nodes_connect(bigcache_nodes_t *nodes,
    const bigcache_address_t *address, int64_t deadline, int *refused,
    char *error);

/* gives it back; failed: how, or NULL if it may be used again */

void bigcache_nodes_give(bigcache_nodes_t *nodes, int node,
    bigcache_link_t *link, const char *failed);

/*
 * Returns 1 if the server has failed for longer than the wait of an operation,
 * and is not to be tried now, and error says how it failed last; or 0: one
 * caller in a while gets that, and tries.
 */
int bigcache_nodes_away(bigcache_nodes_t *nodes, int node, char *error);

/* copies the host and the port, for people, to text of BIGCACHE_ERROR_LEN */

void bigcache_nodes_name(bigcache_nodes_t *nodes, int node, char *text);

/* copies the digest of a script, 40 bytes, to sha; 0 if not known yet */

int bigcache_nodes_script(bigcache_nodes_t *nodes, bigcache_script_e script,
    u_char *sha);


#endif /* _BIGCACHE_NODES_H_INCLUDED_ */
