
/*
 * Copyright (C) bigcache contributors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"
#include "bigcache_time.h"


#define NGX_HTTP_BIGCACHE_READ   (NGX_HTTP_GET|NGX_HTTP_HEAD)
#define NGX_HTTP_BIGCACHE_WRITE  (NGX_HTTP_POST|NGX_HTTP_PUT)


static ngx_int_t ngx_http_bigcache_route(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_without_store(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_read_body(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx);
static void ngx_http_bigcache_body_handler(ngx_http_request_t *r);
static ngx_uint_t ngx_http_bigcache_same_path(
    const ngx_http_bigcache_route_t *one,
    const ngx_http_bigcache_route_t *two);
static void ngx_http_bigcache_cleanup(void *data);


/* the rows of one path stand together */

static const ngx_http_bigcache_route_t  ngx_http_bigcache_routes[] = {

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/cache/"),
      BIGCACHE_METRIC_GET,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_PAGE,
      bigcache_op_peek_json,
      bigcache_op_get_json,
      ngx_string("HIT"),
      ngx_http_bigcache_reply_page },

    { NGX_HTTP_BIGCACHE_WRITE,
      ngx_string("/cache/"),
      BIGCACHE_METRIC_SET,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_PREFER
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_put_json,
      ngx_string("STORED"),
      ngx_http_bigcache_reply_stored },

    { NGX_HTTP_DELETE,
      ngx_string("/cache/"),
      BIGCACHE_METRIC_DELETE,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_delete,
      ngx_string("DELETED"),
      ngx_http_bigcache_reply_deleted },

    { NGX_HTTP_PATCH,
      ngx_string("/cache/"),
      BIGCACHE_METRIC_TOUCH,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_touch,
      ngx_string("TOUCHED"),
      ngx_http_bigcache_reply_stored },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/pickle/"),
      BIGCACHE_METRIC_GET,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_PAGE,
      bigcache_op_peek_raw,
      bigcache_op_get_raw,
      ngx_string("HIT"),
      ngx_http_bigcache_reply_raw },

    { NGX_HTTP_BIGCACHE_WRITE,
      ngx_string("/pickle/"),
      BIGCACHE_METRIC_SET,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_PREFER
      |NGX_HTTP_BIGCACHE_LIFETIME
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_put_raw,
      ngx_string("STORED"),
      ngx_http_bigcache_reply_stored },

    { NGX_HTTP_DELETE,
      ngx_string("/pickle/"),
      BIGCACHE_METRIC_DELETE,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_delete,
      ngx_string("DELETED"),
      ngx_http_bigcache_reply_deleted },

    { NGX_HTTP_PATCH,
      ngx_string("/pickle/"),
      BIGCACHE_METRIC_TOUCH,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_touch,
      ngx_string("TOUCHED"),
      ngx_http_bigcache_reply_stored },

    { NGX_HTTP_POST,
      ngx_string("/incr/"),
      BIGCACHE_METRIC_INCR,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_incr,
      ngx_string("STORED"),
      ngx_http_bigcache_reply_stored },

    { NGX_HTTP_POST,
      ngx_string("/batch"),
      BIGCACHE_METRIC_BATCH,
      NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_OWN_SITE,
      NULL,
      bigcache_op_batch,
      ngx_null_string,
      ngx_http_bigcache_reply_document },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/keys/"),
      BIGCACHE_METRIC_KEYS,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_TRAILING
      |NGX_HTTP_BIGCACHE_LIST,
      NULL,
      bigcache_op_list,
      ngx_null_string,
      ngx_http_bigcache_reply_document },

    { NGX_HTTP_DELETE,
      ngx_string("/prefix/"),
      BIGCACHE_METRIC_PURGE,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_PREFER
      |NGX_HTTP_BIGCACHE_TRAILING
      |NGX_HTTP_BIGCACHE_OWN_SITE,
      NULL,
      bigcache_op_purge,
      ngx_string("PURGED"),
      ngx_http_bigcache_reply_purged },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/stat/count"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_LONG,
      NULL,
      bigcache_op_count,
      ngx_null_string,
      ngx_http_bigcache_reply_count },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/metrics"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_IMPATIENT,
      NULL,
      bigcache_op_gauges,
      ngx_null_string,
      ngx_http_bigcache_reply_metrics },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/stat"),
      BIGCACHE_METRIC_OTHER,
      0,
      NULL,
      NULL,
      ngx_null_string,
      ngx_http_bigcache_reply_stat },

    { NGX_HTTP_GET|NGX_HTTP_POST,
      ngx_string("/clear"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_FIRST,
      NULL,
      bigcache_op_clear,
      ngx_string("CLEARED"),
      ngx_http_bigcache_reply_cleared },

    /* a HEAD asks what GET would say, it must not do it */

    { NGX_HTTP_HEAD,
      ngx_string("/clear"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_OWN_SITE,
      NULL,
      NULL,
      ngx_null_string,
      ngx_http_bigcache_reply_cleared },

    { NGX_HTTP_GET|NGX_HTTP_POST,
      ngx_string("/close"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_FIRST,
      NULL,
      bigcache_op_close,
      ngx_null_string,
      ngx_http_bigcache_reply_closed },

    { NGX_HTTP_HEAD,
      ngx_string("/close"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_OWN_SITE,
      NULL,
      NULL,
      ngx_null_string,
      ngx_http_bigcache_reply_closed },

    { NGX_HTTP_POST,
      ngx_string("/open"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_FIRST,
      NULL,
      bigcache_op_open,
      ngx_null_string,
      ngx_http_bigcache_reply_opened },

    { 0, ngx_null_string, 0, 0, NULL, NULL, ngx_null_string, NULL }
};


static const struct {
    ngx_uint_t   method;
    const char  *name;
} ngx_http_bigcache_methods[] = {
    { NGX_HTTP_GET, "GET" },
    { NGX_HTTP_HEAD, "HEAD" },
    { NGX_HTTP_POST, "POST" },
    { NGX_HTTP_PUT, "PUT" },
    { NGX_HTTP_DELETE, "DELETE" },
    { NGX_HTTP_PATCH, "PATCH" },
    { 0, NULL }
};


ngx_int_t
ngx_http_bigcache_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_pool_cleanup_t            *cln;
    ngx_http_bigcache_ctx_t       *ctx;
    ngx_http_bigcache_loc_conf_t  *blcf;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->request = r;
    ctx->start = bigcache_monotonic_us();
    ctx->zone = blcf->zone;
    ctx->op.cache = blcf->zone->cache;
    ctx->op.page.fd = -1;
    ctx->op.body = bigcache_data_bytes((u_char *) "", 0);

    /* not ngx_http_cleanup_add(), which does not wait for the thread */

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* it may come from another bigcache location, by an error_page */

    ngx_http_bigcache_status_drop(r);

    cln->handler = ngx_http_bigcache_cleanup;
    cln->data = ctx;

    ngx_http_set_ctx(r, ctx, ngx_http_bigcache_module);

    rc = ngx_http_bigcache_route(r, ctx);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ctx->op.cache == NULL && ctx->route->op) {
        return ngx_http_bigcache_without_store(r, ctx);
    }

    if (ctx->route->flags & NGX_HTTP_BIGCACHE_BODY) {
        return ngx_http_bigcache_read_body(r, ctx);
    }

    if (ctx->route->op == NULL
        || (ctx->route->peek && ctx->route->peek(&ctx->op)))
    {
        return ngx_http_bigcache_reply(r);
    }

    rc = (ctx->route->flags & NGX_HTTP_BIGCACHE_IMPATIENT)
         ? ngx_http_bigcache_metrics_ask(r, ctx)
         : ngx_http_bigcache_post(r, ctx);

    if (rc == NGX_OK) {
        r->main->count++;
        return NGX_DONE;
    }

    return (rc == NGX_BUSY) ? ngx_http_bigcache_reply(r)
                            : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


const ngx_http_bigcache_route_t *
ngx_http_bigcache_find(ngx_str_t *base, ngx_str_t *uri, ngx_uint_t raw,
    ngx_str_t *rest)
{
    u_char                           *p;
    size_t                            len;
    const ngx_http_bigcache_route_t  *route;

    if (uri->len < base->len
        || ngx_memcmp(uri->data, base->data, base->len) != 0)
    {
        return NULL;
    }

    p = uri->data + base->len;
    len = uri->len - base->len;

    for (route = ngx_http_bigcache_routes; route->path.len; route++) {

        if (len < route->path.len
            || ngx_memcmp(p, route->path.data, route->path.len) != 0)
        {
            continue;
        }

        rest->data = p + route->path.len;
        rest->len = len - route->path.len;

        if ((route->flags & NGX_HTTP_BIGCACHE_PREFIX)
            || rest->len == 0
            || (raw && *rest->data == '?'))
        {
            return route;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_bigcache_allow(ngx_http_request_t *r,
    const ngx_http_bigcache_route_t *route)
{
    u_char                           *p;
    ngx_str_t                         value;
    ngx_uint_t                        i, methods;
    const ngx_http_bigcache_route_t  *next;

    methods = 0;

    for (next = route; ngx_http_bigcache_same_path(next, route); next++) {
        methods |= next->methods;
    }

    value.data = ngx_pnalloc(r->pool,
                             sizeof("GET, HEAD, POST, PUT, DELETE, PATCH, "));
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = value.data;

    for (i = 0; ngx_http_bigcache_methods[i].name; i++) {
        if (methods & ngx_http_bigcache_methods[i].method) {
            p = ngx_sprintf(p, "%s, ", ngx_http_bigcache_methods[i].name);
        }
    }

    value.len = p - 2 - value.data;

    return ngx_http_bigcache_header(r, "Allow", &value) ? NGX_OK : NGX_ERROR;
}


ngx_http_bigcache_ctx_t *
ngx_http_bigcache_request_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    if (ctx && ctx->route) {
        return ctx;
    }

    /*
     * An internal redirect has cleared it, to an error_page for one.  The
     * pool is also that of the subrequests, whose contexts are their own.
     */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_bigcache_cleanup) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r) {
            return ctx;
        }
    }

    return NULL;
}


/* returns NGX_DECLINED if the request is to be worked on, else it is over */

static ngx_int_t
ngx_http_bigcache_route(ngx_http_request_t *r, ngx_http_bigcache_ctx_t *ctx)
{
    ngx_int_t                         rc;
    ngx_str_t                         rest, args, ignored;
    ngx_uint_t                        raw;
    const char                       *err;
    ngx_http_bigcache_loc_conf_t     *blcf;
    const ngx_http_bigcache_route_t  *route, *first;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    /* what was rewritten, or is internal, was not sent by the client so */

    raw = (r == r->main && r->valid_unparsed_uri);

    first = ngx_http_bigcache_find(&blcf->base,
                                   raw ? &r->unparsed_uri : &r->uri, raw,
                                   &rest);
    if (first == NULL) {
        return ngx_http_bigcache_send_detail(r, NGX_HTTP_NOT_FOUND,
                                              "Not Found");
    }

    for (route = first; !(route->methods & r->method); route++) {

        if (!ngx_http_bigcache_same_path(route + 1, first)) {
            if (!ngx_http_bigcache_status_only(r, NGX_HTTP_NOT_ALLOWED)
                && ngx_http_bigcache_allow(r, first) != NGX_OK)
            {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            return ngx_http_bigcache_send_detail(r, NGX_HTTP_NOT_ALLOWED,
                                                 "Method Not Allowed");
        }
    }

    ctx->route = route;

    /*
     * nginx has chosen the location, and its access rules, by the path with
     * dots resolved: it has to lead to the same endpoint
     */

    if (raw
        && ngx_http_bigcache_find(&blcf->base, &r->uri, 0, &ignored) != first)
    {
        return ngx_http_bigcache_send_detail(r, NGX_HTTP_BAD_REQUEST,
                      "dots in the path lead out of its endpoint");
    }

    if (route->flags & NGX_HTTP_BIGCACHE_OWN_SITE) {

        err = ngx_http_bigcache_refused(r);

        if (err) {
            return ngx_http_bigcache_send_detail(r, NGX_HTTP_FORBIDDEN, err);
        }
    }

    if (route->flags & NGX_HTTP_BIGCACHE_PREFIX) {

        ngx_str_null(&args);

        if (!raw) {
            args = r->args;
        }

        err = ngx_http_bigcache_key(r, &rest, &args, raw, route->flags,
                                    &ctx->op.key);
        if (err == NULL && (route->flags & NGX_HTTP_BIGCACHE_LIST)) {
            err = ngx_http_bigcache_list_args(r, &ctx->op);
        }

        if (err) {
            return ngx_http_bigcache_send_detail(r, NGX_HTTP_BAD_REQUEST,
                                                  err);
        }

        rc = ngx_http_bigcache_location(r, raw, route, &ctx->op.key);

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (rc != NGX_OK) {
            return ngx_http_bigcache_send_detail(r, NGX_HTTP_BAD_REQUEST,
                          "the key may belong to another location than this "
                          "spelling of its path");
        }
    }

    err = ngx_http_bigcache_headers(r, ctx);

    if (err) {
        return ngx_http_bigcache_send_detail(r, NGX_HTTP_BAD_REQUEST, err);
    }

    return NGX_DECLINED;
}


/* this process could not start it so far */

static ngx_int_t
ngx_http_bigcache_without_store(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    /* the metrics say so, the others fail */

    if (!(ctx->route->flags & NGX_HTTP_BIGCACHE_IMPATIENT)) {
        ctx->op.rc = BIGCACHE_UNAVAILABLE;
        (void) ngx_cpystrn((u_char *) ctx->op.reason,
                           (u_char *) "this worker process cannot start the "
                                      "store, its error log says why",
                           BIGCACHE_ERROR_LEN);
    }

    return ngx_http_bigcache_reply(r);
}


static ngx_int_t
ngx_http_bigcache_read_body(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx)
{
    ngx_int_t  rc;

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_bigcache_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_bigcache_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    rc = ngx_http_bigcache_body(r, &ctx->op.body);

    if (rc == NGX_OK) {
        rc = ngx_http_bigcache_post(r, ctx);
    }

    switch (rc) {

    case NGX_OK:
        break;

    case NGX_BUSY:
        ngx_http_finalize_request(r, ngx_http_bigcache_reply(r));
        break;

    default:
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static ngx_uint_t
ngx_http_bigcache_same_path(const ngx_http_bigcache_route_t *one,
    const ngx_http_bigcache_route_t *two)
{
    return one->path.len == two->path.len
           && ngx_memcmp(one->path.data, two->path.data, one->path.len) == 0;
}


static void
ngx_http_bigcache_cleanup(void *data)
{
    ngx_http_bigcache_ctx_t *ctx = data;

    ngx_http_bigcache_measure(ctx);

    bigcache_op_free(&ctx->op);
}
