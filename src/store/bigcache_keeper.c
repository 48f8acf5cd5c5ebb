
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The store's own thread: it opens the directory, opens it again when a write
 * has failed, and does what nobody waits for.
 */


#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bigcache_compact.h"
#include "bigcache_dir.h"
#include "bigcache_evict.h"
#include "bigcache_expire.h"
#include "bigcache_life.h"
#include "bigcache_open.h"
#include "bigcache_recount.h"
#include "bigcache_time.h"


/* milliseconds until the next look, for what should take but a moment */

#define BIGCACHE_KEEPER_RETRY_LOCK  5
#define BIGCACHE_KEEPER_CLOSED      100

/*
 * Another nginx on this directory hands it over to workers of its own: it is
 * gone only if nobody has the directory for so many looks, each after that
 * many milliseconds.
 */
#define BIGCACHE_KEEPER_PATIENCE    10
#define BIGCACHE_KEEPER_FOREIGN     100

/* milliseconds that a process which is to end leaves to others */

#define BIGCACHE_KEEPER_TURN        200

/* the reserve is that part of max_size at most */

#define BIGCACHE_KEEPER_SHARE       16


static void *bigcache_keeper(void *data);
static unsigned bigcache_keeper_open(bigcache_store_t *store);
static bigcache_rc_t bigcache_keeper_take(bigcache_store_t *store,
    bigcache_open_t *open, char *error);
static int bigcache_keeper_turn(bigcache_store_t *store);
static bigcache_rc_t bigcache_keeper_held(bigcache_store_t *store,
    char *error);
static bigcache_rc_t bigcache_keeper_open_dir(bigcache_store_t *store,
    bigcache_open_t *open, int repair, char *error);
static void bigcache_keeper_adopt(bigcache_store_t *store,
    bigcache_open_t *open);
static void bigcache_keeper_failed(bigcache_store_t *store,
    bigcache_rc_t rc, const char *error);
static uint32_t bigcache_keeper_hash(const char *text);
static unsigned bigcache_keeper_work(bigcache_store_t *store);
static void bigcache_keeper_resign(bigcache_store_t *store);
static unsigned bigcache_keeper_space(bigcache_store_t *store);
static void bigcache_keeper_room(bigcache_store_t *store);
static uint64_t bigcache_keeper_reserve(bigcache_store_t *store);
static unsigned bigcache_keeper_reopen(bigcache_store_t *store);
static void bigcache_keeper_shed(bigcache_store_t *store);


int
bigcache_store_start(bigcache_store_t *store)
{
    int       err;
    sigset_t  set, old;

    store->started = 1;
    store->since = bigcache_monotonic();
    store->state = BIGCACHE_STATE_OPENING;

    /* signals are for the main thread, LevelDB's thread inherits that */

    (void) sigfillset(&set);
    (void) sigdelset(&set, SIGILL);
    (void) sigdelset(&set, SIGFPE);
    (void) sigdelset(&set, SIGSEGV);
    (void) sigdelset(&set, SIGBUS);

    (void) pthread_sigmask(SIG_BLOCK, &set, &old);
    err = pthread_create(&store->thread, NULL, bigcache_keeper, store);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        store->started = 0;
        errno = err;
        return -1;
    }

    return 0;
}


