
/*
 * Copyright (C) bigcache contributors
 */


/* Removes expired pages that no request asks for. */


#include <stdlib.h>
#include <string.h>

#include "bigcache_background.h"
#include "bigcache_core.h"
#include "bigcache_expire.h"
#include "bigcache_fault.h"
#include "bigcache_key.h"
#include "bigcache_key_removal.h"
#include "bigcache_key_write.h"
#include "bigcache_names.h"
#include "bigcache_time.h"


/* names of a slice; the first go without a thread of lower priority */

#define BIGCACHE_EXPIRE_FIRST   64
#define BIGCACHE_EXPIRE_SLICE   4000

/* milliseconds of a slice: eviction and other upkeep must not wait for long */

#define BIGCACHE_EXPIRE_TIME    100

/* bytes for the names of one removal: of many, or of the longest one */

#define BIGCACHE_EXPIRE_MEMORY  (32 * 1024)

/*
 * Milliseconds for which a stored page stays, even if its expiry time was
 * already past: a client that stored it must be able to read that it has
 * expired.
 */

#define BIGCACHE_EXPIRE_GRACE   2000


typedef struct {
    bigcache_store_t            *store;
    int64_t                      now;
    unsigned                     left;     /* names of this slice */
    unsigned                     background:1;
    unsigned                     moved:1;  /* the sweep goes on behind a name */
    int64_t                      until;    /* monotonic ms */
    uint64_t                     expired;
    bigcache_background_pace_t   pace;

    /* the names whose keys are in the removal, each behind its size_t */
    bigcache_key_removal_t      *removal;
    unsigned                     n;
    size_t                       len;
    size_t                       last;     /* offset of the last one */
    u_char                       names[BIGCACHE_EXPIRE_MEMORY];
} bigcache_expire_t;


static void bigcache_expire_from(bigcache_expire_t *ctx);
static bigcache_rc_t bigcache_expire_rest(void *data);
static bigcache_rc_t bigcache_expire_slice(bigcache_expire_t *ctx,
    unsigned n);
static bigcache_rc_t bigcache_expire_name(void *data,
    const bigcache_str_t *name, const bigcache_str_t *value);
static int bigcache_expire_young(bigcache_expire_t *ctx,
    const bigcache_str_t *value, int64_t expire);
static int bigcache_expire_add(bigcache_expire_t *ctx,
    const bigcache_str_t *name, const bigcache_str_t *key, int64_t expire);
static bigcache_rc_t bigcache_expire_remove(bigcache_expire_t *ctx);
static bigcache_rc_t bigcache_expire_each(bigcache_expire_t *ctx);
static bigcache_rc_t bigcache_expire_key(bigcache_expire_t *ctx,
    const bigcache_str_t *name);


_Static_assert(BIGCACHE_EXPIRE_MEMORY >= sizeof(size_t) + BIGCACHE_NAMES_MAX,
               "the longest name has room");


unsigned
bigcache_expire_work(bigcache_store_t *store)
{
    unsigned            moved;
    bigcache_rc_t       rc;
    bigcache_expire_t  *ctx;

    ctx = calloc(1, sizeof(bigcache_expire_t));
    if (ctx == NULL) {
        return BIGCACHE_EXPIRE_IDLE;
    }

    ctx->store = store;
    ctx->now = bigcache_time_now();
    ctx->until = bigcache_time_monotonic() + BIGCACHE_EXPIRE_TIME;
    ctx->removal = bigcache_key_removal_create();

    rc = BIGCACHE_NOMEM;

    if (ctx->removal) {
        bigcache_expire_from(ctx);
        rc = bigcache_expire_slice(ctx, BIGCACHE_EXPIRE_FIRST);
    }

    if (rc == BIGCACHE_MISS) {
        rc = bigcache_background_run(bigcache_expire_rest, ctx,
                                     BIGCACHE_BACKGROUND_UPKEEP);
    }

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_fault_break(store, rc);
    }

    if (ctx->expired && store->conf.removed) {
        store->conf.removed(store->conf.data, ctx->expired, 0);
    }

    /* if all that it found are too young, it does not look again at once */

    moved = ctx->moved;

    free(ctx->removal);
    free(ctx);

    return (rc == BIGCACHE_MISS && moved) ? 0 : BIGCACHE_EXPIRE_IDLE;
}


