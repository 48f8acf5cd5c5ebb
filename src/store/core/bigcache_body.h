
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The body of a page on its way to the disk and back.  It is packed or not, it
 * is in the index record or in a segment, and a large one passes through a
 * buffer.  Every process does this itself: it needs only the files of segments
 * and a function that gives it places to write to.  All calls block on the
 * disk.  Any thread.
 */


#ifndef _BIGCACHE_BODY_H_INCLUDED_
#define _BIGCACHE_BODY_H_INCLUDED_


#include <pthread.h>
#include <stdatomic.h>

#include "bigcache_conf.h"
#include "bigcache_stored.h"
#include "bigcache_segments.h"


#define BIGCACHE_VERIFIED  1024


/* the large entries whose checksum was found correct since the opening */

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

    /*
     * reserve gives a place of size bytes, a multiple of
     * BIGCACHE_SEGMENT_ALIGN.  It returns BIGCACHE_OK, or another code,
     * logged.  done takes the place back.
     */
    bigcache_rc_t               (*reserve)(void *data, uint64_t size,
                                    bigcache_place_t *place);
    void                        (*done)(void *data,
                                    const bigcache_place_t *place);
    void                         *data;
} bigcache_bodies_t;

/* returns 1 if the reader of a large body must give up, or 0 */

typedef int (*bigcache_body_stop_pt)(void *data);

/* a page that is written, but not yet in the index */

typedef struct {
    bigcache_record_t   record;
    bigcache_str_t      value;      /* the index record, with a body or none */
    u_char             *memory;     /* the same */
    bigcache_place_t    place;      /* if in a segment */
    unsigned            placed:1;
    unsigned            reserved:1; /* it was given a place */
    unsigned            fetched:1;  /* see bigcache_put_t */
} bigcache_draft_t;


/* The caller must set all other members first */

void bigcache_body_init(bigcache_bodies_t *bodies);
void bigcache_body_destroy(bigcache_bodies_t *bodies);

/*
 * forgets which entries were found correct; called when the store is opened
 * again
 */

void bigcache_body_reset(bigcache_bodies_t *bodies);

/*
 * Writes the body of put.  Returns BIGCACHE_OK, then the caller must call
 * bigcache_body_done(); BIGCACHE_FULL, BIGCACHE_NOMEM, BIGCACHE_ERROR, which
 * is logged, or what reserve returned.
 */
bigcache_rc_t bigcache_body_write(bigcache_bodies_t *bodies,
    const bigcache_put_t *put, bigcache_draft_t *draft);

/* ends a draft, whether or not it is now in the index */

void bigcache_body_done(bigcache_bodies_t *bodies, bigcache_draft_t *draft);

/*
 * Reads the body of a page whose record is set.  body, one of BIGCACHE_BODY_*,
 * says whether to read it.  Returns BIGCACHE_OK; BIGCACHE_AGAIN, see
 * BIGCACHE_BODY_KNOWN; BIGCACHE_MISS if there is no such segment;
 * BIGCACHE_DAMAGED if the entry fails its check; BIGCACHE_NOMEM; or
 * BIGCACHE_ERROR, logged.
 *
 * bigcache_body_read() is for calls inside the store, which cannot be cleared
 * meanwhile.  bigcache_body_read_outside() is for callers that the store may
 * be cleared under: it also returns BIGCACHE_STALE, if the directory of
 * segments is not there, and the caller must look the page up again.
 */
bigcache_rc_t bigcache_body_read(bigcache_bodies_t *bodies,
    const bigcache_str_t *key, int body, bigcache_stored_t *page);
bigcache_rc_t bigcache_body_read_outside(bigcache_bodies_t *bodies,
    const bigcache_str_t *key, int body, bigcache_stored_t *page);

/*
 * The same for a thread that others wait for.  Always reads the body.  While
 * it reads a large one, it calls stop(data) now and then, and returns
 * BIGCACHE_UNAVAILABLE as soon as that returns 1.
 */
bigcache_rc_t bigcache_body_probe(bigcache_bodies_t *bodies,
    const bigcache_str_t *key, bigcache_body_stop_pt stop, void *data,
    bigcache_stored_t *page);

/*
 * returns 1 if body, one of BIGCACHE_BODY_*, asks for the body of record, or 0
 */

int bigcache_body_wanted(int body, const bigcache_record_t *record);

/* as bigcache_body_read(), but sets only page->record.type */

bigcache_rc_t bigcache_body_head(bigcache_bodies_t *bodies,
    const bigcache_str_t *key, bigcache_stored_t *page);

/*
 * Fills page from the size bytes at page->memory.  Returns 1; or 0 if they are
 * not the whole entry of the key, or fail their checks: that of the head, and
 * with check that of the body.  The version is that of the entry; the caller
 * must replace it by that of the index.
 */
int bigcache_body_parse(const bigcache_str_t *key, size_t size, int check,
    bigcache_stored_t *page);

/*
 * The same from the first len bytes of an entry of size bytes, without its
 * body, which is not checked.  Returns also -1 if they are not all of the head.
 */
int bigcache_body_parse_head(const bigcache_str_t *key, size_t len, size_t size,
    bigcache_stored_t *page);

/*
 * Opens the file of a large page that was just written, for its reader.
 * Returns BIGCACHE_OK, or BIGCACHE_ERROR, logged.
 */
bigcache_rc_t bigcache_body_file(bigcache_bodies_t *bodies,
    const bigcache_draft_t *draft, const bigcache_str_t *key,
    bigcache_stored_t *page);


#endif /* _BIGCACHE_BODY_H_INCLUDED_ */
