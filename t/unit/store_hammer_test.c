
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store under threads that do everything at once, against a model.
 *
 * A body follows from its key, its writer and its number, so that any reader
 * can recognize a torn or a foreign one.  There are three kinds of keys:
 *
 *     o/T/G/I   written by the thread T alone, which knows what it must read
 *     s/G/I     written by all; what is read may not be older than what was
 *               acknowledged before the read began
 *     c/I       counters: an increment is a write that expects a version
 *
 * A "wipe" removes many keys: a purge, by their prefix or by the tag that all
 * keys of that prefix have, or a clear.  It may take effect at any moment
 * between its two ticks, and has taken effect after the second.  After a soft
 * purge a page that was there before is stale or gone.  The
 * ticks are a clock of the test.  No result depends on the real time, except
 * for pages that expire: there the store reads the same clock.
 *
 * After each round the index is read without the store.  The stored count, the
 * live bytes of each segment, the expiry times and the names of tags must agree
 * with the records.
 * Then the store counts again, and every key is compared again.
 *
 * The last part kills a process, and looks for all that it had acknowledged,
 * in memory that they share.
 *
 * BIGCACHE_HAMMER=SECONDS makes it run that long, instead of about five.
 */


#define _GNU_SOURCE

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bigcache_bytes.h"
#include "bigcache_gzip.h"
#include "bigcache_key_tags.h"
#include "bigcache_local.h"
#include "bigcache_segment.h"
#include "bigcache_selectors.h"
#include "bigcache_tags.h"
#include "bigcache_time.h"
#include "store.h"
#include "tap.h"


#define MEGABYTE   (1024 * 1024)

#define THREADS    6
#define GROUPS     4
#define OWNED      32                  /* of each thread */
#define SHARED     32
#define COUNTERS   4
#define KEYS       (THREADS * OWNED + SHARED + COUNTERS)
#define ID_SHARED  (THREADS * OWNED)
#define ID_COUNT   (ID_SHARED + SHARED)

#define HEADER     40
#define SMALL      64
#define BODY_MAX   (MEGABYTE * 3 / 2)
#define SOON       100                 /* ms, to expire in, at most */

#define CLAIM      2600                /* ms that callers have to come back */

#define WIPES      65536
#define SEGMENTS   4096

#define ROUNDS     20


/* options of a round */

#define EVICT      0x01                /* a small max_size */
#define CLEAR      0x02                /* clears */
#define CLOSE      0x04                /* closes and opens */

/* with these a counter may go, so there are none */

#define UNCOUNTED  (CLEAR|EVICT)


typedef struct {
    unsigned           present:1;
    unsigned           maybe:1;        /* may have been removed */
    unsigned           stale:1;        /* a soft purge has marked it */
    uint64_t           seq;
    uint64_t           version;
    int64_t            expire;
    uint64_t           from;           /* ticks: it was there between */
    uint64_t           to;
} owned_t;

typedef struct {
    pthread_mutex_t    lock;
    uint64_t           acked;          /* the latest version */
    uint64_t           dead;           /* it and all before were removed */
    uint64_t           soft;           /* it and all before are stale */
    uint64_t           from;           /* tick before it was written */
    uint64_t           seq;
    int64_t            expire;
    _Atomic unsigned   removers;       /* under way */
    _Atomic uint64_t   removed;        /* tick after the last of them */
} shared_t;

typedef struct {
    char               prefix[32];
    int                sure;
    uint64_t           begin;
    _Atomic uint64_t   end;            /* 0: under way */
} wipe_t;

typedef struct {
    unsigned           id;
    pthread_t          thread;
    uint64_t           rnd;
    uint64_t           seq;
    u_char            *body;
    u_char            *copy;
    u_char            *packed;
    int                fd;
    unsigned           folded;         /* wipes that were applied */
    owned_t            owned[OWNED];
} worker_t;

typedef struct {
    uint64_t           records;
    uint64_t           expiring;
    uint64_t           names;          /* of expiry times */
    uint64_t           tagged;         /* tags of records and previous ones */
    uint64_t           tags;           /* names of tags */
    uint64_t           purges;
    unsigned           nsegments;
    struct {
        uint64_t       id;
        int64_t        live;
    } segments[SEGMENTS];
} index_t;

/* a key of the killed process; a state is a number, 0 for nothing */

typedef struct {
    _Atomic uint64_t   intent;
    _Atomic uint64_t   acked;
    _Atomic int64_t    intent_expire;
    _Atomic int64_t    acked_expire;
    _Atomic uint64_t   seq;
} state_t;

typedef struct {
    _Atomic uint64_t   ops;
    _Atomic uint64_t   checked;
    _Atomic uint64_t   unsure;
    _Atomic unsigned   failures;
    state_t            keys[THREADS * OWNED];
} killed_t;


static void hammer(const char *name, unsigned flags, int64_t time);
static void *hammer_thread(void *data);
static void hammer_owned(worker_t *w);
static void hammer_shared(worker_t *w);
static void hammer_counter(worker_t *w);
static void hammer_others(worker_t *w);
static void *hammer_admin(void *data);
static void owned_put(worker_t *w, unsigned i, uint64_t expect);
static void owned_get(worker_t *w, unsigned i, int body);
static void owned_delete(worker_t *w, unsigned i);
static void owned_purge(worker_t *w);
static void owned_seen(worker_t *w, unsigned i, bigcache_rc_t rc,
    uint64_t from, int64_t before);
static void shared_put(worker_t *w, unsigned i, uint64_t expect);
static uint64_t shared_get(worker_t *w, unsigned i, int body);
static void shared_delete(worker_t *w, unsigned i);
static void shared_soften(worker_t *w);
static void wipe(worker_t *w, const char *prefix, int clear);
static void wipe_fold(worker_t *w);
static void wipe_owned(owned_t *o, const char *key, const wipe_t *p);
static void verify(const char *name);
static uint64_t verify_keys(void);
static int verify_count(uint64_t keys, uint64_t *live);
static int verify_index(uint64_t keys, int forget);
static bigcache_rc_t verify_record(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value);
static bigcache_rc_t verify_name(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value);
static bigcache_rc_t verify_tag(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value);
static void end_purges(void);
static unsigned purges_left(void);
static bigcache_rc_t verify_purge(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value);
static void killing(int64_t time);
static void kill_child(uint64_t seed);
static void *kill_thread(void *data);
static void kill_put(worker_t *w, unsigned i);
static void kill_remove(worker_t *w, unsigned i);
static void kill_purge(worker_t *w, unsigned group);
static void kill_verify(void);
static bigcache_rc_t put(worker_t *w, unsigned id, uint64_t seq,
    int64_t expire, uint64_t expect, uint64_t *version);
static bigcache_rc_t get(worker_t *w, unsigned id, int whole, uint64_t *seq,
    bigcache_page_t *got);
static int get_body(worker_t *w, const bigcache_page_t *page, size_t *len);
static size_t body(u_char *dst, unsigned id, uint64_t writer, uint64_t seq);
static unsigned body_kind(unsigned id, uint64_t seq);
static int64_t expire_of(worker_t *w);
static char *key_name(char *dst, unsigned id);
static void key_tags(bigcache_tags_writer_t *tags, const char *key,
    uint64_t seq);
static bigcache_rc_t purge(worker_t *w, const char *prefix, int soft,
    uint64_t *n, uint64_t *expired);
