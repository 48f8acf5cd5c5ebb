
/*
 * Copyright (C) bigcache contributors
 */


/* the store as its users see it, without nginx, in a separate directory */


#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bigcache_bytes.h"
#include "bigcache_close.h"
#include "bigcache_gzip.h"
#include "bigcache_index.h"
#include "bigcache_keeper.h"
#include "bigcache_purge.h"
#include "bigcache_remote.h"
#include "bigcache_segment.h"
#include "bigcache_store.h"
#include "bigcache_store_list.h"
#include "bigcache_time.h"
#include "store.h"
#include "tap.h"


#define LARGE    (3 * 1024 * 1024)
#define SEGMENT  (4 * 1024 * 1024)
#define BIG      (256 * 1024 * 1024)


static void test_pages(void);
static void test_expect(void);
static void test_expiry(void);
static void test_purge(void);
static void test_purge_left(void);
static void test_purge_long(void);
static void test_purge_replaced(void);
static void test_large(void);
static void test_large_close(void);
static void test_count(void);
static void test_crash(void);
static void test_space(void);
static void test_sweep(void);
static void test_evict(void);
static void test_inline(void);
static void test_gzip(void);
static void test_purge_crash(void);
static void test_life(void);
static void test_stop(void);
static void test_lock(void);
static void test_foreign(void);
static void test_format(void);
static void test_left(void);
static void test_damage(void);
static void test_away(const char *other);
static void test_trash(void);
static void test_unlink(void);
static void test_restore(void);
static void test_names(void);
static void test_compact_length(void);
static void test_compact_later(void);
static void test_evict_unseen(void);
static void *purge_thread(void *data);
static void *large_thread(void *data);
static void *stop_thread(void *data);
static unsigned long long size_of(const char *name);
static bigcache_rc_t put(bigcache_store_t *store, const char *key,
    const char *body, size_t len, int64_t expire, uint64_t expect);
static bigcache_rc_t put_inline(bigcache_store_t *store, const char *key,
    const char *body, int64_t expire);
static bigcache_rc_t purge(bigcache_store_t *store,
    const bigcache_str_t *prefix, int async, uint64_t *n, uint64_t *expired);
static int has(bigcache_store_t *store, const char *key, const char *body,
    size_t len);
static uint64_t version(bigcache_store_t *store, const char *key);
static uint64_t segment(bigcache_store_t *store, const char *key);
static long long count(bigcache_store_t *store);
static int files_are(const char *name, unsigned n);
static int swept_are(const char *name, unsigned n);
static int crit_is(const char *name, unsigned n);
static void first_in(const char *dir, char *name, size_t len);
static int eventually(int (*check)(const char *, unsigned), const char *name,
    unsigned n);
static unsigned files(const char *name);
static long long format(const char *name, uint64_t set);
static void log_handler(void *data, int level, const char *text);
static void removed_handler(void *data, uint64_t expired, uint64_t purged);


static _Atomic unsigned       crit, swept;
static _Atomic unsigned       unsynced, uncompacted, unremoved, evictions;
static _Atomic int            unseen;
static _Atomic unsigned       large_done;


int
main(void)
{
    usual_conf();
    conf.log.handler = log_handler;
    conf.removed = removed_handler;

    test_pages();
    test_expect();
    test_expiry();
    test_purge();
    test_purge_left();
    test_purge_long();
    test_purge_replaced();
    test_large();
    test_large_close();
    test_count();
    test_crash();
    test_space();
    test_sweep();
    test_evict();
    test_inline();
    test_gzip();
    test_purge_crash();
    test_life();
    test_stop();
    test_lock();
    test_foreign();
    test_format();
    test_left();
    test_damage();
    test_away(NULL);
    test_away("pages");
    test_trash();
    test_unlink();
    test_restore();
    test_names();
    test_compact_length();
    test_compact_later();
    test_evict_unseen();

    remove_dir(path);

    return done_testing();
}


static void
test_pages(void)
{
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    store = start();

    key = str("a");

    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS,
           "nothing at first");
    is_int(put(store, "a", "one", 3, BIGCACHE_NEVER, 0), BIGCACHE_OK, "put");
    ok(has(store, "a", "one", 3), "get");
    is_int(put(store, "a", "", 0, BIGCACHE_NEVER, 0), BIGCACHE_OK,
           "put nothing");
    ok(has(store, "a", "", 0), "get nothing");
    is_int(put(store, "", "empty", 5, BIGCACHE_NEVER, 0), BIGCACHE_OK,
           "put under the empty key");
    ok(has(store, "", "empty", 5), "get the empty key");
    is_int(bigcache_store_delete(store, &key, 0, 0), BIGCACHE_OK, "delete");
    is_int(bigcache_store_delete(store, &key, 0, 0), BIGCACHE_MISS,
           "delete again");
    is_int(count(store), 1, "count");

    stop(store);
    store = start();

    ok(has(store, "", "empty", 5), "kept");
    is_int(count(store), 1, "count kept");

    stop(store);
}


static void
test_expect(void)
{
    uint64_t           one, two;
    bigcache_str_t     key;
    bigcache_store_t  *store;

    fresh();
    store = start();

    key = str("a");

    is_int(put(store, "a", "1", 1, BIGCACHE_NEVER, 1), BIGCACHE_MISMATCH,
           "a version where there is none");
    is_int(put(store, "a", "1", 1, BIGCACHE_NEVER, BIGCACHE_EXPECT_NONE),
           BIGCACHE_OK, "none where there is none");
    is_int(put(store, "a", "2", 1, BIGCACHE_NEVER, BIGCACHE_EXPECT_NONE),
           BIGCACHE_MISMATCH, "none where there is one");

    one = version(store, "a");

    is_int(put(store, "a", "2", 1, BIGCACHE_NEVER, one), BIGCACHE_OK,
           "the version");

    two = version(store, "a");
    ok(two > one, "versions grow");

    is_int(put(store, "a", "3", 1, BIGCACHE_NEVER, one), BIGCACHE_MISMATCH,
           "an old version");
    is_int(bigcache_store_delete(store, &key, one, 0), BIGCACHE_MISMATCH,
           "delete an old version");
    ok(has(store, "a", "2", 1), "still there");
    is_int(bigcache_store_delete(store, &key, two, 0), BIGCACHE_OK,
           "delete the version");

    stop(store);
}


static void
test_expiry(void)
{
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    store = start();

    key = str("a");

    (void) put(store, "a", "1", 1, bigcache_time_now() - 1, 0);
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_EXPIRED,
           "expired once");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS,
           "then a miss");
    is_int(count(store), 0, "gone");

    (void) put(store, "a", "1", 1, bigcache_time_now() - 1, 0);
    is_int(bigcache_store_delete(store, &key, 0, 0), BIGCACHE_EXPIRED,
           "delete of an expired one");

    (void) put(store, "a", "1", 1, bigcache_time_now() - 1, 0);
    is_int(put(store, "a", "2", 1, bigcache_time_now() + 60000,
               BIGCACHE_EXPECT_NONE),
           BIGCACHE_OK, "an expired one counts as none");
    ok(has(store, "a", "2", 1), "live");
    is_int(count(store), 1, "one key");

    stop(store);
}


