
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The table of endpoints: for each path and method the operation, what it
 * needs from the request, and its reply.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_api.h"


#define NGX_HTTP_BIGCACHE_READ   (NGX_HTTP_GET|NGX_HTTP_HEAD)
#define NGX_HTTP_BIGCACHE_WRITE  (NGX_HTTP_POST|NGX_HTTP_PUT)


static ngx_uint_t ngx_http_bigcache_route_same_path(
    const ngx_http_bigcache_route_t *one,
    const ngx_http_bigcache_route_t *two);


/*
 * The rows of one path are together.  A HEAD of a method that changes
 * something does not change it, but is answered in the same way.
 */

static const ngx_http_bigcache_route_t  ngx_http_bigcache_routes[] = {

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/cache/"),
      BIGCACHE_METRIC_GET,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_PAGE
      |NGX_HTTP_BIGCACHE_WAITS
      |NGX_HTTP_BIGCACHE_READS,
      bigcache_op_get_peek_json,
      bigcache_op_get_json,
      ngx_string("HIT"),
      ngx_http_bigcache_reply_page,
      NULL },

    { NGX_HTTP_BIGCACHE_WRITE,
      ngx_string("/cache/"),
      BIGCACHE_METRIC_SET,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_STORES
      |NGX_HTTP_BIGCACHE_TOKEN
      |NGX_HTTP_BIGCACHE_PREFER
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_put_json,
      ngx_string("STORED"),
      ngx_http_bigcache_reply_stored,
      NULL },

    { NGX_HTTP_DELETE,
      ngx_string("/cache/"),
      BIGCACHE_METRIC_DELETE,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS
      |NGX_HTTP_BIGCACHE_REMOVES,
      NULL,
      bigcache_op_delete,
      ngx_string("DELETED"),
      ngx_http_bigcache_reply_done,
      "' removed from cache." },

    { NGX_HTTP_PATCH,
      ngx_string("/cache/"),
      BIGCACHE_METRIC_TOUCH,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_rewrite_touch,
      ngx_string("TOUCHED"),
      ngx_http_bigcache_reply_stored,
      NULL },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/pickle/"),
      BIGCACHE_METRIC_GET,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_PAGE
      |NGX_HTTP_BIGCACHE_WAITS
      |NGX_HTTP_BIGCACHE_READS,
      bigcache_op_get_peek_raw,
      bigcache_op_get_raw,
      ngx_string("HIT"),
      ngx_http_bigcache_reply_raw,
      NULL },

    { NGX_HTTP_BIGCACHE_WRITE,
      ngx_string("/pickle/"),
      BIGCACHE_METRIC_SET,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_STORES
      |NGX_HTTP_BIGCACHE_TOKEN
      |NGX_HTTP_BIGCACHE_PREFER
      |NGX_HTTP_BIGCACHE_LIFETIME
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_put_raw,
      ngx_string("STORED"),
      ngx_http_bigcache_reply_stored,
      NULL },

    { NGX_HTTP_DELETE,
      ngx_string("/pickle/"),
      BIGCACHE_METRIC_DELETE,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS
      |NGX_HTTP_BIGCACHE_REMOVES,
      NULL,
      bigcache_op_delete,
      ngx_string("DELETED"),
      ngx_http_bigcache_reply_done,
      "' removed from cache." },

    { NGX_HTTP_PATCH,
      ngx_string("/pickle/"),
      BIGCACHE_METRIC_TOUCH,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_rewrite_touch,
      ngx_string("TOUCHED"),
      ngx_http_bigcache_reply_stored,
      NULL },

    { NGX_HTTP_DELETE,
      ngx_string("/lease/"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_TOKEN
      |NGX_HTTP_BIGCACHE_OWN_SITE,
      NULL,
      NULL,
      ngx_null_string,
      ngx_http_bigcache_lease_returned,
      "': lease given back." },

    { NGX_HTTP_POST,
      ngx_string("/incr/"),
      BIGCACHE_METRIC_INCR,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_CONDITIONS,
      NULL,
      bigcache_op_rewrite_incr,
      ngx_string("STORED"),
      ngx_http_bigcache_reply_stored,
      NULL },

    { NGX_HTTP_POST,
      ngx_string("/batch"),
      BIGCACHE_METRIC_BATCH,
      NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_FRAMES
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_REMOVES,
      NULL,
      bigcache_op_batch,
      ngx_null_string,
      ngx_http_bigcache_reply_batch,
      NULL },

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
      ngx_http_bigcache_reply_document,
      NULL },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/page"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_URL,
      NULL,
      bigcache_op_page,
      ngx_null_string,
      ngx_http_bigcache_reply_document,
      NULL },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/page/source"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_URL,
      NULL,
      bigcache_op_page_source,
      ngx_null_string,
      ngx_http_bigcache_reply_source,
      NULL },

    { NGX_HTTP_DELETE,
      ngx_string("/prefix/"),
      BIGCACHE_METRIC_PURGE,
      NGX_HTTP_BIGCACHE_PREFIX
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_PREFER
      |NGX_HTTP_BIGCACHE_TRAILING
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_REMOVES,
      NULL,
      bigcache_op_delete_prefix,
      ngx_string("PURGED"),
      ngx_http_bigcache_reply_purged,
      NULL },

    { NGX_HTTP_POST,
      ngx_string("/purge"),
      BIGCACHE_METRIC_PURGE,
      NGX_HTTP_BIGCACHE_BODY
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_PREFER
      |NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_REMOVES
      |NGX_HTTP_BIGCACHE_PURGES,
      NULL,
      bigcache_op_purge,
      ngx_string("PURGED"),
      ngx_http_bigcache_reply_purge,
      NULL },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/stat/count"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_LONG,
      NULL,
      bigcache_op_admin_count,
      ngx_null_string,
      ngx_http_bigcache_reply_count,
      NULL },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/stat/history"),
      BIGCACHE_METRIC_OTHER,
      0,
      NULL,
      NULL,
      ngx_null_string,
      ngx_http_bigcache_history,
      NULL },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/metrics"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_IMPATIENT,
      NULL,
      bigcache_op_admin_gauges,
      ngx_null_string,
      ngx_http_bigcache_metrics,
      NULL },

    { NGX_HTTP_BIGCACHE_READ,
      ngx_string("/stat"),
      BIGCACHE_METRIC_OTHER,
      0,
      NULL,
      NULL,
      ngx_null_string,
      ngx_http_bigcache_reply_stat,
      NULL },

    { NGX_HTTP_BIGCACHE_READ|NGX_HTTP_POST,
      ngx_string("/clear"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_FIRST,
      NULL,
      bigcache_op_admin_clear,
      ngx_string("CLEARED"),
      ngx_http_bigcache_reply_done,
      "All cache deleted." },

    { NGX_HTTP_BIGCACHE_READ|NGX_HTTP_POST,
      ngx_string("/close"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_FIRST,
      NULL,
      bigcache_op_admin_close,
      ngx_null_string,
      ngx_http_bigcache_reply_done,
      "DB connection closed." },

    { NGX_HTTP_POST,
      ngx_string("/open"),
      BIGCACHE_METRIC_OTHER,
      NGX_HTTP_BIGCACHE_OWN_SITE
      |NGX_HTTP_BIGCACHE_LONG
      |NGX_HTTP_BIGCACHE_FIRST,
      NULL,
      bigcache_op_admin_open,
      ngx_null_string,
      ngx_http_bigcache_reply_done,
      "DB connection opened." },

    { 0, ngx_null_string, 0, 0, NULL, NULL, ngx_null_string, NULL, NULL }
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


const ngx_http_bigcache_route_t *
ngx_http_bigcache_route_find(ngx_str_t *base, ngx_str_t *uri, ngx_uint_t raw,
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


const ngx_http_bigcache_route_t *
ngx_http_bigcache_route_method(const ngx_http_bigcache_route_t *first,
    ngx_uint_t method)
{
    const ngx_http_bigcache_route_t  *route;

    for (route = first;
         ngx_http_bigcache_route_same_path(route, first);
         route++)
    {
        if (route->methods & method) {
            return route;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_bigcache_route_allow(ngx_http_request_t *r,
    const ngx_http_bigcache_route_t *route)
{
    u_char                           *p;
    ngx_str_t                         value;
    ngx_uint_t                        i, methods;
    const ngx_http_bigcache_route_t  *next;

    methods = 0;

    for (next = route;
         ngx_http_bigcache_route_same_path(next, route);
         next++)
    {
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

    return ngx_http_bigcache_send_add_header(r, "Allow", &value)
           ? NGX_OK : NGX_ERROR;
}


static ngx_uint_t
ngx_http_bigcache_route_same_path(const ngx_http_bigcache_route_t *one,
    const ngx_http_bigcache_route_t *two)
{
    return one->path.len == two->path.len
           && ngx_memcmp(one->path.data, two->path.data, one->path.len) == 0;
}
