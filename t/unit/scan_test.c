
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Reading through a segment that the disk does not return in full, and while a
 * thread waits for the store.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bigcache_data.h"
#include "bigcache_keeper.h"
#include "bigcache_scan.h"
#include "bigcache_store.h"
#include "bigcache_time.h"
#include "dir.h"
#include "tap.h"


#define BLOCK   4096
#define BLOCKS  200

#define MB      (1024 * 1024)

/* bytes that may be read while a thread waits */

#define FEW     (2 * MB)


static void test_bad_block(void);
static void test_ended(void);
static void test_stop(void);
static void test_stop_compaction(void);
static bigcache_rc_t put(bigcache_store_t *store, const char *name,
    size_t len);
static int holds(bigcache_store_t *store, const char *name, size_t len);
static void log_handler(void *data, int level, const char *text);
static size_t entry(u_char *dst, const char *key, size_t len);
static bigcache_rc_t found(void *data, const bigcache_entry_t *entry,
    uint64_t offset, uint64_t size);


static char                path[64];

/*
 * When this many bytes are left to read, a thread begins to wait: it sets
 * "stop", or makes the store resign.
 */
static _Atomic int64_t     left = INT64_MAX;
static _Atomic int64_t     late;           /* bytes that were read then */
static _Atomic int         stop, gone;
static _Atomic int         no_data;        /* reads fail by ENODATA */
static bigcache_store_t   *waited;


int
main(void)
{
    test_bad_block();
    test_stop();
    test_ended();
    test_stop_compaction();

    return done_testing();
}


/*
 * A file that shows the memory of this process gives EIO where nothing is
 * mapped, as a disk does for a block that it cannot read.
 */

