
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The variable $bigcache_shard_key, which nginx hashes to choose a server: the
 * key as the server will make it, so that all spellings of one key lead to one
 * server.
 */


#include "ngx_http_bigcache_pages.h"
#include "ngx_http_bigcache_shards.h"


static ngx_int_t ngx_http_bigcache_shards_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


ngx_int_t
ngx_http_bigcache_shards_key_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var;

    static ngx_str_t  name = ngx_string("bigcache_shard_key");

    /* subrequests share the values of others */

    var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_bigcache_shards_key_variable;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_shards_key_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t                           key;
    ngx_http_bigcache_shards_ctx_t     *ctx;
    ngx_http_bigcache_shards_answer_t  *answer;

    answer = ngx_http_bigcache_shards_fan_answer(r);
    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_shards_module);

    if (answer) {
        key = answer->shard->key;

    } else if (ctx && ctx->key.len) {
        key = ctx->key;

    } else if (ngx_http_bigcache_shards_key_page(r, &key) != NGX_OK) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = key.len;
    v->data = key.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_shards_key_page(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_http_bigcache_page_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_pages_module);

    return ngx_http_bigcache_page_key(r, conf, key);
}


ngx_int_t
ngx_http_bigcache_shards_key_purges(ngx_http_request_t *r)
{
    ngx_http_bigcache_page_conf_t    *conf;
    ngx_http_bigcache_page_purger_t  *purger;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_pages_module);

    return ngx_http_bigcache_page_purger_find(r, conf, 1, &purger);
}
