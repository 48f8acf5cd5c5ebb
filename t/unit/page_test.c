
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Pages of an origin: their heads, how the store keeps them, and which of them
 * it refuses because they were removed while they were fetched.
 */


#define _GNU_SOURCE

#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_close.h"
#include "bigcache_head.h"
#include "bigcache_keeper.h"
#include "bigcache_purge.h"
#include "bigcache_removed.h"
#include "bigcache_store.h"
#include "bigcache_time.h"
#include "bigcache_version.h"
#include "store.h"
#include "tap.h"


#define KEY  "\0http://a/"

static void test_head(void);
static void test_head_full(void);
static void test_head_wrong(void);
static uint64_t since(bigcache_removed_t *removed, const bigcache_str_t *name,
    uint64_t version);
static void remove_prefix(bigcache_removed_t *removed,
    const bigcache_str_t *prefix, uint64_t version);
static void test_removed(void);
static void test_prefixes(void);
static void test_kept(void);
static void test_empty(void);
static void test_refused(void);
static bigcache_str_t key(const char *name);
static bigcache_rc_t put(bigcache_store_t *store, const char *name,
    const char *body, size_t head, uint64_t origin);
static int stored(bigcache_store_t *store, const char *name);
static uint64_t ask(bigcache_store_t *store);
static void delete_page(bigcache_store_t *store, const char *name);


static u_char  memory[2 * BIGCACHE_HEAD_MAX];


int
main(void)
{
    usual_conf();

    test_head();
    test_head_full();
    test_head_wrong();
    test_removed();
    test_prefixes();
    test_kept();
    test_empty();
    test_refused();

    remove_dir(path);

    return done_testing();
}


static void
test_head(void)
{
    size_t                  at;
    bigcache_str_t          name, value;
    bigcache_head_t         head, got;
    bigcache_head_writer_t  writer;

    static const bigcache_str_t  type = bigcache_string("Content-Type");
    static const bigcache_str_t  html = bigcache_string("text/html");
    static const bigcache_str_t  x = bigcache_string("X");
    static const bigcache_str_t  none = bigcache_string("");

    memset(&head, 0, sizeof(bigcache_head_t));

    head.flags = BIGCACHE_HEAD_REVALIDATE|BIGCACHE_HEAD_TTL;
    head.status = 404;
    head.stale_while_revalidate = 1;
    head.stale_if_error = UINT32_MAX;
    head.took = 1500;
    head.born = -1;
    head.fresh_until = INT64_C(1795824000000);

    bigcache_head_begin(&writer, memory, &head);
    bigcache_head_add(&writer, &type, &html);
    bigcache_head_add(&writer, &x, &none);
    bigcache_head_add(&writer, &x, &html);

    is_int(bigcache_head_decode(&got, memory, writer.len), 0, "a head");
    is_int(got.flags, head.flags, "flags");
    is_int(got.status, 404, "status");
    is_int(got.stale_while_revalidate, 1, "while it is revalidated");
    is_int(got.stale_if_error, UINT32_MAX, "if the origin fails");
    is_int(got.took, 1500, "took");
    is_int(got.born, -1, "born");
    is_int(got.fresh_until, head.fresh_until, "fresh until");

    at = 0;
    ok(bigcache_head_next(&got, &at, &name, &value)
       && name.len == type.len && value.len == html.len
       && memcmp(value.data, html.data, html.len) == 0, "the first field");
    ok(bigcache_head_next(&got, &at, &name, &value) && value.len == 0,
       "an empty value");
    ok(bigcache_head_next(&got, &at, &name, &value)
       && !bigcache_head_next(&got, &at, &name, &value), "and the last");

    ok(bigcache_head_find(&got, "content-type", &value)
       && value.len == html.len, "found in any case");
    ok(!bigcache_head_find(&got, "content", &value), "only the whole name");
}


static void
test_head_full(void)
{
    size_t                  at;
    unsigned                n;
    bigcache_str_t          name, value;
    bigcache_head_t         head;
    bigcache_head_writer_t  writer;

    static u_char  bytes[BIGCACHE_HEAD_MAX];

    memset(&head, 0, sizeof(bigcache_head_t));

    name.data = bytes;
    name.len = 1;
    value.data = bytes;
    value.len = 95;

    bigcache_head_begin(&writer, memory, &head);

    for (n = 0; !writer.full; n++) {
        bigcache_head_add(&writer, &name, &value);
    }

    ok(writer.len <= BIGCACHE_HEAD_MAX && writer.len > BIGCACHE_HEAD_MAX - 100,
       "full at %lu", (unsigned long) writer.len);
    is_int(bigcache_head_decode(&head, memory, writer.len), 0, "and right");

    for (at = 0; bigcache_head_next(&head, &at, &name, &value); n--) {
        /* void */
    }

    is_int(n, 1, "all but the last");

    bigcache_head_begin(&writer, memory, &head);
    value.len = BIGCACHE_HEAD_MAX;
    bigcache_head_add(&writer, &name, &value);
    ok(writer.full && writer.len == BIGCACHE_HEAD_LEN, "a value that is too "
       "long");
}