/*
 * Goes back if a page was stored whose time was past already.  A write that the
 * walks from now on do not see finds the limit.
 */

static void
bigcache_expire_from(bigcache_expire_t *ctx)
{
    int64_t            late;
    uint64_t           at;
    bigcache_str_t     name, rest;
    bigcache_swept_t  *swept;

    static const bigcache_str_t  empty = bigcache_string("");

    swept = &ctx->store->swept;

    /* the clock may have been set back */

    if (atomic_load(&swept->limit) < ctx->now) {
        atomic_store(&swept->limit, ctx->now);
    }

    late = atomic_exchange(&swept->late, INT64_MAX);

    name = bigcache_str(swept->name, swept->len);

    if (bigcache_names_parse(&name, &at, &rest) == -1
        || late > (int64_t) at)
    {
        return;
    }

    /* behind the first name of the time before, since a key may be empty */

    swept->len = (late > 0)
                 ? bigcache_names_expire(swept->name, &empty, late - 1).len
                 : 0;
}


static bigcache_rc_t
bigcache_expire_rest(void *data)
{
    bigcache_expire_t *ctx = data;

    ctx->background = 1;

    return bigcache_expire_slice(ctx, BIGCACHE_EXPIRE_SLICE);
}


/* returns BIGCACHE_MISS if there may be more names than n */

static bigcache_rc_t
bigcache_expire_slice(bigcache_expire_t *ctx, unsigned n)
{
    char            error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t   rc, removed;
    bigcache_str_t  from;

    ctx->left = n;
    from = bigcache_str(ctx->store->swept.name, ctx->store->swept.len);

    rc = bigcache_index_each(ctx->store->index, BIGCACHE_NAMES_EXPIRE, NULL,
                             from.len ? &from : NULL, bigcache_expire_name,
                             ctx, error);

    if (rc != BIGCACHE_OK && rc != BIGCACHE_MISS) {
        return rc;
    }

    removed = bigcache_expire_remove(ctx);

    if (removed != BIGCACHE_OK) {
        return removed;
    }

    return ctx->left ? BIGCACHE_OK : BIGCACHE_MISS;
}


static bigcache_rc_t
bigcache_expire_name(void *data, const bigcache_str_t *name,
    const bigcache_str_t *value)
{
    bigcache_expire_t *ctx = data;

    uint64_t        expire;
    bigcache_rc_t   rc;
    bigcache_str_t  key;

    (void) value;

    if (bigcache_names_parse(name, &expire, &key) == -1) {
        return BIGCACHE_OK;
    }

    if (atomic_load(&ctx->store->draining)) {
        return BIGCACHE_UNAVAILABLE;
    }

    if ((int64_t) expire > ctx->now || ctx->left == 0) {
        return BIGCACHE_MISS;
    }

    if (!bigcache_expire_add(ctx, name, &key, (int64_t) expire)) {

        rc = bigcache_expire_remove(ctx);

        if (rc != BIGCACHE_OK) {
            return rc;
        }

        if (ctx->background) {
            bigcache_background_yield(&ctx->pace);
        }

        if (bigcache_time_monotonic() >= ctx->until) {
            ctx->left = 0;
            return BIGCACHE_MISS;
        }

        (void) bigcache_expire_add(ctx, name, &key, (int64_t) expire);
    }

    ctx->left--;

    return BIGCACHE_OK;
}


/*
 * Tells whether a page must stay for a moment.  A version that is still to come
 * is none of them: the clock was set back.
 */

static int
bigcache_expire_young(bigcache_expire_t *ctx, const bigcache_str_t *value,
    int64_t expire)
{
    bigcache_record_t  record;

    return bigcache_record_decode(&record, value->data, value->len) == 0
           && bigcache_names_is_time(record.expire, expire)
           && record.version / 1000
              > (uint64_t) (ctx->now - BIGCACHE_EXPIRE_GRACE)
           && record.version / 1000 <= (uint64_t) ctx->now;
}


/* returns 0 if there is no room */

