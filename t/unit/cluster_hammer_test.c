
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The engine over a cluster under threads that do everything at once, as those
 * of one process do; mostly for a build with ThreadSanitizer, which
 * t/full/cluster_hammer.t makes.  Each body says which key it belongs to, and
 * counters must not lose an increment.
 *
 * BIGCACHE_CLUSTER=host:port names a server; without it there is nothing to
 * test.  BIGCACHE_HAMMER=SECONDS makes it run that long, instead of five.
 */


#define _GNU_SOURCE

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bigcache_cluster.h"
#include "bigcache_time.h"
#include "tap.h"


#define THREADS   8
#define KEYS      12
#define COUNTERS  2
#define LARGE     (BIGCACHE_PAGE_LARGE + 1000)


typedef struct {
    unsigned    id;
    unsigned    rnd;
    pthread_t   thread;
    u_char     *body;
    uint64_t    counted[COUNTERS];
} worker_t;


static int make(bigcache_cluster_conf_t *conf, bigcache_address_t *seed);
static void verify(const worker_t *workers);
static void *work(void *data);
static bigcache_rc_t put(worker_t *w, unsigned n);
static bigcache_rc_t get(unsigned n);
static bigcache_rc_t delete(unsigned n);
static bigcache_rc_t count(worker_t *w, unsigned n);
static bigcache_rc_t list(worker_t *w);
static bigcache_rc_t purge(worker_t *w);
static int ends(const bigcache_data_t *body, uint64_t length,
    uint64_t number[2]);
static unsigned any(worker_t *w, unsigned n);
static bigcache_str_t key_of(char text[16], char kind, unsigned n);
static void say(void *data, int level, const char *text);
static void removed(void *data, uint64_t expired, uint64_t purged);


static bigcache_cache_t  *cache;
static int64_t            until;
static _Atomic unsigned   wrong, done, failed;
static _Atomic uint64_t   gone;


int
main(void)
{
    char                     *seconds;
    unsigned                  i;
    worker_t                  workers[THREADS];
    bigcache_address_t        seed;
    bigcache_cluster_conf_t   conf;

    if (!make(&conf, &seed)) {
        skip("BIGCACHE_CLUSTER names no server");
        return done_testing();
    }

    cache = bigcache_cluster_create(&conf);

    if (!ok(cache && bigcache_cache_start(cache) == 0, "starts")) {
        return done_testing();
    }

    is_int(bigcache_cache_clear(cache), BIGCACHE_OK, "empty to begin with");

    seconds = getenv("BIGCACHE_HAMMER");
    until = bigcache_time_monotonic() + 1000 * (seconds ? atoi(seconds) : 5);

    memset(workers, 0, sizeof(workers));

    for (i = 0; i < THREADS; i++) {
        workers[i].id = i;
        workers[i].rnd = i + 1;
        workers[i].body = malloc(LARGE);

        if (workers[i].body == NULL
            || pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
        {
            abort();
        }
    }

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(workers[i].thread, NULL);
        free(workers[i].body);
    }

    verify(workers);

    bigcache_cache_quit(cache);
    bigcache_cache_stop(cache);
    bigcache_cache_destroy(cache);

    return done_testing();
}


/* returns 0 if there is no server */

static int
make(bigcache_cluster_conf_t *conf, bigcache_address_t *seed)
{
    size_t                          len;
    const char                     *server, *colon;
    static bigcache_shared_t        shared;
    static bigcache_servers_t       servers;
    static bigcache_servers_list_t  known;

    server = getenv("BIGCACHE_CLUSTER");
    colon = server ? strchr(server, ':') : NULL;
    len = colon ? (size_t) (colon - server) : 0;

    if (len == 0 || len >= sizeof(seed->host)) {
        return 0;
    }

    memset(seed, 0, sizeof(bigcache_address_t));
    memcpy(seed->host, server, len);
    seed->port = (unsigned) atoi(colon + 1);

    servers.list = &known;

    memset(conf, 0, sizeof(bigcache_cluster_conf_t));

    conf->log.handler = say;
    conf->name.data = (const u_char *) "hammer";
    conf->name.len = sizeof("hammer") - 1;
    conf->label = "hammer";
    conf->buckets = 16;
    conf->gzip_min = SIZE_MAX;
    conf->temp = "/tmp";
    conf->nodes.seeds = seed;
    conf->nodes.nseeds = 1;
    conf->nodes.timeout = 10000;
    conf->nodes.wait = 20000;
    conf->counters = &servers;
    conf->shared = &shared;
    conf->removed = removed;

    return 1;
}


