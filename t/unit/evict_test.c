
/*
 * Copyright (C) bigcache contributors
 */


/*
 * min_free, on a file system that frees the space of a removed file later, and
 * while another process has removed segments open, or a client reads them.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE     /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "bigcache_cache.h"
#include "bigcache_dir.h"
#include "bigcache_time.h"
#include "store.h"
#include "tap.h"


#define MIB       (1024 * 1024)
#define SIZE      (200 * 1024)
#define PAGES     60                /* 12 MB */
#define LOOKS     4096


/* what the directory took, as statvfs() has seen it */

typedef struct {
    int64_t   at;                   /* monotonic ms */
    uint64_t  size;
} look_t;


static void test_late(void);
static void test_open(int answers, const char *what);
static void test_max_size(void);
static void fill(bigcache_store_t *store);
static unsigned there(bigcache_store_t *store);
static int wait_for_space(void);
static uint64_t used(void);
static void removed(void *data);
static int swept(void *data);


static char                      pages[96];
static _Atomic int               late;          /* ms, -1: the real numbers */
static _Atomic int               btrfs;         /* the file system says so */
static _Atomic int               closed;        /* by other processes */
static _Atomic unsigned          told, asked;   /* calls of the hooks */

static pthread_mutex_t           mutex = PTHREAD_MUTEX_INITIALIZER;
static look_t                    looks[LOOKS];
static unsigned                  nlooks;


int
main(void)
{
    atomic_store(&late, -1);

    usual_conf();

    conf.wait = 30000;
    conf.segment_size = MIB;
    conf.index.write_buffer = 64 * 1024;
    conf.hooks.removed = removed;
    conf.hooks.swept = swept;

    test_late();
    test_open(0, "a process that does not answer");
    test_open(1, "a client that reads");
    test_max_size();

    remove_dir(path);

    return done_testing();
}


/* of a disk of 16 MB 8 are for pages */

static void
test_late(void)
{
    unsigned           n;
    bigcache_store_t  *store;

    fresh();
    (void) snprintf(pages, sizeof(pages), "%s/pages", path);

    conf.min_free = 8 * MIB;
    atomic_store(&late, 1000);
    atomic_store(&btrfs, 1);
    atomic_store(&closed, 1);

    store = start();
    fill(store);

    ok(wait_for_space(), "late: min_free is free");
    ok(atomic_load(&asked) > 0, "late: other processes are waited for");

    n = there(store);
    ok(n >= 30, "late: %u pages of 8 MB are kept", n);

    stop(store);
    atomic_store(&late, -1);
    atomic_store(&btrfs, 0);
}


/* their space will not be free for long, so it must come from others */

static void
test_open(int answers, const char *what)
{
    int64_t            begun;
    bigcache_store_t  *store;

    fresh();
    (void) snprintf(pages, sizeof(pages), "%s/pages", path);

    atomic_store(&late, 600000);
    atomic_store(&closed, answers);
    atomic_store(&told, 0);

    store = start();
    fill(store);
    begun = bigcache_time_monotonic();

    while (atomic_load(&told) < 5
           && bigcache_time_monotonic() - begun < 30000)
    {
        (void) usleep(1000);
    }

    ok(atomic_load(&told) >= 5, "%s: other segments are evicted", what);

    stop(store);
    atomic_store(&late, -1);
}


static void
test_max_size(void)
{
    bigcache_store_t  *store;

    fresh();

    conf.min_free = 0;
    conf.max_size = 8 * MIB;
    atomic_store(&told, 0);
    atomic_store(&asked, 0);

    store = start();
    fill(store);

    ok(atomic_load(&told) > 0, "max_size: other processes are told");
    is_int(atomic_load(&asked), 0, "max_size: and not waited for");

    stop(store);
}


static void
fill(bigcache_store_t *store)
{
    char               key[16];
    unsigned           i, n;
    bigcache_put_t     put;
    bigcache_data_t    data;
    bigcache_stored_t  page;

    static u_char      body[SIZE];

    memset(body, 'x', SIZE);
    data = bigcache_data_bytes(body, SIZE);
    n = 0;

    for (i = 0; i < PAGES; i++) {
        (void) snprintf(key, sizeof(key), "%u", i);

        memset(&put, 0, sizeof(bigcache_put_t));
        put.key = str(key);
        put.kind = BIGCACHE_KIND_RAW;
        put.expire = BIGCACHE_NEVER;
        put.data = &data;
        put.n = 1;

        if (bigcache_store_put(store, &put, &page) == BIGCACHE_OK) {
            n++;
            bigcache_stored_free(&page);
        }
    }

    is_int(n, PAGES, "no page is refused");
}


static unsigned
there(bigcache_store_t *store)
{
    char               key[16];
    unsigned           i, n;
    bigcache_str_t     name;
    bigcache_stored_t  page;

    n = 0;

    for (i = 0; i < PAGES; i++) {
        (void) snprintf(key, sizeof(key), "%u", i);
        name = str(key);

        if (bigcache_store_get(store, &name, BIGCACHE_BODY_NONE, &page)
            == BIGCACHE_OK)
        {
            n++;
            bigcache_stored_free(&page);
        }
    }

    return n;
}


static int
wait_for_space(void)
{
    int64_t  deadline;

    deadline = bigcache_time_monotonic() + 30000;

    while (bigcache_dir_free(path) < conf.min_free) {

        if (bigcache_time_monotonic() > deadline) {
            return 0;
        }

        (void) usleep(1000);
    }

    return 1;
}


/* the most that the directory took in the last milliseconds */

static uint64_t
used(void)
{
    int64_t   now;
    uint64_t  size, most;
    unsigned  i, n;

    if (bigcache_dir_size(pages, &size) == -1) {
        size = 0;
    }

    (void) pthread_mutex_lock(&mutex);

    now = bigcache_time_monotonic();
    most = size;
    n = 0;

    for (i = 0; i < nlooks; i++) {

        if (now - looks[i].at > atomic_load(&late)) {
            continue;
        }

        if (looks[i].size > most) {
            most = looks[i].size;
        }

        looks[n++] = looks[i];
    }

    if (n < LOOKS) {
        looks[n].at = now;
        looks[n++].size = size;
    }

    nlooks = n;

    (void) pthread_mutex_unlock(&mutex);

    return most;
}


static void
removed(void *data)
{
    (void) data;

    (void) atomic_fetch_add(&told, 1);
}


static int
swept(void *data)
{
    (void) data;

    (void) atomic_fetch_add(&asked, 1);

    return atomic_load(&closed);
}


/* the linker uses these instead of the functions with the same names */

int
statvfs(const char *name, struct statvfs *fs)
{
    int       rc;
    uint64_t  most;
    int     (*next)(const char *, struct statvfs *);

    *(void **) &next = dlsym(RTLD_NEXT, "statvfs");

    rc = next(name, fs);

    if (rc == 0 && atomic_load(&late) != -1) {
        most = used();
        fs->f_bavail = (most < 16 * MIB ? 16 * MIB - most : 0) / fs->f_frsize;
    }

    return rc;
}


int
statfs(const char *name, struct statfs *fs)
{
    int    rc;
    int  (*next)(const char *, struct statfs *);

    *(void **) &next = dlsym(RTLD_NEXT, "statfs");

    rc = next(name, fs);

    if (rc == 0 && atomic_load(&btrfs)) {
        fs->f_type = 0x9123683e;
    }

    return rc;
}
