
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Writes the JSON documents that answers are made of.  What is stored is
 * what GET sends:
 *
 *     {"key":"K","value":V,"expire":E,"duration":D}
 *
 * The caller owns the parts, which must be valid during a call.  It gets the
 * memory of the document, to be freed by free().  Pure functions, except for
 * malloc(): any thread.
 */


#ifndef _BIGCACHE_ANSWER_H_INCLUDED_
#define _BIGCACHE_ANSWER_H_INCLUDED_


#include "bigcache_str.h"


typedef struct {
    /* the parts: the key as plain text, the others in JSON */

    bigcache_str_t   key;
    bigcache_str_t   value;
    bigcache_str_t   expire;
    bigcache_str_t   duration;  /* data is NULL: null */
    unsigned         external:1;  /* the memory has no value */

    /* the document; offsets and lengths in bytes */

    u_char          *memory;
    size_t           size;      /* of memory */
    size_t           head;      /* where the name of the value begins */
    size_t           body;      /* where the value is, or belongs */
    size_t           shown;     /* between the value and the duration */
} bigcache_answer_t;


/*
 * Writes the document.  Returns 0, or -1 if out of memory: then there is
 * nothing to free.
 */

int bigcache_answer(bigcache_answer_t *answer);


/*
 * Writes the short document, {"key":"K","expire":E}; sets only memory and
 * size.  Returns the same.
 */

int bigcache_answer_short(bigcache_answer_t *answer);


/*
 * Find the value in a document that is not in memory as a whole.
 * bigcache_answer_value() returns the offset of the value, from the offset of
 * its name.  bigcache_answer_behind() returns the end of the value, where the
 * lifetime begins, in the last bytes of the document, or NULL.
 */

size_t bigcache_answer_value(size_t head);
const u_char *bigcache_answer_behind(const bigcache_str_t *end);


/* the text for no expire, and the end of each document */

extern const bigcache_str_t  bigcache_answer_null;
extern const bigcache_str_t  bigcache_answer_end;


#endif /* _BIGCACHE_ANSWER_H_INCLUDED_ */
