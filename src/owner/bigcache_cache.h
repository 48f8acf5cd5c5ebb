
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The cache, as every process of an nginx has it: these are the calls that
 * requests make.  One process, the owner, has the store open; the others, the
 * callers, ask it, but write and read pages by themselves.  Which one it is
 * nobody needs to know, and changes at any time:
 *
 *     the owner is whoever got the lock of the directory first;
 *     an owner that is told to quit hands over, once there is a process that
 *     was not told so, and is a caller from then on;
 *     an owner that dies leaves the lock to whoever tries next.
 *
 * A call that meets a change waits for the next owner, for the store's wait at
 * most, and is made again.  If an owner died with it, nobody knows whether it
 * was done; the next one is told so, and does nothing twice.  Where even that
 * one cannot tell, since the page was changed again, a conditional put or
 * delete is BIGCACHE_UNKNOWN.
 *
 * All calls are those of bigcache_store.h, with the same meaning; they never
 * return BIGCACHE_HELD, BIGCACHE_STALE, BIGCACHE_APART or BIGCACHE_LOST.
 */


#ifndef _BIGCACHE_CACHE_H_INCLUDED_
#define _BIGCACHE_CACHE_H_INCLUDED_


#include <pthread.h>

#include "bigcache_list.h"
#include "bigcache_store.h"


#define BIGCACHE_CACHE_MASTERS  2

/* bytes of body: whatever is held in memory as a whole, see docs/hot.md */

#define BIGCACHE_CACHE_PEEK     BIGCACHE_STORE_LARGE


typedef struct bigcache_cache_s  bigcache_cache_t;

typedef struct {
    bigcache_store_conf_t   store;      /* without hooks */

    /*
     * numbers of the master of this process, and of the one that it replaces
     * (0: none): who has none of them in common is another nginx; the lower
     * 32 bits are the pid
     */
    uint64_t                masters[BIGCACHE_CACHE_MASTERS];
} bigcache_cache_conf_t;


/* create and start as for a store; start after the last fork() */

bigcache_cache_t *bigcache_cache_create(const bigcache_cache_conf_t *conf);
int bigcache_cache_start(bigcache_cache_t *cache);

/* this process is going to end; blocks not */

void bigcache_cache_quit(bigcache_cache_t *cache);

/* as for a store */

void bigcache_cache_stop(bigcache_cache_t *cache);
void bigcache_cache_destroy(bigcache_cache_t *cache);


/*
 * Gives a page of up to BIGCACHE_CACHE_PEEK bytes without blocking, for an
 * event loop.  Returns BIGCACHE_OK and the page, in memory; BIGCACHE_MISS; or
 * BIGCACHE_AGAIN if only bigcache_cache_get() can tell.
 */
bigcache_rc_t bigcache_cache_peek(bigcache_cache_t *cache,
    const bigcache_str_t *key, bigcache_page_t *page);

/* counts a request that was answered so */

void bigcache_cache_peeked(bigcache_cache_t *cache);

bigcache_rc_t bigcache_cache_get(bigcache_cache_t *cache,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
bigcache_rc_t bigcache_cache_put(bigcache_cache_t *cache,
    const bigcache_put_t *put, bigcache_page_t *page);
bigcache_rc_t bigcache_cache_delete(bigcache_cache_t *cache,
    const bigcache_str_t *key, uint64_t expect);
bigcache_rc_t bigcache_cache_sync(bigcache_cache_t *cache);

/*
 * Purges, and unless async waits until all is removed: *n pages were live,
 * *expired were not, whatever it returns.
 */
bigcache_rc_t bigcache_cache_purge(bigcache_cache_t *cache,
    const bigcache_str_t *prefix, int async, uint64_t *n, uint64_t *expired);

/* of bigcache_list.h */

bigcache_rc_t bigcache_cache_list(bigcache_cache_t *cache,
    const bigcache_str_t *prefix, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list);

bigcache_rc_t bigcache_cache_stat(bigcache_cache_t *cache,
    bigcache_stat_t *stat);

/*
 * As bigcache_store_gauges(), with less patience: an owner who does not answer
 * is waited for msec and a little more.  A store that is being opened still
 * has its wait.
 */
bigcache_rc_t bigcache_cache_gauges(bigcache_cache_t *cache,
    bigcache_stat_t *stat, unsigned msec);

bigcache_rc_t bigcache_cache_clear(bigcache_cache_t *cache);
bigcache_rc_t bigcache_cache_close(bigcache_cache_t *cache);
bigcache_rc_t bigcache_cache_open(bigcache_cache_t *cache);

/*
 * For those that read a page and store it anew: keeps other threads of this
 * process from doing so with the same key, and a few others, so that they do
 * not make each other begin again.  brief: no large page is copied meanwhile,
 * and nobody is waited for that may copy one.  Returns what
 * bigcache_cache_unlock() is owed for, or NULL if it was not to be had for a
 * second.
 */
pthread_mutex_t *bigcache_cache_lock(bigcache_cache_t *cache,
    const bigcache_str_t *key, int brief);
void bigcache_cache_unlock(pthread_mutex_t *lock);

/* logs that what could not be done, and returns BIGCACHE_ERROR */

bigcache_rc_t bigcache_cache_failed(bigcache_cache_t *cache,
    const char *what, const char *error);

/* copies why the last call was BIGCACHE_UNAVAILABLE to text, as a sentence */

void bigcache_cache_reason(bigcache_cache_t *cache, char *text);


#endif /* _BIGCACHE_CACHE_H_INCLUDED_ */
