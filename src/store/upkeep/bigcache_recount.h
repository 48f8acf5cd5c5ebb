
/*
 * Copyright (C) bigcache contributors
 */


/*
 * After a crash the count of keys and the live bytes of the segments are not
 * known.  The recount gets them from the index as it was when it was opened,
 * while requests are served.  Writes and removals since then count themselves.
 */


#ifndef _BIGCACHE_RECOUNT_H_INCLUDED_
#define _BIGCACHE_RECOUNT_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Only the store's thread may call it, inside the store.  It also reads the
 * pages that may not have reached the disk before the crash; a page that cannot
 * be read stays as it is.  Returns 0; or -1 if it stopped because the store is
 * drained, or is to be opened again.
 */
int bigcache_recount(bigcache_store_t *store);


#endif /* _BIGCACHE_RECOUNT_H_INCLUDED_ */
