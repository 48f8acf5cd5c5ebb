
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The context of a request: made when a front end handles the request, found
 * again after internal redirects, freed with the request's pool.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"
#include "bigcache_time.h"


static void ngx_http_bigcache_ctx_cleanup(void *data);


ngx_http_bigcache_ctx_t *
ngx_http_bigcache_ctx_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t            *cln;
    ngx_http_bigcache_ctx_t       *ctx;
    ngx_http_bigcache_loc_conf_t  *blcf;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ctx->request = r;
    ctx->start = bigcache_time_monotonic_us();
    ctx->zone = blcf->zone;
    ctx->op.cache = blcf->zone->cache;
    ctx->op.leases = blcf->zone->shm->rest_lease;
    ctx->op.page.body.fd = -1;
    ctx->op.body = bigcache_data_bytes((u_char *) "", 0);

    /* ngx_http_cleanup_add() would run before the thread has ended */

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    /* the request may come from another location of bigcache */

    ngx_http_bigcache_status_drop(ngx_http_bigcache_ctx_find(r));

    cln->handler = ngx_http_bigcache_ctx_cleanup;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_bigcache_module);

    return ctx;
}


ngx_http_bigcache_ctx_t *
ngx_http_bigcache_ctx_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    if (ctx && ctx->route) {
        return ctx;
    }

    /*
     * An internal redirect, for example to an error_page, has cleared the
     * context.  The contexts of subrequests are in the same pool, and are
     * skipped.
     */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_bigcache_ctx_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r) {
            return ctx;
        }
    }

    return NULL;
}


static void
ngx_http_bigcache_ctx_cleanup(void *data)
{
    ngx_http_bigcache_ctx_t *ctx = data;

    ngx_http_bigcache_status_measure(ctx);

    bigcache_op_free(&ctx->op);
}
