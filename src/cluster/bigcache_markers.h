
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The purges of a bucket, as a server answers ZRANGE ... WITHSCORES of one of
 * their sets: selectors by version.  A server may answer anything: what is no
 * selector selects nothing.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_MARKERS_H_INCLUDED_
#define _BIGCACHE_MARKERS_H_INCLUDED_


#include "bigcache_link.h"
#include "bigcache_selector.h"


/* what the purges do to a page */

typedef struct {
    unsigned   removed:1;
    uint64_t   stale;       /* version of the first soft one, or 0 */
} bigcache_marked_t;


/*
 * Looks which purges select a page of that key, with those tags, and are later
 * than origin, its version or that of what it was made of.
 */
bigcache_marked_t bigcache_markers_look(const bigcache_reply_t *reply,
    const bigcache_str_t *key, const bigcache_str_t *tags, uint64_t origin);

/*
 * Reads the purge at *at, which is 0 for the first one, and moves *at to the
 * next.  The selector and its bytes point into the reply.  Returns 1, or 0 if
 * there are no more.
 */
int bigcache_markers_next(const bigcache_reply_t *reply, size_t *at,
    bigcache_selector_t *selector, bigcache_str_t *bytes, uint64_t *version);


#endif /* _BIGCACHE_MARKERS_H_INCLUDED_ */
