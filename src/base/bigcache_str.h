
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A string of known length.  Below the HTTP module this is the only type for
 * text and bytes.
 *
 * The bytes need no terminating zero and may have any value.  A string does
 * not own its memory: the code that fills "data" documents how long it is
 * valid.  Any thread may read it while the memory is valid.
 */


#ifndef _BIGCACHE_STR_H_INCLUDED_
#define _BIGCACHE_STR_H_INCLUDED_


#include <stddef.h>
#include <string.h>
#include <sys/types.h>


typedef struct {
    size_t         len;
    const u_char  *data;
} bigcache_str_t;


/* an initializer, like ngx_string() */

#define bigcache_string(str)                                                  \
    { sizeof(str) - 1, (const u_char *) (str) }


/* makes a string of len bytes at data */

static inline bigcache_str_t
bigcache_str(const void *data, size_t len)
{
    bigcache_str_t  str;

    str.len = len;
    str.data = data;

    return str;
}


/* makes a string of a text that ends with a zero, without the zero */

static inline bigcache_str_t
bigcache_str_text(const char *text)
{
    return bigcache_str(text, strlen(text));
}


/* returns 1 if one begins with the bytes of begin, or 0 */

static inline int
bigcache_str_begins(const bigcache_str_t *one, const bigcache_str_t *begin)
{
    return one->len >= begin->len
           && (begin->len == 0
               || memcmp(one->data, begin->data, begin->len) == 0);
}


/* returns 1 if both have the same bytes, or 0 */

static inline int
bigcache_str_equal(const bigcache_str_t *one, const bigcache_str_t *two)
{
    return one->len == two->len && bigcache_str_begins(one, two);
}


/* returns 1 if the bytes are those of a text that ends with a zero, or 0 */

static inline int
bigcache_str_is(const bigcache_str_t *one, const char *text)
{
    size_t  len;

    len = strlen(text);

    return one->len == len && (len == 0 || memcmp(one->data, text, len) == 0);
}


/*
 * Compares bytes, and of two strings one of which begins the other, the
 * lengths: the order of LevelDB's keys.  Returns a number that is less than,
 * equal to or greater than 0.
 */

static inline int
bigcache_str_compare(const bigcache_str_t *one, const bigcache_str_t *two)
{
    int     order;
    size_t  len;

    len = (one->len < two->len) ? one->len : two->len;
    order = len ? memcmp(one->data, two->data, len) : 0;

    return order ? order : (one->len > two->len) - (one->len < two->len);
}


#endif /* _BIGCACHE_STR_H_INCLUDED_ */
