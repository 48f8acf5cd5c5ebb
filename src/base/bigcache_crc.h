
/*
 * Copyright (C) bigcache contributors
 */


/* CRC-32 as in gzip and ISO 3309, by libdeflate.  Pure; any thread. */


#ifndef _BIGCACHE_CRC_H_INCLUDED_
#define _BIGCACHE_CRC_H_INCLUDED_


#include <stdint.h>
#include <sys/types.h>


/* crc is 0, or the result for the bytes before */

uint32_t bigcache_crc(uint32_t crc, const u_char *data, size_t len);


#endif /* _BIGCACHE_CRC_H_INCLUDED_ */
