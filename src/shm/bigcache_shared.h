
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the processes of one nginx share about a store, beside the hot index
 * and the counters of requests: whether it was closed, and numbers for
 * metrics.  Zeroed memory is valid.  Never blocks.  Any thread.
 */


#ifndef _BIGCACHE_SHARED_H_INCLUDED_
#define _BIGCACHE_SHARED_H_INCLUDED_


#include "bigcache_unsynced.h"


typedef struct {
    _Atomic uint32_t        closed;   /* on demand */
    _Atomic uint64_t        logged_hash;   /* of why it cannot be opened */
    _Atomic int64_t         failed_at;     /* the last failure of a cluster,
                                              monotonic ms */

    /* for metrics */
    _Atomic uint64_t        openings;
    _Atomic uint64_t        compacted;  /* segments */
    _Atomic uint64_t        moved;      /* pages out of them */
    _Atomic uint64_t        evicted;    /* segments */
    _Atomic uint64_t        evicted_pages; /* live ones in them */
    _Atomic uint64_t        evicted_age;   /* of the last one then, seconds */
    _Atomic uint64_t        syncs;      /* rounds, bigcache_sync.h */
    _Atomic uint64_t        sync_failures;
    bigcache_unsynced_t     unsynced;

    /*
     * for the history: what the owner has counted, some times a second.  at: of
     * that, monotonic ms; 0 if the store is closed or its keys are not counted.
     * count_begun: when a process last began to, of a store in a cluster, which
     * all processes may count, and whose bytes are BIGCACHE_HISTORY_UNKNOWN
     */
    _Atomic int64_t         count_begun;
    _Atomic int64_t         counted_at;
    _Atomic uint64_t        entries;
    _Atomic uint64_t        bytes;
} bigcache_shared_t;


#endif /* _BIGCACHE_SHARED_H_INCLUDED_ */