static void
test_purge(void)
{
    char               name[32];
    unsigned           i;
    uint64_t           n, expired;
    bigcache_str_t     prefix;
    bigcache_store_t  *store;

    fresh();
    store = start();

    for (i = 0; i < 1000; i++) {
        (void) snprintf(name, sizeof(name), "%s/%u", i % 2 ? "odd" : "even",
                        i);
        (void) put(store, name, "x", 1,
                   i % 100 == 1 ? bigcache_time_now() - 1 : BIGCACHE_NEVER, 0);
    }

    (void) put(store, "odd", "x", 1, BIGCACHE_NEVER, 0);

    prefix = str("odd/");
    is_int(purge(store, &prefix, 0, &n, &expired), BIGCACHE_OK,
           "purge");
    is_int(n, 490, "live ones");
    is_int(expired, 10, "expired ones");
    is_int(count(store), 501, "the others stay");
    ok(has(store, "odd", "x", 1), "a shorter key stays");

    prefix = str("none");
    (void) purge(store, &prefix, 0, &n, &expired);
    is_int(n, 0, "nothing to purge");

    stop(store);
}


/*
 * The caller of a purge has begun it and was killed.  Its pages are gone at
 * once, and are counted until the keeper has removed their records.
 */

static void
test_purge_left(void)
{
    uint64_t           version;
    unsigned           i;
    bigcache_str_t     prefix;
    bigcache_store_t  *store;

    fresh();
    store = start();

    (void) put(store, "left/1", "x", 1, BIGCACHE_NEVER, 0);
    (void) put(store, "stays", "x", 1, BIGCACHE_NEVER, 0);

    prefix = str("left/");
    is_int(bigcache_purge(store, keys_with(&prefix), 0, 0, &version),
           BIGCACHE_OK, "a purge begins");

    ok(!has(store, "left/1", "x", 1), "its page is gone");

    prefix = str("left/1");
    is_int(bigcache_store_delete(store, &prefix, 0, 0), BIGCACHE_MISS,
           "and cannot be deleted again");
    is_int(count(store), 2, "but is counted");

    for (i = 0; i < 1000 && count(store) != 1; i++) {
        (void) usleep(10000);
    }

    is_int(count(store), 1, "until the keeper has removed it");

    stop(store);
}


/* keys of all lengths: a batch of the purge holds few or many */

static void
test_purge_long(void)
{
    int                n;
    char              *name;
    size_t             len;
    uint64_t           live, expired;
    bigcache_str_t     prefix;
    bigcache_store_t  *store;

    fresh();
    store = start();

    name = malloc(BIGCACHE_KEY_MAX + 1);
    n = 0;

    for (len = 1; len <= BIGCACHE_KEY_MAX; len += len < 200 ? 1 : 333) {
        memset(name, 'l', len);
        name[len] = '\0';
        n += put(store, name, "x", 1, bigcache_time_now() + 60000, 0)
             == BIGCACHE_OK;
    }

    /* the last one again, without an expiry time */

    (void) put(store, name, "x", 1, BIGCACHE_NEVER, 0);
    (void) put(store, "m", "x", 1, bigcache_time_now() + 60000, 0);

    is_int(n, 224, "keys of all lengths");

    prefix = str("l");
    is_int(purge(store, &prefix, 0, &live, &expired), BIGCACHE_OK,
           "are purged");
    is_int(live, n, "all of them");
    is_int(expired, 0, "none was expired");
    is_int(count(store), 1, "the other stays");

    name[1] = '\0';
    is_int(put(store, name, "new", 3, bigcache_time_now() + 60000, 0),
           BIGCACHE_OK, "and one of them is stored anew");

    free(name);
    stop(store);
    store = start();

    is_int(count(store), 2, "as it is in the index");
    ok(has(store, "l", "new", 3), "whole");

    stop(store);
}


/* a page stored over a purged one does not hide that one from the count */

static void
test_purge_replaced(void)
{
    int                i, all, failed;
    char               name[32];
    uint64_t           n;
    pthread_t          thread;
    bigcache_store_t  *store;

    all = 30000;

    fresh();
    store = start();

    for (i = 0; i < all; i++) {
        (void) snprintf(name, sizeof(name), "a/%05d", i);
        (void) put(store, name, "old", 3, BIGCACHE_NEVER, 0);
    }

    ok(pthread_create(&thread, NULL, purge_thread, store) == 0, "a purge");

    /* from the end, which the purge reaches last */

    while (has(store, "a/29999", "old", 3)) { /* void */ }

    for (failed = 0, i = all; i-- > all - 2000; /* void */ ) {
        (void) snprintf(name, sizeof(name), "a/%05d", i);
        failed += (put(store, name, "new", 3, BIGCACHE_NEVER, 0)
                   != BIGCACHE_OK);
    }

    (void) pthread_join(thread, (void **) &n);

    is_int(failed, 0, "stored during the purge");
    is_int(n, all, "all that were purged are counted");
    is_int(count(store), 2000, "what was stored since stays");
    ok(has(store, "a/28000", "new", 3), "whole");

    stop(store);
}


static void *
purge_thread(void *data)
{
    uint64_t        n, expired;
    bigcache_str_t  prefix;

    prefix = str("a/");

    if (purge(data, &prefix, 0, &n, &expired) != BIGCACHE_OK) {
        n = 0;
    }

    return (void *) n;
}


static void
test_large(void)
{
    char               *body;
    size_t              i;
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    store = start();

    body = malloc(LARGE);

    for (i = 0; i < LARGE; i++) {
        body[i] = (char) (i * 7 + (i >> 12));
    }

    (void) put(store, "a", body, LARGE, BIGCACHE_NEVER, 0);
    ok(has(store, "a", body, LARGE), "get");
    is_int(files("pages"), 1, "one segment");

    key = str("a");
    (void) bigcache_store_get(store, &key, 1, &page);
    ok(page.fd != -1, "from a file");

    body[0]++;
    (void) put(store, "a", body, LARGE - 1, BIGCACHE_NEVER, 0);
    ok(has(store, "a", body, LARGE - 1), "the new page");
    ok(eventually(files_are, "pages", 1), "the old segment goes");

    body[0]--;
    ok(pread(page.fd, body + 1, LARGE - 1, page.offset + 1) == LARGE - 1
       && body[LARGE - 1] == (char) ((LARGE - 1) * 7 + ((LARGE - 1) >> 12)),
       "a thread that has it open reads on");
    bigcache_stored_free(&page);

    is_int(put(store, "a", body, LARGE, BIGCACHE_NEVER, 1),
           BIGCACHE_MISMATCH, "not expected");

    (void) bigcache_store_delete(store, &key, 0, 0);

    /* a separate segment, as large as the page needs */

    free(body);
    body = calloc(1, SEGMENT);
    (void) put(store, "b", body, SEGMENT, BIGCACHE_NEVER, 0);
    ok(has(store, "b", body, SEGMENT), "a page as large as a segment");

    key = str("b");
    (void) bigcache_store_delete(store, &key, 0, 0);
    (void) put(store, "c", body, LARGE, BIGCACHE_NEVER, 0);
    ok(eventually(files_are, "pages", 1), "nothing else stays");

    free(body);
    stop(store);
}


