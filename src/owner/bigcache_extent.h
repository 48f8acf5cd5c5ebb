
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Borrowed extents: ranges of segments that the owner has granted to a caller,
 * which writes its pages there.  Many pages are cut off one extent, so a page
 * costs one message, not two.  An extent goes back to the owner when it is
 * used up, or was not used for a while, and no thread writes to it any more.
 * When an owner is gone, its extents are dropped: the next owner accepts no
 * page that is in one.
 *
 * bigcache_extent_reserve() and bigcache_extent_done() may block, as a call
 * does.  Any thread.
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
    unsigned                      lending;    /* a thread asks for another */
} bigcache_extents_t;


void bigcache_extent_init(bigcache_extents_t *extents,
    const bigcache_store_conf_t *conf, bigcache_client_t *client,
    bigcache_files_t *files);
void bigcache_extent_destroy(bigcache_extents_t *extents);

/* drops the current extent, and gives it back if the owner is still there */

void bigcache_extent_end(bigcache_extents_t *extents);

/*
 * Gives the current extent back if it was not used since the last call of this
 * function: an extent prevents the compaction and the removal of its segment.
 */
void bigcache_extent_idle(bigcache_extents_t *extents);

/*
 * For bigcache_bodies_t; data is the extents.  Cuts size bytes off the current
 * extent, or borrows another one.  Returns BIGCACHE_OK, and the caller must
 * call bigcache_extent_done(); BIGCACHE_STALE if the segment is gone by now;
 * the code in the owner's answer; or BIGCACHE_NO_ANSWER.
 */
bigcache_rc_t bigcache_extent_reserve(void *data, uint64_t size,
    bigcache_place_t *place);
void bigcache_extent_done(void *data, const bigcache_place_t *place);


#endif /* _BIGCACHE_EXTENT_H_INCLUDED_ */
