
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The phase handler: decides whether a request is answered from the cache,
 * waits for another one, or goes to the upstream.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"
#include "bigcache_time.h"


/* lookups after leases that had ended, until a request goes on by itself */

#define NGX_HTTP_BIGCACHE_PAGE_AGAIN  3


static ngx_int_t ngx_http_bigcache_page_handler_start(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_http_bigcache_page_ctx_t *former,
    ngx_http_bigcache_page_ctx_t **ctxp);
static void ngx_http_bigcache_page_handler_inherit(
    ngx_http_bigcache_page_ctx_t *ctx, ngx_http_bigcache_page_ctx_t *former);
static ngx_int_t ngx_http_bigcache_page_handler_bypass(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_handler_run(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_handler_lookup(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_handler_decide(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_handler_variant(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_uint_t ngx_http_bigcache_page_handler_rare(
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_handler_lease(
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_handler_leased(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_handler_wait(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_handler_lead(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_uint_t stale);
static ngx_uint_t ngx_http_bigcache_page_handler_stale(
    ngx_http_bigcache_page_ctx_t *ctx, uint32_t window);
static void ngx_http_bigcache_page_handler_fetch(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);


ngx_int_t
ngx_http_bigcache_page_handler(ngx_http_request_t *r)
{
    ngx_int_t                       rc;
    ngx_http_bigcache_page_ctx_t   *ctx, *former;
    ngx_http_bigcache_page_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_pages_module);

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_pages_module);

    if (ctx == NULL) {
        former = r->internal ? ngx_http_bigcache_page_ctx_find(r) : NULL;

        if (former) {

            /* the request has left another location before it was answered */

            ngx_http_bigcache_page_request_restore(r, former);
            ngx_http_bigcache_page_flow_end(former, NULL);

            if (former->error_page) {
                former->error_page = 0;
                r->error_page = 0;
            }
        }

        if (ngx_http_bigcache_page_purge(r, conf) == NGX_OK) {
            return NGX_OK;
        }

        /* what auth_request and mirror ask for is not a page for a client */

        if (conf->zone == NULL || (r != r->main && r->header_only)) {
            return NGX_DECLINED;
        }

        rc = ngx_http_bigcache_page_handler_start(r, conf, former, &ctx);

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    rc = ngx_http_bigcache_page_handler_run(r, ctx);

    if (rc == NGX_DECLINED && ctx->refresh && !ctx->fetching) {
        r->content_handler = ngx_http_bigcache_page_refresh_nothing;
        return NGX_OK;
    }

    return (rc == NGX_ERROR) ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc;
}


static ngx_int_t
ngx_http_bigcache_page_handler_start(ngx_http_request_t *r,
    ngx_http_bigcache_page_conf_t *conf, ngx_http_bigcache_page_ctx_t *former,
    ngx_http_bigcache_page_ctx_t **ctxp)
{
    ngx_int_t                      rc;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_bigcache_page_ctx_create(r, conf);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    *ctxp = ctx;

    if (former) {
        ngx_http_bigcache_page_handler_inherit(ctx, former);
    }

    rc = ngx_http_bigcache_page_request(r, ctx);

    if (rc == NGX_OK || ctx->unsafe) {
        rc = ngx_http_bigcache_page_key(r, conf, &ctx->url);

        if (rc != NGX_OK) {
            ctx->unsafe = 0;
        }
    }

    if (rc == NGX_OK && !ctx->unsafe) {
        ctx->key = ctx->url;
        rc = ngx_http_bigcache_page_handler_bypass(r, ctx);
    }

    /* what answers in place of an upstream that has failed is not its page */

    if (rc != NGX_OK || ctx->unsafe || (former && former->called)) {
        ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_REQUEST);
    }

    return rc;
}


/* a try_files, for example, has sent the request on to a named location */

static void
ngx_http_bigcache_page_handler_inherit(ngx_http_bigcache_page_ctx_t *ctx,
    ngx_http_bigcache_page_ctx_t *former)
{
    ctx->refresh = former->refresh;
    ctx->uses = former->uses;

    /* it counts as one request */

    former->status = NGX_HTTP_BIGCACHE_PAGE_NONE;

    if (former->led && former->conf->zone == ctx->conf->zone) {
        ctx->lease = former->lease;
        ctx->led = 1;
        former->led = 0;
    }

    ngx_http_bigcache_page_lease_end(former, BIGCACHE_LEASE_NONE, 0, 0);
    ctx->thread = 1;
}


static ngx_int_t
ngx_http_bigcache_page_handler_bypass(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_test_predicates(r, ctx->conf->bypass);

    if (rc == NGX_DECLINED) {

        /* the page is not read, but the answer is stored */

        ctx->bypass = 1;
        ctx->thread = 1;
        rc = NGX_OK;
    }

    return rc;
}


/* returns what a phase handler does */

static ngx_int_t
ngx_http_bigcache_page_handler_run(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    for ( ;; ) {

        switch (ctx->step) {

        case NGX_HTTP_BIGCACHE_PAGE_LOOKUP:
            ngx_http_bigcache_page_handler_lookup(r, ctx);
            break;

        case NGX_HTTP_BIGCACHE_PAGE_WAITING:
            return NGX_AGAIN;

        case NGX_HTTP_BIGCACHE_PAGE_DECIDE:
            if (ngx_http_bigcache_page_handler_decide(r, ctx) != NGX_OK) {
                return NGX_ERROR;
            }

            break;

        case NGX_HTTP_BIGCACHE_PAGE_LEASE:
            ngx_http_bigcache_page_handler_lease(ctx);
            break;

        case NGX_HTTP_BIGCACHE_PAGE_LEASED:
            ngx_http_bigcache_page_handler_leased(r, ctx);
            break;

        case NGX_HTTP_BIGCACHE_PAGE_FETCH:
            ngx_http_bigcache_page_handler_fetch(r, ctx);
            break;

        case NGX_HTTP_BIGCACHE_PAGE_SEND:
            ctx->step = NGX_HTTP_BIGCACHE_PAGE_DONE;
            r->content_handler = ngx_http_bigcache_page_send;
            return NGX_OK;

        case NGX_HTTP_BIGCACHE_PAGE_FOLLOW:
            ctx->step = NGX_HTTP_BIGCACHE_PAGE_DONE;
            r->content_handler = ngx_http_bigcache_page_follow;
            return NGX_OK;

        default: /* NGX_HTTP_BIGCACHE_PAGE_DONE */
            return NGX_DECLINED;
        }
    }
}


static void
ngx_http_bigcache_page_handler_lookup(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    switch (ngx_http_bigcache_page_lookup(r, ctx)) {

    case NGX_OK:
        ctx->step = NGX_HTTP_BIGCACHE_PAGE_DECIDE;
        break;

    case NGX_AGAIN:
        ctx->step = NGX_HTTP_BIGCACHE_PAGE_WAITING;
        break;

    default: /* NGX_BUSY */
        ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_UNAVAILABLE);
    }
}


static ngx_int_t
ngx_http_bigcache_page_handler_decide(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (ctx->found && (ctx->head.flags & BIGCACHE_HEAD_VARIES)) {
        return ngx_http_bigcache_page_handler_variant(r, ctx);
    }

    if (ctx->bypass) {
        ctx->found = 0;
        ctx->step = NGX_HTTP_BIGCACHE_PAGE_FETCH;
        return NGX_OK;
    }

    if (ctx->found
        && !ngx_http_bigcache_page_request_usable(ctx, &ctx->head))
    {

        /* the page is for others; this request gets its own */

        ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_PRIVATE);
        return NGX_OK;
    }

    if (!ctx->found && ngx_http_bigcache_page_handler_rare(ctx)) {
        ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_RARE);
        return NGX_OK;
    }

    if (ctx->found
        && !ctx->no_cache
        && bigcache_time_now() < ctx->head.fresh_until)
    {
        /* also if it was stored while this request took the lease */

        ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_STORED, 0, 0);
        ctx->status = NGX_HTTP_BIGCACHE_PAGE_HIT;
        ctx->step = ctx->refresh ? NGX_HTTP_BIGCACHE_PAGE_DONE
                                 : NGX_HTTP_BIGCACHE_PAGE_SEND;
        return NGX_OK;
    }

    ctx->step = (ctx->led || ctx->thread) ? NGX_HTTP_BIGCACHE_PAGE_FETCH
                                          : NGX_HTTP_BIGCACHE_PAGE_LEASE;
    return NGX_OK;
}


/* what was found are the names of fields that the page varies by */

static ngx_int_t
ngx_http_bigcache_page_handler_variant(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    size_t           at;
    ngx_int_t        rc;
    ngx_uint_t       n;
    bigcache_str_t   value, names[BIGCACHE_VARY_MAX];

    ctx->found = 0;
    n = 0;

    if (!ctx->varied) {

        for (at = 0; n < BIGCACHE_VARY_MAX
                     && bigcache_head_next(&ctx->head, &at, &names[n], &value);
             n++)
        {
            /* void */
        }

        rc = ngx_http_bigcache_page_key_variant(r, &ctx->url, names, n,
                                                &ctx->key);
        if (rc == NGX_OK) {
            ctx->varied = 1;
            ctx->step = NGX_HTTP_BIGCACHE_PAGE_LOOKUP;
        }

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_PRIVATE);

    return NGX_OK;
}


/* returns 1 if the page was asked for too seldom to be stored, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_handler_rare(ngx_http_bigcache_page_ctx_t *ctx)
{
    bigcache_str_t        key;
    bigcache_uses_shm_t  *uses;

    uses = ctx->conf->zone->shm->uses;

    if (ctx->conf->min_uses < 2 || uses == NULL || ctx->head_only) {
        return 0;
    }

    if (ctx->uses == 0) {
        key = bigcache_str(ctx->key.data, ctx->key.len);

        ctx->uses = bigcache_uses_add(uses, &key, bigcache_time_monotonic());
    }

    return ctx->uses < ctx->conf->min_uses;
}


static void
ngx_http_bigcache_page_handler_lease(ngx_http_bigcache_page_ctx_t *ctx)
{
    bigcache_str_t            key;
    ngx_http_bigcache_shm_t  *shm;

    ctx->step = NGX_HTTP_BIGCACHE_PAGE_LEASED;

    shm = ctx->conf->zone->shm;

    /* what comes for some cookies says nothing about the page for others */

    if (shm->lease == NULL
        || ctx->no_cache
        || (!ctx->found && (ctx->cookies || ctx->authorized)))
    {
        ctx->lease_state = BIGCACHE_LEASE_NONE;
        return;
    }

    key = bigcache_str(ctx->key.data, ctx->key.len);

    ctx->lease_state = bigcache_lease_take(shm->lease, &key,
                                           bigcache_time_monotonic(),
                                           ctx->since, ctx->conf->lock_timeout,
                                           &ctx->lease);

    ctx->led = (ctx->lease_state == BIGCACHE_LEASE_LEADER);
}


static void
ngx_http_bigcache_page_handler_leased(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_uint_t  stale;

    ctx->step = NGX_HTTP_BIGCACHE_PAGE_FETCH;

    stale = ngx_http_bigcache_page_handler_stale(ctx,
                                          ctx->head.stale_while_revalidate);

    switch (ctx->lease_state) {

    case BIGCACHE_LEASE_LEADER:
        ngx_http_bigcache_page_handler_lead(r, ctx, stale);
        break;

    case BIGCACHE_LEASE_WAIT:

        if (stale) {
            ctx->status = NGX_HTTP_BIGCACHE_PAGE_UPDATING;
            ctx->step = NGX_HTTP_BIGCACHE_PAGE_SEND;

        } else if (ctx->conf->lock && !ctx->head_only) {
            ngx_http_bigcache_page_handler_wait(r, ctx);
        }

        break;

    case BIGCACHE_LEASE_STORED:

        if (ctx->again++ < NGX_HTTP_BIGCACHE_PAGE_AGAIN) {
            ctx->key = ctx->url;
            ctx->varied = 0;
            ctx->step = NGX_HTTP_BIGCACHE_PAGE_LOOKUP;
        }

        break;

    case BIGCACHE_LEASE_PASS:

        /* nothing will be stored: the upstream gets the request as it is */

        ngx_http_bigcache_page_pass(ctx, BIGCACHE_PAGE_METRIC_UNCACHEABLE);

        break;

    case BIGCACHE_LEASE_FAILED:

        if (ctx->waited) {

            /* the page may have been removed meanwhile */

            ctx->waited = 0;
            ctx->step = NGX_HTTP_BIGCACHE_PAGE_LOOKUP;

            break;
        }

        if (stale
            || ngx_http_bigcache_page_handler_stale(ctx,
                                                ctx->head.stale_if_error))
        {
            ctx->status = NGX_HTTP_BIGCACHE_PAGE_STALE;
            ctx->step = NGX_HTTP_BIGCACHE_PAGE_SEND;
        }

        break;

    default: /* BIGCACHE_LEASE_NONE */
        break;
    }
}


/* for the end of the fetch, or not even for that */

static void
ngx_http_bigcache_page_handler_wait(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (ngx_http_bigcache_page_flow_join(r, ctx) == NGX_OK) {
        ctx->collapsed = 1;
        ctx->status = NGX_HTTP_BIGCACHE_PAGE_MISS;
        ctx->step = NGX_HTTP_BIGCACHE_PAGE_FOLLOW;

        return;
    }

    ctx->waited = 1;
    ctx->step = NGX_HTTP_BIGCACHE_PAGE_WAITING;
    ngx_http_bigcache_page_wait(r, ctx);
}


static void
ngx_http_bigcache_page_handler_lead(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_uint_t stale)
{
    if (stale) {

        /*
         * If it cannot be refreshed now, another request will try it.  The
         * upstream may see the method of the main request.
         */

        if (r->main->method != NGX_HTTP_GET
            || ngx_http_bigcache_page_refresh(r, ctx) != NGX_OK)
        {
            ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE,
                                                     0, 0);
        }

        ctx->status = NGX_HTTP_BIGCACHE_PAGE_UPDATING;
        ctx->step = NGX_HTTP_BIGCACHE_PAGE_SEND;

        return;
    }

    if (ctx->head_only) {

        /* nothing is stored of what the origin answers to HEAD */

        ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE, 0, 0);
    }
}


/* returns 1 if the page may be used for so many seconds after it was fresh */

static ngx_uint_t
ngx_http_bigcache_page_handler_stale(ngx_http_bigcache_page_ctx_t *ctx,
    uint32_t window)
{
    return ctx->found
           && !ctx->no_cache
           && !(ctx->head.flags & BIGCACHE_HEAD_REVALIDATE)
           && bigcache_time_now()
              < ctx->head.fresh_until + (int64_t) window * 1000;
}


static void
ngx_http_bigcache_page_handler_fetch(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (ctx->latest == 0
        && !ctx->thread
        && !ctx->head_only)
    {
        /* only a thread learns the version, without which nothing is stored */

        ctx->thread = 1;
        ctx->step = NGX_HTTP_BIGCACHE_PAGE_LOOKUP;

        return;
    }

    ctx->step = NGX_HTTP_BIGCACHE_PAGE_DONE;

    ctx->status = ctx->bypass ? NGX_HTTP_BIGCACHE_PAGE_BYPASS
                  : ctx->found ? NGX_HTTP_BIGCACHE_PAGE_EXPIRED
                  : NGX_HTTP_BIGCACHE_PAGE_MISS;

    ngx_http_bigcache_page_fetch(r, ctx);
}
