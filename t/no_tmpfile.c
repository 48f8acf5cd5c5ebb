
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A library for LD_PRELOAD: a file system that has no files without a name,
 * as overlayfs of older kernels.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/types.h>


int
open(const char *path, int flags, ...)
{
    int      (*next)(const char *, int, ...);
    mode_t     mode;
    va_list    args;

    next = (int (*)(const char *, int, ...)) dlsym(RTLD_NEXT, "open");

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    if ((flags & O_TMPFILE) == O_TMPFILE) {
        errno = EOPNOTSUPP;
        return -1;
    }

    return next(path, flags, mode);
}


int
open64(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = (flags & (O_CREAT|O_TMPFILE)) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return open(path, flags, mode);
}
