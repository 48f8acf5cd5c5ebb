
/*
 * Copyright (C) bigcache contributors
 */


/* the store as its callers see it, without nginx, in a directory of its own */


#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bigcache_store.h"
#include "bigcache_time.h"
#include "tap.h"


#define LARGE  (3 * 1024 * 1024)


static void test_pages(void);
static void test_expect(void);
static void test_expiry(void);
static void test_purge(void);
static void test_large(void);
static void test_count(void);
static void test_crash(void);
static void copy_page(void);
static void test_life(void);
static void test_lock(void);
static void test_foreign(void);
static void test_damage(void);
static bigcache_store_t *start(void);
static void stop(bigcache_store_t *store);
static bigcache_rc_t put(bigcache_store_t *store, const char *key,
    const char *body, size_t len, int64_t expire, uint64_t expect);
static int has(bigcache_store_t *store, const char *key, const char *body,
    size_t len);
static uint64_t version(bigcache_store_t *store, const char *key);
static long long count(bigcache_store_t *store);
static unsigned files(const char *name);
static bigcache_str_t str(const char *s);
static void log_handler(void *data, int level, const char *text);
static void fresh(void);
static int rm(const char *name, const struct stat *st, int type,
    struct FTW *ftw);


static char                   path[64];
static unsigned               crit;
static bigcache_store_conf_t  conf;


int
main(void)
{
    conf.path = path;
    conf.wait = 2000;
    conf.index.block_cache = 1024 * 1024;
    conf.index.write_buffer = 1024 * 1024;
    conf.log.handler = log_handler;

    test_pages();
    test_expect();
    test_expiry();
    test_purge();
    test_large();
    test_count();
    test_crash();
    test_life();
    test_lock();
    test_foreign();
    test_damage();

    (void) nftw(path, rm, 16, FTW_DEPTH|FTW_PHYS);

    return done_testing();
}


static void
test_pages(void)
{
    bigcache_str_t     key;
    bigcache_page_t    page;
    bigcache_store_t  *store;

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
    is_int(bigcache_store_delete(store, &key, 0), BIGCACHE_OK, "delete");
    is_int(bigcache_store_delete(store, &key, 0), BIGCACHE_MISS,
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
    is_int(bigcache_store_delete(store, &key, one), BIGCACHE_MISMATCH,
           "delete an old version");
    ok(has(store, "a", "2", 1), "still there");
    is_int(bigcache_store_delete(store, &key, two), BIGCACHE_OK,
           "delete the version");

    stop(store);
}


static void
test_expiry(void)
{
    bigcache_str_t     key;
    bigcache_page_t    page;
    bigcache_store_t  *store;

    fresh();
    store = start();

    key = str("a");

    (void) put(store, "a", "1", 1, bigcache_now() - 1, 0);
    is_int(count(store), 1, "expired, not met");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_EXPIRED,
           "expired once");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS,
           "then a miss");
    is_int(count(store), 0, "gone");

    (void) put(store, "a", "1", 1, bigcache_now() - 1, 0);
    is_int(bigcache_store_delete(store, &key, 0), BIGCACHE_EXPIRED,
           "delete of an expired one");

    (void) put(store, "a", "1", 1, bigcache_now() - 1, 0);
    is_int(put(store, "a", "2", 1, bigcache_now() + 60000,
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
                   i % 100 == 1 ? bigcache_now() - 1 : BIGCACHE_NEVER, 0);
    }

    (void) put(store, "odd", "x", 1, BIGCACHE_NEVER, 0);

    prefix = str("odd/");
    is_int(bigcache_store_purge(store, &prefix, &n, &expired), BIGCACHE_OK,
           "purge");
    is_int(n, 490, "live ones");
    is_int(expired, 10, "expired ones");
    is_int(count(store), 501, "the others stay");
    ok(has(store, "odd", "x", 1), "a shorter key stays");

    prefix = str("none");
    (void) bigcache_store_purge(store, &prefix, &n, &expired);
    is_int(n, 0, "nothing to purge");

    stop(store);
}


