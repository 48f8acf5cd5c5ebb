
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store, while a sync of its writes fails.  The kernel reports a failure
 * once.  A later sync of the same file succeeds, although what could not be
 * written is lost.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_core.h"
#include "bigcache_index.h"
#include "bigcache_keeper.h"
#include "bigcache_purge.h"
#include "bigcache_record.h"
#include "bigcache_store.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"
#include "store.h"
#include "tap.h"


#define SEGMENT   (1024 * 1024)
#define PAGE      (100 * 1000)
#define PAGES     30
#define SEGMENTS  4                    /* segments of these, at least */


static void test_segments(void);
static void test_not_tried(void);
static void test_known(void);
static void test_logs(void);
static void test_purged(void);
static void test_carried(void);
static void *round_thread(void *data);
static uint64_t stored(bigcache_store_t *store, unsigned *n);
static long long carried(bigcache_store_t *store, unsigned n);
static void *sync_thread(void *data);
static void fill(bigcache_store_t *store);
static int full(bigcache_store_t *store);
static int synced(bigcache_store_t *store);
static int moved(bigcache_store_t *store);
static int eventually(bigcache_store_t *store,
    int (*check)(bigcache_store_t *store));
static int named(int fd, const char *suffix, char *name);
static bigcache_rc_t put(bigcache_store_t *store, unsigned n);
static int has(bigcache_store_t *store, unsigned n);
static bigcache_str_t key_of(unsigned n, char *buf);


/* the calls that must fail, and the calls that were made */

static _Atomic int              segments_fail, logs_fail, opens_fail;
static _Atomic int              logs_held;
static _Atomic unsigned         logs_done, logs_waiting;

static char                     failed[SEGMENTS][512];
static _Atomic unsigned         nfailed;    /* different segments */
static bigcache_shared_t  shared;


int
fdatasync(int fd)
{
    char      name[512];
    unsigned  n;

    int (*next)(int);

    *(void **) &next = dlsym(RTLD_NEXT, "fdatasync");

    if (named(fd, ".seg", name) && atomic_fetch_sub(&segments_fail, 1) > 0) {

        n = atomic_fetch_add(&nfailed, 1);
        (void) strcpy(failed[n % SEGMENTS], name);

        errno = EIO;
        return -1;
    }

    if (!named(fd, ".log", name)) {
        return next(fd);
    }

    if (atomic_fetch_sub(&logs_fail, 1) > 0) {
        errno = EIO;
        return -1;
    }

    (void) atomic_fetch_add(&logs_waiting, 1);

    while (atomic_load(&logs_held)) {
        (void) usleep(1000);
    }

    (void) atomic_fetch_sub(&logs_waiting, 1);
    (void) atomic_fetch_add(&logs_done, 1);

    return next(fd);
}


int
open(const char *name, int flags, ...)
{
    int      mode;
    size_t   len;
    va_list  args;

    int (*next)(const char *, int, ...);

    *(void **) &next = dlsym(RTLD_NEXT, "open");

    va_start(args, flags);
    mode = (flags & O_CREAT) ? va_arg(args, int) : 0;
    va_end(args);

    len = strlen(name);

    /* opened like for a sync */

    if ((flags & O_ACCMODE) == O_RDONLY
        && (flags & O_NONBLOCK)
        && len > 4
        && strcmp(name + len - 4, ".seg") == 0
        && atomic_fetch_sub(&opens_fail, 1) > 0)
    {
        errno = EMFILE;
        return -1;
    }

    return next(name, flags, mode);
}


int
main(void)
{
    usual_conf();
    conf.wait = 5000;
    conf.sync = 20;
    conf.segment_size = SEGMENT;
    conf.shared = &shared;

    test_segments();
    test_not_tried();
    test_known();
    test_logs();
    test_purged();
    test_carried();

    remove_dir(path);

    return done_testing();
}


/*
 * if more than one segment cannot be synced, neither prevents the other's
 * removal
 */

