
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The sweep: it removes expired pages from the index and the disk, even if no
 * request asks for them.  The index orders expiry times; the sweep takes the
 * first ones, a few at a time.
 */


#ifndef _BIGCACHE_EXPIRE_H_INCLUDED_
#define _BIGCACHE_EXPIRE_H_INCLUDED_


#include "bigcache_conf.h"


/* milliseconds until the next look, when nothing more has expired */

#define BIGCACHE_EXPIRE_IDLE  500


/*
 * Removes some expired pages.  For the store's thread.  Returns the
 * milliseconds until there may be more to do.
 */
unsigned bigcache_expire_work(bigcache_store_t *store);


#endif /* _BIGCACHE_EXPIRE_H_INCLUDED_ */
