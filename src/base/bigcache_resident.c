
/*
 * Copyright (C) bigcache contributors
 */


/* asks the kernel which pages of a file it has */


#define _GNU_SOURCE

#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "bigcache_resident.h"


/* the number is that of all machines but Alpha; glibc has no function for it */

#ifndef SYS_cachestat
#define SYS_cachestat  451
#endif


typedef struct {
    uint64_t   offset;
    uint64_t   len;
} bigcache_resident_range_t;

typedef struct {
    uint64_t   pages;
    uint64_t   dirty;
    uint64_t   writeback;
    uint64_t   evicted;
    uint64_t   recently_evicted;
} bigcache_resident_stat_t;


static int bigcache_resident_byte(int fd, off_t offset);


/* the system call failed once, and so does each time */

static atomic_int  bigcache_resident_unknown;


int
bigcache_resident(int fd, off_t offset, size_t len)
{
    off_t                      page, first, last;
    bigcache_resident_stat_t   stat;
    bigcache_resident_range_t  range;

    if (atomic_load_explicit(&bigcache_resident_unknown,
                             memory_order_relaxed))
    {
        return bigcache_resident_byte(fd, offset + (off_t) (len / 2));
    }

    range.offset = (uint64_t) offset;
    range.len = len;

    if (syscall(SYS_cachestat, fd, &range, &stat, 0) == -1) {
        atomic_store(&bigcache_resident_unknown, 1);
        return bigcache_resident_byte(fd, offset + (off_t) (len / 2));
    }

    page = (off_t) sysconf(_SC_PAGESIZE);
    first = offset / page;
    last = (offset + (off_t) len - 1) / page;

    return stat.pages >= (uint64_t) (last - first + 1);
}


static int
bigcache_resident_byte(int fd, off_t offset)
{
    char          byte;
    struct iovec  iov;

    iov.iov_base = &byte;
    iov.iov_len = 1;

    return preadv2(fd, &iov, 1, offset, RWF_NOWAIT) == 1;
}
