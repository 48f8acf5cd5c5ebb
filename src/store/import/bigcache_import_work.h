
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Imports the entries of the original in slices, in the order of the bytes of
 * their keys, on the store's thread.
 */


#ifndef _BIGCACHE_IMPORT_WORK_H_INCLUDED_
#define _BIGCACHE_IMPORT_WORK_H_INCLUDED_


#include "bigcache_core.h"


/*
 * Imports a slice.  For the store's thread, which must call it before it ends
 * purges.  Returns 1 if there is more to import now, or 0.
 */
int bigcache_import_work(bigcache_store_t *store);


#endif /* _BIGCACHE_IMPORT_WORK_H_INCLUDED_ */
