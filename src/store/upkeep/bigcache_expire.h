
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The sweep: expired pages leave the index and the disk without anybody
 * asking for them.  The expiry times lie in the index in their order; the
 * sweep takes the first ones, a few at a time.
 */


#ifndef _BIGCACHE_EXPIRE_H_INCLUDED_
#define _BIGCACHE_EXPIRE_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Removes some expired pages; for the store's thread.  Returns the
 * milliseconds until there may be more to do.
 */
unsigned bigcache_expire_work(bigcache_store_t *store);


#endif /* _BIGCACHE_EXPIRE_H_INCLUDED_ */
