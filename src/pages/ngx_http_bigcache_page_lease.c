
/*
 * Copyright (C) bigcache contributors
 */


/* ends the leases that requests lead */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_time.h"
#include "ngx_http_bigcache_pages.h"


void
ngx_http_bigcache_page_lease_end(ngx_http_bigcache_page_ctx_t *ctx,
    bigcache_lease_e as, int64_t time, int64_t most)
{
    if (!ctx->led) {
        return;
    }

    ctx->led = 0;

    (void) bigcache_lease_end(ctx->conf->zone->shm->lease,
                              bigcache_time_monotonic(), as, time, most,
                              &ctx->lease);

    ngx_http_bigcache_page_wait_wake();
}
