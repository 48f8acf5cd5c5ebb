
/*
 * Copyright (C) bigcache contributors
 */


#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bigcache_compact.h"
#include "bigcache_dir.h"
#include "bigcache_expire.h"
#include "bigcache_life.h"
#include "bigcache_open.h"
#include "bigcache_recount.h"
#include "bigcache_time.h"


#define BIGCACHE_LIFE_RETRY_LOCK  20
#define BIGCACHE_LIFE_RETRY       1000

/* LevelDB needs that much to begin with, whatever it holds */

#define BIGCACHE_LIFE_ROOM        (1024 * 1024)

/* the reserve is that part of max_size at most */

#define BIGCACHE_LIFE_SHARE       16


static uint64_t bigcache_life_reserve(bigcache_store_t *store);
static bigcache_rc_t bigcache_life_enter(bigcache_store_t *store);
static bigcache_rc_t bigcache_life_await(bigcache_store_t *store);
static int bigcache_life_wait(bigcache_store_t *store, int64_t deadline);
static bigcache_rc_t bigcache_life_drain(bigcache_store_t *store);
static void bigcache_life_close(bigcache_store_t *store, int unlock);
static bigcache_rc_t bigcache_life_discard(bigcache_store_t *store);
static void bigcache_life_state(bigcache_store_t *store,
    bigcache_state_e state);
static void *bigcache_life_thread(void *data);
static unsigned bigcache_life_open(bigcache_store_t *store);
static void bigcache_life_adopt(bigcache_store_t *store,
    bigcache_open_t *open);
static void bigcache_life_failed(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error);
static unsigned bigcache_life_work(bigcache_store_t *store);
static void bigcache_life_room(bigcache_store_t *store);
static unsigned bigcache_life_reopen(bigcache_store_t *store);


