
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A thread of each process that keeps a name space tidy: it removes pages whose
 * time has come, ends purges that nobody ends, and removes chunks that belong
 * to no page.  One process of all nginxes does so at a time: it has a key of
 * the cluster that ends by itself.
 */


#ifndef _BIGCACHE_UPKEEP_H_INCLUDED_
#define _BIGCACHE_UPKEEP_H_INCLUDED_


#include "bigcache_space.h"


/* starts the thread; returns 0, or -1 and errno */

int bigcache_upkeep_start(bigcache_cluster_t *cluster);

/* waits for its end; cluster->stopping must be set */

void bigcache_upkeep_stop(bigcache_cluster_t *cluster);

/* a purge of this process is to be ended; never blocks */

void bigcache_upkeep_wake(bigcache_cluster_t *cluster);


#endif /* _BIGCACHE_UPKEEP_H_INCLUDED_ */
