
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Operations and the leases of clients: what happens if a key is removed, or
 * stored by another client, between two steps of a write; and how old a page
 * may be.  The cache belongs to this test.
 */


#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bigcache_op_lease.h"
#include "bigcache_time.h"
#include "tap.h"


#define SIZE     (64 * 1024)
#define VERSION  5

#define HOUR     INT64_C(3600000)


static void test_put(void);
static void test_removed_meanwhile(void);
static void test_stored_meanwhile(void);
static void test_mismatch(void);
static void test_failed(void);
static void test_none(void);
static void test_delete(void);
static void removing(const char *what, const bigcache_rest_lease_t *lease);
static void watch(void);
static void test_purge(void);
static void test_age(void);
static void lease_of(const char *key, bigcache_rest_lease_t *lease);
static int held(const bigcache_rest_lease_t *lease);
static int purged(const char *key, unsigned flags, const char *host,
    const char *prefix, const char *tag);
static void put(const u_char *token, int rc, int then);
static void remove_it(void);
static void store_it(void);
static bigcache_rc_t engine_get(bigcache_cache_t *cache,
    const bigcache_str_t *key, int body, bigcache_page_t *page);
static bigcache_rc_t engine_put(bigcache_cache_t *cache,
    const bigcache_put_t *given, bigcache_page_t *page);
static bigcache_rc_t engine_delete(bigcache_cache_t *cache,
    const bigcache_str_t *key, uint64_t expect);
static bigcache_rc_t engine_purge(bigcache_cache_t *cache,
    const bigcache_selectors_t *selectors, int async,
    bigcache_purged_t *purged);
static bigcache_rc_t engine_clear(bigcache_cache_t *cache);
static bigcache_rc_t engine_sync(bigcache_cache_t *cache);
static bigcache_str_t str(const char *text);


static const bigcache_engine_t     engine = {
    .get = engine_get,
    .put = engine_put,
    .delete = engine_delete,
    .purge = engine_purge,
    .clear = engine_clear,
    .sync = engine_sync
};

static bigcache_cache_t            cache = { &engine, NULL, "test", 0 };
static bigcache_rest_lease_shm_t  *shm;
static bigcache_op_t               op;
static bigcache_page_t             stored;      /* what a get returns */

static bigcache_rc_t               answers[2];  /* of the first nputs */
static unsigned                    nputs, deletes;
static unsigned                    fetched[2];  /* of them */
static uint64_t                    origins[2];
static uint64_t                    deleted;     /* version */
static void                      (*during)(void);   /* a put */
static const bigcache_rest_lease_t  *watched;
static const char                 *watched_key;
static int                         waited;      /* for it, while something is
                                                   removed */
static int                         was_found;   /* by its token, meanwhile */
static bigcache_rc_t               begins;      /* what a purge returns */


int
main(void)
{
    const uint64_t  seed[2] = { 1, 2 };

    shm = mmap(NULL, SIZE, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS,
               -1, 0);

    if (shm == MAP_FAILED
        || bigcache_rest_lease_create(shm, SIZE, seed) == NULL)
    {
        abort();
    }

    test_put();
    test_removed_meanwhile();
    test_stored_meanwhile();
    test_mismatch();
    test_failed();
    test_none();
    test_delete();
    test_purge();
    test_age();

    return done_testing();
}


static void
test_put(void)
{
    const char             *detail;
    bigcache_rest_lease_t   lease;

    lease_of("k", &lease);

    put(lease.token, BIGCACHE_OK, BIGCACHE_OK);
    is_int(op.rc, BIGCACHE_OK, "put: stored");
    is_int(nputs, 1, "put: once");
    is_int(fetched[0], 1, "put: unless it was removed");
    is_int(origins[0], VERSION, "put: since the lease was given");
    is_int(held(&lease), 0, "put: the lease has ended");

    put(lease.token, BIGCACHE_OK, BIGCACHE_OK);
    is_int(op.rc, BIGCACHE_MISMATCH, "put: a token is good once");
    is_int(nputs, 0, "put: the cache is not asked");
    is_int(bigcache_op_failure(&op, &detail), 412, "put: its status");
    is_str(detail, "the lease has ended", "put: and why");

    lease_of("k", &lease);
    put(NULL, BIGCACHE_OK, BIGCACHE_OK);
    is_int(op.rc, BIGCACHE_OK, "put: without a token");
    is_int(fetched[0], 0, "put: in any case");
    is_int(held(&lease), 0, "put: ends the lease of another client");
}


