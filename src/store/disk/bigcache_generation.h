
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The generation of a directory: a number that grows each time that a process
 * locks the directory.  It is in the first eight bytes of the file "lock", in
 * the byte order of the machine.  All processes of all nginxes map the file.
 * So each of them sees at once that another owner may change pages from now
 * on.
 *
 * Nothing is written through the mapping: on a full disk that would raise
 * SIGBUS.  Only the store's thread calls these functions, but for
 * bigcache_generation_there(); any thread may read the mapping.
 */


#ifndef _BIGCACHE_GENERATION_H_INCLUDED_
#define _BIGCACHE_GENERATION_H_INCLUDED_


#include <stdint.h>
#include <stdatomic.h>

#include "bigcache_rc.h"


typedef struct {
    const _Atomic uint64_t  *map;      /* NULL: no file is mapped */
    void                    *memory;   /* of the mapping, now or before */
    uint64_t                 mapped;   /* place of the mapped file */
    uint64_t                 place;    /* of the file that is there now */
    uint64_t                 own;      /* of this process as the owner */
} bigcache_generation_t;


/*
 * Adds one to the generation of the directory; fd is its locked file.  A new
 * file begins with a random number, so that a directory that replaces another
 * one has another generation.  Returns BIGCACHE_OK; or BIGCACHE_FULL or
 * BIGCACHE_ERROR, and the reason in error.
 */
bigcache_rc_t bigcache_generation_next(int fd, char *error);

/*
 * Reads the generation, 0 if there is none yet.  Returns BIGCACHE_OK or
 * BIGCACHE_ERROR, and the reason in error.
 */
bigcache_rc_t bigcache_generation_read(int fd, uint64_t *generation,
    char *error);

/*
 * Returns the place of the file fd, a number that another file does not have;
 * or 0.
 */
uint64_t bigcache_generation_place(int fd);

/* returns 1 if the file of the directory path has that place, or 0 */

int bigcache_generation_there(const char *path, uint64_t place);

/*
 * The next eight bytes of the file are store->synced, see bigcache_sync.h, or
 * 0 if it was never written.  If a write fails, the file keeps the earlier
 * number, which is still true: pages that it does not cover keep their
 * previous page.  bigcache_generation_sync() returns BIGCACHE_OK when the file
 * is durable, or BIGCACHE_ERROR.
 */
uint64_t bigcache_generation_read_synced(int fd);
void bigcache_generation_write_synced(int fd, uint64_t version);
bigcache_rc_t bigcache_generation_sync(int fd);

/*
 * Map the generation of the directory path.  bigcache_generation_open() sets
 * generation->place and returns a descriptor, or -1 if there is no generation
 * yet.  bigcache_generation_map() maps that descriptor, closes it and sets
 * generation->map.  bigcache_generation_unmap() unmaps the file and sets
 * generation->map to NULL.  The memory stays mapped until the process ends,
 * since other threads may read it at any time; while no file is mapped, they
 * read 0, which is no generation.
 */
int bigcache_generation_open(bigcache_generation_t *generation,
    const char *path);
void bigcache_generation_map(bigcache_generation_t *generation, int fd);
void bigcache_generation_unmap(bigcache_generation_t *generation);


#endif /* _BIGCACHE_GENERATION_H_INCLUDED_ */
