
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The body of a page on its way to the disk and back: packed or not, in the
 * index record or in a segment, in memory or, if it is large, through a
 * buffer.  All calls block on the disk; any thread inside the store.
 */


#ifndef _BIGCACHE_PAGE_H_INCLUDED_
#define _BIGCACHE_PAGE_H_INCLUDED_


#include <pthread.h>

#include "bigcache_segments.h"
#include "bigcache_store.h"


#define BIGCACHE_VERIFIED  1024


/* the large entries whose checksum was found right since the opening */

typedef struct {
    pthread_mutex_t     mutex;
    struct {
        uint64_t        segment;
        uint64_t        offset;
    } elts[BIGCACHE_VERIFIED];
} bigcache_verified_t;

/* a page that is written, but that the index does not name yet */

typedef struct {
    bigcache_record_t   record;
    bigcache_str_t      value;      /* the index record, with a body or none */
    u_char             *memory;     /* the same */
    bigcache_place_t    place;      /* if in a segment */
    unsigned            placed:1;
} bigcache_draft_t;


/*
 * Writes the body of put.  Returns BIGCACHE_OK, and one of the next two calls
 * is owed; BIGCACHE_FULL, BIGCACHE_NOMEM or BIGCACHE_ERROR, which is logged.
 */
bigcache_rc_t bigcache_page_write(bigcache_store_t *store,
    const bigcache_put_t *put, bigcache_draft_t *draft);

/* ends a draft; kept: the index names it now */

void bigcache_page_done(bigcache_store_t *store, const bigcache_str_t *key,
    bigcache_draft_t *draft, int kept);

/*
 * Reads the body of page, whose record is set.  Returns BIGCACHE_OK;
 * BIGCACHE_MISS if there is no such segment; BIGCACHE_DAMAGED if the entry
 * fails its check; BIGCACHE_NOMEM, or BIGCACHE_ERROR, which is logged.
 */
bigcache_rc_t bigcache_page_read(bigcache_store_t *store,
    const bigcache_str_t *key, bigcache_page_t *page);

/*
 * Gives page the file of a large one that was just written.  Returns
 * BIGCACHE_OK, or BIGCACHE_ERROR, which is logged.
 */
bigcache_rc_t bigcache_page_file(bigcache_store_t *store,
    const bigcache_draft_t *draft, const bigcache_str_t *key,
    bigcache_page_t *page);

/* returns the bytes of a page's entry, 0 if it has none */

uint64_t bigcache_page_size(const bigcache_str_t *key,
    const bigcache_record_t *record);


#endif /* _BIGCACHE_PAGE_H_INCLUDED_ */