/* a thread that closes the store does not wait for the copy of a body */

static void
test_large_close(void)
{
    int                 rc;
    void               *result;
    unsigned            done;
    pthread_t           thread;
    bigcache_str_t      key;
    bigcache_stat_t     stat;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    store = start();
    key = str("large");

    atomic_store(&large_done, 0);
    ok(pthread_create(&thread, NULL, large_thread, store) == 0, "a put");

    do {
        (void) usleep(1000);
        (void) bigcache_store_stat(store, &stat);
    } while (stat.segments == 0);

    rc = bigcache_close(store);
    done = atomic_load(&large_done);

    is_int(rc, BIGCACHE_OK, "closed");
    is_int((int) done, 0, "while the page is being written");

    (void) pthread_join(thread, &result);
    is_int((int) (intptr_t) result, BIGCACHE_CLOSED, "which is not stored");

    is_int(bigcache_store_open(store), BIGCACHE_OK, "opened");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS, "a miss");
    is_int(count(store), 0, "nothing is counted");
    is_int((int) (intptr_t) large_thread(store), BIGCACHE_OK,
           "it is stored the next time");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_OK, "a hit");
    is_int((long long) page.record.length, BIG, "of that length");

    bigcache_stored_free(&page);
    stop(store);
}


static void *
large_thread(void *data)
{
    int                fd;
    bigcache_rc_t      rc;
    bigcache_put_t     p;
    bigcache_data_t    body;
    bigcache_stored_t  page;

    fd = memfd_create("large", MFD_CLOEXEC);
    (void) ftruncate(fd, BIG);

    body = bigcache_data_range(fd, 0, BIG);

    memset(&p, 0, sizeof(bigcache_put_t));
    p.key = str("large");
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = BIGCACHE_NEVER;
    p.data = &body;
    p.n = 1;

    rc = bigcache_store_put(data, &p, &page);

    atomic_store(&large_done, 1);
    bigcache_stored_free(&page);
    (void) close(fd);

    return (void *) (intptr_t) rc;
}


static void
test_count(void)
{
    int                status;
    pid_t              pid;
    bigcache_store_t  *store;

    fresh();
    store = start();
    (void) put(store, "a", "1", 1, BIGCACHE_NEVER, 0);
    (void) put(store, "b", "1", 1, BIGCACHE_NEVER, 0);
    stop(store);

    pid = fork();

    if (pid == 0) {
        store = start();
        (void) put(store, "c", "1", 1, BIGCACHE_NEVER, 0);
        (void) put(store, "c", "2", 1, BIGCACHE_NEVER, 0);
        _exit(0);
    }

    (void) waitpid(pid, &status, 0);

    store = start();
    is_int(count(store), 3, "counted after a crash");
    (void) put(store, "d", "1", 1, BIGCACHE_NEVER, 0);
    is_int(count(store), 4, "and goes on");
    stop(store);

    store = start();
    is_int(count(store), 4, "kept");
    stop(store);
}


static void
test_crash(void)
{
    int                status;
    char              *body, name[32];
    pid_t              pid;
    unsigned           i, whole;
    bigcache_store_t  *store;

    fresh();

    body = calloc(1, LARGE);
    pid = fork();

    if (pid == 0) {
        store = start();

        for (i = 0; i < 20; i++) {
            (void) snprintf(name, sizeof(name), "%u", i % 4);
            (void) put(store, name, body, 500000 + i, BIGCACHE_NEVER, 0);
        }

        _exit(0);
    }

    (void) waitpid(pid, &status, 0);

    store = start();
    is_int(count(store), 4, "keys after a crash");

    for (whole = 0, i = 16; i < 20; i++) {
        (void) snprintf(name, sizeof(name), "%u", i % 4);
        whole += has(store, name, body, 500000 + i);
    }

    is_int(whole, 4, "all of them whole");
    /* before the crash, live pages may have been moved to a second segment */

    ok(eventually(files_are, "pages", 1) || files("pages") == 2,
       "what is not alive goes");

    for (whole = 0, i = 16; i < 20; i++) {
        (void) snprintf(name, sizeof(name), "%u", i % 4);
        whole += has(store, name, body, 500000 + i);
    }

    is_int(whole, 4, "and they stay");

    free(body);
    stop(store);
}


/* many rounds over the same keys must not grow the directory */

static void
test_space(void)
{
    char              *body, name[32];
    unsigned           i, round, whole;
    bigcache_stat_t    stat;
    bigcache_store_t  *store;

    fresh();
    store = start();

    body = calloc(1, 100000);

    for (round = 0; round < 20; round++) {
        for (i = 0; i < 50; i++) {
            (void) snprintf(name, sizeof(name), "%u", i);
            (void) put(store, name, body, 50000 + round * 100 + i,
                       BIGCACHE_NEVER, 0);
        }
    }

    (void) usleep(1500000);
    (void) bigcache_store_stat(store, &stat);

    is_int(stat.keys, 50, "keys");
    ok(stat.live > 50 * 51900 && stat.live < 50 * 52200, "live bytes: %llu",
       (unsigned long long) stat.live);
    ok(stat.bytes < 2 * stat.live + 2 * SEGMENT, "bytes: %llu",
       (unsigned long long) stat.bytes);

    for (whole = 0, i = 0; i < 50; i++) {
        (void) snprintf(name, sizeof(name), "%u", i);
        whole += has(store, name, body, 50000 + 1900 + i);
    }

    is_int(whole, 50, "all pages whole");

    free(body);
    stop(store);
}


/* expired pages are removed although no request asks for them */

static void
test_sweep(void)
{
    char               name[32];
    unsigned           i;
    bigcache_store_t  *store;

    fresh();
    store = start();
    swept = 0;

    for (i = 0; i < 2000; i++) {
        (void) snprintf(name, sizeof(name), "%u", i);
        (void) put(store, name, name, strlen(name),
                   i % 2 ? bigcache_time_now() + 300 : BIGCACHE_NEVER, 0);
    }

    /* these would have expired, but are stored again */

    for (i = 1; i < 2000; i += 4) {
        (void) snprintf(name, sizeof(name), "%u", i);
        (void) put(store, name, name, strlen(name), BIGCACHE_NEVER, 0);
    }

    for (i = 0; i < 500 && count(store) != 1500; i++) {
        (void) usleep(10000);
    }

    is_int(count(store), 1500, "only what expired is gone");
    /* told when the slice has ended, in which the last ones were removed */

    (void) eventually(swept_are, "", 500);
    is_int(swept, 500, "told so");

    stop(store);
}


/* over the limit the oldest pages are removed, and nothing fails */

