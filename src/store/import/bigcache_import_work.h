
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Imports the entries of the original, key by key in the order of the bytes,
 * in slices, on the store's thread.
 */


#ifndef _BIGCACHE_IMPORT_WORK_H_INCLUDED_
#define _BIGCACHE_IMPORT_WORK_H_INCLUDED_


#include "bigcache_core.h"


/*
 * Imports a slice; for the store's thread, before it ends purges.  Returns 1 if
 * there is more to import, 0 if there is nothing, or not now.
 */
int bigcache_import_work(bigcache_store_t *store);


#endif /* _BIGCACHE_IMPORT_WORK_H_INCLUDED_ */
