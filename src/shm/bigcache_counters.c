
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Prints the rate of hits.
 */


#include <stdio.h>

#include "bigcache_counters.h"


void
bigcache_counters_rate(char *dst, uint64_t hit, uint64_t miss)
{
    double  rate;

    rate = 0;

    if (hit) {
        rate = 100.0 * (double) hit / ((double) hit + (double) miss);
    }

    (void) snprintf(dst, BIGCACHE_COUNTERS_RATE_LEN, "%.2f%%", rate);
}
