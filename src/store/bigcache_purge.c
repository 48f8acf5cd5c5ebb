
/*
 * Copyright (C) bigcache contributors
 */


/* removes the pages of a purge, for its caller or the keeper */


#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_import.h"
#include "bigcache_import_delete.h"
#include "bigcache_key.h"
#include "bigcache_key_removal.h"
#include "bigcache_names.h"
#include "bigcache_purge.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


/* milliseconds between two tries to continue a purge */

#define BIGCACHE_PURGE_PAUSE  2


typedef struct {
    bigcache_store_t        *store;
    bigcache_match_t         match;
    uint64_t                 live;
    uint64_t                 expired;
    bigcache_key_removal_t  *removal;
} bigcache_purge_walk_t;


static bigcache_rc_t bigcache_purge_begin(bigcache_store_t *store,
    const bigcache_str_t *prefix, int async, uint64_t retry_floor,
    uint64_t *version);
static bigcache_rc_t bigcache_purge_claim(bigcache_store_t *store,
    uint64_t version, uint64_t *n, uint64_t *expired);
static bigcache_rc_t bigcache_purge_work_on(bigcache_store_t *store,
    bigcache_purge_t *purge, uint64_t *n, uint64_t *expired);
static bigcache_rc_t bigcache_purge_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_purge_remove_keys(bigcache_purge_walk_t *ctx);
static bigcache_rc_t bigcache_purge_write(bigcache_store_t *store,
    const bigcache_purge_t *purge, const bigcache_str_t *value);


bigcache_rc_t
bigcache_purge(bigcache_store_t *store, const bigcache_str_t *prefix,
    int async, uint64_t retry_floor, uint64_t *version)
{
    int64_t        begin;
    bigcache_rc_t  rc;

    begin = bigcache_time_monotonic();

    do {
        rc = bigcache_core_enter(store);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        rc = bigcache_purge_begin(store, prefix, async, retry_floor, version);

        if (rc == BIGCACHE_OK) {
            rc = bigcache_sync_index(store);
        }

        if (rc == BIGCACHE_OK && async) {
            bigcache_core_wake(store);
        }

        bigcache_core_leave(store);

    } while (rc == BIGCACHE_FULL && bigcache_fault_healed(store, begin));

    return rc;
}


bigcache_rc_t
bigcache_purge_run(bigcache_store_t *store, uint64_t version,
    uint64_t *n, uint64_t *expired)
{
    int64_t        moved_at;
    uint64_t       done;
    bigcache_rc_t  rc;

    moved_at = bigcache_time_monotonic();

    for ( ;; ) {
        rc = bigcache_core_enter(store);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        done = *n + *expired;

        rc = bigcache_purge_claim(store, version, n, expired);

        bigcache_core_leave(store);

        /* the store is drained or broken: continues when it is open again */

        if (rc == BIGCACHE_UNAVAILABLE) {
            (void) usleep(BIGCACHE_PURGE_PAUSE * 1000);
        }

        if (*n + *expired != done) {
            moved_at = bigcache_time_monotonic();
        }

        if ((rc != BIGCACHE_UNAVAILABLE && rc != BIGCACHE_FULL)
            || !bigcache_fault_healed(store, moved_at))
        {
            return rc;
        }
    }
}


/* begins a purge, inside the store */

