
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The open files of segments in one process: a bounded number of them, the one
 * that was not used for longest is closed first.  Whoever acquires a file has
 * it until he releases it, also when the segment is removed meanwhile.
 *
 * A segment may be removed by another process.  Its space comes back when
 * nobody has it open any more, so a process that does not remove segments
 * itself sweeps from time to time.
 *
 * Opening and closing block on the disk, but not under the lock that others
 * take.  Any thread.
 */


#ifndef _BIGCACHE_FILES_H_INCLUDED_
#define _BIGCACHE_FILES_H_INCLUDED_


#include <stdint.h>

#include "bigcache_rc.h"


/* files that are kept open though nobody uses them, at most */

#define BIGCACHE_FILES_MOST  256


typedef struct bigcache_files_s  bigcache_files_t;
typedef struct bigcache_file_s   bigcache_file_t;


/*
 * Makes a cache of the files in the directory path, which need not be there
 * yet.  Returns NULL if there is no memory.
 */
bigcache_files_t *bigcache_files_create(const char *path);

/* closes all, when nobody has any */

void bigcache_files_destroy(bigcache_files_t *files);

/* closes all, those that somebody has as soon as he releases them */

void bigcache_files_close(bigcache_files_t *files);

/*
 * Notes that dir is the directory that the files are in, until all of them are
 * closed: one of that name that is put there meanwhile is another.
 */
void bigcache_files_know(bigcache_files_t *files, int dir);

/* returns 1 if the directory is there, and is that one; or 0 and errno */

int bigcache_files_there(bigcache_files_t *files);

/*
 * Gives the file of segment id.  Returns BIGCACHE_OK, *file and *fd, and
 * bigcache_files_release() is owed; BIGCACHE_MISS if there is no such segment,
 * or its header fails its check; BIGCACHE_STALE and errno if the directory is
 * not there, or is another: nobody knows then whether there is such a segment,
 * unless the caller can tell that the store was cleared; BIGCACHE_ERROR and
 * errno.
 */
bigcache_rc_t bigcache_files_acquire(bigcache_files_t *files, uint64_t id,
    bigcache_file_t **file, int *fd);

/*
 * The same for an event loop: returns 1, or 0 if it is not open yet, or if
 * that would have to be waited for.
 */

int bigcache_files_peek(bigcache_files_t *files, uint64_t id,
    bigcache_file_t **file, int *fd);

void bigcache_files_release(bigcache_files_t *files, bigcache_file_t *file);

/* closes the file of a segment that is removed, as soon as nobody has it */

void bigcache_files_forget(bigcache_files_t *files, uint64_t id);

/* the same for all segments that another process has removed */

void bigcache_files_sweep(bigcache_files_t *files);

/*
 * Returns another descriptor of the same file, removed or not, whose reader
 * the kernel reads ahead for; or -1 and errno.
 */
int bigcache_files_in_order(int fd);

/* writes the name of segment id in the directory path into PATH_MAX bytes */

void bigcache_files_name(char *name, const char *path, uint64_t id);


#endif /* _BIGCACHE_FILES_H_INCLUDED_ */