static void
test_evict(void)
{
    char              *body, name[32];
    unsigned           i, failed;
    bigcache_stat_t    stat;
    bigcache_store_t  *store;

    conf.max_size = 20 * 1024 * 1024;

    fresh();
    store = start();

    body = calloc(1, 500000);

    for (failed = 0, i = 0; i < 200; i++) {
        (void) snprintf(name, sizeof(name), "%u", i);
        failed += (put(store, name, body, 500000, BIGCACHE_NEVER, 0)
                   != BIGCACHE_OK);
        (void) usleep(10000);
    }

    is_int(failed, 0, "all stored");
    (void) usleep(600000);

    (void) bigcache_store_stat(store, &stat);

    ok(stat.bytes <= conf.max_size, "bytes: %llu",
       (unsigned long long) stat.bytes);
    ok(stat.keys > 15 && stat.keys < 45, "keys: %llu",
       (unsigned long long) stat.keys);
    ok(has(store, "199", body, 500000), "the newest stay");
    ok(!has(store, "0", body, 500000), "the oldest go");

    conf.max_size = 0;

    free(body);
    stop(store);
}


/* pages that an earlier release stored by inline_size */

static void
test_inline(void)
{
    size_t                at;
    uint64_t              n, expired;
    bigcache_str_t        key, none, any;
    bigcache_list_t       list;
    bigcache_stored_t     page;
    bigcache_store_t     *store;
    bigcache_list_row_t   row;

    fresh();
    store = start();

    is_int(put_inline(store, "a", "one", BIGCACHE_NEVER), BIGCACHE_OK,
           "a page in the index");
    (void) put_inline(store, "b", "two", BIGCACHE_NEVER);
    (void) put_inline(store, "c", "three", BIGCACHE_NEVER);
    (void) put_inline(store, "d", "four", bigcache_time_now() - 1);

    stop(store);
    is_int(files("pages"), 0, "no segment");
    store = start();

    ok(has(store, "a", "one", 3) && has(store, "c", "three", 5), "are read");

    key = str("b");
    (void) bigcache_store_get(store, &key, 1, &page);
    is_mem(page.record.type.data, page.record.type.len, "text/x", 6,
           "with the type");
    bigcache_stored_free(&page);

    at = 0;
    none = str("");
    any.data = NULL;
    is_int(bigcache_store_list(store, &none, &any, &none, 10, &list),
           BIGCACHE_OK, "listed");
    ok(bigcache_list_row(&list, &at, &row) && row.size == 3
       && row.type.len == 6, "with size and type");

    key = str("d");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_EXPIRED,
           "expire");

    is_int(put(store, "a", "new", 3, BIGCACHE_NEVER, version(store, "a")),
           BIGCACHE_OK, "are replaced");
    ok(has(store, "a", "new", 3), "by the new page");

    key = str("b");
    is_int(bigcache_store_delete(store, &key, 0, 0), BIGCACHE_OK, "deleted");

    key = str("c");
    is_int(purge(store, &key, 0, &n, &expired), BIGCACHE_OK, "purged");
    is_int(n, 1, "one of them");

    is_int(count(store), 1, "one page is left");

    stop(store);
}


static void
test_gzip(void)
{
    char               *body;
    u_char              out[50000];
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    conf.gzip_min = 1000;

    fresh();
    store = start();

    body = malloc(50000);
    memset(body, 'x', 50000);

    (void) put(store, "a", body, 50000, BIGCACHE_NEVER, 0);
    (void) put(store, "b", body, 999, BIGCACHE_NEVER, 0);

    key = str("a");
    (void) bigcache_store_get(store, &key, 1, &page);

    ok(page.record.flags & BIGCACHE_FLAG_GZIP, "packed");
    is_int(page.record.unpacked, 50000, "length unpacked");
    ok(page.record.length < 1000, "length packed");
    ok(bigcache_gzip_unpack(out, 50000, page.record.body.data,
                            page.record.body.len)
       == 0
       && memcmp(out, body, 50000) == 0, "the same");
    ok(bigcache_gzip_unpack(out, 49999, page.record.body.data,
                            page.record.body.len)
       == -1, "not another length");
    bigcache_stored_free(&page);

    key = str("b");
    (void) bigcache_store_get(store, &key, 1, &page);
    ok(!(page.record.flags & BIGCACHE_FLAG_GZIP), "too short to pack");
    bigcache_stored_free(&page);

    conf.gzip_min = SIZE_MAX;

    free(body);
    stop(store);
}


/* the next process ends a purge that a crash has interrupted */

static void
test_purge_crash(void)
{
    int                 status;
    char                name[32];
    pid_t               pid;
    unsigned            i;
    uint64_t            n, expired;
    bigcache_str_t      prefix, key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    pid = fork();

    if (pid == 0) {
        store = start();

        for (i = 0; i < 5000; i++) {
            (void) snprintf(name, sizeof(name), "p/%u", i);
            (void) put(store, name, "x", 1, BIGCACHE_NEVER, 0);
        }

        (void) put(store, "q", "x", 1, BIGCACHE_NEVER, 0);

        prefix = str("p/");
        (void) purge(store, &prefix, 1, &n, &expired);
        (void) put(store, "p/new", "x", 1, BIGCACHE_NEVER, 0);
        _exit(0);
    }

    (void) waitpid(pid, &status, 0);

    store = start();
    key = str("p/4999");

    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS,
           "purged at once");
    ok(has(store, "p/new", "x", 1), "what came later is not");

    for (i = 0; i < 500 && count(store) != 2; i++) {
        (void) usleep(10000);
    }

    is_int(count(store), 2, "the others stay");

    stop(store);
}


static void
test_life(void)
{
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_stat_t     stat;
    bigcache_store_t   *store;

    fresh();
    store = start();
    key = str("a");

    (void) put(store, "a", "1", 1, BIGCACHE_NEVER, 0);

    is_int(bigcache_close(store), BIGCACHE_OK, "close");
    is_int(bigcache_close(store), BIGCACHE_OK, "close again");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_CLOSED,
           "get of a closed one");
    is_int(bigcache_store_stat(store, &stat), BIGCACHE_CLOSED,
           "count of a closed one");
    is_int(bigcache_close_clear(store), BIGCACHE_CLOSED,
           "clear of a closed one");
    is_int(bigcache_store_open(store), BIGCACHE_OK, "open");
    is_int(bigcache_store_open(store), BIGCACHE_OK, "open again");
    ok(has(store, "a", "1", 1), "get");

    is_int(bigcache_close_clear(store), BIGCACHE_OK, "clear");
    is_int(count(store), 0, "nothing left");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS, "gone");
    (void) put(store, "a", "2", 1, BIGCACHE_NEVER, 0);
    ok(has(store, "a", "2", 1), "it goes on");

    bigcache_keeper_stop(store);
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_UNAVAILABLE,
           "get of a stopped one");
    bigcache_keeper_stop(store);
    bigcache_store_destroy(store);
}


/* each thread that stops a store can rely on it, even if others do, too */

