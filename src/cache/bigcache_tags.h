
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The tags of a page: names that pages share, so that one purge removes all
 * pages that have one of them.
 *
 * Tags are encoded one behind the other: u8 length of the tag less 1, the tag.
 * No tag comes twice, and none is empty; the bytes of a tag may have any value.
 *
 * Decoding copies nothing.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_TAGS_H_INCLUDED_
#define _BIGCACHE_TAGS_H_INCLUDED_


#include <stdint.h>

#include "bigcache_str.h"


/* tags of a page, bytes of a tag, bytes of all tags of a page, encoded */

#define BIGCACHE_TAGS_MAX    64
#define BIGCACHE_TAG_MAX     256
#define BIGCACHE_TAGS_BYTES  (BIGCACHE_TAGS_MAX * (BIGCACHE_TAG_MAX + 1))

/* writes tags; data is the caller's, of BIGCACHE_TAGS_BYTES bytes */

typedef struct {
    u_char    *data;
    size_t     len;
    unsigned   n;
} bigcache_tags_writer_t;


/* begins with no tag */

void bigcache_tags_begin(bigcache_tags_writer_t *writer, u_char *data);

/*
 * Appends a tag, unless it is there already.  Returns NULL; or what is wrong
 * with it, a static sentence: it is empty, too long, or one too many.
 */
const char *bigcache_tags_add(bigcache_tags_writer_t *writer,
    const bigcache_str_t *tag);

/* returns 0, or -1 if the bytes are not such an encoding, or over the limits */

int bigcache_tags_check(const bigcache_str_t *tags);

/*
 * Reads the tag at *at, which is 0 for the first one, and moves *at to the
 * next.  Returns 1, or 0 if there are no more.
 */
int bigcache_tags_next(const bigcache_str_t *tags, size_t *at,
    bigcache_str_t *tag);

/* returns 1 if the tag is one of the tags, or 0 */

int bigcache_tags_has(const bigcache_str_t *tags, const bigcache_str_t *tag);

/*
 * Returns the hash of a tag, which is part of names on the disk: SipHash-1-3
 * with a key of zeroes.  Two tags may have the same hash.
 */
uint64_t bigcache_tags_hash(const bigcache_str_t *tag);


#endif /* _BIGCACHE_TAGS_H_INCLUDED_ */
