
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The keeper: the store's own thread.  It opens the directory as soon as no
 * other process has it open, and does the work that no request waits for.
 */


#ifndef _BIGCACHE_KEEPER_H_INCLUDED_
#define _BIGCACHE_KEEPER_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Starts the keeper, which opens the directory unless the store was closed on
 * demand.  The process must not fork afterwards.  Returns 0, or -1 and errno.
 */
int bigcache_keeper_start(bigcache_store_t *store);

/*
 * Closes the directory for good: new calls get BIGCACHE_UNAVAILABLE, and this
 * waits for the calls under way.  No other thread may use the store
 * afterwards.  May be called again.
 */
void bigcache_keeper_stop(bigcache_store_t *store);


#endif /* _BIGCACHE_KEEPER_H_INCLUDED_ */
