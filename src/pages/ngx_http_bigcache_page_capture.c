
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Captures the body of an answer.
 *
 * A small body of known length is copied to memory as it comes, behind the
 * filter that takes it out of its frames.  For any other one there is a way of
 * nginx, which it has for proxy_store: it keeps the answer in a file, reads
 * from the upstream as fast as that sends, whatever the client does, and feeds
 * the client from the file.  The capture turns this on for one answer, takes
 * the file when the upstream has ended, and keeps nginx from moving it to a
 * place of its own.
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

/* bytes that are written between two looks at how much is free */

#define NGX_HTTP_BIGCACHE_PAGE_CAPTURE_LOOK     (64 * 1024)

/*
 * Milliseconds: while an answer is captured, a timer keeps a worker that must
 * quit.  nginx before 1.23.1 has none of its own when the upstream pauses just
 * when the buffers are full (ticket 2367), and would cut the answer.  An
 * upstream of which nothing comes in that time does not keep the worker.
 */

#define NGX_HTTP_BIGCACHE_PAGE_CAPTURE_KEEP     60000


/* milliseconds that requests do not wait for a page that is too large */

#define NGX_HTTP_BIGCACHE_PAGE_CAPTURE_PASS     10000


static ngx_uint_t ngx_http_bigcache_page_capture_small(ngx_http_request_t *r);
static void ngx_http_bigcache_page_capture_keep(ngx_event_t *ev);
static ngx_int_t ngx_http_bigcache_page_capture_init(void *data);
static ngx_int_t ngx_http_bigcache_page_capture_filter(ngx_event_pipe_t *p,
    ngx_buf_t *buf);
static void ngx_http_bigcache_page_capture_send(ngx_http_request_t *r);
static void ngx_http_bigcache_page_capture_copy(ngx_event_pipe_t *p,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_chain_t *cl);
static void ngx_http_bigcache_page_capture_end(ngx_event_pipe_t *p,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_uint_t ngx_http_bigcache_page_capture_fits(ngx_http_request_t *r);
static ngx_uint_t ngx_http_bigcache_page_capture_room(ngx_http_request_t *r,
    off_t need);
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
        || u->headers_in.content_length_n > ctx->conf->max_page)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_bigcache_page_capture_small(r)) {

        ctx->body = ngx_alloc(u->headers_in.content_length_n + 1,
                              r->connection->log);
        if (ctx->body == NULL) {
            return NGX_DECLINED;
        }

    } else if (!ngx_http_bigcache_page_capture_fits(r)) {
        return NGX_DECLINED;
    }

    ctx->filter_init = u->input_filter_init;
    u->input_filter_init = ngx_http_bigcache_page_capture_init;

    ngx_http_bigcache_page_capture_watch(r, ctx);

    ctx->armed = 1;
    ctx->upstream_status = u->headers_in.status_n;

    ctx->keep.handler = ngx_http_bigcache_page_capture_keep;
    ctx->keep.data = ctx;
    ctx->keep.log = ngx_cycle->log;

    ngx_add_timer(&ctx->keep, NGX_HTTP_BIGCACHE_PAGE_CAPTURE_KEEP);

    if (u->headers_in.status_n == NGX_HTTP_OK) {

        /* nginx moves the file of no other, and must know their status */

        u->headers_in.status_n = 0;
    }

    u->store = 1;

    r->read_event_handler = ngx_http_block_reading;

    return NGX_OK;
}


static void
ngx_http_bigcache_page_capture_keep(ngx_event_t *ev)
{
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ev->data;

    if (ngx_exiting && ctx->body_len == ctx->kept) {
        return;
    }

    ctx->kept = ctx->body_len;

    ngx_add_timer(ev, NGX_HTTP_BIGCACHE_PAGE_CAPTURE_KEEP);
}


void
ngx_http_bigcache_page_capture_watch(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->finalize_request != ngx_http_bigcache_page_capture_finalize) {
        ctx->upstream = u;
        ctx->finalize = u->finalize_request;
        u->finalize_request = ngx_http_bigcache_page_capture_finalize;
    }
}


