
/*
 * Copyright (C) bigcache contributors
 */


/*
 * SipHash-1-3, a hash with a secret: a client that chooses the input cannot
 * choose the hash.  By Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF", 2012, with the rounds that Python and Rust take for their tables.
 * Pure; any thread.
 */


#ifndef _BIGCACHE_SIPHASH_H_INCLUDED_
#define _BIGCACHE_SIPHASH_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>


/* returns the hash of len bytes at data, under a secret of 128 bits */

uint64_t bigcache_siphash(const uint64_t secret[2], const u_char *data,
    size_t len);


/* returns the bucket of a hash, by its upper bits, if there are n of them */

static inline uint64_t
bigcache_siphash_bucket(uint64_t hash, uint64_t n)
{
    return (uint64_t) ((unsigned __int128) hash * n >> 64);
}


#endif /* _BIGCACHE_SIPHASH_H_INCLUDED_ */
