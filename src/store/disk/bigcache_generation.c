
/*
 * Copyright (C) bigcache contributors
 */


/* Reads, writes and maps the file "lock". */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* mremap() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "bigcache_layout.h"
#include "bigcache_plain.h"
#include "bigcache_time.h"
#include "bigcache_generation.h"


#define BIGCACHE_GENERATION_SIZE    4096

/* offset of the version that is synced */

#define BIGCACHE_GENERATION_SYNCED  8


static uint64_t bigcache_generation_hash(const struct stat *st);


bigcache_rc_t
bigcache_generation_next(int fd, char *error)
{
    ssize_t        n;
    uint64_t       generation;
    bigcache_rc_t  rc;

    rc = bigcache_generation_read(fd, &generation, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (generation == 0
        && getrandom(&generation, sizeof(generation), GRND_NONBLOCK)
           != sizeof(generation))
    {
        generation = (uint64_t) bigcache_time_now_us();
    }

    /* far from the end of its range, and never 0 */

    generation = (generation & INT64_MAX) + 1;

    n = pwrite(fd, &generation, sizeof(generation), 0);

    if (n == sizeof(generation)) {
        return BIGCACHE_OK;
    }

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "cannot write to \"" BIGCACHE_LAYOUT_LOCK "\": %s",
                    n == -1 ? strerror(errno) : "no more than a part");

    return (n != -1) ? BIGCACHE_FULL : bigcache_rc_errno(errno);
}


bigcache_rc_t
bigcache_generation_read(int fd, uint64_t *generation, char *error)
{
    ssize_t  n;

    n = pread(fd, generation, sizeof(*generation), 0);

    if (n == -1) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "cannot read \"" BIGCACHE_LAYOUT_LOCK "\": %s",
                        strerror(errno));
        return BIGCACHE_ERROR;
    }

    if (n != sizeof(*generation)) {
        *generation = 0;
    }

    return BIGCACHE_OK;
}


uint64_t
bigcache_generation_read_synced(int fd)
{
    uint64_t  version;

    if (pread(fd, &version, sizeof(version), BIGCACHE_GENERATION_SYNCED)
        != sizeof(version))
    {
        return 0;
    }

    /* versions continue from this one, so it must leave room for them */

    return (version <= INT64_MAX) ? version : 0;
}


uint64_t
bigcache_generation_place(int fd)
{
    struct stat  st;

    return (fstat(fd, &st) == 0) ? bigcache_generation_hash(&st) : 0;
}


int
bigcache_generation_there(const char *path, uint64_t place)
{
    char         name[PATH_MAX];
    struct stat  st;

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_LAYOUT_LOCK, path);

    return lstat(name, &st) == 0 && bigcache_generation_hash(&st) == place;
}


void
bigcache_generation_write_synced(int fd, uint64_t version)
{
    (void) !pwrite(fd, &version, sizeof(version), BIGCACHE_GENERATION_SYNCED);
}


bigcache_rc_t
bigcache_generation_sync(int fd)
{
    return (fdatasync(fd) == 0) ? BIGCACHE_OK : BIGCACHE_ERROR;
}


int
bigcache_generation_open(bigcache_generation_t *generation, const char *path)
{
    int          fd, dir;
    struct stat  st;

    dir = bigcache_plain_dir(path, 1, NULL);
    if (dir == -1) {
        return -1;
    }

    fd = bigcache_plain_open(dir, BIGCACHE_LAYOUT_LOCK, O_RDONLY, 1, NULL);

    (void) close(dir);

    if (fd == -1) {
        return -1;
    }

    /* an access to the mapping of an empty file would raise SIGBUS */

    if (fstat(fd, &st) == -1 || st.st_size < (off_t) sizeof(uint64_t)) {
        (void) close(fd);
        return -1;
    }

    generation->place = bigcache_generation_hash(&st);

    return fd;
}


static uint64_t
bigcache_generation_hash(const struct stat *st)
{
    return (uint64_t) st->st_dev * 2654435761u ^ (uint64_t) st->st_ino;
}


void
bigcache_generation_map(bigcache_generation_t *generation, int fd)
{
    void  *map, *moved;

    if (generation->map && generation->mapped == generation->place) {
        (void) close(fd);
        return;
    }

    map = mmap(NULL, BIGCACHE_GENERATION_SIZE, PROT_READ, MAP_SHARED, fd, 0);

    (void) close(fd);

    if (map != MAP_FAILED && generation->memory) {

        /* keep the address, since other threads may be reading there */

        moved = mremap(map, BIGCACHE_GENERATION_SIZE, BIGCACHE_GENERATION_SIZE,
                       MREMAP_MAYMOVE|MREMAP_FIXED, generation->memory);

        if (moved == MAP_FAILED) {
            (void) munmap(map, BIGCACHE_GENERATION_SIZE);
        }

        map = moved;
    }

    if (map == MAP_FAILED) {
        bigcache_generation_unmap(generation);
        return;
    }

    /* else a later access could have to read it from the disk again */

    (void) mlock(map, BIGCACHE_GENERATION_SIZE);

    generation->memory = map;
    generation->map = map;
    generation->mapped = generation->place;
}


void
bigcache_generation_unmap(bigcache_generation_t *generation)
{
    if (generation->map == NULL) {
        return;
    }

    /* replaces it by a page of zeroes in one step: 0 is no generation */

    if (mmap(generation->memory, BIGCACHE_GENERATION_SIZE, PROT_READ,
             MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)
        != MAP_FAILED)
    {
        generation->map = NULL;
    }
}
