
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Purges in a cluster.  A purge is in effect for all processes of all nginxes
 * when each bucket that it may concern has its marker; then the pages are
 * removed, some at a time.  Threads of requests.
 */


#ifndef _BIGCACHE_CLUSTER_PURGE_H_INCLUDED_
#define _BIGCACHE_CLUSTER_PURGE_H_INCLUDED_


#include "bigcache_space.h"


bigcache_rc_t bigcache_cluster_purge(bigcache_cache_t *cache,
    const bigcache_selectors_t *selectors, int async,
    bigcache_purged_t *purged);

/* a purge of everything */

bigcache_rc_t bigcache_cluster_purge_all(bigcache_cache_t *cache);


#endif /* _BIGCACHE_CLUSTER_PURGE_H_INCLUDED_ */
