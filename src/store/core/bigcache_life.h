
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The life of a store, and what its parts share; not for users of the store.
 *
 *                +--> FAILED <--+
 *                v              |
 *     start --> OPENING ------> + ------> OPEN --> DRAINING --> CLOSED
 *                ^ ^                                  |            |
 *                | +-- clear, reopen, resign ---------+     open --+
 *                +--> HELD, while another process has it
 *
 * A call enters, which makes it wait for OPEN, and leaves.  Whoever wants
 * the database for himself drains: new calls wait, those inside are waited
 * for.  STOPPED, from any state, is final.  All of it is under the mutex, but
 * the database is opened and closed outside, by the one who drained or by the
 * store's thread in OPENING.
 */


#ifndef _BIGCACHE_LIFE_H_INCLUDED_
#define _BIGCACHE_LIFE_H_INCLUDED_


#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_body.h"
#include "bigcache_import.h"
#include "bigcache_purge.h"
#include "bigcache_remote.h"
#include "bigcache_segments.h"
#include "bigcache_store.h"
#include "bigcache_sync.h"
#include "bigcache_generation.h"


#define BIGCACHE_STORE_LOCKS  256

/* LevelDB needs that much to begin with, whatever it holds */

#define BIGCACHE_LIFE_ROOM    (1024 * 1024)

/* milliseconds until a store that failed is opened again */

#define BIGCACHE_LIFE_RETRY   1000

/* milliseconds between two lines that say that the disk is full */

#define BIGCACHE_LIFE_TOLD    60000


typedef enum {
    BIGCACHE_STATE_OPENING = 0,
    BIGCACHE_STATE_FAILED,
    BIGCACHE_STATE_HELD,
    BIGCACHE_STATE_OPEN,
    BIGCACHE_STATE_DRAINING,
    BIGCACHE_STATE_CLOSED,
    BIGCACHE_STATE_STOPPED
} bigcache_state_e;


struct bigcache_store_s {
    bigcache_store_conf_t         conf;
    char                          index_path[PATH_MAX];
    char                          pages_path[PATH_MAX];

    pthread_mutex_t               mutex;
    pthread_cond_t                cond;

    bigcache_state_e              state;
    unsigned                      calls;
    unsigned                      waiting;   /* to enter */
    int64_t                       since;     /* OPENING, monotonic ms */
    int64_t                       heal_at;   /* likewise */
    char                          reason[BIGCACHE_ERROR_LEN];
    unsigned                      patience;  /* looks until it is taken */

    pthread_t                     thread;
    unsigned                      started:1;
    unsigned                      stopping:1;
    unsigned                      quitting:1;
    unsigned                      resigning:1;
    unsigned                      counted:1;
    unsigned                      told:1;
    unsigned                      repair:1;  /* the index, when opening */
    unsigned                      trash:1;

    int                           lock;
    bigcache_generation_t         generation;
    bigcache_index_t             *index;
    bigcache_index_walk_t        *walk;      /* to count by */
    bigcache_segments_t          *segments;
    bigcache_purges_t             purges;
    bigcache_files_t             *files;
    bigcache_bodies_t             pages;
    bigcache_bodies_t             outside;   /* large ones, written outside */
    bigcache_loans_t              loans;
    bigcache_store_shared_t      *shared;
    bigcache_store_shared_t       own;       /* if nobody shares */
    bigcache_import_t             import;
    bigcache_sync_t               sync;

    /* whoever runs long looks at it, to make way */
    _Atomic int                   draining;

    /* a bigcache_rc_t, why nothing can be written */
    _Atomic int                   broken;

    /* id of the segment that was written to last */
    _Atomic uint64_t              newest;

    /* the disk is full: no page is stored, but removals go on */
    _Atomic int                   full;
    _Atomic int64_t               full_since; /* monotonic ms: last line */
    _Atomic int                   full_told;  /* the log awaits its end */

    /* bytes of pages that the index may take, see bigcache_evict.h */
    _Atomic int64_t               inline_room;
    uint64_t                      index_size; /* of its files, as last seen */

    _Atomic int64_t               count;
    _Atomic uint64_t              version;

    /* records that were written until then are durable; at the opening */
    _Atomic uint64_t              synced;
    _Atomic uint64_t              synced_before;

    /*
     * Records that were written until then are of an earlier opening; all are
     * taken to be so, until the keys are counted.
     */
    _Atomic uint64_t              opened;

    /* removals of records: begun, in the index, durable */
    _Atomic uint64_t              removals;
    _Atomic uint64_t              removals_done;
    _Atomic uint64_t              removals_synced;

