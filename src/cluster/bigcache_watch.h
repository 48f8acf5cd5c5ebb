
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A thread that looks at the servers of a cluster, for people: which of them
 * answer, what they have of the slots, how full they are.  No request depends
 * on what it finds.
 *
 * Each process has one, and one of an nginx's processes looks at a time.  It
 * has links of its own, so that it neither waits for requests nor holds them
 * up.
 */


#ifndef _BIGCACHE_WATCH_H_INCLUDED_
#define _BIGCACHE_WATCH_H_INCLUDED_


#include "bigcache_space.h"


/* starts the thread; returns 0, or -1: then nothing is known of the servers */

int bigcache_watch_start(bigcache_cluster_t *cluster);

/* waits for its end; cluster->stopping must be set */

void bigcache_watch_stop(bigcache_cluster_t *cluster);

/*
 * Reads what a server answers to INFO; of its memory and its part in the
 * cluster into *server, and into id, of BIGCACHE_WATCH_ID + 1 bytes, which
 * run of a server it is.  Pure.
 */

#define BIGCACHE_WATCH_ID  40

void bigcache_watch_info(bigcache_server_t *server, char *id,
    const bigcache_str_t *info);


#endif /* _BIGCACHE_WATCH_H_INCLUDED_ */
