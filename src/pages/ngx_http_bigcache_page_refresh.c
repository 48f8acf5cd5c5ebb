
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Fetches a stale page while the client gets it as it is.  A subrequest does,
 * which has the variables, the cookies and the connection of the request.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


ngx_int_t
ngx_http_bigcache_page_refresh(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_request_t            *sr;
    ngx_http_bigcache_page_ctx_t  *sub;

    static ngx_str_t  get = ngx_string("GET ");

    /* a connection cannot be closed that the client was told is kept */

    if (r->main->header_sent
        && r->main->keepalive
        && r->http_version < NGX_HTTP_VERSION_20)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_subrequest(r, &r->uri, &r->args, &sr, NULL,
                            NGX_HTTP_SUBREQUEST_CLONE
                            |NGX_HTTP_SUBREQUEST_BACKGROUND)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sr->header_only = 1;
    sr->method = NGX_HTTP_GET;
    sr->method_name.data = get.data;
    sr->method_name.len = get.len - 1;

    sub = ngx_http_bigcache_page_ctx_create(sr, ctx->conf);
    if (sub == NULL) {
        return NGX_ERROR;
    }

    sub->url = ctx->url;
    sub->key = ctx->url;
    sub->refresh = 1;
    sub->thread = 1;
    sub->gzip = ctx->gzip;
    sub->cookies = ctx->cookies;
    sub->authorized = ctx->authorized;
    sub->lease = ctx->lease;
    sub->led = ctx->led;

    ctx->led = 0;
    ctx->refreshed = 1;

    ngx_http_bigcache_page_count(ctx->conf->zone,
                                 BIGCACHE_PAGE_METRIC_REFRESHED);

    if (r->http_version < NGX_HTTP_VERSION_20) {

        /* the next request on this connection would wait for the fetch */

        r->main->keepalive = 0;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_refresh_nothing(ngx_http_request_t *r)
{
    return NGX_OK;
}
