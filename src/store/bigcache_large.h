
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Large pages, in the owner.  Writing one takes long, and a thread that closes
 * the store waits for all calls inside.  So the page is written outside of the
 * store, to an extent, as a caller would write it.  All calls block.  Any
 * thread.
 */


#ifndef _BIGCACHE_LARGE_H_INCLUDED_
#define _BIGCACHE_LARGE_H_INCLUDED_


#include "bigcache_body.h"


/* sets bodies up for writing large pages to extents */

void bigcache_large_init(bigcache_bodies_t *bodies, bigcache_store_t *store);

/*
 * As bigcache_store_put(), for a thread that is not inside the store.  Also
 * returns BIGCACHE_STALE, if the store was closed before the page was written.
 */
bigcache_rc_t bigcache_large_put(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_stored_t *page);


#endif /* _BIGCACHE_LARGE_H_INCLUDED_ */
