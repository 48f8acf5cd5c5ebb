
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the index has to say of the store as a whole: its format, and what the
 * last process that closed it properly knew.  Only while one thread has the
 * index and the segments for itself.  Both calls block on the disk.
 */


#ifndef _BIGCACHE_META_H_INCLUDED_
#define _BIGCACHE_META_H_INCLUDED_


#include "bigcache_index.h"
#include "bigcache_segments.h"


typedef struct {
    uint64_t           count;      /* of keys */
    uint64_t           version;    /* the last one given out, at least */
    uint64_t           active;     /* segment to continue, or 0 */
    unsigned           fresh:1;    /* the index was empty */
    unsigned           recount:1;  /* the stored count is wrong */
    unsigned           newest:1;   /* it has BIGCACHE_NAMES_NEWEST */
    unsigned           unnamed:1;  /* names of tags may be missing */
} bigcache_meta_t;


/*
 * Reads an index that was just opened in the directory name, and tells the
 * segments how many of their bytes are live, and which could not be synced.
 * Writes the format if the index is new or has the one before, and removes the
 * count, which is wrong as soon as something changes: both are durable then.
 * *meta must be zeroed, but recount may be set, and unnamed if the index was
 * repaired: later openings set it again, until bigcache_names_unnamed is gone.
 * Returns BIGCACHE_OK; or another code and the reason in error.
 */
bigcache_rc_t bigcache_meta_read(bigcache_meta_t *meta, bigcache_index_t *index,
    bigcache_segments_t *segments, const char *name, char *error);

/*
 * Writes all that bigcache_meta_read() reads, or nothing: count and version of
 * *meta, and what the segments know.  Returns BIGCACHE_OK, or another code and
 * the reason.
 */
bigcache_rc_t bigcache_meta_write(const bigcache_meta_t *meta,
    bigcache_index_t *index, bigcache_segments_t *segments, char *error);


#endif /* _BIGCACHE_META_H_INCLUDED_ */
