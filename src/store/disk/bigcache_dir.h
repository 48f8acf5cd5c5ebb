
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The directory of a store:
 *
 *     lock      held by flock() by the one process that has the store open;
 *               bigcache_generation.h
 *     index/    bigcache_index.h
 *     pages/    bigcache_segments.h
 *     trash/    what is to be removed, at leisure
 *     import/   bigcache_adopt.h
 *     owner.sock  of that process, ../owner/bigcache_socket.h
 *     reserve   room on the disk, for when there is no other
 *     spare/    files, likewise
 *
 * LevelDB has a lock of its own, but an open that fails on it has by then
 * renamed the LOG of the process that holds it, so ours is asked first.  All
 * calls block on the disk; any thread, but for one directory one at a time.
 */


#ifndef _BIGCACHE_DIR_H_INCLUDED_
#define _BIGCACHE_DIR_H_INCLUDED_


#include <dirent.h>
#include <stdatomic.h>
#include <stdint.h>

#include "bigcache_index.h"
#include "bigcache_rc.h"


#define BIGCACHE_DIR_LOCK   "lock"
#define BIGCACHE_DIR_INDEX  "index"
#define BIGCACHE_DIR_PAGES  "pages"
#define BIGCACHE_DIR_SOCKET "owner.sock"
#define BIGCACHE_DIR_IMPORT "import"


/*
 * Locks the directory path, which must be empty, a store, or a database of
 * the original service, which bigcache_adopt() makes one of, and begins its
 * next generation.  Returns BIGCACHE_OK and *fd, to be closed to unlock it;
 * BIGCACHE_UNAVAILABLE if another process holds it; BIGCACHE_FULL, or
 * BIGCACHE_ERROR if it cannot be used; and the reason in error.
 */
bigcache_rc_t bigcache_dir_lock(const char *path, int *fd,
    char *error);

/*
 * Moves path/name into the trash, if it is there; stamp tells it from others
 * that lie there.  Returns BIGCACHE_OK; BIGCACHE_FULL or BIGCACHE_ERROR, and
 * the reason.
 */
bigcache_rc_t bigcache_dir_discard(const char *path, const char *name,
    uint64_t stamp, char *error);

/*
 * Moves path/name aside to path/name.damaged-<stamp>, for a person to look
 * at; the same codes.
 */
bigcache_rc_t bigcache_dir_set_aside(const char *path, const char *name,
    uint64_t stamp, char *error);

/*
 * Keeps size bytes of the disk in a file, or less on a small one, as
 * bigcache_dir_reserve_size() returns, and a few files; and gives them back.
 * Without them a full disk would take no record of what is removed, and no
 * page could be moved to make room.  The first returns BIGCACHE_OK, also if
 * there is no room for it; BIGCACHE_FULL if not even the file can be made; or
 * BIGCACHE_ERROR; and the reason.
 */
bigcache_rc_t bigcache_dir_reserve(const char *path, uint64_t size,
    char *error);
uint64_t bigcache_dir_reserve_size(const char *path, uint64_t size);
void bigcache_dir_release(const char *path);

/*
 * Makes the files that are kept, as many as can be had: bigcache_dir_release()
 * has given them back, if there were hardly others, for as long as they were
 * needed.
 */
void bigcache_dir_spare(const char *path);

/* returns 1 if hardly a file can be made there any more, or 0 */

int bigcache_dir_crowded(const char *path);

/* returns size, or less on a small file system: the bytes of a segment */

uint64_t bigcache_dir_segment_size(const char *path, uint64_t size);

/*
 * Returns the bytes that may still be written to the disk, UINT64_MAX if that
 * cannot be told now.
 */

uint64_t bigcache_dir_free(const char *path);

/*
 * Reads the next entry of a directory, as readdir() does.  Returns it; or NULL,
 * and errno: 0 at the end, else nobody knows what has not been read.
 */
struct dirent *bigcache_dir_next(DIR *dir);

/*
 * Removes what is in the trash; may take long, until stop is set.  Returns 1 if
 * nothing is left there; or 0: it is to be tried again.
 */
int bigcache_dir_empty_trash(const char *path, _Atomic int *stop);


#endif /* _BIGCACHE_DIR_H_INCLUDED_ */
