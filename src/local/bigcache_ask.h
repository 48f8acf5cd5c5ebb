
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Calls of a process that is the owner or a caller, and may change from one to
 * the other during the call.  A call is a loop of tries.  The process tries
 * its own store.  If another process has that open, BIGCACHE_HELD, it asks the
 * owner.  bigcache_ask_again() says whether there is another try.
 *
 * bigcache_ask_page.h has the calls for pages, bigcache_peek.h those for an
 * event loop.  Threads of requests.  All calls block.
 */


#ifndef _BIGCACHE_ASK_H_INCLUDED_
#define _BIGCACHE_ASK_H_INCLUDED_


#include <stdatomic.h>

#include "bigcache_body.h"
#include "bigcache_cache.h"
#include "bigcache_client.h"
#include "bigcache_extent.h"
#include "bigcache_server.h"
#include "bigcache_store.h"


/* the part of one process in a store; bigcache_local.c makes it */

typedef struct {
    bigcache_cache_t        cache;      /* the first, see bigcache_cache.h */

    bigcache_store_conf_t   conf;
    bigcache_store_t       *store;
    bigcache_server_t      *server;     /* while this is the owner */
    bigcache_client_t      *client;     /* while it is a caller */
    bigcache_extents_t      extents;
    bigcache_bodies_t       pages;      /* as a caller writes them */

    int                     event;      /* wakes the keeper */
    _Atomic int             quitting;
    _Atomic int             stopping;

    _Atomic unsigned        tag;
    _Atomic unsigned        peeks;      /* pages that the event loop read */

    bigcache_keylock_t     locks;

    pthread_mutex_t         mutex;
    char                    reason[BIGCACHE_ERROR_LEN];
} bigcache_local_t;

/* a call, with all its tries */

typedef struct {
    bigcache_local_t    *local;
    int64_t              deadline;    /* monotonic ms */
    uint64_t             retry_floor; /* no version was later at its start */
    unsigned             begun:1;     /* an owner may have made it */
    unsigned             asked:1;     /* the last try went to an owner */
    unsigned             stale;       /* tries whose place was not valid */
    uint64_t             latest;      /* version, as the owner answered last */
    bigcache_message_t   call;
    bigcache_called_t    called;
} bigcache_ask_t;


/* the calls of bigcache_cache.h, for the table of the engine */

bigcache_rc_t bigcache_ask_delete(bigcache_cache_t *cache,
    const bigcache_str_t *key, uint64_t expect);
bigcache_rc_t bigcache_ask_sync(bigcache_cache_t *cache);
bigcache_rc_t bigcache_ask_purge(bigcache_cache_t *cache,
    const bigcache_selectors_t *selectors, int async,
    bigcache_purged_t *purged);
bigcache_rc_t bigcache_ask_list(bigcache_cache_t *cache,
    const bigcache_str_t *prefix, const bigcache_str_t *tag,
    const bigcache_str_t *after, unsigned limit, bigcache_list_t *list);
bigcache_rc_t bigcache_ask_stat(bigcache_cache_t *cache, unsigned wait,
    bigcache_stat_t *stat);
bigcache_rc_t bigcache_ask_clear(bigcache_cache_t *cache);
bigcache_rc_t bigcache_ask_close(bigcache_cache_t *cache);
bigcache_rc_t bigcache_ask_open(bigcache_cache_t *cache);
void bigcache_ask_reason(bigcache_cache_t *cache, char *text);

/* begins a call, whose tries end local->conf.wait milliseconds from now */

void bigcache_ask_begin(bigcache_ask_t *ask, bigcache_local_t *local);

/*
 * Asks the owner.  slow: see bigcache_client_call().  Returns the code in the
 * answer, or BIGCACHE_HELD if the owner did not run the call, or may not have.
 * The caller must call bigcache_ask_end().
 */
bigcache_rc_t bigcache_ask(bigcache_ask_t *ask, unsigned call,
    const bigcache_str_t *key, int slow);
void bigcache_ask_end(bigcache_ask_t *ask);

/*
 * Returns 1 if the call must be tried again, after a pause; or 0, and *rc is
 * the result of the call.
 */
int bigcache_ask_again(bigcache_ask_t *ask, bigcache_rc_t *rc);

/*
 * Returns what the store takes as retry_floor: 0, or, if an earlier try may
 * have taken effect, a version that no version before the call was later than.
 */
uint64_t bigcache_ask_retry_floor(const bigcache_ask_t *ask);

/*
 * Maps a mismatch to BIGCACHE_UNKNOWN if an earlier try, whose answer was
 * lost, may have taken effect; returns any other rc as it is.
 */
bigcache_rc_t bigcache_ask_known(const bigcache_ask_t *ask, bigcache_rc_t rc);


#endif /* _BIGCACHE_ASK_H_INCLUDED_ */
