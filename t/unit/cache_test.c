
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The cache in several processes.  They are told to quit, or are killed, and
 * replaced, while their threads read and write.
 *
 * Each thread is the only writer of its keys, and all threads read all keys.
 * Shared memory has two numbers for each key: the latest change that was
 * begun, and the latest that was acknowledged.  After a change with an odd
 * number there is a page.  A reader must not get anything older than what was
 * acknowledged when it began, nor anything newer than what was begun when it
 * got the answer.
 *
 * BIGCACHE_HAMMER=SECONDS makes it run that long, instead of about five.
 */


#define _GNU_SOURCE

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bigcache_local.h"
#include "bigcache_time.h"
#include "dir.h"
#include "tap.h"


#define PROCESSES  4
#define THREADS    3
#define OWNED      12                  /* keys of each thread */
#define KEYS       (PROCESSES * THREADS * OWNED)
#define LARGE      (1200 * 1000)
#define WAIT       20000               /* ms */
#define PAUSE      150                 /* ms, between two that end */


typedef struct {
    _Atomic uint64_t  begun;
    _Atomic uint64_t  acked;
} slot_t;

typedef struct {
    slot_t             slots[KEYS];
    _Atomic int  quit[PROCESSES];
    _Atomic uint64_t  ops;
    _Atomic unsigned  failures;
    bigcache_shared_t  shared;
} shared_t;

typedef struct {
    unsigned                  process;
    unsigned                  thread;
    uint64_t                  rnd;
    u_char                   *body;
} worker_t;


static void locks(void);
static pid_t begin(unsigned process);
static void child(unsigned process);
static void *work(void *data);
static void store(worker_t *w, unsigned key);
static void delete(worker_t *w, unsigned key);
static void purge(worker_t *w);
static void look(worker_t *w, unsigned key);
static int given(worker_t *w, unsigned key, uint64_t change,
    const bigcache_page_t *page);
static void verify(void);
static size_t fill(u_char *body, unsigned key, uint64_t change);
static bigcache_str_t name(char *dst, unsigned key);
static uint64_t rnd(worker_t *w);
static void failed(const char *what, unsigned key, uint64_t one,
    uint64_t two);
static void log_handler(void *data, int level, const char *text);


static char                    path[64];
static shared_t               *shared;
static bigcache_cache_t       *cache;
static bigcache_local_conf_t   conf;
static _Atomic int             ending;


int
main(void)
{
    int       status;
    pid_t     pids[PROCESSES];
    int64_t   end;
    unsigned  i, quits, kills, bad;
    char     *seconds;

    make_dir(path);

    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);

    conf.store.path = path;
    conf.store.wait = WAIT;
    conf.store.index.block_cache = 1024 * 1024;
    conf.store.index.write_buffer = 1024 * 1024;
    conf.store.segment_size = 4 * 1024 * 1024;
    conf.store.gzip_min = 1000;
    conf.store.log.handler = log_handler;
    conf.store.shared = &shared->shared;
    conf.masters[0] = (uint64_t) getpid();

    locks();

    for (i = 0; i < PROCESSES; i++) {
        pids[i] = begin(i);
    }

    seconds = getenv("BIGCACHE_HAMMER");
    end = bigcache_time_monotonic() + (seconds ? atoi(seconds) * 1000 : 5000);

    quits = 0;
    kills = 0;
    bad = 0;

    srand((unsigned) getpid());

    while (bigcache_time_monotonic() < end) {

        (void) usleep(PAUSE * 1000);

        i = (unsigned) rand() % PROCESSES;

        if (rand() % 5 < 3) {
            atomic_store(&shared->quit[i], 1);
            quits++;

        } else {
            (void) kill(pids[i], SIGKILL);
            kills++;
        }

        (void) waitpid(pids[i], &status, 0);

        bad += !((WIFEXITED(status) && WEXITSTATUS(status) == 0)
                 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));

        atomic_store(&shared->quit[i], 0);
        pids[i] = begin(i);
    }

    for (i = 0; i < PROCESSES; i++) {
        atomic_store(&shared->quit[i], 1);
    }

    for (i = 0; i < PROCESSES; i++) {
        (void) waitpid(pids[i], &status, 0);
        bad += !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }

    printf("# %u told to quit, %u killed, %llu operations\n", quits, kills,
           (unsigned long long) atomic_load(&shared->ops));

    is_int(bad, 0, "each process ends well, or by SIGKILL");
    ok(atomic_load(&shared->ops) > 1000, "much is done");
    is_int(atomic_load(&shared->failures), 0, "nothing fails, nothing is lost");

    verify();
    is_int(atomic_load(&shared->failures), 0, "nothing is wrong in the end");

    remove_dir(path);

    return done_testing();
}


