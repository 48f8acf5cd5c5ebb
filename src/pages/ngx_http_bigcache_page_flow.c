
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Pages that requests of this worker fetch just now, and others may read: from
 * the temporary file, as it grows.
 *
 * This is for large pages of a known length: of an unknown one it may turn out
 * that it is too large to be stored, and small ones are there at once.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"


static void ngx_http_bigcache_page_flow_more(ngx_event_t *ev);
static void ngx_http_bigcache_page_flow_look(
    ngx_http_bigcache_page_flow_t *flow);
static void ngx_http_bigcache_page_flow_file(
    ngx_http_bigcache_page_flow_t *flow, ngx_temp_file_t *tf);
static void ngx_http_bigcache_page_flow_free(
    ngx_http_bigcache_page_flow_t *flow);


static ngx_queue_t  ngx_http_bigcache_page_flows;


void
ngx_http_bigcache_page_flow_begin(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    off_t                           length;
    ngx_http_bigcache_page_flow_t  *flow;

    length = r->upstream->headers_in.content_length_n;

    if (!ctx->led || ctx->body || ctx->packed || ctx->vary->n || length <= 0) {
        return;
    }

    flow = ngx_calloc(sizeof(ngx_http_bigcache_page_flow_t) + ctx->writer.len,
                      r->connection->log);
    if (flow == NULL) {
        return;
    }

    flow->event.handler = ngx_http_bigcache_page_flow_more;
    flow->event.data = flow;
    flow->event.log = ngx_cycle->log;
    flow->leader = ctx;
    flow->zone = ctx->conf->zone;
    flow->lease = ctx->lease;
    flow->removals = ctx->removals;
    flow->users = 1;
    flow->fd = NGX_INVALID_FILE;
    flow->length = length;
    flow->head_len = ctx->writer.len;

    ngx_memcpy(flow->head, ctx->writer.data, ctx->writer.len);

    ngx_queue_init(&flow->readers);

    if (ngx_http_bigcache_page_flows.next == NULL) {
        ngx_queue_init(&ngx_http_bigcache_page_flows);
    }

    ngx_queue_insert_tail(&ngx_http_bigcache_page_flows, &flow->queue);

    ctx->flow = flow;
}


void
ngx_http_bigcache_page_flow_wake(ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_event_t  *ev;

    /*
     * nginx writes to the file before it looks at posted events.  If a thread
     * writes, readers see the last bytes when more comes.
     */

    if (ctx->flow && !ngx_queue_empty(&ctx->flow->readers)) {
        ev = &ctx->flow->event;
        ngx_post_event(ev, &ngx_posted_events);
    }
}


void
ngx_http_bigcache_page_flow_end(ngx_http_bigcache_page_ctx_t *ctx,
    ngx_temp_file_t *tf)
{
    ngx_event_t                    *ev;
    ngx_http_bigcache_page_flow_t  *flow;

    flow = ctx->flow;

    if (flow == NULL) {
        return;
    }

    ctx->flow = NULL;

    if (flow->leader == ctx) {
        flow->leader = NULL;
        ngx_queue_remove(&flow->queue);

        if (tf) {
            ngx_http_bigcache_page_flow_file(flow, tf);
        }

        flow->failed |= (flow->ready != flow->length);

        if (!ngx_queue_empty(&flow->readers)) {
            ev = &flow->event;
            ngx_post_event(ev, &ngx_posted_events);
        }

    } else if (ctx->queue.next) {
        ngx_queue_remove(&ctx->queue);
        ctx->queue.next = NULL;
    }

    ngx_http_bigcache_page_flow_free(flow);
}


