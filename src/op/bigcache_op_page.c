
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What is stored of origins, as documents.  The list has a row for each page
 * that is stored: an answer that varies has a row for each variant.
 *
 *     {"pages":[{"url":U,"variant":"","uri":null,"vary":null,"status":200,
 *                "type":T,"size":N,"stored":S,"fresh_until":F,"expire":E,
 *                "tags":[G]}],
 *      "next":"U%00~accept-language%3Ade"}
 *
 * The look-up of one URL has all that is known of its pages:
 *
 *     {"url":U,"vary":["accept-language"],
 *      "variants":[{"variant":V,"uri":null,"vary":{"accept-language":"de"},
 *                   "status":200,"state":"fresh","age":A,
 *                   "stale_while_revalidate":N,"stale_if_error":N,
 *                   "stored":S,"fresh_until":F,"expire":E,
 *                   "length":L,"size":N,"encoding":"gzip",
 *                   "tags":[G],"headers":[[NAME,VALUE]],"current":true}],
 *      "next":"~accept-language%3Ade"}
 *
 * Both are made of parts, as the list of keys is.
 */


#include <stdlib.h>
#include <string.h>

#include "bigcache_head.h"
#include "bigcache_json_text.h"
#include "bigcache_op_tags.h"
#include "bigcache_time.h"
#include "bigcache_url.h"


/* milliseconds, and bytes of text, after which no other part is begun */

#define BIGCACHE_OP_PAGE_TIME   2000
#define BIGCACHE_OP_PAGE_TEXT   (4 * 1024 * 1024)

/* looks at a page that changes between two calls */

#define BIGCACHE_OP_PAGE_TRIES  3


typedef struct bigcache_op_page_s  bigcache_op_page_t;

typedef void (*bigcache_op_page_row_pt)(bigcache_op_page_t *ctx,
    const bigcache_list_row_t *row);

struct bigcache_op_page_s {
    bigcache_op_t            *op;
    bigcache_json_text_t      text;
    bigcache_op_page_row_pt   row;
    unsigned                  n;         /* rows of the text */
    unsigned                  counted;   /* of them, for the limit */
    int64_t                   now;       /* ms since the epoch */
    int64_t                   deadline;  /* monotonic ms */

    /* which fields the pages of the key base vary by, as a head, or none */

    size_t                    base_len;  /* 0: it is of no key yet */
    size_t                    names_len;
    u_char                    base[BIGCACHE_KEY_MAX];
    u_char                    names[BIGCACHE_HEAD_MAX];

    u_char                    prefix[BIGCACHE_KEY_MAX];
    bigcache_list_t           list;
    bigcache_list_t           one;       /* for looks at a single key */
};


static bigcache_op_page_t *bigcache_op_page_begin(bigcache_op_t *op,
    bigcache_op_page_row_pt row);
static void bigcache_op_page_end(bigcache_op_page_t *ctx, bigcache_rc_t rc);
static bigcache_rc_t bigcache_op_page_parts(bigcache_op_page_t *ctx,
    const bigcache_str_t *prefix);
static void bigcache_op_page_next(bigcache_op_page_t *ctx, size_t skip);
static void bigcache_op_page_row(bigcache_op_page_t *ctx,
    const bigcache_list_row_t *row);
static bigcache_rc_t bigcache_op_page_variants(bigcache_op_page_t *ctx);
static int bigcache_op_page_single(bigcache_op_page_t *ctx,
    const bigcache_str_t *key, bigcache_list_row_t *row, bigcache_rc_t *rc);
static void bigcache_op_page_variant(bigcache_op_page_t *ctx,
    const bigcache_list_row_t *row);
static void bigcache_op_page_facts(bigcache_op_page_t *ctx,
    const bigcache_list_row_t *row, const bigcache_page_t *page);
static void bigcache_op_page_state(bigcache_op_page_t *ctx,
    const bigcache_list_row_t *row, const bigcache_head_t *head,
    const bigcache_page_t *page);
static void bigcache_op_page_names(bigcache_op_page_t *ctx,
    const bigcache_str_t *base);
static int bigcache_op_page_current(bigcache_op_page_t *ctx,
    const bigcache_url_t *parts);
static void bigcache_op_page_which(bigcache_json_text_t *text,
    const bigcache_url_t *parts);
static void bigcache_op_page_times(bigcache_json_text_t *text,
    const bigcache_list_row_t *row, const bigcache_head_t *head);
static void bigcache_op_page_headers(bigcache_json_text_t *text,
    const bigcache_head_t *head);
