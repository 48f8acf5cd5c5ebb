
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store as its own parts see it: its state, and the calls inside.  Users
 * of bigcache_store.h do not need this header.
 *
 *                +--> FAILED <--+
 *                v              |
 *     start --> OPENING ------> + ------> OPEN --> DRAINING --> CLOSED
 *                ^ ^                                  |            |
 *                | +-- clear, reopen, resign ---------+     open --+
 *                +--> HELD, while another process has it
 *
 * A call enters, which waits for OPEN, and later leaves.  A thread that needs
 * the index for itself drains the store: new calls wait, and the thread waits
 * for the calls inside.  STOPPED can follow any state and is final.  The state
 * changes under the mutex.  The index is opened and closed without the mutex:
 * by the keeper, which is the store's own thread, in OPENING; or by the thread
 * that has drained the store.
 */


#ifndef _BIGCACHE_CORE_H_INCLUDED_
#define _BIGCACHE_CORE_H_INCLUDED_


#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_body.h"
#include "bigcache_conf.h"
#include "bigcache_generation.h"
#include "bigcache_granted.h"
#include "bigcache_names.h"
#include "bigcache_purges.h"
#include "bigcache_removed.h"
#include "bigcache_segments.h"


#define BIGCACHE_CORE_LOCKS  256

/* milliseconds until a store that failed to open is tried again */

#define BIGCACHE_CORE_RETRY  1000


typedef enum {
    BIGCACHE_STATE_OPENING = 0,
    BIGCACHE_STATE_FAILED,
    BIGCACHE_STATE_HELD,
    BIGCACHE_STATE_OPEN,
    BIGCACHE_STATE_DRAINING,
    BIGCACHE_STATE_CLOSED,
    BIGCACHE_STATE_STOPPED
} bigcache_state_e;

/*
 * The sweep goes on behind the last name of an expiry time that it has handled:
 * LevelDB keeps names that were removed for a while, and a walk from the first
 * one would read all of them again.
 */

typedef struct {
    size_t            len;       /* of the name, 0 for none */
    u_char            name[BIGCACHE_NAMES_MAX];

    /*
     * Times in ms.  limit: no walk so far went to a later time.  A thread that
     * has written a name of no later time lowers late to it, by
     * bigcache_core_sweep_again().
     */
    _Atomic int64_t   limit;
    _Atomic int64_t   late;
} bigcache_swept_t;


/* bigcache_import.h and bigcache_sync.h define them */

typedef struct bigcache_import_s  bigcache_import_t;
typedef struct bigcache_sync_s  bigcache_sync_t;


struct bigcache_store_s {

    /*
     * Set by bigcache_store_create() and constant from then on: any thread.
     * The structs behind the pointers have locks of their own.
     */
    bigcache_store_conf_t         conf;
    char                          index_path[PATH_MAX];
    char                          pages_path[PATH_MAX];
    bigcache_files_t             *files;
    bigcache_shared_t            *shared;    /* conf.shared, or own */
    bigcache_shared_t             own;
    bigcache_import_t            *import;
    bigcache_sync_t              *sync;

    /* any thread: each has a lock of its own */
    bigcache_bodies_t             bodies;    /* written inside the store */
    bigcache_bodies_t             outside;   /* large, bigcache_large.h */
    bigcache_purges_t             purges;
    bigcache_removed_t            removed;   /* by deletes and hard purges */
    bigcache_removed_t            softened;  /* by soft purges */
    bigcache_granted_t            granted;

    /* each change of what the mutex protects broadcasts cond */
    pthread_mutex_t               mutex;
    pthread_cond_t                cond;

    /* under the mutex: any thread */
    bigcache_state_e              state;
    unsigned                      calls;     /* inside */
    unsigned                      waiting;   /* calls that wait to enter */
    int64_t                       opening_at; /* OPENING began, monotonic ms */
    int64_t                       heal_at;   /* reopen then, monotonic ms */
    char                          reason[BIGCACHE_ERROR_LEN];
    unsigned                      patience;  /* looks before it is opened */
    unsigned                      started:1;
    unsigned                      stopping:1;
    unsigned                      quitting:1;
    unsigned                      resigning:1;
    unsigned                      counted:1; /* counts are exact now */
    unsigned                      logged:1;  /* why it could not be opened */
    unsigned                      repair:1;  /* the index, when opening */
    unsigned                      trash:1;   /* it may not be empty */

    /* written by bigcache_keeper_start(), read by bigcache_keeper_stop() */
    pthread_t                     thread;

    /*
     * The opening.  Written only while no call is inside, by the keeper in
     * OPENING or by the thread that has drained the store.  Any thread inside
     * may read it without a lock.  Only the keeper uses walk.
     */
    int                           lock;
    bigcache_generation_t         generation;
    bigcache_index_t             *index;
    bigcache_segments_t          *segments;
    bigcache_index_walk_t        *walk;      /* counts the keys, or NULL */

