
/*
 * Copyright (C) bigcache contributors
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* the strerror_r() that returns a string */
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_fsync.h"


#define BIGCACHE_FSYNC_OPEN  (O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC)


static bigcache_rc_t bigcache_fsync_all(const char *path, const char *suffix,
    int *lost, char *error);
static int bigcache_fsync_names(int fd);
static bigcache_rc_t bigcache_fsync_end(int fd, int failed, const char *path,
    int *lost, char *error);
static bigcache_rc_t bigcache_fsync_entry(int dir, const char *name,
    int *lost, char *error);
static bigcache_rc_t bigcache_fsync_unopened(const char *path, char *error);
static bigcache_rc_t bigcache_fsync_failed(int err, const char *what,
    const char *path, char *error);


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
        return bigcache_fsync_failed(errno, "open", path, error);
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


/* the files in a directory whose names end so, and the names */

static bigcache_rc_t
bigcache_fsync_all(const char *path, const char *suffix, int *lost,
    char *error)
{
    DIR            *dir;
    size_t          len, end;
    bigcache_rc_t   rc;
    struct dirent  *de;

    *lost = 0;

    dir = opendir(path);

    if (dir == NULL) {
        return bigcache_fsync_unopened(path, error);
    }

    rc = BIGCACHE_OK;
    end = strlen(suffix);

    while (rc == BIGCACHE_OK) {

        errno = 0;
        de = readdir(dir);

        if (de == NULL) {
            if (errno) {
                rc = bigcache_fsync_failed(errno, "read", path, error);
            }

            break;
        }

        len = strlen(de->d_name);

        if (len > end
            && de->d_name[0] != '.'
            && strcmp(de->d_name + len - end, suffix) == 0)
        {
            rc = bigcache_fsync_entry(dirfd(dir), de->d_name, lost, error);
        }
    }

    /* the names of those that were begun since */

    if (rc == BIGCACHE_OK && bigcache_fsync_names(dirfd(dir)) == -1) {
        *lost = 1;
        rc = bigcache_fsync_failed(errno, "sync", path, error);
    }

    (void) closedir(dir);

    return rc;
}


static bigcache_rc_t
bigcache_fsync_entry(int dir, const char *name, int *lost, char *error)
{
    int  fd;

    fd = openat(dir, name, BIGCACHE_FSYNC_OPEN);

    if (fd == -1) {

        /*
         * LevelDB has moved it into a table, or it is a link to a log of the
         * original, which is only read
         */

        return (errno == ENOENT || errno == ELOOP)
               ? BIGCACHE_OK
               : bigcache_fsync_failed(errno, "open", name, error);
    }

    return bigcache_fsync_end(fd, fdatasync(fd), name, lost, error);
}


/* file systems that cannot sync a directory by itself say so by EINVAL */

static int
bigcache_fsync_names(int fd)
{
    return (fsync(fd) == -1 && errno != EINVAL) ? -1 : 0;
}


static bigcache_rc_t
bigcache_fsync_end(int fd, int failed, const char *path, int *lost,
    char *error)
{
    int  err;

    err = errno;
    *lost = (failed != 0);

    (void) close(fd);

    return failed ? bigcache_fsync_failed(err, "sync", path, error)
                  : BIGCACHE_OK;
}


/* the caller knows whether what is not there was removed, or has gone */

static bigcache_rc_t
bigcache_fsync_unopened(const char *path, char *error)
{
    int            err;
    bigcache_rc_t  rc;

    err = errno;
    rc = bigcache_fsync_failed(err, "open", path, error);

    return (err == ENOENT) ? BIGCACHE_MISS : rc;
}


static bigcache_rc_t
bigcache_fsync_failed(int err, const char *what, const char *path,
    char *error)
{
    char  text[128];

    (void) snprintf(error, BIGCACHE_ERROR_LEN, "cannot %s \"%.150s\": %s",
                    what, path, strerror_r(err, text, sizeof(text)));

    return (err == ENOSPC || err == EDQUOT) ? BIGCACHE_FULL : BIGCACHE_ERROR;
}