static void bigcache_op_page_vary(bigcache_op_page_t *ctx);
static int bigcache_op_page_head(bigcache_head_t *head,
    const bigcache_list_row_t *row);


void
bigcache_op_page_list(bigcache_op_t *op)
{
    bigcache_rc_t        rc;
    bigcache_op_page_t  *ctx;

    ctx = bigcache_op_page_begin(op, bigcache_op_page_row);
    if (ctx == NULL) {
        return;
    }

    bigcache_json_text_puts(&ctx->text, "{\"pages\":[");

    rc = bigcache_op_page_parts(ctx, &op->site);

    bigcache_op_page_next(ctx, 1);
    bigcache_op_page_end(ctx, rc);
}


void
bigcache_op_page(bigcache_op_t *op)
{
    bigcache_rc_t        rc;
    bigcache_str_t       url;
    bigcache_op_page_t  *ctx;

    ctx = bigcache_op_page_begin(op, bigcache_op_page_variant);
    if (ctx == NULL) {
        return;
    }

    url = bigcache_str(op->site.data + 1, op->site.len - 1);

    bigcache_json_text_quote(&ctx->text, "{\"url\":", &url);

    rc = bigcache_op_page_variants(ctx);

    if (rc == BIGCACHE_OK && ctx->n == 0 && op->after.data == NULL
        && !ctx->list.more)
    {
        op->missed = "no page of this URL is stored";
        rc = BIGCACHE_MISS;
    }

    bigcache_op_page_next(ctx, op->site.len + 1);
    bigcache_op_page_end(ctx, rc);
}


/* returns NULL if the operation is over */

static bigcache_op_page_t *
bigcache_op_page_begin(bigcache_op_t *op, bigcache_op_page_row_pt row)
{
    bigcache_op_page_t  *ctx;

    ctx = malloc(sizeof(bigcache_op_page_t));

    if (ctx == NULL) {
        bigcache_op_finish(op, BIGCACHE_NOMEM);
        return NULL;
    }

    ctx->op = op;
    ctx->row = row;
    ctx->n = 0;
    ctx->counted = 0;
    ctx->now = bigcache_time_now();
    ctx->deadline = bigcache_time_monotonic() + BIGCACHE_OP_PAGE_TIME;
    ctx->base_len = 0;
    ctx->names_len = 0;

    memset(&ctx->text, 0, sizeof(bigcache_json_text_t));
    bigcache_list_init(&ctx->list, &op->after);

    return ctx;
}


static void
bigcache_op_page_end(bigcache_op_page_t *ctx, bigcache_rc_t rc)
{
    bigcache_op_t  *op;

    op = ctx->op;

    if (rc == BIGCACHE_OK && ctx->text.failed) {
        rc = BIGCACHE_NOMEM;
    }

    op->memory = ctx->text.data;
    op->reply[0] = bigcache_data_bytes(ctx->text.data, ctx->text.len);
    op->nreply = 1;

    free(ctx);

    bigcache_op_finish(op, rc);
}


/* adds the rows of all parts; ctx->list is then the last of them */

static bigcache_rc_t
bigcache_op_page_parts(bigcache_op_page_t *ctx, const bigcache_str_t *prefix)
{
    size_t                at;
    unsigned              n;
    bigcache_rc_t         rc;
    bigcache_str_t        after;
    bigcache_list_t      *list;
    bigcache_list_row_t   row;

    list = &ctx->list;
    after = ctx->op->after;

    do {
        rc = bigcache_cache_list(ctx->op->cache, prefix, &ctx->op->tag, &after,
                                 ctx->op->limit - ctx->counted, list);
        if (rc != BIGCACHE_OK) {
            return rc;
        }

        for (at = 0; bigcache_list_row(list, &at, &row); /* void */) {

            n = ctx->n;
            ctx->row(ctx, &row);
            ctx->counted += ctx->n - n;

            /* a look at each page may take long */

            if (bigcache_time_monotonic() >= ctx->deadline) {
                bigcache_list_next(list, &row.key);
                list->more = 1;
                return BIGCACHE_OK;
            }
        }

        after = bigcache_str(list->next, list->next_len);

        /* an empty part may be one of many, so it ends the answer */

    } while (list->more && list->n && ctx->counted < ctx->op->limit
             && ctx->text.len < BIGCACHE_OP_PAGE_TEXT
             && bigcache_time_monotonic() < ctx->deadline);

    return BIGCACHE_OK;
}