static int
bigcache_expire_add(bigcache_expire_t *ctx, const bigcache_str_t *name,
    const bigcache_str_t *key, int64_t expire)
{
    int             added;
    char            error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t   rc;
    bigcache_str_t  value;

    if (ctx->n == BIGCACHE_KEY_WRITES
        || sizeof(size_t) + name->len > BIGCACHE_EXPIRE_MEMORY - ctx->len)
    {
        return 0;
    }

    /* reads it now: with the locks held, requests would wait for the disk */

    if (ctx->n == 0) {
        bigcache_key_removal_look(ctx->store, ctx->removal);
    }

    rc = bigcache_index_get(ctx->store->index, BIGCACHE_NAMES_KEY, key, &value,
                            error);

    if (rc == BIGCACHE_OK && bigcache_expire_young(ctx, &value, expire)) {
        bigcache_index_free(&value);
        bigcache_core_sweep_again(ctx->store, expire);

        return 1;
    }

    added = bigcache_key_removal_add(ctx->removal, key,
                                     (rc == BIGCACHE_OK) ? &value : NULL,
                                     expire);
    bigcache_index_free(&value);

    if (!added) {
        return 0;
    }

    ctx->last = ctx->len;

    memcpy(ctx->names + ctx->len, &name->len, sizeof(size_t));
    memcpy(ctx->names + ctx->len + sizeof(size_t), name->data, name->len);

    ctx->len += sizeof(size_t) + name->len;
    ctx->n++;

    return 1;
}


/* removes the pages of all names, and goes on behind the last one */

static bigcache_rc_t
bigcache_expire_remove(bigcache_expire_t *ctx)
{
    uint64_t           live, expired;
    bigcache_rc_t      rc;
    bigcache_match_t   match;
    bigcache_store_t  *store;
    bigcache_swept_t  *swept;

    store = ctx->store;

    if (ctx->n == 0) {
        return BIGCACHE_OK;
    }

    if (atomic_load(&store->draining)) {
        return BIGCACHE_UNAVAILABLE;
    }

    memset(&match, 0, sizeof(bigcache_match_t));

    match.expired = ctx->now;
    match.grace = BIGCACHE_EXPIRE_GRACE;

    live = 0;
    expired = 0;

    (void) atomic_fetch_add(&store->removals, 1);

    rc = bigcache_key_removal_run(store, ctx->removal, &match, &live,
                                  &expired);

    (void) atomic_fetch_add(&store->removals_done, 1);

    ctx->expired += expired;

    if (rc == BIGCACHE_OK && expired != ctx->n) {
        rc = bigcache_expire_each(ctx);
    }

    if (rc == BIGCACHE_OK) {
        swept = &store->swept;

        memcpy(&swept->len, ctx->names + ctx->last, sizeof(size_t));
        memcpy(swept->name, ctx->names + ctx->last + sizeof(size_t),
               swept->len);

        ctx->moved = 1;
    }

    ctx->n = 0;
    ctx->len = 0;

    return rc;
}


/* some names have led to no page that could be removed */

static bigcache_rc_t
bigcache_expire_each(bigcache_expire_t *ctx)
{
    size_t          at;
    bigcache_rc_t   rc;
    bigcache_str_t  name;

    rc = BIGCACHE_OK;

    for (at = 0; rc == BIGCACHE_OK && at < ctx->len; at += name.len) {

        if (atomic_load(&ctx->store->draining)) {
            return BIGCACHE_UNAVAILABLE;
        }

        memcpy(&name.len, ctx->names + at, sizeof(size_t));
        at += sizeof(size_t);

        name.data = ctx->names + at;

        rc = bigcache_expire_key(ctx, &name);
    }

    return rc;
}


static bigcache_rc_t
bigcache_expire_key(bigcache_expire_t *ctx, const bigcache_str_t *name)
{
    uint64_t        expire;
    bigcache_rc_t   rc;
    bigcache_old_t  old;
    bigcache_str_t  key;

    (void) bigcache_names_parse(name, &expire, &key);

    rc = bigcache_key_read(ctx->store, &key, &old);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (old.found
        && bigcache_names_is_time(old.record.expire, (int64_t) expire))
    {
        /* the page is too young */

        bigcache_core_sweep_again(ctx->store, (int64_t) expire);

        return BIGCACHE_OK;
    }

    /* the page is gone, or it was replaced, and this name was left behind */

    return bigcache_key_forget(ctx->store, &key, (int64_t) expire);
}
