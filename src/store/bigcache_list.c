
/*
 * Copyright (C) bigcache contributors
 */


#include <string.h>

#include "bigcache_core.h"
#include "bigcache_fault.h"
#include "bigcache_key.h"
#include "bigcache_list.h"
#include "bigcache_time.h"


/* keys that are looked at in one go, if most of them are not live */

#define BIGCACHE_LIST_SEEN   10000

/* keys from one look at the clock to the next, if nothing else is read */

#define BIGCACHE_LIST_CLOCK  64


/* in front of the key and the type */

typedef struct {
    uint64_t                  version;
    int64_t                   expire;
    uint64_t                  size;
    uint32_t                  key_len;
    uint16_t                  type_len;
    uint16_t                  kind;
} bigcache_list_header_t;

typedef struct {
    bigcache_store_t         *store;
    bigcache_list_t          *list;
    unsigned                  limit;
    unsigned                  seen;
    int64_t                   now;
    int64_t                   deadline;   /* monotonic ms */
} bigcache_list_walk_t;


static bigcache_rc_t bigcache_list_found(void *data,
    const bigcache_str_t *key, const bigcache_str_t *value);
static int bigcache_list_enough(const bigcache_list_walk_t *ctx);
static int bigcache_list_late(const bigcache_list_walk_t *ctx);
static int bigcache_list_live(const bigcache_list_walk_t *ctx,
    const bigcache_str_t *key, const bigcache_record_t *record);
static int bigcache_list_add(bigcache_list_walk_t *ctx,
    const bigcache_str_t *key, const bigcache_record_t *record);
static int bigcache_list_again(const bigcache_list_walk_t *ctx,
    const bigcache_str_t *key, bigcache_page_t *page);
static int bigcache_list_put(bigcache_list_t *list, const bigcache_str_t *key,
    const bigcache_record_t *record);
static void bigcache_list_next(bigcache_list_t *list,
    const bigcache_str_t *key);
static int bigcache_list_behind(const bigcache_str_t *key,
    const bigcache_str_t *after);


