
/*
 * Copyright (C) bigcache contributors
 */


/*
 * How much memory this process may have: that of the machine, or what its
 * control group leaves of it.
 */


#ifndef _BIGCACHE_MEMORY_H_INCLUDED_
#define _BIGCACHE_MEMORY_H_INCLUDED_


#include <stdint.h>


/* returns the memory of the machine in bytes, or 0 if that is not known */

uint64_t bigcache_memory_machine(void);

/*
 * Returns the least of "machine", and of the limits of the control group of
 * this process and of the groups above it, in versions 1 and 2.  The files in
 * /proc and /sys are those below the directory root, "" for the real ones.
 */
uint64_t bigcache_memory(const char *root, uint64_t machine);


#endif /* _BIGCACHE_MEMORY_H_INCLUDED_ */
