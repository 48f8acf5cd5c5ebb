
/*
 * Copyright (C) bigcache contributors
 */


/* reading through a segment that the disk does not give in full */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>

#include "bigcache_data.h"
#include "bigcache_scan.h"
#include "tap.h"


#define BLOCK   4096
#define BLOCKS  200


static void test_bad_block(void);
static size_t entry(u_char *dst, const char *key, size_t len);
static bigcache_rc_t found(void *data, const bigcache_entry_t *entry,
    uint64_t offset, uint64_t size);


int
main(void)
{
    test_bad_block();

    return done_testing();
}


/*
 * A file that has the memory of this process in it gives EIO where nothing is
 * mapped, as a disk does for a block that it cannot read.
 */

static void
test_bad_block(void)
{
    int      fd;
    char     seen[64] = "";
    size_t   n;
    u_char  *memory, *low;

    /* low, since a segment is read from its beginning on */

    low = (u_char *) (256 * 1024);

    memory = mmap(low, BLOCKS * BLOCK, PROT_READ|PROT_WRITE,
                  MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE, -1, 0);

    fd = open("/proc/self/mem", O_RDONLY|O_CLOEXEC);

    if (memory != low || fd == -1) {
        skip("no memory to read through a file");
        return;
    }

    n = entry(memory, "one", 3000);
    (void) entry(memory + n, "two", 20000);
    (void) entry(memory + 100 * BLOCK, "three", 100);
    (void) entry(memory + 150 * BLOCK, "four", 100);

    /* within the second one, and then one whose head is lost */

    (void) munmap(memory + 2 * BLOCK, BLOCK);
    (void) munmap(memory + 100 * BLOCK, 3 * BLOCK);

    is_int(bigcache_scan(fd, 256 * 1024 + BLOCKS * BLOCK, found, seen),
           BIGCACHE_OK, "bad blocks are passed over");
    is_str(seen, "one two four ", "entries around them");

    (void) close(fd);
    is_int(bigcache_scan(fd, BLOCK, found, seen), BIGCACHE_ERROR,
           "no file at all");
    is_int(errno, EBADF, "errno");
}


static size_t
entry(u_char *dst, const char *key, size_t len)
{
    bigcache_entry_t  e;

    memset(&e, 0, sizeof(bigcache_entry_t));

    e.key.data = (u_char *) (uintptr_t) key;
    e.key.len = strlen(key);
    e.record.kind = BIGCACHE_KIND_RAW;
    e.record.length = len;
    e.record.unpacked = len;

    (void) bigcache_entry_encode(dst, &e);

    return (size_t) bigcache_entry_size(e.key.len, 0, len);
}


static bigcache_rc_t
found(void *data, const bigcache_entry_t *e, uint64_t offset, uint64_t size)
{
    char  *seen = data;

    (void) offset;
    (void) size;

    (void) strncat(seen, (char *) e->key.data, e->key.len);
    (void) strcat(seen, " ");

    return BIGCACHE_OK;
}