bigcache_rc_t
bigcache_store_list(bigcache_store_t *store, const bigcache_str_t *prefix,
    const bigcache_str_t *after, unsigned limit, bigcache_list_t *list)
{
    char                    error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t           rc;
    bigcache_list_walk_t    ctx;
    bigcache_index_walk_t  *walk;

    list->n = 0;
    list->more = 0;
    list->len = 0;
    bigcache_list_next(list, after);

    rc = bigcache_core_enter(store);
    if (rc != BIGCACHE_OK) {
        return rc;
    }

    ctx.store = store;
    ctx.list = list;
    ctx.limit = limit;
    ctx.seen = 0;
    ctx.now = bigcache_now();
    ctx.deadline = bigcache_monotonic() + BIGCACHE_LIST_TIME;

    walk = bigcache_index_walk_begin(store->index, BIGCACHE_NAMES_KEY,
                                     prefix);

    if (walk) {
        bigcache_index_walk_after(walk, after);
        rc = bigcache_index_walk(walk, bigcache_list_found, &ctx, error);

    } else {
        rc = BIGCACHE_NOMEM;
    }

    if (rc == BIGCACHE_MISS) {

        /* the handler has stopped it */

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


int
bigcache_list_receive(bigcache_list_t *list, const bigcache_str_t *rows,
    const bigcache_str_t *next, int more, const bigcache_str_t *after,
    unsigned limit)
{
    size_t               at;
    bigcache_list_row_t  row;

    if (rows->len > BIGCACHE_LIST_MEMORY || next->len > BIGCACHE_KEY_MAX) {
        return 0;
    }

    /* else whoever goes on behind next could go on for ever */

    if (more && !bigcache_list_behind(next, after)) {
        return 0;
    }

    list->n = 0;
    list->more = (more != 0);
    list->len = rows->len;

    if (rows->len) {
        memcpy(list->rows, rows->data, rows->len);
    }

    at = 0;

    while (bigcache_list_row(list, &at, &row)) {
        list->n++;
    }

    if (at != list->len || list->n > limit) {
        return 0;
    }

    bigcache_list_next(list, next);

    return 1;
}


int
bigcache_list_row(const bigcache_list_t *list, size_t *at,
    bigcache_list_row_t *row)
{
    size_t                  left;
    const u_char           *p;
    bigcache_list_header_t  header;

    left = (*at < list->len) ? list->len - *at : 0;

    if (left < sizeof(header)) {
        return 0;
    }

    p = list->rows + *at;
    memcpy(&header, p, sizeof(header));

    left -= sizeof(header);
    p += sizeof(header);

    if (header.key_len > left || header.type_len > left - header.key_len) {
        return 0;
    }

    row->key.data = p;
    row->key.len = header.key_len;
    row->type.data = p + header.key_len;
    row->type.len = header.type_len;
    row->kind = header.kind;
    row->version = header.version;
    row->expire = header.expire;
    row->size = header.size;

    *at += sizeof(header) + header.key_len + header.type_len;

    return 1;
}


/* BIGCACHE_MISS ends the walk in front of the key */

static bigcache_rc_t
bigcache_list_found(void *data, const bigcache_str_t *key,
    const bigcache_str_t *value)
{
    bigcache_list_walk_t *ctx = data;

    bigcache_record_t  record;

    if (bigcache_list_enough(ctx)) {
        return BIGCACHE_MISS;
    }

    if (bigcache_record_decode(&record, value->data, value->len) == 0
        && bigcache_list_live(ctx, key, &record)
        && !bigcache_list_add(ctx, key, &record))
    {
        return BIGCACHE_MISS;
    }

    bigcache_list_next(ctx->list, key);
    ctx->seen++;

    return BIGCACHE_OK;
}


static int
bigcache_list_enough(const bigcache_list_walk_t *ctx)
{
    if (ctx->list->n == ctx->limit || ctx->seen == BIGCACHE_LIST_SEEN) {
        return 1;
    }

    /* who drains the store waits for a key, too: else there is no progress */

    return ctx->seen
           && (atomic_load(&ctx->store->draining)
               || (ctx->seen % BIGCACHE_LIST_CLOCK == 0
                   && bigcache_list_late(ctx)));
}


static int
bigcache_list_late(const bigcache_list_walk_t *ctx)
{
    return ctx->seen && bigcache_monotonic() >= ctx->deadline;
}


static int
bigcache_list_live(const bigcache_list_walk_t *ctx, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    return record->expire > ctx->now
           && !bigcache_purges_covers(&ctx->store->purges, key,
                                      record->origin);
}


/* returns 0 if the key is left for the next part: no room, or no time */

static int
bigcache_list_add(bigcache_list_walk_t *ctx, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    int               added;
    bigcache_page_t   page;

    if (!(record->flags & BIGCACHE_FLAG_SEGMENT) || record->type.len == 0) {
        return bigcache_list_put(ctx->list, key, record);
    }

    /* the type lies with the page, anywhere on the disk */

    if (bigcache_list_late(ctx)) {
        return 0;
    }

    bigcache_page_clear(&page);
    page.record = *record;

    if (bigcache_body_head(&ctx->store->bodies, key, &page) == BIGCACHE_OK
        || bigcache_list_again(ctx, key, &page))
    {
        added = bigcache_list_put(ctx->list, key, &page.record);

    } else {

        /* it is gone since the walk began */

        added = 1;
    }

    bigcache_page_free(&page);

    return added;
}


/*
 * Looks once more at a page whose type could not be read: the walk is over the
 * index as it was, and the page may have been moved out of a segment that is
 * not there any more.  Returns 1 and the record as it is now; or 0 if there is
 * no such page.
 */

static int
bigcache_list_again(const bigcache_list_walk_t *ctx, const bigcache_str_t *key,
    bigcache_page_t *page)
{
    char                error[BIGCACHE_ERROR_LEN];
    bigcache_rc_t       rc;
    bigcache_record_t  *record, was;

    was = page->record;
    record = &page->record;

    bigcache_page_free(page);

    rc = bigcache_index_get(ctx->store->index, BIGCACHE_NAMES_KEY, key,
                            &page->value, error);

    if (rc == BIGCACHE_MISS) {
        return 0;
    }

    /* what cannot be read is listed without its type: a reader finds out */

    if (rc != BIGCACHE_OK
        || bigcache_record_decode(record, page->value.data, page->value.len)
           == -1)
    {
        *record = was;
        record->type.len = 0;

        return 1;
    }

    if (!bigcache_list_live(ctx, key, record)) {
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


static int
bigcache_list_put(bigcache_list_t *list, const bigcache_str_t *key,
    const bigcache_record_t *record)
{
    u_char                  *p;
    bigcache_list_header_t   header;

    if (sizeof(header) + key->len + record->type.len
        > BIGCACHE_LIST_MEMORY - list->len)
    {
        return 0;
    }

    header.version = record->version;
    header.expire = record->expire;
    header.size = (record->flags & BIGCACHE_FLAG_GZIP) ? record->unpacked
                                                       : record->length;
    header.key_len = (uint32_t) key->len;
    header.type_len = (uint16_t) record->type.len;
    header.kind = (uint16_t) record->kind;

    p = list->rows + list->len;

    memcpy(p, &header, sizeof(header));
    p += sizeof(header);

    if (key->len) {
        memcpy(p, key->data, key->len);
        p += key->len;
    }

    if (record->type.len) {
        memcpy(p, record->type.data, record->type.len);
    }

    list->len += sizeof(header) + key->len + record->type.len;
    list->n++;

    return 1;
}


static void
bigcache_list_next(bigcache_list_t *list, const bigcache_str_t *key)
{
    list->next_len = key->len;

    if (key->len) {

        /* it may be where it is already */

        memmove(list->next, key->data, key->len);
    }
}


static int
bigcache_list_behind(const bigcache_str_t *key, const bigcache_str_t *after)
{
    int     cmp;
    size_t  len;

    if (after->data == NULL) {
        return 1;
    }

    len = (key->len < after->len) ? key->len : after->len;
    cmp = len ? memcmp(key->data, after->data, len) : 0;

    return cmp > 0 || (cmp == 0 && key->len > after->len);
}
