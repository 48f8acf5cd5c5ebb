
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The calls that read and write pages.  A caller asks the owner only where a
 * page is, or to commit one: it reads and writes the segments by itself.
 * Threads of requests; the calls block.
 */


#ifndef _BIGCACHE_ASK_PAGE_H_INCLUDED_
#define _BIGCACHE_ASK_PAGE_H_INCLUDED_


#include "bigcache_cache.h"


/* bigcache_cache_get() and bigcache_cache_put(), for the engine's table */

bigcache_rc_t bigcache_ask_page_get(bigcache_cache_t *cache,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
bigcache_rc_t bigcache_ask_page_put(bigcache_cache_t *cache,
    const bigcache_put_t *put, bigcache_page_t *page);


#endif /* _BIGCACHE_ASK_PAGE_H_INCLUDED_ */
