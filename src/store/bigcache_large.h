
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Large pages, in the process that has the store open.  It takes a while to
 * write one, and whoever lets the store go waits for all that are inside; so
 * the page is written outside of the store, into a loan, as a peer would.
 * All calls block; any thread.
 */


#ifndef _BIGCACHE_LARGE_H_INCLUDED_
#define _BIGCACHE_LARGE_H_INCLUDED_


#include "bigcache_body.h"


/* sets up where large pages are written to, but for what store->bodies has */

void bigcache_large_init(bigcache_bodies_t *bodies, bigcache_store_t *store);

/*
 * The same as bigcache_store_put(), for a thread that is not inside; or
 * BIGCACHE_STALE if the store was closed before the page was written.
 */
bigcache_rc_t bigcache_large_put(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_page_t *page);


#endif /* _BIGCACHE_LARGE_H_INCLUDED_ */
