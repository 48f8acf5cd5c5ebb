
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What the kernel holds of files and directories goes to the disk.  A call
 * covers what was written before it began, by any process and through any
 * descriptor.  But the kernel reports a failed write to one call only: after
 * that a sync of the same file returns success, and what it could not write
 * may be lost.  A caller must take such a file for lost until it has been
 * written anew.  All calls block on the disk; any thread.
 */


#ifndef _BIGCACHE_FSYNC_H_INCLUDED_
#define _BIGCACHE_FSYNC_H_INCLUDED_


#include "bigcache_rc.h"


/*
 * Each returns BIGCACHE_OK; BIGCACHE_FULL, or BIGCACHE_ERROR, and the reason
 * in error.  Nothing is durable that is not there: it may be the file system
 * that has gone.
 *
 * *lost is 1 if the sync itself failed, so that some of what was written may
 * not be on the disk; 0 if the call succeeded, or no sync was tried since the
 * file could not be opened, for example.
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
bigcache_rc_t bigcache_fsync_file(const char *path, int *lost, char *error);
bigcache_rc_t bigcache_fsync_dir(const char *path, char *error);
bigcache_rc_t bigcache_fsync_logs(const char *path, int *lost, char *error);
bigcache_rc_t bigcache_fsync_files(const char *path, char *error);


#endif /* _BIGCACHE_FSYNC_H_INCLUDED_ */
