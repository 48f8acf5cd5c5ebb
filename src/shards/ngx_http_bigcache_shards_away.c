
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Answers for one key.  If the server of the key cannot be reached, nginx says
 * 502 or 504 in HTML: here that is 503 in JSON, as when a store is closed.  And
 * no answer of another server than that of the key goes out.
 */


#include "ngx_http_bigcache_shards.h"


static ngx_int_t ngx_http_bigcache_shards_away_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_shards_away_say(ngx_http_request_t *r);
static const ngx_http_bigcache_shard_t *ngx_http_bigcache_shards_away_shard(
    ngx_http_bigcache_shards_ctx_t *ctx);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


void
ngx_http_bigcache_shards_away_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_bigcache_shards_away_header;
}


static ngx_int_t
ngx_http_bigcache_shards_away_header(ngx_http_request_t *r)
{
    ngx_http_upstream_t             *u;
    ngx_http_bigcache_shards_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_shards_module);

    if (ctx == NULL || ctx->key.len == 0) {
        return ngx_http_next_header_filter(r);
    }

    u = r->upstream;

    if (u && u->headers_in.status_n && r->err_status == 0
        && !ngx_http_bigcache_shards_fan_right(r,
                                    ngx_http_bigcache_shards_away_shard(ctx)))
    {
        ctx->key.len = 0;
        return NGX_HTTP_BAD_GATEWAY;
    }

    if (r == r->main
        && ctx->conf->mode == NGX_HTTP_BIGCACHE_SHARDS_REST
        && (r->err_status == NGX_HTTP_BAD_GATEWAY
            || r->err_status == NGX_HTTP_GATEWAY_TIME_OUT)
        && ngx_http_bigcache_shards_away_say(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* the filter of errors sends the text in the place of nginx's */

static ngx_int_t
ngx_http_bigcache_shards_away_say(ngx_http_request_t *r)
{
    ngx_http_bigcache_ctx_t  *reply;

    static ngx_str_t  retry = ngx_string("1");

    reply = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    ngx_str_set(&reply->error,
                "{\"detail\":\"the server of this key does not answer\"}");
    reply->answered = 1;

    ngx_http_bigcache_send_json_type(r);
    ngx_str_null(&r->headers_out.status_line);
    ngx_http_clear_content_length(r);

    r->err_status = NGX_HTTP_SERVICE_UNAVAILABLE;
    r->headers_out.status = NGX_HTTP_SERVICE_UNAVAILABLE;
    r->headers_out.content_length_n = reply->error.len;

    return ngx_http_bigcache_send_add_header(r, "Retry-After", &retry)
           ? NGX_OK : NGX_ERROR;
}


static const ngx_http_bigcache_shard_t *
ngx_http_bigcache_shards_away_shard(ngx_http_bigcache_shards_ctx_t *ctx)
{
    bigcache_str_t  key;

    key = bigcache_str(ctx->key.data, ctx->key.len);

    return &ctx->conf->shards[bigcache_ring_find(ctx->conf->ring, &key)];
}