static int tolerated(bigcache_rc_t rc);
static uint64_t tick(void);
static uint64_t mix(uint64_t n);
static unsigned rnd(worker_t *w, unsigned n);
static worker_t *worker_create(unsigned id, uint64_t seed);
static void worker_destroy(worker_t *w);
static void begin(void);
static void end(void);
static void failed(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
static void log_handler(void *data, int level, const char *text);


static bigcache_cache_t      *store;

static unsigned               options;
static int64_t                deadline;
static _Atomic int            stopping;
static _Atomic uint64_t       ticks, ops, unsure;
static _Atomic unsigned       failures;
static uint64_t               seed;

static worker_t              *workers[THREADS];
static shared_t               shared[SHARED];
static _Atomic uint64_t       counters[COUNTERS], counted[COUNTERS];

static pthread_mutex_t        wipes_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned       nwipes;
static wipe_t                 wipes[WIPES];

static index_t                found;
static killed_t              *killed;


int
main(void)
{
    unsigned     i;
    int64_t      time;
    const char  *env;

    env = getenv("BIGCACHE_HAMMER");
    time = 1000 * (env ? atoi(env) : 5);

    seed = mix((uint64_t) getpid() ^ (uint64_t) bigcache_time_now() << 20);

    (void) printf("# seed %llu\n", (unsigned long long) seed);

    usual_conf();
    conf.wait = 60000;
    conf.index.write_buffer = 256 * 1024;
    conf.gzip_min = 1024;
    conf.log.handler = log_handler;

    for (i = 0; i < SHARED; i++) {
        (void) pthread_mutex_init(&shared[i].lock, NULL);
    }

    /* before all else: LevelDB's own thread does not survive in a child */

    killing(time / 4);

    conf.segment_size = MEGABYTE;
    hammer("close and clear", CLEAR|CLOSE, time / 4);
    hammer("evict", EVICT, time / 4);

    conf.segment_size = 4 * MEGABYTE;
    hammer("large among others", CLOSE, time / 4);

    remove_dir(path);

    return done_testing();
}


static void
hammer(const char *name, unsigned flags, int64_t time)
{
    unsigned   i;
    pthread_t  admin;

    fresh();

    options = flags;
    conf.max_size = (flags & EVICT) ? 20 * MEGABYTE : 0;

    stopping = 0;
    ops = 0;
    unsure = 0;
    failures = 0;
    nwipes = 0;

    for (i = 0; i < COUNTERS; i++) {
        counters[i] = 0;
        counted[i] = 0;
    }

    for (i = 0; i < SHARED; i++) {
        shared[i].acked = 0;
        shared[i].dead = 0;
        shared[i].soft = 0;
        shared[i].from = 0;
        shared[i].removed = 0;
    }

    begin();

    deadline = bigcache_time_monotonic() + time;

    for (i = 0; i < THREADS; i++) {
        seed = mix(seed);
        workers[i] = worker_create(i, seed);
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_create(&workers[i]->thread, NULL, hammer_thread,
                              workers[i]);
    }

    (void) pthread_create(&admin, NULL, hammer_admin, NULL);

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(workers[i]->thread, NULL);
    }

    stopping = 1;
    (void) pthread_join(admin, NULL);

    (void) printf("# %s: %llu operations, %u wipes, %llu not done\n", name,
                  (unsigned long long) ops, nwipes,
                  (unsigned long long) unsure);

    ok(failures == 0, "%s: all is as it should be", name);

    verify(name);

    for (i = 0; i < THREADS; i++) {
        worker_destroy(workers[i]);
    }
}


static void *
hammer_thread(void *data)
{
    worker_t *w = data;

    unsigned  n;

    while (bigcache_time_monotonic() < deadline && failures < 20) {

        wipe_fold(w);

        n = rnd(w, 100);

        if (n < 55) {
            hammer_owned(w);

        } else if (n < 82) {
            hammer_shared(w);

        } else if (n < 90) {
            hammer_counter(w);

        } else {
            hammer_others(w);
        }

        (void) atomic_fetch_add(&ops, 1);
    }

    return NULL;
}


static void
hammer_owned(worker_t *w)
{
    unsigned   i, n;
    owned_t   *o;

    i = rnd(w, OWNED);
    o = &w->owned[i];
    n = rnd(w, 100);

    if (n < 48) {
        owned_put(w, i, BIGCACHE_EXPECT_ANY);

    } else if (n < 72) {
        owned_get(w, i, 1);

    } else if (n < 80) {
        owned_get(w, i, 0);

    } else if (n < 88) {
        owned_delete(w, i);

    } else if (n < 92) {
        owned_put(w, i, BIGCACHE_EXPECT_NONE);

    } else if (n < 96) {
        owned_put(w, i, o->version ? o->version : 1);

    } else if (n < 98) {
        owned_put(w, i, o->version + 1);

    } else {
        owned_purge(w);
    }
}


static void
hammer_shared(worker_t *w)
{
    unsigned  i, n;
    uint64_t  version;

    i = rnd(w, SHARED);
    n = rnd(w, 100);

    if (n < 35) {
        shared_put(w, i, BIGCACHE_EXPECT_ANY);

    } else if (n < 80) {
        (void) shared_get(w, i, 1);

    } else if (n < 92) {
        version = shared_get(w, i, 0);
        shared_put(w, i, version ? version : BIGCACHE_EXPECT_NONE);

    } else {
        shared_delete(w, i);
    }
}


static void
hammer_counter(worker_t *w)
{
    unsigned           i;
    uint64_t           seen, seq, version;
    bigcache_rc_t      rc;
    bigcache_page_t    got;

    if (options & UNCOUNTED) {
        return;
    }

    i = rnd(w, COUNTERS);
    seen = atomic_load(&counted[i]);

    rc = get(w, ID_COUNT + i, 1, &seq, &got);

    if (rc == BIGCACHE_MISS) {
        seq = 0;
        got.version = BIGCACHE_EXPECT_NONE;

    } else if (rc != BIGCACHE_OK) {
        (void) tolerated(rc);
        return;
    }

    if (seq < seen) {
        failed("counter %u: %llu after %llu", i, (unsigned long long) seq,
               (unsigned long long) seen);
        return;
    }

    rc = put(w, ID_COUNT + i, seq + 1, BIGCACHE_NEVER, got.version,
             &version);

    if (rc == BIGCACHE_OK) {
        (void) atomic_fetch_add(&counters[i], 1);

        while (seen < seq + 1
               && !atomic_compare_exchange_weak(&counted[i], &seen, seq + 1))
        {
            /* void */
        }

    } else if (rc != BIGCACHE_MISMATCH) {
        (void) tolerated(rc);
    }
}


/* keys that all threads write */

static void
hammer_others(worker_t *w)
{
    char               prefix[32];
    unsigned           n;
    uint64_t           seq;
    bigcache_rc_t      rc;
    bigcache_stat_t    stat;
    bigcache_page_t    got;

    n = rnd(w, 100);

    if (n < 70) {

        /* it may be there or not, but must be whole */

        rc = get(w, rnd(w, ID_SHARED), 1, &seq, &got);

        if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS
            && rc != BIGCACHE_EXPIRED)
        {
            (void) tolerated(rc);
        }

    } else if (n < 90) {

        rc = bigcache_cache_stat(store, 0, &stat);

        if (rc != BIGCACHE_OK) {
            (void) tolerated(rc);

        } else if (stat.keys > KEYS || stat.live > stat.bytes) {
            failed("stat: %llu keys, %llu of %llu bytes alive",
                   (unsigned long long) stat.keys,
                   (unsigned long long) stat.live,
                   (unsigned long long) stat.bytes);
        }

    } else if (n < 93) {
        (void) snprintf(prefix, sizeof(prefix), "o/%u/%u/", rnd(w, THREADS),
                        rnd(w, GROUPS));
        wipe(w, prefix, 0);

    } else if (n < 95) {
        shared_soften(w);

    } else if (n < 98) {
        (void) snprintf(prefix, sizeof(prefix), "s/%u/", rnd(w, GROUPS));
        wipe(w, prefix, 0);

    } else if (rnd(w, 10) == 0) {
        wipe(w, rnd(w, 2) ? "o/" : "s/", 0);
    }
}


