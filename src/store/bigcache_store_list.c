
/*
 * Copyright (C) bigcache contributors
 */


/* lists some of the keys, within bounds of memory and time */


#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_store_list.h"
#include "bigcache_time.h"


/* keys to look at in one call, if most of them are not live */

#define BIGCACHE_STORE_LIST_SEEN   10000

/* keys between two looks at the clock, if nothing else is read */

#define BIGCACHE_STORE_LIST_CLOCK  64


typedef struct {
    bigcache_store_t         *store;
    bigcache_list_t          *list;
    const bigcache_str_t     *tag;        /* data is NULL: any */
    unsigned                  limit;
    unsigned                  seen;
    int64_t                   now;
    int64_t                   deadline;   /* monotonic ms */
} bigcache_store_list_t;


static bigcache_rc_t bigcache_store_list_tagged(bigcache_store_list_t *ctx,
    const bigcache_str_t *prefix, const bigcache_str_t *after, char *error);
static bigcache_rc_t bigcache_store_list_name(void *data,
    const bigcache_str_t *name, const bigcache_str_t *none);
static bigcache_rc_t bigcache_store_list_found(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static int bigcache_store_list_enough(const bigcache_store_list_t *ctx);
static int bigcache_store_list_late(const bigcache_store_list_t *ctx);
static int bigcache_store_list_live(const bigcache_store_list_t *ctx,
    const bigcache_str_t *key, const bigcache_record_t *record);
static int bigcache_store_list_add(bigcache_store_list_t *ctx,
    const bigcache_str_t *key, const bigcache_record_t *record);
static int bigcache_store_list_again(const bigcache_store_list_t *ctx,
    const bigcache_str_t *key, bigcache_stored_t *page);
static int bigcache_store_list_row(bigcache_list_t *list,
    const bigcache_str_t *key, const bigcache_record_t *record);


bigcache_rc_t
bigcache_store_list(bigcache_store_t *store, const bigcache_str_t *prefix,
    const bigcache_str_t *tag, const bigcache_str_t *after, unsigned limit,
    bigcache_list_t *list)
{
    char                   error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t          rc;
    bigcache_store_list_t  ctx;

    bigcache_list_init(list, after);

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    ctx.store = store;
    ctx.list = list;
    ctx.limit = limit;
    ctx.seen = 0;
    ctx.now = bigcache_time_now();
    ctx.deadline = bigcache_time_monotonic() + BIGCACHE_STORE_LIST_TIME;
    ctx.tag = tag;

    rc = tag->data ? bigcache_store_list_tagged(&ctx, prefix, after, error)
                   : bigcache_index_each(store->index, BIGCACHE_NAMES_KEY,
                                         prefix, after,
                                         bigcache_store_list_found, &ctx,
                                         error);

    if (rc == BIGCACHE_MISS) {

        /* the handler has ended the walk */

        list->more = 1;
        rc = BIGCACHE_OK;
    }

    if (rc == BIGCACHE_DAMAGED) {
        bigcache_fault_break(store, rc);
        rc = BIGCACHE_UNAVAILABLE;

    } else if (rc == BIGCACHE_ERROR) {
        (void) bigcache_log_failed(&store->conf.log, store->conf.path, rc,
                                   "list", error);
    }

    bigcache_core_leave(store);

    return rc;
}


/* walks over the names of the tag */

static bigcache_rc_t
bigcache_store_list_tagged(bigcache_store_list_t *ctx,
    const bigcache_str_t *prefix, const bigcache_str_t *after, char *error)
{
    u_char          from[BIGCACHE_NAMES_MAX];
    u_char          behind[BIGCACHE_NAMES_MAX];
    uint64_t        hash;
    bigcache_str_t  name, last;

    hash = bigcache_tags_hash(ctx->tag);
    name = bigcache_names_make(from, prefix, hash);
    last = bigcache_str(NULL, 0);

    if (after->data) {
        last = bigcache_names_make(behind, after, hash);
    }

    return bigcache_index_each(ctx->store->index, BIGCACHE_NAMES_TAG, &name,
                               &last, bigcache_store_list_name, ctx, error);
}


/* reads the record of a key that has a name of the tag */

static bigcache_rc_t
bigcache_store_list_name(void *data, const bigcache_str_t *name,
    const bigcache_str_t *none)
{
    bigcache_store_list_t *ctx = data;

    char            error[BIGCACHE_ERROR_LEN];
    uint64_t        hash;
    bigcache_rc_t   rc;
    bigcache_str_t  key, value;

    (void) none;

    if (bigcache_names_parse(name, &hash, &key) == -1) {
        return BIGCACHE_OK;
    }

    if (bigcache_store_list_enough(ctx)) {
        return BIGCACHE_MISS;
    }

    rc = bigcache_index_get(ctx->store->index, BIGCACHE_NAMES_KEY, &key,
                            &value, error);

    if (rc == BIGCACHE_OK) {
        rc = bigcache_store_list_found(ctx, &key, &value);
        bigcache_index_free(&value);

        return rc;
    }

    if (rc == BIGCACHE_MISS) {
        bigcache_list_next(ctx->list, &key);
        ctx->seen++;

        return BIGCACHE_OK;
    }

    return (rc == BIGCACHE_DAMAGED)
           ? rc
           : bigcache_log_failed(&ctx->store->conf.log, ctx->store->conf.path,
                                 BIGCACHE_UNAVAILABLE, "list", error);
}


/* returns BIGCACHE_MISS to end the walk before the key */

static bigcache_rc_t
bigcache_store_list_found(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_store_list_t *ctx = data;

    bigcache_record_t  record;

    if (bigcache_store_list_enough(ctx)) {
        return BIGCACHE_MISS;
    }

    if (bigcache_record_decode(&record, value->data, value->len) == 0
        && bigcache_store_list_live(ctx, key, &record)
        && !bigcache_store_list_add(ctx, key, &record))
    {
        return BIGCACHE_MISS;
    }

    bigcache_list_next(ctx->list, key);
    ctx->seen++;

    return BIGCACHE_OK;
}


static int
bigcache_store_list_enough(const bigcache_store_list_t *ctx)
{
    if (ctx->list->n == ctx->limit || ctx->seen == BIGCACHE_STORE_LIST_SEEN) {
        return 1;
    }

    /*
     * a thread that drains the store waits for one key: each call must return
     * one
     */

    return ctx->seen
           && (atomic_load(&ctx->store->draining)
               || (ctx->seen % BIGCACHE_STORE_LIST_CLOCK == 0
                   && bigcache_store_list_late(ctx)));
}


static int
bigcache_store_list_late(const bigcache_store_list_t *ctx)
{
    return ctx->seen && bigcache_time_monotonic() >= ctx->deadline;
}


static int
bigcache_store_list_live(const bigcache_store_list_t *ctx,
    const bigcache_str_t *key, const bigcache_record_t *record)
{
    return record->expire > ctx->now
           && (ctx->tag->data == NULL
               || bigcache_tags_has(&record->tags, ctx->tag))
           && !bigcache_purges_covers(&ctx->store->purges, key, record);
}


/*
 * returns 0 if there is no room or no time: the key is left for the next part
 */

static int
bigcache_store_list_add(bigcache_store_list_t *ctx, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    int                added;
    bigcache_stored_t  page;

    if (!(record->flags & BIGCACHE_FLAG_SEGMENT) || record->type.len == 0) {
        return bigcache_store_list_row(ctx->list, key, record);
    }

    /* the type is stored with the page, so this may read the disk */

    if (bigcache_store_list_late(ctx)) {
        return 0;
    }

    bigcache_stored_clear(&page);
    page.record = *record;

    if (bigcache_body_head(&ctx->store->bodies, key, &page) == BIGCACHE_OK
        || bigcache_store_list_again(ctx, key, &page))
    {
        added = bigcache_store_list_row(ctx->list, key,
                                        &page.record);

    } else {

        /* it was removed after the walk began */

        added = 1;
    }

    bigcache_stored_free(&page);

    return added;
}


/*
 * Looks again at a page whose type could not be read: the walk shows the index
 * as it was, and the page may have been moved since, and its segment removed.
 * Returns 1 and the record as it is now; or 0 if the page is gone.
 */

static int
bigcache_store_list_again(const bigcache_store_list_t *ctx,
    const bigcache_str_t *key, bigcache_stored_t *page)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_record_t  *record, was;

    was = page->record;
    record = &page->record;

    bigcache_stored_free(page);

    rc = bigcache_index_get(ctx->store->index, BIGCACHE_NAMES_KEY, key,
                            &page->value, error);

    if (rc == BIGCACHE_MISS) {
        return 0;
    }

    /*
     * an unreadable page is listed without its type; a reader will get the
     * error
     */

    if (rc != BIGCACHE_OK
        || bigcache_record_decode(record, page->value.data, page->value.len)
           == -1)
    {
        *record = was;
        record->type.len = 0;

        return 1;
    }

    if (!bigcache_store_list_live(ctx, key, record)) {
        return 0;
    }

    if (!(record->flags & BIGCACHE_FLAG_SEGMENT) || record->type.len == 0) {
        return 1;
    }

    if ((record->segment == was.segment && record->offset == was.offset)
        || bigcache_body_head(&ctx->store->bodies, key, page) != BIGCACHE_OK)
    {
        record->type.len = 0;
    }

    return 1;
}


/* adds a row for the record; returns 0 if there is no room */

static int
bigcache_store_list_row(bigcache_list_t *list, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    bigcache_list_row_t  row;

    row.key = *key;
    row.type = record->type;
    row.tags = record->tags;
    row.kind = record->kind;
    row.version = record->version;
    row.expire = record->expire;
    row.size = (record->flags & BIGCACHE_FLAG_GZIP) ? record->unpacked
                                                    : record->length;

    /* clients of the REST API know no other time */

    if (record->kind != BIGCACHE_KIND_PAGE
        && record->fresh
        && record->expire != BIGCACHE_NEVER)
    {
        row.expire = record->fresh;
    }

    return bigcache_list_add(list, &row);
}