static void *
bigcache_keeper(void *data)
{
    bigcache_store_t *store = data;

    unsigned  delay;

    (void) pthread_mutex_lock(&store->mutex);

    while (store->state != BIGCACHE_STATE_STOPPED) {

        switch (store->state) {

        case BIGCACHE_STATE_OPENING:
        case BIGCACHE_STATE_FAILED:

            if (bigcache_store_closed(store)) {
                bigcache_life_state(store, BIGCACHE_STATE_CLOSED);
                continue;
            }

            delay = bigcache_keeper_open(store);
            break;

        case BIGCACHE_STATE_OPEN:

            if (store->resigning) {
                bigcache_keeper_resign(store);
                continue;
            }

            delay = bigcache_keeper_work(store);
            break;

        case BIGCACHE_STATE_CLOSED:

            /* another process may open it */

            if (!bigcache_store_closed(store)) {
                bigcache_life_state(store, BIGCACHE_STATE_OPENING);
                continue;
            }

            delay = BIGCACHE_KEEPER_CLOSED;
            break;

        default:
            (void) bigcache_life_wait(store, INT64_MAX);
            continue;
        }

        if (delay && store->state != BIGCACHE_STATE_STOPPED) {
            (void) bigcache_life_wait(store, bigcache_monotonic() + delay);
        }
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return NULL;
}


/* returns the milliseconds after which to try again */

static unsigned
bigcache_keeper_open(bigcache_store_t *store)
{
    char             error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t    rc;
    bigcache_open_t  open;

    rc = bigcache_keeper_take(store, &open, error);

    if (rc == BIGCACHE_OK) {
        bigcache_keeper_adopt(store, &open);
        return 0;
    }

    if (rc == BIGCACHE_HELD) {
        rc = bigcache_keeper_held(store, error);
    }

    if (rc == BIGCACHE_OK || store->state == BIGCACHE_STATE_STOPPED) {
        return 0;
    }

    bigcache_keeper_failed(store, rc, error);

    if (store->patience) {
        return BIGCACHE_KEEPER_FOREIGN;
    }

    return (rc == BIGCACHE_UNAVAILABLE) ? BIGCACHE_KEEPER_RETRY_LOCK
                                        : BIGCACHE_LIFE_RETRY;
}


/* returns BIGCACHE_HELD if it is not this process' turn to have it */

static bigcache_rc_t
bigcache_keeper_take(bigcache_store_t *store, bigcache_open_t *open,
    char *error)
{
    int            repair;
    bigcache_rc_t  rc;

    (void) snprintf(error, BIGCACHE_ERROR_LEN,
                    "another process has the store open");

    if (store->lock == -1 && !bigcache_keeper_turn(store)) {
        return BIGCACHE_HELD;
    }

    repair = store->repair;
    store->repair = 0;

    (void) pthread_mutex_unlock(&store->mutex);

    rc = bigcache_keeper_open_dir(store, open, repair, error);

    (void) pthread_mutex_lock(&store->mutex);

    return (rc == BIGCACHE_UNAVAILABLE) ? BIGCACHE_HELD : rc;
}


/* tells whether a process that has not got the lock is to try for it */

static int
bigcache_keeper_turn(bigcache_store_t *store)
{
    if (store->patience) {
        return 0;
    }

    return !store->quitting
           || (store->waiting
               && bigcache_monotonic() - store->since
                  >= BIGCACHE_KEEPER_TURN);
}


/* returns BIGCACHE_OK if another process had the directory until now */

static bigcache_rc_t
bigcache_keeper_held(bigcache_store_t *store, char *error)
{
    bigcache_rc_t  rc;

    if (store->conf.hooks.held == NULL
        || store->state == BIGCACHE_STATE_STOPPED)
    {
        return BIGCACHE_UNAVAILABLE;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    rc = store->conf.hooks.held(store->conf.hooks.data, error);

    (void) pthread_mutex_lock(&store->mutex);

    if (rc == BIGCACHE_MISMATCH) {
        store->patience = BIGCACHE_KEEPER_PATIENCE;
        return BIGCACHE_UNAVAILABLE;
    }

    store->patience -= (store->patience && rc != BIGCACHE_OK);

    return rc;
}


static bigcache_rc_t
bigcache_keeper_open_dir(bigcache_store_t *store, bigcache_open_t *open,
    int repair, char *error)
{
    uint64_t       version;
    bigcache_rc_t  rc;

    open->lock = store->lock;
    open->files = store->files;

    rc = bigcache_open(&store->conf, open, repair, error);

    if (rc == BIGCACHE_FULL) {

        /* the reserve is for this */

        bigcache_store_full(store);
        bigcache_dir_release(store->conf.path);

        open->lock = -1;
        rc = bigcache_open(&store->conf, open, repair, error);
    }

    /* it is kept by a store that had it, and is let go if this failed */

    store->lock = (rc == BIGCACHE_OK) ? open->lock : -1;

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    store->index = open->index;

    /* what is left of an earlier opening may have ended in another process */

    bigcache_purge_forget(&store->purges);

    rc = bigcache_purge_load(&store->purges, store->index, 1, &version,
                             error);

    if (rc == BIGCACHE_OK && store->conf.hooks.opened) {
        rc = store->conf.hooks.opened(store->conf.hooks.data, error);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_purge_forget(&store->purges);
        bigcache_open_close(&store->conf, open, open->walk == NULL);
        store->index = NULL;
        store->lock = -1;

        return BIGCACHE_ERROR;
    }

    /* what is stored from now on is later, though the clock was set back */

    bigcache_store_passed(store, version);

    if (!atomic_load(&store->full)) {
        bigcache_dir_reserve(store->conf.path,
                             bigcache_keeper_reserve(store));
    }

    return BIGCACHE_OK;
}


static void
bigcache_keeper_adopt(bigcache_store_t *store, bigcache_open_t *open)
{
    uint64_t  version;

    store->segments = open->segments;
    store->walk = open->walk;
    store->counted = (open->walk == NULL);
    store->trash = 1;

    bigcache_pages_reset(&store->pages);

    atomic_store(&store->broken, BIGCACHE_OK);
    atomic_store(&store->shared->told, 0);
    atomic_store(&store->count, (int64_t) open->count);

    version = atomic_load(&store->version);
    atomic_store(&store->version,
                 version > open->version ? version : open->version);

    /* if it was stopped meanwhile, the one who did closes it */

    if (store->state != BIGCACHE_STATE_STOPPED) {
        bigcache_life_state(store, BIGCACHE_STATE_OPEN);

        bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\" open", store->conf.path);
    }
}


static void
bigcache_keeper_failed(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error)
{
    int       level, news;
    uint32_t  hash;

    news = (strcmp(store->reason, error) != 0);

    if (news) {
        (void) snprintf(store->reason, BIGCACHE_ERROR_LEN, "%s", error);
    }

    if (rc != BIGCACHE_UNAVAILABLE) {
        level = BIGCACHE_LOG_CRIT;
        bigcache_life_state(store, BIGCACHE_STATE_FAILED);

    } else {

        /* the usual thing for a moment when a new worker takes over */

        level = BIGCACHE_LOG_WARN;
        news = !store->told
               && bigcache_monotonic() - store->since > store->conf.wait;
    }

    if (!news) {
        return;
    }

    store->told = 1;

    /* each process tries, one of them says so */

    hash = bigcache_keeper_hash(error);

    if (atomic_exchange(&store->shared->told, hash) != hash) {
        bigcache_log(&store->conf.log, level,
                     "store \"%s\" cannot be opened, will be tried again: "
                     "%s", store->conf.path, error);
    }
}


/* FNV-1a, never 0 */

static uint32_t
bigcache_keeper_hash(const char *text)
{
    uint32_t  hash;

    for (hash = 2166136261u; *text; text++) {
        hash = (hash ^ (unsigned char) *text) * 16777619u;
    }

    return hash | 1;
}


static void
bigcache_keeper_resign(bigcache_store_t *store)
{
    store->resigning = 0;

    if (bigcache_life_drain(store) != BIGCACHE_OK) {
        return;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_life_close(store, 1);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\" handed over", store->conf.path);

    (void) pthread_mutex_lock(&store->mutex);

    store->resigning = 0;
    bigcache_life_state(store, BIGCACHE_STATE_OPENING);
}


/*
 * What nobody waits for, one thing after the other; returns the milliseconds
 * until there is more.
 */

static unsigned
bigcache_keeper_work(bigcache_store_t *store)
{
    int       counted, full, more;
    unsigned  delay, space, trash;

    if (atomic_load(&store->broken)) {
        return bigcache_keeper_reopen(store);
    }

    full = atomic_load(&store->full);
    counted = store->counted;
    trash = store->trash;

    store->calls++;
    (void) pthread_mutex_unlock(&store->mutex);

    if (full) {
        bigcache_dir_release(store->conf.path);
        bigcache_segments_seal(store->segments, BIGCACHE_COMPACT_FULL);
    }

    if (!counted) {
        counted = (bigcache_recount(store) == 0);
    }

    /* it knows of the purges that are not ended yet, and of no others */

    more = bigcache_import_work(store);

    while (bigcache_purge_work(store)) { /* void */ }

    delay = bigcache_expire_work(store);

    if (more) {
        delay = 0;
    }

    if (counted) {

        /* before that nobody knows what is alive */

        space = bigcache_keeper_space(store);
        delay = (space < delay) ? space : delay;
    }

    if (trash) {
        bigcache_dir_empty_trash(store->conf.path, &store->draining);
    }

    bigcache_keeper_room(store);

    (void) pthread_mutex_lock(&store->mutex);

    store->calls--;
    store->counted = counted;
    store->trash = 0;

    (void) pthread_cond_broadcast(&store->cond);

    return delay;
}


static unsigned
bigcache_keeper_space(bigcache_store_t *store)
{
    unsigned  delay, next;

    delay = bigcache_evict_work(store);

    next = bigcache_compact_empty(store) ? 0 : bigcache_compact_work(store);

    return (next < delay) ? next : delay;
}


/* ends what bigcache_store_full() began, and keeps room for the next time */

static void
bigcache_keeper_room(bigcache_store_t *store)
{
    uint64_t  room;

    if (!atomic_load(&store->full)) {
        return;
    }

    room = bigcache_dir_free(store->conf.path);

    if (room < bigcache_dir_reserve_size(store->conf.path,
                                         bigcache_keeper_reserve(store))
               + 2 * BIGCACHE_LIFE_ROOM)
    {
        return;
    }

    bigcache_dir_reserve(store->conf.path, bigcache_keeper_reserve(store));

    atomic_store(&store->full, 0);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\": there is room on the disk again",
                 store->conf.path);
}