static void
test_segments(void)
{
    bigcache_store_t  *store;

    fresh();
    atomic_store(&nfailed, 0);
    store = start();

    atomic_store(&segments_fail, 2);
    fill(store);

    ok(eventually(store, synced), "all is synced in the end");
    ok(atomic_load(&segments_fail) <= 0, "two segments were not");

    is_int(atomic_load(&nfailed), 2, "two are known");
    ok(eventually(store, moved), "both are gone");
    ok(full(store), "the pages were moved");

    stop(store);
}


/* a file that could not be opened is not suspicious */

static void
test_not_tried(void)
{
    bigcache_store_t  *store;

    fresh();
    atomic_store(&nfailed, 0);
    store = start();

    atomic_store(&opens_fail, 3);
    fill(store);

    ok(eventually(store, synced), "a sync that was not tried is tried again");
    ok(atomic_load(&opens_fail) <= 0, "three were not");
    is_int(atomic_load(&shared.moved), 0, "no page is moved for that");
    ok(atomic_load(&shared.sync_failures) > 0, "they are counted");

    stop(store);
}


/* the next owner knows what could not be synced before */

static void
test_known(void)
{
    bigcache_store_t  *store;

    fresh();
    atomic_store(&nfailed, 0);

    conf.sync = 0;
    store = start();
    fill(store);

    /* only a close makes rounds now, and the disk works again */

    atomic_store(&segments_fail, SEGMENTS);
    stop(store);
    ok(atomic_load(&nfailed) > 0, "segments could not be synced");

    atomic_store(&segments_fail, 0);
    conf.sync = 20;

    store = start();

    ok(eventually(store, moved), "%u are emptied after another opening",
       atomic_load(&nfailed));
    ok(eventually(store, synced), "then all is synced");
    ok(full(store), "the pages are there");

    stop(store);
}


/* a second sync of the log that succeeds does not count as one */

static void
test_logs(void)
{
    char               name[16];
    uint64_t           openings;
    bigcache_rc_t      rc;
    bigcache_str_t     key;
    bigcache_store_t  *store;

    fresh();
    atomic_store(&nfailed, 0);
    conf.sync = 0;
    store = start();
    fill(store);

    openings = atomic_load(&shared.openings);
    key = key_of(3, name);

    is_int(bigcache_store_delete(store, &key, 0, 0), BIGCACHE_OK, "removed");

    atomic_store(&logs_fail, 1);
    is_int(bigcache_store_sync(store), BIGCACHE_ERROR, "not synced");

    do {
        rc = bigcache_store_sync(store);

        /* as long as it is the same opening */

        if (rc == BIGCACHE_OK) {
            break;
        }

        (void) usleep(1000);

    } while (1);

    ok(atomic_load(&shared.openings) > openings,
       "synced only when the index was opened anew");
    ok(!has(store, 3), "and it is gone");

    stop(store);
    conf.sync = 20;
}


/* a record written during a round does not know how the round ends */

