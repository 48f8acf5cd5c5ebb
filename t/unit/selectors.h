
/*
 * Copyright (C) bigcache contributors
 */


/* Selectors of purges, for the unit tests. */


#ifndef _SELECTORS_H_INCLUDED_
#define _SELECTORS_H_INCLUDED_


#include "bigcache_selectors.h"


static inline const bigcache_selectors_t *keys_with(
    const bigcache_str_t *prefix);


/* a list of one selector; each thread has one */

static __thread bigcache_selectors_t  keys_with_list;


/* returns the selector of all keys that begin with prefix */

static inline const bigcache_selectors_t *
keys_with(const bigcache_str_t *prefix)
{
    bigcache_selectors_prefix(&keys_with_list, prefix);

    return &keys_with_list;
}


#endif /* _SELECTORS_H_INCLUDED_ */