/* a thread that may copy a large page must not make a brief operation wait */

static void
locks(void)
{
    bigcache_str_t    key;
    bigcache_lock_t  *large, *brief;

    key = (bigcache_str_t) bigcache_string("key");
    cache = bigcache_local_create(&conf);

    large = bigcache_cache_lock(cache, &key, 0);
    brief = bigcache_cache_lock(cache, &key, 1);

    ok(large != NULL, "the lock for what may be long");
    ok(brief != NULL, "and the one for what is brief");
    ok(bigcache_cache_lock(cache, &key, 0) == NULL, "the first is taken");
    ok(bigcache_cache_lock(cache, &key, 1) == NULL, "and the second");

    bigcache_cache_unlock(large);
    bigcache_cache_unlock(brief);
    bigcache_cache_destroy(cache);
    cache = NULL;
}


static pid_t
begin(unsigned process)
{
    pid_t  pid;

    (void) fflush(stdout);

    pid = fork();

    if (pid == 0) {
        child(process);
        _exit(0);
    }

    if (pid == -1) {
        perror("fork");
        exit(2);
    }

    return pid;
}


static void
child(unsigned process)
{
    unsigned   i;
    worker_t   workers[THREADS];
    pthread_t  threads[THREADS];

    cache = bigcache_local_create(&conf);

    if (cache == NULL || bigcache_cache_start(cache) != 0) {
        perror("cache");
        _exit(2);
    }

    for (i = 0; i < THREADS; i++) {
        workers[i].process = process;
        workers[i].thread = i;
        workers[i].rnd = (uint64_t) bigcache_time_now_us() * (i + 1)
                         + (uint64_t) getpid();
        workers[i].body = malloc(LARGE + 64);

        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
            _exit(2);
        }
    }

    while (!atomic_load(&shared->quit[process])) {
        (void) usleep(1000);
    }

    /* it hands over, and lives on for a while, as a worker of nginx may */

    bigcache_cache_quit(cache);
    (void) usleep(50 * 1000);
    atomic_store(&ending, 1);

    for (i = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
        free(workers[i].body);
    }

    bigcache_cache_stop(cache);
    bigcache_cache_destroy(cache);
}


static void *
work(void *data)
{
    worker_t *w = data;

    unsigned  key, what;

    while (!atomic_load(&ending)) {

        key = (w->process * THREADS + w->thread) * OWNED
              + (unsigned) (rnd(w) % OWNED);
        what = (unsigned) (rnd(w) % 200);

        if (what < 100) {
            look(w, (unsigned) (rnd(w) % KEYS));

        } else if (what < 170) {
            store(w, key);

        } else if (what < 199) {
            delete(w, key);

        } else {
            purge(w);
        }

        (void) atomic_fetch_add(&shared->ops, 1);
    }

    return NULL;
}


