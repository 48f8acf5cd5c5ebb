
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Clients of the API parse JSON.  If nginx itself refuses a request to a
 * bigcache location (too large, denied, a bad chunk), this filter replaces
 * nginx's HTML by JSON.  It runs before all other filters.  It does not change
 * the answer of an error_page from another location.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"


static ngx_int_t ngx_http_bigcache_error_header_filter(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_bigcache_error_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_http_bigcache_error_ours(ngx_http_request_t *r);
static const ngx_http_bigcache_route_t *ngx_http_bigcache_error_rest(
    ngx_http_request_t *r, ngx_str_t *rest);
static ngx_int_t ngx_http_bigcache_error_uri(ngx_http_request_t *r,
    ngx_str_t *uri);
static const char *ngx_http_bigcache_error_detail(ngx_http_request_t *r);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static const struct {
    ngx_uint_t   status;
    const char  *detail;
} ngx_http_bigcache_errors[] = {
    { NGX_HTTP_BAD_REQUEST, "the request is malformed" },
    { NGX_HTTP_UNAUTHORIZED, "Unauthorized" },
    { NGX_HTTP_FORBIDDEN, "Forbidden" },
    { NGX_HTTP_NOT_FOUND, "Not Found" },
    { NGX_HTTP_NOT_ALLOWED, "Method Not Allowed" },
    { NGX_HTTP_REQUEST_TIME_OUT, "the request took too long to arrive" },
    { NGX_HTTP_LENGTH_REQUIRED, "Content-Length is required" },
    { NGX_HTTP_PRECONDITION_FAILED,
      "what is stored does not meet the condition" },
    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
      "the body is larger than client_max_body_size allows" },
    { NGX_HTTP_REQUEST_URI_TOO_LARGE,
      "the path is longer than large_client_header_buffers allows" },
    { NGX_HTTP_RANGE_NOT_SATISFIABLE,
      "the range is not within the page" },
    { NGX_HTTP_TOO_MANY_REQUESTS, "Too Many Requests" },
    { NGX_HTTP_INTERNAL_SERVER_ERROR, "Internal Server Error" },
    { NGX_HTTP_NOT_IMPLEMENTED, "Not Implemented" },
    { NGX_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable" },
    { NGX_HTTP_INSUFFICIENT_STORAGE, "Insufficient Storage" },
    { 0, "the request failed" }
};


void
ngx_http_bigcache_error_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_bigcache_error_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_bigcache_error_body_filter;
}


static ngx_int_t
ngx_http_bigcache_error_header_filter(ngx_http_request_t *r)
{
    u_char                           *p;
    size_t                            len;
    ngx_str_t                        *error, rest;
    const char                       *detail;
    ngx_http_bigcache_ctx_t          *ctx;
    const ngx_http_bigcache_route_t  *route;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    if (ctx == NULL && r->internal
        && ngx_http_bigcache_status_last(r, ngx_http_bigcache_ctx_find(r))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * nginx sets err_status with its own answer, and an error_page does not
     * clear it
     */

    if (r->err_status < NGX_HTTP_BAD_REQUEST
        || (ctx && ctx->answered)
        || r != r->main
        || !ngx_http_bigcache_error_ours(r))
    {
        return ngx_http_next_header_filter(r);
    }

    if (ctx == NULL) {
        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_bigcache_ctx_t));
        if (ctx == NULL) {
            return NGX_ERROR;
        }

        ngx_http_set_ctx(r, ctx, ngx_http_bigcache_module);
    }

    detail = ngx_http_bigcache_error_detail(r);
    len = ngx_strlen(detail);

    error = &ctx->error;

    error->data = ngx_pnalloc(r->pool, sizeof("{\"detail\":\"\"}") + len);
    if (error->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(error->data, "{\"detail\":\"%s\"}", detail);
    error->len = p - error->data;

    if (r->err_status == NGX_HTTP_NOT_ALLOWED) {

        /* nginx refuses TRACE and CONNECT itself */

        route = ngx_http_bigcache_error_rest(r, &rest);

        if (route && ngx_http_bigcache_route_allow(r, route) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_http_bigcache_send_json_type(r);

    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n = error->len;

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_bigcache_error_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t                *b;
    ngx_chain_t               out, *cl;
    ngx_http_bigcache_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_module);

    if (ctx == NULL || ctx->error.len == 0 || r != r->main) {
        return ngx_http_next_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->error_sent) {
        return ngx_http_next_body_filter(r, NULL);
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = ctx->error.data;
    b->last = b->pos + ctx->error.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ctx->error_sent = 1;

    return ngx_http_next_body_filter(r, &out);
}


/*
 * A request line that nginx refuses never reaches a location.  Such a request
 * counts as one for the cache if its server has a bigcache location and the
 * path begins like an endpoint.
 */

static ngx_uint_t
ngx_http_bigcache_error_ours(ngx_http_request_t *r)
{
    ngx_str_t                      rest;
    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_core_srv_conf_t      *cscf;
    ngx_http_bigcache_loc_conf_t  *blcf;

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    if (blcf->zone || blcf->json) {
        return 1;
    }

    if (!blcf->server) {
        return 0;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    return clcf == cscf->ctx->loc_conf[ngx_http_core_module.ctx_index]
           && ngx_http_bigcache_error_rest(r, &rest)
              != NULL;
}


/* finds the endpoint in the part of the request line that was read */

static const ngx_http_bigcache_route_t *
ngx_http_bigcache_error_rest(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_str_t                      uri;
    ngx_http_bigcache_loc_conf_t  *blcf;

    if (ngx_http_bigcache_error_uri(r, &uri) != NGX_OK) {
        return NULL;
    }

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bigcache_module);

    return ngx_http_bigcache_route_find(&blcf->base, &uri, 1, rest);
}


/*
 * Until the request line is parsed, the ends of the path may be missing.  They
 * may also be wrong, since nginx adjusts them when it moves the line to a
 * larger buffer.
 */

static ngx_int_t
ngx_http_bigcache_error_uri(ngx_http_request_t *r, ngx_str_t *uri)
{
    u_char     *end;
    ngx_buf_t  *b;

    if (r->unparsed_uri.len) {
        *uri = r->unparsed_uri;
        return NGX_OK;
    }

    b = r->header_in;

    if (b == NULL || r->uri_start < b->start || r->uri_start >= b->last) {
        return NGX_DECLINED;
    }

    end = r->uri_end;

    if (end < r->uri_start || end > b->last) {
        end = b->last;
    }

    uri->data = r->uri_start;
    uri->len = end - r->uri_start;

    return NGX_OK;
}


static const char *
ngx_http_bigcache_error_detail(ngx_http_request_t *r)
{
    ngx_str_t                         rest, args;
    ngx_uint_t                        i;
    const char                       *err;
    bigcache_str_t                    key;
    const ngx_http_bigcache_route_t  *route;

    if (r->err_status == NGX_HTTP_BAD_REQUEST) {

        /* most likely the key is malformed */

        ngx_str_null(&args);

        route = ngx_http_bigcache_error_rest(r, &rest);

        if (route && (route->flags & NGX_HTTP_BIGCACHE_PREFIX)) {
            err = ngx_http_bigcache_key(r, &rest, &args, 1, route->flags,
                                        &key);
            if (err) {
                return err;
            }
        }
    }

    for (i = 0; ngx_http_bigcache_errors[i].status; i++) {
        if (ngx_http_bigcache_errors[i].status == r->err_status) {
            break;
        }
    }

    return ngx_http_bigcache_errors[i].detail;
}
