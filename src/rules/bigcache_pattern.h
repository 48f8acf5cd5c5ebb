
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Patterns for names: a name, or the begin of names and a "*".  What they take
 * out of a query string and of a list of cookies.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_PATTERN_H_INCLUDED_
#define _BIGCACHE_PATTERN_H_INCLUDED_


#include "bigcache_str.h"


/* returns 1 if one of n patterns matches the name, or 0 */

int bigcache_pattern_match(const bigcache_str_t *patterns, size_t n,
    const bigcache_str_t *name);

/*
 * Copies a query string to dst, which must have room for all of it, without
 * the arguments whose names match one of n patterns.  The others keep their
 * order and their spelling.  Returns the bytes copied.
 */
size_t bigcache_pattern_args(u_char *dst, const bigcache_str_t *args,
    const bigcache_str_t *patterns, size_t n);

/*
 * Returns 1 if the names of all cookies in a line of Cookie match one of n
 * patterns, also if there are no cookies; or 0, also if a cookie has no name.
 */
int bigcache_pattern_cookies(const bigcache_str_t *line,
    const bigcache_str_t *patterns, size_t n);

/*
 * returns the name of the cookie that a line of Set-Cookie sets, empty if it
 * has none
 */

bigcache_str_t bigcache_pattern_cookie(const bigcache_str_t *line);


#endif /* _BIGCACHE_PATTERN_H_INCLUDED_ */
