
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Bytes on their way into the store.  A piece is memory, or a range of an open
 * file.  A body is an array of pieces; a large one is never in memory as a
 * whole.  The caller owns the pieces, their memory and their files.  Files are
 * read with pread(), so threads may share them.  All calls block on the disk.
 */


#ifndef _BIGCACHE_DATA_H_INCLUDED_
#define _BIGCACHE_DATA_H_INCLUDED_


#include <errno.h>
#include <stdint.h>
#include <sys/types.h>

#include "bigcache_str.h"


/* errno for a file that ends too early, and for nothing else */

#define BIGCACHE_DATA_ENDED   ENODATA

#define BIGCACHE_DATA_GATHER  8


typedef struct {
    int              fd;        /* -1: the piece is bytes */
    off_t            offset;    /* in fd */
    uint64_t         length;    /* in fd, bytes */
    bigcache_str_t   bytes;
} bigcache_data_t;


/* makes a piece of memory, of len bytes at data */

bigcache_data_t bigcache_data_bytes(const u_char *data, size_t len);

/* makes a piece of an open file, of length bytes from offset on */

bigcache_data_t bigcache_data_range(int fd, off_t offset, uint64_t length);

/* returns the bytes of n pieces */

uint64_t bigcache_data_length(const bigcache_data_t *data, unsigned n);

/*
 * Copies n pieces to dst, which must have room for all of them.  Returns 0, or
 * -1 and errno: BIGCACHE_DATA_ENDED only if a file ends too early.
 */
int bigcache_data_read(u_char *dst, const bigcache_data_t *data, unsigned n);

/*
 * Writes n pieces to fd, from offset on, through a buffer of fixed size.  Also
 * updates *crc, unless crc is NULL.  Returns 0, or -1 and errno, as above.
 */
int bigcache_data_write(int fd, off_t offset, const bigcache_data_t *data,
    unsigned n, uint32_t *crc);

/*
 * Writes n pieces of memory, BIGCACHE_DATA_GATHER of them at most, to fd, from
 * offset on, by one call of the system unless that writes a part.  Returns 0,
 * or -1 and errno.
 */
int bigcache_data_gather(int fd, off_t offset, const bigcache_data_t *data,
    unsigned n);

/* updates *crc with the CRC-32 of n pieces; returns the same */

int bigcache_data_crc(const bigcache_data_t *data, unsigned n,
    uint32_t *crc);


#endif /* _BIGCACHE_DATA_H_INCLUDED_ */
