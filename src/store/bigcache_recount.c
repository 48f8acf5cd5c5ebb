
/*
 * Copyright (C) bigcache contributors
 */


#include "bigcache_key_write.h"
#include "bigcache_life.h"
#include "bigcache_lost.h"
#include "bigcache_recount.h"


typedef struct {
    bigcache_store_t  *store;
    uint64_t           n;
} bigcache_recount_t;


static bigcache_rc_t bigcache_recount_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static bigcache_rc_t bigcache_recount_verify(bigcache_store_t *store,
    const bigcache_str_t *key, const bigcache_record_t *record);


int
bigcache_recount(bigcache_store_t *store)
{
    char                    error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t           rc;
    bigcache_recount_t      ctx;
    bigcache_index_walk_t  *walk;

    ctx.store = store;
    ctx.n = 0;

    walk = store->walk;
    store->walk = NULL;

    rc = bigcache_index_walk(walk, bigcache_recount_key, &ctx, error);

    if (rc == BIGCACHE_UNAVAILABLE) {
        return -1;
    }

    if (rc != BIGCACHE_OK) {
        (void) bigcache_store_failed(store, rc, "count", error);
        bigcache_store_break(store, rc == BIGCACHE_DAMAGED
                                    ? BIGCACHE_DAMAGED : BIGCACHE_ERROR);
        return -1;
    }

    (void) atomic_fetch_add(&store->count, (int64_t) ctx.n);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\" was not closed properly: %llu keys counted",
                 store->conf.path, (unsigned long long) ctx.n);

    return 0;
}


static bigcache_rc_t
bigcache_recount_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_recount_t *ctx = data;

    bigcache_rc_t      rc;
    bigcache_record_t  record;

    ctx->n++;
    rc = BIGCACHE_OK;

    if (bigcache_record_decode(&record, value->data, value->len) == 0) {

        bigcache_store_passed(ctx->store, record.version);

        if (record.flags & BIGCACHE_FLAG_SEGMENT) {
            bigcache_segments_live(ctx->store->segments, record.segment,
                               (int64_t) bigcache_page_size(key, &record));

            rc = bigcache_recount_verify(ctx->store, key, &record);
        }
    }

    return atomic_load(&ctx->store->draining) ? BIGCACHE_UNAVAILABLE : rc;
}


/*
 * What a crash may have kept from the disk is read now: later the page that
 * it replaced could not come back any more, since its segment may go.
 */

static bigcache_rc_t
bigcache_recount_verify(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    bigcache_rc_t    rc;
    bigcache_page_t  page;

    if (bigcache_key_durable(store, record)) {
        return BIGCACHE_OK;
    }

    bigcache_page_clear(&page);
    page.record = *record;

    rc = bigcache_page_read(&store->pages, key, BIGCACHE_BODY, &page);

    bigcache_page_free(&page);

    /* the clock may have been set back since */

    if (record->written > atomic_load(&store->opened)) {
        atomic_store(&store->opened, record->written);
    }

    if (rc != BIGCACHE_OK) {
        rc = bigcache_key_lost(store, key, rc, record);
    }

    return (rc == BIGCACHE_MISS || rc == BIGCACHE_MISMATCH) ? BIGCACHE_OK
                                                            : rc;
}
