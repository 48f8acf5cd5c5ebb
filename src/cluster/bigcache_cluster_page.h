
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reads, stores and removes a page in a cluster: the calls of
 * ../cache/bigcache_cache.h.  Threads of requests.
 */


#ifndef _BIGCACHE_CLUSTER_PAGE_H_INCLUDED_
#define _BIGCACHE_CLUSTER_PAGE_H_INCLUDED_


#include "bigcache_space.h"
#include "bigcache_value.h"


bigcache_rc_t bigcache_cluster_page_get(bigcache_cache_t *cache,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
bigcache_rc_t bigcache_cluster_page_put(bigcache_cache_t *cache,
    const bigcache_put_t *put, bigcache_page_t *page);
bigcache_rc_t bigcache_cluster_page_delete(bigcache_cache_t *cache,
    const bigcache_str_t *key, uint64_t expect);


#endif /* _BIGCACHE_CLUSTER_PAGE_H_INCLUDED_ */
