
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The counters of a store, in shared memory: one set for all processes, from
 * the start of nginx to its end.  The module owns the memory and hands it
 * in zeroed.  Any process and any thread may count and read.  Each number is
 * exact; two numbers that are read one after the other may be a moment apart.
 */


#ifndef _BIGCACHE_COUNTERS_H_INCLUDED_
#define _BIGCACHE_COUNTERS_H_INCLUDED_


#include <stdint.h>
#include <stddef.h>
#include <stdatomic.h>


typedef struct {
    _Atomic uint64_t   hit;
    _Atomic uint64_t   miss;
    _Atomic uint64_t   expire;
    _Atomic uint64_t   deleted;
    _Atomic uint64_t   swept;     /* of expire: without a request for them */
} bigcache_counters_t;


/* bytes that bigcache_counters_rate() writes, with the zero at the end */

#define BIGCACHE_COUNTERS_RATE_LEN  sizeof("100.00%")


/* prints hit / (hit + miss) as "33.33%", "0.00%" if both are zero */

void bigcache_counters_rate(char *dst, uint64_t hit, uint64_t miss);


#endif /* _BIGCACHE_COUNTERS_H_INCLUDED_ */
