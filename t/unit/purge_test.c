
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Tags, and purges by a selector: which pages they remove or mark as stale,
 * what they leave in the index, and pages that are made meanwhile.
 */


#define _GNU_SOURCE

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "bigcache_core.h"
#include "bigcache_key_removal.h"
#include "bigcache_keeper.h"
#include "bigcache_purge.h"
#include "bigcache_store.h"
#include "bigcache_store_list.h"
#include "bigcache_version.h"
#include "store.h"
#include "tap.h"


#define ROUNDS  100

/* more than a purge removes in the thread of its caller, and in two walks */

#define MANY    10000


static void test_tags(void);
static void test_large(void);
static void test_list(void);
static void test_purge(void);
static void test_replaced(void);
static void test_gap(void);
static void test_left(void);
static void test_repaired(void);
static void test_soft(void);
static void test_soft_meanwhile(void);
static void test_soft_carried(void);
static void test_soft_rewritten(void);
static void test_renamed(void);
static void test_hosts(void);
static void test_ports(void);
static void test_parts(void);
static void test_entries(void);
static void test_meanwhile(void);
static void test_format(void);
static void test_hot(void);
static void test_many(void);
static void test_many_soft(void);
static void test_walked(void);
static void *replace_many(void *data);
static void fill_many(bigcache_store_t *store, unsigned from, unsigned to,
    const char *tag);
static unsigned live_many(bigcache_store_t *store);
static bigcache_rc_t take(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value);
static bigcache_rc_t put(bigcache_store_t *store, const char *key,
    const char *tags, uint64_t asked);
static bigcache_rc_t get(bigcache_store_t *store, const char *key,
    bigcache_stored_t *page);
static int live(bigcache_store_t *store, const char *key);
static int64_t stale(bigcache_store_t *store, const char *key);
static bigcache_selector_t *by_tag(const char *tag);
static bigcache_selector_t *by_host(const char *host, const char *prefix,
    unsigned flags);
static uint64_t begin(bigcache_store_t *store,
    const bigcache_selector_t *selector);
static uint64_t purge(bigcache_store_t *store,
    const bigcache_selector_t *selector);
static const char *listed(bigcache_store_t *store, const char *tag,
    const char *prefix, const char *after, unsigned limit);
static unsigned names(u_char space);
static bigcache_rc_t count(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value);
static bigcache_str_t page_key(const char *key);
static void unname(int note);
static bigcache_rc_t unname_one(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value);
static int format(void);
static int carries(const char *key);


static size_t  body_len = 5;
static int     rewritten;       /* asked is the origin of the page before */


int
main(void)
{
    usual_conf();

    test_tags();
    test_large();
    test_list();
    test_purge();
    test_replaced();
    test_gap();
    test_left();
    test_repaired();
    test_soft();
    test_soft_meanwhile();
    test_soft_carried();
    test_soft_rewritten();
    test_renamed();
    test_hosts();
    test_ports();
    test_parts();
    test_entries();
    test_meanwhile();
    test_format();
    test_hot();
    test_many();
    test_many_soft();
    test_walked();

    remove_dir(path);

    return done_testing();
}


static void
test_tags(void)
{
    unsigned            i;
    bigcache_store_t   *store;
    bigcache_stored_t   page;

    fresh();
    store = start();

    is_int(put(store, "a", "red,green", 0), BIGCACHE_OK, "with tags");
    is_int(put(store, "b", "", 0), BIGCACHE_OK, "without");

    for (i = 0; i < 2; i++) {
        is_int(get(store, "a", &page), BIGCACHE_OK, "read");
        is_mem(page.record.tags.data, page.record.tags.len,
               "\002red\004green", 10, "its tags");
        is_int(page.record.fresh, 1234567, "fresh until then");
        is_mem(page.record.body.data, page.record.body.len, "hello", 5,
               "its body");
        bigcache_stored_free(&page);

        is_int(get(store, "b", &page), BIGCACHE_OK, "the other one");
        is_int(page.record.tags.len, 0, "has none");
        bigcache_stored_free(&page);

        stop(store);
        is_int(names(BIGCACHE_NAMES_TAG), 2, "two names");
        store = start();
    }

    is_int(put(store, "a", "red,blue,black", 0), BIGCACHE_OK, "other tags");
    is_int(put(store, "a", "red", 0), BIGCACHE_OK, "once more");

    {
        bigcache_str_t  key = str("a");

        is_int(bigcache_store_delete(store, &key, BIGCACHE_EXPECT_ANY, 0),
               BIGCACHE_OK, "deleted");
    }

    stop(store);
    is_int(names(BIGCACHE_NAMES_TAG), 0, "and all its names");
}