bigcache_store_t *
bigcache_store_create(const bigcache_store_conf_t *conf)
{
    unsigned             i;
    bigcache_store_t    *store;
    pthread_condattr_t   attr;

    store = calloc(1, sizeof(bigcache_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->conf = *conf;
    store->lock = -1;

    store->conf.path = strdup(conf->path);
    if (store->conf.path == NULL) {
        free(store);
        return NULL;
    }

    (void) snprintf(store->index_path, PATH_MAX, "%s/" BIGCACHE_DIR_INDEX,
                    conf->path);
    (void) snprintf(store->pages_path, PATH_MAX, "%s/" BIGCACHE_DIR_PAGES,
                    conf->path);
    (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                    "the store is being opened");

    (void) pthread_mutex_init(&store->mutex, NULL);

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(&store->cond, &attr);
    (void) pthread_condattr_destroy(&attr);

    bigcache_purge_init(&store->purges);
    (void) pthread_mutex_init(&store->verified.mutex, NULL);
    bigcache_import_init(&store->import);

    for (i = 0; i < BIGCACHE_STORE_LOCKS; i++) {
        (void) pthread_mutex_init(&store->keys[i], NULL);
    }

    return store;
}


void
bigcache_store_destroy(bigcache_store_t *store)
{
    unsigned  i;

    for (i = 0; i < BIGCACHE_STORE_LOCKS; i++) {
        (void) pthread_mutex_destroy(&store->keys[i]);
    }

    bigcache_import_destroy(&store->import);
    (void) pthread_mutex_destroy(&store->verified.mutex);
    bigcache_purge_destroy(&store->purges);

    (void) pthread_cond_destroy(&store->cond);
    (void) pthread_mutex_destroy(&store->mutex);

    free((void *) store->conf.path);
    free(store);
}


int
bigcache_store_start(bigcache_store_t *store, int closed)
{
    int       err;
    sigset_t  set, old;

    store->since = bigcache_monotonic();
    store->state = closed ? BIGCACHE_STATE_CLOSED : BIGCACHE_STATE_OPENING;

    /* signals are for the main thread, LevelDB's thread inherits that */

    (void) sigfillset(&set);
    (void) sigdelset(&set, SIGILL);
    (void) sigdelset(&set, SIGFPE);
    (void) sigdelset(&set, SIGSEGV);
    (void) sigdelset(&set, SIGBUS);

    (void) pthread_sigmask(SIG_BLOCK, &set, &old);
    err = pthread_create(&store->thread, NULL, bigcache_life_thread, store);
    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (err) {
        errno = err;
        return -1;
    }

    store->started = 1;

    return 0;
}


void
bigcache_store_stop(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);

    if (!store->started) {
        (void) pthread_mutex_unlock(&store->mutex);
        return;
    }

    store->started = 0;

    while (store->state == BIGCACHE_STATE_DRAINING) {
        (void) bigcache_life_wait(store, INT64_MAX);
    }

    (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                    "this worker process is shutting down");

    bigcache_life_state(store, BIGCACHE_STATE_STOPPED);

    while (store->calls || store->waiting) {
        (void) bigcache_life_wait(store, INT64_MAX);
    }

    (void) pthread_mutex_unlock(&store->mutex);

    (void) pthread_join(store->thread, NULL);

    bigcache_life_close(store, 1);
}


bigcache_rc_t
bigcache_store_close(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    (void) pthread_mutex_lock(&store->mutex);

    rc = bigcache_life_drain(store);

    if (rc == BIGCACHE_OK) {
        (void) pthread_mutex_unlock(&store->mutex);

        bigcache_life_close(store, 1);

        bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\" closed on demand", store->conf.path);

        (void) pthread_mutex_lock(&store->mutex);

        bigcache_life_state(store, BIGCACHE_STATE_CLOSED);

    } else if (rc == BIGCACHE_CLOSED) {
        rc = BIGCACHE_OK;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


bigcache_rc_t
bigcache_store_open(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    (void) pthread_mutex_lock(&store->mutex);

    do {
        if (store->state == BIGCACHE_STATE_CLOSED) {
            bigcache_life_state(store, BIGCACHE_STATE_OPENING);
        }

        rc = bigcache_life_enter(store);

        /* it was being closed when this call came */

    } while (rc == BIGCACHE_CLOSED);

    if (rc == BIGCACHE_OK) {
        store->calls--;
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


bigcache_rc_t
bigcache_store_clear(bigcache_store_t *store)
{
    bigcache_rc_t  rc, discarded;

    (void) pthread_mutex_lock(&store->mutex);

    rc = bigcache_life_drain(store);

    if (rc != BIGCACHE_OK) {
        (void) pthread_mutex_unlock(&store->mutex);
        return rc;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    bigcache_life_close(store, 0);
    discarded = bigcache_life_discard(store);

    (void) pthread_mutex_lock(&store->mutex);

    bigcache_life_state(store, BIGCACHE_STATE_OPENING);

    rc = bigcache_life_enter(store);

    if (rc == BIGCACHE_OK) {
        store->calls--;
        (void) pthread_cond_broadcast(&store->cond);
        rc = discarded;
    }

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


void
bigcache_store_reason(bigcache_store_t *store, char *text)
{
    (void) pthread_mutex_lock(&store->mutex);
    memcpy(text, store->reason, BIGCACHE_ERROR_LEN);
    (void) pthread_mutex_unlock(&store->mutex);
}


bigcache_rc_t
bigcache_store_enter(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    (void) pthread_mutex_lock(&store->mutex);
    rc = bigcache_life_enter(store);
    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


void
bigcache_store_leave(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);

    store->calls--;

    if (store->calls == 0 && store->state != BIGCACHE_STATE_OPEN) {
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);
}


bigcache_rc_t
bigcache_store_counted(bigcache_store_t *store)
{
    int64_t        deadline;
    bigcache_rc_t  rc;

    deadline = bigcache_monotonic() + store->conf.wait;

    (void) pthread_mutex_lock(&store->mutex);

    /* who drains waits for this call too, and ends the counting */

    while (!store->counted && store->state == BIGCACHE_STATE_OPEN) {
        if (!bigcache_life_wait(store, deadline)) {
            break;
        }
    }

    rc = store->counted ? BIGCACHE_OK : BIGCACHE_UNAVAILABLE;

    (void) pthread_mutex_unlock(&store->mutex);

    return rc;
}


void
bigcache_store_wake(bigcache_store_t *store)
{
    (void) pthread_mutex_lock(&store->mutex);
    (void) pthread_cond_broadcast(&store->cond);
    (void) pthread_mutex_unlock(&store->mutex);
}


void
bigcache_store_break(bigcache_store_t *store, bigcache_rc_t rc)
{
    (void) pthread_mutex_lock(&store->mutex);

    if (!atomic_load(&store->broken)) {
        atomic_store(&store->broken, rc);

        if (rc == BIGCACHE_FULL) {
            atomic_store(&store->full, 1);
        }

        if (rc == BIGCACHE_DAMAGED) {
            (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                            "the index is damaged and is being repaired");
        }

        store->heal_at = bigcache_monotonic() + BIGCACHE_LIFE_RETRY;
        (void) pthread_cond_broadcast(&store->cond);
    }

    (void) pthread_mutex_unlock(&store->mutex);
}


bigcache_rc_t
bigcache_store_broken(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    rc = atomic_load(&store->broken);

    return (rc == BIGCACHE_DAMAGED) ? BIGCACHE_UNAVAILABLE : rc;
}


void
bigcache_store_full(bigcache_store_t *store)
{
    if (!atomic_exchange(&store->full, 1)) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": the disk is full, no more pages are "
                     "stored until there is room", store->conf.path);

        bigcache_store_wake(store);
    }
}


/* returns the bytes to keep in reserve: a part of max_size at most */

static uint64_t
bigcache_life_reserve(bigcache_store_t *store)
{
    uint64_t  size, most;

    size = 4 * BIGCACHE_LIFE_ROOM
           + 2 * (uint64_t) store->conf.index.write_buffer;

    most = store->conf.max_size / BIGCACHE_LIFE_SHARE;

    return (most && most < size) ? most : size;
}


static bigcache_rc_t
bigcache_life_enter(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    /* who stops the store waits for those who wait too: they look at it */

    store->waiting++;

    rc = bigcache_life_await(store);

    store->waiting--;

    if (store->waiting == 0 && store->state == BIGCACHE_STATE_STOPPED) {
        (void) pthread_cond_broadcast(&store->cond);
    }

    return rc;
}


static bigcache_rc_t
bigcache_life_await(bigcache_store_t *store)
{
    int64_t  deadline;

    deadline = bigcache_monotonic() + store->conf.wait;

    for ( ;; ) {

        switch (store->state) {

        case BIGCACHE_STATE_OPEN:
            store->calls++;
            return BIGCACHE_OK;

        case BIGCACHE_STATE_CLOSED:
            return BIGCACHE_CLOSED;

        case BIGCACHE_STATE_OPENING:

            /* all that wait give up at once, not each after its own time */

            if (!bigcache_life_wait(store,
                                    store->since + store->conf.wait)
                && store->state == BIGCACHE_STATE_OPENING)
            {
                return BIGCACHE_UNAVAILABLE;
            }

            break;

        case BIGCACHE_STATE_DRAINING:

            if (!bigcache_life_wait(store, deadline)
                && store->state == BIGCACHE_STATE_DRAINING)
            {
                return BIGCACHE_UNAVAILABLE;
            }

            break;

        default: /* FAILED, STOPPED */
            return BIGCACHE_UNAVAILABLE;
        }
    }
}


/* returns 0 if the deadline, in monotonic ms, has passed */

static int
bigcache_life_wait(bigcache_store_t *store, int64_t deadline)
{
    struct timespec  ts;

    if (deadline == INT64_MAX) {
        (void) pthread_cond_wait(&store->cond, &store->mutex);
        return 1;
    }

    ts.tv_sec = deadline / 1000;
    ts.tv_nsec = (deadline % 1000) * 1000000;

    return pthread_cond_timedwait(&store->cond, &store->mutex, &ts)
           != ETIMEDOUT;
}


static bigcache_rc_t
bigcache_life_drain(bigcache_store_t *store)
{
    bigcache_rc_t  rc;

    rc = bigcache_life_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    store->calls--;

    bigcache_life_state(store, BIGCACHE_STATE_DRAINING);

    while (store->calls) {
        (void) bigcache_life_wait(store, INT64_MAX);
    }

    return BIGCACHE_OK;
}


/* without unlock, no other process can come in before it is opened again */

static void
bigcache_life_close(bigcache_store_t *store, int unlock)
{
    bigcache_open_t  open;

    memset(&open, 0, sizeof(bigcache_open_t));

    open.lock = unlock ? store->lock : -1;
    open.index = store->index;
    open.segments = store->segments;
    open.walk = store->walk;
    open.count = (uint64_t) atomic_load(&store->count);
    open.version = atomic_load(&store->version);

    bigcache_import_close(&store->import);
    bigcache_open_close(&store->conf, &open, store->counted);

    bigcache_purge_forget(&store->purges);

    if (unlock) {
        store->lock = -1;
    }

    store->index = NULL;
    store->segments = NULL;
    store->walk = NULL;
}


static bigcache_rc_t
bigcache_life_discard(bigcache_store_t *store)
{
    char           error[BIGCACHE_ERROR_LEN];
    uint64_t       stamp;
    bigcache_rc_t  rc;

    stamp = bigcache_store_version(store);

    /* what is not imported yet, or the new index would have it again */

    rc = bigcache_import_clear(store, error);

    /* then the index: pages that no index names are removed anyway */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_dir_discard(store->conf.path, BIGCACHE_DIR_INDEX,
                                  stamp, error);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_dir_discard(store->conf.path, BIGCACHE_DIR_PAGES,
                                  stamp, error);
    }

    if (rc != BIGCACHE_OK) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\" cannot be cleared: %s", store->conf.path,
                     error);
    }

    return rc;
}


static void
bigcache_life_state(bigcache_store_t *store, bigcache_state_e state)
{
    store->state = state;
    atomic_store(&store->draining, state != BIGCACHE_STATE_OPEN);

    if (state == BIGCACHE_STATE_OPENING) {
        store->since = bigcache_monotonic();
        store->told = 0;

        (void) snprintf(store->reason, BIGCACHE_ERROR_LEN,
                        "the store is being opened");
    }

    (void) pthread_cond_broadcast(&store->cond);
}


static void *
bigcache_life_thread(void *data)
{
    bigcache_store_t *store = data;

    unsigned  delay;

    (void) pthread_mutex_lock(&store->mutex);

    while (store->state != BIGCACHE_STATE_STOPPED) {

        switch (store->state) {

        case BIGCACHE_STATE_OPENING:
        case BIGCACHE_STATE_FAILED:
            delay = bigcache_life_open(store);
            break;

        case BIGCACHE_STATE_OPEN:
            delay = bigcache_life_work(store);
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
bigcache_life_open(bigcache_store_t *store)
{
    int              repair;
    char             error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t    rc;
    bigcache_open_t  open;

    repair = store->repair;
    store->repair = 0;

    (void) pthread_mutex_unlock(&store->mutex);

    open.lock = store->lock;

    rc = bigcache_open(&store->conf, &open, repair, error);

    if (rc == BIGCACHE_FULL) {

        /* the reserve is for this */

        bigcache_store_full(store);
        bigcache_dir_release(store->conf.path);

        open.lock = -1;
        rc = bigcache_open(&store->conf, &open, repair, error);
    }

    /* it is kept by a store that had it, and is let go if this failed */

    store->lock = (rc == BIGCACHE_OK) ? open.lock : -1;

    if (rc == BIGCACHE_OK) {

        store->index = open.index;
        rc = bigcache_purge_load(store, error);

        if (rc != BIGCACHE_OK) {
            bigcache_purge_forget(&store->purges);
            bigcache_open_close(&store->conf, &open, 0);
            store->index = NULL;
            store->lock = -1;
            rc = BIGCACHE_ERROR;
        }
    }

    (void) pthread_mutex_lock(&store->mutex);

    if (rc == BIGCACHE_OK) {
        bigcache_life_adopt(store, &open);
        return 0;
    }

    if (store->state == BIGCACHE_STATE_STOPPED) {
        return 0;
    }

    bigcache_life_failed(store, rc, error);

    return (rc == BIGCACHE_UNAVAILABLE) ? BIGCACHE_LIFE_RETRY_LOCK
                                        : BIGCACHE_LIFE_RETRY;
}


static void
bigcache_life_adopt(bigcache_store_t *store, bigcache_open_t *open)
{
    uint64_t  version;

    store->segments = open->segments;
    store->walk = open->walk;
    store->counted = (open->walk == NULL);
    store->trash = 1;

    memset(store->verified.elts, 0, sizeof(store->verified.elts));

    atomic_store(&store->broken, BIGCACHE_OK);
    atomic_store(&store->count, (int64_t) open->count);

    version = atomic_load(&store->version);
    atomic_store(&store->version,
                 version > open->version ? version : open->version);

    /* the one who stopped the store closes it then */

    if (!atomic_load(&store->full)) {
        bigcache_dir_reserve(store->conf.path, bigcache_life_reserve(store));
    }

    if (store->state != BIGCACHE_STATE_STOPPED) {
        bigcache_life_state(store, BIGCACHE_STATE_OPEN);

        bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                     "store \"%s\" open", store->conf.path);
    }
}


static void
bigcache_life_failed(bigcache_store_t *store, bigcache_rc_t rc,
    const char *error)
{
    int  level, news;

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

    if (news) {
        store->told = 1;
        bigcache_log(&store->conf.log, level,
                     "store \"%s\" cannot be opened, will be tried again: "
                     "%s", store->conf.path, error);
    }
}


/*
 * What nobody waits for, one thing after the other; returns the milliseconds
 * until there is more.
 */

static unsigned
bigcache_life_work(bigcache_store_t *store)
{
    int       counted, full, more;
    unsigned  delay, next, trash;

    if (atomic_load(&store->broken)) {
        return bigcache_life_reopen(store);
    }

    full = atomic_load(&store->full);
    counted = store->counted;
    trash = store->trash;

    store->calls++;
    (void) pthread_mutex_unlock(&store->mutex);

    if (full) {
        bigcache_dir_release(store->conf.path);
        bigcache_segments_seal(store->segments);
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

        next = bigcache_evict_work(store);
        delay = (next < delay) ? next : delay;

        next = bigcache_compact_work(store);
        delay = (next < delay) ? next : delay;
    }

    if (trash) {
        bigcache_dir_empty_trash(store->conf.path, &store->draining);
    }

    bigcache_life_room(store);

    (void) pthread_mutex_lock(&store->mutex);

    store->calls--;
    store->counted = counted;
    store->trash = 0;

    (void) pthread_cond_broadcast(&store->cond);

    return delay;
}


/* ends what bigcache_store_full() began, and keeps room for the next time */

static void
bigcache_life_room(bigcache_store_t *store)
{
    uint64_t  room;

    if (!atomic_load(&store->full)) {
        return;
    }

    room = bigcache_dir_free(store->conf.path);

    if (room < bigcache_dir_reserve_size(store->conf.path,
                                         bigcache_life_reserve(store))
               + 2 * BIGCACHE_LIFE_ROOM)
    {
        return;
    }

    bigcache_dir_reserve(store->conf.path, bigcache_life_reserve(store));

    atomic_store(&store->full, 0);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\": there is room on the disk again",
                 store->conf.path);
}


/*
 * After a failed write LevelDB refuses all others, until it is opened again;
 * it can be as soon as there is room.
 */

static unsigned
bigcache_life_reopen(bigcache_store_t *store)
{
    int      why;
    int64_t  delay;

    why = atomic_load(&store->broken);
    delay = store->heal_at - bigcache_monotonic();

    if (delay > 0) {
        return (unsigned) delay;
    }

    if (why == BIGCACHE_FULL) {
        bigcache_dir_release(store->conf.path);
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


uint64_t
bigcache_store_version(bigcache_store_t *store)
{
    uint64_t         now, last, next;
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    now = (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
    last = atomic_load(&store->version);

    do {
        next = (now > last) ? now : last + 1;
    } while (!atomic_compare_exchange_weak(&store->version, &last, next));

    return next;
}


void
bigcache_store_passed(bigcache_store_t *store, uint64_t version)
{
    uint64_t  last;

    last = atomic_load(&store->version);

    while (last < version
           && !atomic_compare_exchange_weak(&store->version, &last, version))
    {
        /* void */
    }
}
