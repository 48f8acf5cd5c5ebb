
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The result of a request: $bigcache_status, Cache-Status, and the counters.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"
#include "bigcache_time.h"


static ngx_table_elt_t *ngx_http_bigcache_status_line(
    ngx_http_bigcache_ctx_t *ctx);
static int64_t ngx_http_bigcache_status_ttl(const bigcache_page_t *page);
static void ngx_http_bigcache_count(ngx_http_bigcache_ctx_t *ctx);


static const char  ngx_http_bigcache_cache_status_name[] = "Cache-Status";


/* by bigcache_rc_t; for BIGCACHE_OK the route has one */

static ngx_str_t  ngx_http_bigcache_statuses[] = {
    [BIGCACHE_OK] = ngx_null_string,
    [BIGCACHE_MISS] = ngx_string("MISS"),
    [BIGCACHE_EXPIRED] = ngx_string("EXPIRED"),
    [BIGCACHE_MISMATCH] = ngx_string("MISMATCH"),
    [BIGCACHE_CLOSED] = ngx_string("CLOSED"),
    [BIGCACHE_UNAVAILABLE] = ngx_string("UNAVAILABLE"),
    [BIGCACHE_FULL] = ngx_string("FULL"),
    [BIGCACHE_DAMAGED] = ngx_string("ERROR"),
    [BIGCACHE_NOMEM] = ngx_string("UNAVAILABLE"),
    [BIGCACHE_ERROR] = ngx_string("ERROR"),
    [BIGCACHE_INVALID] = ngx_string("INVALID"),
    [BIGCACHE_RAW] = ngx_string("CONFLICT"),
    [BIGCACHE_NUMBER] = ngx_string("CONFLICT"),
    [BIGCACHE_BUSY] = ngx_string("UNAVAILABLE"),
    [BIGCACHE_UNKNOWN] = ngx_string("UNAVAILABLE"),
    [BIGCACHE_TOO_LARGE] = ngx_string("INVALID")
};


ngx_int_t
ngx_http_bigcache_status(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    u_char     *p;
    ngx_str_t   value, *status;

    static ngx_str_t  hit = ngx_string("bigcache; hit");
    static ngx_str_t  stale = ngx_string("STALE");

    status = &ngx_http_bigcache_statuses[ctx->op.rc];
    ctx->status = (ctx->op.rc == BIGCACHE_OK && !ctx->idle) ? ctx->route->done
                                                            : *status;

    if (ctx->op.aged) {
        ctx->status = stale;
    }

    ngx_http_bigcache_count(ctx);

    bigcache_metrics_took(&ctx->zone->shm->metrics, (unsigned) ngx_worker,
                          ctx->route->metric,
                          (uint64_t) (bigcache_time_monotonic_us()
                                      - ctx->start));

    if (ctx->status.len == 0) {
        return NGX_OK;
    }

    value = hit;

    if (ctx->op.aged) {
        value.data = ngx_pnalloc(r->pool, sizeof("bigcache; hit; ttl=")
                                          + NGX_INT64_LEN);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_sprintf(value.data, "bigcache; hit; ttl=%L",
                        ngx_http_bigcache_status_ttl(&ctx->op.page));
        value.len = p - value.data;

    } else if (ctx->op.rc != BIGCACHE_OK
               || !(ctx->route->flags & NGX_HTTP_BIGCACHE_READS))
    {
        value.data = ngx_pnalloc(r->pool, sizeof("bigcache; detail=")
                                          + ctx->status.len);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        p = ngx_sprintf(value.data, "bigcache; detail=%V", &ctx->status);
        value.len = p - value.data;
    }

    ctx->cache_status = ngx_http_bigcache_send_add_header(r,
                                        ngx_http_bigcache_cache_status_name,
                                        &value);

    return ctx->cache_status ? NGX_OK : NGX_ERROR;
}


/* the seconds for which a stale page is fresh, which is not above zero */