static void
test_removed_meanwhile(void)
{
    bigcache_rest_lease_t  lease;

    lease_of("k", &lease);

    during = remove_it;
    put(lease.token, BIGCACHE_OK, BIGCACHE_OK);

    is_int(op.rc, BIGCACHE_MISMATCH, "removed meanwhile: it is not stored");
    is_int(op.late, 1, "removed meanwhile: too late");
    is_int(deletes, 1, "removed meanwhile: what was put is removed");
    is_int(deleted, 77, "removed meanwhile: and nothing later");

    /* the cache knows it, too */

    lease_of("k", &lease);
    during = remove_it;
    put(lease.token, BIGCACHE_MISMATCH, BIGCACHE_OK);
    is_int(op.rc, BIGCACHE_MISMATCH, "removed meanwhile: refused");
    is_int(nputs, 1, "removed meanwhile: it is not tried again");
    is_int(deletes, 0, "removed meanwhile: there is nothing to remove");
}


static void
test_stored_meanwhile(void)
{
    bigcache_rest_lease_t  lease;

    lease_of("k", &lease);

    during = store_it;
    put(lease.token, BIGCACHE_OK, BIGCACHE_OK);

    is_int(op.rc, BIGCACHE_OK, "stored meanwhile: the later one stays");
    is_int(deletes, 0, "stored meanwhile: nothing is removed");
}


/* another process has opened the store, and knows of no removals before that */

static void
test_mismatch(void)
{
    bigcache_rest_lease_t  lease;

    lease_of("k", &lease);
    put(lease.token, BIGCACHE_MISMATCH, BIGCACHE_OK);

    is_int(op.rc, BIGCACHE_OK, "mismatch: the lease knows better");
    is_int(nputs, 2, "mismatch: tried once more");
    is_int(fetched[1], 0, "mismatch: in any case");
    is_int(origins[1], 0, "mismatch: as its own version");
    is_int(held(&lease), 0, "mismatch: the lease has ended");

    lease_of("k", &lease);
    put(lease.token, BIGCACHE_MISMATCH, BIGCACHE_MISMATCH);
    is_int(op.rc, BIGCACHE_MISMATCH, "mismatch: twice");
    is_int(nputs, 2, "mismatch: not tried for ever");
    is_int(op.late, 1, "mismatch: too late");
    is_int(held(&lease), 0, "mismatch: the next one may make it");
}


static void
test_failed(void)
{
    bigcache_rest_lease_t  lease;

    lease_of("k", &lease);

    put(lease.token, BIGCACHE_FULL, BIGCACHE_OK);
    is_int(op.rc, BIGCACHE_FULL, "failed: the disk is full");
    is_int(held(&lease), 1, "failed: the lease stays");

    put(NULL, BIGCACHE_FULL, BIGCACHE_OK);
    is_int(held(&lease), 1, "failed: whoever has failed");

    put(lease.token, BIGCACHE_OK, BIGCACHE_OK);
    is_int(op.rc, BIGCACHE_OK, "failed: the next try");
}


/* a zone without leases */

static void
test_none(void)
{
    bigcache_rest_lease_shm_t  *table;

    table = shm;
    shm = NULL;

    put((const u_char *) "0123456789abcdef", BIGCACHE_OK, BIGCACHE_OK);
    is_int(op.rc, BIGCACHE_MISMATCH, "no leases: no token is good");
    put(NULL, BIGCACHE_OK, BIGCACHE_OK);
    is_int(op.rc, BIGCACHE_OK, "no leases: all others store");

    bigcache_op_lease_remove(&op);
    bigcache_op_lease_removed(&op);
    is_int(bigcache_op_lease_clear(&op), BIGCACHE_OK, "no leases: a removal");

    shm = table;
}


static void
test_delete(void)
{
    bigcache_rest_lease_t  lease, other;

    lease_of("k", &lease);
    lease_of("other", &other);
    watched = &lease;
    watched_key = "k";

    memset(&op, 0, sizeof(bigcache_op_t));
    op.cache = &cache;
    op.leases = shm;
    op.key = str("k");

    op.match.sent = 1;
    bigcache_op_delete(&op);
    is_int(op.rc, BIGCACHE_MISMATCH, "delete: its condition does not hold");
    is_int(held(&lease), 1, "delete: the lease stays");

    op.match.sent = 0;
    bigcache_op_delete(&op);
    is_int(op.rc, BIGCACHE_OK, "delete: done");
    removing("delete", &lease);
    is_int(held(&other), 1, "delete: not that of another key");

    op.key = str("oth");
    watched = &other;
    watched_key = "other";
    bigcache_op_delete_prefix(&op);
    is_int(op.rc, BIGCACHE_OK, "prefix: done");
    removing("prefix", &other);

    lease_of("other", &other);
    begins = BIGCACHE_FULL;
    bigcache_op_delete_prefix(&op);
    begins = BIGCACHE_OK;
    is_int(op.rc, BIGCACHE_FULL, "prefix, the disk is full: failed");
    removing("prefix, the disk is full", &other);

    lease_of("k", &lease);
    watched = &lease;
    watched_key = "k";
    bigcache_op_admin_clear(&op);
    is_int(op.rc, BIGCACHE_OK, "clear: done");
    removing("clear", &lease);
}


