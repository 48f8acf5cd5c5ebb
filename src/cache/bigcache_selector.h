
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A selector says which pages a purge removes, or marks as stale.  All that it
 * names must be true for a page.
 *
 * Without a host, prefix is how the key begins.  With a host, it selects pages
 * of that host, of any scheme and port, and prefix is how the URI begins, that
 * is, the key behind the host and the port.  "Exact" asks for a key, or a URI,
 * that is the prefix and no longer, with all its variants.
 *
 * Bytes of an encoded selector, integers little-endian:
 *
 *      0  u8   flags, BIGCACHE_SELECTOR_*
 *      1  u8   length of the host
 *      2  u16  length of the tag
 *      4       the host, the tag, the prefix
 *
 * Decoding copies nothing: the result points into the input, which the caller
 * owns.  Pure functions: any thread.
 */


#ifndef _BIGCACHE_SELECTOR_H_INCLUDED_
#define _BIGCACHE_SELECTOR_H_INCLUDED_


#include "bigcache_page.h"
#include "bigcache_tags.h"


#define BIGCACHE_SELECTOR_HEADER  4
#define BIGCACHE_SELECTOR_HOST    255

/* the most bytes of an encoded selector */

#define BIGCACHE_SELECTOR_MAX                                                 \
    (BIGCACHE_SELECTOR_HEADER + BIGCACHE_SELECTOR_HOST + BIGCACHE_TAG_MAX     \
     + BIGCACHE_KEY_MAX)

/*
 * EXACT: see above.  ENTRIES: only keys of the REST API, no pages of an
 * origin.  SOFT: what is selected is not removed but marked as stale.
 */
#define BIGCACHE_SELECTOR_EXACT    0x01
#define BIGCACHE_SELECTOR_ENTRIES  0x02
#define BIGCACHE_SELECTOR_SOFT     0x04


typedef struct {
    unsigned         flags;
    bigcache_str_t   host;      /* lower case, len 0: none */
    bigcache_str_t   prefix;
    bigcache_str_t   tag;       /* len 0: pages with and without tags */
} bigcache_selector_t;


/* returns the bytes that bigcache_selector_encode() fills, at most _MAX */

size_t bigcache_selector_size(const bigcache_selector_t *selector);
void bigcache_selector_encode(u_char *dst,
    const bigcache_selector_t *selector);

/* returns 0, or -1 if the bytes are no selector */

int bigcache_selector_decode(bigcache_selector_t *selector,
    const bigcache_str_t *bytes);

/*
 * Returns 1 if a page of that key is selected, or 0.  The first looks at the
 * key only.  tags are those of the page, encoded as bigcache_tags.h says.
 */
int bigcache_selector_key(const bigcache_selector_t *selector,
    const bigcache_str_t *key);
int bigcache_selector_matches(const bigcache_selector_t *selector,
    const bigcache_str_t *key, const bigcache_str_t *tags);


/*
 * Finds the host and the URI, with what follows it, in the key of a page: NUL,
 * the scheme, "://", the host, perhaps ":" and a port, the URI.  Returns 1; or
 * 0 if it is no such key.
 */
int bigcache_selector_split(const bigcache_str_t *key, bigcache_str_t *host,
    bigcache_str_t *uri);


#endif /* _BIGCACHE_SELECTOR_H_INCLUDED_ */
