
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Some selectors of a purge, as plain bytes, so that they can be sent to
 * another process: for each of them u16 length, the selector encoded.  A list
 * belongs to the caller that made it.  Never blocks.  One thread at a time.
 */


#ifndef _BIGCACHE_SELECTORS_H_INCLUDED_
#define _BIGCACHE_SELECTORS_H_INCLUDED_


#include "bigcache_selector.h"


/* bytes of a list of selectors */

#define BIGCACHE_SELECTORS_MEMORY  (32 * 1024)


typedef struct {
    unsigned         n;
    size_t           len;
    u_char           data[BIGCACHE_SELECTORS_MEMORY];
} bigcache_selectors_t;


/* makes an empty list */

void bigcache_selectors_init(bigcache_selectors_t *list);

/* the same for a list of one selector, all keys that begin with prefix */

void bigcache_selectors_prefix(bigcache_selectors_t *list,
    const bigcache_str_t *prefix);

/* appends a selector; returns 1, or 0 if the list has no room for it */

int bigcache_selectors_add(bigcache_selectors_t *list,
    const bigcache_selector_t *selector);

/*
 * Fills the list from the bytes of another process, which may be wrong.
 * Returns 1; or 0 if they are no list.
 */
int bigcache_selectors_receive(bigcache_selectors_t *list,
    const bigcache_str_t *bytes);

/*
 * Reads the selector at *at, which is 0 for the first one, and moves *at to
 * the next.  It points into the list.  Returns 1, or 0 if there are no more.
 */
int bigcache_selectors_next(const bigcache_selectors_t *list, size_t *at,
    bigcache_selector_t *selector);


#endif /* _BIGCACHE_SELECTORS_H_INCLUDED_ */