/* what was seen while something was removed */

static void
removing(const char *what, const bigcache_rest_lease_t *lease)
{
    is_int(was_found, 0, "%s: its token is void before that", what);
    is_int(waited, 1, "%s: and others still wait", what);
    is_int(held(lease), 0, "%s: not any more", what);

    was_found = -1;
    waited = -1;
}


static void
watch(void)
{
    bigcache_str_t         key;
    bigcache_rest_lease_t  lease;

    if (watched == NULL) {
        return;
    }

    key = str(watched_key);

    was_found = bigcache_rest_lease_find(shm, bigcache_time_monotonic(), &key,
                                         watched->token, &lease);
    waited = held(watched);
}


static void
test_purge(void)
{
    char  key[301];

    is_int(purged("abc", 0, "", "ab", ""), 1, "purge: a prefix");
    is_int(purged("abc", 0, "", "b", ""), 0, "purge: another one");
    is_int(purged("abc", 0, "", "", ""), 1, "purge: all");
    is_int(purged("abc", BIGCACHE_SELECTOR_ENTRIES, "", "abcd", ""), 0,
           "purge: a longer prefix");
    is_int(purged("abc", BIGCACHE_SELECTOR_EXACT, "", "abc", ""), 1,
           "purge: a key");
    is_int(purged("abc", BIGCACHE_SELECTOR_EXACT, "", "ab", ""), 0,
           "purge: a shorter key");
    is_int(purged("abc", BIGCACHE_SELECTOR_SOFT, "", "ab", ""), 1,
           "purge: a soft one");
    is_int(purged("abc", 0, "example.org", "", ""), 0,
           "purge: pages of a host");
    is_int(purged("abc", 0, "", "", "tag"), 0,
           "purge: a tag, which only the put shows");

    memset(key, 'a', 300);
    key[300] = '\0';

    is_int(purged(key, 0, "", key, ""), 1, "purge: a long key");
    is_int(purged(key, 0, "", "aaa", ""), 1, "purge: its prefix");

    key[100] = 'b';
    is_int(purged("aaa", 0, "", key, ""), 0, "purge: a longer one");
}


static void
test_age(void)
{
    int64_t          now;
    bigcache_page_t  page;

    bigcache_page_clear(&page);
    now = bigcache_time_now();

    page.expire = BIGCACHE_NEVER;
    is_int(bigcache_op_age(&page), BIGCACHE_OP_FRESH, "age: for ever");
    is_int(bigcache_op_expire(&page), BIGCACHE_NEVER, "age: shown as that");

    page.stale = now - 1;
    is_int(bigcache_op_age(&page), BIGCACHE_OP_OVER,
           "age: a soft purge, and no window");

    page.fresh = BIGCACHE_NEVER - HOUR;
    is_int(bigcache_op_age(&page), BIGCACHE_OP_STALE,
           "age: a soft purge, and a window");
    is_int(bigcache_op_expire(&page), BIGCACHE_NEVER,
           "age: it never expires by itself");

    page.stale = now - HOUR - 1;
    is_int(bigcache_op_age(&page), BIGCACHE_OP_OVER,
           "age: the window is over");

    page.stale = 0;
    is_int(bigcache_op_age(&page), BIGCACHE_OP_FRESH, "age: no purge");

    page.fresh = now + HOUR;
    page.expire = now + 2 * HOUR;
    is_int(bigcache_op_age(&page), BIGCACHE_OP_FRESH, "age: fresh");
    is_int(bigcache_op_expire(&page), now + HOUR, "age: until then");

    page.fresh = now - 1;
    page.expire = now + HOUR;
    is_int(bigcache_op_age(&page), BIGCACHE_OP_STALE, "age: stale");

    page.fresh = now - HOUR;
    page.stale = now - 1;
    is_int(bigcache_op_age(&page), BIGCACHE_OP_STALE,
           "age: the window begins anew with a purge");
}