/* ends the rows; skip: bytes of the key that the client leaves out */

static void
bigcache_op_page_next(bigcache_op_page_t *ctx, size_t skip)
{
    bigcache_str_t  next;

    if (!ctx->list.more || ctx->list.next_len <= skip) {
        bigcache_json_text_puts(&ctx->text, "],\"next\":null}");
        return;
    }

    next = bigcache_str(ctx->list.next + skip, ctx->list.next_len - skip);

    bigcache_json_text_escape(&ctx->text, "],\"next\":", &next);
    bigcache_json_text_puts(&ctx->text, "}");
}


/* adds a row of the list, unless it is the names of fields of variants */

static void
bigcache_op_page_row(bigcache_op_page_t *ctx, const bigcache_list_row_t *row)
{
    int                    known;
    bigcache_str_t         type, cursor;
    bigcache_url_t         parts;
    bigcache_head_t        head;
    bigcache_json_text_t  *text;

    known = bigcache_op_page_head(&head, row);

    if (bigcache_url_split(&parts, &row->key) == -1
        || (known && (head.flags & BIGCACHE_HEAD_VARIES)))
    {
        return;
    }

    text = &ctx->text;

    bigcache_json_text_quote(text, ctx->n ? ",{\"url\":" : "{\"url\":",
                             &parts.url);
    bigcache_json_text_puts(text, ",");
    bigcache_op_page_which(text, &parts);

    if (known) {
        bigcache_json_text_number(text, ",\"status\":", head.status);

    } else {
        bigcache_json_text_puts(text, ",\"status\":null");
    }

    if (!known || !bigcache_head_find(&head, "content-type", &type)) {
        type.data = NULL;
    }

    bigcache_json_text_quote(text, ",\"type\":", &type);
    bigcache_json_text_number(text, ",\"size\":", row->size);
    bigcache_op_page_times(text, row, known ? &head : NULL);
    bigcache_op_tags_text(text, &row->tags);

    if (ctx->op->cursors) {

        /* as "next": without the NUL in front */

        cursor = bigcache_str(row->key.data + 1, row->key.len - 1);

        bigcache_json_text_escape(text, ",\"cursor\":", &cursor);
    }

    bigcache_json_text_puts(text, "}");

    ctx->n++;
}


/*
 * All keys of the URL begin with op->site, but so do those of longer URLs:
 * those of the URL itself have a NUL behind it.
 */

static bigcache_rc_t
bigcache_op_page_variants(bigcache_op_page_t *ctx)
{
    bigcache_rc_t         rc;
    bigcache_str_t        prefix;
    bigcache_list_row_t   row;
    const bigcache_op_t  *op;

    op = ctx->op;

    bigcache_op_page_names(ctx, &op->site);
    bigcache_op_page_vary(ctx);

    bigcache_json_text_puts(&ctx->text, ",\"variants\":[");

    if (op->after.data == NULL) {

        if (bigcache_op_page_single(ctx, &op->site, &row, &rc)) {
            bigcache_op_page_variant(ctx, &row);
        }

        if (rc != BIGCACHE_OK) {
            return rc;
        }
    }

    /* no other key is that long */

    if (op->site.len >= BIGCACHE_KEY_MAX) {
        return BIGCACHE_OK;
    }

    memcpy(ctx->prefix, op->site.data, op->site.len);
    ctx->prefix[op->site.len] = '\0';

    prefix = bigcache_str(ctx->prefix, op->site.len + 1);

    return bigcache_op_page_parts(ctx, &prefix);
}


/*
 * Looks at one key.  Returns 1 and the row, which points into ctx->one, or 0;
 * and in *rc whether that is known.
 */

static int
bigcache_op_page_single(bigcache_op_page_t *ctx, const bigcache_str_t *key,
    bigcache_list_row_t *row, bigcache_rc_t *rc)
{
    size_t           at;
    bigcache_str_t   none;

    none = bigcache_str(NULL, 0);

    /* of the keys that begin with it, the key itself is the first */

    *rc = bigcache_cache_list(ctx->op->cache, key, &none, &none, 1,
                              &ctx->one);

    at = 0;

    return *rc == BIGCACHE_OK
           && bigcache_list_row(&ctx->one, &at, row)
           && bigcache_str_equal(&row->key, key);
}


/*
 * Adds a page with all that is known of it.  The list does not know how long
 * it is as it is stored; a second look does, if the page is the same still.
 */