static bigcache_rc_t
bigcache_purge_begin(bigcache_store_t *store, const bigcache_str_t *prefix,
    int async, uint64_t retry_floor, uint64_t *version)
{
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    static const bigcache_str_t  empty = bigcache_string("");

    rc = bigcache_fault_rc(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /*
     * the lock decides: an entry is imported before this version, or its
     * import sees the purge
     */

    bigcache_import_lock(store);

    (void) atomic_fetch_add(&store->purges.beginning, 1);

    *version = bigcache_version_next(store);

    bigcache_removed_prefix(&store->removed, prefix, *version);

    /* takes the version that the call would have had whose answer was lost */

    if (retry_floor && retry_floor + 1 < *version) {
        *version = retry_floor + 1;
    }

    purge = bigcache_purges_create(prefix, *version, !async);

    if (purge == NULL) {
        rc = BIGCACHE_NOMEM;
        goto done;
    }

    if (store->conf.hot) {
        bigcache_hot_begin_all(store->conf.hot);
    }

    /* a removal that finds only pages of this purge must wait for it, too */

    (void) atomic_fetch_add(&store->removals, 1);

    rc = bigcache_purge_write(store, purge, &empty);

    if (rc == BIGCACHE_OK) {
        bigcache_purges_add(&store->purges, purge);

    } else {
        free(purge);
    }

    (void) atomic_fetch_add(&store->removals_done, 1);

    if (store->conf.hot) {
        bigcache_hot_end_all(store->conf.hot);
    }

done:

    (void) atomic_fetch_sub(&store->purges.beginning, 1);

    bigcache_import_unlock(store);

    return rc;
}


/*
 * runs the purge of that version, unless it has ended or another thread runs
 * it
 */

static bigcache_rc_t
bigcache_purge_claim(bigcache_store_t *store, uint64_t version, uint64_t *n,
    uint64_t *expired)
{
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    for ( ;; ) {
        rc = bigcache_purges_claim(&store->purges, version, &purge);

        if (rc == BIGCACHE_OK) {
            return bigcache_purge_work_on(store, purge, n, expired);
        }

        if (rc == BIGCACHE_MISS) {
            return BIGCACHE_OK;
        }

        if (atomic_load(&store->draining)) {
            return BIGCACHE_UNAVAILABLE;
        }

        (void) usleep(BIGCACHE_PURGE_PAUSE * 1000);
    }
}


int
bigcache_purge_work(bigcache_store_t *store)
{
    uint64_t           n, expired;
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    purge = bigcache_purges_next(&store->purges);

    if (purge == NULL) {
        return 0;
    }

    n = 0;
    expired = 0;

    rc = bigcache_purge_work_on(store, purge, &n, &expired);

    if (store->conf.removed) {
        store->conf.removed(store->conf.data, expired, n);
    }

    return rc == BIGCACHE_OK;
}


/*
 * Removes the keys of a purge that this thread has claimed, and adds to *n and
 * *expired.  Then ends the purge.  If it fails, gives the purge back and
 * returns why.
 */

static bigcache_rc_t
bigcache_purge_work_on(bigcache_store_t *store, bigcache_purge_t *purge,
    uint64_t *n, uint64_t *expired)
{
    char                    error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t           rc;
    bigcache_purge_walk_t   ctx;
    bigcache_index_walk_t  *walk;

    /* a write with an earlier version must not come after the walk */

    bigcache_key_settle(store);

    memset(&ctx, 0, sizeof(bigcache_purge_walk_t));

    ctx.store = store;
    ctx.match.before = purge->version;

    ctx.removal = bigcache_key_removal_create();

    rc = ctx.removal ? bigcache_import_delete_prefix(store, &purge->prefix,
                                                     &ctx.live)
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

        /* the purge is in the index, and continues when that is repaired */

        bigcache_fault_break(store, rc);
        rc = BIGCACHE_UNAVAILABLE;
    }

    /* else a power cut could bring back a removed record without the purge */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_index(store);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_purge_write(store, purge, NULL);
    }

    *n += ctx.live + atomic_exchange(&purge->replaced, 0);
    *expired += ctx.expired;

    if (rc == BIGCACHE_OK) {
        bigcache_purges_remove(&store->purges, purge);

    } else {
        bigcache_purges_let_go(&store->purges, purge);
    }

    return rc;
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
    /* a thread that drains the store waits for one write of a purge at most */

    if (atomic_load(&ctx->store->draining)) {
        return BIGCACHE_UNAVAILABLE;
    }

    return bigcache_key_removal_run(ctx->store, ctx->removal, &ctx->match,
                                    &ctx->live, &ctx->expired);
}


/* writes the purge to the index, or removes it from there */

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
        return bigcache_fault_write_failed(store, rc, error);
    }

    bigcache_sync_note(store);

    return BIGCACHE_OK;
}
