
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Closing the index of a store, and the calls that close and clear a store on
 * demand.  All block; any thread, without the mutex.
 */


#ifndef _BIGCACHE_CLOSE_H_INCLUDED_
#define _BIGCACHE_CLOSE_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Closes the index and all that belongs to the opening, for a store that was
 * drained.  unlock: another process may open the directory from now on.
 * Without keep, what is stored need not be durable.
 */
void bigcache_close_index(bigcache_store_t *store, int unlock, int keep);

/*
 * Closes the store on demand.  After BIGCACHE_OK, which is returned for a
 * closed store, too, no stored page changes until bigcache_store_open().  Also
 * returns what each call of bigcache_store.h may return.
 */
bigcache_rc_t bigcache_close(bigcache_store_t *store);

/* removes everything; returns what each call of bigcache_store.h may return */

bigcache_rc_t bigcache_close_clear(bigcache_store_t *store);


#endif /* _BIGCACHE_CLOSE_H_INCLUDED_ */