static void
test_large(void)
{
    bigcache_store_t   *store;
    bigcache_stored_t   page;

    fresh();
    store = start();

    body_len = BIGCACHE_PAGE_LARGE + 1000;
    is_int(put(store, "large", "red", 0), BIGCACHE_OK, "a large page");
    body_len = 5;

    is_int(get(store, "large", &page), BIGCACHE_OK, "read");
    is_mem(page.record.tags.data, page.record.tags.len, "\002red", 4,
           "its tag");
    is_int(page.record.length, BIGCACHE_PAGE_LARGE + 1000, "its length");
    bigcache_stored_free(&page);

    is_int(purge(store, by_tag("red")), 1, "purged");
    ok(!live(store, "large"), "gone");

    body_len = 0;
    is_int(put(store, "empty", "red", 0), BIGCACHE_OK, "an empty page");
    body_len = 5;

    is_int(get(store, "empty", &page), BIGCACHE_OK, "read");
    is_mem(page.record.tags.data, page.record.tags.len, "\002red", 4,
           "its tag");
    bigcache_stored_free(&page);

    is_int(purge(store, by_tag("red")), 1, "purged");
    ok(!live(store, "empty"), "gone");

    stop(store);
}


static void
test_list(void)
{
    bigcache_store_t  *store;

    fresh();
    store = start();

    (void) put(store, "x/1", "red", 0);
    (void) put(store, "x/2", "blue", 0);
    (void) put(store, "x/3", "blue,red", 0);
    (void) put(store, "y/4", "red", 0);

    is_str(listed(store, "red", "", NULL, 10), "x/1 x/3 y/4 ", "by tag");
    is_str(listed(store, "red", "x/", NULL, 10), "x/1 x/3 ", "and prefix");
    is_str(listed(store, "red", "", "x/1", 10), "x/3 y/4 ", "behind a key");
    is_str(listed(store, "red", "", NULL, 2), "x/1 x/3 +", "two of them");
    is_str(listed(store, "re", "", NULL, 10), "", "another tag");

    (void) put(store, "x/3", "blue", 0);
    is_str(listed(store, "red", "", NULL, 10), "x/1 y/4 ", "not any more");

    stop(store);
}


static void
test_purge(void)
{
    uint64_t           version, n, expired;
    bigcache_store_t  *store;

    fresh();
    store = start();

    (void) put(store, "1", "red", 0);
    (void) put(store, "2", "blue", 0);
    (void) put(store, "3", "blue,red", 0);

    is_int(begin(store, by_tag("green")), 0, "nothing to do");

    version = begin(store, by_tag("red"));
    ok(version != 0, "begun");
    ok(!live(store, "1") && !live(store, "3"), "gone at once");
    ok(live(store, "2"), "the other stays");

    (void) put(store, "1", "red", 0);
    ok(live(store, "1"), "stored after it");
    is_str(listed(store, "red", "", NULL, 10), "1 ", "listed");
    is_str(listed(store, "blue", "", NULL, 10), "2 ", "and not what is gone");

    n = 0;
    expired = 0;
    is_int(bigcache_purge_run(store, version, &n, &expired), BIGCACHE_OK,
           "run");
    is_int(n, 2, "both");
    ok(live(store, "1") && live(store, "2") && !live(store, "3"), "the same");

    stop(store);
    is_int(names(BIGCACHE_NAMES_TAG), 2, "names of what is left");
    is_int(names(BIGCACHE_NAMES_SELECT), 0, "no purge is left");
}


/* what a page was before it was replaced must not come back */

static void
test_replaced(void)
{
    bigcache_store_t  *store;

    fresh();
    store = start();

    (void) put(store, "1", "red", 0);
    (void) put(store, "1", "blue", 0);

    is_int(purge(store, by_tag("red")), 0, "it has another tag by now");
    ok(live(store, "1"), "and stays");

    stop(store);
    is_int(names(BIGCACHE_NAMES_TAG), 1, "the name of the old tag is gone");

    store = start();
    is_int(purge(store, by_tag("blue")), 1, "by its own tag");
    stop(store);
    is_int(names(BIGCACHE_NAMES_TAG), 0, "no name is left");
}


/*
 * A power cut has lost an earlier write of the key, with the name of its tag,
 * in the log that LevelDB had before this one.
 */

static void
test_gap(void)
{
    bigcache_store_t  *store;

    fresh();
    store = start();
    (void) put(store, "1", "red", 0);
    stop(store);

    unname(0);

    store = start();
    (void) put(store, "1", "red", 0);
    stop(store);
    is_int(names(BIGCACHE_NAMES_TAG), 1, "each write has the names of tags");

    store = start();
    is_int(purge(store, by_tag("red")), 1, "so that a purge finds the page");
    ok(!live(store, "1"), "and removes it");
    stop(store);
}


/* the process dies between the two steps of a purge */

static void
test_left(void)
{
    unsigned           i;
    bigcache_store_t  *store;

    fresh();
    store = start();

    (void) put(store, "1", "red", 0);
    (void) put(store, "2", "red", 0);
    (void) put(store, "3", "blue", 0);
    (void) begin(store, by_tag("red"));

    stop(store);
    is_int(names(BIGCACHE_NAMES_SELECT), 1, "a purge is left");

    store = start();
    ok(!live(store, "1") && !live(store, "2") && live(store, "3"),
       "in effect in the next opening");

    for (i = 0; i < ROUNDS && atomic_load(&store->purges.n); i++) {
        (void) usleep(100000);
    }

    stop(store);
    is_int(names(BIGCACHE_NAMES_SELECT), 0, "the keeper has ended it");
    is_int(names(BIGCACHE_NAMES_TAG), 1, "and removed what it had to");
}


/* a repair of the index has lost names of tags */

