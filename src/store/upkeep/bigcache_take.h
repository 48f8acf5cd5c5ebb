
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Taking the directory: the lock, the index, what a crash left behind; or, if
 * another process has it, waiting for its end.  For the store's thread, with
 * the mutex of the store held, which is let go meanwhile.
 */


#ifndef _BIGCACHE_TAKE_H_INCLUDED_
#define _BIGCACHE_TAKE_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Opens the store if it can: its state is OPEN then, FAILED, or OPENING if
 * another process has the directory.
 * Returns the milliseconds after which to try again.
 */
unsigned bigcache_take(bigcache_store_t *store);


#endif /* _BIGCACHE_TAKE_H_INCLUDED_ */
