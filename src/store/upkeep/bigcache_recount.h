
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Counts the keys and the live bytes of the segments after a crash.  It reads
 * the index as it was at the opening, while requests are served.  Later writes
 * and removals update the counts themselves.
 */


#ifndef _BIGCACHE_RECOUNT_H_INCLUDED_
#define _BIGCACHE_RECOUNT_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Only the store's thread may call it, inside the store.  It also reads the
 * pages that may not have reached the disk before the crash.  A page that
 * cannot be read stays as it is.  Returns 0; or -1 if it stopped because the
 * store is drained or must be opened again.
 */
int bigcache_recount(bigcache_store_t *store);


#endif /* _BIGCACHE_RECOUNT_H_INCLUDED_ */