static void *
hammer_admin(void *data)
{
    worker_t      *w;
    bigcache_rc_t  rc;

    (void) data;

    w = worker_create(THREADS, seed);

    while (!stopping) {

        (void) usleep(20000 + rnd(w, 200000));

        if ((options & CLEAR) && rnd(w, 3) == 0) {
            wipe(w, "", 1);

        } else if (options & CLOSE) {

            rc = bigcache_cache_close(store);

            if (rc != BIGCACHE_OK) {
                (void) tolerated(rc);
            }

            (void) usleep(rnd(w, 10000));

            do {
                rc = bigcache_cache_open(store);
            } while (rc != BIGCACHE_OK && tolerated(rc));
        }
    }

    worker_destroy(w);

    return NULL;
}


static void
owned_put(worker_t *w, unsigned i, uint64_t expect)
{
    int            expected;
    int64_t        before, after, expire;
    owned_t       *o;
    uint64_t       from, seq, version;
    bigcache_rc_t  rc;

    o = &w->owned[i];
    expire = expire_of(w);
    seq = ++w->seq;

    before = bigcache_time_now();
    from = tick();
    rc = put(w, w->id * OWNED + i, seq, expire, expect, &version);
    after = bigcache_time_now();

    if (rc == BIGCACHE_MISMATCH) {

        if (expect == BIGCACHE_EXPECT_NONE) {

            /* there is a page */

            expected = (o->present && o->expire > before);

        } else {

            /* another version is there */

            owned_seen(w, i, (o->present && o->version == expect)
                             ? BIGCACHE_MISS : BIGCACHE_MISMATCH, from,
                       before);
            return;
        }

        if (!expected) {
            failed("o/%u %u: a put found what is not there", w->id, i);
        }

        return;
    }

    if (rc != BIGCACHE_OK) {
        (void) tolerated(rc);
        return;
    }

    if (expect == BIGCACHE_EXPECT_NONE) {
        if (o->present && o->expire > after) {
            owned_seen(w, i, BIGCACHE_MISS, from, before);
        }

    } else if (expect != BIGCACHE_EXPECT_ANY
               && (!o->present || o->version != expect
                   || o->expire <= before))
    {
        failed("o/%u %u: a put found another version", w->id, i);
    }

    if (version <= o->version) {
        failed("o/%u %u: version %llu after %llu", w->id, i,
               (unsigned long long) version,
               (unsigned long long) o->version);
    }

    o->present = 1;
    o->maybe = 0;
    o->stale = 0;
    o->seq = seq;
    o->version = version;
    o->expire = expire;
    o->from = from;
    o->to = tick();
}


static void
owned_get(worker_t *w, unsigned i, int body)
{
    int64_t             before;
    owned_t            *o;
    uint64_t            from, seq;
    bigcache_rc_t       rc;
    bigcache_page_t     got;

    o = &w->owned[i];

    before = bigcache_time_now();
    from = tick();
    rc = get(w, w->id * OWNED + i, body, &seq, &got);

    if (rc == BIGCACHE_OK
        && o->present
        && (got.version != o->version || got.expire != o->expire
            || (body && seq != o->seq)))
    {
        failed("o/%u %u: version %llu instead of %llu, number %llu instead "
               "of %llu", w->id, i, (unsigned long long) got.version,
               (unsigned long long) o->version, (unsigned long long) seq,
               (unsigned long long) o->seq);
    }

    if (rc == BIGCACHE_OK && o->present && o->stale && got.stale == 0) {
        failed("o/%u %u: not stale after a soft purge", w->id, i);
    }

    owned_seen(w, i, rc, from, before);
}


static void
owned_delete(worker_t *w, unsigned i)
{
    int64_t         before;
    owned_t        *o;
    uint64_t        from, expect;
    char            name[32];
    bigcache_rc_t   rc;
    bigcache_str_t  key;

    o = &w->owned[i];
    key = str(key_name(name, w->id * OWNED + i));
    expect = 0;

    if (o->version && rnd(w, 4) == 0) {
        expect = o->version - rnd(w, 2);
    }

    before = bigcache_time_now();
    from = tick();
    rc = bigcache_cache_delete(store, &key, expect);

    if (rc == BIGCACHE_MISMATCH) {

        /*
         * an expired page, or one that is being purged, also has its version
         */

        if (expect == 0 || expect == o->version) {
            failed("o/%u %u: delete found another version", w->id, i);
        }

        return;
    }

    if (rc == BIGCACHE_OK && expect && expect != o->version) {
        failed("o/%u %u: delete of another version", w->id, i);
    }

    owned_seen(w, i, rc, from, before);

    if (rc == BIGCACHE_OK) {
        o->present = 0;
    }
}


static void
owned_purge(worker_t *w)
{
    int             soft;
    char            prefix[32];
    unsigned        i, group;
    uint64_t        n, expired;
    bigcache_rc_t   rc;

    group = rnd(w, GROUPS);
    soft = (int) rnd(w, 2);

    (void) snprintf(prefix, sizeof(prefix), "o/%u/%u/", w->id, group);

    rc = purge(w, prefix, soft, &n, &expired);

    if (rc != BIGCACHE_OK && !tolerated(rc)) {
        return;
    }

    if (n + expired > OWNED / GROUPS) {
        failed("o/%u: %llu keys purged", w->id, (unsigned long long) n);
    }

    for (i = group; i < OWNED; i += GROUPS) {
        if (soft) {
            w->owned[i].stale |= (rc == BIGCACHE_OK);

        } else if (rc == BIGCACHE_OK) {
            w->owned[i].present = 0;

        } else {
            w->owned[i].maybe = 1;
        }
    }
}


/* checks what a call found under a key: a page that was there, or none */

static void
owned_seen(worker_t *w, unsigned i, bigcache_rc_t rc, uint64_t from,
    int64_t before)
{
    int            may;
    char           name[32];
    int64_t        after;
    owned_t       *o, now;
    uint64_t       to;
    unsigned       k, n;

    to = tick();
    after = bigcache_time_now();
    o = &w->owned[i];
    (void) key_name(name, w->id * OWNED + i);

    switch (rc) {

    case BIGCACHE_OK:

        if (!o->present || o->expire <= before) {
            failed("%s: %s is there", name,
                   o->present ? "an expired page" : "a page");
        }

        o->maybe = 0;
        o->from = from;
        o->to = to;
        return;

    case BIGCACHE_EXPIRED:

        if (o->version == 0 || o->expire > after) {
            failed("%s: expired too early", name);
        }

        /* fall through */

    case BIGCACHE_MISS:

        if (!o->present) {
            return;
        }

        may = (o->maybe || o->expire <= after || (options & EVICT));

        n = nwipes;

        for (k = w->folded; k < n && !may; k++) {
            now = *o;
            wipe_owned(&now, name, &wipes[k]);
            may = (!now.present || now.maybe);
        }

        if (!may) {
            failed("%s: number %llu is lost", name,
                   (unsigned long long) o->seq);
        }

        o->present = 0;
        return;

    case BIGCACHE_MISMATCH:

        /* another page is there, or none: that proves nothing */

        return;

    default:
        (void) tolerated(rc);
        return;
    }
}


