
/*
 * Copyright (C) bigcache contributors
 */


#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "bigcache_dir.h"
#include "bigcache_turn.h"


#define BIGCACHE_TURN_SIZE  4096


bigcache_rc_t
bigcache_turn_next(int fd, char *error)
{
    ssize_t   n;
    uint64_t  turn;

    turn = bigcache_turn_read(fd) + 1;

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


uint64_t
bigcache_turn_read(int fd)
{
    uint64_t  turn;

    return pread(fd, &turn, sizeof(turn), 0) == sizeof(turn) ? turn : 0;
}


const _Atomic uint64_t *
bigcache_turn_map(bigcache_turn_t *turn, const char *path)
{
    int          fd;
    char         name[PATH_MAX];
    void        *map;
    struct stat  st;

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_DIR_LOCK, path);

    fd = open(name, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return turn->map;
    }

    /* an empty file cannot be read by way of a mapping */

    if (fstat(fd, &st) == -1 || st.st_size < (off_t) sizeof(uint64_t)
        || (turn->map && st.st_dev == turn->dev && st.st_ino == turn->ino))
    {
        (void) close(fd);
        return turn->map;
    }

    /* others may be reading it: the new one takes the place of the old one */

    map = mmap(turn->map, BIGCACHE_TURN_SIZE, PROT_READ,
               turn->map ? MAP_SHARED|MAP_FIXED : MAP_SHARED, fd, 0);

    (void) close(fd);

    if (map != MAP_FAILED) {
        turn->map = map;
        turn->dev = st.st_dev;
        turn->ino = st.st_ino;
    }

    return turn->map;
}


void
bigcache_turn_unmap(bigcache_turn_t *turn)
{
    if (turn->map) {
        (void) munmap(turn->map, BIGCACHE_TURN_SIZE);
        turn->map = NULL;
    }
}
