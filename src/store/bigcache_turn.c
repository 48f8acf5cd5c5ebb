
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
#include <sys/random.h>
#include <sys/stat.h>

#include "bigcache_dir.h"
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

    return version;
}


void
bigcache_turn_write_synced(int fd, uint64_t version)
{
    (void) !pwrite(fd, &version, sizeof(version), BIGCACHE_TURN_SYNCED);
}


void
bigcache_turn_map(bigcache_turn_t *turn, const char *path)
{
    int          fd;
    char         name[PATH_MAX];
    void        *map;
    uint64_t     place;
    struct stat  st;

    (void) snprintf(name, PATH_MAX, "%s/" BIGCACHE_DIR_LOCK, path);

    fd = open(name, O_RDONLY|O_CLOEXEC);

    if (fd == -1) {
        return;
    }

    /* an empty file cannot be read by way of a mapping */

    if (fstat(fd, &st) == 0 && st.st_size >= (off_t) sizeof(uint64_t)) {

        place = (uint64_t) st.st_dev * 2654435761u ^ (uint64_t) st.st_ino;

        if (turn->map == NULL || turn->place != place) {

            map = mmap(NULL, BIGCACHE_TURN_SIZE, PROT_READ, MAP_SHARED, fd,
                       0);

            if (map != MAP_FAILED) {

                /* or it would be read from the disk again some day */

                (void) mlock(map, BIGCACHE_TURN_SIZE);

                turn->map = map;
                turn->place = place;
            }
        }
    }

    (void) close(fd);
}
