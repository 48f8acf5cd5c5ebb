
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Bytes on their way into the store: a piece is memory, or a range of an
 * open file.  A body is an array of pieces, one after the other; a large one
 * is never in memory as a whole.  The caller owns the pieces, their memory
 * and their files.  Files are read with pread(), so that threads may share
 * them.  All of it blocks on the disk.
 */


#ifndef _BIGCACHE_DATA_H_INCLUDED_
#define _BIGCACHE_DATA_H_INCLUDED_


#include <errno.h>
#include <stdint.h>
#include <sys/types.h>

#include "bigcache_str.h"


/* errno of a file that ends too early, and of nothing else */

#define BIGCACHE_DATA_ENDED  ENODATA


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
 * Copies n pieces to dst, which has room for all of them.  Returns 0, or -1
 * and errno: BIGCACHE_DATA_ENDED only where a file ends too early.
 */
int bigcache_data_read(u_char *dst, const bigcache_data_t *data, unsigned n);

/*
 * Writes n pieces to fd, from offset on, through a buffer of fixed size; crc
 * goes over them, if it is not NULL.  Returns 0, or -1 and errno, as above.
 */
int bigcache_data_write(int fd, off_t offset, const bigcache_data_t *data,
    unsigned n, uint32_t *crc);

/* CRC-32 of n pieces; the same */

int bigcache_data_crc(const bigcache_data_t *data, unsigned n,
    uint32_t *crc);


#endif /* _BIGCACHE_DATA_H_INCLUDED_ */
