
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Takes the directory: locks it and opens the store.  If another process has
 * the lock, the caller tries again later.
 *
 * Only the store's thread may call it, and must hold the store's mutex, which
 * is released while the disk is used.
 */


#ifndef _BIGCACHE_TAKE_H_INCLUDED_
#define _BIGCACHE_TAKE_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Tries to open the store.  Its state is then OPEN; FAILED; or OPENING if
 * another process has the directory.  Returns the milliseconds until the next
 * try.
 */
unsigned bigcache_take_locked(bigcache_store_t *store);


#endif /* _BIGCACHE_TAKE_H_INCLUDED_ */
