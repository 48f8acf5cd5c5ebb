
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Finds what a request is for: the row of the route table, the key, and the
 * arguments of its query string.  Refuses what must not be done.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"


static ngx_int_t ngx_http_bigcache_endpoint_route(ngx_http_request_t *r,
    const ngx_http_bigcache_route_t **route, ngx_uint_t raw, ngx_str_t *rest);
static ngx_int_t ngx_http_bigcache_endpoint_key(ngx_http_request_t *r,
    bigcache_op_t *op, const ngx_http_bigcache_route_t *route, ngx_uint_t raw,
    ngx_str_t *rest);


ngx_int_t
ngx_http_bigcache_endpoint(ngx_http_request_t *r, bigcache_op_t *op,
    const ngx_http_bigcache_route_t **route)
{
    ngx_int_t    rc;
    ngx_str_t    rest;
    ngx_uint_t   raw;
    const char  *err;

    /* a rewritten or internal path is not the one that the client sent */

    raw = (r == r->main && r->valid_unparsed_uri);

    rc = ngx_http_bigcache_endpoint_route(r, route, raw, &rest);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if ((*route)->flags & NGX_HTTP_BIGCACHE_OWN_SITE) {

        err = ngx_http_bigcache_origin_refused(r);

        if (err) {
            return ngx_http_bigcache_reply_detail(r, NGX_HTTP_FORBIDDEN, err);
        }
    }

    if ((*route)->flags & NGX_HTTP_BIGCACHE_PREFIX) {

        rc = ngx_http_bigcache_endpoint_key(r, op, *route, raw, &rest);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if ((*route)->flags & NGX_HTTP_BIGCACHE_URL) {

        err = ngx_http_bigcache_key_page_args(r, op);

        if (err) {
            return ngx_http_bigcache_reply_detail(r, NGX_HTTP_BAD_REQUEST,
                                                  err);
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_bigcache_endpoint_route(ngx_http_request_t *r,
    const ngx_http_bigcache_route_t **route, ngx_uint_t raw, ngx_str_t *rest)
{
    ngx_str_t                         ignored;
    ngx_http_bigcache_loc_conf_t     *blcf;
    const ngx_http_bigcache_route_t  *first, *found;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    first = ngx_http_bigcache_route_find(&blcf->base,
                                         raw ? &r->unparsed_uri : &r->uri, raw,
                                         rest);
    if (first == NULL) {
        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_NOT_FOUND,
                                               "Not Found");
    }

    found = ngx_http_bigcache_route_method(first, r->method);

    if (found == NULL) {
        if (!ngx_http_bigcache_send_status_only(r, NGX_HTTP_NOT_ALLOWED)
            && ngx_http_bigcache_route_allow(r, first) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_NOT_ALLOWED,
                                              "Method Not Allowed");
    }

    *route = found;

    /*
     * nginx has chosen the location, and its access rules, by the path without
     * dots.  That path must lead to the same endpoint.
     */

    if (raw
        && ngx_http_bigcache_route_find(&blcf->base, &r->uri, 0, &ignored)
           != first)
    {
        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_BAD_REQUEST,
                      "dots in the path lead out of its endpoint");
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_bigcache_endpoint_key(ngx_http_request_t *r, bigcache_op_t *op,
    const ngx_http_bigcache_route_t *route, ngx_uint_t raw, ngx_str_t *rest)
{
    ngx_int_t    rc;
    ngx_str_t    args;
    const char  *err;

    ngx_str_null(&args);

    if (!raw) {
        args = r->args;
    }

    err = ngx_http_bigcache_key(r, rest, &args, raw, route->flags, &op->key);

    if (err == NULL && (route->flags & NGX_HTTP_BIGCACHE_LIST)) {
        err = ngx_http_bigcache_key_list_args(r, op);
    }

    if (err) {
        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_BAD_REQUEST, err);
    }

    rc = ngx_http_bigcache_location(r, raw, route, &op->key);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return ngx_http_bigcache_reply_detail(r, NGX_HTTP_BAD_REQUEST,
                      "the key may belong to another location than this "
                      "spelling of its path");
    }

    return NGX_DECLINED;
}
