
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The keys of a store in their order, some at a time.  A part is bounded in
 * memory and time, but always gets at least one key further.  It may exceed
 * the time by one read of the disk, and where many keys were just removed,
 * which LevelDB has to skip.
 */


#ifndef _BIGCACHE_STORE_LIST_H_INCLUDED_
#define _BIGCACHE_STORE_LIST_H_INCLUDED_


#include "bigcache_conf.h"
#include "bigcache_list.h"


/* milliseconds that a call spends inside the store */

#define BIGCACHE_STORE_LIST_TIME  100


/*
 * Lists live pages, at most limit of them, which is 1 or more.  Their keys
 * begin with prefix and are greater than after, unless its data is NULL, and
 * they have the tag, unless its data is NULL.
 * Returns BIGCACHE_OK; if a bound was reached, there are fewer rows than
 * limit, maybe none, and list->more is set.  Also returns the codes that all
 * calls of bigcache_store.h may return.  Blocks.  Any thread outside of the
 * store.
 *
 * after may be the list's own next, to continue after the previous part.
 * bigcache_store_list() copies after before it writes to next.  If it returns
 * BIGCACHE_HELD, next is unchanged, so that another process can be asked for
 * the same part.
 */
bigcache_rc_t bigcache_store_list(bigcache_store_t *store,
    const bigcache_str_t *prefix, const bigcache_str_t *tag,
    const bigcache_str_t *after, unsigned limit, bigcache_list_t *list);


#endif /* _BIGCACHE_STORE_LIST_H_INCLUDED_ */
