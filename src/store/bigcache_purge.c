
/*
 * Copyright (C) bigcache contributors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_key.h"
#include "bigcache_key_removal.h"
#include "bigcache_life.h"
#include "bigcache_time.h"


/* milliseconds: between two looks, and for which a caller may be awaited */

#define BIGCACHE_PURGE_PAUSE  2
#define BIGCACHE_PURGE_CLAIM  2000

/* microseconds between two looks at a purge that begins */

#define BIGCACHE_PURGE_BEGINS  50


struct bigcache_purge_s {
    bigcache_purge_t   *next;
    uint64_t            version;
    int64_t             claimed_at;   /* monotonic ms; 0: by nobody */
    unsigned            busy:1;       /* somebody removes its keys */
    _Atomic uint64_t    replaced;     /* keys that are not there to remove */
    bigcache_str_t      prefix;
    u_char              data[];
};

typedef struct {
    bigcache_store_t        *store;
    bigcache_match_t         match;
    uint64_t                 live;
    uint64_t                 expired;
    bigcache_key_removal_t  *removal;
} bigcache_purge_walk_t;

typedef struct {
    bigcache_purges_t  *purges;
    int64_t             claimed_at;
    uint64_t            version;
} bigcache_purge_load_t;


static bigcache_rc_t bigcache_purge_begin(bigcache_store_t *store,
    const bigcache_str_t *prefix, int async, uint64_t since,
    uint64_t *version);
static bigcache_rc_t bigcache_purge_claim(bigcache_store_t *store,
    uint64_t version, uint64_t *n, uint64_t *expired);
static bigcache_purge_t *bigcache_purge_create(const bigcache_str_t *prefix,
    uint64_t version);
static int bigcache_purge_due(const bigcache_purge_t *purge);
static bigcache_purge_t *bigcache_purge_find(bigcache_purges_t *purges,
    const bigcache_str_t *key, uint64_t origin);
static bigcache_rc_t bigcache_purge_run(bigcache_store_t *store,
    bigcache_purge_t *purge, uint64_t *n, uint64_t *expired);
static void bigcache_purge_let_go(bigcache_purges_t *purges,
    bigcache_purge_t *purge);
static bigcache_rc_t bigcache_purge_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_purge_remove_keys(bigcache_purge_walk_t *ctx);
static bigcache_rc_t bigcache_purge_write(bigcache_store_t *store,
    const bigcache_purge_t *purge, const bigcache_str_t *value);
static void bigcache_purge_add(bigcache_purges_t *purges,
    bigcache_purge_t *purge);
static void bigcache_purge_remove(bigcache_purges_t *purges,
    bigcache_purge_t *purge);
static bigcache_rc_t bigcache_purge_found(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);


bigcache_rc_t
bigcache_store_purge(bigcache_store_t *store, const bigcache_str_t *prefix,
    int async, uint64_t since, uint64_t *version)
{
    int64_t        begin;
    bigcache_rc_t  rc;

    begin = bigcache_monotonic();

    do {
        rc = bigcache_store_enter(store);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        rc = bigcache_purge_begin(store, prefix, async, since, version);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_sync_index(store);
        }

        if (rc == BIGCACHE_OK && async) {
            bigcache_store_wake(store);
        }

        bigcache_store_leave(store);

    } while (rc == BIGCACHE_FULL && bigcache_store_healed(store, begin));

    return rc;
}


bigcache_rc_t
bigcache_store_purge_run(bigcache_store_t *store, uint64_t version,
    uint64_t *n, uint64_t *expired)
{
    int64_t        since;
    uint64_t       done;
    bigcache_rc_t  rc;

    since = bigcache_monotonic();

    for ( ;; ) {
        rc = bigcache_store_enter(store);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        done = *n + *expired;

        rc = bigcache_purge_claim(store, version, n, expired);

        bigcache_store_leave(store);

        /* the store makes way, or broke: it goes on behind that */

        if (rc == BIGCACHE_UNAVAILABLE) {
            (void) usleep(BIGCACHE_PURGE_PAUSE * 1000);
        }

        if (*n + *expired != done) {
            since = bigcache_monotonic();
        }

        if ((rc != BIGCACHE_UNAVAILABLE && rc != BIGCACHE_FULL)
            || !bigcache_store_healed(store, since))
        {
            return rc;
        }
    }
}


/* begins a purge, inside the store */

