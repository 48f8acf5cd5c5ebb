
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Values of header fields that are lists, RFC 9110, section 5.6.  Pure
 * functions: any thread.  What they return points into the value.
 */


#ifndef _BIGCACHE_FIELD_H_INCLUDED_
#define _BIGCACHE_FIELD_H_INCLUDED_


#include <stdint.h>

#include "bigcache_str.h"


/* what a number of seconds is at most, RFC 9111, section 1.2.2 */

#define BIGCACHE_FIELD_SECONDS_MAX  INT64_C(2147483648)


/* NAME, or NAME=VALUE, or NAME="VALUE" */

typedef struct {
    bigcache_str_t   name;      /* empty: the member has another form */
    bigcache_str_t   value;     /* without the quotes */
    unsigned         given:1;   /* there is a value, even an empty one */
} bigcache_field_member_t;


/*
 * Reads the member of a list at *at, which is 0 for the first, and moves *at
 * behind it.  Members are separated by commas that are in no quoted string,
 * empty ones are left out.  Returns 1 and *member, without white space around
 * it; or 0 if there are no more.
 */
int bigcache_field_next(const bigcache_str_t *value, size_t *at,
    bigcache_str_t *member);

/* the same for what is separated by semicolons: a value and its parameters */

int bigcache_field_next_parameter(const bigcache_str_t *value, size_t *at,
    bigcache_str_t *member);

/* returns the text without white space at its ends */

bigcache_str_t bigcache_field_trim(const bigcache_str_t *text);

/* splits a member of a list of NAME[=VALUE] */

void bigcache_field_split(const bigcache_str_t *member,
    bigcache_field_member_t *split);

/*
 * Reads a number of seconds: digits only.  Returns 0 and *seconds, up to
 * BIGCACHE_FIELD_SECONDS_MAX; or -1 if the text is no such number.
 */
int bigcache_field_seconds(const bigcache_str_t *text, int64_t *seconds);

/* returns 1 if the text is name, which is lower case, in any case, or 0 */

int bigcache_field_is(const bigcache_str_t *text, const char *name);

/* returns 1 if both texts are the same, in any case, or 0 */

int bigcache_field_same(const bigcache_str_t *one, const bigcache_str_t *two);

/* returns 1 if a list has that member, in any case, or 0 */

int bigcache_field_lists(const bigcache_str_t *value,
    const bigcache_str_t *member);

/* returns 1 if c may be in the name of a field or of a directive, or 0 */

int bigcache_field_token(u_char c);


#endif /* _BIGCACHE_FIELD_H_INCLUDED_ */
