
/*
 * Copyright (C) bigcache contributors
 */


/*
 * Requests that wait until a lease ends.  A worker looks at the leases of all
 * of them every few milliseconds, and at once after a write of its own.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "bigcache_time.h"
#include "ngx_http_bigcache_api.h"


/* milliseconds between two looks */

#define NGX_HTTP_BIGCACHE_WAITING_LOOK  4


static void ngx_http_bigcache_waiting_timer(void);
static void ngx_http_bigcache_waiting_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_bigcache_waiting_over(
    ngx_http_bigcache_waiting_t *w, int64_t now,
    ngx_http_bigcache_waiting_t **last);


static ngx_queue_t  ngx_http_bigcache_waiting_queue;
static ngx_event_t  ngx_http_bigcache_waiting_event;


void
ngx_http_bigcache_waiting_add(ngx_http_bigcache_waiting_t *w)
{
    if (ngx_http_bigcache_waiting_queue.next == NULL) {
        ngx_queue_init(&ngx_http_bigcache_waiting_queue);
    }

    ngx_queue_insert_tail(&ngx_http_bigcache_waiting_queue, &w->queue);

    ngx_http_bigcache_waiting_timer();
}


void
ngx_http_bigcache_waiting_cancel(ngx_http_bigcache_waiting_t *w)
{
    if (w->queue.next) {
        ngx_queue_remove(&w->queue);
        w->queue.next = NULL;
    }
}


void
ngx_http_bigcache_waiting_wake(void)
{
    ngx_event_t  *ev;

    ev = &ngx_http_bigcache_waiting_event;

    /* not at once: a caller may be about to free its request */

    if (ev->timer_set) {
        ngx_post_event(ev, &ngx_posted_events);
    }
}


static void
ngx_http_bigcache_waiting_timer(void)
{
    ngx_event_t  *ev;

    /* the debug log wants to know of which connection a timer is */

    static ngx_connection_t  none = { .fd = (ngx_socket_t) -1 };

    ev = &ngx_http_bigcache_waiting_event;

    if (ev->timer_set || ngx_queue_empty(&ngx_http_bigcache_waiting_queue)) {
        return;
    }

    ev->handler = ngx_http_bigcache_waiting_handler;
    ev->data = &none;
    ev->log = ngx_cycle->log;

    ngx_add_timer(ev, NGX_HTTP_BIGCACHE_WAITING_LOOK);
}


static void
ngx_http_bigcache_waiting_handler(ngx_event_t *ev)
{
    int64_t                       now;
    ngx_queue_t                  *q, *next, ready;
    ngx_http_bigcache_waiting_t  *w, *last;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    now = bigcache_time_monotonic();
    last = NULL;
    ngx_queue_init(&ready);

    for (q = ngx_queue_head(&ngx_http_bigcache_waiting_queue);
         q != ngx_queue_sentinel(&ngx_http_bigcache_waiting_queue);
         q = next)
    {
        next = ngx_queue_next(q);
        w = ngx_queue_data(q, ngx_http_bigcache_waiting_t, queue);

        if (ngx_http_bigcache_waiting_over(w, now, &last)) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ready, q);
        }
    }

    /* a request that goes on may end others, and begin to wait again */

    while (!ngx_queue_empty(&ready)) {
        q = ngx_queue_head(&ready);
        w = ngx_queue_data(q, ngx_http_bigcache_waiting_t, queue);

        ngx_http_bigcache_waiting_cancel(w);

        w->handler(w);
    }

    ngx_http_bigcache_waiting_timer();
}


/*
 * Returns 1 if a request need not wait any more.  Many requests wait for one
 * lease, one after the other: *last is one whose lease is still held.
 */

static ngx_uint_t
ngx_http_bigcache_waiting_over(ngx_http_bigcache_waiting_t *w, int64_t now,
    ngx_http_bigcache_waiting_t **last)
{
    bigcache_rest_lease_shm_t  *shm;

    shm = w->ctx->op.leases;

    if (*last == NULL
        || (*last)->ctx->op.leases != shm
        || (*last)->lease.hash != w->lease.hash
        || (*last)->lease.serial != w->lease.serial)
    {
        if (!bigcache_rest_lease_look(shm, now, &w->lease)) {
            return 1;
        }

        *last = w;
    }

    return (ngx_msec_int_t) (w->until - ngx_current_msec) <= 0;
}
