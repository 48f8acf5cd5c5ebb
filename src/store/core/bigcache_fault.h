
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Faults that stop writes: a write to the index failed, or the disk is full.
 *
 * After a write that failed in the middle, LevelDB would lose the writes that
 * follow.  So the store is then broken: it accepts no write until the keeper
 * has opened LevelDB again.  On a full disk it stores no pages, but removals
 * go on.
 *
 * Any thread.  Only bigcache_fault_healed() blocks.
 */


#ifndef _BIGCACHE_FAULT_H_INCLUDED_
#define _BIGCACHE_FAULT_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Stops all writes until the keeper has opened LevelDB again.  rc is the
 * reason.  Writers get BIGCACHE_FULL or BIGCACHE_ERROR if rc is that.
 * BIGCACHE_DAMAGED means that the index is repaired: then writers get
 * BIGCACHE_UNAVAILABLE.
 */
void bigcache_fault_break(bigcache_store_t *store, bigcache_rc_t rc);

/* returns BIGCACHE_OK, or the code that writers get from a broken store */

bigcache_rc_t bigcache_fault_rc(bigcache_store_t *store);

/* the same for a new page: returns BIGCACHE_FULL, too, if the disk is full */

bigcache_rc_t bigcache_fault_writable(bigcache_store_t *store);

/*
 * Waits, outside of the store, until a broken store is open again: then the
 * caller may try a removal again, even on a full disk.  Returns 1; or 0 if it
 * is not open conf.wait after begin, monotonic ms.
 */
int bigcache_fault_healed(bigcache_store_t *store, int64_t begin);

/*
 * Logs that a write to the index failed, and breaks the store.  Returns the
 * code that writers get.
 */
bigcache_rc_t bigcache_fault_write_failed(bigcache_store_t *store,
    bigcache_rc_t rc, const char *error);

/*
 * Notes that the disk is full: no page is stored until the keeper finds room,
 * which it may also make.
 */
void bigcache_fault_set_full(bigcache_store_t *store);

/* logs that the disk is full, at most once a minute */

void bigcache_fault_log_full(bigcache_store_t *store);


#endif /* _BIGCACHE_FAULT_H_INCLUDED_ */
