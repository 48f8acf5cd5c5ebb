
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Lists: their bounds in time, pages that are moved while a list is made, and
 * wrong lists from another process.
 *
 * The thread that makes a list has a clock of its own.  The clock advances at
 * each look at it, and not otherwise: so a disk is as slow as a test wants.
 */


#define _GNU_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bigcache_keeper.h"
#include "bigcache_list.h"
#include "bigcache_local.h"
#include "bigcache_op.h"
#include "bigcache_store.h"
#include "bigcache_store_list.h"
#include "bigcache_time.h"
#include "store.h"
#include "tap.h"


#define KEYS     300
#define PIECE    100000                 /* bytes, of a page that fills */


static void test_receive(void);
static void test_receive_next(void);
static void test_time(void);
static void test_time_empty(void);
static void test_moved(void);
static void test_request(void);
static void move(void);
static void own_clock(int64_t ms);
static unsigned parts(bigcache_store_t *store, unsigned *rows);
static const bigcache_list_row_t *row_of(const char *key);
static int receive(const bigcache_str_t *rows, const char *next, int more,
    const char *after, unsigned limit);
static void fill(bigcache_store_t *store, unsigned n, size_t len,
    const char *type);
static bigcache_rc_t put(bigcache_store_t *store, const char *key, size_t len,
    const char *type);
static void segment_name(char *dst, size_t len);


/* its own clock: the beginning, ms that one look takes, ms that have passed */

static _Thread_local int64_t   began, slow, passed;

/* called once, at the first look after a read of the disk */

static _Thread_local void    (*meanwhile)(void);
static _Thread_local unsigned  reads;

static u_char                  body[PIECE];
static bigcache_store_t       *moving;
static bigcache_list_t         list;

static const bigcache_str_t    none = { 0, NULL };


int
main(void)
{
    usual_conf();

    test_receive();
    test_receive_next();
    test_time();
    test_time_empty();
    test_moved();
    test_request();

    remove_dir(path);

    return done_testing();
}


/* rows from another process */

static void
test_receive(void)
{
    size_t             len;
    uint32_t           key_len;
    bigcache_str_t     rows;
    bigcache_store_t  *store;
    static u_char      bytes[BIGCACHE_LIST_MEMORY + 1];

    fresh();
    store = start();
    fill(store, 5, 10, "text/html");

    is_int(bigcache_store_list(store, &none, &none, &none, 5, &list),
           BIGCACHE_OK, "a list");
    is_int(list.n, 5, "of five");

    stop(store);

    len = list.len;
    memcpy(bytes, list.rows, len);

    rows.data = bytes;
    rows.len = len;

    ok(receive(&rows, "k004", 0, NULL, 5), "is taken");
    is_int(list.n, 5, "has five rows");
    is_int(list.more, 0, "and no more");
    is_mem(list.next, list.next_len, "k004", 4, "next");
    ok(receive(&rows, "k004", 1, NULL, 1000), "fewer than asked for");
    is_int(list.more, 1, "and more");
    ok(!receive(&rows, "k004", 0, NULL, 4), "more than asked for");

    for (rows.len = 1; rows.len < len; rows.len++) {
        if (rows.len % (len / 5) && receive(&rows, "k004", 0, NULL, 5)) {
            break;
        }
    }

    is_int(rows.len, len, "no part of a row is taken");

    rows.len = len + 1;
    ok(!receive(&rows, "k004", 0, NULL, 5), "nor a byte too much");

    rows.len = BIGCACHE_LIST_MEMORY + 1;
    ok(!receive(&rows, "k004", 0, NULL, 1000), "too many bytes");

    /* after three numbers of 8 bytes */

    rows.len = len;
    key_len = UINT32_MAX;
    memcpy(bytes + 24, &key_len, sizeof(key_len));
    ok(!receive(&rows, "k004", 0, NULL, 5), "a key that is not there");

    ok(receive(&none, "", 0, NULL, 5), "nothing");
    is_int(list.n, 0, "is no rows");
}


/* a caller that passes next as after reaches an end */