static void
shared_put(worker_t *w, unsigned i, uint64_t expect)
{
    int             fragile;
    int64_t         expire;
    uint64_t        from, seq, version;
    shared_t       *s;
    bigcache_rc_t   rc;

    s = &shared[i];
    expire = expire_of(w);
    seq = ++w->seq;

    /* the page may go by itself, before any thread knows of it */

    fragile = (expire != BIGCACHE_NEVER || (options & EVICT));

    if (fragile) {
        (void) atomic_fetch_add(&s->removers, 1);
    }

    from = tick();
    rc = put(w, ID_SHARED + i, seq, expire, expect, &version);

    if (rc == BIGCACHE_OK) {

        if (expect != BIGCACHE_EXPECT_ANY && expect != BIGCACHE_EXPECT_NONE
            && version <= expect)
        {
            failed("s/%u: a version before the one it replaced", i);
        }

        (void) pthread_mutex_lock(&s->lock);

        if (version > s->acked) {
            s->acked = version;
            s->from = from;
            s->seq = seq;
            s->expire = expire;
        }

        (void) pthread_mutex_unlock(&s->lock);

    } else if (rc != BIGCACHE_MISMATCH) {
        (void) tolerated(rc);
    }

    if (fragile) {
        atomic_store(&s->removed, tick());
        (void) atomic_fetch_sub(&s->removers, 1);
    }
}


/* returns the version, or 0 if there is none */

static uint64_t
shared_get(worker_t *w, unsigned i, int body)
{
    int                 may;
    int64_t             before, after, expire;
    uint64_t            acked, dead, soft, from, seq;
    shared_t           *s;
    unsigned            removers;
    bigcache_rc_t       rc;
    bigcache_page_t     got;

    s = &shared[i];

    (void) pthread_mutex_lock(&s->lock);
    acked = s->acked;
    dead = s->dead;
    soft = s->soft;
    from = s->from;
    expire = s->expire;
    (void) pthread_mutex_unlock(&s->lock);

    before = bigcache_time_now();
    rc = get(w, ID_SHARED + i, body, &seq, &got);
    after = bigcache_time_now();

    removers = atomic_load(&s->removers);

    switch (rc) {

    case BIGCACHE_OK:

        if (got.version < acked || got.version <= dead
            || got.expire <= before)
        {
            failed("s/%u: version %llu, after %llu was acknowledged and %llu "
                   "removed, expires in %lld ms", i,
                   (unsigned long long) got.version,
                   (unsigned long long) acked, (unsigned long long) dead,
                   (long long) (got.expire - before));
        }

        if (got.version <= soft && got.stale == 0) {
            failed("s/%u: version %llu is not stale, %llu was", i,
                   (unsigned long long) got.version,
                   (unsigned long long) soft);
        }

        return got.version;

    case BIGCACHE_MISS:
    case BIGCACHE_EXPIRED:

        may = (acked == 0 || acked <= dead || expire <= after || removers
               || atomic_load(&s->removed) >= from
               || (options & EVICT));

        if (!may) {
            failed("s/%u: version %llu is lost", i,
                   (unsigned long long) acked);
        }

        return 0;

    default:
        (void) tolerated(rc);
        return 0;
    }
}


static void
shared_delete(worker_t *w, unsigned i)
{
    char             name[32];
    uint64_t         acked;
    shared_t        *s;
    bigcache_rc_t    rc;
    bigcache_str_t   key;

    (void) w;

    s = &shared[i];
    key = str(key_name(name, ID_SHARED + i));

    (void) pthread_mutex_lock(&s->lock);
    acked = s->acked;
    (void) pthread_mutex_unlock(&s->lock);

    (void) atomic_fetch_add(&s->removers, 1);

    rc = bigcache_cache_delete(store, &key, BIGCACHE_EXPECT_ANY);

    atomic_store(&s->removed, tick());

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS || rc == BIGCACHE_EXPIRED) {

        (void) pthread_mutex_lock(&s->lock);
        s->dead = (acked > s->dead) ? acked : s->dead;
        (void) pthread_mutex_unlock(&s->lock);

    } else {
        (void) tolerated(rc);
    }

    (void) atomic_fetch_sub(&s->removers, 1);
}


/* a soft purge of some or of all of them */

static void
shared_soften(worker_t *w)
{
    char           prefix[32], name[32];
    size_t         len;
    uint64_t       acked[SHARED], n, expired;
    unsigned       i;
    shared_t      *s;
    bigcache_rc_t  rc;

    if (rnd(w, 4)) {
        (void) snprintf(prefix, sizeof(prefix), "s/%u/", rnd(w, GROUPS));

    } else {
        (void) snprintf(prefix, sizeof(prefix), "s/");
    }

    len = strlen(prefix);

    for (i = 0; i < SHARED; i++) {
        (void) pthread_mutex_lock(&shared[i].lock);
        acked[i] = shared[i].acked;
        (void) pthread_mutex_unlock(&shared[i].lock);
    }

    rc = purge(w, prefix, 1, &n, &expired);

    if (rc != BIGCACHE_OK) {
        (void) tolerated(rc);
        return;
    }

    for (i = 0; i < SHARED; i++) {
        s = &shared[i];

        if (strncmp(key_name(name, ID_SHARED + i), prefix, len) == 0) {
            (void) pthread_mutex_lock(&s->lock);
            s->soft = (acked[i] > s->soft) ? acked[i] : s->soft;
            (void) pthread_mutex_unlock(&s->lock);
        }
    }
}


static void
wipe(worker_t *w, const char *prefix, int clear)
{
    char             name[32];
    wipe_t          *p;
    size_t           len;
    uint64_t         acked[SHARED], n, expired;
    unsigned         i;
    shared_t        *s;
    bigcache_rc_t    rc;

    (void) pthread_mutex_lock(&wipes_lock);

    if (nwipes == WIPES) {
        (void) pthread_mutex_unlock(&wipes_lock);
        return;
    }

    p = &wipes[nwipes];

    (void) snprintf(p->prefix, sizeof(p->prefix), "%s", prefix);
    p->sure = 0;
    p->end = 0;
    p->begin = tick();

    (void) atomic_fetch_add(&nwipes, 1);

    (void) pthread_mutex_unlock(&wipes_lock);

    len = strlen(prefix);

    for (i = 0; i < SHARED; i++) {
        s = &shared[i];

        if (strncmp(key_name(name, ID_SHARED + i), prefix, len) == 0) {
            (void) atomic_fetch_add(&s->removers, 1);

            (void) pthread_mutex_lock(&s->lock);
            acked[i] = s->acked;
            (void) pthread_mutex_unlock(&s->lock);
        }
    }

    rc = clear ? bigcache_cache_clear(store)
               : purge(w, prefix, 0, &n, &expired);

    if (rc != BIGCACHE_OK) {
        (void) tolerated(rc);
    }

    for (i = 0; i < SHARED; i++) {
        s = &shared[i];

        if (strncmp(key_name(name, ID_SHARED + i), prefix, len) == 0) {

            atomic_store(&s->removed, tick());

            (void) pthread_mutex_lock(&s->lock);

            if (rc == BIGCACHE_OK && acked[i] > s->dead) {
                s->dead = acked[i];
            }

            (void) pthread_mutex_unlock(&s->lock);

            (void) atomic_fetch_sub(&s->removers, 1);
        }
    }

    p->sure = (rc == BIGCACHE_OK);
    atomic_store(&p->end, tick());
}


/* applies the wipes that have ended to what a thread knows of its keys */

static void
wipe_fold(worker_t *w)
{
    char      name[32];
    unsigned  i, n;

    n = nwipes;

    for ( /* void */ ; w->folded < n; w->folded++) {

        if (atomic_load(&wipes[w->folded].end) == 0) {
            break;
        }

        for (i = 0; i < OWNED; i++) {
            wipe_owned(&w->owned[i], key_name(name, w->id * OWNED + i),
                       &wipes[w->folded]);
        }
    }
}