static void
test_carried(void)
{
    unsigned           i;
    uint64_t           versions[5];
    pthread_t          round;
    bigcache_store_t  *store;

    fresh();
    atomic_store(&nfailed, 0);
    conf.sync = 0;
    store = start();

    versions[0] = stored(store, &i);
    is_int(bigcache_sync_all(store), BIGCACHE_OK, "the first is durable");
    versions[1] = stored(store, &i);
    is_int(i, 1, "over a durable one: that");

    /* a round that has passed the keys, and does not end */

    atomic_store(&logs_held, 1);
    (void) pthread_create(&round, NULL, round_thread, store);

    while (atomic_load(&logs_waiting) == 0) {
        (void) usleep(1000);
    }

    versions[2] = stored(store, &i);
    is_int(i, 2, "while the round is under way: two");
    is_int(carried(store, 1), versions[1], "the one of the round");
    is_int(carried(store, 2), versions[0], "and the durable one");

    versions[3] = stored(store, &i);
    is_int(i, 2, "and once more: two");
    is_int(carried(store, 1), versions[1], "the same one of the round");
    is_int(carried(store, 2), versions[0], "and the durable one");

    atomic_store(&logs_held, 0);
    (void) pthread_join(round, NULL);

    versions[4] = stored(store, &i);
    is_int(i, 1, "when the round has ended: one");
    is_int(carried(store, 1), versions[1], "that of the round");

    /* a round that fails proves nothing */

    is_int(bigcache_sync_all(store), BIGCACHE_OK, "all are durable");
    versions[0] = stored(store, &i);
    is_int(carried(store, 1), versions[4], "the last one before it");

    atomic_store(&opens_fail, 1);
    atomic_store(&logs_held, 1);
    (void) pthread_create(&round, NULL, round_thread, store);

    while (atomic_load(&logs_waiting) == 0) {
        (void) usleep(1000);
    }

    versions[1] = stored(store, &i);
    is_int(i, 2, "while the next is under way: two");
    atomic_store(&logs_held, 0);
    (void) pthread_join(round, NULL);

    versions[2] = stored(store, &i);
    is_int(i, 2, "when it has failed: both, still");
    is_int(carried(store, 1), versions[0], "the one that may be durable");
    is_int(carried(store, 2), versions[4], "and the one that is");

    stop(store);
    conf.sync = 20;
}


static void *
round_thread(void *data)
{
    (void) bigcache_sync_all(data);

    return NULL;
}


/* stores page 0; returns its version, and how many records it carries */

static uint64_t
stored(bigcache_store_t *store, unsigned *n)
{
    (void) put(store, 0);

    for (*n = 0; carried(store, *n + 1); (*n)++) { /* void */ }

    return (uint64_t) carried(store, 0);
}


/* returns the version of record n that the one of page 0 carries, or 0 */

static long long
carried(bigcache_store_t *store, unsigned n)
{
    char               name[16], error[BIGCACHE_ERROR_LEN];
    uint64_t           version;
    bigcache_str_t     key, value, bytes;
    bigcache_record_t  record;

    key = key_of(0, name);

    if (bigcache_index_get(store->index, BIGCACHE_NAMES_KEY, &key, &value,
                           error)
        != BIGCACHE_OK)
    {
        return 0;
    }

    bytes = value;
    version = 0;

    while (bytes.len
           && bigcache_record_decode(&record, bytes.data, bytes.len) == 0)
    {
        if (n-- == 0) {
            version = record.version;
            break;
        }

        bytes = record.previous;
    }

    bigcache_index_free(&value);

    return (long long) version;
}


/* a purged page is gone for good when its removal is durable */

static void
test_purged(void)
{
    void              *done;
    char               name[16];
    unsigned           i;
    pthread_t          purger, remover;
    bigcache_str_t     key;
    bigcache_store_t  *store;

    fresh();
    atomic_store(&nfailed, 0);
    conf.sync = 0;
    store = start();
    fill(store);
    (void) bigcache_store_sync(store);

    key = key_of(7, name);

    atomic_store(&logs_held, 1);
    atomic_store(&logs_done, 0);

    (void) pthread_create(&purger, NULL, sync_thread, store);

    for (i = 0; i < 5000 && has(store, 7); i++) {
        (void) usleep(1000);
    }

    ok(!has(store, 7), "purged, which is not synced");
    is_int(bigcache_store_delete(store, &key, 0, 0), BIGCACHE_MISS,
           "nothing to remove");

    /* if it waits, the sync has an effect when it returns */

    (void) pthread_create(&remover, NULL, sync_thread, NULL);
    is_int(bigcache_store_sync(store), BIGCACHE_OK, "it waits for a sync");
    ok(atomic_load(&logs_done) > 0, "the sync had ended by then");

    (void) pthread_join(remover, &done);
    (void) pthread_join(purger, &done);

    stop(store);
    conf.sync = 20;
}


