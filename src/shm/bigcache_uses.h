
/*
 * Copyright (C) bigcache contributors
 */


/*
 * How often keys were asked for, in shared memory: so that a page which is
 * asked for once is not stored.
 *
 * The table has a fixed size.  When it is full, a key takes the place of the
 * one among eight that was asked for the longest time ago: so a flood of new
 * keys pushes out others, but those that are asked for again and again come
 * back.  Two keys whose hashes agree in 32 bits and in their place count as
 * one.
 *
 * The memory belongs to all processes of one nginx.  Any thread.  Never waits.
 */


#ifndef _BIGCACHE_USES_H_INCLUDED_
#define _BIGCACHE_USES_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "bigcache_str.h"


/* the most that is counted */

#define BIGCACHE_USES_MAX  255


typedef struct bigcache_uses_shm_s  bigcache_uses_shm_t;


/*
 * Makes a table of size bytes of zeroed memory, aligned to 64; seed: two
 * random numbers.  Returns NULL if the memory is too small.
 */
bigcache_uses_shm_t *bigcache_uses_create(void *memory, size_t size,
    const uint64_t seed[2]);

/*
 * Counts a use of the key.  now: bigcache_time_monotonic().  Returns the uses
 * that are remembered, with this one, and not more than BIGCACHE_USES_MAX.
 */
unsigned bigcache_uses_add(bigcache_uses_shm_t *shm, const bigcache_str_t *key,
    int64_t now);


#endif /* _BIGCACHE_USES_H_INCLUDED_ */
