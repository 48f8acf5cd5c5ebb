
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the store's thread does after an opening, while requests are served:
 * counting the keys if the last process could not keep the count, unlinking
 * page files that no record names, emptying the trash.  Both calls are made
 * inside the store, by that thread alone, and give up as soon as the store
 * is drained.
 */


#ifndef _BIGCACHE_SWEEP_H_INCLUDED_
#define _BIGCACHE_SWEEP_H_INCLUDED_


#include "bigcache_store.h"


/*
 * Counts, and adds to what came and went meanwhile.  Returns 0, or -1 if it
 * gave up.
 */
int bigcache_sweep_count(bigcache_store_t *store);

/* unlinks what is not needed; returns 0, or -1 if it gave up */

int bigcache_sweep_pages(bigcache_store_t *store);


#endif /* _BIGCACHE_SWEEP_H_INCLUDED_ */
