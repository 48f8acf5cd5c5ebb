
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Bodies packed as gzip files, by libdeflate, whole buffers at a time.  What
 * the library needs for it is kept for each thread until the thread ends.
 * Any thread.
 */


#ifndef _BIGCACHE_GZIP_H_INCLUDED_
#define _BIGCACHE_GZIP_H_INCLUDED_


#include <stddef.h>
#include <sys/types.h>


/*
 * Packs the len bytes at data into dst, of len bytes too, by the fastest
 * level.  Returns the bytes written; 0 if that does not save an eighth.
 */
size_t bigcache_gzip_pack(u_char *dst, const u_char *data, size_t len);

/*
 * Unpacks the len bytes at data into the size bytes at dst.  Returns 0, or -1
 * if that is not what they hold.
 */
int bigcache_gzip_unpack(u_char *dst, size_t size, const u_char *data,
    size_t len);


#endif /* _BIGCACHE_GZIP_H_INCLUDED_ */