static void
wipe_owned(owned_t *o, const char *key, const wipe_t *p)
{
    uint64_t  end;

    if (!o->present || strncmp(key, p->prefix, strlen(p->prefix)) != 0) {
        return;
    }

    end = atomic_load(&p->end);

    if (end && end < o->from) {
        return;
    }

    if (end && p->sure && p->begin > o->to) {
        o->present = 0;

    } else {
        o->maybe = 1;
    }
}


/* checks everything while no thread does anything */

static void
verify(const char *name)
{
    uint64_t  keys, live, again;
    unsigned  i, wrong;

    /* lets pages expire, and purges finish */

    (void) usleep((SOON + 50) * 1000);

    if (options & EVICT) {
        end();
        conf.max_size = 0;
        begin();
    }

    if (options & CLOSE) {

        /* an interrupted purge is first left to its caller */

        (void) usleep(CLAIM * 1000);
    }

    keys = verify_keys();

    wrong = 0;

    for (i = 0; i < COUNTERS && !(options & UNCOUNTED); i++) {
        wrong += (counters[i] != counted[i]);
    }

    ok(wrong == 0, "%s: no increment is lost", name);

    ok(verify_count(keys, &live), "%s: the count", name);
    end();
    end_purges();
    ok(verify_index(keys, 1), "%s: the index", name);

    begin();
    ok(verify_count(keys, &again), "%s: counted anew", name);
    is_int(verify_keys(), keys, "%s: the keys are still there", name);
    end();
    ok(verify_index(keys, 0), "%s: the index, counted anew", name);

    begin();
    is_int(verify_keys(), keys, "%s: and after another start", name);
    end();

    ok(failures == 0, "%s: nothing else is wrong", name);
}


/* gets every key, and returns how many there are */

static uint64_t
verify_keys(void)
{
    unsigned           i, k;
    uint64_t           keys, seq;
    worker_t          *w;
    bigcache_rc_t      rc;
    bigcache_page_t    got;

    keys = 0;

    for (k = 0; k < THREADS; k++) {

        w = workers[k];
        wipe_fold(w);

        for (i = 0; i < OWNED; i++) {
            owned_get(w, i, 1);
            keys += w->owned[i].present;
        }
    }

    for (i = 0; i < SHARED; i++) {
        if (shared_get(workers[0], i, 1)) {
            keys++;

        } else {

            /* then it must not come back either */

            shared[i].dead = shared[i].acked;
        }
    }

    for (i = 0; i < COUNTERS && !(options & UNCOUNTED); i++) {

        rc = get(workers[0], ID_COUNT + i, 1, &seq, &got);

        if (rc == BIGCACHE_OK) {
            keys++;
        }

        if ((rc == BIGCACHE_OK ? seq : 0) != counted[i]) {
            failed("counter %u is not %llu", i,
                   (unsigned long long) counted[i]);
        }
    }

    return keys;
}


/* waits for purges: they may take a while */

static int
verify_count(uint64_t keys, uint64_t *live)
{
    unsigned         i;
    bigcache_rc_t    rc;
    bigcache_stat_t  stat;

    for (i = 0; i < 6000; i++) {

        rc = bigcache_cache_stat(store, 0, &stat);

        if (rc == BIGCACHE_OK && stat.keys == keys) {
            *live = stat.live;
            return 1;
        }

        (void) usleep(10000);
    }

    (void) fprintf(stderr, "# %llu keys instead of %llu\n",
                  (unsigned long long) stat.keys, (unsigned long long) keys);

    return 0;
}


/*
 * Reads the index of a stopped store.  If forget is set, the next start is
 * like one after a crash.
 */

static int
verify_index(uint64_t keys, int forget)
{
    int                 good;
    char                name[128], error[BIGCACHE_ERROR_LEN];
    size_t              i;
    int64_t             live;
    uint64_t            id;
    unsigned            k;
    bigcache_str_t      all, meta, value;
    bigcache_index_t   *index;
    bigcache_change_t   change;

    (void) snprintf(name, sizeof(name), "%s/index", path);

    if (bigcache_index_open(&index, name, &conf.index, error)
        != BIGCACHE_OK)
    {
        (void) fprintf(stderr, "# %s\n", error);
        return 0;
    }

    memset(&found, 0, sizeof(index_t));
    all = str("");
    good = 1;

    if (bigcache_index_walk(bigcache_index_walk_begin(index,
                                BIGCACHE_NAMES_KEY, &all),
                            verify_record, index, error) != BIGCACHE_OK
        || bigcache_index_walk(bigcache_index_walk_begin(index,
                                   BIGCACHE_NAMES_EXPIRE, &all),
                               verify_name, index, error) != BIGCACHE_OK
        || bigcache_index_walk(bigcache_index_walk_begin(index,
                                   BIGCACHE_NAMES_TAG, &all),
                               verify_tag, index, error) != BIGCACHE_OK
        || bigcache_index_walk(bigcache_index_walk_begin(index,
                                   BIGCACHE_NAMES_PURGE, &all),
                               verify_purge, NULL, error) != BIGCACHE_OK
        || bigcache_index_walk(bigcache_index_walk_begin(index,
                                   BIGCACHE_NAMES_SELECT, &all),
                               verify_purge, NULL, error) != BIGCACHE_OK)
    {
        (void) fprintf(stderr, "# the index is bad\n");
        good = 0;
    }

    if (found.records != keys || found.purges
        || found.names != found.expiring)
    {
        (void) fprintf(stderr, "# %llu records instead of %llu, %llu purges, "
                       "%llu expiry times instead of %llu\n",
                       (unsigned long long) found.records,
                       (unsigned long long) keys,
                       (unsigned long long) found.purges,
                       (unsigned long long) found.names,
                       (unsigned long long) found.expiring);
        good = 0;
    }

    if (found.tags != found.tagged) {
        (void) fprintf(stderr, "# %llu names of tags instead of %llu\n",
                       (unsigned long long) found.tags,
                       (unsigned long long) found.tagged);
        good = 0;
    }

    meta = str("count");

    if (bigcache_index_get(index, BIGCACHE_NAMES_META, &meta, &value, error)
        != BIGCACHE_OK)
    {
        (void) fprintf(stderr, "# no count was kept\n");
        good = 0;

    } else {

        if (bigcache_get64(value.data) != keys) {
            (void) fprintf(stderr, "# the count that was kept is %llu\n",
                          (unsigned long long) bigcache_get64(value.data));
            good = 0;
        }

        bigcache_index_free(&value);
    }

    meta = str("segments");

    if (bigcache_index_get(index, BIGCACHE_NAMES_META, &meta, &value, error)
        == BIGCACHE_OK)
    {
        for (i = 0; i < value.len; i += 16) {

            id = bigcache_get64(value.data + i);
            live = (int64_t) bigcache_get64(value.data + i + 8);

            for (k = 0; k < found.nsegments; k++) {
                if (found.segments[k].id == id) {
                    live -= found.segments[k].live;
                    found.segments[k].live = 0;
                    break;
                }
            }

            if (live) {
                (void) fprintf(stderr, "# segment %llu: %lld bytes too many\n",
                              (unsigned long long) id, (long long) live);
                good = 0;
            }
        }

        bigcache_index_free(&value);
    }

    for (k = 0; k < found.nsegments; k++) {
        if (found.segments[k].live) {
            (void) fprintf(stderr, "# segment %llu is missing\n",
                          (unsigned long long) found.segments[k].id);
            good = 0;
        }
    }

    if (forget) {
        change.space = BIGCACHE_NAMES_META;
        change.key = str("count");
        change.value = NULL;

        (void) bigcache_index_write(index, &change, 1, error);
    }

    bigcache_index_close(index);

    return good;
}


