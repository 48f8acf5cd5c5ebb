
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the parts of the cache share: bigcache_cache.c, which becomes owner and
 * caller, bigcache_ask.c and bigcache_ask_page.c, which make the calls.
 */


#ifndef _BIGCACHE_ASK_H_INCLUDED_
#define _BIGCACHE_ASK_H_INCLUDED_


#include <stdatomic.h>

#include "bigcache_cache.h"
#include "bigcache_client.h"
#include "bigcache_extent.h"
#include "bigcache_page.h"
#include "bigcache_server.h"


/* of a kind */

#define BIGCACHE_CACHE_LOCKS  64


struct bigcache_cache_s {
    bigcache_store_conf_t   conf;
    bigcache_store_t       *store;
    bigcache_server_t      *server;     /* while this is the owner */
    bigcache_client_t      *client;     /* while it is a caller */
    bigcache_extents_t      extents;
    bigcache_pages_t        pages;      /* as a caller writes them */

    int                     event;      /* wakes the store's thread */
    _Atomic int             quitting;
    _Atomic int             stopping;

    _Atomic unsigned        tag;

    /* for brief operations, and for the others */
    pthread_mutex_t         locks[2 * BIGCACHE_CACHE_LOCKS];

    pthread_mutex_t         mutex;
    char                    reason[BIGCACHE_ERROR_LEN];
};

/* a call, over all of its tries */

typedef struct {
    bigcache_cache_t    *cache;
    int64_t              deadline;    /* monotonic ms */
    uint64_t             since;       /* no version was later when it began */
    unsigned             begun:1;     /* an owner may have made it */
    unsigned             asked:1;     /* the last try went to an owner */
    unsigned             stale;       /* tries whose place was not valid */
    bigcache_message_t   call;
    bigcache_called_t    called;
} bigcache_ask_t;


/*
 * Around a look at the index: notes what the hot index is to be told then;
 * enters what came of it, and the record if that is BIGCACHE_OK.
 */
void bigcache_peek_note(bigcache_cache_t *cache, const bigcache_str_t *key,
    bigcache_hot_note_t *note);
void bigcache_peek_enter(bigcache_cache_t *cache, const bigcache_str_t *key,
    const bigcache_hot_note_t *note, bigcache_rc_t rc,
    const bigcache_record_t *record);

void bigcache_ask_begin(bigcache_ask_t *ask, bigcache_cache_t *cache);

/*
 * Asks the owner; slow: as in bigcache_client_call().  Returns what he says,
 * or BIGCACHE_HELD if he did not make the call, or might not have;
 * bigcache_ask_end() is owed.
 */
bigcache_rc_t bigcache_ask(bigcache_ask_t *ask, unsigned call,
    const bigcache_str_t *key, int slow);
void bigcache_ask_end(bigcache_ask_t *ask);

/* tells whether the call is to be made again, and what it came to if not */

int bigcache_ask_again(bigcache_ask_t *ask, bigcache_rc_t *rc);

/* keeps why a call is BIGCACHE_UNAVAILABLE, for bigcache_cache_reason() */

void bigcache_ask_reason(bigcache_cache_t *cache, const char *reason);

/* returns what a call that is made again has for since, or 0 */

uint64_t bigcache_ask_since(const bigcache_ask_t *ask);

/*
 * Returns what is to be said of a call that came to rc: a mismatch may be that
 * a lost try was made, and the page changed by somebody else since.
 */
bigcache_rc_t bigcache_ask_told(const bigcache_ask_t *ask, bigcache_rc_t rc);


#endif /* _BIGCACHE_ASK_H_INCLUDED_ */
