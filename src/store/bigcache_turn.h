
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The turn of a directory: a number that grows each time that a process locks
 * it, in the first eight bytes of the file "lock", in the order of the machine.
 * Processes map it, so that all of them see at once, whichever nginx they
 * belong to, that somebody else may change pages from now on.
 *
 * Nothing is ever written by way of the mapping: that would be SIGBUS on a
 * full disk.  For the store's thread; the mapping may be read by any.
 */


#ifndef _BIGCACHE_TURN_H_INCLUDED_
#define _BIGCACHE_TURN_H_INCLUDED_


#include <stdint.h>
#include <stdatomic.h>

#include "bigcache_rc.h"


typedef struct {
    void       *map;
    uint64_t    dev;
    uint64_t    ino;
} bigcache_turn_t;


/*
 * Adds one to the turn of the directory that fd is the locked file of.
 * Returns BIGCACHE_OK, BIGCACHE_FULL or BIGCACHE_ERROR, and the reason.
 */
bigcache_rc_t bigcache_turn_next(int fd, char *error);

/* returns the turn, or 0 if it cannot be read */

uint64_t bigcache_turn_read(int fd);

/*
 * Maps the turn of the directory path, if there is one already, in place of
 * what was mapped before.  Returns where it is, or NULL.
 */
const _Atomic uint64_t *bigcache_turn_map(bigcache_turn_t *turn,
    const char *path);

/* when nobody reads it any more */

void bigcache_turn_unmap(bigcache_turn_t *turn);


#endif /* _BIGCACHE_TURN_H_INCLUDED_ */