static void
test_stop(void)
{
    int                i, free_then;
    void              *result;
    pthread_t          threads[4];
    bigcache_store_t  *store;

    fresh();
    store = start();

    (void) put(store, "a", "1", 1, BIGCACHE_NEVER, 0);

    for (i = 0; i < 4; i++) {
        (void) pthread_create(&threads[i], NULL, stop_thread, store);
    }

    for (free_then = 0, i = 0; i < 4; i++) {
        (void) pthread_join(threads[i], &result);
        free_then += (result == NULL);
    }

    is_int(free_then, 4, "stopped for all of them");

    bigcache_store_destroy(store);
}


static void *
stop_thread(void *data)
{
    int   fd, held;
    char  name[128];

    bigcache_keeper_stop(data);

    (void) snprintf(name, sizeof(name), "%s/lock", path);

    fd = open(name, O_RDWR|O_CLOEXEC);

    /* a shared lock, since the other threads look too */

    held = (fd == -1 || flock(fd, LOCK_SH|LOCK_NB) == -1);

    if (fd != -1) {
        (void) close(fd);
    }

    return held ? data : NULL;
}


static void
test_lock(void)
{
    int                 i, status, pipes[2], end[2];
    char                text[BIGCACHE_ERROR_LEN];
    pid_t               pid;
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    (void) pipe(pipes);
    (void) pipe(end);

    pid = fork();

    if (pid == 0) {
        store = start();
        (void) put(store, "a", "1", 1, BIGCACHE_NEVER, 0);
        (void) write(pipes[1], "x", 1);
        (void) read(end[0], text, 1);
        stop(store);
        _exit(0);
    }

    (void) read(pipes[0], text, 1);

    conf.wait = 100;
    store = start();
    key = str("a");

    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_UNAVAILABLE,
           "another process has it");
    bigcache_store_reason(store, text);
    is_str(text, "another process has the store open", "reason");

    (void) write(end[1], "x", 1);
    (void) waitpid(pid, &status, 0);

    for (i = 0; i < 500 && !has(store, "a", "1", 1); i++) {
        (void) usleep(10000);
    }

    ok(i < 500, "taken over");

    conf.wait = 2000;
    stop(store);
    (void) close(pipes[0]);
    (void) close(pipes[1]);
    (void) close(end[0]);
    (void) close(end[1]);
}


static void
test_foreign(void)
{
    int                 i, fd;
    char                name[128], text[BIGCACHE_ERROR_LEN];
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    (void) snprintf(name, sizeof(name), "%s/CURRENT", path);
    fd = open(name, O_WRONLY|O_CREAT, 0600);
    (void) close(fd);

    crit = 0;
    store = start();
    key = str("a");

    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_UNAVAILABLE,
           "the directory of another program");
    bigcache_store_reason(store, text);
    ok(strstr(text, "neither empty nor a bigcache store") != NULL,
       "reason: %s", text);
    is_int(files("."), 1, "nothing is put there");
    is_int(crit, 1, "one line");

    (void) unlink(name);

    for (i = 0; i < 500; i++) {
        if (put(store, "a", "1", 1, BIGCACHE_NEVER, 0) == BIGCACHE_OK) {
            break;
        }

        (void) usleep(10000);
    }

    ok(i < 500, "opened when it is empty");

    stop(store);
}


static void
test_format(void)
{
    char                name[128], text[BIGCACHE_ERROR_LEN];
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    (void) snprintf(name, sizeof(name), "%s/index", path);

    store = start();
    is_int(put(store, "a", "1", 1, BIGCACHE_NEVER, 0), BIGCACHE_OK, "stored");
    stop(store);
    is_int(format(name, 0), 3, "the format of a new store");

    (void) format(name, 2);
    store = start();
    ok(has(store, "a", "1", 1), "a store of the format before");
    stop(store);
    is_int(format(name, 0), 3, "it is one of this format now");

    (void) format(name, 5);
    crit = 0;
    store = start();
    key = str("a");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_UNAVAILABLE,
           "a format to come");
    bigcache_store_reason(store, text);
    is_str(text, "the store has format 5, this bigcache reads 2 to 4",
           "reason");
    is_int(crit, 1, "one line");
    stop(store);
    is_int(format(name, 3), 5, "it is left alone");

    store = start();
    ok(has(store, "a", "1", 1), "with all that it holds");
    stop(store);
}


/* returns the format of an index; sets it unless the new one is 0 */

static long long
format(const char *name, uint64_t set)
{
    char                error[BIGCACHE_ERROR_LEN];
    u_char              buf[sizeof(uint64_t)];
    uint64_t            is;
    bigcache_str_t      value;
    bigcache_index_t   *index;
    bigcache_change_t   change;

    change.space = BIGCACHE_NAMES_META;
    change.key = str("format");
    change.value = &value;

    if (bigcache_index_open(&index, name, &conf.index, error) != BIGCACHE_OK
        || bigcache_index_get(index, change.space, &change.key, &value, error)
           != BIGCACHE_OK)
    {
        return -1;
    }

    is = bigcache_get64(value.data);
    bigcache_index_free(&value);

    if (set) {
        (void) bigcache_put64(buf, set);
        value.data = buf;
        value.len = sizeof(buf);
        (void) bigcache_index_write(index, &change, 1, error);
    }

    bigcache_index_close(index);

    return (long long) is;
}


/* a power cut may keep only some of the names that an opening makes */

static void
test_left(void)
{
    char              name[128];
    size_t            i;
    bigcache_store_t  *store;

    static const char *const  names[] = {
        "pages", "trash", "spare", "index.before", "index.before.new"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        fresh();
        (void) snprintf(name, sizeof(name), "%s/%s", path, names[i]);
        (void) mkdir(name, 0700);

        crit = 0;
        store = start();

        is_int(put(store, "a", "1", 1, BIGCACHE_NEVER, 0), BIGCACHE_OK,
               "beside %s", names[i]);
        is_int(crit, 0, "no line");

        stop(store);

        (void) snprintf(name, sizeof(name), "%s/index.before.new", path);
        ok(access(name, F_OK) == -1, "no second links remain");
    }
}


static void
test_damage(void)
{
    DIR                *dir;
    char                name[128], *body;
    unsigned            i;
    bigcache_str_t      key;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    struct dirent     *de;

    fresh();
    store = start();
    (void) put(store, "a", "1", 1, BIGCACHE_NEVER, 0);
    stop(store);

    /* without its manifest LevelDB does not open */

    (void) snprintf(name, sizeof(name), "%s/index", path);
    dir = opendir(name);

    while ((de = readdir(dir)) != NULL) {
        if (strncmp(de->d_name, "MANIFEST", 8) == 0) {
            (void) unlinkat(dirfd(dir), de->d_name, 0);
        }
    }

    (void) closedir(dir);

    crit = 0;
    store = start();

    for (i = 0; i < 100 && crit == 0; i++) {
        (void) usleep(10000);
    }

    ok(has(store, "a", "1", 1), "repaired");
    ok(crit > 0, "said so");
    is_int(count(store), 1, "counted anew");

    /* a segment that will be removed */

    body = calloc(1, LARGE);
    (void) put(store, "b", body, LARGE, BIGCACHE_NEVER, 0);
    free(body);
    stop(store);

    (void) snprintf(name, sizeof(name), "%s/pages", path);
    dir = opendir(name);

    while ((de = readdir(dir)) != NULL) {
        if (de->d_name[0] != '.') {
            (void) unlinkat(dirfd(dir), de->d_name, 0);
        }
    }

    (void) closedir(dir);

    store = start();

    crit = 0;
    key = str("b");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS,
           "a page of it is a miss");
    is_int(crit, 1, "said so once");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS,
           "and stays one");
    is_int(crit, 1, "and no more");
    is_int(count(store), 1, "not counted any more");

    stop(store);
}


