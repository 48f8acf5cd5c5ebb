
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Brings what is stored to the disk, so that it survives a power cut.
 *
 * Two threads, which run while this process has the store open, sync for all
 * calls that wait: calls that come during a round share the next one.  A round
 * is
 *
 *     of the index   the logs of LevelDB.  Removals wait for one before they
 *                    are answered: a deleted page never comes back.
 *     of all         the segments that were written to, the names of new ones,
 *                    then the logs.  One begins conf.sync milliseconds after a
 *                    write, and one before durable files are unlinked: it
 * makes
 *                    durable what takes their place.
 *
 * A round of all that ends well moves store->synced, a version: records that
 * were written at that version or before are durable, with the entries they
 * name.  The file "lock" keeps it, behind the generation, for the next
 * opening.
 *
 * Requests never sync by themselves.  bigcache_sync_note() never blocks, the
 * others do.  Any thread inside the store that holds no lock of a key, unless
 * a call says otherwise.
 */


#ifndef _BIGCACHE_SYNC_H_INCLUDED_
#define _BIGCACHE_SYNC_H_INCLUDED_


#include "bigcache_core.h"


/* returns that of a store, with no threads, or NULL if there is no memory */

bigcache_sync_t *bigcache_sync_create(bigcache_store_t *store);
void bigcache_sync_destroy(bigcache_sync_t *sync);

/*
 * Starts the threads for a store that was just opened.  Returns BIGCACHE_OK,
 * or BIGCACHE_ERROR and the reason.  For the store's thread.
 */
bigcache_rc_t bigcache_sync_start(bigcache_store_t *store, char *error);

/* ends the threads, if they run, of a store that no call is inside of */

void bigcache_sync_stop(bigcache_store_t *store);

/*
 * Notes that the index was written to; or is about to be, by a thread that
 * holds the lock of the key.  May be called with that lock.
 */
void bigcache_sync_note(bigcache_store_t *store);

/*
 * Returns BIGCACHE_OK when what was written to the index before is durable;
 * BIGCACHE_FULL or BIGCACHE_ERROR, logged.  Without the threads this and the
 * next two sync by themselves.
 */
bigcache_rc_t bigcache_sync_index(bigcache_store_t *store);

/* the same for all that was stored before, with the entries in segments */

bigcache_rc_t bigcache_sync_all(bigcache_store_t *store);

/*
 * The same, and segments of which nothing is alive may be unlinked: no record
 * needs them as the place of its previous page.  BIGCACHE_UNAVAILABLE if the
 * keys are not counted yet.
 */
bigcache_rc_t bigcache_sync_segments(bigcache_store_t *store);

/* returns 1 if all removals are durable, those of other threads too, or 0 */

int bigcache_sync_removals(bigcache_store_t *store);

/* returns the age in ms of the oldest write that is not durable, or 0 */

int64_t bigcache_sync_age(const bigcache_store_shared_t *shared);


#endif /* _BIGCACHE_SYNC_H_INCLUDED_ */
