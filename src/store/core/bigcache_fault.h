
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Why nothing can be written: a write to the index failed, or the disk is full.
 *
 * After a write that failed in the middle, LevelDB would lose the writes that
 * follow.  So the store breaks: it takes no write until the keeper has opened
 * LevelDB again.  On a full disk it stores no pages, but removals go on.
 *
 * Any thread.  Only bigcache_fault_healed() blocks.
 */


#ifndef _BIGCACHE_FAULT_H_INCLUDED_
#define _BIGCACHE_FAULT_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Stops all writes until the keeper has opened LevelDB again.  rc, the reason,
 * is what writers get until then: BIGCACHE_FULL or BIGCACHE_ERROR; or
 * BIGCACHE_DAMAGED: the index is repaired, and writers get
 * BIGCACHE_UNAVAILABLE.
 */
void bigcache_fault_break(bigcache_store_t *store, bigcache_rc_t rc);

/* returns BIGCACHE_OK if the store is not broken, or what writers get */

bigcache_rc_t bigcache_fault_rc(bigcache_store_t *store);

/* the same for a new page: BIGCACHE_FULL, too, if the disk is full */

bigcache_rc_t bigcache_fault_writable(bigcache_store_t *store);

/*
 * Waits, outside of the store, until a broken store is open again, so that a
 * removal can be tried again, on a full disk too.  Returns 1; or 0 if that did
 * not happen within conf.wait of since, monotonic ms.
 */
int bigcache_fault_healed(bigcache_store_t *store, int64_t since);

/*
 * Logs that a write to the index failed, and breaks the store.  Returns what
 * writers get.
 */
bigcache_rc_t bigcache_fault_write_failed(bigcache_store_t *store,
    bigcache_rc_t rc, const char *error);

/*
 * The disk is full: no page is stored until the keeper finds room again, which
 * it may make itself.
 */
void bigcache_fault_set_full(bigcache_store_t *store);

/* logs that the disk is full, at most once a minute */

void bigcache_fault_log_full(bigcache_store_t *store);


#endif /* _BIGCACHE_FAULT_H_INCLUDED_ */