static bigcache_rc_t
bigcache_purge_begin(bigcache_store_t *store, const bigcache_str_t *prefix,
    int async, uint64_t since, uint64_t *version)
{
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    static const bigcache_str_t  empty = bigcache_string("");

    rc = bigcache_store_broken(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /* what is imported is so before this version, or sees the purge */

    (void) pthread_mutex_lock(&store->import.mutex);

    (void) atomic_fetch_add(&store->purges.beginning, 1);

    *version = bigcache_store_version(store);

    /* the call whose answer was lost has had an earlier one */

    if (since && since + 1 < *version) {
        *version = since + 1;
    }

    purge = bigcache_purge_create(prefix, *version);

    if (purge == NULL) {
        rc = BIGCACHE_NOMEM;
        goto done;
    }

    if (!async) {
        purge->claimed_at = bigcache_monotonic();
    }

    if (store->conf.hot) {
        bigcache_hot_begin_all(store->conf.hot);
    }

    /* a removal that finds only what is purged by this waits for it, too */

    (void) atomic_fetch_add(&store->removals, 1);

    rc = bigcache_purge_write(store, purge, &empty);

    if (rc == BIGCACHE_OK) {
        bigcache_purge_add(&store->purges, purge);

    } else {
        free(purge);
    }

    (void) atomic_fetch_add(&store->removals_done, 1);

    if (store->conf.hot) {
        bigcache_hot_end_all(store->conf.hot);
    }

done:

    (void) atomic_fetch_sub(&store->purges.beginning, 1);

    (void) pthread_mutex_unlock(&store->import.mutex);

    return rc;
}


/* runs the purge of that version, unless it has ended or somebody else does */

static bigcache_rc_t
bigcache_purge_claim(bigcache_store_t *store, uint64_t version, uint64_t *n,
    uint64_t *expired)
{
    bigcache_rc_t       rc;
    bigcache_purge_t   *purge;
    bigcache_purges_t  *purges;

    purges = &store->purges;

    for ( ;; ) {
        (void) pthread_rwlock_wrlock(&purges->lock);

        for (purge = purges->first; purge; purge = purge->next) {
            if (purge->version == version) {
                break;
            }
        }

        if (purge == NULL || !purge->busy) {
            break;
        }

        (void) pthread_rwlock_unlock(&purges->lock);

        if (atomic_load(&store->draining)) {
            return BIGCACHE_UNAVAILABLE;
        }

        (void) usleep(BIGCACHE_PURGE_PAUSE * 1000);
    }

    if (purge) {
        purge->busy = 1;
    }

    (void) pthread_rwlock_unlock(&purges->lock);

    if (purge == NULL) {
        return BIGCACHE_OK;
    }

    rc = bigcache_purge_run(store, purge, n, expired);

    if (rc != BIGCACHE_OK) {
        bigcache_purge_let_go(purges, purge);
    }

    return rc;
}


void
bigcache_purge_init(bigcache_purges_t *purges)
{
    (void) pthread_rwlock_init(&purges->lock, NULL);
}


void
bigcache_purge_forget(bigcache_purges_t *purges)
{
    bigcache_purge_t  *purge, *next;

    for (purge = purges->first; purge; purge = next) {
        next = purge->next;
        bigcache_purge_remove(purges, purge);
    }
}


void
bigcache_purge_destroy(bigcache_purges_t *purges)
{
    bigcache_purge_forget(purges);

    (void) pthread_rwlock_destroy(&purges->lock);
}


bigcache_rc_t
bigcache_purge_load(bigcache_purges_t *purges, bigcache_index_t *index,
    int claimed, uint64_t *version, char *error)
{
    bigcache_purge_load_t   ctx;
    bigcache_rc_t           rc;
    bigcache_index_walk_t  *walk;

    static const bigcache_str_t  all = bigcache_string("");

    walk = bigcache_index_walk_begin(index, BIGCACHE_NAMES_PURGE, &all);
    if (walk == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    ctx.purges = purges;
    ctx.claimed_at = claimed ? bigcache_monotonic() : 0;
    ctx.version = 0;

    rc = bigcache_index_walk(walk, bigcache_purge_found, &ctx, error);

    *version = ctx.version;

    return rc;
}


int
bigcache_purge_covers(bigcache_purges_t *purges, const bigcache_str_t *key,
    uint64_t origin)
{
    int  covers;

    if (atomic_load(&purges->n) == 0) {
        return 0;
    }

    (void) pthread_rwlock_rdlock(&purges->lock);
    covers = (bigcache_purge_find(purges, key, origin) != NULL);
    (void) pthread_rwlock_unlock(&purges->lock);

    return covers;
}


int
bigcache_purge_begun(bigcache_purges_t *purges, const bigcache_str_t *key,
    uint64_t origin)
{
    while (atomic_load(&purges->beginning)) {
        (void) usleep(BIGCACHE_PURGE_BEGINS);
    }

    return bigcache_purge_covers(purges, key, origin);
}


void
bigcache_purge_replaced(bigcache_store_t *store, const bigcache_str_t *key,
    uint64_t origin)
{
    bigcache_purge_t   *purge;
    bigcache_purges_t  *purges;

    purges = &store->purges;

    (void) pthread_rwlock_rdlock(&purges->lock);

    purge = bigcache_purge_find(purges, key, origin);

    if (purge) {
        (void) atomic_fetch_add(&purge->replaced, 1);
    }

    (void) pthread_rwlock_unlock(&purges->lock);
}


int
bigcache_purge_work(bigcache_store_t *store)
{
    uint64_t            n, expired;
    bigcache_rc_t       rc;
    bigcache_purge_t   *purge;
    bigcache_purges_t  *purges;

    purges = &store->purges;

    (void) pthread_rwlock_wrlock(&purges->lock);

    for (purge = purges->first; purge; purge = purge->next) {
        if (!purge->busy && bigcache_purge_due(purge)) {
            purge->busy = 1;
            break;
        }
    }

    (void) pthread_rwlock_unlock(&purges->lock);

    if (purge == NULL) {
        return 0;
    }

    n = 0;
    expired = 0;

    rc = bigcache_purge_run(store, purge, &n, &expired);

    if (rc != BIGCACHE_OK) {
        bigcache_purge_let_go(purges, purge);
    }

    if (store->conf.removed) {
        store->conf.removed(store->conf.data, expired, n);
    }

    return rc == BIGCACHE_OK;
}


static bigcache_purge_t *
bigcache_purge_create(const bigcache_str_t *prefix, uint64_t version)
{
    bigcache_purge_t  *purge;

    purge = calloc(1, sizeof(bigcache_purge_t) + prefix->len);
    if (purge == NULL) {
        return NULL;
    }

    memcpy(purge->data, prefix->data, prefix->len);

    purge->version = version;
    purge->prefix.data = purge->data;
    purge->prefix.len = prefix->len;

    return purge;
}


/* finds a purge that covers a record; the caller holds the lock of the list */

static bigcache_purge_t *
bigcache_purge_find(bigcache_purges_t *purges, const bigcache_str_t *key,
    uint64_t origin)
{
    bigcache_purge_t  *purge;

    for (purge = purges->first; purge; purge = purge->next) {

        if (origin < purge->version
            && key->len >= purge->prefix.len
            && memcmp(key->data, purge->data, purge->prefix.len) == 0)
        {
            break;
        }
    }

    return purge;
}


/*
 * Removes the keys of a purge that the caller has made busy, adds to *n and
 * *expired, and ends it; or returns why it is not ended.
 */

static bigcache_rc_t
bigcache_purge_run(bigcache_store_t *store, bigcache_purge_t *purge,
    uint64_t *n, uint64_t *expired)
{
    char                    error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t           rc;
    bigcache_purge_walk_t   ctx;
    bigcache_index_walk_t  *walk;

    /* a write with an earlier version must not come in behind the walk */

    bigcache_key_settle(store);

    memset(&ctx, 0, sizeof(bigcache_purge_walk_t));

    ctx.store = store;
    ctx.match.before = purge->version;

    ctx.removal = bigcache_key_removal_create();

    rc = ctx.removal ? bigcache_import_purge(store, &purge->prefix, &ctx.live)
                     : BIGCACHE_NOMEM;

    if (rc == BIGCACHE_OK) {
        walk = bigcache_index_walk_begin(store->index, BIGCACHE_NAMES_KEY,
                                         &purge->prefix);

        rc = walk ? bigcache_index_walk(walk, bigcache_purge_key, &ctx, error)
                  : BIGCACHE_NOMEM;
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_purge_remove_keys(&ctx);
    }

    free(ctx.removal);

    if (rc == BIGCACHE_DAMAGED) {

        /* the purge is in the index: it goes on when that is repaired */

        bigcache_store_break(store, rc);
        rc = BIGCACHE_UNAVAILABLE;
    }

    /* or a power cut could bring back what was removed, and not the purge */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_index(store);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_purge_write(store, purge, NULL);
    }

    *n += ctx.live + atomic_exchange(&purge->replaced, 0);
    *expired += ctx.expired;

    if (rc == BIGCACHE_OK) {
        bigcache_purge_remove(&store->purges, purge);
    }

    return rc;
}


/* a purge whose caller may still come, to run it and to be told the number */

static int
bigcache_purge_due(const bigcache_purge_t *purge)
{
    return purge->claimed_at == 0
           || bigcache_monotonic() - purge->claimed_at > BIGCACHE_PURGE_CLAIM;
}


/* it stays in effect, and the store's thread ends it later */

static void
bigcache_purge_let_go(bigcache_purges_t *purges, bigcache_purge_t *purge)
{
    (void) pthread_rwlock_wrlock(&purges->lock);
    purge->busy = 0;
    (void) pthread_rwlock_unlock(&purges->lock);
}


static bigcache_rc_t
bigcache_purge_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_rc_t           rc;
    bigcache_purge_walk_t  *ctx = data;

    (void) value;

    if (bigcache_key_removal_add(ctx->removal, key)) {
        return BIGCACHE_OK;
    }

    rc = bigcache_purge_remove_keys(ctx);

    if (rc == BIGCACHE_OK) {
        (void) bigcache_key_removal_add(ctx->removal, key);
    }

    return rc;
}


