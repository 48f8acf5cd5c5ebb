
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Opens files and directories of a store that are what they seem to be.
 *
 * A user who may write to a directory can put a symbolic link, a hard link, a
 * FIFO or a device there under a name that bigcache uses.  These functions
 * open only a regular file or a directory itself.  They do not follow a link,
 * and do not wait for the other end of a FIFO.  A process of root opens only
 * directories of root.
 *
 * All calls block on the disk.  Any thread.
 */


#ifndef _BIGCACHE_PLAIN_H_INCLUDED_
#define _BIGCACHE_PLAIN_H_INCLUDED_


#include "bigcache_rc.h"


/*
 * Called for an entry of a directory; dir is a descriptor of the directory.
 * Returns BIGCACHE_OK to go on; anything else ends the walk.
 */
typedef bigcache_rc_t (*bigcache_plain_pt)(void *data, int dir,
    const char *name);


/*
 * Opens the directory path, to name files in it.  If link is 1, path itself
 * may be a symbolic link: the administrator chooses the path of a store.
 * Returns a descriptor, which the caller must close; or -1, errno, and, unless
 * error is NULL, the reason.
 */
int bigcache_plain_dir(const char *path, int link, char *error);

/*
 * Opens the regular file name in the directory dir, with the flags of open(),
 * and mode 0600 if it is made.  If single is 1, the file must have no other
 * name, since it will be written to.  Returns the same; errno is EINVAL if it
 * is no regular file.
 */
int bigcache_plain_open(int dir, const char *name, int flags, int single,
    char *error);

/*
 * Looks at the directory of a database before LevelDB opens it, since LevelDB
 * follows links and waits for FIFOs.  Allowed are regular files, directories,
 * and links "../NAME" to regular files, which bigcache_adopt() makes.  Returns
 * BIGCACHE_OK, also if there is no such directory; or BIGCACHE_ERROR and the
 * reason.
 */
bigcache_rc_t bigcache_plain_files(const char *path, char *error);

/*
 * Calls handler for each entry of the directory path, except "."  and "..".
 * The path is relative to the descriptor at, as for openat(); flags are 0,
 * O_NOFOLLOW or O_NOATIME.  Returns BIGCACHE_OK, or what the handler returned.
 * Returns BIGCACHE_UNAVAILABLE and errno if the directory could not be opened
 * or read to its end: its content is then unknown, and the caller must not take
 * it for an empty one.  errno is ENOENT only if there is no directory.
 * Handlers must not return BIGCACHE_UNAVAILABLE.
 */
bigcache_rc_t bigcache_plain_each(int at, const char *path, int flags,
    bigcache_plain_pt handler, void *data);

/* closes a descriptor, and leaves errno as it was */

void bigcache_plain_close(int fd);

/*
 * Writes to error that WHAT could not be done with a file, and why errno says
 * so; path is the directory of name, or NULL if name is all of it.  Returns
 * BIGCACHE_FULL or BIGCACHE_ERROR; errno stays as it was.
 */
bigcache_rc_t bigcache_plain_cannot(const char *what, const char *path,
    const char *name, char *error);


#endif /* _BIGCACHE_PLAIN_H_INCLUDED_ */