/*
 * The directory of segments is not there, as if its file system were
 * unmounted.  If other is set, an empty directory of that name is there
 * instead.  No page may be lost.
 */

static void
test_away(const char *other)
{
    char               *body, pages[128], away[128];
    bigcache_str_t      a, b, c;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    store = start();

    body = calloc(1, LARGE);

    (void) put(store, "a", body, LARGE / 3, BIGCACHE_NEVER, 0);
    (void) put(store, "b", body, LARGE / 3 * 2 + LARGE / 6, BIGCACHE_NEVER,
               0);
    (void) put(store, "c", body, LARGE, BIGCACHE_NEVER, 0);
    (void) put(store, "d", body, LARGE / 3, BIGCACHE_NEVER, 0);

    /* now no file is open */

    stop(store);
    store = start();

    is_int(count(store), 4, "four pages in three segments");

    (void) snprintf(pages, sizeof(pages), "%s/pages", path);
    (void) snprintf(away, sizeof(away), "%s/away", path);

    (void) rename(pages, away);

    if (other) {
        (void) mkdir(pages, 0700);
    }

    a = str("a");
    b = str("b");
    c = str("c");

    is_int(bigcache_store_get(store, &a, 1, &page), BIGCACHE_ERROR,
           "a page whose directory is away");
    is_int(count(store), 4, "is not lost");

    /* now one segment is sparse, and another has no live page */

    atomic_store(&unsynced, 0);
    atomic_store(&uncompacted, 0);

    (void) bigcache_store_delete(store, &b, 0, 0);
    (void) bigcache_store_delete(store, &c, 0, 0);

    ok(eventually(crit_is, "sync", 1), "no sync succeeds");
    ok(eventually(crit_is, "compact", 1), "nor does a compaction");
    is_int(count(store), 2, "what is alive stays");

    if (other) {
        (void) rmdir(pages);
    }

    ok(rename(away, pages) == 0, "the directory is back");

    ok(has(store, "a", body, LARGE / 3), "with the page");
    ok(has(store, "d", body, LARGE / 3), "and the other one");
    is_int(count(store), 2, "both are counted");
    ok(eventually(files_are, "pages", 2), "the segments go now");
    ok(has(store, "a", body, LARGE / 3), "the page was moved");

    free(body);
    stop(store);
}


/* a trash that could not be emptied is tried again */

static void
test_trash(void)
{
    int                fd;
    char               trash[128], name[160];
    unsigned           i;
    bigcache_store_t  *store;

    fresh();

    /* it can neither be synced nor read */

    (void) snprintf(trash, sizeof(trash), "%s/trash", path);
    fd = open(trash, O_WRONLY|O_CREAT|O_CLOEXEC, 0600);
    (void) close(fd);

    store = start();

    /* by then the keeper has done its work more than once */

    for (i = 1; i <= 2; i++) {
        swept = 0;
        (void) put(store, "e", "1", 1, bigcache_time_now() + 1, 0);
        ok(eventually(swept_are, "", 1), "an expired page leaves");
    }

    (void) unlink(trash);
    (void) mkdir(trash, 0700);
    (void) snprintf(name, sizeof(name), "%s/pages-1", trash);
    (void) mkdir(name, 0700);
    (void) snprintf(name, sizeof(name), "%s/pages-1/file", trash);
    fd = open(name, O_WRONLY|O_CREAT|O_CLOEXEC, 0600);
    (void) close(fd);

    ok(eventually(files_are, "trash", 0), "what is in the trash goes");

    stop(store);
}


/* a segment that cannot be unlinked still counts, and is tried again */

static void
test_unlink(void)
{
    char              *body, name[64], file[192], away[128];
    bigcache_str_t     key;
    bigcache_stat_t    stat;
    bigcache_store_t  *store;

    fresh();
    store = start();

    body = calloc(1, LARGE);

    (void) put(store, "a", body, LARGE, BIGCACHE_NEVER, 0);
    first_in("pages", name, sizeof(name));
    (void) put(store, "b", body, LARGE, BIGCACHE_NEVER, 0);

    /* a directory cannot be unlinked */

    (void) snprintf(file, sizeof(file), "%s/pages/%s", path, name);
    (void) snprintf(away, sizeof(away), "%s/away", path);
    (void) rename(file, away);
    (void) mkdir(file, 0700);

    atomic_store(&unremoved, 0);
    key = str("a");
    (void) bigcache_store_delete(store, &key, 0, 0);

    ok(eventually(crit_is, "remove", 1), "a file cannot be removed");

    (void) bigcache_store_stat(store, &stat);

    is_int(stat.segments, 2, "so it counts");
    ok(stat.bytes > 2 * LARGE, "with its bytes");

    (void) rmdir(file);
    (void) rename(away, file);

    ok(eventually(files_are, "pages", 1), "then it is removed");

    (void) bigcache_store_stat(store, &stat);

    is_int(stat.segments, 1, "and counts no more");
    ok(has(store, "b", body, LARGE), "the other is still there");

    free(body);
    stop(store);
}


/*
 * A process died after it removed an index to restore it and before the
 * rename, while an import was under way.
 */

static void
test_restore(void)
{
    char               from[128], to[128];
    bigcache_store_t  *store;

    fresh();
    store = start();
    (void) put(store, "a", "1", 1, BIGCACHE_NEVER, 0);
    stop(store);

    (void) snprintf(from, sizeof(from), "%s/index", path);
    (void) snprintf(to, sizeof(to), "%s/index.before", path);
    ok(rename(from, to) == 0, "an index is to be put back");

    (void) snprintf(to, sizeof(to), "%s/import", path);
    (void) mkdir(to, 0700);

    store = start();
    ok(has(store, "a", "1", 1), "beside import/ it is a store, too");
    stop(store);
}


/* foreign files become neither the last id nor a segment */