static void
test_large(void)
{
    char              *body;
    size_t             i;
    bigcache_str_t     key;
    bigcache_page_t    page;
    bigcache_store_t  *store;

    fresh();
    store = start();

    body = malloc(LARGE);

    for (i = 0; i < LARGE; i++) {
        body[i] = (char) (i * 7 + (i >> 12));
    }

    (void) put(store, "a", body, LARGE, BIGCACHE_NEVER, 0);
    is_int(files("pages"), 1, "one page file");
    ok(has(store, "a", body, LARGE), "get");

    key = str("a");
    (void) bigcache_store_get(store, &key, 1, &page);

    body[0]++;
    (void) put(store, "a", body, LARGE - 1, BIGCACHE_NEVER, 0);
    is_int(files("pages"), 1, "the old file is gone");
    ok(has(store, "a", body, LARGE - 1), "the new page");

    body[0]--;
    ok(page.fd != -1
       && pread(page.fd, body + 1, LARGE - 1, page.offset + 1) == LARGE - 1,
       "who holds the old file reads on");
    bigcache_page_free(&page);

    is_int(put(store, "a", body, LARGE, BIGCACHE_NEVER, 1),
           BIGCACHE_MISMATCH, "not expected");
    is_int(files("pages"), 1, "no file of what was refused");

    (void) put(store, "a", "small", 5, BIGCACHE_NEVER, 0);
    is_int(files("pages"), 0, "no file for a small page");

    (void) put(store, "a", body, LARGE, BIGCACHE_NEVER, 0);
    (void) bigcache_store_delete(store, &key, 0);
    is_int(files("pages"), 0, "no file after delete");

    free(body);
    stop(store);
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
    char              *body;
    pid_t              pid;
    unsigned           i;
    bigcache_store_t  *store;

    fresh();

    body = calloc(1, LARGE);
    pid = fork();

    if (pid == 0) {
        store = start();
        (void) put(store, "a", body, LARGE, BIGCACHE_NEVER, 0);
        _exit(0);
    }

    (void) waitpid(pid, &status, 0);

    copy_page();

    is_int(files("pages"), 2, "a page file that no record names");

    store = start();

    for (i = 0; i < 500 && files("pages") != 1; i++) {
        (void) usleep(10000);
    }

    is_int(files("pages"), 1, "is unlinked");
    ok(has(store, "a", body, LARGE), "the other one is not");

    free(body);
    stop(store);
}


/* leaves what a crash leaves between the page file and the index */

static void
copy_page(void)
{
    int               fd, from;
    DIR              *dir;
    char              name[512];
    struct stat       st;
    struct dirent    *de;
    bigcache_data_t   data;

    (void) snprintf(name, sizeof(name), "%s/pages", path);
    dir = opendir(name);

    do {
        de = readdir(dir);
    } while (de->d_name[0] == '.');

    from = openat(dirfd(dir), de->d_name, O_RDONLY);
    (void) fstat(from, &st);

    data = bigcache_data_range(from, 0, (uint64_t) st.st_size);

    fd = openat(dirfd(dir), "0000000000000001", O_WRONLY|O_CREAT, 0600);
    (void) bigcache_data_write(fd, 0, &data, 1);

    (void) close(fd);
    (void) close(from);
    (void) closedir(dir);
}


static void
test_life(void)
{
    uint64_t           n;
    bigcache_str_t     key;
    bigcache_page_t    page;
    bigcache_store_t  *store;

    fresh();
    store = start();
    key = str("a");

    (void) put(store, "a", "1", 1, BIGCACHE_NEVER, 0);

    is_int(bigcache_store_close(store), BIGCACHE_OK, "close");
    is_int(bigcache_store_close(store), BIGCACHE_OK, "close again");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_CLOSED,
           "get of a closed one");
    is_int(bigcache_store_count(store, &n), BIGCACHE_CLOSED,
           "count of a closed one");
    is_int(bigcache_store_clear(store), BIGCACHE_CLOSED,
           "clear of a closed one");
    is_int(bigcache_store_open(store), BIGCACHE_OK, "open");
    is_int(bigcache_store_open(store), BIGCACHE_OK, "open again");
    ok(has(store, "a", "1", 1), "get");

    is_int(bigcache_store_clear(store), BIGCACHE_OK, "clear");
    is_int(count(store), 0, "nothing left");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS, "gone");
    (void) put(store, "a", "2", 1, BIGCACHE_NEVER, 0);
    ok(has(store, "a", "2", 1), "it goes on");

    bigcache_store_stop(store);
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_UNAVAILABLE,
           "get of a stopped one");
    bigcache_store_stop(store);
    bigcache_store_destroy(store);
}