ngx_http_bigcache_page_flow_t *
ngx_http_bigcache_page_flow_find(ngx_http_bigcache_page_ctx_t *ctx)
{
    ngx_queue_t                    *q;
    bigcache_head_t                 head;
    ngx_http_bigcache_page_flow_t  *flow;

    if (ngx_http_bigcache_page_flows.next == NULL
        || ctx->head_only
        || ctx->request != ctx->request->main)
    {
        return NULL;
    }

    for (q = ngx_queue_head(&ngx_http_bigcache_page_flows);
         q != ngx_queue_sentinel(&ngx_http_bigcache_page_flows);
         q = ngx_queue_next(q))
    {
        flow = ngx_queue_data(q, ngx_http_bigcache_page_flow_t, queue);

        if (flow->lease.hash != ctx->lease.hash
            || flow->lease.serial != ctx->lease.serial
            || flow->zone != ctx->conf->zone)
        {
            continue;
        }

        if (flow->failed
            || flow->removals
               != ngx_http_bigcache_zone_removals(flow->zone, &ctx->url)
            || bigcache_head_decode(&head, flow->head, flow->head_len) == -1
            || !ngx_http_bigcache_page_request_usable(ctx, &head))
        {
            return NULL;
        }

        return flow;
    }

    return NULL;
}


ngx_int_t
ngx_http_bigcache_page_flow_join(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    u_char                         *head;
    ngx_http_bigcache_page_flow_t  *flow;

    flow = ngx_http_bigcache_page_flow_find(ctx);

    if (flow == NULL) {
        return NGX_DECLINED;
    }

    head = ngx_pnalloc(r->pool, flow->head_len);

    if (head == NULL) {
        return NGX_DECLINED;
    }

    ngx_memcpy(head, flow->head, flow->head_len);

    if (bigcache_head_decode(&ctx->head, head, flow->head_len) == -1) {
        return NGX_DECLINED;
    }

    bigcache_page_free(&ctx->page);
    bigcache_page_clear(&ctx->page);
    ctx->page.length = (uint64_t) flow->length;
    ctx->page.unpacked = (uint64_t) flow->length;

    ctx->flow = flow;
    flow->users++;

    ngx_http_bigcache_page_flow_look(flow);

    return NGX_OK;
}


static void
ngx_http_bigcache_page_flow_more(ngx_event_t *ev)
{
    ngx_queue_t                    *q, ready;
    ngx_connection_t               *c;
    ngx_http_request_t             *r;
    ngx_http_bigcache_page_ctx_t   *ctx;
    ngx_http_bigcache_page_flow_t  *flow;

    flow = ev->data;
    flow->users++;

    ngx_http_bigcache_page_flow_look(flow);

    /* a reader that goes on may end, and others with it */

    ngx_queue_init(&ready);

    if (!ngx_queue_empty(&flow->readers)) {
        ngx_queue_add(&ready, &flow->readers);
        ngx_queue_init(&flow->readers);
    }

    while (!ngx_queue_empty(&ready)) {
        q = ngx_queue_head(&ready);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&flow->readers, q);

        ctx = ngx_queue_data(q, ngx_http_bigcache_page_ctx_t, queue);

        if (!ctx->idle) {
            continue;
        }

        r = ctx->request;
        c = r->connection;

        ngx_http_set_log_request(c->log, r);

        ctx->more(r, ctx);
        ngx_http_run_posted_requests(c);
    }

    ngx_http_bigcache_page_flow_free(flow);
}


/* how much is in the file now */

static void
ngx_http_bigcache_page_flow_look(ngx_http_bigcache_page_flow_t *flow)
{
    ngx_event_pipe_t  *p;

    if (flow->leader) {
        p = flow->leader->upstream->pipe;

        if (p && p->temp_file) {
            ngx_http_bigcache_page_flow_file(flow, p->temp_file);
        }
    }
}


/* the file may not be there yet, and it has no name by which to open it */

static void
ngx_http_bigcache_page_flow_file(ngx_http_bigcache_page_flow_t *flow,
    ngx_temp_file_t *tf)
{
    if (tf->file.fd == NGX_INVALID_FILE) {
        return;
    }

    if (flow->fd == NGX_INVALID_FILE) {
        flow->fd = fcntl(tf->file.fd, F_DUPFD_CLOEXEC, 0);

        if (flow->fd == NGX_INVALID_FILE) {
            flow->failed = 1;
            return;
        }
    }

    flow->ready = tf->offset;
}


static void
ngx_http_bigcache_page_flow_free(ngx_http_bigcache_page_flow_t *flow)
{
    if (--flow->users) {
        return;
    }

    if (flow->event.posted) {
        ngx_delete_posted_event(&flow->event);
    }

    if (flow->fd != NGX_INVALID_FILE) {
        (void) close(flow->fd);
    }

    ngx_free(flow);
}
