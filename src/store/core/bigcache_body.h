
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The body of a page on its way to the disk and back: packed or not, in the
 * index record or in a segment, in memory or, if it is large, through a
 * buffer.  Every process does this by itself, wherever the index is: it needs
 * the files of segments, and a function that gives it places to write to.  All
 * calls block on the disk; any thread.
 */


#ifndef _BIGCACHE_BODY_H_INCLUDED_
#define _BIGCACHE_BODY_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_conf.h"
#include "bigcache_page.h"
#include "bigcache_segments.h"


#define BIGCACHE_VERIFIED  1024


/* the large entries whose checksum was found right since the opening */

typedef struct {
    pthread_mutex_t     mutex;
    struct {
        uint64_t        segment;
        uint64_t        offset;
    } elts[BIGCACHE_VERIFIED];
} bigcache_verified_t;

/* where bodies are written to, and read from, in this process */

typedef struct {
    const bigcache_store_conf_t  *conf;
    bigcache_files_t             *files;
    bigcache_verified_t           verified;

    /* bytes that may lie in the index, or NULL: as many as there are */
    _Atomic int64_t              *inline_room;

    /*
     * Give a place of size bytes, a multiple of BIGCACHE_SEGMENT_ALIGN, and
     * take it back; reserve returns BIGCACHE_OK, or another code, logged.
     */
    bigcache_rc_t               (*reserve)(void *data, uint64_t size,
                                    bigcache_place_t *place);
    void                        (*done)(void *data,
                                    const bigcache_place_t *place);
    void                         *data;
} bigcache_bodies_t;

/* tells a reader of a large body whether to give up */

typedef int (*bigcache_body_stop_pt)(void *data);

/* a page that is written, but that the index does not name yet */

typedef struct {
    bigcache_record_t   record;
    bigcache_str_t      value;      /* the index record, with a body or none */
    u_char             *memory;     /* the same */
    bigcache_place_t    place;      /* if in a segment */
    unsigned            placed:1;
    unsigned            reserved:1; /* it was given a place */
} bigcache_draft_t;


/* completes pages, of which the caller has set the rest, and frees them */

void bigcache_body_init(bigcache_bodies_t *pages);
void bigcache_body_destroy(bigcache_bodies_t *pages);

/* forgets which entries were found right, when the store is opened anew */

void bigcache_body_reset(bigcache_bodies_t *pages);

/*
 * Writes the body of put; apart: not into the index record, however small.
 * Returns BIGCACHE_OK, then the caller must call bigcache_body_done();
 * BIGCACHE_FULL, BIGCACHE_NOMEM, BIGCACHE_ERROR, which is logged, or what
 * reserve returned.
 */
bigcache_rc_t bigcache_body_write(bigcache_bodies_t *pages,
    const bigcache_put_t *put, int apart, bigcache_draft_t *draft);

/* ends a draft, whether the index names it now or not */

void bigcache_body_done(bigcache_bodies_t *pages, bigcache_draft_t *draft);

/*
 * Reads the body of page, whose record is set.  body, one of BIGCACHE_BODY_*,
 * asks for it: BIGCACHE_AGAIN as that says.  Returns BIGCACHE_OK;
 * BIGCACHE_MISS if there is no such segment; BIGCACHE_DAMAGED if the entry
 * fails its check; BIGCACHE_NOMEM, or BIGCACHE_ERROR, which is logged.
 *
 * bigcache_body_read() is for a call inside the store, which is not cleared
 * then.  The other is for those who may meet that, and are to look again: it
 * returns BIGCACHE_STALE, too, if the directory of segments is not there.
 */
bigcache_rc_t bigcache_body_read(bigcache_bodies_t *pages,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
bigcache_rc_t bigcache_body_read_outside(bigcache_bodies_t *pages,
    const bigcache_str_t *key, int body, bigcache_page_t *page);

/*
 * The same with the body, for a thread that others wait for: returns
 * BIGCACHE_UNAVAILABLE as soon as stop(data), which it calls now and then
 * while it reads a large body, is not 0.
 */
bigcache_rc_t bigcache_body_probe(bigcache_bodies_t *pages,
    const bigcache_str_t *key, bigcache_body_stop_pt stop, void *data,
    bigcache_page_t *page);

/* tells whether body, one of BIGCACHE_BODY_*, asks for that of the record */

int bigcache_body_wanted(int body, const bigcache_record_t *record);

/* as bigcache_body_read() without the body: completes page->record.type */

bigcache_rc_t bigcache_body_head(bigcache_bodies_t *pages,
    const bigcache_str_t *key, bigcache_page_t *page);

/*
 * Makes page of the size bytes at page->memory, if they are the entry of the
 * key, with its body, and pass their checks; but for the version, which is the
 * index's.  Returns 1, or 0.
 */
int bigcache_body_parse(const bigcache_str_t *key, size_t size,
    bigcache_page_t *page);

/*
 * Gives page the file of a large one that was just written.  Returns
 * BIGCACHE_OK, or BIGCACHE_ERROR, which is logged.
 */
bigcache_rc_t bigcache_body_file(bigcache_bodies_t *pages,
    const bigcache_draft_t *draft, const bigcache_str_t *key,
    bigcache_page_t *page);


#endif /* _BIGCACHE_BODY_H_INCLUDED_ */
