
/*
 * Copyright (C) bigcache contributors
 */


/*
 * In shared memory: since when a store has writes that are not durable.  The
 * owner notes writes and rounds of syncs, bigcache_sync.h; any process may ask.
 * Zeroed memory is valid.  Any thread, but one round at a time.  Never blocks.
 */


#ifndef _BIGCACHE_UNSYNCED_H_INCLUDED_
#define _BIGCACHE_UNSYNCED_H_INCLUDED_


#include <stdint.h>
#include <stdatomic.h>


/* the time of the oldest write, monotonic ms, 0: none */

typedef struct {
    _Atomic int64_t  waiting;    /* that no round has begun with */
    _Atomic int64_t  syncing;    /* of the round that is under way */
} bigcache_unsynced_t;


/* notes a write; returns 1 if it is the first since a round began, or 0 */

int bigcache_unsynced_note(bigcache_unsynced_t *unsynced);

/*
 * Begins a round, which makes durable all writes that were noted before.
 * Returns the time for bigcache_unsynced_end() if the round fails; if it
 * succeeds, the caller must pass 0.
 */
int64_t bigcache_unsynced_begin(bigcache_unsynced_t *unsynced);
void bigcache_unsynced_end(bigcache_unsynced_t *unsynced, int64_t failed);

/* returns the age in ms of the oldest write that is not durable, or 0 */

int64_t bigcache_unsynced_age(const bigcache_unsynced_t *unsynced);


#endif /* _BIGCACHE_UNSYNCED_H_INCLUDED_ */
