
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Whether a part of a file is in the page cache, so that it can be sent without
 * waiting for the disk.  Never blocks.  Any thread.
 */


#ifndef _BIGCACHE_RESIDENT_H_INCLUDED_
#define _BIGCACHE_RESIDENT_H_INCLUDED_


#include <sys/types.h>


/*
 * Returns 1 if the len bytes of fd from offset on, at least one, are in the
 * page cache, or 0.  fd must be open for writing.  Linux before 6.5, and a
 * container that forbids cachestat(2), tell it of a single byte only: then one
 * in the middle stands for all, since the kernel drops pages that were used
 * together mostly together.  The kernel may drop them right after the call.
 */
int bigcache_resident(int fd, off_t offset, size_t len);


#endif /* _BIGCACHE_RESIDENT_H_INCLUDED_ */
