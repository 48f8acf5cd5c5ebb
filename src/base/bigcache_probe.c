
/*
 * Copyright (C) bigcache contributors
 */


/* tries the calls that bigcache_resident.c and readers of pages make */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* preadv2(), O_TMPFILE */
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "bigcache_probe.h"


/* see bigcache_resident.c */

#ifndef SYS_cachestat
#define SYS_cachestat  451
#endif


int
bigcache_probe_nowait(int fd)
{
    char          byte;
    ssize_t       n;
    struct iovec  iov;

    iov.iov_base = &byte;
    iov.iov_len = 1;

    n = preadv2(fd, &iov, 1, 0, RWF_NOWAIT);

    if (n == 1) {
        return 1;
    }

    if (n == 0) {
        return -1;
    }

    switch (errno) {

    case EAGAIN:
        return 1;      /* it is not in the page cache */

    case EOPNOTSUPP:
    case ENOSYS:
    case EINVAL:
        return 0;

    default:
        return -1;
    }
}


int
bigcache_probe_cachestat(int fd)
{
    uint64_t  range[2], stat[5];

    range[0] = 0;
    range[1] = 1;

    if (syscall(SYS_cachestat, fd, range, stat, 0) == 0) {
        return 1;
    }

    /* a filter of system calls may answer EPERM */

    return (errno == EBADF || errno == EFAULT) ? -1 : 0;
}


int
bigcache_probe_open(const char *path, const char *name)
{
    int          fd, dir;
    struct stat  st;

    dir = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (dir == -1) {
        return -1;
    }

    fd = openat(dir, name, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_NOCTTY|O_CLOEXEC);

    if (fd != -1
        && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size == 0))
    {
        (void) close(fd);
        fd = -1;
    }

    if (fd == -1) {
        fd = openat(dir, ".", O_TMPFILE|O_RDWR|O_CLOEXEC, 0600);

        if (fd != -1 && pwrite(fd, "", 1, 0) != 1) {
            (void) close(fd);
            fd = -1;
        }
    }

    (void) close(dir);

    return fd;
}
