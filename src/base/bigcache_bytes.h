
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Integers in the byte order of the files, which is little-endian on all
 * machines.  Pure functions; any thread.
 */


#ifndef _BIGCACHE_BYTES_H_INCLUDED_
#define _BIGCACHE_BYTES_H_INCLUDED_


#include <stdint.h>
#include <string.h>
#include <endian.h>
#include <sys/types.h>


static inline u_char *
bigcache_put16(u_char *p, uint16_t n)
{
    n = htole16(n);

    return (u_char *) memcpy(p, &n, sizeof(n)) + sizeof(n);
}


static inline u_char *
bigcache_put32(u_char *p, uint32_t n)
{
    n = htole32(n);

    return (u_char *) memcpy(p, &n, sizeof(n)) + sizeof(n);
}


static inline u_char *
bigcache_put64(u_char *p, uint64_t n)
{
    n = htole64(n);

    return (u_char *) memcpy(p, &n, sizeof(n)) + sizeof(n);
}


static inline uint16_t
bigcache_get16(const u_char *p)
{
    uint16_t  n;

    memcpy(&n, p, sizeof(n));

    return le16toh(n);
}


static inline uint32_t
bigcache_get32(const u_char *p)
{
    uint32_t  n;

    memcpy(&n, p, sizeof(n));

    return le32toh(n);
}


static inline uint64_t
bigcache_get64(const u_char *p)
{
    uint64_t  n;

    memcpy(&n, p, sizeof(n));

    return le64toh(n);
}


#endif /* _BIGCACHE_BYTES_H_INCLUDED_ */