static void
test_names(void)
{
    int                fd;
    char              *body, name[192], first[64];
    size_t             i;
    bigcache_stat_t    stat;
    bigcache_store_t  *store;

    static const char *const  names[] = {
        "ffffffffffffffff.seg", "-000000000000001.seg"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        fresh();
        store = start();

        body = calloc(1, LARGE);

        (void) put(store, "a", body, LARGE, BIGCACHE_NEVER, 0);
        first_in("pages", first, sizeof(first));
        stop(store);

        (void) snprintf(name, sizeof(name), "%s/pages/%s", path, names[i]);
        fd = open(name, O_WRONLY|O_CREAT|O_CLOEXEC, 0600);
        (void) close(fd);

        store = start();
        (void) put(store, "b", body, LARGE, BIGCACHE_NEVER, 0);
        (void) put(store, "c", body, LARGE, BIGCACHE_NEVER, 0);

        ok(segment(store, "b") > strtoull(first, NULL, 16),
           "\"%s\": the next id is later than the first", names[i]);
        ok(segment(store, "c") > segment(store, "b"), "and the one after it");

        (void) bigcache_store_stat(store, &stat);

        is_int(stat.segments, 3, "three segments");
        ok(stat.live > 3 * (uint64_t) LARGE, "all of them alive");
        ok(access(name, F_OK) == 0, "the file is left alone");

        free(body);
        stop(store);
    }
}


/*
 * An entry claims to be longer than its record, and longer than the rest of
 * the segment.  Nothing may be copied past the end of a place.
 */

static void
test_compact_length(void)
{
    int                fd;
    char              *body, name[64], file[192];
    u_char             head[BIGCACHE_ENTRY_HEADER_MAX];
    bigcache_str_t     key;
    bigcache_entry_t   entry;
    bigcache_store_t  *store;

    fresh();
    store = start();

    body = calloc(1, LARGE);

    (void) put(store, "a", body, LARGE / 3, BIGCACHE_NEVER, 0);
    (void) put(store, "b", body, LARGE / 6 * 5, BIGCACHE_NEVER, 0);
    first_in("pages", name, sizeof(name));
    stop(store);

    (void) snprintf(file, sizeof(file), "%s/pages/%s", path, name);
    fd = open(file, O_RDWR|O_CLOEXEC);

    ok(pread(fd, head, sizeof(head), BIGCACHE_SEGMENT_HEADER)
       == (ssize_t) sizeof(head)
       && bigcache_segment_decode(&entry, head, sizeof(head)) == 0,
       "the first entry");

    entry.key = str("a");
    entry.record.type.len = 0;
    entry.record.length = SEGMENT;
    entry.record.unpacked = SEGMENT;
    (void) bigcache_segment_encode(head, &entry);

    ok(pwrite(fd, head, bigcache_segment_entry_header(1, &entry.record),
              BIGCACHE_SEGMENT_HEADER)
       > 0, "is made longer");
    (void) close(fd);

    store = start();

    atomic_store(&uncompacted, 0);
    key = str("b");
    (void) bigcache_store_delete(store, &key, 0, 0);

    ok(eventually(files_are, "pages", 0), "no segment was begun for a copy");
    is_int(count(store), 0, "the page is lost, since it is not that one");

    free(body);
    stop(store);
}


/*
 * a segment that cannot be removed, because of the disk, does not delay others
 */

static void
test_compact_later(void)
{
    char              *body, pages[128], away[128];
    int64_t            end;
    uint64_t           was;
    bigcache_str_t     key;
    bigcache_store_t  *store;

    fresh();
    store = start();

    body = calloc(1, LARGE);

    (void) put(store, "a", body, LARGE / 3, BIGCACHE_NEVER, 0);
    (void) put(store, "b", body, LARGE / 6 * 5, BIGCACHE_NEVER, 0);
    (void) put(store, "c", body, LARGE / 3, BIGCACHE_NEVER, 0);
    (void) put(store, "d", body, LARGE / 6 * 5, BIGCACHE_NEVER, 0);

    stop(store);
    store = start();

    /* all files that a compaction needs are open */

    (void) put(store, "e", body, LARGE / 3, BIGCACHE_NEVER, 0);
    ok(has(store, "a", body, LARGE / 3), "a page");
    ok(has(store, "c", body, LARGE / 3), "one in another segment");
    was = segment(store, "c");

    (void) snprintf(pages, sizeof(pages), "%s/pages", path);
    (void) snprintf(away, sizeof(away), "%s/away", path);
    (void) rename(pages, away);

    key = str("b");
    (void) bigcache_store_delete(store, &key, 0, 0);
    key = str("d");
    (void) bigcache_store_delete(store, &key, 0, 0);

    end = bigcache_time_monotonic() + 20000;

    while (segment(store, "c") == was && bigcache_time_monotonic() < end) {
        (void) usleep(10000);
    }

    ok(segment(store, "c") != was, "is moved, too, though no sync succeeds");

    (void) rename(away, pages);

    ok(eventually(files_are, "pages", 1), "then both segments go");
    ok(has(store, "a", body, LARGE / 3), "the first page stays");
    ok(has(store, "c", body, LARGE / 3), "and the second");

    free(body);
    stop(store);
}


/* an index whose files cannot be listed still counts */

static void
test_evict_unseen(void)
{
    char              *body, name[32], key[1001];
    size_t             n;
    unsigned           i, before;
    bigcache_stat_t    stat;
    bigcache_store_t  *store;

    conf.max_size = 24 * 1024 * 1024;
    conf.segment_size = 1024 * 1024;

    fresh();
    store = start();

    body = calloc(1, 500000);
    key[1000] = '\0';

    for (i = 0; i < 5000; i++) {

        /* bytes that LevelDB's snappy does not shorten */

        for (n = 0; n < 1000; n++) {
            key[n] = (char) (1 + random() % 255);
        }

        (void) put(store, key, NULL, 0, BIGCACHE_NEVER, 0);
    }

    atomic_store(&evictions, 0);

    for (i = 0; i < 60 && atomic_load(&evictions) == 0; i++) {
        (void) snprintf(name, sizeof(name), "s%u", i);
        (void) put(store, name, body, 500000, BIGCACHE_NEVER, 0);
        (void) usleep(20000);
    }

    ok(atomic_load(&evictions) > 0, "index and pages reach the limit");

    do {
        (void) usleep(10000);
        (void) bigcache_store_stat(store, &stat);

    } while (stat.bytes + size_of("index") + conf.segment_size
             > conf.max_size);

    /* without the index there would be room for more than as much again */

    atomic_store(&unseen, 1);
    before = atomic_load(&evictions);

    for (i = 0; i < 6; i++) {
        (void) snprintf(name, sizeof(name), "u%u", i);
        (void) put(store, name, body, 500000, BIGCACHE_NEVER, 0);
    }

    for (i = 0; i < 500 && atomic_load(&evictions) == before; i++) {
        (void) usleep(10000);
    }

    ok(atomic_load(&evictions) > before, "the index counts, seen or not");

    atomic_store(&unseen, 0);

    conf.max_size = 0;
    conf.segment_size = SEGMENT;

    free(body);
    stop(store);
}


/* replaces the C library's: sometimes too many files are open */

int
openat(int dir, const char *name, int flags, ...)
{
    int      mode;
    size_t   len;
    va_list  args;

    len = strlen(name);

    if (atomic_load(&unseen) && (flags & O_DIRECTORY) && len > 6
        && strcmp(name + len - 6, "/index") == 0)
    {
        errno = EMFILE;
        return -1;
    }

    va_start(args, flags);
    mode = va_arg(args, int);
    va_end(args);

    return (int) syscall(SYS_openat, dir, name, flags, mode);
}


