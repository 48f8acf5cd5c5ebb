
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The keys of a store in their order, a part at a time.  A part has bounds in
 * memory and time, but always gets at least one key further.  It may take
 * longer by one read of the disk, and where many keys were just removed, which
 * LevelDB passes over by itself.
 */


#ifndef _BIGCACHE_STORE_LIST_H_INCLUDED_
#define _BIGCACHE_STORE_LIST_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_list.h"


/* milliseconds that a call spends inside the store */

#define BIGCACHE_STORE_LIST_TIME  100


/*
 * Lists live pages, at most limit, 1 or more, whose keys begin with prefix and
 * are greater than after, unless its data is NULL.  Returns BIGCACHE_OK, and
 * fewer rows than limit, even none, with list->more, if a bound was met; or
 * what each call of bigcache_store.h may return.  Blocks; any thread, outside
 * of the store.
 *
 * after may be the list's own next, where the part before this has ended: this
 * does not write to it before the walk has a copy, and not at all if it returns
 * BIGCACHE_HELD, so that another process can be asked for the same.
 */
bigcache_rc_t bigcache_store_list(bigcache_store_t *store,
    const bigcache_str_t *prefix, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list);


#endif /* _BIGCACHE_STORE_LIST_H_INCLUDED_ */