/* purges all; or without a store, lets the syncs continue */

static void *
sync_thread(void *data)
{
    uint64_t        version;
    bigcache_str_t  all;

    if (data == NULL) {
        (void) usleep(200 * 1000);
        atomic_store(&logs_held, 0);

        return NULL;
    }

    all.data = (const u_char *) "";
    all.len = 0;

    (void) bigcache_purge(data, keys_with(&all), 1, 0, &version);

    return NULL;
}


static void
fill(bigcache_store_t *store)
{
    unsigned  i, stored;

    stored = 0;

    for (i = 0; i < PAGES; i++) {
        stored += (put(store, i) == BIGCACHE_OK);
    }

    is_int(stored, PAGES, "stored");
}


static int
full(bigcache_store_t *store)
{
    unsigned  i, n;

    for (i = 0, n = 0; i < PAGES; i++) {
        n += (unsigned) has(store, i);
    }

    return n == PAGES;
}


static int
synced(bigcache_store_t *store)
{
    (void) store;

    return bigcache_unsynced_age(&shared.unsynced) == 0;
}


static int
moved(bigcache_store_t *store)
{
    unsigned  i;

    (void) store;

    for (i = 0; i < atomic_load(&nfailed); i++) {
        if (access(failed[i % SEGMENTS], F_OK) == 0) {
            return 0;
        }
    }

    return 1;
}


static int
eventually(bigcache_store_t *store, int (*check)(bigcache_store_t *store))
{
    unsigned  i;

    for (i = 0; i < 3000 && !check(store); i++) {
        (void) usleep(10000);
    }

    return check(store);
}


/* returns 1 if fd is a file whose name ends so; name must have 512 bytes */

static int
named(int fd, const char *suffix, char *name)
{
    char     link[64];
    size_t   len;
    ssize_t  n;

    (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

    n = readlink(link, name, 511);
    if (n == -1) {
        return 0;
    }

    name[n] = '\0';
    len = strlen(suffix);

    return (size_t) n > len && strcmp(name + (size_t) n - len, suffix) == 0;
}


static bigcache_rc_t
put(bigcache_store_t *store, unsigned n)
{
    char               name[16];
    static u_char      body[PAGE];
    bigcache_rc_t      rc;
    bigcache_put_t     p;
    bigcache_data_t    data;
    bigcache_stored_t  page;

    memset(&p, 0, sizeof(bigcache_put_t));
    memset(body, (int) n, PAGE);

    data = bigcache_data_bytes(body, PAGE);

    p.key = key_of(n, name);
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = BIGCACHE_NEVER;
    p.data = &data;
    p.n = 1;

    rc = bigcache_store_put(store, &p, &page);
    bigcache_stored_free(&page);

    return rc;
}


static int
has(bigcache_store_t *store, unsigned n)
{
    int                same;
    char               name[16];
    static u_char      body[PAGE], wanted[PAGE];
    bigcache_str_t     key;
    bigcache_data_t    data;
    bigcache_stored_t  page;

    key = key_of(n, name);

    if (bigcache_store_get(store, &key, 1, &page) != BIGCACHE_OK) {
        return 0;
    }

    memset(wanted, (int) n, PAGE);

    if (page.fd == -1) {
        data = bigcache_data_bytes(page.record.body.data,
                                   page.record.body.len);
    } else {
        data = bigcache_data_range(page.fd, page.offset, page.record.length);
    }

    same = (page.record.length == PAGE
            && bigcache_data_read(body, &data, 1) == 0
            && memcmp(body, wanted, PAGE) == 0);

    bigcache_stored_free(&page);

    return same;
}


static bigcache_str_t
key_of(unsigned n, char *buf)
{
    bigcache_str_t  key;

    key.data = (u_char *) buf;
    key.len = (size_t) sprintf(buf, "key/%u", n);

    return key;
}
