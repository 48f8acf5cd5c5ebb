
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Which fields of the request an answer varies by, RFC 9110, section 12.5.5,
 * and when two values of such a field are the same.  It belongs to the caller
 * that made it.  Never blocks.  One thread at a time.
 */


#ifndef _BIGCACHE_VARY_H_INCLUDED_
#define _BIGCACHE_VARY_H_INCLUDED_


#include "bigcache_str.h"


/* names, and bytes of them: more than any sensible answer has */

#define BIGCACHE_VARY_MAX     16
#define BIGCACHE_VARY_MEMORY  512


/*
 * The names are lower case, in order, each one once, so that two answers with
 * the same fields have the same names.  Accept-Encoding is not among them: one
 * stored page serves all encodings.
 */
typedef struct {
    unsigned         any:1;     /* "*" */
    unsigned         n;
    bigcache_str_t   names[BIGCACHE_VARY_MAX];
    size_t           len;       /* bytes of memory in use */
    u_char           memory[BIGCACHE_VARY_MEMORY];
} bigcache_vary_t;


/* makes one that names no field */

void bigcache_vary_init(bigcache_vary_t *vary);

/*
 * Adds a line of Vary.  A member that is no name of a field counts as "*", and
 * so do more names than there is room for: the caller must not store the
 * answer if vary->any is 1.
 */
void bigcache_vary_add(bigcache_vary_t *vary, const bigcache_str_t *line);

/*
 * Copies the value of the field of that name, in lower case, to dst, which must
 * have room for all of it, without white space at its ends.  Of a field that is
 * known to be a list, white space around commas and empty members are left out,
 * too: of any other they may have a meaning.  Returns the bytes copied.
 */
size_t bigcache_vary_normalize(u_char *dst, const bigcache_str_t *name,
    const bigcache_str_t *value);


#endif /* _BIGCACHE_VARY_H_INCLUDED_ */
