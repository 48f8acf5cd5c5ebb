
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The keys of pages of an origin, as people write them and read them: by URL.
 *
 *     NUL url                               the page of a URL
 *     that NUL = uri                        if nginx has changed the URI
 *     that NUL ~ name[:value] NUL ...       a variant
 *
 * "bigcache_page_key" may put any text without NUL in the place of the URL.
 * Pure functions: any thread.
 */


#ifndef _BIGCACHE_URL_H_INCLUDED_
#define _BIGCACHE_URL_H_INCLUDED_


#include "bigcache_page.h"


/* bytes that a key may have more than the URL that it is made of */

#define BIGCACHE_URL_ROOM  2


/* a key, taken apart; all of it points into the key */

typedef struct {
    bigcache_str_t   url;
    bigcache_str_t   variant;   /* what follows the URL and a NUL, or empty */
    bigcache_str_t   uri;       /* that nginx has made of it; data is NULL:
                                   none */
    bigcache_str_t   base;      /* the key without the fields */
    bigcache_str_t   fields;    /* of the request, see bigcache_url_field() */
} bigcache_url_t;


/*
 * Makes the key of an absolute URL in dst, of url->len + BIGCACHE_URL_ROOM
 * bytes: scheme and host in lower case, without the port of the scheme,
 * without a fragment and without an empty query string.  Returns NULL, and the
 * length in *len; or what is wrong with the URL, a static sentence.
 */
const char *bigcache_url_key(u_char *dst, const bigcache_str_t *url,
    size_t *len);

/* takes a key apart; returns 0, or -1 if it is none of a page */

int bigcache_url_split(bigcache_url_t *parts, const bigcache_str_t *key);

/*
 * Reads the field at *at, which is 0 for the first one, and moves *at to the
 * next.  value->data is NULL if the request did not have the field.  Returns
 * 1, or 0 if there are no more.
 */
int bigcache_url_field(const bigcache_url_t *parts, size_t *at,
    bigcache_str_t *name, bigcache_str_t *value);


#endif /* _BIGCACHE_URL_H_INCLUDED_ */
