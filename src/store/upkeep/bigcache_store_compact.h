
/*
 * Copyright (C) bigcache contributors
 */


/*
 * All work of the keeper at once, on a store that no nginx has open: for a
 * process that serves no requests.
 */


#ifndef _BIGCACHE_STORE_COMPACT_H_INCLUDED_
#define _BIGCACHE_STORE_COMPACT_H_INCLUDED_


#include "bigcache_conf.h"


/*
 * Opens the store, ends its purges, removes what has expired, moves live pages
 * together, and closes the store.  Imports nothing.  conf is that of a process
 * on its own, with no hooks; lock is a descriptor of the lock of the directory,
 * which this closes.  What goes wrong while the store is open is logged.
 * Returns BIGCACHE_OK; or another code, and in error why the store cannot be
 * opened.
 */
bigcache_rc_t bigcache_store_compact(const bigcache_store_conf_t *conf,
    int lock, char *error);


#endif /* _BIGCACHE_STORE_COMPACT_H_INCLUDED_ */
