
/*
 * Copyright (C) bigcache contributors
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* mremap() */
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "bigcache_dir.h"
#include "bigcache_plain.h"
#include "bigcache_time.h"
#include "bigcache_turn.h"


#define BIGCACHE_TURN_SIZE    4096

/* offset of the version that is synced */

#define BIGCACHE_TURN_SYNCED  8


bigcache_rc_t
bigcache_turn_next(int fd, char *error)
{
    ssize_t        n;
    uint64_t       turn;
    bigcache_rc_t  rc;

    rc = bigcache_turn_read(fd, &turn, error);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (turn == 0
        && getrandom(&turn, sizeof(turn), GRND_NONBLOCK) != sizeof(turn))
    {
        turn = (uint64_t) bigcache_now_us();
    }

    /* not near the end of its range, and never 0 */

    turn = (turn & INT64_MAX) + 1;

    n = pwrite(fd, &turn, sizeof(turn), 0);

    if (n == sizeof(turn)) {
        return BIGCACHE_OK;
    }

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "cannot write to \"" BIGCACHE_DIR_LOCK "\": %s",
                    n == -1 ? strerror(errno) : "no more than a part");

    return (n != -1 || errno == ENOSPC || errno == EDQUOT) ? BIGCACHE_FULL
                                                           : BIGCACHE_ERROR;
}


bigcache_rc_t
bigcache_turn_read(int fd, uint64_t *turn, char *error)
{
    ssize_t  n;

    n = pread(fd, turn, sizeof(*turn), 0);

    if (n == -1) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN,
                        "cannot read \"" BIGCACHE_DIR_LOCK "\": %s",
                        strerror(errno));
        return BIGCACHE_ERROR;
    }

    if (n != sizeof(*turn)) {
        *turn = 0;
    }

    return BIGCACHE_OK;
}


uint64_t
bigcache_turn_read_synced(int fd)
{
    uint64_t  version;

    if (pread(fd, &version, sizeof(version), BIGCACHE_TURN_SYNCED)
        != sizeof(version))
    {
        return 0;
    }

    /* versions go on from this one, which has to leave room for them */

    return (version <= INT64_MAX) ? version : 0;
}


void
bigcache_turn_write_synced(int fd, uint64_t version)
{
    (void) !pwrite(fd, &version, sizeof(version), BIGCACHE_TURN_SYNCED);
}


bigcache_rc_t
bigcache_turn_sync(int fd)
{
    return (fdatasync(fd) == 0) ? BIGCACHE_OK : BIGCACHE_ERROR;
}


int
bigcache_turn_open(bigcache_turn_t *turn, const char *path)
{
    int          fd, dir;
    struct stat  st;

    dir = bigcache_plain_dir(path, 1, NULL);
    if (dir == -1) {
        return -1;
    }

    fd = bigcache_plain_open(dir, BIGCACHE_DIR_LOCK, O_RDONLY, 1, NULL);

    (void) close(dir);

    if (fd == -1) {
        return -1;
    }

    /* an empty file cannot be read by way of a mapping */

    if (fstat(fd, &st) == -1 || st.st_size < (off_t) sizeof(uint64_t)) {
        (void) close(fd);
        return -1;
    }

    turn->place = (uint64_t) st.st_dev * 2654435761u ^ (uint64_t) st.st_ino;

    return fd;
}


void
bigcache_turn_map(bigcache_turn_t *turn, int fd)
{
    void  *map, *moved;

    if (turn->map && turn->mapped == turn->place) {
        (void) close(fd);
        return;
    }

    map = mmap(NULL, BIGCACHE_TURN_SIZE, PROT_READ, MAP_SHARED, fd, 0);

    (void) close(fd);

    if (map != MAP_FAILED && turn->memory) {

        /* always at the same address, since others may be reading there */

        moved = mremap(map, BIGCACHE_TURN_SIZE, BIGCACHE_TURN_SIZE,
                       MREMAP_MAYMOVE|MREMAP_FIXED, turn->memory);

        if (moved == MAP_FAILED) {
            (void) munmap(map, BIGCACHE_TURN_SIZE);
        }

        map = moved;
    }

    if (map == MAP_FAILED) {
        bigcache_turn_unmap(turn);
        return;
    }

    /* or it would be read from the disk again some day */

    (void) mlock(map, BIGCACHE_TURN_SIZE);

    turn->memory = map;
    turn->map = map;
    turn->mapped = turn->place;
}


void
bigcache_turn_unmap(bigcache_turn_t *turn)
{
    if (turn->map == NULL) {
        return;
    }

    /* a page of zeroes in its place, in one step: no turn is 0 */

    if (mmap(turn->memory, BIGCACHE_TURN_SIZE, PROT_READ,
             MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED, -1, 0)
        != MAP_FAILED)
    {
        turn->map = NULL;
    }
}