static void
test_repaired(void)
{
    unsigned           i;
    bigcache_store_t  *store;

    static const char *const  others[] = { "4", "5", "6", "7" };

    fresh();
    store = start();

    (void) put(store, "1", "red", 0);
    (void) put(store, "2", "red,blue", 0);
    (void) put(store, "3", "blue", 0);

    /* else compaction may move that page, and write its name anew */

    for (i = 0; i < 4; i++) {
        (void) put(store, others[i], "", 0);
    }

    stop(store);

    unname(1);
    is_int(names(BIGCACHE_NAMES_TAG), 0, "no names");

    store = start();
    is_int(purge(store, by_tag("red")), 2, "a purge finds them all the same");
    is_int(purge(store, by_tag("green")), 0, "and none of another tag");

    for (i = 0; i < ROUNDS && atomic_load(&store->unnamed); i++) {
        (void) usleep(100000);
    }

    is_int(purge(store, by_tag("green")), 0, "nothing to do");
    stop(store);
    is_int(names(BIGCACHE_NAMES_TAG), 1, "the name of the rest is there again");

    /* the note of it was removed */

    unname(0);

    store = start();
    is_int(begin(store, by_tag("blue")), 0, "and is relied on");
    ok(live(store, "3"), "for better or worse");
    stop(store);
}


static void
test_soft(void)
{
    int64_t             since;
    uint64_t            version, n, expired;
    bigcache_store_t   *store;
    bigcache_selector_t selector;

    fresh();
    store = start();

    (void) put(store, "1", "red", 0);
    (void) put(store, "2", "blue", 0);

    selector = *by_tag("red");
    selector.flags = BIGCACHE_SELECTOR_SOFT;

    version = begin(store, &selector);
    since = stale(store, "1");
    is_int(since, (int64_t) (version / 1000), "stale at once");
    is_int(stale(store, "2"), 0, "the other is not");

    n = 0;
    expired = 0;
    is_int(bigcache_purge_run(store, version, &n, &expired), BIGCACHE_OK,
           "run");
    is_int(n, 1, "one");
    ok(stale(store, "1") == since, "stale since the same time");

    is_int(purge(store, &selector), 0, "again: nothing new");
    ok(stale(store, "1") == since, "still since then");

    stop(store);
    is_int(names(BIGCACHE_NAMES_SELECT), 0, "no purge is left");
    store = start();
    ok(stale(store, "1") == since, "also in the next opening");

    (void) put(store, "1", "red", 0);
    is_int(stale(store, "1"), 0, "not if it is stored again");

    (void) begin(store, &selector);
    (void) purge(store, by_tag("red"));
    ok(!live(store, "1"), "a hard purge goes further");

    stop(store);
}


/* a page that was asked for before a soft purge is stored as a stale one */

static void
test_soft_meanwhile(void)
{
    uint64_t             asked;
    bigcache_store_t    *store;
    bigcache_selector_t  selector;

    fresh();
    store = start();

    /* a look-up waits until the store is open */

    (void) live(store, "0");
    asked = bigcache_version_latest(store);

    selector = *by_tag("red");
    selector.flags = BIGCACHE_SELECTOR_SOFT;

    is_int(purge(store, &selector), 0, "nobody has the tag");

    is_int(put(store, "1", "red", asked), BIGCACHE_OK, "stored");
    ok(stale(store, "1") != 0, "as a stale one");

    is_int(put(store, "1", "red", asked), BIGCACHE_OK, "over another one");
    ok(stale(store, "1") != 0, "likewise");

    body_len = 0;
    is_int(put(store, "2", "red", asked), BIGCACHE_OK, "without a body");
    ok(stale(store, "2") != 0, "likewise");
    is_int(put(store, "2", "red", asked), BIGCACHE_OK, "over another one");
    body_len = 5;

    is_int(put(store, "3", "blue", asked), BIGCACHE_OK, "of another tag");
    is_int(stale(store, "3"), 0, "is not stale");

    stop(store);
    store = start();
    ok(stale(store, "1") != 0, "also in the next opening");
    stop(store);
}


/*
 * What a record carries comes back after a power cut, so a soft purge that
 * selects it must find it, even if the record itself is marked already.
 */

static void
test_soft_carried(void)
{
    uint64_t             asked;
    bigcache_store_t    *store;
    bigcache_selector_t  selector;

    fresh();
    store = start();

    (void) put(store, "1", "red", 0);
    (void) put(store, "1", "red,blue", 0);

    selector = *by_tag("blue");
    selector.flags = BIGCACHE_SELECTOR_SOFT;
    is_int(purge(store, &selector), 1, "marked by one tag");

    selector = *by_tag("red");
    selector.flags = BIGCACHE_SELECTOR_SOFT;
    is_int(purge(store, &selector), 0, "the other finds it marked");

    /* the page of one tag is replaced by one that was asked for before */

    asked = bigcache_version_latest(store);

    (void) put(store, "2", "green", 0);

    selector = *by_tag("green");
    selector.flags = BIGCACHE_SELECTOR_SOFT;

    (void) begin(store, &selector);
    is_int(put(store, "2", "green", asked), BIGCACHE_OK, "put meanwhile");
    ok(stale(store, "2") > 0, "as a stale one");
    is_int(purge(store, &selector), 0, "which is marked already");

    stop(store);
    ok(!carries("1"), "what it carried is not left unmarked");
    ok(!carries("2"), "nor if it was stored as a stale one");
}