static void
test_receive_next(void)
{
    bigcache_str_t  next, after;
    static u_char   bytes[BIGCACHE_KEY_MAX + 1];

    ok(receive(&none, "b", 1, "a", 5), "no rows, but further");
    ok(receive(&none, "aa", 1, "a", 5), "further, a longer key");
    ok(receive(&none, "a", 1, "", 5), "further than the empty key");
    ok(receive(&none, "", 1, NULL, 5), "the empty key, which is the first");
    ok(!receive(&none, "a", 1, "a", 5), "no further");
    ok(!receive(&none, "", 1, "", 5), "nor than the empty key");
    ok(!receive(&none, "a", 1, "aa", 5), "back to a shorter key");
    ok(!receive(&none, "a", 1, "b", 5), "back");
    ok(!receive(&none, "\x7f", 1, "\x80", 5), "back, bytes have no sign");
    ok(receive(&none, "a", 0, "b", 5), "back, but it is the end");

    next.data = bytes;
    next.len = BIGCACHE_KEY_MAX;
    ok(bigcache_list_receive(&list, &none, &next, 1, &none, 5),
       "the longest key");

    next.len++;
    ok(!bigcache_list_receive(&list, &none, &next, 1, &none, 5),
       "a longer one");

    /* as in a loop over the parts */

    (void) receive(&none, "b", 1, NULL, 5);

    after.data = list.next;
    after.len = list.next_len;
    next = str("a");

    ok(!bigcache_list_receive(&list, &none, &next, 1, &after, 5),
       "back from the list's own next");
    is_mem(list.next, list.next_len, "b", 1, "which stays");

    next = str("ccc");

    ok(bigcache_list_receive(&list, &none, &next, 1, &after, 5), "further");
    is_mem(list.next, list.next_len, "ccc", 3, "which is the next one");
}


/* the types of all pages are read from a slow disk */

static void
test_time(void)
{
    unsigned           n, rows;
    bigcache_store_t  *store;

    fresh();
    store = start();
    fill(store, KEYS, 1000, "text/html");

    own_clock(0);

    n = parts(store, &rows);
    is_int(n, 1, "a fast disk: one part");
    is_int(rows, KEYS, "has all");

    own_clock(BIGCACHE_STORE_LIST_TIME / 4);

    n = parts(store, &rows);
    is_int(n, KEYS / 4, "a slow disk: four keys at a time");
    is_int(rows, KEYS, "are all");

    own_clock(10 * BIGCACHE_STORE_LIST_TIME);

    n = parts(store, &rows);
    is_int(n, KEYS, "a disk that hardly answers: a key at a time");
    is_int(rows, KEYS, "is all");

    own_clock(-1);
    stop(store);
}


/* empty pages are in the index: only that is read */

static void
test_time_empty(void)
{
    unsigned           n, rows;
    bigcache_store_t  *store;

    fresh();
    store = start();
    fill(store, KEYS, 0, "text/html");

    own_clock(10 * BIGCACHE_STORE_LIST_TIME);

    n = parts(store, &rows);
    is_int(n, KEYS / 64 + 1, "pages in the index: some dozen at a time");
    is_int(rows, KEYS, "are all");

    own_clock(-1);
    stop(store);
}


/* a list shows what was there when it began */

static void
test_moved(void)
{
    unsigned                    i;
    char                        name[PATH_MAX];
    const bigcache_list_row_t  *row;

    fresh();
    moving = start();

    (void) put(moving, "a", 500, "text/a");
    (void) put(moving, "deleted", 500, "text/b");
    (void) put(moving, "emptied", 500, "text/c");
    (void) put(moving, "moved", 500, "text/d");
    (void) put(moving, "replaced", 500, "text/e");

    /* and fill the segment with pages that will be deleted */

    for (i = 0; i < 60; i++) {
        (void) snprintf(name, sizeof(name), "z%u", i);
        (void) put(moving, name, PIECE, "");
    }

    reads = 0;
    meanwhile = move;

    own_clock(0);

    is_int(bigcache_store_list(moving, &none, &none, &none, 1000, &list),
           BIGCACHE_OK, "a list");

    own_clock(-1);

    ok(meanwhile == NULL, "pages were moved meanwhile");

    row = row_of("moved");
    ok(row != NULL, "a page that was moved");
    is_mem(row ? row->type.data : NULL, row ? row->type.len : 0, "text/d", 6,
           "has its type");

    ok(row_of("deleted") == NULL, "one that is gone is not there");

    row = row_of("emptied");
    is_mem(row ? row->type.data : NULL, row ? row->type.len : 0, "text/new",
           8, "the type of one that is in the index now");
    is_int(row ? row->size : 9, 0, "and its size");

    row = row_of("replaced");
    is_mem(row ? row->type.data : NULL, row ? row->type.len : 0, "", 0,
           "one that has no type any more");

    /* a removed segment: the page is listed, and a reader gets the error */

    stop(moving);
    fresh();
    moving = start();
    (void) put(moving, "a", 500, "text/a");
    stop(moving);

    segment_name(name, sizeof(name));
    ok(unlink(name) == 0, "a segment is lost");

    moving = start();
    is_int(bigcache_store_list(moving, &none, &none, &none, 1000, &list),
           BIGCACHE_OK, "a list");
    row = row_of("a");
    ok(row != NULL, "the page is listed");
    is_int(row ? row->type.len : 9, 0, "without its type");
    stop(moving);
}


