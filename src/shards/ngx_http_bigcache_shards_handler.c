
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Decides what becomes of a request: with a key it is proxied to the server of
 * the key; what concerns all keys is asked of all servers; all else is refused.
 * Nothing goes to one server by chance.
 */


#include "ngx_http_bigcache_shards.h"


static ngx_int_t ngx_http_bigcache_shards_handler_rest(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
static void ngx_http_bigcache_shards_handler_find(
    ngx_http_bigcache_shards_ctx_t *ctx, const ngx_str_t *path);
static ngx_int_t ngx_http_bigcache_shards_handler_pages(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_shards_handler_all(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);


/* what is asked of all servers, and how their answers become one */

static const struct {
    ngx_str_t                    path;
    ngx_http_bigcache_shards_pt  prepare;
    ngx_http_bigcache_shards_pt  merge;
    const char                  *before;    /* the number that is added up */
} ngx_http_bigcache_shards_all[] = {
    { ngx_string("/prefix/"), NULL, ngx_http_bigcache_shards_merge, "': " },
    { ngx_string("/purge"), NULL, ngx_http_bigcache_shards_merge,
      "{\"purged\":" },
    { ngx_string("/stat/count"), NULL, ngx_http_bigcache_shards_merge,
      "{\"count\":" },
    { ngx_string("/stat/history"), NULL, ngx_http_bigcache_shards_history,
      NULL },
    { ngx_string("/stat"), NULL, ngx_http_bigcache_shards_merge_stat, NULL },
    { ngx_string("/metrics"), NULL, ngx_http_bigcache_shards_metrics, NULL },
    { ngx_string("/keys/"), ngx_http_bigcache_shards_list_cut,
      ngx_http_bigcache_shards_list, NULL },
    { ngx_string("/batch"), ngx_http_bigcache_shards_batch_cut,
      ngx_http_bigcache_shards_batch, NULL },
    { ngx_string("/clear"), NULL, ngx_http_bigcache_shards_merge, NULL },
    { ngx_string("/close"), NULL, ngx_http_bigcache_shards_merge, NULL },
    { ngx_string("/open"), NULL, ngx_http_bigcache_shards_merge, NULL },
    { ngx_null_string, NULL, NULL, NULL }
};


ngx_int_t
ngx_http_bigcache_shards_handler(ngx_http_request_t *r)
{
    ngx_http_bigcache_ctx_t          *reply;
    ngx_http_bigcache_shards_ctx_t   *ctx;
    ngx_http_bigcache_shards_conf_t  *conf;

    conf = ngx_http_bigcache_shards_conf_get(r);

    if (conf == NULL) {
        return ngx_http_bigcache_shards_conf_lacks(r)
               ? NGX_HTTP_INTERNAL_SERVER_ERROR : NGX_DECLINED;
    }

    if (ngx_http_bigcache_shards_fan_answer(r)) {
        return NGX_DECLINED;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_shards_ctx_t));
    reply = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_ctx_t));

    if (ctx == NULL || reply == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->conf = conf;

    ngx_http_set_ctx(r, ctx, ngx_http_bigcache_shards_module);
    ngx_http_set_ctx(r, reply, ngx_http_bigcache_module);

    switch (conf->mode) {

    case NGX_HTTP_BIGCACHE_SHARDS_PAGES:
        return ngx_http_bigcache_shards_handler_pages(r, ctx);

    case NGX_HTTP_BIGCACHE_SHARDS_ALL:
        ctx->merge = ngx_http_bigcache_shards_merge;
        ctx->before = "{\"purged\":";
        return ngx_http_bigcache_shards_handler_all(r, ctx);

    default: /* NGX_HTTP_BIGCACHE_SHARDS_REST */
        return ngx_http_bigcache_shards_handler_rest(r, ctx);
    }
}