static void
test_bad_block(void)
{
    int      fd;
    char     seen[64] = "";
    size_t   n;
    u_char  *memory, *low;

    /* a low address, since a segment is read from its beginning */

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

    /* a bad block within the second entry, and then the header of the third */

    (void) munmap(memory + 2 * BLOCK, BLOCK);
    (void) munmap(memory + 100 * BLOCK, 3 * BLOCK);

    is_int(bigcache_scan(fd, 256 * 1024 + BLOCKS * BLOCK, found, seen,
                         NULL),
           BIGCACHE_OK, "bad blocks are passed over");
    is_str(seen, "one two four ", "entries around them");

    (void) close(fd);
    is_int(bigcache_scan(fd, BLOCK, found, seen, NULL), BIGCACHE_ERROR,
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

    (void) bigcache_segment_encode(dst, &e);

    return (size_t) bigcache_segment_entry_size(e.key.len, &e.record);
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


static void
test_stop(void)
{
    int   fd;
    char  seen[64] = "";

    make_dir(path);

    /* nothing is written there, so there is no entry in all of it */

    fd = open(path, O_RDWR|O_TMPFILE|O_CLOEXEC, 0600);

    if (fd == -1 || ftruncate(fd, 64 * MB) == -1) {
        perror("ftruncate");
        exit(2);
    }

    atomic_store(&left, MB);

    is_int(bigcache_scan(fd, 64 * MB, found, seen, &stop),
           BIGCACHE_UNAVAILABLE, "a scan is stopped");
    ok(atomic_load(&late) <= FEW, "%lld bytes later",
       (long long) atomic_load(&late));

    atomic_store(&left, INT64_MAX);
    atomic_store(&stop, 0);

    is_int(bigcache_scan(fd, 64 * MB, found, seen, &stop), BIGCACHE_OK,
           "a scan is not stopped");
    is_str(seen, "", "nothing is found");

    (void) close(fd);
}


/* a block without data on the disk is not the end of the file */

static void
test_ended(void)
{
    int              fd;
    u_char           buf[BLOCK];
    uint32_t         crc;
    bigcache_data_t  data;

    fd = open(path, O_RDWR|O_TMPFILE|O_CLOEXEC, 0600);

    if (fd == -1 || ftruncate(fd, BLOCK) == -1) {
        perror("ftruncate");
        exit(2);
    }

    crc = 0;
    data = bigcache_data_range(fd, 0, BLOCK);

    is_int(bigcache_data_read(buf, &data, 1), 0, "a block is read");

    atomic_store(&no_data, 1);

    is_int(bigcache_data_read(buf, &data, 1), -1, "it cannot be read");
    is_int(errno, EIO, "which may pass");
    is_int(bigcache_data_crc(&data, 1, &crc), -1, "nor checked");
    is_int(errno, EIO, "for the same");

    atomic_store(&no_data, 0);

    data = bigcache_data_range(fd, BLOCK / 2, BLOCK);

    is_int(bigcache_data_read(buf, &data, 1), -1, "one that is cut off");
    is_int(errno, ENODATA, "which stays so");

    (void) close(fd);
}


/* a page of 12 MB is being moved */

static void
test_stop_compaction(void)
{
    int64_t                end;
    bigcache_str_t         key;
    bigcache_store_t      *store;
    bigcache_store_conf_t  conf;

    memset(&conf, 0, sizeof(bigcache_store_conf_t));

    conf.path = path;
    conf.wait = 20000;
    conf.index.block_cache = MB;
    conf.index.write_buffer = MB;
    conf.segment_size = 40 * MB;
    conf.gzip_min = SIZE_MAX;
    conf.log.handler = log_handler;

    store = bigcache_store_create(&conf);
    (void) bigcache_keeper_start(store);

    is_int(put(store, "stays", 12 * MB), BIGCACHE_OK, "a page");
    is_int(put(store, "goes", 20 * MB), BIGCACHE_OK, "a larger one");

    /* the segment is too full for more pages */

    bigcache_keeper_stop(store);
    bigcache_store_destroy(store);

    store = bigcache_store_create(&conf);
    (void) bigcache_keeper_start(store);

    ok(holds(store, "stays", 12 * MB), "the page is there");

    key.data = (u_char *) "goes";
    key.len = 4;

    waited = store;
    atomic_store(&late, 0);
    atomic_store(&left, MB);

    is_int(bigcache_store_delete(store, &key, BIGCACHE_EXPECT_ANY, 0),
           BIGCACHE_OK, "the larger one goes");

    end = bigcache_time_monotonic() + 20000;

    while (!atomic_load(&gone) && bigcache_time_monotonic() < end) {
        (void) usleep(1000);
    }

    ok(atomic_load(&gone), "a compaction makes way");
    ok(atomic_load(&late) <= FEW, "%lld bytes later",
       (long long) atomic_load(&late));

    ok(holds(store, "stays", 12 * MB), "the page is still there");

    bigcache_keeper_stop(store);
    bigcache_store_destroy(store);

    remove_dir(path);
}


/* reads of the library pass through here */

ssize_t
pread(int fd, void *buf, size_t n, off_t offset)
{
    ssize_t  done;
    int64_t  before;

    if (atomic_load(&no_data)) {
        errno = ENODATA;
        return -1;
    }

    done = syscall(SYS_pread64, fd, buf, n, offset);

    if (done <= 0 || atomic_load(&left) == INT64_MAX || atomic_load(&gone)) {
        return done;
    }

    before = atomic_fetch_sub(&left, (int64_t) done);

    if (before <= 0) {
        (void) atomic_fetch_add(&late, (int64_t) done);

    } else if (before <= (int64_t) done) {

        atomic_store(&stop, 1);

        if (waited) {
            bigcache_store_resign(waited);
        }
    }

    return done;
}


static bigcache_rc_t
put(bigcache_store_t *store, const char *name, size_t len)
{
    u_char             *body;
    bigcache_rc_t       rc;
    bigcache_put_t      p;
    bigcache_data_t     data;
    bigcache_stored_t   page;

    body = malloc(len);
    if (body == NULL) {
        return BIGCACHE_NOMEM;
    }

    memset(body, name[0], len);
    memset(&p, 0, sizeof(bigcache_put_t));

    data = bigcache_data_bytes(body, len);

    p.key.data = (u_char *) (uintptr_t) name;
    p.key.len = strlen(name);
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = BIGCACHE_NEVER;
    p.data = &data;
    p.n = 1;

    rc = bigcache_store_put(store, &p, &page);

    bigcache_stored_free(&page);
    free(body);

    return rc;
}


static int
holds(bigcache_store_t *store, const char *name, size_t len)
{
    int                rc;
    u_char             last;
    bigcache_str_t     key;
    bigcache_stored_t  page;

    key.data = (u_char *) (uintptr_t) name;
    key.len = strlen(name);

    if (bigcache_store_get(store, &key, 1, &page) != BIGCACHE_OK) {
        return 0;
    }

    last = 0;

    rc = page.record.length == len
         && page.fd != -1
         && syscall(SYS_pread64, page.fd, &last, 1,
                    page.offset + (off_t) len - 1)
            == 1
         && last == (u_char) name[0];

    bigcache_stored_free(&page);

    return rc;
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    if (strstr(text, "handed over")) {
        atomic_store(&gone, 1);
    }

    if (level < BIGCACHE_LOG_NOTICE) {
        ok(0, "the log has: %s", text);
    }
}
