
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A string of known length: the one type that the parts below the HTTP
 * module pass text and bytes in.
 *
 * The bytes need no terminating zero and may hold any value.  The type
 * borrows: the code that fills "data" says how long it lives; it is never freed
 * through it.  It is plain data, so any thread may read it as long as
 * the memory behind it lives.
 */


#ifndef _BIGCACHE_STR_H_INCLUDED_
#define _BIGCACHE_STR_H_INCLUDED_


#include <stddef.h>
#include <sys/types.h>


typedef struct {
    size_t         len;
    const u_char  *data;
} bigcache_str_t;


/* an initializer, in the manner of ngx_string() */

#define bigcache_string(str)                                                  \
    { sizeof(str) - 1, (const u_char *) (str) }


#endif /* _BIGCACHE_STR_H_INCLUDED_ */
