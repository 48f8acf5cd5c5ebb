
/*
 * Copyright (C) bigcache contributors
 */


/*
 * What became of a request: $bigcache_status, $bigcache_age, $bigcache_ttl, and
 * the field Cache-Status, RFC 9211.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_time.h"
#include "ngx_http_bigcache_pages.h"


static ngx_int_t ngx_http_bigcache_page_variables_name(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_bigcache_page_variables_seconds(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static int64_t ngx_http_bigcache_page_variables_ttl(
    ngx_http_bigcache_page_ctx_t *ctx);
static u_char *ngx_http_bigcache_page_variables_forward(
    ngx_http_bigcache_page_ctx_t *ctx, u_char *p);
static u_char *ngx_http_bigcache_page_variables_key(
    ngx_http_bigcache_page_ctx_t *ctx, u_char *p, u_char *last);


/* by ngx_http_bigcache_page_status_e; and why it went to the upstream */

static const struct {
    ngx_str_t   name;
    ngx_str_t   forward;    /* empty: it did not */
} ngx_http_bigcache_page_statuses[] = {
    { ngx_null_string, ngx_null_string },
    { ngx_string("HIT"), ngx_null_string },
    { ngx_string("STALE"), ngx_null_string },
    { ngx_string("UPDATING"), ngx_null_string },
    { ngx_string("REVALIDATED"), ngx_string("stale") },
    { ngx_string("MISS"), ngx_string("uri-miss") },
    { ngx_string("EXPIRED"), ngx_string("stale") },
    { ngx_string("BYPASS"), ngx_string("bypass") },
    { ngx_string("PASS"), ngx_string("bypass") }
};


ngx_int_t
ngx_http_bigcache_page_variables_add(ngx_conf_t *cf)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *var;

    static ngx_str_t  names[] = {
        ngx_string("bigcache_age"),
        ngx_string("bigcache_ttl")
    };

    ngx_http_bigcache_variables_front(ngx_http_bigcache_page_variables_name);

    for (i = 0; i < 2; i++) {
        var = ngx_http_add_variable(cf, &names[i], NGX_HTTP_VAR_NOCACHEABLE);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = ngx_http_bigcache_page_variables_seconds;
        var->data = i;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_variables_status(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    u_char     *p, *last;
    size_t      len;
    ngx_str_t   value;

    if (ctx->conf->status_header == NGX_HTTP_BIGCACHE_PAGE_STATUS_OFF
        || ctx->status == NGX_HTTP_BIGCACHE_PAGE_NONE
        || r != r->main)
    {
        return NGX_OK;
    }

    len = sizeof("bigcache; fwd=uri-miss; fwd-status=200; stored; ttl=; "
                 "collapsed; key=\"\"") + NGX_INT64_LEN;

    if (ctx->conf->status_header == NGX_HTTP_BIGCACHE_PAGE_STATUS_KEY) {
        len += 2 * ctx->key.len;
    }

    value.data = ngx_pnalloc(r->pool, len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    last = value.data + len;
    p = ngx_cpymem(value.data, "bigcache", sizeof("bigcache") - 1);

    if (ngx_http_bigcache_page_statuses[ctx->status].forward.len) {
        p = ngx_http_bigcache_page_variables_forward(ctx, p);

    } else {
        p = ngx_sprintf(p, "; hit; ttl=%L",
                        ngx_http_bigcache_page_variables_ttl(ctx));
    }

    if (ctx->conf->status_header == NGX_HTTP_BIGCACHE_PAGE_STATUS_KEY) {
        p = ngx_http_bigcache_page_variables_key(ctx, p, last);
    }

    value.len = p - value.data;

    ctx->cache_status = ngx_http_bigcache_send_add_header(r, "Cache-Status",
                                                          &value);

    return ctx->cache_status ? NGX_OK : NGX_ERROR;
}


static u_char *
ngx_http_bigcache_page_variables_forward(ngx_http_bigcache_page_ctx_t *ctx,
    u_char *p)
{
    p = ngx_sprintf(p, "; fwd=%V",
                    &ngx_http_bigcache_page_statuses[ctx->status].forward);

    if (ctx->status == NGX_HTTP_BIGCACHE_PAGE_REVALIDATED) {
        p = ngx_sprintf(p, "; fwd-status=304");
    }

    if (ctx->armed) {
        p = ngx_sprintf(p, "; stored");
    }

    if (ctx->collapsed) {
        p = ngx_sprintf(p, "; collapsed");
    }

    return p;
}


/* the key without its NUL, as a string of a structured field */

static u_char *
ngx_http_bigcache_page_variables_key(ngx_http_bigcache_page_ctx_t *ctx,
    u_char *p, u_char *last)
{
    size_t  i;
    u_char  c;

    p = ngx_sprintf(p, "; key=\"");

    for (i = 1; i < ctx->key.len && p < last - 3; i++) {
        c = ctx->key.data[i];

        if (c == '"' || c == '\\') {
            *p++ = '\\';
        }

        *p++ = (c < 0x20 || c > 0x7e) ? ' ' : c;
    }

    *p++ = '"';

    return p;
}


static ngx_int_t
ngx_http_bigcache_page_variables_name(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_str_t               *name;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_bigcache_page_ctx_find(r);

    if (ctx == NULL || ctx->status == NGX_HTTP_BIGCACHE_PAGE_NONE) {
        v->not_found = 1;
        return NGX_OK;
    }

    name = &ngx_http_bigcache_page_statuses[ctx->status].name;

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = (unsigned) name->len;
    v->data = name->data;

    return NGX_OK;
}


/* data is 0 for the age, and 1 for the seconds that the page is fresh */

static ngx_int_t
ngx_http_bigcache_page_variables_seconds(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    int64_t                        seconds;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_bigcache_page_ctx_find(r);

    if (ctx == NULL || !ctx->found) {
        v->not_found = 1;
        return NGX_OK;
    }

    seconds = data ? ngx_http_bigcache_page_variables_ttl(ctx)
                   : (bigcache_time_now() - ctx->head.born) / 1000;

    v->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = (unsigned) (ngx_sprintf(v->data, "%L", seconds) - v->data);
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* negative if the page is stale */

static int64_t
ngx_http_bigcache_page_variables_ttl(ngx_http_bigcache_page_ctx_t *ctx)
{
    return (ctx->head.fresh_until - bigcache_time_now()) / 1000;
}
