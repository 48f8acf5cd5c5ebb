
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Pieces that are written by one call, with a system that writes only a part of
 * them at a time, or is interrupted.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "bigcache_data.h"
#include "tap.h"


#define ROOM   64
#define BEGIN  7


static void test_gather(size_t part);
static void test_failure(void);


static char      written[ROOM];
static size_t    most;              /* bytes of one call */
static unsigned  calls;
static unsigned  fails;             /* the call that does, 0: none */


int
main(void)
{
    size_t  part;

    for (part = 1; part < 20; part++) {
        test_gather(part);
    }

    test_failure();

    return done_testing();
}


static void
test_gather(size_t part)
{
    int              rc;
    bigcache_data_t  data[] = {
        bigcache_data_bytes((const u_char *) "", 0),
        bigcache_data_bytes((const u_char *) "abc", 3),
        bigcache_data_bytes((const u_char *) "d", 1),
        bigcache_data_bytes(NULL, 0),
        bigcache_data_bytes((const u_char *) "efghijk", 7),
        bigcache_data_bytes((const u_char *) "lm", 2),
        bigcache_data_bytes((const u_char *) "", 0)
    };

    memset(written, '.', ROOM);
    most = part;
    calls = 0;
    fails = 0;

    rc = bigcache_data_gather(3, BEGIN, data, sizeof(data) / sizeof(data[0]));

    is_int(rc, 0, "%zu bytes at a time", part);
    is_mem(written, BEGIN + 13 + 1, ".......abcdefghijklm.", BEGIN + 13 + 1,
           "all of them, in their order");

    rc = bigcache_data_gather(3, BEGIN, data, 1);

    is_int(rc, 0, "no bytes");
}


static void
test_failure(void)
{
    bigcache_data_t  data = bigcache_data_bytes((const u_char *) "abcdef", 6);

    most = 2;
    calls = 0;
    fails = 3;

    is_int(bigcache_data_gather(3, 0, &data, 1), -1, "the disk is full");
    is_int(errno, ENOSPC, "and says so");
}


/* the linker uses these; each call is interrupted once */

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
    int     i;
    size_t  len, size;

    (void) fd;

    calls++;

    if (calls == fails) {
        errno = ENOSPC;
        return -1;
    }

    if (calls % 2) {
        errno = EINTR;
        return -1;
    }

    len = 0;

    for (i = 0; i < n && len < most; i++) {

        size = iov[i].iov_len;

        if (size > most - len) {
            size = most - len;
        }

        if (size) {
            memcpy(written + offset + len, iov[i].iov_base, size);
            len += size;
        }
    }

    return (ssize_t) len;
}


ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off64_t offset)
{
    return pwritev(fd, iov, n, offset);
}
