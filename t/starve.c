
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A library for LD_PRELOAD: while the directory STARVE of the environment has a
 * file of the name of one of these functions, the module's calls of it fail as
 * they do on a machine that has no more threads, memory or descriptors.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


extern void *__libc_calloc(size_t n, size_t size);

int eventfd(unsigned n, int flags);


static int
starved(const char *name, const void *caller)
{
    char         file[PATH_MAX];
    Dl_info      info;
    const char  *dir;

    dir = getenv("STARVE");

    if (dir == NULL
        || dladdr(caller, &info) == 0
        || strstr(info.dli_fname, "ngx_http_bigcache_module") == NULL)
    {
        return 0;
    }

    (void) snprintf(file, sizeof(file), "%s/%s", dir, name);

    return access(file, F_OK) == 0;
}


int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*start)(void *), void *data)
{
    int  (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                 void *);

    if (starved("pthread_create", __builtin_return_address(0))) {
        return EAGAIN;
    }

    *(void **) &next = dlsym(RTLD_NEXT, "pthread_create");

    return next(thread, attr, start, data);
}


/* dlsym() itself may call it */

void *
calloc(size_t n, size_t size)
{
    static __thread int  inside;

    int  is;

    if (!inside) {
        inside = 1;
        is = starved("calloc", __builtin_return_address(0));
        inside = 0;

        if (is) {
            errno = ENOMEM;
            return NULL;
        }
    }

    return __libc_calloc(n, size);
}


int
eventfd(unsigned n, int flags)
{
    int  (*next)(unsigned, int);

    if (starved("eventfd", __builtin_return_address(0))) {
        errno = EMFILE;
        return -1;
    }

    *(void **) &next = dlsym(RTLD_NEXT, "eventfd");

    return next(n, flags);
}
