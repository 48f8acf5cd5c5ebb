
/*
 * Copyright (C) bigcache contributors
 */


/*
 * The gauges of a store, for an answer that must not wait for long.
 *
 * Gauges need a thread, and the thread may have to ask another process.  When
 * both are busy, or the other process hangs, the numbers are needed most.  So
 * a request waits for a second at most, and is then answered with what is
 * known.  The task belongs to the worker, since the request may be gone when
 * the task ends.  All requests that wait share one task: it uses one thread at
 * most, and does not need r->main->blocked.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_bigcache.h"


/* milliseconds: the wait of a request; the timer that keeps a worker alive */

#define NGX_HTTP_BIGCACHE_GAUGES_WAIT  1000
#define NGX_HTTP_BIGCACHE_GAUGES_TIME  60000


/* the context of the task */

typedef struct {
    bigcache_op_t              op;
    bigcache_op_pt             run;
    ngx_queue_t                waiting;
} ngx_http_bigcache_gauges_t;

/* a request that waits for the task */

typedef struct {
    ngx_queue_t                queue;
    ngx_event_t                timer;
    ngx_http_request_t        *request;   /* NULL: it does not any more */
    ngx_http_bigcache_ctx_t   *ctx;
} ngx_http_bigcache_wait_t;


static ngx_thread_task_t *ngx_http_bigcache_gauges_task(
    ngx_http_bigcache_ctx_t *ctx);
static void ngx_http_bigcache_gauges_handler(void *data, ngx_log_t *log);
static void ngx_http_bigcache_gauges_event_handler(ngx_event_t *ev);
static void ngx_http_bigcache_gauges_late(ngx_event_t *ev);
static void ngx_http_bigcache_gauges_resume(ngx_http_bigcache_wait_t *wait);
static void ngx_http_bigcache_gauges_cleanup(void *data);


ngx_int_t
ngx_http_bigcache_gauges(ngx_http_request_t *r,
    ngx_http_bigcache_ctx_t *ctx, ngx_http_handler_pt handler)
{
    ngx_thread_task_t           *task;
    ngx_pool_cleanup_t          *cln;
    ngx_http_bigcache_wait_t    *wait;
    ngx_http_bigcache_gauges_t  *gauges;

    ctx->handler = handler;

    task = ngx_http_bigcache_gauges_task(ctx);
    if (task == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_bigcache_wait_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    gauges = task->ctx;

    if (!task->event.active) {

        if (ngx_thread_task_post(ctx->zone->thread_pool, task) != NGX_OK) {

            /* the queue of the pool is full, which the pool has logged */

            return NGX_BUSY;
        }

        ngx_add_timer(&task->event, NGX_HTTP_BIGCACHE_GAUGES_TIME);
    }

    wait = cln->data;

    ngx_memzero(wait, sizeof(ngx_http_bigcache_wait_t));

    wait->request = r;
    wait->ctx = ctx;
    wait->timer.data = wait;
    wait->timer.handler = ngx_http_bigcache_gauges_late;
    wait->timer.log = r->connection->log;

    cln->handler = ngx_http_bigcache_gauges_cleanup;

    ngx_queue_insert_tail(&gauges->waiting, &wait->queue);
    ngx_add_timer(&wait->timer, NGX_HTTP_BIGCACHE_GAUGES_WAIT);

    return NGX_OK;
}


static ngx_thread_task_t *
ngx_http_bigcache_gauges_task(ngx_http_bigcache_ctx_t *ctx)
{
    ngx_thread_task_t           *task;
    ngx_http_bigcache_zone_t    *zone;
    ngx_http_bigcache_gauges_t  *gauges;

    zone = ctx->zone;

    if (zone->gauges) {
        return zone->gauges;
    }

    task = ngx_thread_task_alloc(zone->cycle->pool,
                                 sizeof(ngx_http_bigcache_gauges_t));
    if (task == NULL) {
        return NULL;
    }

    gauges = task->ctx;

    ngx_memzero(gauges, sizeof(ngx_http_bigcache_gauges_t));

    gauges->op.cache = zone->cache;
    gauges->run = ctx->route->op;
    ngx_queue_init(&gauges->waiting);

    task->handler = ngx_http_bigcache_gauges_handler;
    task->event.data = task;
    task->event.handler = ngx_http_bigcache_gauges_event_handler;
    task->event.log = zone->cycle->log;

    zone->gauges = task;

    return task;
}


/* runs in a thread */

static void
ngx_http_bigcache_gauges_handler(void *data, ngx_log_t *log)
{
    ngx_http_bigcache_gauges_t *gauges = data;

    gauges->run(&gauges->op);
}


static void
ngx_http_bigcache_gauges_event_handler(ngx_event_t *ev)
{
    unsigned                     up;
    ngx_queue_t                  ready;
    bigcache_stat_t              stat;
    ngx_thread_task_t           *task;
    ngx_http_bigcache_wait_t    *wait;
    ngx_http_bigcache_gauges_t  *gauges;

    task = ev->data;
    gauges = task->ctx;

    if (ev->timedout) {

        /* the task goes on */

        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_BIGCACHE_GAUGES_TIME);

        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    /* the copy is needed: a request that comes now may post the task again */

    up = gauges->op.up;
    stat = gauges->op.stat;

    ngx_queue_init(&ready);
    ngx_queue_add(&ready, &gauges->waiting);
    ngx_queue_init(&gauges->waiting);

    while (!ngx_queue_empty(&ready)) {

        wait = ngx_queue_data(ngx_queue_head(&ready),
                              ngx_http_bigcache_wait_t, queue);

        wait->ctx->op.up = up;
        wait->ctx->op.stat = stat;

        ngx_http_bigcache_gauges_resume(wait);
    }
}


static void
ngx_http_bigcache_gauges_late(ngx_event_t *ev)
{
    ngx_http_bigcache_gauges_resume(ev->data);
}


static void
ngx_http_bigcache_gauges_resume(ngx_http_bigcache_wait_t *wait)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_bigcache_ctx_t  *ctx;

    r = wait->request;
    ctx = wait->ctx;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "http bigcache gauges: \"%V\"", &r->uri);

    ngx_http_bigcache_gauges_cleanup(wait);

    ngx_http_finalize_request(r, ctx->handler(r));

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_bigcache_gauges_cleanup(void *data)
{
    ngx_http_bigcache_wait_t *wait = data;

    if (wait->request == NULL) {
        return;
    }

    wait->request = NULL;

    ngx_queue_remove(&wait->queue);

    if (wait->timer.timer_set) {
        ngx_del_timer(&wait->timer);
    }
}
