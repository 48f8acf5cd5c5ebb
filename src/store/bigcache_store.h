
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store: pages under keys, on disk.
 *
 * These are the calls that requests make, with those of bigcache_store_list.h,
 * bigcache_purge.h and bigcache_close.h.  They name no database and no file
 * format: a page goes in as pieces and comes out as memory or as a range of an
 * open file.  Any number of threads may make all calls but create and destroy
 * at once.  Most block: on the disk, on each other, and, while the store is
 * being opened, for conf.wait.  So an event loop must not make them.
 *
 * A process creates a store, starts its thread, bigcache_keeper.h, after its
 * last fork(), stops that, and destroys the store.
 *
 * When a call that stores a page returns, the page is in LevelDB's log, in the
 * kernel's cache: it survives the process, and a power cut once it is synced,
 * bigcache_sync.h.  Purges and clear are durable when they return, deletes
 * with bigcache_store_sync().  Calls on one key take effect one after the
 * other, and versions of a key only grow.
 */


#ifndef _BIGCACHE_STORE_H_INCLUDED_
#define _BIGCACHE_STORE_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_files.h"
#include "bigcache_page.h"


typedef struct {
    uint64_t                keys;
    uint64_t                segments;
    uint64_t                bytes;    /* in segments */
    uint64_t                live;     /* of them */
    unsigned                counted:1;  /* keys and live are known */
} bigcache_stat_t;


/*
 * Makes a store of the configuration, which is copied; touches no disk.
 * Returns NULL if there is no memory.
 */
bigcache_store_t *bigcache_store_create(const bigcache_store_conf_t *conf);

/* frees a store that was never started, or was stopped */

void bigcache_store_destroy(bigcache_store_t *store);

/*
 * For a process that is going to end: it opens the store only when a request
 * has waited for 200 ms and no other process did.  Never blocks.
 */
void bigcache_store_quit(bigcache_store_t *store);

/*
 * Has the keeper close the directory, if this process has it open, so that
 * another one can open it: then calls are BIGCACHE_HELD.  Never blocks.
 */
void bigcache_store_resign(bigcache_store_t *store);

/*
 * For hooks.held.  held 1: calls return BIGCACHE_HELD from now on; 0: they
 * wait until the store is open.  Returns 0 if the store was stopped, else 1.
 */
int bigcache_store_held(bigcache_store_t *store, int held);

/* returns the files of segments that this process has open */

bigcache_files_t *bigcache_store_files(bigcache_store_t *store);

/*
 * All calls below may also return BIGCACHE_CLOSED, BIGCACHE_UNAVAILABLE,
 * BIGCACHE_HELD, BIGCACHE_NOMEM, and BIGCACHE_ERROR, which has been logged.
 *
 * bigcache_store_get() returns BIGCACHE_OK and the page; BIGCACHE_EXPIRED if
 * this call removed it since its time had come; BIGCACHE_MISS.  body is one
 * of BIGCACHE_BODY_*: without it the page has only its record, and no file is
 * opened.
 */
bigcache_rc_t bigcache_store_get(bigcache_store_t *store,
    const bigcache_str_t *key, int body, bigcache_page_t *page);

/*
 * For a page that a caller could not read: its file may be gone, or this
 * process may have a file open that no other one can find.  As
 * bigcache_store_get(), but opens the file anew.
 */
bigcache_rc_t bigcache_store_look_again(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_page_t *page);

/*
 * Stores a page in the place of the one under its key, if that is as
 * put->expect says; an expired page counts as none.  Returns BIGCACHE_OK, and
 * in page the record, without a body, and the file if the page has one;
 * BIGCACHE_MISMATCH; BIGCACHE_FULL; or BIGCACHE_STALE if the store was closed
 * while a large page was written: the caller must call again.
 */
bigcache_rc_t bigcache_store_put(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_page_t *page);

/*
 * Removes a page, if it is as expect says.  Returns BIGCACHE_OK,
 * BIGCACHE_MISS, BIGCACHE_EXPIRED, BIGCACHE_MISMATCH or BIGCACHE_FULL.
 * retry_floor: 0; or the same call was made before and its answer was lost,
 * and no later version than this had been given out then.  Then a missing page
 * was removed by that call, and a later page stays: both are BIGCACHE_OK. The
 * removal is durable when bigcache_store_sync() has returned.
 */
bigcache_rc_t bigcache_store_delete(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t retry_floor);

/*
 * Waits until all removals that were made by now, by any thread, are durable;
 * also for a caller that found nothing to remove.  Returns BIGCACHE_OK; or
 * BIGCACHE_ERROR if a sync failed.
 */
bigcache_rc_t bigcache_store_sync(bigcache_store_t *store);

/* *stat is exact, but for expired pages that the sweep has not come to */

bigcache_rc_t bigcache_store_stat(bigcache_store_t *store,
    bigcache_stat_t *stat);

/*
 * The same as far as it is known now: what a process that died has left may
 * still have to be counted.
 */
bigcache_rc_t bigcache_store_gauges(bigcache_store_t *store,
    bigcache_stat_t *stat);

/* returns BIGCACHE_OK when the store is open, or was */

bigcache_rc_t bigcache_store_open(bigcache_store_t *store);

/* copies why the store is unavailable to text, as a sentence */

void bigcache_store_reason(bigcache_store_t *store,
    char *text);


#endif /* _BIGCACHE_STORE_H_INCLUDED_ */
