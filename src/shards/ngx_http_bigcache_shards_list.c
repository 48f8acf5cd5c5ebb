
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Lists of keys: each server lists its own in order, and names the key of each
 * row once more, escaped, as "cursor".  So keys of any bytes are merged in
 * their exact order.  A server that stopped early has said nothing about what
 * lies behind its last key: the merged list ends there.
 */


#include "ngx_http_bigcache_shards.h"

#include "bigcache_json_scan.h"


#define NGX_HTTP_BIGCACHE_SHARDS_CURSORS  "cursors=on"


/* a server's list, while it is read */

typedef struct {
    bigcache_str_t   rows;      /* the array */
    size_t           at;
    bigcache_str_t   row;       /* the next one, without its cursor */
    bigcache_str_t   cursor;    /* as it is, NULL: there are no more rows */
    ngx_str_t        key;       /* it, unescaped */
    bigcache_str_t   next;      /* where the list goes on, NULL: nowhere */
    ngx_uint_t       server;
} ngx_http_bigcache_shards_rows_t;


static ngx_int_t ngx_http_bigcache_shards_list_args(ngx_http_request_t *r,
    u_char *data, size_t len, ngx_uint_t first, ngx_str_t *args);
static ngx_int_t ngx_http_bigcache_shards_list_read(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_http_bigcache_shards_rows_t *rows);
static ngx_int_t ngx_http_bigcache_shards_list_row(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_http_bigcache_shards_rows_t *rows);
static ngx_int_t ngx_http_bigcache_shards_list_key(ngx_http_request_t *r,
    const bigcache_str_t *cursor, ngx_str_t *key);
static ngx_http_bigcache_shards_rows_t *ngx_http_bigcache_shards_list_least(
    ngx_http_bigcache_shards_ctx_t *ctx,
    ngx_http_bigcache_shards_rows_t *rows);
static ngx_int_t ngx_http_bigcache_shards_list_bound(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_http_bigcache_shards_rows_t *rows,
    bigcache_str_t *bound, ngx_str_t *key);
static ngx_int_t ngx_http_bigcache_shards_list_compare(const ngx_str_t *one,
    const ngx_str_t *two);


ngx_int_t
ngx_http_bigcache_shards_list_cut(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    u_char      *end;
    ngx_str_t    uri, args, *sent;
    ngx_uint_t   i;

    sent = &r->unparsed_uri;
    end = ngx_strlchr(sent->data, sent->data + sent->len, '#');

    if (end == NULL) {
        end = sent->data + sent->len;
    }

    if (ngx_http_bigcache_shards_list_args(r, r->args.data, r->args.len, 0,
                                           &args)
        != NGX_OK
        || ngx_http_bigcache_shards_list_args(r, sent->data, end - sent->data,
                                              !ngx_strlchr(sent->data, end,
                                                           '?'),
                                              &uri)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < ctx->nanswers; i++) {
        ctx->answers[i].uri = uri;
        ctx->answers[i].args = args;
    }

    return NGX_OK;
}


/* adds the argument to others, or to a path that has none */

static ngx_int_t
ngx_http_bigcache_shards_list_args(ngx_http_request_t *r, u_char *data,
    size_t len, ngx_uint_t first, ngx_str_t *args)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, len + sizeof("?"
                                          NGX_HTTP_BIGCACHE_SHARDS_CURSORS));
    if (p == NULL) {
        return NGX_ERROR;
    }

    args->data = p;

    if (len) {
        p = ngx_cpymem(p, data, len);
        *p++ = first ? '?' : '&';
    }

    p = ngx_cpymem(p, NGX_HTTP_BIGCACHE_SHARDS_CURSORS,
                   sizeof(NGX_HTTP_BIGCACHE_SHARDS_CURSORS) - 1);

    args->len = p - args->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_shards_list(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    u_char                           *p, *text;
    ngx_int_t                         rc;
    ngx_str_t                         key, body;
    ngx_uint_t                        n;
    bigcache_str_t                    next, bound;
    ngx_http_bigcache_shards_rows_t  *rows, *least;

    rc = ngx_http_bigcache_shards_merge_failed(r, ctx);

    if (rc != NGX_OK || r->header_sent) {
        return rc;
    }

    rows = ngx_pcalloc(r->pool, ctx->nanswers
                                * sizeof(ngx_http_bigcache_shards_rows_t));
    text = ngx_pnalloc(r->pool, ctx->held + sizeof("{\"pages\":[],\"next\":}")
                                + 3 * BIGCACHE_KEY_MAX + 2);

    if (rows == NULL || text == NULL
        || ngx_http_bigcache_shards_list_read(r, ctx, rows) != NGX_OK
        || ngx_http_bigcache_shards_list_bound(r, ctx, rows, &bound, &key)
           != NGX_OK)
    {
        return NGX_HTTP_BAD_GATEWAY;
    }

    p = ngx_sprintf(text, "{\"%s\":[", ctx->op.site.len ? "pages" : "keys");
    next = bound;

    for (n = 0; n < ctx->op.limit; n++) {
        least = ngx_http_bigcache_shards_list_least(ctx, rows);

        if (least == NULL
            || (bound.data
                && ngx_http_bigcache_shards_list_compare(&least->key, &key)
                   > 0))
        {
            break;
        }

        if (n) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, least->row.data, least->row.len);
        *p++ = '}';

        if (n + 1 == ctx->op.limit) {
            next = least->cursor;
        }

        if (ngx_http_bigcache_shards_list_row(r, ctx, least) != NGX_OK) {
            return NGX_HTTP_BAD_GATEWAY;
        }
    }

    if (n == ctx->op.limit && bound.data == NULL
        && ngx_http_bigcache_shards_list_least(ctx, rows) == NULL)
    {
        next.data = NULL;
    }

    if (next.data == NULL) {
        next = bigcache_str_text("null");
    }

    p = ngx_sprintf(p, "],\"next\":%*s}", next.len, next.data);

    body.data = text;
    body.len = p - text;

    return ngx_http_bigcache_send_bytes(r, NGX_HTTP_OK,
                                        &ngx_http_bigcache_send_json_text,
                                        &body);
}