static void
bigcache_op_page_variant(bigcache_op_page_t *ctx,
    const bigcache_list_row_t *row)
{
    unsigned             i;
    u_char               key_data[BIGCACHE_KEY_MAX];
    bigcache_rc_t        rc;
    bigcache_str_t       key;
    bigcache_page_t      page;
    bigcache_head_t      head;
    bigcache_list_row_t  now;

    if (bigcache_op_page_head(&head, row)
        && (head.flags & BIGCACHE_HEAD_VARIES))
    {
        return;
    }

    now = *row;

    /* the row may point into ctx->one */

    memcpy(key_data, row->key.data, row->key.len);
    key.data = key_data;
    key.len = row->key.len;

    for (i = 0; i < BIGCACHE_OP_PAGE_TRIES; i++) {

        rc = bigcache_cache_get(ctx->op->cache, &key, BIGCACHE_BODY_NONE,
                                &page);

        ctx->op->expired += (rc == BIGCACHE_EXPIRED);
        bigcache_page_free(&page);

        if (rc != BIGCACHE_OK) {
            return;
        }

        if (page.version == now.version) {
            now.key = key;
            bigcache_op_page_facts(ctx, &now, &page);
            return;
        }

        if (!bigcache_op_page_single(ctx, &key, &now, &rc)) {
            return;
        }
    }
}


static void
bigcache_op_page_facts(bigcache_op_page_t *ctx,
    const bigcache_list_row_t *row, const bigcache_page_t *page)
{
    int                    known, current;
    bigcache_str_t         encoding;
    bigcache_url_t         parts;
    bigcache_head_t        head;
    bigcache_json_text_t  *text;

    static const bigcache_str_t  gzip = bigcache_string("gzip");

    known = bigcache_op_page_head(&head, row);

    if (bigcache_url_split(&parts, &row->key) == -1) {
        return;
    }

    text = &ctx->text;

    bigcache_json_text_puts(text, ctx->n ? ",{" : "{");
    bigcache_op_page_which(text, &parts);

    if (known) {
        bigcache_json_text_number(text, ",\"status\":", head.status);

    } else {
        bigcache_json_text_puts(text, ",\"status\":null");
    }

    bigcache_op_page_state(ctx, row, known ? &head : NULL, page);

    bigcache_json_text_number(text, ",\"length\":", page->length);
    bigcache_json_text_number(text, ",\"size\":", row->size);

    if (page->packed) {
        encoding = gzip;

    } else if (!known
               || !bigcache_head_find(&head, "content-encoding", &encoding))
    {
        encoding.data = NULL;
    }

    bigcache_json_text_quote(text, ",\"encoding\":", &encoding);
    bigcache_op_tags_text(text, &row->tags);
    bigcache_json_text_puts(text, ",\"headers\":[");

    if (known) {
        bigcache_op_page_headers(text, &head);
    }

    /* this may use what the row points to */

    current = bigcache_op_page_current(ctx, &parts);

    bigcache_json_text_puts(text, current ? "],\"current\":true}"
                                          : "],\"current\":false}");
    ctx->n++;
}


static void
bigcache_op_page_state(bigcache_op_page_t *ctx,
    const bigcache_list_row_t *row, const bigcache_head_t *head,
    const bigcache_page_t *page)
{
    int                    fresh;
    int64_t                age;
    unsigned               stale;
    bigcache_json_text_t  *text;

    text = &ctx->text;

    if (head) {
        age = (head->born < ctx->now) ? (ctx->now - head->born) / 1000 : 0;
        fresh = (head->fresh_until > ctx->now && page->stale == 0);
        stale = !(head->flags & BIGCACHE_HEAD_REVALIDATE);

        bigcache_json_text_number(text,
                                  fresh ? ",\"state\":\"fresh\",\"age\":"
                                        : ",\"state\":\"stale\",\"age\":",
                                  (uint64_t) age);
        bigcache_json_text_number(text, ",\"stale_while_revalidate\":",
                                  stale ? head->stale_while_revalidate : 0);
        bigcache_json_text_number(text, ",\"stale_if_error\":",
                                  stale ? head->stale_if_error : 0);

    } else {
        bigcache_json_text_puts(text, ",\"state\":null,\"age\":null,"
                                      "\"stale_while_revalidate\":0,"
                                      "\"stale_if_error\":0");
    }

    bigcache_op_page_times(text, row, head);
}


/* sets ctx->names to the names of fields that pages of the key vary by */

