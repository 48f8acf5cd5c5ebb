
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


#endif /* _BIGCACHE_PLAIN_H_INCLUDED_ */
