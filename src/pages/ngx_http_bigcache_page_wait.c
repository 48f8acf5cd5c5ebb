
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Requests that wait while another one fetches the page.  A worker looks at the
 * leases that its requests wait for, every few milliseconds, and at once when a
 * fetch of its own has ended.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache_pages.h"
#include "bigcache_time.h"


/* milliseconds between two looks */

#define NGX_HTTP_BIGCACHE_PAGE_WAIT_LOOK  4


static void ngx_http_bigcache_page_wait_watch(ngx_http_request_t *r);
static ngx_uint_t ngx_http_bigcache_page_wait_over(
    ngx_http_bigcache_page_ctx_t *ctx, int64_t now,
    ngx_http_bigcache_page_ctx_t **last);
static void ngx_http_bigcache_page_wait_timer(void);
static void ngx_http_bigcache_page_wait_handler(ngx_event_t *ev);


static ngx_queue_t  ngx_http_bigcache_page_waiting;
static ngx_event_t  ngx_http_bigcache_page_wait_event;


void
ngx_http_bigcache_page_wait(ngx_http_request_t *r,
    ngx_http_bigcache_page_ctx_t *ctx)
{
    if (ngx_http_bigcache_page_waiting.next == NULL) {
        ngx_queue_init(&ngx_http_bigcache_page_waiting);
    }

    if (ctx->until == 0) {

        /* for all leases that it waits for, one after the other */

        ctx->until = ngx_current_msec + ctx->conf->lock_timeout;
    }

    ngx_queue_insert_tail(&ngx_http_bigcache_page_waiting, &ctx->queue);

    ngx_http_bigcache_page_wait_watch(r);
    ngx_http_bigcache_page_wait_timer();
}


void
ngx_http_bigcache_page_wait_cancel(ngx_http_bigcache_page_ctx_t *ctx)
{
    if (ctx->queue.next) {
        ngx_queue_remove(&ctx->queue);
        ctx->queue.next = NULL;
    }
}


void
ngx_http_bigcache_page_wait_wake(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_bigcache_page_wait_event;

    /* not at once: a caller may be about to free its request */

    if (ev->timer_set) {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


static void
ngx_http_bigcache_page_wait_handler(ngx_event_t *ev)
{
    int64_t                        now;
    ngx_queue_t                   *q, *next, ready;
    ngx_http_bigcache_page_ctx_t  *ctx, *last;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    now = bigcache_time_monotonic();
    last = NULL;
    ngx_queue_init(&ready);

    for (q = ngx_queue_head(&ngx_http_bigcache_page_waiting);
         q != ngx_queue_sentinel(&ngx_http_bigcache_page_waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        ctx = ngx_queue_data(q, ngx_http_bigcache_page_ctx_t, queue);

        if (ngx_http_bigcache_page_wait_over(ctx, now, &last)) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ready, q);
        }
    }

    /* a request that is resumed may end others, and begin to wait again */

    while (!ngx_queue_empty(&ready)) {
        q = ngx_queue_head(&ready);
        ctx = ngx_queue_data(q, ngx_http_bigcache_page_ctx_t, queue);

        ngx_http_bigcache_page_wait_cancel(ctx);

        ctx->step = NGX_HTTP_BIGCACHE_PAGE_LEASED;
        ngx_http_bigcache_page_resume(ctx->request);
    }

    ngx_http_bigcache_page_wait_timer();
}


/* a client that leaves is seen as by nginx's own modules that delay requests */

static void
ngx_http_bigcache_page_wait_watch(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    if (r != r->main) {
        return;
    }

    rev = r->connection->read;

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {

        /* it does not see that the client leaves, but waits all the same */

        r->read_event_handler = ngx_http_block_reading;
        return;
    }

    r->read_event_handler = ngx_http_test_reading;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


/*
 * Returns 1 if the request need not wait any more, and sets its lease_state.
 * Many requests wait for one lease, one after the other: *last is one whose
 * lease was looked at and has not ended.
 */

static ngx_uint_t
ngx_http_bigcache_page_wait_over(ngx_http_bigcache_page_ctx_t *ctx,
    int64_t now, ngx_http_bigcache_page_ctx_t **last)
{
    if (ngx_http_bigcache_page_flow_find(ctx)) {
        ctx->lease_state = BIGCACHE_LEASE_WAIT;
        return 1;
    }

    if (*last == NULL
        || (*last)->lease.hash != ctx->lease.hash
        || (*last)->lease.serial != ctx->lease.serial
        || (*last)->conf->zone != ctx->conf->zone)
    {
        ctx->lease_state = bigcache_lease_look(ctx->conf->zone->shm->lease,
                                               now, ctx->conf->lock_timeout,
                                               &ctx->lease);

        ctx->led = (ctx->lease_state == BIGCACHE_LEASE_LEADER);

        if (ctx->lease_state != BIGCACHE_LEASE_WAIT) {
            return 1;
        }

        *last = ctx;
    }

    if ((ngx_msec_int_t) (ctx->until - ngx_current_msec) > 0) {
        return 0;
    }

    ctx->lease_state = BIGCACHE_LEASE_NONE;

    return 1;
}


static void
ngx_http_bigcache_page_wait_timer(void)
{
    ngx_event_t  *ev;

    /* the debug log wants to know of which connection a timer is */

    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ev = &ngx_http_bigcache_page_wait_event;

    if (ev->timer_set || ngx_queue_empty(&ngx_http_bigcache_page_waiting)) {
        return;
    }

    ev->handler = ngx_http_bigcache_page_wait_handler;
    ev->data = &none;
    ev->log = ngx_cycle->log;

    ngx_add_timer(ev, NGX_HTTP_BIGCACHE_PAGE_WAIT_LOOK);
}
