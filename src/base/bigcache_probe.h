
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the kernel and a file system can do, found out by doing it.  The calls
 * may block on the disk.  Any thread.
 */


#ifndef _BIGCACHE_PROBE_H_INCLUDED_
#define _BIGCACHE_PROBE_H_INCLUDED_


/*
 * Each returns 1 if it can be done with the file, 0 if not, -1 if that is not
 * known.  fd is a regular file, open for reading, of a byte or more.
 *
 * nowait: preadv2() with RWF_NOWAIT reads what is in the page cache, and does
 * not wait for the disk.  cachestat: the kernel tells how much of the file is
 * in the page cache.
 */
int bigcache_probe_nowait(int fd);
int bigcache_probe_cachestat(int fd);

/*
 * Opens such a file in a directory: the file name if it is one, or a new file
 * without a name, which is gone when it is closed.  Returns a descriptor, which
 * the caller must close, or -1.
 */
int bigcache_probe_open(const char *path, const char *name);


#endif /* _BIGCACHE_PROBE_H_INCLUDED_ */
