
/*
 * Copyright (C) bigcache contributors
 */


/* Counts the keys and the live bytes after a crash. */


#include <unistd.h>

#include "bigcache_adopt.h"
#include "bigcache_core.h"
#include "bigcache_damaged.h"
#include "bigcache_fault.h"
#include "bigcache_key.h"
#include "bigcache_previous.h"
#include "bigcache_recount.h"
#include "bigcache_version.h"


/*
 * How many tries there are, for all unreadable pages together, and
 * milliseconds before each one: a shortage, of open files for instance, may
 * end.
 */
#define BIGCACHE_RECOUNT_TRIES  10
#define BIGCACHE_RECOUNT_PAUSE  100


typedef struct {
    bigcache_store_t  *store;
    uint64_t           n;
    uint64_t           last;       /* version at which one was written */
    uint64_t           unread;
    unsigned           tries;
    unsigned           all:1;      /* also read pages that replaced none */
    unsigned           unnamed:1;  /* names of tags could not be written */
} bigcache_recount_t;


static int bigcache_recount_all(bigcache_store_t *store);
static bigcache_rc_t bigcache_recount_key(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static void bigcache_recount_named(bigcache_recount_t *ctx);
static void bigcache_recount_verify(bigcache_recount_t *ctx,
    const bigcache_str_t *key, const bigcache_record_t *record);
static bigcache_rc_t bigcache_recount_read(bigcache_store_t *store,
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
    ctx.last = 0;
    ctx.unread = 0;
    ctx.tries = BIGCACHE_RECOUNT_TRIES;
    ctx.unnamed = 0;

    ctx.all = (bigcache_recount_all(store) != 0);

    walk = store->walk;
    store->walk = NULL;

    rc = bigcache_index_walk(walk, bigcache_recount_key, &ctx, error);

    if (rc == BIGCACHE_UNAVAILABLE) {
        return -1;
    }

    if (rc != BIGCACHE_OK) {
        (void) bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "count", error);
        bigcache_fault_break(store, rc == BIGCACHE_DAMAGED
                                    ? BIGCACHE_DAMAGED : BIGCACHE_ERROR);
        return -1;
    }

    if (atomic_load(&store->unnamed)) {
        bigcache_recount_named(&ctx);
    }

    (void) atomic_fetch_add(&store->count, (int64_t) ctx.n);

    /* later records belong to this opening */

    atomic_store(&store->opened, ctx.last);

    bigcache_log(&store->conf.log, BIGCACHE_LOG_NOTICE,
                 "store \"%s\" was not closed properly: %llu keys counted",
                 store->conf.path, (unsigned long long) ctx.n);

    if (ctx.unread) {
        bigcache_log(&store->conf.log, BIGCACHE_LOG_CRIT,
                     "store \"%s\": %llu pages that may not have reached the "
                     "disk completely cannot be read, the pages that they "
                     "replaced will not be restored", store->conf.path,
                     (unsigned long long) ctx.unread);
    }

    return 0;
}


/*
 * Tells whether to read also pages that replaced none.  With syncs these are
 * only the latest pages.  Without syncs they may be all pages of the store:
 * then they are read only while an original is imported, since its entry would
 * take the place of a page that is removed.
 */

static int
bigcache_recount_all(bigcache_store_t *store)
{
    char  ignored[BIGCACHE_ERROR_LEN];

    if (store->conf.sync != 0 && atomic_load(&store->synced) != 0) {
        return 1;
    }

    return bigcache_adopt_due(store->conf.path, ignored) != BIGCACHE_MISS;
}


/* each key has the names of its tags again, unless one could not be written */

static void
bigcache_recount_named(bigcache_recount_t *ctx)
{
    char               error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t      rc;
    bigcache_store_t  *store;

    store = ctx->store;

    if (ctx->unnamed || bigcache_fault_rc(store) != BIGCACHE_OK) {
        return;
    }

    rc = bigcache_index_set(store->index, BIGCACHE_NAMES_META,
                            &bigcache_names_unnamed, NULL, error);

    if (rc != BIGCACHE_OK) {
        (void) bigcache_fault_write_failed(store, rc, error);
        return;
    }

    atomic_store(&store->unnamed, 0);
}


/* errors of a key do not end the walk, except BIGCACHE_UNAVAILABLE */

static bigcache_rc_t
bigcache_recount_key(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_recount_t *ctx = data;

    bigcache_record_t  record;

    ctx->n++;

    if (bigcache_record_decode(&record, value->data, value->len) == 0) {

        bigcache_version_advance(ctx->store, record.written);

        if (record.written > ctx->last) {
            ctx->last = record.written;
        }

        if (atomic_load(&ctx->store->unnamed)) {
            ctx->unnamed |= (bigcache_key_name_tags(ctx->store, key)
                             != BIGCACHE_OK);
        }

        if (record.flags & BIGCACHE_FLAG_SEGMENT) {
            bigcache_segments_add_live(ctx->store->segments, record.segment,
                (int64_t) bigcache_segment_page_size(key, &record));

            bigcache_recount_verify(ctx, key, &record);
        }
    }

    return bigcache_core_yields(ctx->store) ? BIGCACHE_UNAVAILABLE
                                            : BIGCACHE_OK;
}


/*
 * Reads a page that may not have reached the disk.  This must be done now:
 * later the segment of its previous page may be removed.  A page that cannot
 * be read for another reason must not delay all others.
 */

static void
bigcache_recount_verify(bigcache_recount_t *ctx, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    bigcache_rc_t      rc;
    bigcache_store_t  *store;

    store = ctx->store;

    if (bigcache_previous_durable_locked(store, key, record)
        || (record->previous.len == 0 && !ctx->all))
    {
        return;
    }

    for ( ;; ) {
        rc = bigcache_recount_read(store, key, record);

        if (rc == BIGCACHE_OK
            || rc == BIGCACHE_MISS
            || rc == BIGCACHE_MISMATCH
            || bigcache_core_yields(store))
        {
            return;
        }

        if (ctx->tries == 0) {
            ctx->unread++;
            return;
        }

        ctx->tries--;
        (void) usleep(BIGCACHE_RECOUNT_PAUSE * 1000);
    }
}


static bigcache_rc_t
bigcache_recount_read(bigcache_store_t *store, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    bigcache_rc_t      rc;
    bigcache_stored_t  page;

    bigcache_stored_clear(&page);
    page.record = *record;

    rc = bigcache_body_probe(&store->bodies, key, bigcache_core_yields, store,
                             &page);

    bigcache_stored_free(&page);

    return (rc == BIGCACHE_OK) ? rc
                               : bigcache_damaged_page(store, key, rc, record);
}