static bigcache_rc_t
put(bigcache_store_t *store, const char *key, const char *body, size_t len,
    int64_t expire, uint64_t expect)
{
    bigcache_rc_t      rc;
    bigcache_put_t     p;
    bigcache_data_t    data;
    bigcache_stored_t  page;

    memset(&p, 0, sizeof(bigcache_put_t));

    data = bigcache_data_bytes((const u_char *) body, len);

    p.key = str(key);
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = expire;
    p.expect = expect;
    p.data = &data;
    p.n = 1;

    rc = bigcache_store_put(store, &p, &page);
    bigcache_stored_free(&page);

    return rc;
}


/* as a caller of an earlier release commits it */

static bigcache_rc_t
put_inline(bigcache_store_t *store, const char *key, const char *body,
    int64_t expire)
{
    u_char             value[256];
    bigcache_commit_t  commit;
    bigcache_record_t  record;

    memset(&record, 0, sizeof(bigcache_record_t));

    record.kind = BIGCACHE_KIND_RAW;
    record.expire = expire;
    record.type = str("text/x");
    record.length = strlen(body);
    record.unpacked = record.length;

    memcpy(bigcache_record_encode(value, &record), body, strlen(body));
    bigcache_record_seal(value, bigcache_record_size(&record));

    memset(&commit, 0, sizeof(bigcache_commit_t));

    commit.key = str(key);
    commit.value = value;
    commit.len = bigcache_record_size(&record);

    return bigcache_remote_commit(store, 1, &commit, &record);
}


static bigcache_rc_t
purge(bigcache_store_t *store, const bigcache_str_t *prefix, int async,
    uint64_t *n, uint64_t *expired)
{
    uint64_t       version;
    bigcache_rc_t  rc;

    *n = 0;
    *expired = 0;

    rc = bigcache_purge(store, keys_with(prefix), async, 0, &version);

    return (rc == BIGCACHE_OK && !async)
           ? bigcache_purge_run(store, version, n, expired) : rc;
}


static int
has(bigcache_store_t *store, const char *key, const char *body, size_t len)
{
    int                 same;
    u_char             *buf;
    bigcache_str_t      name;
    bigcache_data_t     data;
    bigcache_stored_t   page;

    name = str(key);

    if (bigcache_store_get(store, &name, 1, &page) != BIGCACHE_OK) {
        return 0;
    }

    if (page.fd == -1) {
        same = (page.record.body.len == len
                && memcmp(page.record.body.data, body, len) == 0);

    } else {
        data = bigcache_data_range(page.fd, page.offset, page.record.length);
        buf = malloc(page.record.length);
        same = (page.record.length == len
                && bigcache_data_read(buf, &data, 1) == 0
                && memcmp(buf, body, len) == 0);
        free(buf);
    }

    bigcache_stored_free(&page);

    return same;
}


static uint64_t
version(bigcache_store_t *store, const char *key)
{
    uint64_t           n;
    bigcache_str_t     name;
    bigcache_stored_t  page;

    name = str(key);

    if (bigcache_store_get(store, &name, 0, &page) != BIGCACHE_OK) {
        return 0;
    }

    n = page.record.version;
    bigcache_stored_free(&page);

    return n;
}


/* returns the segment of a page, or 0 */

static uint64_t
segment(bigcache_store_t *store, const char *key)
{
    uint64_t           id;
    bigcache_str_t     name;
    bigcache_stored_t  page;

    name = str(key);

    if (bigcache_store_get(store, &name, 0, &page) != BIGCACHE_OK) {
        return 0;
    }

    id = page.record.segment;
    bigcache_stored_free(&page);

    return id;
}


static long long
count(bigcache_store_t *store)
{
    bigcache_stat_t  stat;

    return (bigcache_store_stat(store, &stat) == BIGCACHE_OK)
           ? (long long) stat.keys : -1;
}


static int
files_are(const char *name, unsigned n)
{
    return files(name) == n;
}


/* returns 1 if so many pages were found expired */

static int
swept_are(const char *name, unsigned n)
{
    (void) name;

    return swept >= n;
}


/* returns 1 if a line about a failed attempt was logged */

static int
crit_is(const char *name, unsigned n)
{
    return atomic_load(strcmp(name, "sync") == 0 ? &unsynced
                       : strcmp(name, "remove") == 0 ? &unremoved
                                                     : &uncompacted)
           >= n;
}


/* writes the name of the one file in a directory of the store */

static void
first_in(const char *dir, char *name, size_t len)
{
    DIR            *d;
    char            full[128];
    struct dirent  *de;

    (void) snprintf(full, sizeof(full), "%s/%s", path, dir);

    name[0] = '\0';
    d = opendir(full);

    while (d && (de = readdir(d)) != NULL) {
        if (de->d_name[0] != '.') {
            (void) snprintf(name, len, "%.60s", de->d_name);
        }
    }

    if (d) {
        (void) closedir(d);
    }
}


static int
eventually(int (*check)(const char *, unsigned), const char *name, unsigned n)
{
    unsigned  i;

    for (i = 0; i < 500; i++) {
        if (check(name, n)) {
            return 1;
        }

        (void) usleep(10000);
    }

    return 0;
}


static unsigned
files(const char *name)
{
    DIR            *dir;
    char            full[128];
    unsigned        n;
    struct dirent  *de;

    (void) snprintf(full, sizeof(full), "%s/%s", path, name);

    n = 0;
    dir = opendir(full);

    if (dir == NULL) {
        return 0;
    }

    while ((de = readdir(dir)) != NULL) {
        n += (de->d_name[0] != '.');
    }

    (void) closedir(dir);

    return n;
}


static unsigned long long
size_of(const char *name)
{
    DIR                 *dir;
    char                 full[128];
    struct stat          st;
    struct dirent       *de;
    unsigned long long   size;

    (void) snprintf(full, sizeof(full), "%s/%s", path, name);

    dir = opendir(full);
    size = 0;

    while (dir && (de = readdir(dir)) != NULL) {
        if (fstatat(dirfd(dir), de->d_name, &st, 0) == 0
            && S_ISREG(st.st_mode))
        {
            size += (unsigned long long) st.st_size;
        }
    }

    if (dir) {
        (void) closedir(dir);
    }

    return size;
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    crit += (level == BIGCACHE_LOG_CRIT);

    if (strstr(text, "cannot be synced")) {
        (void) atomic_fetch_add(&unsynced, 1);
    }

    if (strstr(text, "evicted with")) {
        (void) atomic_fetch_add(&evictions, 1);
    }

    if (strstr(text, "cannot be removed")) {
        (void) atomic_fetch_add(&unremoved, 1);
    }

    if (strstr(text, "cannot compact")) {
        (void) atomic_fetch_add(&uncompacted, 1);
    }

    (void) printf("# log %d: %s\n", level, text);
}


static void
removed_handler(void *data, uint64_t expired, uint64_t purged)
{
    (void) data;
    (void) purged;

    swept += (unsigned) expired;
}
