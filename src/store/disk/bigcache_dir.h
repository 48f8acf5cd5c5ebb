
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The directory of a store; bigcache_layout.h names the files in it.
 *
 * LevelDB has a lock of its own.  But when an open fails on that lock, LevelDB
 * has already renamed the LOG of the process that holds it.  So our lock is
 * taken first.  All calls block on the disk.  Any thread, but only one at a
 * time for the same directory.
 */


#ifndef _BIGCACHE_DIR_H_INCLUDED_
#define _BIGCACHE_DIR_H_INCLUDED_


#include <stdatomic.h>
#include <stdint.h>

#include "bigcache_rc.h"


/*
 * Locks the directory path and begins its next generation.  The directory must
 * be empty, a store, or a database of the original, which bigcache_adopt()
 * then makes a store.  Returns BIGCACHE_OK and *fd, which the caller must
 * close to unlock it; BIGCACHE_UNAVAILABLE if another process holds the lock;
 * BIGCACHE_FULL; or BIGCACHE_ERROR if the directory cannot be used.  The
 * reason is in error.
 */
bigcache_rc_t bigcache_dir_lock(const char *path, int *fd,
    char *error);

/*
 * Moves path/name into the trash, if it exists; stamp makes its name there
 * unique.  Returns BIGCACHE_OK; BIGCACHE_FULL or BIGCACHE_ERROR, and the reason
 * in error.
 */
bigcache_rc_t bigcache_dir_discard(const char *path, const char *name,
    uint64_t stamp, char *error);

/*
 * Renames path/name to path/name.damaged-<stamp>, for a person to look at.
 * Returns the same codes.
 */
bigcache_rc_t bigcache_dir_set_aside(const char *path, const char *name,
    uint64_t stamp, char *error);

/*
 * Makes the ballast: a file of bigcache_dir_ballast_size() bytes, which is
 * size or less on a small file system, and a few spare files.  A full disk
 * needs them for the record of a removal, and for a page that is moved to free
 * space.  Returns BIGCACHE_OK, also if there is no space for it; BIGCACHE_FULL
 * if not even the file can be made; or BIGCACHE_ERROR.  The reason is in
 * error.  bigcache_dir_drop_ballast() removes the file, and also the spare
 * files if hardly any other file can be made.
 */
bigcache_rc_t bigcache_dir_ballast(const char *path, uint64_t size,
    char *error);
uint64_t bigcache_dir_ballast_size(const char *path, uint64_t size);
void bigcache_dir_drop_ballast(const char *path);

/*
 * Makes as many of the spare files as possible, after
 * bigcache_dir_drop_ballast() removed them.
 */
void bigcache_dir_spare(const char *path);

/* returns 1 if hardly any file can be made in the file system, or 0 */

int bigcache_dir_crowded(const char *path);

/* returns the bytes of a segment: size, or less on a small file system */

uint64_t bigcache_dir_segment_size(const char *path, uint64_t size);

/*
 * returns the free bytes of the file system, UINT64_MAX if they are not known
 * now
 */

uint64_t bigcache_dir_free(const char *path);

/*
 * returns 1 if the file system frees the space of a removed file some time
 * after that, or 0
 */

int bigcache_dir_frees_later(const char *path);

/*
 * Sets *size to the bytes of all regular files in the directory path.  Returns
 * 0; or -1 if some files could not be looked at, and *size is too small.
 */
int bigcache_dir_size(const char *path, uint64_t *size);

/* removes the directory path and its files, as many as possible */

void bigcache_dir_remove(const char *path);

/*
 * Empties the trash, which may take long, until *stop is set.  Returns 1 if
 * nothing is left, or 0: the caller must try again later.
 */
int bigcache_dir_empty_trash(const char *path, _Atomic int *stop);


#endif /* _BIGCACHE_DIR_H_INCLUDED_ */