/*
 * nginx must not stop to read when the client is slow: for that it may need a
 * temporary file
 */

static ngx_uint_t
ngx_http_bigcache_page_capture_small(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    return u->headers_in.content_length_n >= 0
           && u->headers_in.content_length_n <= BIGCACHE_PAGE_LARGE
           && (off_t) u->conf->max_temp_file_size
              >= u->headers_in.content_length_n;
}


/* nginx calls it when the pipe is made, and before it reads */

static ngx_int_t
ngx_http_bigcache_page_capture_init(void *data)
{
    ngx_http_request_t            *r;
    ngx_event_pipe_t              *p;
    ngx_http_bigcache_page_ctx_t  *ctx;

    r = data;
    p = r->upstream->pipe;
    ctx = ngx_http_bigcache_page_ctx_watches(r, r->upstream, NULL);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->filter_init && ctx->filter_init(data) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->body) {

        /* no file is needed, but the upstream is read to its end */

        p->cacheable = 0;
    }

    /* the file has no name, so a process that is killed does not leave it */

    p->temp_file->persistent = 0;

    ctx->filter = p->input_filter;
    p->input_filter = ngx_http_bigcache_page_capture_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bigcache_page_capture_filter(ngx_event_pipe_t *p, ngx_buf_t *buf)
{
    ngx_int_t                       rc;
    ngx_chain_t                   **tail;
    ngx_http_request_t             *r;
    ngx_http_bigcache_page_ctx_t   *ctx;

    r = p->input_ctx;

    /* a filter that fails has cleared the contexts, or led elsewhere */

    ctx = ngx_http_bigcache_page_ctx_watches(r, NULL, p);

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (ctx->writing == NULL) {
        ctx->writing = r->write_event_handler;
        r->write_event_handler = ngx_http_bigcache_page_capture_send;
    }

    tail = p->in ? p->last_in : &p->in;

    rc = ctx->filter(p, buf);

    if (rc == NGX_OK) {
        ngx_http_bigcache_page_capture_copy(p, ctx, *tail);

    } else {
        ctx->broken = 1;
    }

    return rc;
}


/*
 * The client can take more.  A pipe that keeps a file sends what it has only
 * when more comes from the upstream: what the filters hold is sent here, or a
 * client that was slow would wait for an upstream that pauses.
 */

