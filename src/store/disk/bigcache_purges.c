
/*
 * Copyright (C) bigcache contributors
 */


/* the list of purges that are under way */


#include <stdio.h>
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
    int                 claimed;
    uint64_t            version;
} bigcache_purges_load_t;


static bigcache_rc_t bigcache_purges_found(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_purge_t *bigcache_purges_find_locked(
    bigcache_purges_t *purges, const bigcache_str_t *key, uint64_t origin);
static int bigcache_purges_due(const bigcache_purge_t *purge);


void
bigcache_purges_init(bigcache_purges_t *purges)
{
    (void) pthread_rwlock_init(&purges->lock, NULL);
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
    bigcache_purge_t  *purge, *next;

    for (purge = purges->first; purge; purge = next) {
        next = purge->next;
        bigcache_purges_remove(purges, purge);
    }
}


bigcache_rc_t
bigcache_purges_load(bigcache_purges_t *purges, bigcache_index_t *index,
    int claimed, uint64_t *version, char *error)
{
    bigcache_purges_load_t  ctx;
    bigcache_rc_t           rc;
    bigcache_index_walk_t  *walk;

    static const bigcache_str_t  all = bigcache_string("");

    walk = bigcache_index_walk_begin(index, BIGCACHE_NAMES_PURGE, &all);
    if (walk == NULL) {
        (void) snprintf(error, BIGCACHE_ERROR_LEN, "out of memory");
        return BIGCACHE_NOMEM;
    }

    ctx.purges = purges;
    ctx.claimed = claimed;
    ctx.version = 0;

    rc = bigcache_index_walk(walk, bigcache_purges_found, &ctx, error);

    *version = ctx.version;

    return rc;
}


static bigcache_rc_t
bigcache_purges_found(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_purges_load_t *ctx = data;

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

    purge = bigcache_purges_create(&prefix, version, ctx->claimed);
    if (purge == NULL) {
        return BIGCACHE_NOMEM;
    }

    bigcache_purges_add(ctx->purges, purge);

    return BIGCACHE_OK;
}


int
bigcache_purges_covers(bigcache_purges_t *purges, const bigcache_str_t *key,
    uint64_t origin)
{
    int  covers;

    if (atomic_load(&purges->n) == 0) {
        return 0;
    }

    (void) pthread_rwlock_rdlock(&purges->lock);
    covers = (bigcache_purges_find_locked(purges, key, origin) != NULL);
    (void) pthread_rwlock_unlock(&purges->lock);

    return covers;
}


int
bigcache_purges_begun(bigcache_purges_t *purges, const bigcache_str_t *key,
    uint64_t origin)
{
    while (atomic_load(&purges->beginning)) {
        (void) usleep(BIGCACHE_PURGES_PAUSE);
    }

    return bigcache_purges_covers(purges, key, origin);
}


void
bigcache_purges_replaced(bigcache_purges_t *purges, const bigcache_str_t *key,
    uint64_t origin)
{
    bigcache_purge_t  *purge;

    (void) pthread_rwlock_rdlock(&purges->lock);

    purge = bigcache_purges_find_locked(purges, key, origin);

    if (purge) {
        (void) atomic_fetch_add(&purge->replaced, 1);
    }

    (void) pthread_rwlock_unlock(&purges->lock);
}


bigcache_purge_t *
bigcache_purges_create(const bigcache_str_t *prefix, uint64_t version,
    int claimed)
{
    bigcache_purge_t  *purge;

    purge = calloc(1, sizeof(bigcache_purge_t) + prefix->len);
    if (purge == NULL) {
        return NULL;
    }

    memcpy(purge->data, prefix->data, prefix->len);

    purge->version = version;
    purge->claimed_at = claimed ? bigcache_time_monotonic() : 0;
    purge->prefix.data = purge->data;
    purge->prefix.len = prefix->len;

    return purge;
}


void
bigcache_purges_add(bigcache_purges_t *purges, bigcache_purge_t *purge)
{
    (void) pthread_rwlock_wrlock(&purges->lock);

    purge->next = purges->first;
    purges->first = purge;
    atomic_fetch_add(&purges->n, 1);

    (void) pthread_rwlock_unlock(&purges->lock);
}


void
bigcache_purges_remove(bigcache_purges_t *purges, bigcache_purge_t *purge)
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


bigcache_rc_t
bigcache_purges_claim(bigcache_purges_t *purges, uint64_t version,
    bigcache_purge_t **found)
{
    bigcache_rc_t      rc;
    bigcache_purge_t  *purge;

    rc = BIGCACHE_MISS;

    (void) pthread_rwlock_wrlock(&purges->lock);

    for (purge = purges->first; purge; purge = purge->next) {

        if (purge->version == version) {
            rc = purge->busy ? BIGCACHE_AGAIN : BIGCACHE_OK;
            purge->busy = 1;
            *found = purge;
            break;
        }
    }

    (void) pthread_rwlock_unlock(&purges->lock);

    return rc;
}


bigcache_purge_t *
bigcache_purges_next(bigcache_purges_t *purges)
{
    bigcache_purge_t  *purge;

    (void) pthread_rwlock_wrlock(&purges->lock);

    for (purge = purges->first; purge; purge = purge->next) {

        if (!purge->busy && bigcache_purges_due(purge)) {
            purge->busy = 1;
            break;
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


/* returns a purge that covers a record, or NULL */

static bigcache_purge_t *
bigcache_purges_find_locked(bigcache_purges_t *purges,
    const bigcache_str_t *key, uint64_t origin)
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
