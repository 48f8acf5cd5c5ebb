
/*
 * Copyright (C) bigcache contributors
 */


/* begins purges, and ends them for their caller or the keeper */


#include <endian.h>
#include <stdlib.h>
#include <unistd.h>

#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_import.h"
#include "bigcache_key.h"
#include "bigcache_names.h"
#include "bigcache_purge.h"
#include "bigcache_purge_walk.h"
#include "bigcache_sync.h"
#include "bigcache_time.h"
#include "bigcache_version.h"


/* names of a tag that are so many when they are removed need a stop */

#define BIGCACHE_PURGE_MANY   1000

/* milliseconds between two tries to continue a purge */

#define BIGCACHE_PURGE_PAUSE  2


static bigcache_rc_t bigcache_purge_wanted(bigcache_store_t *store,
    const bigcache_selectors_t *selectors, bigcache_selectors_t *wanted);
static bigcache_rc_t bigcache_purge_tagged(bigcache_store_t *store,
    const bigcache_selector_t *selector);
static bigcache_rc_t bigcache_purge_found(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static void bigcache_purge_note(bigcache_store_t *store,
    const bigcache_selectors_t *selectors, uint64_t version);
static bigcache_rc_t bigcache_purge_begin(bigcache_store_t *store,
    const bigcache_selectors_t *selectors, int async, uint64_t retry_floor,
    uint64_t *version);
static bigcache_rc_t bigcache_purge_begin_one(bigcache_store_t *store,
    const bigcache_selector_t *selector, int async, uint64_t version);
static bigcache_rc_t bigcache_purge_durable(bigcache_store_t *store,
    uint64_t version);
static bigcache_rc_t bigcache_purge_claim(bigcache_store_t *store,
    uint64_t version, uint64_t *n, uint64_t *expired);
static bigcache_rc_t bigcache_purge_work_on(bigcache_store_t *store,
    bigcache_purge_t *purge, uint64_t *n, uint64_t *expired);
static bigcache_rc_t bigcache_purge_write(bigcache_store_t *store,
    const bigcache_purge_t *purge, const bigcache_str_t *value);
static bigcache_rc_t bigcache_purge_stop(bigcache_store_t *store,
    const bigcache_selector_t *selector);


bigcache_rc_t
bigcache_purge(bigcache_store_t *store, const bigcache_selectors_t *selectors,
    int async, uint64_t retry_floor, uint64_t *version)
{
    int64_t               begin;
    bigcache_rc_t         rc;
    bigcache_selectors_t  wanted;

    begin = bigcache_time_monotonic();

    do {
        *version = 0;

        rc = bigcache_core_enter(store);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        rc = bigcache_purge_wanted(store, selectors, &wanted);

        if (rc == BIGCACHE_OK && wanted.n) {
            rc = bigcache_purge_begin(store, &wanted, async, retry_floor,
                                      version);
        }

        if (rc == BIGCACHE_OK) {
            rc = bigcache_purge_durable(store, *version);
        }

        if (rc == BIGCACHE_OK && async && *version) {
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

    if (version == 0) {
        return BIGCACHE_OK;
    }

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


/*
 * Copies the selectors, without those of tags that no page has: for these there
 * is nothing to write.  The note is made first, and then a write with an
 * earlier version has been waited for: a page with such a tag that is not seen
 * here is later than the purge.
 */

static bigcache_rc_t
bigcache_purge_wanted(bigcache_store_t *store,
    const bigcache_selectors_t *selectors, bigcache_selectors_t *wanted)
{
    size_t               at;
    unsigned             tags;
    bigcache_rc_t        rc;
    bigcache_selector_t  selector;

    bigcache_selectors_init(wanted);

    tags = 0;

    at = 0;

    while (bigcache_selectors_next(selectors, &at, &selector)) {
        tags += (selector.tag.len != 0);
    }

    if (tags) {
        bigcache_purge_note(store, selectors, bigcache_version_next(store));
        bigcache_key_settle(store);
    }

    at = 0;

    while (bigcache_selectors_next(selectors, &at, &selector)) {

        rc = (selector.tag.len && !atomic_load(&store->unnamed))
             ? bigcache_purge_tagged(store, &selector) : BIGCACHE_OK;

        if (rc == BIGCACHE_OK) {
            (void) bigcache_selectors_add(wanted, &selector);

        } else if (rc != BIGCACHE_MISS) {
            return rc;
        }
    }

    return BIGCACHE_OK;
}


/* returns BIGCACHE_OK if a key may have the tag, or BIGCACHE_MISS */

static bigcache_rc_t
bigcache_purge_tagged(bigcache_store_t *store,
    const bigcache_selector_t *selector)
{
    char            error[BIGCACHE_ERROR_LEN];
    uint64_t        hash;
    bigcache_rc_t   rc;
    bigcache_str_t  prefix;

    hash = htobe64(bigcache_tags_hash(&selector->tag));
    prefix = bigcache_str(&hash, sizeof(hash));

    rc = bigcache_index_each(store->index, BIGCACHE_NAMES_TAG, &prefix, NULL,
                             bigcache_purge_found, NULL, error);

    switch (rc) {

    case BIGCACHE_OK:
        return BIGCACHE_MISS;

    case BIGCACHE_MISS:

        /* the handler has ended the walk: there is a name */

        return BIGCACHE_OK;

    case BIGCACHE_NOMEM:
        return rc;

    case BIGCACHE_DAMAGED:
        bigcache_fault_break(store, rc);
        return BIGCACHE_UNAVAILABLE;

    default:
        return bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "read", error);
    }
}


static bigcache_rc_t
bigcache_purge_found(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    (void) data;
    (void) key;
    (void) value;

    return BIGCACHE_MISS;
}


/* notes the purges for the pages that are made meanwhile */

static void
bigcache_purge_note(bigcache_store_t *store,
    const bigcache_selectors_t *selectors, uint64_t version)
{
    size_t               at;
    bigcache_selector_t  selector;

    at = 0;

    while (bigcache_selectors_next(selectors, &at, &selector)) {
        bigcache_removed_selector((selector.flags & BIGCACHE_SELECTOR_SOFT)
                                  ? &store->softened : &store->removed,
                                  &selector, version);
    }
}


/* begins purges, inside the store */

static bigcache_rc_t
bigcache_purge_begin(bigcache_store_t *store,
    const bigcache_selectors_t *selectors, int async, uint64_t retry_floor,
    uint64_t *version)
{
    size_t               at;
    bigcache_rc_t        rc;
    bigcache_selector_t  selector;

    rc = bigcache_fault_rc(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    /*
     * the lock decides: an entry is imported before this version, or its
     * import sees the purge
     */

    (void) pthread_mutex_lock(&store->import->mutex);

    (void) atomic_fetch_add(&store->purges.beginning, 1);

    *version = bigcache_version_next(store);

    bigcache_purge_note(store, selectors, *version);

    /* takes the version that the call would have had whose answer was lost */

    if (retry_floor && retry_floor + 1 < *version) {
        *version = retry_floor + 1;
    }

    /* a removal that finds only pages of this purge must wait for it, too */

    (void) atomic_fetch_add(&store->removals, 1);

    at = 0;

    while (rc == BIGCACHE_OK
           && bigcache_selectors_next(selectors, &at, &selector))
    {
        rc = bigcache_purge_begin_one(store, &selector, async, *version);
    }

    (void) atomic_fetch_add(&store->removals_done, 1);

    (void) atomic_fetch_sub(&store->purges.beginning, 1);

    (void) pthread_mutex_unlock(&store->import->mutex);

    return rc;
}


static bigcache_rc_t
bigcache_purge_begin_one(bigcache_store_t *store,
    const bigcache_selector_t *selector, int async, uint64_t version)
{
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    static const bigcache_str_t  empty = bigcache_string("");

    purge = bigcache_purges_create(selector, version, !async);

    if (purge == NULL) {
        return BIGCACHE_NOMEM;
    }

    rc = bigcache_purge_write(store, purge, &empty);

    if (rc == BIGCACHE_OK) {
        bigcache_purges_add(&store->purges, purge);

    } else {
        free(purge);
    }

    return rc;
}


/*
 * Waits until the purges are durable.  If there are none, waits for the
 * removals of others: they may be why no page has the tag.
 */

static bigcache_rc_t
bigcache_purge_durable(bigcache_store_t *store, uint64_t version)
{
    return (version == 0 && bigcache_sync_removals(store))
           ? BIGCACHE_OK : bigcache_sync_index(store);
}


/*
 * runs the purges of that version, but for those that have ended or that
 * another thread runs
 */

static bigcache_rc_t
bigcache_purge_claim(bigcache_store_t *store, uint64_t version, uint64_t *n,
    uint64_t *expired)
{
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    for ( ;; ) {
        rc = bigcache_purges_claim(&store->purges, version, &purge);

        if (rc == BIGCACHE_MISS) {
            return BIGCACHE_OK;
        }

        if (rc == BIGCACHE_OK) {
            rc = bigcache_purge_work_on(store, purge, n, expired);

            if (rc != BIGCACHE_OK) {
                return rc;
            }

            continue;
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
    int                soft;
    uint64_t           n, expired;
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    purge = bigcache_purges_next(&store->purges);

    if (purge == NULL) {
        return 0;
    }

    n = 0;
    expired = 0;
    soft = ((purge->selector.flags & BIGCACHE_SELECTOR_SOFT) != 0);

    rc = bigcache_purge_work_on(store, purge, &n, &expired);

    if (store->conf.removed && !soft) {
        store->conf.removed(store->conf.data, expired, n);
    }

    return rc == BIGCACHE_OK;
}


/*
 * Removes or marks the keys of a purge that this thread has claimed, and adds
 * to *n and *expired.  Then ends the purge.  If it fails, gives the purge back
 * and returns why.
 */

static bigcache_rc_t
bigcache_purge_work_on(bigcache_store_t *store, bigcache_purge_t *purge,
    uint64_t *n, uint64_t *expired)
{
    uint64_t       live, removed_expired;
    bigcache_rc_t  rc;

    live = 0;
    removed_expired = 0;

    /* a write with an earlier version must not come after the walk */

    bigcache_key_settle(store);

    rc = bigcache_purge_walk(store, purge, &live, &removed_expired);

    if (rc == BIGCACHE_DAMAGED) {

        /* the purge is in the index, and continues when that is repaired */

        bigcache_fault_break(store, rc);
        rc = BIGCACHE_UNAVAILABLE;
    }

    if (rc == BIGCACHE_OK && purge->selector.tag.len
        && !(purge->selector.flags & BIGCACHE_SELECTOR_SOFT)
        && live + removed_expired >= BIGCACHE_PURGE_MANY)
    {
        rc = bigcache_purge_stop(store, &purge->selector);
    }

    /* else a power cut could bring back a removed record without the purge */

    if (rc == BIGCACHE_OK) {
        rc = bigcache_sync_index(store);
    }

    if (rc == BIGCACHE_OK) {
        rc = bigcache_purge_write(store, purge, NULL);
    }

    *n += live + atomic_exchange(&purge->replaced, 0);
    *expired += removed_expired;

    if (rc == BIGCACHE_OK) {
        bigcache_purges_remove(&store->purges, purge);

    } else {
        bigcache_purges_let_go(&store->purges, purge);
    }

    return rc;
}


/* writes the purge to the index, or removes it from there */

static bigcache_rc_t
bigcache_purge_write(bigcache_store_t *store, const bigcache_purge_t *purge,
    const bigcache_str_t *value)
{
    char                        error[BIGCACHE_ERROR_LEN];
    u_char                      name[BIGCACHE_NAMES_MAX];
    unsigned                    n;
    bigcache_rc_t               rc;
    bigcache_str_t              key;
    bigcache_change_t           changes[2];
    const bigcache_selector_t  *selector;

    selector = &purge->selector;
    n = 1;

    if (selector->flags == 0 && selector->host.len + selector->tag.len == 0) {
        key = bigcache_names_make(name, &selector->prefix, purge->version);
        changes[0] = bigcache_index_change(BIGCACHE_NAMES_PURGE, key, value);

    } else {
        key = bigcache_names_make(name, &purge->bytes, purge->version);
        changes[0] = bigcache_index_change(BIGCACHE_NAMES_SELECT, key, value);

        if (!atomic_load(&store->newest_format)) {
            changes[n++] = bigcache_index_change(BIGCACHE_NAMES_META,
                                                 bigcache_names_format,
                                                 &bigcache_names_newest);
        }
    }

    rc = bigcache_index_write(store->index, changes, n, error);

    if (rc != BIGCACHE_OK) {
        return bigcache_fault_write_failed(store, rc, error);
    }

    if (n > 1) {
        atomic_store(&store->newest_format, 1);
    }

    bigcache_sync_note(store);

    return BIGCACHE_OK;
}


/*
 * Writes a name of the tag that belongs to no key, in front of all others.
 * LevelDB keeps what was removed until it compacts it, and a look for another
 * tag may lead to that point: it would read over all removed names to the next
 * one that is there.  A walk over the names of this tag finds that no record
 * has the name, and removes it.
 */

static bigcache_rc_t
bigcache_purge_stop(bigcache_store_t *store,
    const bigcache_selector_t *selector)
{
    char            error[BIGCACHE_ERROR_LEN];
    u_char          name[BIGCACHE_NAMES_MAX];
    bigcache_rc_t   rc;
    bigcache_str_t  key;

    static const bigcache_str_t  empty = bigcache_string("");

    key = bigcache_names_make(name, &empty, bigcache_tags_hash(&selector->tag));

    rc = bigcache_index_set(store->index, BIGCACHE_NAMES_TAG, &key, &empty,
                            error);

    return (rc == BIGCACHE_OK) ? rc
                               : bigcache_fault_write_failed(store, rc, error);
}
