
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The content handler of the API: finds the operation of a request.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"


static ngx_int_t ngx_http_bigcache_handler_route(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_handler_no_store(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_handler_read_body(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static void ngx_http_bigcache_handler_body(ngx_http_request_t *r);


ngx_int_t
ngx_http_bigcache_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_bigcache_ctx_create(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_bigcache_handler_route(r, ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ctx->idle = (ctx->route->op == NULL
                 || (r->method == NGX_HTTP_HEAD
                     && (ctx->route->flags & NGX_HTTP_BIGCACHE_OWN_SITE)));

    if (ctx->op.cache == NULL && !ctx->idle) {
        return ngx_http_bigcache_handler_no_store(r, ctx);
    }

    if (ctx->route->flags & NGX_HTTP_BIGCACHE_BODY) {
        return ngx_http_bigcache_handler_read_body(r, ctx);
    }

    if (ctx->lease && ngx_http_bigcache_lease_wanted(ctx)) {
        return ngx_http_bigcache_lease(r, ctx);
    }

    if (ctx->idle
        || (ctx->route->peek && ctx->route->peek(&ctx->op)))
    {
        return ngx_http_bigcache_reply(r);
    }

    rc = (ctx->route->flags & NGX_HTTP_BIGCACHE_IMPATIENT)
         ? ngx_http_bigcache_gauges(r, ctx, ngx_http_bigcache_reply)
         : ngx_http_bigcache_task_post(r, ctx, ngx_http_bigcache_reply);

    if (rc == NGX_OK) {
        r->main->count++;
        return NGX_DONE;
    }

    return (rc == NGX_BUSY) ? ngx_http_bigcache_reply(r)
                            : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* returns NGX_DECLINED if the request must be handled, else it is over */

static ngx_int_t
ngx_http_bigcache_handler_route(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_int_t    rc;
    const char  *err;

    rc = ngx_http_bigcache_endpoint(r, &ctx->op, &ctx->route);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    err = ngx_http_bigcache_headers(r, ctx);

    if (err) {
        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_BAD_REQUEST, err);
    }

    return NGX_DECLINED;
}


/* this process has not been able to start the store */

static ngx_int_t
ngx_http_bigcache_handler_no_store(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    /* the metrics report it, other requests fail */

    if (!(ctx->route->flags & NGX_HTTP_BIGCACHE_IMPATIENT)) {
        ctx->op.rc = BIGCACHE_UNAVAILABLE;
        (void) ngx_cpystrn((u_char *) ctx->op.reason,
                           (u_char *) "this worker process cannot start the "
                                      "store, its error log says why",
                           BIGCACHE_ERROR_LEN);
    }

    return ngx_http_bigcache_reply(r);
}


static ngx_int_t
ngx_http_bigcache_handler_read_body(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_int_t  rc;

    r->request_body_in_single_buf = 1;

    rc = ngx_http_bigcache_buffer_read(r, ngx_http_bigcache_handler_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_bigcache_handler_body(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    rc = ngx_http_bigcache_body(r, &ctx->op.body);

    if (rc == NGX_OK) {
        rc = ngx_http_bigcache_task_post(r, ctx, ngx_http_bigcache_reply);
    }

    switch (rc) {

    case NGX_OK:
        break;

    case NGX_BUSY:
        ngx_http_finalize_request(r, ngx_http_bigcache_reply(r));
        break;

    default:
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}
