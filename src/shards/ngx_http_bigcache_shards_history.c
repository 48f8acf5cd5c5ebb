
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What all servers did lately, as one: the slots of the same time are added.  A
 * server that keeps no history, or is older than that, answers 404 and counts
 * nothing; the others still have theirs.
 */


#include "ngx_http_bigcache_shards.h"

#include "bigcache_json.h"
#include "bigcache_json_scan.h"
#include "bigcache_time.h"


static ngx_uint_t ngx_http_bigcache_shards_history_answered(
    ngx_http_bigcache_shards_ctx_t *ctx);
static void ngx_http_bigcache_shards_history_add(
    ngx_http_bigcache_shards_answer_t *answer, bigcache_history_view_t *views);
static void ngx_http_bigcache_shards_history_series(
    const bigcache_str_t *series, bigcache_history_view_t *views);
static void ngx_http_bigcache_shards_history_field(const bigcache_str_t *array,
    bigcache_history_field_e field, int64_t start,
    bigcache_history_view_t *view);
static ngx_uint_t ngx_http_bigcache_shards_history_number(
    const bigcache_str_t *text, int64_t *n);


ngx_int_t
ngx_http_bigcache_shards_history(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    u_char                   *p;
    int64_t                   now;
    ngx_int_t                 rc;
    ngx_str_t                 body;
    ngx_uint_t                i;
    bigcache_history_view_t  *views;

    if (!ngx_http_bigcache_shards_history_answered(ctx)) {
        rc = ngx_http_bigcache_shards_merge_failed(r, ctx);

        return (rc == NGX_OK && !r->header_sent) ? NGX_HTTP_BAD_GATEWAY : rc;
    }

    views = ngx_palloc(r->pool, BIGCACHE_HISTORY_SERIES
                                * sizeof(bigcache_history_view_t));
    if (views == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    now = bigcache_time_now();

    for (i = 0; i < BIGCACHE_HISTORY_SERIES; i++) {
        bigcache_history_view(&views[i], i, now);
    }

    for (i = 0; i < ctx->nanswers; i++) {
        if (ctx->answers[i].status == NGX_HTTP_OK) {
            ngx_http_bigcache_shards_history_add(&ctx->answers[i], views);
        }
    }

    p = ngx_pnalloc(r->pool, ngx_http_bigcache_history_size()
                       + ngx_http_bigcache_shards_merge_servers_len(ctx));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.data = p;

    p = ngx_http_bigcache_history_write(p, views, now);
    p = ngx_http_bigcache_shards_merge_servers(p, ctx);
    *p++ = '}';

    body.len = p - body.data;

    return ngx_http_bigcache_send_bytes(r, NGX_HTTP_OK,
                                        &ngx_http_bigcache_send_json_text,
                                        &body);
}


/* returns 1 if a server has a history, and each that has none says so */

static ngx_uint_t
ngx_http_bigcache_shards_history_answered(ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < ctx->nanswers; i++) {

        if (ctx->answers[i].status == NGX_HTTP_OK) {
            n++;

        } else if (ctx->answers[i].status != NGX_HTTP_NOT_FOUND) {
            return 0;
        }
    }

    return n != 0 && !ctx->large;
}


static void
ngx_http_bigcache_shards_history_add(ngx_http_bigcache_shards_answer_t *answer,
    bigcache_history_view_t *views)
{
    size_t          at;
    bigcache_str_t  series, item;

    if (!ngx_http_bigcache_shards_merge_array(answer->data, answer->len,
                                              "series", &series))
    {
        return;
    }

    at = 0;

    while (bigcache_json_scan_item(&series, &at, &item)) {
        ngx_http_bigcache_shards_history_series(&item, views);
    }
}


/* a field of another version is left out */

static void
ngx_http_bigcache_shards_history_series(const bigcache_str_t *series,
    bigcache_history_view_t *views)
{
    int64_t                 step, start;
    ngx_uint_t              i, view;
    bigcache_json_error_t   err;
    bigcache_json_named_t   named[2 + BIGCACHE_HISTORY_FIELDS];

    named[0].name = "step";
    named[1].name = "start";

    for (i = 0; i < BIGCACHE_HISTORY_FIELDS; i++) {
        named[2 + i].name = bigcache_history_names[i];
    }

    if (bigcache_json_scan_members(series->data, series->len, named,
                                   2 + BIGCACHE_HISTORY_FIELDS, &err)
        != BIGCACHE_JSON_OK
        || !ngx_http_bigcache_shards_history_number(&named[0].extent, &step)
        || !ngx_http_bigcache_shards_history_number(&named[1].extent, &start))
    {
        return;
    }

    for (view = 0; view < BIGCACHE_HISTORY_SERIES; view++) {

        if ((int64_t) views[view].step != step) {
            continue;
        }

        for (i = 0; i < BIGCACHE_HISTORY_FIELDS; i++) {
            ngx_http_bigcache_shards_history_field(&named[2 + i].extent, i,
                                                   start, &views[view]);
        }
    }
}


static void
ngx_http_bigcache_shards_history_field(const bigcache_str_t *array,
    bigcache_history_field_e field, int64_t start,
    bigcache_history_view_t *view)
{
    size_t          at;
    int64_t         value;
    bigcache_str_t  item;

    if (array->data == NULL || array->data[0] != '[') {
        return;
    }

    for (at = 0;
         bigcache_json_scan_item(array, &at, &item);
         start += view->step)
    {
        if (ngx_http_bigcache_shards_history_number(&item, &value)) {
            bigcache_history_add(view, field, start, (uint64_t) value);
        }
    }
}


/* returns 1, or 0 if it is no number, as null */

static ngx_uint_t
ngx_http_bigcache_shards_history_number(const bigcache_str_t *text,
    int64_t *n)
{
    return bigcache_json_integer(text, n) == BIGCACHE_JSON_OK && *n >= 0;
}
