
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Closes the index of a store; closes and clears a store on demand.  All calls
 * block.  Any thread that does not hold the mutex.
 */


#ifndef _BIGCACHE_CLOSE_H_INCLUDED_
#define _BIGCACHE_CLOSE_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Closes the index and all that belongs to the opening.  The store must be
 * drained.  If unlock is 1, another process may open the directory afterwards.
 * If keep is 0, the stored data need not be durable.
 */
void bigcache_close_index(bigcache_store_t *store, int unlock, int keep);

/*
 * Closes the store on demand.  After BIGCACHE_OK, which is also returned if
 * the store was closed already, no stored page changes until
 * bigcache_store_open().  Other codes are those of the calls in
 * bigcache_store.h.
 */
bigcache_rc_t bigcache_close(bigcache_store_t *store);

/* removes everything; returns the codes of the calls in bigcache_store.h */

bigcache_rc_t bigcache_close_clear(bigcache_store_t *store);


#endif /* _BIGCACHE_CLOSE_H_INCLUDED_ */