static ngx_int_t
ngx_http_bigcache_shards_handler_rest(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_int_t                         rc;
    bigcache_str_t                   *key;
    const ngx_http_bigcache_route_t  *route;

    rc = ngx_http_bigcache_endpoint(r, &ctx->op, &route);

    if (rc != NGX_DECLINED) {
        ngx_http_finalize_request(r, rc);
        return NGX_DONE;
    }

    ctx->read = !(route->flags & NGX_HTTP_BIGCACHE_OWN_SITE);

    ngx_http_bigcache_shards_handler_find(ctx, &route->path);

    if (ctx->merge) {
        return ngx_http_bigcache_shards_handler_all(r, ctx);
    }

    key = (route->flags & NGX_HTTP_BIGCACHE_URL) ? &ctx->op.site
                                                 : &ctx->op.key;
    ctx->key.data = (u_char *) key->data;
    ctx->key.len = key->len;

    if (ctx->key.len == 0) {

        /* for no text nginx takes the servers in turn */

        ctx->key = ctx->conf->shards[bigcache_ring_find(ctx->conf->ring,
                                                        key)].key;
    }

    return NGX_DECLINED;
}


/* how a path is asked of all servers, if it is */

static void
ngx_http_bigcache_shards_handler_find(ngx_http_bigcache_shards_ctx_t *ctx,
    const ngx_str_t *path)
{
    ngx_uint_t  i;

    for (i = 0; ngx_http_bigcache_shards_all[i].path.len; i++) {

        if (ngx_http_bigcache_shards_all[i].path.len == path->len
            && ngx_strncmp(ngx_http_bigcache_shards_all[i].path.data,
                           path->data, path->len)
               == 0)
        {
            ctx->prepare = ngx_http_bigcache_shards_all[i].prepare;
            ctx->merge = ngx_http_bigcache_shards_all[i].merge;
            ctx->before = ngx_http_bigcache_shards_all[i].before;

            return;
        }
    }
}


/* a purge may concern pages of other schemes, which lie on other servers */

static ngx_int_t
ngx_http_bigcache_shards_handler_pages(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    switch (ngx_http_bigcache_shards_key_purges(r)) {

    case NGX_OK:
        ctx->merge = ngx_http_bigcache_shards_merge;
        ctx->before = "{\"purged\":";

        return ngx_http_bigcache_shards_handler_all(r, ctx);

    case NGX_HTTP_FORBIDDEN:
        return NGX_HTTP_FORBIDDEN;

    default: /* NGX_DECLINED */
        break;
    }

    if (r->method == NGX_HTTP_UNKNOWN) {

        /* it may be one that purges at the servers, of which it reached one */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "bigcache shards: \"%V\" needs a line \"bigcache_purge\" "
                      "in the front, too", &r->method_name);

        return NGX_HTTP_NOT_ALLOWED;
    }

    switch (ngx_http_bigcache_shards_key_page(r, &ctx->key)) {

    case NGX_OK:
        return NGX_DECLINED;

    case NGX_ERROR:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    default: /* NGX_DECLINED */

        /* it cannot be cached: one server may pass it on */

        ctx->key = ctx->conf->shards[0].key;

        return NGX_DECLINED;
    }
}


static ngx_int_t
ngx_http_bigcache_shards_handler_all(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_uint_t                          i;
    ngx_http_bigcache_shards_conf_t    *conf;
    ngx_http_bigcache_shards_answer_t  *answer;

    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "bigcache shards: a subrequest, of SSI for example, "
                      "cannot be asked of all servers: \"%V\"", &r->uri);

        return NGX_HTTP_BAD_REQUEST;
    }

    conf = ctx->conf;

    ctx->answers = ngx_pcalloc(r->pool, conf->nshards
                                  * sizeof(ngx_http_bigcache_shards_answer_t));
    if (ctx->answers == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->nanswers = conf->nshards;

    for (i = 0; i < conf->nshards; i++) {
        answer = &ctx->answers[i];
        answer->ctx = ctx;
        answer->shard = &conf->shards[i];
    }

    ctx->proxy = r->content_handler;
    r->content_handler = ngx_http_bigcache_shards_fan;

    return NGX_DECLINED;
}
