
/*
 * Copyright (C) bigcache contributors
 */


/* the list of purges that are under way */


#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bigcache_names.h"
#include "bigcache_purges.h"
#include "bigcache_time.h"


/* milliseconds that the keeper waits for the caller of a purge */

#define BIGCACHE_PURGES_CLAIM  2000

/* microseconds between two looks at a purge that is beginning */

#define BIGCACHE_PURGES_PAUSE  50


typedef struct {
    bigcache_purges_t  *purges;
    u_char              space;
    int                 claimed;
    uint64_t            version;
} bigcache_purges_load_t;


static bigcache_rc_t bigcache_purges_found(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static void bigcache_purges_add_hot(bigcache_purges_t *purges,
    bigcache_purge_t *purge);
static bigcache_purge_t *bigcache_purges_find_locked(
    bigcache_purges_t *purges, const bigcache_str_t *key,
    const bigcache_record_t *record, unsigned soft);
static bigcache_purge_t *bigcache_purges_search(bigcache_purge_t *purge,
    const bigcache_str_t *key, const bigcache_record_t *record,
    unsigned soft);
static bigcache_purge_t **bigcache_purges_list(bigcache_purges_t *purges,
    const bigcache_str_t *tag);
static int bigcache_purges_due(const bigcache_purge_t *purge);


void
bigcache_purges_init(bigcache_purges_t *purges, bigcache_hot_t *hot)
{
    (void) pthread_rwlock_init(&purges->lock, NULL);

    purges->hot = hot;
}


void
bigcache_purges_destroy(bigcache_purges_t *purges)
{
    bigcache_purges_forget(purges);

    (void) pthread_rwlock_destroy(&purges->lock);
}


void
bigcache_purges_forget(bigcache_purges_t *purges)
{
    unsigned           i;
    bigcache_purge_t  *purge, *next;

    for (i = 0; i < BIGCACHE_PURGES_LISTS; i++) {
        for (purge = purges->lists[i]; purge; purge = next) {
            next = purge->next;
            purge->slot = -1;
            bigcache_purges_remove(purges, purge);
        }
    }
}


bigcache_rc_t
bigcache_purges_load(bigcache_purges_t *purges, bigcache_index_t *index,
    int claimed, uint64_t *version, char *error)
{
    bigcache_rc_t            rc;
    bigcache_purges_load_t   ctx;
    bigcache_purging_shm_t  *shm;

    ctx.purges = purges;
    ctx.claimed = claimed;
    ctx.version = 0;

    shm = purges->hot ? bigcache_hot_purging(purges->hot) : NULL;

    if (shm) {
        bigcache_purging_hold(shm);
    }

    ctx.space = BIGCACHE_NAMES_PURGE;
    rc = bigcache_index_each(index, ctx.space, NULL, NULL,
                             bigcache_purges_found, &ctx, error);

    if (rc == BIGCACHE_OK) {
        ctx.space = BIGCACHE_NAMES_SELECT;
        rc = bigcache_index_each(index, ctx.space, NULL, NULL,
                                 bigcache_purges_found, &ctx, error);
    }

    if (shm && rc == BIGCACHE_OK) {
        bigcache_purging_release(shm);
    }

    *version = ctx.version;

    return rc;
}


static bigcache_rc_t
bigcache_purges_found(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_purges_load_t *ctx = data;

    uint64_t              version;
    bigcache_str_t        rest;
    bigcache_purge_t     *purge;
    bigcache_selector_t   selector;

    (void) value;

    if (bigcache_names_parse(key, &version, &rest) == -1) {
        return BIGCACHE_OK;
    }

    memset(&selector, 0, sizeof(bigcache_selector_t));
    selector.prefix = rest;

    if (ctx->space == BIGCACHE_NAMES_SELECT
        && bigcache_selector_decode(&selector, &rest) == -1)
    {
        return BIGCACHE_OK;
    }

    if (version > ctx->version) {
        ctx->version = version;
    }

    purge = bigcache_purges_create(&selector, version, ctx->claimed);
    if (purge == NULL) {
        return BIGCACHE_NOMEM;
    }

    bigcache_purges_add(ctx->purges, purge);

    return BIGCACHE_OK;
}


int
bigcache_purges_covers(bigcache_purges_t *purges, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    int  covers;

    if (atomic_load(&purges->n) == 0) {
        return 0;
    }

    (void) pthread_rwlock_rdlock(&purges->lock);
    covers = (bigcache_purges_find_locked(purges, key, record, 0) != NULL);
    (void) pthread_rwlock_unlock(&purges->lock);

    return covers;
}


int
bigcache_purges_apply(bigcache_purges_t *purges, const bigcache_str_t *key,
    bigcache_record_t *record)
{
    int                covers;
    bigcache_purge_t  *purge;

    if (atomic_load(&purges->n) == 0) {
        return 0;
    }

    (void) pthread_rwlock_rdlock(&purges->lock);

    covers = (bigcache_purges_find_locked(purges, key, record, 0) != NULL);

    if (!covers) {
        purge = bigcache_purges_find_locked(purges, key, record,
                                            BIGCACHE_SELECTOR_SOFT);
        if (purge) {
            bigcache_purges_mark(record, purge->version);
        }
    }

    (void) pthread_rwlock_unlock(&purges->lock);

    return covers;
}


void
bigcache_purges_mark(bigcache_record_t *record, uint64_t version)
{
    int64_t  since, now;

    if (record->flags & BIGCACHE_FLAG_SOFT) {
        return;
    }

    /*
     * Versions are microseconds, and may be ahead of a clock that was set back:
     * a page may be stale for a while from now then.  0 is the time of a record
     * without a mark.
     */

    since = (version < 1000) ? 1 : (int64_t) (version / 1000);
    now = bigcache_time_now();

    record->flags |= BIGCACHE_FLAG_SOFT;
    record->stale = (since < now) ? since : now;
}


int
bigcache_purges_begun(bigcache_purges_t *purges, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    while (atomic_load(&purges->beginning)) {
        (void) usleep(BIGCACHE_PURGES_PAUSE);
    }

    return bigcache_purges_covers(purges, key, record);
}


void
bigcache_purges_replaced(bigcache_purges_t *purges, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    bigcache_purge_t  *purge;

    (void) pthread_rwlock_rdlock(&purges->lock);

    purge = bigcache_purges_find_locked(purges, key, record, 0);

    if (purge) {
        (void) atomic_fetch_add(&purge->replaced, 1);
    }

    (void) pthread_rwlock_unlock(&purges->lock);
}


bigcache_purge_t *
bigcache_purges_create(const bigcache_selector_t *selector, uint64_t version,
    int claimed)
{
    size_t             size;
    bigcache_purge_t  *purge;

    size = bigcache_selector_size(selector);

    purge = calloc(1, sizeof(bigcache_purge_t) + size);
    if (purge == NULL) {
        return NULL;
    }

    bigcache_selector_encode(purge->data, selector);

    purge->version = version;
    purge->claimed_at = claimed ? bigcache_time_monotonic() : 0;
    purge->slot = -1;
    purge->bytes = bigcache_str(purge->data, size);

    (void) bigcache_selector_decode(&purge->selector, &purge->bytes);

    return purge;
}


void
bigcache_purges_add(bigcache_purges_t *purges, bigcache_purge_t *purge)
{
    bigcache_hot_t     *all;
    bigcache_purge_t  **list;

    all = NULL;

    if (purges->hot) {
        bigcache_purges_add_hot(purges, purge);
        all = (purge->slot == -1) ? purges->hot : NULL;
    }

    if (all) {
        bigcache_hot_begin_all(all);
    }

    (void) pthread_rwlock_wrlock(&purges->lock);

    list = bigcache_purges_list(purges, &purge->selector.tag);

    purge->next = *list;
    *list = purge;
    atomic_fetch_add(&purges->n, 1);

    (void) pthread_rwlock_unlock(&purges->lock);

    if (all) {
        bigcache_hot_end_all(all);
    }
}


/*
 * Notes the purge beside the hot index: the hash of the tag, and as much of
 * the rest as there is room for.  With less of it, it selects more pages.
 */

static void
bigcache_purges_add_hot(bigcache_purges_t *purges, bigcache_purge_t *purge)
{
    bigcache_selector_t  selector;
    bigcache_purging_t   purging;

    selector = purge->selector;
    selector.tag.len = 0;

    if (bigcache_selector_size(&selector) > BIGCACHE_PURGING_BYTES) {

        selector.flags &= ~BIGCACHE_SELECTOR_EXACT;

        if (BIGCACHE_SELECTOR_HEADER + selector.host.len
            > BIGCACHE_PURGING_BYTES)
        {
            selector.host.len = 0;
            selector.prefix.len = 0;

        } else {
            selector.prefix.len = BIGCACHE_PURGING_BYTES
                                  - BIGCACHE_SELECTOR_HEADER
                                  - selector.host.len;
        }
    }

    purging.tag = purge->selector.tag.len
                  ? bigcache_tags_hash(&purge->selector.tag) : 0;
    purging.len = (uint32_t) bigcache_selector_size(&selector);

    bigcache_selector_encode(purging.data, &selector);

    purge->slot = bigcache_purging_begin(bigcache_hot_purging(purges->hot),
                                         &purging);
}


void
bigcache_purges_remove(bigcache_purges_t *purges, bigcache_purge_t *purge)
{
    bigcache_purge_t  **p;

    (void) pthread_rwlock_wrlock(&purges->lock);

    p = bigcache_purges_list(purges, &purge->selector.tag);

    for ( /* void */ ; *p; p = &(*p)->next) {
        if (*p == purge) {
            *p = purge->next;
            atomic_fetch_add(&purges->ended, 1);
            atomic_fetch_sub(&purges->n, 1);
            break;
        }
    }

    (void) pthread_rwlock_unlock(&purges->lock);

    if (purge->slot != -1) {
        bigcache_purging_end(bigcache_hot_purging(purges->hot), purge->slot);
    }

    free(purge);
}


bigcache_rc_t
bigcache_purges_claim(bigcache_purges_t *purges, uint64_t version,
    bigcache_purge_t **found)
{
    unsigned           i;
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    rc = BIGCACHE_MISS;

    (void) pthread_rwlock_wrlock(&purges->lock);

    for (i = 0; i < BIGCACHE_PURGES_LISTS && rc != BIGCACHE_OK; i++) {
        for (purge = purges->lists[i]; purge; purge = purge->next) {

            if (purge->version != version) {
                continue;
            }

            if (!purge->busy) {
                rc = BIGCACHE_OK;
                purge->busy = 1;
                *found = purge;
                break;
            }

            rc = BIGCACHE_AGAIN;
        }
    }

    (void) pthread_rwlock_unlock(&purges->lock);

    return rc;
}


bigcache_purge_t *
bigcache_purges_next(bigcache_purges_t *purges)
{
    unsigned           i;
    bigcache_purge_t  *purge;

    purge = NULL;

    (void) pthread_rwlock_wrlock(&purges->lock);

    for (i = 0; i < BIGCACHE_PURGES_LISTS && purge == NULL; i++) {
        for (purge = purges->lists[i]; purge; purge = purge->next) {

            if (!purge->busy && bigcache_purges_due(purge)) {
                purge->busy = 1;
                break;
            }
        }
    }

    (void) pthread_rwlock_unlock(&purges->lock);

    return purge;
}


void
bigcache_purges_let_go(bigcache_purges_t *purges, bigcache_purge_t *purge)
{
    (void) pthread_rwlock_wrlock(&purges->lock);
    purge->busy = 0;
    (void) pthread_rwlock_unlock(&purges->lock);
}


/*
 * Returns a purge that covers a record, or NULL: a soft one, of them the
 * earliest, if soft is BIGCACHE_SELECTOR_SOFT, else one that removes it.
 */

static bigcache_purge_t *
bigcache_purges_find_locked(bigcache_purges_t *purges,
    const bigcache_str_t *key, const bigcache_record_t *record, unsigned soft)
{
    size_t             at;
    bigcache_str_t     tag;
    bigcache_purge_t  *purge, *found;

    found = bigcache_purges_search(purges->lists[0], key, record, soft);

    at = 0;

    while (bigcache_tags_next(&record->tags, &at, &tag)) {

        purge = bigcache_purges_search(*bigcache_purges_list(purges, &tag),
                                       key, record, soft);

        if (purge && (found == NULL || purge->version < found->version)) {
            found = purge;
        }
    }

    return found;
}


static bigcache_purge_t *
bigcache_purges_search(bigcache_purge_t *purge, const bigcache_str_t *key,
    const bigcache_record_t *record, unsigned soft)
{
    bigcache_purge_t  *found;

    found = NULL;

    for ( /* void */ ; purge; purge = purge->next) {

        if (record->origin < purge->version
            && (purge->selector.flags & BIGCACHE_SELECTOR_SOFT) == soft
            && (found == NULL || purge->version < found->version)
            && bigcache_selector_matches(&purge->selector, key, &record->tags))
        {
            found = purge;
        }
    }

    return found;
}


static bigcache_purge_t **
bigcache_purges_list(bigcache_purges_t *purges, const bigcache_str_t *tag)
{
    uint64_t  i;

    i = tag->len ? bigcache_tags_hash(tag) % (BIGCACHE_PURGES_LISTS - 1) + 1
                 : 0;

    return &purges->lists[i];
}


/*
 * returns 1 if the caller, which gets the count of pages, is not awaited any
 * more
 */

static int
bigcache_purges_due(const bigcache_purge_t *purge)
{
    return purge->claimed_at == 0
           || bigcache_time_monotonic() - purge->claimed_at
              > BIGCACHE_PURGES_CLAIM;
}