static int64_t
ngx_http_bigcache_status_ttl(const bigcache_page_t *page)
{
    int64_t  ttl;

    ttl = (page->stale ? page->stale : page->fresh) - bigcache_time_now();

    /* the clock of a soft purge may have been ahead */

    return ngx_min(ttl, 0) / 1000;
}


void
ngx_http_bigcache_status_drop(ngx_http_bigcache_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    h = ngx_http_bigcache_status_line(ctx);

    if (h) {
        h->hash = 0;
        ctx->cache_status = NULL;
    }
}


ngx_int_t
ngx_http_bigcache_status_last(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    h = ngx_http_bigcache_status_line(ctx);

    if (h == NULL) {
        return NGX_OK;
    }

    h->hash = 0;

    ctx->cache_status = ngx_http_bigcache_send_add_header(r,
                                        ngx_http_bigcache_cache_status_name,
                                        &h->value);

    return ctx->cache_status ? NGX_OK : NGX_ERROR;
}


/*
 * Returns the header line of a context, or NULL; ctx may be NULL.  When a
 * filter fails, nginx clears the list of headers, so the line may be another
 * one now.
 */

static ngx_table_elt_t *
ngx_http_bigcache_status_line(ngx_http_bigcache_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    h = ctx ? ctx->cache_status : NULL;

    if (h == NULL
        || h->key.data != (u_char *) ngx_http_bigcache_cache_status_name)
    {
        return NULL;
    }

    return h;
}


void
ngx_http_bigcache_status_measure(ngx_http_bigcache_ctx_t *ctx)
{
    ngx_uint_t           status;
    ngx_http_request_t  *r;

    r = ctx->request;

    /* filters, or an error_page, may have changed the status */

    status = ctx->answered ? r->headers_out.status
             : ctx->said ? ctx->said
             : r->err_status ? r->err_status : r->headers_out.status;

    bigcache_metrics_status(&ctx->zone->shm->metrics, (unsigned) ngx_worker,
                            ctx->route ? ctx->route->metric
                                       : BIGCACHE_METRIC_OTHER,
                            status ? (unsigned) status
                                   : NGX_HTTP_CLIENT_CLOSED_REQUEST);
}


static void
ngx_http_bigcache_count(ngx_http_bigcache_ctx_t *ctx)
{
    ngx_uint_t                 i, read;
    bigcache_op_tally_t       *tally;
    bigcache_metrics_pages_t  *pages;

    pages = &ctx->zone->shm->metrics.pages;

    for (i = 0; i < ctx->op.ntally; i++) {
        tally = &ctx->op.tally[i];

        bigcache_metrics_operations(&ctx->zone->shm->metrics,
                                    tally->name, tally->status, tally->n);
    }

    read = ctx->route->flags & NGX_HTTP_BIGCACHE_READS;

    if (read && ctx->op.rc == BIGCACHE_OK) {
        atomic_fetch_add(&pages->hit, 1);
    }

    if (read && ctx->op.rc == BIGCACHE_MISS) {
        atomic_fetch_add(&pages->miss, 1);
    }

    if (ctx->op.hits) {
        atomic_fetch_add(&pages->hit, ctx->op.hits);
    }

    if (ctx->op.misses) {
        atomic_fetch_add(&pages->miss, ctx->op.misses);
    }

    if (ctx->op.expired) {
        atomic_fetch_add(&pages->expire, ctx->op.expired);
    }

    if (ctx->route->flags & NGX_HTTP_BIGCACHE_FIRST) {
        atomic_fetch_add(&ctx->zone->shm->clears, 1);
    }

    if (ctx->route->flags & NGX_HTTP_BIGCACHE_PURGES) {
        ngx_http_bigcache_zone_purged(ctx->zone);
    }

    if ((ctx->route->flags & NGX_HTTP_BIGCACHE_REMOVES) && !ctx->op.soft) {
        atomic_fetch_add(&pages->deleted, ctx->op.n);
    }
}