/* a page that is made of a stale one is as stale as that */

static void
test_soft_rewritten(void)
{
    int64_t              since;
    uint64_t             origin, version, n, expired;
    bigcache_store_t    *store;
    bigcache_stored_t    page;
    bigcache_selector_t  selector;

    fresh();
    store = start();

    selector = *by_tag("red");
    selector.flags = BIGCACHE_SELECTOR_SOFT;

    (void) put(store, "1", "red", 0);

    (void) get(store, "1", &page);
    origin = page.record.origin;
    bigcache_stored_free(&page);

    rewritten = 1;
    is_int(put(store, "1", "red", origin), BIGCACHE_OK, "made of it");
    is_int(stale(store, "1"), 0, "it is not stale");

    version = begin(store, &selector);
    since = stale(store, "1");

    is_int(put(store, "1", "red", origin), BIGCACHE_OK,
           "while a soft purge is under way");
    ok(stale(store, "1") == since && since > 0, "stale since the purge");

    n = 0;
    expired = 0;
    (void) bigcache_purge_run(store, version, &n, &expired);
    ok(stale(store, "1") == since, "also after it");

    is_int(put(store, "1", "red", origin), BIGCACHE_OK, "made of a stale one");
    ok(stale(store, "1") == since, "stale since that time");

    body_len = 0;
    is_int(put(store, "1", "red", origin), BIGCACHE_OK, "without a body");
    ok(stale(store, "1") == since, "likewise");
    body_len = 5;
    rewritten = 0;

    is_int(put(store, "1", "red", 0), BIGCACHE_OK, "a new page");
    is_int(stale(store, "1"), 0, "is not stale");

    stop(store);
}


/*
 * A purge that finds no name of its tag must not be answered before the write
 * that has removed the last one is durable: a power cut would bring it back.
 */

static void
test_renamed(void)
{
    uint64_t           removals;
    bigcache_store_t  *store;

    fresh();
    store = start();

    (void) put(store, "1", "red", 0);
    (void) begin(store, by_tag("nobody"));

    removals = atomic_load(&store->removals);
    is_int(atomic_load(&store->removals_synced), removals,
           "all removals are durable");

    body_len = 0;
    (void) put(store, "1", "", 0);
    body_len = 5;

    ok(atomic_load(&store->removals) != removals, "a name was removed");
    removals = atomic_load(&store->removals);

    is_int(begin(store, by_tag("red")), 0, "nothing to do");
    ok(atomic_load(&store->removals_synced) >= removals, "durable by now");

    stop(store);
}


static void
test_hosts(void)
{
    bigcache_store_t  *store;

    fresh();
    store = start();

    (void) put(store, "!http://a/dir/1", "red", 0);
    (void) put(store, "!https://a/dir/1", "red", 0);
    (void) put(store, "!https://a/dir/1!~accept:x", "red", 0);
    (void) put(store, "!https://a/dir/12", "red", 0);
    (void) put(store, "!https://a/other", "red", 0);
    (void) put(store, "!https://ab/dir/1", "red", 0);
    (void) put(store, "dir/1", "red", 0);

    is_int(purge(store, by_host("a", "/dir/1", BIGCACHE_SELECTOR_EXACT)), 3,
           "a URL");
    ok(!live(store, "!http://a/dir/1") && !live(store, "!https://a/dir/1")
       && !live(store, "!https://a/dir/1!~accept:x"),
       "of both schemes, with its variant");
    ok(live(store, "!https://a/dir/12"), "and none that begins with it");

    is_int(purge(store, by_host("a", "/dir/", 0)), 1, "a directory");
    ok(live(store, "!https://a/other"), "another one stays");

    {
        bigcache_selector_t  selector = *by_host("a", "", 0);

        selector.tag = str("red");
        is_int(purge(store, &selector), 1, "a tag of that host");
    }

    ok(live(store, "!https://ab/dir/1") && live(store, "dir/1"),
       "another host and a key of the REST API stay");

    stop(store);
}


static void
test_ports(void)
{
    bigcache_store_t     *store;
    bigcache_selector_t   selector;

    fresh();
    store = start();

    (void) put(store, "!http://a:8080/1", "red", 0);
    (void) put(store, "!http://a:8080/2", "red", 0);
    (void) put(store, "!http://a:80800/1", "red", 0);
    (void) put(store, "!https://a:8/1", "red", 0);
    (void) put(store, "!https://a:9/1", "blue", 0);
    (void) put(store, "!https://b:8080/1", "red", 0);

    is_int(purge(store, by_host("a", "/2", BIGCACHE_SELECTOR_EXACT)), 1,
           "of one port");

    selector = *by_host("a", "/", 0);
    selector.tag = str("red");
    is_int(purge(store, &selector), 3, "a tag, of all ports");
    ok(live(store, "!https://a:9/1"), "another tag stays");

    is_int(purge(store, by_host("a", "/1", BIGCACHE_SELECTOR_EXACT)), 1,
           "the rest");
    ok(live(store, "!https://b:8080/1"), "another host stays");

    (void) put(store, "!http://a/1", "red", 0);
    (void) put(store, "!http://a:80/1", "red", 0);
    (void) put(store, "!http://a:8080/1", "red", 0);
    (void) put(store, "!http://ab/1", "red", 0);

    selector = *by_host("a", "", 0);
    selector.tag = str("red");
    is_int(purge(store, &selector), 3, "a tag of a host, without a prefix");

    (void) put(store, "!http://a/1", "", 0);
    (void) put(store, "!http://a:80/1", "", 0);
    (void) put(store, "!http://a:8080/1", "", 0);

    is_int(purge(store, by_host("a", "", 0)), 3, "all of a host");
    is_int(atomic_load(&store->count), 2, "each is counted once");

    stop(store);
}


