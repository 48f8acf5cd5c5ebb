
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Files and directories of a store that are what they seem to be.
 *
 * Whoever may write to a directory can put a symbolic link, a hard link, a
 * FIFO or a device there under a name that bigcache uses.  What is opened here
 * is a regular file or a directory itself: a link is not followed, and an open
 * does not wait for the other end of a FIFO.  A process of root goes into
 * directories of root only.
 *
 * All calls block on the disk; any thread.
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
 * Opens the directory path, to name files in it; link: path itself may be a
 * symbolic link, as that of a store, which is the administrator's.  Returns a
 * descriptor, which the caller closes; or -1, errno, and, unless error is
 * NULL, the reason.
 */
int bigcache_plain_dir(const char *path, int link, char *error);

/*
 * Opens the regular file name in the directory dir, with the flags of open(),
 * and mode 0600 if it is made; single: it may have no other name, since it will
 * be written to.  Returns the same; errno is EINVAL if it is no regular file.
 */
int bigcache_plain_open(int dir, const char *name, int flags, int single,
    char *error);

/*
 * Looks at the directory of a database before LevelDB opens it, which follows
 * links and waits for FIFOs: there may be regular files in it, directories,
 * and links "../NAME" to regular files, which are those of bigcache_adopt().
 * Returns BIGCACHE_OK, also if there is no such directory; or BIGCACHE_ERROR
 * and the reason.
 */
bigcache_rc_t bigcache_plain_files(const char *path, char *error);

/*
 * Calls handler for each entry of the directory path, but for "." and "..".
 * The path is relative to the descriptor at, as for openat(); flags are 0 or
 * O_NOFOLLOW.  Returns BIGCACHE_OK, or what the handler returned.  Returns
 * BIGCACHE_UNAVAILABLE and errno if the directory could not be opened or not
 * be read to its end: what it holds is then unknown, and the caller must not
 * take it for an empty one; errno is ENOENT only if there is no directory.
 * Handlers never return BIGCACHE_UNAVAILABLE.
 */
bigcache_rc_t bigcache_plain_each(int at, const char *path, int flags,
    bigcache_plain_pt handler, void *data);


#endif /* _BIGCACHE_PLAIN_H_INCLUDED_ */
