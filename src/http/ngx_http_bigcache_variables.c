
/*
 * Copyright (C) bigcache contributors
 */


/* The variable $bigcache_status. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


static ngx_int_t ngx_http_bigcache_variables_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


/* of a front end whose requests have contexts of their own */

static ngx_http_get_variable_pt  ngx_http_bigcache_variables_other;


void
ngx_http_bigcache_variables_front(ngx_http_get_variable_pt handler)
{
    ngx_http_bigcache_variables_other = handler;
}


ngx_int_t
ngx_http_bigcache_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var;

    static ngx_str_t  name = ngx_string("bigcache_status");

    var = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (var == NULL) {
        return NGX_ERROR;
    }

    var->get_handler = ngx_http_bigcache_variables_status;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_variables_status(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_bigcache_ctx_find(r);

    if (ctx == NULL || ctx->status.len == 0) {

        if (ngx_http_bigcache_variables_other) {
            return ngx_http_bigcache_variables_other(r, v, data);
        }

        v->not_found = 1;
        return NGX_OK;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = ctx->status.len;
    v->data = ctx->status.data;

    return NGX_OK;
}
