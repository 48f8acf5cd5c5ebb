
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What a cache holds, in numbers.
 */


#ifndef _BIGCACHE_STAT_H_INCLUDED_
#define _BIGCACHE_STAT_H_INCLUDED_


#include <stdint.h>


typedef struct {
    uint64_t                keys;
    uint64_t                segments;
    uint64_t                bytes;    /* in segments */
    uint64_t                live;     /* of them */
    uint64_t                disk_free;  /* UINT64_MAX: not known */
    unsigned                counted:1;  /* keys and live are known */
} bigcache_stat_t;


#endif /* _BIGCACHE_STAT_H_INCLUDED_ */