/* a host that is a part of one with colons ends nowhere */

static void
test_parts(void)
{
    bigcache_store_t     *store;
    bigcache_selector_t   selector;

    fresh();
    store = start();

    (void) put(store, "!http://[::1]/1", "red", 0);
    (void) put(store, "!http://[::1]:8080/1", "red", 0);
    (void) put(store, "!https://[fe80::1]/1", "red", 0);

    is_int(purge(store, by_host("[", "/", 0)), 0, "a part of an address");
    is_int(purge(store, by_host("[fe80", "/", 0)), 0, "a longer one");

    selector = *by_host("[", "", 0);
    selector.tag = str("red");
    is_int(purge(store, &selector), 0, "with a tag");

    is_int(purge(store, by_host("[::1]", "/", 0)), 2, "the whole address");
    (void) put(store, "!https://[fe80:9a::1]:9/1", "red", 0);
    (void) put(store, "!https://[fe80:9:1]:9/1", "red", 0);
    is_int(purge(store, by_host("[fe80", "/", 0)), 0, "with numbers behind it");
    is_int(purge(store, by_host("[fe80::1]", "/1", BIGCACHE_SELECTOR_EXACT)),
           1, "likewise");

    stop(store);
}


static void
test_entries(void)
{
    bigcache_store_t     *store;
    bigcache_selector_t   selector;

    fresh();
    store = start();

    (void) put(store, "!http://a/1", "red", 0);
    (void) put(store, "1", "red", 0);

    selector = *by_tag("red");
    selector.flags = BIGCACHE_SELECTOR_ENTRIES;

    is_int(purge(store, &selector), 1, "only of the REST API");
    ok(live(store, "!http://a/1") && !live(store, "1"), "this one");

    (void) put(store, "k", "", 0);
    (void) put(store, "key", "", 0);

    memset(&selector, 0, sizeof(selector));
    selector.prefix = str("k");
    selector.flags = BIGCACHE_SELECTOR_EXACT|BIGCACHE_SELECTOR_ENTRIES;

    is_int(purge(store, &selector), 1, "one key");
    ok(live(store, "key"), "not those that begin with it");

    stop(store);
}


static void
test_meanwhile(void)
{
    uint64_t           asked;
    bigcache_str_t     key;
    bigcache_store_t  *store;

    fresh();
    store = start();

    /* a look-up waits until the store is open */

    (void) live(store, "0");
    asked = bigcache_version_latest(store);

    is_int(put(store, "1", "red", asked), BIGCACHE_OK, "nothing was removed");

    is_int(purge(store, by_tag("blue")), 0, "nobody has the tag");
    is_int(put(store, "1", "red", asked), BIGCACHE_OK, "another tag");
    is_int(put(store, "1", "red,blue", asked), BIGCACHE_MISMATCH,
           "with that tag");

    key = str("2");
    (void) bigcache_store_delete(store, &key, BIGCACHE_EXPECT_ANY, 0);
    is_int(put(store, "2", "red", asked), BIGCACHE_MISMATCH,
           "deleted meanwhile");
    is_int(put(store, "2", "red", 0), BIGCACHE_OK, "not asked for before");

    (void) purge(store, by_host("a", "/x", BIGCACHE_SELECTOR_EXACT));
    is_int(put(store, "!http://a/x", "", asked), BIGCACHE_MISMATCH, "its URL");
    is_int(put(store, "!https://a:8443/x", "", asked), BIGCACHE_MISMATCH,
           "with another scheme and port");
    is_int(put(store, "!https://a/x!~accept:y", "", asked), BIGCACHE_MISMATCH,
           "its variant");
    is_int(put(store, "!https://a/xy", "", asked), BIGCACHE_OK,
           "another URL");

    (void) purge(store, by_host("a", "/x", 0));
    is_int(put(store, "!https://a/xy", "", asked), BIGCACHE_MISMATCH,
           "a prefix of the host");
    is_int(put(store, "!https://b/xy", "", asked), BIGCACHE_OK,
           "another host");

    stop(store);
}


/* a store is of the newest format from its first tag on */

static void
test_format(void)
{
    bigcache_store_t  *store;

    fresh();
    store = start();
    (void) put(store, "1", "", 0);
    stop(store);
    is_int(format(), 4, "because of the time until which it is fresh");

    fresh();
    store = start();
    (void) purge(store, by_tag("red"));
    stop(store);
    is_int(format(), 3, "a purge that had nothing to do");

    store = start();
    (void) purge(store, by_host("a", "/", 0));
    stop(store);
    is_int(format(), 4, "a purge of a host");
}