/*
 * Returns the bytes to keep in reserve: what the index and the compaction of a
 * segment need, but a part of max_size at most.
 */

static uint64_t
bigcache_keeper_reserve(bigcache_store_t *store)
{
    uint64_t  size, most;

    size = bigcache_life_index_room(store)
           + bigcache_dir_segment_size(store->conf.path,
                                       store->conf.segment_size);

    most = store->conf.max_size / BIGCACHE_KEEPER_SHARE;

    return (most && most < size) ? most : size;
}


/*
 * After a failed write LevelDB refuses all others, until it is opened again;
 * it can be as soon as there is room.
 */

static unsigned
bigcache_keeper_reopen(bigcache_store_t *store)
{
    int      why;
    int64_t  delay;

    why = atomic_load(&store->broken);
    delay = store->heal_at - bigcache_monotonic();

    if (delay > 0) {
        return (unsigned) delay;
    }

    if (why == BIGCACHE_FULL) {
        bigcache_keeper_shed(store);
    }

    if (bigcache_dir_free(store->conf.path) >= BIGCACHE_LIFE_ROOM
        && bigcache_life_drain(store) == BIGCACHE_OK)
    {
        (void) pthread_mutex_unlock(&store->mutex);

        if (why != BIGCACHE_DAMAGED) {
            bigcache_index_flush(store->index);
        }

        bigcache_life_close(store, 0);

        (void) pthread_mutex_lock(&store->mutex);

        bigcache_life_state(store, BIGCACHE_STATE_OPENING);
        store->repair = (why == BIGCACHE_DAMAGED);

        return 0;
    }

    store->heal_at = bigcache_monotonic() + BIGCACHE_LIFE_RETRY;

    return BIGCACHE_LIFE_RETRY;
}


/* makes room without a write to the index, which takes none */

static void
bigcache_keeper_shed(bigcache_store_t *store)
{
    store->calls++;
    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_dir_release(store->conf.path);

    while (store->counted && bigcache_compact_empty(store)) { /* void */ }

    bigcache_dir_empty_trash(store->conf.path, &store->draining);

    (void) pthread_mutex_lock(&store->mutex);
    store->calls--;
    (void) pthread_cond_broadcast(&store->cond);
}
