
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Sends a page while another request fetches it.  Each client gets it as fast
 * as it reads.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


/* bytes that a reader waits for, but for the last ones; and that it sends */

#define NGX_HTTP_BIGCACHE_PAGE_FOLLOW_LEAST  (64 * 1024)
#define NGX_HTTP_BIGCACHE_PAGE_FOLLOW_MOST   (1024 * 1024)


static ngx_int_t ngx_http_bigcache_page_follow_header(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static void ngx_http_bigcache_page_follow_body(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx);
static ngx_int_t ngx_http_bigcache_page_follow_piece(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, off_t size);
static void ngx_http_bigcache_page_follow_block(ngx_http_request_t *r);
static void ngx_http_bigcache_page_follow_writer(ngx_http_request_t *r);


ngx_int_t
ngx_http_bigcache_page_follow(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_http_bigcache_page_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_pages_module);

    rc = ngx_http_bigcache_page_follow_header(r, ctx);

    /*
     * The header may wait: NGX_AGAIN.  If that is for more bytes in the same
     * TLS record, and not for the client, no event would tell to go on.
     */

    if (rc == NGX_AGAIN && !r->header_only) {
        rc = ngx_http_output_filter(r, NULL);
    }

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    ngx_queue_insert_tail(&ctx->flow->readers, &ctx->queue);
    ctx->more = ngx_http_bigcache_page_follow_body;

    r->main->count++;
    r->read_event_handler = ngx_http_test_reading;

    ngx_http_bigcache_page_follow_body(r, ctx);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_bigcache_page_follow_header(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->sending = 1;

    if (ngx_http_bigcache_page_send_header(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* the filter of several ranges needs all of the page at once */

    r->single_range = 1;

    return ngx_http_send_header(r);
}


static void
ngx_http_bigcache_page_follow_body(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    off_t                           size;
    ngx_int_t                       rc;
    ngx_event_t                    *wev;
    ngx_http_bigcache_page_flow_t  *flow;

    flow = ctx->flow;
    wev = r->connection->write;
    ctx->idle = 0;

    for ( ;; ) {

        if (r->buffered || r->connection->buffered || r->aio) {
            ngx_http_bigcache_page_follow_block(r);
            return;
        }

        size = flow->ready - ctx->body_len;

        if (size == 0
            || (size < NGX_HTTP_BIGCACHE_PAGE_FOLLOW_LEAST && flow->leader))
        {
            break;
        }

        size = ngx_min(size, NGX_HTTP_BIGCACHE_PAGE_FOLLOW_MOST);

        rc = ngx_http_bigcache_page_follow_piece(r, ctx, size);

        if (rc == NGX_ERROR || ctx->body_len == flow->length) {
            ngx_http_finalize_request(r, rc);
            return;
        }
    }

    if (flow->failed) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ctx->idle = 1;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }
}


static ngx_int_t
ngx_http_bigcache_page_follow_piece(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx, off_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    if (ctx->file.fd == NGX_INVALID_FILE) {
        ctx->file.fd = ctx->flow->fd;
        ctx->file.log = r->connection->log;
        ngx_str_set(&ctx->file.name, "bigcache page");
    }

    b->file = &ctx->file;
    b->file_pos = ctx->body_len;

    ctx->body_len += size;

    b->file_last = ctx->body_len;
    b->in_file = 1;

    b->last_buf = (ctx->body_len == ctx->flow->length);
    b->last_in_chain = b->last_buf;
    b->flush = !b->last_buf;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* waits until the client has read */

static void
ngx_http_bigcache_page_follow_block(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_http_bigcache_page_follow_writer;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


static void
ngx_http_bigcache_page_follow_writer(ngx_http_request_t *r)
{
    ngx_event_t                   *wev;
    ngx_connection_t              *c;
    ngx_http_bigcache_page_ctx_t  *ctx;

    c = r->connection;
    wev = c->write;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bigcache_pages_module);

    if (ctx == NULL) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed || r->aio) {
        ngx_http_bigcache_page_follow_block(r);
        return;
    }

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ngx_http_bigcache_page_follow_body(r, ctx);
}
