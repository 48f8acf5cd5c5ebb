
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A caller's room in segments.  The owner lends it by the extent, of which
 * pages are cut: so a page costs one message, not two.  An extent goes back
 * when it is used up, or not used for a while, and nobody writes there any
 * more; when the owner is gone its extents are worth nothing, and
 * are dropped.
 *
 * reserve and done are those of bigcache_bodies_t, and data is the extents.
 * They may block, as a call does; any thread.
 */


#ifndef _BIGCACHE_EXTENT_H_INCLUDED_
#define _BIGCACHE_EXTENT_H_INCLUDED_


#include <pthread.h>

#include "bigcache_client.h"
#include "bigcache_files.h"
#include "bigcache_body.h"


typedef struct bigcache_extent_s  bigcache_extent_t;

typedef struct {
    const bigcache_store_conf_t  *conf;
    bigcache_client_t            *client;
    bigcache_files_t             *files;
    pthread_mutex_t               mutex;
    bigcache_extent_t            *current;
    unsigned                      used;       /* since the last look */
    unsigned                      lending;    /* somebody asks for the next */
} bigcache_extents_t;


void bigcache_extents_init(bigcache_extents_t *extents,
    const bigcache_store_conf_t *conf, bigcache_client_t *client,
    bigcache_files_t *files);
void bigcache_extents_destroy(bigcache_extents_t *extents);

/* drops the current extent, and gives it back if the owner still is there */

void bigcache_extents_end(bigcache_extents_t *extents);

/*
 * Looks whether the current extent was used since the last look, and ends it
 * if not: it keeps its segment from being compacted or removed.  Returns 1 if
 * there still is one, else 0.
 */
int bigcache_extents_idle(bigcache_extents_t *extents);

/*
 * Cuts size bytes off.  Returns BIGCACHE_OK, and done is owed; or what the
 * owner or the call came to, BIGCACHE_LOST among it; or BIGCACHE_STALE if the
 * segment is gone by now.
 */
bigcache_rc_t bigcache_extent_reserve(void *data, uint64_t size,
    bigcache_place_t *place);
void bigcache_extent_done(void *data, const bigcache_place_t *place);


#endif /* _BIGCACHE_EXTENT_H_INCLUDED_ */
