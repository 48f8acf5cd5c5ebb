
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The extents of segments that the owner has granted to callers, which write
 * pages there by themselves.  An extent keeps its segment pinned until it
 * ends: its caller gives it back or is gone, or the store is closed.  A caller
 * may still write to an extent that has ended, but the index then rejects that
 * page.
 *
 * The list has a lock of its own and knows no store.  It knows a caller by a
 * number.  Any thread; never blocks.
 */


#ifndef _BIGCACHE_GRANTED_H_INCLUDED_
#define _BIGCACHE_GRANTED_H_INCLUDED_


#include <pthread.h>

#include "bigcache_segments.h"


typedef struct bigcache_grant_s  bigcache_grant_t;

struct bigcache_grant_s {
    bigcache_grant_t    *next;
    uint64_t             caller;
    bigcache_place_t     place;
    uint64_t             size;
    unsigned             users;     /* calls that change the index */
    unsigned             ended:1;   /* the last of them gives it back */
};

typedef struct {
    pthread_mutex_t      mutex;
    bigcache_grant_t    *first;
} bigcache_granted_t;


void bigcache_granted_init(bigcache_granted_t *granted);
void bigcache_granted_destroy(bigcache_granted_t *granted);

/* ends all extents of a store that no call is inside of */

void bigcache_granted_forget(bigcache_granted_t *granted,
    bigcache_segments_t *segments);

/* adds an extent to the list, which frees it later */

void bigcache_granted_add(bigcache_granted_t *granted,
    bigcache_grant_t *grant);

/*
 * ends the extent of a caller that begins at that place; id 0: all of the
 * caller's
 */

void bigcache_granted_end(bigcache_granted_t *granted,
    bigcache_segments_t *segments, uint64_t caller, uint64_t id,
    uint64_t offset);

/* returns the number of extents that a caller has */

unsigned bigcache_granted_count(bigcache_granted_t *granted, uint64_t caller);

/*
 * Returns the caller's extent that contains the entry of record, of size
 * bytes, or NULL.  The place stays reserved until bigcache_granted_leave(),
 * which must follow.
 */
bigcache_grant_t *bigcache_granted_use(bigcache_granted_t *granted,
    uint64_t caller, const bigcache_record_t *record, uint64_t size);
void bigcache_granted_leave(bigcache_granted_t *granted,
    bigcache_segments_t *segments, bigcache_grant_t *grant);


#endif /* _BIGCACHE_GRANTED_H_INCLUDED_ */
