
/*
 * Copyright (C) bigcache contributors
 */


/*
 * A library for LD_PRELOAD: a machine that has as many megabytes of memory as
 * the file MACHINE of the environment says.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


long
sysconf(int name)
{
    long          pages;
    FILE         *file;
    const char   *path;
    long        (*next)(int);

    next = (long (*)(int)) dlsym(RTLD_NEXT, "sysconf");

    path = getenv("MACHINE");
    file = (name == _SC_PHYS_PAGES && path) ? fopen(path, "re") : NULL;

    if (file == NULL) {
        return next(name);
    }

    pages = 0;

    if (fscanf(file, "%ld", &pages) == 1) {
        pages = pages * 1024 * 1024 / next(_SC_PAGESIZE);
    }

    (void) fclose(file);

    return pages;
}