/* bounds for the time that a client waits */

static void
test_request(void)
{
    char                    text[16];
    unsigned                i;
    bigcache_op_t           op;
    bigcache_stat_t         stat;
    bigcache_cache_t       *cache;
    bigcache_local_conf_t   cache_conf;
    bigcache_store_t       *store;

    fresh();
    store = start();
    fill(store, KEYS, 1000, "text/html");
    stop(store);

    memset(&cache_conf, 0, sizeof(bigcache_local_conf_t));
    cache_conf.store = conf;
    cache_conf.masters[0] = (uint64_t) getpid();

    cache = bigcache_local_create(&cache_conf);
    ok(cache && bigcache_cache_start(cache) == 0, "a cache");
    is_int(bigcache_cache_stat(cache, 0, &stat), BIGCACHE_OK, "is open");

    for (i = 0; i < 2; i++) {
        memset(&op, 0, sizeof(bigcache_op_t));
        bigcache_page_clear(&op.page);

        op.cache = cache;
        op.limit = 1000;

        own_clock(i ? BIGCACHE_STORE_LIST_TIME / 4 : 0);
        bigcache_op_list(&op);
        own_clock(-1);

        is_int(op.rc, BIGCACHE_OK, "a request");
        is_int(op.nreply, 1, "and its answer");

        (void) snprintf(text, sizeof(text), "%.14s",
                        op.memory + op.reply[0].bytes.len - 14);

        if (i == 0) {
            is_str(text, "],\"next\":null}", "a fast disk: all of it");

        } else {
            is_mem(text, 9, "\"next\":\"k", 9, "a slow disk: a part of it");
            ok(passed >= 2000 && passed < 2000 + 2 * BIGCACHE_STORE_LIST_TIME,
               "in %lld ms", (long long) passed);
        }

        bigcache_op_free(&op);
    }

    bigcache_cache_stop(cache);
    bigcache_cache_destroy(cache);
}


/* the first segment is removed, after its live pages have moved */

static void
move(void)
{
    char            name[32], first[PATH_MAX];
    unsigned        i;
    bigcache_str_t  key;

    segment_name(first, sizeof(first));

    key = str("deleted");
    (void) bigcache_store_delete(moving, &key, BIGCACHE_EXPECT_ANY, 0);

    (void) put(moving, "emptied", 0, "text/new");
    (void) put(moving, "replaced", 500, "");

    for (i = 0; i < 60; i++) {
        (void) snprintf(name, sizeof(name), "z%u", i);
        (void) put(moving, name, PIECE, "");
    }

    for (i = 0; i < 2000 && access(first, F_OK) == 0; i++) {
        (void) usleep(5000);
    }

    ok(access(first, F_OK) == -1, "a segment is compacted");
}


/* begins; or ends if ms is less than 0 */

static void
own_clock(int64_t ms)
{
    began = 0;

    if (ms >= 0) {
        passed = 0;
        slow = ms;
        began = bigcache_time_monotonic();
    }
}


/*
 * lists part by part, like a request; returns the number of parts, and the
 * rows
 */