static void
verify(const worker_t *workers)
{
    char              text[16];
    unsigned          i, j;
    uint64_t          sum, number[2];
    bigcache_str_t    key;
    bigcache_page_t   page;
    bigcache_stat_t   stat;

    is_int(wrong, 0, "every body is that of its key");
    is_int(failed, 0, "no call fails");
    ok(done > 100, "%u calls", done);

    for (i = 0; i < COUNTERS; i++) {
        sum = 0;

        for (j = 0; j < THREADS; j++) {
            sum += workers[j].counted[i];
        }

        key = key_of(text, 'c', i);

        if (ok(bigcache_cache_get(cache, &key, BIGCACHE_BODY, &page)
               == BIGCACHE_OK, "counter %u is there", i))
        {
            ok(ends(&page.body, page.length, number), "it has a number");
            is_int(number[0], sum, "it has lost no increment");
            bigcache_page_free(&page);
        }
    }

    is_int(bigcache_cache_clear(cache), BIGCACHE_OK, "cleared");
    is_int(bigcache_cache_stat(cache, 1000, &stat), BIGCACHE_OK, "a count");
    is_int(stat.keys, 0, "nothing is left");
}


static void *
work(void *data)
{
    worker_t         *w = data;
    bigcache_rc_t     rc;
    bigcache_stat_t   stat;

    while (bigcache_time_monotonic() < until) {

        switch (any(w, 16)) {

        case 0:
            rc = list(w);
            break;

        case 1:
            rc = purge(w);
            break;

        case 2:
            rc = bigcache_cache_stat(cache, 1000, &stat);
            break;

        case 3:
            rc = delete(any(w, KEYS));
            break;

        case 4:
        case 5:
        case 6:
            rc = count(w, any(w, COUNTERS));
            break;

        case 7:
        case 8:
        case 9:
        case 10:
            rc = put(w, any(w, KEYS));
            break;

        default:
            rc = get(any(w, KEYS));
        }

        if (rc != BIGCACHE_OK) {
            failed++;
        }

        done++;
    }

    return NULL;
}


/* a body begins with the number of its key, eight bytes, and ends with it */

static bigcache_rc_t
put(worker_t *w, unsigned n)
{
    char              text[16];
    size_t            len;
    uint64_t          number;
    bigcache_rc_t     rc;
    bigcache_put_t    put;
    bigcache_data_t   data;
    bigcache_page_t   page;
    bigcache_str_t    tag = bigcache_string("\2red");

    number = n;
    len = any(w, 40) ? 16 + any(w, 5000) : LARGE;

    memset(w->body, (int) n, len);
    memcpy(w->body, &number, sizeof(number));
    memcpy(w->body + len - sizeof(number), &number, sizeof(number));

    data = bigcache_data_bytes(w->body, len);

    memset(&put, 0, sizeof(put));

    put.key = key_of(text, 'k', n);
    put.kind = BIGCACHE_KIND_RAW;
    put.expect = BIGCACHE_EXPECT_ANY;
    put.expire = any(w, 4) ? BIGCACHE_NEVER
                           : bigcache_time_now() + any(w, 3000);
    put.data = &data;
    put.n = 1;

    if (n & 1) {
        put.tags = tag;
    }

    rc = bigcache_cache_put(cache, &put, &page);

    if (rc == BIGCACHE_OK) {
        bigcache_page_free(&page);
    }

    return rc;
}


static bigcache_rc_t
get(unsigned n)
{
    char              text[16];
    uint64_t          number[2];
    bigcache_rc_t     rc;
    bigcache_str_t    key;
    bigcache_page_t   page;

    key = key_of(text, 'k', n);
    rc = bigcache_cache_get(cache, &key, BIGCACHE_BODY, &page);

    if (rc == BIGCACHE_MISS || rc == BIGCACHE_EXPIRED) {
        return BIGCACHE_OK;
    }

    if (rc == BIGCACHE_OK) {

        if (!ends(&page.body, page.length, number)
            || number[0] != n || number[1] != n)
        {
            wrong++;
        }

        bigcache_page_free(&page);
    }

    return rc;
}


static bigcache_rc_t
delete(unsigned n)
{
    char            text[16];
    bigcache_rc_t   rc;
    bigcache_str_t  key;

    key = key_of(text, 'k', n);
    rc = bigcache_cache_delete(cache, &key, BIGCACHE_EXPECT_ANY);

    return (rc == BIGCACHE_MISS || rc == BIGCACHE_EXPIRED) ? BIGCACHE_OK : rc;
}


/* an increment is a write that expects a version, under the lock of the key */

