
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the kernel holds of files and directories goes to the disk.  A call
 * covers what was written before it began, by any process and through any
 * descriptor.  All of it blocks on the disk; any thread.
 */


#ifndef _BIGCACHE_FSYNC_H_INCLUDED_
#define _BIGCACHE_FSYNC_H_INCLUDED_


#include "bigcache_rc.h"


/*
 * Each returns BIGCACHE_OK; BIGCACHE_FULL, or BIGCACHE_ERROR, and the reason
 * in error.  Nothing is durable that is not there: it may be the file system
 * that has gone.
 *
 * bigcache_fsync_file(): the bytes of the file at path, and its size; or
 * BIGCACHE_MISS, and the reason, if there is none.
 * bigcache_fsync_dir(): the names in the directory at path.
 * bigcache_fsync_logs(): the logs of the LevelDB database in the directory at
 * path, and their names; or BIGCACHE_MISS, and the reason, if there is none.
 * What is not in its logs any more LevelDB has synced by itself, in tables.
 * Unlike a synced write of LevelDB it keeps no writer waiting.
 * bigcache_fsync_files(): the same for all files in the directory at path.
 */
bigcache_rc_t bigcache_fsync_file(const char *path, char *error);
bigcache_rc_t bigcache_fsync_dir(const char *path, char *error);
bigcache_rc_t bigcache_fsync_logs(const char *path, char *error);
bigcache_rc_t bigcache_fsync_files(const char *path, char *error);


#endif /* _BIGCACHE_FSYNC_H_INCLUDED_ */
