
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The sweep removes expired pages from the index and the disk, although no
 * request asks for them.  The index has the expiry times in their order; the
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
