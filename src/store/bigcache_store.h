
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store: pages under keys, on disk.
 *
 * These are the calls that requests make.  They name no database and no
 * file format: a page goes in as pieces and comes out as memory or as a range
 * of an open file.  All calls, but for create and destroy, may run in any
 * number of threads at once, and all may block: on the disk, on each other,
 * and, while the store is being opened, for conf.wait.  Nothing here may run
 * in an event loop.
 *
 * A process creates a store, starts it after its last fork(), and stops it.
 * A thread of the store's own opens the directory, as soon as no other
 * process has it open, and does the work that nobody waits for.
 *
 * A page that is acknowledged is in LevelDB's log, in the page cache: it
 * survives the process, and a power cut once it is synced, bigcache_sync.h.
 * Purges and clear are durable when they return, deletes with
 * bigcache_store_sync().  Calls on one key take effect one after the other;
 * versions of a key only grow.
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
 * This process is going to end: it takes the directory only if a call has
 * waited for a while, since others are better suited.  Blocks not.
 */
void bigcache_store_quit(bigcache_store_t *store);

/*
 * Has the store's thread close the directory and let it go, if this process
 * has it: calls are BIGCACHE_HELD as soon as another one does.  Blocks not.
 */
void bigcache_store_resign(bigcache_store_t *store);

/*
 * For hooks.held: held: calls return BIGCACHE_HELD from now on; else they
 * wait.  Returns 0 if there is no more reason to, the store was stopped.
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
 * A peer could not read a page: its file may be one that is not there any
 * more, or this process has one open that nobody else can find.  As
 * bigcache_store_get(), by a file that is opened for it.
 */
bigcache_rc_t bigcache_store_look_again(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_page_t *page);

/*
 * Stores a page over what is there, if that is as put->expect says, else
 * BIGCACHE_MISMATCH; an expired page counts as none.  Returns BIGCACHE_OK,
 * and in page the record, without a body, and the file if the page has one;
 * BIGCACHE_FULL; or BIGCACHE_STALE if the store was closed while a large page
 * was written, which is to be done again.
 */
bigcache_rc_t bigcache_store_put(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_page_t *page);

/*
 * Removes a page, if it is as expect says.  Returns BIGCACHE_OK,
 * BIGCACHE_MISS, BIGCACHE_EXPIRED, BIGCACHE_MISMATCH or BIGCACHE_FULL.
 * since: 0, or the same call was made before, whose answer was lost, when no
 * later version than that had been given out: then a page that is gone was
 * removed by that one, and a later page stays, BIGCACHE_OK.
 * The removal is durable when bigcache_store_sync() has returned.
 */
bigcache_rc_t bigcache_store_delete(bigcache_store_t *store,
    const bigcache_str_t *key, uint64_t expect, uint64_t since);

/*
 * Waits until all pages that were removed by now stay so through a power cut,
 * whoever removed them: also for a caller that found nothing to remove.
 * Returns BIGCACHE_OK; or BIGCACHE_ERROR if the disk did not take it.
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
