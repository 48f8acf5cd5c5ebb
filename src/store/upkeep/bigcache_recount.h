
/*
 * Copyright (C) bigcache contributors
 */


/*
 * After a process that died: counts the keys and what is alive in the
 * segments, while requests are served, from the index as it was at opening.
 * What came and went since has been counted by those who did it.
 */


#ifndef _BIGCACHE_RECOUNT_H_INCLUDED_
#define _BIGCACHE_RECOUNT_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * For the store's thread, inside the store.  Pages that a crash may have kept
 * from the disk are read meanwhile; one that cannot be read stays as it is.
 * Returns 0, or -1 if it gave up for the store to be drained or opened anew.
 */
int bigcache_recount(bigcache_store_t *store);


#endif /* _BIGCACHE_RECOUNT_H_INCLUDED_ */
