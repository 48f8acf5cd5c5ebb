
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the parts of the cache share: bigcache_cache.c, which becomes owner and
 * caller, and bigcache_ask.c, which makes the calls.
 */


#ifndef _BIGCACHE_ASK_H_INCLUDED_
#define _BIGCACHE_ASK_H_INCLUDED_


#include <stdatomic.h>

#include "bigcache_cache.h"
#include "bigcache_client.h"
#include "bigcache_extent.h"
#include "bigcache_page.h"
#include "bigcache_server.h"


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

    /* the latest version that an owner has told of */
    _Atomic uint64_t        seen;
    _Atomic unsigned        tag;

    pthread_mutex_t         mutex;
    char                    reason[BIGCACHE_ERROR_LEN];
};


#endif /* _BIGCACHE_ASK_H_INCLUDED_ */
