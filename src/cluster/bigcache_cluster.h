
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The engine of several machines: a name space in a cluster of servers that
 * speak the Redis Cluster protocol, shared by all nginxes that use it.
 *
 * While no master of the cluster is lost, every call has the guarantees of the
 * engine of one machine: see docs/cluster.md for what else may happen.
 *
 * The calls are those of ../cache/bigcache_cache.h.  bigcache_cluster_conf_t is
 * in bigcache_space.h.
 */


#ifndef _BIGCACHE_CLUSTER_H_INCLUDED_
#define _BIGCACHE_CLUSTER_H_INCLUDED_


#include "bigcache_space.h"


/*
 * Makes the cache of a name space, and copies the configuration, but not what
 * that points to; connects to nobody.  Returns the cache, which the caller must
 * destroy, or NULL if out of memory.
 */
bigcache_cache_t *bigcache_cluster_create(const bigcache_cluster_conf_t *conf);


#endif /* _BIGCACHE_CLUSTER_H_INCLUDED_ */
