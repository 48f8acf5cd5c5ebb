
/*
 * Copyright (C) bigcache contributors
 */


/* lets a request go to the upstream as if there were no cache */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


void
ngx_http_bigcache_page_pass(ngx_http_bigcache_page_ctx_t *ctx,
    bigcache_page_metric_e why)
{
    ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE, 0, 0);

    ctx->found = 0;
    ctx->step = NGX_HTTP_BIGCACHE_PAGE_DONE;
    ctx->status = NGX_HTTP_BIGCACHE_PAGE_PASS;
    ctx->why = why;
}
