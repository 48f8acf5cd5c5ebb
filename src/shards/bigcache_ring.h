
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The consistent hash of nginx's "hash KEY consistent": which server of an
 * upstream a key belongs to.  Each server has 160 points for each unit of its
 * weight, on a circle of 32 bits, and a key belongs to the server of the first
 * point that is not less than the CRC-32 of the key.  The points are those of
 * ketama as Cache::Memcached::Fast makes them: CRC-32 of the host, a zero byte,
 * the port and the four bytes of the previous point.
 *
 * The caller owns the ring, which does not change after it was made: any thread
 * may read it.
 */


#ifndef _BIGCACHE_RING_H_INCLUDED_
#define _BIGCACHE_RING_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "bigcache_data.h"


/* bytes of a key that bigcache_ring_key() makes */

#define BIGCACHE_RING_KEY  24


typedef struct {
    bigcache_str_t   name;      /* as the configuration has it: host:port */
    unsigned         weight;
} bigcache_ring_server_t;

typedef struct {
    uint32_t         hash;
    uint32_t         server;    /* its number */
} bigcache_ring_point_t;

typedef struct {
    size_t                  n;
    bigcache_ring_point_t   points[];
} bigcache_ring_t;


/* returns the bytes that a ring of these servers takes */

size_t bigcache_ring_size(const bigcache_ring_server_t *servers, size_t n);

/*
 * Makes the ring in memory of that size, aligned for a size_t.  At
 * least one server must have a weight.
 */
void bigcache_ring_make(bigcache_ring_t *ring,
    const bigcache_ring_server_t *servers, size_t n);

/* returns the number of the server that a key belongs to */

size_t bigcache_ring_find(const bigcache_ring_t *ring,
    const bigcache_str_t *key);

/*
 * Writes a key that belongs to a server, of at most BIGCACHE_RING_KEY bytes.
 * Returns its length; or 0 if the server has no part of the ring.
 */
size_t bigcache_ring_key(const bigcache_ring_t *ring, size_t server, char *key);


#endif /* _BIGCACHE_RING_H_INCLUDED_ */