static bigcache_rc_t
verify_record(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    unsigned           k;
    bigcache_record_t  record;

    static const bigcache_record_t  none;

    (void) data;

    if (bigcache_record_decode(&record, value->data, value->len) == -1) {
        (void) fprintf(stderr, "# a bad record: %.*s\n", (int) key->len,
                       key->data);
        return BIGCACHE_ERROR;
    }

    found.records++;
    found.expiring += (record.expire != BIGCACHE_NEVER);
    found.tagged += bigcache_key_tags_count(&none, value);

    if (!(record.flags & BIGCACHE_FLAG_SEGMENT)) {
        return BIGCACHE_OK;
    }

    for (k = 0; k < found.nsegments; k++) {
        if (found.segments[k].id == record.segment) {
            break;
        }
    }

    if (k == SEGMENTS) {
        return BIGCACHE_ERROR;
    }

    if (k == found.nsegments) {
        found.nsegments++;
        found.segments[k].id = record.segment;
    }

    found.segments[k].live += (int64_t) bigcache_segment_entry_size(key->len,
                                                                    &record);
    return BIGCACHE_OK;
}


/* each name of a tag must be that of a record, or of a previous one in it */

static bigcache_rc_t
verify_tag(void *data, const bigcache_str_t *key, const bigcache_str_t *value)
{
    bigcache_index_t *index = data;

    int                has;
    char               error[BIGCACHE_ERROR_LEN];
    uint64_t           hash;
    bigcache_str_t     name, record;
    bigcache_record_t  r;

    (void) value;

    found.tags++;

    memcpy(&hash, key->data, sizeof(hash));

    name.data = key->data + sizeof(hash);
    name.len = key->len - sizeof(hash);

    has = 0;

    if (bigcache_index_get(index, BIGCACHE_NAMES_KEY, &name, &record, error)
        == BIGCACHE_OK)
    {
        has = (bigcache_record_decode(&r, record.data, record.len) == 0
               && bigcache_key_tags_has(&r, be64toh(hash)));
        bigcache_index_free(&record);
    }

    if (!has) {
        (void) fprintf(stderr, "# a name of a tag of nothing: %.*s\n",
                       (int) name.len, name.data);
        return BIGCACHE_ERROR;
    }

    return BIGCACHE_OK;
}


/* each expiry time must be that of a record */

static bigcache_rc_t
verify_name(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_index_t *index = data;

    char               error[BIGCACHE_ERROR_LEN];
    uint64_t           expire;
    bigcache_str_t     name, record;
    bigcache_record_t  r;

    (void) value;

    found.names++;

    memcpy(&expire, key->data, sizeof(expire));
    expire = be64toh(expire);

    name.data = key->data + sizeof(expire);
    name.len = key->len - sizeof(expire);

    if (bigcache_index_get(index, BIGCACHE_NAMES_KEY, &name, &record, error)
        != BIGCACHE_OK)
    {
        (void) fprintf(stderr, "# an expiry time of nothing: %.*s\n",
                       (int) name.len, name.data);
        return BIGCACHE_ERROR;
    }

    if (bigcache_record_decode(&r, record.data, record.len) == -1
        || (uint64_t) r.expire != expire)
    {
        (void) fprintf(stderr, "# another expiry time: %.*s\n", (int) name.len,
                      name.data);
        bigcache_index_free(&record);
        return BIGCACHE_ERROR;
    }

    bigcache_index_free(&record);

    return BIGCACHE_OK;
}


/*
 * Has a stopped store end its purges.  The keeper leaves one that was under way
 * to its caller for two seconds, and then ends it without hurry.
 */

static void
end_purges(void)
{
    unsigned  i;

    for (i = 0; i < 20 && purges_left(); i++) {
        begin();
        (void) usleep(CLAIM * 1000);
        end();
    }
}


static unsigned
purges_left(void)
{
    char               name[128], error[BIGCACHE_ERROR_LEN];
    bigcache_str_t     all;
    bigcache_index_t  *index;

    (void) snprintf(name, sizeof(name), "%s/index", path);

    memset(&found, 0, sizeof(index_t));
    all = str("");

    if (bigcache_index_open(&index, name, &conf.index, error)
        != BIGCACHE_OK)
    {
        return 0;
    }

    (void) bigcache_index_walk(bigcache_index_walk_begin(index,
                                   BIGCACHE_NAMES_PURGE, &all),
                               verify_purge, NULL, error);
    (void) bigcache_index_walk(bigcache_index_walk_begin(index,
                                   BIGCACHE_NAMES_SELECT, &all),
                               verify_purge, NULL, error);
    bigcache_index_close(index);

    return (unsigned) found.purges;
}


static bigcache_rc_t
verify_purge(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    (void) data;
    (void) key;
    (void) value;

    found.purges++;

    return BIGCACHE_OK;
}


