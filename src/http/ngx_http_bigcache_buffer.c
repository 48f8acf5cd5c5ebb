
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Has nginx read the body of a request, into one buffer in memory.
 *
 * nginx's own default, two pages of memory, is less than a usual web page, and
 * what is larger goes by way of a temporary file, which takes longer than to
 * store it.  So where the configuration does not say client_body_buffer_size,
 * a body gets a buffer of its own size, or of a size that fits usual pages if
 * its length is not known.
 *
 * Clients may send slowly, and many at once: what such buffers of a worker have
 * together is bounded.  One of them gets an eighth of what is left, so that few
 * large bodies leave room for many small ones.  Where there is no room, nginx
 * does as it always does.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/* a larger one is not stored from memory, see BIGCACHE_PAGE_LARGE */

#define NGX_HTTP_BIGCACHE_BUFFER_MAX      (1024 * 1024)

/* if the length is not known */

#define NGX_HTTP_BIGCACHE_BUFFER_UNKNOWN  (128 * 1024)

/* of a worker */

#define NGX_HTTP_BIGCACHE_BUFFER_TOTAL    (32 * 1024 * 1024)
#define NGX_HTTP_BIGCACHE_BUFFER_SHARE    8

/* a configuration that says less is told so */

#define NGX_HTTP_BIGCACHE_BUFFER_USUAL    (64 * 1024)


static size_t ngx_http_bigcache_buffer_size(ngx_http_request_t *r,
    ngx_http_core_loc_conf_t *clcf);
static ngx_int_t ngx_http_bigcache_buffer_take(ngx_http_request_t *r,
    size_t size);
static void ngx_http_bigcache_buffer_cleanup(void *data);


/* in buffers of this process now */

static size_t  ngx_http_bigcache_buffer_taken;


ngx_int_t
ngx_http_bigcache_buffer_read(ngx_http_request_t *r,
    ngx_http_client_body_handler_pt handler)
{
    void                      **loc_conf, **copy;
    size_t                      size;
    ngx_int_t                   rc;
    ngx_http_core_loc_conf_t   *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    size = ngx_http_bigcache_buffer_size(r, clcf);

    if (size == 0) {
        return ngx_http_read_client_request_body(r, handler);
    }

    loc_conf = r->loc_conf;

    copy = ngx_palloc(r->pool, ngx_http_max_module * sizeof(void *)
                               + sizeof(ngx_http_core_loc_conf_t));
    if (copy == NULL
        || ngx_http_bigcache_buffer_take(r, size) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* nginx asks its configuration for the size, and only in this call */

    ngx_memcpy(copy, loc_conf, ngx_http_max_module * sizeof(void *));

    clcf = (ngx_http_core_loc_conf_t *) (copy + ngx_http_max_module);
    *clcf = *(ngx_http_core_loc_conf_t *)
             loc_conf[ngx_http_core_module.ctx_index];

    clcf->client_body_buffer_size = size;
    clcf->loc_conf = copy;
    copy[ngx_http_core_module.ctx_index] = clcf;

    r->loc_conf = copy;

    rc = ngx_http_read_client_request_body(r, handler);

    /*
     * The request is still there: the caller has to finalize it.  But handler,
     * if it was called already, may have redirected it.  nginx looks at the
     * configuration of a request after it has freed it, so the copy must not
     * stay.
     */

    if (r->loc_conf == copy) {
        r->loc_conf = loc_conf;
    }

    return rc;
}


/* returns 0 if nginx does it right without us, or if there is no room */

static size_t
ngx_http_bigcache_buffer_size(ngx_http_request_t *r,
    ngx_http_core_loc_conf_t *clcf)
{
    off_t   len;
    size_t  size;

    if (clcf->client_body_buffer_size != NGX_HTTP_BIGCACHE_BUFFER_UNSET
        || r != r->main
        || r->request_body
        || r->discard_body
        || r->request_body_in_file_only)
    {
        return 0;
    }

    len = r->headers_in.content_length_n;

    if (len > NGX_HTTP_BIGCACHE_BUFFER_MAX
        || (len >= 0 && len <= (off_t) clcf->client_body_buffer_size))
    {
        return 0;
    }

    size = (len >= 0) ? (size_t) len : NGX_HTTP_BIGCACHE_BUFFER_UNKNOWN;

    return (size <= (NGX_HTTP_BIGCACHE_BUFFER_TOTAL
                     - ngx_http_bigcache_buffer_taken)
                    / NGX_HTTP_BIGCACHE_BUFFER_SHARE)
           ? size : 0;
}


static ngx_int_t
ngx_http_bigcache_buffer_take(ngx_http_request_t *r, size_t size)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(size_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_bigcache_buffer_cleanup;
    *(size_t *) cln->data = size;

    ngx_http_bigcache_buffer_taken += size;

    return NGX_OK;
}


static void
ngx_http_bigcache_buffer_cleanup(void *data)
{
    ngx_http_bigcache_buffer_taken -= *(size_t *) data;
}


void
ngx_http_bigcache_buffer_check(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    ngx_http_bigcache_main_conf_t  *bmcf;

    bmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_bigcache_module);

    if (bmcf->noticed
        || clcf->client_body_buffer_size == NGX_HTTP_BIGCACHE_BUFFER_UNSET
        || clcf->client_body_buffer_size >= NGX_HTTP_BIGCACHE_BUFFER_USUAL)
    {
        return;
    }

    bmcf->noticed = 1;

    ngx_log_error(NGX_LOG_NOTICE, cf->log, 0,
                  "bigcache: client_body_buffer_size is %z in location "
                  "\"%V\": larger bodies go through temporary files",
                  (ssize_t) clcf->client_body_buffer_size, &clcf->name);
}
