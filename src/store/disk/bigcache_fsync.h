
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Brings files and directories from the kernel's memory to the disk.  A call
 * covers what was written before it began, by any process and through any
 * descriptor.  But the kernel reports a failed write to one call only: after
 * that a sync of the same file returns success, and what could not be written
 * may be lost.  So a caller must treat the data of such a file as lost until
 * it has been written again.  All calls block on the disk.  Any thread.
 */


#ifndef _BIGCACHE_FSYNC_H_INCLUDED_
#define _BIGCACHE_FSYNC_H_INCLUDED_


#include "bigcache_rc.h"


/*
 * Each returns BIGCACHE_OK; or BIGCACHE_FULL or BIGCACHE_ERROR, and the reason
 * in error.  A missing file is never a success: its file system may be gone.
 *
 * *lost is set to 1 if the sync itself failed, so that some written data may
 * not be on the disk.  It is 0 if the call succeeded, or if no sync was tried,
 * for example since the file could not be opened.
 *
 * bigcache_fsync_file(): the data of the file at path, and its size; or
 * BIGCACHE_MISS and the reason if there is no such file.
 * bigcache_fsync_dir(): the names in the directory at path.
 * bigcache_fsync_logs(): the logs of the LevelDB database in the directory at
 * path, and their names; or BIGCACHE_MISS and the reason if there is no such
 * directory.  LevelDB itself has synced the tables.  Unlike a synced write of
 * LevelDB, this does not make writers wait.  bigcache_fsync_files(): the same
 * for all files in the directory at path.
 */
bigcache_rc_t bigcache_fsync_file(const char *path, int *lost, char *error);
bigcache_rc_t bigcache_fsync_dir(const char *path, char *error);
bigcache_rc_t bigcache_fsync_logs(const char *path, int *lost, char *error);
bigcache_rc_t bigcache_fsync_files(const char *path, char *error);


#endif /* _BIGCACHE_FSYNC_H_INCLUDED_ */
