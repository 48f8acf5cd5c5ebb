
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The engine of one machine: a store in one directory, which the processes of
 * one nginx share.
 *
 * One process, the owner, has the store open.  The others, the callers, ask
 * the owner for the record of a key, but write and read pages themselves.  The
 * owner may change at any time:
 *
 *     the first process that gets the lock of the directory is the owner;
 *     an owner that is told to quit hands over to a process that was not told
 *     so, if there is one, and is a caller from then on;
 *     when an owner dies, its lock is free for the next process that tries.
 *
 * If the owner changes during a call, the caller waits for the next owner, for
 * conf.store.wait at most, and makes the call again.  If the owner died during
 * the call, the caller cannot know whether the call took effect.  It tells the
 * next owner, which does nothing twice.  If that owner cannot know either,
 * because the page was changed again, a conditional put or delete returns
 * BIGCACHE_UNKNOWN.
 *
 * The calls are those of ../cache/bigcache_cache.h.
 */


#ifndef _BIGCACHE_LOCAL_H_INCLUDED_
#define _BIGCACHE_LOCAL_H_INCLUDED_


#include "bigcache_cache.h"
#include "bigcache_store.h"


#define BIGCACHE_LOCAL_MASTERS  2


typedef struct bigcache_local_conf_s {
    bigcache_store_conf_t   store;      /* without hooks */

    /*
     * The number of this process's master, and that of the master which it
     * replaces, or 0.  The lower 32 bits are the pid.  Two processes that have
     * no master in common belong to different nginxes.
     */
    uint64_t                masters[BIGCACHE_LOCAL_MASTERS];
} bigcache_local_conf_t;


/*
 * Makes the cache of a directory, and copies the configuration; does not touch
 * the disk.  Returns the cache, which the caller must destroy, or NULL if out
 * of memory or descriptors.
 */
bigcache_cache_t *bigcache_local_create(const bigcache_local_conf_t *conf);


#endif /* _BIGCACHE_LOCAL_H_INCLUDED_ */