static void
test_lock(void)
{
    int                status, pipes[2];
    char               text[BIGCACHE_ERROR_LEN];
    pid_t              pid;
    bigcache_str_t     key;
    bigcache_page_t    page;
    bigcache_store_t  *store;

    fresh();
    (void) pipe(pipes);

    pid = fork();

    if (pid == 0) {
        store = start();
        (void) put(store, "a", "1", 1, BIGCACHE_NEVER, 0);
        (void) write(pipes[1], "x", 1);
        (void) usleep(700000);
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

    (void) waitpid(pid, &status, 0);
    (void) usleep(200000);

    ok(has(store, "a", "1", 1), "taken over");

    conf.wait = 2000;
    stop(store);
    (void) close(pipes[0]);
    (void) close(pipes[1]);
}


static void
test_foreign(void)
{
    int                fd;
    char               name[128], text[BIGCACHE_ERROR_LEN];
    bigcache_str_t     key;
    bigcache_page_t    page;
    bigcache_store_t  *store;

    fresh();
    (void) snprintf(name, sizeof(name), "%s/CURRENT", path);
    fd = open(name, O_WRONLY|O_CREAT, 0600);
    (void) close(fd);

    crit = 0;
    store = start();
    key = str("a");

    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_UNAVAILABLE,
           "somebody else's directory");
    bigcache_store_reason(store, text);
    ok(strstr(text, "neither empty nor a bigcache store") != NULL,
       "reason: %s", text);
    is_int(files("."), 1, "nothing is put there");
    is_int(crit, 1, "one line");

    (void) unlink(name);
    (void) usleep(1200000);
    is_int(put(store, "a", "1", 1, BIGCACHE_NEVER, 0), BIGCACHE_OK,
           "opened when it is empty");

    stop(store);
}


static void
test_damage(void)
{
    DIR               *dir;
    char               name[128], *body;
    unsigned           i;
    bigcache_str_t     key;
    bigcache_page_t    page;
    bigcache_store_t  *store;

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

    /* a page file that goes away */

    body = calloc(1, LARGE);
    (void) put(store, "b", body, LARGE, BIGCACHE_NEVER, 0);
    free(body);

    (void) snprintf(name, sizeof(name), "%s/pages", path);
    dir = opendir(name);

    while ((de = readdir(dir)) != NULL) {
        if (de->d_name[0] != '.') {
            (void) unlinkat(dirfd(dir), de->d_name, 0);
        }
    }

    (void) closedir(dir);

    crit = 0;
    key = str("b");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS,
           "a lost page is a miss");
    is_int(crit, 1, "said so once");
    is_int(bigcache_store_get(store, &key, 1, &page), BIGCACHE_MISS,
           "and stays one");
    is_int(crit, 1, "and no more");
    is_int(count(store), 1, "not counted any more");

    stop(store);
}


static bigcache_store_t *
start(void)
{
    bigcache_store_t  *store;

    store = bigcache_store_create(&conf);
    (void) bigcache_store_start(store, 0);

    return store;
}


static void
stop(bigcache_store_t *store)
{
    bigcache_store_stop(store);
    bigcache_store_destroy(store);
}


static bigcache_rc_t
put(bigcache_store_t *store, const char *key, const char *body, size_t len,
    int64_t expire, uint64_t expect)
{
    bigcache_rc_t    rc;
    bigcache_put_t   p;
    bigcache_data_t  data;
    bigcache_page_t  page;

    memset(&p, 0, sizeof(bigcache_put_t));

    data = bigcache_data_bytes((const u_char *) body, len);

    p.key = str(key);
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = expire;
    p.expect = expect;
    p.data = &data;
    p.n = 1;

    rc = bigcache_store_put(store, &p, &page);
    bigcache_page_free(&page);

    return rc;
}


static int
has(bigcache_store_t *store, const char *key, const char *body, size_t len)
{
    int              same;
    u_char          *buf;
    bigcache_str_t   name;
    bigcache_data_t  data;
    bigcache_page_t  page;

    name = str(key);

    if (bigcache_store_get(store, &name, 1, &page) != BIGCACHE_OK) {
        return 0;
    }

    if (page.record.file == 0) {
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

    bigcache_page_free(&page);

    return same;
}


static uint64_t
version(bigcache_store_t *store, const char *key)
{
    uint64_t         n;
    bigcache_str_t   name;
    bigcache_page_t  page;

    name = str(key);

    if (bigcache_store_get(store, &name, 0, &page) != BIGCACHE_OK) {
        return 0;
    }

    n = page.record.version;
    bigcache_page_free(&page);

    return n;
}


static long long
count(bigcache_store_t *store)
{
    uint64_t  n;

    return (bigcache_store_count(store, &n) == BIGCACHE_OK) ? (long long) n
                                                            : -1;
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


static bigcache_str_t
str(const char *s)
{
    bigcache_str_t  string;

    string.data = (const u_char *) s;
    string.len = strlen(s);

    return string;
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    crit += (level == BIGCACHE_LOG_CRIT);
    (void) printf("# log %d: %s\n", level, text);
}


static void
fresh(void)
{
    if (path[0]) {
        (void) nftw(path, rm, 16, FTW_DEPTH|FTW_PHYS);
    }

    (void) strcpy(path, "/tmp/bigcache-store-XXXXXX");

    if (mkdtemp(path) == NULL) {
        perror("mkdtemp");
        exit(2);
    }
}


static int
rm(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;

    return remove(name);
}
