
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
    const _Atomic uint64_t  *map;      /* NULL: it is not mapped */
    void                    *memory;   /* where it is, or was, or NULL */
    uint64_t                 mapped;   /* place of the file that is mapped */
    uint64_t                 place;    /* of the file that is there */
    uint64_t                 own;      /* that of this process, as an owner */
} bigcache_turn_t;


/*
 * Adds one to the turn of the directory that fd is the locked file of, or
 * begins it, at random: a directory that took the place of another one is not
 * to be taken for it.  Returns BIGCACHE_OK, BIGCACHE_FULL or BIGCACHE_ERROR,
 * and the reason.
 */
bigcache_rc_t bigcache_turn_next(int fd, char *error);

/* *turn is 0 if there is none yet; the same codes, but for BIGCACHE_FULL */

bigcache_rc_t bigcache_turn_read(int fd, uint64_t *turn, char *error);

/*
 * The next eight bytes of the file are store->synced, bigcache_sync.h, or 0 if
 * none was ever kept.  A number that cannot be kept leaves the last one there,
 * which holds as well, as long as what it does not cover has its previous page.
 * bigcache_turn_sync() has it reach the disk: BIGCACHE_OK or BIGCACHE_ERROR.
 */
uint64_t bigcache_turn_read_synced(int fd);
void bigcache_turn_write_synced(int fd, uint64_t version);
bigcache_rc_t bigcache_turn_sync(int fd);

/*
 * Mapping the turn of the directory path.  bigcache_turn_open() looks whether
 * there is one already, and sets turn->place; it returns a descriptor for
 * bigcache_turn_map(), which closes it and sets turn->map, or -1.
 * bigcache_turn_unmap() lets go of the file and sets turn->map to NULL.  The
 * memory itself stays until the process ends, and others may be reading it all
 * the time: while no file is mapped they find a turn of 0, which is none.
 */
int bigcache_turn_open(bigcache_turn_t *turn, const char *path);
void bigcache_turn_map(bigcache_turn_t *turn, int fd);
void bigcache_turn_unmap(bigcache_turn_t *turn);


#endif /* _BIGCACHE_TURN_H_INCLUDED_ */