static void
test_head_wrong(void)
{
    size_t                  len;
    bigcache_head_t         head;
    bigcache_head_writer_t  writer;

    static const bigcache_str_t  name = bigcache_string("Age");

    memset(&head, 0, sizeof(bigcache_head_t));
    bigcache_head_begin(&writer, memory, &head);
    bigcache_head_add(&writer, &name, &name);

    for (len = 0; len < writer.len; len++) {
        is_int(bigcache_head_decode(&head, memory, len),
               len == BIGCACHE_HEAD_LEN ? 0 : -1, "cut at %lu",
               (unsigned long) len);
    }

    memory[0]++;
    is_int(bigcache_head_decode(&head, memory, writer.len), -1,
           "another format");
}


static uint64_t
since(bigcache_removed_t *removed, const bigcache_str_t *name,
    uint64_t version)
{
    static const bigcache_str_t  none = bigcache_string("");

    return bigcache_removed_since(removed, name, &none, version);
}


static void
remove_prefix(bigcache_removed_t *removed, const bigcache_str_t *prefix,
    uint64_t version)
{
    bigcache_selector_t  selector;

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.prefix = *prefix;

    bigcache_removed_selector(removed, &selector, version);
}


static void
test_removed(void)
{
    bigcache_str_t      a, b;
    bigcache_removed_t *removed;

    removed = calloc(1, sizeof(bigcache_removed_t));
    bigcache_removed_init(removed);

    a = str("a");
    b = str("b");

    ok(!since(removed, &a, 0), "nothing is removed");

    bigcache_removed_key(removed, &a, 10);

    ok(since(removed, &a, 9), "asked for before");
    ok(!since(removed, &a, 10), "asked for after");
    ok(!since(removed, &b, 9), "another key");

    bigcache_removed_key(removed, &a, 5);
    ok(since(removed, &a, 9), "an earlier one is no news");

    bigcache_removed_all(removed, 20);
    ok(since(removed, &b, 19), "all");
    ok(!since(removed, &b, 20), "and after that");

    bigcache_removed_destroy(removed);
    free(removed);
}


/* what is forgotten counts for all keys, so that nothing is missed */

static void
test_prefixes(void)
{
    char                name[32];
    unsigned            i;
    bigcache_str_t      prefix, other, inside;
    bigcache_removed_t *removed;

    removed = calloc(1, sizeof(bigcache_removed_t));
    bigcache_removed_init(removed);

    prefix = str("dir/");
    inside = str("dir/page");
    other = str("dir");

    remove_prefix(removed, &prefix, 10);

    ok(since(removed, &inside, 9), "a key with the prefix");
    ok(since(removed, &prefix, 9), "the prefix itself");
    ok(!since(removed, &other, 9), "a shorter key");
    ok(!since(removed, &inside, 10), "asked for after");

    for (i = 1; i < BIGCACHE_REMOVED_PREFIXES; i++) {
        (void) snprintf(name, sizeof(name), "x%u/", i);
        prefix = str(name);
        remove_prefix(removed, &prefix, 10 + i);
    }

    ok(!since(removed, &other, 9), "there is room for all");

    prefix = str("y/");
    remove_prefix(removed, &prefix, 10 + i);

    ok(since(removed, &inside, 9), "the oldest is forgotten");
    ok(since(removed, &other, 9), "and counts for all keys");
    ok(!since(removed, &other, 10), "up to its version");

    bigcache_removed_destroy(removed);
    free(removed);
}


/* a page with a long head is read back, by another opening too */

static void
test_kept(void)
{
    unsigned            i;
    bigcache_str_t      name;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    store = start();
    name = key("");

    is_int(put(store, "", "body", BIGCACHE_HEAD_MAX,
               ask(store)), BIGCACHE_OK, "a long head");

    for (i = 0; i < 2; i++) {
        is_int(bigcache_store_get(store, &name, 1, &page), BIGCACHE_OK,
               "is read");
        is_int(page.record.kind, BIGCACHE_KIND_PAGE, "its kind");
        is_mem(page.record.type.data, page.record.type.len, memory,
               BIGCACHE_HEAD_MAX, "its head");
        is_mem(page.record.body.data, page.record.body.len, "body", 4,
               "its body");
        bigcache_stored_free(&page);

        stop(store);
        store = start();
    }

    stop(store);
}


