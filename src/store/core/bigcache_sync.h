
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Brings what is stored to the disk, so that it survives a power cut.
 *
 * Two threads, which run while this process has the store open, sync for all
 * calls that wait.  Calls that come during a round share the next one.  There
 * are two kinds of rounds:
 *
 *     of the index   the logs of LevelDB.  A removal waits for one before it is
 *                    answered: a deleted page never comes back.
 *     of all         the segments that were written to, the names of new ones,
 *                    then the logs.  One begins conf.sync milliseconds after a
 *                    write.  One begins before durable files are unlinked: it
 *                    makes durable what replaces them.
 *
 * A round of all that succeeds moves store->synced, a version: records that
 * were written at that version or before are durable, together with the
 * entries they name.  The file "lock" keeps it, after the generation, for the
 * next opening.
 *
 * Requests never sync by themselves.  bigcache_sync_note() never blocks, the
 * others do.  Any thread inside the store that holds no lock of a key, unless
 * a call says otherwise.
 */


#ifndef _BIGCACHE_SYNC_H_INCLUDED_
#define _BIGCACHE_SYNC_H_INCLUDED_


#include "bigcache_core.h"


/* returns one that has no threads yet, or NULL if out of memory */

bigcache_sync_t *bigcache_sync_create(bigcache_store_t *store);
void bigcache_sync_destroy(bigcache_sync_t *sync);

/*
 * Starts the threads for a store that was just opened.  Returns BIGCACHE_OK,
 * or BIGCACHE_ERROR and the reason.  For the keeper.
 */
bigcache_rc_t bigcache_sync_start(bigcache_store_t *store, char *error);

/* ends the threads, if they run; no call may be inside the store */

void bigcache_sync_stop(bigcache_store_t *store);

/*
 * Notes a write to the index that was made, or that the calling thread, which
 * holds the lock of the key, is about to make.
 */
void bigcache_sync_note(bigcache_store_t *store);

/*
 * Returns BIGCACHE_OK when all earlier writes to the index are durable; or
 * BIGCACHE_FULL or BIGCACHE_ERROR, logged.  If the threads do not run, this
 * and the next two sync in the calling thread.
 */
bigcache_rc_t bigcache_sync_index(bigcache_store_t *store);

/* the same for all that was stored before, with its entries in segments */

bigcache_rc_t bigcache_sync_all(bigcache_store_t *store);

/*
 * The same.  After it, segments in which nothing is live may be unlinked: no
 * record needs a previous page in them.  Returns BIGCACHE_UNAVAILABLE if the
 * keys are not counted yet.
 */
bigcache_rc_t bigcache_sync_segments(bigcache_store_t *store);

/* returns 1 if all removals, of all threads, are durable, or 0 */

int bigcache_sync_removals(bigcache_store_t *store);


#endif /* _BIGCACHE_SYNC_H_INCLUDED_ */