static void
test_hot(void)
{
    void                    *memory;
    uint64_t                 version, n, expired, ended;
    unsigned                 at;
    bigcache_hot_t           hot;
    bigcache_store_t        *store;
    bigcache_purging_t       purging;
    bigcache_purging_shm_t  *shm;

    static const uint64_t    seed[2] = { 1, 2 };

    fresh();

    memset(&hot, 0, sizeof(bigcache_hot_t));

    if (posix_memalign(&memory, 64, 1024 * 1024) != 0) {
        return;
    }

    memset(memory, 0, 1024 * 1024);
    hot.shm = bigcache_hot_create(memory, 1024 * 1024, seed);
    conf.hot = &hot;

    store = start();
    shm = bigcache_hot_purging(&hot);

    (void) put(store, "1", "red", 0);
    ended = bigcache_purging_ended(shm);
    is_int(bigcache_purging_any(shm, ended), 0, "no purge");

    version = begin(store, by_tag("red"));
    is_int(bigcache_purging_any(shm, ended), 1, "a purge is under way");

    at = 0;
    is_int(bigcache_purging_next(shm, &at, &purging), 1, "it is there");
    ok(purging.tag == bigcache_tags_hash(&by_tag("red")->tag), "its tag");
    is_int(bigcache_purging_next(shm, &at, &purging), 0, "and no other");

    n = 0;
    expired = 0;
    (void) bigcache_purge_run(store, version, &n, &expired);
    is_int(bigcache_purging_any(shm, ended), -1, "it has ended since");
    ended = bigcache_purging_ended(shm);
    is_int(bigcache_purging_any(shm, ended), 0, "and none is left");

    (void) put(store, "1", "red", 0);
    (void) begin(store, by_tag("red"));
    stop(store);
    is_int(bigcache_purging_any(shm, ended), 1,
           "one is left for the next owner");

    store = start();
    ok(!live(store, "1"), "its page is gone");
    at = 0;
    is_int(bigcache_purging_next(shm, &at, &purging), 1,
           "the next owner has it, too");
    stop(store);

    conf.hot = NULL;
    free(memory);
}


/* a purge of so many keys goes on in another thread, beside writers */

static void
test_many(void)
{
    unsigned               i;
    uint64_t               version, n, expired;
    pthread_t              thread;
    bigcache_store_t      *store;
    bigcache_selector_t    selector;
    bigcache_selector_t   *selectors[2];

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.prefix = str("m/");

    selectors[0] = &selector;
    selectors[1] = by_tag("red");

    for (i = 0; i < 2; i++) {
        fresh();
        store = start();

        (void) put(store, "l/0", "", 0);
        (void) put(store, "n/0", "", 0);
        fill_many(store, 0, MANY, "red");
        is_int(live_many(store), MANY, "stored");

        is_int(purge(store, selectors[i]), MANY, "purged and counted");
        is_int(live_many(store), 0, "gone");
        is_int(atomic_load(&store->count), 2, "two keys are left");
        ok(live(store, "l/0") && live(store, "n/0"), "these two");

        fill_many(store, 0, MANY, "red");
        version = begin(store, selectors[i]);

        (void) pthread_create(&thread, NULL, replace_many, store);

        n = 0;
        expired = 0;
        is_int(bigcache_purge_run(store, version, &n, &expired), BIGCACHE_OK,
               "run while the pages are replaced");
        (void) pthread_join(thread, NULL);

        is_int(n, MANY, "all that were there have been counted");
        is_int(live_many(store), MANY, "all that came later have stayed");
        is_int(atomic_load(&store->count), MANY + 2, "as many keys");

        stop(store);
        is_int(names(BIGCACHE_NAMES_KEY), MANY + 2, "in the index, too");

        /* and the one at which looks for other tags stop */

        is_int(names(BIGCACHE_NAMES_TAG), MANY + i, "with their names");
    }
}


static void
test_many_soft(void)
{
    bigcache_store_t     *store;
    bigcache_selector_t   selector;

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.prefix = str("m/");
    selector.flags = BIGCACHE_SELECTOR_SOFT;

    fresh();
    store = start();

    fill_many(store, 0, MANY, "red");
    is_int(purge(store, &selector), MANY, "marked and counted");
    is_int(live_many(store), MANY, "all are there");
    ok(stale(store, "m/00000") > 0 && stale(store, "m/09999") > 0,
       "as stale ones");
    is_int(purge(store, &selector), 0, "marked already");

    selector.flags = 0;
    is_int(purge(store, &selector), MANY, "removed");
    is_int(live_many(store), 0, "gone");

    stop(store);
}


/* a record of a walk is used only if nothing was written since */

