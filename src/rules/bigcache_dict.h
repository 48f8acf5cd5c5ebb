
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Dictionaries and lists of structured fields, RFC 9651, section 4.2.  Pure
 * functions: any thread.  What they return points into the value.
 */


#ifndef _BIGCACHE_DICT_H_INCLUDED_
#define _BIGCACHE_DICT_H_INCLUDED_


#include <stdint.h>

#include "bigcache_str.h"


typedef enum {
    BIGCACHE_DICT_BOOLEAN = 0,
    BIGCACHE_DICT_INTEGER,
    BIGCACHE_DICT_STRING,
    BIGCACHE_DICT_OTHER         /* well-formed, but not read any further */
} bigcache_dict_type_e;

typedef struct {
    bigcache_str_t        key;      /* of a list: empty */
    bigcache_dict_type_e  type;
    int64_t               number;   /* of an integer; of a boolean 0 or 1 */
    bigcache_str_t        text;     /* of a string: what is in the quotes,
                                       with \" and \\ as they stand */
} bigcache_dict_member_t;


/*
 * Reads the member of a dictionary at *at, which is 0 for the first, and moves
 * *at behind it.  Returns 1 and *member; 0 if there are no more; or -1 if the
 * value is no dictionary: then the caller must ignore all of it.  A key that
 * comes again replaces the earlier one.
 */
int bigcache_dict_next(const bigcache_str_t *value, size_t *at,
    bigcache_dict_member_t *member);

/* the same for a list, whose members have no keys */

int bigcache_dict_next_item(const bigcache_str_t *value, size_t *at,
    bigcache_dict_member_t *member);


#endif /* _BIGCACHE_DICT_H_INCLUDED_ */
