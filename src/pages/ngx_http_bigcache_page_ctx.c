
/*
 * Copyright (C) bigcache contributors
 */


/* the context of a request in a location with bigcache_pages */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


static void ngx_http_bigcache_page_ctx_cleanup(void *data);
static void ngx_http_bigcache_page_ctx_count(ngx_http_bigcache_page_ctx_t *ctx);


/* by ngx_http_bigcache_page_status_e; PASS has its reason instead */

static const bigcache_page_metric_e  ngx_http_bigcache_page_metrics[] = {
    [NGX_HTTP_BIGCACHE_PAGE_HIT] = BIGCACHE_PAGE_METRIC_HIT,
    [NGX_HTTP_BIGCACHE_PAGE_STALE] = BIGCACHE_PAGE_METRIC_STALE,
    [NGX_HTTP_BIGCACHE_PAGE_UPDATING] = BIGCACHE_PAGE_METRIC_UPDATING,
    [NGX_HTTP_BIGCACHE_PAGE_REVALIDATED] = BIGCACHE_PAGE_METRIC_REVALIDATED,
    [NGX_HTTP_BIGCACHE_PAGE_MISS] = BIGCACHE_PAGE_METRIC_MISS,
    [NGX_HTTP_BIGCACHE_PAGE_EXPIRED] = BIGCACHE_PAGE_METRIC_EXPIRED,
    [NGX_HTTP_BIGCACHE_PAGE_BYPASS] = BIGCACHE_PAGE_METRIC_BYPASS
};


ngx_http_bigcache_page_ctx_t *
ngx_http_bigcache_page_ctx_create(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_bigcache_page_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_bigcache_page_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;

    ngx_memzero(ctx, sizeof(ngx_http_bigcache_page_ctx_t));

    ctx->request = r;
    ctx->conf = conf;
    ctx->page.body.fd = -1;
    ctx->file.fd = NGX_INVALID_FILE;

    cln->handler = ngx_http_bigcache_page_ctx_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_bigcache_pages_module);

    return ctx;
}


ngx_http_bigcache_page_ctx_t *
ngx_http_bigcache_page_ctx_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_pages_module);

    if (ctx) {
        return ctx;
    }

    /* an internal redirect clears contexts; subrequests share the pool */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_bigcache_page_ctx_cleanup) {
            ctx = cln->data;

            if (ctx->request == r) {
                return ctx;
            }
        }
    }

    return NULL;
}


ngx_http_bigcache_page_ctx_t *
ngx_http_bigcache_page_ctx_watches(ngx_http_request_t *r,
    ngx_http_upstream_t *u, ngx_event_pipe_t *p)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_bigcache_page_ctx_t  *ctx;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_bigcache_page_ctx_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r
            && ctx->upstream
            && (u ? ctx->upstream == u : ctx->upstream->pipe == p))
        {
            return ctx;
        }
    }

    return NULL;
}


static void
ngx_http_bigcache_page_ctx_cleanup(void *data)
{
    ngx_http_bigcache_page_ctx_t *ctx = data;

    ngx_http_bigcache_page_ctx_count(ctx);

    ngx_http_bigcache_page_lookup_cancel(ctx);
    ngx_http_bigcache_page_wait_cancel(ctx);
    ngx_http_bigcache_page_flow_end(ctx, NULL);
    ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE, 0, 0);

    bigcache_page_free(&ctx->page);

    if (ctx->keep.timer_set) {
        ngx_del_timer(&ctx->keep);
    }

    if (ctx->body) {
        ngx_free(ctx->body);
    }
}


/* what became of the request */

static void
ngx_http_bigcache_page_ctx_count(ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_bigcache_zone_t  *zone;

    if (ctx->status == NGX_HTTP_BIGCACHE_PAGE_NONE || ctx->refresh) {
        return;
    }

    zone = ctx->conf->zone;

    ngx_http_bigcache_page_count(zone,
                                 ctx->status == NGX_HTTP_BIGCACHE_PAGE_PASS
                                 ? ctx->why
                                 : ngx_http_bigcache_page_metrics[ctx->status]);

    if (ctx->collapsed
        || (ctx->waited && ctx->status == NGX_HTTP_BIGCACHE_PAGE_HIT))
    {
        ngx_http_bigcache_page_count(zone, BIGCACHE_PAGE_METRIC_COLLAPSED);
    }
}