static void
killing(int64_t time)
{
    int       status, bad;
    pid_t     pid;
    int64_t   until;
    uint64_t  target;
    unsigned  i;

    fresh();

    options = 0;
    conf.max_size = 0;
    conf.segment_size = MEGABYTE;

    killed = mmap(NULL, sizeof(killed_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    if (killed == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }

    bad = 0;
    until = bigcache_time_monotonic() + time;

    for (i = 0;
         (i < ROUNDS || bigcache_time_monotonic() < until)
         && bad == 0 && killed->failures == 0;
         i++)
    {
        (void) fflush(stdout);

        seed = mix(seed);
        target = killed->ops + 1 + seed % 1200;

        pid = fork();

        if (pid == 0) {
            kill_child(seed);
            _exit(1);
        }

        while (killed->ops < target && killed->failures == 0) {
            (void) usleep(200);

            if (waitpid(pid, &status, WNOHANG) == pid) {
                bad++;
                break;
            }
        }

        if (bad == 0) {
            (void) kill(pid, SIGKILL);
            (void) waitpid(pid, &status, 0);
        }

        pid = fork();

        if (pid == 0) {
            kill_verify();
        }

        (void) waitpid(pid, &status, 0);
        bad += (status != 0);
    }

    (void) printf("# killed %u times, %llu operations, %llu keys checked, "
                  "%llu in the middle of a change\n", i,
                  (unsigned long long) killed->ops,
                  (unsigned long long) killed->checked,
                  (unsigned long long) killed->unsure);

    ok(bad == 0 && killed->failures == 0,
       "killed: all that was acknowledged is there");

    (void) munmap(killed, sizeof(killed_t));
}


static void
kill_child(uint64_t n)
{
    unsigned  i;

    begin();

    for (i = 0; i < THREADS; i++) {
        n = mix(n);
        workers[i] = worker_create(i, n);
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_create(&workers[i]->thread, NULL, kill_thread,
                              workers[i]);
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(workers[i]->thread, NULL);
    }
}


static void *
kill_thread(void *data)
{
    worker_t *w = data;

    unsigned           i, n;
    uint64_t           seq;
    state_t           *state;
    bigcache_rc_t      rc;
    bigcache_page_t    got;

    while (failures == 0) {

        i = rnd(w, OWNED);
        state = &killed->keys[w->id * OWNED + i];
        n = rnd(w, 100);

        if (n < 65) {
            kill_put(w, i);

        } else if (n < 80) {
            kill_remove(w, i);

        } else if (n < 82) {
            kill_purge(w, rnd(w, GROUPS));

        } else {

            rc = get(w, w->id * OWNED + i, 1, &seq, &got);

            if (rc == BIGCACHE_OK ? seq != state->acked
                : state->acked && state->acked_expire > bigcache_time_now())
            {
                failed("o/%u %u: not what was acknowledged", w->id, i);
            }
        }

        (void) atomic_fetch_add(&killed->ops, 1);
    }

    (void) atomic_fetch_add(&killed->failures, failures);

    return NULL;
}


static void
kill_put(worker_t *w, unsigned i)
{
    state_t        *state;
    uint64_t        version;
    bigcache_rc_t   rc;

    state = &killed->keys[w->id * OWNED + i];

    state->intent_expire = expire_of(w);
    state->intent = ++state->seq;

    rc = put(w, w->id * OWNED + i, state->intent, state->intent_expire,
             BIGCACHE_EXPECT_ANY, &version);

    if (rc != BIGCACHE_OK) {
        failed("put: %d", rc);
        return;
    }

    state->acked_expire = state->intent_expire;
    state->acked = state->intent;
}


static void
kill_remove(worker_t *w, unsigned i)
{
    char            name[32];
    state_t        *state;
    bigcache_rc_t   rc;
    bigcache_str_t  key;

    state = &killed->keys[w->id * OWNED + i];
    key = str(key_name(name, w->id * OWNED + i));

    state->intent = 0;

    rc = bigcache_cache_delete(store, &key, BIGCACHE_EXPECT_ANY);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS && rc != BIGCACHE_EXPIRED) {
        failed("delete: %d", rc);
        return;
    }

    state->acked = 0;
}


static void
kill_purge(worker_t *w, unsigned group)
{
    char            prefix[32];
    unsigned        i;
    uint64_t        n, expired;
    bigcache_rc_t   rc;

    (void) snprintf(prefix, sizeof(prefix), "o/%u/%u/", w->id, group);

    if (rnd(w, 4) == 0) {
        (void) purge(w, prefix, 1, &n, &expired);
    }

    for (i = group; i < OWNED; i += GROUPS) {
        killed->keys[w->id * OWNED + i].intent = 0;
    }

    rc = purge(w, prefix, 0, &n, &expired);

    if (rc != BIGCACHE_OK) {
        failed("purge: %d", rc);
        return;
    }

    for (i = group; i < OWNED; i += GROUPS) {
        killed->keys[w->id * OWNED + i].acked = 0;
    }
}


/* runs in a process that ends afterwards */

static void
kill_verify(void)
{
    int                good;
    char               name[32];
    state_t           *state;
    unsigned           i;
    uint64_t           keys, seq, live;
    worker_t          *w;
    bigcache_rc_t      rc;
    bigcache_page_t    got;

    begin();

    w = worker_create(0, 0);
    keys = 0;

    for (i = 0; i < THREADS * OWNED; i++) {

        state = &killed->keys[i];

        rc = get(w, i, 1, &seq, &got);

        if (rc != BIGCACHE_OK) {
            seq = 0;
        }

        if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS
            && rc != BIGCACHE_EXPIRED)
        {
            failed("%s: %d", key_name(name, i), rc);

        } else if (seq != state->acked && seq != state->intent
                   && (seq != 0
                       || (state->acked_expire > bigcache_time_now()
                           && state->intent_expire > bigcache_time_now())))
        {
            failed("%s: number %llu, but %llu was acknowledged and %llu "
                   "begun", key_name(name, i), (unsigned long long) seq,
                   (unsigned long long) state->acked,
                   (unsigned long long) state->intent);
        }

        killed->unsure += (state->acked != state->intent);
        killed->checked++;

        if (seq) {
            state->acked_expire = got.expire;
        }

        state->acked = seq;
        state->intent = seq;
    }

    /* and at the end, pages that expire */

    (void) usleep((SOON + 50) * 1000);

    for (i = 0; i < THREADS * OWNED; i++) {

        state = &killed->keys[i];

        rc = get(w, i, 1, &seq, &got);

        if (rc == BIGCACHE_OK) {
            keys++;

            if (seq != state->acked) {
                failed("%s: another one now", key_name(name, i));
            }

        } else if (state->acked && state->acked_expire > bigcache_time_now()) {
            failed("%s: number %llu is lost later on", key_name(name, i),
                   (unsigned long long) state->acked);

        } else {
            state->acked = 0;
            state->intent = 0;
        }
    }

    good = verify_count(keys, &live);
    end();

    end_purges();

    good &= verify_index(keys, 0);

    worker_destroy(w);
    (void) fflush(stdout);

    _exit((good && failures == 0) ? 0 : 1);
}


static bigcache_rc_t
put(worker_t *w, unsigned id, uint64_t seq, int64_t expire, uint64_t expect,
    uint64_t *version)
{
    char                    name[32];
    u_char                  tags[BIGCACHE_TAGS_BYTES];
    size_t                  len, half;
    bigcache_rc_t           rc;
    bigcache_put_t          p;
    bigcache_data_t         data[2];
    bigcache_page_t         page;
    bigcache_tags_writer_t  writer;

    memset(&p, 0, sizeof(bigcache_put_t));

    len = body(w->body, id, w->id, seq);
    half = rnd(w, (unsigned) len + 1);

    data[0] = bigcache_data_bytes(w->body, half);
    data[1] = bigcache_data_bytes(w->body + half, len - half);

    if (rnd(w, 8) == 0
        && pwrite(w->fd, w->body + half, len - half, (off_t) half)
           == (ssize_t) (len - half))
    {
        data[1] = bigcache_data_range(w->fd, (off_t) half, len - half);
    }

    p.key = str(key_name(name, id));

    bigcache_tags_begin(&writer, tags);
    key_tags(&writer, name, seq);

    p.tags.data = tags;
    p.tags.len = writer.len;
    p.kind = BIGCACHE_KIND_RAW;
    p.type = str((seq % 3) ? "" : "text/plain");
    p.expire = expire;
    p.expect = expect;
    p.data = data;
    p.n = 2;

    rc = bigcache_cache_put(store, &p, &page);

    *version = page.version;

    bigcache_page_free(&page);

    return rc;
}


/* checks a page; sets *seq from the body if the whole body is asked for */

static bigcache_rc_t
get(worker_t *w, unsigned id, int whole, uint64_t *seq,
    bigcache_page_t *got)
{
    char                    name[32];
    u_char                  tags[BIGCACHE_TAGS_BYTES];
    size_t                  len;
    uint64_t                writer;
    bigcache_rc_t           rc;
    bigcache_str_t          key, type;
    bigcache_page_t         page;
    bigcache_tags_writer_t  expected;

    key = str(key_name(name, id));

    *seq = 0;

    rc = bigcache_cache_get(store, &key, whole, &page);

    if (rc == BIGCACHE_MISMATCH) {
        failed("%s: get found another version", name);
    }

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    *got = page;

    if (!whole) {
        bigcache_page_free(&page);
        return BIGCACHE_OK;
    }

    if (!get_body(w, &page, &len) || len < HEADER) {
        failed("%s: no body", name);
        bigcache_page_free(&page);
        return BIGCACHE_MISS;
    }

    writer = bigcache_get64(w->copy + 16);
    *seq = bigcache_get64(w->copy + 24);

    type = str((*seq % 3) ? "" : "text/plain");

    bigcache_tags_begin(&expected, tags);
    key_tags(&expected, name, *seq);

    if (bigcache_get64(w->copy + 8) != id
        || bigcache_get64(w->copy + 32) != mix(mix(id ^ writer << 32) ^ *seq)
        || body(w->body, id, writer, *seq) != len
        || memcmp(w->body, w->copy, len) != 0
        || page.tags.len != expected.len
        || memcmp(page.tags.data, tags, expected.len) != 0
        || page.type.len != type.len
        || memcmp(page.type.data, type.data, type.len) != 0)
    {
        failed("%s: %lu bytes are not as they were written", name,
               (unsigned long) len);
    }

    bigcache_page_free(&page);

    return BIGCACHE_OK;
}


