
/*
 * Copyright (C) bigcache contributors
 */


/* Syncs files, directories and the logs of LevelDB. */


#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_fsync.h"
#include "bigcache_plain.h"


#define BIGCACHE_FSYNC_OPEN  (O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC)


typedef struct {
    const char  *suffix;
    int         *lost;
    char        *error;
} bigcache_fsync_all_t;


static bigcache_rc_t bigcache_fsync_all(const char *path, const char *suffix,
    int *lost, char *error);
static int bigcache_fsync_names(int fd);
static bigcache_rc_t bigcache_fsync_end(int fd, int failed, const char *path,
    int *lost, char *error);
static bigcache_rc_t bigcache_fsync_entry(void *data, int dir,
    const char *name);
static bigcache_rc_t bigcache_fsync_unopened(const char *path, char *error);


bigcache_rc_t
bigcache_fsync_file(const char *path, int *lost, char *error)
{
    int  fd;

    *lost = 0;

    fd = open(path, BIGCACHE_FSYNC_OPEN);

    if (fd == -1) {
        return bigcache_fsync_unopened(path, error);
    }

    return bigcache_fsync_end(fd, fdatasync(fd), path, lost, error);
}


bigcache_rc_t
bigcache_fsync_dir(const char *path, char *error)
{
    int  fd, lost;

    fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        return bigcache_plain_cannot("open", NULL, path, error);
    }

    return bigcache_fsync_end(fd, bigcache_fsync_names(fd), path, &lost,
                              error);
}


bigcache_rc_t
bigcache_fsync_logs(const char *path, int *lost, char *error)
{
    return bigcache_fsync_all(path, ".log", lost, error);
}


bigcache_rc_t
bigcache_fsync_files(const char *path, char *error)
{
    int            lost;
    bigcache_rc_t  rc;

    rc = bigcache_fsync_all(path, "", &lost, error);

    return (rc == BIGCACHE_MISS) ? BIGCACHE_ERROR : rc;
}


/*
 * syncs the files of a directory whose names end in suffix, and the directory
 */

static bigcache_rc_t
bigcache_fsync_all(const char *path, const char *suffix, int *lost,
    char *error)
{
    int                   fd;
    bigcache_rc_t         rc;
    bigcache_fsync_all_t  all;

    *lost = 0;

    fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        return bigcache_fsync_unopened(path, error);
    }

    all.suffix = suffix;
    all.lost = lost;
    all.error = error;

    rc = bigcache_plain_each(fd, ".", 0, bigcache_fsync_entry, &all);

    if (rc == BIGCACHE_UNAVAILABLE) {
        rc = bigcache_plain_cannot("read", NULL, path, error);
    }

    if (rc != BIGCACHE_OK) {
        (void) close(fd);
        return rc;
    }

    /* also the names of the files that were begun meanwhile */

    return bigcache_fsync_end(fd, bigcache_fsync_names(fd), path, lost,
                              error);
}


static bigcache_rc_t
bigcache_fsync_entry(void *data, int dir, const char *name)
{
    bigcache_fsync_all_t *all = data;

    int     fd;
    size_t  len, end;

    len = strlen(name);
    end = strlen(all->suffix);

    if (len <= end
        || name[0] == '.'
        || strcmp(name + len - end, all->suffix) != 0)
    {
        return BIGCACHE_OK;
    }

    fd = openat(dir, name, BIGCACHE_FSYNC_OPEN);

    if (fd == -1) {

        /*
         * LevelDB has moved it into a table, or it is a link to a log of the
         * original, which is never written to
         */

        return (errno == ENOENT || errno == ELOOP)
               ? BIGCACHE_OK
               : bigcache_plain_cannot("open", NULL, name, all->error);
    }

    return bigcache_fsync_end(fd, fdatasync(fd), name, all->lost, all->error);
}


/* a file system that cannot sync a directory separately returns EINVAL */

static int
bigcache_fsync_names(int fd)
{
    return (fsync(fd) == -1 && errno != EINVAL) ? -1 : 0;
}


static bigcache_rc_t
bigcache_fsync_end(int fd, int failed, const char *path, int *lost,
    char *error)
{
    *lost = (failed != 0);
    bigcache_plain_close(fd);

    return failed ? bigcache_plain_cannot("sync", NULL, path, error)
                  : BIGCACHE_OK;
}


/*
 * the caller knows whether a missing file was removed, or its file system is
 * gone
 */

static bigcache_rc_t
bigcache_fsync_unopened(const char *path, char *error)
{
    bigcache_rc_t  rc;

    rc = bigcache_plain_cannot("open", NULL, path, error);

    return (errno == ENOENT) ? BIGCACHE_MISS : rc;
}
