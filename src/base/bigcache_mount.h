
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The file system that a path is on, as the kernel tells it in
 * /proc/self/mountinfo.
 */


#ifndef _BIGCACHE_MOUNT_H_INCLUDED_
#define _BIGCACHE_MOUNT_H_INCLUDED_


#define BIGCACHE_MOUNT_TYPE     32
#define BIGCACHE_MOUNT_NAME     256
#define BIGCACHE_MOUNT_OPTIONS  512


/* a text that is longer than its member is cut */

typedef struct {
    char       type[BIGCACHE_MOUNT_TYPE];        /* ext4 */
    char       point[BIGCACHE_MOUNT_NAME];       /* where it is mounted */
    char       source[BIGCACHE_MOUNT_NAME];      /* the device, most often */
    char       options[BIGCACHE_MOUNT_OPTIONS];  /* of the mount, then of the
                                                    file system, by commas */
    unsigned   major;
    unsigned   minor;
} bigcache_mount_t;


/*
 * Finds the mount of a path in the text of mountinfo.  The path is absolute,
 * without links.  Returns 0, or -1 if no mount has it.  Pure: any thread.
 */
int bigcache_mount_find(const char *text, const char *path,
    bigcache_mount_t *mount);

/* the same for any path; asks the kernel, and so may block */

int bigcache_mount_of(const char *path, bigcache_mount_t *mount);

/* returns 1 if the options have this one, in full, or 0 */

int bigcache_mount_option(const bigcache_mount_t *mount, const char *option);


#endif /* _BIGCACHE_MOUNT_H_INCLUDED_ */