static void
lease_of(const char *key, bigcache_rest_lease_t *lease)
{
    bigcache_rest_lease_ask_t  ask;

    memset(lease, 0, sizeof(bigcache_rest_lease_t));

    ask.key = str(key);
    ask.address = str("address");
    ask.now = bigcache_time_monotonic();
    ask.since = ask.now + 1;
    ask.time = HOUR;
    ask.version = VERSION;
    ask.may = 1;

    if (bigcache_rest_lease_take(shm, &ask, lease)
        != BIGCACHE_REST_LEASE_LEADER)
    {
        abort();
    }

    bigcache_rest_lease_told(shm, lease);
}


static int
held(const bigcache_rest_lease_t *lease)
{
    return bigcache_rest_lease_look(shm, bigcache_time_monotonic(), lease);
}


static int
purged(const char *key, unsigned flags, const char *host, const char *prefix,
    const char *tag)
{
    int                           ended;
    bigcache_selector_t           selector;
    bigcache_rest_lease_t         lease;

    static bigcache_selectors_t   list;

    lease_of(key, &lease);

    selector.flags = flags;
    selector.host = str(host);
    selector.prefix = str(prefix);
    selector.tag = str(tag);

    bigcache_selectors_init(&list);
    (void) bigcache_selectors_add(&list, &selector);

    memset(&op, 0, sizeof(bigcache_op_t));
    op.cache = &cache;
    op.leases = shm;
    watched = NULL;

    if (bigcache_op_lease_purge(&op, &list) != BIGCACHE_OK) {
        abort();
    }

    ended = !held(&lease);

    (void) bigcache_rest_lease_end(shm, 0, 0, &lease);

    return ended;
}


static void
put(const u_char *token, int rc, int then)
{
    nputs = 0;
    deletes = 0;
    answers[0] = (bigcache_rc_t) rc;
    answers[1] = (bigcache_rc_t) then;

    memset(&op, 0, sizeof(bigcache_op_t));
    op.cache = &cache;
    op.leases = shm;
    op.key = str("k");
    op.token = token;
    op.page.body.fd = -1;
    op.body = bigcache_data_bytes((const u_char *) "bytes", 5);

    bigcache_op_put_raw(&op);
    bigcache_op_free(&op);

    during = NULL;
}


static void
remove_it(void)
{
    uint64_t        removal;
    bigcache_str_t  key = str("k");

    removal = bigcache_rest_lease_remove(shm, &key, 0);
    bigcache_rest_lease_removed(shm, &key, removal);
}


static void
store_it(void)
{
    bigcache_str_t  key = str("k");

    bigcache_rest_lease_stored(shm, bigcache_time_monotonic(), &key);
}


static bigcache_rc_t
engine_get(bigcache_cache_t *self, const bigcache_str_t *key, int body,
    bigcache_page_t *page)
{
    (void) self;
    (void) key;
    (void) body;

    *page = stored;
    page->body.fd = -1;
    page->expire = BIGCACHE_NEVER;

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_put(bigcache_cache_t *self, const bigcache_put_t *given,
    bigcache_page_t *page)
{
    (void) self;

    bigcache_page_clear(page);
    page->version = 77;

    if (during) {
        during();
    }

    if (nputs == 2) {
        abort();
    }

    fetched[nputs] = given->fetched;
    origins[nputs] = given->origin;

    return answers[nputs++];
}


static bigcache_rc_t
engine_delete(bigcache_cache_t *self, const bigcache_str_t *key,
    uint64_t expect)
{
    (void) self;
    (void) key;

    deletes++;
    deleted = expect;
    watch();

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_purge(bigcache_cache_t *self, const bigcache_selectors_t *selectors,
    int async, bigcache_purged_t *purged)
{
    (void) self;
    (void) selectors;
    (void) async;

    watch();

    if (begins != BIGCACHE_OK) {
        return begins;
    }

    purged->begun(purged->data);

    if (watched && held(watched)) {
        waited = -1;
    }

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_clear(bigcache_cache_t *self)
{
    (void) self;

    watch();

    return BIGCACHE_OK;
}


static bigcache_rc_t
engine_sync(bigcache_cache_t *self)
{
    (void) self;

    return BIGCACHE_OK;
}


static bigcache_str_t
str(const char *text)
{
    bigcache_str_t  s;

    s.data = (const u_char *) text;
    s.len = strlen(text);

    return s;
}
