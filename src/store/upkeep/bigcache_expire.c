
/*
 * Copyright (C) bigcache contributors
 */


/* Removes expired pages that no request asks for. */


#include <string.h>

#include "bigcache_core.h"
#include "bigcache_expire.h"
#include "bigcache_fault.h"
#include "bigcache_key.h"
#include "bigcache_names.h"
#include "bigcache_time.h"


/* keys of a slice; milliseconds after a full slice */

#define BIGCACHE_EXPIRE_SLICE  500
#define BIGCACHE_EXPIRE_PAUSE  5

/*
 * Milliseconds for which a stored page stays, even if its expiry time was
 * already past: a client that stored it must be able to read that it has
 * expired.
 */

#define BIGCACHE_EXPIRE_GRACE  2000


typedef struct {
    bigcache_store_t  *store;
    int64_t            now;
    unsigned           seen;
    uint64_t           expired;
} bigcache_expire_t;


static bigcache_rc_t bigcache_expire_key(void *data,
    const bigcache_str_t *name, const bigcache_str_t *value);


unsigned
bigcache_expire_work(bigcache_store_t *store)
{
    char                    error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t           rc;
    bigcache_expire_t       ctx;
    bigcache_index_walk_t  *walk;

    static const bigcache_str_t  all = bigcache_string("");

    ctx.store = store;
    ctx.now = bigcache_time_now();
    ctx.seen = 0;
    ctx.expired = 0;

    walk = bigcache_index_walk_begin(store->index, BIGCACHE_NAMES_EXPIRE,
                                     &all);
    if (walk == NULL) {
        return BIGCACHE_EXPIRE_IDLE;
    }

    rc = bigcache_index_walk(walk, bigcache_expire_key, &ctx, error);

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_fault_break(store, rc);
    }

    if (ctx.expired && store->conf.removed) {
        store->conf.removed(store->conf.data, ctx.expired, 0);
    }

    return (ctx.seen >= BIGCACHE_EXPIRE_SLICE && rc != BIGCACHE_FULL)
           ? BIGCACHE_EXPIRE_PAUSE : BIGCACHE_EXPIRE_IDLE;
}


static bigcache_rc_t
bigcache_expire_key(void *data, const bigcache_str_t *name,
    const bigcache_str_t *value)
{
    bigcache_expire_t *ctx = data;

    int64_t           expire;
    uint64_t          n;
    bigcache_rc_t     rc;
    bigcache_old_t    old;
    bigcache_str_t    key;
    bigcache_match_t  match;

    (void) value;

    if (bigcache_names_parse(name, &n, &key) == -1) {
        return BIGCACHE_OK;
    }

    expire = (int64_t) n;

    if (expire > ctx->now
        || ctx->seen++ >= BIGCACHE_EXPIRE_SLICE
        || atomic_load(&ctx->store->draining))
    {
        return BIGCACHE_MISS;
    }

    rc = bigcache_key_read(ctx->store, &key, &old);

    if (rc != BIGCACHE_OK) {
        return rc;
    }

    if (!old.expired) {

        /* the page was replaced, and this expiry time was left behind */

        return bigcache_key_forget(ctx->store, &key, expire);
    }

    if ((int64_t) (old.record.version / 1000)
        > ctx->now - BIGCACHE_EXPIRE_GRACE)
    {
        return BIGCACHE_OK;
    }

    memset(&match, 0, sizeof(bigcache_match_t));
    match.version = old.record.version;

    rc = bigcache_key_remove(ctx->store, &key, &match);

    if (rc == BIGCACHE_EXPIRED) {
        ctx->expired++;
    }

    /* another thread has removed or replaced the page */

    if (rc == BIGCACHE_MISS || rc == BIGCACHE_MISMATCH) {
        return BIGCACHE_OK;
    }

    return (rc == BIGCACHE_EXPIRED) ? BIGCACHE_OK : rc;
}