static void
test_walked(void)
{
    int                      again;
    char                     error[BIGCACHE_ERROR_LEN];
    uint64_t                 n, expired;
    bigcache_str_t           key;
    bigcache_match_t         match;
    bigcache_store_t        *store;
    bigcache_key_removal_t  *removal;

    key = page_key("1");

    for (again = 0; again < 2; again++) {
        fresh();
        store = start();
        removal = bigcache_key_removal_create();

        (void) put(store, "1", "red", 0);

        memset(&match, 0, sizeof(bigcache_match_t));
        match.before = bigcache_version_next(store);

        bigcache_key_removal_look(store, removal);

        is_int(bigcache_index_walk(bigcache_index_walk_begin(store->index,
                                       BIGCACHE_NAMES_KEY, &key),
                                   take, removal, error),
               BIGCACHE_OK, "found by a walk");

        if (again) {
            (void) put(store, "1", "blue", 0);
        }

        n = 0;
        expired = 0;
        is_int(bigcache_key_removal_run(store, removal, &match, &n, &expired),
               BIGCACHE_OK, "run");
        is_int(n, !again, again ? "the new page is not removed" : "removed");
        is_int(live(store, "1"), again, "by the index");
        is_int(atomic_load(&store->count), again, "by the count");

        free(removal);
        stop(store);

        is_int(names(BIGCACHE_NAMES_TAG), again, "by the names of tags");
    }
}


static bigcache_rc_t
take(void *data, const bigcache_str_t *key, const bigcache_str_t *value)
{
    (void) bigcache_key_removal_add(data, key, value, 0);

    return BIGCACHE_OK;
}


/* the last ones first: the purge comes from the other end */

static void *
replace_many(void *data)
{
    fill_many(data, MANY / 2, MANY, "red");
    fill_many(data, 0, MANY / 2, "red");

    return NULL;
}


static void
fill_many(bigcache_store_t *store, unsigned from, unsigned to, const char *tag)
{
    char  name[16];

    while (to > from) {
        (void) snprintf(name, sizeof(name), "m/%05u", --to);
        (void) put(store, name, tag, 0);
    }
}


static unsigned
live_many(bigcache_store_t *store)
{
    char      name[16];
    unsigned  i, n;

    n = 0;

    for (i = 0; i < MANY; i++) {
        (void) snprintf(name, sizeof(name), "m/%05u", i);
        n += (unsigned) live(store, name);
    }

    return n;
}


/* asked: 0, or the version at which the page was asked for */

static bigcache_rc_t
put(bigcache_store_t *store, const char *key, const char *tags, uint64_t asked)
{
    char                   text[256], *tag, *last;
    u_char                *body;
    bigcache_rc_t          rc;
    bigcache_str_t         one;
    bigcache_put_t         p;
    bigcache_data_t        data;
    bigcache_stored_t      page;
    bigcache_tags_writer_t writer;

    static u_char          encoded[BIGCACHE_TAGS_BYTES];

    memset(&p, 0, sizeof(bigcache_put_t));

    bigcache_tags_begin(&writer, encoded);
    (void) snprintf(text, sizeof(text), "%s", tags);

    for (tag = strtok_r(text, ",", &last); tag;
         tag = strtok_r(NULL, ",", &last))
    {
        one = str(tag);
        (void) bigcache_tags_add(&writer, &one);
    }

    body = calloc(1, body_len + 1);
    memcpy(body, "hello", body_len < 5 ? body_len : 5);
    data = bigcache_data_bytes(body, body_len);

    p.key = page_key(key);
    p.kind = BIGCACHE_KIND_RAW;
    p.expire = BIGCACHE_NEVER;
    p.fresh = 1234567;
    p.tags.data = encoded;
    p.tags.len = writer.len;
    p.origin = asked;
    p.fetched = (asked != 0 && !rewritten);
    p.data = &data;
    p.n = 1;

    rc = bigcache_store_put(store, &p, &page);

    if (rc == BIGCACHE_OK) {
        bigcache_stored_free(&page);
    }

    free(body);

    return rc;
}


static bigcache_rc_t
get(bigcache_store_t *store, const char *key, bigcache_stored_t *page)
{
    bigcache_str_t  name;

    name = page_key(key);

    return bigcache_store_get(store, &name, BIGCACHE_BODY, page);
}


static int
live(bigcache_store_t *store, const char *key)
{
    bigcache_rc_t      rc;
    bigcache_stored_t  page;

    rc = get(store, key, &page);
    bigcache_stored_free(&page);

    return rc == BIGCACHE_OK;
}


static int64_t
stale(bigcache_store_t *store, const char *key)
{
    int64_t            since;
    bigcache_rc_t      rc;
    bigcache_stored_t  page;

    rc = get(store, key, &page);
    since = (rc == BIGCACHE_OK) ? page.record.stale : -1;
    bigcache_stored_free(&page);

    return since;
}


static bigcache_selector_t *
by_tag(const char *tag)
{
    static bigcache_selector_t  selector;

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.tag = str(tag);

    return &selector;
}


static bigcache_selector_t *
by_host(const char *host, const char *prefix, unsigned flags)
{
    static bigcache_selector_t  selector;

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.host = str(host);
    selector.prefix = str(prefix);
    selector.flags = flags;

    return &selector;
}


static uint64_t
begin(bigcache_store_t *store, const bigcache_selector_t *selector)
{
    uint64_t              version;
    bigcache_selectors_t  list;

    bigcache_selectors_init(&list);
    (void) bigcache_selectors_add(&list, selector);

    return (bigcache_purge(store, &list, 0, 0, &version) == BIGCACHE_OK)
           ? version : UINT64_MAX;
}


