
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Lists the keys of a cluster in their order, and counts them.  Threads of
 * requests.
 */


#ifndef _BIGCACHE_CLUSTER_LIST_H_INCLUDED_
#define _BIGCACHE_CLUSTER_LIST_H_INCLUDED_


#include "bigcache_space.h"


bigcache_rc_t bigcache_cluster_list(bigcache_cache_t *cache,
    const bigcache_str_t *prefix, const bigcache_str_t *tag,
    const bigcache_str_t *after, unsigned limit, bigcache_list_t *list);
bigcache_rc_t bigcache_cluster_list_count(bigcache_cache_t *cache,
    unsigned wait, bigcache_stat_t *stat);


#endif /* _BIGCACHE_CLUSTER_LIST_H_INCLUDED_ */
