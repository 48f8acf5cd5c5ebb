
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Packs bodies as gzip files and unpacks them, in whole buffers.  Each thread
 * keeps what that needs, 200 KB, until it ends.  Any thread.
 */


#ifndef _BIGCACHE_GZIP_H_INCLUDED_
#define _BIGCACHE_GZIP_H_INCLUDED_


#include <stddef.h>
#include <sys/types.h>


/*
 * Packs the len bytes at data into dst, which has len bytes too, at a fast
 * level.  Returns the bytes written; 0 if that does not save an eighth, and
 * then dst may have been written to.
 */
size_t bigcache_gzip_pack(u_char *dst, const u_char *data, size_t len);

/*
 * Unpacks the len bytes at data into the size bytes at dst.  Returns 0; or -1
 * if data is not a gzip file of exactly that size.
 */
int bigcache_gzip_unpack(u_char *dst, size_t size, const u_char *data,
    size_t len);

/* returns the library that packs, such as "libdeflate 1.14" */

const char *bigcache_gzip_library(void);


#endif /* _BIGCACHE_GZIP_H_INCLUDED_ */