static uint64_t
purge(bigcache_store_t *store, const bigcache_selector_t *selector)
{
    uint64_t  version, n, expired;

    n = 0;
    expired = 0;
    version = begin(store, selector);

    return (bigcache_purge_run(store, version, &n, &expired) == BIGCACHE_OK)
           ? n : UINT64_MAX;
}


static const char *
listed(bigcache_store_t *store, const char *tag, const char *prefix,
    const char *after, unsigned limit)
{
    size_t                at, len;
    bigcache_str_t        name, begin, behind;
    bigcache_list_row_t   row;

    static char             text[256];
    static bigcache_list_t  list;

    name = str(tag);
    begin = str(prefix);
    behind = str(after ? after : "");
    behind.data = after ? behind.data : NULL;

    if (bigcache_store_list(store, &begin, &name, &behind, limit, &list)
        != BIGCACHE_OK)
    {
        return "failed";
    }

    at = 0;
    len = 0;
    text[0] = '\0';

    while (bigcache_list_row(&list, &at, &row)) {
        len += (size_t) snprintf(text + len, sizeof(text) - len, "%.*s ",
                                 (int) row.key.len, row.key.data);
    }

    (void) snprintf(text + len, sizeof(text) - len, "%s",
                    list.more ? "+" : "");

    return text;
}


/* returns how many names the closed index has in that space */

static unsigned
names(u_char space)
{
    char                    name[128], error[BIGCACHE_ERROR_LEN];
    unsigned                n;
    bigcache_index_t       *index;

    static const bigcache_str_t  all = bigcache_string("");

    n = 0;
    (void) snprintf(name, sizeof(name), "%s/index", path);

    if (bigcache_index_open(&index, name, &conf.index, error) != BIGCACHE_OK) {
        return UINT32_MAX;
    }

    (void) bigcache_index_walk(bigcache_index_walk_begin(index, space, &all),
                               count, &n, error);
    bigcache_index_close(index);

    return n;
}


static bigcache_rc_t
count(void *data, const bigcache_str_t *key, const bigcache_str_t *value)
{
    (void) key;
    (void) value;

    (*(unsigned *) data)++;

    return BIGCACHE_OK;
}


/* removes all names of tags, and leaves a note of it if that is 1 */

static void
unname(int note)
{
    char                name[128], error[BIGCACHE_ERROR_LEN];
    bigcache_index_t   *index;
    bigcache_change_t   change;

    static const bigcache_str_t  all = bigcache_string("");

    (void) snprintf(name, sizeof(name), "%s/index", path);

    if (bigcache_index_open(&index, name, &conf.index, error) != BIGCACHE_OK) {
        return;
    }

    (void) bigcache_index_walk(bigcache_index_walk_begin(index,
                                   BIGCACHE_NAMES_TAG, &all),
                               unname_one, index, error);

    change.space = BIGCACHE_NAMES_META;
    change.key = bigcache_names_unnamed;
    change.value = &all;

    if (note) {
        (void) bigcache_index_write(index, &change, 1, error);
    }

    bigcache_index_close(index);
}


static bigcache_rc_t
unname_one(void *data, const bigcache_str_t *key, const bigcache_str_t *value)
{
    char               error[BIGCACHE_ERROR_LEN];
    bigcache_change_t  change;

    (void) value;

    change.space = BIGCACHE_NAMES_TAG;
    change.key = *key;
    change.value = NULL;

    return bigcache_index_write(data, &change, 1, error);
}


static int
format(void)
{
    int                number;
    char               name[128], error[BIGCACHE_ERROR_LEN];
    bigcache_str_t     value;
    bigcache_index_t  *index;

    (void) snprintf(name, sizeof(name), "%s/index", path);

    if (bigcache_index_open(&index, name, &conf.index, error) != BIGCACHE_OK) {
        return -1;
    }

    number = -1;

    if (bigcache_index_get(index, BIGCACHE_NAMES_META, &bigcache_names_format,
                           &value, error)
        == BIGCACHE_OK)
    {
        number = value.data[0];
        bigcache_index_free(&value);
    }

    bigcache_index_close(index);

    return number;
}


/* a key in which '!' stands for NUL */

static bigcache_str_t
page_key(const char *key)
{
    size_t          i;
    bigcache_str_t  name;

    static __thread u_char  data[256];

    name = str(key);

    for (i = 0; i < name.len; i++) {
        data[i] = (key[i] == '!') ? '\0' : (u_char) key[i];
    }

    name.data = data;

    return name;
}


/* tells whether the record of a key in the closed index carries another */

static int
carries(const char *key)
{
    int                 found;
    char                name[128], error[BIGCACHE_ERROR_LEN];
    bigcache_str_t      id, value;
    bigcache_index_t   *index;
    bigcache_record_t   record;

    (void) snprintf(name, sizeof(name), "%s/index", path);

    if (bigcache_index_open(&index, name, &conf.index, error) != BIGCACHE_OK) {
        return -1;
    }

    found = -1;
    id = page_key(key);

    if (bigcache_index_get(index, BIGCACHE_NAMES_KEY, &id, &value, error)
        == BIGCACHE_OK)
    {
        if (bigcache_record_decode(&record, value.data, value.len) == 0) {
            found = (record.previous.len != 0);
        }

        bigcache_index_free(&value);
    }

    bigcache_index_close(index);

    return found;
}
