
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
static ngx_int_t ngx_http_bigcache_shards_handler_key(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_str_t *rest, ngx_uint_t raw,
    const ngx_http_bigcache_route_t *route);
static ngx_int_t ngx_http_bigcache_shards_handler_pages(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_shards_handler_all(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_shards_handler_refuse(ngx_http_request_t *r,
    ngx_uint_t status, const char *detail);


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

    conf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_shards_module);

    if (conf->upstream == NULL || ngx_http_bigcache_shards_fan_answer(r)) {
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
        ctx->before = "{\"purged\": ";
        return ngx_http_bigcache_shards_handler_all(r, ctx);

    default: /* NGX_HTTP_BIGCACHE_SHARDS_REST */
        return ngx_http_bigcache_shards_handler_rest(r, ctx);
    }
}


static ngx_int_t
ngx_http_bigcache_shards_handler_rest(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    ngx_str_t                         rest, ignored;
    ngx_uint_t                        i, raw;
    const char                       *err;
    ngx_http_bigcache_loc_conf_t     *blcf;
    const ngx_http_bigcache_route_t  *first, *route;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    raw = (r == r->main && r->valid_unparsed_uri);

    first = ngx_http_bigcache_route_find(&blcf->base,
                                         raw ? &r->unparsed_uri : &r->uri, raw,
                                         &rest);
    if (first == NULL) {
        return ngx_http_bigcache_shards_handler_refuse(r, NGX_HTTP_NOT_FOUND,
                                                       "Not Found");
    }

    route = ngx_http_bigcache_route_method(first, r->method);

    if (route == NULL) {
        if (ngx_http_bigcache_route_allow(r, first) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_bigcache_shards_handler_refuse(r, NGX_HTTP_NOT_ALLOWED,
                                                       "Method Not Allowed");
    }

    if (raw
        && ngx_http_bigcache_route_find(&blcf->base, &r->uri, 0, &ignored)
           != first)
    {
        return ngx_http_bigcache_shards_handler_refuse(r, NGX_HTTP_BAD_REQUEST,
                               "dots in the path lead out of its endpoint");
    }

    if (route->flags & NGX_HTTP_BIGCACHE_OWN_SITE) {

        err = ngx_http_bigcache_origin_refused(r);

        if (err) {
            return ngx_http_bigcache_shards_handler_refuse(r,
                                                       NGX_HTTP_FORBIDDEN, err);
        }

    } else {
        ctx->read = 1;
    }

    for (i = 0; ngx_http_bigcache_shards_all[i].path.len; i++) {

        if (ngx_http_bigcache_shards_all[i].path.len == route->path.len
            && ngx_strncmp(ngx_http_bigcache_shards_all[i].path.data,
                           route->path.data, route->path.len)
               == 0)
        {
            ctx->prepare = ngx_http_bigcache_shards_all[i].prepare;
            ctx->merge = ngx_http_bigcache_shards_all[i].merge;
            ctx->before = ngx_http_bigcache_shards_all[i].before;

            break;
        }
    }

    return ngx_http_bigcache_shards_handler_key(r, ctx, &rest, raw, route);
}


static ngx_int_t
ngx_http_bigcache_shards_handler_key(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx, ngx_str_t *rest, ngx_uint_t raw,
    const ngx_http_bigcache_route_t *route)
{
    ngx_str_t        args;
    const char      *err;
    bigcache_str_t  *key;

    err = NULL;
    key = &ctx->op.key;

    if (route->flags & NGX_HTTP_BIGCACHE_PREFIX) {

        ngx_str_null(&args);

        if (!raw) {
            args = r->args;
        }

        err = ngx_http_bigcache_key(r, rest, &args, raw, route->flags, key);
    }

    if (err == NULL && (route->flags & NGX_HTTP_BIGCACHE_LIST)) {
        err = ngx_http_bigcache_key_list_args(r, &ctx->op);
    }

    if (err == NULL && (route->flags & NGX_HTTP_BIGCACHE_URL)) {
        err = ngx_http_bigcache_key_page_args(r, &ctx->op);
        key = &ctx->op.site;
    }

    if (err) {
        return ngx_http_bigcache_shards_handler_refuse(r, NGX_HTTP_BAD_REQUEST,
                                                       err);
    }

    if (ctx->merge) {
        return ngx_http_bigcache_shards_handler_all(r, ctx);
    }

    ctx->key.data = (u_char *) key->data;
    ctx->key.len = key->len;

    if (ctx->key.len == 0) {

        /* nginx would take the next server in turn: all have the same chance */

        ctx->key = ctx->conf->shards[0].key;
    }

    return NGX_DECLINED;
}


/* a purge may concern pages of other schemes, which lie on other servers */

static ngx_int_t
ngx_http_bigcache_shards_handler_pages(ngx_http_request_t *r,
    ngx_http_bigcache_shards_ctx_t *ctx)
{
    if (r->method_name.len >= 5
        && ngx_strncmp(r->method_name.data, "PURGE", 5) == 0)
    {
        ctx->merge = ngx_http_bigcache_shards_merge;
        ctx->before = "{\"purged\": ";

        return ngx_http_bigcache_shards_handler_all(r, ctx);
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
        return ngx_http_bigcache_shards_handler_refuse(r, NGX_HTTP_BAD_REQUEST,
                                "a subrequest cannot be asked of all servers");
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

    r->content_handler = ngx_http_bigcache_shards_fan;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_bigcache_shards_handler_refuse(ngx_http_request_t *r,
    ngx_uint_t status, const char *detail)
{
    ngx_http_finalize_request(r, ngx_http_bigcache_reply_detail(r, status,
                                                                detail));
    return NGX_DONE;
}
