
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The cache: the calls that requests make, whatever keeps the pages.
 *
 * An engine keeps them: src/local/ does so in one directory, for all processes
 * of one nginx.  An engine fills in a bigcache_engine_t, and its own struct
 * begins with a bigcache_cache_t.  The functions below find the engine's by
 * that table; nothing here knows what an engine is made of.
 *
 * A process creates a cache, starts it after its last fork(), and stops it.
 * All calls may run in any number of threads at once.  All but peek, peeked,
 * quit and unlock may block, on the disk, on another process, and while the
 * cache is being opened: none of them may run in an event loop.
 *
 * A page that was put is there for all later calls of all processes, also
 * after the process has died; it is on the disk some seconds later.  Removals
 * are on the disk when a purge, a clear or bigcache_cache_sync() returns.
 * Calls on one key take effect one after the other; versions of a key only
 * grow.
 *
 * All calls may return BIGCACHE_CLOSED, after bigcache_cache_close();
 * BIGCACHE_UNAVAILABLE, for which bigcache_cache_reason() has the reason;
 * BIGCACHE_NOMEM; and BIGCACHE_ERROR, which has been logged.
 */


#ifndef _BIGCACHE_CACHE_H_INCLUDED_
#define _BIGCACHE_CACHE_H_INCLUDED_


#include "bigcache_keylock.h"
#include "bigcache_list.h"
#include "bigcache_log.h"
#include "bigcache_page.h"
#include "bigcache_rc.h"
#include "bigcache_selectors.h"
#include "bigcache_stat.h"


typedef struct bigcache_cache_s  bigcache_cache_t;

/* what bigcache_cache_lock() has locked */

typedef pthread_mutex_t  bigcache_lock_t;

/* what a purge tells its caller: n and expired are set whatever it returns */

typedef struct {
    void                    (*begun)(void *data);   /* or NULL */
    void                     *data;
    uint64_t                  n;        /* pages that were live */
    uint64_t                  expired;  /* pages that were not */
} bigcache_purged_t;

/* one function for each of those below; each gets the engine's own cache */

typedef struct {
    int               (*start)(bigcache_cache_t *cache);
    void              (*quit)(bigcache_cache_t *cache);
    void              (*stop)(bigcache_cache_t *cache);
    void              (*destroy)(bigcache_cache_t *cache);

    bigcache_rc_t     (*peek)(bigcache_cache_t *cache,
                          const bigcache_str_t *key, unsigned file,
                          bigcache_page_t *page);
    void              (*peeked)(bigcache_cache_t *cache);
    bigcache_rc_t     (*get)(bigcache_cache_t *cache,
                          const bigcache_str_t *key, int body,
                          bigcache_page_t *page);
    bigcache_rc_t     (*put)(bigcache_cache_t *cache,
                          const bigcache_put_t *put, bigcache_page_t *page);
    bigcache_rc_t     (*delete)(bigcache_cache_t *cache,
                          const bigcache_str_t *key, uint64_t expect);
    bigcache_rc_t     (*sync)(bigcache_cache_t *cache);
    bigcache_rc_t     (*purge)(bigcache_cache_t *cache,
                          const bigcache_selectors_t *selectors, int async,
                          bigcache_purged_t *purged);
    bigcache_rc_t     (*list)(bigcache_cache_t *cache,
                          const bigcache_str_t *prefix,
                          const bigcache_str_t *tag,
                          const bigcache_str_t *after, unsigned limit,
                          bigcache_list_t *list);
    bigcache_rc_t     (*stat)(bigcache_cache_t *cache, unsigned wait,
                          bigcache_stat_t *stat);
    bigcache_rc_t     (*clear)(bigcache_cache_t *cache);
    bigcache_rc_t     (*close)(bigcache_cache_t *cache);
    bigcache_rc_t     (*open)(bigcache_cache_t *cache);

    bigcache_lock_t  *(*lock)(bigcache_cache_t *cache,
                          const bigcache_str_t *key, int brief);
    void              (*reason)(bigcache_cache_t *cache, char *text);
} bigcache_engine_t;

struct bigcache_cache_s {
    const bigcache_engine_t  *engine;
    const bigcache_log_t     *log;
    const char               *name;     /* of the cache, for the log */
    unsigned                  apart:1;  /* others change it, too, which do not
                                           share the memory of this nginx */
};


/*
 * Starts the cache's own threads; after the last fork().  Returns 0, or -1 and
 * errno.
 */
int bigcache_cache_start(bigcache_cache_t *cache);

/*
 * This process is going to end: the cache prepares to leave its work to
 * another process.  Never blocks.
 */
void bigcache_cache_quit(bigcache_cache_t *cache);

/*
 * Ends the cache in this process: new calls return BIGCACHE_UNAVAILABLE, calls
 * under way are waited for.  May be called again.
 */
void bigcache_cache_stop(bigcache_cache_t *cache);

/* frees a cache that was never started, or was stopped */

void bigcache_cache_destroy(bigcache_cache_t *cache);


/*
 * Gives a page of up to BIGCACHE_PAGE_LARGE bytes without blocking, for an
 * event loop.  file, BIGCACHE_PEEK_* or 0, says which pages may come with
 * their body in a file: it is in the page cache, and sendfile() is cheaper
 * than a copy of it.  All others come in memory.  Returns BIGCACHE_OK and the
 * page; BIGCACHE_MISS; or BIGCACHE_AGAIN if only bigcache_cache_get() can tell.
 */