/* a page without a body has a head all the same, in a segment */

static void
test_empty(void)
{
    bigcache_str_t      name;
    bigcache_stored_t   page;
    bigcache_store_t   *store;

    fresh();
    store = start();
    name = key("");

    is_int(put(store, "", "", 100, ask(store)),
           BIGCACHE_OK, "no body");
    is_int(bigcache_store_get(store, &name, 1, &page), BIGCACHE_OK, "is read");
    ok(page.record.flags & BIGCACHE_FLAG_SEGMENT, "from a segment");
    is_mem(page.record.type.data, page.record.type.len, memory, 100,
           "with its head");
    is_int(page.record.body.len, 0, "and nothing else");
    bigcache_stored_free(&page);

    is_int(put(store, "", "x", 50, ask(store)),
           BIGCACHE_OK, "it is replaced");
    delete_page(store, "");
    ok(!stored(store, ""), "and deleted");

    stop(store);
}


static void
test_refused(void)
{
    uint64_t           asked, n, expired, version;
    bigcache_str_t     prefix;
    bigcache_store_t  *store;

    fresh();
    store = start();

    asked = ask(store);
    is_int(put(store, "1", "x", 40, asked), BIGCACHE_OK, "none was removed");

    delete_page(store, "1");
    is_int(put(store, "1", "x", 40, asked), BIGCACHE_MISMATCH,
           "deleted since it was asked for");
    is_int(put(store, "2", "x", 40, asked), BIGCACHE_OK, "another page");

    delete_page(store, "3");
    is_int(put(store, "3", "x", 40, asked), BIGCACHE_MISMATCH,
           "deleted when it was not there yet");

    asked = ask(store);
    is_int(put(store, "3", "x", 40, asked), BIGCACHE_OK, "asked for again");

    prefix = key("");
    is_int(bigcache_purge(store, keys_with(&prefix), 0, 0, &version),
           BIGCACHE_OK, "a purge begins");
    ok(!stored(store, "3"), "its pages are gone");
    is_int(put(store, "4", "x", 40, asked), BIGCACHE_MISMATCH,
           "put while it runs");

    n = expired = 0;
    is_int(bigcache_purge_run(store, version, &n, &expired), BIGCACHE_OK,
           "it ends");
    is_int(put(store, "4", "x", 40, asked), BIGCACHE_MISMATCH,
           "put after its end");

    asked = ask(store);
    is_int(put(store, "4", "x", 40, asked), BIGCACHE_OK, "asked for again");

    is_int(bigcache_close_clear(store), BIGCACHE_OK, "cleared");
    is_int(put(store, "5", "x", 40, asked), BIGCACHE_MISMATCH,
           "put after that");

    asked = ask(store);
    stop(store);
    store = start();
    is_int(put(store, "5", "x", 40, asked), BIGCACHE_MISMATCH,
           "put in another opening");

    stop(store);
}


static bigcache_str_t
key(const char *name)
{
    static u_char   data[64];

    bigcache_str_t  s;

    memcpy(data, KEY, sizeof(KEY));
    s.len = sizeof(KEY) - 1 + strlen(name);
    memcpy(data + sizeof(KEY) - 1, name, strlen(name));
    s.data = data;

    return s;
}


static bigcache_rc_t
put(bigcache_store_t *store, const char *name, const char *body, size_t head,
    uint64_t origin)
{
    bigcache_rc_t      rc;
    bigcache_put_t     p;
    bigcache_data_t    data;
    bigcache_stored_t  page;

    memset(&p, 0, sizeof(bigcache_put_t));

    data = bigcache_data_bytes((const u_char *) body, strlen(body));

    p.key = key(name);
    p.kind = BIGCACHE_KIND_PAGE;
    p.fetched = 1;
    p.type.data = memory;
    p.type.len = head;
    p.expire = BIGCACHE_NEVER;
    p.origin = origin;
    p.data = &data;
    p.n = 1;

    rc = bigcache_store_put(store, &p, &page);
    bigcache_stored_free(&page);

    return rc;
}


static int
stored(bigcache_store_t *store, const char *name)
{
    bigcache_rc_t      rc;
    bigcache_str_t     k;
    bigcache_stored_t  page;

    k = key(name);

    rc = bigcache_store_get(store, &k, 1, &page);
    bigcache_stored_free(&page);

    return rc == BIGCACHE_OK;
}


/* as a fetch begins: the store is open then */

static uint64_t
ask(bigcache_store_t *store)
{
    (void) stored(store, "?");

    return bigcache_version_latest(store);
}


static void
delete_page(bigcache_store_t *store, const char *name)
{
    bigcache_str_t  k;

    k = key(name);

    (void) bigcache_store_delete(store, &k, 0, 0);
}
