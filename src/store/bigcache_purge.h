
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Purges: the calls that begin one, and that remove its pages, or mark them if
 * it is a soft one.  All block on the disk.  Any thread outside of the store.
 * They also return the codes that all calls of bigcache_store.h may return.
 */


#ifndef _BIGCACHE_PURGE_H_INCLUDED_
#define _BIGCACHE_PURGE_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_selectors.h"


/*
 * Begins a purge for each selector, all of one version: from now on readers
 * get none of the pages that were stored before this call and are selected, or
 * get them as stale ones.  If async is 1, the keeper removes or marks them on
 * the disk.  Else the caller must call bigcache_purge_run(), in this process
 * or in the next owner.  Returns BIGCACHE_OK and *version, which identifies the
 * purges, or is 0 if there is no page to remove or mark; or BIGCACHE_FULL.
 * retry_floor: see bigcache_store_delete(); later pages are not purged.
 */
bigcache_rc_t bigcache_purge(bigcache_store_t *store,
    const bigcache_selectors_t *selectors, int async, uint64_t retry_floor,
    uint64_t *version);

/*
 * Removes or marks the pages of the purges of that version.  Adds to *n the
 * live ones and to *expired the expired ones, whatever it returns:
 * BIGCACHE_OK; or BIGCACHE_FULL or BIGCACHE_HELD, then the caller may call
 * again to continue. If the store is closed meanwhile, this continues when it
 * is open again within conf.wait; else the keeper will end the purge.
 */
bigcache_rc_t bigcache_purge_run(bigcache_store_t *store, uint64_t version,
    uint64_t *n, uint64_t *expired);

/*
 * For the keeper, inside the store: ends a purge that no other thread runs.
 * Returns 1 if there may be more, or 0.
 */
int bigcache_purge_work(bigcache_store_t *store);


#endif /* _BIGCACHE_PURGE_H_INCLUDED_ */