    /* how far the sweep is: the keeper only, but for its atomics */
    bigcache_swept_t              swept;

    /* the keeper only: bytes of the index's files, when it last looked */
    uint64_t                      index_size;

    /*
     * likewise, for min_free: bytes of segments whose space may not be free
     * yet, and the last removal of one, monotonic ms
     */
    uint64_t                      freeing;
    int64_t                       freeing_at;

    /*
     * What follows is atomic: any thread, without a lock.
     *
     * draining: long work inside the store must stop.  broken: a
     * bigcache_rc_t, why nothing can be written.  newest: id of the segment
     * that was last written to.  imported: nothing of the original is left to
     * import.
     */
    _Atomic int                   draining;
    _Atomic int                   broken;
    _Atomic int                   imported;
    _Atomic uint64_t              newest;

    /* the disk is full: no page is stored, but removals go on */
    _Atomic int                   full;
    _Atomic int64_t               full_logged_at; /* monotonic ms, 0: never */
    _Atomic int                   full_logged; /* its end is to be logged */

    _Atomic unsigned              newest_format; /* the index has it */
    _Atomic unsigned              unnamed;       /* names of tags may miss */

    _Atomic int64_t               count;     /* of keys */
    _Atomic uint64_t              version;   /* the latest */

    /*
     * records written at that version or before are durable; the same at the
     * opening
     */
    _Atomic uint64_t              synced;
    _Atomic uint64_t              synced_before;

    /*
     * Records written at that version or before belong to an earlier opening.
     * UINT64_MAX until the keys are counted.
     */
    _Atomic uint64_t              opened;

    /* removals of records: begun, in the index, durable */
    _Atomic uint64_t              removals;
    _Atomic uint64_t              removals_done;
    _Atomic uint64_t              removals_synced;

    /*
     * the locks of the keys, see bigcache_key_read_slot(): any thread inside
     */
    pthread_mutex_t               keys[BIGCACHE_CORE_LOCKS];

    /* each is under the lock of the same number, see bigcache_previous.h */
    uint64_t                      cuts[BIGCACHE_CORE_LOCKS];
    uint64_t                      settled[BIGCACHE_CORE_LOCKS];

    /* likewise: the number of records written under the lock, ever */
    uint64_t                      writes[BIGCACHE_CORE_LOCKS];
};


/*
 * Waits, at most conf.wait milliseconds, until the store is open.  Returns
 * BIGCACHE_OK, then the caller must call bigcache_core_leave(); or
 * BIGCACHE_CLOSED, BIGCACHE_HELD or BIGCACHE_UNAVAILABLE.
 */
bigcache_rc_t bigcache_core_enter(bigcache_store_t *store);
bigcache_rc_t bigcache_core_enter_locked(bigcache_store_t *store);
void bigcache_core_leave(bigcache_store_t *store);

/* enters if the store is open; returns 1, or 0.  Never waits */

int bigcache_core_try_enter(bigcache_store_t *store);

/*
 * Waits, inside the store, until the keys are counted.  Returns BIGCACHE_OK,
 * or BIGCACHE_UNAVAILABLE after wait milliseconds.
 */
bigcache_rc_t bigcache_core_wait_counted(bigcache_store_t *store,
    unsigned wait);

/* changes the state, and wakes all threads that wait for a change */

void bigcache_core_set_state_locked(bigcache_store_t *store,
    bigcache_state_e state);

/*
 * Waits for any change.  Returns 0 if the deadline, monotonic ms or INT64_MAX,
 * has passed, else 1.
 */
int bigcache_core_wait_locked(bigcache_store_t *store, int64_t deadline);

/*
 * Sets the state DRAINING and waits until no call is inside.  Returns
 * BIGCACHE_OK, or the code of bigcache_core_enter(): then nothing has changed.
 */
bigcache_rc_t bigcache_core_drain_locked(bigcache_store_t *store);

/* makes the keeper look for work at once */

void bigcache_core_wake(bigcache_store_t *store);

/* see hooks.removed and hooks.swept; the keeper only */

void bigcache_core_segments_removed(bigcache_store_t *store);
int bigcache_core_segments_swept(bigcache_store_t *store);

/* makes the sweep come back to that expiry time, in ms */

void bigcache_core_sweep_again(bigcache_store_t *store, int64_t expire);

/*
 * A bigcache_body_stop_pt whose data is the store.  Returns 1 if long work
 * must stop, since the store is drained or has to be opened again; or 0.
 */
int bigcache_core_yields(void *data);


#endif /* _BIGCACHE_CORE_H_INCLUDED_ */
