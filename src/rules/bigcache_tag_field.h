
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Header fields that name the tags of a page, or those that a purge selects.
 * Pure functions: any thread.
 */


#ifndef _BIGCACHE_TAG_FIELD_H_INCLUDED_
#define _BIGCACHE_TAG_FIELD_H_INCLUDED_


#include "bigcache_tags.h"


/*
 * How a field writes its tags:
 *
 * SPACES: with white space in between, Surrogate-Key.
 *
 * COMMAS: with commas in between, a tag may have blanks inside, Cache-Tag.
 *
 * XKEY: with white space or commas in between, xkey, xkey-purge and
 * xkey-softpurge, as Varnish reads them.
 *
 * GROUPS: a list of strings of structured fields, Cache-Groups and
 * Cache-Group-Invalidation, RFC 9875.  Parameters are not looked at; a line
 * that is no such list names no group, nor does an empty string.
 */
#define BIGCACHE_TAG_FIELD_SPACES  0
#define BIGCACHE_TAG_FIELD_COMMAS  1
#define BIGCACHE_TAG_FIELD_XKEY    2
#define BIGCACHE_TAG_FIELD_GROUPS  3

/* a byte more than a tag may have, so that a longer one is seen */

#define BIGCACHE_TAG_FIELD_DATA    (BIGCACHE_TAG_MAX + 1)


/*
 * Reads the tag at *at of one line of a field, which is 0 for the first one,
 * and moves *at behind it.  Returns 1 and *tag, which points into the line, or
 * to data, of BIGCACHE_TAG_FIELD_DATA bytes; or 0 if there are no more.  A tag
 * may be longer than BIGCACHE_TAG_MAX, but is never empty.
 */
int bigcache_tag_field_next(unsigned style, const bigcache_str_t *value,
    size_t *at, u_char *data, bigcache_str_t *tag);

/*
 * Adds the tags of one line of a field to the writer, which copies them.
 * Returns NULL; or what is wrong with one of them, a static sentence of
 * bigcache_tags_add(): then only some of the tags are in the writer.
 */
const char *bigcache_tag_field_add(bigcache_tags_writer_t *writer,
    unsigned style, const bigcache_str_t *value);


#endif /* _BIGCACHE_TAG_FIELD_H_INCLUDED_ */