static void
store(worker_t *w, unsigned key)
{
    char              text[32];
    int               known;
    slot_t           *slot;
    uint64_t          change;
    bigcache_rc_t     rc;
    bigcache_put_t    put;
    bigcache_data_t   data;
    bigcache_page_t   page;

    slot = &shared->slots[key];
    change = (atomic_load(&slot->begun) | 1) + 2;
    known = (atomic_load(&slot->begun) == atomic_load(&slot->acked));

    memset(&put, 0, sizeof(bigcache_put_t));

    put.key = name(text, key);
    put.kind = BIGCACHE_KIND_RAW;
    put.expire = BIGCACHE_NEVER;
    put.data = &data;
    put.n = 1;

    /* no other thread writes, so the result of a condition is known */

    if (known && !(atomic_load(&slot->acked) & 1)) {
        put.expect = BIGCACHE_EXPECT_NONE;
    }

    data = bigcache_data_bytes(w->body, fill(w->body, key, change));

    atomic_store(&slot->begun, change);

    rc = bigcache_cache_put(cache, &put, &page);

    if (rc == BIGCACHE_OK) {
        atomic_store(&slot->acked, change);

    } else {
        failed("put", key, rc, change);
    }

    bigcache_page_free(&page);
}


static void
delete(worker_t *w, unsigned key)
{
    char            text[32];
    slot_t         *slot;
    uint64_t        change;
    bigcache_rc_t   rc;
    bigcache_str_t  str;

    (void) w;

    slot = &shared->slots[key];
    change = (atomic_load(&slot->begun) & ~1ULL) + 2;
    str = name(text, key);

    atomic_store(&slot->begun, change);

    rc = bigcache_cache_delete(cache, &str, BIGCACHE_EXPECT_ANY);

    if (rc == BIGCACHE_OK || rc == BIGCACHE_MISS) {
        atomic_store(&slot->acked, change);

    } else {
        failed("delete", key, rc, change);
    }
}


static void
purge(worker_t *w)
{
    char                  text[32];
    slot_t               *slot;
    uint64_t              change[OWNED];
    unsigned              i, first;
    bigcache_rc_t         rc;
    bigcache_str_t        prefix;
    bigcache_purged_t     purged;
    bigcache_selectors_t  list;

    first = (w->process * THREADS + w->thread) * OWNED;
    prefix = name(text, first);
    prefix.len = (size_t) ((u_char *) strchr(text, '/') - prefix.data) + 1;

    for (i = 0; i < OWNED; i++) {
        slot = &shared->slots[first + i];
        change[i] = (atomic_load(&slot->begun) & ~1ULL) + 2;
        atomic_store(&slot->begun, change[i]);
    }

    bigcache_selectors_prefix(&list, &prefix);

    purged.begun = NULL;

    rc = bigcache_cache_purge(cache, &list, 0, &purged);

    if (rc != BIGCACHE_OK || purged.n > OWNED) {
        failed("purge", first, rc, purged.n);
        return;
    }

    for (i = 0; i < OWNED; i++) {
        atomic_store(&shared->slots[first + i].acked, change[i]);
    }
}


static void
look(worker_t *w, unsigned key)
{
    char              text[32];
    slot_t           *slot;
    uint64_t          acked, begun, change;
    bigcache_rc_t     rc;
    bigcache_str_t    str;
    bigcache_page_t   page;

    slot = &shared->slots[key];
    acked = atomic_load(&slot->acked);
    str = name(text, key);

    rc = bigcache_cache_get(cache, &str, 1, &page);

    begun = atomic_load(&slot->begun);

    if (rc == BIGCACHE_OK) {

        for (change = acked; change <= begun; change++) {
            if ((change & 1) && given(w, key, change, &page)) {
                break;
            }
        }

        if (change > begun) {
            failed("page", key, acked, begun);
        }

    } else if (rc == BIGCACHE_MISS) {

        if ((acked & 1) && (begun == acked || begun == acked + 2)) {
            failed("miss", key, acked, begun);
        }

    } else {
        failed("get", key, rc, acked);
    }

    bigcache_page_free(&page);
}