bigcache_rc_t bigcache_cache_peek(bigcache_cache_t *cache,
    const bigcache_str_t *key, unsigned file, bigcache_page_t *page);

/* counts a request that was answered from bigcache_cache_peek() */

void bigcache_cache_peeked(bigcache_cache_t *cache);

/*
 * Reads a page; body, one of BIGCACHE_BODY_*, says how much of it.  Returns
 * BIGCACHE_OK and the page, which the caller must free by
 * bigcache_page_free(); BIGCACHE_MISS; BIGCACHE_EXPIRED if this call removed
 * it because its time had come; or BIGCACHE_AGAIN, see BIGCACHE_BODY_KNOWN.
 */
bigcache_rc_t bigcache_cache_get(bigcache_cache_t *cache,
    const bigcache_str_t *key, int body, bigcache_page_t *page);

/*
 * Stores a page over what is there, if that is as put->expect says; an expired
 * page counts as none.  Returns BIGCACHE_OK and the page, with its body only
 * if that lies in a file; BIGCACHE_MISMATCH; BIGCACHE_UNKNOWN if an earlier
 * attempt, whose answer was lost, may have stored it, and another page is
 * there now; BIGCACHE_FULL.
 */
bigcache_rc_t bigcache_cache_put(bigcache_cache_t *cache,
    const bigcache_put_t *put, bigcache_page_t *page);

/*
 * Removes a page, if it is as expect says, BIGCACHE_EXPECT_* or a version.
 * Returns BIGCACHE_OK, BIGCACHE_MISS, BIGCACHE_EXPIRED, BIGCACHE_MISMATCH,
 * BIGCACHE_UNKNOWN or BIGCACHE_FULL.
 */
bigcache_rc_t bigcache_cache_delete(bigcache_cache_t *cache,
    const bigcache_str_t *key, uint64_t expect);

/*
 * Waits until all removals that were made by now are on the disk, those of
 * other processes too.  Returns BIGCACHE_OK.
 */
bigcache_rc_t bigcache_cache_sync(bigcache_cache_t *cache);

/*
 * Removes the pages that one of the selectors selects and that were stored
 * before this call: no later call returns them.  A soft selector marks them:
 * each later call that returns one says in page->stale since when it is stale.
 * With async it returns then; otherwise it waits until that is done on the
 * disk.  A put whose origin is earlier than this call is treated alike, and one
 * whose origin is read once purged->begun() is called, is not: that is before
 * the purge looks for its pages, and not at all if it fails earlier.  Returns
 * BIGCACHE_OK or BIGCACHE_FULL, and *purged.
 */
bigcache_rc_t bigcache_cache_purge(bigcache_cache_t *cache,
    const bigcache_selectors_t *selectors, int async,
    bigcache_purged_t *purged);

/*
 * Lists live pages, limit at most, 1 or more, whose keys begin with prefix and
 * are greater than after, unless its data is NULL, and which have the tag,
 * unless its data is NULL; see bigcache_list.h.  Returns BIGCACHE_OK, with
 * fewer rows than limit, even none, and list->more, if a bound of memory or of
 * time was met.
 */
bigcache_rc_t bigcache_cache_list(bigcache_cache_t *cache,
    const bigcache_str_t *prefix, const bigcache_str_t *tag,
    const bigcache_str_t *after, unsigned limit, bigcache_list_t *list);

/*
 * Counts.  wait: 0 for exact numbers, but for expired pages that have not been
 * removed yet; otherwise what is known now, and another process that does not
 * answer is waited for so many milliseconds.  Returns BIGCACHE_OK and *stat.
 */
bigcache_rc_t bigcache_cache_stat(bigcache_cache_t *cache, unsigned wait,
    bigcache_stat_t *stat);

/* removes all pages; returns BIGCACHE_OK */

bigcache_rc_t bigcache_cache_clear(bigcache_cache_t *cache);

/*
 * Closes the cache for all processes, until bigcache_cache_open(): no page
 * changes, and no file stays open.  Both return BIGCACHE_OK, also if it was
 * closed, or open, before.
 */
bigcache_rc_t bigcache_cache_close(bigcache_cache_t *cache);
bigcache_rc_t bigcache_cache_open(bigcache_cache_t *cache);

/*
 * For a caller that reads a page and stores it anew: keeps other threads of
 * this process from doing so with the same key, and with a few others, so that
 * they do not force each other to begin again.  brief: no large page is copied
 * meanwhile, and the caller never waits for a thread that may copy one.
 * Returns what the caller must give to bigcache_cache_unlock(), or NULL if a
 * second was not long enough to get it.
 */
bigcache_lock_t *bigcache_cache_lock(bigcache_cache_t *cache,
    const bigcache_str_t *key, int brief);
void bigcache_cache_unlock(bigcache_lock_t *lock);

/*
 * Copies why the last call returned BIGCACHE_UNAVAILABLE, a sentence, to text,
 * of BIGCACHE_ERROR_LEN bytes.
 */
void bigcache_cache_reason(bigcache_cache_t *cache, char *text);

/* logs what failed, and why; returns BIGCACHE_ERROR */

bigcache_rc_t bigcache_cache_failed(bigcache_cache_t *cache,
    const char *what, const char *error);


#endif /* _BIGCACHE_CACHE_H_INCLUDED_ */
