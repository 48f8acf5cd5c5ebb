
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Captures the body of an answer.
 *
 * nginx can keep an answer in a file, for proxy_store: then it reads from the
 * upstream as fast as that sends, whatever the client does, and feeds the
 * client from the file.  The capture turns this on for one answer, takes the
 * file when the upstream has ended, and keeps nginx from moving it to a place
 * of its own.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <sys/statvfs.h>

#include "ngx_http_bigcache_pages.h"


/*
 * Bytes that must be free for temporary files, beside the length of the page,
 * or for one of unknown length: nginx ends a response if it cannot write there.
 */
#define NGX_HTTP_BIGCACHE_PAGE_CAPTURE_MARGIN   (16 * 1024 * 1024)
#define NGX_HTTP_BIGCACHE_PAGE_CAPTURE_UNKNOWN  (128 * 1024 * 1024)


static ngx_uint_t ngx_http_bigcache_page_capture_room(ngx_http_request_t *r);
static void ngx_http_bigcache_page_capture_finalize(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_uint_t ngx_http_bigcache_page_capture_complete(
    ngx_http_upstream_t *u, ngx_http_bigcache_page_ctx_t *ctx, ngx_int_t rc);


ngx_int_t
ngx_http_bigcache_page_capture(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (!u->buffering
        || u->upgrade
        || u->conf->store
#if (NGX_HTTP_CACHE)
        || u->conf->cache
        || r->cache
#endif
        || u->headers_in.content_length_n > ctx->conf->max_page
        || !ngx_http_bigcache_page_capture_room(r))
    {
        return NGX_DECLINED;
    }

    if (ngx_http_bigcache_page_capture_watch(r, ctx) != NGX_OK) {
        return NGX_DECLINED;
    }

    ctx->armed = 1;
    ctx->upstream_status = u->headers_in.status_n;

    if (u->headers_in.status_n == NGX_HTTP_OK) {

        /* nginx moves the file of no other, and must know their status */

        u->headers_in.status_n = 0;
    }

    u->store = 1;

    r->read_event_handler = ngx_http_block_reading;

    return NGX_OK;
}


ngx_int_t
ngx_http_bigcache_page_capture_watch(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->finalize_request != ngx_http_bigcache_page_capture_finalize) {
        ctx->finalize = u->finalize_request;
        u->finalize_request = ngx_http_bigcache_page_capture_finalize;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_bigcache_page_capture_room(ngx_http_request_t *r)
{
    off_t                 need;
    struct statvfs        fs;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->conf->temp_path == NULL
        || statvfs((char *) u->conf->temp_path->name.data, &fs) == -1)
    {
        return 0;
    }

    need = (u->headers_in.content_length_n == -1)
           ? NGX_HTTP_BIGCACHE_PAGE_CAPTURE_UNKNOWN
           : u->headers_in.content_length_n
             + NGX_HTTP_BIGCACHE_PAGE_CAPTURE_MARGIN;

    return (off_t) fs.f_bavail * (off_t) fs.f_frsize > need
           && (fs.f_files == 0 || fs.f_favail > 0);
}


/* nginx calls it once, before it lets the connection and the file go */

static void
ngx_http_bigcache_page_capture_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_temp_file_t               *tf;
    ngx_http_upstream_t           *u;
    ngx_http_bigcache_page_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_bigcache_page_ctx_find(r);

    if (ctx == NULL || ctx->finalize == NULL) {
        return;
    }

    u->finalize_request = ctx->finalize;

    if (ctx->error_page && rc < NGX_HTTP_INTERNAL_SERVER_ERROR) {

        /* not a failure of the origin: an error_page may handle it */

        r->error_page = 0;
        ctx->error_page = 0;
    }

    if (ctx->armed) {
        ctx->armed = 0;
        u->headers_in.status_n = ctx->upstream_status;

        if (ngx_http_bigcache_page_capture_complete(u, ctx, rc)) {
            tf = u->pipe->temp_file;
            ngx_http_bigcache_page_put(r, ctx, tf->file.fd, tf->offset);

        } else {
            ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_NONE,
                                                     0, 0);
        }
    }

    u->finalize_request(r, rc);
}


/*
 * nginx takes the end of a connection for the end of an answer of unknown
 * length.  The answer is complete only if its own form says so, or if the
 * configuration says that connections end like that.  A FastCGI responder that
 * dies looks the same, and always says when it has ended.
 */

static ngx_uint_t
ngx_http_bigcache_page_capture_complete(ngx_http_upstream_t *u,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_int_t rc)
{
    off_t              length;
    ngx_event_pipe_t  *p;

    p = u->pipe;

    if (rc != NGX_OK || p == NULL || p->temp_file == NULL
        || p->upstream_error)
    {
        return 0;
    }

    length = u->headers_in.content_length_n;

    if (p->temp_file->offset > ctx->conf->max_page) {
        return 0;
    }

    if (length != -1) {
        return p->temp_file->offset == length;
    }

    if (p->upstream_done) {
        return 1;
    }

    return ctx->conf->store_until_close
           && p->upstream_eof
           && p->length == -1
           && !(u->schema.len == sizeof("fastcgi://") - 1
                && ngx_strncmp(u->schema.data, "fastcgi://", u->schema.len)
                   == 0);
}
