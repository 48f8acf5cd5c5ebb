
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Whether a part of a file is in the page cache, as a kernel says that counts
 * its pages, and as one does that cannot.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bigcache_resident.h"
#include "tap.h"


#define SIZE  65536


static int file(void);


static uint64_t  pages;             /* that the kernel says are there */
static unsigned  calls;
static int       fails;


int
main(void)
{
    int   fd;
    long  page;

    fd = file();
    page = sysconf(_SC_PAGESIZE);

    pages = 3;

    ok(bigcache_resident(fd, 0, (size_t) (3 * page)), "all pages are there");
    ok(!bigcache_resident(fd, 0, (size_t) (3 * page + 1)),
       "a byte is in one page more");
    ok(bigcache_resident(fd, 1, (size_t) (3 * page - 1)),
       "a part that does not begin with a page");
    ok(!bigcache_resident(fd, page - 1, (size_t) (2 * page + 2)),
       "a byte of the first page, and one of the last");
    ok(bigcache_resident(fd, page - 1, (size_t) (2 * page + 1)),
       "a byte of the first page only");

    pages = 0;

    ok(!bigcache_resident(fd, 5, 1), "no page is there");

    fails = 1;
    calls = 0;

    ok(bigcache_resident(fd, 100, SIZE - 200),
       "the kernel cannot count, but the file was just written");
    ok(!bigcache_resident(fd, SIZE, 100), "nothing is behind its end");
    ok(bigcache_resident(fd, 0, SIZE), "all of it");
    ok(calls == 1, "the kernel is not asked again");

    (void) close(fd);

    return done_testing();
}


/* the kernel */

long
syscall(long number, ...)
{
    va_list    args;
    uint64_t  *stat;

    va_start(args, number);
    (void) va_arg(args, int);
    (void) va_arg(args, void *);
    stat = va_arg(args, void *);
    va_end(args);

    calls++;

    if (fails) {
        errno = ENOSYS;
        return -1;
    }

    stat[0] = pages;

    return 0;
}


static int
file(void)
{
    int          fd;
    static char  bytes[SIZE];
    char         name[] = "/tmp/bigcache-resident-XXXXXX";

    fd = mkstemp(name);

    if (fd == -1 || unlink(name) == -1
        || write(fd, bytes, SIZE) != (ssize_t) SIZE)
    {
        perror(name);
        exit(1);
    }

    return fd;
}
