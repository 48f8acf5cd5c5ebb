
/*
 * Copyright (C) bigcache contributors
 */


/* A hash for locks and comparisons, not for the disk.  Pure; any thread. */


#ifndef _BIGCACHE_HASH_H_INCLUDED_
#define _BIGCACHE_HASH_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/*
 * Returns the hash of len bytes at data, never 0.  hash is 0, or the result
 * for the bytes before them.
 */
uint64_t bigcache_hash(uint64_t hash, const void *data, size_t len);


#endif /* _BIGCACHE_HASH_H_INCLUDED_ */
