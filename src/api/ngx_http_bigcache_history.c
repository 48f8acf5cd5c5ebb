
/*
 * Copyright (C) bigcache contributors
 */


/* The reply of /stat/history: what the store did lately, as arrays. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_time.h"
#include "ngx_http_bigcache_api.h"


ngx_int_t
ngx_http_bigcache_history(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    u_char                   *p;
    int64_t                   now;
    ngx_uint_t                i;
    bigcache_history_view_t  *views;

    if (ctx->zone->shm->history == NULL) {
        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_NOT_FOUND,
                                         "no history is kept in a zone of less "
                                         "than 128k");
    }

    views = ngx_palloc(r->pool, BIGCACHE_HISTORY_SERIES
                                * sizeof(bigcache_history_view_t));
    if (views == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    now = bigcache_time_now();

    for (i = 0; i < BIGCACHE_HISTORY_SERIES; i++) {
        bigcache_history_view(&views[i], i, now);
        bigcache_history_read(ctx->zone->shm->history, i, &views[i]);
    }

    p = ngx_pnalloc(r->pool, ngx_http_bigcache_history_size());
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->op.reply[0] = bigcache_data_bytes(p, 0);
    ctx->op.nreply = 1;

    p = ngx_http_bigcache_history_write(p, views, now);
    *p++ = '}';

    ctx->op.reply[0].bytes.len = p - ctx->op.reply[0].bytes.data;

    return ngx_http_bigcache_reply_document(r, ctx);
}


size_t
ngx_http_bigcache_history_size(void)
{
    return sizeof("{\"now\":,\"series\":[]}") + NGX_INT64_LEN
           + BIGCACHE_HISTORY_SERIES * (bigcache_history_size() + 1);
}


u_char *
ngx_http_bigcache_history_write(u_char *p,
    const bigcache_history_view_t *views, int64_t now)
{
    ngx_uint_t  i;

    p = ngx_sprintf(p, "{\"now\":%L,\"series\":[", now / 1000);

    for (i = 0; i < BIGCACHE_HISTORY_SERIES; i++) {

        if (i) {
            *p++ = ',';
        }

        p = bigcache_history_write(p, &views[i]);
    }

    *p++ = ']';

    return p;
}