static void
ngx_http_bigcache_page_capture_send(ngx_http_request_t *r)
{
    ngx_connection_t              *c;
    ngx_event_pipe_t              *p;
    ngx_http_bigcache_page_ctx_t  *ctx;

    c = r->connection;
    p = r->upstream->pipe;
    ctx = ngx_http_bigcache_page_ctx_watches(r, NULL, p);

    if (ctx == NULL || ctx->writing == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    /* after an error the filters still know buffers that the pipe has reused */

    if (ctx->armed
        && r->header_sent
        && c->data == r
        && !p->downstream_error
        && c->write->ready
        && !c->write->delayed
        && !c->write->timedout
        && ngx_http_output_filter(r, NULL) == NGX_ERROR)
    {
        p->downstream_error = 1;
    }

    ctx->writing(r);
}


static void
ngx_http_bigcache_page_capture_copy(ngx_event_pipe_t *p,
    ngx_http_bigcache_page_ctx_t *ctx, ngx_chain_t *cl)
{
    off_t  len, most;

    most = ctx->body ? ctx->upstream->headers_in.content_length_n
                     : ctx->conf->max_page;

    for ( /* void */ ; cl && !ctx->broken; cl = cl->next) {

        len = cl->buf->last - cl->buf->pos;

        if (len > most - ctx->body_len) {
            ngx_http_bigcache_page_capture_end(p, ctx);
            return;
        }

        if (ctx->body) {
            ngx_memcpy(ctx->body + ctx->body_len, cl->buf->pos, len);

        } else if (ctx->body_len / NGX_HTTP_BIGCACHE_PAGE_CAPTURE_LOOK
                   != (ctx->body_len + len)
                      / NGX_HTTP_BIGCACHE_PAGE_CAPTURE_LOOK
                   && !ngx_http_bigcache_page_capture_room(ctx->request, 0))
        {
            /* other files, or this one, have taken what was free */

            ngx_http_bigcache_page_capture_end(p, ctx);
            return;
        }

        ctx->body_len += len;
    }

    ngx_http_bigcache_page_flow_wake(ctx);
}


/*
 * The page will not be stored: no request need wait for it, and no file grow by
 * it.  The client gets the rest as if there were no cache.
 */

static void
ngx_http_bigcache_page_capture_end(ngx_event_pipe_t *p,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ctx->broken = 1;
    p->cacheable = 0;

    /* what nginx writes to the file from now on may leave bytes out */

    ngx_http_bigcache_page_flow_end(ctx, NULL);

    ngx_http_bigcache_page_lease_end(ctx, BIGCACHE_LEASE_PASS,
                                     NGX_HTTP_BIGCACHE_PAGE_CAPTURE_PASS, 0);
}


/* returns 1 if there is room for the file of this answer, or 0 */

static ngx_uint_t
ngx_http_bigcache_page_capture_fits(ngx_http_request_t *r)
{
    off_t  length;

    length = r->upstream->headers_in.content_length_n;

    return ngx_http_bigcache_page_capture_room(r, (length == -1)
                     ? NGX_HTTP_BIGCACHE_PAGE_CAPTURE_UNKNOWN
                       - NGX_HTTP_BIGCACHE_PAGE_CAPTURE_MARGIN
                     : length);
}


/* returns 1 if so many bytes are free for temporary files and the margin is */

static ngx_uint_t
ngx_http_bigcache_page_capture_room(ngx_http_request_t *r, off_t need)
{
    struct statvfs        fs;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->conf->temp_path == NULL
        || statvfs((char *) u->conf->temp_path->name.data, &fs) == -1)
    {
        return 0;
    }

    return (off_t) fs.f_bavail * (off_t) fs.f_frsize
           > need + NGX_HTTP_BIGCACHE_PAGE_CAPTURE_MARGIN
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
    ctx = ngx_http_bigcache_page_ctx_watches(r, u, NULL);

    if (ctx == NULL) {
        return;
    }

    u->finalize_request = ctx->finalize;

    if (!ctx->answered) {
        ngx_http_bigcache_page_request_restore(r, ctx);
    }

    if (!ctx->armed) {

        /* an intercepted answer is one of the upstream */

        ctx->upstream_status = u->headers_in.status_n;
    }

    if (ctx->error_page
        && !ngx_http_bigcache_page_answer_failed(ctx->conf, rc,
                                 rc != (ngx_int_t) ctx->upstream_status))
    {

        /* no stale page will be sent: an error_page may handle it */

        r->error_page = 0;
        ctx->error_page = 0;
    }

    if (ctx->armed) {
        ctx->armed = 0;

        if (ctx->keep.timer_set) {
            ngx_del_timer(&ctx->keep);
        }

        u->headers_in.status_n = ctx->upstream_status;

        /* there is no name that nginx could delete */

        u->store = 0;

        if (ngx_http_bigcache_page_capture_complete(u, ctx, rc)) {
            tf = u->pipe->temp_file;
            ngx_http_bigcache_page_flow_end(ctx, tf);
            ngx_http_bigcache_page_put(r, ctx, tf->file.fd, tf->offset);

        } else {
            ngx_http_bigcache_page_flow_end(ctx, NULL);
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

    if (ctx->broken) {
        return 0;
    }

    if (ctx->body) {
        return ctx->body_len == length;
    }

    /* nothing is written for an answer without a body */

    if (p->temp_file->offset != ctx->body_len) {
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