static unsigned
parts(bigcache_store_t *store, unsigned *rows)
{
    char                 name[32];
    size_t               at;
    unsigned             n;
    bigcache_str_t       after;
    bigcache_list_row_t  row;

    *rows = 0;
    after = none;

    for (n = 0; n < 2 * KEYS; /* void */ ) {

        if (bigcache_store_list(store, &none, &none, &after, 1000, &list)
            != BIGCACHE_OK)
        {
            break;
        }

        n++;

        for (at = 0; bigcache_list_row(&list, &at, &row); /* void */ ) {
            (void) snprintf(name, sizeof(name), "k%03u", *rows);

            if (row.key.len != 4
                || memcmp(row.key.data, name, 4) != 0
                || row.type.len != 9)
            {
                ok(0, "row %u", *rows);
                return 0;
            }

            (*rows)++;
        }

        if (!list.more) {
            break;
        }

        after.data = list.next;
        after.len = list.next_len;
    }

    return n;
}


static const bigcache_list_row_t *
row_of(const char *key)
{
    size_t                      at;
    static bigcache_list_row_t  row;

    for (at = 0; bigcache_list_row(&list, &at, &row); /* void */ ) {
        if (row.key.len == strlen(key)
            && memcmp(row.key.data, key, row.key.len) == 0)
        {
            return &row;
        }
    }

    return NULL;
}


static int
receive(const bigcache_str_t *rows, const char *next, int more,
    const char *after, unsigned limit)
{
    bigcache_str_t  n, a;

    n = str(next);
    a = after ? str(after) : none;

    return bigcache_list_receive(&list, rows, &n, more, &a, limit);
}


/* k000, k001, and so on */

static void
fill(bigcache_store_t *store, unsigned n, size_t len, const char *type)
{
    char      name[32];
    unsigned  i;

    for (i = 0; i < n; i++) {
        (void) snprintf(name, sizeof(name), "k%03u", i);

        if (put(store, name, len, type) != BIGCACHE_OK) {
            ok(0, "page %u", i);
        }
    }
}


static bigcache_rc_t
put(bigcache_store_t *store, const char *key, size_t len, const char *type)
{
    bigcache_rc_t      rc;
    bigcache_put_t     p;
    bigcache_data_t    data;
    bigcache_stored_t  page;

    memset(&p, 0, sizeof(bigcache_put_t));

    data = bigcache_data_bytes(body, len);

    p.key = str(key);
    p.kind = BIGCACHE_KIND_RAW;
    p.type = str(type);
    p.expire = BIGCACHE_NEVER;
    p.data = &data;
    p.n = 1;

    rc = bigcache_store_put(store, &p, &page);
    bigcache_stored_free(&page);

    return rc;
}


/* finds the file of the first segment */

static void
segment_name(char *dst, size_t len)
{
    int              n, i;
    char             dir[80];
    struct dirent  **names;

    (void) snprintf(dir, sizeof(dir), "%s/pages", path);

    dst[0] = '\0';
    n = scandir(dir, &names, NULL, alphasort);

    for (i = 0; i < n; i++) {

        if (dst[0] == '\0' && names[i]->d_name[0] != '.') {
            (void) snprintf(dst, len, "%s/%s", dir, names[i]->d_name);
        }

        free(names[i]);
    }

    if (n >= 0) {
        free(names);
    }
}


/* these replace functions of the C library */

ssize_t
pread(int fd, void *buf, size_t n, off_t offset)
{
    static ssize_t  (*next)(int, void *, size_t, off_t);

    if (next == NULL) {
        next = (ssize_t (*)(int, void *, size_t, off_t))
                                                 dlsym(RTLD_NEXT, "pread");
    }

    reads++;

    return next(fd, buf, n, offset);
}


int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    int           rc;
    void        (*hook)(void);
    static int  (*next)(clockid_t, struct timespec *);

    if (next == NULL) {
        next = (int (*)(clockid_t, struct timespec *))
                                         dlsym(RTLD_NEXT, "clock_gettime");
    }

    hook = meanwhile;

    if (hook && reads) {
        meanwhile = NULL;
        hook();
    }

    rc = next(clock, ts);

    if (clock == CLOCK_MONOTONIC && began) {
        passed += slow;

        ts->tv_sec = (began + passed) / 1000;
        ts->tv_nsec = (began + passed) % 1000 * 1000000;
    }

    return rc;
}
