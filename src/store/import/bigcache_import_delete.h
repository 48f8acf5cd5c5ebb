
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Deletes entries of the original.  A request is later than any entry: no
 * entry replaces a stored page.  When a key is stored, deleted or purged, its
 * entry is deleted from import/, so that it is not imported later.  The entry
 * of a stored page is deleted only when the page is durable.
 *
 * All calls block on the disk.  Any thread inside the store.
 */


#ifndef _BIGCACHE_IMPORT_DELETE_H_INCLUDED_
#define _BIGCACHE_IMPORT_DELETE_H_INCLUDED_


#include "bigcache_core.h"


/*
 * Deletes the entry of a key that is being deleted.  Returns BIGCACHE_OK if
 * there was one that had not been imported for good; BIGCACHE_MISS if there
 * was none; or another code if the entry may still be imported:
 * BIGCACHE_UNAVAILABLE if the database cannot be opened now.
 */
bigcache_rc_t bigcache_import_delete(bigcache_store_t *store,
    const bigcache_str_t *key);

/*
 * The same for a key that was stored.  If there is an entry that has not been
 * imported for good, waits until the page is durable, see bigcache_sync.h.
 */
void bigcache_import_delete_replaced(bigcache_store_t *store,
    const bigcache_str_t *key);

/*
 * Deletes the entries whose keys begin with prefix, for a purge that was put
 * on the list under the mutex of the import.  Returns BIGCACHE_OK and in *n how
 * many had not been imported; BIGCACHE_UNAVAILABLE if the store is drained, or
 * the database cannot be opened now.
 */
bigcache_rc_t bigcache_import_delete_prefix(bigcache_store_t *store,
    const bigcache_str_t *prefix, uint64_t *n);


#endif /* _BIGCACHE_IMPORT_DELETE_H_INCLUDED_ */
