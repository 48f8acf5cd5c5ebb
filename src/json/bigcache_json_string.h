
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Writes arbitrary bytes, a key for example, as the inside of a JSON string.
 * First measures, then fills a buffer of exactly that size.
 *
 * The caller owns both the bytes and the buffer.  Pure functions: any
 * thread.
 *
 * Valid UTF-8 passes verbatim, except for the quote, the backslash, and the
 * controls below 0x20, which are escaped.  Bytes that are not UTF-8 are
 * replaced with U+FFFD, one for each maximal subpart (see the function
 * bigcache_utf8_step()), as web browsers and Python do.
 */


#ifndef _BIGCACHE_JSON_STRING_H_INCLUDED_
#define _BIGCACHE_JSON_STRING_H_INCLUDED_


#include "bigcache_str.h"


/* one byte becomes at most six */

#define BIGCACHE_JSON_STRING_GROWTH  6


/*
 * Returns the number of bytes that bigcache_json_string() writes for s,
 * without the surrounding quotes, which the caller must write.
 */

size_t bigcache_json_string_len(const bigcache_str_t *s);


/*
 * dst:  a buffer of at least bigcache_json_string_len(s) bytes; it must
 *       not overlap s
 *
 * Returns the position after the last byte written.  No quotes around
 * it and no terminating zero are written.
 */

u_char *bigcache_json_string(u_char *dst, const bigcache_str_t *s);


#endif /* _BIGCACHE_JSON_STRING_H_INCLUDED_ */
