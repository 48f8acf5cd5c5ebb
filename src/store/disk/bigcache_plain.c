
/*
 * Copyright (C) bigcache contributors
 */


/* Opens files and directories only if they are what they seem to be. */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* O_PATH, the strerror_r() that returns a string */
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_plain.h"


#define BIGCACHE_PLAIN_FLAGS  (O_NOFOLLOW|O_NONBLOCK|O_NOCTTY|O_CLOEXEC)


static int bigcache_plain_check(const struct stat *st, const char *name,
    int single, char *error);
static bigcache_rc_t bigcache_plain_entry(void *data, int dir,
    const char *name);
static int bigcache_plain_link(int dir, const char *name);
static const char *bigcache_plain_type(const struct stat *st);
static int bigcache_plain_refused(int err, const char *name, const char *why,
    char *error);
static int bigcache_plain_failed(const char *name, char *error);


int
bigcache_plain_dir(const char *path, int link, char *error)
{
    int          fd, flags;
    struct stat  st;

    flags = O_PATH|O_DIRECTORY|O_CLOEXEC;

    fd = open(path, link ? flags : flags|O_NOFOLLOW);

    if (fd == -1) {

        if (errno == ENOTDIR && lstat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        {
            return bigcache_plain_refused(ENOTDIR, path,
                                          S_ISLNK(st.st_mode)
                                          ? "is a symbolic link"
                                          : "is not a directory", error);
        }

        return bigcache_plain_failed(path, error);
    }

    if (geteuid() != 0) {
        return fd;
    }

    if (fstat(fd, &st) == -1) {
        (void) bigcache_plain_failed(path, error);

    } else if (st.st_uid != 0) {
        (void) bigcache_plain_refused(EPERM, path,
                                      "belongs to another user, which root "
                                      "does not trust", error);
    } else {
        return fd;
    }

    (void) close(fd);

    return -1;
}


int
bigcache_plain_open(int dir, const char *name, int flags, int single,
    char *error)
{
    int          fd;
    struct stat  st;

    /* before the open, since opening a device may already do something */

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {

        if (errno != ENOENT || !(flags & O_CREAT)) {
            return bigcache_plain_failed(name, error);
        }

    } else if (bigcache_plain_check(&st, name, single, error) == -1) {
        return -1;
    }

    fd = openat(dir, name, flags|BIGCACHE_PLAIN_FLAGS, 0600);

    if (fd == -1) {
        return bigcache_plain_failed(name, error);
    }

    if (fstat(fd, &st) == -1) {
        (void) bigcache_plain_failed(name, error);

    } else if (bigcache_plain_check(&st, name, single, error) == 0) {
        return fd;
    }

    bigcache_plain_close(fd);

    return -1;
}


bigcache_rc_t
bigcache_plain_files(const char *path, char *error)
{
    int            fd;
    bigcache_rc_t  rc;

    fd = bigcache_plain_dir(path, 0, error);

    if (fd == -1) {
        return (errno == ENOENT) ? BIGCACHE_OK : BIGCACHE_ERROR;
    }

    rc = bigcache_plain_each(fd, ".", 0, bigcache_plain_entry, error);

    if (rc == BIGCACHE_UNAVAILABLE) {
        (void) bigcache_plain_failed(path, error);
    }

    (void) close(fd);

    return (rc == BIGCACHE_OK) ? BIGCACHE_OK : BIGCACHE_ERROR;
}


bigcache_rc_t
bigcache_plain_each(int at, const char *path, int flags,
    bigcache_plain_pt handler, void *data)
{
    int             fd, err;
    DIR            *dir;
    bigcache_rc_t   rc;
    struct dirent  *de;

    fd = openat(at, path, O_RDONLY|O_DIRECTORY|O_CLOEXEC|flags);

    if (fd == -1) {
        return BIGCACHE_UNAVAILABLE;
    }

    dir = fdopendir(fd);

    if (dir == NULL) {
        bigcache_plain_close(fd);
        return BIGCACHE_UNAVAILABLE;
    }

    do {
        rc = BIGCACHE_OK;
        errno = 0;

        de = readdir(dir);

        if (de == NULL) {
            rc = errno ? BIGCACHE_UNAVAILABLE : BIGCACHE_OK;
            errno = (errno == ENOENT) ? ESTALE : errno;

        } else if (strcmp(de->d_name, ".") != 0
                   && strcmp(de->d_name, "..") != 0)
        {
            rc = handler(data, fd, de->d_name);
        }

    } while (de && rc == BIGCACHE_OK);

    err = errno;
    (void) closedir(dir);
    errno = err;

    return rc;
}


static int
bigcache_plain_check(const struct stat *st, const char *name, int single,
    char *error)
{
    if (!S_ISREG(st->st_mode)) {
        return bigcache_plain_refused(EINVAL, name, bigcache_plain_type(st),
                                      error);
    }

    if (single && st->st_nlink > 1) {
        return bigcache_plain_refused(EMLINK, name,
                                      "has another name, a hard link", error);
    }

    if (single && geteuid() == 0 && st->st_uid != 0) {
        return bigcache_plain_refused(EPERM, name,
                                      "belongs to another user, which root "
                                      "does not trust", error);
    }

    return 0;
}


static bigcache_rc_t
bigcache_plain_entry(void *data, int dir, const char *name)
{
    char *error = data;

    struct stat  st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {

        if (errno == ENOENT) {
            return BIGCACHE_OK;
        }

        (void) bigcache_plain_failed(name, error);
        return BIGCACHE_ERROR;
    }

    if (S_ISREG(st.st_mode)
        || S_ISDIR(st.st_mode)
        || (S_ISLNK(st.st_mode) && bigcache_plain_link(dir, name)))
    {
        return BIGCACHE_OK;
    }

    (void) bigcache_plain_refused(EINVAL, name, bigcache_plain_type(&st),
                                  error);
    return BIGCACHE_ERROR;
}


/*
 * returns 1 if the link names a regular file in the directory above, or
 * nothing
 */

static int
bigcache_plain_link(int dir, const char *name)
{
    char         target[NAME_MAX + 4];
    ssize_t      n;
    struct stat  st;

    n = readlinkat(dir, name, target, sizeof(target) - 1);

    if (n == -1) {
        return 0;
    }

    target[n] = '\0';

    if (strncmp(target, "../", 3) != 0 || strchr(target + 3, '/')) {
        return 0;
    }

    return fstatat(dir, target, &st, AT_SYMLINK_NOFOLLOW) == 0
           ? S_ISREG(st.st_mode) : errno == ENOENT;
}


static const char *
bigcache_plain_type(const struct stat *st)
{
    switch (st->st_mode & S_IFMT) {

    case S_IFLNK:
        return "is a symbolic link, not a regular file";

    case S_IFDIR:
        return "is a directory, not a regular file";

    case S_IFIFO:
        return "is a FIFO, not a regular file";

    case S_IFSOCK:
        return "is a socket, not a regular file";

    default:
        return "is a device, not a regular file";
    }
}


static int
bigcache_plain_refused(int err, const char *name, const char *why,
    char *error)
{
    if (error) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "\"%.150s\" %s", name, why);
    }

    errno = err;

    return -1;
}


static int
bigcache_plain_failed(const char *name, char *error)
{
    if (error) {
        (void) bigcache_plain_cannot("open", NULL, name, error);
    }

    return -1;
}


void
bigcache_plain_close(int fd)
{
    int  err;

    err = errno;
    (void) close(fd);
    errno = err;
}


bigcache_rc_t
bigcache_plain_cannot(const char *what, const char *path, const char *name,
    char *error)
{
    int          err;
    char         text[128];
    const char  *why;

    err = errno;
    why = strerror_r(err, text, sizeof(text));

    if (path) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "cannot %s \"%.120s/%.40s\": %s", what, path, name,
                        why);
    } else {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "cannot %s \"%.150s\": %s", what, name, why);
    }

    errno = err;

    return bigcache_rc_errno(err);
}
