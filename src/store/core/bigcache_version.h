
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Versions: microseconds since the epoch, but each later than all before it,
 * so that the versions of a key only grow.  Any thread; never blocks.
 */


#ifndef _BIGCACHE_VERSION_H_INCLUDED_
#define _BIGCACHE_VERSION_H_INCLUDED_


#include "bigcache_conf.h"


/* returns a version later than all before it */

uint64_t bigcache_version_next(bigcache_store_t *store);

/* makes all later versions later than this one */

void bigcache_version_advance(bigcache_store_t *store, uint64_t version);

/* returns the latest version that this process has given out or read */

uint64_t bigcache_version_latest(bigcache_store_t *store);


#endif /* _BIGCACHE_VERSION_H_INCLUDED_ */