static bigcache_rc_t
bigcache_purge_remove_keys(bigcache_purge_walk_t *ctx)
{
    /* whoever waits for the store waits for a purge no longer than this */

    if (atomic_load(&ctx->store->draining)) {
        return BIGCACHE_UNAVAILABLE;
    }

    return bigcache_key_removal_run(ctx->store, ctx->removal, &ctx->match,
                                    &ctx->live, &ctx->expired);
}


/* puts the purge into the index, or removes it */

static bigcache_rc_t
bigcache_purge_write(bigcache_store_t *store, const bigcache_purge_t *purge,
    const bigcache_str_t *value)
{
    char               error[BIGCACHE_ERROR_LEN];
    u_char             name[BIGCACHE_NAMES_MAX];
    bigcache_rc_t      rc;
    bigcache_change_t  change;

    change.space = BIGCACHE_NAMES_PURGE;
    change.key = bigcache_names_purge(name, &purge->prefix, purge->version);
    change.value = value;

    rc = bigcache_index_write(store->index, &change, 1, error);

    if (rc != BIGCACHE_OK) {
        return bigcache_store_unwritten(store, rc, error);
    }

    bigcache_sync_note(store);

    return BIGCACHE_OK;
}


static void
bigcache_purge_add(bigcache_purges_t *purges, bigcache_purge_t *purge)
{
    (void) pthread_rwlock_wrlock(&purges->lock);

    purge->next = purges->first;
    purges->first = purge;
    atomic_fetch_add(&purges->n, 1);

    (void) pthread_rwlock_unlock(&purges->lock);
}


static void
bigcache_purge_remove(bigcache_purges_t *purges, bigcache_purge_t *purge)
{
    bigcache_purge_t  **p;

    (void) pthread_rwlock_wrlock(&purges->lock);

    for (p = &purges->first; *p; p = &(*p)->next) {
        if (*p == purge) {
            *p = purge->next;
            atomic_fetch_add(&purges->ended, 1);
            atomic_fetch_sub(&purges->n, 1);
            break;
        }
    }

    (void) pthread_rwlock_unlock(&purges->lock);

    free(purge);
}


static bigcache_rc_t
bigcache_purge_found(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_purge_load_t *ctx = data;

    uint64_t           version;
    bigcache_str_t     prefix;
    bigcache_purge_t  *purge;

    (void) value;

    if (bigcache_names_parse(key, &version, &prefix) == -1) {
        return BIGCACHE_OK;
    }

    if (version > ctx->version) {
        ctx->version = version;
    }

    purge = bigcache_purge_create(&prefix, version);
    if (purge == NULL) {
        return BIGCACHE_NOMEM;
    }

    purge->claimed_at = ctx->claimed_at;

    bigcache_purge_add(ctx->purges, purge);

    return BIGCACHE_OK;
}
