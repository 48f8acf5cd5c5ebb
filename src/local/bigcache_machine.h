
/*
 * Copyright (C) bigcache contributors
 */


/* What the engine has to work with: the file system, the kernel, libraries. */


#ifndef _BIGCACHE_MACHINE_H_INCLUDED_
#define _BIGCACHE_MACHINE_H_INCLUDED_


#include "bigcache_mount.h"


#define BIGCACHE_MACHINE_INDEX  32


/* flags are 1, 0, or -1 if that is not known */

typedef struct {
    bigcache_mount_t   mount;
    int                mounted;     /* 0: the mount is not known */
    int                preadv2;     /* see bigcache_probe.h */
    int                cachestat;
    const char        *packer;      /* what packs pages, static */
    char               index[BIGCACHE_MACHINE_INDEX];  /* "LevelDB 1.23" */
} bigcache_machine_t;


/* looks at the machine of the store in the directory path; may block on it */

void bigcache_machine(bigcache_machine_t *machine, const char *path);


#endif /* _BIGCACHE_MACHINE_H_INCLUDED_ */
