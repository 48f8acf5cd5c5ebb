
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
#include <sys/types.h>


typedef struct {
    size_t         len;
    const u_char  *data;
} bigcache_str_t;


/* an initializer, like ngx_string() */

#define bigcache_string(str)                                                  \
    { sizeof(str) - 1, (const u_char *) (str) }


#endif /* _BIGCACHE_STR_H_INCLUDED_ */
