
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The open files of segments in one process.  Their number is bounded; the
 * least recently used file is closed first.  A file that was acquired stays
 * open until it is released, even if the segment is removed meanwhile.
 *
 * Another process may remove a segment.  Its space is free only when no process
 * has it open any more, so a process that does not remove segments itself must
 * call bigcache_files_sweep() from time to time.
 *
 * Opening and closing block on the disk, but do not hold the lock that other
 * threads take.  Any thread.
 */


#ifndef _BIGCACHE_FILES_H_INCLUDED_
#define _BIGCACHE_FILES_H_INCLUDED_


#include <stdint.h>

#include "bigcache_rc.h"


/* the most files that stay open without being acquired */

#define BIGCACHE_FILES_MOST  256


typedef struct bigcache_files_s  bigcache_files_t;
typedef struct bigcache_file_s   bigcache_file_t;


/*
 * Makes a cache of the files in the directory path, which need not exist yet.
 * Returns NULL if out of memory.
 */
bigcache_files_t *bigcache_files_create(const char *path);

/* closes all files; the caller must make sure that none is acquired */

void bigcache_files_destroy(bigcache_files_t *files);

/* closes all files; one that is acquired is closed when it is released */

void bigcache_files_close(bigcache_files_t *files);

/*
 * Remembers that the files are in the directory of the descriptor dir, until
 * all files are closed.  The calls below then notice if another directory has
 * that name.
 */
void bigcache_files_know(bigcache_files_t *files, int dir);

/* returns 1 if that directory is there; or 0 and errno */

int bigcache_files_there(bigcache_files_t *files);

/*
 * Acquires the file of segment id.  Returns BIGCACHE_OK, *file and *fd, and
 * the caller must call bigcache_files_release(); BIGCACHE_MISS if there is no
 * such segment, or its header fails its check; BIGCACHE_STALE and errno if the
 * directory is not there or is another one, so that the segment may exist;
 * BIGCACHE_ERROR and errno.
 */
bigcache_rc_t bigcache_files_acquire(bigcache_files_t *files, uint64_t id,
    bigcache_file_t **file, int *fd);

/*
 * The same for an event loop.  Never blocks.  Returns 1; or 0 if the file is
 * not open yet, or another thread holds the mutex.
 */

int bigcache_files_peek(bigcache_files_t *files, uint64_t id,
    bigcache_file_t **file, int *fd);

void bigcache_files_release(bigcache_files_t *files, bigcache_file_t *file);

/*
 * closes the file of a removed segment as soon as it is not acquired any more
 */

void bigcache_files_forget(bigcache_files_t *files, uint64_t id);

/* the same for all segments that another process has removed */

void bigcache_files_sweep(bigcache_files_t *files);

/*
 * Opens the same file again, even if it was removed, for a reader that goes
 * from its beginning to its end: the kernel reads ahead.  Returns a
 * descriptor, which the caller must close; or -1 and errno.
 */
int bigcache_files_in_order(int fd);

/* writes the name of segment id in the directory path into PATH_MAX bytes */

void bigcache_files_name(char *name, const char *path, uint64_t id);


#endif /* _BIGCACHE_FILES_H_INCLUDED_ */
