
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A library for LD_PRELOAD: while the file SLOW of the environment exists, each
 * read, write and sync of a file whose path has "/store/" in it takes so many
 * milliseconds as the file says, and nothing of these files is in memory.
 *
 * While the file BROKEN of the environment exists, the event loop cannot read
 * files whose path has in it what that file says.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>


/* the path of an open file, or "" */

static void
path_of(int fd, char path[PATH_MAX])
{
    char     link[64];
    ssize_t  n;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    n = readlink(link, path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
}


/* returns 1 if the descriptor is one that this thread cannot read */

static int
broken(int fd)
{
    int          saved, found;
    FILE        *file;
    char         path[PATH_MAX], what[64];
    const char  *name;

    saved = errno;
    found = 0;
    name = getenv("BROKEN");

    if (name != NULL
        && syscall(SYS_gettid) == getpid()
        && (file = fopen(name, "r")) != NULL)
    {
        path_of(fd, path);
        found = fscanf(file, "%63s", what) == 1 && strstr(path, what) != NULL;
        (void) fclose(file);
    }

    errno = saved;

    return found;
}


/* returns 1 if the descriptor is one of the store and the disk is slow */

static int
slow(int fd, long *ms)
{
    int          saved;
    FILE        *file;
    char         path[PATH_MAX];
    const char  *name;

    saved = errno;
    name = getenv("SLOW");
    *ms = 0;

    if (name == NULL || access(name, F_OK) == -1) {
        errno = saved;
        return 0;
    }

    path_of(fd, path);

    if (strstr(path, "/store/") != NULL && (file = fopen(name, "r")) != NULL) {

        if (fscanf(file, "%ld", ms) != 1) {
            *ms = 0;
        }

        (void) fclose(file);
    }

    errno = saved;

    return *ms > 0;
}


static void
wait_for_disk(int fd)
{
    long             ms;
    struct timespec  ts;

    if (slow(fd, &ms)) {
        ts.tv_sec = ms / 1000;
        ts.tv_nsec = ms % 1000 * 1000000;
        (void) nanosleep(&ts, NULL);
    }
}


ssize_t
preadv2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    long      ms;
    ssize_t  (*next)(int, const struct iovec *, int, off_t, int);

    if (slow(fd, &ms) && (flags & RWF_NOWAIT)) {
        errno = EAGAIN;
        return -1;
    }

    wait_for_disk(fd);

    *(void **) &next = dlsym(RTLD_NEXT, "preadv2");

    return next(fd, iov, n, offset, flags);
}


ssize_t
preadv64v2(int fd, const struct iovec *iov, int n, off_t offset, int flags)
{
    return preadv2(fd, iov, n, offset, flags);
}


ssize_t
pread(int fd, void *buf, size_t size, off_t offset)
{
    ssize_t  (*next)(int, void *, size_t, off_t);

    if (broken(fd)) {
        errno = EIO;
        return -1;
    }

    wait_for_disk(fd);

    *(void **) &next = dlsym(RTLD_NEXT, "pread");

    return next(fd, buf, size, offset);
}


ssize_t
pread64(int fd, void *buf, size_t size, off_t offset)
{
    return pread(fd, buf, size, offset);
}


ssize_t
pwrite(int fd, const void *buf, size_t size, off_t offset)
{
    ssize_t  (*next)(int, const void *, size_t, off_t);

    wait_for_disk(fd);

    *(void **) &next = dlsym(RTLD_NEXT, "pwrite");

    return next(fd, buf, size, offset);
}


ssize_t
pwrite64(int fd, const void *buf, size_t size, off_t offset)
{
    return pwrite(fd, buf, size, offset);
}


ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    ssize_t  (*next)(int, const struct iovec *, int, off_t);

    wait_for_disk(fd);

    *(void **) &next = dlsym(RTLD_NEXT, "pwritev");

    return next(fd, iov, n, offset);
}


ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off_t offset)
{
    return pwritev(fd, iov, n, offset);
}


ssize_t
write(int fd, const void *buf, size_t size)
{
    ssize_t  (*next)(int, const void *, size_t);

    wait_for_disk(fd);

    *(void **) &next = dlsym(RTLD_NEXT, "write");

    return next(fd, buf, size);
}


int
fdatasync(int fd)
{
    int  (*next)(int);

    wait_for_disk(fd);

    *(void **) &next = dlsym(RTLD_NEXT, "fdatasync");

    return next(fd);
}