/* returns 1 if the page is that of the change */

static int
given(worker_t *w, unsigned key, uint64_t change,
    const bigcache_page_t *page)
{
    int       same;
    u_char   *body;
    size_t    len;
    ssize_t   n;

    len = fill(w->body, key, change);

    if (page->unpacked != len) {
        return 0;
    }

    if (page->packed) {

        /* its checksum is right, and packed bodies begin alike */

        return 1;
    }

    if (page->body.fd == -1) {
        return memcmp(page->body.bytes.data, w->body, len) == 0;
    }

    body = malloc(len);
    n = pread(page->body.fd, body, len, page->body.offset);
    same = (n == (ssize_t) len && memcmp(body, w->body, len) == 0);
    free(body);

    return same;
}


/* one more process, after all others have ended */

static void
verify(void)
{
    unsigned          i;
    uint64_t          least, most;
    worker_t          w;
    bigcache_stat_t   stat;

    memset(&w, 0, sizeof(worker_t));
    w.body = malloc(LARGE + 64);

    cache = bigcache_local_create(&conf);
    (void) bigcache_cache_start(cache);

    least = 0;
    most = 0;

    for (i = 0; i < KEYS; i++) {
        look(&w, i);

        least += (shared->slots[i].begun == shared->slots[i].acked
                  && (shared->slots[i].acked & 1));
        most += (shared->slots[i].begun != shared->slots[i].acked
                 || (shared->slots[i].acked & 1));
    }

    is_int(bigcache_cache_stat(cache, 0, &stat), BIGCACHE_OK, "stat");

    /* a purge that a killed owner has left is still under way */

    for (i = 0; stat.keys > most && i < WAIT / PAUSE; i++) {
        (void) usleep(PAUSE * 1000);
        (void) bigcache_cache_stat(cache, 0, &stat);
    }

    ok(stat.keys >= least && stat.keys <= most,
       "the count: %llu of %llu to %llu", (unsigned long long) stat.keys,
       (unsigned long long) least, (unsigned long long) most);

    bigcache_cache_stop(cache);
    bigcache_cache_destroy(cache);
    free(w.body);
}


/* writes the body of a change; every 400th is large; lengths differ */

static size_t
fill(u_char *body, unsigned key, uint64_t change)
{
    size_t    i, len;
    uint64_t  n;

    n = (key + 1) * 2654435761u + change * 40503u;

    len = (change % 400 == 1) ? LARGE : (size_t) (n % 5) * 4000 + n % 997 + 16;

    for (i = 0; i + 8 <= len; i += 8) {
        n = n * 6364136223846793005ULL + 1442695040888963407ULL;
        memcpy(body + i, &n, 8);
    }

    while (i < len) {
        body[i++] = (u_char) n;
    }

    return len;
}


static bigcache_str_t
name(char *dst, unsigned key)
{
    bigcache_str_t  str;

    str.len = (size_t) snprintf(dst, 32, "t%u/%u", key / OWNED, key);
    str.data = (u_char *) dst;

    return str;
}


/* xorshift, of Marsaglia */

static uint64_t
rnd(worker_t *w)
{
    w->rnd ^= w->rnd << 13;
    w->rnd ^= w->rnd >> 7;
    w->rnd ^= w->rnd << 17;

    return w->rnd;
}


static void
failed(const char *what, unsigned key, uint64_t one, uint64_t two)
{
    if (atomic_fetch_add(&shared->failures, 1) < 20) {
        printf("# %s: key %u: %llu %llu\n", what, key,
               (unsigned long long) one, (unsigned long long) two);
        (void) fflush(stdout);
    }
}


static void
log_handler(void *data, int level, const char *text)
{
    (void) data;

    if (level < BIGCACHE_LOG_NOTICE) {
        (void) atomic_fetch_add(&shared->failures, 1);
        printf("# log: %s\n", text);
        (void) fflush(stdout);
    }
}
