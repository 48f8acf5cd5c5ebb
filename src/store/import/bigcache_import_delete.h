
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Deletes entries of the original.  What requests do is later than any entry:
 * a page that is stored is not replaced by an entry, and the entry of a key
 * that is stored, deleted or purged is deleted from import/, so that it is not
 * imported later.  The entry of a stored page is deleted only when the page is
 * durable.
 *
 * All of it blocks on the disk.  Any thread inside the store may call it.
 */


#ifndef _BIGCACHE_IMPORT_DELETE_H_INCLUDED_
#define _BIGCACHE_IMPORT_DELETE_H_INCLUDED_


#include "bigcache_core.h"


/*
 * Deletes the entry of a key that is to be deleted.  Returns BIGCACHE_OK if
 * there was one that had not been imported for good; BIGCACHE_MISS; or another
 * code, and the entry may still be imported: BIGCACHE_UNAVAILABLE if the
 * database cannot be opened now.
 */
bigcache_rc_t bigcache_import_delete(bigcache_store_t *store,
    const bigcache_str_t *key);

/*
 * The same for a key that was stored.  If there is an entry that has not been
 * imported for good, waits until the page is durable, bigcache_sync.h.
 */
void bigcache_import_delete_replaced(bigcache_store_t *store,
    const bigcache_str_t *key);

/*
 * Deletes the entries whose keys begin with prefix, for a purge that was put
 * on the list under bigcache_import_lock().  Returns BIGCACHE_OK, and in *n how
 * many had not been imported; BIGCACHE_UNAVAILABLE if the store is drained, or
 * the database cannot be opened now.
 */
bigcache_rc_t bigcache_import_delete_prefix(bigcache_store_t *store,
    const bigcache_str_t *prefix, uint64_t *n);


#endif /* _BIGCACHE_IMPORT_DELETE_H_INCLUDED_ */