static int
get_body(worker_t *w, const bigcache_page_t *page, size_t *len)
{
    if (page->unpacked > BODY_MAX || page->length > page->unpacked) {
        return 0;
    }

    *len = (size_t) page->unpacked;

    if (bigcache_data_length(&page->body, 1) != page->length) {
        return 0;
    }

    if (!page->packed) {
        return bigcache_data_read(w->copy, &page->body, 1) == 0;
    }

    return bigcache_data_read(w->packed, &page->body, 1) == 0
           && bigcache_gzip_unpack(w->copy, *len, w->packed,
                                   (size_t) page->length)
              == 0;
}


/* writes body number seq of a writer to dst, returns its length */

static size_t
body(u_char *dst, unsigned id, uint64_t writer, uint64_t seq)
{
    size_t    len, i;
    uint64_t  n, word;
    unsigned  packs;

    n = mix(mix(id ^ writer << 32) ^ seq);
    packs = 0;

    switch (body_kind(id, seq)) {

    case 0:
        len = HEADER + n % (SMALL - HEADER + 1);
        break;

    case 1:
        len = SMALL + 1 + n % 4000;
        break;

    case 2:
        len = 1024 + n % 20000;
        packs = 1;
        break;

    case 3:
        len = 20000 + n % 280000;
        break;

    case 4:
        len = 100000 + n % 800000;
        packs = 1;
        break;

    case 5:
        len = MEGABYTE - n % 200;
        break;

    default:
        len = MEGABYTE + 1 + n % (BODY_MAX - MEGABYTE);
        break;
    }

    (void) bigcache_put64(dst, len);
    (void) bigcache_put64(dst + 8, id);
    (void) bigcache_put64(dst + 16, writer);
    (void) bigcache_put64(dst + 24, seq);
    (void) bigcache_put64(dst + 32, n);

    word = n;

    for (i = HEADER; i + 8 <= len; i += 8) {

        if (!packs || i % 512 == 0) {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
        }

        memcpy(dst + i, &word, 8);
    }

    memset(dst + i, (int) (n & 0xff), len - i);

    return len;
}


/* returns 0 for a counter, and for a small page */

static unsigned
body_kind(unsigned id, uint64_t seq)
{
    size_t                i;
    unsigned              n;

    static const u_char   share[] = { 35, 60, 75, 88, 94, 97 };

    if (id >= ID_COUNT) {
        return 0;
    }

    n = (unsigned) (mix(id ^ seq << 20) % 100);

    for (i = 0; i < sizeof(share); i++) {
        if (n < share[i]) {
            break;
        }
    }

    return (unsigned) i;
}


static int64_t
expire_of(worker_t *w)
{
    switch (rnd(w, 8)) {

    case 0:
        return bigcache_time_now() + rnd(w, SOON) - 5;

    case 1:
        return bigcache_time_now() + 3600 * 1000;

    default:
        return BIGCACHE_NEVER;
    }
}


static char *
key_name(char *dst, unsigned id)
{
    unsigned  i;

    if (id < ID_SHARED) {
        i = id % OWNED;
        (void) sprintf(dst, "o/%u/%u/%u", id / OWNED, i % GROUPS, i);

    } else if (id < ID_COUNT) {
        i = id - ID_SHARED;
        (void) sprintf(dst, "s/%u/%u", i % GROUPS, i);

    } else {
        (void) sprintf(dst, "c/%u", id - ID_COUNT);
    }

    return dst;
}


/* the groups of the key, and others that come and go */

static void
key_tags(bigcache_tags_writer_t *tags, const char *key, uint64_t seq)
{
    char            text[32];
    const char     *end;
    bigcache_str_t  tag;

    for (end = strchr(key, '/'); end; end = strchr(end + 1, '/')) {
        tag = str(key);
        tag.len = (size_t) (end + 1 - key);
        (void) bigcache_tags_add(tags, &tag);
    }

    if (seq % 4) {
        (void) snprintf(text, sizeof(text), "%u", (unsigned) (seq % 4));
        tag = str(text);
        (void) bigcache_tags_add(tags, &tag);
    }
}


/* purges all keys of a group, by their prefix or by their tag */

static bigcache_rc_t
purge(worker_t *w, const char *prefix, int soft, uint64_t *n,
    uint64_t *expired)
{
    bigcache_rc_t         rc;
    bigcache_purged_t     purged;
    bigcache_selector_t   selector;
    bigcache_selectors_t  list;

    memset(&selector, 0, sizeof(bigcache_selector_t));

    selector.flags = soft ? BIGCACHE_SELECTOR_SOFT : 0;
    selector.flags |= rnd(w, 2) ? BIGCACHE_SELECTOR_ENTRIES : 0;

    if (rnd(w, 2)) {
        selector.prefix = str(prefix);

    } else {
        selector.tag = str(prefix);
    }

    bigcache_selectors_init(&list);
    (void) bigcache_selectors_add(&list, &selector);

    purged.begun = NULL;

    rc = bigcache_cache_purge(store, &list, (int) rnd(w, 2), &purged);

    *n = purged.n;
    *expired = purged.expired;

    return rc;
}


/* a closed store does nothing; that is no failure */

static int
tolerated(bigcache_rc_t rc)
{
    if (rc == BIGCACHE_CLOSED || rc == BIGCACHE_UNAVAILABLE) {
        (void) atomic_fetch_add(&unsure, 1);
        (void) usleep(500);
        return 1;
    }

    failed("the store returned %d", rc);

    return 0;
}


static uint64_t
tick(void)
{
    return atomic_fetch_add(&ticks, 1) + 1;
}


static uint64_t
mix(uint64_t n)
{
    n += 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;

    return n ^ (n >> 31);
}


/* returns a number less than n */

static unsigned
rnd(worker_t *w, unsigned n)
{
    w->rnd += 0x9e3779b97f4a7c15;

    return (unsigned) (mix(w->rnd) % n);
}


static worker_t *
worker_create(unsigned id, uint64_t n)
{
    worker_t  *w;

    w = calloc(1, sizeof(worker_t));

    if (w) {
        w->id = id;
        w->rnd = mix(n ^ id);
        w->body = malloc(BODY_MAX + 8);
        w->copy = malloc(BODY_MAX + 8);
        w->packed = malloc(BODY_MAX + 8);
        w->fd = memfd_create("body", MFD_CLOEXEC);
    }

    if (w == NULL || w->body == NULL || w->copy == NULL || w->packed == NULL
        || w->fd == -1)
    {
        perror("worker");
        exit(2);
    }

    return w;
}


static void
worker_destroy(worker_t *w)
{
    (void) close(w->fd);
    free(w->body);
    free(w->copy);
    free(w->packed);
    free(w);
}


static void
begin(void)
{
    bigcache_local_conf_t  cache_conf;

    memset(&cache_conf, 0, sizeof(bigcache_local_conf_t));

    cache_conf.store = conf;
    cache_conf.masters[0] = (uint64_t) getpid();

    store = bigcache_local_create(&cache_conf);

    if (store == NULL || bigcache_cache_start(store) == -1) {
        perror("store");
        exit(2);
    }
}


static void
end(void)
{
    bigcache_cache_stop(store);
    bigcache_cache_destroy(store);
}


static void
failed(const char *fmt, ...)
{
    char     text[512];
    va_list  args;

    if (atomic_fetch_add(&failures, 1) < 20) {

        va_start(args, fmt);
        (void) vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);

        (void) fprintf(stderr, "# %s\n", text);
        (void) fflush(stdout);
    }
}


/* nothing is damaged here, so the store must not log that something is */

static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    if (level > BIGCACHE_LOG_ERR) {
        return;
    }

    failed("log %d: %s", level, text);
}