static bigcache_rc_t
count(worker_t *w, unsigned n)
{
    char              text[16];
    u_char            body[16];
    uint64_t          number[2];
    bigcache_rc_t     rc;
    bigcache_put_t    put;
    bigcache_data_t   data;
    bigcache_page_t   page;
    bigcache_lock_t  *lock;

    memset(&put, 0, sizeof(put));

    put.key = key_of(text, 'c', n);
    put.kind = BIGCACHE_KIND_RAW;
    put.expire = BIGCACHE_NEVER;
    put.data = &data;
    put.n = 1;

    lock = bigcache_cache_lock(cache, &put.key, 1);

    memset(number, 0, sizeof(number));
    put.expect = BIGCACHE_EXPECT_NONE;

    rc = bigcache_cache_get(cache, &put.key, BIGCACHE_BODY, &page);

    if (rc == BIGCACHE_OK) {
        put.expect = page.version;

        if (!ends(&page.body, page.length, number)) {
            wrong++;
        }

        bigcache_page_free(&page);
    }

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
        number[0]++;
        memcpy(body, number, sizeof(body));
        data = bigcache_data_bytes(body, sizeof(body));

        rc = bigcache_cache_put(cache, &put, &page);

        if (rc == BIGCACHE_OK) {
            w->counted[n]++;
            bigcache_page_free(&page);
        }
    }

    if (lock) {
        bigcache_cache_unlock(lock);

    } else if (rc == BIGCACHE_MISMATCH) {
        rc = BIGCACHE_OK;
    }

    return rc;
}


static bigcache_rc_t
list(worker_t *w)
{
    bigcache_rc_t      rc;
    bigcache_str_t     none = { 0, NULL };
    bigcache_str_t     prefix = bigcache_string("k");
    bigcache_str_t     tag = bigcache_string("red");
    bigcache_list_t   *keys;

    keys = malloc(sizeof(bigcache_list_t));
    if (keys == NULL) {
        return BIGCACHE_NOMEM;
    }

    rc = bigcache_cache_list(cache, &prefix, any(w, 2) ? &tag : &none, &none,
                             1 + any(w, 20), keys);
    free(keys);

    return rc;
}


static bigcache_rc_t
purge(worker_t *w)
{
    char                   text[16];
    bigcache_rc_t          rc;
    bigcache_str_t         prefix;
    bigcache_purged_t      purged;
    bigcache_selector_t    selector;
    bigcache_selectors_t  *selectors;

    selectors = malloc(sizeof(bigcache_selectors_t));
    if (selectors == NULL) {
        return BIGCACHE_NOMEM;
    }

    if (any(w, 2)) {
        prefix = key_of(text, 'k', any(w, KEYS));
        bigcache_selectors_prefix(selectors, &prefix);

    } else {
        memset(&selector, 0, sizeof(selector));
        selector.tag.data = (const u_char *) "red";
        selector.tag.len = 3;
        bigcache_selectors_init(selectors);
        (void) bigcache_selectors_add(selectors, &selector);
    }

    purged.begun = NULL;

    rc = bigcache_cache_purge(cache, selectors, 0, &purged);

    free(selectors);

    return rc;
}


/* reads the first and the last number of a body; returns 1, or 0 */

static int
ends(const bigcache_data_t *body, uint64_t length, uint64_t number[2])
{
    off_t   last;
    size_t  size;

    size = sizeof(uint64_t);

    if (length < 2 * size) {
        return 0;
    }

    last = (off_t) (length - size);

    if (body->fd == -1) {
        memcpy(&number[0], body->bytes.data, size);
        memcpy(&number[1], body->bytes.data + last, size);
        return 1;
    }

    return pread(body->fd, &number[0], size, body->offset) == (ssize_t) size
           && pread(body->fd, &number[1], size, body->offset + last)
              == (ssize_t) size;
}


static unsigned
any(worker_t *w, unsigned n)
{
    w->rnd = w->rnd * 1103515245 + 12345;

    return (w->rnd >> 16) % n;
}


static bigcache_str_t
key_of(char text[16], char kind, unsigned n)
{
    bigcache_str_t  key;

    key.len = (size_t) snprintf(text, 16, "%c%u", kind, n % 1000);
    key.data = (const u_char *) text;

    return key;
}


#if (BIGCACHE_TSAN)

/*
 * the sanitizer does not know this function of glibc 2.30, and would not see
 * that the mutex was taken
 */

int
pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock,
    const struct timespec *until)
{
    int64_t          left;
    struct timespec  now, then;

    (void) clock_gettime(clock, &now);
    (void) clock_gettime(CLOCK_REALTIME, &then);

    left = (until->tv_sec - now.tv_sec) * 1000000000LL
           + (until->tv_nsec - now.tv_nsec) + then.tv_nsec;

    then.tv_sec += left / 1000000000;
    then.tv_nsec = left % 1000000000;

    if (then.tv_nsec < 0) {
        then.tv_sec--;
        then.tv_nsec += 1000000000;
    }

    return pthread_mutex_timedlock(mutex, &then);
}

#endif


static void
say(void *data, int level, const char *text)
{
    (void) data;
    (void) level;

    (void) fprintf(stderr, "# %s\n", text);
}


static void
removed(void *data, uint64_t expired, uint64_t purged)
{
    (void) data;

    gone += expired + purged;
}
