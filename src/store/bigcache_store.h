
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store: pages under keys, on disk.
 *
 * Requests make the calls of this file, and those of bigcache_store_list.h,
 * bigcache_purge.h and bigcache_close.h.  They name no database and no file
 * format: a page goes in as pieces, and comes out as memory or as a range of
 * an open file.  Any number of threads may make all calls at once, except
 * create and destroy.  Most block: on the disk, on each other, and, while the
 * store is being opened, for conf.wait.  So an event loop must not make them.
 *
 * A process creates a store.  After its last fork() it starts the keeper,
 * bigcache_keeper.h.  At its end it stops the keeper and destroys the store.
 *
 * When a call that stores a page returns, the page is in LevelDB's log, in the
 * kernel's cache.  It survives the process, and a power cut once it is synced,
 * bigcache_sync.h.  Purges and clear are durable when they return.  Deletes
 * are durable when bigcache_store_sync() has returned.  Calls on one key take
 * effect one after the other, and versions of a key only grow.
 */


#ifndef _BIGCACHE_STORE_H_INCLUDED_
#define _BIGCACHE_STORE_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_files.h"
#include "bigcache_stat.h"
#include "bigcache_stored.h"


/*
 * Makes a store, and copies the configuration; does not touch the disk.
 * Returns NULL if out of memory.
 */
bigcache_store_t *bigcache_store_create(const bigcache_store_conf_t *conf);

/* frees a store that was never started, or was stopped */

void bigcache_store_destroy(bigcache_store_t *store);

/*
 * For a process that is quitting: from now on it opens the store only when a
 * request has waited for 200 ms and no other process did.  Never blocks.
 */
void bigcache_store_quit(bigcache_store_t *store);

/*
 * Makes the keeper close the directory, if this process has it open, so that
 * another process can open it: then calls return BIGCACHE_HELD.  Never blocks.
 */
void bigcache_store_resign(bigcache_store_t *store);

/*
 * For hooks.held.  If held is 1, calls return BIGCACHE_HELD from now on.  If
 * it is 0, they wait until the store is open.  Returns 0 if the store was
 * stopped, or 1.
 */
int bigcache_store_held(bigcache_store_t *store, int held);

/* returns the open files of segments in this process */

bigcache_files_t *bigcache_store_files(bigcache_store_t *store);

/*
 * All calls below may also return BIGCACHE_CLOSED, BIGCACHE_UNAVAILABLE,
 * BIGCACHE_HELD, BIGCACHE_NOMEM; and BIGCACHE_ERROR, which is logged.
 *
 * bigcache_store_get() returns BIGCACHE_OK and the page; BIGCACHE_EXPIRED if
 * it had expired and this call removed it; or BIGCACHE_MISS.  body is one of
 * BIGCACHE_BODY_*: without a body the page has only its record, and no file is
 * opened.
 */
bigcache_rc_t bigcache_store_get(bigcache_store_t *store,
    const bigcache_str_t *key, int body, bigcache_stored_t *page);

/*
 * For a page that a caller could not read.  Its file may be gone, or this
 * process may have a removed file open.  As bigcache_store_get(), but opens
 * the file again.
 */
bigcache_rc_t bigcache_store_look_again(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_stored_t *page);

/*
 * Replaces the page under the key, if that is what put->expect says; an
 * expired page counts as none.  Returns BIGCACHE_OK, and in page the record,
 * without a body, and the file if the page has one; BIGCACHE_MISMATCH;
 * BIGCACHE_FULL; or BIGCACHE_STALE if the store was closed while a large page
 * was written: the caller must call again.
 */
bigcache_rc_t bigcache_store_put(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_stored_t *page);

/*
 * Removes a page, if it is what expect says.  Returns BIGCACHE_OK,
 * BIGCACHE_MISS, BIGCACHE_EXPIRED, BIGCACHE_MISMATCH or BIGCACHE_FULL.  The
 * removal is durable when bigcache_store_sync() has returned.
 *
 * retry_floor: 0 for a first try.  Else the same call was made before, its
 * answer was lost, and this was the latest version at that time.  Then a
 * missing page was removed by that call, and a later page stays: both are
 * BIGCACHE_OK.
 */
bigcache_rc_t bigcache_store_delete(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t retry_floor);

/*
 * Waits until all removals made so far, by any thread, are durable.  A caller
 * that found nothing to remove must wait, too.  Returns BIGCACHE_OK; or
 * BIGCACHE_ERROR if a sync failed.
 */
bigcache_rc_t bigcache_store_sync(bigcache_store_t *store);

/*
 * *stat is exact, but includes pages whose record is not removed yet: of those
 * that have expired, and of those that a purge covers.
 */

bigcache_rc_t bigcache_store_stat(bigcache_store_t *store,
    bigcache_stat_t *stat);

/*
 * The same as far as it is known now: after a crash the keys may not be
 * counted yet.
 */
bigcache_rc_t bigcache_store_gauges(bigcache_store_t *store,
    bigcache_stat_t *stat);

/* opens the store if it was closed; returns BIGCACHE_OK when it is open */

bigcache_rc_t bigcache_store_open(bigcache_store_t *store);

/* copies the reason why the store is unavailable to text, a sentence */

void bigcache_store_reason(bigcache_store_t *store,
    char *text);


#endif /* _BIGCACHE_STORE_H_INCLUDED_ */