static void
bigcache_op_page_names(bigcache_op_page_t *ctx, const bigcache_str_t *base)
{
    bigcache_rc_t        rc;
    bigcache_str_t       known;
    bigcache_head_t      head;
    bigcache_list_row_t  row;

    known = bigcache_str(ctx->base, ctx->base_len);

    if (bigcache_str_equal(&known, base)) {
        return;
    }

    memcpy(ctx->base, base->data, base->len);
    ctx->base_len = base->len;
    ctx->names_len = 0;

    if (bigcache_op_page_single(ctx, base, &row, &rc)
        && bigcache_op_page_head(&head, &row)
        && (head.flags & BIGCACHE_HEAD_VARIES)
        && row.type.len <= BIGCACHE_HEAD_MAX)
    {
        memcpy(ctx->names, row.type.data, row.type.len);
        ctx->names_len = row.type.len;
    }
}


/*
 * Returns 1 if requests find the page: a variant of other fields than the
 * latest answer varies by is stored, but is not looked for.
 */

static int
bigcache_op_page_current(bigcache_op_page_t *ctx, const bigcache_url_t *parts)
{
    int              more;
    size_t           at, n;
    bigcache_str_t   name, value, found, none;
    bigcache_head_t  head;

    if (parts->fields.len == 0) {
        return 1;
    }

    bigcache_op_page_names(ctx, &parts->base);

    if (ctx->names_len == 0
        || bigcache_head_decode(&head, ctx->names, ctx->names_len) == -1)
    {
        return 0;
    }

    at = 0;
    n = 0;

    do {
        more = bigcache_head_next(&head, &at, &name, &none);

        if (bigcache_url_field(parts, &n, &found, &value) != more) {
            return 0;
        }

        if (more && !bigcache_str_equal(&found, &name)) {
            return 0;
        }

    } while (more);

    return 1;
}


/* which page of its URL it is */

static void
bigcache_op_page_which(bigcache_json_text_t *text, const bigcache_url_t *parts)
{
    size_t           at;
    unsigned         n;
    bigcache_str_t   name, value;

    bigcache_json_text_escape(text, "\"variant\":", &parts->variant);
    bigcache_json_text_quote(text, ",\"uri\":", &parts->uri);

    n = 0;

    for (at = 0; bigcache_url_field(parts, &at, &name, &value); n++) {

        bigcache_json_text_quote(text, n ? "," : ",\"vary\":{", &name);
        bigcache_json_text_quote(text, ":", &value);
    }

    bigcache_json_text_puts(text, n ? "}" : ",\"vary\":null");
}


static void
bigcache_op_page_times(bigcache_json_text_t *text,
    const bigcache_list_row_t *row, const bigcache_head_t *head)
{
    /* a version is a time in microseconds */

    bigcache_json_text_time(text, ",\"stored\":",
                            (int64_t) (row->version / 1000));
    bigcache_json_text_time(text, ",\"fresh_until\":",
                            head ? head->fresh_until : BIGCACHE_NEVER);
    bigcache_json_text_time(text, ",\"expire\":", row->expire);
}


static void
bigcache_op_page_headers(bigcache_json_text_t *text,
    const bigcache_head_t *head)
{
    size_t           at;
    unsigned         n;
    bigcache_str_t   name, value;

    n = 0;

    for (at = 0; bigcache_head_next(head, &at, &name, &value); n++) {

        bigcache_json_text_quote(text, n ? ",[" : "[", &name);
        bigcache_json_text_quote(text, ",", &value);
        bigcache_json_text_puts(text, "]");
    }
}


/* adds the names that ctx->names has */

static void
bigcache_op_page_vary(bigcache_op_page_t *ctx)
{
    size_t           at;
    unsigned         n;
    bigcache_str_t   name, value;
    bigcache_head_t  head;

    if (ctx->names_len == 0
        || bigcache_head_decode(&head, ctx->names, ctx->names_len) == -1)
    {
        bigcache_json_text_puts(&ctx->text, ",\"vary\":null");
        return;
    }

    n = 0;

    bigcache_json_text_puts(&ctx->text, ",\"vary\":[");

    for (at = 0; bigcache_head_next(&head, &at, &name, &value); n++) {
        bigcache_json_text_quote(&ctx->text, n ? "," : "", &name);
    }

    bigcache_json_text_puts(&ctx->text, "]");
}


/* returns 1 and the head of a page, or 0 if it could not be read */

static int
bigcache_op_page_head(bigcache_head_t *head, const bigcache_list_row_t *row)
{
    return row->kind == BIGCACHE_KIND_PAGE
           && bigcache_head_decode(head, row->type.data, row->type.len) == 0;
}
