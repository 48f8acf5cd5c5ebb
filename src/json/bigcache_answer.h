
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Writes the JSON documents that answers are made of.  What is stored is
 * what GET sends:
 *
 *     {"key":"K","value":V,"expire":E,"duration":D}
 *
 * The caller owns the parts, which are borrowed for the time of a call,
 * and gets the memory of the document, to be freed with free().  Pure
 * functions, but for malloc(): any thread.
 */


#ifndef _BIGCACHE_ANSWER_H_INCLUDED_
#define _BIGCACHE_ANSWER_H_INCLUDED_


#include "bigcache_str.h"


typedef struct {
    /* the parts: the key as it is, the others JSON already */

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
 * Writes the document.  Returns 0, or -1 if there is no memory; nothing
 * is to be freed then.
 */

int bigcache_answer(bigcache_answer_t *answer);


/*
 * Writes the short one, {"key":"K","expire":E}; only memory and size are
 * set.  Returns the same.
 */

int bigcache_answer_short(bigcache_answer_t *answer);


/*
 * Finds the value in a document that is not in memory as a whole: returns the
 * offset of the value, given that of its name; and where, in the last bytes of
 * the document, its lifetime begins, which is the end of the value, or NULL.
 */

size_t bigcache_answer_value(size_t head);
const u_char *bigcache_answer_behind(const bigcache_str_t *end);


/* what stands for an expire that there is none of, and what ends it all */

extern const bigcache_str_t  bigcache_answer_null;
extern const bigcache_str_t  bigcache_answer_end;


#endif /* _BIGCACHE_ANSWER_H_INCLUDED_ */