    pthread_mutex_t               keys[BIGCACHE_STORE_LOCKS];

    /* under them: versions, see bigcache_previous.h */
    uint64_t                      cuts[BIGCACHE_STORE_LOCKS];
    uint64_t                      settled[BIGCACHE_STORE_LOCKS];
};


/*
 * bigcache_store_enter() returns BIGCACHE_OK, and bigcache_store_leave() is
 * owed; or BIGCACHE_CLOSED, BIGCACHE_HELD or BIGCACHE_UNAVAILABLE.
 */
bigcache_rc_t bigcache_store_enter(bigcache_store_t *store);
void bigcache_store_leave(bigcache_store_t *store);

/* enters only if there is nothing to wait for; returns 1, or 0 */

int bigcache_store_inside(bigcache_store_t *store);

/*
 * Waits, inside the store, for the count to be known.  Returns BIGCACHE_OK,
 * or BIGCACHE_UNAVAILABLE if it is not within wait milliseconds.
 */
bigcache_rc_t bigcache_store_counted(bigcache_store_t *store, unsigned wait);

/*
 * The next five are for those who open and close the store, all but the last
 * with the mutex held.  bigcache_life_enter_locked() enters.
 * bigcache_life_state() changes the state and wakes all who wait for that.
 * bigcache_life_wait() waits for any change; returns 0 if the deadline,
 * monotonic ms or INT64_MAX, has passed.  bigcache_life_drain() returns
 * BIGCACHE_OK, with nobody else inside and the state DRAINING; or what
 * bigcache_store_enter() does.  bigcache_life_close() closes the database of a
 * store that was drained; without unlock no other process can come in before
 * it is opened again; without keep what is stored need not be durable.
 */
bigcache_rc_t bigcache_life_enter_locked(bigcache_store_t *store);
void bigcache_life_state(bigcache_store_t *store, bigcache_state_e state);
int bigcache_life_wait(bigcache_store_t *store, int64_t deadline);
bigcache_rc_t bigcache_life_drain(bigcache_store_t *store);
void bigcache_life_close(bigcache_store_t *store, int unlock, int keep);

/* ends the waiting of hooks.held */

void bigcache_life_wake(bigcache_store_t *store);

/* keeps room on the disk for when it is full, or logs why it cannot */

void bigcache_life_reserve(bigcache_store_t *store);

/* returns the bytes that the index may need on a full disk */

uint64_t bigcache_life_index_room(bigcache_store_t *store);

/*
 * For whoever runs long, as a bigcache_body_stop_pt: returns 1 if it is to make
 * way, since the store is being drained, or has to be opened anew, or 0.
 */
int bigcache_life_yields(void *data);

/* has the store's thread look for work at once */

void bigcache_store_wake(bigcache_store_t *store);

/*
 * Stops all writes until the store's thread has opened LevelDB again: after a
 * write that failed in the middle, later ones would be lost with it.  Why, rc:
 * BIGCACHE_FULL or BIGCACHE_ERROR, which writers are told meanwhile, or
 * BIGCACHE_DAMAGED, then it is repaired and writers are told to come back.
 */
void bigcache_store_break(bigcache_store_t *store, bigcache_rc_t rc);

/*
 * Waits, outside of the store, for it to be opened again if it broke: removals
 * are to go on then, on a full disk too.  Returns 1, or 0 if that was not
 * within conf.wait of since, monotonic ms.
 */
int bigcache_store_healed(bigcache_store_t *store, int64_t since);

/*
 * Stores no more pages until the store's thread has made room, or somebody
 * else has.
 */
void bigcache_store_full(bigcache_store_t *store);

/* says so in the log, unless it did within the last minute */

void bigcache_store_tell_full(bigcache_store_t *store);

/*
 * Logs that a write to the index failed, and breaks the store.  Returns what
 * bigcache_store_broken() does.
 */
bigcache_rc_t bigcache_store_unwritten(bigcache_store_t *store,
    bigcache_rc_t rc, const char *error);

/* returns what writers are told: BIGCACHE_OK, or why they are stopped */

bigcache_rc_t bigcache_store_broken(bigcache_store_t *store);

/* returns a version later than all before it */

uint64_t bigcache_store_version(bigcache_store_t *store);

/* has the versions from now on be later than this one */

void bigcache_store_passed(bigcache_store_t *store, uint64_t version);


#endif /* _BIGCACHE_LIFE_H_INCLUDED_ */