static ngx_int_t
ngx_http_bigcache_shards_list_read(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_http_bigcache_shards_rows_t *rows)
{
    ngx_uint_t                          i;
    bigcache_json_error_t               err;
    bigcache_json_named_t               named[3];
    ngx_http_bigcache_shards_answer_t  *answer;

    named[0].name = "keys";
    named[1].name = "pages";
    named[2].name = "next";

    for (i = 0; i < ctx->nanswers; i++) {
        answer = &ctx->answers[i];

        if (bigcache_json_scan_members(answer->data, answer->len, named, 3,
                                       &err)
            != BIGCACHE_JSON_OK)
        {
            return NGX_ERROR;
        }

        rows[i].rows = named[0].extent.data ? named[0].extent
                                            : named[1].extent;

        if (rows[i].rows.data == NULL || rows[i].rows.data[0] != '[') {
            return NGX_ERROR;
        }

        if (named[2].extent.data && named[2].extent.data[0] == '"') {
            rows[i].next = named[2].extent;
        }

        rows[i].server = i;

        if (ngx_http_bigcache_shards_list_row(r, ctx, &rows[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * Reads the next row, whose last member is the cursor.  What a server still has
 * of keys that are another one's by now is not listed.
 */

static ngx_int_t
ngx_http_bigcache_shards_list_row(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_http_bigcache_shards_rows_t *rows)
{
    bigcache_str_t          row, key;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named = { "cursor", { 0, NULL } };

    do {
        rows->cursor.data = NULL;

        if (!bigcache_json_scan_item(&rows->rows, &rows->at, &row)) {
            return NGX_OK;
        }

        if (bigcache_json_scan_members(row.data, row.len, &named, 1, &err)
            != BIGCACHE_JSON_OK
            || named.extent.data == NULL || named.extent.data[0] != '"')
        {
            return NGX_ERROR;
        }

        rows->cursor = named.extent;
        rows->row = bigcache_str(row.data, named.extent.data - row.data
                                           - (sizeof(",\"cursor\":") - 1));

        if (ngx_http_bigcache_shards_list_key(r, &rows->cursor, &rows->key)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        key = bigcache_str(rows->key.data, rows->key.len);

    } while (!ctx->op.site.len
             && bigcache_ring_find(ctx->conf->ring, &key) != rows->server);

    return NGX_OK;
}


/* unescapes a cursor, which is in quotes */

static ngx_int_t
ngx_http_bigcache_shards_list_key(ngx_http_request_t *r,
    const bigcache_str_t *cursor, ngx_str_t *key)
{
    u_char  *src, *dst;

    if (key->data == NULL || key->len < cursor->len) {
        key->data = ngx_pnalloc(r->pool, cursor->len);
        if (key->data == NULL) {
            return NGX_ERROR;
        }
    }

    src = (u_char *) cursor->data + 1;
    dst = key->data;

    ngx_unescape_uri(&dst, &src, cursor->len - 2, 0);

    key->len = dst - key->data;

    return NGX_OK;
}


static ngx_http_bigcache_shards_rows_t *
ngx_http_bigcache_shards_list_least(ngx_http_bigcache_shards_ctx_t *ctx,
    ngx_http_bigcache_shards_rows_t *rows)
{
    ngx_uint_t                        i;
    ngx_http_bigcache_shards_rows_t  *least;

    least = NULL;

    for (i = 0; i < ctx->nanswers; i++) {

        if (rows[i].cursor.data
            && (least == NULL
                || ngx_http_bigcache_shards_list_compare(&rows[i].key,
                                                         &least->key)
                   < 0))
        {
            least = &rows[i];
        }
    }

    return least;
}


/* the least key at which a server has stopped, or NULL */

static ngx_int_t
ngx_http_bigcache_shards_list_bound(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_http_bigcache_shards_rows_t *rows,
    bigcache_str_t *bound, ngx_str_t *key)
{
    ngx_str_t   one, after;
    ngx_uint_t  i;

    *bound = bigcache_str(NULL, 0);

    for (i = 0; i < ctx->nanswers; i++) {

        if (rows[i].next.data == NULL) {
            continue;
        }

        ngx_str_null(&one);

        if (ngx_http_bigcache_shards_list_key(r, &rows[i].next, &one)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        after.data = (u_char *) ctx->op.after.data;
        after.len = ctx->op.after.len;

        /* of pages it has a NUL in front, which the client leaves out */

        if (ctx->op.site.len && after.len) {
            after.data++;
            after.len--;
        }

        if (after.len
            && ngx_http_bigcache_shards_list_compare(&one, &after) <= 0)
        {
            return NGX_ERROR;
        }

        if (bound->data == NULL
            || ngx_http_bigcache_shards_list_compare(&one, key) < 0)
        {
            *bound = rows[i].next;
            *key = one;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_shards_list_compare(const ngx_str_t *one,
    const ngx_str_t *two)
{
    return ngx_memn2cmp(one->data, two->data, one->len, two->len);
}
