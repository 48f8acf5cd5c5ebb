
/*
 * Copyright (C) bigcache contributors
 */


/* The temporary directory of a unit test. */


#ifndef _DIR_H_INCLUDED_
#define _DIR_H_INCLUDED_


#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>


static inline void make_dir(char *name);
static inline void remove_dir(const char *name);
static inline int remove_file(const char *name, const struct stat *st,
    int type, struct FTW *ftw);


/* puts the name of a new directory into 64 bytes at name, or exits */

static inline void
make_dir(char *name)
{
    (void) snprintf(name, 64, "/tmp/bigcache-%.32s-XXXXXX",
                    program_invocation_short_name);

    if (mkdtemp(name) == NULL) {
        perror("mkdtemp");
        exit(2);
    }
}


static inline void
remove_dir(const char *name)
{
    (void) nftw(name, remove_file, 16, FTW_DEPTH|FTW_PHYS);
}


static inline int
remove_file(const char *name, const struct stat *st, int type,
    struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(name);
}


#endif /* _DIR_H_INCLUDED_ */
