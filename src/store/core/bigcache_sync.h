
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What is stored reaches the disk, so that a power cut does not take it back.
 *
 * Two threads, which run while this process has the store open, sync for all
 * that wait: those that come during a round share the next one.  A round is
 *
 *     of the index   the logs of LevelDB.  Removals wait for one before they
 *                    are answered: what was deleted never comes back.
 *     of all         the segments that were written to, the names of new ones,
 *                    then the logs.  One begins conf.sync milliseconds after a
 *                    write; and before files go that were durable, there is
 *                    one that makes what takes their place so.
 *
 * A round of all that ends well moves store->synced, a version: records that
 * were written at that version or before are durable, with the entries they
 * name.  It is kept in the file "lock", behind the generation, where the next
 * opening finds it.
 *
 * Requests never sync by themselves.  bigcache_sync_note() never blocks, the
 * others do.  Any thread inside the store that holds no lock of a key, unless
 * it is said otherwise.
 */


#ifndef _BIGCACHE_SYNC_H_INCLUDED_
#define _BIGCACHE_SYNC_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "bigcache_conf.h"
#include "bigcache_rc.h"


/* more segments than that are taken for all */

#define BIGCACHE_SYNC_IDS  64


/* one thread, and those that wait for its rounds, by number */

typedef struct {
    bigcache_store_t       *store;
    pthread_t               thread;
    uint64_t                wanted;     /* the last that came */
    uint64_t                done;       /* the last that had its round */
    uint64_t                failed;     /* the last whose round failed, or 0 */
    bigcache_rc_t           rc;         /* of that round */
    unsigned                started:1;
} bigcache_sync_rounds_t;

/*
 * All of it is under the mutex, but for started, which the threads find set,
 * ids, nids and named, which are for rounds of all, and lost, under logs.
 */

typedef struct {
    pthread_mutex_t         mutex;
    pthread_cond_t          cond;
    bigcache_sync_rounds_t  index;
    bigcache_sync_rounds_t  all;
    uint64_t                ids[BIGCACHE_SYNC_IDS];
    size_t                  nids;       /* segments that could not be synced */
    pthread_mutex_t         logs;       /* one syncs them at a time */
    int64_t                 retry_at;   /* after a failure, monotonic ms */
    int64_t                 logged_at;  /* likewise, 0: none was */
    int                     stopping;
    int                     named;      /* so are the names in the directory */
    int                     lost;       /* a sync of the logs failed */
} bigcache_sync_t;


void bigcache_sync_init(bigcache_sync_t *sync, bigcache_store_t *store);
void bigcache_sync_destroy(bigcache_sync_t *sync);

/*
 * Starts the threads for a store that was just opened.  Returns BIGCACHE_OK,
 * or BIGCACHE_ERROR and the reason.  For the store's thread.
 */
bigcache_rc_t bigcache_sync_start(bigcache_store_t *store, char *error);

/* ends those of a store that nobody is inside of any more, if they run */

void bigcache_sync_stop(bigcache_store_t *store);

/*
 * The index was written to; or is about to be, by a thread that holds the lock
 * of the key.  May be called with that lock.
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
